/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "core/account.h"
#include "core/pool.h"
#include "util/fd.h"

/*
 * One image, and the memory that it has, will have, or has had.
 *
 *                first map                  made                    a stricter set
 *   DECLARED ---------------> BACKING ---------------> BACKED ----------------------> MIGRATING
 *      ^ ^       no memory       |                    ^ | | ^     moved: generation n+1     |
 *      | +-----------------------+                    | | | +-------------------------------+
 *      |                                   RENEWING --+ | |      or given up: generation n
 *      |                                      ^---------+ |  write map in a new configuration
 *      +------------------------------------------------+
 *         nobody refers to it: the storage is released
 *
 * Memory of before a restart of the server takes DECLARED to BACKED at once (restore.h).
 *
 * What is true in which state:
 *
 *   DECLARED   no storage, no fence, no byte charged. Maps may be queued only for the moment
 *              before kick() takes it to BACKING.
 *   BACKING    no storage; one job on the worker holds a reference to the buffer; all maps wait.
 *   BACKED     a storage that meets every set in force in the pool, and a reservation.
 *   MIGRATING  as BACKED, and a migration: maps of writers wait, and those of whoever caused it.
 *   RENEWING   as BACKED, and one job makes memory of another size: maps of writers wait.
 *
 * Within BACKED a buffer is mapped or idle, which needs no state: `writer`, `readers` and `claims`
 * say it, and at most one of "a writer" and "readers" is there. (A claim may be there beside a
 * writer: a client may commit what it keeps mapped.)
 *
 * Only the functions below change `state`, each from one state only and asserting it, so
 * that a transition that is not in the drawing cannot be written by mistake elsewhere.
 *
 * Released: a storage goes when its last reference does. The buffer has one, each granted map has
 * one, each latched claim has one. So the old storage of a migration, and that of a buffer whose
 * client has died, last exactly as long as somebody looks at them.
 */

int waybuf_buffer_create(struct waybuf_pool *pool, uint32_t index, struct waybuf_buffer **out)
{
	struct waybuf_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return -ENOMEM;
	buffer->pool = pool;
	buffer->index = index;
	buffer->fresh = true;
	waybuf_list_init(&buffer->views);
	waybuf_list_init(&buffer->claims);
	waybuf_list_init(&buffer->bindings);
	waybuf_buffer_init_queue(buffer);
	*out = buffer;
	return 0;
}

void waybuf_buffer_destroy(struct waybuf_buffer *buffer)
{
	assert(buffer->refs == 0 && waybuf_list_empty(&buffer->views));
	waybuf_buffer_drop_storage(buffer);
	waybuf_fence_wait_finish(&buffer->wait);
	waybuf_deadline_cancel(&buffer->deadline);
	free(buffer);
}

/* ---- the transitions ----------------------------------------------------------------------- */

static void take_storage(struct waybuf_buffer *buffer, struct waybuf_storage *storage)
{
	buffer->storage = storage;
	storage->buffer = buffer;
	storage->layout.generation = ++buffer->generation;
	buffer->restored_epoch = 0;
}

static uint32_t contents_flags(const struct waybuf_buffer *buffer)
{
	bool undefined =
		buffer->undefined || waybuf_resv_status(buffer->resv, WAYBUF_RESV_WRITE) < 0;
	return (buffer->fresh ? (uint32_t)WAYBUF_GRANT_FRESH : 0) |
		(undefined ? (uint32_t)WAYBUF_GRANT_UNDEFINED : 0);
}

static void leave_storage(struct waybuf_buffer *buffer)
{
	if (!buffer->storage)
		return;
	buffer->storage->last_serial = buffer->serial;
	buffer->storage->last_flags = contents_flags(buffer);
	buffer->storage->busy = waybuf_resv_status(buffer->resv, WAYBUF_RESV_BOOKKEEP) == 0;
	buffer->storage->buffer = NULL;
	waybuf_storage_unref(buffer->storage);
	buffer->storage = NULL;
}

void waybuf_buffer_set_backing(struct waybuf_buffer *buffer, bool backing)
{
	assert(buffer->state == (backing ? BUFFER_DECLARED : BUFFER_BACKING));
	buffer->state = backing ? BUFFER_BACKING : BUFFER_DECLARED;
}

int waybuf_buffer_back(struct waybuf_buffer *buffer, struct waybuf_storage *storage)
{
	assert(buffer->state == BUFFER_BACKING);
	int error = 0;
	/* the payer may have changed while the memory was made */
	if (storage->account != buffer->pool->account)
		error = waybuf_storage_set_account(storage, buffer->pool->account);
	if (error == 0)
		error = waybuf_pool_pin_format(buffer->pool, &storage->layout);
	if (error == 0)
		error = waybuf_resv_create(&buffer->resv);
	if (error < 0)
		return error;
	take_storage(buffer, storage);
	buffer->config = buffer->pool->config;
	buffer->state = BUFFER_BACKED;
	return 0;
}

void waybuf_buffer_set_renewing(struct waybuf_buffer *buffer, bool renewing)
{
	assert(buffer->state == (renewing ? BUFFER_BACKED : BUFFER_RENEWING));
	buffer->state = renewing ? BUFFER_RENEWING : BUFFER_BACKED;
}

bool waybuf_buffer_is_stale(const struct waybuf_buffer *buffer)
{
	return buffer->storage && buffer->config != buffer->pool->config;
}

int waybuf_buffer_renew(struct waybuf_buffer *buffer, struct waybuf_storage *storage)
{
	assert(buffer->state == BUFFER_BACKED && !buffer->writer);
	struct waybuf_pool *pool = buffer->pool;
	uint32_t generation = buffer->generation;
	int error = 0;
	if (storage->account != pool->account)
		error = waybuf_storage_set_account(storage, pool->account);
	if (error == 0)
		error = waybuf_pool_pin_format(pool, &storage->layout);
	if (error < 0)
		return error;
	waybuf_buffer_freeze_bindings(buffer);
	buffer->storage->retired = true;
	leave_storage(buffer);
	take_storage(buffer, storage);
	buffer->config = pool->config;
	buffer->fresh = true;
	buffer->undefined = false;
	waybuf_resv_clear_errors(buffer->resv);
	waybuf_buffer_tell_retired(buffer, generation);
	return 0;
}

int waybuf_buffer_adopt(struct waybuf_buffer *buffer, struct waybuf_storage *storage,
	uint32_t generation, uint32_t config)
{
	assert(buffer->state == BUFFER_DECLARED ||
		(buffer->state == BUFFER_BACKED && buffer->restored_epoch && !buffer->writer));
	struct waybuf_pool *pool = buffer->pool;
	uint32_t old = buffer->storage ? buffer->generation : 0;
	int error = 0;
	if (config == pool->config)
		error = waybuf_pool_pin_format(pool, &storage->layout);
	if (error == 0 && !buffer->resv)
		error = waybuf_resv_create(&buffer->resv);
	if (error < 0)
		return error;
	if (old && config != buffer->config)
		waybuf_buffer_freeze_bindings(buffer);
	if (old)
		buffer->storage->retired = true;
	leave_storage(buffer);
	/* numbers that somebody knows are not used again */
	if (generation > buffer->generation)
		buffer->generation = generation - 1;
	take_storage(buffer, storage);
	buffer->config = config;
	buffer->fresh = false;
	buffer->state = BUFFER_BACKED;
	if (old)
		waybuf_buffer_tell_retired(buffer, old);
	return 0;
}

void waybuf_buffer_tell_retired(struct waybuf_buffer *buffer, uint32_t generation)
{
	struct waybuf_view *view;
	bool found;
	do {
		found = false;
		waybuf_list_for_each(view, &buffer->views, buffer_link) {
			if (view->known == 0 || view->known > generation)
				continue;
			view->known = 0;
			found = true;
			view->listener->retired(view->data, generation);
			break; /* anything may have happened to the list */
		}
	} while (found);
}

void waybuf_buffer_set_migration(struct waybuf_buffer *buffer, struct migration *migration)
{
	assert(buffer->state == (migration ? BUFFER_BACKED : BUFFER_MIGRATING));
	buffer->migration = migration;
	buffer->state = migration ? BUFFER_MIGRATING : BUFFER_BACKED;
}

void waybuf_buffer_replace(struct waybuf_buffer *buffer, struct waybuf_storage *storage)
{
	assert(buffer->state == BUFFER_MIGRATING && !buffer->writer);
	leave_storage(buffer);
	take_storage(buffer, storage);
}

void waybuf_buffer_drop_storage(struct waybuf_buffer *buffer)
{
	if (buffer->state == BUFFER_DECLARED)
		return;
	assert(buffer->state == BUFFER_BACKED && !buffer->writer && !buffer->readers &&
		waybuf_list_empty(&buffer->claims));
	leave_storage(buffer);
	waybuf_resv_unref(buffer->resv);
	buffer->resv = NULL;
	buffer->fresh = true;
	buffer->undefined = false;
	buffer->overdue = false;
	buffer->state = BUFFER_DECLARED;
}

/* ---- references and what is known ---------------------------------------------------------- */

struct waybuf_buffer *waybuf_buffer_ref(struct waybuf_buffer *buffer)
{
	buffer->refs++;
	buffer->pool->buffer_refs++;
	return buffer;
}

void waybuf_buffer_unref(struct waybuf_buffer *buffer)
{
	if (!buffer)
		return;
	buffer->refs--;
	buffer->pool->buffer_refs--;
	waybuf_pool_reap(buffer->pool);
}

struct waybuf_pool *waybuf_buffer_pool(struct waybuf_buffer *buffer)
{
	return buffer->pool;
}

uint32_t waybuf_buffer_index(const struct waybuf_buffer *buffer)
{
	return buffer->index;
}

struct waybuf_storage *waybuf_buffer_storage(struct waybuf_buffer *buffer)
{
	return buffer->storage;
}

const struct waybuf_layout *waybuf_buffer_layout(const struct waybuf_buffer *buffer)
{
	return buffer->storage ? &buffer->storage->layout : NULL;
}

uint64_t waybuf_buffer_size(const struct waybuf_buffer *buffer)
{
	uint64_t size = 0;
	const struct waybuf_layout *layout = waybuf_buffer_layout(buffer);
	for (uint32_t i = 0; layout && i < layout->n_memory; i++)
		size += layout->memory[i].size;
	return size;
}

int waybuf_buffer_fd(struct waybuf_buffer *buffer, uint32_t slot, int flags)
{
	const struct waybuf_layout *layout = waybuf_buffer_layout(buffer);
	if (!layout)
		return -ENODATA;
	if (slot >= layout->n_memory || (flags & ~O_CLOEXEC))
		return -EINVAL;
	/* dup() gives an fd that survives exec without a moment in between, and F_DUPFD_CLOEXEC one
	 * that does not */
	int command = flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD;
	buffer->storage->shared = true;
	int fd = fcntl(layout->memory[slot].fd, command, 0);
	return fd < 0 ? -errno : fd;
}

struct waybuf_account *waybuf_buffer_writer(const struct waybuf_buffer *buffer)
{
	return buffer->writer ? buffer->writer->attachment->account : NULL;
}
