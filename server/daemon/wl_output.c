/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <wayland-server-protocol.h>

#include "daemon.h"
#include "fractional_scale.h"
#include "output.h"
#include "xdg_output.h"

static void handle_release(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_output_interface output_impl = {.release = handle_release};

static void send_description(const struct output *output, struct wl_resource *resource)
{
	char text[160];
	snprintf(text, sizeof(text), "%s of %s", output->name, output->make);
	wl_output_send_name(resource, output->name);
	wl_output_send_description(resource, text);
}

static void send_all(const struct output *output, struct wl_resource *resource)
{
	int version = wl_resource_get_version(resource);
	const struct waybuf_kms_connector *connector = output->connector;
	wl_output_send_geometry(resource, output->x, output->y,
		connector ? (int32_t)connector->width_mm : 0,
		connector ? (int32_t)connector->height_mm : 0, WL_OUTPUT_SUBPIXEL_UNKNOWN,
		output->make, output->name, output->transform);
	wl_output_send_mode(resource, WL_OUTPUT_MODE_CURRENT | WL_OUTPUT_MODE_PREFERRED,
		(int32_t)output->width, (int32_t)output->height, (int32_t)output->refresh_mhz);
	if (version >= WL_OUTPUT_SCALE_SINCE_VERSION)
		wl_output_send_scale(resource, output_whole_scale(output->scale));
	if (version >= WL_OUTPUT_NAME_SINCE_VERSION)
		send_description(output, resource);
	if (version >= WL_OUTPUT_DONE_SINCE_VERSION)
		wl_output_send_done(resource);
}

/* Surfaces that were there before the client knew the output. */
static void send_entered(struct output *output, struct wl_resource *resource)
{
	struct surface *surface;
	wl_list_for_each(surface, &output->daemon->surfaces, link)
		if (surface->output == output &&
			wl_resource_get_client(surface->resource) ==
				wl_resource_get_client(resource))
			wl_surface_send_enter(surface->resource, resource);
}

static void bind_output(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct output *output = data;
	struct wl_resource *resource =
		wl_resource_create(client, &wl_output_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &output_impl, output, resource_unlink);
	wl_list_init(wl_resource_get_link(resource));
	/* who binds what has just been withdrawn hears nothing of it */
	if (!output)
		return;
	wl_list_insert(&output->resources, wl_resource_get_link(resource));
	send_all(output, resource);
	send_entered(output, resource);
}

struct wl_global *output_global_create(struct output *output)
{
	return wl_global_create(
		output->daemon->display, &wl_output_interface, 4, output, bind_output);
}

/* Normal and 1 are what they are before anybody says anything, but not for everybody. */
static void send_preferred(
	const struct output *output, const struct surface *surface, bool scale, bool transform)
{
	struct wl_resource *resource = surface->resource;
	if (wl_resource_get_version(resource) < WL_SURFACE_PREFERRED_BUFFER_SCALE_SINCE_VERSION)
		return;
	if (scale)
		wl_surface_send_preferred_buffer_scale(resource, output_whole_scale(output->scale));
	if (transform)
		wl_surface_send_preferred_buffer_transform(resource, (uint32_t)output->transform);
}

void output_prefer(const struct output *output, struct surface *surface)
{
	const uint32_t before = surface->preferred_scale;
	const bool scale = output_whole_scale(before) != output_whole_scale(output->scale);
	const bool transform = surface->preferred_transform != output->transform;
	surface->preferred_scale = output->scale;
	surface->preferred_transform = output->transform;
	send_preferred(output, surface, scale, transform || !before);
	if (before != output->scale)
		fractional_scale_tell(surface);
}

struct output *output_from_resource(struct wl_resource *resource)
{
	return wl_resource_get_user_data(resource);
}

/* xdg-output's part first: wl_output.done ends both. */
void output_tell(const struct output *output)
{
	struct wl_resource *resource;
	xdg_output_tell(output);
	wl_resource_for_each(resource, &output->resources)
		send_all(output, resource);
}

void output_send_enter(struct output *output, struct surface *surface, bool enter)
{
	struct wl_client *client = wl_resource_get_client(surface->resource);
	struct wl_resource *resource;
	if (enter)
		output_prefer(output, surface);
	wl_resource_for_each(resource, &output->resources) {
		if (wl_resource_get_client(resource) != client)
			continue;
		if (enter)
			wl_surface_send_enter(surface->resource, resource);
		else
			wl_surface_send_leave(surface->resource, resource);
	}
}
