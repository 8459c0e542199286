/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PROTO_SYNCOBJ_KIT_H
#define TESTS_PROTO_SYNCOBJ_KIT_H

#include "fence/syncobj.h"
#include "fixture_client.h"
#include "linux-drm-syncobj-v1-client-protocol.h"

/*
 * A compositor with explicit synchronisation and its client, and below them a kernel: the fake one
 * (syncobj_fake.c) or the real one of the guest (syncobj_real.c).
 */

/* ---- the kernel ---------------------------------------------------------------------------- */

/* Skips the test if this kernel lacks something. */
void kernel_set_up(void);
void kernel_tear_down(void);
/* A DRM device with timelines; the caller closes it. */
int kernel_open_drm(void);
/* A dma-buf of one page; the caller closes it. */
int kernel_make_dmabuf(void);
/* A sync_file that is active; the caller closes it. @index 0 to 3. */
int kernel_make_fence(int index);
/* Signals that fence, and those with a lower index. */
void kernel_signal_fence(int index);

/* ---- the world ----------------------------------------------------------------------------- */

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct waybuf_server_syncobj *global;
	int drm_fd;
	struct wl_registry *registry;
	struct wp_linux_drm_syncobj_manager_v1 *manager;
	struct wl_shm *shm;
	struct wl_surface *surface;
	struct wp_linux_drm_syncobj_surface_v1 *explicit;
	struct wl_buffer *buffer; /* of a dma-buf */
	/* the client's: its own device, timelines, and what the server was told of them */
	struct waybuf_syncobj_device *device;
	struct waybuf_syncobj *syncobj[2];
	struct wp_linux_drm_syncobj_timeline_v1 *timeline[2];
};

void world_init(struct world *world);
/* What the client may hold. */
void world_init_limits(struct world *world, const struct waybuf_limits *limits);
void world_finish(struct world *world);

void set_acquire(struct world *world, int timeline, uint64_t point);
void set_release(struct world *world, int timeline, uint64_t point);
/*
 * Attaches (if @attach), commits, and lets the compositor take the points as it would do in its
 * request handler. The return value is waybuf_syncobj_surface_commit()'s.
 */
int commit(struct world *world, bool attach, struct waybuf_syncobj_points *points);
/* A commit with both points that is all right. */
void commit_good(struct world *world, uint64_t acquire, uint64_t release,
	struct waybuf_syncobj_points *points);
/* What the client's timeline has reached. */
uint64_t reached(struct world *world, int timeline);
/* Whether something is submitted to the point. */
bool is_submitted(struct world *world, int timeline, uint64_t point);
/* The commit ends the connection with this error of the surface object. */
void expect_surface_error(struct world *world, uint32_t code);

#endif
