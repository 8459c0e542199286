/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <waybuf/ffmpeg.h>

#include "needs.h"

#define MOST_BUFFERS 64

/*
 * A buffer of a pool, in whose hands it is, and what leads on:
 *
 *	AWAY -- prepare --> READY -- get_buffer --> HELD -- the last reference goes --> LOOSE
 *	LOOSE -- prepare --> AWAY, or READY if it was not shown
 *
 * READY to LOOSE may happen in any thread, under the lock; the client is used in its own only.
 */
enum state { AWAY, READY, HELD, LOOSE };

struct slot {
	struct waybuf_ffmpeg *ffmpeg;
	enum state state;
	struct waybuf_client_buffer *buffer;
	struct waybuf_client_image image;
	bool shared;
};

/* The buffers for frames of one kind. */
struct set {
	struct set *next;
	struct needs needs;
	struct waybuf_client_pool *pool;
	struct slot slots[MOST_BUFFERS];
};

struct waybuf_ffmpeg {
	struct waybuf_client *client;
	pthread_t owner;
	char name[65];
	uint32_t count;
	int patience_ms;

	pthread_mutex_t lock;
	/* the newest first: frames of the others may still be referred to, or be on the screen */
	struct set *sets;
	/* what is asked for; format 0: nothing so far */
	struct needs wanted;
	uint32_t threads;
	char why[512];
	/* the kind whose pool was refused, format 0: none was; and why */
	struct needs refused;
	char refusal[512];
	/* a copy for the caller */
	char told[512];
	/* in which the newest frame on a surface is; NULL: none is */
	struct set *shown;
};

/* ---- create -------------------------------------------------------------------------------- */

int waybuf_ffmpeg_create(struct waybuf_client *client, const struct waybuf_ffmpeg_options *options,
	struct waybuf_ffmpeg **out)
{
	static const struct waybuf_ffmpeg_options defaults = {0};
	if (!options)
		options = &defaults;
	const char *name = options->name ? options->name : "video";
	if (options->count > MOST_BUFFERS || options->patience_ms < 0 || strlen(name) > 64)
		return -EINVAL;
	struct waybuf_ffmpeg *ffmpeg = calloc(1, sizeof(*ffmpeg));
	if (!ffmpeg)
		return -ENOMEM;
	ffmpeg->client = client;
	ffmpeg->owner = pthread_self();
	ffmpeg->count = options->count ? options->count : 24;
	ffmpeg->patience_ms = options->patience_ms ? options->patience_ms : 1000;
	ffmpeg->threads = 1;
	snprintf(ffmpeg->name, sizeof(ffmpeg->name), "%s", name);
	pthread_mutex_init(&ffmpeg->lock, NULL);
	*out = ffmpeg;
	return 0;
}

/* Pools close what is open of their buffers. */
static void destroy_set(struct set *set)
{
	waybuf_client_pool_destroy(set->pool);
	free(set);
}

void waybuf_ffmpeg_destroy(struct waybuf_ffmpeg *ffmpeg)
{
	if (!ffmpeg)
		return;
	while (ffmpeg->sets) {
		struct set *set = ffmpeg->sets;
		ffmpeg->sets = set->next;
		destroy_set(set);
	}
	pthread_mutex_destroy(&ffmpeg->lock);
	free(ffmpeg);
}

/* ---- buffers to and fro, in the client's thread -------------------------------------------- */

static uint32_t count_slots(const struct set *set, enum state state)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < MOST_BUFFERS; i++)
		n += set->slots[i].state == state;
	return n;
}

/*
 * A frame that was dropped leaves a buffer that nobody else has seen: it can be written to at once. No
 * more of them than are needed, because the server may want its memory moved.
 */
static bool use_again(struct waybuf_ffmpeg *ffmpeg, struct set *set, struct slot *slot)
{
	if (slot->shared || set != ffmpeg->sets || count_slots(set, READY) >= ffmpeg->threads)
		return false;
	slot->state = READY;
	return true;
}

/* Gives back what the codec has let go. The first error. */
static int give_back(struct waybuf_ffmpeg *ffmpeg, struct set *set)
{
	int result = 0;
	for (uint32_t i = 0; i < MOST_BUFFERS; i++) {
		struct slot *slot = &set->slots[i];
		if (slot->state != LOOSE || use_again(ffmpeg, set, slot))
			continue;
		int ret = waybuf_client_buffer_end_cpu(slot->buffer);
		int released = waybuf_client_buffer_release(slot->buffer);
		slot->state = AWAY;
		result = result ? result : ret ? ret : released;
	}
	return result;
}

/* A set that was replaced goes when nobody reads it. */
static bool is_over(const struct waybuf_ffmpeg *ffmpeg, const struct set *set)
{
	return set != ffmpeg->sets && set != ffmpeg->shown && count_slots(set, HELD) == 0;
}

static int tidy(struct waybuf_ffmpeg *ffmpeg)
{
	int result = 0;
	for (struct set **at = &ffmpeg->sets; *at;) {
		struct set *set = *at;
		int ret = give_back(ffmpeg, set);
		result = result ? result : ret;
		if (!is_over(ffmpeg, set)) {
			at = &set->next;
			continue;
		}
		*at = set->next;
		destroy_set(set);
	}
	return result;
}

static int add_set(struct waybuf_ffmpeg *ffmpeg)
{
	struct waybuf_constraints *constraints = NULL;
	int ret = needs_constraints(&ffmpeg->wanted, &constraints);
	if (ret < 0)
		return ret;
	struct set *set = calloc(1, sizeof(*set));
	if (!set) {
		waybuf_constraints_unref(constraints);
		return -ENOMEM;
	}
	set->needs = ffmpeg->wanted;
	for (uint32_t i = 0; i < MOST_BUFFERS; i++)
		set->slots[i].ffmpeg = ffmpeg;
	const struct waybuf_client_pool_options options = {
		.width = set->needs.width,
		.height = set->needs.height,
		.count = ffmpeg->count,
		.name = ffmpeg->name,
		.constraints = constraints,
		.display = true,
	};
	ret = waybuf_client_pool_create(ffmpeg->client, &options, &set->pool);
	waybuf_constraints_unref(constraints);
	if (ret < 0) {
		free(set);
		return ret;
	}
	set->next = ffmpeg->sets;
	ffmpeg->sets = set;
	return 0;
}

/* The server was asked for what a codec writes to, and has granted less. */
#define NOT_MET (-EBADMSG)

/* One more buffer that get_buffer may take. Without the lock, because it waits. */
static int make_ready(struct waybuf_ffmpeg *ffmpeg, struct set *set, int timeout_ms)
{
	struct waybuf_client_buffer *buffer;
	struct waybuf_client_image image;
	int ret = waybuf_client_pool_acquire(set->pool, timeout_ms, &buffer);
	if (ret < 0)
		return ret;
	if (needs_met(&set->needs, waybuf_client_buffer_get_layout(buffer)))
		ret = waybuf_client_buffer_begin_cpu(buffer, WAYBUF_READ_WRITE, &image);
	else
		ret = NOT_MET;
	if (ret < 0) {
		waybuf_client_buffer_release(buffer);
		return ret;
	}
	struct slot *slot = &set->slots[waybuf_client_buffer_get_index(buffer)];
	pthread_mutex_lock(&ffmpeg->lock);
	slot->buffer = buffer;
	slot->image = image;
	slot->shared = false;
	slot->state = READY;
	pthread_mutex_unlock(&ffmpeg->lock);
	return 0;
}

/* Such frames are not asked for again: the answer would be the same, and takes time. */
static int note_refusal(struct waybuf_ffmpeg *ffmpeg, int error)
{
	pthread_mutex_lock(&ffmpeg->lock);
	snprintf(ffmpeg->refusal, sizeof(ffmpeg->refusal), "%s",
		error == NOT_MET ? "the server has granted less than the codec writes to"
				 : waybuf_client_error(ffmpeg->client));
	memcpy(ffmpeg->why, ffmpeg->refusal, sizeof(ffmpeg->why));
	bool passing = error == -EBUSY || error == -ETIMEDOUT || error == -EAGAIN ||
		error == -EPIPE || error == -EPROTO;
	if (!passing)
		ffmpeg->refused = ffmpeg->wanted;
	pthread_mutex_unlock(&ffmpeg->lock);
	return passing ? error : 0;
}

/* The set to take from; NULL with 0: such frames go elsewhere. */
static int choose_set(struct waybuf_ffmpeg *ffmpeg, struct set **out, uint32_t *missing)
{
	*out = NULL;
	pthread_mutex_lock(&ffmpeg->lock);
	int ret = tidy(ffmpeg);
	bool refused = !ffmpeg->wanted.format || needs_equal(&ffmpeg->wanted, &ffmpeg->refused);
	if (ret == 0 && !refused &&
		(!ffmpeg->sets || !needs_equal(&ffmpeg->sets->needs, &ffmpeg->wanted)))
		ret = add_set(ffmpeg);
	if (ret == 0 && !refused) {
		uint32_t ready = count_slots(ffmpeg->sets, READY);
		*out = ffmpeg->sets;
		*missing = ready < ffmpeg->threads ? ffmpeg->threads - ready : 0;
	}
	pthread_mutex_unlock(&ffmpeg->lock);
	return ret;
}

static int fill_up(struct waybuf_ffmpeg *ffmpeg, int timeout_ms)
{
	struct set *set;
	uint32_t missing = 0;
	int ret = choose_set(ffmpeg, &set, &missing);
	for (; ret == 0 && set && missing > 0; missing--)
		ret = make_ready(ffmpeg, set, timeout_ms);
	return ret < 0 ? note_refusal(ffmpeg, ret) : 0;
}

/* What the first frame will be, as far as the file says. */
static void expect(struct waybuf_ffmpeg *ffmpeg, AVCodecContext *codec)
{
	struct needs needs;
	bool by_frame = codec->active_thread_type & FF_THREAD_FRAME;
	uint32_t threads = by_frame && codec->thread_count > 1 ? (uint32_t)codec->thread_count : 1;
	pthread_mutex_lock(&ffmpeg->lock);
	/* One is kept for the codec's references. */
	ffmpeg->threads = threads < ffmpeg->count ? threads : ffmpeg->count;
	if (!ffmpeg->wanted.format && codec->width > 0 && codec->height > 0 &&
		!needs_describe(codec, codec->pix_fmt, codec->width, codec->height, &needs))
		ffmpeg->wanted = needs;
	pthread_mutex_unlock(&ffmpeg->lock);
}

int waybuf_ffmpeg_prepare(
	struct waybuf_ffmpeg *ffmpeg, struct AVCodecContext *codec, int timeout_ms)
{
	if (timeout_ms < 0)
		return -EINVAL;
	if (codec)
		expect(ffmpeg, codec);
	return fill_up(ffmpeg, timeout_ms);
}

/* ---- frames, in any thread ----------------------------------------------------------------- */

static void handle_free(void *opaque, uint8_t *data)
{
	struct slot *slot = opaque;
	pthread_mutex_lock(&slot->ffmpeg->lock);
	slot->state = LOOSE;
	pthread_mutex_unlock(&slot->ffmpeg->lock);
}

static struct slot *take(struct waybuf_ffmpeg *ffmpeg, const struct needs *needs)
{
	struct set *set = ffmpeg->sets;
	if (!set || !needs_equal(&set->needs, needs))
		return NULL;
	for (uint32_t i = 0; i < MOST_BUFFERS; i++) {
		if (set->slots[i].state != READY)
			continue;
		set->slots[i].state = HELD;
		return &set->slots[i];
	}
	return NULL;
}

static int fill_frame(struct slot *slot, AVFrame *frame)
{
	const struct waybuf_client_image *image = &slot->image;
	const struct waybuf_client_plane *last = &image->planes[image->n_planes - 1];
	uint8_t *first = image->planes[0].data;
	size_t size = (size_t)((uint8_t *)last->data - first) + (size_t)last->stride * last->rows;
	/* Read-only: no codec may go on with a frame in place that a screen may be reading. */
	frame->buf[0] = av_buffer_create(first, size, handle_free, slot, AV_BUFFER_FLAG_READONLY);
	if (!frame->buf[0]) {
		handle_free(slot, first);
		return AVERROR(ENOMEM);
	}
	for (uint32_t p = 0; p < image->n_planes; p++) {
		frame->data[p] = image->planes[p].data;
		frame->linesize[p] = (int)image->planes[p].stride;
	}
	frame->extended_data = frame->data;
	return 0;
}

/* Notes what is wanted. NULL: nothing, because of the text that is noted instead. */
static struct slot *look(struct waybuf_ffmpeg *ffmpeg, const struct needs *needs, const char *why)
{
	struct slot *slot = NULL;
	pthread_mutex_lock(&ffmpeg->lock);
	if (why) {
		snprintf(ffmpeg->why, sizeof(ffmpeg->why), "%s", why);
	} else {
		ffmpeg->wanted = *needs;
		slot = take(ffmpeg, needs);
	}
	if (slot)
		ffmpeg->why[0] = '\0';
	else if (!why && needs_equal(needs, &ffmpeg->refused))
		memcpy(ffmpeg->why, ffmpeg->refusal, sizeof(ffmpeg->why));
	else if (!why)
		snprintf(ffmpeg->why, sizeof(ffmpeg->why), "no buffer was ready in time");
	pthread_mutex_unlock(&ffmpeg->lock);
	return slot;
}

int waybuf_ffmpeg_get_buffer(struct waybuf_ffmpeg *ffmpeg, struct AVCodecContext *codec,
	struct AVFrame *frame, int flags)
{
	struct needs needs;
	const char *why = needs_describe(
		codec, (enum AVPixelFormat)frame->format, frame->width, frame->height, &needs);
	struct slot *slot = look(ffmpeg, &needs, why);
	if (!slot && !why && pthread_equal(pthread_self(), ffmpeg->owner) &&
		fill_up(ffmpeg, ffmpeg->patience_ms) == 0)
		slot = look(ffmpeg, &needs, NULL);
	return slot ? fill_frame(slot, frame) : avcodec_default_get_buffer2(codec, frame, flags);
}

/* ---- frames, in the client's thread -------------------------------------------------------- */

static struct slot *find_slot(
	const struct waybuf_ffmpeg *ffmpeg, const AVFrame *frame, struct set **out)
{
	const void *opaque = frame->buf[0] ? av_buffer_get_opaque(frame->buf[0]) : NULL;
	for (struct set *set = ffmpeg->sets; opaque && set; set = set->next) {
		for (uint32_t i = 0; i < MOST_BUFFERS; i++) {
			if (opaque != &set->slots[i])
				continue;
			*out = set;
			return &set->slots[i];
		}
	}
	return NULL;
}

static bool is_whole(const struct slot *slot, const AVFrame *frame)
{
	return frame->data[0] == slot->image.planes[0].data &&
		frame->width == (int)slot->image.width && frame->height == (int)slot->image.height;
}

struct waybuf_client_buffer *waybuf_ffmpeg_get_client_buffer(
	const struct waybuf_ffmpeg *ffmpeg, const struct AVFrame *frame)
{
	struct set *set;
	struct slot *slot = find_slot(ffmpeg, frame, &set);
	return slot && is_whole(slot, frame) ? slot->buffer : NULL;
}

int waybuf_ffmpeg_present(
	struct waybuf_ffmpeg *ffmpeg, const struct AVFrame *frame, struct wl_surface *surface)
{
	struct set *set;
	struct slot *slot = find_slot(ffmpeg, frame, &set);
	if (!slot || !is_whole(slot, frame))
		return -EINVAL;
	int ret = slot->shared ? 0 : waybuf_client_buffer_share(slot->buffer);
	if (ret < 0)
		return ret;
	slot->shared = true;
	ret = waybuf_client_buffer_present(slot->buffer, surface);
	if (ret == 0)
		ffmpeg->shown = set;
	return ret;
}

struct waybuf_client_pool *waybuf_ffmpeg_get_pool(const struct waybuf_ffmpeg *ffmpeg)
{
	return ffmpeg->sets ? ffmpeg->sets->pool : NULL;
}

const char *waybuf_ffmpeg_why(struct waybuf_ffmpeg *ffmpeg)
{
	pthread_mutex_lock(&ffmpeg->lock);
	memcpy(ffmpeg->told, ffmpeg->why, sizeof(ffmpeg->told));
	pthread_mutex_unlock(&ffmpeg->lock);
	return ffmpeg->told;
}
