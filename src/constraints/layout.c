/* SPDX-License-Identifier: MIT */
#include "constraints/layout.h"

#include <drm_fourcc.h>

#include "util/checked.h"

/* Numbers of a layout travel in 32 bits, on our wire and in the kernel's AddFB2. */
#define LIMIT UINT32_MAX

static bool clashes(struct waybuf_layout_clash *clash, uint16_t field, uint32_t plane, uint8_t part)
{
	*clash = (struct waybuf_layout_clash){
		.field = field, .plane = (uint8_t)plane, .part = (enum waybuf_part)part};
	return false;
}

/* The smallest value in the range that is at least @need. */
static bool fit(const struct waybuf_range *range, uint64_t need, uint64_t *out, uint8_t *part)
{
	*part = WAYBUF_PART_MULTIPLE;
	if (range->multiple == 0)
		return false;
	if (need < range->min)
		need = range->min;
	uint64_t value;
	if (!checked_round_up(need, range->multiple, &value))
		return false;
	*part = WAYBUF_PART_MAX;
	if (value > range->max || value > LIMIT)
		return false;
	*out = value;
	return true;
}

/* @content grown by what must exist beyond it. */
static bool pad(
	const struct waybuf_padding *padding, uint64_t content, uint64_t *out, uint8_t *part)
{
	uint64_t value;
	*part = WAYBUF_PART_EXTRA;
	if (!checked_add(content, padding->extra, &value))
		return false;
	*part = WAYBUF_PART_MULTIPLE;
	return padding->multiple != 0 && checked_round_up(value, padding->multiple, out);
}

static bool fit_extent(const struct waybuf_fields *fields, uint32_t width, uint32_t height,
	struct waybuf_solution *solution, struct waybuf_layout_clash *clash)
{
	uint64_t value = 0;
	uint8_t part;
	if (!fit(&fields->width, width, &value, &part))
		return clashes(clash, WAYBUF_FIELD_WIDTH, WAYBUF_PLANE_ALL, part);
	solution->width = (uint32_t)value;
	if (!fit(&fields->height, height, &value, &part))
		return clashes(clash, WAYBUF_FIELD_HEIGHT, WAYBUF_PLANE_ALL, part);
	solution->height = (uint32_t)value;
	return true;
}

/* Stride, rows, and the bytes they come to, which do not depend on where the plane lies. */
static bool fit_plane(const struct waybuf_plane_fields *fields, const struct waybuf_format *format,
	uint32_t p, struct waybuf_solution *solution, uint64_t *size,
	struct waybuf_layout_clash *clash)
{
	uint64_t stride, rows;
	uint8_t part = WAYBUF_PART_MAX;
	if (!waybuf_format_min_stride(format, p, solution->width, &stride) ||
		!fit(&fields->stride, stride, &stride, &part))
		return clashes(clash, WAYBUF_FIELD_STRIDE, p, part);
	rows = waybuf_format_plane_height(format, p, solution->height);
	if (!pad(&fields->rows, rows, &rows, &part) || rows > LIMIT)
		return clashes(clash, WAYBUF_FIELD_ROWS, p, part);
	if (!checked_mul(stride, rows, size) || !pad(&fields->size, *size, size, &part))
		return clashes(clash, WAYBUF_FIELD_SIZE, p, part);
	solution->planes[p].stride = (uint32_t)stride;
	solution->planes[p].rows = (uint32_t)rows;
	return true;
}

/*
 * Whole pages, because that is what every exporter hands out. @content is the end of the last row,
 * @end that of the last plane with its own padding, which counts towards what must exist beyond.
 */
static bool close_memory(const struct waybuf_fields *fields,
	const struct waybuf_exporter_caps *caps, uint64_t content, uint64_t end, uint64_t *size,
	struct waybuf_layout_clash *clash)
{
	uint64_t page = caps->page_size ? caps->page_size : 4096, multiple;
	if (!checked_add(content, fields->size.extra, size))
		return clashes(clash, WAYBUF_FIELD_SIZE, WAYBUF_PLANE_ALL, WAYBUF_PART_EXTRA);
	if (*size < end)
		*size = end;
	if (fields->size.multiple == 0 || !checked_lcm(fields->size.multiple, page, &multiple) ||
		!checked_round_up(*size, multiple, size))
		return clashes(clash, WAYBUF_FIELD_SIZE, WAYBUF_PLANE_ALL, WAYBUF_PART_MULTIPLE);
	if (caps->max_size && *size > caps->max_size)
		return clashes(clash, WAYBUF_FIELD_MAX_SIZE, WAYBUF_PLANE_ALL, WAYBUF_PART_MAX);
	return true;
}

/* At most the square of 32 bits; an offset of 32 bits more cannot overflow. */
static uint64_t rows_size(const struct waybuf_plane *plane)
{
	return (uint64_t)plane->stride * plane->rows;
}

static bool place_in_one(const struct waybuf_fields *fields,
	const struct waybuf_exporter_caps *caps, const uint64_t *sizes,
	struct waybuf_solution *solution, struct waybuf_layout_clash *clash)
{
	uint64_t end = 0, content = 0;
	for (uint32_t p = 0; p < solution->n_planes; p++) {
		uint64_t multiple = fields->planes[p].offset;
		if (multiple == 0 || !checked_round_up(end, multiple, &end) || end > LIMIT)
			return clashes(clash, WAYBUF_FIELD_OFFSET, p, WAYBUF_PART_MULTIPLE);
		solution->planes[p].slot = 0;
		solution->planes[p].offset = (uint32_t)end;
		content = end + rows_size(&solution->planes[p]);
		if (!checked_add(end, sizes[p], &end))
			return clashes(clash, WAYBUF_FIELD_SIZE, p, WAYBUF_PART_EXTRA);
	}
	solution->n_memory = 1;
	return close_memory(fields, caps, content, end, &solution->memory_size[0], clash);
}

static bool place_separately(const struct waybuf_fields *fields,
	const struct waybuf_exporter_caps *caps, const uint64_t *sizes,
	struct waybuf_solution *solution, struct waybuf_layout_clash *clash)
{
	for (uint32_t p = 0; p < solution->n_planes; p++) {
		if (fields->planes[p].offset == 0)
			return clashes(clash, WAYBUF_FIELD_OFFSET, p, WAYBUF_PART_MULTIPLE);
		solution->planes[p].slot = p;
		solution->planes[p].offset = 0;
		if (!close_memory(fields, caps, rows_size(&solution->planes[p]), sizes[p],
			    &solution->memory_size[p], clash))
			return false;
	}
	solution->n_memory = solution->n_planes;
	return true;
}

static bool place(const struct waybuf_fields *fields, const struct waybuf_exporter_caps *caps,
	const uint64_t *sizes, struct waybuf_solution *solution, struct waybuf_layout_clash *clash)
{
	/* one plane is both: it shares its fd with all others, and with none */
	bool one = fields->one_fd & WAYBUF_ALLOW_ONE_FD || solution->n_planes == 1;
	bool separate = fields->one_fd & WAYBUF_ALLOW_SEPARATE_FDS && solution->n_planes > 1;
	if (one && place_in_one(fields, caps, sizes, solution, clash))
		return true;
	if (separate)
		return place_separately(fields, caps, sizes, solution, clash);
	return one ? false
		   : clashes(clash, WAYBUF_FIELD_ONE_FD, WAYBUF_PLANE_ALL, WAYBUF_PART_VALUE);
}

bool waybuf_layout_compute(const struct waybuf_fields *fields, const struct waybuf_format *format,
	uint32_t width, uint32_t height, const struct waybuf_exporter_caps *caps,
	struct waybuf_solution *solution, struct waybuf_layout_clash *clash)
{
	uint64_t sizes[WAYBUF_MAX_PLANES] = {0};
	if (!fit_extent(fields, width, height, solution, clash))
		return false;
	solution->n_planes = format->n_planes;
	for (uint32_t p = 0; p < format->n_planes; p++) {
		if (!fit_plane(&fields->planes[p], format, p, solution, &sizes[p], clash))
			return false;
	}
	return place(fields, caps, sizes, solution, clash);
}

/* A width whose natural stride is @stride, if the rules for widths let it be. */
static void widen(const struct waybuf_fields *fields, const struct waybuf_format *format,
	struct waybuf_solution *solution)
{
	uint32_t bytes = format->block_bytes[0], stride = solution->planes[0].stride;
	uint64_t width = 0, height = 0;
	uint8_t part;
	if (stride % bytes == 0 && fit(&fields->width, stride / bytes, &width, &part) &&
		width * bytes == stride)
		solution->width = (uint32_t)width;
	if (fit(&fields->height, solution->planes[0].rows, &height, &part) &&
		height == solution->planes[0].rows)
		solution->height = (uint32_t)height;
}

bool waybuf_layout_ask(const struct waybuf_fields *fields, const struct waybuf_format *format,
	uint64_t modifier, uint32_t width, uint32_t height, struct waybuf_solution *solution,
	struct waybuf_layout_clash *clash)
{
	/* sizes are not known before the driver has spoken, so none is too large here */
	static const struct waybuf_exporter_caps any = {.page_size = 1};
	if (!format || modifier != DRM_FORMAT_MOD_LINEAR)
		return fit_extent(fields, width, height, solution, clash);
	if (!waybuf_layout_compute(fields, format, width, height, &any, solution, clash))
		return false;
	if (format->n_planes == 1 && format->block_width[0] == 1)
		widen(fields, format, solution);
	solution->n_planes = 0;
	solution->n_memory = 0;
	return true;
}
