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

/* Makes @state current, and leaves it empty. */
void surface_apply(struct surface *surface, struct surface_state *state);

/*
 * Takes @state, whose frame waits for @fence (NULL: it is ready), and applies it now or when it
 * is ready. It is left empty.
 */
void surface_enqueue(
	struct surface *surface, struct surface_state *state, struct waybuf_fence *fence);
/* Gives up all commits that wait. */
void surface_queue_finish(struct surface *surface);

#endif
