/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_GEOMETRY_H
#define DAEMON_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * From a surface to its buffer, and from an output's pixels to its surfaces. Pure arithmetic.
 *
 * A transform is a wl_output.transform. It maps a point of a space that is w x h ("before": the
 * surface, or the output as clients see it) to one that was turned ("after": the buffer, or the
 * output's pixels). Both uses are the same mapping: a buffer that has the transform of its output
 * comes out as it is.
 */

/* A pixel has so many parts: those of wl_fixed. */
#define GEOMETRY_ONE 256

/* A scale is counted in parts: with so many a surface has as many pixels as coordinates. */
#define GEOMETRY_SCALE_ONE 120

/* Whole pixels or parts of them, as whoever has one says. */
struct geometry_box {
	int64_t x, y, width, height;
};

/* A linear mapping of points: x' = xx * x + xy * y + x0, and y' in the same way. */
struct geometry_matrix {
	double xx, xy, x0;
	double yx, yy, y0;
};

static inline int32_t geometry_clip(int64_t value, int64_t least, int64_t most)
{
	return (int32_t)(value < least ? least : value > most ? most : value);
}

/* Whether width and height change places. */
static inline bool geometry_turned(int32_t transform)
{
	return transform & 1;
}

/* What undoes @transform. */
int32_t geometry_inverse(int32_t transform);

/* @first and then @second, which gets what comes out of the first. */
int32_t geometry_concat(int32_t first, int32_t second);

/* Where @box of a space of @width x @height is after @transform. */
struct geometry_box geometry_turn(
	int32_t transform, struct geometry_box box, int64_t width, int64_t height);

/* The pixel of the display that a place of a surface is nearest to; in the middle, the next one. */
int64_t geometry_scale(uint32_t scale, int64_t place);

/* Between the nearest pixels of its edges: boxes that touch touch there, too. */
struct geometry_box geometry_scale_box(uint32_t scale, const struct geometry_box *box);

/*
 * Where @box of a space of @width x @height is when that is stretched to @to_width x @to_height: all
 * pixels that have a part of it, or if @inner those that have nothing else, which may be none.
 */
struct geometry_box geometry_stretch(const struct geometry_box *box, int64_t width, int64_t height,
	int64_t to_width, int64_t to_height, bool inner);

/*
 * From a rectangle of @width x @height, which begins at 0,0, to @source, in pixels: each point's
 * place in a buffer of which @source (in parts of a pixel) was transformed and scaled to that size.
 */
struct geometry_matrix geometry_sampling(
	int32_t transform, const struct geometry_box *source, uint32_t width, uint32_t height);

/* Whether @source has whole pixels only. */
bool geometry_is_whole(const struct geometry_box *source);

/* Whether each pixel of a rectangle of @width x @height is a pixel of @source, as it is. */
bool geometry_is_exact(
	int32_t transform, const struct geometry_box *source, uint32_t width, uint32_t height);

#endif
