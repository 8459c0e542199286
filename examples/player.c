/* SPDX-License-Identifier: MIT */

/*
 * Plays the video of any file that FFmpeg opens, fullscreen:
 *
 *	player [--frames N] [--seconds S] [--buffers N] [--threads N] [--seek SECONDS] [--scale]
 *		[--progress] [--loop] [--untimed] [--decode-only] FILE
 *
 * The codec decodes into buffers of the display, which shows them where they are: nobody copies
 * anything. What it refers to later is read by both. Frames that no display takes as they are get
 * converted into a buffer of another pool, which costs a pass over the pixels, and the reason is
 * told. A frame is shown when it is due and the compositor asks for one; frames are dropped only when
 * they are late. SIGUSR1 pauses, and goes on. docs/player.md has more.
 *
 * At the end a table of "name value" lines goes to stdout.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <waybuf/client.h>
#include <waybuf/ffmpeg.h>

#include "choice.h"
#include "colours.h"
#include "convert.h"
#include "decoder.h"
#include "number.h"
#include "window.h"

/* The longest that the compositor may take for one frame. A hidden window gets none. */
#define FRAME_PATIENCE_MS 10000

struct player {
	const char *path;
	uint32_t max_frames, seconds, n_buffers, threads, seek;
	bool scale, progress, untimed, decode_only, loop;

	struct waybuf_client *client;
	struct waybuf_ffmpeg *ffmpeg;
	/* for what has to be converted; NULL: nothing so far */
	struct waybuf_client_pool *pool;
	struct converter converter;
	struct window window;
	struct colours colours;
	struct decoder *decoder;
	AVFrame *frame;
	/* untimed: the newest one, while the compositor asks for none */
	AVFrame *waiting;

	/* the last reason for a conversion */
	char told[128];
	char exporter[64];
	uint64_t buffer_bytes;

	int64_t start_ms, end_ms, progress_ms;
	/* when the last frame was due, and what comes before the first one, in a loop */
	int64_t due_us, before_us;
	/* direct: shown where the decoder wrote them. Bytes that we wrote again */
	uint32_t decoded, shown, dropped, replaced, direct;
	uint64_t copied;
};

static bool report_client_error(struct player *player)
{
	fprintf(stderr, "player: %s\n", waybuf_client_error(player->client));
	return false;
}

/* ---- from a decoded frame to the screen ---------------------------------------------------- */

/* For the table. */
static void note_storage(struct player *player, const struct waybuf_layout *layout)
{
	snprintf(player->exporter, sizeof(player->exporter), "%s", layout->exporter);
	player->buffer_bytes = 0;
	for (uint32_t i = 0; i < layout->n_memory; i++)
		player->buffer_bytes += layout->memory[i].size;
}

/* ---- time ---------------------------------------------------------------------------------- */

static bool may_go_on(const struct player *player)
{
	if (player->window.closed || window_interrupted())
		return false;
	return !player->seconds ||
		window_now_ms() < player->start_ms + (int64_t)player->seconds * 1000;
}

/* Waits until the frame is due and the compositor wants one. */
static bool wait_turn(struct player *player, int64_t due_ms)
{
	int64_t now = window_now_ms(), end = now + FRAME_PATIENCE_MS;
	for (; may_go_on(player); now = window_now_ms()) {
		bool ready = window_is_ready(&player->window);
		if (ready && now >= due_ms)
			return true;
		if (!ready && now >= end) {
			fprintf(stderr, "player: the compositor shows no frames of this window\n");
			return false;
		}
		int timeout = ready && due_ms - now < 100 ? (int)(due_ms - now) : 100;
		if (waybuf_client_dispatch(player->client, timeout) < 0)
			return report_client_error(player);
	}
	return true;
}

/* Why the frame cannot be shown as it is in its buffer; NULL: it can. */
static const char *why_not_direct(struct player *player)
{
	const AVFrame *frame = player->frame;
	const struct window *window = &player->window;
	AVRational pixel = frame->sample_aspect_ratio;
	if (player->scale)
		return "it is to be scaled";
	if (pixel.num > 0 && pixel.num != pixel.den)
		return "its pixels are not square";
	if ((window->width && frame->width > window->width) ||
		(window->height && frame->height > window->height))
		return "it is larger than the window";
	if (waybuf_ffmpeg_get_client_buffer(player->ffmpeg, frame))
		return colours_refusal(&player->colours, frame);
	const char *why = waybuf_ffmpeg_why(player->ffmpeg);
	return why[0] ? why : "it is in memory of FFmpeg";
}

/* A reason that lasts is told once. */
static void tell_why(struct player *player, const char *why)
{
	if (strncmp(player->told, why, sizeof(player->told) - 1) == 0)
		return;
	snprintf(player->told, sizeof(player->told), "%s", why);
	fprintf(stderr, "player: frames are converted by the CPU: %s\n", why);
}

static bool show_direct(struct player *player, int64_t due_ms)
{
	struct waybuf_client_buffer *buffer =
		waybuf_ffmpeg_get_client_buffer(player->ffmpeg, player->frame);
	note_storage(player, waybuf_client_buffer_get_layout(buffer));
	if (!wait_turn(player, due_ms))
		return false;
	if (!may_go_on(player))
		return true;
	window_request_frame(&player->window);
	colours_tell(&player->colours, player->window.surface, player->frame);
	if (waybuf_ffmpeg_present(player->ffmpeg, player->frame, player->window.surface) < 0)
		return report_client_error(player);
	player->direct++;
	player->shown++;
	return true;
}

static bool make_pool(struct player *player)
{
	const struct window *window = &player->window;
	struct waybuf_client_pool_options options = {
		.width = window->width ? (uint32_t)window->width : 1024,
		.height = window->height ? (uint32_t)window->height : 768,
		.count = player->n_buffers ? player->n_buffers : 3,
		.name = "player",
		.display = true,
	};
	return waybuf_client_pool_create(player->client, &options, &player->pool) == 0 ||
		report_client_error(player);
}

static bool show_converted(struct player *player, int64_t due_ms)
{
	struct waybuf_client_buffer *buffer;
	if (!player->pool && !make_pool(player))
		return false;
	if (waybuf_client_pool_acquire(player->pool, FRAME_PATIENCE_MS, &buffer) < 0)
		return report_client_error(player);
	note_storage(player, waybuf_client_buffer_get_layout(buffer));
	/* Converted ahead of time, and shown on time. */
	if (!convert_frame(&player->converter, player->client, player->frame, buffer) ||
		!wait_turn(player, due_ms))
		return false;
	player->copied +=
		(uint64_t)player->converter.width * (uint64_t)player->converter.height * 4;
	if (!may_go_on(player))
		return waybuf_client_buffer_release(buffer) == 0;
	window_request_frame(&player->window);
	colours_tell(&player->colours, player->window.surface, NULL);
	if (waybuf_client_buffer_present(buffer, player->window.surface) < 0)
		return report_client_error(player);
	player->shown++;
	return true;
}

static bool show(struct player *player, int64_t due_ms)
{
	const char *why = why_not_direct(player);
	if (!why)
		return show_direct(player, due_ms);
	tell_why(player, why);
	return show_converted(player, due_ms);
}

/*
 * Frames that come faster than the display shows them replace one another here: to send each of them
 * would be work for both sides that nobody sees.
 */
static bool show_untimed(struct player *player)
{
	if (waybuf_client_dispatch(player->client, 0) < 0)
		return report_client_error(player);
	if (player->waiting->buf[0])
		player->replaced++;
	av_frame_unref(player->waiting);
	if (window_is_ready(&player->window))
		return show(player, 0);
	av_frame_move_ref(player->waiting, player->frame);
	return true;
}

/* The film ends with its last frame. */
static bool show_waiting(struct player *player)
{
	if (!player->waiting->buf[0])
		return true;
	av_frame_unref(player->frame);
	av_frame_move_ref(player->frame, player->waiting);
	return show(player, 0);
}

/* Late by more than a frame, while the next one is there already. */
static bool is_late(const struct player *player, int64_t due_ms)
{
	return !player->untimed && player->shown > 0 &&
		window_now_ms() > due_ms + decoder_frame_us(player->decoder) / 1000 + 1;
}

/* SIGUSR1 stops the film, and the clock with it; the next one goes on. */
static bool wait_paused(struct player *player)
{
	int64_t since = window_now_ms();
	while (window_paused() && may_go_on(player)) {
		if (waybuf_client_dispatch(player->client, 100) < 0)
			return report_client_error(player);
	}
	player->start_ms += window_now_ms() - since;
	return true;
}

/* A line a second, on a terminal over the one before; the path is that of the last frames. */
static void show_progress(struct player *player, int64_t due_us)
{
	int64_t now = player->progress ? window_now_ms() : 0;
	if (!player->progress || now < player->progress_ms)
		return;
	player->progress_ms = now + 1000;
	fprintf(stderr,
		"time %.1f s, decoded %u, frames %u, dropped %u, copied %" PRIu64 " KiB, %s%s",
		(double)due_us / 1000000, player->decoded, player->shown, player->dropped,
		player->copied / 1024, player->window.zero_copy ? "direct" : "composed",
		isatty(STDERR_FILENO) ? "\r" : "\n");
}

static bool has_had_enough(const struct player *player)
{
	return player->max_frames && player->shown + player->replaced >= player->max_frames;
}

static bool is_first(const struct player *player)
{
	return player->shown == 1 && player->dropped == 0 && player->replaced == 0 &&
		!player->waiting->buf[0];
}

static bool show_frame(struct player *player, int64_t due_us)
{
	if (player->shown + player->dropped == 0)
		/* The clock starts with the first picture, wherever the file began. */
		player->start_ms = window_now_ms() - due_us / 1000;
	int64_t due_ms = player->start_ms + due_us / 1000;
	if (is_late(player, due_ms))
		player->dropped++;
	else if (!(player->untimed ? show_untimed(player) : show(player, due_ms)))
		return false;
	/* What the first one took, memory for instance, makes no other one late. */
	if (is_first(player))
		player->start_ms = window_now_ms() - due_us / 1000;
	return true;
}

static bool begin_again(struct player *player)
{
	player->before_us = player->due_us + decoder_frame_us(player->decoder);
	return decoder_seek(player->decoder, (int64_t)player->seek * 1000000);
}

static bool play(struct player *player)
{
	if (player->seek && !decoder_seek(player->decoder, (int64_t)player->seek * 1000000))
		return false;
	player->start_ms = window_now_ms();
	while (may_go_on(player) && !has_had_enough(player)) {
		int64_t due_us = 0;
		if (!wait_paused(player))
			return false;
		enum decoder_status status = decoder_next(player->decoder, player->frame, &due_us);
		if (status == DECODER_END && player->loop && player->shown > 0 &&
			begin_again(player))
			continue;
		if (status != DECODER_FRAME)
			return status == DECODER_END && show_waiting(player);
		player->decoded++;
		player->due_us = player->before_us + due_us;
		if (!show_frame(player, player->due_us))
			return false;
		show_progress(player, player->due_us);
	}
	return show_waiting(player);
}

/* Hears what became of the last frames. */
static bool settle(struct player *player)
{
	player->end_ms = window_now_ms();
	int64_t end = player->end_ms + 500;
	struct window *window = &player->window;
	while (window->presentation && !window_interrupted() && window_now_ms() < end &&
		window->presented + window->discarded < player->shown) {
		if (waybuf_client_dispatch(player->client, 50) < 0)
			return report_client_error(player);
	}
	return true;
}

/* ---- the table ----------------------------------------------------------------------------- */

/* The pool in which most of the frames were. */
static struct waybuf_client_pool *print_pool(const struct player *player)
{
	struct waybuf_client_pool *direct = waybuf_ffmpeg_get_pool(player->ffmpeg);
	return player->pool && (!direct || player->direct * 2 < player->shown) ? player->pool
									       : direct;
}

static void print_table(struct player *player)
{
	const struct window *window = &player->window;
	double seconds = (double)(player->end_ms - player->start_ms) / 1000;
	printf("video %s\n", decoder_describe(player->decoder));
	printf("frames-shown %u\n", player->shown);
	printf("frames-dropped %u\n", player->dropped);
	printf("frames-replaced %u\n", player->replaced);
	printf("frames-direct %u\n", player->direct);
	printf("frames-converted %u\n", player->shown - player->direct);
	printf("bytes-copied %" PRIu64 "\n", player->copied);
	printf("seconds %.3f\n", seconds);
	printf("buffers %u of %" PRIu64 " KiB\n", waybuf_client_pool_get_count(print_pool(player)),
		player->buffer_bytes / 1024);
	printf("exporter %s\n", player->exporter);
	choice_print(player->client, print_pool(player), player->exporter);
	if (!window->presentation)
		printf("path unknown: the compositor has no wp_presentation\n");
	else
		printf("path direct %u, composed %u, not shown %u\n", window->zero_copy,
			window->presented - window->zero_copy, window->discarded);
}

/* ---- the program --------------------------------------------------------------------------- */

static int get_buffer2(AVCodecContext *codec, AVFrame *frame, int flags)
{
	return waybuf_ffmpeg_get_buffer(codec->opaque, codec, frame, flags);
}

/* Nothing but a broken connection ends the film: without a buffer a frame is converted. */
static bool prepare(void *data)
{
	struct player *player = data;
	int ret = waybuf_ffmpeg_prepare(
		player->ffmpeg, decoder_codec(player->decoder), FRAME_PATIENCE_MS / 10);
	return (ret != -EPIPE && ret != -EPROTO) || report_client_error(player);
}

static bool start_decoder(struct player *player)
{
	const struct waybuf_ffmpeg_options options = {.name = "player", .count = player->n_buffers};
	if (waybuf_ffmpeg_create(player->client, &options, &player->ffmpeg) < 0) {
		fprintf(stderr, "player: %u buffers: 1 to 64 are possible\n", player->n_buffers);
		return false;
	}
	AVCodecContext *codec = decoder_codec(player->decoder);
	codec->opaque = player->ffmpeg;
	codec->get_buffer2 = get_buffer2;
	return decoder_start(player->decoder, player->threads, prepare, player);
}

static bool run_in_window(struct player *player)
{
	bool ok = start_decoder(player) && play(player) && settle(player);
	if (ok && player->shown == 0) {
		fprintf(stderr, "player: %s has no frame that could be shown\n", player->path);
		ok = false;
	}
	if (player->shown > 0 && player->end_ms)
		print_table(player);
	return ok;
}

static bool run(struct player *player)
{
	if (waybuf_client_connect(NULL, &player->client) < 0)
		return report_client_error(player);
	struct wl_display *display = waybuf_client_get_display(player->client);
	if (!window_init(&player->window, display, player->path))
		return false;
	bool ok = colours_init(&player->colours, &player->window) && run_in_window(player);
	colours_finish(&player->colours);
	/* The surface first: it shows buffers of the pools. Then who refers to their memory. */
	window_finish(&player->window);
	av_frame_unref(player->waiting);
	av_frame_unref(player->frame);
	decoder_stop(player->decoder);
	waybuf_ffmpeg_destroy(player->ffmpeg);
	waybuf_client_pool_destroy(player->pool);
	return ok;
}

static bool prepare_nothing(void *data)
{
	return true;
}

/* What decoding alone takes, into FFmpeg's own memory: what everything else is measured by. */
static bool decode_only(struct player *player)
{
	int64_t due_us;
	enum decoder_status status = DECODER_FRAME;
	if (!decoder_start(player->decoder, player->threads, prepare_nothing, NULL))
		return false;
	player->start_ms = window_now_ms();
	while (may_go_on(player) && (!player->max_frames || player->shown < player->max_frames)) {
		status = decoder_next(player->decoder, player->frame, &due_us);
		if (status != DECODER_FRAME)
			break;
		player->shown++;
	}
	printf("frames-decoded %u\n", player->shown);
	printf("seconds %.3f\n", (double)(window_now_ms() - player->start_ms) / 1000);
	return status != DECODER_FAILED;
}

static bool parse(int argc, char **argv, struct player *player)
{
	static const struct option options[] = {
		{"frames", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 's'},
		{"buffers", required_argument, NULL, 'b'},
		{"threads", required_argument, NULL, 't'},
		{"seek", required_argument, NULL, 'k'},
		{"scale", no_argument, NULL, 'c'},
		{"progress", no_argument, NULL, 'p'},
		{"untimed", no_argument, NULL, 'u'},
		{"decode-only", no_argument, NULL, 'd'},
		{"loop", no_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	int option;
	while ((option = getopt_long(argc, argv, "n:s:b:t:k:cpudl", options, NULL)) != -1) {
		bool ok = option == 'n' && parse_number(optarg, 10, &player->max_frames);
		ok |= option == 's' && parse_number(optarg, 10, &player->seconds);
		ok |= option == 'b' && parse_number(optarg, 10, &player->n_buffers);
		ok |= option == 't' && parse_number(optarg, 10, &player->threads);
		ok |= option == 'k' && parse_number(optarg, 10, &player->seek);
		ok |= option == 'c' || option == 'p' || option == 'u' || option == 'd' ||
			option == 'l';
		if (!ok)
			return false;
		player->scale |= option == 'c';
		player->progress |= option == 'p';
		player->untimed |= option == 'u';
		player->decode_only |= option == 'd';
		player->loop |= option == 'l';
	}
	player->path = argv[optind];
	return optind == argc - 1;
}

int main(int argc, char **argv)
{
	struct player player = {.progress = isatty(STDERR_FILENO)};
	if (!parse(argc, argv, &player)) {
		fprintf(stderr,
			"usage: player [--frames N] [--seconds S] [--buffers N] "
			"[--threads N]\n\t[--seek SECONDS] [--scale] [--progress] "
			"[--loop] [--untimed] [--decode-only] FILE\n");
		return 2;
	}
	window_catch_signals();
	window_catch_pause();
	/* The file first: a wrong name is no reason to take the screen. */
	player.decoder = decoder_create(player.path);
	player.frame = av_frame_alloc();
	player.waiting = av_frame_alloc();
	bool ok = player.decoder && player.frame && player.waiting &&
		(player.decode_only ? decode_only(&player) : run(&player));
	waybuf_client_destroy(player.client);
	converter_finish(&player.converter);
	av_frame_free(&player.waiting);
	av_frame_free(&player.frame);
	decoder_destroy(player.decoder);
	return ok ? 0 : 1;
}
