/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wayland-server-protocol.h>

#include "clipboard.h"
#include "seat.h"

#define ALL_ACTIONS \
	(WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY | WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE | \
		WL_DATA_DEVICE_MANAGER_DND_ACTION_ASK)

struct clipboard_offer {
	struct clipboard_source *source; /* NULL: nothing can be read from it any more */
	struct wl_list link;
};

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* ---- what is offered ----------------------------------------------------------------------- */

static bool has_type(const struct clipboard_source *source, const char *type)
{
	for (unsigned i = 0; i < source->n_types; i++)
		if (strcmp(source->types[i], type) == 0)
			return true;
	return false;
}

/* For drags, to say what a drop would be. */
static void handle_accept(
	struct wl_client *client, struct wl_resource *resource, uint32_t serial, const char *type)
{
}

/* Who asks for what there is not reads the end of the file. */
static void handle_receive(
	struct wl_client *client, struct wl_resource *resource, const char *type, int32_t fd)
{
	const struct clipboard_offer *offer = wl_resource_get_user_data(resource);
	if (offer->source && has_type(offer->source, type))
		wl_data_source_send_send(offer->source->resource, type, fd);
	close(fd);
}

static void handle_finish(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_post_error(resource, WL_DATA_OFFER_ERROR_INVALID_FINISH, "nothing was dropped");
}

static void handle_offer_actions(struct wl_client *client, struct wl_resource *resource,
	uint32_t actions, uint32_t preferred)
{
	if (actions & ~(uint32_t)ALL_ACTIONS)
		wl_resource_post_error(resource, WL_DATA_OFFER_ERROR_INVALID_ACTION_MASK,
			"%#x has unknown actions", actions);
	else
		wl_resource_post_error(
			resource, WL_DATA_OFFER_ERROR_INVALID_OFFER, "a selection is not dragged");
}

static const struct wl_data_offer_interface offer_impl = {
	.accept = handle_accept,
	.receive = handle_receive,
	.destroy = handle_destroy,
	.finish = handle_finish,
	.set_actions = handle_offer_actions,
};

static void offer_destroyed(struct wl_resource *resource)
{
	struct clipboard_offer *offer = wl_resource_get_user_data(resource);
	wl_list_remove(&offer->link);
	free(offer);
}

struct wl_resource *clipboard_offer_create(
	struct clipboard_source *source, struct wl_resource *device)
{
	struct clipboard_offer *offer = calloc(1, sizeof(*offer));
	struct wl_resource *resource = NULL;
	if (offer)
		resource = wl_resource_create(wl_resource_get_client(device),
			&wl_data_offer_interface, wl_resource_get_version(device), 0);
	if (!resource) {
		free(offer);
		wl_resource_post_no_memory(device);
		return NULL;
	}
	offer->source = source;
	wl_list_insert(&source->offers, &offer->link);
	wl_resource_set_implementation(resource, &offer_impl, offer, offer_destroyed);
	wl_data_device_send_data_offer(device, resource);
	for (unsigned i = 0; i < source->n_types; i++)
		wl_data_offer_send_offer(resource, source->types[i]);
	return resource;
}

/* ---- what it comes from -------------------------------------------------------------------- */

void clipboard_source_forget_offers(struct clipboard_source *source)
{
	struct clipboard_offer *offer, *tmp;
	wl_list_for_each_safe(offer, tmp, &source->offers, link) {
		offer->source = NULL;
		wl_list_remove(&offer->link);
		wl_list_init(&offer->link);
	}
}

void clipboard_source_cancel(struct clipboard_source *source)
{
	if (!source)
		return;
	clipboard_source_forget_offers(source);
	wl_data_source_send_cancelled(source->resource);
}

/* What comes after it was offered to others is not told any more. */
static void handle_offer(struct wl_client *client, struct wl_resource *resource, const char *type)
{
	struct clipboard_source *source = wl_resource_get_user_data(resource);
	if (has_type(source, type))
		return;
	char *copy = source->n_types < CLIPBOARD_MOST_TYPES ? strdup(type) : NULL;
	if (!copy) {
		wl_resource_post_no_memory(resource);
		return;
	}
	source->types[source->n_types++] = copy;
}

static void handle_set_actions(
	struct wl_client *client, struct wl_resource *resource, uint32_t actions)
{
	struct clipboard_source *source = wl_resource_get_user_data(resource);
	if (actions & ~(uint32_t)ALL_ACTIONS)
		wl_resource_post_error(resource, WL_DATA_SOURCE_ERROR_INVALID_ACTION_MASK,
			"%#x has unknown actions", actions);
	else if (source->for_drags || source->used)
		wl_resource_post_error(resource, WL_DATA_SOURCE_ERROR_INVALID_SOURCE,
			"the actions of a source are set once, and before its use");
	source->for_drags = true;
}

static const struct wl_data_source_interface source_impl = {
	.offer = handle_offer,
	.destroy = handle_destroy,
	.set_actions = handle_set_actions,
};

static void source_destroyed(struct wl_resource *resource)
{
	struct clipboard_source *source = wl_resource_get_user_data(resource);
	struct seat *seat = source->seat;
	clipboard_source_forget_offers(source);
	if (seat->selection == source) {
		seat->selection = NULL;
		clipboard_tell(seat, keyboard_client(seat));
	}
	for (unsigned i = 0; i < source->n_types; i++)
		free(source->types[i]);
	free(source);
}

void clipboard_source_create(
	struct wl_client *client, struct seat *seat, uint32_t version, uint32_t id)
{
	struct clipboard_source *source = calloc(1, sizeof(*source));
	if (source)
		source->resource =
			wl_resource_create(client, &wl_data_source_interface, (int)version, id);
	if (!source || !source->resource) {
		free(source);
		wl_client_post_no_memory(client);
		return;
	}
	source->seat = seat;
	wl_list_init(&source->offers);
	wl_resource_set_implementation(source->resource, &source_impl, source, source_destroyed);
}
