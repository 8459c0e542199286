/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "../daemon.h"
#include "../outputs.h"
#include "../surface.h"
#include "cursor.h"
#include "drag.h"
#include "popup_grab.h"
#include "seat.h"

static wl_fixed_t local_x(const struct seat *seat)
{
	return seat_fixed(seat->x - seat->pointer.x);
}

static wl_fixed_t local_y(const struct seat *seat)
{
	return seat_fixed(seat->y - seat->pointer.y);
}

static void send_frame(struct wl_resource *resource)
{
	if (wl_resource_get_version(resource) >= WL_POINTER_FRAME_SINCE_VERSION)
		wl_pointer_send_frame(resource);
}

/* ---- who is pointed at --------------------------------------------------------------------- */

static void send_enter(struct seat *seat, struct wl_resource *resource)
{
	wl_pointer_send_enter(resource, seat->pointer_serial, seat->pointer.surface->resource,
		local_x(seat), local_y(seat));
	send_frame(resource);
}

static void leave(struct seat *seat)
{
	struct wl_resource *resource;
	uint32_t serial = seat_serial(seat);
	wl_resource_for_each(resource, &seat->pointers) {
		if (!seat_is_for(resource, seat->pointer.surface))
			continue;
		wl_pointer_send_leave(resource, serial, seat->pointer.surface->resource);
		send_frame(resource);
	}
}

/* The cursor was the one that the window before has set. */
static void focus(struct seat *seat, const struct seat_target *target)
{
	struct wl_resource *resource;
	leave(seat);
	seat->pointer = *target;
	seat->pointer_serial = seat_serial(seat);
	cursor_set_default(seat);
	wl_resource_for_each(resource, &seat->pointers)
		if (seat_is_for(resource, target->surface))
			send_enter(seat, resource);
}

void pointer_yield(struct seat *seat)
{
	leave(seat);
	seat->pointer.surface = NULL;
	seat->swallowed += seat->buttons;
	seat->buttons = 0;
}

void pointer_refocus(struct seat *seat)
{
	if (drag_has_pointer(seat->drag)) {
		drag_refocus(seat->drag);
		return;
	}
	if (seat->buttons) {
		seat_follow(seat, &seat->pointer);
		return;
	}
	struct seat_target target = {NULL, 0, 0};
	if (seat->devices.pointers)
		target = seat_find(seat, seat->x, seat->y);
	if (popup_grab_excludes(seat->daemon, target.surface))
		target.surface = NULL;
	if (target.surface != seat->pointer.surface)
		focus(seat, &target);
	else
		seat->pointer = target;
}

/* The buttons that it holds are nobody's from now on. */
void pointer_forget(struct seat *seat, const struct surface *surface)
{
	cursor_forget(seat, surface);
	if (seat->pointer.surface != surface)
		return;
	seat->pointer.surface = NULL;
	seat->swallowed += seat->buttons;
	seat->buttons = 0;
	cursor_set_default(seat);
	seat_scene_changed(seat);
}

/* ---- what it does -------------------------------------------------------------------------- */

static void moved(struct seat *seat, uint32_t ms, double x, double y)
{
	const struct surface *before = seat->pointer.surface;
	idle_activity(seat->daemon);
	outputs_at(seat->daemon, &x, &y);
	seat->x = x;
	seat->y = y;
	cursor_moved(seat);
	if (drag_has_pointer(seat->drag)) {
		drag_move(seat->drag, ms, seat->x, seat->y);
		return;
	}
	pointer_refocus(seat);
	/* enter has told where it is */
	if (seat->pointer.surface != before)
		return;
	struct wl_resource *resource;
	wl_resource_for_each(resource, &seat->pointers)
		if (seat_tells(resource, seat->pointer.surface))
			wl_pointer_send_motion(resource, ms, local_x(seat), local_y(seat));
}

void seat_move(struct seat *seat, uint32_t ms, double dx, double dy)
{
	moved(seat, ms, seat->x + dx, seat->y + dy);
}

void seat_move_to(struct seat *seat, uint32_t ms, double x, double y)
{
	seat_place(seat, &x, &y);
	moved(seat, ms, x, y);
}

/* A press where there is nobody is not told, and so its release is not, either. */
static bool note_button(struct seat *seat, bool pressed)
{
	if (pressed && !seat->buttons && popup_grab_press(seat->daemon, seat->pointer.surface)) {
		seat->swallowed++;
		return false;
	}
	if (pressed) {
		*(seat->pointer.surface ? &seat->buttons : &seat->swallowed) += 1;
		return seat->pointer.surface;
	}
	if (seat->swallowed) {
		seat->swallowed--;
		if (!seat->swallowed && drag_has_pointer(seat->drag))
			drag_drop(seat->drag);
		return false;
	}
	if (!seat->buttons)
		return false;
	seat->buttons--;
	return true;
}

void seat_button(struct seat *seat, uint32_t ms, uint32_t button, bool pressed)
{
	struct wl_resource *resource;
	if (idle_activity(seat->daemon) && pressed) {
		seat->swallowed++;
		return;
	}
	if (!note_button(seat, pressed))
		return;
	uint32_t serial = seat_action_serial(seat, seat->pointer.surface);
	wl_resource_for_each(resource, &seat->pointers)
		if (seat_tells(resource, seat->pointer.surface))
			wl_pointer_send_button(resource, serial, ms, button,
				pressed ? WL_POINTER_BUTTON_STATE_PRESSED
					: WL_POINTER_BUTTON_STATE_RELEASED);
	if (pressed && seat->buttons == 1) {
		seat->pressed_serial = serial;
		seat_picked(seat, seat->pointer.surface);
	}
	if (!seat->buttons)
		seat_scene_changed(seat);
}

/* Before version 8 wheels are told in whole clicks, and parts of one are not told. */
static void send_wheel(struct wl_resource *resource, const struct seat_axis *axis)
{
	int version = wl_resource_get_version(resource);
	if (version >= WL_POINTER_AXIS_VALUE120_SINCE_VERSION)
		wl_pointer_send_axis_value120(resource, axis->axis, axis->value120);
	else if (version >= WL_POINTER_AXIS_DISCRETE_SINCE_VERSION && axis->value120 / 120)
		wl_pointer_send_axis_discrete(resource, axis->axis, axis->value120 / 120);
}

static void send_axis(struct wl_resource *resource, uint32_t ms, const struct seat_axis *axis)
{
	bool extended = wl_resource_get_version(resource) >= WL_POINTER_AXIS_SOURCE_SINCE_VERSION;
	if (extended)
		wl_pointer_send_axis_source(resource, axis->source);
	if (axis->value120)
		send_wheel(resource, axis);
	if (axis->value != 0)
		wl_pointer_send_axis(resource, ms, axis->axis, seat_fixed(axis->value));
	else if (extended)
		wl_pointer_send_axis_stop(resource, ms, axis->axis);
}

void seat_scroll(struct seat *seat, uint32_t ms, const struct seat_axis *axis)
{
	struct wl_resource *resource;
	if (idle_activity(seat->daemon))
		return;
	wl_resource_for_each(resource, &seat->pointers)
		if (seat_tells(resource, seat->pointer.surface))
			send_axis(resource, ms, axis);
}

void seat_pointer_frame(struct seat *seat)
{
	struct wl_resource *resource;
	wl_resource_for_each(resource, &seat->pointers)
		if (seat_tells(resource, seat->pointer.surface))
			send_frame(resource);
}

/* ---- wl_pointer ---------------------------------------------------------------------------- */

bool pointer_may_set_cursor(const struct seat *seat, struct wl_resource *resource, uint32_t serial)
{
	return seat_is_for(resource, seat->pointer.surface) && serial == seat->pointer_serial;
}

static void handle_set_cursor(struct wl_client *client, struct wl_resource *resource,
	uint32_t serial, struct wl_resource *surface_resource, int32_t x, int32_t y)
{
	struct seat *seat = wl_resource_get_user_data(resource);
	struct surface *surface = surface_resource ? surface_from_resource(surface_resource) : NULL;
	if (surface && !cursor_give_role(surface)) {
		wl_resource_post_error(
			resource, WL_POINTER_ERROR_ROLE, "the surface has another role");
		return;
	}
	/* who is not pointed at any more has lost a race, and made no mistake */
	if (pointer_may_set_cursor(seat, resource, serial))
		cursor_set(seat, surface, x, y);
}

static void handle_release(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_pointer_interface pointer_impl = {
	.set_cursor = handle_set_cursor,
	.release = handle_release,
};

void pointer_create(struct wl_client *client, struct seat *seat, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_pointer_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &pointer_impl, seat, resource_unlink);
	wl_list_insert(&seat->pointers, wl_resource_get_link(resource));
	if (seat_is_for(resource, seat->pointer.surface))
		send_enter(seat, resource);
}
