/* SPDX-License-Identifier: MIT */
#ifndef GST_WINDOW_H
#define GST_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include <wayland-client.h>

#include "colours.h"

/* A toplevel, and how a frame is on it. All within the connection whose globals it has. */
struct window {
	const struct globals *globals;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	struct wp_viewport *viewport; /* NULL: the compositor has none */
	struct wp_color_representation_surface_v1 *colours; /* NULL: nothing is told */
	struct coding coding;
	struct wl_callback *frame;
	struct wl_list feedbacks;
	/* of the window, as the compositor wishes; 0: as we wish */
	int32_t width, height;
	/* the first configure has come; a later one has not been followed yet */
	bool configured, resized;
	/* the user has closed it */
	bool closed;
	/* frames that reached the screen, those of them without a copy, and those that did not */
	uint64_t presented, zero_copy, discarded;
};

/* What part of a buffer is the picture, in pixels, and how large that is with square pixels. */
struct view {
	uint32_t x, y, width, height;
	uint32_t shown_width, shown_height;
	/* as large as the window allows; else pixel by pixel */
	bool scale;
};

struct window_options {
	const char *title, *app_id; /* NULL: none */
	bool fullscreen;
};

/* Asks for one, which is configured later. */
struct window *window_create(const struct globals *globals, const struct window_options *options);
/* NULL is a no-op. */
void window_destroy(struct window *window);
void window_set_fullscreen(struct window *window, bool fullscreen);
void window_set_title(struct window *window, const char *title);

/* Whether the compositor wants the next frame. */
bool window_is_ready(const struct window *window);
/* Before the commit of a frame in a buffer of @width x @height pixels. */
void window_prepare(struct window *window, const struct view *view, uint32_t width, uint32_t height,
	const struct coding *coding);
/* There is no commit after all. */
void window_cancel(struct window *window);
/* The newest frame again, after the window's size has changed. */
void window_follow(struct window *window, const struct view *view);

#endif
