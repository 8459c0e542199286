/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_RENDERER_H
#define DAEMON_RENDERER_H

#include <stdatomic.h>

#include "access.h"
#include "render.h"

/*
 * Who draws. What is drawn where is found by render.c, and how a layer is sampled by sampling.h, so
 * that the pictures of all renderers are the same: to the bit but for rounding, that is to one code
 * value where nothing is scaled, and to three where it is.
 *
 * A job is drawn in a pass on the worker: begin, what is below all layers, the layers from the
 * lowest up, end.
 */
struct render_pass {
	struct renderer *renderer; /* NULL: pixman */
	struct render_job *job;
	/* pixman's */
	struct image_access access;
	pixman_image_t *target;
};

/* Nothing came of the pass, nor will of others: the CPU draws it, and all that come. No errno. */
#define RENDER_LOST 1
/*
 * The GPU waits for something, and the target is as it was: the CPU draws it, and all that come until
 * the job's fence_fd has settled. No errno.
 */
#define RENDER_LATE 2

struct renderer_ops {
	const char *name;
	/* NULL, or why it can never draw the frame. Static */
	const char *(*refusal)(const struct frame *frame);
	/* on the loop's thread, before a job: what the worker cannot find by itself; may be NULL */
	void (*prepare)(struct renderer *renderer, struct render_job *job);
	/* 0; or what is wrong with the target, or RENDER_LOST, and then there is no end */
	int (*begin)(struct render_pass *pass);
	/* black, or nothing at all; likewise a copy of the job's source. False: no memory */
	bool (*clear)(struct render_pass *pass, const pixman_region32_t *region);
	bool (*copy)(struct render_pass *pass, const pixman_region32_t *region);
	/* a layer, all of @region inside of it. False: it could not be read */
	bool (*draw)(struct render_pass *pass, const pixman_region32_t *region, uint32_t index);
	/* 0, with the job's fence_fd if it is not over by then; or as begin */
	int (*end)(struct render_pass *pass);
	/* on the loop's thread, when the worker and all imports are gone */
	void (*destroy)(struct renderer *renderer);
};

struct renderer {
	const struct renderer_ops *ops;
	struct waybuf_loop *loop;
	struct waybuf_worker *worker; /* NULL in the end: nobody waits but for what is under way */
	const char *device; /* for people; lives as long as the renderer */
	atomic_bool lost;
	bool told; /* that it is */
	struct waybuf_list waiting; // render_job.waiting, in order: drawn, and the GPU is not done
	/* work that was given up, and is not over: meanwhile the CPU draws */
	struct waybuf_list late; // render_late.link
	atomic_uint n_late; /* with what is on its way into the list */
	struct waybuf_source *patience;
	bool impatient; /* that is armed */
};

/*
 * What a renderer has made of a dma-buf, for as long as whoever has it keeps this: an image is
 * imported once, and not for each frame.
 */
struct render_import {
	/* on the loop's thread; the worker does not use it any more */
	void (*destroy)(struct render_import *import);
	/* why the CPU has to read or write it. Static; NULL: the GPU does, or nobody has tried */
	_Atomic(const char *) refusal;
	/* as a source it has had the GPU wait, and is the CPU's from now on */
	atomic_bool late;
};

/* An image as it is, with its top left corner at @x, @y of the target. */
struct scene_layer renderer_plain_layer(int32_t x, int32_t y, uint32_t width, uint32_t height);

/* No fence is on it that @events (POLLIN: to read, POLLOUT: to write) would wait for. */
bool render_is_idle(const struct waybuf_layout *layout, short events);

/* By the CPU. It needs no struct renderer. */
extern const struct renderer_ops renderer_pixman;
struct canvas;
/* What it draws of a layer, within @box and the clip of the image. False: as draw. */
bool renderer_pixman_draw(struct render_job *job, const struct canvas *canvas,
	const pixman_box32_t *box, const struct scene_layer *layer, uint32_t index);

/* 0, or what keeps a timer from being made. */
int renderer_init(struct renderer *renderer, const struct renderer_ops *ops,
	struct waybuf_loop *loop, struct waybuf_worker *worker);
void renderer_finish(struct renderer *renderer);

/*
 * render_late.c, on the loop's thread. Takes the job's fence_fd, which n_late counts already, and keeps
 * the frames that the GPU reads until it has settled, and the target if it @writes that. 0; a negative
 * errno: there is nothing to be drawn into.
 */
int render_leave(struct render_job *job, bool writes);
/* At the end: nothing is kept any longer. */
void render_leave_all(struct renderer *renderer);

#endif
