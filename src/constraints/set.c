/* SPDX-License-Identifier: MIT */
#include "constraints/set.h"

#include <assert.h>
#include <drm_fourcc.h>
#include <stdlib.h>
#include <string.h>

#include "constraints/decode.h"

struct waybuf_constraints *waybuf_constraints_ref(struct waybuf_constraints *constraints)
{
	assert(constraints->refs > 0);
	constraints->refs++;
	return constraints;
}

void waybuf_constraints_unref(struct waybuf_constraints *constraints)
{
	if (!constraints || --constraints->refs > 0)
		return;
	free(constraints->modifiers);
	free(constraints->formats);
	free(constraints->rules);
	free(constraints->scopes);
	free(constraints->canonical);
	free(constraints->records);
	free(constraints);
}

const void *waybuf_constraints_records(const struct waybuf_constraints *constraints, size_t *size)
{
	*size = constraints->size;
	return constraints->records;
}

uint64_t waybuf_constraints_access(const struct waybuf_constraints *constraints)
{
	return constraints->access;
}

uint64_t waybuf_constraints_hold(const struct waybuf_constraints *constraints)
{
	return constraints->hold;
}

size_t waybuf_constraints_chunk(const void *records, size_t size, size_t max)
{
	struct waybuf_record record;
	bool whole;
	size_t pos = 0;
	while (waybuf_record_read(records, size, pos, &record, &whole)) {
		if (waybuf_record_size(&record) > max - pos)
			break;
		pos += waybuf_record_size(&record);
	}
	return pos;
}

static bool has_format(const struct waybuf_scope *scope, uint32_t format)
{
	uint32_t low = 0, high = scope->n_formats;
	if (high == 0)
		return true;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (scope->formats[middle] < format)
			low = middle + 1;
		else
			high = middle;
	}
	return low < scope->n_formats && scope->formats[low] == format;
}

/* An implicit modifier means something else to every driver, so no wildcard takes it. */
static bool has_modifier(const struct waybuf_scope *scope, uint64_t modifier)
{
	uint32_t low = 0, high = scope->n_modifiers;
	if (high == 0)
		return modifier != DRM_FORMAT_MOD_INVALID;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (scope->modifiers[middle] < modifier)
			low = middle + 1;
		else
			high = middle;
	}
	return low < scope->n_modifiers && scope->modifiers[low] == modifier;
}

uint64_t waybuf_set_scopes_of_format(const struct waybuf_constraints *set, uint32_t format)
{
	uint64_t mask = 0;
	for (uint32_t i = 0; i < set->n_scopes; i++) {
		if (has_format(&set->scopes[i], format))
			mask |= UINT64_C(1) << i;
	}
	return mask;
}

uint64_t waybuf_set_scopes_of_modifier(
	const struct waybuf_constraints *set, uint64_t mask, uint64_t modifier)
{
	uint64_t left = mask;
	while (left) {
		int i = __builtin_ctzll(left);
		left &= left - 1;
		if (!has_modifier(&set->scopes[i], modifier))
			mask &= ~(UINT64_C(1) << i);
	}
	return mask;
}

bool waybuf_set_allows(const struct waybuf_constraints *set, uint64_t mask, uint64_t modifier)
{
	if (set->bound)
		return (mask & set->bound) != 0;
	return modifier != DRM_FORMAT_MOD_INVALID;
}

bool waybuf_rule_is_repeated(
	const struct waybuf_constraints *set, const struct waybuf_rule *rule, uint64_t mask)
{
	for (uint16_t same = rule->same; same; same = set->rules[same - 1].same) {
		if (waybuf_rule_applies(&set->rules[same - 1], mask))
			return true;
	}
	return false;
}

bool waybuf_rule_next_heap(const struct waybuf_constraints *set, const struct waybuf_rule *rule,
	size_t *pos, const char **name, size_t *length)
{
	const char *names = (const char *)set->records + rule->offset + WAYBUF_RECORD_HEADER;
	if (*pos >= rule->length)
		return false;
	*name = names + *pos;
	*length = strnlen(*name, rule->length - *pos);
	*pos += *length + 1;
	return *length > 0;
}

int waybuf_rule_heap_rank(const struct waybuf_constraints *set, const struct waybuf_rule *rule,
	const struct waybuf_exporter_caps *caps)
{
	const char *have = caps->heap ? caps->heap : caps->name, *name;
	size_t pos = 0, length;
	for (int rank = 0; waybuf_rule_next_heap(set, rule, &pos, &name, &length); rank++) {
		if (strlen(have) == length && memcmp(have, name, length) == 0)
			return rank;
	}
	return -1;
}

uint64_t waybuf_rule_value(
	const struct waybuf_constraints *set, const struct waybuf_rule *rule, unsigned int word)
{
	if (rule->id != WAYBUF_FIELD_HEAPS)
		return rule->value[word];
	return waybuf_hash(0, set->records + rule->offset + WAYBUF_RECORD_HEADER, rule->length);
}
