/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "../daemon.h"
#include "../surface.h"
#include "clipboard.h"
#include "drag.h"
#include "seat.h"

static void tell(struct seat *seat, struct wl_resource *device)
{
	struct clipboard_offer *offer = NULL;
	if (seat->selection) {
		offer = clipboard_offer_create(seat->selection, device, false);
		if (!offer)
			return;
	}
	wl_data_device_send_selection(device, offer ? offer->resource : NULL);
}

void clipboard_tell(struct seat *seat, struct wl_client *client)
{
	struct wl_resource *device;
	wl_resource_for_each(device, &seat->data_devices)
		if (wl_resource_get_client(device) == client)
			tell(seat, device);
}

void clipboard_move(struct seat *seat)
{
	if (seat->selection)
		clipboard_source_forget_offers(seat->selection);
	clipboard_tell(seat, keyboard_client(seat));
}

/* ---- wl_data_device ------------------------------------------------------------------------ */

/* False: an error was posted. A source is good for one use. */
static bool use(struct wl_resource *device, struct clipboard_source *source)
{
	if (source->used) {
		wl_resource_post_error(
			device, WL_DATA_DEVICE_ERROR_USED_SOURCE, "the source was used already");
		return false;
	}
	source->used = true;
	return true;
}

static bool is_for_selections(const struct clipboard_source *source)
{
	if (!source->for_drags)
		return true;
	wl_resource_post_error(source->resource, WL_DATA_SOURCE_ERROR_INVALID_SOURCE,
		"a source with actions is for drags");
	return false;
}

/* Who lets the button go before is too late, and made no mistake: the source hears of it. */
static void handle_start_drag(struct wl_client *client, struct wl_resource *device,
	struct wl_resource *source_resource, struct wl_resource *origin,
	struct wl_resource *icon_resource, uint32_t serial)
{
	struct seat *seat = wl_resource_get_user_data(device);
	struct surface *icon = icon_resource ? surface_from_resource(icon_resource) : NULL;
	struct clipboard_source *source =
		source_resource ? wl_resource_get_user_data(source_resource) : NULL;
	if (icon && !drag_give_icon_role(icon)) {
		wl_resource_post_error(
			device, WL_DATA_DEVICE_ERROR_ROLE, "the icon has another role");
		return;
	}
	if (source && !use(device, source))
		return;
	if (!drag_start(seat, client, source, icon, serial))
		clipboard_source_cancel(source);
}

/* Who has lost the keyboard meanwhile was too late, and made no mistake. */
static void handle_set_selection(struct wl_client *client, struct wl_resource *device,
	struct wl_resource *source_resource, uint32_t serial)
{
	struct seat *seat = wl_resource_get_user_data(device);
	struct clipboard_source *source =
		source_resource ? wl_resource_get_user_data(source_resource) : NULL;
	if (source && (!is_for_selections(source) || !use(device, source)))
		return;
	if (keyboard_client(seat) != client) {
		clipboard_source_cancel(source);
		return;
	}
	clipboard_source_cancel(seat->selection);
	seat->selection = source;
	clipboard_tell(seat, client);
}

static void handle_release(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void device_destroyed(struct wl_resource *resource)
{
	const struct seat *seat = wl_resource_get_user_data(resource);
	drag_device_gone(seat->drag, resource);
	resource_unlink(resource);
}

static const struct wl_data_device_interface device_impl = {
	.start_drag = handle_start_drag,
	.set_selection = handle_set_selection,
	.release = handle_release,
};

/* ---- wl_data_device_manager ---------------------------------------------------------------- */

static void handle_create_data_source(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	clipboard_source_create(client, wl_resource_get_user_data(resource),
		(uint32_t)wl_resource_get_version(resource), id);
}

static void handle_get_data_device(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *seat_resource)
{
	struct seat *seat = wl_resource_get_user_data(resource);
	struct wl_resource *device = wl_resource_create(
		client, &wl_data_device_interface, wl_resource_get_version(resource), id);
	if (!device) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(device, &device_impl, seat, device_destroyed);
	wl_list_insert(&seat->data_devices, wl_resource_get_link(device));
	if (keyboard_client(seat) == client)
		tell(seat, device);
}

static const struct wl_data_device_manager_interface manager_impl = {
	.create_data_source = handle_create_data_source,
	.get_data_device = handle_get_data_device,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_data_device_manager_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

struct wl_global *clipboard_create_global(struct seat *seat)
{
	return wl_global_create(
		seat->daemon->display, &wl_data_device_manager_interface, 3, seat, bind_manager);
}
