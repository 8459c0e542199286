/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "draw.h"
#include "geometry.h"
#include "pixels.h"

/*
 * How much of a layer is drawn, and from where. Coordinates are rounded, so they are those of the
 * whole that can be seen, however little of that is drawn.
 */
struct sampling {
	/* of the layer, in its own coordinates: what is inside of the target, and what is drawn */
	pixman_box32_t seen, drawn;
	pixman_box32_t part; /* of the buffer: what the drawn needs */
	struct geometry_matrix matrix; /* from the layer to the buffer */
	bool exact; /* pixel for pixel */
	int32_t from_x, from_y; /* where the drawn begins in the image of the part */
};

/* False: nothing of it is inside. */
static bool find_seen(pixman_image_t *target, const struct scene_layer *layer, pixman_box32_t *seen)
{
	const int64_t right = (int64_t)pixman_image_get_width(target) - layer->x;
	const int64_t bottom = (int64_t)pixman_image_get_height(target) - layer->y;
	*seen = (pixman_box32_t){
		.x1 = geometry_clip(-(int64_t)layer->x, 0, INT32_MAX),
		.y1 = geometry_clip(-(int64_t)layer->y, 0, INT32_MAX),
		.x2 = geometry_clip(right, 0, layer->width),
		.y2 = geometry_clip(bottom, 0, layer->height),
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

static void find_source(const struct geometry_matrix *m, double x, double y, double *bx, double *by)
{
	*bx = m->xx * x + m->xy * y + m->x0;
	*by = m->yx * x + m->yy * y + m->y0;
}

/*
 * The pixels between two opposite corners, and one more on each side for the filter, but none beyond
 * the source. A file with holes costs a client nothing; what nobody sees must not cost us anything.
 */
static void find_part(struct sampling *sampling, const struct geometry_box *source)
{
	const int64_t one = GEOMETRY_ONE;
	double x1, y1, x2, y2;
	find_source(&sampling->matrix, sampling->drawn.x1, sampling->drawn.y1, &x1, &y1);
	find_source(&sampling->matrix, sampling->drawn.x2, sampling->drawn.y2, &x2, &y2);
	const int64_t left = source->x / one, right = (source->x + source->width + one - 1) / one;
	const int64_t top = source->y / one, bottom = (source->y + source->height + one - 1) / one;
	sampling->part = (pixman_box32_t){
		.x1 = geometry_clip((int64_t)floor(fmin(x1, x2)) - 1, left, right - 1),
		.y1 = geometry_clip((int64_t)floor(fmin(y1, y2)) - 1, top, bottom - 1),
		.x2 = geometry_clip((int64_t)ceil(fmax(x1, x2)) + 1, left + 1, right),
		.y2 = geometry_clip((int64_t)ceil(fmax(y1, y2)) + 1, top + 1, bottom),
	};
}

/* False: there is nothing to be drawn. */
static bool sampling_init(struct sampling *sampling, pixman_image_t *target,
	const pixman_box32_t *box, const struct scene_layer *layer)
{
	if (!find_seen(target, layer, &sampling->seen) || !find_drawn(sampling, layer, box))
		return false;
	sampling->matrix =
		geometry_sampling(layer->transform, &layer->source, layer->width, layer->height);
	sampling->from_x = sampling->drawn.x1 - sampling->seen.x1;
	sampling->from_y = sampling->drawn.y1 - sampling->seen.y1;
	sampling->exact =
		geometry_is_exact(layer->transform, &layer->source, layer->width, layer->height);
	find_part(sampling, &layer->source);
	return true;
}

static int32_t width_of(const pixman_box32_t *box)
{
	return box->x2 - box->x1;
}

static int32_t height_of(const pixman_box32_t *box)
{
	return box->y2 - box->y1;
}

/*
 * Where the seen begins, relative to the part, which may begin further on. The fraction is that of
 * the place in the buffer, which is never negative, so that it is rounded the same for every part.
 */
static pixman_fixed_t relative(double place, int32_t part)
{
	const double whole = floor(place);
	return pixman_double_to_fixed(place - whole) + pixman_int_to_fixed((int32_t)whole - part);
}

/* @image is of the part. */
static void set_sampling(pixman_image_t *image, struct sampling *sampling)
{
	const struct geometry_matrix *m = &sampling->matrix;
	double x0, y0;
	find_source(m, sampling->seen.x1, sampling->seen.y1, &x0, &y0);
	if (sampling->exact && m->xx > 0 && m->yy > 0) {
		sampling->from_x += (int32_t)x0 - sampling->part.x1;
		sampling->from_y += (int32_t)y0 - sampling->part.y1;
		return;
	}
	pixman_transform_t transform = {{
		{pixman_double_to_fixed(m->xx), pixman_double_to_fixed(m->xy),
			relative(x0, sampling->part.x1)},
		{pixman_double_to_fixed(m->yx), pixman_double_to_fixed(m->yy),
			relative(y0, sampling->part.y1)},
		{0, 0, pixman_fixed_1},
	}};
	pixman_image_set_transform(image, &transform);
	pixman_image_set_filter(
		image, sampling->exact ? PIXMAN_FILTER_NEAREST : PIXMAN_FILTER_BILINEAR, NULL, 0);
	pixman_image_set_repeat(image, PIXMAN_REPEAT_PAD);
}

/* What all of the layer is multiplied with, or NULL. False: no memory. */
static bool make_mask(const struct scene_layer *layer, pixman_image_t **mask)
{
	const pixman_color_t color = {.alpha = layer->alpha};
	*mask = layer->alpha == UINT16_MAX ? NULL : pixman_image_create_solid_fill(&color);
	return *mask || layer->alpha == UINT16_MAX;
}

static void unref(pixman_image_t *image)
{
	if (image)
		pixman_image_unref(image);
}

/* What is opaque replaces, so that nothing has to be read. */
static void blend(pixman_image_t *target, const struct scene_layer *layer,
	const struct sampling *sampling, pixman_image_t *image, pixman_image_t *mask)
{
	const pixman_box32_t *drawn = &sampling->drawn;
	const pixman_op_t op = layer->opaque ? PIXMAN_OP_SRC : PIXMAN_OP_OVER;
	pixman_image_composite32(op, image, mask, target, sampling->from_x, sampling->from_y, 0, 0,
		layer->x + drawn->x1, layer->y + drawn->y1, width_of(drawn), height_of(drawn));
}

static bool is_aligned(const void *pixels, uint32_t stride)
{
	return stride % 4 == 0 && (uintptr_t)pixels % 4 == 0;
}

pixman_image_t *draw_wrap(const struct render_image *image)
{
	pixman_format_code_t code;
	if (!is_aligned(image->pixels, image->stride) || !pixels_to_pixman(image->format, &code))
		return NULL;
	return pixman_image_create_bits(
		code, (int)image->width, (int)image->height, image->pixels, (int)image->stride);
}

/* Of the part alone; of pixels that are not four bytes it may have to begin a little earlier. */
static pixman_image_t *wrap_part(
	const struct render_image *source, pixman_format_code_t code, struct sampling *sampling)
{
	pixman_box32_t *part = &sampling->part;
	const int32_t bytes = (int32_t)(PIXMAN_FORMAT_BPP(code) / 8);
	while (part->x1 * bytes % 4)
		part->x1--;
	char *pixels = (char *)source->pixels + (size_t)part->y1 * source->stride +
		(size_t)part->x1 * (size_t)bytes;
	return pixman_image_create_bits(code, width_of(part), height_of(part),
		(uint32_t *)(void *)pixels, (int)source->stride);
}

static void gather_row(char *to, const struct render_image *source, const struct sampling *sampling,
	int32_t y, size_t bytes)
{
	const pixman_box32_t *part = &sampling->part;
	for (int32_t x = sampling->drawn.x1; x < sampling->drawn.x2; x++, to += bytes) {
		double bx, by;
		find_source(&sampling->matrix, x + 0.5, y + 0.5, &bx, &by);
		size_t column = (size_t)geometry_clip((int64_t)floor(bx), part->x1, part->x2 - 1);
		size_t row = (size_t)geometry_clip((int64_t)floor(by), part->y1, part->y2 - 1);
		memcpy(to, (const char *)source->pixels + row * source->stride + column * bytes,
			bytes);
	}
}

/*
 * pixman wants rows at multiples of four bytes; a client's need not be. The pixels that are drawn
 * are copied, turned and scaled already: the nearest of each place.
 */
static pixman_image_t *gather(
	const struct render_image *source, pixman_format_code_t code, struct sampling *sampling)
{
	const pixman_box32_t *drawn = &sampling->drawn;
	pixman_image_t *image =
		pixman_image_create_bits_no_clear(code, width_of(drawn), height_of(drawn), NULL, 0);
	if (!image)
		return NULL;
	char *to = (char *)pixman_image_get_data(image);
	for (int32_t y = drawn->y1; y < drawn->y2; y++, to += pixman_image_get_stride(image))
		gather_row(to, source, sampling, y, PIXMAN_FORMAT_BPP(code) / 8);
	sampling->from_x = sampling->from_y = 0;
	return image;
}

/* NULL: no memory. */
static pixman_image_t *make_image(
	const struct render_image *source, pixman_format_code_t code, struct sampling *sampling)
{
	if (!is_aligned(source->pixels, source->stride))
		return gather(source, code, sampling);
	pixman_image_t *image = wrap_part(source, code, sampling);
	if (image)
		set_sampling(image, sampling);
	return image;
}

/*
 * pixman multiplies colours with a mask, and takes it that they have been multiplied with their own
 * alpha. So that, times @mask (taken; NULL: nothing), becomes the mask. NULL: no memory.
 */
static pixman_image_t *alpha_as_mask(
	const struct sampling *sampling, pixman_image_t *image, pixman_image_t *mask)
{
	const int width = width_of(&sampling->drawn), height = height_of(&sampling->drawn);
	pixman_image_t *alpha =
		pixman_image_create_bits_no_clear(PIXMAN_a8, width, height, NULL, 0);
	if (alpha)
		pixman_image_composite32(PIXMAN_OP_SRC, image, mask, alpha, sampling->from_x,
			sampling->from_y, 0, 0, 0, 0, width, height);
	unref(mask);
	return alpha;
}

/* The same bits, of which those of alpha mean nothing. */
static pixman_format_code_t without_alpha(pixman_format_code_t code)
{
	return (pixman_format_code_t)(code & ~UINT32_C(0xf000));
}

bool draw_pixels(pixman_image_t *target, const pixman_box32_t *box, const struct scene_layer *layer,
	const struct render_image *source)
{
	pixman_format_code_t code;
	pixman_image_t *image, *mask;
	struct sampling sampling;
	if (!pixels_to_pixman(source->format, &code))
		return false;
	if (!sampling_init(&sampling, target, box, layer))
		return true;
	if (!make_mask(layer, &mask))
		return false;
	image = make_image(source, code, &sampling);
	bool drawn = image != NULL;
	if (image && layer->color.straight && !layer->opaque && PIXMAN_FORMAT_A(code)) {
		mask = alpha_as_mask(&sampling, image, mask);
		unref(image);
		/* as before: an image has its own place of the drawn */
		sampling_init(&sampling, target, box, layer);
		image = make_image(source, without_alpha(code), &sampling);
		drawn = image && mask;
	}
	if (drawn)
		blend(target, layer, &sampling, image, mask);
	unref(mask);
	unref(image);
	return drawn;
}

bool draw_yuv(pixman_image_t *target, const pixman_box32_t *box, const struct scene_layer *layer,
	uint32_t format, const struct yuv_plane planes[3])
{
	const struct yuv_color color = {layer->color.encoding, layer->color.full_range};
	pixman_image_t *image, *mask;
	struct sampling sampling;
	if (!sampling_init(&sampling, target, box, layer))
		return true;
	if (!make_mask(layer, &mask))
		return false;
	image = yuv_convert(format, &color, &sampling.part, planes);
	if (image) {
		set_sampling(image, &sampling);
		blend(target, layer, &sampling, image, mask);
	}
	unref(mask);
	unref(image);
	return image != NULL;
}
