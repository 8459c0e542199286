/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/input-event-codes.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "input_devices.h"
#include "outputs.h"
#include "own_vkms.h"
#include "presentation-time-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/* A session that is paused and goes on, as a seat of libseat says (fake/libseat.c). */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct scenario {
	struct daemon daemon;
	struct client client;
	struct outputs outputs;
	const char *node;
	char folder[32], fifo[48];
	int seat; /* the other end of what the fake reads */
};

static void make_fifo(struct scenario *s)
{
	snprintf(s->folder, sizeof(s->folder), "/tmp/waybuf-seat-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(s->folder));
	snprintf(s->fifo, sizeof(s->fifo), "%s/seat", s->folder);
	ck_assert_int_eq(mkfifo(s->fifo, 0600), 0);
	s->seat = open(s->fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(s->seat, 0);
	setenv("WAYBUF_TEST_SEAT", s->fifo, 1);
}

static void begin(struct scenario *s, const char *plugged)
{
	*s = (struct scenario){.node = own_vkms_make()};
	for (const char *name = "klm"; *name; name++)
		own_vkms_plug((char[2]){*name}, strchr(plugged, *name));
	make_fifo(s);
	daemon_start(&s->daemon, OPTIONS("--device", s->node, "--mode", "640x480"));
	client_connect(&s->client, &s->daemon);
	outputs_init(&s->outputs, &s->client);
}

static void end(struct scenario *s)
{
	outputs_finish(&s->outputs);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
	close(s->seat);
	unlink(s->fifo);
	rmdir(s->folder);
	own_vkms_unmake();
}

static void wait_until_said(struct scenario *s, const char *text)
{
	for (int i = 0; i < PATIENCE_MS / 20 && !daemon_said(&s->daemon, text); i++)
		usleep(20000);
	ck_assert_msg(daemon_said(&s->daemon, text), "it does not say: %s", text);
}

static void tell(struct scenario *s, char byte)
{
	ck_assert_int_eq(write(s->seat, &byte, 1), 1);
}

/* What another session does with the display: it can be master, and turns all off. */
static void use_display(struct scenario *s)
{
	int fd = open(s->node, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < PATIENCE_MS / 20 && drmSetMaster(fd) < 0; i++)
		usleep(20000);
	drmModeRes *res = drmModeGetResources(fd);
	for (int i = 0; i < res->count_crtcs; i++)
		ck_assert_int_eq(drmModeSetCrtc(fd, res->crtcs[i], 0, 0, 0, NULL, 0, NULL), 0);
	drmModeFreeResources(res);
	ck_assert_int_eq(drmDropMaster(fd), 0);
	close(fd);
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

TEST(paused_and_resumed)
{
	struct scenario s;
	struct placed left, right;
	begin(&s, "kl");
	ck_assert_int_eq(s.outputs.n, 2);
	placed_init(&left, &s.client, &s.outputs.list[0], PICTURE_DMABUF, 1);
	placed_init(&right, &s.client, &s.outputs.list[1], PICTURE_SHM, 2);
	show_direct(&left);
	window_show(&right.window, &right.picture);
	for (int round = 1; round <= 3; round++) {
		int presented = left.window.presented, frames = left.window.frames;
		tell(&s, 'p');
		use_display(&s);
		/* in the dark it is served, and not told that it is seen */
		window_commit(&left.window, &left.picture);
		window_commit(&right.window, &right.picture);
		expect(&s, &left.window.frames, frames + 1);
		expect(&s, &left.window.discarded, round);
		ck_assert_int_eq(left.window.presented, presented);
		tell(&s, 'r');
		show_direct(&left);
		window_show(&right.window, &right.picture);
		expect_on(&s.client, &s.outputs.list[0], &left.picture);
		expect_on(&s.client, &s.outputs.list[1], &right.picture);
	}
	ck_assert_int_eq(s.outputs.removed, 0);
	ck_assert(!daemon_said(&s.daemon, "somebody else's"));
	placed_finish(&left);
	placed_finish(&right);
	end(&s);
}

/* What was shown when it was paused is shown again without anybody's doing. */
TEST(what_was_shown_comes_back)
{
	struct scenario s;
	struct placed placed;
	begin(&s, "k");
	placed_init(&placed, &s.client, NULL, PICTURE_DMABUF, 1);
	show_direct(&placed);
	tell(&s, 'p');
	use_display(&s);
	wait_until_said(&s, "the session is paused");
	ck_assert_int_eq(placed.picture.released, 0);
	tell(&s, 'r');
	wait_until_said(&s, "active again");
	expect_on(&s.client, &s.outputs.list[0], &placed.picture);
	placed_finish(&placed);
	end(&s);
}

/* At any moment between a commit and its flip: each buffer comes back, each callback is answered. */
TEST(paused_at_any_time)
{
	struct scenario s;
	struct placed placed;
	struct picture other;
	uint64_t random = harness_seed();
	begin(&s, "k");
	placed_init(&placed, &s.client, NULL, PICTURE_DMABUF, 1);
	picture_init(&s.client, &other, PICTURE_DMABUF, placed.picture.width, placed.picture.height,
		DRM_FORMAT_XRGB8888);
	picture_draw(&other, 2);
	show_direct(&placed);
	for (int round = 0; round < 30; round++) {
		window_commit(&placed.window, round % 2 ? &placed.picture : &other);
		wl_display_flush(s.client.display);
		usleep((useconds_t)(harness_random(&random) % 20000));
		tell(&s, round % 2 ? 'r' : 'p');
	}
	expect(&s, &placed.window.frames, 31);
	window_show(&placed.window, &other);
	window_show(&placed.window, &placed.picture);
	expect_on(&s.client, &s.outputs.list[0], &placed.picture);
	ck_assert_int_eq(placed.window.presented + placed.window.discarded, 33);
	ck_assert_int_ge(other.released, 1);
	picture_finish(&other);
	placed_finish(&placed);
	end(&s);
}

/* Who is not master is not told by the kernel: the displays are looked at when it goes on. */
TEST(plugged_and_unplugged_meanwhile)
{
	struct scenario s;
	struct placed placed;
	begin(&s, "k");
	placed_init(&placed, &s.client, NULL, PICTURE_DMABUF, 1);
	show_direct(&placed);
	tell(&s, 'p');
	use_display(&s);
	own_vkms_plug("l", true);
	client_sync(&s.client);
	ck_assert_int_eq(s.outputs.added, 1);
	tell(&s, 'r');
	expect(&s, &s.outputs.added, 2);
	show_direct(&placed);
	tell(&s, 'p');
	use_display(&s);
	own_vkms_plug("k", false);
	tell(&s, 'r');
	expect(&s, &s.outputs.removed, 1);
	show_direct(&placed);
	expect_on(&s.client, &s.outputs.list[1], &placed.picture);
	placed_finish(&placed);
	end(&s);
}

/* Without its service the devices stay as they are. */
TEST(the_seat_is_lost)
{
	struct scenario s;
	struct placed placed;
	begin(&s, "k");
	placed_init(&placed, &s.client, NULL, PICTURE_DMABUF, 1);
	show_direct(&placed);
	tell(&s, 'x');
	wait_until_said(&s, "the seat is lost");
	show_direct(&placed);
	placed_finish(&placed);
	end(&s);
}

/* One that does not become active is none, and all is as if there were no libseat. */
TEST(a_seat_in_the_background)
{
	struct scenario s;
	struct placed placed;
	setenv("WAYBUF_TEST_SEAT_HIDDEN", "1", 1);
	begin(&s, "k");
	ck_assert(daemon_said(&s.daemon, "devices are opened directly"));
	placed_init(&placed, &s.client, NULL, PICTURE_DMABUF, 1);
	show_direct(&placed);
	placed_finish(&placed);
	end(&s);
}

static void handle_capabilities(void *data, struct wl_seat *seat, uint32_t capabilities)
{
	*(int *)data += capabilities ? 100 : 1;
}

static void handle_name(void *data, struct wl_seat *seat, const char *name) {}

static const struct wl_seat_listener seat_listener = {
	.capabilities = handle_capabilities,
	.name = handle_name,
};

static void press(struct input_device *keyboard, uint16_t key, int value)
{
	input_device_send(keyboard, EV_KEY, key, value);
	input_device_sync(keyboard);
}

/* Devices of input go and come, and the keys that ask for another session get it. */
TEST(input_is_let_go)
{
	struct scenario s;
	struct input_device keyboard;
	int changes = 0;
	input_device_init(&keyboard, INPUT_KEYBOARD);
	begin(&s, "k");
	struct wl_seat *seat = client_bind(&s.client, &wl_seat_interface, 5);
	if (!seat)
		SKIP("waybufd is built without a seat");
	wl_seat_add_listener(seat, &seat_listener, &changes);
	expect(&s, &changes, 100);
	press(&keyboard, KEY_LEFTCTRL, 1);
	press(&keyboard, KEY_LEFTALT, 1);
	press(&keyboard, KEY_F2, 1);
	wait_until_said(&s, "the session is paused");
	expect(&s, &changes, 101);
	tell(&s, 'r');
	expect(&s, &changes, 201);
	wl_seat_destroy(seat);
	end(&s);
	input_device_finish(&keyboard);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-session")
