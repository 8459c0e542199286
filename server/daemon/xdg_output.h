/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_XDG_OUTPUT_H
#define DAEMON_XDG_OUTPUT_H

struct daemon;
struct output;
struct wl_global;

/* Offers xdg-output. NULL: no memory. */
struct wl_global *xdg_output_create(struct daemon *daemon);
/* The output has moved: tells where it is. wl_output.done is to follow. */
void xdg_output_tell(const struct output *output);

#endif
