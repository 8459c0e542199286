/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_WLROOTS_COMPOSITOR_H
#define EXAMPLES_WLROOTS_COMPOSITOR_H

#include <stdbool.h>

#include <waybuf/server.h>
#include <wayland-server-core.h>
#include <wlr/types/wlr_buffer.h>

/*
 * What the parts of wlroots-server are to each other:
 *
 *	wlroots-server.c	a compositor as wlroots has it: backend, renderer, outputs, windows
 *	offer.c			libwaybuf-server and its globals, in place of wlroots' linux-dmabuf
 *	buffers.c		a wl_buffer of libwaybuf-server as a wlr_buffer
 *	commits.c		a surface's commit waits in the gate until its buffer may be read
 */
struct wlr_backend;
struct wlr_compositor;
struct wlr_output;
struct wlr_renderer;

/* ---- offer.c ------------------------------------------------------------------------------- */

struct offer {
	struct wl_display *display;
	struct wlr_backend *backend;
	struct wlr_renderer *renderer;
	struct wlr_security_context_manager_v1 *security;
	int drm_fd; /* a file of our own, not master; -1: no DRM */
	dev_t device; /* of the display */

	struct waybuf_server *server;
	struct waybuf_server_dmabuf *dmabuf;
	struct waybuf_gate *gate;
	/* what the renderer takes, whether it did, and what of it the display takes, too */
	struct waybuf_dmabuf_pair *pairs, *scanout;
	size_t n_pairs, n_scanout;
};

/* Globals and the gate. 0 or a negative errno; then call offer_finish(), too. */
int offer_init(struct offer *offer, struct wl_display *display, struct wlr_backend *backend,
	struct wlr_renderer *renderer);
/* Prefers from now on what @output shows without a copy. */
void offer_add_output(struct offer *offer, struct wlr_output *output);
/* When nobody reads a buffer any more: after the surfaces and the outputs. */
void offer_finish(struct offer *offer);

/* ---- buffers.c ----------------------------------------------------------------------------- */

/* Tells wlroots of our wl_buffers. Before other kinds are registered, that is, before wl_shm. */
void buffers_register(void);
/* The wl_buffer that wlroots has asked for last, ours or not: see buffers.c. */
struct wl_resource *buffers_asked(void);
/* Takes over a use of the wl_buffer behind @buffer: it ends when wlroots has read for the last time. */
bool buffers_hold(struct wlr_buffer *buffer, struct waybuf_use *use);
/* Whether the renderer imports such memory, for real. */
bool buffers_test(struct wlr_renderer *renderer, const struct waybuf_layout *layout);

/* ---- commits.c ----------------------------------------------------------------------------- */

extern const struct waybuf_gate_ops commits_gate_ops;

/* Every surface's commits go by way of @gate from now on. */
void commits_init(struct wlr_compositor *compositor, struct waybuf_gate *gate);

#endif
