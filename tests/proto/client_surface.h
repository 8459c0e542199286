/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_SURFACE_H
#define CLIENT_SURFACE_H

/*
 * A file of its own, because libwayland's client and server headers define the same names and
 * cannot be included together.
 */
struct wl_display;
struct wl_surface;

struct wl_surface *client_surface_create(struct wl_display *display);
void client_surface_destroy(struct wl_surface *surface);

#endif
