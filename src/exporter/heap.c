/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exporter/exporter.h"
#include "util/fd.h"
#include "util/list.h"
#include "util/log.h"

/*
 * A DMA-BUF heap: one character device, one kind of memory. The kernel says nothing about a heap
 * but its name, and promises what names mean (Documentation/userspace-api/dma-buf-heaps.rst).
 */
struct heap_exporter {
	struct waybuf_exporter base;
	int fd;
	char name[64]; /* "heap system" */
};

#define PREFIX "heap "

static struct heap_exporter *heap_exporter(struct waybuf_exporter *base)
{
	return waybuf_container_of(base, struct heap_exporter, base);
}

/* Names of heaps of contiguous memory: today's, and those before Linux 6.17. */
static bool is_contiguous(const char *name)
{
	static const char *const names[] = {"default_cma_region", "linux,cma", "reserved"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return strstr(name, "cma") != NULL;
}

static int create_memory(
	struct waybuf_exporter *base, uint64_t size, const char *name, struct waybuf_memory *memory)
{
	struct dma_heap_allocation_data data = {.len = size, .fd_flags = O_RDWR | O_CLOEXEC};
	if (ioctl(heap_exporter(base)->fd, DMA_HEAP_IOCTL_ALLOC, &data) < 0) {
		int error = -errno;
		waybuf_error("%s: DMA_HEAP_IOCTL_ALLOC of %llu bytes: %s", base->caps.name,
			(unsigned long long)size, strerror(-error));
		return error;
	}
	int fd = (int)data.fd;
	*memory = (struct waybuf_memory){.fd = fd, .kind = WAYBUF_MEMORY_DMABUF, .size = size};
	return 0;
}

static int allocate(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation)
{
	return exporter_allocate_raw(exporter, allocation, create_memory);
}

static void destroy(struct waybuf_exporter *base)
{
	struct heap_exporter *exporter = heap_exporter(base);
	fd_close(&exporter->fd);
	free(exporter);
}

static const struct waybuf_exporter_ops ops = {
	.allocate = allocate,
	.release = exporter_release_nothing,
	.destroy = destroy,
};

static void fill_caps(struct heap_exporter *exporter, bool contiguous)
{
	exporter->base.ops = &ops;
	exporter->base.caps = (struct waybuf_exporter_caps){
		.name = exporter->name,
		.heap = exporter->name + strlen(PREFIX),
		.kind = WAYBUF_EXPORTER_RAW,
		.is_dmabuf = true,
		.contiguous = contiguous,
		.cpu_mappable = true,
		.cache = WAYBUF_CACHED,
		.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
		.base_cost = contiguous ? EXPORTER_COST_HEAP_CONTIGUOUS : EXPORTER_COST_HEAP,
	};
}

int waybuf_heap_exporter_create(const char *name, struct waybuf_exporter **out)
{
	struct heap_exporter *exporter = calloc(1, sizeof(*exporter));
	if (!exporter)
		return -ENOMEM;
	int error = -ENAMETOOLONG;
	char path[96];
	size_t length = sizeof(exporter->name);
	if ((size_t)snprintf(exporter->name, length, PREFIX "%s", name) >= length)
		goto err_exporter;
	snprintf(path, sizeof(path), "/dev/dma_heap/%s", exporter->name + strlen(PREFIX));
	exporter->fd = open(path, O_RDWR | O_CLOEXEC);
	if (exporter->fd < 0) {
		error = -errno;
		goto err_exporter;
	}
	fill_caps(exporter, is_contiguous(name));
	exporter->base.recycles = true;
	*out = &exporter->base;
	return 0;

err_exporter:
	free(exporter);
	return error;
}
