/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "trace/trace.h"

/* What the trace costs that is always on: an event, against reading the clock, which is most of it. */
#define EVENTS 100000
#define ROUNDS 30

static struct waybuf_trace trace;

static double add_events(void *data)
{
	const struct waybuf_trace_event event = {
		.kind = WAYBUF_TRACE_LATCH, .client = 1234, .surface = 5, .buffer = 6};
	double start = bench_now_us();
	for (int i = 0; i < EVENTS; i++)
		waybuf_trace_add(&trace, &event);
	return (bench_now_us() - start) * 1000 / EVENTS;
}

static double read_clock(void *data)
{
	struct timespec now;
	double start = bench_now_us();
	for (int i = 0; i < EVENTS; i++)
		clock_gettime(CLOCK_MONOTONIC, &now);
	return (bench_now_us() - start) * 1000 / EVENTS;
}

int main(void)
{
	bench_init("bench-trace", 120);
	waybuf_trace_listen(&trace);
	struct bench_pair pair = bench_compare(ROUNDS, add_events, read_clock, NULL);
	bench_print_ratio("trace_event", pair.value, "ns", pair.floor, 0);
	return 0;
}
