/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <wayland-server-core.h>

#include <waybuf/server.h>

#include "objects.h"
#include "options.h"
#include "util/loop.h"
#include "util/worker.h"

struct input_source;
struct output;
struct scanout;
struct seat;

/* What the daemon has done, for `waybufctl info` and the last line of the log. */
struct daemon_stats {
	uint64_t commits; /* wl_surface.commit */
	uint64_t discarded; /* commits whose fence never signalled, or failed */
	uint64_t direct; /* pictures for which nothing was composed */
	uint64_t copied; /* pictures for which something was */
	uint64_t drawn; /* pixels, in these */
	uint64_t captures; /* pictures that were taken */
	uint64_t captures_direct; /* of these, written by the display into the client's buffer */
	uint64_t refused; /* frames of dma-bufs in those that no plane took */
};

/*
 * The program: one display connection for clients, at most one display controller. Made in this
 * order and destroyed in the reverse: display, loop, kms, server, output, globals.
 */
struct daemon {
	const struct options *options;
	struct wl_display *display;
	struct objects objects;
	struct waybuf_loop *loop; /* the display's event loop, for the mechanism */
	struct waybuf_worker *worker; /* composition and captures */
	struct waybuf_server *server;
	struct waybuf_gate *gate; /* of all surfaces */
	struct waybuf_server_dmabuf *dmabuf;
	struct waybuf_tranche plane; /* what the plane takes, of what is composed */
	struct waybuf_server_syncobj *syncobj; /* NULL: the device has no timelines */
	struct waybuf_server_allocator *allocator;
	struct waybuf_server_monitor *monitor;
	struct waybuf_gpu *gpu; /* NULL: none */
	uint32_t gpu_device; /* 0: not offered */
	struct output *output; /* NULL: an allocation service only */
	struct seat *seat; /* NULL: there is none */
	struct input_source *input; /* NULL: no devices can be had */
	struct wl_list surfaces; // surface.link
	struct wl_list subsurfaces; // subsurface.daemon_link
	struct wl_list toplevels; // xdg_toplevel.link, mapped ones, the topmost first
	struct wl_list popups; // xdg_popup.link, those that are seen, the topmost first
	struct wl_list xdg_surfaces; // xdg_surface.link
	struct wl_list sandboxes; // sandbox.link
	unsigned n_sandboxes; /* that were told from others by their number alone */
	const char *socket;
	struct wl_event_source *signals[3];
	pid_t child; /* 0: none */
	int exit_code;
	uint64_t n_frames; /* for frame.serial */
	uint64_t n_surfaces; /* so far, for surface.id */
	struct daemon_stats stats;
};

/* Display and event loop, so that signals can be watched. False: said why on stderr. */
bool daemon_init(struct daemon *daemon, const struct options *options);
/* Takes the display controller, and lets clients connect. False: said why on stderr. */
bool daemon_start(struct daemon *daemon);
/* Gives the display back as it was. Also after a failed init or start. */
void daemon_finish(struct daemon *daemon);

/* For resources that are in a list of their own making by their link. */
void resource_unlink(struct wl_resource *resource);
/* Takes it out of its list for good; it stays with its client. */
void resource_detach(struct wl_resource *resource);

#endif
