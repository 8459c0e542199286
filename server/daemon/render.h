/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_RENDER_H
#define DAEMON_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include <pixman.h>

#include "scene.h"
#include "util/worker.h"

struct waybuf_cpu;

/*
 * Composition by the CPU, on the worker: of a scene, or of pixels that are there already, into a
 * picture in memory. Reading a client's buffer can block (DMA_BUF_IOCTL_SYNC), can be slow, and can
 * raise SIGBUS, so none of it happens in the loop.
 *
 * Drawn is what is in the region, and what nothing opaque is above. A layer that cannot be read is
 * left out and the rest is drawn: one client's fault is no other client's black screen.
 */

/* Pixels in memory. */
struct render_image {
	void *pixels;
	uint32_t width, height, stride;
	uint32_t format; /* DRM_FORMAT_*, one of pixels.h */
	struct shm_buffer *shm; /* whose memory it is, so that it may be cut off; NULL: our own */
	/* of a target in a dma-buf, whose pixels are found when it is drawn into: at the offset */
	struct waybuf_cpu *cpu;
	size_t offset;
};

struct render_job {
	struct waybuf_job base;
	/* its layers that are on no plane are drawn; borrowed until done. NULL: none */
	struct scene *scene;
	struct render_image source; /* what is below them; no pixels: black */
	bool transparent; /* what is below them is nothing at all, and not black */
	struct render_image target;
	/* what of the target is drawn, all of it inside; borrowed until done. NULL: everything */
	const pixman_region32_t *region;
	/*
	 * On the loop's thread. @error: the picture is not there (-EIO: the target's memory was cut
	 * off; -ETIMEDOUT: somebody is at it). Layers that were left out are no error.
	 */
	void (*done)(struct render_job *job, int error);
	void *data;

	/* the worker's, for the loop's thread to look at in the end */
	int error;
	uint64_t failed; /* layers that could not be read, a bit each */
	uint64_t cut; /* of these, shm memory that was cut off */
	uint64_t drawn; /* pixels, of all layers and of what is below them */
};

/* Makes the layers ready for the worker. 0 or a negative errno, and then nothing will be done. */
int render_start(struct waybuf_worker *worker, struct render_job *job);

/* The formats of that kind, 0 after the last one. */
#define RENDER_FORMATS 48
uint32_t render_format(size_t index);

/* Whether frames of a DRM_FORMAT_* can be composed, if they are linear. */
bool render_readable(uint32_t format);

/* NULL, or why a frame can never be composed. Static. */
const char *render_refusal(const struct frame *frame);

#endif
