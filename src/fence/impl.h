/* SPDX-License-Identifier: MIT */
#ifndef FENCE_IMPL_H
#define FENCE_IMPL_H

#include <stdbool.h>
#include <waybuf/fence.h>

#include "util/list.h"
#include "util/loop.h"

/*
 * For those who implement a kind of fence. Embed struct waybuf_fence, init it, and settle it once;
 * fence.c has the rules.
 */
struct waybuf_fence_ops {
	const char *name;
	/*
	 * Asks whatever is behind the fence. Called only while it is active. Returns 0, or what the
	 * base is to record: 1 or the fence's error, with @ns set to the time if that is known.
	 * NULL: only waybuf_fence_settle() settles this kind.
	 */
	int (*poll)(struct waybuf_fence *fence, uint64_t *ns);
	/*
	 * Watches, so that waybuf_fence_check() will be called from @loop when the fence settles,
	 * or waybuf_fence_announce().
	 * Called with the first wait. 0; or 1 if it turns out that the fence has settled, or a
	 * negative errno if it cannot be watched, both with nothing left behind. After 0 nothing
	 * may fail that would leave the fence unwatched. NULL: nothing to do.
	 */
	int (*enable)(struct waybuf_fence *fence, struct waybuf_loop *loop);
	/* Undoes enable: nobody waits any more, or the fence has settled. NULL: nothing to do. */
	void (*disable)(struct waybuf_fence *fence);
	/* NULL: no kernel form. */
	int (*to_sync_file)(struct waybuf_fence *fence, int *fd);
	/* NULL: the hint is of no use. */
	int (*set_deadline)(struct waybuf_fence *fence, uint64_t ns);
	/* Adds to "name context:seqno". NULL: nothing to add. */
	void (*describe)(struct waybuf_fence *fence, char *text, size_t size);
	/* Frees the fence. No wait is pending. */
	void (*release)(struct waybuf_fence *fence);
};

struct waybuf_fence {
	const struct waybuf_fence_ops *ops;
	/* order within a context is the order of seqnos; a context of its own: no order */
	uint64_t context, seqno;
	uint64_t settled_ns;
	int refs;
	int status;
	struct waybuf_loop *loop; /* of the pending waits; NULL if none */
	struct waybuf_list waits; // waybuf_fence_wait.link
};

/* A context nobody else has. Safe from any thread. */
uint64_t waybuf_fence_context_alloc(void);

/* One reference, active. */
void waybuf_fence_init(struct waybuf_fence *fence, const struct waybuf_fence_ops *ops,
	uint64_t context, uint64_t seqno);

/*
 * Settles an active fence with @status (1 or a negative errno) at @ns (0: unknown) and runs the
 * waits. Settling twice is our bug.
 */
void waybuf_fence_settle(struct waybuf_fence *fence, int status, uint64_t ns);

/* What a watch calls: asks the fence, and runs the waits if it has settled. */
void waybuf_fence_check(struct waybuf_fence *fence);

/*
 * For the watch of a fence that has settled. Runs the waits, and lets go of the watch, and of the
 * fence if nobody else has it, when the loop's turn is over: whoever was told may have a frame to
 * show, which is not to wait until fds are closed. The watch may be called again until then. A loop
 * without such an end has it at once.
 */
void waybuf_fence_announce(struct waybuf_fence *fence);

/* What is known without asking anybody: no syscall. */
static inline int waybuf_fence_known_status(const struct waybuf_fence *fence)
{
	return fence->status;
}

/* The members of an all-of array, borrowed, or NULL with @n = 0 for every other fence. */
struct waybuf_fence *const *waybuf_fence_members(const struct waybuf_fence *fence, size_t *n);

/* An array of @n (at least 1) fences whose references it takes, also on failure. */
int waybuf_fence_array_create(
	struct waybuf_fence **fences, size_t n, bool any, struct waybuf_fence **out);

/* What SYNC_IOC_FILE_INFO says of a sync_file: status as waybuf_fence_status(), time if settled. */
int waybuf_sync_file_info(int fd, int *status, uint64_t *ns);
/* SYNC_IOC_MERGE: a new sync_file of both, which are borrowed. */
int waybuf_sync_file_merge(int a, int b, int *out);

/* Forgets what the bridge to implicit fences has learnt about the kernel; for tests. */
void waybuf_dmabuf_forget_probe(void);

#endif
