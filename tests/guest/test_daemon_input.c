/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/input-event-codes.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "input_devices.h"

/* The seat, from devices that are made for it to what a client hears. */

/* A client with a seat, and what it has heard. */
struct listener {
	struct client client;
	struct window window;
	struct picture picture;
	struct wl_pointer *pointer;
	struct wl_keyboard *keyboard;
	struct wl_touch *touch;

	int entered, left, moved, pressed, released, scrolled, stopped, frames;
	uint32_t serial;
	double x, y;
	int32_t value120;

	int keyboards_entered, keyboards_left, keys, modified, repeats;
	uint32_t key, key_state, depressed, keymap_size;
	int keymap_fd;

	int downs, ups, touch_frames;
	double touch_x, touch_y;
};

/* ---- the pointer --------------------------------------------------------------------------- */

static void handle_enter(void *data, struct wl_pointer *pointer, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	struct listener *listener = data;
	listener->entered++;
	listener->serial = serial;
	listener->x = wl_fixed_to_double(x);
	listener->y = wl_fixed_to_double(y);
}

static void handle_leave(
	void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface)
{
	struct listener *listener = data;
	listener->left++;
}

static void handle_motion(
	void *data, struct wl_pointer *pointer, uint32_t ms, wl_fixed_t x, wl_fixed_t y)
{
	struct listener *listener = data;
	listener->moved++;
	listener->x = wl_fixed_to_double(x);
	listener->y = wl_fixed_to_double(y);
}

static void handle_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t ms,
	uint32_t button, uint32_t state)
{
	struct listener *listener = data;
	ck_assert_uint_eq(button, BTN_LEFT);
	if (state == WL_POINTER_BUTTON_STATE_PRESSED)
		listener->pressed++;
	else
		listener->released++;
}

static void handle_axis(
	void *data, struct wl_pointer *pointer, uint32_t ms, uint32_t axis, wl_fixed_t value)
{
	struct listener *listener = data;
	listener->scrolled++;
}

static void handle_frame(void *data, struct wl_pointer *pointer)
{
	struct listener *listener = data;
	listener->frames++;
}

static void handle_axis_source(void *data, struct wl_pointer *pointer, uint32_t source)
{
	ck_assert_uint_eq(source, WL_POINTER_AXIS_SOURCE_WHEEL);
}

static void handle_axis_stop(void *data, struct wl_pointer *pointer, uint32_t ms, uint32_t axis)
{
	struct listener *listener = data;
	listener->stopped++;
}

static void handle_axis_discrete(
	void *data, struct wl_pointer *pointer, uint32_t axis, int32_t discrete)
{
	ck_abort_msg("clicks are for older versions");
}

static void handle_axis_value120(
	void *data, struct wl_pointer *pointer, uint32_t axis, int32_t value120)
{
	struct listener *listener = data;
	listener->value120 += value120;
}

static const struct wl_pointer_listener pointer_listener = {
	.enter = handle_enter,
	.leave = handle_leave,
	.motion = handle_motion,
	.button = handle_button,
	.axis = handle_axis,
	.frame = handle_frame,
	.axis_source = handle_axis_source,
	.axis_stop = handle_axis_stop,
	.axis_discrete = handle_axis_discrete,
	.axis_value120 = handle_axis_value120,
};

/* ---- the keyboard -------------------------------------------------------------------------- */

static void handle_keymap(
	void *data, struct wl_keyboard *keyboard, uint32_t format, int32_t fd, uint32_t size)
{
	struct listener *listener = data;
	ck_assert_uint_eq(format, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1);
	listener->keymap_fd = fd;
	listener->keymap_size = size;
}

static void handle_keyboard_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	struct wl_surface *surface, struct wl_array *keys)
{
	struct listener *listener = data;
	listener->keyboards_entered++;
}

static void handle_keyboard_leave(
	void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface)
{
	struct listener *listener = data;
	listener->keyboards_left++;
}

static void handle_key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t ms,
	uint32_t key, uint32_t state)
{
	struct listener *listener = data;
	listener->keys++;
	listener->key = key;
	listener->key_state = state;
}

static void handle_modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	uint32_t depressed, uint32_t latched, uint32_t locked, uint32_t group)
{
	struct listener *listener = data;
	listener->modified++;
	listener->depressed = depressed;
}

static void handle_repeat_info(
	void *data, struct wl_keyboard *keyboard, int32_t rate, int32_t delay)
{
	struct listener *listener = data;
	ck_assert(rate > 0 && delay > 0);
	listener->repeats++;
}

static const struct wl_keyboard_listener keyboard_listener = {
	.keymap = handle_keymap,
	.enter = handle_keyboard_enter,
	.leave = handle_keyboard_leave,
	.key = handle_key,
	.modifiers = handle_modifiers,
	.repeat_info = handle_repeat_info,
};

/* ---- touch --------------------------------------------------------------------------------- */

static void handle_down(void *data, struct wl_touch *touch, uint32_t serial, uint32_t ms,
	struct wl_surface *surface, int32_t id, wl_fixed_t x, wl_fixed_t y)
{
	struct listener *listener = data;
	listener->downs++;
	listener->touch_x = wl_fixed_to_double(x);
	listener->touch_y = wl_fixed_to_double(y);
}

static void handle_up(void *data, struct wl_touch *touch, uint32_t serial, uint32_t ms, int32_t id)
{
	struct listener *listener = data;
	listener->ups++;
}

static void handle_touch_motion(
	void *data, struct wl_touch *touch, uint32_t ms, int32_t id, wl_fixed_t x, wl_fixed_t y)
{
	struct listener *listener = data;
	listener->touch_x = wl_fixed_to_double(x);
	listener->touch_y = wl_fixed_to_double(y);
}

static void handle_touch_frame(void *data, struct wl_touch *touch)
{
	struct listener *listener = data;
	listener->touch_frames++;
}

static void handle_cancel(void *data, struct wl_touch *touch) {}

static const struct wl_touch_listener touch_listener = {
	.down = handle_down,
	.up = handle_up,
	.motion = handle_touch_motion,
	.frame = handle_touch_frame,
	.cancel = handle_cancel,
};

/* ---- the client ---------------------------------------------------------------------------- */

static void get_devices(struct listener *listener)
{
	struct wl_seat *seat = listener->client.seat;
	if (listener->client.capabilities & WL_SEAT_CAPABILITY_POINTER) {
		listener->pointer = wl_seat_get_pointer(seat);
		wl_pointer_add_listener(listener->pointer, &pointer_listener, listener);
	}
	if (listener->client.capabilities & WL_SEAT_CAPABILITY_KEYBOARD) {
		listener->keyboard = wl_seat_get_keyboard(seat);
		wl_keyboard_add_listener(listener->keyboard, &keyboard_listener, listener);
	}
	if (listener->client.capabilities & WL_SEAT_CAPABILITY_TOUCH) {
		listener->touch = wl_seat_get_touch(seat);
		wl_touch_add_listener(listener->touch, &touch_listener, listener);
	}
}

/* With a window that fills the output. */
static void listener_init(struct listener *listener, const struct daemon *daemon)
{
	*listener = (struct listener){.keymap_fd = -1};
	struct client *client = &listener->client;
	client_connect(client, daemon);
	if (!client->seat)
		SKIP("waybufd is built without input");
	get_devices(listener);
	window_init(&listener->window, client);
	picture_init(client, &listener->picture, PICTURE_SHM, (uint32_t)client->width,
		(uint32_t)client->height, DRM_FORMAT_XRGB8888);
	window_show(&listener->window, &listener->picture);
}

static void listener_finish(struct listener *listener)
{
	if (listener->pointer)
		wl_pointer_release(listener->pointer);
	if (listener->keyboard)
		wl_keyboard_release(listener->keyboard);
	if (listener->touch)
		wl_touch_release(listener->touch);
	if (listener->keymap_fd >= 0)
		close(listener->keymap_fd);
	picture_finish(&listener->picture);
	window_finish(&listener->window);
	client_disconnect(&listener->client);
}

static void expect(struct listener *listener, const int *count, int at_least)
{
	ck_assert_msg(client_wait(&listener->client, count, at_least, PATIENCE_MS),
		"%d of %d; error %d", *count, at_least,
		wl_display_get_error(listener->client.display));
}

/* ---- tests --------------------------------------------------------------------------------- */

TEST(nothing_without_devices)
{
	struct daemon daemon;
	struct client client;
	daemon_start(&daemon, NULL);
	client_connect(&client, &daemon);
	if (!client.seat)
		SKIP("waybufd is built without input");
	ck_assert_uint_eq(client.capabilities, 0);
	const struct wl_interface *interface;
	uint32_t id;
	struct wl_pointer *pointer = wl_seat_get_pointer(client.seat);
	ck_assert(!client_sync(&client));
	ck_assert_uint_eq(wl_display_get_protocol_error(client.display, &interface, &id),
		WL_SEAT_ERROR_MISSING_CAPABILITY);
	ck_assert_ptr_eq(interface, &wl_seat_interface);
	wl_pointer_destroy(pointer);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

static void check_keymap(const struct listener *listener)
{
	ck_assert_int_ge(listener->keymap_fd, 0);
	void *shared =
		mmap(NULL, listener->keymap_size, PROT_READ, MAP_SHARED, listener->keymap_fd, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	ck_assert_int_eq(strncmp(shared, "xkb_keymap", 10), 0);
	ck_assert_int_eq(((const char *)shared)[listener->keymap_size - 1], '\0');
	munmap(shared, listener->keymap_size);
	/* nobody can write what all clients have */
	ck_assert_ptr_eq(mmap(NULL, listener->keymap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
				 listener->keymap_fd, 0),
		MAP_FAILED);
	ck_assert_int_eq(fcntl(listener->keymap_fd, F_GET_SEALS),
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

static void press(struct input_device *device, uint16_t key, bool pressed)
{
	input_device_send(device, EV_KEY, key, pressed);
	input_device_sync(device);
}

TEST(keys_go_to_the_window_on_top)
{
	struct input_device device;
	struct daemon daemon;
	struct listener first, second;
	input_device_init(&device, INPUT_KEYBOARD);
	daemon_start(&daemon, NULL);
	listener_init(&first, &daemon);
	ck_assert_uint_eq(first.client.capabilities, WL_SEAT_CAPABILITY_KEYBOARD);
	expect(&first, &first.keyboards_entered, 1);
	ck_assert_int_eq(first.repeats, 1);
	check_keymap(&first);
	press(&device, KEY_LEFTSHIFT, true);
	press(&device, KEY_A, true);
	expect(&first, &first.keys, 2);
	ck_assert_uint_eq(first.key, KEY_A);
	ck_assert_uint_eq(first.key_state, WL_KEYBOARD_KEY_STATE_PRESSED);
	ck_assert_uint_ne(first.depressed, 0);
	press(&device, KEY_A, false);
	press(&device, KEY_LEFTSHIFT, false);
	expect(&first, &first.keys, 4);
	expect(&first, &first.modified, 3);
	ck_assert_uint_eq(first.depressed, 0);

	listener_init(&second, &daemon);
	expect(&second, &second.keyboards_entered, 1);
	expect(&first, &first.keyboards_left, 1);
	press(&device, KEY_B, true);
	press(&device, KEY_B, false);
	expect(&second, &second.keys, 2);
	ck_assert(client_sync(&first.client));
	ck_assert_int_eq(first.keys, 4);
	listener_finish(&second);
	/* and back */
	expect(&first, &first.keyboards_entered, 2);
	listener_finish(&first);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
	input_device_finish(&device);
}

TEST(pointer_moves_presses_and_scrolls)
{
	struct input_device device;
	struct daemon daemon;
	struct listener listener;
	input_device_init(&device, INPUT_MOUSE);
	daemon_start(&daemon, NULL);
	listener_init(&listener, &daemon);
	ck_assert_uint_eq(listener.client.capabilities, WL_SEAT_CAPABILITY_POINTER);
	/* it is in the middle, and does not have to move to be somewhere */
	expect(&listener, &listener.entered, 1);
	ck_assert_double_eq(listener.x, listener.client.width / 2.0);
	double x = listener.x, y = listener.y;
	input_device_send(&device, EV_REL, REL_X, 20);
	input_device_send(&device, EV_REL, REL_Y, -10);
	input_device_sync(&device);
	expect(&listener, &listener.moved, 1);
	ck_assert(listener.x > x && listener.y < y);

	press(&device, BTN_LEFT, true);
	expect(&listener, &listener.pressed, 1);
	press(&device, BTN_LEFT, false);
	expect(&listener, &listener.released, 1);
	input_device_send(&device, EV_REL, REL_WHEEL, -1);
	input_device_send(&device, EV_REL, REL_WHEEL_HI_RES, -120);
	input_device_sync(&device);
	expect(&listener, &listener.scrolled, 1);
	ck_assert_int_eq(listener.value120, 120);
	expect(&listener, &listener.frames, 4);
	ck_assert_int_eq(listener.left, 0);

	/* there is an edge */
	for (int i = 0; i < 50; i++) {
		input_device_send(&device, EV_REL, REL_X, 1000);
		input_device_sync(&device);
	}
	while (listener.x < listener.client.width - 1)
		expect(&listener, &listener.moved, listener.moved + 1);
	ck_assert_double_eq(listener.x, listener.client.width - 1);
	listener_finish(&listener);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
	input_device_finish(&device);
}

/* It falls through what takes no input, and a button that is held stays with its window. */
TEST(input_region_and_implicit_grab)
{
	struct input_device device;
	struct daemon daemon;
	struct listener below, above;
	input_device_init(&device, INPUT_MOUSE);
	daemon_start(&daemon, NULL);
	listener_init(&below, &daemon);
	expect(&below, &below.entered, 1);
	press(&device, BTN_LEFT, true);
	expect(&below, &below.pressed, 1);

	listener_init(&above, &daemon);
	ck_assert(client_sync(&below.client));
	ck_assert_int_eq(below.left, 0);
	ck_assert_int_eq(above.entered, 0);
	press(&device, BTN_LEFT, false);
	expect(&below, &below.released, 1);
	expect(&below, &below.left, 1);
	expect(&above, &above.entered, 1);

	struct wl_region *nothing = wl_compositor_create_region(above.client.compositor);
	wl_surface_set_input_region(above.window.surface, nothing);
	wl_region_destroy(nothing);
	/* or else what is below is hidden, and in no picture */
	struct picture picture;
	picture_init(&above.client, &picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_show(&above.window, &picture);
	expect(&above, &above.left, 1);
	expect(&below, &below.entered, 2);
	picture_finish(&picture);
	listener_finish(&above);
	listener_finish(&below);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
	input_device_finish(&device);
}

/* A quarter from the left of the display, half way down. */
static void tap(struct input_device *device)
{
	input_device_send(device, EV_ABS, ABS_MT_SLOT, 0);
	input_device_send(device, EV_ABS, ABS_MT_TRACKING_ID, 1);
	input_device_send(device, EV_ABS, ABS_MT_POSITION_X, INPUT_TOUCH_MAX / 4);
	input_device_send(device, EV_ABS, ABS_MT_POSITION_Y, INPUT_TOUCH_MAX / 2);
	input_device_send(device, EV_KEY, BTN_TOUCH, 1);
	input_device_sync(device);
}

/*
 * The display's left is the top of what clients see, and its top their right. The window is as large
 * as the display unturned, so it ends beyond the output on both sides.
 */
/* Such a keyboard is none, and all else goes on. */
TEST(keyboard_without_a_keymap)
{
	struct input_device device;
	struct daemon daemon;
	struct listener listener;
	input_device_init(&device, INPUT_KEYBOARD);
	setenv("XKB_DEFAULT_LAYOUT", "nowhere", 1);
	daemon_start(&daemon, NULL);
	unsetenv("XKB_DEFAULT_LAYOUT");
	listener_init(&listener, &daemon);
	ck_assert_uint_eq(listener.client.capabilities, 0);
	ck_assert(daemon_said(&daemon, "there is no keymap"));
	press(&device, KEY_A, true);
	press(&device, KEY_A, false);
	window_show(&listener.window, &listener.picture);
	listener_finish(&listener);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
	input_device_finish(&device);
}

TEST(fingers_on_a_display_that_is_turned)
{
	static const char *const options[] = {"--transform", "90", NULL};
	struct input_device device;
	struct daemon daemon;
	struct listener listener;
	input_device_init(&device, INPUT_TOUCH_SCREEN);
	daemon_start(&daemon, options);
	listener_init(&listener, &daemon);
	const double width = listener.client.width, height = listener.client.height;
	tap(&device);
	expect(&listener, &listener.downs, 1);
	ck_assert_double_eq_tol(listener.touch_x, width / 2, 2);
	ck_assert_double_eq_tol(listener.touch_y, width / 4 - (width - height) / 2, 2);
	listener_finish(&listener);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
	input_device_finish(&device);
}

TEST(fingers)
{
	struct input_device device;
	struct daemon daemon;
	struct listener listener;
	input_device_init(&device, INPUT_TOUCH_SCREEN);
	daemon_start(&daemon, NULL);
	listener_init(&listener, &daemon);
	ck_assert_uint_eq(listener.client.capabilities, WL_SEAT_CAPABILITY_TOUCH);
	tap(&device);
	expect(&listener, &listener.downs, 1);
	expect(&listener, &listener.touch_frames, 1);
	ck_assert_double_eq_tol(listener.touch_x, listener.client.width / 4.0, 2);
	ck_assert_double_eq_tol(listener.touch_y, listener.client.height / 2.0, 2);
	input_device_send(&device, EV_ABS, ABS_MT_TRACKING_ID, -1);
	input_device_send(&device, EV_KEY, BTN_TOUCH, 0);
	input_device_sync(&device);
	expect(&listener, &listener.ups, 1);
	listener_finish(&listener);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
	input_device_finish(&device);
}

/* ---- cursors ------------------------------------------------------------------------------- */

static uint32_t pixel_in_the_middle(struct client *client)
{
	struct picture shown;
	capture_output(client, &shown);
	uint32_t pixel =
		picture_pixel(&shown, (uint32_t)client->width / 2, (uint32_t)client->height / 2);
	picture_finish(&shown);
	return pixel & 0xffffff;
}

TEST(cursor_is_where_the_pointer_is)
{
	struct input_device device;
	struct daemon daemon;
	struct listener listener;
	struct picture picture;
	input_device_init(&device, INPUT_MOUSE);
	daemon_start(&daemon, NULL);
	listener_init(&listener, &daemon);
	struct client *client = &listener.client;
	expect(&listener, &listener.entered, 1);
	ck_assert_uint_ne(pixel_in_the_middle(client), 0x123456);

	struct wl_surface *cursor = wl_compositor_create_surface(client->compositor);
	picture_init(client, &picture, PICTURE_SHM, 16, 16, DRM_FORMAT_XRGB8888);
	for (size_t i = 0; i < picture.size / 4; i++)
		((uint32_t *)picture.pixels)[i] = 0x123456;
	/* of a pointer that was elsewhere since then: not an error, and nothing happens */
	wl_pointer_set_cursor(listener.pointer, listener.serial - 1, cursor, 8, 8);
	wl_surface_attach(cursor, picture.buffer, 0, 0);
	wl_surface_commit(cursor);
	window_show(&listener.window, &listener.picture);
	ck_assert_uint_ne(pixel_in_the_middle(client), 0x123456);

	wl_pointer_set_cursor(listener.pointer, listener.serial, cursor, 8, 8);
	window_show(&listener.window, &listener.picture);
	ck_assert_uint_eq(pixel_in_the_middle(client), 0x123456);
	/* far away is not seen, and no reason to lose one's way */
	wl_pointer_set_cursor(listener.pointer, listener.serial, cursor, INT32_MIN, INT32_MIN);
	window_show(&listener.window, &listener.picture);
	ck_assert_uint_ne(pixel_in_the_middle(client), 0x123456);
	wl_pointer_set_cursor(listener.pointer, listener.serial, NULL, 0, 0);
	window_show(&listener.window, &listener.picture);
	ck_assert_uint_ne(pixel_in_the_middle(client), 0x123456);
	wl_pointer_set_cursor(listener.pointer, listener.serial, cursor, 8, 8);
	wl_surface_destroy(cursor);
	window_show(&listener.window, &listener.picture);
	ck_assert_uint_ne(pixel_in_the_middle(client), 0x123456);
	picture_finish(&picture);
	listener_finish(&listener);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
	input_device_finish(&device);
}

TEST(cursor_that_is_a_window)
{
	struct input_device device;
	struct daemon daemon;
	struct listener listener;
	const struct wl_interface *interface;
	uint32_t id;
	input_device_init(&device, INPUT_MOUSE);
	daemon_start(&daemon, NULL);
	listener_init(&listener, &daemon);
	expect(&listener, &listener.entered, 1);
	wl_pointer_set_cursor(listener.pointer, listener.serial, listener.window.surface, 0, 0);
	ck_assert(!client_sync(&listener.client));
	ck_assert_uint_eq(wl_display_get_protocol_error(listener.client.display, &interface, &id),
		WL_POINTER_ERROR_ROLE);
	ck_assert_ptr_eq(interface, &wl_pointer_interface);
	listener_finish(&listener);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
	input_device_finish(&device);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-input")
