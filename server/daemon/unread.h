/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_UNREAD_H
#define DAEMON_UNREAD_H

#include <wayland-server-core.h>

/*
 * How many events a client may leave unread before it is disconnected, beyond those in its socket,
 * which is larger than usual (since libwayland 1.23; before, it is 4 KiB for everybody).
 *
 * By the same number libwayland limits the requests that it takes of a client in one turn of the loop;
 * and with more than 4 KiB waiting it tries to send with each event, in vain. So it is UNREAD_LEAST for
 * who is only answered: who does not read need not ask. Input is not asked for, and who is stopped or
 * busy for a while is told of it all the same: from when half of its socket is full each such event
 * makes room for itself, up to UNREAD_MOST, and until it has read that. Who has the input and asks
 * without reading gets as far as the user's own hand has made room, and no further.
 */
enum {
	UNREAD_LEAST = 4096,
	UNREAD_MOST = 1024 * 1024,
	UNREAD_SOCKET = 512 * 1024, /* the kernel counts twice that, or net.core.wmem_max */
	UNREAD_STEP = 32, /* events after which is looked */
	UNREAD_ROOM = 64, /* bytes for each: none of those is larger */
};

struct unread {
	struct wl_listener client_created;
};

/* From now on, for whoever connects. It has to last as long as @display. */
void unread_watch(struct unread *unread, struct wl_display *display);
/* Before @client is sent an event that it has not asked for, and that may come without end. */
void unread_tell(struct wl_client *client);

#endif
