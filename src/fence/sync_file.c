/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "fence/impl.h"
#include "fence/sync_file.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"

/*
 * A fence around the kernel's sync_file. The fd is kept until the last unref even after it has
 * signalled, because it is the fence's kernel form; but for that of a flip, of which there is one
 * for each frame: it is closed when the flip is seen.
 *
 * Asking: SYNC_IOC_FILE_INFO sums up the status of the container when it is asked for no fence
 * infos, and a timeline's container does not carry its parts' errors. So the parts are always asked
 * for, into a buffer that is big enough for what compositors meet, and judged here: active if one
 * part is, else the first error in time, else done.
 */
struct sync_file_fence {
	struct waybuf_fence base;
	int fd; /* -1: known to have signalled */
	struct waybuf_source *source;
};

enum { INFOS_ON_STACK = 8, INFOS_MAX = 1 << 16 };

static int ioctl_restart(int fd, unsigned long request, void *arg)
{
	int ret;
	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret < 0 ? -errno : 0;
}

static int get_infos(int fd, struct sync_fence_info *infos, uint32_t *n)
{
	struct sync_file_info info = {
		.num_fences = *n,
		.sync_fence_info = (uint64_t)(uintptr_t)infos,
	};
	int ret = ioctl_restart(fd, SYNC_IOC_FILE_INFO, &info);
	/* a peer's fd may be anything that answers ioctls, so what it answers is checked */
	if (ret == 0 && *n && info.num_fences > *n)
		return -EINVAL;
	*n = info.num_fences;
	return ret;
}

static int judge(const struct sync_fence_info *infos, uint32_t n, uint64_t *ns)
{
	int status = 1;
	uint64_t last = 0, failed_at = UINT64_MAX;
	for (uint32_t i = 0; i < n; i++) {
		if (infos[i].status == 0)
			return 0;
		if (infos[i].timestamp_ns > last)
			last = infos[i].timestamp_ns;
		if (infos[i].status < 0 && infos[i].timestamp_ns < failed_at) {
			status = infos[i].status;
			failed_at = infos[i].timestamp_ns;
		}
	}
	*ns = last;
	return status;
}

/* -EINVAL for a full buffer is how the kernel says that there are more parts than it holds. */
static int get_many_infos(int fd, int *status, uint64_t *ns)
{
	uint32_t n = 0;
	int ret = get_infos(fd, NULL, &n);
	if (ret < 0)
		return ret;
	if (n == 0 || n > INFOS_MAX)
		return -EOVERFLOW;
	struct sync_fence_info *infos = calloc(n, sizeof(*infos));
	if (!infos)
		return -ENOMEM;
	ret = get_infos(fd, infos, &n);
	if (ret == 0)
		*status = judge(infos, n, ns);
	free(infos);
	return ret;
}

int waybuf_sync_file_info(int fd, int *status, uint64_t *ns)
{
	struct sync_fence_info infos[INFOS_ON_STACK] = {0};
	uint32_t n = INFOS_ON_STACK;
	int ret = get_infos(fd, infos, &n);
	if (ret == -EINVAL)
		return get_many_infos(fd, status, ns);
	if (ret < 0)
		return ret;
	*status = judge(infos, n, ns);
	return 0;
}

int waybuf_sync_file_merge(int a, int b, int *out)
{
	struct sync_merge_data merge = {.name = "waybuf", .fd2 = b, .fence = -1};
	int ret = ioctl_restart(a, SYNC_IOC_MERGE, &merge);
	if (ret < 0)
		return ret;
	*out = merge.fence;
	return 0;
}

static struct sync_file_fence *sync_file(struct waybuf_fence *base)
{
	return waybuf_container_of(base, struct sync_file_fence, base);
}

/* Not knowing is "active": an error would tell others that the work is over. */
static int sync_file_poll(struct waybuf_fence *base, uint64_t *ns)
{
	int status = 0;
	int ret = waybuf_sync_file_info(sync_file(base)->fd, &status, ns);
	if (ret < 0)
		waybuf_error("SYNC_IOC_FILE_INFO: %s", strerror(-ret));
	return ret < 0 ? 0 : status;
}

/* The container's own status, without asking for the parts; cannot run out of memory. */
static int container_status(int fd)
{
	struct sync_file_info info = {0};
	return ioctl_restart(fd, SYNC_IOC_FILE_INFO, &info) < 0 ? -EIO : info.status;
}

/*
 * The fd is readable for ever once the fence has signalled, so the source must go now. If the
 * parts do not say so (one of the kernel's own any-of arrays, or no memory to list them), the
 * container does.
 */
static void readable(int fd, uint32_t mask, void *data)
{
	struct waybuf_fence *base = data;
	if (waybuf_fence_status(base)) {
		waybuf_fence_announce(base);
		return;
	}
	int status = container_status(fd);
	if (status)
		waybuf_fence_settle(base, status, clock_now_ns());
}

static int sync_file_enable(struct waybuf_fence *base, struct waybuf_loop *loop)
{
	struct sync_file_fence *fence = sync_file(base);
	int error = 0;
	fence->source =
		waybuf_loop_add_fd(loop, fence->fd, WAYBUF_LOOP_READABLE, readable, base, &error);
	return fence->source ? 0 : error;
}

static void sync_file_disable(struct waybuf_fence *base)
{
	struct sync_file_fence *fence = sync_file(base);
	waybuf_source_remove(fence->source);
	fence->source = NULL;
}

static int sync_file_to_sync_file(struct waybuf_fence *base, int *out)
{
	if (sync_file(base)->fd < 0)
		return -EOPNOTSUPP;
	int fd = fd_dup(sync_file(base)->fd);
	if (fd < 0)
		return fd;
	*out = fd;
	return 0;
}

static int sync_file_set_deadline(struct waybuf_fence *base, uint64_t ns)
{
	struct sync_set_deadline deadline = {.deadline_ns = ns};
	int ret = ioctl_restart(sync_file(base)->fd, SYNC_IOC_SET_DEADLINE, &deadline);
	return ret == -ENOTTY ? -EOPNOTSUPP : ret;
}

static void sync_file_describe(struct waybuf_fence *base, char *text, size_t size)
{
	struct sync_file_info info = {0};
	if (ioctl_restart(sync_file(base)->fd, SYNC_IOC_FILE_INFO, &info) < 0)
		return;
	snprintf(text, size, "%.*s", (int)sizeof(info.name), info.name);
}

static void sync_file_release(struct waybuf_fence *base)
{
	struct sync_file_fence *fence = sync_file(base);
	fd_close(&fence->fd);
	free(fence);
}

static const struct waybuf_fence_ops sync_file_ops = {
	.name = "sync_file",
	.poll = sync_file_poll,
	.enable = sync_file_enable,
	.disable = sync_file_disable,
	.to_sync_file = sync_file_to_sync_file,
	.set_deadline = sync_file_set_deadline,
	.describe = sync_file_describe,
	.release = sync_file_release,
};

int waybuf_fence_from_kernel(int fd, uint64_t context, uint64_t seqno, struct waybuf_fence **out)
{
	struct sync_file_fence *fence = calloc(1, sizeof(*fence));
	if (!fence) {
		fd_close(&fd);
		return -ENOMEM;
	}
	waybuf_fence_init(&fence->base, &sync_file_ops, context, seqno);
	fence->fd = fd;
	*out = &fence->base;
	return 0;
}

void waybuf_fence_from_kernel_signalled(struct waybuf_fence *base, uint64_t ns)
{
	waybuf_fence_ref(base);
	if (waybuf_fence_known_status(base) == 0)
		waybuf_fence_settle(base, 1, ns);
	/* not before: those who wait had a source on it */
	fd_close(&sync_file(base)->fd);
	waybuf_fence_unref(base);
}

int waybuf_fence_lend_sync_file(struct waybuf_fence *fence, int *fd, int *own)
{
	*own = -1;
	*fd = fence->ops == &sync_file_ops ? sync_file(fence)->fd : -1;
	if (*fd >= 0)
		return 0;
	int ret = waybuf_fence_to_sync_file(fence, own);
	*fd = *own;
	return ret;
}

int waybuf_fence_from_sync_file(int fd, struct waybuf_fence **out)
{
	int status = 0;
	uint64_t ns = 0;
	int ret = fd < 0 ? -EBADF : waybuf_sync_file_info(fd, &status, &ns);
	if (ret < 0) {
		fd_close(&fd);
		return ret == -ENOTTY ? -EINVAL : ret;
	}
	ret = waybuf_fence_from_kernel(fd, waybuf_fence_context_alloc(), 1, out);
	if (ret < 0)
		return ret;
	(*out)->status = status;
	(*out)->settled_ns = ns;
	return 0;
}

int waybuf_fence_wait_add_sync_file(struct waybuf_fence_wait *wait, int fd,
	struct waybuf_loop *loop, waybuf_fence_func_t func, int *status)
{
	struct waybuf_fence *fence;
	int own = fd_dup(fd);
	int ret = own < 0 ? own : waybuf_fence_from_sync_file(own, &fence);
	if (ret < 0)
		return ret;
	ret = waybuf_fence_wait_add(wait, fence, loop, func);
	if (ret == 1)
		*status = waybuf_fence_status(fence);
	waybuf_fence_unref(fence);
	return ret;
}
