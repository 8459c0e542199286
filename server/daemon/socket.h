/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SOCKET_H
#define DAEMON_SOCKET_H

struct wl_display;

/*
 * Listens on @name, which may be a path, or on the next free wayland-N if it is NULL. The socket is
 * ours alone (0700) and goes with the display. The name, borrowed from the display's life or from
 * the caller, or NULL after a message to stderr that says what to do.
 */
const char *socket_listen(struct wl_display *display, const char *name);

/*
 * The path of what belongs to the socket @name and outlives it, to be freed with free(). NULL: out
 * of memory.
 */
char *socket_companion(const char *name, const char *suffix);

#endif
