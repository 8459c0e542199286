/* SPDX-License-Identifier: MIT */
#include <xdg-shell-server-protocol.h>

#include "xdg.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* A grab that is denied is a popup that is dismissed, which it is already. */
static void handle_grab(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *seat, uint32_t serial)
{
}

static void handle_reposition(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *positioner, uint32_t token)
{
	if (!xdg_positioner_complete(positioner)) {
		wl_resource_post_error(resource, XDG_WM_BASE_ERROR_INVALID_POSITIONER,
			"the positioner has no size or no anchor");
		return;
	}
	xdg_popup_send_popup_done(resource);
}

static const struct xdg_popup_interface popup_impl = {
	.destroy = handle_destroy,
	.grab = handle_grab,
	.reposition = handle_reposition,
};

static void configure(struct xdg_surface *xdg)
{
	xdg_popup_send_configure(xdg->role_resource, 0, 0, 1, 1);
}

static const struct xdg_role popup_role = {.configure = configure};

static void popup_destroyed(struct wl_resource *resource)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (xdg)
		xdg_surface_drop_role(xdg);
}

void xdg_popup_create(struct wl_client *client, struct xdg_surface *xdg, uint32_t id,
	struct wl_resource *parent, struct wl_resource *positioner)
{
	if (!xdg_positioner_complete(positioner)) {
		wl_resource_post_error(
			xdg->wm_base->resource ? xdg->wm_base->resource : xdg->resource,
			XDG_WM_BASE_ERROR_INVALID_POSITIONER,
			"the positioner has no size or no anchor");
		return;
	}
	struct wl_resource *resource = wl_resource_create(
		client, &xdg_popup_interface, wl_resource_get_version(xdg->resource), id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	xdg->role = &popup_role;
	xdg->role_resource = resource;
	wl_resource_set_implementation(resource, &popup_impl, xdg, popup_destroyed);
	xdg_popup_send_popup_done(resource);
}
