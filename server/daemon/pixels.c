/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "pixels.h"

/*
 * Both name the components from the highest bit down, DRM of a little-endian word and pixman of a
 * native one, so that this table holds on little-endian machines.
 */
static const struct {
	uint32_t drm;
	pixman_format_code_t pixman;
} table[PIXELS_FORMATS] = {
	{DRM_FORMAT_ARGB8888, PIXMAN_a8r8g8b8},
	{DRM_FORMAT_XRGB8888, PIXMAN_x8r8g8b8},
	{DRM_FORMAT_ABGR8888, PIXMAN_a8b8g8r8},
	{DRM_FORMAT_XBGR8888, PIXMAN_x8b8g8r8},
	{DRM_FORMAT_RGBA8888, PIXMAN_r8g8b8a8},
	{DRM_FORMAT_RGBX8888, PIXMAN_r8g8b8x8},
	{DRM_FORMAT_BGRA8888, PIXMAN_b8g8r8a8},
	{DRM_FORMAT_BGRX8888, PIXMAN_b8g8r8x8},
	{DRM_FORMAT_ARGB2101010, PIXMAN_a2r10g10b10},
	{DRM_FORMAT_XRGB2101010, PIXMAN_x2r10g10b10},
	{DRM_FORMAT_ABGR2101010, PIXMAN_a2b10g10r10},
	{DRM_FORMAT_XBGR2101010, PIXMAN_x2b10g10r10},
	{DRM_FORMAT_RGB888, PIXMAN_r8g8b8},
	{DRM_FORMAT_BGR888, PIXMAN_b8g8r8},
	{DRM_FORMAT_RGB565, PIXMAN_r5g6b5},
	{DRM_FORMAT_BGR565, PIXMAN_b5g6r5},
};

uint32_t pixels_format(size_t index)
{
	return index < PIXELS_FORMATS ? table[index].drm : 0;
}

bool pixels_to_pixman(uint32_t format, pixman_format_code_t *code)
{
	for (size_t i = 0; i < PIXELS_FORMATS; i++) {
		if (table[i].drm == format) {
			*code = table[i].pixman;
			return true;
		}
	}
	return false;
}

bool pixels_readable(uint32_t format)
{
	pixman_format_code_t code;
	return pixels_to_pixman(format, &code);
}
