/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "core/migrate.h"
#include "core/pool.h"
#include "core/supply.h"
#include "exporter/exporter.h"
#include "util/checked.h"
#include "util/log.h"

/*
 * From constraints to memory:
 *
 *   solve -> charge -> allocate (on the worker) -> fill the storage -> check -> probe -> done
 *     ^                   |                                             |        |
 *     +---- another candidate, as long as there are any ---------------+--------+
 *
 * A candidate is given up when its exporter fails, when an image exporter's driver laid the image
 * out in a way that somebody cannot use, when a set was committed while the worker was at it, and
 * when a device refuses to import the result. Each of these excludes it from the next round, which
 * is why the loop ends; and it ends after TRIES in any case.
 */
#define TRIES 16

struct backing {
	struct waybuf_job job;
	struct waybuf_manager *manager;
	struct waybuf_buffer *buffer;
	struct waybuf_account *account;
	struct waybuf_attachment *first;
	struct waybuf_constraints *set;
	backing_func_t done;

	struct waybuf_solution solution;
	struct waybuf_exporter *exporter;
	struct waybuf_allocation allocation;
	struct waybuf_storage *storage; /* nothing in it while the worker is at it */
	struct waybuf_storage *source; /* whose pages are wrapped instead; NULL: none */
	struct supply supply;
	bool supplied; /* it has come */
	bool recycled; /* memory is there already, and wants to be cleared */
	uint64_t charged;
	uint32_t epoch, config;
	char name[32];
	int error; /* of the worker */
	int first_error; /* what to say when there is no candidate left */
	unsigned tries;
	struct waybuf_exclusion excluded[TRIES];
	size_t n_excluded;
};

/* What was held for the worker only. True if it wrapped. */
static bool after_worker(struct backing *backing)
{
	bool wrapped = backing->source != NULL;
	waybuf_account_discharge_bytes(backing->account, backing->charged);
	backing->charged = 0;
	waybuf_storage_unref(backing->source);
	backing->source = NULL;
	return wrapped;
}

/* After the grant has gone out: nobody who waits for memory should wait for this. */
static void name_memory(const struct waybuf_storage *storage, const char *name)
{
	const struct waybuf_layout *layout = &storage->layout;
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		if (layout->memory[i].kind == WAYBUF_MEMORY_DMABUF)
			exporter_set_name(layout->memory[i].fd, name);
	}
}

static void finish(struct backing *backing, struct waybuf_storage *storage, int error,
	const struct waybuf_explanation *why)
{
	struct waybuf_buffer *buffer = backing->buffer;
	struct waybuf_storage *made = storage ? waybuf_storage_ref(storage) : NULL;
	backing_func_t done = backing->done;
	char name[sizeof(backing->name)];
	memcpy(name, backing->name, sizeof(name));
	waybuf_constraints_unref(backing->set);
	waybuf_account_unref(backing->account);
	free(backing);
	done(buffer, storage, error, why);
	if (made)
		name_memory(made, name);
	waybuf_storage_unref(made);
	waybuf_buffer_unref(buffer);
}

static void give_up(struct backing *backing, int error, const struct waybuf_explanation *why)
{
	waybuf_storage_unref(backing->storage);
	finish(backing, NULL, error, why);
}

/* The first @max bytes, but no half of a UTF-8 sequence. */
static int name_length(const char *name, size_t max)
{
	size_t length = strnlen(name, max + 1);
	if (length <= max)
		return (int)length;
	for (length = max; length > 0 && (name[length] & 0xc0) == 0x80; length--)
		continue;
	return (int)length;
}

/*
 * Whoever looks at the kernel's lists sees whose it is, and then what: "mpv[4711] frames-2". The
 * kernel takes 31 bytes; the owner, whom the client does not choose, has the first right to them.
 */
static void make_name(struct backing *backing)
{
	const struct waybuf_buffer *buffer = backing->buffer;
	const char *owner = waybuf_account_name(backing->account), *name = buffer->pool->name;
	char index[16];
	if (!name)
		name = backing->exporter->caps.name;
	size_t used = (size_t)snprintf(index, sizeof(index), "-%u", buffer->index) + 1;
	size_t room = sizeof(backing->name) - 1 - used;
	int of_owner = name_length(owner, room);
	int of_name = name_length(name, room - (size_t)of_owner);
	snprintf(backing->name, sizeof(backing->name), "%.*s %.*s%s", of_owner, owner, of_name,
		name, index);
}

static int charge(struct backing *backing)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < backing->solution.n_memory; i++) {
		if (!checked_add(total, backing->solution.memory_size[i], &total))
			return -EOVERFLOW;
	}
	int error = waybuf_account_charge_bytes(backing->account, total);
	if (error == -EDQUOT) {
		waybuf_linger_check(backing->manager);
		error = waybuf_account_charge_bytes(backing->account, total);
	}
	if (error == 0)
		backing->charged = total;
	return error;
}

/* Shared memory in the very layout that is wanted need not be copied. */
static bool can_wrap(const struct backing *backing, const struct waybuf_storage *source)
{
	const struct waybuf_solution *solution = &backing->solution;
	const struct waybuf_layout *layout = &source->layout;
	if (!backing->exporter->ops->wrap || layout->format != solution->format ||
		layout->modifier != solution->modifier || layout->n_planes != solution->n_planes ||
		layout->n_memory != solution->n_memory ||
		memcmp(layout->planes, solution->planes,
			solution->n_planes * sizeof(solution->planes[0])) != 0)
		return false;
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		if (layout->memory[i].kind != WAYBUF_MEMORY_MEMFD ||
			layout->memory[i].size < solution->memory_size[i])
			return false;
	}
	return true;
}

/* On the worker's thread. */
static int wrap_memory(struct waybuf_exporter *exporter, const struct waybuf_memory *from,
	struct waybuf_memory *to)
{
	int fd = exporter->ops->wrap(exporter, from->fd, from->size);
	if (fd < 0)
		return fd;
	*to = (struct waybuf_memory){.fd = fd, .kind = WAYBUF_MEMORY_DMABUF, .size = from->size};
	return 0;
}

/* On the worker's thread. */
static int wrap(struct backing *backing)
{
	struct waybuf_layout *layout = &backing->allocation.layout;
	const struct waybuf_layout *source = &backing->source->layout;
	for (uint32_t i = 0; i < source->n_memory; i++) {
		int error = wrap_memory(backing->exporter, &source->memory[i], &layout->memory[i]);
		if (error < 0) {
			exporter_close_memory(layout, i);
			return error;
		}
	}
	layout->format = source->format;
	layout->modifier = source->modifier;
	layout->n_planes = source->n_planes;
	layout->n_memory = source->n_memory;
	memcpy(layout->planes, source->planes, sizeof(layout->planes));
	return 0;
}

static void copy_planes(struct waybuf_layout *layout, const struct waybuf_solution *solution)
{
	layout->format = solution->format;
	layout->modifier = solution->modifier;
	layout->n_planes = solution->n_planes;
	memcpy(layout->planes, solution->planes, sizeof(layout->planes));
}

/* On the worker's thread. The fd of @from is taken if that is what the memory is. */
static int adopt_memory(struct backing *backing, uint32_t slot, struct waybuf_memory *to)
{
	struct supply *supply = &backing->supply;
	const struct waybuf_memory from = {
		.fd = supply->fds[slot], .kind = WAYBUF_MEMORY_MEMFD, .size = supply->size[slot]};
	if (backing->exporter->ops->wrap)
		return wrap_memory(backing->exporter, &from, to);
	*to = from;
	supply->fds[slot] = -1;
	return 0;
}

/* On the worker's thread. */
static int adopt(struct backing *backing)
{
	struct waybuf_layout *layout = &backing->allocation.layout;
	for (uint32_t i = 0; i < backing->supply.n; i++) {
		int error = adopt_memory(backing, i, &layout->memory[i]);
		if (error < 0) {
			exporter_close_memory(layout, i);
			return error;
		}
	}
	copy_planes(layout, &backing->solution);
	layout->n_memory = backing->supply.n;
	return 0;
}

/* On the worker's thread. */
static void run_allocate(struct waybuf_job *job)
{
	struct backing *backing = waybuf_container_of(job, struct backing, job);
	/* what the client brought and cannot be used is no failure */
	if (backing->supplied)
		backing->supplied = adopt(backing) == 0;
	if (backing->supplied)
		backing->error = 0;
	else if (backing->source)
		backing->error = wrap(backing);
	else if (backing->recycled)
		backing->error = waybuf_recycle_clear(&backing->allocation.layout);
	else
		backing->error =
			backing->exporter->ops->allocate(backing->exporter, &backing->allocation);
}

static void handle_allocated(struct waybuf_job *job);

/* 1: memory of the account's own that is clear already; 0: some that is not, or none. */
static int take_recycled(struct backing *backing)
{
	const struct waybuf_solution *solution = &backing->solution;
	struct waybuf_layout *layout = &backing->allocation.layout;
	bool clean = false;
	backing->recycled =
		waybuf_recycle_take(backing->manager, backing->account, solution, layout, &clean);
	if (!backing->recycled)
		return 0;
	copy_planes(layout, solution);
	return clean;
}

static void drop_recycled(struct backing *backing)
{
	if (!backing->recycled)
		return;
	exporter_close_memory(&backing->allocation.layout, backing->allocation.layout.n_memory);
	backing->exporter->ops->release(backing->exporter, NULL);
}

static void handle_supplied(struct supply *supply)
{
	struct backing *backing = waybuf_container_of(supply, struct backing, supply);
	backing->supplied = supply->missing == 0;
	int error = waybuf_manager_submit(backing->manager, &backing->job);
	if (error < 0) {
		waybuf_supply_finish(supply);
		after_worker(backing);
		give_up(backing, error, NULL);
	}
}

static int submit(struct backing *backing)
{
	const struct waybuf_pool *pool = backing->buffer->pool;
	backing->exporter = backing->manager->exporters[backing->solution.exporter];
	backing->epoch = pool->epoch;
	make_name(backing);
	backing->allocation = (struct waybuf_allocation){
		.solution = &backing->solution,
		.width = pool->width,
		.height = pool->height,
		.name = backing->name,
	};
	struct waybuf_storage *old = backing->buffer->storage;
	if (old && can_wrap(backing, old))
		backing->source = waybuf_storage_ref(old);
	backing->recycled = false;
	backing->supplied = false;
	/* who brings its own memory wants that, and not ours */
	int clean = backing->source || pool->need ? 0 : take_recycled(backing);
	int error = charge(backing);
	if (error == 0 && clean) {
		backing->error = 0;
		handle_allocated(&backing->job);
		return 0;
	}
	if (error == 0 && !backing->source && backing->exporter->takes_memfd &&
		waybuf_supply_start(&backing->supply, backing->buffer, &backing->solution,
			backing->exporter->caps.page_size, handle_supplied))
		return 0;
	if (error == 0)
		error = waybuf_manager_submit(backing->manager, &backing->job);
	if (error < 0) {
		drop_recycled(backing);
		after_worker(backing);
	}
	return error;
}

/* Whoever wanted it has left: `first` must not be looked at any more. */
static bool is_cancelled(const struct backing *backing)
{
	return backing->first && !waybuf_pool_is_relocating(backing->buffer->pool, backing->first);
}

static void try_next(struct backing *backing)
{
	const struct waybuf_explanation *why = NULL;
	int error = -ENOMEM;
	if (is_cancelled(backing)) {
		give_up(backing, -ECANCELED, NULL);
		return;
	}
	if (backing->first && waybuf_buffer_is_stale(backing->buffer)) {
		give_up(backing, -ESTALE, NULL);
		return;
	}
	backing->config = backing->buffer->pool->config;
	if (!backing->storage)
		backing->storage = waybuf_storage_create(backing->manager, backing->account);
	if (backing->storage)
		error = waybuf_pool_solve(backing->buffer->pool, backing->first, backing->set,
			backing->excluded, backing->n_excluded, &backing->solution, &why);
	/* no candidate left: why the best one failed says more than that there is none */
	if (error == -EOPNOTSUPP && backing->first_error)
		error = backing->first_error;
	if (error == 0)
		error = submit(backing);
	if (error < 0)
		give_up(backing, error, why);
	waybuf_explanation_unref(why);
}

static void exclude(struct backing *backing)
{
	bool image = backing->exporter->caps.kind == WAYBUF_EXPORTER_IMAGE;
	backing->excluded[backing->n_excluded++] = (struct waybuf_exclusion){
		.exporter = backing->solution.exporter,
		.format = image ? backing->solution.format : 0,
		.modifier = image ? backing->solution.modifier : 0,
		.who = -1,
	};
}

static bool is_final(int error)
{
	/* another candidate would not fare better */
	return error == -EMFILE || error == -ENFILE || error == -EDQUOT || error == -EBUSY ||
		error == -ECANCELED || error == -ESHUTDOWN || error == -ESTALE;
}

static void retry(struct backing *backing, int error)
{
	if (!backing->first_error && error != -EAGAIN)
		backing->first_error = error;
	if (is_final(error) || ++backing->tries == TRIES)
		give_up(backing, error, NULL);
	else
		try_next(backing);
}

/* -EAGAIN: solve again, because the question has changed. */
static int check(struct backing *backing)
{
	struct waybuf_pool *pool = backing->buffer->pool;
	bool image = backing->exporter->caps.kind == WAYBUF_EXPORTER_IMAGE;
	if (backing->config != pool->config)
		return backing->first ? -ESTALE : -EAGAIN;
	/* a raw layout was checked when it was chosen */
	if (!image && backing->epoch == pool->epoch)
		return 0;
	if (is_cancelled(backing))
		return -ECANCELED;
	int error = waybuf_pool_check(pool, backing->first, backing->set, backing->storage);
	if (error < 0 && image)
		exclude(backing);
	return error < 0 && !image ? -EAGAIN : error;
}

static int accept(struct backing *backing)
{
	struct waybuf_pool *pool = backing->buffer->pool;
	backing->allocation.layout.width = backing->allocation.width;
	backing->allocation.layout.height = backing->allocation.height;
	backing->allocation.layout.exporter = backing->exporter->caps.name;
	struct waybuf_storage *storage = backing->storage;
	int error = waybuf_storage_fill(storage, backing->exporter, &backing->allocation);
	if (error < 0)
		return error;
	error = check(backing);
	/* a refusal is remembered as a fact, and so excludes the candidate from the next round */
	if (error == 0)
		error = waybuf_pool_probe(pool, storage);
	return error;
}

static void handle_allocated(struct waybuf_job *job)
{
	struct backing *backing = waybuf_container_of(job, struct backing, job);
	backing->storage->shares_pages = after_worker(backing);
	/* whatever is left was not taken */
	waybuf_supply_finish(&backing->supply);
	backing->storage->provided = backing->supplied && backing->error == 0;
	if (backing->error < 0 && backing->recycled) {
		/* not worth a failure: somebody is at it, or it cannot be mapped */
		drop_recycled(backing);
		retry(backing, -EAGAIN);
		return;
	}
	if (backing->error < 0) {
		/* what is kept for others must not be what it lacks */
		if (backing->error != -ENOMEM || !waybuf_recycle_drop_all(backing->manager))
			exclude(backing);
		retry(backing, backing->error);
		return;
	}
	int error = accept(backing);
	struct waybuf_storage *storage = backing->storage;
	backing->storage = NULL;
	if (error < 0) {
		waybuf_storage_unref(storage);
		retry(backing, error);
		return;
	}
	finish(backing, storage, 0, NULL);
}

void waybuf_backing_start(struct waybuf_buffer *buffer, struct waybuf_account *account,
	struct waybuf_attachment *first, struct waybuf_constraints *set, backing_func_t done)
{
	struct backing *backing = calloc(1, sizeof(*backing));
	if (!backing) {
		done(buffer, NULL, -ENOMEM, NULL);
		return;
	}
	backing->job.run = run_allocate;
	backing->job.done = handle_allocated;
	backing->manager = buffer->pool->manager;
	backing->buffer = waybuf_buffer_ref(buffer);
	backing->account = waybuf_account_ref(account);
	backing->first = first;
	backing->set = set ? waybuf_constraints_ref(set) : NULL;
	backing->done = done;
	try_next(backing);
}
