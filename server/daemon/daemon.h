/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <wayland-server-core.h>

#include <waybuf/server.h>

#include "idle.h"
#include "objects.h"
#include "options.h"
#include "unread.h"
#include "util/loop.h"
#include "util/worker.h"

struct card;
struct input_source;
struct renderer;
struct seat;
struct session;

/* Why a display that is not there is off when it comes back: enum power_reason. */
struct power_wish {
	char name[32]; /* empty: none */
	uint32_t off;
};
enum { POWER_WISHES = 16 };

/*
 * The program: one display connection for clients, at most one display controller. Made in this
 * order and destroyed in the reverse: display, loop, card, outputs, server, globals.
 */
struct daemon {
	const struct options *options;
	struct wl_display *display;
	struct objects objects;
	struct unread unread;
	struct waybuf_loop *loop; /* the display's event loop, for the mechanism */
	struct waybuf_worker *worker; /* composition and captures */
	struct renderer *renderer; /* NULL: pixman */
	struct waybuf_server *server;
	struct waybuf_gate *gate; /* of all surfaces */
	struct waybuf_server_dmabuf *dmabuf;
	struct waybuf_server_syncobj *syncobj; /* NULL: the device has no timelines */
	struct waybuf_server_allocator *allocator;
	struct waybuf_server_monitor *monitor;
	struct waybuf_gpu *gpu; /* NULL: none */
	uint32_t gpu_device; /* 0: not offered */
	bool implicit_fences; /* there is a GPU, whose driver looks for them on dma-bufs */
	struct session *session; /* NULL: devices are opened directly */
	struct card *card; /* NULL: no display controller */
	/* from left to right; empty: an allocation service only */
	struct wl_list outputs; // output.link
	struct wl_list retired; // output.link, unplugged and not off yet
	struct wl_event_source *retiring; /* some of those are off */
	struct wl_list withdrawn; // of hotplug.c
	struct power_wish wishes[POWER_WISHES];
	struct idle idle;
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
	uint64_t n_refreshes; /* of all outputs, for pace.refresh */
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
