/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_OBJECTS_H
#define DAEMON_OBJECTS_H

#include <wayland-server-core.h>

/*
 * How many objects a client can have at a time. What they cost (surfaces with their regions, devices
 * of a seat that each event looks through) is in no quota of the server's, and asking for one is a
 * dozen bytes.
 */
struct objects {
	struct wl_listener client_created;
};

/* From now on, for whoever connects. It has to last as long as @display. */
void objects_watch(struct objects *objects, struct wl_display *display);

#endif
