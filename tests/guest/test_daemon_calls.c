/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <drm_fourcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "bench/server.h"
#include "daemon_points.h"
#include "linux-drm-syncobj-v1-client-protocol.h"

/* What a frame costs waybufd, in numbers that no noise touches: system calls and fds. */
#define FRAMES 40

static int count_fds(const struct daemon *daemon)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)daemon->pid);
	DIR *folder = opendir(path);
	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

struct counts {
	/* but for those of a turn of the loop: a busy machine hears a client in more of them */
	uint64_t work, closes;
	/* of what a frame that is ready has no use for: eventfds, watches, duplicates; and timers */
	uint64_t extra, timers;
	uint64_t clocks; /* which is a call in the guest alone */
	uint64_t seconds; /* that it took, rounded up */
};

static struct counts count(const struct bench_trace *trace)
{
	static const unsigned extra[] = {
		SYS_eventfd2, SYS_timerfd_create, SYS_epoll_ctl, SYS_dup, SYS_dup3, SYS_fcntl};
	/* the clock is read without a call where there is a vDSO, which the guest has not */
	static const unsigned turn[] = {
		SYS_epoll_wait, SYS_recvmsg, SYS_timerfd_settime, SYS_clock_gettime};
	struct counts counts = {.work = bench_trace_count(trace)};
	for (size_t i = 0; i < sizeof(turn) / sizeof(turn[0]); i++)
		counts.work -= bench_trace_number(trace, turn[i]);
	counts.clocks = bench_trace_number(trace, SYS_clock_gettime);
	counts.timers = bench_trace_number(trace, SYS_timerfd_settime);
	counts.closes = bench_trace_number(trace, SYS_close);
	for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++)
		counts.extra += bench_trace_number(trace, extra[i]);
	return counts;
}

/* Frames in turn, the first of them on picture 0. */
static void show(struct scenario *s, bool is_explicit, int n, uint64_t *release)
{
	for (int i = 0; i < n; i++) {
		if (is_explicit)
			set_points(s, 1, (uint64_t)i % 2, ++*release);
		window_show(&s->window, &s->pictures[i % 2]);
	}
}

static struct counts measure(struct scenario *s, bool is_explicit)
{
	const struct bench_server server = {.pid = s->daemon.pid};
	static uint64_t release;
	show(s, is_explicit, 6, &release);
	int fds = count_fds(&s->daemon);
	struct bench_trace *trace = bench_trace_start(&server);
	show(s, is_explicit, 2, &release);
	struct counts before = count(trace);
	time_t begun = time(NULL);
	show(s, is_explicit, FRAMES, &release);
	struct counts after = count(trace);
	after.seconds = (uint64_t)(time(NULL) - begun) + 1;
	bench_trace_stop(trace);
	ck_assert_int_eq(count_fds(&s->daemon), fds);
	after.work -= before.work;
	after.closes -= before.closes;
	after.extra -= before.extra;
	after.timers -= before.timers;
	after.clocks -= before.clocks;
	printf("# a frame %s: %.2f calls, %.2f closes; timers %u, clock %u\n",
		is_explicit ? "with points" : "without", (double)after.work / FRAMES,
		(double)after.closes / FRAMES, (unsigned)after.timers, (unsigned)after.clocks);
	fflush(stdout);
	return after;
}

TEST(points_that_have_signalled_cost_next_to_nothing)
{
	struct scenario s;
	begin(&s);
	ck_assert_int_eq(waybuf_syncobj_signal(s.points.acquire, 1), 0);
	struct counts with = measure(&s, true);
	wp_linux_drm_syncobj_surface_v1_destroy(s.points.surface);
	struct counts without = measure(&s, false);
	s.points.surface =
		wp_linux_drm_syncobj_manager_v1_get_surface(s.client.syncobj, s.window.surface);
	/* the fence of each flip, and nothing but that; without points, and a GPU, not even that */
	ck_assert_uint_eq(with.extra, 0);
	ck_assert_uint_eq(with.closes, FRAMES);
	/* the flips are looked after once a second, and something else may be due meanwhile */
	ck_assert_uint_le(with.timers, 2 * with.seconds + FRAMES / 10);
	ck_assert_uint_eq(without.extra, 0);
	ck_assert_uint_eq(without.closes, 0);
	/* nobody listens to the trace, and no other event is more often than once a second */
	ck_assert_uint_le(with.clocks, 4 * with.seconds);
	ck_assert_uint_le(without.clocks, 4 * without.seconds);
	/* poll, commit, event, answer; which may come in two parts */
	ck_assert_uint_le(without.work, 5 * FRAMES + FRAMES / 4);
	ck_assert_uint_le(with.work, without.work + 3 * FRAMES);
	end(&s);
}

/*
 * A frame that waits for a point on which there is no work yet, which then is signalled. On a machine
 * that is so busy that a second has passed by then it is given up, and a flip may be as late.
 */
static void show_late(struct scenario *s, uint64_t point)
{
	struct window *window = &s->window;
	int presented = window->presented;
	set_points(s, point, point % 2, point);
	window_commit(window, &s->pictures[point % 2]);
	ck_assert(client_sync(&s->client));
	ck_assert_int_eq(waybuf_syncobj_signal(s->points.acquire, point), 0);
	client_wait(&s->client, &window->presented, presented + 1, 2000);
}

/* How it ended is asked before, and what it leaves behind is closed after the commit. */
TEST(frame_that_is_late_does_not_wait_for_fds)
{
	struct scenario s;
	begin(&s);
	const struct bench_server server = {.pid = s.daemon.pid};
	for (uint64_t point = 1; point <= 4; point++)
		show_late(&s, point);
	int fds = count_fds(&s.daemon);
	struct bench_trace *trace = bench_trace_start(&server);
	uint64_t calls, begun, commits = bench_trace_commits(trace, &begun);
	for (uint64_t point = 5; point < 5 + FRAMES; point++)
		show_late(&s, point);
	commits = bench_trace_commits(trace, &calls) - commits;
	bench_trace_stop(trace);
	printf("# %u commits, each after %.2f calls; %d frames were given up\n", (unsigned)commits,
		(double)(calls - begun) / (double)commits, s.window.discarded);
	fflush(stdout);
	ck_assert_uint_ge(commits, FRAMES / 2);
	/* two questions, and what else comes in the same turn; 7 if all is closed first */
	ck_assert_uint_lt(calls - begun, 5 * commits);
	/* a flip may be under way, and no more */
	ck_assert_int_le(count_fds(&s.daemon), fds + 3);
	end(&s);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-calls")
