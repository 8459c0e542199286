/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_PLACEMENT_H
#define DAEMON_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Where a popup goes: the rules of xdg_positioner, as a function of values. */

struct placement_rect {
	int32_t x, y, width, height;
};

/* What an xdg_positioner says; the numbers are those of xdg-shell's enums. */
struct placement {
	int32_t width, height; /* 0: not set */
	bool has_anchor;
	struct placement_rect anchor_rect; /* relative to the parent's geometry, as all positions */
	uint32_t anchor, gravity;
	uint32_t adjustment; /* bits: what may be done to keep it within bounds */
	int32_t offset_x, offset_y;
};

/*
 * Places it within @bounds as far as the adjustment allows: flipped if that helps entirely, else
 * moved, else made smaller, each direction for itself. Never smaller than 1 x 1. The size must be
 * set.
 */
struct placement_rect placement_solve(
	const struct placement *placement, const struct placement_rect *bounds);

#endif
