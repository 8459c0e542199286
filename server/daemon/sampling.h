/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SAMPLING_H
#define DAEMON_SAMPLING_H

#include <pixman.h>

#include "geometry.h"

struct scene_layer;

/*
 * How much of a layer is drawn, and from where. Coordinates are rounded, so they are those of the
 * whole that can be seen, however little of that is drawn. Whoever draws takes his steps from here:
 * then the pictures of all renderers are the same.
 */
struct sampling {
	/* of the layer, in its own coordinates: what is inside of the target, and what is drawn */
	pixman_box32_t seen, drawn;
	pixman_box32_t source; /* of the buffer: the pixels that the layer shows, also in part */
	pixman_box32_t part; /* of these: what the drawn needs */
	struct geometry_matrix matrix; /* from the layer to the buffer */
	bool exact; /* pixel for pixel: the nearest one, elsewhere bilinear */
};

/* In 1/65536 of a pixel of the buffer, for each pixel of the layer from the first that is seen. */
struct sampling_steps {
	pixman_fixed_t xx, xy, x0;
	pixman_fixed_t yx, yy, y0;
};

/*
 * What of @layer is drawn within @box, which is of @picture: all of the target, in the coordinates that
 * the layer has its place in. False: there is nothing to be drawn.
 */
bool sampling_init(struct sampling *sampling, const pixman_box32_t *picture,
	const pixman_box32_t *box, const struct scene_layer *layer);

/* The place in the buffer of a place in the layer. */
void sampling_find(const struct sampling *sampling, double x, double y, double *bx, double *by);

/* Relative to the pixel @x, @y of the buffer. */
struct sampling_steps sampling_get_steps(const struct sampling *sampling, int32_t x, int32_t y);

#endif
