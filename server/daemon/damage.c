/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "damage.h"

/* Further out than any surface or buffer; sums and areas of such numbers fit into 64 bits. */
#define FAR (INT32_C(1) << 28)

static int64_t area(const pixman_box32_t *box)
{
	return (int64_t)(box->x2 - box->x1) * (box->y2 - box->y1);
}

static pixman_box32_t hull(const pixman_box32_t *a, const pixman_box32_t *b)
{
	return (pixman_box32_t){
		.x1 = a->x1 < b->x1 ? a->x1 : b->x1,
		.y1 = a->y1 < b->y1 ? a->y1 : b->y1,
		.x2 = a->x2 > b->x2 ? a->x2 : b->x2,
		.y2 = a->y2 > b->y2 ? a->y2 : b->y2,
	};
}

static void add(struct damage *damage, const pixman_box32_t *box)
{
	uint32_t best = 0;
	int64_t least = INT64_MAX;
	for (uint32_t i = 0; i < damage->n; i++) {
		const pixman_box32_t both = hull(&damage->boxes[i], box);
		int64_t growth = area(&both) - area(&damage->boxes[i]);
		if (growth < least) {
			least = growth;
			best = i;
		}
	}
	if (least > 0 && damage->n < DAMAGE_BOXES)
		damage->boxes[damage->n++] = *box;
	else if (least > 0)
		damage->boxes[best] = hull(&damage->boxes[best], box);
}

void damage_add(struct damage *damage, const struct geometry_box *box)
{
	const pixman_box32_t clipped = {
		.x1 = geometry_clip(box->x, -FAR, FAR),
		.y1 = geometry_clip(box->y, -FAR, FAR),
		.x2 = geometry_clip(box->x + box->width, -FAR, FAR),
		.y2 = geometry_clip(box->y + box->height, -FAR, FAR),
	};
	if (clipped.x1 < clipped.x2 && clipped.y1 < clipped.y2)
		add(damage, &clipped);
}

void damage_add_all(struct damage *damage)
{
	damage->n = 1;
	damage->boxes[0] = (pixman_box32_t){-FAR, -FAR, FAR, FAR};
}

void damage_merge(struct damage *damage, const struct damage *more)
{
	for (uint32_t i = 0; i < more->n; i++)
		add(damage, &more->boxes[i]);
}

bool damage_box(const struct damage *damage, uint32_t index, uint32_t width, uint32_t height,
	struct geometry_box *out)
{
	const pixman_box32_t *box = &damage->boxes[index];
	out->x = geometry_clip(box->x1, 0, width);
	out->y = geometry_clip(box->y1, 0, height);
	out->width = geometry_clip(box->x2, 0, width) - out->x;
	out->height = geometry_clip(box->y2, 0, height) - out->y;
	return out->width > 0 && out->height > 0;
}

/* ---- from a buffer to its surface ---------------------------------------------------------- */

/* Rectangles stay rectangles: there are only quarter turns in it. */
static struct geometry_matrix invert(const struct geometry_matrix *m)
{
	const double det = m->xx * m->yy - m->xy * m->yx;
	return (struct geometry_matrix){
		.xx = m->yy / det,
		.xy = -m->xy / det,
		.x0 = (m->xy * m->y0 - m->yy * m->x0) / det,
		.yx = -m->yx / det,
		.yy = m->xx / det,
		.y0 = (m->yx * m->x0 - m->xx * m->y0) / det,
	};
}

/* All pixels that have a part of @box in them. */
static struct geometry_box map(const struct geometry_matrix *m, const struct geometry_box *box)
{
	const double left = (double)box->x, right = (double)(box->x + box->width);
	const double top = (double)box->y, bottom = (double)(box->y + box->height);
	const double x1 = m->xx * left + m->xy * top + m->x0;
	const double y1 = m->yx * left + m->yy * top + m->y0;
	const double x2 = m->xx * right + m->xy * bottom + m->x0;
	const double y2 = m->yx * right + m->yy * bottom + m->y0;
	struct geometry_box out = {
		.x = (int64_t)floor(fmin(x1, x2)),
		.y = (int64_t)floor(fmin(y1, y2)),
	};
	out.width = (int64_t)ceil(fmax(x1, x2)) - out.x;
	out.height = (int64_t)ceil(fmax(y1, y2)) - out.y;
	return out;
}

/* Enlarges a line to whole steps, and by @more to each side. */
static void enlarge(int64_t *start, int64_t *length, int64_t step, int64_t more)
{
	int64_t end = (*start + *length + step - 1) / step * step + more;
	*start = *start / step * step - more;
	*length = end - *start;
}

/* @box is inside of the buffer. */
static void add_pixels(struct damage *damage, const struct damage_view *view,
	const struct geometry_matrix *to_surface, bool exact, struct geometry_box box)
{
	/* half a pixel is the filter's, the rest for its coordinates, which are of 16 bits */
	const int64_t more = exact ? 0 : 1;
	enlarge(&box.x, &box.width, view->hsub, more);
	enlarge(&box.y, &box.height, view->vsub, more);
	box = map(to_surface, &box);
	damage_add(damage, &box);
}

void damage_add_content(struct damage *damage, const struct damage_view *view,
	const struct damage *surface, const struct damage *buffer)
{
	if (!view->width || !view->height)
		return;
	const struct geometry_matrix to_buffer =
		geometry_sampling(view->transform, &view->source, view->width, view->height);
	const struct geometry_matrix to_surface = invert(&to_buffer);
	const bool exact =
		geometry_is_exact(view->transform, &view->source, view->width, view->height);
	const int64_t one = GEOMETRY_ONE, far = FAR;
	/* nothing beyond the source is read, but for chroma that pixels in it share */
	const int64_t hsub = view->hsub, vsub = view->vsub;
	const int64_t right = (view->source.x + view->source.width + one - 1) / one;
	const int64_t bottom = (view->source.y + view->source.height + one - 1) / one;
	struct geometry_box box;
	for (uint32_t i = 0; i < surface->n; i++) {
		if (!damage_box(surface, i, view->width, view->height, &box))
			continue;
		box = map(&to_buffer, &box);
		add_pixels(damage, view, &to_surface, exact, box);
	}
	const uint32_t width = (uint32_t)geometry_clip((right + hsub - 1) / hsub * hsub, 0, far);
	const uint32_t height = (uint32_t)geometry_clip((bottom + vsub - 1) / vsub * vsub, 0, far);
	for (uint32_t i = 0; i < buffer->n; i++)
		if (damage_box(buffer, i, width, height, &box))
			add_pixels(damage, view, &to_surface, exact, box);
}
