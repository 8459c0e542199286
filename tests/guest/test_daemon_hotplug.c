/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "own_vkms.h"
#include "presentation-time-client-protocol.h"

/* Displays that are unplugged and plugged in, and a device that goes: a vkms of our own making. */

static void unplug(void)
{
	own_vkms_plug("k", false);
}

static void plug(void)
{
	own_vkms_plug("k", true);
}

/* ---- a client that looks after outputs ----------------------------------------------------- */

struct scenario {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture pictures[3];
	struct wl_registry *registry;
	struct wl_output *output; /* bound last */
	int added, removed, entered, left;
	int commits;
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct scenario *s = data;
	if (strcmp(interface, "wl_output") != 0)
		return;
	s->added++;
	if (s->output)
		wl_output_destroy(s->output);
	s->output = wl_registry_bind(registry, name, &wl_output_interface, 1);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	((struct scenario *)data)->removed++;
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void handle_enter(void *data, struct wl_surface *surface, struct wl_output *output)
{
	((struct scenario *)data)->entered++;
}

static void handle_leave(void *data, struct wl_surface *surface, struct wl_output *output)
{
	((struct scenario *)data)->left++;
}

static const struct wl_surface_listener surface_listener = {
	.enter = handle_enter,
	.leave = handle_leave,
};

static void begin(struct scenario *s, enum picture_memory memory)
{
	*s = (struct scenario){0};
	daemon_start(&s->daemon, (const char *const[]){"--device", own_vkms_make(), NULL});
	client_connect(&s->client, &s->daemon);
	s->registry = wl_display_get_registry(s->client.display);
	wl_registry_add_listener(s->registry, &registry_listener, s);
	client_sync(&s->client);
	window_init(&s->window, &s->client);
	wl_surface_add_listener(s->window.surface, &surface_listener, s);
	for (int i = 0; i < 3; i++) {
		picture_init(&s->client, &s->pictures[i], memory, (uint32_t)s->client.width,
			(uint32_t)s->client.height, DRM_FORMAT_XRGB8888);
		picture_draw(&s->pictures[i], (uint32_t)i);
	}
}

static void end(struct scenario *s)
{
	for (int i = 0; i < 3; i++)
		picture_finish(&s->pictures[i]);
	window_finish(&s->window);
	wl_registry_destroy(s->registry);
	wl_output_destroy(s->output);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
	own_vkms_unmake();
}

static void expect(struct scenario *s, const int *count, int value)
{
	ck_assert_msg(client_wait(&s->client, count, value, PATIENCE_MS),
		"it did not come: error %d", wl_display_get_error(s->client.display));
	ck_assert_int_eq(*count, value);
}

static void expect_picture(struct scenario *s, const struct picture *wanted)
{
	struct picture capture;
	struct client eye = s->client;
	/* the one that it has bound first is gone by now */
	eye.output = s->output;
	capture_output(&eye, &capture);
	for (uint32_t y = 0; y < capture.height; y += 7)
		for (uint32_t x = 0; x < capture.width; x += 5)
			ck_assert_uint_eq(picture_pixel(&capture, x, y) & 0xffffff,
				picture_pixel(wanted, x, y) & 0xffffff);
	picture_finish(&capture);
}

static void unplug_and_plug(enum picture_memory memory)
{
	struct scenario s;
	begin(&s, memory);
	window_show(&s.window, &s.pictures[0]);
	window_show(&s.window, &s.pictures[1]);
	client_sync(&s.client);
	/* it has bound the output twice */
	ck_assert_int_eq(s.entered, 2);
	for (int round = 0; round < 3; round++) {
		int released = s.pictures[1].released, presented = s.window.presented;
		unplug();
		expect(&s, &s.removed, round + 1);
		expect(&s, &s.left, round + 2);
		/* a plane's buffer comes back when the display is off, a copied one has done so */
		if (memory == PICTURE_DMABUF) {
			window_commit(&s.window, &s.pictures[2]);
			expect(&s, &s.pictures[1].released, released + 1);
		} else {
			window_commit(&s.window, &s.pictures[2]);
		}
		expect(&s, &s.window.frames, 4 * round + 3);
		ck_assert_int_eq(s.window.presented, presented);
		expect(&s, &s.window.discarded, round + 1);
		plug();
		expect(&s, &s.added, round + 2);
		expect(&s, &s.entered, round + 3);
		window_show(&s.window, &s.pictures[0]);
		expect_picture(&s, &s.pictures[0]);
		window_show(&s.window, &s.pictures[2]);
		window_show(&s.window, &s.pictures[1]);
	}
	client_sync(&s.client);
	ck_assert_int_eq(s.pictures[0].released, 4);
	ck_assert_int_eq(s.pictures[2].released, 6);
	end(&s);
}

TEST(unplugged_under_a_plane)
{
	unplug_and_plug(PICTURE_DMABUF);
}

TEST(unplugged_under_a_composed_window)
{
	unplug_and_plug(PICTURE_SHM);
}

/* At any moment between a commit and its flip. */
TEST(unplugged_at_any_time)
{
	struct scenario s;
	uint64_t random = harness_seed();
	begin(&s, PICTURE_DMABUF);
	window_show(&s.window, &s.pictures[0]);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 3; i++) {
			window_commit(&s.window, &s.pictures[i]);
			wl_display_flush(s.client.display);
			usleep((useconds_t)(harness_random(&random) % 20000));
		}
		if (round % 2)
			plug();
		else
			unplug();
	}
	plug();
	/* it may be behind, and the output that is there yet about to go */
	expect(&s, &s.window.frames, 61);
	client_sync(&s.client);
	expect(&s, &s.added, s.removed + 1);
	window_show(&s.window, &s.pictures[1]);
	expect_picture(&s, &s.pictures[1]);
	ck_assert_int_eq(s.window.presented + s.window.discarded, 62);
	/* what was asked in the dark is answered by time */
	expect(&s, &s.window.frames, 62);
	end(&s);
}

/* The other display of the device, with another CRTC and plane, and no writeback. */
TEST(another_display_takes_its_place)
{
	struct scenario s;
	begin(&s, PICTURE_DMABUF);
	window_show(&s.window, &s.pictures[0]);
	unplug();
	expect(&s, &s.removed, 1);
	own_vkms_plug("l", true);
	expect(&s, &s.added, 2);
	for (int i = 0; i < 3; i++) {
		window_show(&s.window, &s.pictures[i]);
		ck_assert_uint_ne(s.window.flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY, 0);
		expect_picture(&s, &s.pictures[i]);
	}
	/* one that is used stays, beside the other one */
	int left = s.left;
	plug();
	expect(&s, &s.added, 3);
	window_show(&s.window, &s.pictures[0]);
	ck_assert_int_eq(s.left, left);
	end(&s);
}

TEST(device_goes)
{
	struct scenario s;
	begin(&s, PICTURE_DMABUF);
	window_show(&s.window, &s.pictures[0]);
	own_vkms_remove();
	expect(&s, &s.removed, 1);
	window_commit(&s.window, &s.pictures[1]);
	expect(&s, &s.pictures[0].released, 1);
	expect(&s, &s.window.frames, 2);
	window_commit(&s.window, &s.pictures[2]);
	expect(&s, &s.window.frames, 3);
	ck_assert_int_eq(s.pictures[1].released, 1);
	ck_assert_int_eq(s.window.presented, 1);
	ck_assert(daemon_said(&s.daemon, "the display's device is gone"));
	end(&s);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-hotplug")
