/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_PACE_H
#define DAEMON_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct output;
struct surface;
struct waybuf_source;

/* The longest of something lately, what was as long only once left out. */
struct pace_measure {
	uint64_t ns;
	uint64_t last_ns; /* it was the last time */
};

/* When an output is repainted, if others may draw for the same refresh; pace.c has the reasons. */
struct pace {
	struct waybuf_source *timer; /* armed while a repaint waits */
	bool waiting; /* one does */
	bool waited; /* one did that is due now */
	bool several; /* more than one was asked with the last flip */

	uint64_t refresh; /* no other refresh has it, of any output; 0: there was no flip */
	uint64_t flip_ns; /* when it began, by the flip that asked */
	uint64_t deadline_ns; /* of what waits */
	uint64_t vblank_ns; /* that a repaint which has waited is to meet; 0: none does */
	uint64_t begun_ns; /* a repaint that is measured; 0: none is */

	bool measured; /* once at least */
	struct pace_measure cost; /* from the beginning of a repaint to its commit */
	struct pace_measure late; /* the timer came so long after its time */
	uint64_t missed_ns; /* what there was to add after a vblank that was missed */
};

/* 0 or a negative errno: there is no timer. */
int pace_init(struct output *output);
void pace_finish(struct output *output);

/*
 * Whether the repaint that is due, and could be made now, is to wait for somebody. If so
 * output_schedule() is called once it has waited long enough; whoever wants to know earlier asks
 * again. False: it is to be made at once.
 */
bool pace_waits(struct output *output);
/* Before the vblank, so early it begins at the latest. 0: it was not measured yet, and none waits. */
uint64_t pace_margin_ns(const struct output *output);
/* When what is to be shown by the vblank after the last flip must be there (CLOCK_MONOTONIC). */
uint64_t pace_due_ns(const struct output *output);
/* The commit of a repaint was accepted. */
void pace_committed(struct output *output);
/* output.shown was flipped to, and its frame callbacks have been sent. */
void pace_flipped(struct output *output);

/* A scene is made that shows the surface. Whether its client will be asked with the flip to that. */
bool pace_asks(struct surface *surface);
/* What its client has committed of the surface becomes current. */
void pace_answered(struct surface *surface);
/* Something that was seen on the output is gone, or drawn by another commit: waits may be over. */
void pace_forget(struct output *output);

#endif
