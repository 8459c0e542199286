/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>

#include "constraints/solve.h"
#include "util/checked.h"

/*
 * Does an existing storage meet every requirement? This judges record by record what is there, and
 * shares nothing with the way a layout is computed, so that it can say exactly whose record is
 * broken and serves as a second opinion on the solver.
 */
struct check {
	const struct waybuf_exporter_caps *caps;
	const struct waybuf_layout *layout;
	const struct waybuf_format *format; // NULL if the table does not have it
	bool linear;
	/* rows of each plane, and bytes from its start to what comes next */
	uint64_t rows[WAYBUF_MAX_PLANES], room[WAYBUF_MAX_PLANES];
	struct waybuf_conflict *conflict;
};

static int fail(struct check *check, uint16_t field, uint32_t plane, enum waybuf_part part)
{
	if (check->conflict)
		*check->conflict = (struct waybuf_conflict){
			.who = -1,
			.field = field,
			.plane = (uint8_t)plane,
			.part = part,
			.format = check->layout->format,
			.modifier = check->layout->modifier,
		};
	return -EOPNOTSUPP;
}

/* ---- is it an image at all ----------------------------------------------------------------- */

/* The start of whatever follows plane @p in its memory. */
static uint64_t end_of_room(const struct waybuf_layout *layout, uint32_t p)
{
	const struct waybuf_plane *plane = &layout->planes[p];
	uint64_t end = layout->memory[plane->slot].size;
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		const struct waybuf_plane *other = &layout->planes[i];
		if (other->slot == plane->slot && other->offset > plane->offset &&
			other->offset < end)
			end = other->offset;
	}
	return end;
}

static bool plane_is_valid(struct check *check, uint32_t p)
{
	const struct waybuf_plane *plane = &check->layout->planes[p];
	if (plane->slot >= check->layout->n_memory || plane->stride == 0)
		return false;
	uint64_t end = end_of_room(check->layout, p);
	if (plane->offset >= end)
		return false;
	check->room[p] = end - plane->offset;
	check->rows[p] = plane->rows ? plane->rows : check->room[p] / plane->stride;
	if (!check->linear || !check->format)
		return true;
	uint64_t stride, rows = waybuf_format_plane_height(check->format, p, check->layout->height);
	return waybuf_format_min_stride(check->format, p, check->layout->width, &stride) &&
		plane->stride >= stride && check->rows[p] >= rows &&
		check->rows[p] * plane->stride <= check->room[p];
}

static int check_image(struct check *check)
{
	const struct waybuf_layout *layout = check->layout;
	bool counts = layout->n_planes >= 1 && layout->n_planes <= WAYBUF_MAX_PLANES &&
		layout->n_memory >= 1 && layout->n_memory <= WAYBUF_MAX_PLANES;
	if (!counts ||
		(check->linear && check->format && check->format->n_planes != layout->n_planes))
		return fail(check, WAYBUF_FIELD_LAYOUT, WAYBUF_PLANE_ALL, WAYBUF_PART_VALUE);
	for (uint32_t p = 0; p < layout->n_planes; p++) {
		if (!plane_is_valid(check, p))
			return fail(check, WAYBUF_FIELD_LAYOUT, p, WAYBUF_PART_VALUE);
	}
	return 0;
}

/* ---- records ------------------------------------------------------------------------------- */

/* The part of a range that @value is outside of; WAYBUF_PART_VALUE if it is inside. */
static enum waybuf_part outside(uint64_t value, uint64_t multiple, uint64_t min, uint64_t max)
{
	if (value % multiple)
		return WAYBUF_PART_MULTIPLE;
	if (value < min)
		return WAYBUF_PART_MIN;
	return value > max ? WAYBUF_PART_MAX : WAYBUF_PART_VALUE;
}

/*
 * The allocation's width is not written anywhere; it is whatever fits into the strides. So the
 * question is whether there is room for a width that obeys the record.
 */
static bool has_width(const struct check *check, uint64_t width)
{
	for (uint32_t p = 0; check->format && p < check->layout->n_planes; p++) {
		uint64_t stride;
		if (p >= check->format->n_planes)
			break;
		if (!waybuf_format_min_stride(check->format, p, width, &stride) ||
			stride > check->layout->planes[p].stride)
			return false;
	}
	return check->format || width == check->layout->width;
}

static bool has_height(const struct check *check, uint64_t height)
{
	for (uint32_t p = 0; check->format && p < check->layout->n_planes; p++) {
		if (p >= check->format->n_planes)
			break;
		if (waybuf_format_plane_height(check->format, p, height) > check->rows[p])
			return false;
	}
	return check->format || height == check->layout->height;
}

static int check_extent(struct check *check, const struct waybuf_rule *rule)
{
	bool is_width = rule->id == WAYBUF_FIELD_WIDTH;
	uint64_t value = is_width ? check->layout->width : check->layout->height;
	if (value < rule->value[0])
		value = rule->value[0];
	if (!checked_round_up(value, rule->value[2], &value))
		return fail(check, rule->id, WAYBUF_PLANE_ALL, WAYBUF_PART_MULTIPLE);
	if (value > rule->value[1])
		return fail(check, rule->id, WAYBUF_PLANE_ALL, WAYBUF_PART_MAX);
	if (is_width ? has_width(check, value) : has_height(check, value))
		return 0;
	return fail(check, rule->id, WAYBUF_PLANE_ALL,
		value > rule->value[0] ? WAYBUF_PART_MULTIPLE : WAYBUF_PART_MIN);
}

static int check_stride(struct check *check, const struct waybuf_rule *rule, uint32_t p)
{
	enum waybuf_part part = outside(
		check->layout->planes[p].stride, rule->value[0], rule->value[1], rule->value[2]);
	return part ? fail(check, rule->id, p, part) : 0;
}

static int check_rows(struct check *check, const struct waybuf_rule *rule, uint32_t p)
{
	uint64_t rows = check->layout->height, need;
	if (check->rows[p] % rule->value[0])
		return fail(check, rule->id, p, WAYBUF_PART_MULTIPLE);
	if (check->format && p < check->format->n_planes)
		rows = waybuf_format_plane_height(check->format, p, rows);
	if (!checked_add(rows, rule->value[1], &need) || need > check->rows[p])
		return fail(check, rule->id, p, WAYBUF_PART_EXTRA);
	return 0;
}

/* The bytes of a plane are its rows and what is free behind them. */
static int check_plane_size(struct check *check, const struct waybuf_rule *rule, uint32_t p)
{
	uint64_t need = check->rows[p] * check->layout->planes[p].stride;
	if (!checked_add(need, rule->value[1], &need) || need > check->room[p])
		return fail(check, rule->id, p, WAYBUF_PART_EXTRA);
	if (!checked_round_up(need, rule->value[0], &need) || need > check->room[p])
		return fail(check, rule->id, p, WAYBUF_PART_MULTIPLE);
	return 0;
}

static int check_memory_size(struct check *check, const struct waybuf_rule *rule)
{
	const struct waybuf_layout *layout = check->layout;
	for (uint32_t p = 0; p < layout->n_planes; p++) {
		const struct waybuf_plane *plane = &layout->planes[p];
		uint64_t size = layout->memory[plane->slot].size;
		uint64_t need = plane->offset + check->rows[p] * plane->stride;
		if (size % rule->value[0])
			return fail(check, rule->id, WAYBUF_PLANE_ALL, WAYBUF_PART_MULTIPLE);
		if (!checked_add(need, rule->value[1], &need) || need > size)
			return fail(check, rule->id, WAYBUF_PLANE_ALL, WAYBUF_PART_EXTRA);
	}
	return 0;
}

static int check_one_fd(struct check *check, const struct waybuf_rule *rule)
{
	const struct waybuf_layout *layout = check->layout;
	for (uint32_t a = 0; a < layout->n_planes; a++) {
		for (uint32_t b = a + 1; b < layout->n_planes; b++) {
			bool shared = layout->planes[a].slot == layout->planes[b].slot;
			if (shared != (rule->value[0] == 1))
				return fail(check, rule->id, WAYBUF_PLANE_ALL, WAYBUF_PART_VALUE);
		}
	}
	return 0;
}

static int check_plane(struct check *check, const struct waybuf_rule *rule, uint32_t p)
{
	switch (rule->id) {
	case WAYBUF_FIELD_STRIDE:
		return check_stride(check, rule, p);
	case WAYBUF_FIELD_OFFSET:
		if (check->layout->planes[p].offset % rule->value[0])
			return fail(check, rule->id, p, WAYBUF_PART_MULTIPLE);
		return 0;
	case WAYBUF_FIELD_ROWS:
		return check_rows(check, rule, p);
	case WAYBUF_FIELD_SIZE:
		return check_plane_size(check, rule, p);
	}
	return 0;
}

static int check_planes(struct check *check, const struct waybuf_rule *rule)
{
	int ret = 0;
	for (uint32_t p = 0; p < check->layout->n_planes && ret == 0; p++) {
		if (rule->plane == p || rule->plane == WAYBUF_PLANE_ALL)
			ret = check_plane(check, rule, p);
	}
	return ret;
}

/* What only the exporter meets or breaks, asked one record at a time. */
static int check_exporter(struct check *check, const struct waybuf_rule *rule)
{
	struct waybuf_fields fields;
	uint16_t field;
	waybuf_fields_init(&fields);
	waybuf_fields_apply(&fields, rule, WAYBUF_PARTS_ALL);
	if (waybuf_exporter_meets(check->caps, &fields, check->layout->modifier, &field))
		return 0;
	return fail(check, field, WAYBUF_PLANE_ALL, WAYBUF_PART_VALUE);
}

static int check_rule(
	struct check *check, const struct waybuf_constraints *set, const struct waybuf_rule *rule)
{
	switch (rule->id) {
	case WAYBUF_FIELD_WIDTH:
	case WAYBUF_FIELD_HEIGHT:
		return check_extent(check, rule);
	case WAYBUF_FIELD_SIZE:
		if (rule->plane == WAYBUF_PLANE_ALL)
			return check_memory_size(check, rule);
		return check_planes(check, rule);
	case WAYBUF_FIELD_STRIDE:
	case WAYBUF_FIELD_OFFSET:
	case WAYBUF_FIELD_ROWS:
		return check_planes(check, rule);
	case WAYBUF_FIELD_ONE_FD:
		return check_one_fd(check, rule);
	case WAYBUF_FIELD_HEAPS:
		if (waybuf_rule_heap_rank(set, rule, check->caps) >= 0)
			return 0;
		return fail(check, rule->id, WAYBUF_PLANE_ALL, WAYBUF_PART_VALUE);
	case WAYBUF_FIELD_HOLD:
	case WAYBUF_FIELD_NEAR:
		return 0;
	}
	return check_exporter(check, rule);
}

static void name_rule(const struct check *check, const struct waybuf_constraints *set,
	const struct waybuf_rule *rule)
{
	struct waybuf_conflict *conflict = check->conflict;
	if (!conflict)
		return;
	const struct waybuf_field_info *info = waybuf_field_info(rule->id);
	for (unsigned int w = 0; w < WAYBUF_FIELD_MAX_WORDS; w++) {
		if (w < info->min_words && info->parts[w] == conflict->part)
			conflict->value = waybuf_rule_value(set, rule, w);
	}
}

static int check_set(struct check *check, const struct waybuf_constraints *set)
{
	const struct waybuf_layout *layout = check->layout;
	uint64_t mask = waybuf_set_scopes_of_format(set, layout->format);
	mask = waybuf_set_scopes_of_modifier(set, mask, layout->modifier);
	if (!waybuf_set_allows(set, mask, layout->modifier))
		return fail(check, WAYBUF_FIELD_SET, WAYBUF_PLANE_ALL, WAYBUF_PART_VALUE);
	for (uint32_t r = 0; r < set->n_rules; r++) {
		const struct waybuf_rule *rule = &set->rules[r];
		if (rule->strength != WAYBUF_MUST || !waybuf_rule_applies(rule, mask))
			continue;
		int ret = check_rule(check, set, rule);
		if (ret < 0) {
			name_rule(check, set, rule);
			return ret;
		}
	}
	return 0;
}

int waybuf_constraints_check_layout(const struct waybuf_request *request,
	const struct waybuf_exporter_caps *caps, const struct waybuf_layout *layout,
	struct waybuf_conflict *conflict)
{
	struct check check = {
		.caps = caps,
		.layout = layout,
		.format = waybuf_format_get(layout->format),
		.linear = layout->modifier == DRM_FORMAT_MOD_LINEAR,
		.conflict = conflict,
	};
	int ret = check_image(&check);
	for (size_t i = 0; i < request->n_parties && ret == 0; i++) {
		const struct waybuf_party *party = &request->parties[i];
		if (!party->set)
			return -EINVAL;
		ret = check_set(&check, party->set);
		if (ret < 0 && conflict) {
			conflict->who = (int32_t)i;
			conflict->role = party->role;
			conflict->name = party->who;
		}
	}
	return ret;
}
