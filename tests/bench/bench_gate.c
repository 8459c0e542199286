/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bare.h"
#include "bench.h"
#include "points.h"
#include "sw_sync.h"
#include "window.h"

/*
 * From the signal of an acquire point to the atomic commit that shows it: waybufd, with its gate
 * between the two, against a process that waits for an eventfd of the point with epoll and commits.
 * Both stamp the time right before the ioctl, and are signalled from outside at all phases of a
 * refresh, with nothing else to do.
 *
 *	submitted	the point has work on it when the frame is committed, as clients of GPUs do
 *	unsubmitted	nobody has submitted to it yet, and then it is signalled by the CPU
 *
 * How many system calls are in between is counted for itself, in a last turn.
 */
#define SAMPLES 100
#define TURNS 3
#define TRACED 20

enum kind { SUBMITTED, UNSUBMITTED, KINDS };

struct series {
	double us[SAMPLES * TURNS];
	unsigned n;
};

struct world {
	struct bench_stamp *stamp;
	char stamp_path[64];
	int timeline; /* of sw_sync */
	uint32_t value;
	struct waybuf_syncobj *syncobj; /* whose points are signalled */
	uint64_t point;
	/* one of the two at a time */
	struct bench_server server;
	struct bench_client client;
	struct bench_window window;
	struct bench_points points;
	uint64_t releases;
	pid_t bare;
	int event_fd;
	struct series ours[KINDS], floor[KINDS];
	double calls[KINDS], floor_calls[KINDS];
};

static void check(const char *what, int ret)
{
	if (ret < 0)
		bench_fail("%s: %s", what, strerror(-ret));
}

static void stamp_init(struct world *w)
{
	snprintf(w->stamp_path, sizeof(w->stamp_path), "/tmp/waybuf-stamp-XXXXXX");
	int fd = mkstemp(w->stamp_path);
	check(w->stamp_path, fd < 0 || ftruncate(fd, sizeof(*w->stamp)) < 0 ? -errno : 0);
	w->stamp = mmap(NULL, sizeof(*w->stamp), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check("mmap", w->stamp == MAP_FAILED ? -errno : 0);
	close(fd);
}

/* ---- signals ------------------------------------------------------------------------------- */

/* The next point; with work on it or not. */
static void prepare(struct world *w, enum kind kind)
{
	w->point++;
	if (kind == UNSUBMITTED)
		return;
	int fence = sw_sync_fence(w->timeline, ++w->value);
	check("a fence", fence);
	check("a point", waybuf_syncobj_import_point(w->syncobj, w->point, fence));
	close(fence);
}

/* The time of the signal. */
static double give(struct world *w, enum kind kind)
{
	double now = bench_now_us();
	if (kind == SUBMITTED)
		check("a signal", sw_sync_advance(w->timeline, 1));
	else
		check("a signal", waybuf_syncobj_signal(w->syncobj, w->point));
	return now;
}

static void note(struct series *series, const struct bench_stamp *stamp, double signalled_us)
{
	series->us[series->n++] = (double)atomic_load(&stamp->ns) / 1000 - signalled_us;
}

/* Somewhere in the refresh, and everybody is asleep. */
static void wait_a_while(unsigned i)
{
	usleep(2000 + i * 7 % 16 * 1000);
}

/* ---- waybufd ------------------------------------------------------------------------------- */

static void server_start(struct world *w)
{
	setenv("BENCH_STAMP", w->stamp_path, 1);
	setenv("LD_PRELOAD", BENCH_STAMP_LIBRARY, 1);
	bench_server_start(&w->server, NULL);
	unsetenv("LD_PRELOAD");
	bench_client_connect(&w->client, &w->server);
	bench_window_init(&w->window, &w->client);
	if (!bench_points_init(&w->points, &w->client, w->window.surface))
		bench_fail("waybufd does not offer points");
	w->syncobj = w->points.acquire;
	w->point = w->releases = 0;
}

static void server_stop(struct world *w)
{
	bench_points_finish(&w->points);
	bench_window_finish(&w->window);
	bench_client_disconnect(&w->client);
	bench_server_stop(&w->server);
}

static void show(struct world *w, enum kind kind, unsigned i)
{
	prepare(w, kind);
	bench_points_set(&w->points, w->point, bench_window_free_slot(&w->window), ++w->releases);
	bench_window_commit(&w->window);
	bench_client_sync(&w->client);
	wait_a_while(i);
	uint64_t commits = atomic_load(&w->stamp->commits);
	double signalled = give(w, kind);
	bench_window_wait(&w->window);
	if (atomic_load(&w->stamp->commits) != commits + 1)
		bench_fail("a frame took more than one commit, or was not held back");
	if (i < SAMPLES)
		note(&w->ours[kind], w->stamp, signalled);
}

/* On average between the wait for an event and the commit that it leads to. */
static double count_calls(struct world *w, pid_t pid, enum kind kind,
	void (*once)(struct world *, enum kind, unsigned))
{
	const struct bench_server server = {.pid = pid};
	struct bench_trace *trace = bench_trace_start(&server);
	uint64_t calls, begun = 0, commits = bench_trace_commits(trace, &begun);
	for (unsigned i = 0; i < TRACED; i++)
		once(w, kind, SAMPLES);
	commits = bench_trace_commits(trace, &calls) - commits;
	bench_trace_stop(trace);
	return (double)(calls - begun) / (double)commits;
}

static void count_ours(struct world *w)
{
	server_start(w);
	for (enum kind kind = 0; kind < KINDS; kind++)
		w->calls[kind] = count_calls(w, w->server.pid, kind, show);
	server_stop(w);
}

static void run_ours(struct world *w)
{
	server_start(w);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		for (unsigned i = 0; i < 3; i++)
			show(w, kind, SAMPLES);
		for (unsigned i = 0; i < SAMPLES; i++)
			show(w, kind, i);
	}
	server_stop(w);
}

/* ---- the bare loop ------------------------------------------------------------------------- */

static void wait_flips(struct world *w, uint64_t flips)
{
	while (atomic_load(&w->stamp->flips) < flips) {
		usleep(500);
		if (waitpid(w->bare, NULL, WNOHANG) != 0)
			bench_fail("the bare loop ended");
	}
}

static void bare_start(struct world *w, struct waybuf_syncobj_device *device)
{
	check("a timeline", waybuf_syncobj_create(device, &w->syncobj));
	w->point = 0;
	w->event_fd = eventfd(0, EFD_CLOEXEC);
	check("an eventfd", w->event_fd);
	atomic_store(&w->stamp->flips, 0);
	w->bare = fork();
	check("fork", w->bare < 0 ? -errno : 0);
	if (w->bare == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bench_bare_answer(w->event_fd, w->stamp);
	}
	wait_flips(w, 1);
}

static void bare_stop(struct world *w)
{
	kill(w->bare, SIGKILL);
	waitpid(w->bare, NULL, 0);
	close(w->event_fd);
	waybuf_syncobj_unref(w->syncobj);
}

static void flip(struct world *w, enum kind kind, unsigned i)
{
	uint64_t flips = atomic_load(&w->stamp->flips);
	prepare(w, kind);
	check("a point's eventfd",
		waybuf_syncobj_eventfd(
			w->syncobj, w->point, WAYBUF_SYNCOBJ_SIGNALLED, w->event_fd));
	wait_a_while(i);
	double signalled = give(w, kind);
	wait_flips(w, flips + 1);
	if (i < SAMPLES)
		note(&w->floor[kind], w->stamp, signalled);
}

static void run_floor(struct world *w, struct waybuf_syncobj_device *device)
{
	bare_start(w, device);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		for (unsigned i = 0; i < 3; i++)
			flip(w, kind, SAMPLES);
		for (unsigned i = 0; i < SAMPLES; i++)
			flip(w, kind, i);
	}
	bare_stop(w);
}

static void count_floor(struct world *w, struct waybuf_syncobj_device *device)
{
	bare_start(w, device);
	for (enum kind kind = 0; kind < KINDS; kind++)
		w->floor_calls[kind] = count_calls(w, w->bare, kind, flip);
	bare_stop(w);
}

/* ---- figures ------------------------------------------------------------------------------- */

static void print(struct world *w, enum kind kind, double part, const char *name, double most)
{
	struct series *ours = &w->ours[kind], *floor = &w->floor[kind];
	bench_print_ratio(name, bench_quantile(ours->us, ours->n, part), "us",
		bench_quantile(floor->us, floor->n, part), most);
}

static void print_calls(const struct world *w, enum kind kind, const char *name)
{
	bench_print_value(name, w->calls[kind], "calls", w->floor_calls[kind], NAN);
}

int main(void)
{
	static struct world w;
	struct waybuf_syncobj_device *device;
	bench_init("bench-gate", 180);
	int fd = bench_points_device();
	w.timeline = sw_sync_open();
	if (fd < 0 || w.timeline < 0)
		bench_fail("this machine has no timelines, or no sw_sync to signal them with");
	check("a device", waybuf_syncobj_device_create(fd, &device));
	close(fd);
	stamp_init(&w);
	for (int i = 0; i < TURNS; i++) {
		run_ours(&w);
		run_floor(&w, device);
	}
	count_ours(&w);
	count_floor(&w, device);
	unlink(w.stamp_path);
	waybuf_syncobj_device_unref(device);
	print(&w, SUBMITTED, 0.5, "gate_latency", 1.3);
	print(&w, SUBMITTED, 0.99, "gate_latency_p99", 1.5);
	print_calls(&w, SUBMITTED, "gate_latency_syscalls");
	print(&w, UNSUBMITTED, 0.5, "gate_latency_unsubmitted", 1.3);
	print(&w, UNSUBMITTED, 0.99, "gate_latency_unsubmitted_p99", 1.5);
	print_calls(&w, UNSUBMITTED, "gate_latency_unsubmitted_syscalls");
	return 0;
}
