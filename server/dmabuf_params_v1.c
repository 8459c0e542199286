/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/manager.h"
#include "core/storage.h"
#include "dmabuf.h"
#include "dmabuf_params.h"
#include "linux-dmabuf-v1-server-protocol.h"
#include "util/fd.h"
#include "util/log.h"
#include "wl_buffer.h"

/*
 * zwp_linux_buffer_params_v1. What dmabuf_params.c finds wrong is either the client's mistake, a
 * protocol error, or it is only that this buffer cannot be: `failed`, with the reason in the log.
 * create_immed has no way to say "no buffer" to a client that has attached it already: it gets an
 * inert wl_buffer and `failed`. Only a file that is no dma-buf at all is an error there, as it can
 * never have worked anywhere.
 */
#define KNOWN_FLAGS \
	(ZWP_LINUX_BUFFER_PARAMS_V1_FLAGS_Y_INVERT | ZWP_LINUX_BUFFER_PARAMS_V1_FLAGS_INTERLACED | \
		ZWP_LINUX_BUFFER_PARAMS_V1_FLAGS_BOTTOM_FIRST)

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

struct image {
	int32_t width, height;
	uint32_t format, flags;
};

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
	return object->client->kept_planes < MAX_KEPT && !fd_is_among_last(fd, SERVER_FD_RESERVE);
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

static int __attribute__((format(printf, 4, 5))) refuse(
	struct dmabuf_verdict *verdict, bool fatal, enum dmabuf_error code, const char *format, ...)
{
	verdict->fatal = fatal;
	verdict->code = code;
	va_list args;
	va_start(args, format);
	vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
	return -EINVAL;
}

static bool is_advertised(const struct wl_array *pairs, uint32_t format, uint64_t modifier)
{
	struct waybuf_dmabuf_pair pair = {.format = format, .modifier = modifier};
	return pairs->size &&
		bsearch(&pair, pairs->data, pairs->size / sizeof(pair), sizeof(pair), pair_compare);
}

static int check_pair(const struct dmabuf_params_object *object, const struct image *image,
	struct dmabuf_verdict *verdict)
{
	if (!object->params.has_modifier)
		return 0; /* no plane: the check of the planes has a better word for it */
	uint64_t modifier = object->params.modifier;
	if (is_advertised(&object->dmabuf->advertised, image->format, modifier))
		return 0;
	bool fatal = wl_resource_get_version(object->resource) >= 4;
	return refuse(verdict, fatal, DMABUF_INVALID_FORMAT,
		"format 0x%08x with modifier 0x%llx was not advertised", image->format,
		(unsigned long long)modifier);
}

static void ask_driver(struct dmabuf_params_object *object, const struct image *image)
{
	uint64_t modifier = object->params.modifier;
	/* of the former everything is known, of the latter nobody knows anything */
	if (modifier != DRM_FORMAT_MOD_LINEAR && modifier != DRM_FORMAT_MOD_INVALID)
		object->params.known_planes = waybuf_manager_plane_count(
			object->dmabuf->server->manager, image->format, modifier);
}

static int check_flags(const struct waybuf_server_dmabuf *dmabuf, const struct image *image,
	struct dmabuf_verdict *verdict)
{
	if (image->flags & ~(uint32_t)KNOWN_FLAGS)
		return refuse(verdict, false, DMABUF_REFUSED, "unknown flags 0x%x", image->flags);
	if (image->flags && !dmabuf->options.import_test)
		return refuse(verdict, false, DMABUF_REFUSED, "flags 0x%x are not supported",
			image->flags);
	return 0;
}

/* No mistake, says the protocol: the device may have gone while the request was on its way. */
static int check_device(const struct dmabuf_params_object *object, struct dmabuf_verdict *verdict)
{
	if (!object->has_device || dmabuf_samples(object->dmabuf, object->device))
		return 0;
	return refuse(verdict, false, DMABUF_REFUSED, "device %u:%u is not one that samples here",
		major(object->device), minor(object->device));
}

static int import(struct dmabuf_params_object *object, const struct image *image,
	struct waybuf_layout *layout, const struct fd_id *ids, struct waybuf_buffer **out,
	struct dmabuf_verdict *verdict)
{
	struct waybuf_server_dmabuf *dmabuf = object->dmabuf;
	const struct waybuf_server_dmabuf_options *options = &dmabuf->options;
	struct server_client *client = object->client;
	struct waybuf_buffer *buffer;
	dmabuf_params_give_fds(&object->params, layout);
	int ret = waybuf_buffer_import_checked(
		dmabuf->server->manager, client->account, layout, ids, &buffer);
	if (ret < 0)
		return refuse(
			verdict, false, DMABUF_REFUSED, "cannot be imported: %s", strerror(-ret));
	const struct waybuf_dmabuf_import request = {
		.client = client->client,
		.buffer = buffer,
		.flags = image->flags,
		.has_device = object->has_device,
		.device = object->device,
	};
	if (options->import_test)
		ret = options->import_test(options->data, &request);
	if (ret < 0) {
		waybuf_buffer_unref(buffer);
		return refuse(verdict, false, DMABUF_REFUSED,
			"neither renderer nor display take it: %s", strerror(-ret));
	}
	*out = buffer;
	return 0;
}

static int make_buffer(struct dmabuf_params_object *object, const struct image *image,
	struct waybuf_buffer **out, struct dmabuf_verdict *verdict)
{
	struct waybuf_layout layout;
	struct fd_id ids[WAYBUF_MAX_PLANES];
	if (!object->dmabuf)
		return refuse(verdict, false, DMABUF_REFUSED, "the global is gone");
	if (object->starved)
		return refuse(verdict, false, DMABUF_REFUSED,
			"too many planes of the client wait for a buffer");
	int ret = check_pair(object, image, verdict);
	if (ret == 0)
		ask_driver(object, image);
	if (ret == 0)
		ret = dmabuf_params_check(&object->params, image->width, image->height,
			image->format, &layout, ids, verdict);
	if (ret == 0)
		ret = check_flags(object->dmabuf, image, verdict);
	if (ret == 0)
		ret = check_device(object, verdict);
	if (ret == 0)
		ret = import(object, image, &layout, ids, out, verdict);
	return ret;
}

/* Used up, whatever comes of it. False: the client has been told of an error. */
static bool take(struct dmabuf_params_object *object, const struct image *image, bool immediately,
	struct waybuf_buffer **out)
{
	if (!check_unused(object))
		return false;
	object->used = true;
	*out = NULL;
	struct dmabuf_verdict verdict;
	int ret = make_buffer(object, image, out, &verdict);
	drop_planes(object);
	if (ret == 0)
		return true;
	waybuf_info("%s: linux-dmabuf buffer refused: %s", object->client->name, verdict.reason);
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
	struct image image = {width, height, format, flags};
	struct waybuf_buffer *memory;
	if (!take(object, &image, false, &memory))
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
	struct image image = {width, height, format, flags};
	struct waybuf_buffer *memory;
	if (!take(object, &image, true, &memory))
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
