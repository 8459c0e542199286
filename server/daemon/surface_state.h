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

/* Makes @state current, and leaves it empty. */
void surface_apply(struct surface *surface, struct surface_state *state);

/* A commit that the gate has. */
struct surface_commit {
	struct surface *surface;
	struct surface_state state;
	struct wl_list link; // surface.commits
};

/* What must be over before a frame is read. NULL: nothing. */
struct surface_fences {
	struct waybuf_fence *fence[2]; /* of the commit's acquire point, of the buffer */
	int error; /* a negative errno if one could not be had; else 0 */
};

/* How the daemon's gate hands commits back. */
extern const struct waybuf_gate_ops surface_gate_ops;

/*
 * Takes @state, whose frame waits for @fences (borrowed), and applies it now or when it is ready.
 * It is left empty.
 */
void surface_enqueue(
	struct surface *surface, struct surface_state *state, const struct surface_fences *fences);

#endif
