/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_BARE_H
#define TESTS_BENCH_BARE_H

/* What the kernel takes to show frames: two framebuffers in turn, and nothing around it. */
struct bench_bare {
	double period_us; /* from one flip to the next, median */
	double cpu_us; /* of this process for one frame */
};

/* Takes the display, shows @frames, and gives the display back. */
struct bench_bare bench_bare_run(unsigned frames);

#endif
