/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_XDG_DECORATION_H
#define DAEMON_XDG_DECORATION_H

#include <stdbool.h>

struct daemon;
struct xdg_toplevel;

/*
 * zxdg_decoration_manager_v1: windows are to draw no borders and titles of their own. There are none at
 * all, as a kiosk has no use for them, and what a client would rather have makes no difference.
 */
bool xdg_decoration_create_global(struct daemon *daemon);

/* Before the toplevel's own configure. */
void xdg_decoration_configure(struct xdg_toplevel *toplevel);
/* False: an error was posted, as its decoration has to be destroyed before @toplevel. */
bool xdg_decoration_may_destroy(struct xdg_toplevel *toplevel);
/* It goes, with its client perhaps. */
void xdg_decoration_toplevel_gone(struct xdg_toplevel *toplevel);

#endif
