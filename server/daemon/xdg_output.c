/* SPDX-License-Identifier: MIT */
#include <wayland-server-protocol.h>

#include "daemon.h"
#include "output.h"
#include "xdg-output-unstable-v1-server-protocol.h"
#include "xdg_output.h"

/* Only the position can change while an output is there. */

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct zxdg_output_v1_interface output_impl = {.destroy = handle_destroy};

static void send_place(const struct output *output, struct wl_resource *resource)
{
	uint32_t width, height;
	output_logical_size(output, &width, &height);
	zxdg_output_v1_send_logical_position(resource, output->x, output->y);
	zxdg_output_v1_send_logical_size(resource, (int32_t)width, (int32_t)height);
}

static void send_all(const struct output *output, struct wl_resource *resource)
{
	send_place(output, resource);
	if (wl_resource_get_version(resource) >= ZXDG_OUTPUT_V1_NAME_SINCE_VERSION) {
		zxdg_output_v1_send_name(resource, output->name);
		zxdg_output_v1_send_description(resource, output->name);
	}
}

/* Since version 3 it is wl_output.done that ends what is told of either. */
static void send_done(struct wl_resource *resource, struct wl_resource *output)
{
	if (wl_resource_get_version(resource) < 3)
		zxdg_output_v1_send_done(resource);
	else if (wl_resource_get_version(output) >= WL_OUTPUT_DONE_SINCE_VERSION)
		wl_output_send_done(output);
}

void xdg_output_tell(const struct output *output)
{
	struct wl_resource *resource;
	wl_resource_for_each(resource, &output->xdg_resources) {
		send_place(output, resource);
		if (wl_resource_get_version(resource) < 3)
			zxdg_output_v1_send_done(resource);
	}
}

static void handle_get_xdg_output(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *output_resource)
{
	struct output *output = output_from_resource(output_resource);
	struct wl_resource *made = wl_resource_create(
		client, &zxdg_output_v1_interface, wl_resource_get_version(resource), id);
	if (!made) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(made, &output_impl, NULL, resource_unlink);
	wl_list_init(wl_resource_get_link(made));
	/* of one that has been withdrawn there is nothing to say */
	if (!output)
		return;
	wl_list_insert(&output->xdg_resources, wl_resource_get_link(made));
	send_all(output, made);
	send_done(made, output_resource);
}

static const struct zxdg_output_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.get_xdg_output = handle_get_xdg_output,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &zxdg_output_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
}

struct wl_global *xdg_output_create(struct daemon *daemon)
{
	return wl_global_create(
		daemon->display, &zxdg_output_manager_v1_interface, 3, daemon, bind_manager);
}
