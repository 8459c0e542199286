/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PROTO_DMABUF_KIT_H
#define TESTS_PROTO_DMABUF_KIT_H

#include "fixture_client.h"

/* zwp_linux_buffer_params_v1 and what it answered. */
struct raw_params {
	struct zwp_linux_buffer_params_v1 *proxy;
	unsigned created, failed;
	struct fixture_wl_buffer buffer;
};

void raw_params_create(struct fixture_client *client, struct raw_params *params);
void raw_params_destroy(struct raw_params *params);
/** Version 6; skips the test in a build with protocol files that have it not. */
void raw_params_set_device(struct raw_params *params, const void *device, size_t size);
/** @fd is borrowed. */
void raw_params_add(struct raw_params *params, int fd, uint32_t plane, uint32_t offset,
	uint32_t stride, uint64_t modifier);

/** zwp_linux_dmabuf_feedback_v1 and the last complete feedback. */
struct raw_feedback {
	struct zwp_linux_dmabuf_feedback_v1 *proxy;
	unsigned done, tables, main_devices, tranches;
	/* the next event begins another one */
	bool complete;
	size_t n_pairs; /* of the table */
	uint64_t main_device, target[8];
	uint32_t flags[8];
	unsigned n_formats[8];
	/* format and modifier of the first index of each tranche */
	uint32_t format[8];
	uint64_t modifier[8];
	void *table;
	size_t table_size;
};

void raw_feedback_listen(struct raw_feedback *feedback, struct zwp_linux_dmabuf_feedback_v1 *proxy);
void raw_feedback_finish(struct raw_feedback *feedback);

/** A new dma-buf of @size bytes, whole pages; skips the test where /dev/udmabuf is missing. */
int make_dmabuf(size_t size);
/** The same from the system's dma-heap. */
int make_heap_dmabuf(size_t size);

#endif
