/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_FRAME_H
#define DAEMON_FRAME_H

#include <stdbool.h>

#include <waybuf/cpu_access.h>
#include <waybuf/server.h>

#include "kms/fb.h"
#include "shm.h"
#include "shm_plane.h"

struct render_import;
struct surface;

/*
 * What one commit of a surface shows. A frame is the use of a wl_buffer, from wl_surface.commit on,
 * by *readers*: the surface that may have to be composed again, the scene on its way to the screen
 * or on it, the worker that composes or captures. A reader is done in two steps:
 *
 *	frame_done()	it does not read any more once a fence has settled. With the last reader the
 *			fences of all are known, and whoever writes next can queue on them: through
 *			the commit's release point, the allocator's next grant, or the dma-buf itself
 *	frame_unref()	it is over. The last one sends wl_buffer.release
 *
 * For the scene on a screen the first is when the commit that displaces it was accepted, with that
 * commit's out-fence, and the second is the flip. A reader that copies, or never read anything, does
 * both at once (frame_drop()). When a commit fails nobody has done anything.
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
	bool unreadable; /* composition could not read it, and that was said */
	struct render_import *import; /* what a GPU composes it from; NULL: none has tried */
	/* for composition; the fds are ours, because they must outlive the layout */
	struct waybuf_memory memory[WAYBUF_MAX_PLANES];
	struct waybuf_cpu *cpu[WAYBUF_MAX_PLANES];
	uint32_t n_memory;
};

struct frame {
	unsigned refs;
	uint64_t serial; /* no other frame has it, before or after */
	unsigned readers; /* of which not done */
	struct waybuf_fence *end; /* of those that are; NULL: nothing to wait for */
	struct waybuf_release_point *release; /* NULL: none, or every reader is done */
	struct waybuf_use *use; /* NULL: a shm frame */
	struct waybuf_server *server;
	struct waybuf_trace_event who; /* for the trace; its point is 0 */
	uint64_t owner; /* its client's account, for bounded_sync() */
	bool is_explicit; /* the library traces its points */
	bool follows; /* its storage may become another one */
	bool wants_fence; /* of its end, before the flip: frame.c */
	struct shm_buffer *shm; /* NULL: a dma-buf frame */
	struct shm_showing showing; /* of a shm frame */
	struct backing *backing; /* of a dma-buf frame that was latched */
	struct wl_resource *resource; /* of the wl_buffer, during the commit only */
	/* of a latched frame; 0 x 0: there is nothing to show */
	uint32_t width, height, format;
	struct waybuf_grant grant; /* of a dma-buf frame that was latched */
};

/*
 * Begins the use, in wl_surface.commit, with the caller as its reader. @points gives its release
 * point on success. 0, -EINVAL (a kind of buffer we do not have), -ENOMEM.
 */
int frame_create(struct surface *surface, struct wl_resource *buffer,
	struct waybuf_syncobj_points *points, struct frame **out);
/* Says what has become of it; @ns and @point as in struct waybuf_trace_event. */
void frame_trace(
	const struct frame *frame, enum waybuf_trace_kind kind, uint64_t ns, uint64_t point);
/* A further reader, while there is one. NULL: no memory, and it must not be read. */
struct frame *frame_read(struct frame *frame);
/*
 * A reader is done when @fence (referenced; NULL: now) settles, at @ns (0: now) as far as the trace is
 * concerned. True: it was the last one.
 */
bool frame_done(struct frame *frame, struct waybuf_fence *fence, uint64_t ns);
/* A reader that is done lets go. */
void frame_unref(struct frame *frame);
/* Both, at @ns. NULL is a no-op. */
void frame_drop_at(struct frame *frame, uint64_t ns);
/* Both, now. NULL is a no-op. */
void frame_drop(struct frame *frame);

/*
 * Finds out what to show, and what must signal first: *fence is borrowed from the frame, NULL for
 * nothing. 0, -ENODATA: nothing was ever drawn; -ENOMEM.
 */
int frame_latch(struct frame *frame, struct waybuf_fence **fence);

/*
 * The framebuffer of a latched dma-buf frame on @kms, borrowed from the frame. NULL: the backing's
 * refusal says why, and the device was asked no more than once, unless it may do better another time.
 * Frames of wl_shm are in shm_plane.h.
 */
struct waybuf_kms_fb *frame_fb(struct frame *frame, struct waybuf_kms_device *kms);

/* Makes the CPU's access to a latched dma-buf frame ready, maps nothing. 0 or a negative errno. */
int frame_prepare_cpu(struct frame *frame);

#endif
