/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_HEAP_H
#define EXAMPLES_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory of a dma-heap, for clients that allocate themselves. Failures are told on stderr. */
struct heap_memory {
	int fd; /* -1: none */
	void *data; /* NULL: none */
	size_t size; /* bytes */
};

/* The smallest whole pages that have @height rows of @stride bytes. */
bool heap_allocate(struct heap_memory *memory, uint32_t stride, uint32_t height);
void heap_free(struct heap_memory *memory);

/* Opens and closes the CPU's access for writing. */
bool heap_begin(const struct heap_memory *memory);
bool heap_end(const struct heap_memory *memory);

/* A stride for 32-bit pixels that display controllers like. */
uint32_t heap_stride(uint32_t width);

#endif
