/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "core/account.h"
#include "core/copy.h"
#include "core/device_copy.h"
#include "core/migrate.h"
#include "util/log.h"

/*
 * Moving memory that somebody new cannot use.
 *
 * A relocation is one commit whose set some buffers of the pool do not meet; a migration is one
 * such buffer. There is one relocation per pool at a time; commits behind it wait in the pool.
 *
 *   ask       the writer gets revoke(generation, 250 ms), readers revoke(generation, 0). New
 *             writers, and all maps of the newcomer, wait in the queue. Meanwhile the worker
 *             makes the new storage.
 *   wait      for the writer's unmap and for its fences, those too that the kernel alone knows of,
 *             250 ms in all. Readers are not waited for: the screen is one of them, and it would
 *             never end.
 *   copy      by a device that has an engine and takes both storages, else on the worker. Nobody
 *             can write the old storage now, so readers do no harm. If a fence has come meanwhile,
 *             as only whoever means harm adds one, the worker's copy fails at once: others are
 *             waiting for it.
 *   publish   the new storage is generation n+1. Views that know n are told that it is retired.
 *   free      whoever still reads generation n holds it; it goes with the last of them, and is
 *             charged until nobody outside has its fds any more (linger.c).
 *
 * Too late, no memory, no quota: the migration ends, the old storage is as good as before, and the
 * commit is refused. Buffers of the same relocation that were published by then stay where they
 * are: their memory meets the sets in force as well as the new one.
 *
 * Shared memory that is to become a udmabuf with the same layout is not copied: its pages are
 * wrapped. The writer is asked all the same, because what it wrote through the memfd is flushed
 * for devices only when a device maps it.
 *
 * The quota of the newcomer pays for both copies while there are two. The pool's account pays for
 * the new storage from its publication on, and the newcomer for what is left of the old one.
 */
#define WRITER_DEADLINE_MS 250
/* between two looks at a fence that the kernel does not hand out (before Linux 6.0) */
#define LOOK_AGAIN_MS 5

struct relocation {
	struct waybuf_pool *pool;
	struct waybuf_attachment *attachment; /* NULL: it has left */
	struct waybuf_account *account;
	struct waybuf_constraints *set;
	uint32_t pending; /* migrations */
	int error; /* the first failure among them, and why */
	const struct waybuf_explanation *why;
};

struct migration {
	struct relocation *relocation;
	struct waybuf_buffer *buffer; /* referenced */
	struct waybuf_storage *target; /* NULL: not made yet */
	struct waybuf_storage *source; /* referenced while the copy runs */
	bool quiet; /* no writer any more */
	bool copying;
	struct waybuf_device_copy *device_copy; /* NULL: the worker copies */
	bool failed;
	struct waybuf_fence_wait wait; /* for the writer's fence */
	struct waybuf_deadline deadline, look_again;
	struct waybuf_job job;
	struct waybuf_copy copy;
	int copy_error;
};

static void relocation_free(struct relocation *relocation);

/* The last migration is over: answer, and make way for the next commit. */
static void relocation_put(struct relocation *relocation)
{
	if (relocation->pending > 0)
		return;
	struct waybuf_pool *pool = waybuf_pool_ref(relocation->pool);
	struct waybuf_attachment *attachment = relocation->attachment;
	pool->relocation = NULL;
	if (attachment) {
		attachment->candidate = NULL;
		waybuf_attachment_decided(attachment, relocation->set, WAYBUF_MIGRATED,
			relocation->error, relocation->why);
	}
	relocation_free(relocation);
	waybuf_pool_next_commit(pool);
	waybuf_pool_unref(pool);
}

static void end_migration(struct migration *migration, int error)
{
	struct relocation *relocation = migration->relocation;
	struct waybuf_buffer *buffer = migration->buffer;
	waybuf_fence_wait_finish(&migration->wait);
	waybuf_deadline_cancel(&migration->deadline);
	waybuf_deadline_cancel(&migration->look_again);
	waybuf_storage_unref(migration->target);
	waybuf_storage_unref(migration->source);
	waybuf_buffer_set_migration(buffer, NULL);
	free(migration);
	if (error < 0 && relocation->error == 0)
		relocation->error = error;
	waybuf_buffer_kick(buffer);
	waybuf_buffer_unref(buffer);
	relocation->pending--;
	relocation_put(relocation);
}

/* The worker may still be at it; then the migration ends when that is done. */
static void fail_migration(struct migration *migration, int error)
{
	migration->failed = true;
	if (migration->device_copy) {
		waybuf_device_copy_abandon(migration->device_copy);
		migration->device_copy = NULL;
		migration->copying = false;
	}
	if (!migration->copying && migration->target)
		end_migration(migration, error);
	else if (migration->relocation->error == 0)
		migration->relocation->error = error;
}

/* ---- publish ------------------------------------------------------------------------------- */

static void publish(struct migration *migration)
{
	struct waybuf_buffer *buffer = migration->buffer;
	struct waybuf_storage *old = waybuf_storage_ref(buffer->storage);
	int error = waybuf_storage_exchange_accounts(old, migration->target);
	if (error == 0) {
		if (migration->target->shares_pages)
			waybuf_storage_uncharge_bytes(old);
		uint32_t generation = buffer->generation;
		old->retired = true;
		waybuf_buffer_replace(buffer, migration->target);
		migration->target = NULL;
		waybuf_buffer_tell_retired(buffer, generation);
	}
	waybuf_storage_unref(old);
	end_migration(migration, error);
}

/* ---- copy ---------------------------------------------------------------------------------- */

static void run_copy(struct waybuf_job *job)
{
	struct migration *migration = waybuf_container_of(job, struct migration, job);
	migration->copy_error = waybuf_copy_run(&migration->copy);
}

static void fail_copy(struct migration *migration)
{
	if (migration->copy_error == -EFAULT)
		waybuf_info("buffer %u: its memory went away while it was copied",
			migration->buffer->index);
	/* what a commit calls a timeout is the solver's */
	end_migration(
		migration, migration->copy_error == -ETIMEDOUT ? -ETIME : migration->copy_error);
}

static void handle_copied(struct waybuf_job *job)
{
	struct migration *migration = waybuf_container_of(job, struct migration, job);
	migration->copying = false;
	if (migration->failed)
		end_migration(migration, 0);
	else if (migration->copy_error < 0)
		fail_copy(migration);
	else
		publish(migration);
}

static void start_cpu_copy(struct migration *migration)
{
	struct waybuf_buffer *buffer = migration->buffer;
	int error = waybuf_copy_prepare(&migration->copy, buffer->storage, migration->target);
	if (error < 0) {
		end_migration(migration, error);
		return;
	}
	migration->source = waybuf_storage_ref(buffer->storage);
	migration->job.run = run_copy;
	migration->job.done = handle_copied;
	migration->copying = true;
	error = waybuf_manager_submit(buffer->pool->manager, &migration->job);
	if (error < 0) {
		migration->copying = false;
		end_migration(migration, error);
	}
}

static void handle_device_copied(void *data, int error)
{
	struct migration *migration = data;
	migration->device_copy = NULL;
	migration->copying = false;
	if (error == 0)
		publish(migration);
	else if (error == -ETIME)
		end_migration(migration, error); /* it may write there at any time */
	else
		start_cpu_copy(migration);
}

static void start_copy(struct migration *migration)
{
	struct waybuf_buffer *buffer = migration->buffer;
	if (buffer->fresh || migration->target->shares_pages) {
		publish(migration); /* zeroes are there already, or the pages are the same */
		return;
	}
	int ret = waybuf_device_copy_start(buffer->storage, migration->target, handle_device_copied,
		migration, &migration->device_copy);
	if (ret == 1)
		publish(migration);
	else if (ret == 0)
		migration->copying = true;
	else
		start_cpu_copy(migration);
}

/* ---- ask and wait -------------------------------------------------------------------------- */

static void handle_fence(struct waybuf_fence_wait *wait, int status)
{
	waybuf_migration_advance(waybuf_container_of(wait, struct migration, wait));
}

static void handle_look_again(struct waybuf_deadline *deadline)
{
	waybuf_migration_advance(waybuf_container_of(deadline, struct migration, look_again));
}

/* dma_buf_poll(): POLLIN when the writers are done. The answer of every kernel, and no more. */
static bool is_being_written(const struct waybuf_storage *storage)
{
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		const struct waybuf_memory *memory = &storage->layout.memory[i];
		struct pollfd poll_fd = {.fd = memory->fd, .events = POLLIN};
		if (memory->kind == WAYBUF_MEMORY_DMABUF && poll(&poll_fd, 1, 0) == 0)
			return true;
	}
	return false;
}

static int watch(struct migration *migration, struct waybuf_fence *fence)
{
	struct waybuf_manager *manager = migration->buffer->pool->manager;
	int ret = waybuf_fence_wait_add(&migration->wait, fence, manager->loop, handle_fence);
	waybuf_fence_unref(fence);
	return ret;
}

/* 1: no writer holds it and none of their fences is active; 0: later; or a negative errno. */
static int is_quiet(struct migration *migration)
{
	struct waybuf_buffer *buffer = migration->buffer;
	struct waybuf_fence *fence;
	bool undefined;
	if (buffer->writer || waybuf_fence_wait_pending(&migration->wait))
		return 0;
	int ret = waybuf_buffer_gather_fences(buffer, buffer->storage, false, &fence, &undefined);
	if (ret < 0)
		return ret;
	if (fence)
		return watch(migration, fence);
	if (!is_being_written(buffer->storage))
		return 1;
	waybuf_deadline_arm(
		&buffer->pool->manager->deadlines, &migration->look_again, LOOK_AGAIN_MS);
	return 0;
}

void waybuf_migration_advance(struct migration *migration)
{
	if (migration->failed || migration->copying || migration->quiet)
		return;
	int ret = is_quiet(migration);
	if (ret < 0) {
		fail_migration(migration, ret);
		return;
	}
	if (ret == 0)
		return;
	migration->quiet = true;
	/* from here on it is our own time */
	waybuf_deadline_cancel(&migration->deadline);
	waybuf_deadline_cancel(&migration->look_again);
	if (migration->target)
		start_copy(migration);
}

static void handle_deadline(struct waybuf_deadline *deadline)
{
	struct migration *migration = waybuf_container_of(deadline, struct migration, deadline);
	waybuf_info("buffer %u: its writer did not give it back within %u ms",
		migration->buffer->index, WRITER_DEADLINE_MS);
	fail_migration(migration, -ETIME);
}

static void revoke(struct waybuf_buffer *buffer)
{
	struct waybuf_view *view;
	uint32_t generation = buffer->generation;
	bool found;
	do {
		found = false;
		waybuf_list_for_each(view, &buffer->views, buffer_link) {
			if (view->state != VIEW_GRANTED || view->revoked == generation)
				continue;
			view->revoked = generation;
			found = true;
			view->listener->revoke(view->data, generation,
				buffer->writer == view ? WRITER_DEADLINE_MS : 0);
			break; /* anything may have happened to the list */
		}
	} while (found);
}

/* It was quiet before the memory was there, which took its time: fences may have come since. */
static void look_once_more(struct migration *migration)
{
	migration->quiet = false;
	waybuf_deadline_arm(&migration->buffer->pool->manager->deadlines, &migration->deadline,
		WRITER_DEADLINE_MS);
	waybuf_migration_advance(migration);
}

static void handle_target(struct waybuf_buffer *buffer, struct waybuf_storage *storage, int error,
	const struct waybuf_explanation *why)
{
	struct migration *migration = buffer->migration;
	struct relocation *relocation = migration->relocation;
	migration->target = storage;
	if (why && !relocation->why)
		relocation->why = waybuf_explanation_ref(why);
	/* a new configuration: it moves at its next write map anyway, to where all can use it */
	if (error == -ESTALE)
		error = 0;
	if (migration->failed || !storage)
		end_migration(migration, error);
	else if (migration->quiet)
		look_once_more(migration);
}

/* ---- the relocation ------------------------------------------------------------------------ */

static int add_migration(struct relocation *relocation, struct waybuf_buffer *buffer)
{
	struct migration *migration = calloc(1, sizeof(*migration));
	if (!migration)
		return -ENOMEM;
	migration->relocation = relocation;
	migration->buffer = waybuf_buffer_ref(buffer);
	waybuf_fence_wait_init(&migration->wait);
	waybuf_deadline_init(&migration->deadline, handle_deadline);
	waybuf_deadline_init(&migration->look_again, handle_look_again);
	waybuf_buffer_set_migration(buffer, migration);
	relocation->pending++;
	return 0;
}

static int add_migrations(struct relocation *relocation)
{
	struct waybuf_pool *pool = relocation->pool;
	for (uint32_t i = 0; i < pool->count; i++) {
		struct waybuf_buffer *buffer = pool->buffers[i];
		if (!buffer->storage || waybuf_buffer_is_stale(buffer) ||
			waybuf_attachment_fits(
				relocation->attachment, relocation->set, buffer->storage))
			continue;
		int error = add_migration(relocation, buffer);
		if (error < 0)
			return error;
	}
	return 0;
}

/* Nothing has been started, nobody was told. */
static void drop_migrations(struct relocation *relocation)
{
	struct waybuf_pool *pool = relocation->pool;
	for (uint32_t i = 0; i < pool->count; i++) {
		struct waybuf_buffer *buffer = pool->buffers[i];
		struct migration *migration = buffer->migration;
		if (!migration)
			continue;
		waybuf_buffer_set_migration(buffer, NULL);
		waybuf_fence_wait_finish(&migration->wait);
		free(migration);
		waybuf_buffer_unref(buffer);
	}
}

/* May end the migration before it returns. */
static void start_migration(struct migration *migration)
{
	struct waybuf_buffer *buffer = migration->buffer;
	struct relocation *relocation = migration->relocation;
	waybuf_deadline_arm(
		&buffer->pool->manager->deadlines, &migration->deadline, WRITER_DEADLINE_MS);
	revoke(buffer);
	/* without a target yet it only takes notes */
	waybuf_migration_advance(migration);
	waybuf_backing_start(buffer, relocation->account, relocation->attachment, relocation->set,
		handle_target);
}

static void relocation_free(struct relocation *relocation)
{
	waybuf_explanation_unref(relocation->why);
	waybuf_constraints_unref(relocation->set);
	waybuf_account_unref(relocation->account);
	waybuf_pool_unref(relocation->pool);
	free(relocation);
}

/* It counts as a migration while it is being started or cancelled, so that it does not go away. */
static void start_relocation(struct relocation *relocation)
{
	struct waybuf_pool *pool = relocation->pool;
	relocation->pending++;
	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->buffers[i]->migration)
			start_migration(pool->buffers[i]->migration);
	}
	relocation->pending--;
	relocation_put(relocation);
}

int waybuf_pool_relocate(struct waybuf_attachment *attachment, struct waybuf_constraints *set)
{
	struct waybuf_pool *pool = attachment->pool;
	assert(!pool->relocation);
	struct relocation *relocation = calloc(1, sizeof(*relocation));
	if (!relocation)
		return -ENOMEM;
	relocation->pool = waybuf_pool_ref(pool);
	relocation->attachment = attachment;
	relocation->account = waybuf_account_ref(attachment->account);
	relocation->set = waybuf_constraints_ref(set);
	int error = add_migrations(relocation);
	if (error < 0) {
		drop_migrations(relocation);
		relocation_free(relocation);
		return error;
	}
	pool->relocation = relocation;
	attachment->candidate = relocation->set;
	pool->epoch++;
	start_relocation(relocation);
	return 0;
}

void waybuf_pool_cancel_relocation(
	struct waybuf_pool *pool, const struct waybuf_attachment *attachment)
{
	struct relocation *relocation = pool->relocation;
	if (!relocation || relocation->attachment != attachment)
		return;
	relocation->attachment = NULL;
	relocation->pending++;
	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->buffers[i]->migration)
			fail_migration(pool->buffers[i]->migration, -ECANCELED);
	}
	relocation->pending--;
	relocation_put(relocation);
}

bool waybuf_pool_is_relocating(
	const struct waybuf_pool *pool, const struct waybuf_attachment *attachment)
{
	return pool->relocation && pool->relocation->attachment == attachment;
}
