/* SPDX-License-Identifier: MIT */
#include <xdg-shell-server-protocol.h>

#include "harness.h"
#include "server/daemon/placement.h"

#define FLIP \
	(XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_FLIP_X | XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_FLIP_Y)
#define SLIDE \
	(XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_X | \
		XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_Y)
#define RESIZE \
	(XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_RESIZE_X | \
		XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_RESIZE_Y)
#define BOTTOM_LEFT XDG_POSITIONER_ANCHOR_BOTTOM_LEFT
#define BOTTOM_RIGHT XDG_POSITIONER_ANCHOR_BOTTOM_RIGHT
#define TOP_RIGHT XDG_POSITIONER_ANCHOR_TOP_RIGHT

/* In 100 x 100, an anchor of 20 x 10, and a popup of 30 x 40. */
static const struct {
	const char *name;
	int32_t x, y; /* of the anchor */
	uint32_t anchor, gravity, adjustment;
	struct placement_rect expected;
} cases[] = {
	{"a menu below its button", 10, 10, BOTTOM_LEFT, BOTTOM_RIGHT, 0, {10, 20, 30, 40}},
	{"in the middle", 40, 45, 0, 0, 0, {35, 30, 30, 40}},
	{"a submenu", 10, 10, TOP_RIGHT, BOTTOM_RIGHT, 0, {30, 10, 30, 40}},
	{"nothing may be done", 80, 80, BOTTOM_LEFT, BOTTOM_RIGHT, 0, {80, 90, 30, 40}},
	{"flipped up and to the left", 80, 80, BOTTOM_LEFT, BOTTOM_RIGHT, FLIP, {70, 40, 30, 40}},
	{"flipping helps in one direction", 10, 80, BOTTOM_LEFT, BOTTOM_RIGHT, FLIP,
		{10, 40, 30, 40}},
	{"flipping does not help", 10, 30, BOTTOM_LEFT, BOTTOM_RIGHT,
		XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_FLIP_Y, {10, 40, 30, 40}},
	{"moved", 80, 80, BOTTOM_LEFT, BOTTOM_RIGHT, SLIDE, {70, 60, 30, 40}},
	{"moved from the other side", -30, -50, BOTTOM_LEFT, BOTTOM_RIGHT, SLIDE, {0, 0, 30, 40}},
	{"made smaller", 80, 80, BOTTOM_LEFT, BOTTOM_RIGHT, RESIZE, {80, 90, 20, 10}},
	{"all of it is outside", 500, 10, BOTTOM_LEFT, BOTTOM_RIGHT, RESIZE, {500, 20, 30, 40}},
	{"numbers without sense", INT32_MAX, INT32_MIN, BOTTOM_RIGHT, BOTTOM_RIGHT, 0,
		{INT32_MAX, INT32_MIN + 10, 30, 40}},
	{"brought back from there", INT32_MAX, INT32_MIN, BOTTOM_RIGHT, BOTTOM_RIGHT, SLIDE,
		{70, 0, 30, 40}},
};

TEST(where_it_goes)
{
	const struct placement_rect bounds = {0, 0, 100, 100};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct placement placement = {
			.width = 30,
			.height = 40,
			.anchor_rect = {cases[i].x, cases[i].y, 20, 10},
			.anchor = cases[i].anchor,
			.gravity = cases[i].gravity,
			.adjustment = cases[i].adjustment,
		};
		struct placement_rect got = placement_solve(&placement, &bounds);
		ck_assert_msg(memcmp(&got, &cases[i].expected, sizeof(got)) == 0,
			"%s: %d,%d %d x %d", cases[i].name, got.x, got.y, got.width, got.height);
	}
}

/* An offset turns with a flip, and what is larger than the bounds begins where they begin. */
TEST(offsets_and_giants)
{
	const struct placement_rect bounds = {-50, -50, 100, 100};
	struct placement placement = {
		.width = 30,
		.height = 40,
		.anchor_rect = {10, 0, 20, 10},
		.anchor = BOTTOM_RIGHT,
		.gravity = BOTTOM_RIGHT,
		.adjustment = FLIP,
		.offset_x = 3,
		.offset_y = 0,
	};
	struct placement_rect got = placement_solve(&placement, &bounds);
	ck_assert_int_eq(got.x, 10 - 3 - 30);
	ck_assert_int_eq(got.y, 10);
	placement.width = placement.height = 1000;
	placement.adjustment = FLIP | SLIDE;
	got = placement_solve(&placement, &bounds);
	ck_assert_int_eq(got.x, -50);
	ck_assert_int_eq(got.width, 1000);
	placement.adjustment = FLIP | SLIDE | RESIZE;
	got = placement_solve(&placement, &bounds);
	ck_assert_int_eq(got.y, -50);
	ck_assert_int_eq(got.height, 100);
}

TEST_MAIN("placement")
