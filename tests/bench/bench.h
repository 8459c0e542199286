/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Measuring. A machine that is shared, or simulated, is twice as slow in one second as in the next,
 * so a time means nothing alone: it is taken in turns with its floor (A B A B). What others do on
 * the machine can only add to a time, and on a busy one it is most of the median. So what is
 * compared are the samples that one in ten undercuts. What no noise touches is counted instead:
 * system calls, bytes, waits.
 *
 * A program prints a line a figure, `name value unit floor ratio target ok|short`, and ends with 0
 * when it could measure, whatever came out. A target with an x limits the ratio, one without limits
 * the value, and - means that there is none; then the line is `ok`.
 */

/* Ends the program, with a message, if it takes longer than @seconds: nothing waits for ever. */
void bench_init(const char *name, unsigned seconds);
/* Ends the program with a message: it could not measure. */
_Noreturn __attribute__((format(printf, 1, 2))) void bench_fail(const char *format, ...);

/* CLOCK_MONOTONIC. */
double bench_now_us(void);
/* Sorts, and gives the sample that @part of them undercut; 0.5 is the median. */
double bench_quantile(double *samples, size_t n, double part);
/* The sample that one in ten undercuts. Sorts. */
double bench_typical(double *samples, size_t n);

struct bench_pair {
	double value, floor; /* bench_typical() */
};

/* One measurement, in microseconds or whatever the unit is. */
typedef double (*bench_func)(void *data);

/* Runs @value and @floor in turns, @rounds times, after one round that does not count. */
struct bench_pair bench_compare(size_t rounds, bench_func value, bench_func floor, void *data);

/* A figure whose target is a multiple of its floor; 0: it has no target. */
void bench_print_ratio(const char *name, double value, const char *unit, double floor, double most);
/* A figure whose target is a value; NaN: it has none. @floor is for reading, NaN: none. */
void bench_print_value(const char *name, double value, const char *unit, double floor, double most);

/* A dma-buf of @size bytes from the system heap, cleared. */
int bench_heap_alloc(size_t size);

#endif
