/* SPDX-License-Identifier: MIT */

/*
 * Plays the video of any file that FFmpeg opens, fullscreen:
 *
 *	player [--frames N] [--seconds S] [--buffers N] FILE
 *
 * Each frame is decoded into FFmpeg's own memory, and converted and scaled straight into a mapped
 * buffer of the pool, which the display scans out: nobody copies it after that. A frame is shown
 * when it is due and the compositor asks for one; frames are dropped only when they are late.
 *
 * At the end a table of "name value" lines goes to stdout.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <libswscale/swscale.h>
#include <waybuf/client.h>

#include "decoder.h"
#include "number.h"
#include "window.h"

/* The longest that the compositor may take for one frame. A hidden window gets none. */
#define FRAME_PATIENCE_MS 10000

struct player {
	const char *path;
	uint32_t max_frames, seconds, n_buffers;

	struct waybuf_client *client;
	struct waybuf_client_pool *pool;
	struct window window;
	struct decoder *decoder;
	AVFrame *frame;
	struct SwsContext *scaler;

	/* where the picture is within the buffer: as large as fits, in the middle */
	int x, y, width, height;
	/* the generation of each buffer whose bars are black */
	uint32_t cleared[64];
	char exporter[64];
	uint64_t buffer_bytes;

	int64_t start_ms;
	uint32_t shown, dropped;
};

static bool report_client_error(struct player *player)
{
	fprintf(stderr, "player: %s\n", waybuf_client_error(player->client));
	return false;
}

/* ---- from a decoded frame to pixels -------------------------------------------------------- */

/* The largest rectangle of the frame's shape; even, because chroma comes in pairs. */
static void place(struct player *player, uint32_t width, uint32_t height)
{
	AVRational pixel = player->frame->sample_aspect_ratio;
	if (pixel.num <= 0 || pixel.den <= 0)
		pixel = (AVRational){1, 1};
	int64_t wide = (int64_t)player->frame->width * pixel.num;
	int64_t high = (int64_t)player->frame->height * pixel.den;
	player->width = (int)width & ~1;
	player->height = (int)(player->width * high / wide) & ~1;
	if (player->height > (int)height) {
		player->height = (int)height & ~1;
		player->width = (int)(player->height * wide / high) & ~1;
	}
	player->width = player->width < 2 ? 2 : player->width;
	player->height = player->height < 2 ? 2 : player->height;
	player->x = ((int)width - player->width) / 2;
	player->y = ((int)height - player->height) / 2;
}

/* Files say how their colours are coded; where one does not, its size tells (BT.709 from HD on). */
static void set_colours(struct player *player)
{
	const AVFrame *frame = player->frame;
	int space = (int)frame->colorspace;
	if (space == AVCOL_SPC_UNSPECIFIED)
		space = frame->height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
	bool full = frame->color_range == AVCOL_RANGE_JPEG;
	sws_setColorspaceDetails(player->scaler, sws_getCoefficients(space), full,
		sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
}

/* Converts the frame into the picture's place in @image. */
static bool convert(struct player *player, const struct waybuf_client_image *image)
{
	const AVFrame *frame = player->frame;
	place(player, image->width, image->height);
	/* XRGB8888 is B, G, R, X in memory. */
	player->scaler = sws_getCachedContext(player->scaler, frame->width, frame->height,
		(enum AVPixelFormat)frame->format, player->width, player->height, AV_PIX_FMT_BGR0,
		SWS_BILINEAR, NULL, NULL, NULL);
	if (!player->scaler) {
		fprintf(stderr, "player: this pixel format cannot be converted\n");
		return false;
	}
	set_colours(player);
	const struct waybuf_client_plane *plane = &image->planes[0];
	uint8_t *const target[4] = {
		(uint8_t *)plane->data + (size_t)player->y * plane->stride + (size_t)player->x * 4};
	const int stride[4] = {(int)plane->stride};
	int rows = sws_scale(player->scaler, (const uint8_t *const *)frame->data, frame->linesize,
		0, frame->height, target, stride);
	if (rows == player->height)
		return true;
	fprintf(stderr, "player: the frame could not be converted\n");
	return false;
}

/* Makes the bars black, once: new memory is, and nobody else writes to ours. */
static void clear_bars(struct player *player, const struct waybuf_client_buffer *buffer,
	const struct waybuf_client_image *image)
{
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	uint32_t flags = waybuf_client_buffer_get_flags(buffer);
	uint32_t *cleared = &player->cleared[waybuf_client_buffer_get_index(buffer)];
	bool known = *cleared == layout->generation && !(flags & WAYBUF_GRANT_UNDEFINED);
	*cleared = layout->generation;
	if (known || flags & WAYBUF_GRANT_FRESH)
		return;
	for (uint32_t y = 0; y < image->height; y++)
		memset((char *)image->planes[0].data + (size_t)y * image->planes[0].stride, 0,
			(size_t)image->width * 4);
}

/* For the table. */
static void note_storage(struct player *player, const struct waybuf_layout *layout)
{
	snprintf(player->exporter, sizeof(player->exporter), "%s", layout->exporter);
	player->buffer_bytes = 0;
	for (uint32_t i = 0; i < layout->n_memory; i++)
		player->buffer_bytes += layout->memory[i].size;
}

static bool fill(struct player *player, struct waybuf_client_buffer *buffer)
{
	struct waybuf_client_image image;
	if (waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image) < 0)
		return report_client_error(player);
	note_storage(player, waybuf_client_buffer_get_layout(buffer));
	clear_bars(player, buffer, &image);
	bool ok = convert(player, &image);
	if (waybuf_client_buffer_end_cpu(buffer) < 0)
		return report_client_error(player);
	return ok;
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
	int64_t end = window_now_ms() + FRAME_PATIENCE_MS;
	while (may_go_on(player)) {
		int64_t now = window_now_ms();
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

static bool show(struct player *player, int64_t due_ms)
{
	struct waybuf_client_buffer *buffer;
	if (waybuf_client_pool_acquire(player->pool, FRAME_PATIENCE_MS, &buffer) < 0)
		return report_client_error(player);
	/* Converted ahead of time, and shown on time. */
	if (!fill(player, buffer) || !wait_turn(player, due_ms))
		return false;
	if (!may_go_on(player))
		return waybuf_client_buffer_release(buffer) == 0;
	window_request_frame(&player->window);
	if (waybuf_client_buffer_present(buffer, player->window.surface) < 0)
		return report_client_error(player);
	player->shown++;
	return true;
}

/* Late by more than a frame, while the next one is there already. */
static bool is_late(const struct player *player, int64_t due_ms)
{
	return player->shown > 0 &&
		window_now_ms() > due_ms + decoder_frame_us(player->decoder) / 1000 + 1;
}

static bool play(struct player *player)
{
	player->start_ms = window_now_ms();
	while (may_go_on(player) && (!player->max_frames || player->shown < player->max_frames)) {
		int64_t due_us = 0;
		enum decoder_status status = decoder_next(player->decoder, player->frame, &due_us);
		if (status != DECODER_FRAME)
			return status == DECODER_END;
		int64_t due_ms = player->start_ms + due_us / 1000;
		if (is_late(player, due_ms))
			player->dropped++;
		else if (!show(player, due_ms))
			return false;
	}
	return true;
}

/* Hears what became of the last frames. */
static bool settle(struct player *player)
{
	int64_t end = window_now_ms() + 500;
	struct window *window = &player->window;
	while (window->presentation && !window_interrupted() && window_now_ms() < end &&
		window->presented + window->discarded < player->shown) {
		if (waybuf_client_dispatch(player->client, 50) < 0)
			return report_client_error(player);
	}
	return true;
}

/* ---- the table ----------------------------------------------------------------------------- */

/* Whether a line of the explanation is about another exporter than the one that was taken. */
static bool is_about_other(const struct player *player, const char *line)
{
	size_t length = strlen(player->exporter);
	return strncmp(line, "not ", 4) == 0 && strncmp(line + 4, player->exporter, length) != 0;
}

/* The server's words on its choice: what it took, and why not from elsewhere. */
static bool print_choice(const struct player *player, const char *line)
{
	static const char chosen[] = "chosen: ";
	struct json_object *object = json_tokener_parse(line), *type = NULL, *text = NULL;
	bool found = json_object_is_type(object, json_type_object) &&
		json_object_object_get_ex(object, "type", &type) &&
		strcmp(json_object_get_string(type), "choice") == 0 &&
		json_object_object_get_ex(object, "text", &text) &&
		json_object_is_type(text, json_type_array);
	for (size_t i = 0; found && i < json_object_array_length(text); i++) {
		const char *words = json_object_get_string(json_object_array_get_idx(text, i));
		if (strncmp(words, chosen, strlen(chosen)) == 0)
			printf("why %s\n", words + strlen(chosen));
		else if (is_about_other(player, words))
			printf("%s\n", words);
	}
	json_object_put(object);
	return found;
}

static void print_why(struct player *player)
{
	char *text = NULL;
	if (waybuf_client_pool_explain(player->pool, 1000, &text) < 0) {
		printf("why %s\n", waybuf_client_error(player->client));
		return;
	}
	char *rest = text, *line;
	bool found = false;
	while (!found && (line = strsep(&rest, "\n")))
		found = print_choice(player, line);
	if (!found)
		printf("why the server does not say\n");
	free(text);
}

static void print_table(struct player *player)
{
	const struct window *window = &player->window;
	double seconds = (double)(window_now_ms() - player->start_ms) / 1000;
	printf("video %s\n", decoder_describe(player->decoder));
	printf("frames-shown %u\n", player->shown);
	printf("frames-dropped %u\n", player->dropped);
	printf("seconds %.2f\n", seconds);
	printf("buffers %u of %" PRIu64 " KiB\n", waybuf_client_pool_get_count(player->pool),
		player->buffer_bytes / 1024);
	printf("exporter %s\n", player->exporter);
	print_why(player);
	if (!window->presentation)
		printf("path unknown: the compositor has no wp_presentation\n");
	else
		printf("path direct %u, composed %u, not shown %u\n", window->zero_copy,
			window->presented - window->zero_copy, window->discarded);
}

/* ---- the program --------------------------------------------------------------------------- */

static bool run_in_window(struct player *player)
{
	struct waybuf_client_pool_options options = {
		.width = player->window.width ? (uint32_t)player->window.width : 1024,
		.height = player->window.height ? (uint32_t)player->window.height : 768,
		.count = player->n_buffers,
		.name = "player",
		.display = true,
	};
	if (waybuf_client_pool_create(player->client, &options, &player->pool) < 0)
		return report_client_error(player);
	bool ok = play(player) && settle(player);
	if (ok && player->shown == 0) {
		fprintf(stderr, "player: %s has no frame that could be shown\n", player->path);
		ok = false;
	}
	if (player->shown > 0)
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
	bool ok = run_in_window(player);
	/* The surface first: it shows buffers of the pool. */
	window_finish(&player->window);
	waybuf_client_pool_destroy(player->pool);
	return ok;
}

static bool parse(int argc, char **argv, struct player *player)
{
	static const struct option options[] = {
		{"frames", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 's'},
		{"buffers", required_argument, NULL, 'b'},
		{NULL, 0, NULL, 0},
	};
	int option;
	while ((option = getopt_long(argc, argv, "n:s:b:", options, NULL)) != -1) {
		bool ok = option == 'n' && parse_number(optarg, 10, &player->max_frames);
		ok |= option == 's' && parse_number(optarg, 10, &player->seconds);
		ok |= option == 'b' && parse_number(optarg, 10, &player->n_buffers);
		if (!ok)
			return false;
	}
	player->path = argv[optind];
	return optind == argc - 1;
}

int main(int argc, char **argv)
{
	struct player player = {.n_buffers = 3};
	if (!parse(argc, argv, &player)) {
		fprintf(stderr, "usage: player [--frames N] [--seconds S] [--buffers N] FILE\n");
		return 2;
	}
	window_catch_signals();
	/* The file first: a wrong name is no reason to take the screen. */
	player.decoder = decoder_create(player.path);
	player.frame = av_frame_alloc();
	bool ok = player.decoder && player.frame && run(&player);
	waybuf_client_destroy(player.client);
	sws_freeContext(player.scaler);
	av_frame_free(&player.frame);
	decoder_destroy(player.decoder);
	return ok ? 0 : 1;
}
