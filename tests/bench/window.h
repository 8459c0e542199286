/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_WINDOW_H
#define TESTS_BENCH_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "client.h"

/* A fullscreen window with two dma-bufs in turn, which the display scans out. */
struct bench_slot {
	struct wl_buffer *buffer;
	bool busy;
};

struct bench_window {
	struct bench_client *client;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	unsigned configured;
	struct bench_slot slots[2];
	unsigned committed; /* frames; one of them at a time */
	unsigned frames, released, shown; /* answered */
	uint32_t flags; /* of what was shown */
	double committed_us, released_us;
};

/* Waits for the first configure; shows nothing. */
void bench_window_init(struct bench_window *window, struct bench_client *client);
void bench_window_finish(struct bench_window *window);

/* The buffer that is not shown. */
unsigned bench_window_free_slot(const struct bench_window *window);
/* Commits it, with a frame callback; waits for nothing. */
void bench_window_commit(struct bench_window *window);
/* Waits until it is on the screen and the one before it was released. */
void bench_window_wait(struct bench_window *window);
/* Shows a frame, and ends the program if the server copies it. */
void bench_window_check_direct(struct bench_window *window);

/* A dma-buf as large as the output, of nobody's. */
struct wl_buffer *bench_window_create_buffer(struct bench_client *client);

#endif
