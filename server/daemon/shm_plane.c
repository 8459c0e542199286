/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>

#include "daemon.h"
#include "fence/impl.h"
#include "output.h"
#include "shm_plane.h"
#include "shm_wrap.h"

/*
 * Tries in vain of one mapping, as each costs more than a copy; how many frames of a wrap make up for
 * one; and how many repaints after one that may do better another time.
 */
enum { MOST_WRAPS = 16, WORTH = 60, PAUSE = 60 };

static const char not_in_turn[] = "its memory is wl_shm, not used in turn with another buffer";
static const char underway[] = "its memory is wl_shm that is being wrapped for the display";
static const char unflushed[] = "its memory is wl_shm, and was not flushed for the display";
static const char unwrappable[] = "its memory is wl_shm that cannot be wrapped";
static const char spent[] = "its memory is wl_shm, and was wrapped too often in vain";

void shm_fb_unref(struct shm_fb *fb)
{
	if (!fb || --fb->refs > 0)
		return;
	waybuf_kms_fb_unref(fb->fb);
	shm_wrap_unref(fb->wrap);
	free(fb);
}

void shm_plane_begin(struct frame *frame, struct surface *surface)
{
	struct shm_buffer *buffer = frame->shm;
	frame->showing.in_turn =
		buffer->shown_on == surface->id && buffer->shown_as != surface->last_shm;
	buffer->shown_on = surface->id;
	buffer->shown_as = surface->last_shm = frame->serial;
}

static void drop_wrap(struct shm_mapping *mapping)
{
	shm_wrap_unref(mapping->wrap);
	mapping->wrap = NULL;
}

struct waybuf_fence *shm_plane_latch(struct frame *frame)
{
	struct shm_mapping *mapping = frame->shm->mapping;
	struct shm_wrap *wrap = mapping->wrap;
	if (!frame->showing.in_turn || !wrap || wrap->error)
		return NULL;
	if (shm_wrap_is_stale(wrap)) {
		drop_wrap(mapping);
		return NULL;
	}
	/* one that cannot be flushed is composed */
	if (!shm_wrap_is_incoherent() || shm_wrap_flush(wrap, &frame->showing.flush) < 0)
		return NULL;
	frame->showing.flushed = shm_wrap_ref(wrap);
	return frame->showing.flush;
}

void shm_plane_finish(struct frame *frame)
{
	shm_fb_unref(frame->showing.fb);
	shm_wrap_unref(frame->showing.flushed);
	waybuf_fence_unref(frame->showing.flush);
}

/* ---- the pool -------------------------------------------------------------------------------- */

static bool is_transient(int error)
{
	return error == -EDQUOT || error == -EMFILE || error == -ENFILE || error == -ENOMEM ||
		error == -EAGAIN;
}

static const char *reason_of(int error)
{
	switch (error) {
	case -EDQUOT:
		return "its memory is wl_shm, and its client holds too much for it to be wrapped";
	case -EFBIG:
		return "its memory is wl_shm, in a larger pool than can be wrapped";
	case -ENXIO:
		return "its memory is wl_shm, and its file is smaller than the pool";
	case -ERANGE:
		return "its memory is wl_shm, and its file ends within a page";
	default:
		return unwrappable;
	}
}

static void give_back_try(struct shm_mapping *mapping)
{
	if (mapping->n_wraps > 0)
		mapping->n_wraps--;
}

static const char *fail(struct shm_mapping *mapping, int error)
{
	drop_wrap(mapping);
	mapping->error = error;
	mapping->refusal = reason_of(error);
	mapping->pause = is_transient(error) ? PAUSE : 0;
	/* the pauses alone are enough for what is nobody's fault */
	if (mapping->pause)
		give_back_try(mapping);
	return mapping->refusal;
}

/* NULL, or why the mapping is not to be wrapped, as far as is known. */
static const char *known_refusal(struct shm_mapping *mapping)
{
	if (mapping->pause > 0 && --mapping->pause == 0)
		mapping->refusal = NULL;
	return mapping->refusal;
}

/* NULL: it is wrapped. */
static const char *wrap(struct daemon *daemon, struct shm_mapping *mapping)
{
	if (!mapping->wrap && mapping->n_wraps == MOST_WRAPS)
		return mapping->refusal = spent;
	if (!mapping->wrap) {
		mapping->n_wraps++;
		int error = shm_wrap_create(
			daemon, mapping->file, mapping->account, mapping->size, &mapping->wrap);
		if (error < 0)
			return fail(mapping, error);
	}
	if (mapping->wrap->error == -EINPROGRESS)
		return underway;
	return mapping->wrap->error ? fail(mapping, mapping->wrap->error) : NULL;
}

/* ---- the buffer ------------------------------------------------------------------------------ */

/* In the dma-buf @fd of its mapping; -1: as it will be. */
static struct waybuf_layout layout_of(const struct shm_buffer *buffer, int fd)
{
	return (struct waybuf_layout){
		.generation = 1,
		.width = buffer->width,
		.height = buffer->height,
		.format = buffer->format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = 1,
		.n_memory = 1,
		.planes = {{.offset = (uint32_t)buffer->offset,
			.stride = buffer->stride,
			.rows = buffer->height}},
		.memory = {{fd, WAYBUF_MEMORY_DMABUF, buffer->mapping->size}},
	};
}

static bool is_refused(const struct shm_buffer *buffer)
{
	return buffer->refusal != WAYBUF_KMS_ACCEPTED && buffer->refusal != WAYBUF_KMS_EXHAUSTED;
}

/* Pages are pinned for what may be shown, so what can be told without them is asked first. */
static void judge(struct shm_buffer *buffer, struct waybuf_kms_device *kms)
{
	const struct waybuf_layout layout = layout_of(buffer, -1);
	if (!is_refused(buffer) && !buffer->mapping->wrap)
		buffer->refusal = waybuf_kms_fb_judge(kms, &layout, &buffer->why);
}

/* NULL: the buffer's refusal says why. */
static struct shm_fb *create_fb(struct shm_buffer *buffer, struct waybuf_kms_device *kms)
{
	struct shm_wrap *wrap = buffer->mapping->wrap;
	const struct waybuf_layout layout = layout_of(buffer, wrap->fd);
	struct shm_fb *fb = calloc(1, sizeof(*fb));
	if (!fb) {
		buffer->refusal = WAYBUF_KMS_EXHAUSTED;
		return NULL;
	}
	if (waybuf_kms_fb_create(kms, &layout, &fb->fb, &buffer->refusal, &buffer->why) < 0) {
		free(fb);
		return NULL;
	}
	fb->refs = 1;
	fb->wrap = shm_wrap_ref(wrap);
	return fb;
}

static bool update_fb(struct shm_buffer *buffer, struct waybuf_kms_device *kms)
{
	struct shm_mapping *mapping = buffer->mapping;
	if (buffer->fb && buffer->fb->wrap == mapping->wrap)
		return true;
	shm_fb_unref(buffer->fb);
	buffer->fb = create_fb(buffer, kms);
	/* pages that serve nobody are let go */
	if (is_refused(buffer) && mapping->wrap->refs == 1)
		drop_wrap(mapping);
	return buffer->fb;
}

static const char *refuse_buffer(const struct shm_buffer *buffer, struct waybuf_kms_why *why)
{
	*why = buffer->why;
	return waybuf_kms_refusal_name(buffer->refusal);
}

static const char *refuse_mapping(
	const struct shm_mapping *mapping, const char *reason, struct waybuf_kms_why *why)
{
	if (reason == unwrappable)
		waybuf_kms_why_set(why, "%s", strerror(-mapping->error));
	return reason;
}

static void take_fb(struct frame *frame)
{
	struct shm_buffer *buffer = frame->shm;
	frame->showing.fb = buffer->fb;
	buffer->fb->refs++;
	if (++buffer->fb->wrap->n_frames % WORTH == 0)
		give_back_try(buffer->mapping);
}

/* NULL: the frame has one from now on. */
static const char *find_fb(
	struct frame *frame, const struct output *output, struct waybuf_kms_why *why)
{
	struct shm_buffer *buffer = frame->shm;
	struct shm_mapping *mapping = buffer->mapping;
	const char *reason = known_refusal(mapping);
	if (reason)
		return refuse_mapping(mapping, reason, why);
	if (!frame->showing.in_turn)
		return not_in_turn;
	judge(buffer, output->kms);
	if (is_refused(buffer))
		return refuse_buffer(buffer, why);
	reason = wrap(output->daemon, mapping);
	if (reason)
		return refuse_mapping(mapping, reason, why);
	if (shm_wrap_is_incoherent() && frame->showing.flushed != mapping->wrap)
		return unflushed;
	if (!update_fb(buffer, output->kms))
		return refuse_buffer(buffer, why);
	take_fb(frame);
	return NULL;
}

/* What a frame has got it keeps, though its file is wrapped anew: an output that composes has it. */
const char *shm_plane_refusal(struct frame *frame, const struct output *output,
	struct waybuf_kms_fb **fb, struct waybuf_kms_why *why)
{
	const char *reason = frame->showing.fb ? NULL : find_fb(frame, output, why);
	if (!reason)
		*fb = frame->showing.fb->fb;
	return reason;
}
