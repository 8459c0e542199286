/* SPDX-License-Identifier: MIT */
#include "trace/trace.h"
#include "util/clock.h"

#include <assert.h>

const char *waybuf_trace_kind_name(enum waybuf_trace_kind kind)
{
	static const char *const names[] = {
		[WAYBUF_TRACE_ACQUIRE] = "acquire",
		[WAYBUF_TRACE_WAIT] = "wait",
		[WAYBUF_TRACE_LATCH] = "latch",
		[WAYBUF_TRACE_DISCARD] = "discard",
		[WAYBUF_TRACE_COMMIT] = "commit",
		[WAYBUF_TRACE_FLIP] = "flip",
		[WAYBUF_TRACE_RELEASE] = "release",
		[WAYBUF_TRACE_MIGRATE] = "migrate",
	};
	if ((unsigned)kind >= sizeof(names) / sizeof(names[0]))
		return "unknown";
	return names[kind];
}

void waybuf_trace_listen(struct waybuf_trace *trace)
{
	trace->listeners++;
	trace->read_ns = clock_now_ns();
}

void waybuf_trace_leave(struct waybuf_trace *trace)
{
	assert(trace->listeners > 0);
	trace->listeners--;
}

/* Of an event that was added without a time. */
static uint64_t get_time(struct waybuf_trace *trace, bool as_before)
{
	if (trace->listeners && !as_before)
		trace->read_ns = clock_now_ns();
	return trace->read_ns;
}

void waybuf_trace_add(struct waybuf_trace *trace, const struct waybuf_trace_event *event)
{
	if (!trace)
		return;
	struct waybuf_trace_event *slot = &trace->events[trace->n++ % WAYBUF_TRACE_SIZE];
	*slot = *event;
	if (slot->ns == 0 || slot->ns == WAYBUF_TRACE_AS_BEFORE)
		slot->ns = get_time(trace, slot->ns == WAYBUF_TRACE_AS_BEFORE);
	else if (!trace->listeners && slot->ns > trace->read_ns)
		trace->read_ns = slot->ns;
}

uint64_t waybuf_trace_first(const struct waybuf_trace *trace, uint64_t from)
{
	uint64_t oldest = trace->n > WAYBUF_TRACE_SIZE ? trace->n - WAYBUF_TRACE_SIZE : 0;
	return from > oldest ? from : oldest;
}

const struct waybuf_trace_event *waybuf_trace_get(const struct waybuf_trace *trace, uint64_t i)
{
	assert(i < trace->n && trace->n - i <= WAYBUF_TRACE_SIZE);
	return &trace->events[i % WAYBUF_TRACE_SIZE];
}
