/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_GLES_H
#define DAEMON_GLES_H

#include "renderer.h"

struct waybuf_gpu;

/*
 * Composition by GLES 3, with a context of its own that is current on the worker alone, and only
 * during a job.
 *
 * A dma-buf is imported once for all its frames, YUV plane by plane, so that the surface's own
 * encoding and range hold. Of memory that is the CPU's, what is drawn is uploaded and no more: that
 * is what has changed. What the GPU refuses is drawn by pixman, as far as it is to be seen, and that
 * is uploaded.
 *
 * Texels are fetched, filtered and multiplied by the shaders with pixman's own steps and rounding;
 * what GL calls linear filtering has other coordinates on each GPU, and looks beyond a crop.
 *
 * Tilings are read where the GPU does it, but clients are offered linear images alone all the same:
 * pixman must be able to go on where a GPU is lost.
 *
 * Frames come here when their fences have signalled, so that the GPU waits for none of them; its own
 * fence is the job's.
 *
 * Drawn is into the target's own memory, or, where the GPU does not take that, into a texture that
 * is read back as far as it is new.
 */

/*
 * Takes a reference to @gpu. 0, or a negative errno with @why, which is static. @worker runs what is
 * left to be freed.
 */
int gles_create(struct waybuf_gpu *gpu, struct waybuf_loop *loop, struct waybuf_worker *worker,
	struct renderer **out, const char **why);

/* Whether it can draw into an image of this layout, without a copy. Before the first job. */
bool gles_takes_target(struct renderer *renderer, const struct waybuf_layout *layout);

#endif
