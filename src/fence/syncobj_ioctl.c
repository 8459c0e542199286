/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <xf86drm.h>

#include "fence/syncobj_ioctl.h"

/*
 * struct drm_syncobj_handle with the point that newer kernels know. The DRM core copies what both
 * sides know and fills up with zeroes, so the longer form is safe with older kernels, which refuse
 * the flag.
 */
struct handle_with_point {
	uint32_t handle;
	uint32_t flags;
	int32_t fd;
	uint32_t pad;
	uint64_t point;
};

/* HANDLE_TO_FD and FD_TO_HANDLE have the same values */
#define FLAG_SYNC_FILE (1u << 0)
#define FLAG_TIMELINE (1u << 1)
#define IOCTL_HANDLE_TO_FD DRM_IOWR(0xC1, struct handle_with_point)
#define IOCTL_FD_TO_HANDLE DRM_IOWR(0xC2, struct handle_with_point)

#ifndef DRM_IOCTL_SYNCOBJ_EVENTFD
struct drm_syncobj_eventfd {
	__u32 handle;
	__u32 flags;
	__u64 point;
	__s32 fd;
	__u32 pad;
};
#define DRM_IOCTL_SYNCOBJ_EVENTFD DRM_IOWR(0xCF, struct drm_syncobj_eventfd)
#endif

/* drmIoctl restarts on EINTR and EAGAIN. */
static int do_ioctl(int drm_fd, unsigned long request, void *arg)
{
	return drmIoctl(drm_fd, request, arg) < 0 ? -errno : 0;
}

int syncobj_ioctl_create(int drm_fd, bool signalled, uint32_t *handle)
{
	struct drm_syncobj_create arg = {.flags = signalled ? DRM_SYNCOBJ_CREATE_SIGNALED : 0};
	int ret = do_ioctl(drm_fd, DRM_IOCTL_SYNCOBJ_CREATE, &arg);
	if (ret == 0)
		*handle = arg.handle;
	return ret;
}

void syncobj_ioctl_destroy(int drm_fd, uint32_t handle)
{
	struct drm_syncobj_destroy arg = {.handle = handle};
	do_ioctl(drm_fd, DRM_IOCTL_SYNCOBJ_DESTROY, &arg);
}

static int handle_to_fd(int drm_fd, uint32_t handle, uint32_t flags, uint64_t point, int *fd)
{
	struct handle_with_point arg = {
		.handle = handle,
		.flags = flags,
		.fd = -1,
		.point = point,
	};
	int ret = do_ioctl(drm_fd, IOCTL_HANDLE_TO_FD, &arg);
	if (ret == 0)
		*fd = arg.fd;
	return ret;
}

int syncobj_ioctl_handle_to_fd(int drm_fd, uint32_t handle, int *fd)
{
	return handle_to_fd(drm_fd, handle, 0, 0, fd);
}

int syncobj_ioctl_export_file(int drm_fd, uint32_t handle, int *fd)
{
	return handle_to_fd(drm_fd, handle, FLAG_SYNC_FILE, 0, fd);
}

int syncobj_ioctl_export_point(int drm_fd, uint32_t handle, uint64_t point, int *fd)
{
	return handle_to_fd(drm_fd, handle, FLAG_SYNC_FILE | FLAG_TIMELINE, point, fd);
}

static int fd_to_handle(int drm_fd, struct handle_with_point *arg)
{
	return do_ioctl(drm_fd, IOCTL_FD_TO_HANDLE, arg);
}

int syncobj_ioctl_fd_to_handle(int drm_fd, int fd, uint32_t *handle)
{
	struct handle_with_point arg = {.fd = fd};
	int ret = fd_to_handle(drm_fd, &arg);
	if (ret == 0)
		*handle = arg.handle;
	return ret;
}

int syncobj_ioctl_import_file(int drm_fd, uint32_t handle, int fd)
{
	struct handle_with_point arg = {.handle = handle, .flags = FLAG_SYNC_FILE, .fd = fd};
	return fd_to_handle(drm_fd, &arg);
}

int syncobj_ioctl_import_point(int drm_fd, uint32_t handle, uint64_t point, int fd)
{
	struct handle_with_point arg = {
		.handle = handle,
		.flags = FLAG_SYNC_FILE | FLAG_TIMELINE,
		.fd = fd,
		.point = point,
	};
	return fd_to_handle(drm_fd, &arg);
}

int syncobj_ioctl_transfer(
	int drm_fd, uint32_t dst, uint64_t dst_point, uint32_t src, uint64_t src_point)
{
	struct drm_syncobj_transfer arg = {
		.src_handle = src,
		.dst_handle = dst,
		.src_point = src_point,
		.dst_point = dst_point,
	};
	return do_ioctl(drm_fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &arg);
}

static int array_ioctl(int drm_fd, unsigned long request, uint32_t handle, uint64_t *point)
{
	struct drm_syncobj_timeline_array arg = {
		.handles = (uintptr_t)&handle,
		.points = (uintptr_t)point,
		.count_handles = 1,
	};
	return do_ioctl(drm_fd, request, &arg);
}

int syncobj_ioctl_signal(int drm_fd, uint32_t handle, uint64_t point)
{
	return array_ioctl(drm_fd, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, handle, &point);
}

int syncobj_ioctl_query(int drm_fd, uint32_t handle, uint64_t *point)
{
	return array_ioctl(drm_fd, DRM_IOCTL_SYNCOBJ_QUERY, handle, point);
}

int syncobj_ioctl_eventfd(int drm_fd, uint32_t handle, uint64_t point, int fd, bool available)
{
	struct drm_syncobj_eventfd arg = {
		.handle = handle,
		.flags = available ? DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE : 0,
		.point = point,
		.fd = fd,
	};
	return do_ioctl(drm_fd, DRM_IOCTL_SYNCOBJ_EVENTFD, &arg);
}

int syncobj_ioctl_set_deadline(int drm_fd, uint32_t handle, uint64_t point, uint64_t ns)
{
	struct drm_syncobj_timeline_wait arg = {
		.handles = (uintptr_t)&handle,
		.points = (uintptr_t)&point,
		.count_handles = 1,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE,
		.deadline_nsec = ns,
	};
	int ret = do_ioctl(drm_fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &arg);
	return ret == -ETIME ? 0 : ret;
}
