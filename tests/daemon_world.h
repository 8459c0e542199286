/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DAEMON_WORLD_H
#define TESTS_DAEMON_WORLD_H

#include <sys/types.h>

#include <wayland-client.h>

#include "daemon.h"
#include "fence/syncobj.h"
#include "harness.h"

/*
 * waybufd in the test's own process, without a device of any kind: all of its code but main(), the
 * seat and the allocator, on the machine of fake/machine.h and fake/udmabuf.h; and a client of it,
 * of plain libwayland, that has windows with a few buffers each. Both run only within
 * world_settle().
 */
enum { WORLD_WINDOWS = 4, WORLD_BUFFERS = 3, WORLD_IMPLICIT = 2 };

struct world_buffer {
	/* a dma-buf or a sealed memfd, for as long as the world lives, and its inode */
	int fd;
	ino_t memory;
	struct wl_buffer *proxy;
	bool busy; /* committed, and not released with wl_buffer.release */
};

struct world_window {
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	struct wp_linux_drm_syncobj_surface_v1 *points; /* NULL: it knows nothing of them */
	bool configured; /* and acknowledged: it may have content */
	struct world_buffer buffers[WORLD_BUFFERS];
};

struct world {
	struct daemon daemon;
	struct options options;
	bool serving; /* false: the daemon has been finished */
	struct waybuf_syncobj_device *device; /* the client's */

	/* of the client; NULL display: there is none */
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct wl_output *output; /* NULL: none was plugged in when it connected */
	struct xdg_wm_base *wm_base;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	struct wp_linux_drm_syncobj_manager_v1 *manager;
	struct ext_image_copy_capture_manager_v1 *captures;
	struct ext_output_image_capture_source_manager_v1 *sources;
	struct world_window windows[WORLD_WINDOWS];
	/* one capture at a time; NULL: none */
	struct wl_buffer *picture;
	struct ext_image_copy_capture_session_v1 *session;
	struct ext_image_copy_capture_frame_v1 *frame;
	bool captured; /* or failed */
};

/* With the client connected. */
void world_init(struct world *world);
/* Both sides, until neither has anything to do but to wait. */
void world_settle(struct world *world);
/* The same with a flip for each commit, until all that is new is on the screen, cursors included. */
void world_flip(struct world *world);
/* The daemon ends, whatever is going on. */
void world_shut_down(struct world *world);
/* Ends what there is. What the fake kernel has left is the caller's. */
void world_finish(struct world *world);

void world_connect(struct world *world);
/* Dies: the server hears of it from the kernel alone. */
void world_kill_client(struct world *world);

/* Whether window @i has explicit synchronisation: all but WORLD_IMPLICIT do. */
bool world_is_explicit(int i);
/* Whether its buffers are of wl_shm, in sealed files. To be set before world_init(). */
extern bool world_has_shm;
/* That of the display, in parts of GEOMETRY_SCALE_ONE; 0: 1. To be set before world_init(). */
extern uint32_t world_scale;
/* With a commit without content, so that it will be configured. */
void world_open_window(struct world *world, int i);
void world_close_window(struct world *world, int i);
/* An image from the first byte of that memory on, without padding; the caller's to destroy. */
struct wl_buffer *world_make_dmabuf(struct world *world, const struct world_buffer *buffer,
	uint32_t width, uint32_t height, uint32_t format);
/* Another wl_buffer for the same memory, in place of this. */
void world_renew_buffer(struct world *world, struct world_buffer *buffer, int i);

/* Points 1 of both for the next commit of that window; they are borrowed. */
void world_set_points(
	struct world *world, int i, struct waybuf_syncobj *acquire, struct waybuf_syncobj *release);
/* Asks for a picture of the output, or looks at what became of that. */
void world_capture(struct world *world, bool again);

#endif
