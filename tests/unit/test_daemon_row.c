/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>

#include "guest/outputs.h"
#include "xdg-shell-client-protocol.h"

/* Several outputs, without a display; guest/test_daemon_outputs.c has those with displays. */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct scenario {
	struct daemon daemon;
	struct client client;
	struct outputs outputs;
	struct seen_output *left, *right;
};

static void begin(struct scenario *s, const char *const options[])
{
	daemon_start(&s->daemon, options);
	client_connect(&s->client, &s->daemon);
	outputs_init(&s->outputs, &s->client);
	s->left = outputs_get(&s->outputs, "HEADLESS-1");
	s->right = outputs_get(&s->outputs, "HEADLESS-2");
	ck_assert(s->left && s->right);
}

static void end(struct scenario *s)
{
	outputs_finish(&s->outputs);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
}

static void begin_two(struct scenario *s)
{
	begin(s, OPTIONS("--headless=320x200@50", "--headless=240x160@100"));
}

TEST(they_stand_in_a_row)
{
	struct scenario s;
	begin(&s,
		OPTIONS("--headless=320x200", "--headless", "--headless=64x48", "--transform", "90",
			"--mode", "100x80"));
	struct seen_output *third = outputs_get(&s.outputs, "HEADLESS-3");
	ck_assert_int_eq(s.outputs.n, 3);
	ck_assert_int_eq(s.left->x, 0);
	ck_assert_int_eq(s.left->logical_x, 0);
	ck_assert_int_eq(s.left->logical_width, 200);
	ck_assert_int_eq(s.left->logical_height, 320);
	/* turned as they are, and in the common mode where they have none of their own */
	ck_assert_int_eq(s.right->width, 100);
	ck_assert_int_eq(s.right->height, 80);
	ck_assert_int_eq(s.right->x, 200);
	ck_assert_int_eq(s.right->logical_x, 200);
	ck_assert_int_eq(third->x, 280);
	ck_assert_int_eq(third->logical_x, 280);
	ck_assert_int_eq(third->y, 0);
	end(&s);
}

TEST(each_shows_its_own)
{
	struct scenario s;
	struct placed left, right;
	begin_two(&s);
	placed_init(&left, &s.client, s.left, PICTURE_SHM, 1);
	placed_init(&right, &s.client, s.right, PICTURE_SHM, 2);
	ck_assert_int_eq(left.window.width, 320);
	ck_assert_int_eq(right.window.width, 240);
	ck_assert_int_eq(right.window.height, 160);
	window_show(&left.window, &left.picture);
	window_show(&right.window, &right.picture);
	client_sync(&s.client);
	ck_assert_ptr_eq(left.on, s.left->output);
	ck_assert_ptr_eq(right.on, s.right->output);
	expect_on(&s.client, s.left, &left.picture);
	expect_on(&s.client, s.right, &right.picture);
	ck_assert_int_eq(left.entered, 1);
	ck_assert_int_eq(right.entered, 1);
	/* the fixture has bound the first one, too */
	ck_assert_int_eq(left.window.outputs, 2);
	ck_assert_int_eq(right.window.outputs, 1);
	placed_finish(&left);
	placed_finish(&right);
	end(&s);
}

static void handle_callback(void *data, struct wl_callback *callback, uint32_t time)
{
	wl_callback_destroy(callback);
	*(int *)data += 1;
}

static const struct wl_callback_listener callback_listener = {.done = handle_callback};

/* Not at once, and nobody waits for ever. */
TEST(callback_of_what_is_unmapped)
{
	struct scenario s;
	struct placed placed;
	int answered = 0;
	begin_two(&s);
	placed_init(&placed, &s.client, s.right, PICTURE_SHM, 1);
	window_show(&placed.window, &placed.picture);
	struct wl_callback *callback = wl_surface_frame(placed.window.surface);
	wl_callback_add_listener(callback, &callback_listener, &answered);
	wl_surface_attach(placed.window.surface, NULL, 0, 0);
	wl_surface_commit(placed.window.surface);
	ck_assert(client_wait(&s.client, &answered, 1, PATIENCE_MS));
	placed_finish(&placed);
	end(&s);
}

/* One that is asked for nothing is on the first. */
TEST(windows_come_to_the_first)
{
	struct scenario s;
	struct placed placed;
	begin_two(&s);
	placed_init(&placed, &s.client, NULL, PICTURE_SHM, 1);
	window_show(&placed.window, &placed.picture);
	expect_on(&s.client, s.left, &placed.picture);
	expect_on(&s.client, s.right, NULL);
	placed_finish(&placed);
	end(&s);
}

TEST(a_window_moves)
{
	struct scenario s;
	struct placed placed;
	begin_two(&s);
	placed_init(&placed, &s.client, s.left, PICTURE_SHM, 1);
	window_show(&placed.window, &placed.picture);
	int configured = placed.window.configured;
	xdg_toplevel_set_fullscreen(placed.window.toplevel, s.right->output);
	client_sync(&s.client);
	ck_assert_int_eq(placed.window.configured, configured + 1);
	ck_assert_int_eq(placed.window.width, 240);
	ck_assert_ptr_eq(placed.on, s.right->output);
	ck_assert_int_eq(placed.left, 1);
	placed_redraw(&placed, PICTURE_SHM, 2);
	window_show(&placed.window, &placed.picture);
	expect_on(&s.client, s.right, &placed.picture);
	expect_on(&s.client, s.left, NULL);
	/* to where it is, or to nowhere, is no move */
	xdg_toplevel_set_fullscreen(placed.window.toplevel, s.right->output);
	xdg_toplevel_set_fullscreen(placed.window.toplevel, NULL);
	client_sync(&s.client);
	ck_assert_int_eq(placed.window.configured, configured + 3);
	ck_assert_int_eq(placed.entered, 2);
	placed_finish(&placed);
	end(&s);
}

/* Before it is mapped it has no content anywhere, and only hears of the size. */
TEST(a_window_moves_before_it_is_seen)
{
	struct scenario s;
	struct placed placed;
	begin_two(&s);
	placed_init(&placed, &s.client, s.left, PICTURE_SHM, 1);
	xdg_toplevel_set_fullscreen(placed.window.toplevel, s.right->output);
	client_sync(&s.client);
	placed_redraw(&placed, PICTURE_SHM, 3);
	window_show(&placed.window, &placed.picture);
	ck_assert_int_eq(placed.entered, 1);
	ck_assert_int_eq(placed.left, 0);
	expect_on(&s.client, s.right, &placed.picture);
	placed_finish(&placed);
	end(&s);
}

/* Whatever is under way on either, no callback is lost, and no buffer. */
TEST(to_and_fro)
{
	struct scenario s;
	struct placed placed;
	struct picture other;
	begin_two(&s);
	placed_init(&placed, &s.client, s.left, PICTURE_SHM, 1);
	picture_init(&s.client, &other, PICTURE_SHM, 100, 100, DRM_FORMAT_XRGB8888);
	picture_draw(&other, 5);
	for (int i = 0; i < 60; i++) {
		const struct seen_output *to = i % 3 ? s.right : s.left;
		window_commit(&placed.window, i % 2 ? &placed.picture : &other);
		xdg_toplevel_set_fullscreen(placed.window.toplevel, to->output);
		if (i % 4 == 0)
			client_sync(&s.client);
	}
	ck_assert(client_wait(&s.client, &placed.window.frames, 60, PATIENCE_MS));
	client_sync(&s.client);
	ck_assert_int_eq(placed.window.presented + placed.window.discarded, 60);
	window_show(&placed.window, &placed.picture);
	wl_surface_attach(placed.window.surface, NULL, 0, 0);
	wl_surface_commit(placed.window.surface);
	client_sync(&s.client);
	ck_assert_int_gt(placed.picture.released, 0);
	ck_assert_int_gt(other.released, 0);
	expect_on(&s.client, s.left, NULL);
	expect_on(&s.client, s.right, NULL);
	picture_finish(&other);
	placed_finish(&placed);
	end(&s);
}

static struct wl_subsurface *add_child(
	struct placed *placed, struct wl_surface *child, struct picture *picture)
{
	struct client *client = placed->window.client;
	struct wl_subsurface *subsurface = wl_subcompositor_get_subsurface(
		client->subcompositor, child, placed->window.surface);
	wl_subsurface_set_desync(subsurface);
	wl_surface_attach(child, picture->buffer, 0, 0);
	wl_surface_commit(child);
	return subsurface;
}

static void handle_child_enter(void *data, struct wl_surface *surface, struct wl_output *output)
{
	*(struct wl_output **)data = output;
}

static void handle_child_leave(void *data, struct wl_surface *surface, struct wl_output *output) {}

static void handle_child_scale(void *data, struct wl_surface *surface, int32_t scale) {}

static void handle_child_transform(void *data, struct wl_surface *surface, uint32_t transform) {}

static const struct wl_surface_listener child_listener = {
	.enter = handle_child_enter,
	.leave = handle_child_leave,
	.preferred_buffer_scale = handle_child_scale,
	.preferred_buffer_transform = handle_child_transform,
};

TEST(subsurfaces_follow)
{
	struct scenario s;
	struct placed placed;
	struct picture picture;
	struct wl_output *on = NULL;
	begin_two(&s);
	placed_init(&placed, &s.client, s.right, PICTURE_SHM, 1);
	picture_init(&s.client, &picture, PICTURE_SHM, 200, 100, DRM_FORMAT_XRGB8888);
	picture_draw(&picture, 2);
	struct wl_surface *child = wl_compositor_create_surface(s.client.compositor);
	wl_surface_add_listener(child, &child_listener, &on);
	struct wl_subsurface *subsurface = add_child(&placed, child, &picture);
	memset(placed.picture.pixels, 0, placed.picture.size);
	window_show(&placed.window, &placed.picture);
	ck_assert_ptr_eq(on, s.right->output);
	expect_on(&s.client, s.right, &picture);
	xdg_toplevel_set_fullscreen(placed.window.toplevel, s.left->output);
	client_sync(&s.client);
	ck_assert_ptr_ne(on, s.right->output);
	expect_on(&s.client, s.right, NULL);
	wl_subsurface_destroy(subsurface);
	wl_surface_destroy(child);
	window_show(&placed.window, &placed.picture);
	picture_finish(&picture);
	placed_finish(&placed);
	end(&s);
}

/* Twice as many vblanks on the right as on the left, and neither waits for the other. */
TEST(each_has_its_own_vblanks)
{
	struct scenario s;
	struct placed left, right;
	begin_two(&s);
	placed_init(&left, &s.client, s.left, PICTURE_SHM, 1);
	placed_init(&right, &s.client, s.right, PICTURE_SHM, 2);
	window_show(&left.window, &left.picture);
	window_show(&right.window, &right.picture);
	uint64_t left_ns = left.window.presented_ns, right_ns = right.window.presented_ns;
	uint32_t left_at = left.window.sequence, right_at = right.window.sequence;
	for (int i = 0; i < 10; i++) {
		window_commit(&left.window, &left.picture);
		window_show(&right.window, &right.picture);
		ck_assert(client_wait(&s.client, &left.window.presented, i + 2, PATIENCE_MS));
	}
	ck_assert_uint_eq(left.window.presented_ns - left_ns,
		(uint64_t)(left.window.sequence - left_at) * 20000000);
	ck_assert_uint_eq(right.window.presented_ns - right_ns,
		(uint64_t)(right.window.sequence - right_at) * 10000000);
	placed_finish(&left);
	placed_finish(&right);
	end(&s);
}

static void check_refused(const char *option, const char *why)
{
	char text[256];
	ck_assert_int_eq(daemon_run(OPTIONS(option), NULL, text), 2);
	ck_assert_msg(strstr(text, why), "%s: %s", option, text);
}

TEST(wrong_options)
{
	const char *const outputs[] = {"--output=", "--output=A:", "--output=A:1x", "--output=A:45",
		"--output=:off", "--output=A:off:", "--output=A:0x0",
		"--output=a-name-that-is-longer-than-32-bytes"};
	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
		check_refused(outputs[i], "--output wants a display's name");
	check_refused("--headless=1x1@2000", "from 1 to 1000 Hz");
	char text[256];
	ck_assert_int_eq(daemon_run(OPTIONS("--output=A", "-oA:off"), NULL, text), 2);
	ck_assert_int_eq(daemon_run(OPTIONS("--output=A", "--headless"), NULL, text), 2);
	const char *many[18] = {NULL};
	for (int i = 0; i < 17; i++)
		many[i] = "--headless";
	ck_assert_int_eq(daemon_run(many, NULL, text), 2);
	ck_assert_msg(strstr(text, "16 times"), "%s", text);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-row")
