/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "util/fd.h"

/* ---- storage of the buffer ----------------------------------------------------------------- */

/* Frees what no later grant will name, unless there is a grant now. */
static void drop_retired(struct waybuf_client_buffer *buffer)
{
	if (buffer->state == CLIENT_BUFFER_READY || buffer->state == CLIENT_BUFFER_ACQUIRED ||
		buffer->state == CLIENT_BUFFER_SHOWN)
		return;
	if (!buffer->storage || buffer->storage->layout.generation > buffer->retired)
		return;
	client_storage_destroy(buffer->storage);
	buffer->storage = NULL;
}

static void handle_layout(void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation,
	uint32_t width, uint32_t height, uint32_t format, uint32_t modifier_hi,
	uint32_t modifier_lo, struct wl_array *planes, const char *exporter)
{
	struct waybuf_client_buffer *buffer = data;
	client_storage_destroy(buffer->incoming);
	buffer->incoming = client_storage_create(generation, exporter);
	if (!buffer->incoming)
		return;
	struct waybuf_layout *layout = &buffer->incoming->layout;
	layout->width = width;
	layout->height = height;
	layout->format = format;
	layout->modifier = client_u64(modifier_hi, modifier_lo);
	if (client_storage_set_planes(buffer->incoming, planes) < 0) {
		client_storage_destroy(buffer->incoming);
		buffer->incoming = NULL;
	}
}

static void handle_memory(void *data, struct waybuf_buffer_v1 *proxy, uint32_t slot, int32_t fd,
	uint32_t kind, uint32_t size_hi, uint32_t size_lo, struct wl_array *ticket)
{
	struct waybuf_client_buffer *buffer = data;
	if (!buffer->incoming) {
		fd_close(&fd);
		return;
	}
	int ret = client_storage_add_memory(
		buffer->incoming, slot, fd, kind, client_u64(size_hi, size_lo));
	if (ret < 0) {
		client_storage_destroy(buffer->incoming);
		buffer->incoming = NULL;
		return;
	}
	client_storage_set_ticket(buffer->incoming, slot, ticket);
}

/* The storage of the grant: what just came, or what was there. False if it makes no sense. */
static bool settle_storage(struct waybuf_client_buffer *buffer, uint32_t generation)
{
	struct client_storage *incoming = buffer->incoming;
	buffer->incoming = NULL;
	if (incoming &&
		(incoming->layout.generation != generation || client_storage_check(incoming) < 0)) {
		client_storage_destroy(incoming);
		return false;
	}
	if (incoming) {
		client_storage_destroy(buffer->storage);
		buffer->storage = incoming;
	}
	return buffer->storage && buffer->storage->layout.generation == generation;
}

/* ---- answers to maps ----------------------------------------------------------------------- */

/* Counts an answer. True if it belongs to the map that is open now. */
static bool take_answer(struct waybuf_client_buffer *buffer)
{
	if (buffer->unanswered == 0)
		return false;
	buffer->unanswered--;
	return buffer->unanswered == 0 && buffer->state == CLIENT_BUFFER_QUEUED;
}

static void handle_fence(void *data, struct waybuf_buffer_v1 *proxy, int32_t fd)
{
	struct waybuf_client_buffer *buffer = data;
	fd_close(&buffer->fence);
	buffer->fence = fd;
}

static void handle_mapped(void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation,
	uint32_t serial_hi, uint32_t serial_lo, uint32_t flags)
{
	struct waybuf_client_buffer *buffer = data;
	/* Not an answer: leave alone what may be in use. */
	if (buffer->unanswered == 0)
		return;
	/* Also for a cancelled map: the layout is not sent again. */
	bool sound = settle_storage(buffer, generation);
	if (!take_answer(buffer)) {
		fd_close(&buffer->fence);
		return;
	}
	if (!sound) {
		fd_close(&buffer->fence);
		buffer->state = CLIENT_BUFFER_FAILED;
		client_refuse(buffer->pool->client, &buffer->refusal, UINT32_MAX, "buffer",
			"out of memory or fds, or the server sent a layout that does not fit its "
			"memory",
			NULL);
		return;
	}
	buffer->state = CLIENT_BUFFER_READY;
	buffer->serial = client_u64(serial_hi, serial_lo);
	buffer->flags = flags;
	buffer->revoked = false;
}

static void handle_map_failed(
	void *data, struct waybuf_buffer_v1 *proxy, uint32_t reason, const char *message)
{
	struct waybuf_client_buffer *buffer = data;
	struct client_attachment *writer = &buffer->pool->writer;
	if (take_answer(buffer)) {
		buffer->state = CLIENT_BUFFER_FAILED;
		client_refuse(buffer->pool->client, &buffer->refusal, reason,
			"no memory to draw in", message, writer->conflicts);
	}
	writer->conflicts[0] = '\0';
}

static void handle_revoke(
	void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation, uint32_t deadline_ms)
{
	struct waybuf_client_buffer *buffer = data;
	/* Nobody has it yet: the best answer. The holder of one answers with present or release. */
	if (buffer->state == CLIENT_BUFFER_READY)
		client_buffer_unmap(buffer);
	else if (buffer->state == CLIENT_BUFFER_SHOWN)
		buffer->revoked = true;
}

static void handle_retired(void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation)
{
	struct waybuf_client_buffer *buffer = data;
	if (generation > buffer->retired)
		buffer->retired = generation;
	drop_retired(buffer);
}

static void handle_wl_buffer_failed(void *data, struct waybuf_buffer_v1 *proxy,
	struct wl_buffer *wl_buffer, uint32_t reason, const char *message)
{
	struct waybuf_client_buffer *buffer = data;
	/* NULL: one that we have destroyed meanwhile, which is not the one that we do not have yet */
	if (!wl_buffer || wl_buffer != buffer->wl_buffer)
		return;
	client_refuse(buffer->pool->client, &buffer->wl_buffer_refusal, reason,
		"the compositor does not show the buffer", message, NULL);
}

static const struct waybuf_buffer_v1_listener buffer_listener = {
	.layout = handle_layout,
	.memory = handle_memory,
	.fence = handle_fence,
	.mapped = handle_mapped,
	.map_failed = handle_map_failed,
	.revoke = handle_revoke,
	.retired = handle_retired,
	.wl_buffer_failed = handle_wl_buffer_failed,
};

/* ---- maps ---------------------------------------------------------------------------------- */

void client_buffer_map(struct waybuf_client_buffer *buffer)
{
	waybuf_buffer_v1_map(buffer->proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	buffer->unanswered++;
	buffer->asked = false;
	buffer->state = CLIENT_BUFFER_QUEUED;
}

void client_buffer_unmap(struct waybuf_client_buffer *buffer)
{
	client_buffer_unmap_fence(buffer, -1);
}

void client_buffer_unmap_fence(struct waybuf_client_buffer *buffer, int fence)
{
	if (fence < 0)
		waybuf_buffer_v1_unmap(buffer->proxy);
	else
		waybuf_buffer_v1_unmap_fence(buffer->proxy, fence);
	buffer->state = CLIENT_BUFFER_IDLE;
	fd_close(&buffer->fence);
	drop_retired(buffer);
}

void client_buffer_displayed(struct waybuf_client_buffer *buffer)
{
	if (buffer->state != CLIENT_BUFFER_SHOWN)
		return;
	buffer->state = CLIENT_BUFFER_READY;
	/* Its fence was for the write that is over; the release says that the reader is done, too. */
	fd_close(&buffer->fence);
	buffer->flags = 0;
	if (buffer->revoked)
		client_buffer_unmap(buffer);
}

int client_buffer_create(
	struct waybuf_client_pool *pool, uint32_t index, struct waybuf_client_buffer **out)
{
	struct waybuf_client_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return -ENOMEM;
	buffer->pool = pool;
	buffer->index = index;
	buffer->fence = -1;
	if (client_buffer_bind(buffer) < 0) {
		free(buffer);
		return -ENOMEM;
	}
	*out = buffer;
	return 0;
}

int client_buffer_bind(struct waybuf_client_buffer *buffer)
{
	buffer->proxy = waybuf_attachment_v1_get_buffer(buffer->pool->writer.proxy, buffer->index);
	if (!buffer->proxy)
		return -ENOMEM;
	waybuf_buffer_v1_add_listener(buffer->proxy, &buffer_listener, buffer);
	return 0;
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
	if (buffer->proxy)
		waybuf_buffer_v1_destroy(buffer->proxy);
	buffer->proxy = NULL;
}

void client_buffer_detach(struct waybuf_client_buffer *buffer)
{
	if (buffer->cpu_direction)
		waybuf_client_buffer_end_cpu(buffer);
	destroy_proxies(buffer);
	client_storage_destroy(buffer->incoming);
	buffer->incoming = NULL;
	fd_close(&buffer->fence);
	buffer->state = CLIENT_BUFFER_IDLE;
	buffer->unanswered = 0;
	buffer->asked = buffer->revoked = false;
	buffer->refusal = buffer->wl_buffer_refusal = (struct client_refusal){0};
	drop_retired(buffer);
	buffer->retired = 0;
}

void client_buffer_destroy(struct waybuf_client_buffer *buffer)
{
	if (!buffer)
		return;
	if (buffer->state != CLIENT_BUFFER_IDLE)
		client_buffer_unmap(buffer);
	client_storage_destroy(buffer->incoming);
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
	client_buffer_unmap(buffer);
	return 0;
}
