/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "kms/device.h"
#include "kms/stub.h"
#include "util/fd.h"
#include "util/log.h"

static int from_syncobj(int drm_fd)
{
	uint32_t handle;
	int fd = -1;
	if (drmSyncobjCreate(drm_fd, DRM_SYNCOBJ_CREATE_SIGNALED, &handle))
		return -1;
	if (drmSyncobjExportSyncFile(drm_fd, handle, &fd))
		fd = -1;
	drmSyncobjDestroy(drm_fd, handle);
	return fd;
}

static int from_dumb_buffer(struct waybuf_kms_device *device)
{
	uint32_t handle, pitch;
	uint64_t size;
	if (drmModeCreateDumbBuffer(device->fd, 16, 16, 32, 0, &handle, &pitch, &size))
		return -1;
	if (waybuf_gem_handles_adopt(device->handles, handle))
		return -1;
	struct dma_buf_export_sync_file file = {.flags = DMA_BUF_SYNC_RW, .fd = -1};
	int dmabuf;
	if (waybuf_gem_handles_export(device->handles, handle, &dmabuf) == 0) {
		if (ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &file) < 0)
			file.fd = -1;
		fd_close(&dmabuf);
	}
	waybuf_gem_handles_drop(device->handles, handle);
	return file.fd;
}

int waybuf_kms_stub_fence(struct waybuf_kms_device *device)
{
	int fd = -1;
	if (device->caps.syncobj)
		fd = from_syncobj(device->fd);
	if (fd < 0 && device->caps.dumb && device->caps.prime_export)
		fd = from_dumb_buffer(device);
	if (fd < 0)
		waybuf_info("%s gives no signalled fence: its planes obey implicit fences",
			device->driver);
	return fd;
}
