/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_STAMP_H
#define TESTS_BENCH_STAMP_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * When a program made its last atomic commit, told from inside: bench-stamp, which is loaded before
 * libdrm (LD_PRELOAD), writes it into the file that the environment variable BENCH_STAMP names.
 */
struct bench_stamp {
	atomic_uint_fast64_t ns; /* CLOCK_MONOTONIC, right before the ioctl */
	atomic_uint_fast64_t commits, flips; /* flips: the bare loop's only */
};

#endif
