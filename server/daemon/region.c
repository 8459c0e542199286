/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdlib.h>

#include <wayland-server-protocol.h>

#include "region.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/*
 * pixman adds position and size in 32 bits. Clients like to say INT32_MAX for "everything", and no
 * surface is nearly as large as this limit.
 */
static bool make_rect(pixman_region32_t *out, int32_t x, int32_t y, int32_t width, int32_t height)
{
	const int32_t limit = 1 << 20;
	int64_t x2 = (int64_t)x + width, y2 = (int64_t)y + height;
	x = x < -limit ? -limit : x;
	y = y < -limit ? -limit : y;
	x2 = x2 > limit ? limit : x2;
	y2 = y2 > limit ? limit : y2;
	if (x2 <= x || y2 <= y)
		return false;
	pixman_region32_init_rect(out, x, y, (unsigned)(x2 - x), (unsigned)(y2 - y));
	return true;
}

/*
 * Each piece makes every later request slower. So a region of too many gets no further ones: what is
 * then missing of what is opaque, or takes input, is missed by the client alone.
 */
#define MOST_PIECES 1024

static bool is_shattered(pixman_region32_t *region)
{
	return pixman_region32_n_rects(region) >= MOST_PIECES;
}

static void handle_add(struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y,
	int32_t width, int32_t height)
{
	pixman_region32_t *region = wl_resource_get_user_data(resource);
	pixman_region32_t rect;
	if (is_shattered(region) || !make_rect(&rect, x, y, width, height))
		return;
	pixman_region32_union(region, region, &rect);
	pixman_region32_fini(&rect);
}

static void handle_subtract(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	pixman_region32_t *region = wl_resource_get_user_data(resource);
	pixman_region32_t rect;
	if (!make_rect(&rect, x, y, width, height))
		return;
	if (is_shattered(region))
		pixman_region32_clear(region);
	pixman_region32_subtract(region, region, &rect);
	pixman_region32_fini(&rect);
}

static const struct wl_region_interface region_impl = {
	.destroy = handle_destroy,
	.add = handle_add,
	.subtract = handle_subtract,
};

static void region_destroyed(struct wl_resource *resource)
{
	pixman_region32_t *region = wl_resource_get_user_data(resource);
	pixman_region32_fini(region);
	free(region);
}

void region_create(struct wl_client *client, uint32_t version, uint32_t id)
{
	pixman_region32_t *region = calloc(1, sizeof(*region));
	struct wl_resource *resource = NULL;
	if (region)
		resource = wl_resource_create(client, &wl_region_interface, (int)version, id);
	if (!resource) {
		free(region);
		wl_client_post_no_memory(client);
		return;
	}
	pixman_region32_init(region);
	wl_resource_set_implementation(resource, &region_impl, region, region_destroyed);
}

const pixman_region32_t *region_from_resource(struct wl_resource *resource)
{
	return wl_resource_get_user_data(resource);
}
