/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_OUTPUTS_H
#define DAEMON_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct output;
struct surface;

/*
 * All outputs together, in a row from left to right, and what is shown on which. Points of the row are
 * logical: in surface coordinates, of which an output shows each with as many pixels as its scale says.
 *
 * A toplevel is on one output, with its subsurfaces and popups. It comes to the one where the pointer
 * is, unless its client asks for another one, and stays until that is unplugged: then it goes to
 * another one. The last output stays when its display is unplugged, in the dark, and what is on it
 * waits for the next display.
 */

/* The leftmost one. NULL: there are no displays at all, and no surfaces. */
struct output *outputs_first(const struct daemon *daemon);
/* Where a toplevel comes to. */
struct output *outputs_default(const struct daemon *daemon);
/* Another one that is not unplugged. NULL: there is none. */
struct output *outputs_other(const struct output *output);
/* The one that a point is on, or is nearest to: then the point is moved there. */
struct output *outputs_at(const struct daemon *daemon, double *x, double *y);

/* The pixel of its upright display that a point of the row is on. */
void outputs_find_pixel(const struct output *output, double x, double y, int64_t *px, int64_t *py);

/* Adds it to the row, where its rank says. */
void outputs_insert(struct output *output);
/* One has come, gone, or another size: puts each next to the one before, and tells clients. */
void outputs_arrange(struct daemon *daemon);

/* The one that the surface is on; one that is on none belongs to the first. */
struct output *outputs_of(const struct surface *surface);
/* Puts a surface and its subsurfaces, as far as they are mapped, on @output. */
void outputs_move(struct surface *surface, struct output *output);
/* Puts everything that is on @from on @to. */
void outputs_move_all(struct output *from, struct output *to);
void outputs_surface_gone(struct daemon *daemon, struct surface *surface);

#endif
