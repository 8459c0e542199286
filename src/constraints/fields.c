/* SPDX-License-Identifier: MIT */
#include "constraints/fields.h"

#include "util/checked.h"

#define MULTIPLE WAYBUF_PART_MULTIPLE
#define MIN WAYBUF_PART_MIN
#define MAX WAYBUF_PART_MAX
#define EXTRA WAYBUF_PART_EXTRA

static const struct waybuf_field_info infos[] = {
	{WAYBUF_FIELD_ACCESS, "access", 1, 1, .common_only = true},
	{WAYBUF_FIELD_HOLD, "hold", 1, 1, .common_only = true},
	{WAYBUF_FIELD_WIDTH, "width", 3, 3, .parts = {MIN, MAX, MULTIPLE}},
	{WAYBUF_FIELD_HEIGHT, "height", 3, 3, .parts = {MIN, MAX, MULTIPLE}},
	{WAYBUF_FIELD_STRIDE, "stride", 3, 3, .per_plane = true, .parts = {MULTIPLE, MIN, MAX}},
	{WAYBUF_FIELD_OFFSET, "offset", 1, 1, .per_plane = true, .parts = {MULTIPLE}},
	{WAYBUF_FIELD_ROWS, "rows", 2, 2, .per_plane = true, .parts = {MULTIPLE, EXTRA}},
	{WAYBUF_FIELD_SIZE, "size", 2, 2, .per_plane = true, .parts = {MULTIPLE, EXTRA}},
	{WAYBUF_FIELD_ONE_FD, "one fd", 1, 1},
	{WAYBUF_FIELD_CONTIG, "contiguous memory", 1, 1},
	{WAYBUF_FIELD_ADDR_BITS, "address bits", 1, 1},
	{WAYBUF_FIELD_HEAPS, "heaps", 1, UINT8_MAX},
	{WAYBUF_FIELD_CACHE, "cache", 1, 1},
	{WAYBUF_FIELD_NEAR, "near", 1, 2, .common_only = true},
	{WAYBUF_FIELD_DMABUF, "dma-buf", 1, 1},
};

const struct waybuf_field_info *waybuf_field_info(uint16_t id)
{
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		if (infos[i].id == id)
			return &infos[i];
	}
	return NULL;
}

const char *waybuf_field_name(uint32_t id)
{
	if (id > UINT16_MAX)
		return NULL;
	id &= ~(uint32_t)WAYBUF_FIELD_CRITICAL;
	switch (id) {
	case WAYBUF_FIELD_SET:
		return "set";
	case WAYBUF_FIELD_PROBE:
		return "import";
	case WAYBUF_FIELD_LAYOUT:
		return "layout";
	case WAYBUF_FIELD_MAX_SIZE:
		return "memory size";
	}
	const struct waybuf_field_info *info = waybuf_field_info((uint16_t)id);
	return info ? info->name : NULL;
}

static const struct waybuf_range no_range = {1, 0, WAYBUF_NO_LIMIT};
static const struct waybuf_padding no_padding = {1, 0};

void waybuf_fields_init(struct waybuf_fields *fields)
{
	*fields = (struct waybuf_fields){
		.width = no_range,
		.height = no_range,
		.size = no_padding,
		.address_bits = 64,
		.one_fd = WAYBUF_ALLOW_SEPARATE_FDS | WAYBUF_ALLOW_ONE_FD,
		.cache = 1 << WAYBUF_CACHE_UNKNOWN | 1 << WAYBUF_CACHED | 1 << WAYBUF_UNCACHED,
	};
	for (unsigned int p = 0; p < WAYBUF_MAX_PLANES; p++) {
		fields->planes[p] = (struct waybuf_plane_fields){
			.stride = no_range, .offset = 1, .rows = no_padding, .size = no_padding};
	}
}

static void merge_multiple(uint64_t *into, uint64_t from)
{
	if (*into == from || from == 1 || *into == 0)
		return;
	if (from == 0 || !checked_lcm(*into, from, into))
		*into = 0;
}

static void merge_max(uint64_t *into, uint64_t from)
{
	if (from > *into)
		*into = from;
}

static void merge_min(uint64_t *into, uint64_t from)
{
	if (from < *into)
		*into = from;
}

static void merge_range(struct waybuf_range *into, const struct waybuf_range *from)
{
	merge_multiple(&into->multiple, from->multiple);
	merge_max(&into->min, from->min);
	merge_min(&into->max, from->max);
}

static void merge_padding(struct waybuf_padding *into, const struct waybuf_padding *from)
{
	merge_multiple(&into->multiple, from->multiple);
	merge_max(&into->extra, from->extra);
}

void waybuf_fields_merge(struct waybuf_fields *into, const struct waybuf_fields *from)
{
	merge_range(&into->width, &from->width);
	merge_range(&into->height, &from->height);
	for (unsigned int p = 0; p < WAYBUF_MAX_PLANES; p++) {
		struct waybuf_plane_fields *a = &into->planes[p];
		const struct waybuf_plane_fields *b = &from->planes[p];
		merge_range(&a->stride, &b->stride);
		merge_multiple(&a->offset, b->offset);
		merge_padding(&a->rows, &b->rows);
		merge_padding(&a->size, &b->size);
	}
	merge_padding(&into->size, &from->size);
	into->access |= from->access;
	if (from->address_bits < into->address_bits)
		into->address_bits = from->address_bits;
	into->one_fd &= from->one_fd;
	into->cache &= from->cache;
	into->contiguous |= from->contiguous;
	into->dmabuf |= from->dmabuf;
}

static bool range_equal(const struct waybuf_range *a, const struct waybuf_range *b)
{
	return a->multiple == b->multiple && a->min == b->min && a->max == b->max;
}

static bool padding_equal(const struct waybuf_padding *a, const struct waybuf_padding *b)
{
	return a->multiple == b->multiple && a->extra == b->extra;
}

static bool plane_equal(const struct waybuf_plane_fields *a, const struct waybuf_plane_fields *b)
{
	return range_equal(&a->stride, &b->stride) && a->offset == b->offset &&
		padding_equal(&a->rows, &b->rows) && padding_equal(&a->size, &b->size);
}

bool waybuf_fields_equal(const struct waybuf_fields *a, const struct waybuf_fields *b)
{
	for (unsigned int p = 0; p < WAYBUF_MAX_PLANES; p++) {
		if (!plane_equal(&a->planes[p], &b->planes[p]))
			return false;
	}
	return range_equal(&a->width, &b->width) && range_equal(&a->height, &b->height) &&
		padding_equal(&a->size, &b->size) && a->access == b->access &&
		a->address_bits == b->address_bits && a->one_fd == b->one_fd &&
		a->cache == b->cache && a->contiguous == b->contiguous && a->dmabuf == b->dmabuf;
}

bool waybuf_rule_part_is_neutral(const struct waybuf_rule *rule, unsigned int word)
{
	const struct waybuf_field_info *info = waybuf_field_info(rule->id);
	if (!info || word >= info->min_words)
		return true;
	uint64_t value = rule->value[word];
	switch (info->parts[word]) {
	case WAYBUF_PART_MULTIPLE:
		return value == 1;
	case WAYBUF_PART_MAX:
		return value == WAYBUF_NO_LIMIT;
	case WAYBUF_PART_MIN:
	case WAYBUF_PART_EXTRA:
		return value == 0;
	default:
		return word > 0;
	}
}

static struct waybuf_range rule_range(const struct waybuf_rule *rule, uint32_t parts)
{
	bool stride = rule->id == WAYBUF_FIELD_STRIDE;
	struct waybuf_range range = no_range;
	if (parts & 1u << WAYBUF_PART_MULTIPLE)
		range.multiple = rule->value[stride ? 0 : 2];
	if (parts & 1u << WAYBUF_PART_MIN)
		range.min = rule->value[stride ? 1 : 0];
	if (parts & 1u << WAYBUF_PART_MAX)
		range.max = rule->value[stride ? 2 : 1];
	return range;
}

static struct waybuf_padding rule_padding(const struct waybuf_rule *rule, uint32_t parts)
{
	struct waybuf_padding padding = no_padding;
	if (parts & 1u << WAYBUF_PART_MULTIPLE)
		padding.multiple = rule->value[0];
	if (parts & 1u << WAYBUF_PART_EXTRA)
		padding.extra = rule->value[1];
	return padding;
}

static void apply_to_plane(
	struct waybuf_plane_fields *plane, const struct waybuf_rule *rule, uint32_t parts)
{
	struct waybuf_range range;
	struct waybuf_padding padding;
	switch (rule->id) {
	case WAYBUF_FIELD_STRIDE:
		range = rule_range(rule, parts);
		merge_range(&plane->stride, &range);
		break;
	case WAYBUF_FIELD_OFFSET:
		merge_multiple(&plane->offset, rule->value[0]);
		break;
	case WAYBUF_FIELD_ROWS:
		padding = rule_padding(rule, parts);
		merge_padding(&plane->rows, &padding);
		break;
	case WAYBUF_FIELD_SIZE:
		padding = rule_padding(rule, parts);
		merge_padding(&plane->size, &padding);
		break;
	}
}

static void apply_to_planes(
	struct waybuf_fields *fields, const struct waybuf_rule *rule, uint32_t parts)
{
	for (unsigned int p = 0; p < WAYBUF_MAX_PLANES; p++) {
		if (rule->plane == p || rule->plane == WAYBUF_PLANE_ALL)
			apply_to_plane(&fields->planes[p], rule, parts);
	}
}

static void apply_size(struct waybuf_fields *fields, const struct waybuf_rule *rule, uint32_t parts)
{
	if (rule->plane != WAYBUF_PLANE_ALL) {
		apply_to_planes(fields, rule, parts);
		return;
	}
	struct waybuf_padding padding = rule_padding(rule, parts);
	merge_padding(&fields->size, &padding);
}

static void apply_extent(
	struct waybuf_range *extent, const struct waybuf_rule *rule, uint32_t parts)
{
	struct waybuf_range range = rule_range(rule, parts);
	merge_range(extent, &range);
}

void waybuf_fields_apply(
	struct waybuf_fields *fields, const struct waybuf_rule *rule, uint32_t parts)
{
	switch (rule->id) {
	case WAYBUF_FIELD_ACCESS:
		fields->access |= rule->value[0];
		break;
	case WAYBUF_FIELD_WIDTH:
		apply_extent(&fields->width, rule, parts);
		break;
	case WAYBUF_FIELD_HEIGHT:
		apply_extent(&fields->height, rule, parts);
		break;
	case WAYBUF_FIELD_STRIDE:
	case WAYBUF_FIELD_OFFSET:
	case WAYBUF_FIELD_ROWS:
		apply_to_planes(fields, rule, parts);
		break;
	case WAYBUF_FIELD_SIZE:
		apply_size(fields, rule, parts);
		break;
	case WAYBUF_FIELD_ONE_FD:
		fields->one_fd &= rule->value[0] ? WAYBUF_ALLOW_ONE_FD : WAYBUF_ALLOW_SEPARATE_FDS;
		break;
	case WAYBUF_FIELD_CONTIG:
		fields->contiguous = true;
		break;
	case WAYBUF_FIELD_ADDR_BITS:
		if (rule->value[0] < fields->address_bits)
			fields->address_bits = (uint32_t)rule->value[0];
		break;
	case WAYBUF_FIELD_CACHE:
		fields->cache &= (uint8_t)(1u << rule->value[0]);
		break;
	case WAYBUF_FIELD_DMABUF:
		fields->dmabuf = true;
		break;
	}
}
