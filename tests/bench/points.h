/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_POINTS_H
#define TESTS_BENCH_POINTS_H

#include "client.h"
#include "fence/syncobj.h"

/* A client's explicit synchronisation: a timeline for what it draws, one each for its buffers. */
#define BENCH_SLOTS 2

struct bench_points {
	struct waybuf_syncobj_device *device;
	struct waybuf_syncobj *acquire, *release[BENCH_SLOTS];
	struct wp_linux_drm_syncobj_timeline_v1 *acquire_proxy, *release_proxy[BENCH_SLOTS];
	struct wp_linux_drm_syncobj_surface_v1 *surface;
};

/* False: this machine has no timelines. */
bool bench_points_init(
	struct bench_points *points, struct bench_client *client, struct wl_surface *surface);
/* The surface stays, and is without explicit synchronisation. */
void bench_points_finish(struct bench_points *points);

/* For the next commit. */
void bench_points_set(
	struct bench_points *points, uint64_t acquire, unsigned slot, uint64_t release);
/* Waits until something is submitted to a release point, a fence or its signal. */
void bench_points_wait(struct bench_points *points, unsigned slot, uint64_t release);

/* A DRM device with timelines; the caller closes it. -1: there is none. */
int bench_points_device(void);

#endif
