/* SPDX-License-Identifier: MIT */
#include "core/restore.h"

#include <errno.h>

#include "core/format.h"
#include "core/pool.h"
#include "exporter/exporter.h"

/* ---- settling ------------------------------------------------------------------------------ */

/* Whoever had to wait gets its turn. */
static void handle_settled(struct waybuf_deadline *deadline)
{
	struct waybuf_pool *pool = waybuf_container_of(deadline, struct waybuf_pool, settle);
	waybuf_pool_ref(pool);
	pool->settling = false;
	waybuf_pool_next_commit(pool);
	for (uint32_t i = 0; i < pool->count; i++)
		waybuf_buffer_kick(pool->buffers[i]);
	waybuf_pool_unref(pool);
}

void waybuf_pool_settle(struct waybuf_pool *pool)
{
	pool->settling = true;
	waybuf_deadline_init(&pool->settle, handle_settled);
	waybuf_deadline_arm(&pool->manager->deadlines, &pool->settle, RESTORE_SETTLE_MS);
}

bool waybuf_pool_is_settling(const struct waybuf_pool *pool)
{
	return pool->settling;
}

/* ---- adoption ------------------------------------------------------------------------------ */

static bool outranks(uint32_t epoch, uint32_t generation, const struct waybuf_buffer *buffer)
{
	if (epoch != buffer->restored_epoch)
		return epoch > buffer->restored_epoch;
	return generation > buffer->restored_generation;
}

static int check_turn(const struct waybuf_buffer *buffer, const struct waybuf_restore_offer *offer)
{
	if (buffer->state == BUFFER_DECLARED)
		return 0;
	if (buffer->state != BUFFER_BACKED)
		return -EBUSY;
	if (!buffer->restored_epoch || buffer->writer)
		return -ESTALE;
	return outranks(offer->epoch, offer->generation, buffer) ? 0 : -ESTALE;
}

/* One memory is one storage's; others' imports do not count, as they come from anybody. */
static bool is_in_use(struct waybuf_manager *manager, const struct waybuf_restore_offer *offer)
{
	for (uint32_t i = 0; i < offer->layout.n_memory; i++) {
		uint32_t slot;
		const struct waybuf_storage *storage =
			waybuf_storage_find(manager, &offer->ids[i], &slot);
		if (storage && storage->exporter)
			return true;
	}
	return false;
}

static int check(struct waybuf_pool *pool, struct waybuf_storage *storage, bool current)
{
	/* what cannot be checked is not believed */
	bool known = waybuf_format_get(storage->layout.format) != NULL;
	int error = known ? waybuf_storage_check_image(storage) : -EINVAL;
	/* memory of an earlier configuration binds nobody */
	if (error == 0 && current)
		error = waybuf_pool_check(pool, NULL, NULL, storage);
	if (error == 0 && current)
		error = waybuf_pool_probe(pool, storage);
	return error;
}

/* On failure the fds are closed with the storage. */
static int adopt(struct waybuf_buffer *buffer, const struct waybuf_restore_offer *offer,
	struct waybuf_storage *storage)
{
	struct waybuf_pool *pool = buffer->pool;
	const struct waybuf_allocation allocation = {.layout = offer->layout};
	/* others have its fds, and whatever its exporter kept is gone */
	storage->provided = storage->shared = true;
	int error = waybuf_storage_fill_known(storage, offer->exporter, &allocation, offer->ids);
	if (error == 0)
		error = check(pool, storage, offer->current);
	if (error == 0)
		error = waybuf_buffer_adopt(buffer, storage, offer->layout.generation,
			offer->current ? pool->config : 0);
	if (error < 0)
		return error;
	buffer->restored_epoch = offer->epoch;
	buffer->restored_generation = offer->generation;
	return 0;
}

int waybuf_buffer_restore(struct waybuf_buffer *buffer, struct waybuf_restore_offer *offer)
{
	struct waybuf_pool *pool = buffer->pool;
	struct waybuf_storage *storage = NULL;
	offer->layout.exporter = offer->exporter->caps.name;
	int error = check_turn(buffer, offer);
	if (error == 0 && is_in_use(pool->manager, offer))
		error = -EBUSY;
	if (error == 0) {
		storage = waybuf_storage_create(pool->manager, pool->account);
		error = storage ? 0 : -ENOMEM;
	}
	if (error < 0) {
		exporter_close_memory(&offer->layout, offer->layout.n_memory);
		return error;
	}
	error = adopt(buffer, offer, storage);
	if (error < 0)
		waybuf_storage_unref(storage);
	else
		waybuf_buffer_kick(buffer);
	return error;
}

bool waybuf_buffer_has_memory(
	const struct waybuf_buffer *buffer, uint32_t slot, const struct fd_id *id)
{
	const struct waybuf_storage *storage = buffer->storage;
	return storage && slot < storage->layout.n_memory &&
		fd_id_equal(&storage->ids[slot].id, id);
}

int waybuf_pool_restore_count(struct waybuf_pool *pool, uint32_t count)
{
	return waybuf_pool_grow(pool, count);
}

void waybuf_buffer_confirm(struct waybuf_buffer *buffer, uint32_t epoch, uint32_t generation)
{
	if (!buffer->restored_epoch || !outranks(epoch, generation, buffer))
		return;
	buffer->restored_epoch = epoch;
	buffer->restored_generation = generation;
}

bool waybuf_buffer_rank(const struct waybuf_buffer *buffer, uint32_t *epoch, uint32_t *generation)
{
	*epoch = buffer->restored_epoch;
	*generation = buffer->restored_generation;
	return buffer->restored_epoch != 0;
}

bool waybuf_buffer_is_outdated(const struct waybuf_buffer *buffer)
{
	return waybuf_buffer_is_stale(buffer);
}
