/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drm.h>

#include "kms/handles.h"
#include "util/fd.h"
#include "util/list.h"

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027
#endif

struct entry {
	uint32_t refs;
	bool lent; /* somebody else closes it */
};

struct waybuf_gem_handles {
	struct waybuf_list link; // tables
	uint32_t refs; /* under tables_lock */
	int fd;

	pthread_mutex_t lock; /* what follows */
	/* by handle: the kernel hands out the lowest free number, so the array stays dense */
	struct entry *entries;
	uint32_t n_entries;
	uint32_t used;
};

static struct waybuf_list tables = {&tables, &tables}; // waybuf_gem_handles.link
static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * Status flags belong to the open file and not to the fd, so one that changes on the other fd too
 * gives it away. O_APPEND means nothing to a device node.
 */
static bool same_flags(int a, int b)
{
	int before = fcntl(a, F_GETFL), other = fcntl(b, F_GETFL);
	if (before < 0 || other < 0 || fcntl(a, F_SETFL, before ^ O_APPEND) < 0)
		return false;
	bool changed = (fcntl(b, F_GETFL) ^ other) & O_APPEND;
	fcntl(a, F_SETFL, before);
	return changed;
}

/* Whether two fds are one open file: F_DUPFD_QUERY is Linux 6.10. */
static bool same_file(int a, int b)
{
	int same = fcntl(a, F_DUPFD_QUERY, b);
	return same >= 0 ? same : same_flags(a, b);
}

static struct waybuf_gem_handles *find_table(int drm_fd)
{
	struct waybuf_gem_handles *table;
	waybuf_list_for_each(table, &tables, link) {
		if (same_file(table->fd, drm_fd))
			return table;
	}
	return NULL;
}

static int table_create(int drm_fd, struct waybuf_gem_handles **out)
{
	struct waybuf_gem_handles *table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->fd = fd_dup(drm_fd);
	if (table->fd < 0) {
		int error = table->fd;
		free(table);
		return error;
	}
	pthread_mutex_init(&table->lock, NULL);
	waybuf_list_append(&tables, &table->link);
	*out = table;
	return 0;
}

int waybuf_gem_handles_create(int drm_fd, struct waybuf_gem_handles **out)
{
	int error = 0;
	pthread_mutex_lock(&tables_lock);
	struct waybuf_gem_handles *table = find_table(drm_fd);
	if (!table)
		error = table_create(drm_fd, &table);
	if (!error) {
		table->refs++;
		*out = table;
	}
	pthread_mutex_unlock(&tables_lock);
	return error;
}

struct waybuf_gem_handles *waybuf_gem_handles_ref(struct waybuf_gem_handles *table)
{
	pthread_mutex_lock(&tables_lock);
	table->refs++;
	pthread_mutex_unlock(&tables_lock);
	return table;
}

static void table_destroy(struct waybuf_gem_handles *table)
{
	for (uint32_t i = 0; i < table->n_entries; i++) {
		if (table->entries[i].refs > 0 && !table->entries[i].lent)
			drmCloseBufferHandle(table->fd, i);
	}
	pthread_mutex_destroy(&table->lock);
	fd_close(&table->fd);
	free(table->entries);
	free(table);
}

void waybuf_gem_handles_unref(struct waybuf_gem_handles *table)
{
	if (!table)
		return;
	pthread_mutex_lock(&tables_lock);
	bool last = --table->refs == 0;
	if (last)
		waybuf_list_remove(&table->link);
	pthread_mutex_unlock(&tables_lock);
	if (last)
		table_destroy(table);
}

static int reserve(struct waybuf_gem_handles *table, uint32_t handle)
{
	if (handle < table->n_entries)
		return 0;
	uint64_t n = table->n_entries ? table->n_entries : 64;
	while (n <= handle)
		n *= 2;
	struct entry *entries = reallocarray(table->entries, n, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	memset(entries + table->n_entries, 0, (n - table->n_entries) * sizeof(*entries));
	table->entries = entries;
	table->n_entries = (uint32_t)n;
	return 0;
}

static void take(struct waybuf_gem_handles *table, uint32_t handle)
{
	if (table->entries[handle].refs++ == 0)
		table->used++;
}

/* A handle without an entry is not in the table, so nobody else holds it. */
static int take_or_close(struct waybuf_gem_handles *table, uint32_t handle)
{
	int error = reserve(table, handle);
	if (error)
		drmCloseBufferHandle(table->fd, handle);
	else
		take(table, handle);
	return error;
}

int waybuf_gem_handles_import(struct waybuf_gem_handles *table, int dmabuf_fd, uint32_t *handle)
{
	int error = 0;
	pthread_mutex_lock(&table->lock);
	if (drmPrimeFDToHandle(table->fd, dmabuf_fd, handle))
		error = -errno;
	else
		error = take_or_close(table, *handle);
	pthread_mutex_unlock(&table->lock);
	return error;
}

int waybuf_gem_handles_adopt(struct waybuf_gem_handles *table, uint32_t handle)
{
	pthread_mutex_lock(&table->lock);
	int error = take_or_close(table, handle);
	pthread_mutex_unlock(&table->lock);
	return error;
}

int waybuf_gem_handles_lend(struct waybuf_gem_handles *table, uint32_t handle)
{
	pthread_mutex_lock(&table->lock);
	int error = reserve(table, handle);
	if (!error) {
		take(table, handle);
		table->entries[handle].lent = true;
	}
	pthread_mutex_unlock(&table->lock);
	return error;
}

void waybuf_gem_handles_drop(struct waybuf_gem_handles *table, uint32_t handle)
{
	if (handle == 0)
		return;
	pthread_mutex_lock(&table->lock);
	assert(handle < table->n_entries && table->entries[handle].refs > 0);
	struct entry *entry = &table->entries[handle];
	if (--entry->refs == 0) {
		table->used--;
		if (!entry->lent)
			drmCloseBufferHandle(table->fd, handle);
		entry->lent = false;
	}
	pthread_mutex_unlock(&table->lock);
}

int waybuf_gem_handles_export(struct waybuf_gem_handles *table, uint32_t handle, int *dmabuf_fd)
{
	return drmPrimeHandleToFD(table->fd, handle, DRM_CLOEXEC | DRM_RDWR, dmabuf_fd) ? -errno
											: 0;
}

uint32_t waybuf_gem_handles_count(struct waybuf_gem_handles *table)
{
	pthread_mutex_lock(&table->lock);
	uint32_t used = table->used;
	pthread_mutex_unlock(&table->lock);
	return used;
}
