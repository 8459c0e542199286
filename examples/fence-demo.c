/* SPDX-License-Identifier: MIT */

/*
 * Frames whose fence comes late, as those of a GPU do that has too much to draw, and when they are on
 * the screen:
 *
 *	fence-demo [--frames N] [--every N] [--late MS]
 *
 * The CPU draws each frame, blue, before it is submitted. Every third one (--every) is orange, and
 * goes with a fence that signals 200 ms later (--late): until then the frame before stays where it
 * is. `waybufctl trace` shows the wait as a bar, and what ended it. A server does not wait for ever:
 * with --late 3000 the frame is never seen.
 *
 * The fences are the kernel's own for tests (CONFIG_SW_SYNC, in debugfs, so for root).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <waybuf/client.h>

#include "number.h"
#include "window.h"

/* ---- fences of a clock --------------------------------------------------------------------- */

/* The kernel installs no header for these; drivers/dma-buf/sw_sync.c documents them. */
struct sw_sync_create_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define SW_SYNC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_create_fence)
#define SW_SYNC_INC _IOW('W', 1, uint32_t)

static int open_timeline(void)
{
	static const char path[] = "/sys/kernel/debug/sync/sw_sync";
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fprintf(stderr, "fence-demo: %s: %s\n", path, strerror(errno));
	return fd;
}

/* A sync_file that signals when the timeline is at @value. */
static int make_fence(int timeline, uint32_t value)
{
	struct sw_sync_create_fence create = {.value = value, .name = "fence-demo", .fence = -1};
	return ioctl(timeline, SW_SYNC_CREATE_FENCE, &create) < 0 ? -1 : create.fence;
}

static void advance(int timeline)
{
	uint32_t by = 1;
	if (ioctl(timeline, SW_SYNC_INC, &by) < 0)
		fprintf(stderr, "fence-demo: SW_SYNC_INC: %s\n", strerror(errno));
}

/* ---- frames -------------------------------------------------------------------------------- */

struct demo {
	uint32_t frames, every, late_ms;
	struct waybuf_client *client;
	struct window window;
	struct waybuf_client_swapchain *chain;
	int timeline;
	uint32_t value; /* of the newest fence */
};

static double now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

/* A bar that grows, so that one sees which frame it is. */
static void draw(const struct waybuf_client_image *image, uint32_t frame, bool late)
{
	uint32_t end = image->width * (frame % 16 + 1) / 16;
	uint32_t bright = late ? 0xff9933 : 0x3399ff, dark = late ? 0x663311 : 0x112244;
	for (uint32_t y = 0; y < image->height; y++) {
		uint32_t *row = (uint32_t *)((char *)image->planes[0].data +
			(size_t)y * image->planes[0].stride);
		for (uint32_t x = 0; x < image->width; x++)
			row[x] = x < end ? bright : dark;
	}
}

static bool submit(struct demo *demo, uint32_t frame, bool late)
{
	struct waybuf_client_buffer *buffer;
	struct waybuf_client_image image;
	int fence = -1;
	if (waybuf_client_swapchain_acquire(demo->chain, 5000, &buffer, &fence) < 0)
		return false;
	/* begin_cpu waits by itself */
	if (fence >= 0)
		close(fence);
	if (waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image) < 0)
		return false;
	draw(&image, frame, late);
	if (waybuf_client_buffer_end_cpu(buffer) < 0)
		return false;
	fence = late ? make_fence(demo->timeline, ++demo->value) : -1;
	window_request_frame(&demo->window);
	return waybuf_client_swapchain_submit(demo->chain, buffer, fence) == 0;
}

static void print_row(
	const struct window *window, uint32_t frame, double submitted, double signalled, bool shown)
{
	char fence[32] = "-", screen[32] = "never";
	if (signalled > 0)
		snprintf(fence, sizeof(fence), "%.1f", signalled - submitted);
	if (shown)
		snprintf(screen, sizeof(screen), "%.1f",
			(double)window->presented_ns / 1e6 - submitted);
	printf("%5u %12s %12s\n", frame, fence, screen);
	fflush(stdout);
}

/* Submits one, signals its fence when that is due, and waits for what becomes of it. */
static bool show_frame(struct demo *demo, uint32_t frame)
{
	const bool late = frame % demo->every == demo->every - 1;
	const uint32_t presented = demo->window.presented, discarded = demo->window.discarded;
	if (!submit(demo, frame, late))
		return false;
	double submitted = now_ms(), due = submitted + demo->late_ms, signalled = 0;
	double limit = due + WINDOW_PATIENCE_MS;
	bool over = false;
	while (!over || (late && signalled == 0)) {
		double now = now_ms();
		if (late && signalled == 0 && now >= due) {
			advance(demo->timeline);
			signalled = now_ms();
		}
		if (now > limit || demo->window.closed || window_interrupted())
			break;
		if (waybuf_client_dispatch(demo->client, 1) < 0)
			return false;
		over = demo->window.presented != presented || demo->window.discarded != discarded;
	}
	print_row(&demo->window, frame, submitted, signalled, demo->window.presented != presented);
	return true;
}

static bool run(struct demo *demo)
{
	const struct waybuf_client_swapchain_options options = {
		.pool =
			{
				.width = demo->window.width ? (uint32_t)demo->window.width : 640,
				.height = demo->window.height ? (uint32_t)demo->window.height : 480,
				.count = 3,
				.name = "fence-demo",
			},
		.surface = demo->window.surface,
		.drm_fd = -1,
	};
	if (!demo->window.presentation) {
		fprintf(stderr, "fence-demo: the compositor does not tell when frames are shown\n");
		return false;
	}
	bool ok = waybuf_client_swapchain_create(demo->client, &options, &demo->chain) == 0;
	if (ok)
		printf("frame  fence after  screen after   (ms from the commit)\n");
	for (uint32_t frame = 0; ok && frame < demo->frames; frame++) {
		if (demo->window.closed || window_interrupted())
			break;
		ok = show_frame(demo, frame);
	}
	return ok;
}

static bool run_client(struct demo *demo)
{
	struct wl_display *display = waybuf_client_get_display(demo->client);
	if (!window_init(&demo->window, display, "fence-demo"))
		return false;
	bool ok = run(demo);
	if (!ok)
		fprintf(stderr, "fence-demo: %s\n", waybuf_client_error(demo->client));
	waybuf_client_swapchain_destroy(demo->chain);
	window_finish(&demo->window);
	return ok;
}

/* ---- the program --------------------------------------------------------------------------- */

static bool parse_options(struct demo *demo, int argc, char **argv)
{
	static const struct option options[] = {{"frames", required_argument, NULL, 'n'},
		{"every", required_argument, NULL, 'e'}, {"late", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0}};
	int option;
	while ((option = getopt_long(argc, argv, "n:e:l:", options, NULL)) != -1) {
		uint32_t *number = option == 'n' ? &demo->frames
			: option == 'e'          ? &demo->every
			: option == 'l'          ? &demo->late_ms
						 : NULL;
		if (!number || !parse_number(optarg, 10, number))
			return false;
	}
	return optind == argc && demo->every > 0 && demo->late_ms <= 60000;
}

int main(int argc, char **argv)
{
	struct demo demo = {.frames = 12, .every = 3, .late_ms = 200};
	if (!parse_options(&demo, argc, argv)) {
		fprintf(stderr, "usage: fence-demo [--frames N] [--every N] [--late MS]\n");
		return 2;
	}
	window_catch_signals();
	demo.timeline = open_timeline();
	if (demo.timeline < 0)
		return 1;
	bool ok = false;
	if (waybuf_client_connect(NULL, &demo.client) == 0)
		ok = run_client(&demo);
	else
		fprintf(stderr, "fence-demo: %s\n", waybuf_client_error(NULL));
	waybuf_client_destroy(demo.client);
	close(demo.timeline);
	return ok ? 0 : 1;
}
