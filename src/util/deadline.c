/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/clock.h"
#include "util/deadline.h"
#include "util/log.h"

static void arm_timer(struct waybuf_deadlines *deadlines)
{
	if (waybuf_list_empty(&deadlines->pending))
		return; /* one that fires for nobody is cheaper than a syscall to stop it */
	struct waybuf_deadline *first =
		waybuf_list_first(&deadlines->pending, struct waybuf_deadline, link);
	uint64_t now = clock_now_ms();
	uint64_t ms = first->when_ms > now ? first->when_ms - now : 0;
	/* 0 would disarm */
	int error = waybuf_source_arm(deadlines->timer, ms ? (uint32_t)ms : 1);
	if (error < 0)
		waybuf_error("timerfd_settime: %s", strerror(-error));
}

static void handle_timer(void *data)
{
	struct waybuf_deadlines *deadlines = data;
	uint64_t now = clock_now_ms();
	while (!waybuf_list_empty(&deadlines->pending)) {
		struct waybuf_deadline *first =
			waybuf_list_first(&deadlines->pending, struct waybuf_deadline, link);
		if (first->when_ms > now)
			break;
		waybuf_list_remove(&first->link);
		first->func(first);
	}
	arm_timer(deadlines);
}

int waybuf_deadlines_init(struct waybuf_deadlines *deadlines, struct waybuf_loop *loop)
{
	int error = 0;
	waybuf_list_init(&deadlines->pending);
	deadlines->timer = waybuf_loop_add_timer(loop, handle_timer, deadlines, &error);
	return deadlines->timer ? 0 : error;
}

void waybuf_deadlines_finish(struct waybuf_deadlines *deadlines)
{
	assert(waybuf_list_empty(&deadlines->pending));
	waybuf_source_remove(deadlines->timer);
}

void waybuf_deadline_init(
	struct waybuf_deadline *deadline, void (*func)(struct waybuf_deadline *deadline))
{
	deadline->func = func;
	waybuf_list_init(&deadline->link);
}

uint64_t waybuf_deadline_in(uint32_t ms)
{
	return clock_now_ms() + ms;
}

void waybuf_deadline_arm(
	struct waybuf_deadlines *deadlines, struct waybuf_deadline *deadline, uint32_t ms)
{
	waybuf_deadline_arm_at(deadlines, deadline, waybuf_deadline_in(ms));
}

void waybuf_deadline_arm_at(
	struct waybuf_deadlines *deadlines, struct waybuf_deadline *deadline, uint64_t when_ms)
{
	waybuf_list_remove(&deadline->link);
	deadline->when_ms = when_ms;
	/* most deadlines are of one length, so the place is at the end */
	struct waybuf_list *at = deadlines->pending.prev;
	while (at != &deadlines->pending &&
		waybuf_container_of(at, struct waybuf_deadline, link)->when_ms > deadline->when_ms)
		at = at->prev;
	waybuf_list_insert(at, &deadline->link);
	if (deadlines->pending.next == &deadline->link)
		arm_timer(deadlines);
}

void waybuf_deadline_cancel(struct waybuf_deadline *deadline)
{
	waybuf_list_remove(&deadline->link);
}
