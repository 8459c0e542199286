/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "core/format.h"
#include "util/fourcc.h"
#include "yuv.h"

/* Where the two kinds of chroma are: in planes 1 and 2, or beside each other in plane 1. */
enum order { PLANES_UV, PLANES_VU, PAIRS_UV, PAIRS_VU };

static const struct known {
	uint32_t format;
	enum order order;
	/* bytes from one sample to the next; of 16 bits the low byte comes first */
	uint8_t sample_bytes;
	uint8_t bits; /* of a sample, the upper ones, or with @low the lower ones */
	bool low;
} table[YUV_FORMATS] = {
	{DRM_FORMAT_NV12, PAIRS_UV, 1, 8, false},
	{DRM_FORMAT_NV21, PAIRS_VU, 1, 8, false},
	{DRM_FORMAT_NV16, PAIRS_UV, 1, 8, false},
	{DRM_FORMAT_NV61, PAIRS_VU, 1, 8, false},
	{DRM_FORMAT_NV24, PAIRS_UV, 1, 8, false},
	{DRM_FORMAT_NV42, PAIRS_VU, 1, 8, false},
	{DRM_FORMAT_P010, PAIRS_UV, 2, 10, false},
	{DRM_FORMAT_P012, PAIRS_UV, 2, 12, false},
	{DRM_FORMAT_P016, PAIRS_UV, 2, 16, false},
	{DRM_FORMAT_P210, PAIRS_UV, 2, 10, false},
	{DRM_FORMAT_YUV420, PLANES_UV, 1, 8, false},
	{DRM_FORMAT_YVU420, PLANES_VU, 1, 8, false},
	{DRM_FORMAT_YUV422, PLANES_UV, 1, 8, false},
	{DRM_FORMAT_YVU422, PLANES_VU, 1, 8, false},
	{DRM_FORMAT_YUV444, PLANES_UV, 1, 8, false},
	{DRM_FORMAT_YVU444, PLANES_VU, 1, 8, false},
	{DRM_FORMAT_S010, PLANES_UV, 2, 10, true},
	{DRM_FORMAT_S210, PLANES_UV, 2, 10, true},
	{DRM_FORMAT_S410, PLANES_UV, 2, 10, true},
	{DRM_FORMAT_S012, PLANES_UV, 2, 12, true},
	{DRM_FORMAT_S212, PLANES_UV, 2, 12, true},
	{DRM_FORMAT_S412, PLANES_UV, 2, 12, true},
	{DRM_FORMAT_S016, PLANES_UV, 2, 16, true},
	{DRM_FORMAT_S216, PLANES_UV, 2, 16, true},
	{DRM_FORMAT_S416, PLANES_UV, 2, 16, true},
};

static const struct known *find(uint32_t format)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].format == format)
			return &table[i];
	return NULL;
}

uint32_t yuv_format(size_t index)
{
	return index < YUV_FORMATS ? table[index].format : 0;
}

bool yuv_readable(uint32_t format)
{
	return find(format) && waybuf_format_get(format);
}

static int32_t fixed(double value)
{
	return (int32_t)(value * (1 << YUV_SHIFT) + 0.5);
}

/* With Kr and Kb as in H.273, and limited range as ITU-R BT.601, BT.709 and BT.2020 all have it. */
static struct yuv_matrix make_matrix(const struct yuv_color *color, unsigned bits)
{
	static const double kr[] = {0.299, 0.2126, 0.2627}, kb[] = {0.114, 0.0722, 0.0593};
	const double r = kr[color->encoding], b = kb[color->encoding], g = 1 - r - b;
	const int32_t one = 1 << (bits - 8), most = (1 << bits) - 1;
	const double luma = 255.0 / (color->full_range ? most : 219 * one);
	const double chroma = 2 * 255.0 / (color->full_range ? most : 224 * one);
	return (struct yuv_matrix){
		.black = color->full_range ? 0 : 16 * one,
		.grey = 128 * one,
		.y = fixed(luma),
		.rv = fixed(chroma * (1 - r)),
		.gu = fixed(chroma * (1 - b) * b / g),
		.gv = fixed(chroma * (1 - r) * r / g),
		.bu = fixed(chroma * (1 - b)),
	};
}

static uint32_t clamp(int32_t value)
{
	value = (value + (1 << (YUV_SHIFT - 1))) >> YUV_SHIFT;
	return value < 0 ? 0 : value > 255 ? 255 : (uint32_t)value;
}

static uint32_t to_rgb(const struct yuv_matrix *m, int32_t y, int32_t u, int32_t v)
{
	y = (y - m->black) * m->y;
	u -= m->grey;
	v -= m->grey;
	return clamp(y + m->rv * v) << 16 | clamp(y - m->gu * u - m->gv * v) << 8 |
		clamp(y + m->bu * u);
}

static int32_t sample(const struct known *known, const uint8_t *at)
{
	if (known->sample_bytes == 1)
		return *at;
	int32_t word = at[1] << 8 | at[0];
	/* what a client leaves above a low sample is not ours to believe: sums must not overflow */
	return known->low ? word & ((1 << known->bits) - 1) : word >> (16 - known->bits);
}

static void convert_row(const struct known *known, const struct waybuf_format *info,
	const struct yuv_matrix *matrix, const uint8_t *luma, const uint8_t *u, const uint8_t *v,
	const pixman_box32_t *part, uint32_t *out)
{
	const size_t bytes = known->sample_bytes;
	const size_t step = bytes * (known->order >= PAIRS_UV ? 2 : 1);
	for (uint32_t x = (uint32_t)part->x1; x < (uint32_t)part->x2; x++) {
		size_t chroma = (size_t)(x / info->hsub) * step;
		*out++ = to_rgb(matrix, sample(known, luma + x * bytes), sample(known, u + chroma),
			sample(known, v + chroma));
	}
}

static const uint8_t *row(const struct yuv_plane *plane, uint32_t y)
{
	return plane->pixels + (size_t)y * plane->stride;
}

bool yuv_describe(uint32_t format, const struct yuv_color *color, struct yuv_samples *samples,
	struct yuv_matrix *matrix)
{
	const struct known *known = find(format);
	const struct waybuf_format *info = waybuf_format_get(format);
	if (!known || !info)
		return false;
	*matrix = make_matrix(color, known->bits);
	*samples = (struct yuv_samples){
		.swapped = known->order == PLANES_VU || known->order == PAIRS_VU,
		.hsub = info->hsub,
		.vsub = info->vsub,
		.most = known->sample_bytes == 1 ? 0xff : 0xffff,
		.shift = known->low ? 0 : 8 * known->sample_bytes - known->bits,
		.mask = known->low ? (1 << known->bits) - 1 : 0xffff,
	};
	return true;
}

pixman_image_t *yuv_convert(uint32_t format, const struct yuv_color *color,
	const pixman_box32_t *part, const struct yuv_plane planes[3])
{
	const struct known *known = find(format);
	const struct waybuf_format *info = waybuf_format_get(format);
	if (!known || !info)
		return NULL;
	pixman_image_t *image = pixman_image_create_bits_no_clear(
		PIXMAN_x8r8g8b8, part->x2 - part->x1, part->y2 - part->y1, NULL, 0);
	if (!image)
		return NULL;
	const struct yuv_matrix matrix = make_matrix(color, known->bits);
	uint32_t *out = pixman_image_get_data(image);
	size_t pitch = (size_t)pixman_image_get_stride(image) / sizeof(*out);
	for (uint32_t y = (uint32_t)part->y1; y < (uint32_t)part->y2; y++, out += pitch) {
		const uint8_t *first = row(&planes[1], y / info->vsub);
		const uint8_t *second = known->order >= PAIRS_UV ? first + known->sample_bytes
								 : row(&planes[2], y / info->vsub);
		bool swapped = known->order == PLANES_VU || known->order == PAIRS_VU;
		convert_row(known, info, &matrix, row(&planes[0], y), swapped ? second : first,
			swapped ? first : second, part, out);
	}
	return image;
}
