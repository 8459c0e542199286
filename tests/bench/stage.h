/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_STAGE_H
#define TESTS_BENCH_STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <wayland-client.h>

/*
 * A client of any compositor, with standard protocols only: a window, fullscreen or not, and subsurfaces
 * in it, each of which commits its next frame when it is asked for. What it has nobody draws into, so
 * that all time is the compositor's. Its buffers are dma-bufs of the system heap, or wl_shm where
 * the compositor takes no dma-bufs. Whatever goes wrong ends the program, by bench_fail().
 */
#define STAGE_CHILDREN 8
#define STAGE_CHILD_WIDTH 240
#define STAGE_CHILD_HEIGHT 180
#define STAGE_BUFFERS 4

struct stage;

struct stage_buffer {
	struct stage_surface *surface;
	struct wl_buffer *buffer;
	bool busy;
	bool replaced; /* and not released since */
	double replaced_us; /* when the commit was made that did */
};

struct stage_surface {
	struct stage *stage;
	struct wl_surface *surface;
	struct wl_subsurface *role; /* NULL: the window */
	int32_t width, height;
	struct stage_buffer buffers[STAGE_BUFFERS], *current;
	unsigned wanted; /* frames that are still to be committed */
	bool asked, ready; /* for a frame callback; it came, and no buffer was free */
	/* frames of which something was to be heard, and what was */
	unsigned told, presented, direct, discarded;
	int64_t first_ns, last_ns; /* of those that were presented */
	uint32_t refresh_ns;
};

struct stage {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct wl_subcompositor *subcompositor;
	struct wl_shm *shm;
	struct wl_output *output;
	struct xdg_wm_base *wm_base;
	struct wp_presentation *presentation;
	struct zwp_linux_dmabuf_v1 *dmabuf; /* NULL: wl_shm it is */
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	int32_t width, height;
	bool configured;
	bool asks; /* for feedback of each frame */
	unsigned draw_us; /* for so long it does nothing else between being asked and its commit */
	pid_t server;
	struct stage_surface window, children[STAGE_CHILDREN];
	unsigned n_children;
	/* from the commits of the window to the releases of what they replaced */
	double *latencies;
	unsigned n_latencies, most_latencies;
};

/* Connects to @socket, which is waited for, and has no window. */
void stage_connect(struct stage *stage, const char *socket);
/* The same, and shows a first frame, fullscreen. */
void stage_init(struct stage *stage, const char *socket);
/* A window of this size, of a stage that has none; shows nothing. */
void stage_open_window(struct stage *stage, int32_t width, int32_t height);
/* A round trip. */
void stage_sync(struct stage *stage);
/* A buffer of wl_shm, the caller's to destroy. */
struct wl_buffer *stage_create_shm(struct stage *stage, int32_t width, int32_t height);
/* Lets go of what the server must not miss; the process is to end soon. */
void stage_finish(struct stage *stage);

/* Subsurfaces that do not overlap, of this size. */
void stage_add_children(struct stage *stage);

/*
 * Shows @n frames of the window, or of each child at once, as fast as they are asked for, and
 * waits until the last one has been. With stage.asks it is known afterwards what became of them.
 * Of the children it is fewer frames if they take longer than @most_us.
 */
void stage_show_window(struct stage *stage, unsigned n);
void stage_show_children(struct stage *stage, unsigned n, double most_us);

/* Vblanks between the first frame that was presented and the last one that none of it was new at. */
unsigned stage_missed(const struct stage_surface *surface);

#endif
