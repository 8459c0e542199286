/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include <wayland-server-protocol.h>

#include "kms/fb.h"
#include "wl_buffer.h"

/*
 * wl_buffers and their uses. The resource belongs to the client, the memory to whoever shows it:
 * the block between the two counts the uses, so that release is sent after the last one, exactly
 * once, and only to a resource that is still there.
 */

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
	server_buffer_sever(buffer);
	scanout_forget(buffer);
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
	if (memory) {
		buffer->buffer = waybuf_buffer_ref(memory);
		waybuf_binding_init(&buffer->binding, memory, follows);
	}
	wl_list_init(&buffer->framebuffers);
	buffer->client = client;
	buffer->flags = flags;
	buffer->follows = follows;
	wl_list_insert(&client->buffers, &buffer->link);
	wl_resource_set_implementation(buffer->resource, &buffer_impl, buffer, resource_destroyed);
	return buffer;
}

void server_buffer_sever(struct server_buffer *buffer)
{
	waybuf_binding_finish(&buffer->binding);
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
		.has_device = buffer->has_device,
		.device = buffer->device,
	};
	const struct waybuf_layout *layout = waybuf_binding_layout(&buffer->binding);
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
	if (ret == 0)
		waybuf_claim_bind(use->claim, use->owner->binding.storage);
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

/*
 * Whether work that writes is under way, as poll() has it on dma-bufs: one call and no fd, which is
 * all that nearly every frame costs.
 */
static bool is_written(const struct waybuf_memory *memory)
{
	struct pollfd poll_fd = {.fd = memory->fd, .events = POLLIN};
	return memory->kind == WAYBUF_MEMORY_DMABUF && poll(&poll_fd, 1, 0) == 0;
}

/*
 * A client that knows linux-dmabuf alone says nothing of fences: its driver leaves them on the
 * dma-buf. They are waited for here, since what must not happen is that the kernel waits for them.
 * A kernel that cannot tell them (before 6.0) leaves it at that. 0 or a negative errno.
 */
static int add_implicit(struct waybuf_use *use, struct waybuf_grant *grant)
{
	struct waybuf_fence *fences[1 + WAYBUF_MAX_PLANES] = {grant->fence}, *merged = NULL;
	const struct waybuf_layout *layout = grant->layout;
	size_t n = 1;
	int ret = 0;
	for (uint32_t i = 0; i < layout->n_memory && ret == 0; i++) {
		if (!is_written(&layout->memory[i]))
			continue;
		ret = waybuf_dmabuf_export_fence(layout->memory[i].fd, false, &fences[n]);
		if (ret == 0)
			n++;
		else if (ret == -EOPNOTSUPP)
			ret = 0;
	}
	if (ret == 0 && n > 1)
		ret = waybuf_fence_merge(fences, n, &merged);
	while (n > 1)
		waybuf_fence_unref(fences[--n]);
	waybuf_fence_unref(use->fence);
	use->fence = merged;
	if (merged)
		grant->fence = merged;
	return ret;
}

int waybuf_use_latch(struct waybuf_use *use, struct waybuf_grant *grant)
{
	if (use->done)
		return -ENODATA;
	/* storage may have come since the commit */
	int ret = take_claim(use);
	if (ret < 0)
		return ret;
	if (!use->claim)
		return -ENODATA;
	/* what it stands for may have become another one; once inert, it stays as it was */
	if (use->owner->buffer)
		waybuf_claim_bind(use->claim, use->owner->binding.storage);
	waybuf_claim_latch(use->claim, grant);
	/* users of the allocator say with each unmap what is to be waited for */
	if (!use->owner->follows && !use->is_explicit && add_implicit(use, grant) < 0)
		return -ENOMEM;
	use->grant = *grant;
	return 0;
}

void waybuf_use_set_explicit(struct waybuf_use *use)
{
	use->is_explicit = true;
}

/*
 * For drivers that wait for the fences of a dma-buf by themselves. Where it cannot be done the
 * client has wl_buffer.release, which comes when there is nothing left to wait for.
 */
static void leave_implicit(struct waybuf_use *use, struct waybuf_fence *fence)
{
	struct waybuf_storage *storage = use->claim ? waybuf_claim_storage(use->claim) : NULL;
	if (!fence || !storage || use->owner->follows || use->is_explicit)
		return;
	const struct waybuf_layout *layout = &storage->layout;
	for (uint32_t i = 0; i < layout->n_memory; i++)
		if (layout->memory[i].kind == WAYBUF_MEMORY_DMABUF)
			waybuf_dmabuf_import_fence(layout->memory[i].fd, false, fence);
}

void waybuf_use_done(struct waybuf_use *use, struct waybuf_fence *fence)
{
	if (!use || use->done)
		return;
	use->done = true;
	/* first: a GPU may be waiting to be told */
	waybuf_release_point_unref(use->release, fence);
	use->release = NULL;
	use->grant = (struct waybuf_grant){0};
	leave_implicit(use, fence);
	waybuf_fence_unref(use->fence);
	use->fence = NULL;
	waybuf_claim_end(use->claim, fence);
	use->claim = NULL;
}

void waybuf_use_end(struct waybuf_use *use, struct waybuf_fence *fence)
{
	if (!use)
		return;
	struct server_buffer *owner = use->owner;
	waybuf_use_done(use, fence);
	waybuf_kms_fb_unref(use->fb);
	waybuf_buffer_unref(use->buffer);
	free(use);
	if (--owner->uses == 0 && owner->resource)
		wl_buffer_send_release(owner->resource);
	drop(owner);
}
