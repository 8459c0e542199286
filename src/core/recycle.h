/* SPDX-License-Identifier: MIT */
#ifndef CORE_RECYCLE_H
#define CORE_RECYCLE_H

#include <waybuf/buffer.h>

#include "util/deadline.h"
#include "util/list.h"

/*
 * Memory that nobody uses any more, kept for a moment, because whoever gives a buffer up often
 * wants another one of the same size: a window that is made anew, a stream that starts over.
 * Taking it is cheaper than what it replaces, which is the kernel's clearing of as many pages plus
 * the ioctls.
 *
 * What must hold, since this is where one client's pixels could turn up at another's:
 *
 *   - memory stays with the account that paid for it, and goes when that does;
 *   - it is kept only if nobody else can still touch it: a dma-buf if the kernel says that our fd
 *     is the last one, shared memory (of which the kernel does not tell) if it was given to nobody
 *     but its payer, and either only if no fence on it is active;
 *   - it is cleared before it is used, always, on the worker's thread. Nearly always that has
 *     happened by the time somebody wants it: clearing begins CLEAN_MS after the release. The grant
 *     then costs no turn of the worker at all.
 *
 * It is not charged, as nobody would know for what; so it is bounded instead, for each account and
 * altogether, and it makes way: charges of its account come first, and so does anybody's allocation
 * that fails for want of memory. What is not taken within KEEP_MS goes.
 */
#define RECYCLE_CLEAN_MS 20
#define RECYCLE_KEEP_MS 5000
#define RECYCLE_ACCOUNT_BYTES (128ull * 1024 * 1024)
#define RECYCLE_ACCOUNT_COUNT 8
#define RECYCLE_BYTES (256ull * 1024 * 1024)
#define RECYCLE_COUNT 64

struct waybuf_storage;

struct waybuf_recycler {
	struct waybuf_list kept; // kept.link, oldest first
	struct waybuf_deadline deadline;
	uint64_t bytes;
	uint32_t count;
	bool cleaning; /* one of them is with the worker */
	/* for people, since the start */
	uint64_t reused, cleaned, dropped;
};

void waybuf_recycler_init(struct waybuf_recycler *recycler);
/* The worker is gone. */
void waybuf_recycler_finish(struct waybuf_recycler *recycler);

/* Takes the fds of a storage that is being released: true, and it has no memory any more. */
bool waybuf_recycle_put(struct waybuf_storage *storage);

/*
 * Memory of @account for @solution, from the exporter that it names: fills fds, kinds and sizes of
 * @layout, and @clean with whether it is cleared already. False: there is none.
 */
bool waybuf_recycle_take(struct waybuf_manager *manager, struct waybuf_account *account,
	const struct waybuf_solution *solution, struct waybuf_layout *layout, bool *clean);

/* Clears all memories. Blocks, on the worker's thread. 0, -ETIMEDOUT (fences), -errno. */
int waybuf_recycle_clear(const struct waybuf_layout *layout);

/* The oldest one of the account, if there is any, goes. */
bool waybuf_recycle_drop_one(struct waybuf_account *account);
/* All of them. False: there were none. */
bool waybuf_recycle_drop_all(struct waybuf_manager *manager);

#endif
