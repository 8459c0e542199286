/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <string.h>

#include <wayland-client.h>

/*
 * Pools on a new connection. What is kept of the old one is the memory of each buffer with its
 * tickets. On the new one
 *
 *	restore_pool, with any ticket		the pool is there again, or create_pool if not
 *	restore, for each memory		before the sets, so that memory that does not fit moves
 *	attach, constrain, commit
 *	get_buffer, for each buffer
 *
 * Then everything is as after waybuf_client_pool_create(): the first map of a buffer brings its
 * layout and its fds, which are new fds of the same memory, and the ones from before are closed.
 * What was refused comes as fresh memory.
 */

/* ---- the old connection -------------------------------------------------------------------- */

void client_pool_detach(struct waybuf_client_pool *pool)
{
	if (pool->swapchain)
		client_swapchain_detach(pool->swapchain);
	waybuf_client_pool_destroy(pool->former);
	pool->former = NULL;
	for (uint32_t i = 0; i < pool->count; i++)
		client_buffer_detach(pool->buffers[i]);
	pool->backend->finish(pool);
	pool->n_restored = 0;
}

/* ---- the new one --------------------------------------------------------------------------- */

/* Whether all of its memory has tickets. */
static bool has_tickets(const struct client_storage *storage)
{
	if (!storage || storage->layout.n_memory == 0)
		return false;
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		if (storage->ticket_sizes[i] == 0)
			return false;
	}
	return true;
}

static void drop_storage(struct waybuf_client_buffer *buffer)
{
	client_storage_destroy(buffer->storage);
	buffer->storage = NULL;
}

static struct client_storage *find_storage(struct waybuf_client_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		if (has_tickets(pool->buffers[i]->storage))
			return pool->buffers[i]->storage;
	}
	return NULL;
}

static bool is_answered(void *data)
{
	return ((struct waybuf_client_pool *)data)->answered;
}

/* 1: it is there again; 0: it is not, and what was kept is of no use; or a negative errno. */
static int join(struct waybuf_client_pool *pool, int64_t deadline_ms)
{
	struct waybuf_client *client = pool->client;
	struct client_storage *storage = find_storage(pool);
	if (!storage || !(client->capabilities & WAYBUF_CLIENT_RESTORE))
		return 0;
	struct wl_array ticket = {
		.data = storage->tickets[0],
		.size = storage->ticket_sizes[0],
	};
	int ret = client_allocator_listen(
		pool, waybuf_allocator_v1_restore_pool(client->allocator, &ticket));
	if (ret == 0)
		ret = client_wait(client, client->service, deadline_ms, is_answered, pool);
	if (ret < 0)
		return ret;
	if (!pool->refusal.error && pool->configured_count > 0)
		return 1;
	client_allocator_forget(pool);
	return 0;
}

static void offer(struct waybuf_client_pool *pool, const struct client_storage *storage)
{
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		struct wl_array ticket = {
			.data = (void *)storage->tickets[i],
			.size = storage->ticket_sizes[i],
		};
		waybuf_pool_v1_restore(pool->proxy, storage->layout.memory[i].fd, &ticket);
		pool->restoring++;
	}
}

/* The server may have less buffers than it had, and the client no use for what it cannot name. */
static void drop_excess(struct waybuf_client_pool *pool)
{
	while (pool->count > pool->configured_count)
		client_buffer_destroy(pool->buffers[--pool->count]);
}

static void offer_all(struct waybuf_client_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		struct waybuf_client_buffer *buffer = pool->buffers[i];
		if (has_tickets(buffer->storage))
			offer(pool, buffer->storage);
		else
			drop_storage(buffer);
	}
}

static void drop_all(struct waybuf_client_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++)
		drop_storage(pool->buffers[i]);
}

void client_pool_restored(struct waybuf_client_pool *pool, uint32_t index, uint32_t reason)
{
	if (pool->restoring == 0)
		return;
	pool->restoring--;
	struct waybuf_client_buffer *buffer = index < pool->count ? pool->buffers[index] : NULL;
	/* nothing is granted before, so that nobody has it */
	if (reason && buffer && buffer->state == CLIENT_BUFFER_IDLE)
		drop_storage(buffer);
}

static bool is_restored(void *data)
{
	const struct waybuf_client_pool *pool = data;
	return pool->restoring == 0 || pool->refusal.error;
}

static int bind_buffers(struct waybuf_client_pool *pool)
{
	int ret = 0;
	for (uint32_t i = 0; i < pool->count && ret == 0; i++)
		ret = client_buffer_bind(pool->buffers[i]);
	return ret == 0 ? client_pool_add_buffers(pool, pool->configured_count) : ret;
}

static void count_restored(struct waybuf_client_pool *pool)
{
	pool->n_restored = 0;
	for (uint32_t i = 0; i < pool->count; i++)
		pool->n_restored += pool->buffers[i]->storage != NULL;
	pool->resumed = true;
}

/* Its memory goes back to the server. */
static int rejoin(struct waybuf_client_pool *pool, int64_t deadline_ms)
{
	struct waybuf_client *client = pool->client;
	pool->backend = &client_backend_allocator;
	drop_excess(pool);
	offer_all(pool);
	int ret = client_wait(client, client->service, deadline_ms, is_restored, pool);
	return ret == 0 ? client_allocator_attach(pool) : ret;
}

int client_pool_resume(struct waybuf_client_pool *pool, int64_t deadline_ms)
{
	int ret = join(pool, deadline_ms);
	if (ret < 0)
		return ret;
	if (ret > 0) {
		ret = rejoin(pool, deadline_ms);
	} else {
		drop_all(pool);
		ret = client_pool_start(pool, pool->count);
	}
	if (ret == 0)
		ret = bind_buffers(pool);
	count_restored(pool);
	return ret;
}

/* ---- a service that came back -------------------------------------------------------------- */

static void offer_what_there_is(struct waybuf_client_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++)
		if (has_tickets(pool->buffers[i]->storage))
			offer(pool, pool->buffers[i]->storage);
}

/*
 * What is in use stays as it is until it comes back, without a map that the service knows of: nobody
 * but us takes part in our pools.
 */
static void rebind(struct waybuf_client_buffer *buffer)
{
	if (buffer->state == CLIENT_BUFFER_ACQUIRED || buffer->state == CLIENT_BUFFER_SHOWN)
		buffer->unknown = true;
	else
		buffer->state = CLIENT_BUFFER_IDLE;
}

int client_pool_return(struct waybuf_client_pool *pool, int64_t deadline_ms)
{
	struct waybuf_client *client = pool->client;
	int ret = join(pool, deadline_ms);
	if (ret < 0)
		return ret;
	if (ret == 0 || pool->configured_count < pool->count)
		return -ENOENT;
	pool->backend = &client_backend_allocator;
	for (uint32_t i = 0; i < pool->count; i++)
		rebind(pool->buffers[i]);
	offer_what_there_is(pool);
	ret = client_wait(client, client->service, deadline_ms, is_restored, pool);
	if (ret == 0)
		ret = client_allocator_attach(pool);
	return ret == 0 ? bind_buffers(pool) : ret;
}

uint32_t waybuf_client_pool_get_restored(const struct waybuf_client_pool *pool)
{
	return pool->n_restored;
}
