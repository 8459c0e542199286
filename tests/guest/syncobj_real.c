/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "proto/dmabuf_kit.h"
#include "proto/syncobj_kit.h"
#include "sw_sync.h"

static int timeline = -1, drm_fd = -1;
static uint32_t value;

static int find_drm(void)
{
	for (int i = 0; i < 8; i++) {
		char path[32];
		struct waybuf_syncobj_device *device = NULL;
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && waybuf_syncobj_device_create(fd, &device) == 0) {
			waybuf_syncobj_device_unref(device);
			return fd;
		}
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

void kernel_set_up(void)
{
	value = 0;
	drm_fd = find_drm();
	if (drm_fd < 0)
		SKIP("no DRM device with timeline syncobjs");
	timeline = sw_sync_open();
	if (timeline < 0)
		SKIP("no sw_sync: %s", strerror(-timeline));
	if (access("/dev/udmabuf", R_OK | W_OK) < 0)
		SKIP("no /dev/udmabuf: %s", strerror(errno));
}

void kernel_tear_down(void)
{
	close(timeline);
	close(drm_fd);
}

int kernel_open_drm(void)
{
	return fcntl(drm_fd, F_DUPFD_CLOEXEC, 0);
}

int kernel_make_dmabuf(void)
{
	return make_dmabuf((size_t)getpagesize());
}

int kernel_make_fence(int index)
{
	int fd = sw_sync_fence(timeline, (uint32_t)index + 1);
	ck_assert_int_ge(fd, 0);
	return fd;
}

void kernel_signal_fence(int index)
{
	if ((uint32_t)index + 1 <= value)
		return;
	ck_assert_int_eq(sw_sync_advance(timeline, (uint32_t)index + 1 - value), 0);
	value = (uint32_t)index + 1;
}
