/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_SHELL_H
#define EXAMPLES_SHELL_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

/*
 * What every compositor has and what is not about buffers: wl_compositor, xdg-shell with room for one
 * window, and wp_presentation. For tiny-server, so that it is about what it shows; window.h is the same for
 * clients. It lives as long as its display. One for a compositor of more use would tell clients of
 * their mistakes; this one ignores them.
 */
struct shell_surface {
	struct wl_resource *resource; /* wl_surface */
	struct wl_resource *xdg_surface, *toplevel; /* NULL without */
	struct shell *shell;
	bool configured;
	/* what the next commit brings: a buffer, or with NULL none any more, if it was attached */
	bool attached;
	struct wl_resource *buffer;
	struct wl_listener buffer_destroyed;
	struct wl_list callbacks; /* wl_callback */
	struct wl_list feedbacks; /* wp_presentation_feedback */
	void *data; /* the compositor's */
};

/* All are required. */
struct shell_ops {
	/* false: no memory */
	bool (*created)(struct shell_surface *surface);
	void (*destroyed)(struct shell_surface *surface);
	/* wl_surface.commit. What it takes out of the lists is its own */
	void (*committed)(struct shell_surface *surface);
	/* the window is gone; NULL is in its place */
	void (*closed)(void);
};

struct shell {
	struct wl_display *display;
	const struct shell_ops *ops;
	int32_t width, height; /* pixels, of the window */
	struct shell_surface *window; /* NULL: none */
};

/* Fills @shell and offers its globals. False: no memory. */
bool shell_init(struct shell *shell, struct wl_display *display, const struct shell_ops *ops,
	int32_t width, int32_t height);

/* When a frame was shown, and without a copy. */
struct shell_flip {
	uint32_t seconds, nanoseconds, sequence; /* of CLOCK_MONOTONIC; of the display */
};

/* Each of them empties its list. */
void shell_send_callbacks(struct wl_list *callbacks, const struct shell_flip *flip);
void shell_drop_callbacks(struct wl_list *callbacks);
void shell_send_presented(struct wl_list *feedbacks, const struct shell_flip *flip);
void shell_send_discarded(struct wl_list *feedbacks);

#endif
