/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/account.h"
#include "core/cpu_access.h"
#include "core/storage.h"
#include "exporter/exporter.h"
#include "util/checked.h"

struct waybuf_storage *waybuf_storage_create(
	struct waybuf_manager *manager, struct waybuf_account *account)
{
	struct waybuf_storage *storage = calloc(1, sizeof(*storage));
	if (!storage)
		return NULL;
	storage->refs = 1;
	storage->manager = manager;
	storage->account = waybuf_account_ref(account);
	waybuf_list_init(&storage->imports);
	waybuf_list_init(&storage->linger_link);
	for (uint32_t i = 0; i < WAYBUF_MAX_PLANES; i++)
		waybuf_list_init(&storage->ids[i].link);
	return storage;
}

static int charge(struct waybuf_storage *storage, uint64_t bytes, uint32_t fds)
{
	int error = waybuf_account_charge(storage->account, WAYBUF_RESOURCE_FDS, fds);
	if (error < 0)
		return error;
	error = waybuf_account_charge_bytes(storage->account, bytes);
	if (error < 0) {
		waybuf_account_discharge(storage->account, WAYBUF_RESOURCE_FDS, fds);
		return error;
	}
	storage->bytes = bytes;
	storage->fds = fds;
	return 0;
}

static void discharge(struct waybuf_storage *storage)
{
	waybuf_account_discharge(storage->account, WAYBUF_RESOURCE_FDS, storage->fds);
	waybuf_account_discharge_bytes(storage->account, storage->bytes);
	storage->bytes = 0;
	storage->fds = 0;
}

void waybuf_storage_uncharge_bytes(struct waybuf_storage *storage)
{
	waybuf_account_discharge_bytes(storage->account, storage->bytes);
	storage->bytes = 0;
}

int waybuf_storage_set_account(struct waybuf_storage *storage, struct waybuf_account *account)
{
	struct waybuf_account *old = storage->account;
	int error = waybuf_account_move(old, account, WAYBUF_RESOURCE_FDS, storage->fds);
	if (error < 0)
		return error;
	error = waybuf_account_move_bytes(old, account, storage->bytes);
	if (error < 0) {
		waybuf_account_move(account, old, WAYBUF_RESOURCE_FDS, storage->fds);
		return error;
	}
	storage->account = waybuf_account_ref(account);
	storage->shared = true;
	waybuf_account_unref(old);
	return 0;
}

static void swap_accounts(struct waybuf_storage *a, struct waybuf_storage *b)
{
	struct waybuf_account *account = a->account;
	a->account = b->account;
	b->account = account;
	a->shared = b->shared = true;
}

static int charge_both(struct waybuf_storage *a, struct waybuf_storage *b,
	const struct waybuf_storage *was_a, const struct waybuf_storage *was_b)
{
	int error = charge(a, was_a->bytes, was_a->fds);
	if (error < 0)
		return error;
	error = charge(b, was_b->bytes, was_b->fds);
	if (error < 0)
		discharge(a);
	return error;
}

int waybuf_storage_exchange_accounts(struct waybuf_storage *a, struct waybuf_storage *b)
{
	const struct waybuf_storage was_a = *a, was_b = *b;
	if (a->account == b->account)
		return 0;
	discharge(a);
	discharge(b);
	swap_accounts(a, b);
	int error = charge_both(a, b, &was_a, &was_b);
	if (error < 0) {
		swap_accounts(a, b);
		/* they were charged a moment ago */
		int again = charge_both(a, b, &was_a, &was_b);
		assert(again == 0);
		(void)again;
	}
	return error;
}

static void forget_ids(struct waybuf_storage *storage)
{
	for (uint32_t i = 0; i < WAYBUF_MAX_PLANES; i++)
		waybuf_list_remove(&storage->ids[i].link);
}

/* @ids NULL: to be asked of the kernel. */
static int remember_ids(struct waybuf_storage *storage, const struct fd_id *ids)
{
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		struct storage_id *entry = &storage->ids[i];
		if (ids)
			entry->id = ids[i];
		else {
			int error = fd_identify(storage->layout.memory[i].fd, &entry->id);
			if (error < 0)
				return error;
		}
		entry->storage = storage;
		entry->slot = i;
		waybuf_list_insert(
			waybuf_manager_bucket(storage->manager, &entry->id), &entry->link);
	}
	return 0;
}

static void release_memory(struct waybuf_storage *storage)
{
	forget_ids(storage);
	if (waybuf_recycle_put(storage)) {
		storage->exporter = NULL;
		return;
	}
	if (storage->exporter)
		exporter_close_memory(&storage->layout, storage->layout.n_memory);
	else
		waybuf_closing_add(storage->manager, &storage->layout);
	storage->layout.n_memory = 0;
	/* `wrap` gives an fd and nothing else */
	if (storage->exporter && !storage->shares_pages && !storage->provided)
		storage->exporter->ops->release(storage->exporter, storage->priv);
	storage->exporter = NULL;
}

static bool total_size(const struct waybuf_layout *layout, uint64_t *total)
{
	*total = 0;
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		if (!checked_add(*total, layout->memory[i].size, total))
			return false;
	}
	return true;
}

int waybuf_storage_fill(struct waybuf_storage *storage, struct waybuf_exporter *exporter,
	const struct waybuf_allocation *allocation)
{
	return waybuf_storage_fill_known(storage, exporter, allocation, NULL);
}

int waybuf_storage_fill_known(struct waybuf_storage *storage, struct waybuf_exporter *exporter,
	const struct waybuf_allocation *allocation, const struct fd_id *ids)
{
	uint64_t total;
	storage->exporter = exporter;
	storage->priv = allocation->priv;
	storage->layout = allocation->layout;
	int error = -EOVERFLOW;
	if (!total_size(&storage->layout, &total))
		goto err_memory;
	/* imports are no new memory: whoever exported it pays */
	error = charge(storage, exporter ? total : 0, storage->layout.n_memory);
	if (error < 0)
		goto err_memory;
	error = remember_ids(storage, ids);
	if (error < 0)
		goto err_charge;
	return 0;

err_charge:
	discharge(storage);
err_memory:
	release_memory(storage);
	return error;
}

struct waybuf_storage *waybuf_storage_ref(struct waybuf_storage *storage)
{
	storage->refs++;
	return storage;
}

static void destroy_import(struct waybuf_import *import)
{
	waybuf_list_remove(&import->link);
	import->destroy(import);
}

/* What we ourselves have beyond the fds. */
static void drop_uses(struct waybuf_storage *storage)
{
	struct waybuf_import *import, *tmp;
	waybuf_list_for_each_safe(import, tmp, &storage->imports, link)
		destroy_import(import);
	for (uint32_t i = 0; i < WAYBUF_MAX_PLANES; i++) {
		waybuf_cpu_destroy(storage->cpu[i]);
		storage->cpu[i] = NULL;
	}
}

void waybuf_storage_unref(struct waybuf_storage *storage)
{
	if (!storage || --storage->refs > 0)
		return;
	assert(!storage->buffer);
	drop_uses(storage);
	if (storage->retired && waybuf_storage_linger(storage))
		return;
	waybuf_storage_destroy(storage);
}

void waybuf_storage_destroy(struct waybuf_storage *storage)
{
	release_memory(storage);
	discharge(storage);
	waybuf_account_unref(storage->account);
	free(storage);
}

void waybuf_storage_add_import(struct waybuf_storage *storage, struct waybuf_import *import)
{
	waybuf_list_insert(&storage->imports, &import->link);
}

struct waybuf_import *waybuf_storage_find_import(struct waybuf_storage *storage, const void *owner)
{
	struct waybuf_import *import;
	waybuf_list_for_each(import, &storage->imports, link) {
		if (import->owner == owner)
			return import;
	}
	return NULL;
}

static void forget_imports(struct waybuf_storage *storage, const void *owner)
{
	struct waybuf_import *import, *tmp;
	waybuf_list_for_each_safe(import, tmp, &storage->imports, link) {
		if (import->owner == owner)
			destroy_import(import);
	}
}

void waybuf_manager_forget_imports(struct waybuf_manager *manager, const void *owner)
{
	for (size_t i = 0; i < EXPORT_BUCKETS; i++) {
		struct storage_id *entry;
		waybuf_list_for_each(entry, &manager->exports[i], link)
			forget_imports(entry->storage, owner);
	}
}

int waybuf_storage_cpu(struct waybuf_storage *storage, uint32_t slot, struct waybuf_cpu **out)
{
	int error = 0;
	if (!storage->cpu[slot])
		error = waybuf_cpu_create(&storage->layout.memory[slot], storage->layout.exporter,
			0, &storage->cpu[slot]);
	*out = storage->cpu[slot];
	if (error == 0)
		(*out)->owner = storage->account->id;
	return error;
}

struct waybuf_storage *waybuf_storage_find(
	struct waybuf_manager *manager, const struct fd_id *id, uint32_t *slot)
{
	struct storage_id *entry;
	waybuf_list_for_each(entry, waybuf_manager_bucket(manager, id), link) {
		if (fd_id_equal(&entry->id, id)) {
			*slot = entry->slot;
			return entry->storage;
		}
	}
	return NULL;
}

bool waybuf_storage_is_dmabuf(const struct waybuf_storage *storage)
{
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		if (storage->layout.memory[i].kind != WAYBUF_MEMORY_DMABUF)
			return false;
	}
	return true;
}
