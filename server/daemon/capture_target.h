/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CAPTURE_TARGET_H
#define DAEMON_CAPTURE_TARGET_H

#include "kms/fb.h"
#include "render.h"
#include "util/list.h"

struct output;
struct waybuf_cpu;
struct waybuf_fence;
struct wl_resource;

/*
 * What a frame is captured into: a client's wl_buffer, in wl_shm or a dma-buf. It outlives the
 * wl_buffer while a capture writes.
 *
 * A dma-buf must be the client's own, and one that it may write to itself: what we write for it, or
 * let the display write, must not be more than it could do alone. So memory of the allocator, which
 * others may have a part in, is none.
 *
 * Of a dma-buf the CPU's access and the framebuffer are kept until the client destroys the wl_buffer,
 * since making either costs more than a frame.
 */
struct capture_target {
	unsigned refs;
	struct render_image image; /* its pixels are NULL, where they are the cpu's */
	/* of a dma-buf; else NULL */
	struct waybuf_buffer *buffer;
	struct waybuf_layout layout;
	struct waybuf_cpu *cpu;
	struct render_import *import; /* as a GPU draws into it; NULL: none has tried */
	struct waybuf_kms_fb *fb; /* for the display to write into; NULL: not tried, or it cannot */
	bool tried;
};

/* The formats that are offered, of wl_shm and of linear dma-bufs; 0 after the last one. */
uint32_t capture_target_format(size_t index);

/*
 * That of @buffer, with a new reference, if it suits a picture of @output. -EINVAL: it does not;
 * -ENOMEM, or what keeps a dma-buf from being used.
 */
int capture_target_get(
	const struct output *output, struct wl_resource *buffer, struct capture_target **out);
/* NULL is a no-op. */
void capture_target_unref(struct capture_target *target);

/* What must be over before it is written to, as the dma-buf has it. NULL: nothing, or none can say. */
struct waybuf_fence *capture_target_fence(const struct capture_target *target);

/* Its framebuffer for a writeback, borrowed. NULL: the display cannot write into it. */
struct waybuf_kms_fb *capture_target_fb(struct capture_target *target, const struct output *output);
/* The display refused it after all. */
void capture_target_refuse(struct capture_target *target);

#endif
