/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "ext-image-copy-capture-v1-client-protocol.h"
#include "guest/daemon_ctl.h"
#include "guest/outputs.h"
#include "guest/recorder.h"
#include "xdg-shell-client-protocol.h"

/* Outputs without displays that waybufctl switches; test_daemon_power.c has those with displays. */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct scenario {
	struct daemon daemon;
	struct client client;
	struct outputs outputs;
	struct placed left, right;
};

static void begin(struct scenario *s, const char *const options[])
{
	daemon_start(&s->daemon, options);
	client_connect(&s->client, &s->daemon);
	outputs_init(&s->outputs, &s->client);
	placed_init(&s->left, &s->client, outputs_get(&s->outputs, "HEADLESS-1"), PICTURE_SHM, 1);
	placed_init(&s->right, &s->client, outputs_get(&s->outputs, "HEADLESS-2"), PICTURE_SHM, 2);
}

static void begin_two(struct scenario *s)
{
	begin(s, OPTIONS("--headless=64x48@100", "--headless=80x60@100"));
}

static void end(struct scenario *s)
{
	placed_finish(&s->left);
	placed_finish(&s->right);
	outputs_finish(&s->outputs);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
}

enum { TEXT = 16384 };

static int ctl(const struct scenario *s, const char *arguments, char text[TEXT])
{
	return daemon_ctl(&s->daemon, arguments, text, TEXT);
}

static void power(const struct scenario *s, const char *arguments)
{
	char text[TEXT], line[64];
	snprintf(line, sizeof(line), "power %s", arguments);
	ck_assert_int_eq(ctl(s, line, text), 0);
	ck_assert_str_eq(text, "");
}

static void ask(struct placed *placed)
{
	window_commit(&placed->window, &placed->picture);
}

/* Both have shown the same number of frames so far. */
TEST(one_of_two)
{
	struct scenario s;
	char text[TEXT];
	begin_two(&s);
	power(&s, "HEADLESS-2 off");
	ck_assert_int_eq(ctl(&s, "info --json", text), 0);
	ck_assert_ptr_nonnull(strstr(text, "it is switched off"));
	const int left = s.left.window.frames, right = s.right.window.frames;
	const int discarded = s.right.window.discarded;
	ask(&s.right);
	for (int i = 0; i < 10; i++) {
		ask(&s.left);
		ck_assert(client_wait(&s.client, &s.left.window.frames, left + i + 1, PATIENCE_MS));
	}
	ck_assert_int_eq(s.right.window.frames, right);
	ck_assert_int_eq(s.right.window.discarded, discarded + 1);
	power(&s, "all on");
	ck_assert(client_wait(&s.client, &s.right.window.frames, right + 1, PATIENCE_MS));
	ck_assert_int_eq(ctl(&s, "info --json", text), 0);
	ck_assert_ptr_null(strstr(text, "switched off"));
	expect_on(&s.client, outputs_get(&s.outputs, "HEADLESS-2"), &s.right.picture);
	end(&s);
}

TEST(why_nothing_moves)
{
	struct scenario s;
	char text[TEXT], line[64];
	begin_two(&s);
	power(&s, "all off");
	ask(&s.right);
	ck_assert(client_sync(&s.client));
	snprintf(line, sizeof(line), "why %u",
		wl_proxy_get_id((struct wl_proxy *)s.right.window.surface));
	ck_assert_int_eq(ctl(&s, line, text), 0);
	ck_assert_msg(strstr(text, "switches the output on"), "%s", text);
	const int frames = s.right.window.frames;
	power(&s, "all on");
	ck_assert(client_wait(&s.client, &s.right.window.frames, frames + 1, PATIENCE_MS));
	end(&s);
}

/* ---- what windows are told ------------------------------------------------------------------- */

struct suspended {
	int configured;
	bool is;
};

static void handle_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	struct suspended *suspended = data;
	const uint32_t *state;
	suspended->configured++;
	suspended->is = false;
	wl_array_for_each(state, states)
		suspended->is |= *state == XDG_TOPLEVEL_STATE_SUSPENDED;
}

static void handle_close(void *data, struct xdg_toplevel *toplevel) {}

static void handle_bounds(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height)
{
}

static void handle_capabilities(
	void *data, struct xdg_toplevel *toplevel, struct wl_array *capabilities)
{
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_configure,
	.close = handle_close,
	.configure_bounds = handle_bounds,
	.wm_capabilities = handle_capabilities,
};

static void handle_serial(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	xdg_surface_ack_configure(xdg_surface, serial);
}

static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_serial};

static void expect_suspended(struct scenario *s, const struct suspended *suspended, bool wanted)
{
	/* what follows an acknowledgement, too */
	ck_assert(client_sync(&s->client) && client_sync(&s->client));
	ck_assert_int_gt(suspended->configured, 0);
	ck_assert_int_eq(suspended->is, wanted);
}

/* One that has no content yet is told as well, and one that comes later. */
TEST(windows_are_suspended)
{
	struct scenario s;
	struct suspended suspended = {0};
	begin_two(&s);
	struct xdg_wm_base *wm_base = client_bind(&s.client, &xdg_wm_base_interface, 6);
	struct wl_surface *surface = wl_compositor_create_surface(s.client.compositor);
	power(&s, "all off");
	struct xdg_surface *xdg_surface = xdg_wm_base_get_xdg_surface(wm_base, surface);
	xdg_surface_add_listener(xdg_surface, &xdg_surface_listener, NULL);
	struct xdg_toplevel *toplevel = xdg_surface_get_toplevel(xdg_surface);
	xdg_toplevel_add_listener(toplevel, &toplevel_listener, &suspended);
	wl_surface_commit(surface);
	expect_suspended(&s, &suspended, true);
	power(&s, "all on");
	expect_suspended(&s, &suspended, false);
	power(&s, "all off");
	expect_suspended(&s, &suspended, true);
	xdg_toplevel_set_maximized(toplevel);
	expect_suspended(&s, &suspended, true);
	power(&s, "all on");
	expect_suspended(&s, &suspended, false);
	xdg_toplevel_destroy(toplevel);
	xdg_surface_destroy(xdg_surface);
	wl_surface_destroy(surface);
	xdg_wm_base_destroy(wm_base);
	end(&s);
}

/* ---- captures -------------------------------------------------------------------------------- */

TEST(a_screenshot_of_nothing)
{
	struct scenario s;
	char text[TEXT];
	begin_two(&s);
	power(&s, "HEADLESS-1 off");
	ck_assert_int_eq(ctl(&s, "screenshot -", text), 1);
	ck_assert_msg(strstr(text, "switched off"), "%s", text);
	power(&s, "HEADLESS-1 on");
	ck_assert_int_eq(ctl(&s, "screenshot -", text), 0);
	end(&s);
}

/* Who films is not disturbed: nothing changes, so there is nothing to be told. */
TEST(filmed_meanwhile)
{
	struct scenario s;
	struct recorder recorder;
	struct picture into;
	begin_two(&s);
	recorder_init(&recorder, &s.client);
	picture_init(&s.client, &into, PICTURE_SHM, recorder.width, recorder.height,
		DRM_FORMAT_XRGB8888);
	recorder_take(&recorder, into.buffer);
	power(&s, "HEADLESS-1 off");
	recorder_ask(&recorder, into.buffer);
	picture_draw(&s.left.picture, 7);
	ask(&s.left);
	ck_assert(!recorder_wait(&recorder, 100));
	ck_assert_int_eq(recorder.failed + recorder.stopped, 0);
	power(&s, "HEADLESS-1 on");
	ck_assert(recorder_wait(&recorder, PATIENCE_MS));
	ck_assert_uint_eq(picture_pixel(&into, 5, 5), picture_pixel(&s.left.picture, 5, 5));
	picture_finish(&into);
	recorder_finish(&recorder);
	end(&s);
}

TEST(commands_that_are_wrong)
{
	static const struct {
		const char *arguments;
		int status;
		const char *needle;
	} wrong[] = {
		{"power", 2, "power takes"},
		{"power all", 2, "power takes"},
		{"power all dim", 2, "power takes"},
		{"power '' off", 2, "power takes"},
		{"power all off now", 2, "power takes"},
		{"power --output HEADLESS-1 off", 2, "power takes"},
		{"power HDMI-A-1 off", 1, "no such output"},
	};
	struct scenario s;
	char text[TEXT];
	begin_two(&s);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(ctl(&s, wrong[i].arguments, text), wrong[i].status);
		ck_assert_msg(strstr(text, wrong[i].needle), "%s", text);
	}
	end(&s);
}

/* Those of headless outputs have no input, and so are off for good, or until somebody says so. */
TEST(off_without_input)
{
	struct scenario s;
	char text[TEXT] = "";
	if (daemon_run(OPTIONS("--headless", "--idle-off", "60", "--", "true"), NULL, text) == 1) {
		ck_assert_ptr_nonnull(strstr(text, "built without"));
		SKIP("waybufd is built without input");
	}
	text[0] = '\0';
	begin(&s, OPTIONS("--headless=64x48@100", "--headless=80x60@100", "--idle-off", "1"));
	for (int i = 0; i < 100 && !strstr(text, "as there was no input"); i++) {
		usleep(100000);
		ck_assert_int_eq(ctl(&s, "info --json", text), 0);
	}
	ck_assert_ptr_nonnull(strstr(text, "as there was no input"));
	const int frames = s.left.window.frames;
	ask(&s.left);
	power(&s, "all on");
	ck_assert(client_wait(&s.client, &s.left.window.frames, frames + 1, PATIENCE_MS));
	end(&s);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-switch")
