/* SPDX-License-Identifier: MIT */
#ifndef CONSTRAINTS_LAYOUT_H
#define CONSTRAINTS_LAYOUT_H

#include "constraints/fields.h"
#include "core/format.h"

/* Which merged requirement has no value that does. */
struct waybuf_layout_clash {
	uint16_t field;
	uint8_t plane;
	enum waybuf_part part;
};

/*
 * The smallest storage for a @width x @height image that meets @fields, in memories of the
 * exporter @caps, packed one plane after the other. Fills width, height, planes and memories of
 * @solution.
 *
 * Every number is the smallest that its rules allow, given the numbers before it, and none of them
 * would ever profit from a larger one: so if this fails, no linear layout exists, which is what
 * makes the search above it complete. One fd is tried before several.
 *
 * Returns false and says why in @clash.
 */
bool waybuf_layout_compute(const struct waybuf_fields *fields, const struct waybuf_format *format,
	uint32_t width, uint32_t height, const struct waybuf_exporter_caps *caps,
	struct waybuf_solution *solution, struct waybuf_layout_clash *clash);

/*
 * What to ask of a driver that lays out images itself: the size of the allocation. For one plane of
 * known linear pixels it is made so wide and high that the rows come out as @fields want, if the
 * driver adds nothing. @format is NULL if the table does not have it. Returns false if no layout
 * that it could come up with would do.
 */
bool waybuf_layout_ask(const struct waybuf_fields *fields, const struct waybuf_format *format,
	uint64_t modifier, uint32_t width, uint32_t height, struct waybuf_solution *solution,
	struct waybuf_layout_clash *clash);

#endif
