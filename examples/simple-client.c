/* SPDX-License-Identifier: MIT */

/*
 * Draws by CPU into buffers from the server, fullscreen, and needs no device node; on a compositor
 * that has no allocator, into memory of its own. The first line says which:
 *
 *	simple-client [--frames N]
 *
 * The order of things: a client, a window on its connection, a pool of buffers that fit both this
 * program and the display, and then for each frame acquire, begin_cpu, draw, end_cpu, present.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <waybuf/client.h>

#include "number.h"
#include "window.h"

/* Bars that wander: a picture that is wrong when rows, stride or colours are. */
static void draw(const struct waybuf_client_image *image, uint32_t frame)
{
	static const uint32_t colours[] = {
		0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0x000000};
	for (uint32_t y = 0; y < image->height; y++) {
		uint32_t *row = (uint32_t *)((char *)image->planes[0].data +
			(size_t)y * image->planes[0].stride);
		for (uint32_t x = 0; x < image->width; x++)
			row[x] = colours[(x + 4 * frame) * 8 / image->width % 8];
	}
}

static void print_path(struct waybuf_client_pool *pool, struct waybuf_client_buffer *buffer)
{
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	printf("%u x %u pixels in memory of %s, by way of %s (%s)\n", layout->width, layout->height,
		layout->exporter, waybuf_client_path_name(waybuf_client_pool_get_path(pool)),
		waybuf_client_pool_get_path_reason(pool));
	fflush(stdout);
}

/* 0 or the error of whatever failed; -EOPNOTSUPP: the buffer went back. */
static int try_frame(struct waybuf_client_pool *pool, struct window *window, uint32_t frame)
{
	struct waybuf_client_buffer *buffer;
	struct waybuf_client_image image;
	int ret = waybuf_client_pool_acquire(pool, 2000, &buffer);
	if (ret < 0)
		return ret;
	ret = waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image);
	if (ret < 0)
		return ret;
	draw(&image, frame);
	ret = waybuf_client_buffer_end_cpu(buffer);
	if (ret < 0)
		return ret;
	if (frame == 0)
		print_path(pool, buffer);
	/* Goes with the commit that present makes. */
	window_request_frame(window);
	ret = waybuf_client_buffer_present(buffer, window->surface);
	if (ret == -EOPNOTSUPP)
		waybuf_client_buffer_release(buffer);
	return ret;
}

/* A compositor may refuse what it has listed: the pool has other buffers the next time. */
static bool show_frame(struct waybuf_client_pool *pool, struct window *window, uint32_t frame)
{
	int ret = -EOPNOTSUPP;
	for (int tries = 0; tries < 4 && ret == -EOPNOTSUPP; tries++)
		ret = try_frame(pool, window, frame);
	return ret == 0;
}

static bool run(struct waybuf_client *client, struct waybuf_client_pool *pool,
	struct window *window, uint32_t frames)
{
	for (uint32_t frame = 0; !frames || frame < frames; frame++) {
		if (!show_frame(pool, window, frame))
			return false;
		/* The compositor sets the pace. */
		while (!window_is_ready(window)) {
			if (window->closed || window_interrupted())
				return true;
			if (waybuf_client_dispatch(client, 1000) < 0)
				return false;
		}
	}
	return true;
}

static bool run_client(struct waybuf_client *client, uint32_t frames)
{
	struct window window;
	if (!window_init(&window, waybuf_client_get_display(client), "simple-client"))
		return false;
	struct waybuf_client_pool_options options = {
		.width = window.width ? (uint32_t)window.width : 640,
		.height = window.height ? (uint32_t)window.height : 480,
		.name = "simple-client",
		.display = true,
	};
	struct waybuf_client_pool *pool = NULL;
	bool ok = waybuf_client_pool_create(client, &options, &pool) == 0 &&
		run(client, pool, &window, frames);
	if (!ok)
		fprintf(stderr, "simple-client: %s\n", waybuf_client_error(client));
	/* The surface first: it shows buffers of the pool. */
	window_finish(&window);
	waybuf_client_pool_destroy(pool);
	return ok;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: simple-client [--frames N]     without --frames until it is closed\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"frames", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
	uint32_t frames = 0;
	int option;
	while ((option = getopt_long(argc, argv, "n:", options, NULL)) != -1) {
		if (option != 'n' || !parse_number(optarg, 10, &frames))
			return usage();
	}
	if (optind < argc)
		return usage();
	window_catch_signals();
	struct waybuf_client *client = NULL;
	if (waybuf_client_connect(NULL, &client) < 0) {
		fprintf(stderr, "simple-client: %s\n", waybuf_client_error(NULL));
		return 1;
	}
	bool ok = run_client(client, frames);
	waybuf_client_destroy(client);
	return ok ? 0 : 1;
}
