/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fake/clock.h"
#include "util/list.h"
#include "util/loop.h"

struct fake_clock fake_clock;

struct timer {
	struct waybuf_source base;
	uint64_t when_ms; /* 0: not armed */
	waybuf_timer_func_t func;
	void *data;
	struct waybuf_list link; // timers
};

static struct waybuf_list timers;

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *out)
{
	if (clock != CLOCK_MONOTONIC || fake_clock.now_ms == 0)
		return (int)syscall(SYS_clock_gettime, clock, out);
	out->tv_sec = (time_t)(fake_clock.now_ms / 1000);
	out->tv_nsec = (long)(fake_clock.now_ms % 1000) * 1000000;
	return 0;
}

static struct waybuf_source *add_fd(struct waybuf_loop *loop, int fd, uint32_t mask,
	waybuf_fd_func_t func, void *data, int *error)
{
	ck_abort_msg("this loop has no fds");
	return NULL;
}

static struct waybuf_source *add_timer(
	struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error)
{
	struct timer *timer = calloc(1, sizeof(*timer));
	ck_assert_ptr_nonnull(timer);
	timer->base.loop = loop;
	timer->func = func;
	timer->data = data;
	waybuf_list_append(&timers, &timer->link);
	fake_clock.timers++;
	return &timer->base;
}

static int arm(struct waybuf_source *source, uint32_t ms)
{
	struct timer *timer = waybuf_container_of(source, struct timer, base);
	timer->when_ms = ms ? fake_clock.now_ms + ms : 0;
	fake_clock.arms++;
	return 0;
}

static void remove_source(struct waybuf_source *source)
{
	struct timer *timer = waybuf_container_of(source, struct timer, base);
	waybuf_list_remove(&timer->link);
	fake_clock.timers--;
	free(timer);
}

static void destroy(struct waybuf_loop *loop)
{
	ck_assert_int_eq(fake_clock.timers, 0);
	fake_clock.now_ms = 0;
	free(loop);
}

static const struct waybuf_loop_ops ops = {
	.add_fd = add_fd,
	.add_timer = add_timer,
	.arm = arm,
	.remove = remove_source,
	.destroy = destroy,
};

struct waybuf_loop *fake_clock_init(void)
{
	struct waybuf_loop *loop = calloc(1, sizeof(*loop));
	ck_assert_ptr_nonnull(loop);
	loop->ops = &ops;
	waybuf_list_init(&timers);
	fake_clock = (struct fake_clock){.now_ms = 1000};
	return loop;
}

static struct timer *first_due(uint64_t until)
{
	struct timer *timer, *first = NULL;
	waybuf_list_for_each(timer, &timers, link) {
		if (timer->when_ms && timer->when_ms <= until &&
			(!first || timer->when_ms < first->when_ms))
			first = timer;
	}
	return first;
}

void fake_clock_advance(uint64_t ms)
{
	uint64_t until = fake_clock.now_ms + ms;
	struct timer *timer;
	while ((timer = first_due(until))) {
		if (timer->when_ms > fake_clock.now_ms)
			fake_clock.now_ms = timer->when_ms;
		timer->when_ms = 0;
		timer->func(timer->data);
	}
	fake_clock.now_ms = until;
}
