/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sw_sync.h"

/* The kernel installs no header for these; drivers/dma-buf/sw_sync.c documents them. */
struct sw_sync_create_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};

struct sw_sync_get_deadline {
	uint64_t deadline_ns;
	uint32_t pad;
	int32_t fence_fd;
};

#define SW_SYNC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_create_fence)
#define SW_SYNC_INC _IOW('W', 1, uint32_t)
#define SW_SYNC_GET_DEADLINE _IOWR('W', 2, struct sw_sync_get_deadline)

int sw_sync_open(void)
{
	int fd = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sw_sync_fence(int timeline, uint32_t value)
{
	struct sw_sync_create_fence arg = {.value = value, .name = "waybuf test", .fence = -1};
	return ioctl(timeline, SW_SYNC_CREATE_FENCE, &arg) < 0 ? -errno : arg.fence;
}

int sw_sync_occupy(int timeline, uint32_t value, int dmabuf)
{
	struct dma_buf_import_sync_file import = {
		.flags = DMA_BUF_SYNC_WRITE, .fd = sw_sync_fence(timeline, value)};
	if (import.fd < 0)
		return import.fd;
	int ret = ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import) < 0 ? -errno : 0;
	close(import.fd);
	return ret;
}

int sw_sync_advance(int timeline, uint32_t by)
{
	return ioctl(timeline, SW_SYNC_INC, &by) < 0 ? -errno : 0;
}

int sw_sync_deadline(int timeline, int fence, uint64_t *ns)
{
	struct sw_sync_get_deadline arg = {.fence_fd = fence};
	if (ioctl(timeline, SW_SYNC_GET_DEADLINE, &arg) < 0)
		return -errno;
	*ns = arg.deadline_ns;
	return 0;
}
