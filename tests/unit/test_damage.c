/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "server/daemon/damage.h"

#include <math.h>

/* Boxes that cover what was added, and from pixels of a buffer to those of its surface. */

static uint32_t roll(uint64_t *random, uint32_t sides)
{
	return (uint32_t)(harness_random(random) >> 33) % sides;
}

static bool covers(const struct damage *damage, int64_t x, int64_t y)
{
	for (uint32_t i = 0; i < damage->n; i++) {
		const pixman_box32_t *box = &damage->boxes[i];
		if (x >= box->x1 && x < box->x2 && y >= box->y1 && y < box->y2)
			return true;
	}
	return false;
}

TEST(nothing_is_lost)
{
	uint64_t random = harness_seed();
	for (int round = 0; round < 200; round++) {
		struct damage damage = {.n = 0}, more = {.n = 0};
		struct geometry_box boxes[60];
		for (int i = 0; i < 60; i++) {
			boxes[i] = (struct geometry_box){roll(&random, 100), roll(&random, 100),
				1 + roll(&random, 20), 1 + roll(&random, 20)};
			damage_add(i % 2 ? &damage : &more, &boxes[i]);
		}
		damage_merge(&damage, &more);
		ck_assert_uint_le(damage.n, DAMAGE_BOXES);
		for (int i = 0; i < 60; i++) {
			const struct geometry_box *box = &boxes[i];
			ck_assert(covers(&damage, box->x, box->y));
			ck_assert(
				covers(&damage, box->x + box->width - 1, box->y + box->height - 1));
		}
	}
}

TEST(numbers_of_any_size)
{
	const struct geometry_box boxes[] = {{INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX},
		{INT32_MAX, 0, INT32_MAX, 1}, {-5, -5, INT32_MAX, INT32_MAX}, {1, 1, 0, 5},
		{1, 1, 5, -5}};
	struct damage damage = {.n = 0};
	struct geometry_box box;
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++)
		damage_add(&damage, &boxes[i]);
	ck_assert(covers(&damage, 0, 0));
	bool found = false;
	for (uint32_t i = 0; i < damage.n; i++)
		found |= damage_box(&damage, i, 10, 20, &box) && box.x == 0 && box.y == 0 &&
			box.width == 10 && box.height == 20;
	ck_assert(found);
	damage_add_all(&damage);
	ck_assert_uint_eq(damage.n, 1);
	ck_assert(damage_box(&damage, 0, 10, 20, &box));
	ck_assert_int_eq(box.height, 20);
	damage_clear(&damage);
	ck_assert(damage_is_empty(&damage));
	damage_add(&damage, &boxes[3]);
	damage_add(&damage, &boxes[4]);
	ck_assert(damage_is_empty(&damage));
}

enum { SIDE = 24 };

static struct damage_view random_view(uint64_t *random)
{
	struct damage_view view = {
		.transform = (int32_t)roll(random, 8),
		.source = {roll(random, SIDE * 128), roll(random, SIDE * 128),
			1 + roll(random, SIDE * 128), 1 + roll(random, SIDE * 128)},
		.width = 1 + roll(random, 40),
		.height = 1 + roll(random, 40),
		.hsub = 1 + roll(random, 2),
		.vsub = 1 + roll(random, 2),
	};
	if (roll(random, 3))
		return view;
	/* pixel for pixel */
	bool turned = geometry_turned(view.transform);
	view.width = 1 + roll(random, SIDE / 2);
	view.height = 1 + roll(random, SIDE / 2);
	view.source = (struct geometry_box){roll(random, SIDE / 2) * GEOMETRY_ONE,
		roll(random, SIDE / 2) * GEOMETRY_ONE,
		(turned ? view.height : view.width) * GEOMETRY_ONE,
		(turned ? view.width : view.height) * GEOMETRY_ONE};
	return view;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/*
 * Whether what is seen at @at, in pixels of the buffer, has to do with @pixel. Of a source from @start
 * nothing else is read.
 */
static bool reads(double at, int64_t pixel, int64_t start, int64_t length, uint32_t sub, bool exact)
{
	const int64_t left = start / GEOMETRY_ONE;
	const int64_t right = (start + length + GEOMETRY_ONE - 1) / GEOMETRY_ONE - 1;
	int64_t first = (int64_t)floor(exact ? at : at - 0.5), last = exact ? first : first + 1;
	return clamp(first, left, right) / sub == pixel / sub ||
		clamp(last, left, right) / sub == pixel / sub;
}

/* Of one pixel that is another one: each pixel of the surface that shows something of it. */
static void check_pixel(
	const struct damage_view *view, const struct damage *found, int64_t px, int64_t py)
{
	const struct geometry_matrix m =
		geometry_sampling(view->transform, &view->source, view->width, view->height);
	const bool exact =
		geometry_is_exact(view->transform, &view->source, view->width, view->height);
	unsigned missed = 0;
	for (uint32_t y = 0; y < view->height; y++) {
		for (uint32_t x = 0; x < view->width; x++) {
			double bx = m.xx * (x + 0.5) + m.xy * (y + 0.5) + m.x0;
			double by = m.yx * (x + 0.5) + m.yy * (y + 0.5) + m.y0;
			missed += reads(bx, px, view->source.x, view->source.width, view->hsub,
					  exact) &&
				reads(by, py, view->source.y, view->source.height, view->vsub,
					exact) &&
				!covers(found, x, y);
		}
	}
	ck_assert_uint_eq(missed, 0);
}

TEST(neighbours_and_chroma)
{
	uint64_t random = harness_seed();
	const struct damage none = {.n = 0};
	for (int round = 0; round < 20000; round++) {
		const struct damage_view view = random_view(&random);
		const int64_t x = view.source.x / GEOMETRY_ONE +
			roll(&random, (uint32_t)(view.source.width / GEOMETRY_ONE) + 1);
		const int64_t y = view.source.y / GEOMETRY_ONE +
			roll(&random, (uint32_t)(view.source.height / GEOMETRY_ONE) + 1);
		const struct geometry_box box = {x, y, 1, 1};
		struct damage pixel = {.n = 0}, found = {.n = 0};
		damage_add(&pixel, &box);
		damage_add_content(&found, &view, &none, &pixel);
		check_pixel(&view, &found, x, y);
	}
}

/* Of what is shown as it is no more than that is new. */
TEST(no_more_than_needed)
{
	uint64_t random = harness_seed();
	const struct damage none = {.n = 0};
	for (int round = 0; round < 5000; round++) {
		struct damage_view view = random_view(&random);
		view.hsub = view.vsub = 1;
		if (!geometry_is_exact(view.transform, &view.source, view.width, view.height))
			continue;
		const struct geometry_box box = {
			roll(&random, view.width), roll(&random, view.height), 1, 1};
		struct damage pixel = {.n = 0}, found = {.n = 0};
		damage_add(&pixel, &box);
		damage_add_content(&found, &view, &pixel, &none);
		ck_assert_uint_eq(found.n, 1);
		ck_assert_int_eq(found.boxes[0].x1, box.x);
		ck_assert_int_eq(found.boxes[0].y1, box.y);
		ck_assert_int_eq(found.boxes[0].x2, box.x + 1);
		ck_assert_int_eq(found.boxes[0].y2, box.y + 1);
	}
}

TEST_MAIN("damage")
