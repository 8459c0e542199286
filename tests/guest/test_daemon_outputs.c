/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <linux/input-event-codes.h>
#include <signal.h>
#include <unistd.h>

#include "doings.h"
#include "ext-image-copy-capture-v1-client-protocol.h"
#include "input_devices.h"
#include "outputs.h"
#include "own_vkms.h"
#include "presentation-time-client-protocol.h"
#include "recorder.h"
#include "xdg-shell-client-protocol.h"

/* Several displays on one device: each with its own CRTC, planes, flips and captures. */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct scenario {
	struct daemon daemon;
	struct client client;
	struct outputs outputs;
	const char *node;
	char k[32], l[32], m[32]; /* what their outputs are called */
};

/* vkms counts its connectors over all devices, so that only the order is known. */
static void learn_names(struct scenario *s)
{
	unsigned first;
	ck_assert_int_eq(sscanf(s->outputs.list[0].name, "Virtual-%u", &first), 1);
	snprintf(s->k, sizeof(s->k), "Virtual-%u", first);
	snprintf(s->l, sizeof(s->l), "Virtual-%u", first + 1);
	snprintf(s->m, sizeof(s->m), "Virtual-%u", first + 2);
}

static void begin(struct scenario *s, const char *plugged)
{
	*s = (struct scenario){.node = own_vkms_make()};
	for (const char *name = "klm"; *name; name++)
		own_vkms_plug((char[2]){*name}, strchr(plugged, *name));
	/* as small as they can be: each picture is looked at by the CPU */
	daemon_start(&s->daemon, OPTIONS("--device", s->node, "--mode", "640x480"));
	client_connect(&s->client, &s->daemon);
	outputs_init(&s->outputs, &s->client);
	learn_names(s);
}

static void end(struct scenario *s)
{
	outputs_finish(&s->outputs);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
	own_vkms_unmake();
}

static struct seen_output *get(struct scenario *s, const char *name)
{
	struct seen_output *seen = outputs_get(&s->outputs, name);
	ck_assert_msg(seen, "there is no %s", name);
	return seen;
}

static void expect(struct scenario *s, const int *count, int value)
{
	ck_assert_msg(client_wait(&s->client, count, value, PATIENCE_MS),
		"it did not come: error %d", wl_display_get_error(s->client.display));
	ck_assert_int_eq(*count, value);
}

static void show_direct(struct placed *placed)
{
	window_show(&placed->window, &placed->picture);
	ck_assert_uint_ne(placed->window.flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY, 0);
}

/* ---- several at once ----------------------------------------------------------------------- */

TEST(each_has_planes_of_its_own)
{
	struct scenario s;
	struct placed left, right;
	begin(&s, "kl");
	ck_assert_int_eq(s.outputs.n, 2);
	struct seen_output *k = get(&s, s.k), *l = get(&s, s.l);
	ck_assert_int_eq(k->x, 0);
	ck_assert_int_eq(l->x, k->width);
	placed_init(&left, &s.client, k, PICTURE_DMABUF, 1);
	placed_init(&right, &s.client, l, PICTURE_DMABUF, 2);
	for (int i = 0; i < 3; i++) {
		show_direct(&left);
		show_direct(&right);
		expect_on(&s.client, k, &left.picture);
		expect_on(&s.client, l, &right.picture);
	}
	ck_assert_ptr_eq(left.on, k->output);
	ck_assert_ptr_eq(right.on, l->output);
	placed_finish(&left);
	placed_finish(&right);
	end(&s);
}

/* What is composed on one is not on the other, and captures are of the right one. */
TEST(each_is_composed_by_itself)
{
	struct scenario s;
	struct placed left, right;
	begin(&s, "kl");
	placed_init(&left, &s.client, get(&s, s.k), PICTURE_SHM, 1);
	placed_init(&right, &s.client, get(&s, s.l), PICTURE_DMABUF, 2);
	window_show(&left.window, &left.picture);
	show_direct(&right);
	expect_on(&s.client, get(&s, s.k), &left.picture);
	expect_on(&s.client, get(&s, s.l), &right.picture);
	placed_finish(&right);
	client_sync(&s.client);
	expect_on(&s.client, get(&s, s.l), NULL);
	expect_on(&s.client, get(&s, s.k), &left.picture);
	placed_finish(&left);
	end(&s);
}

/* The only overlay can be on either: the first to come has it, and the other one is composed. */
TEST(an_overlay_is_on_one)
{
	struct scenario s;
	struct placed left, right;
	begin(&s, "kl");
	placed_init(&left, &s.client, get(&s, s.k), PICTURE_DMABUF, 1);
	placed_init(&right, &s.client, get(&s, s.l), PICTURE_DMABUF, 2);
	struct placed *const both[] = {&left, &right};
	for (int i = 0; i < 2; i++) {
		picture_finish(&both[i]->picture);
		picture_init(&s.client, &both[i]->picture, PICTURE_DMABUF, 100, 100,
			DRM_FORMAT_XRGB8888);
		picture_draw(&both[i]->picture, (uint32_t)i);
	}
	for (int i = 0; i < 10; i++) {
		window_commit(&right.window, &right.picture);
		window_show(&left.window, &left.picture);
		ck_assert(client_wait(&s.client, &right.window.presented, i + 1, PATIENCE_MS));
	}
	uint32_t zero_copy = WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY;
	ck_assert_uint_eq(left.window.flags & right.window.flags & zero_copy, 0);
	ck_assert(!daemon_said(&s.daemon, "refuses planes"));
	placed_finish(&left);
	placed_finish(&right);
	end(&s);
}

/* It is on one screen until its next flip, and on the other from the next flip there. */
TEST(a_window_moves)
{
	struct scenario s;
	struct placed placed;
	struct picture other;
	begin(&s, "kl");
	placed_init(&placed, &s.client, get(&s, s.k), PICTURE_DMABUF, 1);
	picture_init(&s.client, &other, PICTURE_DMABUF, placed.picture.width, placed.picture.height,
		DRM_FORMAT_XRGB8888);
	picture_draw(&other, 2);
	show_direct(&placed);
	for (int i = 1; i <= 20; i++) {
		struct seen_output *to = get(&s, i % 2 ? s.l : s.k);
		struct picture *before = i % 2 ? &placed.picture : &other;
		xdg_toplevel_set_fullscreen(placed.window.toplevel, to->output);
		window_show(&placed.window, i % 2 ? &other : &placed.picture);
		ck_assert_ptr_eq(placed.on, to->output);
		/* once, when the display that it was on has flipped, too */
		expect(&s, &before->released, (i + 1) / 2);
		if (i % 5)
			continue;
		expect_on(&s.client, to, i % 2 ? &other : &placed.picture);
		expect_on(&s.client, get(&s, i % 2 ? s.k : s.l), NULL);
	}
	picture_finish(&other);
	placed_finish(&placed);
	end(&s);
}

/* The first connector alone could have either CRTC, and the second only the first one. */
TEST(crtcs_for_all)
{
	struct scenario s;
	struct placed placed;
	own_vkms_unmake();
	s.node = own_vkms_make();
	own_vkms_plug("m", true);
	daemon_start(&s.daemon, OPTIONS("--device", s.node, "--mode", "640x480"));
	client_connect(&s.client, &s.daemon);
	outputs_init(&s.outputs, &s.client);
	learn_names(&s);
	ck_assert_int_eq(s.outputs.n, 2);
	placed_init(&placed, &s.client, get(&s, s.m), PICTURE_DMABUF, 1);
	show_direct(&placed);
	expect_on(&s.client, get(&s, s.m), &placed.picture);
	/* a third display finds no CRTC, and is told of */
	own_vkms_plug("l", true);
	for (int i = 0; i < 100 && !daemon_said(&s.daemon, "no CRTC is left"); i++)
		usleep(20000);
	ck_assert(daemon_said(&s.daemon, "no CRTC is left"));
	ck_assert_int_eq(s.outputs.n, 2);
	placed_finish(&placed);
	end(&s);
}

/* ---- the command line ---------------------------------------------------------------------- */

TEST(named_ones)
{
	struct scenario s;
	char option[64], text[256];
	begin(&s, "kl");
	char k[32], l[32];
	snprintf(k, sizeof(k), "%s", s.k);
	snprintf(l, sizeof(l), "%s", s.l);
	outputs_finish(&s.outputs);
	client_disconnect(&s.client);
	ck_assert_int_eq(daemon_stop(&s.daemon, SIGTERM), 0);
	/* in this order, one turned, in modes of their own */
	snprintf(option, sizeof(option), "%s:800x600:90", l);
	daemon_start(&s.daemon, OPTIONS("--device", s.node, "-o", option, "-o", k));
	client_connect(&s.client, &s.daemon);
	outputs_init(&s.outputs, &s.client);
	ck_assert_int_eq(s.outputs.n, 2);
	ck_assert_int_eq(get(&s, l)->x, 0);
	ck_assert_int_eq(get(&s, l)->width, 800);
	ck_assert_int_eq(get(&s, l)->logical_width, 600);
	ck_assert_int_eq(get(&s, k)->x, 600);
	outputs_finish(&s.outputs);
	client_disconnect(&s.client);
	ck_assert_int_eq(daemon_stop(&s.daemon, SIGTERM), 0);
	/* all but one, and one alone */
	snprintf(option, sizeof(option), "%s:off", k);
	daemon_start(&s.daemon, OPTIONS("--device", s.node, "-o", option));
	client_connect(&s.client, &s.daemon);
	outputs_init(&s.outputs, &s.client);
	ck_assert_int_eq(s.outputs.n, 1);
	ck_assert_ptr_nonnull(get(&s, l));
	/* what is plugged in again is off as well */
	own_vkms_plug("k", false);
	own_vkms_plug("k", true);
	client_sync(&s.client);
	ck_assert_int_eq(s.outputs.n, 1);
	outputs_finish(&s.outputs);
	client_disconnect(&s.client);
	ck_assert_int_eq(daemon_stop(&s.daemon, SIGTERM), 0);
	/* what cannot be */
	snprintf(option, sizeof(option), "%s:123x45", l);
	ck_assert_int_eq(
		daemon_run(OPTIONS("--device", s.node, "-o", option, "-o", k), NULL, text), 1);
	ck_assert_msg(strstr(text, "no such mode 123x45"), "%s", text);
	ck_assert_int_eq(daemon_run(OPTIONS("--device", s.node, "-o", "X"), NULL, text), 1);
	ck_assert_msg(strstr(text, "no display X is connected"), "%s", text);
	own_vkms_unmake();
}

/* ---- plugged and unplugged ----------------------------------------------------------------- */

TEST(one_comes_and_goes)
{
	struct scenario s;
	struct placed stays, moves;
	begin(&s, "k");
	ck_assert_int_eq(s.outputs.n, 1);
	placed_init(&stays, &s.client, get(&s, s.k), PICTURE_DMABUF, 1);
	show_direct(&stays);
	for (int round = 0; round < 3; round++) {
		own_vkms_plug("l", true);
		expect(&s, &s.outputs.added, round + 2);
		client_sync(&s.client);
		placed_init(&moves, &s.client, get(&s, s.l), PICTURE_DMABUF, 2);
		show_direct(&moves);
		expect_on(&s.client, get(&s, s.l), &moves.picture);
		expect_on(&s.client, get(&s, s.k), &stays.picture);
		struct wl_output *k = get(&s, s.k)->output;
		int configured = moves.window.configured;
		own_vkms_plug("l", false);
		expect(&s, &s.outputs.removed, round + 1);
		/* it is above what was there, with the same buffer, and hears of it */
		expect(&s, &moves.window.configured, configured + 1);
		ck_assert_ptr_eq(moves.on, k);
		expect_on(&s.client, get(&s, s.k), &moves.picture);
		show_direct(&moves);
		placed_finish(&moves);
		client_sync(&s.client);
		expect_on(&s.client, get(&s, s.k), &stays.picture);
		show_direct(&stays);
	}
	placed_finish(&stays);
	end(&s);
}

/* A frame that waits goes on when its session is destroyed, and not when its display is unplugged. */
TEST(a_frame_outlives_its_session)
{
	struct scenario s;
	struct recorder recorder;
	struct picture picture;
	begin(&s, "kl");
	picture_init(&s.client, &picture, PICTURE_SHM, 640, 480, DRM_FORMAT_XRGB8888);
	struct wl_output *bound = s.client.output;
	s.client.output = get(&s, s.l)->output;
	recorder_init(&recorder, &s.client);
	s.client.output = bound;
	recorder_take(&recorder, picture.buffer);
	/* nothing is new */
	recorder_ask(&recorder, picture.buffer);
	client_sync(&s.client);
	recorder_end_session(&recorder);
	client_sync(&s.client);
	ck_assert_int_eq(recorder.ready + recorder.failed, 0);
	own_vkms_plug("l", false);
	expect(&s, &recorder.failed, 1);
	ck_assert_uint_eq(recorder.reason, EXT_IMAGE_COPY_CAPTURE_FRAME_V1_FAILURE_REASON_STOPPED);
	expect(&s, &s.outputs.removed, 1);
	recorder_finish(&recorder);
	picture_finish(&picture);
	end(&s);
}

/* The second one becomes the first, and clients hear where it is now. */
TEST(the_first_goes)
{
	struct scenario s;
	struct placed placed;
	begin(&s, "kl");
	placed_init(&placed, &s.client, NULL, PICTURE_DMABUF, 1);
	show_direct(&placed);
	ck_assert_ptr_eq(placed.on, get(&s, s.k)->output);
	struct seen_output *l = get(&s, s.l);
	ck_assert_int_ne(l->x, 0);
	int done = l->done;
	own_vkms_plug("k", false);
	expect(&s, &s.outputs.removed, 1);
	ck_assert(client_wait(&s.client, &l->done, done + 1, PATIENCE_MS));
	client_sync(&s.client);
	ck_assert_int_eq(l->x, 0);
	ck_assert_int_eq(l->logical_x, 0);
	ck_assert_ptr_eq(placed.on, l->output);
	show_direct(&placed);
	expect_on(&s.client, l, &placed.picture);
	/* and to the right again, as the device has them */
	own_vkms_plug("k", true);
	expect(&s, &s.outputs.added, 3);
	client_sync(&s.client);
	ck_assert_int_eq(get(&s, s.k)->x, 0);
	ck_assert_int_eq(l->x, get(&s, s.k)->width);
	ck_assert_int_eq(l->logical_x, l->x);
	ck_assert_ptr_eq(placed.on, l->output);
	placed_finish(&placed);
	end(&s);
}

TEST(both_go_and_come)
{
	struct scenario s;
	struct placed left, right;
	begin(&s, "kl");
	placed_init(&left, &s.client, get(&s, s.k), PICTURE_DMABUF, 1);
	placed_init(&right, &s.client, get(&s, s.l), PICTURE_DMABUF, 2);
	show_direct(&left);
	show_direct(&right);
	own_vkms_plug("k", false);
	own_vkms_plug("l", false);
	expect(&s, &s.outputs.removed, 2);
	int frames = right.window.frames;
	window_commit(&right.window, &right.picture);
	expect(&s, &right.window.frames, frames + 1);
	own_vkms_plug("l", true);
	own_vkms_plug("k", true);
	expect(&s, &s.outputs.added, 4);
	client_sync(&s.client);
	/* both are where the first one was lit */
	window_show(&right.window, &right.picture);
	ck_assert_ptr_nonnull(left.on);
	ck_assert_ptr_eq(left.on, right.on);
	xdg_toplevel_set_fullscreen(left.window.toplevel, get(&s, s.k)->output);
	xdg_toplevel_set_fullscreen(right.window.toplevel, get(&s, s.l)->output);
	show_direct(&left);
	show_direct(&right);
	expect_on(&s.client, get(&s, s.k), &left.picture);
	expect_on(&s.client, get(&s, s.l), &right.picture);
	placed_finish(&left);
	placed_finish(&right);
	end(&s);
}

/* At any moment of either's frames; nothing is lost, and nobody hangs. */
TEST(plugged_at_any_time)
{
	struct scenario s;
	struct placed placed[2];
	uint64_t random = harness_seed();
	begin(&s, "kl");
	bool plugged[2] = {true, true};
	for (uint32_t i = 0; i < 2; i++) {
		placed_init(&placed[i], &s.client, get(&s, i ? s.l : s.k), PICTURE_DMABUF, i);
		show_direct(&placed[i]);
	}
	int added = 2, commits = 1;
	for (int round = 0; round < 24; round++, commits++) {
		for (int i = 0; i < 2; i++)
			window_commit(&placed[i].window, &placed[i].picture);
		wl_display_flush(s.client.display);
		usleep((useconds_t)(harness_random(&random) % 20000));
		unsigned which = harness_random(&random) % 2;
		plugged[which] = !plugged[which];
		added += plugged[which];
		own_vkms_plug(which ? "l" : "k", plugged[which]);
	}
	for (unsigned i = 0; i < 2; i++) {
		added += !plugged[i];
		own_vkms_plug(i ? "l" : "k", true);
	}
	for (int i = 0; i < 2; i++)
		expect(&s, &placed[i].window.frames, commits);
	/* plugging that nobody has noticed in between makes no output */
	while (s.outputs.added - s.outputs.removed < 2)
		ck_assert(
			client_wait(&s.client, &s.outputs.added, s.outputs.added + 1, PATIENCE_MS));
	ck_assert_int_le(s.outputs.added, added);
	for (int i = 0; i < 2; i++)
		xdg_toplevel_set_fullscreen(
			placed[i].window.toplevel, get(&s, i ? s.l : s.k)->output);
	for (int i = 0; i < 2; i++) {
		struct seen_output *to = get(&s, i ? s.l : s.k);
		show_direct(&placed[i]);
		expect_on(&s.client, to, &placed[i].picture);
		ck_assert_int_eq(
			placed[i].window.presented + placed[i].window.discarded, commits + 1);
		placed_finish(&placed[i]);
	}
	end(&s);
}

TEST(the_device_goes)
{
	struct scenario s;
	struct placed left, right;
	begin(&s, "kl");
	placed_init(&left, &s.client, get(&s, s.k), PICTURE_DMABUF, 1);
	placed_init(&right, &s.client, get(&s, s.l), PICTURE_DMABUF, 2);
	show_direct(&left);
	show_direct(&right);
	own_vkms_remove();
	expect(&s, &s.outputs.removed, 2);
	window_commit(&left.window, &left.picture);
	window_commit(&right.window, &right.picture);
	expect(&s, &left.window.frames, 2);
	expect(&s, &right.window.frames, 2);
	placed_finish(&left);
	placed_finish(&right);
	end(&s);
}

/* ---- input --------------------------------------------------------------------------------- */

static void move(struct input_device *mouse, int dx)
{
	input_device_send(mouse, EV_REL, REL_X, dx);
	input_device_sync(mouse);
}

/* Over the edge to the window on the other one, and back; a new window comes to where it is. */
TEST(the_pointer_crosses)
{
	struct scenario s;
	struct placed left, right, third;
	struct input_device mouse;
	struct doings doings;
	input_device_init(&mouse, INPUT_MOUSE);
	begin(&s, "kl");
	if (!s.client.seat)
		SKIP("waybufd is built without a seat");
	client_listen(&s.client, &doings);
	placed_init(&left, &s.client, get(&s, s.k), PICTURE_SHM, 1);
	placed_init(&right, &s.client, get(&s, s.l), PICTURE_SHM, 2);
	window_show(&left.window, &left.picture);
	window_show(&right.window, &right.picture);
	expect(&s, &doings.enters, 1);
	ck_assert_ptr_eq(doings.pointed_at, left.window.surface);
	for (int i = 0; i < 500 && doings.pointed_at == left.window.surface; i++) {
		move(&mouse, 20);
		client_sync(&s.client);
	}
	ck_assert(client_wait(&s.client, &doings.enters, 2, PATIENCE_MS));
	ck_assert_ptr_eq(doings.pointed_at, right.window.surface);
	ck_assert(doings.x >= 0 && doings.x < 400);
	placed_init(&third, &s.client, NULL, PICTURE_SHM, 3);
	window_show(&third.window, &third.picture);
	ck_assert_ptr_eq(third.on, get(&s, s.l)->output);
	placed_finish(&third);
	/* with its output it is brought back to the other one */
	own_vkms_plug("l", false);
	expect(&s, &s.outputs.removed, 1);
	for (int i = 0; i < 100 && doings.pointed_at != right.window.surface; i++) {
		move(&mouse, -1);
		client_sync(&s.client);
	}
	ck_assert(doings.x <= right.window.width);
	placed_finish(&left);
	placed_finish(&right);
	doings_finish(&doings);
	end(&s);
	input_device_finish(&mouse);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-outputs")
