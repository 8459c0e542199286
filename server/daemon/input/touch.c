/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "../daemon.h"
#include "../output.h"
#include "drag.h"
#include "popup_grab.h"
#include "seat.h"

static struct wl_client *client_of(const struct seat_target *target)
{
	return target->surface ? wl_resource_get_client(target->surface->resource) : NULL;
}

static struct seat_finger *find(struct seat *seat, int32_t id)
{
	for (int i = 0; i < SEAT_MOST_FINGERS; i++)
		if (seat->fingers[i].down && seat->fingers[i].id == id)
			return &seat->fingers[i];
	return NULL;
}

static struct seat_finger *find_free(struct seat *seat)
{
	for (int i = 0; i < SEAT_MOST_FINGERS; i++)
		if (!seat->fingers[i].down)
			return &seat->fingers[i];
	return NULL;
}

/* Fingers on windows of two clients in one frame of the device are two frames. */
static bool owe_frame(struct seat *seat, const struct seat_target *target)
{
	struct wl_client *client = client_of(target);
	if (seat->touched && seat->touched != client)
		seat_touch_frame(seat);
	seat->touched = client;
	return client != NULL;
}

void seat_touch_down(struct seat *seat, uint32_t ms, int32_t id, double x, double y)
{
	bool woken = idle_activity(seat->daemon);
	struct seat_finger *finger = find(seat, id) ? NULL : find_free(seat);
	if (!finger)
		return;
	seat_place(seat, &x, &y);
	*finger = (struct seat_finger){
		.down = true, .id = id, .x = x, .y = y, .target = seat_find(seat, x, y)};
	if (woken || popup_grab_press(seat->daemon, finger->target.surface))
		finger->target.surface = NULL;
	if (!owe_frame(seat, &finger->target))
		return;
	struct wl_resource *resource;
	uint32_t serial = seat_action_serial(seat, finger->target.surface);
	finger->serial = serial;
	wl_resource_for_each(resource, &seat->touches)
		if (seat_tells(resource, finger->target.surface))
			wl_touch_send_down(resource, serial, ms, finger->target.surface->resource,
				id, seat_fixed(x - finger->target.x),
				seat_fixed(y - finger->target.y));
	seat_picked(seat, finger->target.surface);
}

void seat_touch_move(struct seat *seat, uint32_t ms, int32_t id, double x, double y)
{
	struct seat_finger *finger = find(seat, id);
	idle_activity(seat->daemon);
	if (!finger)
		return;
	struct wl_resource *resource;
	seat_place(seat, &x, &y);
	finger->x = x;
	finger->y = y;
	if (drag_has_finger(seat->drag, id))
		drag_move(seat->drag, ms, x, y);
	if (!owe_frame(seat, &finger->target))
		return;
	seat_follow(seat, &finger->target);
	wl_resource_for_each(resource, &seat->touches)
		if (seat_tells(resource, finger->target.surface))
			wl_touch_send_motion(resource, ms, id, seat_fixed(x - finger->target.x),
				seat_fixed(y - finger->target.y));
}

void seat_touch_up(struct seat *seat, uint32_t ms, int32_t id)
{
	struct seat_finger *finger = find(seat, id);
	idle_activity(seat->daemon);
	if (!finger)
		return;
	finger->down = false;
	if (drag_has_finger(seat->drag, id))
		drag_drop(seat->drag);
	if (!owe_frame(seat, &finger->target))
		return;
	struct wl_resource *resource;
	uint32_t serial = seat_action_serial(seat, finger->target.surface);
	wl_resource_for_each(resource, &seat->touches)
		if (seat_tells(resource, finger->target.surface))
			wl_touch_send_up(resource, serial, ms, id);
}

void seat_touch_frame(struct seat *seat)
{
	struct wl_resource *resource;
	wl_resource_for_each(resource, &seat->touches)
		if (wl_resource_get_client(resource) == seat->touched)
			wl_touch_send_frame(resource);
	seat->touched = NULL;
}

static bool has_finger(const struct seat *seat, struct wl_resource *resource)
{
	for (int i = 0; i < SEAT_MOST_FINGERS; i++)
		if (seat->fingers[i].down && seat_is_for(resource, seat->fingers[i].target.surface))
			return true;
	return false;
}

void seat_touch_cancel(struct seat *seat)
{
	struct wl_resource *resource;
	wl_resource_for_each(resource, &seat->touches)
		if (has_finger(seat, resource))
			wl_touch_send_cancel(resource);
	for (int i = 0; i < SEAT_MOST_FINGERS; i++)
		seat->fingers[i].down = false;
	seat->touched = NULL;
	if (!drag_has_pointer(seat->drag))
		drag_cancel(seat->drag);
}

void touch_forget(struct seat *seat, const struct surface *surface)
{
	for (int i = 0; i < SEAT_MOST_FINGERS; i++)
		if (seat->fingers[i].target.surface == surface)
			seat->fingers[i].target.surface = NULL;
}

static void handle_release(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_touch_interface touch_impl = {.release = handle_release};

void touch_create(struct wl_client *client, struct seat *seat, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_touch_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &touch_impl, seat, resource_unlink);
	wl_list_insert(&seat->touches, wl_resource_get_link(resource));
}
