/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "util/fd.h"

/* ---- storage of the buffer ----------------------------------------------------------------- */

/* Frees what no later grant will name, unless there is a grant now. */
void client_buffer_drop_retired(struct waybuf_client_buffer *buffer)
{
	if (buffer->state == CLIENT_BUFFER_READY || buffer->state == CLIENT_BUFFER_ACQUIRED ||
		buffer->state == CLIENT_BUFFER_SHOWN)
		return;
	if (!buffer->storage || buffer->storage->layout.generation > buffer->retired)
		return;
	client_storage_destroy(buffer->storage);
	buffer->storage = NULL;
}

/* ---- maps ---------------------------------------------------------------------------------- */

void client_buffer_map(struct waybuf_client_buffer *buffer)
{
	buffer->asked = false;
	buffer->state = CLIENT_BUFFER_QUEUED;
	buffer->pool->backend->map(buffer);
}

/* What came meanwhile takes the place of what was read. */
static void end_sharing(struct waybuf_client_buffer *buffer)
{
	buffer->shared = buffer->on_screen = false;
	if (!buffer->next)
		return;
	client_storage_destroy(buffer->storage);
	buffer->storage = buffer->next;
	buffer->next = NULL;
}

void client_buffer_unmap(struct waybuf_client_buffer *buffer)
{
	client_buffer_unmap_fence(buffer, -1);
}

void client_buffer_unmap_fence(struct waybuf_client_buffer *buffer, int fence)
{
	buffer->pool->backend->unmap(buffer, fence);
	buffer->state = CLIENT_BUFFER_IDLE;
	fd_close(&buffer->fence);
	end_sharing(buffer);
	client_buffer_drop_retired(buffer);
}

void client_buffer_unshare(struct waybuf_client_buffer *buffer)
{
	client_buffer_unmap(buffer);
	client_buffer_map(buffer);
}

void client_buffer_displayed(struct waybuf_client_buffer *buffer)
{
	buffer->on_screen = false;
	if (buffer->state == CLIENT_BUFFER_SHOWN && buffer->shared) {
		client_buffer_unshare(buffer);
		return;
	}
	if (buffer->state != CLIENT_BUFFER_SHOWN)
		return;
	buffer->state = CLIENT_BUFFER_READY;
	/* Its fence was for the write that is over; the release says that the reader is done, too. */
	fd_close(&buffer->fence);
	buffer->flags = 0;
	if (buffer->revoked || buffer->unknown)
		client_buffer_unmap(buffer);
}

struct waybuf_client_buffer *client_buffer_new(struct waybuf_client_pool *pool, uint32_t index)
{
	struct waybuf_client_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return NULL;
	buffer->pool = pool;
	buffer->index = index;
	buffer->fence = -1;
	return buffer;
}

int client_buffer_create(
	struct waybuf_client_pool *pool, uint32_t index, struct waybuf_client_buffer **out)
{
	struct waybuf_client_buffer *buffer = client_buffer_new(pool, index);
	if (!buffer)
		return -ENOMEM;
	if (client_buffer_bind(buffer) < 0) {
		free(buffer);
		return -ENOMEM;
	}
	*out = buffer;
	return 0;
}

int client_buffer_bind(struct waybuf_client_buffer *buffer)
{
	return buffer->pool->backend->bind(buffer);
}

static void destroy_proxies(struct waybuf_client_buffer *buffer)
{
	if (buffer->wl_buffer)
		wl_buffer_destroy(buffer->wl_buffer);
	buffer->wl_buffer = NULL;
	if (buffer->storage && buffer->storage->wl_buffer) {
		wl_buffer_destroy(buffer->storage->wl_buffer);
		buffer->storage->wl_buffer = NULL;
	}
	client_timeline_finish(&buffer->release);
	buffer->pool->backend->unbind(buffer);
}

void client_buffer_detach(struct waybuf_client_buffer *buffer)
{
	if (buffer->cpu_direction)
		waybuf_client_buffer_end_cpu(buffer);
	destroy_proxies(buffer);
	fd_close(&buffer->fence);
	buffer->state = CLIENT_BUFFER_IDLE;
	end_sharing(buffer);
	buffer->unanswered = 0;
	buffer->asked = buffer->revoked = buffer->unknown = false;
	buffer->refusal = buffer->wl_buffer_refusal = (struct client_refusal){0};
	client_buffer_drop_retired(buffer);
	buffer->retired = 0;
}

void client_buffer_discard(struct waybuf_client_buffer *buffer)
{
	if (buffer->state != CLIENT_BUFFER_IDLE)
		client_buffer_unmap(buffer);
	client_buffer_detach(buffer);
	client_storage_destroy(buffer->storage);
	buffer->storage = NULL;
}

void client_buffer_destroy(struct waybuf_client_buffer *buffer)
{
	if (!buffer)
		return;
	if (buffer->state != CLIENT_BUFFER_IDLE)
		client_buffer_unmap(buffer);
	destroy_proxies(buffer);
	client_storage_destroy(buffer->storage);
	fd_close(&buffer->fence);
	free(buffer);
}

/* ---- public -------------------------------------------------------------------------------- */

uint32_t waybuf_client_buffer_get_index(const struct waybuf_client_buffer *buffer)
{
	return buffer->index;
}

const struct waybuf_layout *waybuf_client_buffer_get_layout(
	const struct waybuf_client_buffer *buffer)
{
	return buffer->state == CLIENT_BUFFER_ACQUIRED ? &buffer->storage->layout : NULL;
}

uint32_t waybuf_client_buffer_get_flags(const struct waybuf_client_buffer *buffer)
{
	return buffer->state == CLIENT_BUFFER_ACQUIRED ? buffer->flags : 0;
}

uint64_t waybuf_client_buffer_get_serial(const struct waybuf_client_buffer *buffer)
{
	return buffer->state == CLIENT_BUFFER_ACQUIRED ? buffer->serial : 0;
}

int waybuf_client_buffer_get_fence(const struct waybuf_client_buffer *buffer)
{
	return buffer->state == CLIENT_BUFFER_ACQUIRED ? buffer->fence : -1;
}

int waybuf_client_buffer_release(struct waybuf_client_buffer *buffer)
{
	struct waybuf_client *client = buffer->pool->client;
	if (buffer->state != CLIENT_BUFFER_ACQUIRED)
		return client_fail(client, -EINVAL, "release: the buffer is not acquired");
	if (buffer->cpu_direction)
		return client_fail(client, -EINVAL, "release: end_cpu comes first");
	if (!buffer->shared)
		client_buffer_unmap(buffer);
	else if (buffer->on_screen)
		buffer->state = CLIENT_BUFFER_SHOWN;
	else
		client_buffer_unshare(buffer);
	return 0;
}

int waybuf_client_buffer_share(struct waybuf_client_buffer *buffer)
{
	struct waybuf_client *client = buffer->pool->client;
	if (buffer->state != CLIENT_BUFFER_ACQUIRED)
		return client_fail(client, -EINVAL, "share: the buffer is not acquired");
	if (buffer->shared)
		return client_fail(client, -EINVAL, "share: the buffer is shared already");
	if (buffer->pool->swapchain)
		return client_fail(client, -EINVAL, "share: the buffer belongs to a swapchain");
	int ret = client_check(client);
	if (ret == 0 && buffer->cpu_direction)
		ret = client_cpu_downgrade(buffer);
	if (ret < 0)
		return ret;
	if (buffer->pool->backend->share)
		buffer->pool->backend->share(buffer);
	fd_close(&buffer->fence);
	buffer->shared = true;
	return 0;
}
