/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include "util/fd.h"

/* What an allocator says of a buffer: answers to maps, and what becomes of the memory afterwards. */

/* ---- storage ------------------------------------------------------------------------------- */

/*
 * A server counts each pool's generations from 1. For the program it is one pool, whatever it starts
 * anew, and what it keeps of a buffer must not pass for what is of other memory.
 */
static uint32_t count_generation(const struct waybuf_client_buffer *buffer, uint32_t generation)
{
	return buffer->pool->former_generation + generation;
}

static void handle_layout(void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation,
	uint32_t width, uint32_t height, uint32_t format, uint32_t modifier_hi,
	uint32_t modifier_lo, struct wl_array *planes, const char *exporter)
{
	struct waybuf_client_buffer *buffer = data;
	client_storage_destroy(buffer->incoming);
	buffer->incoming = client_storage_create(count_generation(buffer, generation), exporter);
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
	/* Memory that the caller reads stays where it is until the caller is done. */
	struct client_storage **place = buffer->shared ? &buffer->next : &buffer->storage;
	if (incoming) {
		client_storage_destroy(*place);
		*place = incoming;
		client_pool_note_generation(buffer->pool, generation);
	}
	return *place && (*place)->layout.generation == generation;
}

/* ---- grants -------------------------------------------------------------------------------- */

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

static void fail_unsound(struct waybuf_client_buffer *buffer)
{
	fd_close(&buffer->fence);
	buffer->state = CLIENT_BUFFER_FAILED;
	client_refuse(buffer->pool->client, &buffer->refusal, UINT32_MAX, "buffer",
		"out of memory or fds, or the server sent a layout that does not fit its memory",
		NULL);
}

static void handle_mapped(void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation,
	uint32_t serial_hi, uint32_t serial_lo, uint32_t flags)
{
	struct waybuf_client_buffer *buffer = data;
	/* Not an answer: leave alone what may be in use. */
	if (buffer->unanswered == 0)
		return;
	/* Also for a cancelled map: the layout is not sent again. */
	bool sound = settle_storage(buffer, count_generation(buffer, generation));
	if (!take_answer(buffer)) {
		fd_close(&buffer->fence);
		return;
	}
	if (!sound) {
		fail_unsound(buffer);
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
	generation = count_generation(buffer, generation);
	if (generation > buffer->retired)
		buffer->retired = generation;
	client_buffer_drop_retired(buffer);
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

const struct waybuf_buffer_v1_listener client_grant_listener = {
	.layout = handle_layout,
	.memory = handle_memory,
	.fence = handle_fence,
	.mapped = handle_mapped,
	.map_failed = handle_map_failed,
	.revoke = handle_revoke,
	.retired = handle_retired,
	.wl_buffer_failed = handle_wl_buffer_failed,
};
