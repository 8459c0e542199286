/* SPDX-License-Identifier: MIT */
#ifndef EXPORTER_EXPORTER_H
#define EXPORTER_EXPORTER_H

#include <waybuf/interfaces/exporter.h>

/*
 * Costs of memory that fits equally well, lowest first: shared memory that costs nobody a dma-buf,
 * then wrapped shared memory, then the system's heaps, then what is scarce. WAYBUF_EXPORTERS
 * replaces them by the order in which it names the exporters.
 */
enum {
	EXPORTER_COST_MEMFD = 0,
	EXPORTER_COST_UDMABUF = 10,
	EXPORTER_COST_HEAP = 20,
	EXPORTER_COST_HEAP_CONTIGUOUS = 30,
	EXPORTER_COST_DUMB = 40,
	EXPORTER_COST_GBM = 50,
};

/*
 * Constructors. 0; -ENODEV or -ENOENT where this machine has no such memory, which is no failure;
 * -EACCES where it may not be used; -ENOMEM.
 */
int waybuf_memfd_exporter_create(struct waybuf_exporter **out);
int waybuf_udmabuf_exporter_create(struct waybuf_exporter **out);
/* @name is a file below /dev/dma_heap. */
int waybuf_heap_exporter_create(const char *name, struct waybuf_exporter **out);
/* @drm_fd is borrowed and duplicated; a KMS node, or a render node of a GPU for gbm. */
int waybuf_dumb_exporter_create(int drm_fd, struct waybuf_exporter **out);
/* -ENODEV in a build without gbm. */
int waybuf_gbm_exporter_create(int drm_fd, struct waybuf_exporter **out);

/* -EINVAL if a required operation or the name is missing. */
int exporter_check(const struct waybuf_exporter *exporter);

/* Makes one memory of @size bytes that reads as zero; fills fd, kind and size. 0 or -errno. */
typedef int (*exporter_memory_func_t)(struct waybuf_exporter *exporter, uint64_t size,
	const char *name, struct waybuf_memory *memory);

/* `allocate` of a raw exporter: the planes of the solution in memories made by @func. */
int exporter_allocate_raw(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation,
	exporter_memory_func_t func);

/* Closes the fds of the first @n memories. */
void exporter_close_memory(struct waybuf_layout *layout, uint32_t n);

/* `release` of an exporter that keeps nothing but fds. */
void exporter_release_nothing(struct waybuf_exporter *exporter, void *priv);

/* DMA_BUF_SET_NAME, for people: a name that does not get there is no failure. */
void exporter_set_name(int dmabuf_fd, const char *name);

/* A sealed, populated memfd: the fd or -errno. */
int exporter_create_memfd(const char *name, uint64_t size);
/* The same without pages: not to be mapped before somebody has made them. */
int exporter_create_empty_memfd(const char *name, uint64_t size);

#endif
