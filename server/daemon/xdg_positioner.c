/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <xdg-shell-server-protocol.h>

#include "xdg_popup.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void handle_set_size(
	struct wl_client *client, struct wl_resource *resource, int32_t width, int32_t height)
{
	struct placement *placement = wl_resource_get_user_data(resource);
	if (width < 1 || height < 1) {
		wl_resource_post_error(resource, XDG_POSITIONER_ERROR_INVALID_INPUT,
			"a size of %d x %d", width, height);
		return;
	}
	placement->width = width;
	placement->height = height;
}

static void handle_set_anchor_rect(struct wl_client *client, struct wl_resource *resource,
	int32_t x, int32_t y, int32_t width, int32_t height)
{
	struct placement *placement = wl_resource_get_user_data(resource);
	if (width < 0 || height < 0) {
		wl_resource_post_error(resource, XDG_POSITIONER_ERROR_INVALID_INPUT,
			"an anchor of %d x %d", width, height);
		return;
	}
	placement->has_anchor = true;
	placement->anchor_rect = (struct placement_rect){x, y, width, height};
}

static void handle_set_anchor(
	struct wl_client *client, struct wl_resource *resource, uint32_t anchor)
{
	struct placement *placement = wl_resource_get_user_data(resource);
	placement->anchor = anchor;
	if (anchor > XDG_POSITIONER_ANCHOR_BOTTOM_RIGHT)
		wl_resource_post_error(
			resource, XDG_POSITIONER_ERROR_INVALID_INPUT, "%u is no anchor", anchor);
}

static void handle_set_gravity(
	struct wl_client *client, struct wl_resource *resource, uint32_t gravity)
{
	struct placement *placement = wl_resource_get_user_data(resource);
	placement->gravity = gravity;
	if (gravity > XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT)
		wl_resource_post_error(
			resource, XDG_POSITIONER_ERROR_INVALID_INPUT, "%u is no gravity", gravity);
}

static void handle_set_constraint_adjustment(
	struct wl_client *client, struct wl_resource *resource, uint32_t adjustment)
{
	struct placement *placement = wl_resource_get_user_data(resource);
	placement->adjustment = adjustment;
}

static void handle_set_offset(
	struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y)
{
	struct placement *placement = wl_resource_get_user_data(resource);
	placement->offset_x = x;
	placement->offset_y = y;
}

/* The output stays as it is, and a toplevel where it is: there is nothing to react to. */
static void handle_set_reactive(struct wl_client *client, struct wl_resource *resource) {}

static void handle_set_parent_size(
	struct wl_client *client, struct wl_resource *resource, int32_t width, int32_t height)
{
}

static void handle_set_parent_configure(
	struct wl_client *client, struct wl_resource *resource, uint32_t serial)
{
}

static const struct xdg_positioner_interface positioner_impl = {
	.destroy = handle_destroy,
	.set_size = handle_set_size,
	.set_anchor_rect = handle_set_anchor_rect,
	.set_anchor = handle_set_anchor,
	.set_gravity = handle_set_gravity,
	.set_constraint_adjustment = handle_set_constraint_adjustment,
	.set_offset = handle_set_offset,
	.set_reactive = handle_set_reactive,
	.set_parent_size = handle_set_parent_size,
	.set_parent_configure = handle_set_parent_configure,
};

static void positioner_destroyed(struct wl_resource *resource)
{
	free(wl_resource_get_user_data(resource));
}

void xdg_positioner_create(struct wl_client *client, uint32_t version, uint32_t id)
{
	struct placement *placement = calloc(1, sizeof(*placement));
	struct wl_resource *resource = NULL;
	if (placement)
		resource = wl_resource_create(client, &xdg_positioner_interface, (int)version, id);
	if (!resource) {
		free(placement);
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &positioner_impl, placement, positioner_destroyed);
}

bool xdg_positioner_complete(struct wl_resource *resource)
{
	const struct placement *placement = wl_resource_get_user_data(resource);
	return placement->width > 0 && placement->has_anchor;
}

const struct placement *xdg_positioner_get(struct wl_resource *resource)
{
	return wl_resource_get_user_data(resource);
}
