/* SPDX-License-Identifier: MIT */
#include "xdg_decoration.h"

#include <xdg-decoration-unstable-v1-server-protocol.h>
#include <xdg-shell-server-protocol.h>

#include "daemon.h"
#include "surface_state.h"
#include "xdg.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* Every wish is answered with the one mode there is. */
static void answer(struct xdg_toplevel *toplevel)
{
	if (!toplevel)
		return;
	toplevel->decoration_due = true;
	/* else with the first configure */
	if (toplevel->xdg->initialised)
		xdg_surface_configure(toplevel->xdg);
}

static void handle_set_mode(struct wl_client *client, struct wl_resource *resource, uint32_t mode)
{
	if (mode == ZXDG_TOPLEVEL_DECORATION_V1_MODE_CLIENT_SIDE ||
		mode == ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE)
		answer(wl_resource_get_user_data(resource));
	else
		wl_resource_post_error(resource, ZXDG_TOPLEVEL_DECORATION_V1_ERROR_INVALID_MODE,
			"%u is no mode", mode);
}

static void handle_unset_mode(struct wl_client *client, struct wl_resource *resource)
{
	answer(wl_resource_get_user_data(resource));
}

static const struct zxdg_toplevel_decoration_v1_interface decoration_impl = {
	.destroy = handle_destroy,
	.set_mode = handle_set_mode,
	.unset_mode = handle_unset_mode,
};

static void decoration_destroyed(struct wl_resource *resource)
{
	struct xdg_toplevel *toplevel = wl_resource_get_user_data(resource);
	if (toplevel)
		toplevel->decoration = NULL;
}

/* Attached, on its way, or shown. */
static bool has_buffer(const struct surface *surface)
{
	const struct surface_part *part;
	if (surface->pending_buffer || surface->current.frame)
		return true;
	wl_list_for_each(part, &surface->parts, link)
		if (part->state.frame)
			return true;
	return false;
}

static void handle_get_toplevel_decoration(struct wl_client *client, struct wl_resource *manager,
	uint32_t id, struct wl_resource *toplevel_resource)
{
	const struct xdg_surface *xdg = wl_resource_get_user_data(toplevel_resource);
	struct xdg_toplevel *toplevel = xdg->toplevel;
	struct wl_resource *resource = wl_resource_create(client,
		&zxdg_toplevel_decoration_v1_interface, wl_resource_get_version(manager), id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &decoration_impl, NULL, decoration_destroyed);
	if (toplevel->decoration) {
		wl_resource_post_error(resource,
			ZXDG_TOPLEVEL_DECORATION_V1_ERROR_ALREADY_CONSTRUCTED,
			"the toplevel has a decoration");
		return;
	}
	if (xdg->surface && has_buffer(xdg->surface)) {
		wl_resource_post_error(resource,
			ZXDG_TOPLEVEL_DECORATION_V1_ERROR_UNCONFIGURED_BUFFER,
			"the toplevel has a buffer");
		return;
	}
	wl_resource_set_user_data(resource, toplevel);
	toplevel->decoration = resource;
	answer(toplevel);
}

static const struct zxdg_decoration_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.get_toplevel_decoration = handle_get_toplevel_decoration,
};

void xdg_decoration_configure(struct xdg_toplevel *toplevel)
{
	if (toplevel->decoration && toplevel->decoration_due)
		zxdg_toplevel_decoration_v1_send_configure(
			toplevel->decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	toplevel->decoration_due = false;
}

bool xdg_decoration_may_destroy(struct xdg_toplevel *toplevel)
{
	if (toplevel->decoration)
		wl_resource_post_error(toplevel->decoration,
			ZXDG_TOPLEVEL_DECORATION_V1_ERROR_ORPHANED,
			"the toplevel goes before its decoration");
	return !toplevel->decoration;
}

void xdg_decoration_toplevel_gone(struct xdg_toplevel *toplevel)
{
	if (toplevel->decoration)
		wl_resource_set_user_data(toplevel->decoration, NULL);
	toplevel->decoration = NULL;
}

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &zxdg_decoration_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

bool xdg_decoration_create_global(struct daemon *daemon)
{
	return wl_global_create(
		daemon->display, &zxdg_decoration_manager_v1_interface, 1, daemon, bind_manager);
}
