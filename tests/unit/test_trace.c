/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "trace/trace.h"
#include "util/clock.h"

static struct waybuf_trace trace;

static uint64_t add(enum waybuf_trace_kind kind, uint64_t ns)
{
	const struct waybuf_trace_event event = {.kind = kind, .ns = ns};
	waybuf_trace_add(&trace, &event);
	return waybuf_trace_get(&trace, trace.n - 1)->ns;
}

/* A frame must not pay for what nobody will read. */
TEST(clock_is_read_for_listeners_only)
{
	ck_assert_uint_eq(add(WAYBUF_TRACE_ACQUIRE, 0), 0);
	ck_assert_uint_eq(add(WAYBUF_TRACE_FLIP, 1000), 1000);
	ck_assert_uint_eq(add(WAYBUF_TRACE_ACQUIRE, 0), 1000);
	ck_assert_uint_eq(add(WAYBUF_TRACE_LATCH, WAYBUF_TRACE_AS_BEFORE), 1000);
	/* of another display */
	ck_assert_uint_eq(add(WAYBUF_TRACE_FLIP, 900), 900);
	ck_assert_uint_eq(add(WAYBUF_TRACE_COMMIT, 0), 1000);
	uint64_t begun = clock_now_ns();
	waybuf_trace_listen(&trace);
	/* also before anything was added */
	ck_assert_uint_ge(add(WAYBUF_TRACE_LATCH, WAYBUF_TRACE_AS_BEFORE), begun);
	uint64_t now = add(WAYBUF_TRACE_ACQUIRE, 0);
	ck_assert_uint_ge(now, begun);
	ck_assert_uint_eq(add(WAYBUF_TRACE_FLIP, 2000), 2000);
	ck_assert_uint_eq(add(WAYBUF_TRACE_LATCH, WAYBUF_TRACE_AS_BEFORE), now);
	waybuf_trace_listen(&trace);
	waybuf_trace_leave(&trace);
	ck_assert_uint_ge(add(WAYBUF_TRACE_COMMIT, 0), now);
	waybuf_trace_leave(&trace);
	now = trace.read_ns;
	ck_assert_uint_eq(add(WAYBUF_TRACE_COMMIT, 0), now);
}

TEST_MAIN("trace")
