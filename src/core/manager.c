/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/device.h"
#include "core/device_copy.h"
#include "core/manager.h"
#include "core/storage.h"
#include "util/sigbus.h"

/* Solved requests remembered; a desktop has a few dozen topologies at most. */
#define CACHE_ENTRIES 256

static void init_lists(struct waybuf_manager *manager)
{
	for (size_t i = 0; i < EXPORT_BUCKETS; i++)
		waybuf_list_init(&manager->exports[i]);
	waybuf_list_init(&manager->devices);
	waybuf_list_init(&manager->facts);
	waybuf_list_init(&manager->pools);
	waybuf_list_init(&manager->device_copies);
	waybuf_linger_init(manager);
	waybuf_recycler_init(&manager->recycler);
}

static int init_loop(struct waybuf_manager *manager, struct waybuf_loop *loop)
{
	manager->loop = loop;
	manager->owns_loop = !loop;
	return loop ? 0 : waybuf_loop_create_epoll(&manager->loop);
}

static void finish_loop(struct waybuf_manager *manager)
{
	if (manager->owns_loop)
		waybuf_loop_destroy(manager->loop);
}

int waybuf_manager_create(struct waybuf_loop *loop, struct waybuf_manager **out)
{
	struct waybuf_manager *manager = calloc(1, sizeof(*manager));
	if (!manager)
		return -ENOMEM;
	init_lists(manager);
	int error = init_loop(manager, loop);
	if (error < 0)
		goto err_manager;
	error = waybuf_worker_create(manager->loop, &manager->worker);
	if (error < 0)
		goto err_loop;
	error = waybuf_deadlines_init(&manager->deadlines, manager->loop);
	if (error < 0)
		goto err_worker;
	error = -ENOMEM;
	manager->cache = waybuf_cache_create(CACHE_ENTRIES);
	if (!manager->cache)
		goto err_deadlines;
	*out = manager;
	return 0;

err_deadlines:
	waybuf_deadlines_finish(&manager->deadlines);
err_worker:
	waybuf_worker_destroy(manager->worker);
err_loop:
	finish_loop(manager);
err_manager:
	free(manager);
	return error;
}

void waybuf_manager_destroy(struct waybuf_manager *manager)
{
	if (!manager)
		return;
	manager->closing = true;
	/* first, because what it completes still needs the rest */
	waybuf_worker_destroy(manager->worker);
	assert(waybuf_list_empty(&manager->pools));
	waybuf_device_copies_finish(manager);
	waybuf_linger_finish(manager);
	waybuf_recycler_finish(&manager->recycler);
	waybuf_closing_finish(manager);
	waybuf_devices_finish(manager);
	for (uint32_t i = 0; i < manager->n_exporters; i++)
		manager->exporters[i]->ops->destroy(manager->exporters[i]);
	waybuf_cache_destroy(manager->cache);
	waybuf_deadlines_finish(&manager->deadlines);
	finish_loop(manager);
	free(manager);
}

int waybuf_manager_catch_sigbus(struct waybuf_manager *manager)
{
	/* the handler is the process's; the manager stands for who may ask for it */
	(void)manager;
	return sigbus_install();
}

int waybuf_manager_submit(struct waybuf_manager *manager, struct waybuf_job *job)
{
	if (manager->closing)
		return -ESHUTDOWN;
	return waybuf_worker_submit(manager->worker, job);
}

int waybuf_manager_get_fd(struct waybuf_manager *manager)
{
	return manager->owns_loop ? waybuf_loop_epoll_fd(manager->loop) : -EINVAL;
}

int waybuf_manager_dispatch(struct waybuf_manager *manager, int timeout_ms)
{
	return manager->owns_loop ? waybuf_loop_dispatch(manager->loop, timeout_ms) : -EINVAL;
}

uint32_t waybuf_manager_plane_count(
	struct waybuf_manager *manager, uint32_t format, uint64_t modifier)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < manager->n_exporters && n == 0; i++) {
		struct waybuf_exporter *exporter = manager->exporters[i];
		if (exporter->ops->plane_count)
			n = exporter->ops->plane_count(exporter, format, modifier);
	}
	return n;
}
