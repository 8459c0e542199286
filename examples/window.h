/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_WINDOW_H
#define EXAMPLES_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include <wayland-client.h>

/*
 * A fullscreen window, and nothing about buffers: xdg-shell, frame callbacks and presentation
 * feedback on the default queue of a connection. The examples share it, so that each of them is
 * about what it shows.
 */
struct window {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct xdg_wm_base *wm_base;
	struct wp_presentation *presentation; /* NULL: the compositor has none */

	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	/* pixels, as the compositor wishes; 0 if it leaves that to the program */
	int32_t width, height;
	bool configured;
	/* the user, or the compositor, wants us to end */
	bool closed;

	struct wl_callback *frame;
	struct wl_list feedbacks;
	/* frames that reached the screen; of these without a copy; and those that were replaced */
	uint32_t presented, zero_copy, discarded;
	/* nanoseconds of CLOCK_MONOTONIC when the last one did, 0 if none did */
	int64_t presented_ns;
};

/* The limit of every wait in here. */
#define WINDOW_PATIENCE_MS 5000

/*
 * Makes a fullscreen window on @display (borrowed) and waits until the compositor has told its
 * size. False, with a message on stderr, if it cannot.
 */
bool window_init(struct window *window, struct wl_display *display, const char *title);
void window_finish(struct window *window);

/* Before the commit of a frame: asks to be told when the next one may be drawn, and what became of it. */
void window_request_frame(struct window *window);
/* Whether the next frame may be drawn. */
bool window_is_ready(const struct window *window);

/*
 * Sends and receives, waiting at most @timeout_ms for something to come. False when the connection
 * is broken. Programs that have a waybuf_client use waybuf_client_dispatch() instead.
 */
bool window_dispatch(struct window *window, int timeout_ms);

/* Sends, and waits until the server has answered all of it or the patience ends. */
bool window_sync(struct window *window);

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t window_now_ms(void);

/* Ends the program's loop on SIGINT and SIGTERM, instead of the program. */
void window_catch_signals(void);
bool window_interrupted(void);

/* SIGUSR1 turns this on and off. */
void window_catch_pause(void);
bool window_paused(void);

#endif
