/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_FENCE_H
#define WAYBUF_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Fences and reservations: who has to wait for whom before touching a buffer.
 *
 * A fence stands for work on a buffer that is under way. It is the kernel's dma_fence, one level
 * up, and keeps the same contract:
 *
 * - It settles exactly once: from active to signalled, or from active to an error. What has been
 *   read as settled never changes again.
 * - It settles in bounded time. Fences that come from a driver do, because the driver recovers a
 *   hung device and signals by force. Timeline points that a client has not submitted anything to
 *   yet do not: whoever waits for one brings a deadline, and such a fence has no kernel form.
 * - An error means that the work did not happen as asked: *the contents are undefined*. It never
 *   means "done". A function of this header that fails has not signalled anything either.
 * - Waiting never blocks. A fence is asked (waybuf_fence_status()), or watched from an event loop.
 *   One that has settled already costs no fd, no timer and no turn of the loop.
 *
 * Threads: a fence, a timeline or a reservation, its reference count included, belongs to the
 * thread that created it, which is the thread of the event loop that watches it. Hand an fd
 * (waybuf_fence_to_sync_file()) to another thread, not a fence.
 *
 * All functions that can fail return 0 or a negative errno and leave their output alone when they
 * fail. Times are nanoseconds of CLOCK_MONOTONIC.
 */

/** A fence: opaque, reference counted, settles once. */
struct waybuf_fence;

/** Takes another reference. Returns @fence, which may be NULL. */
WAYBUF_EXPORT struct waybuf_fence *waybuf_fence_ref(struct waybuf_fence *fence);

/** Drops a reference; the last one frees the fence and closes its fds. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_fence_unref(struct waybuf_fence *fence);

/**
 * Asks whether the work is over, without blocking. 0 while it is active, 1 when it is done, or a
 * negative errno when it ended in an error (contents undefined). Typical errors are the kernel's:
 * -ENODATA, -ECANCELED, -ETIME for a job that a reset threw away, -ENOENT for a sw_sync timeline
 * that was closed.
 */
WAYBUF_EXPORT int waybuf_fence_status(struct waybuf_fence *fence);

/**
 * When the fence settled. For a merged fence: when the last part did. *ns is 0 if it settled at a
 * time nobody recorded (a stub). 0, or -EAGAIN while it is active.
 */
WAYBUF_EXPORT int waybuf_fence_timestamp(struct waybuf_fence *fence, uint64_t *ns);

/**
 * Hints that the work is wanted by @ns (absolute), so that a driver can raise its clocks
 * (SYNC_IOC_SET_DEADLINE, Linux 6.6). Only a hint. 0, also for fences that can make no use of it;
 * -EOPNOTSUPP if the kernel is too old to take it.
 */
WAYBUF_EXPORT int waybuf_fence_set_deadline(struct waybuf_fence *fence, uint64_t ns);

/**
 * Writes a line for people about the fence ("sync_file vkms-...") into @text, always terminated,
 * cut to @size bytes. Not a parseable format.
 */
WAYBUF_EXPORT void waybuf_fence_describe(struct waybuf_fence *fence, char *text, size_t size);

/**
 * A fence that is signalled already: "nothing to wait for". Never NULL, never fails, shared by
 * everybody; references to it may be taken and dropped like any other's.
 */
WAYBUF_EXPORT struct waybuf_fence *waybuf_fence_stub(void);

/**
 * A fence that has ended in @error already (a negative errno): for work that is known to be lost.
 * 0, -EINVAL if @error is not a negative errno, -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_fence_failed(int error, struct waybuf_fence **out);

/* ---- sync_files: the kernel's files around fences ------------------------------------------- */

/**
 * Makes a fence of the sync_file @fd. @fd is *taken*, on failure too (it is closed then). 0;
 * -EBADF if it is not open, -EINVAL if it is no sync_file (SYNC_IOC_FILE_INFO says ENOTTY), which
 * is a peer's mistake; other errors are that ioctl's. APIs that say "already signalled" with an fd
 * of -1 (EGL, Vulkan) mean waybuf_fence_stub(); here -1 is -EBADF.
 */
WAYBUF_EXPORT int waybuf_fence_from_sync_file(int fd, struct waybuf_fence **out);

/**
 * Makes a new sync_file (O_CLOEXEC) of the fence, *fd, owned by the caller. A merged fence is
 * merged by the kernel, which forgets the errors of parts that have settled: ask the status first.
 * 0; -EOPNOTSUPP if the fence has no kernel form: a software timeline's (the kernel must never wait
 * for user space), a stub's (nothing to send: test the status first), an any-of fence's. -EAGAIN
 * for a timeline point nobody has submitted work for yet. -EMFILE and -ENFILE as everywhere.
 */
WAYBUF_EXPORT int waybuf_fence_to_sync_file(struct waybuf_fence *fence, int *fd);

/* ---- several fences as one ------------------------------------------------------------------ */

/**
 * A fence that settles when *all* @n of @fences have: with the first error among them, or
 * signalled. Merged fences are flattened; signalled ones are dropped; of several fences of one
 * context only the latest stays, as a context runs in order; an error is never dropped. What
 * remains decides what is returned: nothing, the stub; a single fence, a new reference to that;
 * else an array. References are duplicated, never taken. NULL entries are allowed and mean nothing
 * to wait for. 0 or -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_fence_merge(
	struct waybuf_fence *const *fences, size_t n, struct waybuf_fence **out);

/**
 * A fence that settles when the *first* of @fences does, and like it. It has no kernel form.
 * References are duplicated. 0, -EINVAL if @n is 0 or an entry is NULL, -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_fence_any(
	struct waybuf_fence *const *fences, size_t n, struct waybuf_fence **out);

/**
 * How many fences remain when @fence is flattened: the slots that waybuf_resv_add() needs for it.
 * 1 for everything but an array made by waybuf_fence_merge().
 */
WAYBUF_EXPORT size_t waybuf_fence_leaves(const struct waybuf_fence *fence);

/* ---- software timelines --------------------------------------------------------------------- */

/*
 * Fences without a kernel, for work of the CPU and for machines without DRM. Points rise. The fence
 * of point n settles when the timeline gets to n or beyond.
 */

/** A row of points that fences wait for. */
struct waybuf_timeline;

/**
 * Creates a timeline at point 0. @name is copied, 31 characters of it; for people. 0 or -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_timeline_create(const char *name, struct waybuf_timeline **out);

/**
 * Settles every fence that is still active with -ECANCELED and frees the timeline. The fences live
 * on. NULL is a no-op. Must not be called from a callback that this timeline is running.
 */
WAYBUF_EXPORT void waybuf_timeline_destroy(struct waybuf_timeline *timeline);

/**
 * The fence of @point. For a point that the timeline has passed it is settled already. The
 * reference is the caller's. 0 or -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_timeline_fence(
	struct waybuf_timeline *timeline, uint64_t point, struct waybuf_fence **out);

/**
 * Advances to @point and signals the fences up to it, in rising order. Their callbacks run inside
 * this call. 0, or -EINVAL if @point is not above the present one: points rise strictly.
 */
WAYBUF_EXPORT int waybuf_timeline_signal(struct waybuf_timeline *timeline, uint64_t point);

/**
 * Advances to @point like waybuf_timeline_signal(), but the work was lost: the fences settle with
 * @error, a negative errno, and so do fences of these points that are asked for later. 0, or
 * -EINVAL if @point is not above the present one or @error is not a negative errno.
 */
WAYBUF_EXPORT int waybuf_timeline_fail(struct waybuf_timeline *timeline, uint64_t point, int error);

/** The point the timeline has reached. */
WAYBUF_EXPORT uint64_t waybuf_timeline_point(const struct waybuf_timeline *timeline);

/* ---- reservations: the fences of one buffer, each with how its work uses it ------------------ */

/**
 * How work uses the buffer, from the strictest class down. Asking for a class gives that class and
 * all above it: a reader asks for WRITE (it waits for writers), a writer for READ (it waits for
 * readers too). A fence may be promoted to a stricter class, never demoted.
 */
enum waybuf_resv_usage {
	/** moving or clearing the memory itself: everybody waits */
	WAYBUF_RESV_KERNEL = 0,
	/** writes the contents */
	WAYBUF_RESV_WRITE = 1,
	/** reads the contents */
	WAYBUF_RESV_READ = 2,
	/** keeps the memory alive, orders nobody: explicitly synchronised work */
	WAYBUF_RESV_BOOKKEEP = 3,
};

/** The class to ask for before reading (@write false) or writing (@write true). */
static inline enum waybuf_resv_usage waybuf_resv_usage_rw(bool write)
{
	return write ? WAYBUF_RESV_READ : WAYBUF_RESV_WRITE;
}

/** Opaque, reference counted: buffers that share one storage may share one reservation. */
struct waybuf_resv;

/** An empty reservation. 0 or -ENOMEM. */
WAYBUF_EXPORT int waybuf_resv_create(struct waybuf_resv **out);
/** Takes another reference. Returns @resv, which may be NULL. */
WAYBUF_EXPORT struct waybuf_resv *waybuf_resv_ref(struct waybuf_resv *resv);
/** Drops a reference; the last one drops the fences and frees. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_resv_unref(struct waybuf_resv *resv);

/**
 * Reserves @n slots (waybuf_fence_leaves() each) before the point of no return, so that adding
 * cannot fail after it. Reservations add up and last until they are used or given back, whoever
 * else reserves and adds in between. 0, -ENOMEM, -EINVAL if @n is 0.
 */
WAYBUF_EXPORT int waybuf_resv_reserve(struct waybuf_resv *resv, size_t n);

/** Gives back @n reserved slots that were not needed. */
WAYBUF_EXPORT void waybuf_resv_unreserve(struct waybuf_resv *resv, size_t n);

/**
 * Adds @fence (referenced), of class @usage, and uses up waybuf_fence_leaves() reserved slots;
 * adding without having reserved is the caller's bug and aborts. A merged fence is added part by
 * part. A part takes the place of an earlier fence of the same context with the same or a weaker
 * class, or of one that is signalled. A signalled fence leaves nothing behind; one that ended in an
 * error stays (one for each class) until waybuf_resv_clear_errors(), because the contents stay
 * undefined.
 */
WAYBUF_EXPORT void waybuf_resv_add(
	struct waybuf_resv *resv, struct waybuf_fence *fence, enum waybuf_resv_usage usage);

/** Forgets the errors: somebody has rewritten the whole contents. */
WAYBUF_EXPORT void waybuf_resv_clear_errors(struct waybuf_resv *resv);

/**
 * 0 if a fence of @usage or a stricter class is active, 1 if none is, a negative errno if none is
 * active and one ended in an error.
 */
WAYBUF_EXPORT int waybuf_resv_status(struct waybuf_resv *resv, enum waybuf_resv_usage usage);

/**
 * One fence for everything of @usage and stricter classes now in the reservation, as
 * waybuf_fence_merge() makes it; later additions do not enter it. The reference is the caller's.
 * 0 or -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_resv_snapshot(
	struct waybuf_resv *resv, enum waybuf_resv_usage usage, struct waybuf_fence **out);

/**
 * Iterates over what is of @usage or stricter: start with *@cursor = 0 and call until NULL comes
 * back. Signalled fences are skipped. The fence is borrowed and valid until the reservation
 * changes; its class goes to @found, which may be NULL. The reservation must not change in between.
 */
WAYBUF_EXPORT struct waybuf_fence *waybuf_resv_next(struct waybuf_resv *resv,
	enum waybuf_resv_usage usage, size_t *cursor, enum waybuf_resv_usage *found);

/* ---- implicit fences ------------------------------------------------------------------------ */

/*
 * The bridge to the fences that the kernel keeps on each dma-buf (implicit synchronisation, Linux
 * 6.0). Whether the kernel can is found by asking it once, and remembered. Export, submission and
 * import together are not atomic: whoever needs that serialises them for each buffer.
 */

/**
 * A snapshot of what to wait for before reading (@write false) or writing (@write true) the dma-buf
 * @fd, which is borrowed. Nothing to wait for gives a signalled fence. 0; -EOPNOTSUPP if the kernel
 * cannot, -EINVAL if @fd is no dma-buf, -EBADF, -EMFILE, -ENFILE, -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_dmabuf_export_fence(int fd, bool write, struct waybuf_fence **out);

/**
 * Puts @fence (borrowed) on the dma-buf @fd (borrowed), as work that reads (@write false) or writes
 * it. A fence that is known to have settled is not put there, and that is success. 0; -EOPNOTSUPP
 * if the kernel cannot or the fence has no kernel form, -EAGAIN if it has none yet, -EINVAL if @fd
 * is no dma-buf, -EBADF, -EMFILE, -ENFILE, -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_dmabuf_import_fence(int fd, bool write, struct waybuf_fence *fence);

#ifdef __cplusplus
}
#endif

#endif
