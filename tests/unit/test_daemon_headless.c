/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>

#include "guest/daemon_ctl.h"
#include "guest/daemon_fixture.h"
#include "guest/reference.h"
#include "xdg-output-unstable-v1-client-protocol.h"

/* waybufd without a display, which needs no device of any kind. */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PERIOD_NS 20000000

struct scenario {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture pictures[2];
};

static void begin_with(
	struct scenario *s, const char *const options[], uint32_t width, uint32_t height)
{
	daemon_start(&s->daemon, options);
	client_connect(&s->client, &s->daemon);
	window_init(&s->window, &s->client);
	for (int i = 0; i < 2; i++) {
		picture_init(&s->client, &s->pictures[i], PICTURE_SHM, width, height,
			DRM_FORMAT_XRGB8888);
		picture_draw(&s->pictures[i], (uint32_t)i);
	}
}

static void begin(struct scenario *s, uint32_t width, uint32_t height)
{
	begin_with(s, OPTIONS("--headless=320x200@50"), width, height);
}

static void end(struct scenario *s)
{
	for (int i = 0; i < 2; i++)
		picture_finish(&s->pictures[i]);
	window_finish(&s->window);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
}

/* @wanted in the middle of black. */
static void expect_picture(struct scenario *s, const struct picture *wanted)
{
	struct picture capture;
	capture_output(&s->client, &capture);
	uint32_t left = (capture.width - wanted->width) / 2;
	uint32_t top = (capture.height - wanted->height) / 2;
	for (uint32_t y = 0; y < capture.height; y++) {
		for (uint32_t x = 0; x < capture.width; x++) {
			bool inside = x - left < wanted->width && y - top < wanted->height;
			uint32_t color = inside ? picture_pixel(wanted, x - left, y - top) : 0;
			ck_assert_uint_eq(
				picture_pixel(&capture, x, y) & 0xffffff, color & 0xffffff);
		}
	}
	picture_finish(&capture);
}

/* As waybufctl has it, where that is built. */
static void expect_renderer(const struct daemon *daemon, const char *name)
{
	char text[8192], wanted[64];
	if (!getenv("WAYBUFCTL"))
		return;
	ck_assert_int_eq(daemon_ctl(daemon, "info", text, sizeof(text)), 0);
	snprintf(wanted, sizeof(wanted), "renderer\n  name         %s\n", name);
	ck_assert_msg(strstr(text, wanted), "%s", text);
}

/* Upright for clients, and turned in captures, as a display would be. */
TEST(turned)
{
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture picture;
	daemon_start(&daemon, OPTIONS("--headless=320x200@50", "--transform", "flipped-90"));
	client_connect(&client, &daemon);
	struct zxdg_output_manager_v1 *manager =
		client_bind(&client, &zxdg_output_manager_v1_interface, 3);
	struct zxdg_output_v1 *output =
		zxdg_output_manager_v1_get_xdg_output(manager, client.output);
	window_init(&window, &client);
	ck_assert_int_eq(window.width, 200);
	ck_assert_int_eq(window.height, 320);
	picture_init(&client, &picture, PICTURE_SHM, 100, 50, DRM_FORMAT_XRGB8888);
	picture_draw(&picture, 1);
	window_show(&window, &picture);
	const struct reference_layer layer = {.picture = &picture, .x = 50, .y = 135};
	reference_check(&client, WL_OUTPUT_TRANSFORM_FLIPPED_90, &layer, 1, 0);
	zxdg_output_v1_destroy(output);
	zxdg_output_manager_v1_destroy(manager);
	picture_finish(&picture);
	window_finish(&window);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST(what_is_shown_is_captured)
{
	struct scenario s;
	begin(&s, 320, 200);
	ck_assert_int_eq(s.client.width, 320);
	ck_assert_int_eq(s.client.height, 200);
	ck_assert_int_eq(s.window.width, 320);
	ck_assert_int_eq(s.window.height, 200);
	/* there is no device that they could name */
	ck_assert_ptr_null(s.client.dmabuf);
	ck_assert_ptr_null(s.client.syncobj);
	for (int i = 0; i < 4; i++) {
		window_show(&s.window, &s.pictures[i % 2]);
		expect_picture(&s, &s.pictures[i % 2]);
	}
	end(&s);
}

TEST(what_is_smaller_is_in_the_middle)
{
	struct scenario s;
	begin(&s, 100, 60);
	expect_renderer(&s.daemon, "pixman");
	window_show(&s.window, &s.pictures[0]);
	expect_picture(&s, &s.pictures[0]);
	wl_surface_attach(s.window.surface, NULL, 0, 0);
	wl_surface_commit(s.window.surface);
	client_sync(&s.client);
	end(&s);
}

TEST(vblanks_are_a_period_apart)
{
	struct scenario s;
	begin(&s, 64, 64);
	uint64_t last_ns = 0;
	uint32_t last = 0;
	for (int i = 0; i < 20; i++) {
		window_show(&s.window, &s.pictures[i % 2]);
		/* no retrace, no hardware, and the pixels were copied */
		ck_assert_uint_eq(s.window.flags, 0);
		if (i > 0) {
			ck_assert_uint_gt(s.window.sequence, last);
			ck_assert_uint_eq(s.window.presented_ns - last_ns,
				(uint64_t)(s.window.sequence - last) * PERIOD_NS);
		}
		last_ns = s.window.presented_ns;
		last = s.window.sequence;
	}
	ck_assert_int_eq(s.window.frames, 20);
	client_sync(&s.client);
	ck_assert_int_eq(s.pictures[0].released, 10);
	end(&s);
}

/* Mesa's software renderer, without its threads and passes: they would be slower here. */
TEST(composed_by_gles)
{
	struct scenario s;
	char text[256];
	setenv("LP_NUM_THREADS", "0", 1);
	setenv("GALLIVM_PERF", "nopt", 1);
	int status = daemon_run(
		OPTIONS("--headless", "--renderer", "gles", "--log", "error", "--", "true"), NULL,
		text);
	if (status == 1 && strstr(text, "EGL"))
		SKIP("%s", text);
	ck_assert_int_eq(status, 0);
	begin_with(&s, OPTIONS("--headless=320x200@50", "--renderer", "gles"), 100, 60);
	expect_renderer(&s.daemon, "gles");
	for (int i = 0; i < 3; i++) {
		window_show(&s.window, &s.pictures[i % 2]);
		expect_picture(&s, &s.pictures[i % 2]);
	}
	end(&s);
}

TEST(gles_that_cannot_be_had)
{
	char text[256];
	/* no driver of EGL's is there */
	setenv("__EGL_VENDOR_LIBRARY_DIRS", "/nonexistent", 1);
	ck_assert_int_eq(daemon_run(OPTIONS("--headless", "--renderer", "gles", "--log", "error",
					    "--", "true"),
				 NULL, text),
		1);
	ck_assert_msg(strstr(text, "--renderer gles cannot be had"), "%s", text);
	/* nobody has asked for it */
	ck_assert_int_eq(
		daemon_run(OPTIONS("--headless", "--renderer", "auto", "--", "true"), NULL, text),
		0);
	ck_assert_int_eq(daemon_run(OPTIONS("--headless", "--log", "error", "--renderer", "vulkan"),
				 NULL, text),
		2);
	ck_assert_msg(strstr(text, "--renderer wants auto, pixman or gles"), "%s", text);
}

TEST(runs_a_command)
{
	char text[256];
	ck_assert_int_eq(
		daemon_run(OPTIONS("--headless", "--", "sh", "-c", "exit 7"), NULL, text), 7);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-headless")
