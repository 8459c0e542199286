/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wayland-server-protocol.h>

#include "../daemon.h"
#include "../output.h"
#include "../outputs.h"
#include "../subsurface.h"
#include "../xdg_popup.h"
#include "clipboard.h"
#include "core/account.h"
#include "cursor.h"
#include "cursor_shape.h"
#include "drag.h"
#include "popup_grab.h"
#include "seat.h"
#include "theme.h"

/* Version 8: wheels of high resolution. */
#define SEAT_VERSION 8

uint32_t seat_serial(const struct seat *seat)
{
	return wl_display_next_serial(seat->daemon->display);
}

/* 0: nobody's, for want of memory. */
static uint64_t client_id(const struct seat *seat, struct wl_client *client)
{
	const struct waybuf_account *account =
		waybuf_server_client_account(seat->daemon->server, client);
	return account ? account->id : 0;
}

uint32_t seat_action_serial(struct seat *seat, const struct surface *surface)
{
	uint32_t serial = seat_serial(seat);
	if (surface)
		seat->actions[seat->n_actions++ % SEAT_ACTIONS] = (struct seat_action){
			serial, client_id(seat, wl_resource_get_client(surface->resource))};
	return serial;
}

bool seat_had_action(const struct seat *seat, struct wl_client *client, uint32_t serial)
{
	uint64_t id = client_id(seat, client);
	for (unsigned i = 0; id && i < SEAT_ACTIONS; i++)
		if (seat->actions[i].client == id && seat->actions[i].serial == serial)
			return true;
	return false;
}

/* ---- where things are ---------------------------------------------------------------------- */

/* The newest picture: what is on the screen, or will be at the next flip. */
static const struct scene *scene_of(const struct output *output)
{
	return output->pending ? output->pending : output->shown;
}

static const struct surface *root_of(const struct surface *surface)
{
	while (surface->subsurface && surface->subsurface->parent)
		surface = surface->subsurface->parent;
	return surface;
}

/* Cursors and icons are in the picture for a moment longer than they are shown. */
static bool takes_input(const struct scene_layer *layer, double x, double y)
{
	const struct scene_logical *logical = &layer->logical;
	const struct surface *root = layer->surface ? root_of(layer->surface) : NULL;
	x -= logical->x;
	y -= logical->y;
	if (!root || cursor_is_one(root) || drag_is_icon(root) || x < 0 || y < 0 ||
		x >= logical->width || y >= logical->height)
		return false;
	const struct surface_state *now = &layer->surface->current;
	return now->input_everywhere ||
		pixman_region32_contains_point(
			(pixman_region32_t *)&now->input, (int)x, (int)y, NULL);
}

/* Of parts of pixels. Those that are left over at the end count as the last that are somebody's. */
static double logical_place(const struct output *output, int64_t parts, uint32_t size)
{
	const double one = GEOMETRY_ONE;
	return fmin((double)parts / one * GEOMETRY_SCALE_ONE / output->scale, size - 1 / one);
}

/* Such devices are in front of the first display, and turned with it. */
void seat_place(const struct seat *seat, double *x, double *y)
{
	const struct output *output = outputs_first(seat->daemon);
	const int64_t width = (int64_t)output->width * GEOMETRY_ONE;
	const int64_t height = (int64_t)output->height * GEOMETRY_ONE;
	const struct geometry_box on_display = {
		.x = (int64_t)(*x * (double)width), .y = (int64_t)(*y * (double)height)};
	const struct geometry_box upright =
		geometry_turn(geometry_inverse(output->transform), on_display, width, height);
	uint32_t logical_width, logical_height;
	output_logical_size(output, &logical_width, &logical_height);
	*x = logical_place(output, upright.x, logical_width) + output->x;
	*y = logical_place(output, upright.y, logical_height) + output->y;
}

bool seat_is_for(struct wl_resource *resource, const struct surface *surface)
{
	return surface &&
		wl_resource_get_client(resource) == wl_resource_get_client(surface->resource);
}

bool seat_tells(struct wl_resource *resource, const struct surface *surface)
{
	bool tells = seat_is_for(resource, surface);
	if (tells)
		unread_tell(wl_resource_get_client(resource));
	return tells;
}

wl_fixed_t seat_fixed(double value)
{
	return wl_fixed_from_double(fmin(fmax(value, -0x7fffff), 0x7fffff));
}

static struct seat_target target_of(const struct output *output, const struct scene_layer *layer)
{
	return (struct seat_target){
		layer->surface, layer->logical.x + output->x, layer->logical.y + output->y};
}

struct seat_target seat_find(const struct seat *seat, double x, double y)
{
	const struct output *output = outputs_at(seat->daemon, &x, &y);
	const struct scene *scene = scene_of(output);
	for (uint32_t i = 0; scene && i < scene->n_layers; i++) {
		const struct scene_layer *layer = &scene->layers[i];
		if (takes_input(layer, x - output->x, y - output->y))
			return target_of(output, layer);
	}
	return (struct seat_target){NULL, 0, 0};
}

void seat_follow(const struct seat *seat, struct seat_target *target)
{
	if (!target->surface)
		return;
	const struct output *output = outputs_of(target->surface);
	const struct scene *scene = scene_of(output);
	for (uint32_t i = 0; scene && i < scene->n_layers; i++) {
		if (scene->layers[i].surface != target->surface)
			continue;
		*target = target_of(output, &scene->layers[i]);
		return;
	}
}

/* ---- who has the keyboard ------------------------------------------------------------------ */

static struct surface *keyboard_owner(const struct seat *seat)
{
	const struct xdg_toplevel *top;
	struct surface *popup = popup_grab_owner(seat->daemon);
	if (seat->devices.keyboards && popup)
		return popup;
	if (!seat->devices.keyboards || wl_list_empty(&seat->daemon->toplevels))
		return NULL;
	top = wl_container_of(seat->daemon->toplevels.next, top, link);
	return top->xdg->surface;
}

static void picked_popup(struct daemon *daemon, const struct surface *surface)
{
	struct xdg_popup *popup;
	wl_list_for_each(popup, &daemon->popups, link) {
		if (popup->xdg->surface != surface)
			continue;
		struct xdg_toplevel *toplevel = xdg_popup_toplevel(popup);
		if (toplevel)
			xdg_toplevel_raise(toplevel);
		return;
	}
}

void seat_picked(struct seat *seat, struct surface *surface)
{
	struct xdg_toplevel *toplevel;
	const struct surface *root = root_of(surface);
	wl_list_for_each(toplevel, &seat->daemon->toplevels, link) {
		if (toplevel->xdg->surface == root) {
			xdg_toplevel_raise(toplevel);
			return;
		}
	}
	picked_popup(seat->daemon, root);
}

static void handle_idle(void *data)
{
	struct seat *seat = data;
	seat->idle = NULL;
	pointer_refocus(seat);
	keyboard_focus(seat, keyboard_owner(seat));
}

/* Not at once: this comes out of the middle of commits and of the ends of clients. */
void seat_scene_changed(struct seat *seat)
{
	if (!seat || seat->idle || (!seat->devices.pointers && !seat->devices.keyboards))
		return;
	struct wl_event_loop *loop = wl_display_get_event_loop(seat->daemon->display);
	seat->idle = wl_event_loop_add_idle(loop, handle_idle, seat);
}

void seat_layout_changed(struct seat *seat)
{
	if (!seat)
		return;
	outputs_at(seat->daemon, &seat->x, &seat->y);
	cursor_moved(seat);
	seat_scene_changed(seat);
}

void seat_surface_gone(struct seat *seat, const struct surface *surface)
{
	if (!seat)
		return;
	drag_surface_gone(seat->drag, surface);
	pointer_forget(seat, surface);
	touch_forget(seat, surface);
	if (seat->keyboard == surface)
		seat->keyboard = NULL;
}

/* ---- wl_seat ------------------------------------------------------------------------------- */

static uint32_t capabilities(const struct seat *seat)
{
	const struct seat_devices *devices = &seat->devices;
	return (devices->pointers ? WL_SEAT_CAPABILITY_POINTER : 0) |
		(devices->keyboards ? WL_SEAT_CAPABILITY_KEYBOARD : 0) |
		(devices->touches ? WL_SEAT_CAPABILITY_TOUCH : 0);
}

/* What has gone is left first, so that no client is left with a key or a finger that is held. */
static void leave_gone(struct seat *seat)
{
	if (!seat->devices.keyboards) {
		keyboard_focus(seat, NULL);
		seat->n_keys = 0;
	}
	if (!seat->devices.pointers && drag_has_pointer(seat->drag))
		drag_cancel(seat->drag);
	if (!seat->devices.pointers)
		seat->buttons = seat->swallowed = 0;
	if (!seat->devices.touches)
		seat_touch_cancel(seat);
	pointer_refocus(seat);
}

/* Made when the first keyboard comes, of some sixty files: many a display never has one. */
static bool has_keymap(struct seat *seat)
{
	if (seat->keymap.fd >= 0 || seat->keymap_failed)
		return !seat->keymap_failed;
	int ret = keymap_init(&seat->keymap);
	if (ret == 0)
		return true;
	fprintf(stderr, "waybufd: keyboards are left out: there is no keymap: %s\n",
		strerror(-ret));
	keymap_finish(&seat->keymap);
	seat->keymap_failed = true;
	return false;
}

void seat_set_devices(struct seat *seat, const struct seat_devices *devices)
{
	uint32_t before = capabilities(seat);
	seat->devices = *devices;
	if (seat->devices.keyboards && !has_keymap(seat))
		seat->devices.keyboards = 0;
	seat->ever |= capabilities(seat);
	if (capabilities(seat) == before)
		return;
	leave_gone(seat);
	/* where nobody is pointed at it would stay as it is */
	if (!seat->pointer.surface)
		cursor_set_default(seat);
	struct wl_resource *resource;
	wl_resource_for_each(resource, &seat->resources)
		wl_seat_send_capabilities(resource, capabilities(seat));
	seat_scene_changed(seat);
}

/* A device can go before its client knows; then there is an object that stays silent. */
static bool ever_had(struct wl_resource *resource, uint32_t capability, const char *name)
{
	const struct seat *seat = wl_resource_get_user_data(resource);
	if (seat->ever & capability)
		return true;
	wl_resource_post_error(
		resource, WL_SEAT_ERROR_MISSING_CAPABILITY, "the seat never had a %s", name);
	return false;
}

static void handle_get_pointer(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	if (ever_had(resource, WL_SEAT_CAPABILITY_POINTER, "pointer"))
		pointer_create(client, wl_resource_get_user_data(resource),
			(uint32_t)wl_resource_get_version(resource), id);
}

static void handle_get_keyboard(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	if (ever_had(resource, WL_SEAT_CAPABILITY_KEYBOARD, "keyboard"))
		keyboard_create(client, wl_resource_get_user_data(resource),
			(uint32_t)wl_resource_get_version(resource), id);
}

static void handle_get_touch(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	if (ever_had(resource, WL_SEAT_CAPABILITY_TOUCH, "touch screen"))
		touch_create(client, wl_resource_get_user_data(resource),
			(uint32_t)wl_resource_get_version(resource), id);
}

static void handle_release(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_seat_interface seat_impl = {
	.get_pointer = handle_get_pointer,
	.get_keyboard = handle_get_keyboard,
	.get_touch = handle_get_touch,
	.release = handle_release,
};

static void bind_seat(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct seat *seat = data;
	struct wl_resource *resource =
		wl_resource_create(client, &wl_seat_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &seat_impl, seat, resource_unlink);
	wl_list_insert(&seat->resources, wl_resource_get_link(resource));
	wl_seat_send_capabilities(resource, capabilities(seat));
	if (version >= WL_SEAT_NAME_SINCE_VERSION)
		wl_seat_send_name(resource, "seat0");
}

struct seat *seat_create(struct daemon *daemon)
{
	struct seat *seat = calloc(1, sizeof(*seat));
	if (!seat)
		return NULL;
	seat->daemon = daemon;
	wl_list_init(&seat->resources);
	wl_list_init(&seat->pointers);
	wl_list_init(&seat->keyboards);
	wl_list_init(&seat->touches);
	wl_list_init(&seat->data_devices);
	uint32_t width, height;
	output_logical_size(outputs_first(daemon), &width, &height);
	seat->x = width / 2.0;
	seat->y = height / 2.0;
	seat->cursor_scale = GEOMETRY_SCALE_ONE;
	seat->keymap.fd = -1;
	seat->global = wl_global_create(
		daemon->display, &wl_seat_interface, SEAT_VERSION, seat, bind_seat);
	seat->clipboard = clipboard_create_global(seat);
	seat->shapes = cursor_shape_create_global(seat);
	if (seat->global && seat->clipboard && seat->shapes)
		return seat;
	fprintf(stderr, "waybufd: no seat can be made: %s\n", strerror(ENOMEM));
	seat_destroy(seat);
	return NULL;
}

void seat_destroy(struct seat *seat)
{
	if (!seat)
		return;
	if (seat->idle)
		wl_event_source_remove(seat->idle);
	if (seat->shapes)
		wl_global_destroy(seat->shapes);
	if (seat->clipboard)
		wl_global_destroy(seat->clipboard);
	if (seat->global)
		wl_global_destroy(seat->global);
	theme_destroy(seat->theme);
	keymap_finish(&seat->keymap);
	free(seat);
}
