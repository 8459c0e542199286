/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "dmabuf.h"
#include "linux-dmabuf-v1-server-protocol.h"
#include "util/loop.h"

/*
 * zwp_linux_dmabuf_feedback_v1: who is told what, and once. A feedback object holds what it was
 * sent last; an update sends only what is another, and the table only if its pairs are, because
 * each table costs the client an fd. Without an fd of our own to send it with, nothing is sent and
 * a timer tries again: a failed dup inside libwayland would end the client.
 */
#define RETRY_MS 250
/* A Wayland message is 4096 bytes. */
#define INDICES_PER_EVENT 1024

struct feedback_object {
	struct wl_resource *resource;
	struct waybuf_server_dmabuf *dmabuf; /* NULL: inert */
	struct wl_resource *surface; /* NULL: default, or gone */
	struct wl_listener surface_destroy;
	struct feedback *sent; /* NULL: nothing yet */
	struct wl_list link; // waybuf_server_dmabuf.objects
};

static struct feedback *current_feedback(const struct feedback_object *object)
{
	struct feedback *own =
		object->surface ? surface_feedback_current(object->dmabuf, object->surface) : NULL;
	return own ? own : object->dmabuf->feedback;
}

/* ---- sending ------------------------------------------------------------------------------- */

/* From version 6 on tranches say what they are for, and no device is the main one. */
static bool knows_sampling(struct wl_resource *resource)
{
	return wl_resource_get_version(resource) >= 6;
}

static void send_indices(struct wl_resource *resource, const struct index_list *list)
{
	for (size_t i = 0; i < list->n; i += INDICES_PER_EVENT) {
		size_t n = list->n - i;
		if (n > INDICES_PER_EVENT)
			n = INDICES_PER_EVENT;
		struct wl_array array = {
			.data = list->indices + i,
			.size = n * sizeof(*list->indices),
		};
		zwp_linux_dmabuf_feedback_v1_send_tranche_formats(resource, &array);
	}
}

static void send_tranche(struct wl_resource *resource, struct feedback_tranche *tranche)
{
	bool sampling = knows_sampling(resource);
	const struct index_list *list = sampling ? &tranche->pairs : &tranche->old_pairs;
	uint32_t flags = sampling ? tranche->flags : tranche->flags & WAYBUF_TRANCHE_SCANOUT;
	struct wl_array target = {.data = &tranche->target, .size = sizeof(tranche->target)};
	if (list->n == 0)
		return;
	zwp_linux_dmabuf_feedback_v1_send_tranche_target_device(resource, &target);
	zwp_linux_dmabuf_feedback_v1_send_tranche_flags(resource, flags);
	send_indices(resource, list);
	zwp_linux_dmabuf_feedback_v1_send_tranche_done(resource);
}

static void send_feedback(struct wl_resource *resource, struct feedback *feedback, bool table)
{
	struct wl_array main_device = {
		.data = &feedback->main_device, .size = sizeof(feedback->main_device)};
	if (table)
		zwp_linux_dmabuf_feedback_v1_send_format_table(
			resource, feedback->table->fd, feedback->table->size);
	if (!knows_sampling(resource))
		zwp_linux_dmabuf_feedback_v1_send_main_device(resource, &main_device);
	for (size_t i = 0; i < feedback->n_tranches; i++)
		send_tranche(resource, &feedback->tranches[i]);
	zwp_linux_dmabuf_feedback_v1_send_done(resource);
}

static void try_again(void *data)
{
	feedback_objects_update(data);
}

static void arm_retry(struct waybuf_server_dmabuf *dmabuf)
{
	int error;
	if (!dmabuf->retry)
		dmabuf->retry =
			waybuf_loop_add_timer(dmabuf->server->loop, try_again, dmabuf, &error);
	if (dmabuf->retry)
		waybuf_source_arm(dmabuf->retry, RETRY_MS);
}

static void update(struct feedback_object *object)
{
	struct feedback *feedback = current_feedback(object);
	struct feedback *sent = object->sent;
	if (sent && feedback_same_events(sent, feedback, knows_sampling(object->resource)))
		return;
	bool table = !sent || !feedback_same_table(sent, feedback);
	if (table && !server_has_fds(1)) {
		arm_retry(object->dmabuf);
		return;
	}
	send_feedback(object->resource, feedback, table);
	object->sent = feedback_ref(feedback);
	feedback_unref(sent);
}

void feedback_objects_update(struct waybuf_server_dmabuf *dmabuf)
{
	struct feedback_object *object;
	wl_list_for_each(object, &dmabuf->objects, link)
		update(object);
}

/* ---- objects ------------------------------------------------------------------------------- */

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct zwp_linux_dmabuf_feedback_v1_interface feedback_impl = {
	.destroy = handle_destroy,
};

static void make_inert(struct feedback_object *object)
{
	wl_list_remove(&object->surface_destroy.link);
	wl_list_init(&object->surface_destroy.link);
	wl_list_remove(&object->link);
	wl_list_init(&object->link);
	object->dmabuf = NULL;
	object->surface = NULL;
}

static void object_surface_destroyed(struct wl_listener *listener, void *data)
{
	struct feedback_object *object = wl_container_of(listener, object, surface_destroy);
	make_inert(object);
}

static void object_destroyed(struct wl_resource *resource)
{
	struct feedback_object *object = wl_resource_get_user_data(resource);
	make_inert(object);
	feedback_unref(object->sent);
	free(object);
}

bool feedback_object_create(struct waybuf_server_dmabuf *dmabuf, struct wl_client *client,
	uint32_t version, uint32_t id, struct wl_resource *surface)
{
	struct feedback_object *object = calloc(1, sizeof(*object));
	if (!object)
		return false;
	object->resource = wl_resource_create(
		client, &zwp_linux_dmabuf_feedback_v1_interface, (int)version, id);
	if (!object->resource) {
		free(object);
		return false;
	}
	object->dmabuf = dmabuf;
	object->surface = surface;
	wl_list_init(&object->link);
	wl_list_init(&object->surface_destroy.link);
	wl_resource_set_implementation(object->resource, &feedback_impl, object, object_destroyed);
	if (!dmabuf)
		return true;
	wl_list_insert(&dmabuf->objects, &object->link);
	if (surface) {
		object->surface_destroy.notify = object_surface_destroyed;
		wl_resource_add_destroy_listener(surface, &object->surface_destroy);
	}
	update(object);
	return true;
}

void feedback_objects_orphan(struct waybuf_server_dmabuf *dmabuf)
{
	struct feedback_object *object, *next_object;
	wl_list_for_each_safe(object, next_object, &dmabuf->objects, link)
		make_inert(object);
	waybuf_source_remove(dmabuf->retry);
	dmabuf->retry = NULL;
}
