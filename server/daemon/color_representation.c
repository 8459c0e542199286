/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "color-representation-v1-server-protocol.h"
#include "color_representation.h"
#include "daemon.h"
#include "surface.h"

/*
 * How a surface's pixels become RGB. Chroma is taken from the nearest sample, to which every location
 * comes down: it says which one that is where two are equally near.
 */

/* The protocol files of wayland-protocols 1.44 have no name for it. */
enum { ERROR_CHROMA_LOCATION = 5 };

#define ALPHA(name) WP_COLOR_REPRESENTATION_SURFACE_V1_ALPHA_MODE_##name
#define COEFFICIENTS(name) WP_COLOR_REPRESENTATION_SURFACE_V1_COEFFICIENTS_##name
#define RANGE(name) WP_COLOR_REPRESENTATION_SURFACE_V1_RANGE_##name

/* RGB has no range here but the full one. */
static const struct pair {
	uint32_t coefficients, range;
	struct surface_color color;
} pairs[] = {
	{COEFFICIENTS(IDENTITY), RANGE(FULL), {.model = SURFACE_RGB}},
	{COEFFICIENTS(BT601), RANGE(LIMITED), {SURFACE_YUV, WAYBUF_KMS_BT601, false}},
	{COEFFICIENTS(BT601), RANGE(FULL), {SURFACE_YUV, WAYBUF_KMS_BT601, true}},
	{COEFFICIENTS(BT709), RANGE(LIMITED), {SURFACE_YUV, WAYBUF_KMS_BT709, false}},
	{COEFFICIENTS(BT709), RANGE(FULL), {SURFACE_YUV, WAYBUF_KMS_BT709, true}},
	{COEFFICIENTS(BT2020), RANGE(LIMITED), {SURFACE_YUV, WAYBUF_KMS_BT2020, false}},
	{COEFFICIENTS(BT2020), RANGE(FULL), {SURFACE_YUV, WAYBUF_KMS_BT2020, true}},
};

#define N_PAIRS (sizeof(pairs) / sizeof(pairs[0]))

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* What is asked for from now on is in the next commit. */
static void change(struct surface *surface, const struct surface_color *color)
{
	surface->color = *color;
	surface->pending.color = *color;
	surface->pending.changes |= SURFACE_COLOR;
}

/* NULL: an error was posted. */
static struct surface *get_surface(struct wl_resource *resource)
{
	struct surface *surface = wl_resource_get_user_data(resource);
	if (!surface)
		wl_resource_post_error(resource, WP_COLOR_REPRESENTATION_SURFACE_V1_ERROR_INERT,
			"the surface is gone");
	return surface;
}

static void handle_set_alpha_mode(
	struct wl_client *client, struct wl_resource *resource, uint32_t mode)
{
	struct surface *surface = get_surface(resource);
	if (!surface)
		return;
	if (mode != ALPHA(PREMULTIPLIED_ELECTRICAL) && mode != ALPHA(STRAIGHT)) {
		wl_resource_post_error(resource,
			WP_COLOR_REPRESENTATION_SURFACE_V1_ERROR_ALPHA_MODE,
			"the alpha mode %u was not offered", mode);
		return;
	}
	struct surface_color color = surface->color;
	color.straight = mode == ALPHA(STRAIGHT);
	change(surface, &color);
}

static void handle_set_coefficients_and_range(struct wl_client *client,
	struct wl_resource *resource, uint32_t coefficients, uint32_t range)
{
	struct surface *surface = get_surface(resource);
	if (!surface)
		return;
	for (size_t i = 0; i < N_PAIRS; i++) {
		if (pairs[i].coefficients != coefficients || pairs[i].range != range)
			continue;
		struct surface_color color = pairs[i].color;
		color.straight = surface->color.straight;
		color.subsampled = surface->color.subsampled;
		change(surface, &color);
		return;
	}
	wl_resource_post_error(resource, WP_COLOR_REPRESENTATION_SURFACE_V1_ERROR_COEFFICIENTS,
		"the coefficients %u with the range %u were not offered", coefficients, range);
}

static bool location_valid(uint32_t location)
{
	return location >= WP_COLOR_REPRESENTATION_SURFACE_V1_CHROMA_LOCATION_TYPE_0 &&
		location <= WP_COLOR_REPRESENTATION_SURFACE_V1_CHROMA_LOCATION_TYPE_5;
}

static void handle_set_chroma_location(
	struct wl_client *client, struct wl_resource *resource, uint32_t location)
{
	struct surface *surface = get_surface(resource);
	if (!surface)
		return;
	if (!location_valid(location)) {
		wl_resource_post_error(
			resource, ERROR_CHROMA_LOCATION, "%u is no location of chroma", location);
		return;
	}
	struct surface_color color = surface->color;
	color.subsampled = true;
	change(surface, &color);
}

static const struct wp_color_representation_surface_v1_interface representation_impl = {
	.destroy = handle_destroy,
	.set_alpha_mode = handle_set_alpha_mode,
	.set_coefficients_and_range = handle_set_coefficients_and_range,
	.set_chroma_location = handle_set_chroma_location,
};

static void representation_destroyed(struct wl_resource *resource)
{
	const struct surface_color none = {.model = SURFACE_ANY};
	struct surface *surface = surface_extension_gone(resource, SURFACE_EXT_COLOR);
	if (surface)
		change(surface, &none);
}

static void handle_get_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface)
{
	struct wl_resource *representation = surface_extend(resource, id, surface,
		SURFACE_EXT_COLOR, &wp_color_representation_surface_v1_interface,
		WP_COLOR_REPRESENTATION_MANAGER_V1_ERROR_SURFACE_EXISTS);
	if (representation)
		wl_resource_set_implementation(representation, &representation_impl,
			surface_from_resource(surface), representation_destroyed);
}

static const struct wp_color_representation_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.get_surface = handle_get_surface,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(
		client, &wp_color_representation_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
	wp_color_representation_manager_v1_send_supported_alpha_mode(
		resource, ALPHA(PREMULTIPLIED_ELECTRICAL));
	wp_color_representation_manager_v1_send_supported_alpha_mode(resource, ALPHA(STRAIGHT));
	for (size_t i = 0; i < N_PAIRS; i++)
		wp_color_representation_manager_v1_send_supported_coefficients_and_ranges(
			resource, pairs[i].coefficients, pairs[i].range);
	wp_color_representation_manager_v1_send_done(resource);
}

struct wl_global *color_representation_create(struct daemon *daemon)
{
	return wl_global_create(daemon->display, &wp_color_representation_manager_v1_interface, 1,
		daemon, bind_manager);
}
