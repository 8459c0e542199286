/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_VIEWPORTER_H
#define DAEMON_VIEWPORTER_H

struct daemon;
struct wl_global;

/* Offers wp_viewporter. NULL: no memory. */
struct wl_global *viewporter_create(struct daemon *daemon);

#endif
