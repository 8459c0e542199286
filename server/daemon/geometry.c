/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include <wayland-server-protocol.h>

#include "geometry.h"

/*
 * The content of a buffer was turned by its client, anticlockwise, after it was mirrored around its
 * vertical axis if it is a flipped transform. Each entry is (bx, by) as a function of a point (x, y)
 * in a surface of w x h.
 */
static const struct turn {
	int8_t xx, xy, xw, xh; /* bx = xx * x + xy * y + xw * w + xh * h */
	int8_t yx, yy, yw, yh;
} turns[8] = {
	[WL_OUTPUT_TRANSFORM_NORMAL] = {1, 0, 0, 0, 0, 1, 0, 0},
	[WL_OUTPUT_TRANSFORM_90] = {0, 1, 0, 0, -1, 0, 1, 0},
	[WL_OUTPUT_TRANSFORM_180] = {-1, 0, 1, 0, 0, -1, 0, 1},
	[WL_OUTPUT_TRANSFORM_270] = {0, -1, 0, 1, 1, 0, 0, 0},
	[WL_OUTPUT_TRANSFORM_FLIPPED] = {-1, 0, 1, 0, 0, 1, 0, 0},
	[WL_OUTPUT_TRANSFORM_FLIPPED_90] = {0, 1, 0, 0, 1, 0, 0, 0},
	[WL_OUTPUT_TRANSFORM_FLIPPED_180] = {1, 0, 0, 0, 0, -1, 0, 1},
	[WL_OUTPUT_TRANSFORM_FLIPPED_270] = {0, -1, 0, 1, -1, 0, 1, 0},
};

int32_t geometry_inverse(int32_t transform)
{
	/* mirrored, each is its own */
	if (transform == WL_OUTPUT_TRANSFORM_90)
		return WL_OUTPUT_TRANSFORM_270;
	return transform == WL_OUTPUT_TRANSFORM_270 ? WL_OUTPUT_TRANSFORM_90 : transform;
}

int32_t geometry_concat(int32_t first, int32_t second)
{
	const struct turn *a = &turns[first], *b = &turns[second];
	const int xx = b->xx * a->xx + b->xy * a->yx, xy = b->xx * a->xy + b->xy * a->yy;
	const int yx = b->yx * a->xx + b->yy * a->yx, yy = b->yx * a->xy + b->yy * a->yy;
	for (int32_t i = 0; i < 8; i++)
		if (turns[i].xx == xx && turns[i].xy == xy && turns[i].yx == yx &&
			turns[i].yy == yy)
			return i;
	return WL_OUTPUT_TRANSFORM_NORMAL;
}

/* The corner that comes first, of two that are opposite each other. */
static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct geometry_box geometry_turn(
	int32_t transform, struct geometry_box box, int64_t width, int64_t height)
{
	const struct turn *t = &turns[transform];
	const int64_t right = box.x + box.width, bottom = box.y + box.height;
	const int64_t x0 = t->xw * width + t->xh * height, y0 = t->yw * width + t->yh * height;
	bool turned = geometry_turned(transform);
	return (struct geometry_box){
		.x = x0 + least(t->xx * box.x + t->xy * box.y, t->xx * right + t->xy * bottom),
		.y = y0 + least(t->yx * box.x + t->yy * box.y, t->yx * right + t->yy * bottom),
		.width = turned ? box.height : box.width,
		.height = turned ? box.width : box.height,
	};
}

/* Downwards also below zero; @by is positive. */
static int64_t divide_down(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

/* No tree of surfaces is so large, but the offsets of a cursor add up for as long as it likes. */
#define FAR (INT64_C(1) << 40)

int64_t geometry_scale(uint32_t scale, int64_t place)
{
	place = place < -FAR ? -FAR : place > FAR ? FAR : place;
	return divide_down(2 * place * scale + GEOMETRY_SCALE_ONE, INT64_C(2) * GEOMETRY_SCALE_ONE);
}

struct geometry_box geometry_scale_box(uint32_t scale, const struct geometry_box *box)
{
	const int64_t x = geometry_scale(scale, box->x), y = geometry_scale(scale, box->y);
	return (struct geometry_box){
		.x = x,
		.y = y,
		.width = geometry_scale(scale, box->x + box->width) - x,
		.height = geometry_scale(scale, box->y + box->height) - y,
	};
}

static void stretch(int64_t *start, int64_t *length, int64_t from, int64_t to, bool inner)
{
	const int64_t first = *start * to, last = (*start + *length) * to;
	const int64_t up = from - 1;
	*start = divide_down(inner ? first + up : first, from);
	*length = divide_down(inner ? last : last + up, from) - *start;
}

struct geometry_box geometry_stretch(const struct geometry_box *box, int64_t width, int64_t height,
	int64_t to_width, int64_t to_height, bool inner)
{
	struct geometry_box out = *box;
	stretch(&out.x, &out.width, width, to_width, inner);
	stretch(&out.y, &out.height, height, to_height, inner);
	return out;
}

struct geometry_matrix geometry_sampling(
	int32_t transform, const struct geometry_box *source, uint32_t width, uint32_t height)
{
	const struct turn *t = &turns[transform];
	const double one = GEOMETRY_ONE;
	const double w = (double)source->width / one, h = (double)source->height / one;
	return (struct geometry_matrix){
		.xx = t->xx * w / width,
		.xy = t->xy * w / height,
		.x0 = (double)source->x / one + (t->xw + t->xh) * w,
		.yx = t->yx * h / width,
		.yy = t->yy * h / height,
		.y0 = (double)source->y / one + (t->yw + t->yh) * h,
	};
}

bool geometry_is_whole(const struct geometry_box *source)
{
	return ((source->x | source->y | source->width | source->height) % GEOMETRY_ONE) == 0;
}

bool geometry_is_exact(
	int32_t transform, const struct geometry_box *source, uint32_t width, uint32_t height)
{
	bool turned = geometry_turned(transform);
	return geometry_is_whole(source) &&
		source->width == (int64_t)(turned ? height : width) * GEOMETRY_ONE &&
		source->height == (int64_t)(turned ? width : height) * GEOMETRY_ONE;
}
