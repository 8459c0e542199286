/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_RENDER_H
#define DAEMON_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include <pixman.h>

#include "fence/wait.h"
#include "scene.h"
#include "util/worker.h"

struct render_import;
struct renderer;
struct waybuf_cpu;

/*
 * Composition, on the worker: of a scene, or of pixels that are there already, into a picture in
 * memory. Reading a client's buffer can block (DMA_BUF_IOCTL_SYNC), can be slow, and can raise
 * SIGBUS, and so can a GPU's driver, so none of it happens in the loop. Who draws is the renderer's
 * affair (renderer.h); the picture is the same.
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
	/* of a dma-buf: what a GPU takes, and where it keeps that; NULL: only the CPU gets at it */
	const struct waybuf_layout *layout;
	struct render_import **import; /* the owner's, and the worker's during a job */
};

/* A client's memory, to be guarded (access.h) by whoever gets at it. */
struct render_image render_image_of_shm(struct shm_buffer *shm);

/* What the GPU may still write when it was given up, and who frees it. */
struct render_left {
	void (*release)(void *data); /* NULL: nothing */
	void *data;
};

struct render_job {
	struct waybuf_job base;
	struct renderer *renderer; /* NULL: pixman */
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
	/*
	 * Likewise: the GPU does not get done with the target in time. Another one takes its place, with
	 * its region; the old one goes with *left (zeroed) when that is over. 0, or a negative errno, and
	 * *left holds all the same. NULL: there is no other one, and the job fails with -ETIMEDOUT.
	 */
	int (*replace)(struct render_job *job, struct render_left *left);
	void *data;

	/* the worker's, for the loop's thread to look at in the end */
	int error;
	uint64_t failed; /* layers that could not be read, a bit each */
	uint64_t cut; /* of these, shm memory that was cut off */
	uint64_t drawn; /* pixels, of all layers and of what is below them */
	/* a sync_file for what the GPU is still at, -1: nothing; and who waits for that */
	int fence_fd;
	struct waybuf_fence_wait wait;
	struct waybuf_list waiting; // renderer.waiting
	uint64_t given_up_ns; /* when it is no longer waited for */
	bool late; /* it was given up, and its fence_fd has not settled */
};

/* Makes the layers ready for the worker. 0 or a negative errno, and then nothing will be done. */
int render_start(struct waybuf_worker *worker, struct render_job *job);

/* The formats of that kind, 0 after the last one. */
#define RENDER_FORMATS 48
uint32_t render_format(size_t index);

/* Whether frames of a DRM_FORMAT_* can be composed, if they are linear. */
bool render_readable(uint32_t format);

/* The worker is about to go: waits for what the GPU is at, from now on too. NULL is a no-op. */
void render_stop(struct renderer *renderer);
/* After all imports. NULL is a no-op. */
void render_finish(struct renderer *renderer);
/* What composes by now, on which device (NULL: the CPU), and whether that was lost. Borrowed. */
const char *render_name(const struct renderer *renderer);
const char *render_device(const struct renderer *renderer);
bool render_lost(const struct renderer *renderer);

/* With what it was made of, which no job uses any more. NULL is a no-op. */
void render_import_destroy(struct render_import *import);
/* Why the CPU has to read or write it. Static; NULL: the GPU does, or nobody has tried. */
const char *render_import_refusal(const struct render_import *import);

#endif
