/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <xf86drm.h>

#include "fence/impl.h"
#include "fence/sync_file.h"
#include "fence/syncobj.h"
#include "fence/syncobj_ioctl.h"
#include "fence/syncobj_watches.h"
#include "util/fd.h"

/*
 * Devices and timelines; the fences of points are in syncobj_point.c.
 *
 * Handles live in a DRM file, so the device keeps a duplicate of the fd: then a handle cannot
 * outlive its file, and a compositor that closes its own fd on a lost device does not make our
 * handles name somebody else's objects.
 *
 * Two things are found by asking the kernel with handle 0, which no object has: an ioctl that knows
 * its arguments gets as far as looking the handle up (ENOENT), one that does not says so before.
 */
struct waybuf_syncobj_device {
	int refs;
	int fd;
	bool point_files; /* HANDLE_TO_FD and FD_TO_HANDLE take a point: not in all kernels */
};

struct waybuf_syncobj {
	int refs;
	uint32_t handle;
	struct waybuf_syncobj_device *device;
	struct syncobj_watches watches;
};

static int probe(int drm_fd)
{
	uint64_t timelines = 0;
	if (drmGetCap(drm_fd, DRM_CAP_SYNCOBJ_TIMELINE, &timelines) < 0 || !timelines)
		return -EOPNOTSUPP;
	int ret = syncobj_ioctl_eventfd(drm_fd, 0, 0, -1, false);
	return ret == -ENOENT ? 0 : -EOPNOTSUPP;
}

static int probe_point_files(int drm_fd, bool *found)
{
	int fd = -1;
	int ret = syncobj_ioctl_export_point(drm_fd, 0, 1, &fd);
	*found = ret == -ENOENT;
	fd_close(&fd);
	return ret == -ENOENT || ret == -EINVAL ? 0 : ret;
}

int waybuf_syncobj_device_create(int drm_fd, struct waybuf_syncobj_device **out)
{
	int ret = probe(drm_fd);
	if (ret < 0)
		return ret;
	struct waybuf_syncobj_device *device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->refs = 1;
	ret = probe_point_files(drm_fd, &device->point_files);
	if (ret < 0)
		goto err_device;
	ret = device->fd = fd_dup(drm_fd);
	if (ret < 0)
		goto err_device;
	*out = device;
	return 0;

err_device:
	free(device);
	return ret;
}

struct waybuf_syncobj_device *waybuf_syncobj_device_ref(struct waybuf_syncobj_device *device)
{
	if (device)
		device->refs++;
	return device;
}

void waybuf_syncobj_device_unref(struct waybuf_syncobj_device *device)
{
	if (!device || --device->refs > 0)
		return;
	fd_close(&device->fd);
	free(device);
}

int waybuf_syncobj_device_stub(struct waybuf_syncobj_device *device, int *fd)
{
	uint32_t handle;
	int ret = syncobj_ioctl_create(device->fd, true, &handle);
	if (ret < 0)
		return ret;
	ret = syncobj_ioctl_export_file(device->fd, handle, fd);
	syncobj_ioctl_destroy(device->fd, handle);
	return ret;
}

static struct waybuf_syncobj *syncobj_alloc(struct waybuf_syncobj_device *device)
{
	struct waybuf_syncobj *syncobj = calloc(1, sizeof(*syncobj));
	if (!syncobj)
		return NULL;
	syncobj->refs = 1;
	syncobj->device = waybuf_syncobj_device_ref(device);
	return syncobj;
}

static int finish_create(struct waybuf_syncobj *syncobj, int ret, struct waybuf_syncobj **out)
{
	if (ret < 0) {
		waybuf_syncobj_device_unref(syncobj->device);
		free(syncobj);
		return ret;
	}
	*out = syncobj;
	return 0;
}

int waybuf_syncobj_create(struct waybuf_syncobj_device *device, struct waybuf_syncobj **out)
{
	struct waybuf_syncobj *syncobj = syncobj_alloc(device);
	if (!syncobj)
		return -ENOMEM;
	int ret = syncobj_ioctl_create(device->fd, false, &syncobj->handle);
	return finish_create(syncobj, ret, out);
}

int waybuf_syncobj_import(struct waybuf_syncobj_device *device, int fd, struct waybuf_syncobj **out)
{
	struct waybuf_syncobj *syncobj = syncobj_alloc(device);
	if (!syncobj)
		return -ENOMEM;
	int ret = syncobj_ioctl_fd_to_handle(device->fd, fd, &syncobj->handle);
	return finish_create(syncobj, ret, out);
}

struct waybuf_syncobj *waybuf_syncobj_ref(struct waybuf_syncobj *syncobj)
{
	if (syncobj)
		syncobj->refs++;
	return syncobj;
}

void waybuf_syncobj_unref(struct waybuf_syncobj *syncobj)
{
	if (!syncobj || --syncobj->refs > 0)
		return;
	syncobj_watches_finish(&syncobj->watches);
	syncobj_ioctl_destroy(syncobj->device->fd, syncobj->handle);
	waybuf_syncobj_device_unref(syncobj->device);
	free(syncobj);
}

int waybuf_syncobj_export(struct waybuf_syncobj *syncobj, int *fd)
{
	return syncobj_ioctl_handle_to_fd(syncobj->device->fd, syncobj->handle, fd);
}

int waybuf_syncobj_query(struct waybuf_syncobj *syncobj, uint64_t *point)
{
	int ret = syncobj_ioctl_query(syncobj->device->fd, syncobj->handle, point);
	if (ret == 0)
		syncobj_watches_reached(&syncobj->watches, *point);
	return ret;
}

/* Without points in the ioctls the way leads over a binary syncobj, which holds one fence. */
static int export_by_transfer(struct waybuf_syncobj *syncobj, uint64_t point, int *fd)
{
	int drm_fd = syncobj->device->fd;
	uint32_t binary;
	int ret = syncobj_ioctl_create(drm_fd, false, &binary);
	if (ret < 0)
		return ret;
	ret = syncobj_ioctl_transfer(drm_fd, binary, 0, syncobj->handle, point);
	if (ret == 0)
		ret = syncobj_ioctl_export_file(drm_fd, binary, fd);
	syncobj_ioctl_destroy(drm_fd, binary);
	return ret;
}

int waybuf_syncobj_export_point(struct waybuf_syncobj *syncobj, uint64_t point, int *fd)
{
	int ret;
	if (point == 0)
		return -EINVAL;
	if (syncobj->device->point_files)
		ret = syncobj_ioctl_export_point(syncobj->device->fd, syncobj->handle, point, fd);
	else
		ret = export_by_transfer(syncobj, point, fd);
	/* the only argument that can be wrong is a point that nobody has submitted to */
	return ret == -EINVAL ? -EAGAIN : ret;
}

static int import_by_transfer(struct waybuf_syncobj *syncobj, uint64_t point, int fd)
{
	int drm_fd = syncobj->device->fd;
	uint32_t binary;
	int ret = syncobj_ioctl_create(drm_fd, false, &binary);
	if (ret < 0)
		return ret;
	ret = syncobj_ioctl_import_file(drm_fd, binary, fd);
	if (ret == 0)
		ret = syncobj_ioctl_transfer(drm_fd, syncobj->handle, point, binary, 0);
	syncobj_ioctl_destroy(drm_fd, binary);
	return ret;
}

int waybuf_syncobj_import_point(struct waybuf_syncobj *syncobj, uint64_t point, int fd)
{
	if (point == 0)
		return -EINVAL;
	if (syncobj->device->point_files)
		return syncobj_ioctl_import_point(syncobj->device->fd, syncobj->handle, point, fd);
	return import_by_transfer(syncobj, point, fd);
}

int waybuf_syncobj_put_fence(
	struct waybuf_syncobj *syncobj, uint64_t point, struct waybuf_fence *fence)
{
	int fd, own;
	if (waybuf_fence_known_status(fence) == 1)
		return waybuf_syncobj_signal(syncobj, point);
	int ret = waybuf_fence_lend_sync_file(fence, &fd, &own);
	if (ret == -EOPNOTSUPP && waybuf_fence_status(fence))
		return waybuf_syncobj_signal(syncobj, point);
	if (ret < 0)
		return ret;
	ret = waybuf_syncobj_import_point(syncobj, point, fd);
	fd_close(&own);
	return ret;
}

int waybuf_syncobj_signal(struct waybuf_syncobj *syncobj, uint64_t point)
{
	if (point == 0)
		return -EINVAL;
	return syncobj_ioctl_signal(syncobj->device->fd, syncobj->handle, point);
}

int waybuf_syncobj_transfer(struct waybuf_syncobj *dst, uint64_t dst_point,
	struct waybuf_syncobj *src, uint64_t src_point)
{
	if (dst->device != src->device)
		return -EXDEV;
	if (dst_point == 0 || src_point == 0)
		return -EINVAL;
	int ret = syncobj_ioctl_transfer(
		dst->device->fd, dst->handle, dst_point, src->handle, src_point);
	return ret == -EINVAL ? -EAGAIN : ret;
}

int waybuf_syncobj_eventfd(
	struct waybuf_syncobj *syncobj, uint64_t point, enum waybuf_syncobj_event event, int fd)
{
	return syncobj_ioctl_eventfd(
		syncobj->device->fd, syncobj->handle, point, fd, event == WAYBUF_SYNCOBJ_AVAILABLE);
}

void waybuf_syncobj_set_payer(
	struct waybuf_syncobj *syncobj, const struct waybuf_syncobj_payer *payer, void *data)
{
	syncobj->watches.payer = payer;
	syncobj->watches.data = data;
}

int waybuf_syncobj_watch(struct waybuf_syncobj *syncobj, uint64_t point, int fd)
{
	int drm_fd = syncobj->device->fd;
	int ret = syncobj_watches_add(&syncobj->watches);
	if (ret < 0)
		return ret;
	ret = syncobj_ioctl_eventfd(drm_fd, syncobj->handle, point, fd, true);
	if (ret < 0) {
		syncobj_watches_end(&syncobj->watches, point, true);
		return ret;
	}
	ret = syncobj_ioctl_eventfd(drm_fd, syncobj->handle, point, fd, false);
	/* the first one is there */
	if (ret < 0)
		syncobj_watches_end(&syncobj->watches, point, false);
	return ret;
}

void waybuf_syncobj_unwatch(struct waybuf_syncobj *syncobj, uint64_t point, bool ended)
{
	syncobj_watches_end(&syncobj->watches, point, ended);
}

int waybuf_syncobj_set_deadline(struct waybuf_syncobj *syncobj, uint64_t point, uint64_t ns)
{
	return syncobj_ioctl_set_deadline(syncobj->device->fd, syncobj->handle, point, ns);
}
