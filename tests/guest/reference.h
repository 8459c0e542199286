/* SPDX-License-Identifier: MIT */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include "daemon_fixture.h"

/*
 * What an output has to show, worked out pixel by pixel from what the protocols say, in floating
 * point and without any code of the daemon's.
 */

/* How YUV becomes RGB. */
struct reference_color {
	double kr, kb; /* of the matrix; 0: BT.601 */
	bool full; /* range */
	bool straight; /* alpha */
};

/* A surface on the output. */
struct reference_layer {
	struct picture *picture;
	int transform, scale; /* 0 is 1 */
	/* of the viewport, in surface coordinates; no width: all of it */
	double source_x, source_y, source_width, source_height;
	int32_t x, y; /* on the output, as clients see it */
	uint32_t width, height; /* 0: as large as the source */
	double transparency; /* 0 is opaque, 1 is not to be seen */
	struct reference_color color;
};

/* Of the surface. */
void reference_size(const struct reference_layer *layer, uint32_t *width, uint32_t *height);

/* Something that has slopes, and shows where it is off by half a pixel. */
void reference_draw(struct picture *picture, uint32_t seed);

/* Where a point of w x h is after a wl_output.transform. */
void reference_turn(int transform, uint32_t width, uint32_t height, uint32_t *x, uint32_t *y);

/*
 * Takes a picture of the output, which has @transform, and compares it with @n layers, the lowest
 * first, over black. Every channel of every pixel may be off by @tolerance.
 */
void reference_check(struct client *client, int transform, const struct reference_layer *layers,
	size_t n, int tolerance);

#endif
