/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/dma-buf.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include "fence/impl.h"
#include "fence/sync_file.h"
#include "util/fd.h"

/*
 * The bridge to implicit synchronisation. Kernels before 6.0, and those without CONFIG_SYNC_FILE,
 * answer ENOTTY. So does every fd that is no dma-buf, and a peer must not be able to turn the
 * bridge off for everybody with one of those: only a real dma-buf's answer is remembered.
 */
#ifndef DMA_BUF_IOCTL_EXPORT_SYNC_FILE
struct dma_buf_export_sync_file {
	__u32 flags;
	__s32 fd;
};
struct dma_buf_import_sync_file {
	__u32 flags;
	__s32 fd;
};
#define DMA_BUF_IOCTL_EXPORT_SYNC_FILE _IOWR(DMA_BUF_BASE, 2, struct dma_buf_export_sync_file)
#define DMA_BUF_IOCTL_IMPORT_SYNC_FILE _IOW(DMA_BUF_BASE, 3, struct dma_buf_import_sync_file)
#endif

static atomic_bool unsupported;

void waybuf_dmabuf_forget_probe(void)
{
	atomic_store_explicit(&unsupported, false, memory_order_relaxed);
}

static int explain_enotty(int fd)
{
	enum fd_kind kind;
	int ret = fd_kind(fd, &kind);
	if (ret < 0)
		return ret;
	if (kind != FD_DMABUF)
		return -EINVAL;
	atomic_store_explicit(&unsupported, true, memory_order_relaxed);
	return -EOPNOTSUPP;
}

static int dmabuf_ioctl(int fd, unsigned long request, void *arg)
{
	if (atomic_load_explicit(&unsupported, memory_order_relaxed))
		return -EOPNOTSUPP;
	int ret;
	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	if (ret == 0)
		return 0;
	return errno == ENOTTY ? explain_enotty(fd) : -errno;
}

static uint32_t access_flags(bool write)
{
	return write ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ;
}

int waybuf_dmabuf_export_fence(int fd, bool write, struct waybuf_fence **out)
{
	struct dma_buf_export_sync_file arg = {.flags = access_flags(write), .fd = -1};
	int ret = dmabuf_ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg);
	return ret < 0 ? ret
		       : waybuf_fence_from_kernel(arg.fd, waybuf_fence_context_alloc(), 1, out);
}

int waybuf_dmabuf_import_fence(int fd, bool write, struct waybuf_fence *fence)
{
	struct dma_buf_import_sync_file arg = {.flags = access_flags(write), .fd = -1};
	int own;
	if (waybuf_fence_known_status(fence))
		return 0;
	int ret = waybuf_fence_lend_sync_file(fence, &arg.fd, &own);
	if (ret < 0)
		return ret;
	ret = dmabuf_ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg);
	fd_close(&own);
	return ret;
}
