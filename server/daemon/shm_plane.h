/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SHM_PLANE_H
#define DAEMON_SHM_PLANE_H

#include "kms/fb.h"

struct daemon;
struct frame;
struct output;
struct shm_buffer;
struct shm_mapping;
struct shm_wrap;
struct surface;
struct waybuf_fence;

/*
 * wl_shm on planes. A buffer is shown by a plane from the memory that its client draws into, if
 *
 *	it is used in turn	the surface has come back to it from another buffer. A client with one
 *				buffer draws again into what is on the screen, which composition hides
 *	its pool can be wrapped	as shm_wrap.h says: once, when the first buffer of it would be shown
 *	the display takes it	its format, size, stride and offset, as of any dma-buf
 *
 * and is composed until then, as whatever does not qualify always is. A pool that grows is another
 * mapping, which is wrapped for itself when buffers in that are shown.
 */

/* What makes a buffer's memory known to the display. */
struct shm_fb {
	unsigned refs;
	struct waybuf_kms_fb *fb;
	struct shm_wrap *wrap; /* it is in the pages of this one */
};

/* NULL is a no-op. */
void shm_fb_unref(struct shm_fb *fb);

/* What a frame of wl_shm knows of that. */
struct shm_showing {
	bool in_turn;
	struct shm_fb *fb; /* referenced, the same until the frame ends; NULL: it was on no plane */
	/* referenced: the caches were flushed for this one, or will have been with that; or NULL */
	struct shm_wrap *flushed;
	struct waybuf_fence *flush;
};

/* The frame is of this surface's commit. */
void shm_plane_begin(struct frame *frame, struct surface *surface);
/* Makes ready what has been on a plane before. What is to be waited for, borrowed; NULL: nothing. */
struct waybuf_fence *shm_plane_latch(struct frame *frame);
/* NULL with *fb (the frame's, for its life), or why no plane can show it (static), and *why. */
const char *shm_plane_refusal(struct frame *frame, const struct output *output,
	struct waybuf_kms_fb **fb, struct waybuf_kms_why *why);
void shm_plane_finish(struct frame *frame);

#endif
