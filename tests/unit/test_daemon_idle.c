/* SPDX-License-Identifier: MIT */
#include <linux/input-event-codes.h>

#include "daemon_world.h"
#include "doings.h"
#include "ext-idle-notify-v1-client-protocol.h"
#include "fake/libdrm.h"
#include "fake/machine.h"
#include "fake/sync.h"
#include "idle-inhibit-unstable-v1-client-protocol.h"
#include "idle_v1.h"
#include "input/seat.h"
#include "power.h"
#include "subsurface.h"
#include "wl_globals.h"

/* Nobody does anything, and somebody comes back; on a machine that does not exist, where time stands. */

static struct {
	struct world world;
	struct seat *seat;
	struct wl_registry *registry;
	struct wl_seat *wl_seat;
	struct ext_idle_notifier_v1 *notifier;
	struct zwp_idle_inhibit_manager_v1 *inhibitors;
	struct wl_subcompositor *subcompositor;
	struct doings heard;
} run;

/* ---- the client ------------------------------------------------------------------------------ */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	const struct wl_wanted wanted[] = {
		{&wl_seat_interface, &run.wl_seat, 4},
		{&ext_idle_notifier_v1_interface, &run.notifier, 2},
		{&zwp_idle_inhibit_manager_v1_interface, &run.inhibitors, 1},
		{&wl_subcompositor_interface, &run.subcompositor, 1},
	};
	wl_wanted_bind(
		wanted, sizeof(wanted) / sizeof(wanted[0]), registry, name, interface, version);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

/* ---- both ------------------------------------------------------------------------------------ */

static void settle(void)
{
	world_settle(&run.world);
}

static void flip(void)
{
	world_flip(&run.world);
}

/* Window 2 is in the middle, and the first one is over all there is. */
static void show(int window)
{
	struct world_buffer *buffer = &run.world.windows[window].buffers[0];
	if (buffer->busy)
		buffer = &run.world.windows[window].buffers[1];
	buffer->busy = true;
	wl_surface_attach(run.world.windows[window].surface, buffer->proxy, 0, 0);
	wl_surface_commit(run.world.windows[window].surface);
	flip();
}

static void make_seat(void)
{
	static const struct seat_devices devices = {1, 1, 1};
	struct daemon *daemon = &run.world.daemon;
	run.seat = daemon->seat = seat_create(daemon);
	ck_assert_ptr_nonnull(run.seat);
	seat_set_devices(run.seat, &devices);
	ck_assert(idle_create_globals(daemon) && subsurface_compositor_create(daemon));
	ck_assert(idle_start(daemon));
}

static void begin(uint32_t idle_off_s)
{
	memset(&run, 0, sizeof(run));
	world_init(&run.world);
	run.world.options.idle_off_s = idle_off_s;
	make_seat();
	run.registry = wl_display_get_registry(run.world.display);
	wl_registry_add_listener(run.registry, &registry_listener, NULL);
	settle();
	ck_assert(run.wl_seat && run.notifier && run.inhibitors && run.subcompositor);
	doings_init(&run.heard, run.wl_seat,
		WL_SEAT_CAPABILITY_POINTER | WL_SEAT_CAPABILITY_KEYBOARD |
			WL_SEAT_CAPABILITY_TOUCH);
	show(2);
}

static void leave(void)
{
	doings_finish(&run.heard);
	wl_seat_destroy(run.wl_seat);
	ext_idle_notifier_v1_destroy(run.notifier);
	zwp_idle_inhibit_manager_v1_destroy(run.inhibitors);
	wl_subcompositor_destroy(run.subcompositor);
	wl_registry_destroy(run.registry);
}

static void end(void)
{
	leave();
	settle();
	world_finish(&run.world);
	fake_sync_finish();
}

static void wait_for(uint64_t ms)
{
	flip();
	fake_machine_advance(ms);
	flip();
}

static bool is_on(void)
{
	return fake_drm_value(FAKE_CRTC, "ACTIVE");
}

static void fall_asleep(void)
{
	wait_for(5100);
	ck_assert(!is_on());
}

static void press(uint32_t key, bool pressed)
{
	seat_key(run.seat, (uint32_t)fake_machine_now_ms(), key, pressed);
	flip();
}

/* ---- displays -------------------------------------------------------------------------------- */

TEST(input_keeps_them_on)
{
	begin(5);
	for (int i = 0; i < 5; i++) {
		press(KEY_A, i % 2 == 0);
		wait_for(4900);
		ck_assert(is_on());
	}
	ck_assert_int_eq(run.heard.keys, 5);
	wait_for(200);
	ck_assert(!is_on());
	wait_for(100000);
	ck_assert(!is_on());
	end();
}

/* What was done blindly is done to nobody, with the release of it; what comes then is as ever. */
TEST(a_key_wakes)
{
	begin(5);
	fall_asleep();
	press(KEY_A, true);
	ck_assert(is_on());
	press(KEY_B, true);
	press(KEY_A, false);
	ck_assert_int_eq(run.heard.keys, 1);
	press(KEY_B, false);
	press(KEY_A, true);
	press(KEY_A, false);
	ck_assert_int_eq(run.heard.keys, 4);
	/* one that was down before: its client has to know */
	press(KEY_A, true);
	fall_asleep();
	press(KEY_A, false);
	ck_assert(is_on());
	ck_assert_int_eq(run.heard.keys, 6);
	end();
}

/* Nobody is blind where a command has switched the displays on, or keeps them off. */
TEST(a_key_that_wakes_nothing)
{
	begin(5);
	fall_asleep();
	ck_assert_int_eq(power_command(&run.world.daemon, NULL, true), 0);
	flip();
	press(KEY_A, true);
	press(KEY_A, false);
	ck_assert_int_eq(run.heard.keys, 2);
	fall_asleep();
	ck_assert_int_eq(power_command(&run.world.daemon, NULL, false), 0);
	press(KEY_A, true);
	press(KEY_A, false);
	ck_assert(!is_on());
	ck_assert_int_eq(run.heard.keys, 4);
	/* and it goes on counting */
	ck_assert_int_eq(power_command(&run.world.daemon, NULL, true), 0);
	flip();
	ck_assert(is_on());
	fall_asleep();
	end();
}

TEST(a_button_wakes)
{
	const struct seat_axis wheel = {.source = WL_POINTER_AXIS_SOURCE_WHEEL, .value = 15};
	begin(5);
	seat_move_to(run.seat, 1, 0.5, 0.5);
	flip();
	const int moved = run.heard.moved;
	fall_asleep();
	seat_button(run.seat, 2, BTN_LEFT, true);
	flip();
	ck_assert(is_on());
	seat_button(run.seat, 3, BTN_LEFT, false);
	flip();
	ck_assert_int_eq(run.heard.buttons, 0);
	seat_button(run.seat, 4, BTN_LEFT, true);
	seat_button(run.seat, 5, BTN_LEFT, false);
	flip();
	ck_assert_int_eq(run.heard.buttons, 2);
	fall_asleep();
	seat_scroll(run.seat, 6, &wheel);
	seat_scroll(run.seat, 7, &wheel);
	flip();
	ck_assert(is_on());
	ck_assert_int_eq(run.heard.scrolls, 1);
	/* what moves is told */
	fall_asleep();
	seat_move(run.seat, 8, 2, 2);
	flip();
	ck_assert(is_on());
	ck_assert_int_gt(run.heard.moved, moved);
	end();
}

TEST(a_finger_wakes)
{
	begin(5);
	fall_asleep();
	const int moved = run.heard.moved;
	const uint32_t entered = run.heard.entered;
	seat_touch_down(run.seat, 1, 0, 0.5, 0.5);
	seat_touch_move(run.seat, 2, 0, 0.5, 0.5);
	seat_touch_up(run.seat, 3, 0);
	seat_touch_frame(run.seat);
	flip();
	ck_assert(is_on());
	ck_assert_int_eq(run.heard.downs + run.heard.slides + run.heard.ups, 0);
	ck_assert_int_eq(run.heard.moved, moved);
	ck_assert_uint_eq(run.heard.entered, entered);
	seat_touch_down(run.seat, 4, 0, 0.5, 0.5);
	seat_touch_up(run.seat, 5, 0);
	flip();
	ck_assert_int_eq(run.heard.downs, 1);
	ck_assert_int_eq(run.heard.ups, 1);
	end();
}

/* ---- notifications --------------------------------------------------------------------------- */

struct notification {
	struct ext_idle_notification_v1 *proxy;
	int idled, resumed;
};

static void handle_idled(void *data, struct ext_idle_notification_v1 *proxy)
{
	((struct notification *)data)->idled++;
}

static void handle_resumed(void *data, struct ext_idle_notification_v1 *proxy)
{
	((struct notification *)data)->resumed++;
}

static const struct ext_idle_notification_v1_listener notification_listener = {
	.idled = handle_idled,
	.resumed = handle_resumed,
};

static struct notification notify(uint32_t ms, bool input)
{
	struct notification made = {.proxy = input
			? ext_idle_notifier_v1_get_input_idle_notification(
				  run.notifier, ms, run.wl_seat)
			: ext_idle_notifier_v1_get_idle_notification(
				  run.notifier, ms, run.wl_seat)};
	return made;
}

static void hear(struct notification *notification)
{
	ext_idle_notification_v1_add_listener(
		notification->proxy, &notification_listener, notification);
	settle();
}

static void expect(const struct notification *notification, int idled, int resumed)
{
	ck_assert_int_eq(notification->idled, idled);
	ck_assert_int_eq(notification->resumed, resumed);
}

TEST(notified)
{
	begin(0);
	wait_for(10000);
	/* from its creation, not from the last input */
	struct notification second = notify(1000, false), now = notify(0, false),
			    never = notify(UINT32_MAX, false);
	hear(&second);
	hear(&now);
	hear(&never);
	wait_for(2);
	expect(&now, 1, 0);
	wait_for(900);
	expect(&second, 0, 0);
	press(KEY_A, true);
	expect(&now, 1, 1);
	wait_for(900);
	expect(&second, 0, 0);
	wait_for(200);
	expect(&second, 1, 0);
	wait_for(5000);
	expect(&second, 1, 0);
	press(KEY_A, false);
	press(KEY_A, true);
	expect(&second, 1, 1);
	wait_for(1100);
	expect(&second, 2, 1);
	expect(&never, 0, 0);
	ext_idle_notification_v1_destroy(second.proxy);
	ext_idle_notification_v1_destroy(now.proxy);
	ext_idle_notification_v1_destroy(never.proxy);
	press(KEY_A, false);
	wait_for(2000);
	end();
}

TEST(inhibited_while_it_is_seen)
{
	begin(3);
	struct zwp_idle_inhibitor_v1 *inhibitor = zwp_idle_inhibit_manager_v1_create_inhibitor(
		run.inhibitors, run.world.windows[2].surface);
	struct notification patient = notify(1000, false), strict = notify(1000, true);
	hear(&patient);
	hear(&strict);
	for (int i = 0; i < 10; i++)
		wait_for(1000);
	ck_assert(is_on());
	expect(&patient, 0, 0);
	expect(&strict, 1, 0);
	/* another window is over it */
	wait_for(500);
	run.world.windows[0].buffers[0].busy = true;
	wl_surface_attach(
		run.world.windows[0].surface, run.world.windows[0].buffers[0].proxy, 0, 0);
	struct waybuf_syncobj *acquire, *release;
	ck_assert_int_eq(waybuf_syncobj_create(run.world.device, &acquire), 0);
	ck_assert_int_eq(waybuf_syncobj_create(run.world.device, &release), 0);
	ck_assert_int_eq(waybuf_syncobj_signal(acquire, 1), 0);
	world_set_points(&run.world, 0, acquire, release);
	wl_surface_commit(run.world.windows[0].surface);
	flip();
	wait_for(900);
	expect(&patient, 0, 0);
	wait_for(200);
	expect(&patient, 1, 0);
	wait_for(2000);
	ck_assert(!is_on());
	/* it is seen again, but nobody looks on: it is too late */
	world_close_window(&run.world, 0);
	world_open_window(&run.world, 0);
	wait_for(10000);
	ck_assert(!is_on());
	expect(&patient, 1, 0);
	/* and then it is not */
	press(KEY_A, true);
	expect(&patient, 1, 1);
	wait_for(10000);
	ck_assert(is_on());
	expect(&patient, 1, 1);
	expect(&strict, 2, 1);
	zwp_idle_inhibitor_v1_destroy(inhibitor);
	settle();
	wait_for(900);
	expect(&patient, 1, 1);
	wait_for(200);
	expect(&patient, 2, 1);
	ext_idle_notification_v1_destroy(patient.proxy);
	ext_idle_notification_v1_destroy(strict.proxy);
	waybuf_syncobj_unref(acquire);
	waybuf_syncobj_unref(release);
	end();
}

static bool is_visible(struct wl_surface *proxy)
{
	struct wl_list *clients = wl_display_get_client_list(run.world.daemon.display);
	struct wl_resource *resource = wl_client_get_object(
		wl_client_from_link(clients->next), wl_proxy_get_id((struct wl_proxy *)proxy));
	return surface_from_resource(resource)->visible;
}

/* All of the window is under its own subsurface. */
TEST(inhibited_by_a_window_of_video)
{
	begin(3);
	struct wl_surface *parent = run.world.windows[2].surface;
	/* as large as the display, in the middle of which the window is */
	struct world_buffer *buffer = &run.world.windows[0].buffers[0];
	struct wl_surface *video = wl_compositor_create_surface(run.world.compositor);
	struct wl_subsurface *place =
		wl_subcompositor_get_subsurface(run.subcompositor, video, parent);
	struct zwp_idle_inhibitor_v1 *inhibitor =
		zwp_idle_inhibit_manager_v1_create_inhibitor(run.inhibitors, parent);
	wl_subsurface_set_position(place, -16, -16);
	buffer->busy = true;
	wl_surface_attach(video, buffer->proxy, 0, 0);
	wl_surface_commit(video);
	wl_surface_commit(parent);
	flip();
	ck_assert(is_visible(video) && !is_visible(parent));
	wait_for(10000);
	ck_assert(is_on());
	zwp_idle_inhibitor_v1_destroy(inhibitor);
	fall_asleep();
	wl_subsurface_destroy(place);
	wl_surface_destroy(video);
	end();
}

/* The surface goes first, and the client without a word. */
TEST(inhibitors_of_nothing)
{
	begin(3);
	struct wl_surface *surface = wl_compositor_create_surface(run.world.compositor);
	struct zwp_idle_inhibitor_v1 *unseen =
		zwp_idle_inhibit_manager_v1_create_inhibitor(run.inhibitors, surface);
	struct zwp_idle_inhibitor_v1 *twice =
		zwp_idle_inhibit_manager_v1_create_inhibitor(run.inhibitors, surface);
	settle();
	wait_for(3100);
	ck_assert(!is_on());
	wl_surface_destroy(surface);
	zwp_idle_inhibitor_v1_destroy(twice);
	settle();
	press(KEY_A, true);
	ck_assert(is_on());
	zwp_idle_inhibitor_v1_destroy(unseen);
	struct zwp_idle_inhibitor_v1 *left = zwp_idle_inhibit_manager_v1_create_inhibitor(
		run.inhibitors, run.world.windows[2].surface);
	struct notification notification = notify(1, true);
	hear(&notification);
	wait_for(10);
	zwp_idle_inhibitor_v1_destroy(left);
	ext_idle_notification_v1_destroy(notification.proxy);
	end();
}

/* ---- greed ----------------------------------------------------------------------------------- */

static struct wl_proxy *take_one(bool inhibits, int i)
{
	if (!inhibits)
		return (struct wl_proxy *)notify(i % 2 ? 1 : 1000, i % 4 < 2).proxy;
	return (struct wl_proxy *)zwp_idle_inhibit_manager_v1_create_inhibitor(
		run.inhibitors, run.world.windows[2].surface);
}

/* The end of the client, which world_settle() takes for a failure. */
static void hear_the_end(void)
{
	struct wl_display *server = run.world.daemon.display;
	wl_display_flush(run.world.display);
	wl_event_loop_dispatch(wl_display_get_event_loop(server), 0);
	wl_display_flush_clients(server);
	while (wl_display_dispatch(run.world.display) >= 0)
		;
	ck_assert_int_eq(wl_display_get_error(run.world.display), ENOMEM);
}

static void take_too_many(bool inhibits)
{
	enum { MOST = 64 };
	struct wl_proxy *proxies[MOST + 1];
	for (int i = 0; i < MOST; i++) {
		proxies[i] = take_one(inhibits, i);
		settle();
		/* some of them are idle, and some are not */
		fake_machine_advance(5);
	}
	proxies[MOST] = take_one(inhibits, MOST);
	hear_the_end();
	for (int i = 0; i <= MOST; i++)
		wl_proxy_destroy(proxies[i]);
}

/* All of them are looked at with each picture, or each key: whoever wants more is disconnected. */
TEST(as_many_as_there_may_be)
{
	for (int inhibits = 0; inhibits < 2; inhibits++) {
		begin(0);
		take_too_many(inhibits);
		leave();
		world_kill_client(&run.world);
		flip();
		ck_assert(!run.world.daemon.idle.inhibited);
		ck_assert(wl_list_empty(&run.world.daemon.idle.inhibitors));
		world_finish(&run.world);
		fake_sync_finish();
	}
}

TEST_MAIN("daemon-idle")
