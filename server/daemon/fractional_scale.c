/* SPDX-License-Identifier: MIT */
#include <wayland-server-core.h>

#include "daemon.h"
#include "fractional-scale-v1-server-protocol.h"
#include "fractional_scale.h"
#include "surface.h"

/* How large a surface is for its client; wl_output.c says when that is another scale. */

/* On the wire a scale is counted as it is here. */
_Static_assert(GEOMETRY_SCALE_ONE == 120, "the denominator of preferred_scale");

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wp_fractional_scale_v1_interface scale_impl = {.destroy = handle_destroy};

static void scale_destroyed(struct wl_resource *resource)
{
	surface_extension_gone(resource, SURFACE_EXT_FRACTIONAL_SCALE);
}

void fractional_scale_tell(const struct surface *surface)
{
	struct wl_resource *resource = surface->extensions[SURFACE_EXT_FRACTIONAL_SCALE];
	if (resource)
		wp_fractional_scale_v1_send_preferred_scale(resource, surface->preferred_scale);
}

/* Told at once, so that the first frame can be right; a surface has a preferred scale from birth. */
static void handle_get_fractional_scale(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *surface)
{
	struct wl_resource *scale = surface_extend(resource, id, surface,
		SURFACE_EXT_FRACTIONAL_SCALE, &wp_fractional_scale_v1_interface,
		WP_FRACTIONAL_SCALE_MANAGER_V1_ERROR_FRACTIONAL_SCALE_EXISTS);
	if (!scale)
		return;
	wl_resource_set_implementation(
		scale, &scale_impl, surface_from_resource(surface), scale_destroyed);
	fractional_scale_tell(surface_from_resource(surface));
}

static const struct wp_fractional_scale_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.get_fractional_scale = handle_get_fractional_scale,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(
		client, &wp_fractional_scale_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

struct wl_global *fractional_scale_create(struct daemon *daemon)
{
	return wl_global_create(daemon->display, &wp_fractional_scale_manager_v1_interface, 1,
		daemon, bind_manager);
}
