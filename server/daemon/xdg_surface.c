/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <xdg-shell-server-protocol.h>

#include "daemon.h"
#include "xdg.h"
#include "xdg_popup.h"

/* Back to the state before the initial commit, which unmapping means. */
static void reset(struct xdg_surface *xdg)
{
	xdg->initialised = false;
	xdg->acked = false;
	xdg->owed = false;
	xdg->serials.size = 0;
	xdg->geometry = xdg->next_geometry = (struct placement_rect){0};
}

static void set_mapped(struct xdg_surface *xdg, bool mapped)
{
	if (mapped == xdg->mapped)
		return;
	xdg->mapped = mapped;
	if (!mapped)
		xdg_popup_dismiss_children(xdg);
	if (xdg->role && xdg->role->mapped)
		xdg->role->mapped(xdg, mapped);
	if (!mapped)
		reset(xdg);
}

/* Before it is a toplevel or a popup there can have been no configure. */
bool xdg_surface_may_commit(struct xdg_surface *xdg)
{
	if (xdg->surface->pending_buffer && !xdg->acked) {
		wl_resource_post_error(xdg->resource, XDG_SURFACE_ERROR_UNCONFIGURED_BUFFER,
			"a buffer before the first configure was acknowledged");
		return false;
	}
	return !xdg->role || !xdg->role->precommit || xdg->role->precommit(xdg);
}

static void committed(struct surface *surface)
{
	struct xdg_surface *xdg = surface->role_object;
	if (!xdg || xdg->initialised || surface->current.frame)
		return;
	xdg->initialised = true;
	xdg_surface_configure(xdg);
}

static void applied(struct surface *surface)
{
	struct xdg_surface *xdg = surface->role_object;
	if (!xdg)
		return;
	xdg->geometry = xdg->next_geometry;
	if (xdg->role && xdg->role->applied)
		xdg->role->applied(xdg);
	set_mapped(xdg, surface->current.frame && xdg->acked);
}

/* The client has destroyed the wl_surface first; newer versions of it forbid that. */
static void handle_surface_destroyed(struct wl_listener *listener, void *data)
{
	struct xdg_surface *xdg = wl_container_of(listener, xdg, surface_destroyed);
	wl_list_remove(&xdg->surface_destroyed.link);
	xdg->surface->xdg = NULL;
	xdg->surface = NULL;
	set_mapped(xdg, false);
}

/* One role for both kinds: a surface that was a toplevel may not become a popup. */
static const struct surface_role toplevel_surface_role = {
	.name = "xdg_toplevel",
	.committed = committed,
	.applied = applied,
};
static const struct surface_role popup_surface_role = {
	.name = "xdg_popup",
	.committed = committed,
	.applied = applied,
};

/* More than any client is behind with its answers; the oldest are forgotten then. */
#define MOST_SERIALS 256

static void forget_oldest(struct xdg_surface *xdg)
{
	const size_t size = MOST_SERIALS * sizeof(uint32_t);
	char *data = xdg->serials.data;
	if (xdg->serials.size < size)
		return;
	memmove(data, data + size / 2, xdg->serials.size - size / 2);
	xdg->serials.size -= size / 2;
}

void xdg_surface_configure(struct xdg_surface *xdg)
{
	forget_oldest(xdg);
	uint32_t serial = wl_display_next_serial(xdg->wm_base->daemon->display);
	uint32_t *slot = wl_array_add(&xdg->serials, sizeof(*slot));
	if (!slot) {
		wl_resource_post_no_memory(xdg->resource);
		return;
	}
	*slot = serial;
	xdg->owed = false;
	if (xdg->role->configure)
		xdg->role->configure(xdg);
	xdg_surface_send_configure(xdg->resource, serial);
}

void xdg_surface_configure_later(struct xdg_surface *xdg)
{
	if (xdg->serials.size > 0)
		xdg->owed = true;
	else
		xdg_surface_configure(xdg);
}

void xdg_surface_drop_role(struct xdg_surface *xdg)
{
	set_mapped(xdg, false);
	reset(xdg);
	xdg_popup_parent_gone(xdg);
	xdg_popup_free(xdg->popup);
	xdg->popup = NULL;
	xdg_toplevel_free(xdg->toplevel);
	xdg->toplevel = NULL;
	xdg->role = NULL;
	xdg->role_resource = NULL;
	/* it may have another role, if it was never constructed */
	if (xdg->surface && xdg->surface->role_object == xdg)
		xdg->surface->role_object = NULL;
}

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (xdg->role_resource) {
		wl_resource_post_error(resource, XDG_SURFACE_ERROR_DEFUNCT_ROLE_OBJECT,
			"its toplevel or popup must be destroyed first");
		return;
	}
	wl_resource_destroy(resource);
}

/* False: an error was posted. */
static bool construct(struct xdg_surface *xdg, const struct surface_role *role)
{
	if (xdg->role_resource) {
		wl_resource_post_error(xdg->resource, XDG_SURFACE_ERROR_ALREADY_CONSTRUCTED,
			"it is a toplevel or a popup already");
		return false;
	}
	if (!xdg->surface) {
		wl_resource_post_error(
			xdg->resource, XDG_SURFACE_ERROR_NOT_CONSTRUCTED, "its wl_surface is gone");
		return false;
	}
	if (!surface_set_role(xdg->surface, role, xdg)) {
		wl_resource_post_error(
			xdg->wm_base->resource ? xdg->wm_base->resource : xdg->resource,
			XDG_WM_BASE_ERROR_ROLE, "the surface has another role");
		return false;
	}
	return true;
}

static void handle_get_toplevel(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (construct(xdg, &toplevel_surface_role))
		xdg_toplevel_create(client, xdg, id);
}

static void handle_get_popup(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *parent, struct wl_resource *positioner)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (construct(xdg, &popup_surface_role))
		xdg_popup_create(client, xdg, id, parent, positioner);
}

/* Toplevels stand in the middle as a whole, shadows included; popups are placed by it. */
static void handle_set_window_geometry(struct wl_client *client, struct wl_resource *resource,
	int32_t x, int32_t y, int32_t width, int32_t height)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (!xdg->role_resource)
		wl_resource_post_error(resource, XDG_SURFACE_ERROR_NOT_CONSTRUCTED,
			"a geometry before it is a toplevel or a popup");
	else if (width < 1 || height < 1)
		wl_resource_post_error(resource, XDG_SURFACE_ERROR_INVALID_SIZE,
			"a window of %d x %d", width, height);
	else
		xdg->next_geometry = (struct placement_rect){x, y, width, height};
}

static void handle_ack_configure(
	struct wl_client *client, struct wl_resource *resource, uint32_t serial)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	if (!xdg->role_resource) {
		wl_resource_post_error(resource, XDG_SURFACE_ERROR_NOT_CONSTRUCTED,
			"acknowledged before it is a toplevel or a popup");
		return;
	}
	uint32_t *serials = xdg->serials.data;
	size_t n = xdg->serials.size / sizeof(*serials), i = 0;
	while (i < n && serials[i] != serial)
		i++;
	if (i == n) {
		wl_resource_post_error(resource, XDG_SURFACE_ERROR_INVALID_SERIAL,
			"serial %u was not sent, or is acknowledged already", serial);
		return;
	}
	/* it acknowledges the older ones, too */
	for (size_t j = i + 1; j < n; j++)
		serials[j - i - 1] = serials[j];
	xdg->serials.size = (n - i - 1) * sizeof(*serials);
	xdg->acked = true;
	if (xdg->owed)
		xdg_surface_configure_later(xdg);
}

static const struct xdg_surface_interface xdg_surface_impl = {
	.destroy = handle_destroy,
	.get_toplevel = handle_get_toplevel,
	.get_popup = handle_get_popup,
	.set_window_geometry = handle_set_window_geometry,
	.ack_configure = handle_ack_configure,
};

static void xdg_surface_destroyed(struct wl_resource *resource)
{
	struct xdg_surface *xdg = wl_resource_get_user_data(resource);
	set_mapped(xdg, false);
	/* at a disconnect the order is anybody's guess */
	if (xdg->role_resource)
		wl_resource_set_user_data(xdg->role_resource, NULL);
	xdg_surface_drop_role(xdg);
	if (xdg->surface) {
		xdg->surface->xdg = NULL;
		wl_list_remove(&xdg->surface_destroyed.link);
	}
	wl_array_release(&xdg->serials);
	wl_list_remove(&xdg->link);
	xdg_wm_base_unref(xdg->wm_base);
	free(xdg);
}

/* All of them are looked at when a toplevel goes, for its children; no client has so many. */
#define MOST_PER_CLIENT 1024

static bool has_too_many(const struct xdg_wm_base *wm_base, const struct wl_client *client)
{
	const struct xdg_surface *xdg;
	unsigned n = 0;
	wl_list_for_each(xdg, &wm_base->daemon->xdg_surfaces, link)
		n += wl_resource_get_client(xdg->resource) == client;
	return n >= MOST_PER_CLIENT;
}

/* False: an error was posted. */
static bool check_surface(struct xdg_wm_base *wm_base, const struct surface *surface)
{
	if (surface->xdg ||
		(surface->role && surface->role != &toplevel_surface_role &&
			surface->role != &popup_surface_role)) {
		wl_resource_post_error(wm_base->resource, XDG_WM_BASE_ERROR_ROLE,
			"the surface has a role already");
		return false;
	}
	if (surface_has_buffer(surface)) {
		wl_resource_post_error(wm_base->resource, XDG_WM_BASE_ERROR_INVALID_SURFACE_STATE,
			"the surface has a buffer already");
		return false;
	}
	return true;
}

void xdg_surface_create(struct wl_client *client, struct xdg_wm_base *wm_base, uint32_t id,
	struct wl_resource *surface_resource)
{
	struct surface *surface = surface_from_resource(surface_resource);
	if (!check_surface(wm_base, surface))
		return;
	struct xdg_surface *xdg = has_too_many(wm_base, client) ? NULL : calloc(1, sizeof(*xdg));
	if (xdg)
		xdg->resource = wl_resource_create(client, &xdg_surface_interface,
			wl_resource_get_version(wm_base->resource), id);
	if (!xdg || !xdg->resource) {
		free(xdg);
		wl_client_post_no_memory(client);
		return;
	}
	xdg->wm_base = wm_base;
	wm_base->refs++;
	xdg->surface = surface;
	surface->xdg = xdg;
	xdg->surface_destroyed.notify = handle_surface_destroyed;
	wl_resource_add_destroy_listener(surface_resource, &xdg->surface_destroyed);
	wl_array_init(&xdg->serials);
	wl_list_insert(&wm_base->daemon->xdg_surfaces, &xdg->link);
	wl_resource_set_implementation(
		xdg->resource, &xdg_surface_impl, xdg, xdg_surface_destroyed);
}
