/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DAEMON_POINTS_H
#define TESTS_DAEMON_POINTS_H

#include "daemon_fixture.h"
#include "fence/syncobj.h"

/* waybufd and a client with explicit synchronisation. */

#define PICTURES 3

/*
 * A surface with points on timelines of the client's: one for what it draws, and one for each of its
 * pictures, as they are not released in the order of their commits.
 */
struct points {
	struct waybuf_syncobj_device *device;
	struct waybuf_syncobj *acquire, *release[PICTURES];
	struct wp_linux_drm_syncobj_timeline_v1 *acquire_proxy, *release_proxy[PICTURES];
	struct wp_linux_drm_syncobj_surface_v1 *surface;
};

struct scenario {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct points points;
	struct picture pictures[PICTURES];
	int timeline; /* of sw_sync */
};

/* Skips where there are no timelines, or no sw_sync. */
void begin(struct scenario *s);
/* The same, with daemon_start_with_gpu(). */
void begin_with_gpu(struct scenario *s);
void end(struct scenario *s);
/* The client alone: of the server whose socket is `test` in the folder of @s->daemon. */
void begin_client(struct scenario *s);
/* The client goes, and waybufd stays. */
void hang_up(struct scenario *s);
void points_finish(struct points *points);

/* For the next commit: @release is a point on the timeline of picture @i. */
void set_points(struct scenario *s, uint64_t acquire, uint64_t i, uint64_t release);
/* Puts work on an acquire point that is over when the sw_sync timeline has reached @value. */
void submit_work(struct scenario *s, uint64_t point, uint32_t value);
/* Points of picture @i that have signalled. */
uint64_t released(struct scenario *s, int i);
bool on_screen(struct scenario *s, const struct picture *picture);
/* The first frame is ready: its acquire point has signalled before the commit. */
void show_first(struct scenario *s);

#endif
