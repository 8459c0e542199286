/* SPDX-License-Identifier: MIT */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include <stdbool.h>
#include <waybuf/trace.h>

/*
 * The ring behind the trace: of a fixed size, written by the loop's thread alone. Adding never
 * allocates and never fails; the oldest event makes room. Events are numbered from 0 on, so that a
 * reader can go on where it was and knows what it has missed.
 */
#define WAYBUF_TRACE_SIZE 16384

struct waybuf_trace {
	uint64_t n; /* events so far: the number of the next one */
	uint64_t read_ns; /* the last time that is known */
	unsigned listeners; /* who will read what is added from now on */
	struct waybuf_trace_event events[WAYBUF_TRACE_SIZE];
};

/*
 * While nobody listens the clock is not read: whoever looks into the ring all the same, in a core
 * file, has the order, and the time of each flip.
 */
void waybuf_trace_listen(struct waybuf_trace *trace);
void waybuf_trace_leave(struct waybuf_trace *trace);

/* NULL @trace is a no-op. */
void waybuf_trace_add(struct waybuf_trace *trace, const struct waybuf_trace_event *event);
/* The oldest number from @from on that is still there. */
uint64_t waybuf_trace_first(const struct waybuf_trace *trace, uint64_t from);
/* Of a number that is there: not below waybuf_trace_first(), below trace->n. */
const struct waybuf_trace_event *waybuf_trace_get(const struct waybuf_trace *trace, uint64_t i);

#endif
