/* SPDX-License-Identifier: MIT */
#include "core/supply.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/pool.h"
#include "util/checked.h"
#include "util/fd.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static void end_wait(struct supply *supply)
{
	waybuf_deadline_cancel(&supply->deadline);
	supply->buffer->supply = NULL;
	supply->done(supply);
}

static void handle_deadline(struct waybuf_deadline *deadline)
{
	end_wait(waybuf_container_of(deadline, struct supply, deadline));
}

static void init(struct supply *supply, struct waybuf_buffer *buffer, uint32_t n)
{
	*supply = (struct supply){.buffer = buffer, .n = n, .missing = n};
	for (uint32_t i = 0; i < WAYBUF_MAX_PLANES; i++)
		supply->fds[i] = -1;
	waybuf_deadline_init(&supply->deadline, handle_deadline);
}

bool waybuf_supply_start(struct supply *supply, struct waybuf_buffer *buffer,
	const struct waybuf_solution *solution, uint64_t page, void (*done)(struct supply *supply))
{
	struct waybuf_pool *pool = buffer->pool;
	if (!pool->need || buffer->supply)
		return false;
	init(supply, buffer, solution->n_memory);
	supply->done = done;
	for (uint32_t i = 0; i < supply->n; i++) {
		if (!checked_round_up(solution->memory_size[i], page, &supply->size[i]))
			return false;
	}
	buffer->supply = supply;
	waybuf_deadline_arm(&pool->manager->deadlines, &supply->deadline, SUPPLY_MS);
	for (uint32_t i = 0; i < supply->n; i++)
		pool->need(pool->need_data, buffer->index, i, supply->size[i]);
	return true;
}

void waybuf_supply_finish(struct supply *supply)
{
	for (uint32_t i = 0; i < supply->n; i++)
		fd_close(&supply->fds[i]);
	supply->n = 0;
}

void waybuf_pool_set_supplier(struct waybuf_pool *pool, waybuf_need_func_t func, void *data)
{
	pool->need = func;
	pool->need_data = data;
	if (func)
		return;
	waybuf_pool_ref(pool);
	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->buffers[i]->supply)
			end_wait(pool->buffers[i]->supply);
	}
	waybuf_pool_unref(pool);
}

/*
 * Shared memory that cannot shrink, so that no read of ours becomes a SIGBUS; can be written, now
 * and later, so that udmabuf and mmap take it; and has its pages, which is what it is for.
 */
static bool is_fit(int fd, uint64_t size)
{
	const int refused = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	enum fd_kind kind;
	struct stat info;
	if (fd_kind(fd, &kind) < 0 || kind != FD_MEMFD || fstat(fd, &info) < 0)
		return false;
	if (info.st_size < 0 || (uint64_t)info.st_size < size ||
		(uint64_t)info.st_blocks * 512 < size)
		return false;
	int seals = fcntl(fd, F_GET_SEALS), mode = fcntl(fd, F_GETFL);
	if (seals < 0 || mode < 0 || !(seals & F_SEAL_SHRINK) || (seals & refused) ||
		(mode & O_ACCMODE) != O_RDWR)
		return false;
	/* or the client could forbid writing later */
	return (seals & F_SEAL_SEAL) || fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) == 0;
}

void waybuf_pool_provide(struct waybuf_pool *pool, uint32_t index, uint32_t slot, int fd)
{
	struct waybuf_buffer *buffer = waybuf_pool_buffer(pool, index);
	struct supply *supply = buffer ? buffer->supply : NULL;
	if (!supply || slot >= supply->n || supply->fds[slot] >= 0) {
		fd_close(&fd);
		return;
	}
	if (!is_fit(fd, supply->size[slot])) {
		fd_close(&fd);
		end_wait(supply);
		return;
	}
	supply->fds[slot] = fd;
	if (--supply->missing == 0)
		end_wait(supply);
}
