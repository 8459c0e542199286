/* SPDX-License-Identifier: MIT */
#ifndef CONSTRAINTS_SET_H
#define CONSTRAINTS_SET_H

#include "constraints/fields.h"

/*
 * A parsed constraint set. Scopes keep their formats and modifiers sorted and apart, so that a
 * cross product of 33 formats and 64 modifiers is 97 numbers and two binary searches, and a
 * wildcard is an empty list. There are at most 64 scopes, so the scopes that a pair falls into are
 * one word.
 */
struct waybuf_scope {
	uint8_t strength;
	uint16_t weight;
	uint32_t n_formats, n_modifiers;
	const uint32_t *formats; // sorted, unique; waybuf_constraints.formats
	const uint64_t *modifiers; // sorted, unique; waybuf_constraints.modifiers
	/* what its rules that must hold come to */
	struct waybuf_fields must;
	bool has_must;
};

struct waybuf_constraints {
	uint32_t refs;
	size_t size;
	uint8_t *records;
	/* the same meaning gives the same bytes, whatever the order of the records */
	uint8_t *canonical;
	size_t canonical_size;
	uint64_t hash; // of canonical

	struct waybuf_scope *scopes;
	uint32_t n_scopes;
	struct waybuf_rule *rules;
	uint32_t n_rules;
	uint32_t *formats;
	uint64_t *modifiers;

	/* what the common rules that must hold come to */
	struct waybuf_fields must;
	uint64_t access, hold;
	/* masks of scopes: those that bound the choice, and those that rank it */
	uint64_t bound, preferred;
	/* a rule has strength prefer or is NEAR or HEAPS, so that cost depends on more than scopes */
	bool has_costs;
	/* a HEAPS rule must hold */
	bool has_heaps;
};

/* Like waybuf_constraints_parse(), and takes internal fields too if @internal. */
int waybuf_constraints_decode(const void *records, size_t size, bool internal,
	struct waybuf_constraints **out, struct waybuf_constraints_error *error);

/* The scopes that have @format, and those of @mask that have @modifier too. */
uint64_t waybuf_set_scopes_of_format(const struct waybuf_constraints *set, uint32_t format);
uint64_t waybuf_set_scopes_of_modifier(
	const struct waybuf_constraints *set, uint64_t mask, uint64_t modifier);

/* False if the set bounds the choice and the pair, which is in the scopes @mask, is outside. */
bool waybuf_set_allows(const struct waybuf_constraints *set, uint64_t mask, uint64_t modifier);

static inline bool waybuf_rule_applies(const struct waybuf_rule *rule, uint64_t mask)
{
	return rule->scope == 0 || (mask >> (rule->scope - 1) & 1);
}

/* True if an equal rule that applies to the scopes @mask too came earlier, and counted. */
bool waybuf_rule_is_repeated(
	const struct waybuf_constraints *set, const struct waybuf_rule *rule, uint64_t mask);

/* The names of a HEAPS rule, one after the other: @pos starts at 0. False at the end. */
bool waybuf_rule_next_heap(const struct waybuf_constraints *set, const struct waybuf_rule *rule,
	size_t *pos, const char **name, size_t *length);

/* A word of the rule as conflicts show it. Heap names do not fit: their hash stands for them. */
uint64_t waybuf_rule_value(
	const struct waybuf_constraints *set, const struct waybuf_rule *rule, unsigned int word);

/* Place of the exporter in a HEAPS rule, best first, or -1. */
int waybuf_rule_heap_rank(const struct waybuf_constraints *set, const struct waybuf_rule *rule,
	const struct waybuf_exporter_caps *caps);

/* Mixes @size bytes, a multiple of 8, into @hash. */
uint64_t waybuf_hash(uint64_t hash, const void *data, size_t size);

#endif
