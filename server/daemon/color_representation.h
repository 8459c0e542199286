/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_COLOR_REPRESENTATION_H
#define DAEMON_COLOR_REPRESENTATION_H

struct daemon;
struct wl_global;

/* Offers wp_color_representation_manager_v1. NULL: no memory. */
struct wl_global *color_representation_create(struct daemon *daemon);

#endif
