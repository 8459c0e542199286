/* SPDX-License-Identifier: MIT */
#include "constraints/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * One meaning, one spelling. The order of records inside a scope, of scopes, of formats and of
 * modifiers means nothing, and a repeated record adds nothing, so all of that is sorted and
 * struck out. What remains identifies the set in the cache of solved requests.
 */
struct piece {
	const uint8_t *data;
	size_t size;
	uint32_t scope;
	bool is_set;
};

static int compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return order ? order : (a_size > b_size) - (a_size < b_size);
}

/* The SET record comes first in its scope. */
static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	int order = (x->scope > y->scope) - (x->scope < y->scope);
	if (!order)
		order = y->is_set - x->is_set;
	return order ? order : compare_bytes(x->data, x->size, y->data, y->size);
}

static int compare_sections(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	return compare_bytes(x->data, x->size, y->data, y->size);
}

static size_t write_header(uint8_t *out, struct waybuf_record record)
{
	memcpy(out, &record.id, 2);
	out[2] = record.strength;
	out[3] = record.plane;
	memcpy(out + 4, &record.weight, 2);
	memcpy(out + 6, &record.words, 2);
	return WAYBUF_RECORD_HEADER;
}

static size_t write_set(uint8_t *out, struct waybuf_record record, const struct waybuf_scope *scope)
{
	size_t modifiers = waybuf_record_set_modifiers(scope->n_formats);
	record.id = WAYBUF_FIELD_SET;
	record.plane = WAYBUF_PLANE_ALL;
	record.words = (uint16_t)(modifiers / 8 + scope->n_modifiers);
	uint8_t *payload = out + write_header(out, record);
	memset(payload, 0, modifiers);
	memcpy(payload, &scope->n_formats, 4);
	memcpy(payload + 4, &scope->n_modifiers, 4);
	memcpy(payload + 8, scope->formats, scope->n_formats * sizeof(*scope->formats));
	memcpy(payload + modifiers, scope->modifiers,
		scope->n_modifiers * sizeof(*scope->modifiers));
	return waybuf_record_size(&record);
}

static size_t write_rule(uint8_t *out, struct waybuf_record record, const uint8_t *payload)
{
	const struct waybuf_field_info *info = waybuf_field_info(waybuf_record_field(&record));
	/* for an id that is known the critical bit says nothing */
	if (info)
		record.id = info->id;
	size_t size = waybuf_record_payload(&record);
	out += write_header(out, record);
	if (size)
		memcpy(out, payload, size);
	return WAYBUF_RECORD_HEADER + size;
}

/* Every record once more, spelled the one way, into @out. The number of pieces. */
static size_t spell(const struct waybuf_constraints *set, uint8_t *out, struct piece *pieces)
{
	struct waybuf_record record;
	bool whole;
	uint32_t scope = 0;
	size_t n = 0;
	for (size_t pos = 0; waybuf_record_read(set->records, set->size, pos, &record, &whole);
		pos += waybuf_record_size(&record)) {
		bool is_set = waybuf_record_field(&record) == WAYBUF_FIELD_SET;
		size_t size;
		if (is_set)
			size = write_set(out, record, &set->scopes[scope++]);
		else
			size = write_rule(out, record, set->records + pos + WAYBUF_RECORD_HEADER);
		pieces[n++] =
			(struct piece){.data = out, .size = size, .scope = scope, .is_set = is_set};
		out += size;
	}
	return n;
}

/* Copies the pieces in order, each once, and replaces them by one piece per scope. */
static size_t join(struct piece *pieces, size_t n, uint8_t *out)
{
	size_t sections = 0;
	const struct piece *last = NULL;
	struct piece kept;
	for (size_t i = 0; i < n; i++) {
		struct piece piece = pieces[i];
		if (last && compare_pieces(last, &piece) == 0)
			continue;
		kept = piece;
		memcpy(out, piece.data, piece.size);
		if (sections == 0 || pieces[sections - 1].scope != piece.scope)
			pieces[sections++] = (struct piece){.data = out, .scope = piece.scope};
		pieces[sections - 1].size += piece.size;
		out += piece.size;
		last = &kept;
	}
	return sections;
}

uint64_t waybuf_hash(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	for (size_t i = 0; i + 8 <= size; i += 8) {
		uint64_t word;
		memcpy(&word, bytes + i, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

static void finish(struct waybuf_constraints *set, struct piece *sections, size_t n_sections)
{
	/* the common part, if there is one, stays first */
	size_t first = n_sections && sections[0].scope == 0 ? 1 : 0;
	if (n_sections > first)
		qsort(sections + first, n_sections - first, sizeof(*sections), compare_sections);
	for (size_t i = 0; i < n_sections; i++) {
		memcpy(set->canonical + set->canonical_size, sections[i].data, sections[i].size);
		set->canonical_size += sections[i].size;
	}
	set->hash = waybuf_hash(set->canonical_size, set->canonical, set->canonical_size);
}

int waybuf_set_canonicalise(struct waybuf_constraints *set)
{
	/* a record is at least eight bytes, and none gets longer */
	struct piece *pieces = calloc(set->size / WAYBUF_RECORD_HEADER + 1, sizeof(*pieces));
	uint8_t *scratch = malloc(2 * set->size + 1);
	set->canonical = malloc(set->size + 1);
	int ret = -ENOMEM;
	if (!pieces || !scratch || !set->canonical)
		goto out;
	size_t n = spell(set, scratch, pieces);
	if (n)
		qsort(pieces, n, sizeof(*pieces), compare_pieces);
	finish(set, pieces, join(pieces, n, scratch + set->size));
	ret = 0;
out:
	free(scratch);
	free(pieces);
	return ret;
}
