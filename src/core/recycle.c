/* SPDX-License-Identifier: MIT */
#include "core/recycle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "core/cpu_access.h"
#include "core/storage.h"
#include "exporter/exporter.h"
#include "util/clock.h"
#include "util/sigbus.h"

struct kept {
	struct waybuf_job job;
	struct waybuf_manager *manager;
	struct waybuf_account *account; /* NULL: it has gone while the worker was at it */
	struct waybuf_exporter *exporter;
	struct waybuf_layout layout; /* its memories, and nothing else */
	uint64_t bytes;
	uint64_t since_ms;
	bool clean, cleaning;
	int error; /* of the worker */
	struct waybuf_list link; // waybuf_recycler.kept
	struct waybuf_list account_link; // waybuf_account.kept
};

/* ---- going --------------------------------------------------------------------------------- */

static void forget(struct kept *kept)
{
	struct waybuf_recycler *recycler = &kept->manager->recycler;
	if (!kept->account)
		return;
	waybuf_list_remove(&kept->link);
	waybuf_list_remove(&kept->account_link);
	recycler->bytes -= kept->bytes;
	recycler->count--;
	waybuf_account_remove_kept(kept->account, kept->bytes);
	kept->account = NULL;
}

static void destroy(struct kept *kept)
{
	exporter_close_memory(&kept->layout, kept->layout.n_memory);
	kept->exporter->ops->release(kept->exporter, NULL);
	free(kept);
}

static void drop(struct kept *kept)
{
	kept->manager->recycler.dropped++;
	forget(kept);
	/* else when the worker is done */
	if (!kept->cleaning)
		destroy(kept);
}

bool waybuf_recycle_drop_one(struct waybuf_account *account)
{
	if (waybuf_list_empty(&account->kept))
		return false;
	drop(waybuf_list_first(&account->kept, struct kept, account_link));
	return true;
}

bool waybuf_recycle_drop_all(struct waybuf_manager *manager)
{
	struct waybuf_recycler *recycler = &manager->recycler;
	bool any = recycler->count > 0;
	while (!waybuf_list_empty(&recycler->kept))
		drop(waybuf_list_first(&recycler->kept, struct kept, link));
	return any;
}

/* ---- clearing ------------------------------------------------------------------------------ */

static int clear_bracketed(struct waybuf_cpu *cpu, uint64_t size)
{
	void *address;
	int error = waybuf_cpu_vmap(cpu, &address);
	if (error < 0)
		return error;
	struct sigbus_guard guard;
	sigbus_guard_begin(&guard, address, (size_t)size);
	memset(address, 0, (size_t)size);
	if (sigbus_guard_end(&guard))
		error = -EFAULT;
	waybuf_cpu_vunmap(cpu);
	return error;
}

static int clear_memory(const struct waybuf_memory *memory)
{
	struct waybuf_cpu *cpu;
	int error = waybuf_cpu_create(memory, "recycled", 0, &cpu);
	if (error < 0)
		return error;
	/* whoever is still at it is not waited for: there is other memory */
	error = waybuf_cpu_begin_bounded(cpu, WAYBUF_WRITE);
	if (error == 0) {
		error = clear_bracketed(cpu, memory->size);
		int ret = waybuf_cpu_end_bounded(cpu, WAYBUF_WRITE);
		if (error == 0)
			error = ret;
	}
	waybuf_cpu_destroy(cpu);
	return error;
}

int waybuf_recycle_clear(const struct waybuf_layout *layout)
{
	int error = 0;
	for (uint32_t i = 0; i < layout->n_memory && error == 0; i++)
		error = clear_memory(&layout->memory[i]);
	return error;
}

static void run_clear(struct waybuf_job *job)
{
	struct kept *kept = waybuf_container_of(job, struct kept, job);
	kept->error = waybuf_recycle_clear(&kept->layout);
}

static void clear_next(struct waybuf_recycler *recycler);

static void handle_cleared(struct waybuf_job *job)
{
	struct kept *kept = waybuf_container_of(job, struct kept, job);
	struct waybuf_recycler *recycler = &kept->manager->recycler;
	recycler->cleaning = false;
	kept->cleaning = false;
	kept->clean = kept->error == 0;
	if (!kept->account)
		destroy(kept);
	else if (!kept->clean)
		drop(kept);
	else
		recycler->cleaned++;
	clear_next(recycler);
}

/* One at a time, so that an allocation never waits behind more than one. */
static void clear_next(struct waybuf_recycler *recycler)
{
	struct kept *kept;
	if (recycler->cleaning)
		return;
	waybuf_list_for_each(kept, &recycler->kept, link) {
		if (kept->clean)
			continue;
		kept->job.run = run_clear;
		kept->job.done = handle_cleared;
		if (waybuf_manager_submit(kept->manager, &kept->job) == 0)
			recycler->cleaning = kept->cleaning = true;
		return;
	}
}

/* ---- time ---------------------------------------------------------------------------------- */

static void drop_stale(struct waybuf_recycler *recycler)
{
	uint64_t now = clock_now_ms();
	while (!waybuf_list_empty(&recycler->kept)) {
		struct kept *oldest = waybuf_list_first(&recycler->kept, struct kept, link);
		if (now - oldest->since_ms < RECYCLE_KEEP_MS)
			return;
		drop(oldest);
	}
}

static void arm(struct waybuf_manager *manager, uint32_t ms)
{
	waybuf_deadline_arm(&manager->deadlines, &manager->recycler.deadline, ms);
}

static void handle_deadline(struct waybuf_deadline *deadline)
{
	struct waybuf_recycler *recycler =
		waybuf_container_of(deadline, struct waybuf_recycler, deadline);
	drop_stale(recycler);
	clear_next(recycler);
	if (!waybuf_list_empty(&recycler->kept))
		arm(waybuf_list_first(&recycler->kept, struct kept, link)->manager,
			RECYCLE_KEEP_MS / 5);
}

void waybuf_recycler_init(struct waybuf_recycler *recycler)
{
	waybuf_list_init(&recycler->kept);
	waybuf_deadline_init(&recycler->deadline, handle_deadline);
}

void waybuf_recycler_finish(struct waybuf_recycler *recycler)
{
	waybuf_deadline_cancel(&recycler->deadline);
	while (!waybuf_list_empty(&recycler->kept))
		drop(waybuf_list_first(&recycler->kept, struct kept, link));
}

/* ---- putting ------------------------------------------------------------------------------- */

static uint64_t total_size(const struct waybuf_layout *layout)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < layout->n_memory; i++)
		size += layout->memory[i].size;
	return size;
}

static bool may_keep(const struct waybuf_storage *storage)
{
	const struct waybuf_exporter *exporter = storage->exporter;
	if (storage->manager->closing || storage->account->closed || !exporter)
		return false;
	if (!exporter->recycles || exporter->caps.kind != WAYBUF_EXPORTER_RAW ||
		!exporter->caps.cpu_mappable || storage->layout.n_memory == 0)
		return false;
	if (storage->retired || storage->shares_pages || storage->busy || storage->provided)
		return false;
	return waybuf_storage_is_dmabuf(storage) ? !waybuf_storage_is_held(storage)
						 : !storage->shared;
}

/* Makes room, oldest first. False: it is too big for that. */
static bool make_room(struct waybuf_storage *storage, uint64_t bytes)
{
	struct waybuf_recycler *recycler = &storage->manager->recycler;
	struct waybuf_account *account = storage->account;
	if (bytes > RECYCLE_ACCOUNT_BYTES)
		return false;
	while (account->kept_bytes + bytes > RECYCLE_ACCOUNT_BYTES ||
		account->kept_count >= RECYCLE_ACCOUNT_COUNT)
		waybuf_recycle_drop_one(account);
	while (recycler->bytes + bytes > RECYCLE_BYTES || recycler->count >= RECYCLE_COUNT)
		drop(waybuf_list_first(&recycler->kept, struct kept, link));
	return true;
}

static void move_memory(struct waybuf_layout *to, struct waybuf_layout *from)
{
	memcpy(to->memory, from->memory, sizeof(to->memory));
	to->n_memory = from->n_memory;
	from->n_memory = 0;
}

bool waybuf_recycle_put(struct waybuf_storage *storage)
{
	struct waybuf_manager *manager = storage->manager;
	struct waybuf_recycler *recycler = &manager->recycler;
	uint64_t bytes = total_size(&storage->layout);
	if (!may_keep(storage) || !make_room(storage, bytes))
		return false;
	struct kept *kept = calloc(1, sizeof(*kept));
	if (!kept)
		return false;
	kept->manager = manager;
	kept->account = storage->account;
	kept->exporter = storage->exporter;
	kept->bytes = bytes;
	kept->since_ms = clock_now_ms();
	move_memory(&kept->layout, &storage->layout);
	waybuf_list_append(&recycler->kept, &kept->link);
	waybuf_list_append(&kept->account->kept, &kept->account_link);
	recycler->bytes += bytes;
	recycler->count++;
	waybuf_account_add_kept(kept->account, bytes);
	arm(manager, RECYCLE_CLEAN_MS);
	return true;
}

/* ---- taking -------------------------------------------------------------------------------- */

static bool fits(const struct kept *kept, const struct waybuf_exporter *exporter,
	const struct waybuf_solution *solution)
{
	uint64_t page = exporter->caps.page_size ? exporter->caps.page_size : 1;
	if (kept->cleaning || kept->exporter != exporter ||
		kept->layout.n_memory != solution->n_memory)
		return false;
	for (uint32_t i = 0; i < solution->n_memory; i++) {
		uint64_t size = kept->layout.memory[i].size, wanted = solution->memory_size[i];
		/* exporters round up to pages, and no further */
		if (size < wanted || size - wanted >= page)
			return false;
	}
	return true;
}

bool waybuf_recycle_take(struct waybuf_manager *manager, struct waybuf_account *account,
	const struct waybuf_solution *solution, struct waybuf_layout *layout, bool *clean)
{
	struct waybuf_exporter *exporter = manager->exporters[solution->exporter];
	struct kept *kept, *found = NULL;
	waybuf_list_for_each(kept, &account->kept, account_link) {
		if (fits(kept, exporter, solution) && (!found || kept->clean))
			found = kept;
	}
	if (!found)
		return false;
	forget(found);
	move_memory(layout, &found->layout);
	*clean = found->clean;
	manager->recycler.reused++;
	free(found);
	return true;
}
