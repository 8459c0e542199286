/* SPDX-License-Identifier: MIT */
#include "constraints/decode.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * From bytes to a set, in two passes: the first judges every record and counts, so that the second
 * fills arrays of the right size and cannot fail. What comes from a peer costs memory in proportion
 * to the bytes it sent: a rule is at most eight times its record.
 */
struct counts {
	uint32_t rules, scopes, formats, modifiers;
	uint64_t pairs;
};

static int fail(struct waybuf_constraints_error *error, size_t offset, uint16_t id,
	const char *reason, int code)
{
	if (error)
		*error = (struct waybuf_constraints_error){
			.offset = offset, .id = id, .reason = reason};
	return code;
}

static void count_set(struct counts *counts, const uint8_t *payload)
{
	uint32_t n_formats, n_modifiers;
	waybuf_record_set_counts(payload, &n_formats, &n_modifiers);
	counts->scopes++;
	counts->formats += n_formats;
	counts->modifiers += n_modifiers;
	counts->pairs += (uint64_t)(n_formats ? n_formats : 1) * (n_modifiers ? n_modifiers : 1);
}

static int judge(const uint8_t *records, size_t size, bool internal, struct counts *counts,
	struct waybuf_constraints_error *error)
{
	struct waybuf_record record = {0};
	bool whole, informs = false;
	size_t pos = 0;
	for (; waybuf_record_read(records, size, pos, &record, &whole);
		pos += waybuf_record_size(&record)) {
		const uint8_t *payload = records + pos + WAYBUF_RECORD_HEADER;
		uint16_t id = waybuf_record_field(&record);
		const char *wrong =
			waybuf_record_check(&record, payload, counts->scopes > 0, internal);
		if (wrong)
			return fail(error, pos, record.id, wrong, -EINVAL);
		if (id == WAYBUF_FIELD_SET) {
			count_set(counts, payload);
			informs = record.strength == WAYBUF_INFORM;
		} else if (waybuf_field_info(id)) {
			counts->rules++;
		} else if (record.id & WAYBUF_FIELD_CRITICAL && record.strength == WAYBUF_MUST &&
			!informs) {
			return fail(error, pos, record.id, "a critical field that is not known",
				-EPROTONOSUPPORT);
		}
		if (counts->scopes > WAYBUF_CONSTRAINTS_MAX_SETS)
			return fail(error, pos, record.id, "more than 64 SETs", -E2BIG);
		if (counts->pairs > WAYBUF_CONSTRAINTS_MAX_PAIRS)
			return fail(error, pos, record.id, "more than 4096 pairs", -E2BIG);
	}
	if (!whole)
		return fail(error, pos, 0, "a record that is cut off", -EINVAL);
	return 0;
}

static void *copy(const void *data, size_t size)
{
	void *out = malloc(size ? size : 1);
	if (out && size)
		memcpy(out, data, size);
	return out;
}

static int allocate(struct waybuf_constraints *set, const uint8_t *records, size_t size,
	const struct counts *counts)
{
	/* calloc(0) may be NULL, which is not a failure */
	set->records = copy(records, size);
	set->scopes = calloc((size_t)counts->scopes + 1, sizeof(*set->scopes));
	set->rules = calloc((size_t)counts->rules + 1, sizeof(*set->rules));
	set->formats = calloc((size_t)counts->formats + 1, sizeof(*set->formats));
	set->modifiers = calloc((size_t)counts->modifiers + 1, sizeof(*set->modifiers));
	set->size = size;
	if (!set->records || !set->scopes || !set->rules || !set->formats || !set->modifiers)
		return -ENOMEM;
	return 0;
}

static int compare_u32(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static uint32_t sort_formats(uint32_t *list, uint32_t n)
{
	uint32_t kept = 0;
	qsort(list, n, sizeof(*list), compare_u32);
	for (uint32_t i = 0; i < n; i++) {
		if (kept == 0 || list[i] != list[kept - 1])
			list[kept++] = list[i];
	}
	return kept;
}

static uint32_t sort_modifiers(uint64_t *list, uint32_t n)
{
	uint32_t kept = 0;
	qsort(list, n, sizeof(*list), compare_u64);
	for (uint32_t i = 0; i < n; i++) {
		if (kept == 0 || list[i] != list[kept - 1])
			list[kept++] = list[i];
	}
	return kept;
}

static void fill_scope(struct waybuf_constraints *set, const struct waybuf_record *record,
	const uint8_t *payload, struct counts *filled)
{
	struct waybuf_scope *scope = &set->scopes[set->n_scopes++];
	uint32_t *formats = set->formats + filled->formats;
	uint64_t *modifiers = set->modifiers + filled->modifiers;
	uint32_t n_formats, n_modifiers;
	waybuf_record_set_counts(payload, &n_formats, &n_modifiers);
	memcpy(formats, payload + 8, (size_t)n_formats * 4);
	memcpy(modifiers, payload + waybuf_record_set_modifiers(n_formats),
		(size_t)n_modifiers * 8);
	filled->formats += n_formats;
	filled->modifiers += n_modifiers;
	scope->strength = record->strength;
	scope->weight = record->weight;
	scope->formats = formats;
	scope->modifiers = modifiers;
	scope->n_formats = n_formats ? sort_formats(formats, n_formats) : 0;
	scope->n_modifiers = n_modifiers ? sort_modifiers(modifiers, n_modifiers) : 0;
	waybuf_fields_init(&scope->must);
}

static void fill_rule(struct waybuf_constraints *set, const struct waybuf_record *record,
	const uint8_t *payload, size_t pos)
{
	struct waybuf_rule *rule = &set->rules[set->n_rules++];
	rule->id = waybuf_record_field(record);
	rule->strength = record->strength;
	if (set->n_scopes && set->scopes[set->n_scopes - 1].strength == WAYBUF_INFORM)
		rule->strength = WAYBUF_INFORM;
	rule->plane = waybuf_field_info(rule->id)->per_plane ? record->plane : WAYBUF_PLANE_ALL;
	rule->weight = record->weight;
	rule->scope = (uint8_t)set->n_scopes;
	rule->offset = (uint16_t)pos;
	rule->length = (uint16_t)waybuf_record_payload(record);
	size_t words =
		record->words < WAYBUF_FIELD_MAX_WORDS ? record->words : WAYBUF_FIELD_MAX_WORDS;
	memcpy(rule->value, payload, words * 8);
}

static void fill(struct waybuf_constraints *set)
{
	struct counts filled = {0};
	struct waybuf_record record;
	bool whole;
	for (size_t pos = 0; waybuf_record_read(set->records, set->size, pos, &record, &whole);
		pos += waybuf_record_size(&record)) {
		const uint8_t *payload = set->records + pos + WAYBUF_RECORD_HEADER;
		uint16_t id = waybuf_record_field(&record);
		if (id == WAYBUF_FIELD_SET)
			fill_scope(set, &record, payload, &filled);
		else if (waybuf_field_info(id))
			fill_rule(set, &record, payload, pos);
	}
}

/* Rules that must hold are merged once, here, instead of for every candidate of every solve. */
static void merge_rule(struct waybuf_constraints *set, const struct waybuf_rule *rule)
{
	if (rule->id == WAYBUF_FIELD_NEAR || rule->id == WAYBUF_FIELD_HEAPS ||
		rule->strength == WAYBUF_PREFER)
		set->has_costs = true;
	if (rule->strength != WAYBUF_MUST)
		return;
	if (rule->id == WAYBUF_FIELD_HEAPS)
		set->has_heaps = true;
	if (rule->id == WAYBUF_FIELD_ACCESS)
		set->access |= rule->value[0];
	if (rule->id == WAYBUF_FIELD_HOLD && rule->value[0] > set->hold)
		set->hold = rule->value[0];
	if (rule->scope) {
		waybuf_fields_apply(&set->scopes[rule->scope - 1].must, rule, WAYBUF_PARTS_ALL);
		set->scopes[rule->scope - 1].has_must = true;
	} else {
		waybuf_fields_apply(&set->must, rule, WAYBUF_PARTS_ALL);
	}
}

static bool scope_equal(const struct waybuf_scope *a, const struct waybuf_scope *b)
{
	return a->strength == b->strength && a->weight == b->weight &&
		a->n_formats == b->n_formats && a->n_modifiers == b->n_modifiers &&
		(!a->n_formats || memcmp(a->formats, b->formats, a->n_formats * 4u) == 0) &&
		(!a->n_modifiers || memcmp(a->modifiers, b->modifiers, a->n_modifiers * 8u) == 0);
}

/* A preference counts once per attachment, so the second of two equal scopes does not rank. */
static bool scope_is_repeated(const struct waybuf_constraints *set, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++) {
		if (scope_equal(&set->scopes[i], &set->scopes[index]))
			return true;
	}
	return false;
}

static void mark_scopes(struct waybuf_constraints *set)
{
	uint64_t must = 0, prefer = 0;
	for (uint32_t i = 0; i < set->n_scopes; i++) {
		if (set->scopes[i].strength == WAYBUF_MUST)
			must |= UINT64_C(1) << i;
		if (set->scopes[i].strength == WAYBUF_PREFER) {
			prefer |= UINT64_C(1) << i;
			if (!scope_is_repeated(set, i))
				set->preferred |= UINT64_C(1) << i;
		}
	}
	set->bound = must ? must : prefer;
}

struct ranked {
	const struct waybuf_constraints *set;
	const struct waybuf_rule *rule;
};

static int compare_rules(const struct ranked *a, const struct ranked *b)
{
	const struct waybuf_rule *x = a->rule, *y = b->rule;
	int order = (x->id > y->id) - (x->id < y->id);
	if (!order)
		order = (x->strength > y->strength) - (x->strength < y->strength);
	if (!order)
		order = (x->plane > y->plane) - (x->plane < y->plane);
	if (!order)
		order = (x->weight > y->weight) - (x->weight < y->weight);
	if (!order)
		order = (x->length > y->length) - (x->length < y->length);
	if (!order)
		order = memcmp(a->set->records + x->offset + WAYBUF_RECORD_HEADER,
			a->set->records + y->offset + WAYBUF_RECORD_HEADER, x->length);
	return order;
}

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int order = compare_rules(x, y);
	return order ? order : (x->rule > y->rule) - (x->rule < y->rule);
}

static int link_equal_rules(struct waybuf_constraints *set)
{
	struct ranked *ranked = calloc((size_t)set->n_rules + 1, sizeof(*ranked));
	if (!ranked)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->n_rules; i++)
		ranked[i] = (struct ranked){.set = set, .rule = &set->rules[i]};
	qsort(ranked, set->n_rules, sizeof(*ranked), compare_ranked);
	for (uint32_t i = 1; i < set->n_rules; i++) {
		if (compare_rules(&ranked[i - 1], &ranked[i]) == 0)
			set->rules[ranked[i].rule - set->rules].same =
				(uint16_t)(ranked[i - 1].rule - set->rules + 1);
	}
	free(ranked);
	return 0;
}

static int build(struct waybuf_constraints *set, const uint8_t *records, size_t size,
	const struct counts *counts)
{
	int ret = allocate(set, records, size, counts);
	if (ret < 0)
		return ret;
	waybuf_fields_init(&set->must);
	fill(set);
	mark_scopes(set);
	for (uint32_t i = 0; i < set->n_rules; i++)
		merge_rule(set, &set->rules[i]);
	ret = link_equal_rules(set);
	return ret < 0 ? ret : waybuf_set_canonicalise(set);
}

int waybuf_constraints_decode(const void *records, size_t size, bool internal,
	struct waybuf_constraints **out, struct waybuf_constraints_error *error)
{
	if (size > WAYBUF_CONSTRAINTS_MAX_SIZE)
		return fail(error, 0, 0, "more than 32 KiB", -E2BIG);
	struct counts counts = {0};
	int ret = judge(records, size, internal, &counts, error);
	if (ret < 0)
		return ret;
	struct waybuf_constraints *set = calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	set->refs = 1;
	ret = build(set, records, size, &counts);
	if (ret < 0) {
		waybuf_constraints_unref(set);
		return ret;
	}
	*out = set;
	return 0;
}

int waybuf_constraints_parse(const void *records, size_t size, struct waybuf_constraints **out,
	struct waybuf_constraints_error *error)
{
	return waybuf_constraints_decode(records, size, false, out, error);
}
