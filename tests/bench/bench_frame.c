/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdbool.h>

#include "bare.h"
#include "bench.h"
#include "points.h"
#include "window.h"

/*
 * Frames of a fullscreen client that keeps to the display's pace, with two dma-bufs in turn that
 * the display scans out. What one costs the server, and how soon after a commit the buffer that it
 * replaces comes back, against a program that does nothing but flip. The same with explicit
 * synchronisation: what that adds, and how soon the fence is on the release point.
 */
#define FRAMES 150
#define RUNS 3
#define TRACED 60

struct world {
	struct bench_server server;
	struct bench_client client;
	struct bench_window window;
	struct bench_points points;
	bool is_explicit;
	uint64_t releases; /* release points so far, on both timelines */
	double latencies[FRAMES], fences[FRAMES];
	unsigned n_latencies, n_fences;
};

static void world_init(struct world *w)
{
	*w = (struct world){0};
	bench_server_start(&w->server, NULL);
	bench_client_connect(&w->client, &w->server);
	bench_window_init(&w->window, &w->client);
}

static void world_finish(struct world *w)
{
	if (w->is_explicit)
		bench_points_finish(&w->points);
	bench_window_finish(&w->window);
	bench_client_disconnect(&w->client);
	bench_server_stop(&w->server);
}

/* When it comes back it is the other slot's turn, so points rise by one on each in turn. */
static void prepare_points(struct world *w)
{
	w->releases++;
	bench_points_set(&w->points, 1, bench_window_free_slot(&w->window), w->releases);
}

static void wait_for_fence(struct world *w, unsigned displaced)
{
	wl_display_flush(w->client.display);
	bench_points_wait(&w->points, displaced, w->releases - 1);
	if (w->n_fences < FRAMES)
		w->fences[w->n_fences++] = bench_now_us() - w->window.committed_us;
}

/* The next frame, at once after the last one was shown, as a client at the display's pace does. */
static void show_frame(void *data)
{
	struct world *w = data;
	unsigned displaced = !bench_window_free_slot(&w->window);
	if (w->is_explicit)
		prepare_points(w);
	bench_window_commit(&w->window);
	if (w->is_explicit && w->releases > 1)
		wait_for_fence(w, displaced);
	bench_window_wait(&w->window);
	if (w->n_latencies < FRAMES)
		w->latencies[w->n_latencies++] = w->window.released_us - w->window.committed_us;
}

/* From here on the client says with points what it says by frames. False: there are none. */
static bool go_explicit(struct world *w)
{
	w->is_explicit = bench_points_init(&w->points, &w->client, w->window.surface);
	if (w->is_explicit && waybuf_syncobj_signal(w->points.acquire, 1) < 0)
		bench_fail("a point cannot be signalled");
	for (int i = 0; w->is_explicit && i < 5; i++)
		show_frame(w);
	return w->is_explicit;
}

/* CPU time of the server for one frame; @latency is the median. */
static double run_frames(struct world *w, double *latency)
{
	for (int i = 0; i < 5; i++)
		show_frame(w);
	w->n_latencies = 0;
	double cpu = bench_server_cpu_us(&w->server);
	for (int i = 0; i < FRAMES; i++)
		show_frame(w);
	cpu = bench_server_cpu_us(&w->server) - cpu;
	*latency = bench_quantile(w->latencies, w->n_latencies, 0.5);
	return cpu / FRAMES;
}

/* How soon the fence is there, the median. */
static double run_explicit(struct world *w)
{
	w->n_fences = 0;
	for (int i = 0; i < FRAMES; i++)
		show_frame(w);
	return bench_quantile(w->fences, w->n_fences, 0.5);
}

static double count_calls(struct world *w)
{
	return bench_trace_typical(&w->server, TRACED, show_frame, w);
}

int main(void)
{
	struct world w;
	double cpu[RUNS], bare_cpu[RUNS], latency[RUNS], period[RUNS], commit[RUNS], fence[RUNS];
	double calls = 0, explicit_calls = 0, rss = 0;
	bool has_points = false;
	bench_init("bench-frame", 180);
	for (int i = 0; i < RUNS; i++) {
		struct bench_bare bare = bench_bare_run(FRAMES);
		bare_cpu[i] = bare.cpu_us;
		period[i] = bare.period_us;
		commit[i] = bare.commit_us;
		world_init(&w);
		cpu[i] = run_frames(&w, &latency[i]);
		bench_window_check_direct(&w.window);
		rss = bench_server_rss_kib(&w.server) / 1024;
		if (i == RUNS - 1)
			calls = count_calls(&w);
		has_points = go_explicit(&w);
		fence[i] = has_points ? run_explicit(&w) : NAN;
		if (has_points && i == RUNS - 1)
			explicit_calls = count_calls(&w);
		world_finish(&w);
	}
	bench_print_ratio("frame_server_cpu", bench_typical(cpu, RUNS), "us",
		bench_typical(bare_cpu, RUNS), 0);
	bench_print_value("frame_syscalls", calls, "calls", NAN, 8);
	bench_print_ratio("frame_release", bench_typical(latency, RUNS), "us",
		bench_typical(period, RUNS), 1.05);
	bench_print_value("frame_server_rss", rss, "MiB", NAN, 12);
	if (!has_points)
		return 0;
	bench_print_value("frame_explicit_more_syscalls", explicit_calls - calls, "calls", NAN, 4);
	bench_print_value("frame_release_fence", bench_typical(fence, RUNS), "us",
		bench_typical(commit, RUNS), 2000);
	return 0;
}
