/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "sampling.h"
#include "scene.h"

/* False: nothing of it is inside. */
static bool find_seen(
	const pixman_box32_t *picture, const struct scene_layer *layer, pixman_box32_t *seen)
{
	*seen = (pixman_box32_t){
		.x1 = geometry_clip((int64_t)picture->x1 - layer->x, 0, INT32_MAX),
		.y1 = geometry_clip((int64_t)picture->y1 - layer->y, 0, INT32_MAX),
		.x2 = geometry_clip((int64_t)picture->x2 - layer->x, 0, layer->width),
		.y2 = geometry_clip((int64_t)picture->y2 - layer->y, 0, layer->height),
	};
	return seen->x1 < seen->x2 && seen->y1 < seen->y2;
}

/* False: nothing of it is to be drawn. */
static bool find_drawn(
	struct sampling *sampling, const struct scene_layer *layer, const pixman_box32_t *box)
{
	const pixman_box32_t *seen = &sampling->seen;
	sampling->drawn = (pixman_box32_t){
		.x1 = geometry_clip((int64_t)box->x1 - layer->x, seen->x1, seen->x2),
		.y1 = geometry_clip((int64_t)box->y1 - layer->y, seen->y1, seen->y2),
		.x2 = geometry_clip((int64_t)box->x2 - layer->x, seen->x1, seen->x2),
		.y2 = geometry_clip((int64_t)box->y2 - layer->y, seen->y1, seen->y2),
	};
	return sampling->drawn.x1 < sampling->drawn.x2 && sampling->drawn.y1 < sampling->drawn.y2;
}

void sampling_find(const struct sampling *sampling, double x, double y, double *bx, double *by)
{
	const struct geometry_matrix *m = &sampling->matrix;
	*bx = m->xx * x + m->xy * y + m->x0;
	*by = m->yx * x + m->yy * y + m->y0;
}

static void find_source(struct sampling *sampling, const struct geometry_box *source)
{
	const int64_t one = GEOMETRY_ONE;
	sampling->source = (pixman_box32_t){
		.x1 = (int32_t)(source->x / one),
		.y1 = (int32_t)(source->y / one),
		.x2 = (int32_t)((source->x + source->width + one - 1) / one),
		.y2 = (int32_t)((source->y + source->height + one - 1) / one),
	};
}

/*
 * The pixels between two opposite corners, and one more on each side for the filter, but none beyond
 * the source. A file with holes costs a client nothing; what nobody sees must not cost us anything.
 */
static void find_part(struct sampling *sampling)
{
	const pixman_box32_t *source = &sampling->source, *drawn = &sampling->drawn;
	double x1, y1, x2, y2;
	sampling_find(sampling, drawn->x1, drawn->y1, &x1, &y1);
	sampling_find(sampling, drawn->x2, drawn->y2, &x2, &y2);
	sampling->part = (pixman_box32_t){
		.x1 = geometry_clip((int64_t)floor(fmin(x1, x2)) - 1, source->x1, source->x2 - 1),
		.y1 = geometry_clip((int64_t)floor(fmin(y1, y2)) - 1, source->y1, source->y2 - 1),
		.x2 = geometry_clip((int64_t)ceil(fmax(x1, x2)) + 1, source->x1 + 1, source->x2),
		.y2 = geometry_clip((int64_t)ceil(fmax(y1, y2)) + 1, source->y1 + 1, source->y2),
	};
}

bool sampling_init(struct sampling *sampling, const pixman_box32_t *picture,
	const pixman_box32_t *box, const struct scene_layer *layer)
{
	if (!find_seen(picture, layer, &sampling->seen) || !find_drawn(sampling, layer, box))
		return false;
	sampling->matrix =
		geometry_sampling(layer->transform, &layer->source, layer->width, layer->height);
	sampling->exact =
		geometry_is_exact(layer->transform, &layer->source, layer->width, layer->height);
	find_source(sampling, &layer->source);
	find_part(sampling);
	return true;
}

/*
 * Where the seen begins, relative to a pixel before that. The fraction is that of the place in the
 * buffer, which is never negative, so that it is rounded the same for every part.
 */
static pixman_fixed_t relative(double place, int32_t pixel)
{
	const double whole = floor(place);
	return pixman_double_to_fixed(place - whole) + pixman_int_to_fixed((int32_t)whole - pixel);
}

struct sampling_steps sampling_get_steps(const struct sampling *sampling, int32_t x, int32_t y)
{
	const struct geometry_matrix *m = &sampling->matrix;
	double x0, y0;
	sampling_find(sampling, sampling->seen.x1, sampling->seen.y1, &x0, &y0);
	return (struct sampling_steps){
		.xx = pixman_double_to_fixed(m->xx),
		.xy = pixman_double_to_fixed(m->xy),
		.x0 = relative(x0, x),
		.yx = pixman_double_to_fixed(m->yx),
		.yy = pixman_double_to_fixed(m->yy),
		.y0 = relative(y0, y),
	};
}
