/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_XDG_OUTPUT_H
#define DAEMON_XDG_OUTPUT_H

struct daemon;
struct wl_global;

/* Offers xdg-output. NULL: no memory. */
struct wl_global *xdg_output_create(struct daemon *daemon);

#endif
