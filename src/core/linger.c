/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/storage.h"
#include "util/log.h"

/*
 * Memory whose generation is over, and that clients may still hold: an fd cannot be taken back.
 * Freeing our part would free nothing, so the charge stays with whoever caused the migration until
 * the kernel says that only our own fd is left: `count` in the fd's fdinfo. Nobody has to be
 * believed. Shared memory needs no patience: its pages are taken out from under the fds.
 */

#define CHECK_MS 1000

/* References to the dma-buf that are not ours: fds, mappings and imports. -errno if unknown. */
static int count_others(int fd)
{
	char path[64], line[128];
	long count = -1;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *file = fopen(path, "re");
	if (!file)
		return -errno;
	while (count < 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "count: %ld", &count) != 1)
			count = -1;
	}
	fclose(file);
	if (count < 1)
		return -ENODATA;
	return count > 1 ? 1 : 0;
}

bool waybuf_storage_is_held(const struct waybuf_storage *storage)
{
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		const struct waybuf_memory *memory = &storage->layout.memory[i];
		if (memory->kind == WAYBUF_MEMORY_DMABUF && count_others(memory->fd) > 0)
			return true;
	}
	return false;
}

/* Nothing to do where the pages are those of a newer generation, which has the charge. */
static void punch(const struct waybuf_storage *storage)
{
	for (uint32_t i = 0; storage->bytes > 0 && i < storage->layout.n_memory; i++) {
		const struct waybuf_memory *memory = &storage->layout.memory[i];
		if (memory->kind != WAYBUF_MEMORY_MEMFD)
			continue;
		if (fallocate(memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			    (off_t)memory->size) < 0)
			waybuf_error("fallocate: %s", strerror(errno));
	}
}

bool waybuf_storage_linger(struct waybuf_storage *storage)
{
	struct waybuf_manager *manager = storage->manager;
	punch(storage);
	if (manager->closing || !waybuf_storage_is_held(storage))
		return false;
	waybuf_list_append(&manager->lingering, &storage->linger_link);
	if (waybuf_list_empty(&manager->linger_check.link))
		waybuf_deadline_arm(&manager->deadlines, &manager->linger_check, CHECK_MS);
	return true;
}

static void drop(struct waybuf_storage *storage)
{
	waybuf_list_remove(&storage->linger_link);
	waybuf_storage_destroy(storage);
}

void waybuf_linger_check(struct waybuf_manager *manager)
{
	struct waybuf_storage *storage, *tmp;
	waybuf_list_for_each_safe(storage, tmp, &manager->lingering, linger_link) {
		if (!waybuf_storage_is_held(storage))
			drop(storage);
	}
}

static void handle_check(struct waybuf_deadline *deadline)
{
	struct waybuf_manager *manager =
		waybuf_container_of(deadline, struct waybuf_manager, linger_check);
	waybuf_linger_check(manager);
	if (!waybuf_list_empty(&manager->lingering))
		waybuf_deadline_arm(&manager->deadlines, deadline, CHECK_MS);
}

void waybuf_linger_init(struct waybuf_manager *manager)
{
	waybuf_list_init(&manager->lingering);
	waybuf_deadline_init(&manager->linger_check, handle_check);
}

void waybuf_linger_finish(struct waybuf_manager *manager)
{
	waybuf_deadline_cancel(&manager->linger_check);
	struct waybuf_storage *storage, *tmp;
	waybuf_list_for_each_safe(storage, tmp, &manager->lingering, linger_link)
		drop(storage);
}
