/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_CLOCK_H
#define TESTS_FAKE_CLOCK_H

#include <stdint.h>

struct waybuf_loop;

/*
 * A clock that stands still until it is told to go on, and a loop with timers on it and nothing
 * else: clock_gettime(CLOCK_MONOTONIC) is replaced at link time. A test that wants an fd watched
 * fails, because then time would not stand still.
 */
struct fake_clock {
	uint64_t now_ms;
	int timers; /* that exist */
	int arms; /* how often one was armed */
};
extern struct fake_clock fake_clock;

/* At 1000 ms, with a loop. waybuf_loop_destroy() ends it; its timers must be gone. */
struct waybuf_loop *fake_clock_init(void);
/* Goes on by @ms, and runs the timers that are due, each at its time. */
void fake_clock_advance(uint64_t ms);

#endif
