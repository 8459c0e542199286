/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <waybuf/client.h>

#include "daemon_fixture.h"
#include "fence/impl.h"
#include "fence/syncobj.h"
#include "kms_fixture.h"
#include "sw_sync.h"

/* A swapchain on waybufd, with work that is over when the test says so. */
struct world {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct waybuf_client *library;
	struct waybuf_client_swapchain *chain;
	int timeline;
	uint32_t value;
	int frames;
};

static int open_device(void)
{
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool has_timelines(void)
{
	struct waybuf_syncobj_device *device = NULL;
	/* whoever opens it first is its master: not for long */
	int fd = open_device();
	bool has = waybuf_syncobj_device_create(fd, &device) == 0;
	waybuf_syncobj_device_unref(device);
	close(fd);
	return has;
}

static void set_up(struct world *w, bool points)
{
	*w = (struct world){.timeline = sw_sync_open()};
	if (w->timeline < 0)
		SKIP("no sw_sync");
	if (points && !has_timelines())
		SKIP("vkms has no timeline syncobjs on this kernel");
	daemon_start(&w->daemon, NULL);
	int fd = open_device();
	client_connect(&w->client, &w->daemon);
	window_init(&w->window, &w->client);
	ck_assert_int_eq(waybuf_client_connect_to_display(w->client.display, &w->library), 0);
	const struct waybuf_client_swapchain_options options = {
		.pool = {.width = (uint32_t)w->client.width,
			.height = (uint32_t)w->client.height,
			.count = 3},
		.surface = w->window.surface,
		.drm_fd = points ? fd : -1,
	};
	ck_assert_int_eq(waybuf_client_swapchain_create(w->library, &options, &w->chain), 0);
	ck_assert_int_eq(waybuf_client_swapchain_get_fences(w->chain),
		points ? WAYBUF_CLIENT_FENCES_POINTS : WAYBUF_CLIENT_FENCES_FILES);
	close(fd);
}

static void tear_down(struct world *w)
{
	waybuf_client_swapchain_destroy(w->chain);
	waybuf_client_destroy(w->library);
	window_finish(&w->window);
	client_disconnect(&w->client);
	ck_assert_int_eq(daemon_stop(&w->daemon, SIGTERM), 0);
	close(w->timeline);
}

/* An image of one colour whose work is not over. *before is what its writer had to wait for. */
static void submit(struct world *w, uint32_t color, int *before)
{
	struct waybuf_client_buffer *buffer;
	struct waybuf_client_image image;
	int ret = waybuf_client_swapchain_acquire(w->chain, PATIENCE_MS, &buffer, before);
	ck_assert_msg(ret == 0, "%s", waybuf_client_error(w->library));
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image), 0);
	for (uint32_t y = 0; y < image.height; y++) {
		uint32_t *row = (void *)((uint8_t *)image.planes[0].data +
			(size_t)y * image.planes[0].stride);
		for (uint32_t x = 0; x < image.width; x++)
			row[x] = color;
	}
	ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), 0);
	callback_count(wl_surface_frame(w->window.surface), &w->frames);
	int fence = sw_sync_fence(w->timeline, ++w->value);
	ck_assert_int_ge(fence, 0);
	ret = waybuf_client_swapchain_submit(w->chain, buffer, fence);
	ck_assert_msg(ret == 0, "%s", waybuf_client_error(w->library));
}

static uint32_t on_screen(struct world *w)
{
	struct picture screen;
	capture_output(&w->client, &screen);
	uint32_t color = picture_pixel(&screen, screen.width / 2, screen.height / 2) & 0xffffff;
	picture_finish(&screen);
	return color;
}

static void check_frames(bool points)
{
	static const uint32_t colors[] = {0xff0000, 0x00ff00, 0x0000ff, 0x123456, 0xabcdef};
	struct world w;
	set_up(&w, points);
	for (int i = 0; i < 5; i++) {
		int before;
		submit(&w, colors[i], &before);
		ck_assert(!client_wait(&w.client, &w.frames, i + 1, 80));
		ck_assert_uint_eq(on_screen(&w), i > 0 ? colors[i - 1] : 0);
		ck_assert_int_eq(sw_sync_advance(w.timeline, 1), 0);
		ck_assert(client_wait(&w.client, &w.frames, i + 1, PATIENCE_MS));
		ck_assert_uint_eq(on_screen(&w), colors[i]);
		if (before >= 0)
			close(before);
	}
	tear_down(&w);
}

TEST(frames_with_points)
{
	check_frames(true);
}

TEST(frames_with_files)
{
	check_frames(false);
}

TEST_TIMEOUT(60)
TEST_MAIN("client-swapchain")
