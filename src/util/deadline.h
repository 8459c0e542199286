/* SPDX-License-Identifier: MIT */
#ifndef UTIL_DEADLINE_H
#define UTIL_DEADLINE_H

#include <stdint.h>

#include "util/list.h"
#include "util/loop.h"

/*
 * Many deadlines on one timer: a timer of a loop costs an fd, and every buffer may have a deadline
 * or two. They are kept in order of time, so that the timer is armed for the first.
 */
struct waybuf_deadlines {
	struct waybuf_source *timer;
	struct waybuf_list pending; // waybuf_deadline.link
};

/* Caller storage; idle when not in the list. */
struct waybuf_deadline {
	uint64_t when_ms; /* CLOCK_MONOTONIC */
	void (*func)(struct waybuf_deadline *deadline);
	struct waybuf_list link; // waybuf_deadlines.pending
};

int waybuf_deadlines_init(struct waybuf_deadlines *deadlines, struct waybuf_loop *loop);
/* No deadline is pending. */
void waybuf_deadlines_finish(struct waybuf_deadlines *deadlines);

void waybuf_deadline_init(
	struct waybuf_deadline *deadline, void (*func)(struct waybuf_deadline *deadline));
/* @ms milliseconds from now, on the clock of waybuf_deadline_arm_at(). */
uint64_t waybuf_deadline_in(uint32_t ms);
/* Calls the function once, from the loop, after @ms milliseconds; replaces a pending one. */
void waybuf_deadline_arm(
	struct waybuf_deadlines *deadlines, struct waybuf_deadline *deadline, uint32_t ms);
/* The same at a time of CLOCK_MONOTONIC in milliseconds; one that has passed: as soon as may be. */
void waybuf_deadline_arm_at(
	struct waybuf_deadlines *deadlines, struct waybuf_deadline *deadline, uint64_t when_ms);
/* No call will come. An idle deadline is a no-op. */
void waybuf_deadline_cancel(struct waybuf_deadline *deadline);

#endif
