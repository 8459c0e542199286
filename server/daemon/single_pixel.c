/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "daemon.h"
#include "shm.h"
#include "single-pixel-buffer-v1-server-protocol.h"
#include "single_pixel.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* Of 32 bits to one of eight. */
static uint32_t narrow(uint32_t value)
{
	return (uint32_t)(((uint64_t)value * 255 + UINT32_MAX / 2) / UINT32_MAX);
}

static void handle_create(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	uint32_t r, uint32_t g, uint32_t b, uint32_t a)
{
	uint32_t pixel = narrow(a) << 24 | narrow(r) << 16 | narrow(g) << 8 | narrow(b);
	if (!shm_buffer_create_pixel(client, id, pixel, a == UINT32_MAX))
		wl_client_post_no_memory(client);
}

static const struct wp_single_pixel_buffer_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.create_u32_rgba_buffer = handle_create,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(
		client, &wp_single_pixel_buffer_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

struct wl_global *single_pixel_create(struct daemon *daemon)
{
	return wl_global_create(daemon->display, &wp_single_pixel_buffer_manager_v1_interface, 1,
		daemon, bind_manager);
}
