/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "draw.h"
#include "geometry.h"
#include "pixels.h"
#include "sampling.h"

struct canvas draw_canvas(pixman_image_t *image)
{
	return (struct canvas){
		.image = image,
		.picture = {0, 0, pixman_image_get_width(image), pixman_image_get_height(image)},
	};
}

/* What is drawn, and where that begins in the image of the part. */
struct drawing {
	struct sampling sampling;
	int32_t from_x, from_y;
};

/* False: there is nothing to be drawn. */
static bool drawing_init(struct drawing *drawing, const struct canvas *canvas,
	const pixman_box32_t *box, const struct scene_layer *layer)
{
	struct sampling *sampling = &drawing->sampling;
	if (!sampling_init(sampling, &canvas->picture, box, layer))
		return false;
	drawing->from_x = sampling->drawn.x1 - sampling->seen.x1;
	drawing->from_y = sampling->drawn.y1 - sampling->seen.y1;
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

/* @image is of the part. */
static void set_sampling(pixman_image_t *image, struct drawing *drawing)
{
	const struct sampling *sampling = &drawing->sampling;
	const struct geometry_matrix *m = &sampling->matrix;
	double x0, y0;
	sampling_find(sampling, sampling->seen.x1, sampling->seen.y1, &x0, &y0);
	if (sampling->exact && m->xx > 0 && m->yy > 0) {
		drawing->from_x += (int32_t)x0 - sampling->part.x1;
		drawing->from_y += (int32_t)y0 - sampling->part.y1;
		return;
	}
	const struct sampling_steps steps =
		sampling_get_steps(sampling, sampling->part.x1, sampling->part.y1);
	pixman_transform_t transform = {{
		{steps.xx, steps.xy, steps.x0},
		{steps.yx, steps.yy, steps.y0},
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
	const struct drawing *drawing, pixman_image_t *image, pixman_image_t *mask)
{
	const pixman_box32_t *drawn = &drawing->sampling.drawn;
	const pixman_op_t op = layer->opaque ? PIXMAN_OP_SRC : PIXMAN_OP_OVER;
	pixman_image_composite32(op, image, mask, target, drawing->from_x, drawing->from_y, 0, 0,
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
	const struct render_image *source, pixman_format_code_t code, struct drawing *drawing)
{
	pixman_box32_t *part = &drawing->sampling.part;
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
		sampling_find(sampling, x + 0.5, y + 0.5, &bx, &by);
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
	const struct render_image *source, pixman_format_code_t code, struct drawing *drawing)
{
	const pixman_box32_t *drawn = &drawing->sampling.drawn;
	pixman_image_t *image =
		pixman_image_create_bits_no_clear(code, width_of(drawn), height_of(drawn), NULL, 0);
	if (!image)
		return NULL;
	char *to = (char *)pixman_image_get_data(image);
	for (int32_t y = drawn->y1; y < drawn->y2; y++, to += pixman_image_get_stride(image))
		gather_row(to, source, &drawing->sampling, y, PIXMAN_FORMAT_BPP(code) / 8);
	drawing->from_x = drawing->from_y = 0;
	return image;
}

static bool has_ten_bits(pixman_format_code_t code)
{
	return PIXMAN_FORMAT_R(code) == 10;
}

/* The same order, and 8 bits for each. */
static pixman_format_code_t narrow_code(pixman_format_code_t code)
{
	bool alpha = PIXMAN_FORMAT_A(code) != 0;
	if (PIXMAN_FORMAT_TYPE(code) == PIXMAN_TYPE_ABGR)
		return alpha ? PIXMAN_a8b8g8r8 : PIXMAN_x8b8g8r8;
	return alpha ? PIXMAN_a8r8g8b8 : PIXMAN_x8r8g8b8;
}

/* The nearest. */
static uint32_t narrow_component(uint32_t word, int shift)
{
	return ((word >> shift & 1023) * 510 + 1023) / 2046;
}

static void narrow_row(uint32_t *to, const char *from, int32_t n)
{
	for (int32_t x = 0; x < n; x++, from += sizeof(*to)) {
		uint32_t word;
		memcpy(&word, from, sizeof(word));
		to[x] = (word >> 30) * 85 << 24 | narrow_component(word, 20) << 16 |
			narrow_component(word, 10) << 8 | narrow_component(word, 0);
	}
}

/*
 * Of 10 bits. pixman would count in floats down to the target, where a GPU blends in bytes, so that the
 * two would drift apart with each layer; and it is slow at that. All targets have 8 bits: no more than
 * half a code is lost.
 */
static pixman_image_t *narrow_part(
	const struct render_image *source, pixman_format_code_t code, struct drawing *drawing)
{
	const pixman_box32_t *part = &drawing->sampling.part;
	pixman_image_t *image = pixman_image_create_bits_no_clear(
		narrow_code(code), width_of(part), height_of(part), NULL, 0);
	if (!image)
		return NULL;
	uint32_t *to = pixman_image_get_data(image);
	const size_t pitch = (size_t)pixman_image_get_stride(image) / sizeof(*to);
	for (int32_t y = part->y1; y < part->y2; y++, to += pitch)
		narrow_row(to,
			(const char *)source->pixels + (size_t)y * source->stride +
				(size_t)part->x1 * sizeof(*to),
			width_of(part));
	return image;
}

/* The part as it is, in memory of its own. */
static pixman_image_t *copy_part(
	const struct render_image *source, pixman_format_code_t code, struct drawing *drawing)
{
	const pixman_box32_t *part = &drawing->sampling.part;
	const size_t bytes = PIXMAN_FORMAT_BPP(code) / 8, row = (size_t)width_of(part) * bytes;
	pixman_image_t *image =
		pixman_image_create_bits_no_clear(code, width_of(part), height_of(part), NULL, 0);
	if (!image)
		return NULL;
	char *to = (char *)pixman_image_get_data(image);
	for (int32_t y = part->y1; y < part->y2; y++, to += pixman_image_get_stride(image))
		memcpy(to,
			(const char *)source->pixels + (size_t)y * source->stride +
				(size_t)part->x1 * bytes,
			row);
	return image;
}

/* Whether the image of the part would begin earlier, where a filter finds what is not of the source. */
static bool begins_earlier(pixman_format_code_t code, const struct sampling *sampling)
{
	return !sampling->exact &&
		(uint32_t)sampling->part.x1 * (PIXMAN_FORMAT_BPP(code) / 8) % 4 != 0;
}

/* Memory that pixman reads rows of. NULL: no memory. */
static pixman_image_t *make_part(
	const struct render_image *source, pixman_format_code_t code, struct drawing *drawing)
{
	if (has_ten_bits(code))
		return narrow_part(source, code, drawing);
	return begins_earlier(code, &drawing->sampling) ? copy_part(source, code, drawing)
							: wrap_part(source, code, drawing);
}

/* NULL: no memory. */
static pixman_image_t *make_image(
	const struct render_image *source, pixman_format_code_t code, struct drawing *drawing)
{
	if (!is_aligned(source->pixels, source->stride) && !has_ten_bits(code))
		return gather(source, code, drawing);
	pixman_image_t *image = make_part(source, code, drawing);
	if (image)
		set_sampling(image, drawing);
	return image;
}

/*
 * pixman multiplies colours with a mask, and takes it that they have been multiplied with their own
 * alpha. So that, times @mask (taken; NULL: nothing), becomes the mask. NULL: no memory.
 */
static pixman_image_t *alpha_as_mask(
	const struct drawing *drawing, pixman_image_t *image, pixman_image_t *mask)
{
	const pixman_box32_t *drawn = &drawing->sampling.drawn;
	const int width = width_of(drawn), height = height_of(drawn);
	pixman_image_t *alpha =
		pixman_image_create_bits_no_clear(PIXMAN_a8, width, height, NULL, 0);
	if (alpha)
		pixman_image_composite32(PIXMAN_OP_SRC, image, mask, alpha, drawing->from_x,
			drawing->from_y, 0, 0, 0, 0, width, height);
	unref(mask);
	return alpha;
}

/* The same bits, of which those of alpha mean nothing. */
static pixman_format_code_t without_alpha(pixman_format_code_t code)
{
	return (pixman_format_code_t)(code & ~UINT32_C(0xf000));
}

bool draw_pixels(const struct canvas *canvas, const pixman_box32_t *box,
	const struct scene_layer *layer, const struct render_image *source)
{
	pixman_format_code_t code;
	pixman_image_t *image, *mask;
	struct drawing drawing;
	if (!pixels_to_pixman(source->format, &code))
		return false;
	if (!drawing_init(&drawing, canvas, box, layer))
		return true;
	if (!make_mask(layer, &mask))
		return false;
	image = make_image(source, code, &drawing);
	bool drawn = image != NULL;
	if (image && layer->color.straight && !layer->opaque && PIXMAN_FORMAT_A(code)) {
		mask = alpha_as_mask(&drawing, image, mask);
		unref(image);
		/* as before: an image has its own place of the drawn */
		drawing_init(&drawing, canvas, box, layer);
		image = make_image(source, without_alpha(code), &drawing);
		drawn = image && mask;
	}
	if (drawn)
		blend(canvas->image, layer, &drawing, image, mask);
	unref(mask);
	unref(image);
	return drawn;
}

bool draw_yuv(const struct canvas *canvas, const pixman_box32_t *box,
	const struct scene_layer *layer, uint32_t format, const struct yuv_plane planes[3])
{
	const struct yuv_color color = {layer->color.encoding, layer->color.full_range};
	pixman_image_t *image, *mask;
	struct drawing drawing;
	if (!drawing_init(&drawing, canvas, box, layer))
		return true;
	if (!make_mask(layer, &mask))
		return false;
	image = yuv_convert(format, &color, &drawing.sampling.part, planes);
	if (image) {
		set_sampling(image, &drawing);
		blend(canvas->image, layer, &drawing, image, mask);
	}
	unref(mask);
	unref(image);
	return image != NULL;
}
