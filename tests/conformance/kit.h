/* SPDX-License-Identifier: MIT */
#ifndef CONFORMANCE_KIT_H
#define CONFORMANCE_KIT_H

#include <sys/types.h>
#include <wayland-client.h>

#include "linux-drm-syncobj-v1-client-protocol.h"
#include "suite.h"

/* ---- client.c: the connection ---------------------------------------------------------------- */

struct client {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_subcompositor *subcompositor; /* these may be NULL, from here... */
	struct wl_shm *shm;
	struct xdg_wm_base *wm_base;
	struct wp_presentation *presentation;
	struct wp_single_pixel_buffer_manager_v1 *single_pixel;
	struct zwp_linux_dmabuf_v1 *dmabuf; /* ...to here */
	struct wp_linux_drm_syncobj_manager_v1 *syncobj;
	int drm; /* device for timelines */
	dev_t main_device; /* of linux-dmabuf feedback; 0: not told */
};

/* Whether the server offers the protocol; false and no more than that if there is no server. */
bool server_offers_syncobj(bool *there);
/* Connects; fails the case if the server is not there. */
void client_open(struct client *client);
/* Leaves without a word, as one that dies. */
void client_close(struct client *client);
/* Sends and receives until *@flag is at least @count, @ms milliseconds at most. */
bool client_wait(struct client *client, const int *flag, int count, int ms);
/* A moment in which what is not expected may happen. */
void client_idle(struct client *client);
/* Milliseconds on the monotonic clock. */
int64_t now_ms(void);

/*
 * A round trip. client_alive() fails if it brings an error, client_errs() unless it brings that one;
 * client_round() gives it: NULL, or the name of the interface ("?" if the object is gone), and @code.
 */
const char *client_round(struct client *client, uint32_t *code);
void client_alive(struct client *client);
void client_errs(struct client *client, const struct wl_interface *interface, uint32_t code,
	const char *name);
/* Whether there is an answer within @ms milliseconds. */
bool client_answered(struct client *client, int ms);
#define EXPECT_ERROR(client, interface, error) client_errs(client, &interface, error, #error)

/* ---- timeline.c ------------------------------------------------------------------------------ */

struct timeline {
	int drm; /* borrowed of the client */
	uint32_t handle;
	struct wp_linux_drm_syncobj_timeline_v1 *proxy;
};

/* A DRM device with timelines, or -1. @main_device is preferred. */
int timeline_device_open(dev_t main_device);
/* Skips the case where there is no device. Point 0 is reached. */
void timeline_init(struct timeline *timeline, struct client *client);
int timeline_export(const struct timeline *timeline);
void timeline_signal(const struct timeline *timeline, uint64_t point);
/* A sync_file becomes the point. */
void timeline_put(const struct timeline *timeline, uint64_t point, int sync_file);
/* The fence of a point that has one; -1 if it has none. */
int timeline_get(const struct timeline *timeline, uint64_t point);
/* The highest point that has signalled, and that has a fence. */
uint64_t timeline_signalled(const struct timeline *timeline);
uint64_t timeline_submitted(const struct timeline *timeline);
/* Back to 0: what is done to it from now on shows. */
void timeline_reset(const struct timeline *timeline);
/* Goes on with the connection until @point signals; false if it does not. */
bool timeline_comes(const struct timeline *timeline, struct client *client, uint64_t point, int ms);

/* ---- buffer.c -------------------------------------------------------------------------------- */

/* A wl_buffer, and timelines that belong to nothing else. */
struct buffer {
	struct wl_buffer *wl_buffer;
	int created, failed; /* events */
	int number; /* for messages */
	struct timeline acquire, release;
};

/* Of a dma-buf; skips the case where none can be had, or where the server will not take it. */
void buffer_init(struct buffer *buffer, struct client *client, int32_t width, int32_t height);
void buffer_init_shm(struct buffer *buffer, struct client *client, int32_t width, int32_t height);

/* ---- surface.c ------------------------------------------------------------------------------- */

/* What became of a commit. */
struct commit {
	int shown; /* its frame callback was answered */
	int presented, discarded; /* its feedback, if there is such a thing */
	uint64_t presented_ns;
};

struct surface {
	struct client *client;
	struct wl_surface *wl_surface;
	struct wp_linux_drm_syncobj_surface_v1 *sync;
	struct xdg_surface *xdg_surface; /* of windows */
	struct xdg_toplevel *toplevel;
	struct wl_subsurface *subsurface; /* of subsurfaces */
	int configured;
	int32_t width, height;
};

/* Without a role. */
void surface_init(struct surface *surface, struct client *client);
/* A toplevel that may be drawn. */
void window_init(struct surface *surface, struct client *client);
/* Synchronised, on top of @parent. */
void subsurface_init(struct surface *surface, struct surface *parent);
/* The object goes after the surface, which has the first word then. */
void surface_destroy(struct surface *surface);

void set_acquire(struct surface *surface, const struct timeline *timeline, uint64_t point);
void set_release(struct surface *surface, const struct timeline *timeline, uint64_t point);
void attach(struct surface *surface, const struct buffer *buffer);
/* wl_surface.commit. What it gives stays. */
struct commit *surface_commit(struct surface *surface);
/* The usual: attach, points on the buffer's own timelines, commit. */
struct commit *submit(
	struct surface *surface, const struct buffer *buffer, uint64_t acquire, uint64_t release);
/* The same with an acquire point that has signalled, and waits until it is shown. */
void show(struct surface *surface, const struct buffer *buffer, uint64_t release);
/* Fails unless it is, in time; fails if it is, within a moment. */
void expect_shown(struct surface *surface, const struct commit *commit, const char *what);
void expect_not_shown(struct surface *surface, const struct commit *commit, const char *what);
/* Of a release point: fails unless that point is reached, and none beyond it. */
void expect_released(struct client *client, const struct buffer *buffer, uint64_t point);
/*
 * Fails if anything happens to it, @point being what was reached before. expect_held() is for a buffer
 * that is shown, which a server that has copied it may release.
 */
void expect_untouched(struct client *client, const struct buffer *buffer, uint64_t point);
void expect_held(struct client *client, const struct buffer *buffer, uint64_t point);

/* ---- a window and buffers of its size, which most cases begin with --------------------------- */

#define BUFFERS 4

struct scene {
	struct client client;
	struct surface window;
	struct buffer buffers[BUFFERS];
};

/* Connection, window, @n buffers. */
void scene_init(struct scene *scene, int n);
/* The same on a connection that is there. */
void scene_fill(struct scene *scene, int n);
/* The same, and the first buffer is shown, with release point 1. */
void scene_show(struct scene *scene, int n);

#endif
