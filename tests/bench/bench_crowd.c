/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <unistd.h>

#include "bench.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "points.h"
#include "window.h"

/*
 * Frames of a fullscreen client while a thousand surfaces wait for points that nobody submits to,
 * against the same without them. They are given up after a second, in which the frames fit.
 */
#define CROWD 1000
#define FRAMES 30
#define ROUNDS 8
#define ENOUGH 120
/* until the last of them is given up: a client may not have more points than that */
#define OVER_US 1300000
/* from the first of their commits on, all of them wait for so long */
#define CALM_US 950000

struct world {
	struct bench_server server;
	struct bench_client client;
	struct bench_window window;
	struct bench_points points;
	struct wl_buffer *buffer; /* of the crowd */
	struct wl_surface *surfaces[CROWD];
	struct wp_linux_drm_syncobj_surface_v1 *explicit[CROWD];
	uint32_t last;
	uint32_t round; /* the upper half of its points */
};

static void show_frame(void *data)
{
	struct world *w = data;
	bench_window_commit(&w->window);
	bench_window_wait(&w->window);
}

struct series {
	double us[FRAMES * ROUNDS];
	unsigned n;
};

/* How long each takes, until @end_us: what comes then is not what is measured. */
static void run_frames(struct world *w, struct series *series, double end_us)
{
	for (int i = 0; i < FRAMES; i++) {
		double start = bench_now_us();
		show_frame(w);
		double now = bench_now_us();
		if (now > end_us)
			return;
		series->us[series->n++] = now - start;
	}
}

static void fill(struct world *w)
{
	w->round++;
	for (uint32_t i = 0; i < CROWD; i++) {
		wp_linux_drm_syncobj_surface_v1_set_acquire_point(
			w->explicit[i], w->points.acquire_proxy, w->round, i);
		wp_linux_drm_syncobj_surface_v1_set_release_point(
			w->explicit[i], w->points.release_proxy[0], 0, ++w->last);
		wl_surface_attach(w->surfaces[i], w->buffer, 0, 0);
		wl_surface_commit(w->surfaces[i]);
	}
	bench_client_sync(&w->client);
}

/* Points that were watched count for the client until they are reached. */
static void reach(struct world *w)
{
	uint64_t last = ((uint64_t)w->round << 32) + CROWD;
	if (waybuf_syncobj_signal(w->points.acquire, last) < 0)
		bench_fail("the points of the crowd cannot be signalled");
}

static void world_init(struct world *w)
{
	bench_server_start(&w->server, NULL);
	bench_client_connect(&w->client, &w->server);
	bench_window_init(&w->window, &w->client);
	if (!bench_points_init(&w->points, &w->client, w->window.surface))
		bench_fail("this machine has no timelines");
	/* the window itself is without */
	wp_linux_drm_syncobj_surface_v1_destroy(w->points.surface);
	w->buffer = bench_window_create_buffer(&w->client);
	for (int i = 0; i < CROWD; i++) {
		w->surfaces[i] = wl_compositor_create_surface(w->client.compositor);
		w->explicit[i] = wp_linux_drm_syncobj_manager_v1_get_surface(
			w->client.syncobj, w->surfaces[i]);
	}
	bench_window_check_direct(&w->window);
}

static void world_finish(struct world *w)
{
	for (int i = 0; i < CROWD; i++) {
		wp_linux_drm_syncobj_surface_v1_destroy(w->explicit[i]);
		wl_surface_destroy(w->surfaces[i]);
	}
	w->points.surface =
		wp_linux_drm_syncobj_manager_v1_get_surface(w->client.syncobj, w->window.surface);
	bench_points_finish(&w->points);
	bench_window_finish(&w->window);
	bench_client_disconnect(&w->client);
	bench_server_stop(&w->server);
}

/* Enough of them are there: a server that is slow to take them leaves no time for frames. */
static double median(struct series *series)
{
	if (series->n < FRAMES)
		bench_fail("only %u frames fit beside the crowd", series->n);
	return bench_quantile(series->us, series->n, 0.5);
}

int main(void)
{
	static struct world w;
	static struct series warm, with, without;
	bench_init("bench-crowd", 120);
	world_init(&w);
	run_frames(&w, &warm, INFINITY);
	for (int i = 0; i < ROUNDS && with.n < ENOUGH; i++) {
		run_frames(&w, &without, INFINITY);
		double start = bench_now_us();
		fill(&w);
		run_frames(&w, &with, start + CALM_US);
		usleep(OVER_US);
		bench_client_sync(&w.client);
		reach(&w);
	}
	bench_print_ratio("crowd_frame", median(&with), "us", median(&without), 1.1);
	world_finish(&w);
	return 0;
}
