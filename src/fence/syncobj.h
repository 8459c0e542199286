/* SPDX-License-Identifier: MIT */
#ifndef FENCE_SYNCOBJ_H
#define FENCE_SYNCOBJ_H

#include <stdbool.h>
#include <stdint.h>
#include <waybuf/fence.h>

/*
 * Timeline syncobjs: the kernel's container of fences by rising 64-bit points, shared between
 * processes as an fd. A client may name a point before anything is submitted for it (wait before
 * submit). Such a point has *not materialised*: nothing bounds it, so it stays in our queue as a
 * fence without a kernel form until the kernel says that it is there.
 */

/* A DRM file that has syncobjs. Reference counted; syncobjs and their fences hold it. */
struct waybuf_syncobj_device;

/*
 * Probes @drm_fd and keeps a duplicate of it (the caller's stays the caller's). -EOPNOTSUPP if the
 * driver has no timeline syncobjs (DRM_CAP_SYNCOBJ_TIMELINE is 0, vkms in stock kernels) or the
 * kernel no eventfds for them (Linux 6.6), which we need because waiting must not block.
 */
int waybuf_syncobj_device_create(int drm_fd, struct waybuf_syncobj_device **out);
struct waybuf_syncobj_device *waybuf_syncobj_device_ref(struct waybuf_syncobj_device *device);
/* NULL is a no-op. */
void waybuf_syncobj_device_unref(struct waybuf_syncobj_device *device);

/*
 * A new sync_file (owned by the caller) that is signalled: for IN_FENCE_FD, which stops the kernel
 * from waiting for implicit fences of its own.
 */
int waybuf_syncobj_device_stub(struct waybuf_syncobj_device *device, int *fd);

/* A timeline. Reference counted; the fences of its points hold it while they have to. */
struct waybuf_syncobj;

int waybuf_syncobj_create(struct waybuf_syncobj_device *device, struct waybuf_syncobj **out);
/*
 * @fd is borrowed. -EINVAL if it is not a syncobj: the peer's mistake, unlike -ENOMEM, -EMFILE and
 * the like. The kernel makes a new handle each time, so each import costs one.
 */
int waybuf_syncobj_import(
	struct waybuf_syncobj_device *device, int fd, struct waybuf_syncobj **out);
/*
 * Who pays for what the kernel keeps for us on a timeline: each point that is watched before it has
 * materialised costs kernel memory until it has signalled or the timeline is gone, whether or not we
 * still want to know. Nobody else is charged for it.
 */
struct waybuf_syncobj_payer {
	/* one more. 0 or -EDQUOT: then the point is not watched */
	int (*charge)(void *data);
	/* @n of them have ended */
	void (*discharge)(void *data, uint32_t n);
	/* our handle goes; @n have not ended, and do so when others' references to the timeline go */
	void (*leave)(void *data, uint32_t n);
};
/* Once, before a point is watched. @data lasts until the call of leave. */
void waybuf_syncobj_set_payer(
	struct waybuf_syncobj *syncobj, const struct waybuf_syncobj_payer *payer, void *data);

struct waybuf_syncobj *waybuf_syncobj_ref(struct waybuf_syncobj *syncobj);
/* NULL is a no-op. */
void waybuf_syncobj_unref(struct waybuf_syncobj *syncobj);
/* An fd of the timeline (O_CLOEXEC), owned by the caller. */
int waybuf_syncobj_export(struct waybuf_syncobj *syncobj, int *fd);

/*
 * The fence of @point. One ioctl and no fd if the point has signalled: then the fence is the stub,
 * and an error that it may have ended in is not seen (waybuf_syncobj_point_error()). One fd if
 * work is submitted and pending: a sync_file fence. Otherwise a fence that has not materialised;
 * it costs an eventfd when it is watched, and becomes the real one when the kernel has it.
 */
int waybuf_syncobj_fence(struct waybuf_syncobj *syncobj, uint64_t point, struct waybuf_fence **out);

/*
 * 0 or the error that a signalled point ended in. The kernel tells errors through sync_files only,
 * so this costs an fd for the time of the call. -EAGAIN if the point has not signalled.
 */
int waybuf_syncobj_point_error(struct waybuf_syncobj *syncobj, uint64_t point, int *error);

/* The highest point up to which everything has signalled. What it ends is paid for no more. */
int waybuf_syncobj_query(struct waybuf_syncobj *syncobj, uint64_t *point);

/* A sync_file of a point. -EAGAIN if it has not materialised. */
int waybuf_syncobj_export_point(struct waybuf_syncobj *syncobj, uint64_t point, int *fd);
/* Puts the sync_file @fd (borrowed) on a point above the last one. */
int waybuf_syncobj_import_point(struct waybuf_syncobj *syncobj, uint64_t point, int fd);
/*
 * Puts @fence on a point above the last one; a fence that has settled signals it at once.
 * -EOPNOTSUPP if the fence has no kernel form: wait for it, then waybuf_syncobj_signal().
 */
int waybuf_syncobj_put_fence(
	struct waybuf_syncobj *syncobj, uint64_t point, struct waybuf_fence *fence);
/* Signals a point above the last one by the CPU. */
int waybuf_syncobj_signal(struct waybuf_syncobj *syncobj, uint64_t point);
/* Copies what is on one point to another point, both on the same device. */
int waybuf_syncobj_transfer(struct waybuf_syncobj *dst, uint64_t dst_point,
	struct waybuf_syncobj *src, uint64_t src_point);

/*
 * The deadline hint of waybuf_fence_set_deadline() for a point, without an fd. -EINVAL if it has
 * not materialised.
 */
int waybuf_syncobj_set_deadline(struct waybuf_syncobj *syncobj, uint64_t point, uint64_t ns);

enum waybuf_syncobj_event {
	WAYBUF_SYNCOBJ_SIGNALLED,
	/* the point has materialised */
	WAYBUF_SYNCOBJ_AVAILABLE,
};
/*
 * The kernel will write to the eventfd @fd (borrowed; it keeps a reference of its own) when @point
 * gets there, at once if it has. A registration cannot be taken back: it lasts as long as the
 * timeline does. For timelines of one's own.
 */
int waybuf_syncobj_eventfd(
	struct waybuf_syncobj *syncobj, uint64_t point, enum waybuf_syncobj_event event, int fd);
/*
 * The same for somebody else's: it is written to twice, when @point has materialised, and when it
 * has signalled. Whoever has got 0 calls waybuf_syncobj_unwatch() once, and says whether both have
 * come. -EDQUOT: the payer refuses.
 */
int waybuf_syncobj_watch(struct waybuf_syncobj *syncobj, uint64_t point, int fd);
void waybuf_syncobj_unwatch(struct waybuf_syncobj *syncobj, uint64_t point, bool ended);

#endif
