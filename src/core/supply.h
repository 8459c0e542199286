/* SPDX-License-Identifier: MIT */
#ifndef CORE_SUPPLY_H
#define CORE_SUPPLY_H

#include <waybuf/buffer.h>
#include <waybuf/interfaces/exporter.h>

#include "util/deadline.h"

/*
 * Shared memory that the pool's creator brings along, so that the pages are charged to its memory
 * cgroup and not to ours: a cgroup pays for the pages that its processes touch first. It is asked
 * for each memory of a storage, and has SUPPLY_MS; what is not there then, or is not as it must be,
 * we make ourselves. It is never waited for on the worker.
 */
#define SUPPLY_MS 250

/* Asks for memory @slot of buffer @index, of @size bytes at least. Answered or not. */
typedef void (*waybuf_need_func_t)(void *data, uint32_t index, uint32_t slot, uint64_t size);

/* @func NULL: nobody is asked any more, and who waits does without. */
void waybuf_pool_set_supplier(struct waybuf_pool *pool, waybuf_need_func_t func, void *data);
/* An answer, whose fd is taken. Nobody is told if it is no use. */
void waybuf_pool_provide(struct waybuf_pool *pool, uint32_t index, uint32_t slot, int fd);

/* One storage that waits. Caller storage. */
struct supply {
	struct waybuf_buffer *buffer;
	uint32_t n, missing;
	uint64_t size[WAYBUF_MAX_PLANES];
	int fds[WAYBUF_MAX_PLANES]; /* -1: not there */
	struct waybuf_deadline deadline;
	void (*done)(struct supply *supply); /* `missing` is 0 if all are there */
};

/*
 * Asks for the memories of @solution in units of @page bytes. False: there is nobody to ask.
 * Otherwise `done` is called once, later.
 */
bool waybuf_supply_start(struct supply *supply, struct waybuf_buffer *buffer,
	const struct waybuf_solution *solution, uint64_t page, void (*done)(struct supply *supply));
/* Closes what has come and was not taken. */
void waybuf_supply_finish(struct supply *supply);

#endif
