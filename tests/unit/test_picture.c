/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "picture.h"

/* What one picture lacks of another one. */

enum { SIZE = 1024 };

static void add_layer(struct picture *picture, uint64_t id)
{
	struct picture_layer *layer = &picture->layers[picture->n++];
	memset(layer, 0, sizeof(*layer));
	layer->id = id;
	layer->width = layer->height = SIZE;
	layer->alpha = UINT16_MAX;
}

/* Columns or rows of one pixel, as far apart as they can be. */
static void miss_lines(struct damage *missed, uint32_t first, bool columns)
{
	for (uint32_t i = 0; i < DAMAGE_BOXES; i++) {
		const int64_t at = first + (int64_t)i * SIZE / DAMAGE_BOXES;
		const struct geometry_box column = {at, 0, 1, SIZE}, row = {0, at, SIZE, 1};
		damage_add(missed, columns ? &column : &row);
	}
}

static bool has_lines(pixman_region32_t *region, const struct picture *picture)
{
	for (uint32_t i = 0; i < picture->n; i++) {
		for (uint32_t k = 0; k < picture->missed[i].n; k++) {
			pixman_box32_t box = picture->missed[i].boxes[k];
			if (pixman_region32_contains_rectangle(region, &box) != PIXMAN_REGION_IN)
				return false;
		}
	}
	return true;
}

/* A grid of them is a quarter of a million pieces, that somebody would have to draw. */
TEST(not_in_any_number_of_pieces)
{
	static struct picture before, now;
	pixman_region32_t difference;
	for (uint32_t i = 0; i < SCENE_MAX_LAYERS; i++) {
		add_layer(&before, i + 1);
		add_layer(&now, i + 1);
		miss_lines(&before.missed[i], i, i % 2);
	}
	pixman_region32_init(&difference);
	ck_assert(picture_difference(&before, &now, SIZE, SIZE, &difference));
	ck_assert_int_le(pixman_region32_n_rects(&difference), 128);
	ck_assert(has_lines(&difference, &before));
	pixman_region32_fini(&difference);
}

TEST(a_few_pieces_stay_as_they_are)
{
	static struct picture before, now;
	pixman_region32_t difference;
	add_layer(&before, 1);
	add_layer(&now, 1);
	miss_lines(&before.missed[0], 0, true);
	pixman_region32_init(&difference);
	ck_assert(picture_difference(&before, &now, SIZE, SIZE, &difference));
	ck_assert_int_eq(pixman_region32_n_rects(&difference), DAMAGE_BOXES);
	ck_assert(has_lines(&difference, &before));
	pixman_region32_fini(&difference);
}

TEST_MAIN("picture")
