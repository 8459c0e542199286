/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_UDMABUF_H
#define TESTS_FAKE_UDMABUF_H

#include <stdbool.h>
#include <stdint.h>

struct waybuf_manager;

/*
 * A udmabuf that takes what the kernel takes. Its dma-bufs have the inode of their memfd, so that
 * fake/screen.h tells whether the display reads that. All zero at first.
 */
enum { FAKE_UDMABUF_PAGE = 4096, FAKE_UDMABUF_LIMIT = 1 << 20 };

struct fake_udmabuf {
	bool absent; /* there is none */
	int error; /* what becomes of it; 0: a dma-buf */
	int wraps; /* that were tried */
	uint64_t size; /* of the last one */
};

extern struct fake_udmabuf fake_udmabuf;

/* It is the manager's from now on. */
void fake_udmabuf_add(struct waybuf_manager *manager);

#endif
