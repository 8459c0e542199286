/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_CURSOR_SHAPE_H
#define DAEMON_INPUT_CURSOR_SHAPE_H

struct seat;
struct wl_global;

/* wp_cursor_shape_manager_v1: a client that names a cursor of the theme. */
struct wl_global *cursor_shape_create_global(struct seat *seat);

#endif
