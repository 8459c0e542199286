/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_FRAME_H
#define DAEMON_FRAME_H

#include <stdbool.h>

#include <waybuf/cpu_access.h>
#include <waybuf/server.h>

#include "kms/fb.h"
#include "shm.h"

/*
 * What one commit of a surface shows. A frame is the use of a wl_buffer, from wl_surface.commit
 * until the last one who reads it is done: the surface that may have to be composed again, the
 * scene on the screen, the worker that composes or captures. Each of them holds a reference, and
 * the last one to go sends wl_buffer.release.
 *
 * Behind the frames of one dma-buf wl_buffer stands one backing for each storage it has had: the
 * framebuffer and the CPU's mapping, made when they are first needed and then kept, because making
 * either costs more than showing a frame.
 */
struct backing {
	unsigned refs;
	uint32_t generation;
	/* one of the two once a plane has been tried: the framebuffer, or why there is none */
	struct waybuf_kms_fb *fb;
	enum waybuf_kms_refusal refusal;
	struct waybuf_kms_why why;
	bool plane_ok; /* a plane has taken it */
	/* for composition; the fds are ours, because they must outlive the layout */
	struct waybuf_memory memory[WAYBUF_MAX_PLANES];
	struct waybuf_cpu *cpu[WAYBUF_MAX_PLANES];
	uint32_t n_memory;
};

struct frame {
	unsigned refs;
	struct waybuf_use *use; /* NULL: a shm frame */
	struct shm_buffer *shm; /* NULL: a dma-buf frame */
	struct backing *backing; /* of a dma-buf frame that was latched */
	struct wl_resource *resource; /* of the wl_buffer, during the commit only */
	/* of a latched frame; 0 x 0: there is nothing to show */
	uint32_t width, height, format;
	struct waybuf_grant grant; /* of a dma-buf frame that was latched */
};

/* Begins the use, in wl_surface.commit. 0, -EINVAL (a kind of buffer we do not have), -ENOMEM. */
int frame_create(struct wl_resource *buffer, struct frame **out);
struct frame *frame_ref(struct frame *frame);
/* NULL is a no-op. */
void frame_unref(struct frame *frame);

/*
 * Finds out what to show, and what must signal first: *fence is borrowed from the frame, NULL for
 * nothing. 0, -ENODATA: nothing was ever drawn; -ENOMEM.
 */
int frame_latch(struct frame *frame, struct waybuf_fence **fence);

/*
 * The framebuffer of a latched dma-buf frame on @kms, borrowed from the frame. NULL: the backing's
 * refusal says why, and the device was asked no more than once, unless it may do better another time.
 */
struct waybuf_kms_fb *frame_fb(struct frame *frame, struct waybuf_kms_device *kms);

/* Makes the CPU's access to a latched dma-buf frame ready, maps nothing. 0 or a negative errno. */
int frame_prepare_cpu(struct frame *frame);

#endif
