/* SPDX-License-Identifier: MIT */
#ifndef FENCE_WAIT_H
#define FENCE_WAIT_H

#include <stdbool.h>
#include <waybuf/fence.h>

#include "util/list.h"
#include "util/loop.h"

/*
 * Watching a fence from an event loop. A wait is caller storage: init it once, add it, and it is
 * called once; then it may be added again, to any fence. While it is pending it holds a reference
 * to its fence.
 *
 * All waits on one fence at one time use the same loop, the one of the thread the fence lives on
 * (-EINVAL otherwise): they share one source, because epoll takes an fd once only.
 */
struct waybuf_fence_wait;

/*
 * @status is 1 or the fence's error. Runs from the loop's dispatch, or inside the
 * waybuf_timeline_signal() that settled the fence; never inside waybuf_fence_wait_add(). The wait
 * is idle by then: the function may add it again, cancel other waits and free the wait's storage.
 */
typedef void (*waybuf_fence_func_t)(struct waybuf_fence_wait *wait, int status);

struct waybuf_fence_wait {
	struct waybuf_fence *fence; /* NULL when idle */
	waybuf_fence_func_t func;
	struct waybuf_list link; // waybuf_fence.waits
};

void waybuf_fence_wait_init(struct waybuf_fence_wait *wait);
/* Cancels; the storage may go. */
void waybuf_fence_wait_finish(struct waybuf_fence_wait *wait);

/*
 * Returns 1 if the fence has settled already: no call will come, and waybuf_fence_status() tells
 * whether it is signalled or an error. 0 if one call of @func will come. A negative errno if the
 * fence could not be watched: nothing is known about it, and no call will come. Such a failure is
 * never "signalled". Settled fences cost no fd, no syscall beyond asking, and no allocation.
 * @wait must be idle.
 */
int waybuf_fence_wait_add(struct waybuf_fence_wait *wait, struct waybuf_fence *fence,
	struct waybuf_loop *loop, waybuf_fence_func_t func);

/* No call will come. Safe at any time, inside callbacks and on idle waits too. */
void waybuf_fence_wait_cancel(struct waybuf_fence_wait *wait);

static inline bool waybuf_fence_wait_pending(const struct waybuf_fence_wait *wait)
{
	return wait->fence != NULL;
}

#endif
