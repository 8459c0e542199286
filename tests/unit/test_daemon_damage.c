/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>

#include "guest/daemon_ctl.h"
#include "guest/daemon_fixture.h"
#include "guest/recorder.h"

/* No more is drawn and copied than changes; test_daemon_damage_random.c tells that it is enough. */

/* A frame that is new in 10 x 10 pixels. */
static void show_a_little(struct window *window, struct picture *picture, int32_t x, int32_t y)
{
	int frames = window->frames;
	callback_count(wl_surface_frame(window->surface), &window->frames);
	wl_surface_attach(window->surface, picture->buffer, 0, 0);
	wl_surface_damage_buffer(window->surface, x, y, 10, 10);
	wl_surface_commit(window->surface);
	ck_assert(client_wait(window->client, &window->frames, frames + 1, PATIENCE_MS));
}

TEST(no_more_than_changed)
{
	static const char *const options[] = {"--headless=320x200@100", NULL};
	struct daemon daemon;
	struct client client;
	struct window below, above;
	struct picture large, small;
	daemon_start(&daemon, options);
	client_connect(&client, &daemon);
	window_init(&below, &client);
	picture_init(&client, &large, PICTURE_SHM, 320, 200, DRM_FORMAT_XRGB8888);
	picture_init(&client, &small, PICTURE_SHM, 100, 100, DRM_FORMAT_XRGB8888);
	/* there are two images, and each gets all of it once */
	window_show(&below, &large);
	ck_assert_uint_eq(daemon_number(&daemon, "last_drawn_pixels"), 320 * 200);
	/* nobody else draws */
	ck_assert_uint_eq(daemon_number(&daemon, "waits"), 0);
	show_a_little(&below, &large, 10, 10);
	ck_assert_uint_eq(daemon_number(&daemon, "last_drawn_pixels"), 320 * 200);
	/* from then on what is new in this frame and in the one before */
	show_a_little(&below, &large, 50, 10);
	ck_assert_uint_eq(daemon_number(&daemon, "last_drawn_pixels"), 200);
	show_a_little(&below, &large, 50, 10);
	ck_assert_uint_eq(daemon_number(&daemon, "last_drawn_pixels"), 100);
	/* what comes is drawn, and what it hides is not */
	window_init(&above, &client);
	window_show(&above, &small);
	ck_assert_uint_eq(daemon_number(&daemon, "last_drawn_pixels"), 100 * 100 + 100);
	show_a_little(&below, &large, 105, 100);
	show_a_little(&below, &large, 105, 100);
	ck_assert_uint_eq(daemon_number(&daemon, "last_drawn_pixels"), 50);
	/* and when it goes, what it has hidden */
	wl_surface_attach(above.surface, NULL, 0, 0);
	wl_surface_commit(above.surface);
	show_a_little(&below, &large, 0, 0);
	show_a_little(&below, &large, 0, 0);
	show_a_little(&below, &large, 0, 0);
	ck_assert_uint_eq(daemon_number(&daemon, "last_drawn_pixels"), 100);
	window_finish(&above);
	window_finish(&below);
	picture_finish(&small);
	picture_finish(&large);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

static bool is_same(const struct picture *a, const struct picture *b)
{
	for (uint32_t y = 0; y < a->height; y++)
		for (uint32_t x = 0; x < a->width; x++)
			if ((picture_pixel(a, x, y) ^ picture_pixel(b, x, y)) & 0xffffff)
				return false;
	return true;
}

/* A recorder waits for what is new, is told where that is, and has it copied and nothing else. */
TEST(recorder)
{
	static const char *const options[] = {"--headless=320x200@100", NULL};
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture shown, targets[2];
	struct recorder recorder;
	daemon_start(&daemon, options);
	client_connect(&client, &daemon);
	window_init(&window, &client);
	picture_init(&client, &shown, PICTURE_SHM, 320, 200, DRM_FORMAT_XRGB8888);
	for (int i = 0; i < 2; i++)
		picture_init(&client, &targets[i], PICTURE_SHM, 320, 200, DRM_FORMAT_XRGB8888);
	picture_draw(&shown, 1);
	window_show(&window, &shown);
	recorder_init(&recorder, &client);
	/* no device, no dma-bufs */
	ck_assert_uint_eq(recorder.n_dmabuf_formats, 0);
	recorder_take(&recorder, targets[0].buffer);
	ck_assert(is_same(&targets[0], &shown));
	ck_assert_uint_eq(recorder.time_ns, window.presented_ns);
	recorder_ask(&recorder, targets[0].buffer);
	ck_assert(!recorder_wait(&recorder, 200));
	/* what was not damaged is not looked at */
	memset(targets[0].pixels, 0, 320 * 4);
	picture_draw(&shown, 2);
	show_a_little(&window, &shown, 30, 40);
	ck_assert(recorder_wait(&recorder, PATIENCE_MS));
	ck_assert_uint_eq(recorder.n_boxes, 1);
	ck_assert_int_eq(recorder.boxes[0].x, 30);
	ck_assert_int_eq(recorder.boxes[0].y, 40);
	ck_assert_int_eq(recorder.boxes[0].width, 10);
	ck_assert_int_eq(recorder.boxes[0].height, 10);
	ck_assert_uint_eq(picture_pixel(&targets[0], 5, 0) & 0xffffff, 0);
	ck_assert_uint_eq(picture_pixel(&targets[0], 39, 49) & 0xffffff,
		picture_pixel(&shown, 39, 49) & 0xffffff);
	/* another buffer misses more than the session does, and says so */
	window_show(&window, &shown);
	recorder_ask_damaged(&recorder, targets[1].buffer, 0, 0, 320, 200);
	ck_assert(recorder_wait(&recorder, PATIENCE_MS));
	ck_assert(is_same(&targets[1], &shown));
	recorder_finish(&recorder);
	for (int i = 0; i < 2; i++)
		picture_finish(&targets[i]);
	picture_finish(&shown);
	window_finish(&window);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST_MAIN("daemon-damage")
