/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/account.h"
#include "core/pool.h"

#define MAX_SIZE 65536

static int create_buffers(struct waybuf_pool *pool, uint32_t count)
{
	struct waybuf_buffer **buffers = realloc(pool->buffers, count * sizeof(*buffers));
	if (!buffers)
		return -ENOMEM;
	pool->buffers = buffers;
	uint32_t first = pool->count;
	while (pool->count < count) {
		int error = waybuf_buffer_create(pool, pool->count, &buffers[pool->count]);
		if (error < 0) {
			while (pool->count > first)
				waybuf_buffer_destroy(buffers[--pool->count]);
			return error;
		}
		pool->count++;
	}
	return 0;
}

int waybuf_pool_grow(struct waybuf_pool *pool, uint32_t count)
{
	if (count <= pool->count)
		return 0;
	if (count > WAYBUF_MAX_COUNT)
		return -EINVAL;
	uint32_t more = count - pool->count;
	int error = waybuf_account_charge(pool->account, WAYBUF_RESOURCE_BUFFERS, more);
	if (error < 0)
		return error;
	error = create_buffers(pool, count);
	if (error < 0)
		waybuf_account_discharge(pool->account, WAYBUF_RESOURCE_BUFFERS, more);
	return error;
}

/* Without buffers and without the charge for the pool itself. */
static struct waybuf_pool *pool_alloc(struct waybuf_manager *manager,
	struct waybuf_account *account, uint32_t width, uint32_t height)
{
	struct waybuf_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	pool->manager = manager;
	pool->account = waybuf_account_ref(account);
	pool->width = width;
	pool->height = height;
	pool->config = 1;
	pool->members = 1;
	waybuf_list_init(&pool->attachments);
	waybuf_list_init(&pool->commits);
	waybuf_deadline_init(&pool->settle, NULL);
	waybuf_list_append(&manager->pools, &pool->link);
	return pool;
}

static void pool_free(struct waybuf_pool *pool)
{
	waybuf_account_discharge(pool->account, WAYBUF_RESOURCE_BUFFERS, pool->count);
	while (pool->count > 0)
		waybuf_buffer_destroy(pool->buffers[--pool->count]);
	waybuf_list_remove(&pool->link);
	waybuf_deadline_cancel(&pool->settle);
	waybuf_constraints_unref(pool->contents);
	waybuf_account_unref(pool->account);
	free(pool->buffers);
	free(pool->name);
	free(pool);
}

static int copy_name(struct waybuf_pool *pool, const char *name)
{
	if (!name)
		return 0;
	pool->name = strdup(name);
	return pool->name ? 0 : -ENOMEM;
}

int waybuf_pool_create(struct waybuf_manager *manager, struct waybuf_account *account,
	const struct waybuf_export_info *info, struct waybuf_pool **out)
{
	if (info->width < 1 || info->width > MAX_SIZE || info->height < 1 ||
		info->height > MAX_SIZE || info->count < 1 || info->count > WAYBUF_MAX_COUNT)
		return -EINVAL;
	int error = waybuf_account_charge(account, WAYBUF_RESOURCE_POOLS, 1);
	if (error < 0)
		return error;
	error = -ENOMEM;
	struct waybuf_pool *pool = pool_alloc(manager, account, info->width, info->height);
	if (!pool)
		goto err_charge;
	error = copy_name(pool, info->name);
	if (error == 0)
		error = waybuf_pool_grow(pool, info->count);
	if (error < 0)
		goto err_pool;
	*out = pool;
	return 0;

err_pool:
	pool_free(pool);
err_charge:
	waybuf_account_discharge(account, WAYBUF_RESOURCE_POOLS, 1);
	return error;
}

int waybuf_pool_create_foreign(struct waybuf_manager *manager, struct waybuf_account *account,
	uint32_t width, uint32_t height, struct waybuf_pool **out)
{
	struct waybuf_pool *pool = pool_alloc(manager, account, width, height);
	if (!pool)
		return -ENOMEM;
	pool->foreign = true;
	int error = waybuf_pool_grow(pool, 1);
	if (error < 0) {
		pool_free(pool);
		return error;
	}
	*out = pool;
	return 0;
}

struct waybuf_pool *waybuf_pool_ref(struct waybuf_pool *pool)
{
	pool->members++;
	return pool;
}

static uint32_t pool_charge(const struct waybuf_pool *pool)
{
	return pool->foreign ? 0 : 1;
}

void waybuf_pool_reap(struct waybuf_pool *pool)
{
	if (pool->members > 0)
		return;
	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->buffers[i]->refs == 0)
			waybuf_buffer_drop_storage(pool->buffers[i]);
	}
	if (pool->buffer_refs > 0)
		return;
	waybuf_account_discharge(pool->account, WAYBUF_RESOURCE_POOLS, pool_charge(pool));
	pool_free(pool);
}

void waybuf_pool_unref(struct waybuf_pool *pool)
{
	if (!pool)
		return;
	pool->members--;
	waybuf_pool_reap(pool);
}

/* The first @n storages back to where they were, and there was room for them a moment ago. */
static void return_storages(struct waybuf_pool *pool, uint32_t n)
{
	while (n-- > 0) {
		struct waybuf_storage *storage = pool->buffers[n]->storage;
		if (storage)
			waybuf_storage_set_account(storage, pool->account);
	}
}

static int move_storages(struct waybuf_pool *pool, struct waybuf_account *account)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		struct waybuf_storage *storage = pool->buffers[i]->storage;
		int error = storage ? waybuf_storage_set_account(storage, account) : 0;
		if (error < 0) {
			return_storages(pool, i);
			return error;
		}
	}
	return 0;
}

static int set_account(struct waybuf_pool *pool, struct waybuf_account *account)
{
	struct waybuf_account *old = pool->account;
	int error = waybuf_account_move(old, account, WAYBUF_RESOURCE_POOLS, pool_charge(pool));
	if (error < 0)
		return error;
	error = waybuf_account_move(old, account, WAYBUF_RESOURCE_BUFFERS, pool->count);
	if (error < 0)
		goto err_pool;
	error = move_storages(pool, account);
	if (error < 0)
		goto err_buffers;
	pool->account = waybuf_account_ref(account);
	waybuf_account_unref(old);
	return 0;

err_buffers:
	waybuf_account_move(account, old, WAYBUF_RESOURCE_BUFFERS, pool->count);
err_pool:
	waybuf_account_move(account, old, WAYBUF_RESOURCE_POOLS, pool_charge(pool));
	return error;
}

int waybuf_pool_set_account(struct waybuf_pool *pool, struct waybuf_account *account)
{
	int error = set_account(pool, account);
	if (error != -EDQUOT)
		return error;
	waybuf_linger_check(pool->manager);
	return set_account(pool, account);
}

struct waybuf_account *waybuf_pool_account(struct waybuf_pool *pool)
{
	return pool->account;
}

int waybuf_pool_reconfigure(struct waybuf_pool *pool, uint32_t width, uint32_t height)
{
	if (width < 1 || width > MAX_SIZE || height < 1 || height > MAX_SIZE || pool->foreign)
		return -EINVAL;
	pool->width = width;
	pool->height = height;
	pool->config++;
	waybuf_constraints_unref(pool->contents);
	pool->contents = NULL;
	pool->epoch++;
	return 0;
}

uint32_t waybuf_pool_count(const struct waybuf_pool *pool)
{
	return pool->count;
}

uint32_t waybuf_pool_width(const struct waybuf_pool *pool)
{
	return pool->width;
}

uint32_t waybuf_pool_height(const struct waybuf_pool *pool)
{
	return pool->height;
}

struct waybuf_buffer *waybuf_pool_buffer(struct waybuf_pool *pool, uint32_t index)
{
	return index < pool->count ? pool->buffers[index] : NULL;
}

int waybuf_pool_explain(struct waybuf_pool *pool, const struct waybuf_explanation **out)
{
	struct waybuf_solution solution;
	*out = NULL;
	int error = waybuf_pool_solve(pool, NULL, NULL, NULL, 0, &solution, out);
	return *out ? 0 : error;
}

void waybuf_pools_invalidate(struct waybuf_manager *manager)
{
	struct waybuf_pool *pool;
	waybuf_list_for_each(pool, &manager->pools, link)
		pool->epoch++;
}

void waybuf_pools_forget_device(struct waybuf_manager *manager, const struct waybuf_device *device)
{
	struct waybuf_pool *pool;
	waybuf_list_for_each(pool, &manager->pools, link) {
		struct waybuf_attachment *attachment;
		waybuf_list_for_each(attachment, &pool->attachments, link) {
			if (attachment->device == device)
				attachment->device = NULL;
		}
		pool->epoch++;
	}
}
