/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SURFACE_STATE_H
#define DAEMON_SURFACE_STATE_H

#include "surface.h"

/* Moving the double-buffered state about; for surface.c and surface_queue.c only. */

void surface_state_init(struct surface_state *state);
/* Ends the use of the frame, discards feedbacks, destroys callbacks. */
void surface_state_finish(struct surface_state *state);

/*
 * Moves what @src holds into @dst, and leaves @src empty. A frame in @dst that is replaced was
 * superseded: its presentation feedback is discarded, its callbacks are kept.
 */
void surface_state_fold(struct surface_state *dst, struct surface_state *src);
/* The same the other way: @dst is the newer one, and what it has holds. */
void surface_state_fold_older(struct surface_state *dst, struct surface_state *src);

/*
 * Whether the buffer that the surface has after its pending commit goes with the scale and viewport
 * of that time; false: a protocol error was posted.
 */
bool surface_view_valid(struct surface *surface);

/* Makes @state current, and leaves it empty. */
void surface_apply(struct surface *surface, struct surface_state *state);

/* What must be over before a frame is read. NULL: nothing. */
struct surface_fences {
	struct waybuf_fence *fence[2]; /* of the commit's acquire point, of the buffer */
	int error; /* a negative errno if one could not be had; else 0 */
};

/* What becomes current together: of one surface, or of a parent with synchronised subsurfaces. */
struct surface_commit {
	struct wl_list parts; // surface_part.commit_link
	bool has_waited; /* in what was folded into it */
	bool sent; /* the gate has it; false: it waits for a parent's commit */
	bool *gone; /* set when it is destroyed; NULL: nobody asks */
};

/* Of a commit that was not applied yet. */
struct surface_part {
	struct surface_commit *commit;
	struct surface *surface;
	struct surface_state state;
	struct surface_fences fences; /* referenced */
	bool kept; /* has waited for a parent's commit */
	struct wl_list commit_link; // surface_commit.parts
	struct wl_list link; // surface.parts
};

/* How the daemon's gate hands commits back. */
extern const struct waybuf_gate_ops surface_gate_ops;

/*
 * Takes @state, whose frame waits for @fences (borrowed), with what synchronised subsurfaces have
 * kept for this. It is applied now or when it is ready, or kept for the parent's commit. It is left
 * empty, unless memory is short, and the client was told so.
 */
void surface_enqueue(
	struct surface *surface, struct surface_state *state, const struct surface_fences *fences);
/* A subsurface is about to leave its parent: takes what its tree has in commits kept above it. */
void surface_take_back_kept(struct surface *surface);
/* Waits for the parent's commit no longer. */
void surface_send_kept(struct surface *surface);
/* The surface is about to go: so does all that it has committed, and its queue. */
void surface_queue_finish(struct surface *surface);

#endif
