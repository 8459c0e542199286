/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_CURSOR_H
#define DAEMON_INPUT_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What is drawn where the pointer is: a surface of the client that is pointed at, a cursor of the
 * theme (theme.h), by that client's wish or because it has said nothing yet, or nothing. It is the
 * topmost layer of the scene, and planes are looked for as for all others.
 */

struct output;
struct seat;
struct surface;

/* False: it has another role. */
bool cursor_give_role(struct surface *surface);
/* Whether it was given that, and so is nothing that is pointed at. */
bool cursor_is_one(const struct surface *surface);

/* A client's, instead of the theme's. @surface may be NULL: none is shown. */
void cursor_set(struct seat *seat, struct surface *surface, int32_t hotspot_x, int32_t hotspot_y);
/* The theme's, as theme_show(). None, where there is no pointer. */
void cursor_set_names(struct seat *seat, const char *const *names);
void cursor_set_default(struct seat *seat);
/*
 * For theme.c: what it had to show is there, drawn for displays of @scale, in parts of
 * GEOMETRY_SCALE_ONE.
 */
void cursor_show(struct seat *seat, struct surface *surface, uint32_t scale, int32_t hotspot_x,
	int32_t hotspot_y);
void cursor_moved(struct seat *seat);
void cursor_forget(struct seat *seat, const struct surface *surface);

/*
 * What is shown on @output, and where its 0,0 is there, in pixels of the upright display, and at which
 * scale. NULL: nothing. @seat may be NULL.
 */
struct surface *cursor_place(const struct seat *seat, const struct output *output, int64_t *x,
	int64_t *y, uint32_t *scale);

#endif
