/* SPDX-License-Identifier: MIT */
#ifndef FENCE_SYNC_FILE_H
#define FENCE_SYNC_FILE_H

#include "fence/wait.h"

/*
 * sync_files that the kernel has just made for us. What a peer sends is asked what it is, and what
 * it is about (waybuf_fence_from_sync_file()); these are known for that. They are taken for active
 * until somebody asks, so that a fence nobody waits for here costs its fd and no more.
 */

/*
 * Takes @fd, on failure too. Within a @context fences settle in the order of @seqno. -ENOMEM.
 */
int waybuf_fence_from_kernel(int fd, uint64_t context, uint64_t seqno, struct waybuf_fence **out);

/*
 * It has signalled at @ns, as whoever calls knows from the kernel by another way, such as the event
 * of a flip. Closes the fd, so that the fence has no kernel form any more, like a stub; tells those
 * who wait. A no-op if that was known.
 */
void waybuf_fence_from_kernel_signalled(struct waybuf_fence *fence, uint64_t ns);

/*
 * The sync_file of a fence for the time of a call, without a duplicate where there is a file
 * already: *fd is for use, and *own (-1 or the same) is to be closed afterwards. As
 * waybuf_fence_to_sync_file().
 */
int waybuf_fence_lend_sync_file(struct waybuf_fence *fence, int *fd, int *own);

/*
 * As waybuf_fence_wait_add(), for a sync_file of a driver, borrowed. If that is 1 then *status is 1 or
 * the error in which it has ended.
 */
int waybuf_fence_wait_add_sync_file(struct waybuf_fence_wait *wait, int fd,
	struct waybuf_loop *loop, waybuf_fence_func_t func, int *status);

#endif
