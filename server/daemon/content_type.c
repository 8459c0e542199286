/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "content-type-v1-server-protocol.h"
#include "content_type.h"
#include "daemon.h"
#include "surface.h"

/* A hint, which `waybufctl info` shows. Nothing is shown differently for it. */

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void change(struct surface *surface, uint32_t type)
{
	surface->pending.content_type = type;
	surface->pending.changes |= SURFACE_CONTENT_TYPE;
}

/* Neither a type that does not exist nor a surface that is gone is an error. */
static void handle_set_content_type(
	struct wl_client *client, struct wl_resource *resource, uint32_t type)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (surface)
		change(surface, type);
}

static const struct wp_content_type_v1_interface content_type_impl = {
	.destroy = handle_destroy,
	.set_content_type = handle_set_content_type,
};

static void content_type_destroyed(struct wl_resource *resource)
{
	struct surface *surface = surface_extension_gone(resource, SURFACE_EXT_CONTENT_TYPE);
	if (surface)
		change(surface, WP_CONTENT_TYPE_V1_TYPE_NONE);
}

static void handle_get_surface_content_type(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *surface)
{
	struct wl_resource *content_type = surface_extend(resource, id, surface,
		SURFACE_EXT_CONTENT_TYPE, &wp_content_type_v1_interface,
		WP_CONTENT_TYPE_MANAGER_V1_ERROR_ALREADY_CONSTRUCTED);
	if (content_type)
		wl_resource_set_implementation(content_type, &content_type_impl,
			surface_from_resource(surface), content_type_destroyed);
}

const char *content_type_name(uint32_t type)
{
	static const char *const names[] = {
		[WP_CONTENT_TYPE_V1_TYPE_PHOTO] = "photo",
		[WP_CONTENT_TYPE_V1_TYPE_VIDEO] = "video",
		[WP_CONTENT_TYPE_V1_TYPE_GAME] = "game",
	};
	return type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}

static const struct wp_content_type_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.get_surface_content_type = handle_get_surface_content_type,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wp_content_type_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

struct wl_global *content_type_create(struct daemon *daemon)
{
	return wl_global_create(
		daemon->display, &wp_content_type_manager_v1_interface, 1, daemon, bind_manager);
}
