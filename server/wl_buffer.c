/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <wayland-server-protocol.h>

#include "wl_buffer.h"

/*
 * wl_buffers and their uses. The resource belongs to the client, the memory to whoever shows it:
 * the block between the two counts the uses, so that release is sent after the last one, exactly
 * once, and only to a resource that is still there.
 */
struct waybuf_use {
	struct server_buffer *owner;
	/* its own reference: the owner may become inert while the frame is on a screen */
	struct waybuf_buffer *buffer;
	/* NULL: there was nothing to claim yet, or nothing at all */
	struct waybuf_claim *claim;
};

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_buffer_interface buffer_impl = {.destroy = handle_destroy};

static struct server_buffer *from_resource(struct wl_resource *resource)
{
	if (!wl_resource_instance_of(resource, &wl_buffer_interface, &buffer_impl))
		return NULL;
	return wl_resource_get_user_data(resource);
}

static void drop(struct server_buffer *buffer)
{
	if (buffer->resource || buffer->uses)
		return;
	waybuf_buffer_unref(buffer->buffer);
	free(buffer);
}

static void resource_destroyed(struct wl_resource *resource)
{
	struct server_buffer *buffer = wl_resource_get_user_data(resource);
	wl_list_remove(&buffer->link);
	buffer->resource = NULL;
	buffer->client = NULL;
	drop(buffer);
}

struct server_buffer *server_buffer_create(struct server_client *client, uint32_t id,
	struct waybuf_buffer *memory, uint32_t flags, bool follows)
{
	struct server_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return NULL;
	buffer->resource = wl_resource_create(client->client, &wl_buffer_interface, 1, id);
	if (!buffer->resource) {
		free(buffer);
		return NULL;
	}
	if (memory)
		buffer->buffer = waybuf_buffer_ref(memory);
	buffer->client = client;
	buffer->flags = flags;
	buffer->follows = follows;
	wl_list_insert(&client->buffers, &buffer->link);
	wl_resource_set_implementation(buffer->resource, &buffer_impl, buffer, resource_destroyed);
	return buffer;
}

void server_buffer_sever(struct server_buffer *buffer)
{
	waybuf_buffer_unref(buffer->buffer);
	buffer->buffer = NULL;
}

struct waybuf_buffer *waybuf_buffer_from_resource(struct wl_resource *resource)
{
	struct server_buffer *buffer = from_resource(resource);
	return buffer ? buffer->buffer : NULL;
}

int waybuf_server_buffer_get_info(
	struct wl_resource *resource, struct waybuf_server_buffer_info *info)
{
	struct server_buffer *buffer = from_resource(resource);
	if (!buffer)
		return -EINVAL;
	*info = (struct waybuf_server_buffer_info){
		.flags = buffer->flags,
		.follows = buffer->follows,
		.inert = !buffer->buffer,
	};
	const struct waybuf_layout *layout =
		buffer->buffer ? waybuf_buffer_layout(buffer->buffer) : NULL;
	if (layout) {
		info->width = layout->width;
		info->height = layout->height;
		info->format = layout->format;
	}
	return 0;
}

/* -ENODATA is no failure: the client has committed what nobody has drawn yet. */
static int take_claim(struct waybuf_use *use)
{
	if (!use->buffer || use->claim)
		return 0;
	int ret = waybuf_buffer_claim(use->buffer, &use->claim);
	return ret == -ENODATA ? 0 : ret;
}

int waybuf_use_begin(struct wl_resource *resource, struct waybuf_use **out)
{
	struct server_buffer *owner = from_resource(resource);
	if (!owner)
		return -EINVAL;
	struct waybuf_use *use = calloc(1, sizeof(*use));
	if (!use)
		return -ENOMEM;
	use->owner = owner;
	if (owner->buffer)
		use->buffer = waybuf_buffer_ref(owner->buffer);
	int ret = take_claim(use);
	if (ret < 0) {
		waybuf_buffer_unref(use->buffer);
		free(use);
		return ret;
	}
	owner->uses++;
	*out = use;
	return 0;
}

struct waybuf_buffer *waybuf_use_buffer(struct waybuf_use *use)
{
	return use->buffer;
}

int waybuf_use_latch(struct waybuf_use *use, struct waybuf_grant *grant)
{
	/* storage may have come since the commit */
	int ret = take_claim(use);
	if (ret < 0)
		return ret;
	if (!use->claim)
		return -ENODATA;
	waybuf_claim_latch(use->claim, grant);
	return 0;
}

void waybuf_use_end(struct waybuf_use *use, struct waybuf_fence *fence)
{
	if (!use)
		return;
	struct server_buffer *owner = use->owner;
	waybuf_claim_end(use->claim, fence);
	waybuf_buffer_unref(use->buffer);
	free(use);
	if (--owner->uses == 0 && owner->resource)
		wl_buffer_send_release(owner->resource);
	drop(owner);
}
