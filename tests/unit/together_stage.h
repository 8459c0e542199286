/* SPDX-License-Identifier: MIT */
#ifndef TESTS_TOGETHER_STAGE_H
#define TESTS_TOGETHER_STAGE_H

#include "daemon_world.h"

/*
 * Windows that draw for each refresh, in a waybufd of the test's own, on a display whose refresh has
 * 20 ms to the nanosecond. FIRST covers it, SECOND is on a plane above it, and THIRD is composed.
 */
enum { FIRST = 0, SECOND = WORLD_IMPLICIT, THIRD = 3 };
enum { PERIOD_MS = 20, SLACK_MS = 1, TRUSTED = 8 };

struct stage {
	struct world world;
	/* frames that each window has committed, and frame callbacks that it was sent for them */
	int drawn[WORLD_WINDOWS], answered[WORLD_WINDOWS];
	struct wl_callback *callbacks[WORLD_WINDOWS]; /* the last one asked for; NULL: answered */
	uint64_t flip_ms;
};

/* There is one at a time. */
extern struct stage stage;

void stage_begin(void);
/* With all that was made for it. */
void stage_finish(void);
struct output *stage_output(void);

/* Its next commit is without points. */
void stage_drop_points(int i);
/* For a frame callback of @surface with its next commit, as one of window @i. */
void stage_ask(struct wl_surface *surface, int i);
/* The next frame of window @i; to be sent when the client runs the next time. */
void stage_commit(int i);
/* The same, at once. */
void stage_draw(int i);

void stage_advance(uint64_t ms);
/* The vblank that is next, or one after that. */
void stage_flip(void);
void stage_flip_after(uint64_t periods);

/* Both draw, together and at once, until they are relied on; the last flip has just asked them. */
void stage_trust(int i, int k);
/* A repaint is due for @i; it begins @ms after the flip, and not before. */
void stage_check_waits_until(int i, uint64_t ms);

#endif
