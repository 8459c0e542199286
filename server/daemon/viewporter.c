/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "daemon.h"
#include "surface.h"
#include "viewporter-server-protocol.h"
#include "viewporter.h"

/* wp_viewporter: what a client asks for. surface_state.c says what comes of it. */

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* What is asked for from now on is in the next commit. */
static void change(struct surface *surface, const struct surface_viewport *viewport)
{
	surface->viewport = *viewport;
	surface->pending.viewport = *viewport;
	surface->pending.changes |= SURFACE_VIEWPORT;
}

/* NULL: an error was posted. */
static struct surface *get_surface(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (!surface)
		wl_resource_post_error(
			resource, WP_VIEWPORT_ERROR_NO_SURFACE, "the surface is gone");
	return surface;
}

static void handle_set_source(struct wl_client *client, struct wl_resource *resource, wl_fixed_t x,
	wl_fixed_t y, wl_fixed_t width, wl_fixed_t height)
{
	const wl_fixed_t unset = wl_fixed_from_int(-1);
	struct surface *surface = get_surface(resource);
	if (!surface)
		return;
	struct surface_viewport viewport = surface->viewport;
	viewport.has_source = x != unset || y != unset || width != unset || height != unset;
	if (viewport.has_source && (x < 0 || y < 0 || width <= 0 || height <= 0)) {
		wl_resource_post_error(resource, WP_VIEWPORT_ERROR_BAD_VALUE,
			"a source of %.3f x %.3f at %.3f,%.3f", wl_fixed_to_double(width),
			wl_fixed_to_double(height), wl_fixed_to_double(x), wl_fixed_to_double(y));
		return;
	}
	viewport.source = (struct geometry_box){x, y, width, height};
	change(surface, &viewport);
}

static void handle_set_destination(
	struct wl_client *client, struct wl_resource *resource, int32_t width, int32_t height)
{
	struct surface *surface = get_surface(resource);
	if (!surface)
		return;
	struct surface_viewport viewport = surface->viewport;
	viewport.has_size = width != -1 || height != -1;
	if (viewport.has_size && (width <= 0 || height <= 0)) {
		wl_resource_post_error(resource, WP_VIEWPORT_ERROR_BAD_VALUE,
			"a destination of %d x %d", width, height);
		return;
	}
	viewport.width = width;
	viewport.height = height;
	change(surface, &viewport);
}

static const struct wp_viewport_interface viewport_impl = {
	.destroy = handle_destroy,
	.set_source = handle_set_source,
	.set_destination = handle_set_destination,
};

static void viewport_destroyed(struct wl_resource *resource)
{
	const struct surface_viewport none = {.has_source = false};
	struct surface *surface = surface_extension_gone(resource, SURFACE_EXT_VIEWPORT);
	if (surface)
		change(surface, &none);
}

static void handle_get_viewport(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface)
{
	struct wl_resource *viewport = surface_extend(resource, id, surface, SURFACE_EXT_VIEWPORT,
		&wp_viewport_interface, WP_VIEWPORTER_ERROR_VIEWPORT_EXISTS);
	if (viewport)
		wl_resource_set_implementation(viewport, &viewport_impl,
			surface_from_resource(surface), viewport_destroyed);
}

static const struct wp_viewporter_interface viewporter_impl = {
	.destroy = handle_destroy,
	.get_viewport = handle_get_viewport,
};

static void bind_viewporter(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wp_viewporter_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &viewporter_impl, data, NULL);
}

struct wl_global *viewporter_create(struct daemon *daemon)
{
	return wl_global_create(
		daemon->display, &wp_viewporter_interface, 1, daemon, bind_viewporter);
}
