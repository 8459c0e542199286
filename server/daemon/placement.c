/* SPDX-License-Identifier: MIT */
#include <xdg-shell-server-protocol.h>

#include "placement.h"

/* One direction of it; 64 bits, because all numbers are the client's. */
struct line {
	int64_t start, size; /* of the anchor */
	int anchor, gravity; /* -1: to the left or up, 0: the middle, 1: to the right or down */
	int64_t offset, length; /* of the popup */
	int64_t low, high; /* bounds */
	bool flip, slide, resize;
};

/* Anchors and gravities have the same numbers. */
static int side_x(uint32_t edge)
{
	switch (edge) {
	case XDG_POSITIONER_ANCHOR_LEFT:
	case XDG_POSITIONER_ANCHOR_TOP_LEFT:
	case XDG_POSITIONER_ANCHOR_BOTTOM_LEFT:
		return -1;
	case XDG_POSITIONER_ANCHOR_RIGHT:
	case XDG_POSITIONER_ANCHOR_TOP_RIGHT:
	case XDG_POSITIONER_ANCHOR_BOTTOM_RIGHT:
		return 1;
	default:
		return 0;
	}
}

static int side_y(uint32_t edge)
{
	switch (edge) {
	case XDG_POSITIONER_ANCHOR_TOP:
	case XDG_POSITIONER_ANCHOR_TOP_LEFT:
	case XDG_POSITIONER_ANCHOR_TOP_RIGHT:
		return -1;
	case XDG_POSITIONER_ANCHOR_BOTTOM:
	case XDG_POSITIONER_ANCHOR_BOTTOM_LEFT:
	case XDG_POSITIONER_ANCHOR_BOTTOM_RIGHT:
		return 1;
	default:
		return 0;
	}
}

static int64_t place(const struct line *line, int way)
{
	int64_t at = line->start + line->size * (1 + way * line->anchor) / 2 + way * line->offset;
	return at - line->length * (1 - way * line->gravity) / 2;
}

static bool fits(const struct line *line, int64_t at)
{
	return at >= line->low && at + line->length <= line->high;
}

/* If it is too long for that, what it begins with is seen. */
static int64_t slide(const struct line *line, int64_t at)
{
	if (at + line->length > line->high)
		at = line->high - line->length;
	return at < line->low ? line->low : at;
}

static void resize(const struct line *line, int64_t *at, int64_t *length)
{
	int64_t end = *at + *length < line->high ? *at + *length : line->high;
	int64_t start = *at > line->low ? *at : line->low;
	/* all of it is outside: nothing would be left */
	if (end <= start)
		return;
	*at = start;
	*length = end - start;
}

static int32_t clamp(int64_t value)
{
	if (value < INT32_MIN)
		return INT32_MIN;
	return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static void solve(const struct line *line, int32_t *start, int32_t *size)
{
	int64_t at = place(line, 1), length = line->length;
	if (!fits(line, at) && line->flip && fits(line, place(line, -1)))
		at = place(line, -1);
	if (!fits(line, at) && line->slide)
		at = slide(line, at);
	if (!fits(line, at) && line->resize)
		resize(line, &at, &length);
	*start = clamp(at);
	*size = (int32_t)length;
}

struct placement_rect placement_solve(
	const struct placement *placement, const struct placement_rect *bounds)
{
	const struct placement_rect *rect = &placement->anchor_rect;
	uint32_t may = placement->adjustment;
	const struct line x = {
		rect->x,
		rect->width,
		side_x(placement->anchor),
		side_x(placement->gravity),
		placement->offset_x,
		placement->width,
		bounds->x,
		(int64_t)bounds->x + bounds->width,
		may & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_FLIP_X,
		may & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_X,
		may & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_RESIZE_X,
	};
	const struct line y = {
		rect->y,
		rect->height,
		side_y(placement->anchor),
		side_y(placement->gravity),
		placement->offset_y,
		placement->height,
		bounds->y,
		(int64_t)bounds->y + bounds->height,
		may & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_FLIP_Y,
		may & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_Y,
		may & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_RESIZE_Y,
	};
	struct placement_rect result;
	solve(&x, &result.x, &result.width);
	solve(&y, &result.y, &result.height);
	return result;
}
