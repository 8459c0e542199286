/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include <wayland-server-protocol.h>

#include "clipboard.h"
#include "drag.h"

/* Before version 3 there were no actions: all drags copied. */
static bool has_actions(struct wl_resource *resource)
{
	return wl_resource_get_version(resource) >= WL_DATA_OFFER_SET_ACTIONS_SINCE_VERSION;
}

/* ---- what a drag agrees on ------------------------------------------------------------------- */

/* The target's wish, or what else both can do. */
static uint32_t choose(const struct clipboard_offer *offer)
{
	uint32_t both = offer->actions & offer->source->actions;
	if (both & offer->preferred)
		return offer->preferred;
	return both & -both;
}

static void update_action(struct clipboard_offer *offer)
{
	struct clipboard_source *source = offer->source;
	uint32_t action = choose(offer);
	if (action == source->action)
		return;
	source->action = action;
	/* of what the user was asked for the source hears when it is over */
	if (!offer->dropped && has_actions(source->resource))
		wl_data_source_send_action(source->resource, action);
	if (has_actions(offer->resource))
		wl_data_offer_send_action(offer->resource, action);
	drag_agreed(source->drag);
}

/* Whether its source still listens to it, and to no other one. */
static bool is_current(const struct clipboard_offer *offer)
{
	return offer->source && offer->source->offer == offer;
}

static void handle_accept(
	struct wl_client *client, struct wl_resource *resource, uint32_t serial, const char *type)
{
	struct clipboard_offer *offer = wl_resource_get_user_data(resource);
	if (!is_current(offer) || offer->dropped)
		return;
	offer->accepted = type && clipboard_source_has(offer->source, type);
	wl_data_source_send_target(offer->source->resource, offer->accepted ? type : NULL);
	drag_agreed(offer->source->drag);
}

static bool is_one(uint32_t action)
{
	return (action & (action - 1)) == 0;
}

static void handle_set_actions(struct wl_client *client, struct wl_resource *resource,
	uint32_t actions, uint32_t preferred)
{
	struct clipboard_offer *offer = wl_resource_get_user_data(resource);
	if (actions & ~CLIPBOARD_ALL_ACTIONS) {
		wl_resource_post_error(resource, WL_DATA_OFFER_ERROR_INVALID_ACTION_MASK,
			"%#x has unknown actions", actions);
	} else if (!offer->for_drag) {
		wl_resource_post_error(
			resource, WL_DATA_OFFER_ERROR_INVALID_OFFER, "a selection is not dragged");
	} else if (!is_one(preferred) || (preferred & ~actions)) {
		wl_resource_post_error(resource, WL_DATA_OFFER_ERROR_INVALID_ACTION,
			"%#x is not one of the actions %#x", preferred, actions);
	} else {
		offer->actions = actions;
		offer->preferred = preferred;
		if (is_current(offer) && (!offer->dropped || offer->asked))
			update_action(offer);
	}
}

/* ---- its end --------------------------------------------------------------------------------- */

static void tell_finished(struct clipboard_source *source, const struct clipboard_offer *offer)
{
	source->offer = NULL;
	if (!has_actions(source->resource))
		return;
	if (offer->asked)
		wl_data_source_send_action(source->resource, source->action);
	wl_data_source_send_dnd_finished(source->resource);
}

/* NULL, or what is wrong. */
static const char *finish_mistake(const struct clipboard_offer *offer)
{
	if (!offer->dropped || !offer->accepted)
		return "nothing was dropped";
	if (offer->finished)
		return "it was finished already";
	if (is_current(offer) &&
		(!offer->source->action ||
			offer->source->action == WL_DATA_DEVICE_MANAGER_DND_ACTION_ASK))
		return "no action was chosen";
	return NULL;
}

static void handle_finish(struct wl_client *client, struct wl_resource *resource)
{
	struct clipboard_offer *offer = wl_resource_get_user_data(resource);
	const char *mistake = finish_mistake(offer);
	if (mistake) {
		wl_resource_post_error(resource, WL_DATA_OFFER_ERROR_INVALID_FINISH, "%s", mistake);
		return;
	}
	offer->finished = true;
	if (is_current(offer))
		tell_finished(offer->source, offer);
}

/* Who asks for what there is not reads the end of the file. */
static void handle_receive(
	struct wl_client *client, struct wl_resource *resource, const char *type, int32_t fd)
{
	const struct clipboard_offer *offer = wl_resource_get_user_data(resource);
	if (offer->source && !offer->finished && clipboard_source_has(offer->source, type))
		wl_data_source_send_send(offer->source->resource, type, fd);
	close(fd);
}

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_data_offer_interface offer_impl = {
	.accept = handle_accept,
	.receive = handle_receive,
	.destroy = handle_destroy,
	.finish = handle_finish,
	.set_actions = handle_set_actions,
};

/* What was dropped is over: well, as far as older versions can tell, or not. */
static void tell_destroyed(struct clipboard_offer *offer)
{
	struct clipboard_source *source = offer->source;
	if (!is_current(offer))
		return;
	if (!offer->dropped) {
		drag_offer_gone(source->drag);
		clipboard_offer_forget(offer);
	} else if (!has_actions(offer->resource)) {
		tell_finished(source, offer);
	} else {
		source->offer = NULL;
		if (has_actions(source->resource))
			wl_data_source_send_cancelled(source->resource);
	}
}

static void offer_destroyed(struct wl_resource *resource)
{
	struct clipboard_offer *offer = wl_resource_get_user_data(resource);
	tell_destroyed(offer);
	wl_list_remove(&offer->link);
	free(offer);
}

void clipboard_offer_forget(struct clipboard_offer *offer)
{
	if (!offer || !offer->source)
		return;
	if (offer->source->offer == offer)
		offer->source->offer = NULL;
	offer->source = NULL;
	wl_list_remove(&offer->link);
	wl_list_init(&offer->link);
}

void clipboard_source_forget_offers(struct clipboard_source *source)
{
	struct clipboard_offer *offer, *tmp;
	wl_list_for_each_safe(offer, tmp, &source->offers, link)
		clipboard_offer_forget(offer);
}

/* ---- its beginning --------------------------------------------------------------------------- */

static void describe(const struct clipboard_offer *offer, const struct clipboard_source *source)
{
	for (unsigned i = 0; i < source->n_types; i++)
		wl_data_offer_send_offer(offer->resource, source->types[i]);
	if (offer->for_drag && has_actions(offer->resource))
		wl_data_offer_send_source_actions(offer->resource, source->actions);
}

struct clipboard_offer *clipboard_offer_create(
	struct clipboard_source *source, struct wl_resource *device, bool for_drag)
{
	struct clipboard_offer *offer = calloc(1, sizeof(*offer));
	if (offer)
		offer->resource = wl_resource_create(wl_resource_get_client(device),
			&wl_data_offer_interface, wl_resource_get_version(device), 0);
	if (!offer || !offer->resource) {
		free(offer);
		wl_resource_post_no_memory(device);
		return NULL;
	}
	offer->source = source;
	offer->for_drag = for_drag;
	wl_list_insert(&source->offers, &offer->link);
	wl_resource_set_implementation(offer->resource, &offer_impl, offer, offer_destroyed);
	wl_data_device_send_data_offer(device, offer->resource);
	describe(offer, source);
	if (for_drag) {
		source->offer = offer;
		source->action = 0;
		if (!has_actions(offer->resource)) {
			offer->actions = offer->preferred = WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY;
			update_action(offer);
		}
	}
	return offer;
}
