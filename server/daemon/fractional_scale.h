/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_FRACTIONAL_SCALE_H
#define DAEMON_FRACTIONAL_SCALE_H

struct daemon;
struct surface;
struct wl_global;

/* Offers wp_fractional_scale_manager_v1. NULL: no memory. */
struct wl_global *fractional_scale_create(struct daemon *daemon);
/* The surface has another preferred scale: tells its client, if that wants to know. */
void fractional_scale_tell(const struct surface *surface);

#endif
