/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "alpha-modifier-v1-server-protocol.h"
#include "alpha_modifier.h"
#include "daemon.h"
#include "surface.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void change(struct surface *surface, uint32_t factor)
{
	surface->pending.alpha = factor;
	surface->pending.changes |= SURFACE_ALPHA;
}

static void handle_set_multiplier(
	struct wl_client *client, struct wl_resource *resource, uint32_t factor)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (surface)
		change(surface, factor);
	else
		wl_resource_post_error(resource, WP_ALPHA_MODIFIER_SURFACE_V1_ERROR_NO_SURFACE,
			"the surface is gone");
}

static const struct wp_alpha_modifier_surface_v1_interface modifier_impl = {
	.destroy = handle_destroy,
	.set_multiplier = handle_set_multiplier,
};

static void modifier_destroyed(struct wl_resource *resource)
{
	struct surface *surface = surface_extension_gone(resource, SURFACE_EXT_ALPHA);
	if (surface)
		change(surface, UINT32_MAX);
}

static void handle_get_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface)
{
	struct wl_resource *modifier = surface_extend(resource, id, surface, SURFACE_EXT_ALPHA,
		&wp_alpha_modifier_surface_v1_interface,
		WP_ALPHA_MODIFIER_V1_ERROR_ALREADY_CONSTRUCTED);
	if (modifier)
		wl_resource_set_implementation(modifier, &modifier_impl,
			surface_from_resource(surface), modifier_destroyed);
}

static const struct wp_alpha_modifier_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.get_surface = handle_get_surface,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wp_alpha_modifier_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

struct wl_global *alpha_modifier_create(struct daemon *daemon)
{
	return wl_global_create(
		daemon->display, &wp_alpha_modifier_v1_interface, 1, daemon, bind_manager);
}
