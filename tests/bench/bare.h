/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_BARE_H
#define TESTS_BENCH_BARE_H

#include "stamp.h"

/* What the kernel takes to show frames: two framebuffers in turn, and nothing around it. */
struct bench_bare {
	double period_us; /* from one flip to the next, median */
	double commit_us; /* the ioctl of the atomic commit, median */
	double cpu_us; /* of this process for one frame */
	unsigned missed; /* vblanks without a new frame, in all */
	unsigned overlays; /* that were there */
};

/* Takes the display, shows @frames, 1024 at most, and gives the display back. */
struct bench_bare bench_bare_run(unsigned frames);

/*
 * The same with up to 8 overlays of @width by @height instead, all of them new in each frame, above
 * a background that stays.
 */
struct bench_bare bench_bare_run_overlays(
	unsigned frames, unsigned n, uint32_t width, uint32_t height);

/*
 * Takes the display and makes a commit whenever the eventfd @event_fd is written to, as little as
 * can be between the two; @stamp is told. It counts a first flip when it is ready. For a process of
 * its own, which is to be killed.
 */
_Noreturn void bench_bare_answer(int event_fd, struct bench_stamp *stamp);

#endif
