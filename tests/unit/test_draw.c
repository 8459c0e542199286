/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "draw.h"
#include "harness.h"

/* Single layers by pixman. */

enum { WIDTH = 16, HEIGHT = 4, SIZE = 64 };

static const uint32_t red = 0xff0000;

/* Green but for columns @from to @to, which are red. */
static void draw_columns(uint8_t *pixels, uint32_t bytes, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
		bool inside = i % WIDTH >= from && i % WIDTH < to;
		const uint32_t color = inside ? red : 0x00ff00, small = inside ? 0xf800 : 0x07e0;
		memcpy(pixels + i * bytes, bytes == 2 ? &small : &color, bytes);
	}
}

/* Enlarged, the source alone is seen, wherever the filter looks. */
static void check_crop(uint32_t format, uint32_t bytes, uint32_t from)
{
	static uint32_t shown[SIZE * SIZE];
	uint32_t memory[WIDTH * HEIGHT];
	const struct render_image source = {
		.pixels = memory,
		.width = WIDTH,
		.height = HEIGHT,
		.stride = WIDTH * bytes,
		.format = format,
	};
	const struct render_image target = {
		.pixels = shown,
		.width = SIZE,
		.height = SIZE,
		.stride = SIZE * 4,
		.format = DRM_FORMAT_XRGB8888,
	};
	const struct scene_layer layer = {
		.width = SIZE,
		.height = SIZE,
		.source = {from * GEOMETRY_ONE, 0, 5 * GEOMETRY_ONE, HEIGHT * GEOMETRY_ONE},
		.alpha = UINT16_MAX,
		.opaque = true,
	};
	const pixman_box32_t all = {0, 0, SIZE, SIZE};
	draw_columns((uint8_t *)memory, bytes, from, from + 5);
	pixman_image_t *image = draw_wrap(&target);
	ck_assert_ptr_nonnull(image);
	const struct canvas canvas = draw_canvas(image);
	ck_assert(draw_pixels(&canvas, &all, &layer, &source));
	pixman_image_unref(image);
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		if ((shown[i] & 0xffffff) != red)
			ck_abort_msg("%u bytes, from %u: pixel %u is %06x", bytes, from, i,
				shown[i] & 0xffffff);
}

/* pixman's rows begin at multiples of four bytes, and a source need not. */
TEST(nothing_from_beyond_the_source)
{
	for (uint32_t from = 0; from < 8; from++) {
		check_crop(DRM_FORMAT_XRGB8888, 4, from);
		check_crop(DRM_FORMAT_RGB888, 3, from);
		check_crop(DRM_FORMAT_RGB565, 2, from);
	}
}

/* Where there is no alpha the bits of it may be any. */
static void check_ten_bits(uint32_t format, uint32_t stride, bool reversed)
{
	static uint8_t memory[1024 * 4 + 2];
	static uint32_t shown[1024];
	const struct render_image source = {memory, 512, 2, .stride = stride, .format = format};
	const struct render_image target = {
		shown, 512, 2, .stride = 512 * 4, .format = DRM_FORMAT_XRGB8888};
	const struct scene_layer layer = {
		.width = 512,
		.height = 2,
		.source = {0, 0, 512 * GEOMETRY_ONE, 2 * GEOMETRY_ONE},
		.alpha = UINT16_MAX,
		.opaque = true,
	};
	for (uint32_t i = 0; i < 1024; i++) {
		const uint32_t word = (i & 3) << 30 | i << 20 | (1023 - i) << 10 | (i ^ 85);
		memcpy(memory + i / 512 * stride + i % 512 * 4, &word, sizeof(word));
	}
	pixman_image_t *image = draw_wrap(&target);
	const struct canvas canvas = draw_canvas(image);
	ck_assert(draw_pixels(&canvas, &canvas.picture, &layer, &source));
	pixman_image_unref(image);
	for (uint32_t i = 0; i < 1024; i++) {
		const long first = lround(i * 255 / 1023.0), last = lround((i ^ 85) * 255 / 1023.0);
		ck_assert_int_eq(shown[i] >> 16 & 255, reversed ? last : first);
		ck_assert_int_eq(shown[i] >> 8 & 255, lround((1023 - i) * 255 / 1023.0));
		ck_assert_int_eq(shown[i] & 255, reversed ? first : last);
	}
}

TEST(ten_bits_become_the_nearest_eight)
{
	check_ten_bits(DRM_FORMAT_XRGB2101010, 512 * 4, false);
	check_ten_bits(DRM_FORMAT_XBGR2101010, 512 * 4, true);
	check_ten_bits(DRM_FORMAT_ARGB2101010, 512 * 4 + 2, false);
	check_ten_bits(DRM_FORMAT_ABGR2101010, 512 * 4 + 2, true);
}

TEST_MAIN("draw")
