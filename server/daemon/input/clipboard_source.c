/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <wayland-server-protocol.h>

#include "clipboard.h"
#include "drag.h"
#include "seat.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

bool clipboard_source_has(const struct clipboard_source *source, const char *type)
{
	for (unsigned i = 0; i < source->n_types; i++)
		if (strcmp(source->types[i], type) == 0)
			return true;
	return false;
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
	if (clipboard_source_has(source, type))
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
	if (actions & ~CLIPBOARD_ALL_ACTIONS)
		wl_resource_post_error(resource, WL_DATA_SOURCE_ERROR_INVALID_ACTION_MASK,
			"%#x has unknown actions", actions);
	else if (source->for_drags || source->used)
		wl_resource_post_error(resource, WL_DATA_SOURCE_ERROR_INVALID_SOURCE,
			"the actions of a source are set once, and before its use");
	source->for_drags = true;
	source->actions = actions;
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
	drag_source_gone(source->drag);
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
	/* all that there was before version 3 */
	if (version < WL_DATA_SOURCE_SET_ACTIONS_SINCE_VERSION)
		source->actions = WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY;
	wl_list_init(&source->offers);
	wl_resource_set_implementation(source->resource, &source_impl, source, source_destroyed);
}
