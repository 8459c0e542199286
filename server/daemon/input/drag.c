/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <wayland-server-protocol.h>

#include "../daemon.h"
#include "../output.h"
#include "../outputs.h"
#include "../subsurface.h"
#include "clipboard.h"
#include "cursor.h"
#include "drag.h"
#include "popup_grab.h"
#include "seat.h"

struct drag {
	struct seat *seat;
	struct wl_client *client; /* who has begun it */
	struct wl_listener client_destroyed;
	struct clipboard_source *source; /* NULL: nobody else can take it */
	struct surface *icon; /* NULL: none */
	int64_t icon_dx, icon_dy; /* its offset when it began */
	bool by_finger;
	int32_t finger;
	double x, y;
	struct seat_target target;
	struct wl_resource *device; /* the target's, which was told; NULL: nobody was */
};

static struct output *output_of(const struct drag *drag)
{
	double x = drag->x, y = drag->y;
	return outputs_at(drag->seat->daemon, &x, &y);
}

/* ---- the icon -------------------------------------------------------------------------------- */

static void map_icon(const struct drag *drag)
{
	bool shown = drag->icon->current.frame;
	if (shown && !drag->icon->mapped)
		drag->icon->output = output_of(drag);
	subsurface_set_mapped(drag->icon, shown);
}

static void icon_applied(struct surface *surface)
{
	const struct seat *seat = surface->daemon->seat;
	if (!seat || !seat->drag || seat->drag->icon != surface) {
		subsurface_set_mapped(surface, false);
		return;
	}
	map_icon(seat->drag);
	output_damage(output_of(seat->drag));
}

static const struct surface_role icon_role = {
	.name = "wl_data_device icon", .applied = icon_applied};

bool drag_give_icon_role(struct surface *surface)
{
	return surface_set_role(surface, &icon_role, NULL);
}

bool drag_is_icon(const struct surface *surface)
{
	return surface->role == &icon_role;
}

struct surface *drag_icon_place(
	const struct seat *seat, const struct output *output, int64_t *x, int64_t *y)
{
	const struct drag *drag = seat ? seat->drag : NULL;
	if (!drag || !drag->icon || output_of(drag) != output)
		return NULL;
	outputs_find_pixel(output, drag->x, drag->y, x, y);
	*x += geometry_scale(output->scale, drag->icon->current.dx - drag->icon_dx);
	*y += geometry_scale(output->scale, drag->icon->current.dy - drag->icon_dy);
	return drag->icon;
}

static void show_icon(struct drag *drag, struct surface *icon)
{
	drag->icon = icon;
	if (!icon)
		return;
	drag->icon_dx = icon->current.dx;
	drag->icon_dy = icon->current.dy;
	map_icon(drag);
}

/* ---- what it is over ------------------------------------------------------------------------- */

/* NULL: it is over nobody who could take it. */
static struct clipboard_offer *offer_of(const struct drag *drag)
{
	return drag->source ? drag->source->offer : NULL;
}

/* What would come of it, if it was dropped now. */
void drag_agreed(struct drag *drag)
{
	static const char *const none[] = {"no-drop", "dnd-none", NULL};
	static const char *const grabbing[] = {"grabbing", NULL};
	static const char *const copy[] = {"copy", "dnd-copy", NULL};
	static const char *const move[] = {"move", "dnd-move", NULL};
	static const char *const ask[] = {"dnd-ask", "copy", "dnd-copy", NULL};
	if (!drag || drag->by_finger)
		return;
	const struct clipboard_offer *offer = offer_of(drag);
	uint32_t action = offer && offer->accepted ? drag->source->action : 0;
	if (!drag->source)
		cursor_set_names(drag->seat, grabbing);
	else if (action == WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY)
		cursor_set_names(drag->seat, copy);
	else if (action == WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE)
		cursor_set_names(drag->seat, move);
	else
		cursor_set_names(drag->seat, action ? ask : none);
}

/* The source agrees with nobody any more. */
static void forget_offer(struct drag *drag)
{
	struct clipboard_source *source = drag->source;
	struct clipboard_offer *offer = offer_of(drag);
	if (!source || (!offer && !source->action))
		return;
	if (offer && offer->accepted)
		wl_data_source_send_target(source->resource, NULL);
	if (source->action &&
		wl_resource_get_version(source->resource) >= WL_DATA_SOURCE_ACTION_SINCE_VERSION)
		wl_data_source_send_action(source->resource, 0);
	source->action = 0;
	clipboard_offer_forget(offer);
}

static void leave(struct drag *drag)
{
	struct wl_resource *device = drag->device;
	drag->device = NULL;
	drag->target.surface = NULL;
	if (device)
		wl_data_device_send_leave(device);
	forget_offer(drag);
	drag_agreed(drag);
}

static void enter(struct drag *drag, const struct seat_target *target)
{
	struct wl_client *client = wl_resource_get_client(target->surface->resource);
	struct wl_resource *device = wl_resource_find_for_client(&drag->seat->data_devices, client);
	drag->target = *target;
	if (!device || (!drag->source && client != drag->client))
		return;
	struct clipboard_offer *offer =
		drag->source ? clipboard_offer_create(drag->source, device, true) : NULL;
	if (drag->source && !offer)
		return;
	drag->device = device;
	wl_data_device_send_enter(device, seat_serial(drag->seat), target->surface->resource,
		seat_fixed(drag->x - target->x), seat_fixed(drag->y - target->y),
		offer ? offer->resource : NULL);
}

/* True: it is over something else. */
static bool refocus(struct drag *drag)
{
	struct seat_target target = seat_find(drag->seat, drag->x, drag->y);
	if (popup_grab_excludes(drag->seat->daemon, target.surface))
		target.surface = NULL;
	if (target.surface == drag->target.surface) {
		drag->target = target;
		return false;
	}
	leave(drag);
	if (target.surface)
		enter(drag, &target);
	return true;
}

void drag_refocus(struct drag *drag)
{
	refocus(drag);
}

void drag_move(struct drag *drag, uint32_t ms, double x, double y)
{
	drag->x = x;
	drag->y = y;
	if (drag->icon) {
		outputs_move(drag->icon, output_of(drag));
		output_damage(output_of(drag));
	}
	/* enter has told where it is */
	if (refocus(drag) || !drag->device)
		return;
	unread_tell(wl_resource_get_client(drag->device));
	wl_data_device_send_motion(
		drag->device, ms, seat_fixed(x - drag->target.x), seat_fixed(y - drag->target.y));
}

/* ---- its end --------------------------------------------------------------------------------- */

static void finish(struct drag *drag)
{
	struct seat *seat = drag->seat;
	seat->drag = NULL;
	if (drag->source)
		drag->source->drag = NULL;
	if (drag->icon)
		subsurface_set_mapped(drag->icon, false);
	wl_list_remove(&drag->client_destroyed.link);
	if (!drag->by_finger)
		cursor_set_default(seat);
	output_damage(output_of(drag));
	seat_scene_changed(seat);
	free(drag);
}

/* Before version 3 no source was told. */
static void tell_cancelled(struct clipboard_source *source)
{
	if (source &&
		wl_resource_get_version(source->resource) >=
			WL_DATA_SOURCE_DND_FINISHED_SINCE_VERSION)
		wl_data_source_send_cancelled(source->resource);
}

void drag_cancel(struct drag *drag)
{
	if (!drag)
		return;
	leave(drag);
	tell_cancelled(drag->source);
	finish(drag);
}

static void drop_on(struct drag *drag, struct clipboard_offer *offer)
{
	struct clipboard_source *source = drag->source;
	wl_data_device_send_drop(drag->device);
	if (!source)
		return;
	offer->dropped = true;
	offer->asked = source->action == WL_DATA_DEVICE_MANAGER_DND_ACTION_ASK;
	if (wl_resource_get_version(source->resource) >=
		WL_DATA_SOURCE_DND_DROP_PERFORMED_SINCE_VERSION)
		wl_data_source_send_dnd_drop_performed(source->resource);
}

void drag_drop(struct drag *drag)
{
	struct clipboard_offer *offer = offer_of(drag);
	if (!drag->device ||
		(drag->source && (!offer || !offer->accepted || !drag->source->action))) {
		drag_cancel(drag);
		return;
	}
	drop_on(drag, offer);
	finish(drag);
}

static void lose_source(struct drag *drag)
{
	if (drag->source)
		drag->source->drag = NULL;
	drag->source = NULL;
	leave(drag);
	finish(drag);
}

void drag_source_gone(struct drag *drag)
{
	if (drag)
		lose_source(drag);
}

/* Without a source nothing else tells of it. */
static void handle_client_destroyed(struct wl_listener *listener, void *data)
{
	struct drag *drag = wl_container_of(listener, drag, client_destroyed);
	lose_source(drag);
}

/* The target does not want it, or is gone. */
void drag_offer_gone(struct drag *drag)
{
	if (!drag)
		return;
	forget_offer(drag);
	drag_agreed(drag);
}

void drag_device_gone(struct drag *drag, const struct wl_resource *device)
{
	if (!drag || drag->device != device)
		return;
	drag->device = NULL;
	drag_offer_gone(drag);
}

void drag_surface_gone(struct drag *drag, const struct surface *surface)
{
	if (!drag)
		return;
	if (drag->icon == surface) {
		drag->icon = NULL;
		output_damage(surface->output ? surface->output : output_of(drag));
	}
	if (drag->target.surface == surface)
		leave(drag);
}

/* ---- its beginning --------------------------------------------------------------------------- */

bool drag_has_pointer(const struct drag *drag)
{
	return drag && !drag->by_finger;
}

bool drag_has_finger(const struct drag *drag, int32_t id)
{
	return drag && drag->by_finger && drag->finger == id;
}

/* The finger of @client's that went down with @serial, and is down; NULL: none. */
static struct seat_finger *find_finger(
	struct seat *seat, const struct wl_client *client, uint32_t serial)
{
	for (int i = 0; i < SEAT_MOST_FINGERS; i++) {
		struct seat_finger *finger = &seat->fingers[i];
		if (finger->down && finger->serial == serial && finger->target.surface &&
			wl_resource_get_client(finger->target.surface->resource) == client)
			return finger;
	}
	return NULL;
}

static bool is_pressed(const struct seat *seat, const struct wl_client *client, uint32_t serial)
{
	return seat->buttons && seat->pressed_serial == serial && seat->pointer.surface &&
		wl_resource_get_client(seat->pointer.surface->resource) == client;
}

/* From now on nobody has the pointer, or the finger. */
static void take(struct drag *drag, struct seat_finger *finger)
{
	struct seat *seat = drag->seat;
	drag->by_finger = finger != NULL;
	if (!finger) {
		drag->x = seat->x;
		drag->y = seat->y;
		pointer_yield(seat);
		return;
	}
	drag->finger = finger->id;
	drag->x = finger->x;
	drag->y = finger->y;
	finger->target.surface = NULL;
}

bool drag_start(struct seat *seat, struct wl_client *client, struct clipboard_source *source,
	struct surface *icon, uint32_t serial)
{
	struct seat_finger *finger = find_finger(seat, client, serial);
	if (seat->drag || (!finger && !is_pressed(seat, client, serial)))
		return false;
	struct drag *drag = calloc(1, sizeof(*drag));
	if (!drag)
		return false;
	drag->seat = seat;
	drag->client = client;
	drag->client_destroyed.notify = handle_client_destroyed;
	wl_client_add_destroy_listener(client, &drag->client_destroyed);
	drag->source = source;
	if (source)
		source->drag = drag;
	take(drag, finger);
	seat->drag = drag;
	show_icon(drag, icon);
	drag_agreed(drag);
	drag_refocus(drag);
	output_damage(output_of(drag));
	return true;
}
