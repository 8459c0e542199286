/* SPDX-License-Identifier: MIT */
#ifndef CORE_BOUNDED_SYNC_H
#define CORE_BOUNDED_SYNC_H

#include <stdint.h>

/*
 * DMA_BUF_IOCTL_SYNC waits in the kernel for the implicit fences of the dma-buf, without a limit and
 * deaf to O_NONBLOCK. Whoever may import a fence there decides how long that takes, and on a thread
 * that works for everybody, everybody waits along. To look first (poll() tells whether there is
 * something to wait for) leaves a gap in which a fence can still come.
 *
 * So the call is made on a thread that can be left behind. It waits there for as long as the fence
 * lets it, with an fd of its own, and undoes what nobody wants any more. There are at most
 * BOUNDED_SYNC_THREADS of them, they exist while they have work and a second longer, and they take
 * no signals.
 *
 * Somebody who puts a fence at the last moment onto one dma-buf after the other could have all of
 * them, and 250 ms of everybody's worker each time. So an *owner* leaves BOUNDED_SYNC_STUCK behind
 * at most, and is refused at once until one of these is back.
 */
#define BOUNDED_SYNC_THREADS 16
#define BOUNDED_SYNC_STUCK 4

/*
 * Makes the call with enum dma_buf_sync flags on @fd (borrowed), restarted as it has to be, from any
 * thread. @owner says whose memory it is (waybuf_account.id); 0: nobody's who could mean harm. 0, the
 * errno of the ioctl or of dup(), -ENOMEM; -EAGAIN: no thread can be had; -EBUSY: all of them are
 * stuck, or the owner's share is (which does not hold for END); -ETIMEDOUT: not within @timeout_ms.
 * After that a START that succeeds late is ended at once.
 */
int bounded_sync(int fd, uint64_t flags, uint64_t owner, int timeout_ms);

/* The same on this thread, for as long as it takes. 0 or the errno of the ioctl. */
int unbounded_sync(int fd, uint64_t flags);

#endif
