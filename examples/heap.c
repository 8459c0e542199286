/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAP "/dev/dma_heap/system"
/* What display controllers want of a stride; the most common is less. */
#define STRIDE_MULTIPLE 256

static bool fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return false;
}

uint32_t heap_stride(uint32_t width)
{
	return (width * 4 + STRIDE_MULTIPLE - 1) / STRIDE_MULTIPLE * STRIDE_MULTIPLE;
}

bool heap_allocate(struct heap_memory *memory, uint32_t stride, uint32_t height)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	*memory = (struct heap_memory){.fd = -1};
	memory->size = ((size_t)stride * height + page - 1) / page * page;
	int heap = open(HEAP, O_RDWR | O_CLOEXEC);
	if (heap < 0)
		return fail(HEAP);
	struct dma_heap_allocation_data data = {
		.len = memory->size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int ret = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data);
	close(heap);
	if (ret < 0)
		return fail("DMA_HEAP_IOCTL_ALLOC");
	memory->fd = (int)data.fd;
	void *mapped = mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (mapped == MAP_FAILED)
		return fail("mmap");
	memory->data = mapped;
	return true;
}

void heap_free(struct heap_memory *memory)
{
	if (memory->data)
		munmap(memory->data, memory->size);
	if (memory->fd >= 0)
		close(memory->fd);
	*memory = (struct heap_memory){.fd = -1};
}

static bool sync_cpu(const struct heap_memory *memory, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_WRITE};
	int ret;
	do {
		ret = ioctl(memory->fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret == 0 || fail("DMA_BUF_IOCTL_SYNC");
}

bool heap_begin(const struct heap_memory *memory)
{
	return sync_cpu(memory, DMA_BUF_SYNC_START);
}

bool heap_end(const struct heap_memory *memory)
{
	return sync_cpu(memory, DMA_BUF_SYNC_END);
}
