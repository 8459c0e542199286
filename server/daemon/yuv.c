/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include <drm_fourcc.h>

#include "core/format.h"
#include "yuv.h"

/* Where the two kinds of chroma are: in planes 1 and 2, or beside each other in plane 1. */
enum order { PLANES_UV, PLANES_VU, PAIRS_UV, PAIRS_VU };

static const struct known {
	uint32_t format;
	enum order order;
	/* bytes from one sample to the next; of 16 bits the low byte comes first */
	uint8_t sample_bytes;
} table[YUV_FORMATS] = {
	{DRM_FORMAT_NV12, PAIRS_UV, 1},
	{DRM_FORMAT_NV21, PAIRS_VU, 1},
	{DRM_FORMAT_NV16, PAIRS_UV, 1},
	{DRM_FORMAT_NV61, PAIRS_VU, 1},
	{DRM_FORMAT_NV24, PAIRS_UV, 1},
	{DRM_FORMAT_NV42, PAIRS_VU, 1},
	{DRM_FORMAT_P010, PAIRS_UV, 2},
	{DRM_FORMAT_P012, PAIRS_UV, 2},
	{DRM_FORMAT_P016, PAIRS_UV, 2},
	{DRM_FORMAT_YUV420, PLANES_UV, 1},
	{DRM_FORMAT_YVU420, PLANES_VU, 1},
	{DRM_FORMAT_YUV422, PLANES_UV, 1},
	{DRM_FORMAT_YVU422, PLANES_VU, 1},
	{DRM_FORMAT_YUV444, PLANES_UV, 1},
	{DRM_FORMAT_YVU444, PLANES_VU, 1},
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

static uint32_t clamp(int32_t value)
{
	value = (value + (1 << 15)) >> 16;
	return value < 0 ? 0 : value > 255 ? 255 : (uint32_t)value;
}

/* ITU-R BT.601, limited range: 16 to 235 for luma, 16 to 240 for chroma; in 1/65536. */
static uint32_t to_rgb(int32_t y, int32_t u, int32_t v)
{
	y = (y - 16) * 76309;
	u -= 128;
	v -= 128;
	return clamp(y + 104597 * v) << 16 | clamp(y - 25675 * u - 53279 * v) << 8 |
		clamp(y + 132201 * u);
}

/* Of 16 bits the upper eight are enough for a picture of eight. */
static void convert_row(const struct known *known, const struct waybuf_format *info,
	const uint8_t *luma, const uint8_t *u, const uint8_t *v, const pixman_box32_t *part,
	uint32_t *out)
{
	const size_t bytes = known->sample_bytes, high = bytes - 1;
	const size_t step = bytes * (known->order >= PAIRS_UV ? 2 : 1);
	for (uint32_t x = (uint32_t)part->x1; x < (uint32_t)part->x2; x++) {
		size_t chroma = (size_t)(x / info->hsub) * step + high;
		*out++ = to_rgb(luma[(size_t)x * bytes + high], u[chroma], v[chroma]);
	}
}

static const uint8_t *row(const struct yuv_plane *plane, uint32_t y)
{
	return plane->pixels + (size_t)y * plane->stride;
}

pixman_image_t *yuv_convert(
	uint32_t format, const pixman_box32_t *part, const struct yuv_plane planes[3])
{
	const struct known *known = find(format);
	const struct waybuf_format *info = waybuf_format_get(format);
	if (!known || !info)
		return NULL;
	pixman_image_t *image = pixman_image_create_bits_no_clear(
		PIXMAN_x8r8g8b8, part->x2 - part->x1, part->y2 - part->y1, NULL, 0);
	if (!image)
		return NULL;
	uint32_t *out = pixman_image_get_data(image);
	size_t pitch = (size_t)pixman_image_get_stride(image) / sizeof(*out);
	for (uint32_t y = (uint32_t)part->y1; y < (uint32_t)part->y2; y++, out += pitch) {
		const uint8_t *first = row(&planes[1], y / info->vsub);
		const uint8_t *second = known->order >= PAIRS_UV ? first + known->sample_bytes
								 : row(&planes[2], y / info->vsub);
		bool swapped = known->order == PLANES_VU || known->order == PAIRS_VU;
		convert_row(known, info, row(&planes[0], y), swapped ? second : first,
			swapped ? first : second, part, out);
	}
	return image;
}
