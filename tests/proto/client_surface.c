/* SPDX-License-Identifier: MIT */
#include "client_surface.h"

#include <stdint.h>
#include <string.h>

#include <wayland-client.h>

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct wl_compositor **compositor = data;
	if (strcmp(interface, wl_compositor_interface.name) == 0)
		*compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	/* The fake server keeps what it has. */
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

struct wl_surface *client_surface_create(struct wl_display *display)
{
	struct wl_compositor *compositor = NULL;
	struct wl_registry *registry = wl_display_get_registry(display);
	wl_registry_add_listener(registry, &registry_listener, &compositor);
	wl_display_roundtrip(display);
	wl_registry_destroy(registry);
	struct wl_surface *surface = wl_compositor_create_surface(compositor);
	wl_compositor_destroy(compositor);
	return surface;
}

void client_surface_destroy(struct wl_surface *surface)
{
	wl_surface_destroy(surface);
}
