/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SINGLE_PIXEL_H
#define DAEMON_SINGLE_PIXEL_H

struct daemon;
struct wl_global;

/* Offers wp_single_pixel_buffer_v1. NULL: no memory. */
struct wl_global *single_pixel_create(struct daemon *daemon);

#endif
