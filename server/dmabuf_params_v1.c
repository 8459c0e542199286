/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dmabuf.h"
#include "dmabuf_params.h"
#include "linux-dmabuf-v1-server-protocol.h"
#include "util/fd.h"
#include "wl_buffer.h"

/*
 * zwp_linux_buffer_params_v1. What dmabuf_import.c finds wrong is either the client's mistake, a
 * protocol error, or it is only that this buffer cannot be: `failed`, with the reason in the log
 * and in the monitor's report. create_immed has no way to say "no buffer" to a client that has
 * attached it already: it gets an inert wl_buffer and `failed`. Only a file that is no dma-buf at
 * all is an error there, as it can never have worked anywhere.
 */
struct dmabuf_params_object {
	struct wl_resource *resource;
	struct waybuf_server_dmabuf *dmabuf; /* NULL: the global is gone */
	struct server_client *client;
	struct dmabuf_params params;
	bool used;
	/* by whom the client wants it sampled; version 6 */
	bool has_device;
	dev_t device;
	/* planes that count as the client's; some were not taken */
	uint32_t n_kept;
	bool starved;
	struct wl_list link; // waybuf_server_dmabuf.params
};

/*
 * fds of one client that wait for a buffer to be made of them. Good clients have those of one
 * buffer at a time; without a limit anybody could take all the fds there are.
 */
#define MAX_KEPT 128

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static bool check_unused(struct dmabuf_params_object *object)
{
	if (!object->used)
		return true;
	wl_resource_post_error(object->resource, ZWP_LINUX_BUFFER_PARAMS_V1_ERROR_ALREADY_USED,
		"a buffer was made of these parameters already");
	return false;
}

static bool may_keep(const struct dmabuf_params_object *object, int fd)
{
	struct waybuf_server *server = object->client->server;
	bool last = server ? fd_limit_is_near(&server->fd_limit, fd, SERVER_FD_RESERVE)
			   : fd_is_among_last(fd, SERVER_FD_RESERVE);
	return object->client->kept_planes < MAX_KEPT && !last;
}

static void drop_planes(struct dmabuf_params_object *object)
{
	dmabuf_params_finish(&object->params);
	object->client->kept_planes -= object->n_kept;
	object->n_kept = 0;
}

static void handle_add(struct wl_client *client, struct wl_resource *resource, int32_t fd,
	uint32_t index, uint32_t offset, uint32_t stride, uint32_t modifier_hi,
	uint32_t modifier_lo)
{
	struct dmabuf_params_object *object = wl_resource_get_user_data(resource);
	if (!check_unused(object)) {
		close(fd);
		return;
	}
	if (!may_keep(object, fd)) {
		object->starved = true;
		close(fd);
		return;
	}
	uint64_t modifier = (uint64_t)modifier_hi << 32 | modifier_lo;
	struct dmabuf_verdict verdict;
	if (dmabuf_params_add(&object->params, fd, index, offset, stride, modifier, &verdict) < 0) {
		wl_resource_post_error(resource, (uint32_t)verdict.code, "%s", verdict.reason);
		return;
	}
	object->n_kept++;
	object->client->kept_planes++;
}

#ifdef ZWP_LINUX_BUFFER_PARAMS_V1_SET_SAMPLING_DEVICE_SINCE_VERSION
static void handle_set_sampling_device(
	struct wl_client *client, struct wl_resource *resource, struct wl_array *device)
{
	struct dmabuf_params_object *object = wl_resource_get_user_data(resource);
	if (!check_unused(object))
		return;
	if (device->size != sizeof(object->device)) {
		wl_resource_post_error(resource, DMABUF_INVALID_DEV_T_SIZE,
			"a dev_t has %zu bytes, not %zu", sizeof(object->device), device->size);
		return;
	}
	memcpy(&object->device, device->data, sizeof(object->device));
	object->has_device = true;
}
#endif

/* ---- making a buffer ----------------------------------------------------------------------- */

/* Used up, whatever comes of it. False: the client has been told of an error. */
static bool take(struct dmabuf_params_object *object, struct dmabuf_request *request,
	bool immediately, struct waybuf_buffer **out)
{
	if (!check_unused(object))
		return false;
	object->used = true;
	request->has_device = object->has_device;
	request->device = object->device;
	request->version = (uint32_t)wl_resource_get_version(object->resource);
	request->starved = object->starved;
	*out = NULL;
	struct dmabuf_verdict verdict;
	int ret = dmabuf_import(
		object->dmabuf, object->client, &object->params, request, out, &verdict);
	drop_planes(object);
	if (ret == 0)
		return true;
	bool hopeless = immediately && verdict.code == DMABUF_INVALID_WL_BUFFER;
	if (!verdict.fatal && !hopeless)
		return true;
	wl_resource_post_error(object->resource, (uint32_t)verdict.code, "%s", verdict.reason);
	return false;
}

/* NULL: out of memory. @id 0: one of ours. */
static struct server_buffer *make_wl_buffer(const struct dmabuf_params_object *object, uint32_t id,
	struct waybuf_buffer *memory, uint32_t flags)
{
	struct server_buffer *buffer =
		server_buffer_create(object->client, id, memory, flags, false);
	if (buffer) {
		buffer->has_device = object->has_device;
		buffer->device = object->device;
	}
	return buffer;
}

static void handle_create(struct wl_client *client, struct wl_resource *resource, int32_t width,
	int32_t height, uint32_t format, uint32_t flags)
{
	struct dmabuf_params_object *object = wl_resource_get_user_data(resource);
	struct dmabuf_request request = {width, height, format, flags};
	struct waybuf_buffer *memory;
	if (!take(object, &request, false, &memory))
		return;
	if (!memory) {
		zwp_linux_buffer_params_v1_send_failed(resource);
		return;
	}
	struct server_buffer *buffer = make_wl_buffer(object, 0, memory, flags);
	if (buffer)
		zwp_linux_buffer_params_v1_send_created(resource, buffer->resource);
	else
		wl_resource_post_no_memory(resource);
	waybuf_buffer_unref(memory);
}

static void handle_create_immed(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t width, int32_t height, uint32_t format, uint32_t flags)
{
	struct dmabuf_params_object *object = wl_resource_get_user_data(resource);
	struct dmabuf_request request = {width, height, format, flags};
	struct waybuf_buffer *memory;
	if (!take(object, &request, true, &memory))
		return;
	if (!make_wl_buffer(object, id, memory, flags))
		wl_resource_post_no_memory(resource);
	else if (!memory)
		zwp_linux_buffer_params_v1_send_failed(resource);
	waybuf_buffer_unref(memory);
}

static const struct zwp_linux_buffer_params_v1_interface params_impl = {
	.destroy = handle_destroy,
	.add = handle_add,
	.create = handle_create,
	.create_immed = handle_create_immed,
#ifdef ZWP_LINUX_BUFFER_PARAMS_V1_SET_SAMPLING_DEVICE_SINCE_VERSION
	.set_sampling_device = handle_set_sampling_device,
#endif
};

/* ---- life ---------------------------------------------------------------------------------- */

static void orphan(struct dmabuf_params_object *object)
{
	object->dmabuf = NULL;
	wl_list_remove(&object->link);
	wl_list_init(&object->link);
}

static void params_destroyed(struct wl_resource *resource)
{
	struct dmabuf_params_object *object = wl_resource_get_user_data(resource);
	orphan(object);
	drop_planes(object);
	free(object);
}

struct dmabuf_params_object *params_object_create(struct waybuf_server_dmabuf *dmabuf,
	struct server_client *client, uint32_t version, uint32_t id)
{
	struct dmabuf_params_object *object = calloc(1, sizeof(*object));
	if (!object)
		return NULL;
	object->resource = wl_resource_create(
		client->client, &zwp_linux_buffer_params_v1_interface, (int)version, id);
	if (!object->resource) {
		free(object);
		return NULL;
	}
	object->dmabuf = dmabuf;
	object->client = client;
	dmabuf_params_init(&object->params, version);
	wl_list_init(&object->link);
	if (dmabuf)
		wl_list_insert(&dmabuf->params, &object->link);
	wl_resource_set_implementation(object->resource, &params_impl, object, params_destroyed);
	return object;
}

void params_objects_orphan(struct waybuf_server_dmabuf *dmabuf)
{
	struct dmabuf_params_object *object, *next;
	wl_list_for_each_safe(object, next, &dmabuf->params, link)
		orphan(object);
}
