/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <xdg-shell-server-protocol.h>

#include "daemon.h"
#include "xdg.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	struct xdg_wm_base *wm_base = wl_resource_get_user_data(resource);
	if (wm_base->refs > 1) {
		wl_resource_post_error(resource, XDG_WM_BASE_ERROR_DEFUNCT_SURFACES,
			"%u xdg_surfaces are left", wm_base->refs - 1);
		return;
	}
	wl_resource_destroy(resource);
}

static void handle_create_positioner(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	xdg_positioner_create(client, (uint32_t)wl_resource_get_version(resource), id);
}

static void handle_get_xdg_surface(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *surface)
{
	xdg_surface_create(client, wl_resource_get_user_data(resource), id, surface);
}

/* Nobody is asked whether they are still there: a kiosk has no one to tell. */
static void handle_pong(struct wl_client *client, struct wl_resource *resource, uint32_t serial) {}

static const struct xdg_wm_base_interface wm_base_impl = {
	.destroy = handle_destroy,
	.create_positioner = handle_create_positioner,
	.get_xdg_surface = handle_get_xdg_surface,
	.pong = handle_pong,
};

void xdg_wm_base_unref(struct xdg_wm_base *wm_base)
{
	if (--wm_base->refs == 0)
		free(wm_base);
}

static void wm_base_destroyed(struct wl_resource *resource)
{
	struct xdg_wm_base *wm_base = wl_resource_get_user_data(resource);
	wm_base->resource = NULL;
	xdg_wm_base_unref(wm_base);
}

static void bind_wm_base(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct xdg_wm_base *wm_base = calloc(1, sizeof(*wm_base));
	if (wm_base)
		wm_base->resource =
			wl_resource_create(client, &xdg_wm_base_interface, (int)version, id);
	if (!wm_base || !wm_base->resource) {
		free(wm_base);
		wl_client_post_no_memory(client);
		return;
	}
	wm_base->daemon = data;
	wm_base->refs = 1;
	wl_resource_set_implementation(
		wm_base->resource, &wm_base_impl, wm_base, wm_base_destroyed);
}

struct wl_global *xdg_shell_create(struct daemon *daemon)
{
	return wl_global_create(daemon->display, &xdg_wm_base_interface, 6, daemon, bind_wm_base);
}
