/* SPDX-License-Identifier: MIT */
#include <time.h>

#include <presentation-time-server-protocol.h>

#include "daemon.h"
#include "output.h"
#include "presentation.h"
#include "surface.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void handle_feedback(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *surface_resource, uint32_t id)
{
	struct surface *surface = surface_from_resource(surface_resource);
	struct wl_resource *feedback = wl_resource_create(
		client, &wp_presentation_feedback_interface, wl_resource_get_version(resource), id);
	if (!feedback) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(feedback, NULL, NULL, resource_unlink);
	wl_list_insert(surface->pending.feedbacks.prev, wl_resource_get_link(feedback));
}

static const struct wp_presentation_interface presentation_impl = {
	.destroy = handle_destroy,
	.feedback = handle_feedback,
};

static void bind_presentation(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wp_presentation_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &presentation_impl, data, NULL);
	wp_presentation_send_clock_id(resource, CLOCK_MONOTONIC);
}

struct wl_global *presentation_create(struct daemon *daemon)
{
	return wl_global_create(
		daemon->display, &wp_presentation_interface, 2, daemon, bind_presentation);
}

void presentation_discard(struct wl_list *list)
{
	struct wl_resource *resource, *tmp;
	wl_resource_for_each_safe(resource, tmp, list) {
		wp_presentation_feedback_send_discarded(resource);
		wl_resource_destroy(resource);
	}
}

/*
 * The protocol wants an event for each time that the client has bound the output. Nobody binds it
 * more than once or twice, but for a client that wants to keep us busy.
 */
#define MOST_BOUND 8

/* The output as one client has bound it; feedbacks of one client come in rows. */
struct bound {
	const struct wl_client *client;
	struct wl_resource *resources[MOST_BOUND];
	unsigned n;
};

static void find_bound(struct bound *bound, struct wl_client *client, struct output *output)
{
	struct wl_resource *resource;
	if (bound->client == client)
		return;
	*bound = (struct bound){.client = client};
	wl_resource_for_each(resource, &output->resources) {
		if (bound->n == MOST_BOUND)
			return;
		if (wl_resource_get_client(resource) == client)
			bound->resources[bound->n++] = resource;
	}
}

static void send_output(struct wl_resource *feedback, struct output *output, struct bound *bound)
{
	find_bound(bound, wl_resource_get_client(feedback), output);
	for (unsigned i = 0; i < bound->n; i++)
		wp_presentation_feedback_send_sync_output(feedback, bound->resources[i]);
}

void presentation_show(struct wl_list *list, struct output *output, uint64_t time_ns,
	uint32_t sequence, bool zero_copy)
{
	const uint64_t second = 1000000000;
	/* a timer is no vertical retrace, and no hardware */
	uint32_t flags = output->headless
		? 0
		: WP_PRESENTATION_FEEDBACK_KIND_VSYNC | WP_PRESENTATION_FEEDBACK_KIND_HW_CLOCK |
			WP_PRESENTATION_FEEDBACK_KIND_HW_COMPLETION;
	if (zero_copy)
		flags |= WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY;
	struct wl_resource *resource, *tmp;
	struct bound bound = {.client = NULL};
	wl_resource_for_each_safe(resource, tmp, list) {
		send_output(resource, output, &bound);
		wp_presentation_feedback_send_presented(resource,
			(uint32_t)(time_ns / second >> 32), (uint32_t)(time_ns / second),
			(uint32_t)(time_ns % second), output_period_ns(output), 0, sequence, flags);
		wl_resource_destroy(resource);
	}
}
