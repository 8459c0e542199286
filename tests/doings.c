/* SPDX-License-Identifier: MIT */
#include "doings.h"

#include <unistd.h>

static void note(struct doings *doings, uint32_t serial)
{
	doings->count++;
	doings->serial = serial;
}

static void handle_enter(void *data, struct wl_pointer *pointer, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y)
{
	struct doings *doings = data;
	doings->pointed_at = surface;
	doings->entered = serial;
	doings->enters++;
	doings->x = wl_fixed_to_double(x);
	doings->y = wl_fixed_to_double(y);
}

static void handle_leave(
	void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface)
{
	struct doings *doings = data;
	doings->pointed_at = NULL;
}

static void handle_motion(
	void *data, struct wl_pointer *pointer, uint32_t ms, wl_fixed_t x, wl_fixed_t y)
{
	struct doings *doings = data;
	doings->x = wl_fixed_to_double(x);
	doings->y = wl_fixed_to_double(y);
	doings->moved++;
}

static void handle_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t ms,
	uint32_t button, uint32_t state)
{
	struct doings *doings = data;
	doings->buttons++;
	note(doings, serial);
}

static void handle_axis(
	void *data, struct wl_pointer *pointer, uint32_t ms, uint32_t axis, wl_fixed_t value)
{
	struct doings *doings = data;
	doings->scrolls++;
}

static void handle_frame(void *data, struct wl_pointer *pointer) {}

static const struct wl_pointer_listener pointer_listener = {
	.enter = handle_enter,
	.leave = handle_leave,
	.motion = handle_motion,
	.button = handle_button,
	.axis = handle_axis,
	.frame = handle_frame,
};

static void handle_keymap(
	void *data, struct wl_keyboard *keyboard, uint32_t format, int32_t fd, uint32_t size)
{
	close(fd);
}

static void handle_keyboard_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	struct wl_surface *surface, struct wl_array *keys)
{
	struct doings *doings = data;
	doings->keyboard_enters++;
}

static void handle_keyboard_leave(
	void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface)
{
	struct doings *doings = data;
	doings->keyboard_leaves++;
}

static void handle_key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t ms,
	uint32_t key, uint32_t state)
{
	struct doings *doings = data;
	doings->keys++;
	note(doings, serial);
}

static void handle_modifiers(void *data, struct wl_keyboard *keyboard, uint32_t serial,
	uint32_t depressed, uint32_t latched, uint32_t locked, uint32_t group)
{
}

static void handle_repeat(void *data, struct wl_keyboard *keyboard, int32_t rate, int32_t delay) {}

static const struct wl_keyboard_listener keyboard_listener = {
	.keymap = handle_keymap,
	.enter = handle_keyboard_enter,
	.leave = handle_keyboard_leave,
	.key = handle_key,
	.modifiers = handle_modifiers,
	.repeat_info = handle_repeat,
};

static void handle_down(void *data, struct wl_touch *touch, uint32_t serial, uint32_t ms,
	struct wl_surface *surface, int32_t id, wl_fixed_t x, wl_fixed_t y)
{
	struct doings *doings = data;
	doings->downs++;
	note(doings, serial);
}

static void handle_up(void *data, struct wl_touch *touch, uint32_t serial, uint32_t ms, int32_t id)
{
	struct doings *doings = data;
	doings->ups++;
	note(doings, serial);
}

static void handle_touch_motion(
	void *data, struct wl_touch *touch, uint32_t ms, int32_t id, wl_fixed_t x, wl_fixed_t y)
{
	struct doings *doings = data;
	doings->slides++;
}

static void handle_touch_frame(void *data, struct wl_touch *touch) {}

static void handle_cancel(void *data, struct wl_touch *touch) {}

static const struct wl_touch_listener touch_listener = {
	.down = handle_down,
	.up = handle_up,
	.motion = handle_touch_motion,
	.frame = handle_touch_frame,
	.cancel = handle_cancel,
};

void doings_init(struct doings *doings, struct wl_seat *seat, uint32_t capabilities)
{
	*doings = (struct doings){0};
	if (capabilities & WL_SEAT_CAPABILITY_POINTER) {
		doings->pointer = wl_seat_get_pointer(seat);
		wl_pointer_add_listener(doings->pointer, &pointer_listener, doings);
	}
	if (capabilities & WL_SEAT_CAPABILITY_KEYBOARD) {
		doings->keyboard = wl_seat_get_keyboard(seat);
		wl_keyboard_add_listener(doings->keyboard, &keyboard_listener, doings);
	}
	if (capabilities & WL_SEAT_CAPABILITY_TOUCH) {
		doings->touch = wl_seat_get_touch(seat);
		wl_touch_add_listener(doings->touch, &touch_listener, doings);
	}
}

void doings_finish(struct doings *doings)
{
	if (doings->pointer)
		wl_pointer_release(doings->pointer);
	if (doings->keyboard)
		wl_keyboard_release(doings->keyboard);
	if (doings->touch)
		wl_touch_release(doings->touch);
}
