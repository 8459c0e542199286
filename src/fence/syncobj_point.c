/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fence/impl.h"
#include "fence/sync_file.h"
#include "fence/syncobj.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"

/*
 * The fence of a timeline point.
 *
 *	signalled		the stub: one ioctl, no fd
 *	submitted, pending	a sync_file fence: the kernel bounds it, KMS and GPUs take it
 *	not materialised	the fence of this file
 *
 * A fence of this file pins what is submitted to its point, as a sync_file, as soon as it sees it.
 * Not only is that the kernel form: a later point's submission makes the kernel forget how an
 * earlier one ended, so an error would be lost that is not pinned in time.
 *
 * Watching takes one eventfd with two registrations: that the point has materialised, so that it is
 * pinned then, and that it has signalled. The second is complete without the first, so that
 * nothing that could fail is left to do when the submission comes. If it cannot be pinned (EMFILE)
 * the fence still settles in time; but then the work is over and nobody knows how, so that error is
 * the fence's: contents undefined.
 *
 * Registrations stay in the kernel until they fire or the timeline goes, so a fence that is
 * watched, left and watched again keeps its eventfd and does not register twice. Those that nobody
 * waits for any more are paid for until then (syncobj_watches.h).
 */
struct point_fence {
	struct waybuf_fence base;
	struct waybuf_syncobj *syncobj;
	int file; /* the sync_file; -1 before it is pinned */
	int eventfd; /* registered; -1 before the first watch */
	uint64_t events; /* the eventfd's sum so far: 2 when both registrations have fired */
	struct waybuf_source *source;
};

static struct point_fence *point_fence(struct waybuf_fence *base)
{
	return waybuf_container_of(base, struct point_fence, base);
}

int waybuf_syncobj_point_error(struct waybuf_syncobj *syncobj, uint64_t point, int *error)
{
	int fd = -1, status = 0;
	uint64_t ns;
	int ret = waybuf_syncobj_export_point(syncobj, point, &fd);
	if (ret < 0)
		return ret;
	ret = waybuf_sync_file_info(fd, &status, &ns);
	fd_close(&fd);
	if (ret < 0)
		return ret;
	if (status == 0)
		return -EAGAIN;
	*error = status < 0 ? status : 0;
	return 0;
}

/* 1 if signalled, 0 if not, or a negative errno. */
static int is_signalled(struct waybuf_syncobj *syncobj, uint64_t point)
{
	uint64_t reached;
	int ret = waybuf_syncobj_query(syncobj, &reached);
	return ret < 0 ? ret : reached >= point;
}

static int pin(struct point_fence *fence)
{
	if (fence->file >= 0)
		return 0;
	return waybuf_syncobj_export_point(fence->syncobj, fence->base.seqno, &fence->file);
}

static int point_poll(struct waybuf_fence *base, uint64_t *ns)
{
	struct point_fence *fence = point_fence(base);
	int status = 0;
	int ret = pin(fence);
	if (ret == -EAGAIN)
		return 0;
	if (ret < 0)
		return is_signalled(fence->syncobj, base->seqno) == 1 ? ret : 0;
	waybuf_sync_file_info(fence->file, &status, ns);
	return status;
}

static uint64_t count_events(struct point_fence *fence)
{
	uint64_t events = 0;
	if (read(fence->eventfd, &events, sizeof(events)) == sizeof(events))
		fence->events += events;
	return fence->events;
}

/*
 * The point is asked before its eventfd is read: a frame may wait for the answer, and once that is
 * the end nobody has to read any more.
 *
 * After both events the point has signalled. If it cannot be seen that it has (no memory, or a
 * client that adds points out of order has put others in its place), nobody knows how it ended. Both
 * may have come since it was asked, so it is asked again.
 */
static void eventfd_readable(int fd, uint32_t mask, void *data)
{
	struct waybuf_fence *base = data;
	if (!waybuf_fence_status(base)) {
		if (count_events(point_fence(base)) < 2)
			return;
		if (!waybuf_fence_status(base)) {
			waybuf_fence_settle(base, -EIO, clock_now_ns());
			return;
		}
	}
	waybuf_fence_announce(base);
}

static int register_eventfd(struct point_fence *fence)
{
	if (fence->eventfd >= 0)
		return 0;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	int ret = waybuf_syncobj_watch(fence->syncobj, fence->base.seqno, fd);
	if (ret < 0) {
		/* a client that is over its quota is told by its commit, and fills no log */
		if (ret != -EDQUOT)
			waybuf_error("a point cannot be watched: %s", strerror(-ret));
		fd_close(&fd);
		return ret;
	}
	fence->eventfd = fd;
	return 0;
}

static int point_enable(struct waybuf_fence *base, struct waybuf_loop *loop)
{
	struct point_fence *fence = point_fence(base);
	int ret = register_eventfd(fence);
	if (ret < 0)
		return ret;
	fence->source = waybuf_loop_add_fd(
		loop, fence->eventfd, WAYBUF_LOOP_READABLE, eventfd_readable, base, &ret);
	return fence->source ? 0 : ret;
}

static void point_disable(struct waybuf_fence *base)
{
	struct point_fence *fence = point_fence(base);
	waybuf_source_remove(fence->source);
	fence->source = NULL;
}

static int point_to_sync_file(struct waybuf_fence *base, int *out)
{
	struct point_fence *fence = point_fence(base);
	int ret = pin(fence);
	if (ret < 0)
		return ret;
	int fd = fd_dup(fence->file);
	if (fd < 0)
		return fd;
	*out = fd;
	return 0;
}

static int point_set_deadline(struct waybuf_fence *base, uint64_t ns)
{
	struct point_fence *fence = point_fence(base);
	/* as far as we know nothing was submitted yet, so there is nobody to hurry */
	if (fence->file < 0)
		return 0;
	int ret = waybuf_syncobj_set_deadline(fence->syncobj, base->seqno, ns);
	return ret == -EINVAL ? 0 : ret;
}

static void point_release(struct waybuf_fence *base)
{
	struct point_fence *fence = point_fence(base);
	/* a point that has settled has done so in the kernel, and that has written its events */
	if (fence->eventfd >= 0)
		waybuf_syncobj_unwatch(
			fence->syncobj, base->seqno, waybuf_fence_known_status(base) != 0);
	fd_close(&fence->file);
	fd_close(&fence->eventfd);
	waybuf_syncobj_unref(fence->syncobj);
	free(fence);
}

static const struct waybuf_fence_ops point_ops = {
	.name = "point",
	.poll = point_poll,
	.enable = point_enable,
	.disable = point_disable,
	.to_sync_file = point_to_sync_file,
	.set_deadline = point_set_deadline,
	.release = point_release,
};

static int create_point_fence(
	struct waybuf_syncobj *syncobj, uint64_t point, struct waybuf_fence **out)
{
	struct point_fence *fence = calloc(1, sizeof(*fence));
	if (!fence)
		return -ENOMEM;
	/* a context of its own, as a client's points need not be over in order */
	waybuf_fence_init(&fence->base, &point_ops, waybuf_fence_context_alloc(), point);
	fence->syncobj = waybuf_syncobj_ref(syncobj);
	fence->file = fence->eventfd = -1;
	*out = &fence->base;
	return 0;
}

int waybuf_syncobj_fence(struct waybuf_syncobj *syncobj, uint64_t point, struct waybuf_fence **out)
{
	int ret = is_signalled(syncobj, point);
	if (ret < 0)
		return ret;
	if (ret == 1) {
		*out = waybuf_fence_stub();
		return 0;
	}
	int fd = -1;
	ret = waybuf_syncobj_export_point(syncobj, point, &fd);
	if (ret == -EAGAIN)
		return create_point_fence(syncobj, point, out);
	return ret < 0 ? ret : waybuf_fence_from_kernel(fd, waybuf_fence_context_alloc(), 1, out);
}
