/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_ALPHA_MODIFIER_H
#define DAEMON_ALPHA_MODIFIER_H

struct daemon;
struct wl_global;

/* Offers wp_alpha_modifier_v1. NULL: no memory. */
struct wl_global *alpha_modifier_create(struct daemon *daemon);

#endif
