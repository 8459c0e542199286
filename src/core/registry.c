/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/manager.h"
#include "exporter/exporter.h"
#include "util/log.h"

/*
 * Which exporters this process has. WAYBUF_EXPORTERS=heap,memfd means these two, and in this order
 * of preference; without it every kind is tried in the order of the table.
 */

/* Steps between exporters in an order that somebody asked for. */
#define ORDER_COST 10

static const struct waybuf_exporter *find_exporter(
	const struct waybuf_manager *manager, const char *name)
{
	for (uint32_t i = 0; i < manager->n_exporters; i++) {
		if (strcmp(manager->exporters[i]->caps.name, name) == 0)
			return manager->exporters[i];
	}
	return NULL;
}

int waybuf_manager_add_exporter(struct waybuf_manager *manager, struct waybuf_exporter *exporter)
{
	int error = exporter_check(exporter);
	if (error < 0)
		return error;
	if (find_exporter(manager, exporter->caps.name))
		return -EEXIST;
	if (manager->n_exporters == WAYBUF_MAX_EXPORTERS)
		return -ENOSPC;
	manager->caps[manager->n_exporters] = &exporter->caps;
	manager->exporters[manager->n_exporters++] = exporter;
	return 0;
}

void waybuf_manager_for_each_exporter(struct waybuf_manager *manager,
	void (*func)(const struct waybuf_exporter_caps *caps, void *data), void *data)
{
	for (uint32_t i = 0; i < manager->n_exporters; i++)
		func(manager->caps[i], data);
}

/* One that this machine does not have is no failure. */
static int add_created(struct waybuf_manager *manager, const char *name, int error,
	struct waybuf_exporter *exporter)
{
	if (error == -ENOMEM)
		return error;
	if (error < 0) {
		waybuf_info("exporter %s: not here (%s)", name, strerror(-error));
		return 0;
	}
	error = waybuf_manager_add_exporter(manager, exporter);
	if (error < 0)
		exporter->ops->destroy(exporter);
	return error == -EEXIST ? 0 : error;
}

static int add_memfd(struct waybuf_manager *manager, int drm_fd)
{
	struct waybuf_exporter *exporter = NULL;
	int error = waybuf_memfd_exporter_create(&exporter);
	return add_created(manager, "memfd", error, exporter);
}

static int add_udmabuf(struct waybuf_manager *manager, int drm_fd)
{
	struct waybuf_exporter *exporter = NULL;
	int error = waybuf_udmabuf_exporter_create(&exporter);
	return add_created(manager, "udmabuf", error, exporter);
}

static int add_heap(struct waybuf_manager *manager, const char *name)
{
	struct waybuf_exporter *exporter = NULL;
	int error = waybuf_heap_exporter_create(name, &exporter);
	return add_created(manager, name, error, exporter);
}

static int add_heaps(struct waybuf_manager *manager, int drm_fd)
{
	DIR *dir = opendir("/dev/dma_heap");
	if (!dir)
		return add_created(manager, "heap", -errno, NULL);
	int error = 0;
	struct dirent *entry;
	while (error == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			error = add_heap(manager, entry->d_name);
	}
	closedir(dir);
	return error;
}

static int add_dumb(struct waybuf_manager *manager, int drm_fd)
{
	struct waybuf_exporter *exporter = NULL;
	int error = drm_fd < 0 ? -ENODEV : waybuf_dumb_exporter_create(drm_fd, &exporter);
	return add_created(manager, "dumb", error, exporter);
}

static int add_gbm(struct waybuf_manager *manager, int drm_fd)
{
	struct waybuf_exporter *exporter = NULL;
	int error = drm_fd < 0 ? -ENODEV : waybuf_gbm_exporter_create(drm_fd, &exporter);
	return add_created(manager, "gbm", error, exporter);
}

static const struct {
	const char *name;
	int (*add)(struct waybuf_manager *manager, int drm_fd);
} kinds[] = {
	{"memfd", add_memfd},
	{"udmabuf", add_udmabuf},
	{"heap", add_heaps},
	{"dumb", add_dumb},
	{"gbm", add_gbm},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int add_named(struct waybuf_manager *manager, const char *name, int drm_fd)
{
	if (strncmp(name, "heap ", 5) == 0)
		return add_heap(manager, name + 5);
	for (size_t i = 0; i < N_KINDS; i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].add(manager, drm_fd);
	}
	waybuf_error("WAYBUF_EXPORTERS: there is no exporter '%s'", name);
	return -EINVAL;
}

static int add_list(struct waybuf_manager *manager, const char *list, int drm_fd)
{
	char *copy = strdup(list);
	if (!copy)
		return -ENOMEM;
	int error = 0;
	uint32_t cost = 0;
	char *rest = copy, *name;
	while (error == 0 && (name = strsep(&rest, ","))) {
		uint32_t first = manager->n_exporters;
		error = add_named(manager, name, drm_fd);
		for (uint32_t i = first; i < manager->n_exporters; i++, cost += ORDER_COST)
			manager->exporters[i]->caps.base_cost = cost;
	}
	free(copy);
	return error;
}

int waybuf_manager_add_all_exporters(struct waybuf_manager *manager, int drm_fd)
{
	int error = 0;
	for (size_t i = 0; error == 0 && i < N_KINDS; i++)
		error = kinds[i].add(manager, drm_fd);
	return error < 0 ? error : (int)manager->n_exporters;
}

int waybuf_manager_add_default_exporters(struct waybuf_manager *manager, int drm_fd)
{
	const char *list = getenv("WAYBUF_EXPORTERS");
	if (!list || !list[0])
		return waybuf_manager_add_all_exporters(manager, drm_fd);
	int error = add_list(manager, list, drm_fd);
	return error < 0 ? error : (int)manager->n_exporters;
}
