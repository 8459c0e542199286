/* SPDX-License-Identifier: MIT */
#ifndef CONSTRAINTS_FIELDS_H
#define CONSTRAINTS_FIELDS_H

#include <waybuf/constraints.h>

/*
 * The requirements on one (format, modifier), merged.
 *
 * Merging is a meet: it only ever narrows, and it is commutative, associative and idempotent, so
 * that the answer does not depend on who came first or was counted twice. Each member is such a
 * lattice by itself:
 *
 *	minimum, extra, access		max, or
 *	maximum, address bits		min
 *	multiple			least common multiple
 *	one_fd, cache			the set of values still allowed: intersection
 *	contiguous, dmabuf		or
 *
 * A multiple that does not fit 64 bits becomes 0, which is the top of the divisibility lattice
 * (everything divides it) and means "no value will do". It absorbs, and because a common multiple
 * of more is never smaller, it does so wherever in the order the overflow happens.
 *
 * HOLD is not here: it adds up, once per attachment. Neither are HEAPS: a heap is a property of
 * the exporter, and each exporter is asked whether every list has it.
 */
struct waybuf_range {
	uint64_t multiple, min, max;
};

struct waybuf_padding {
	uint64_t multiple, extra;
};

struct waybuf_plane_fields {
	struct waybuf_range stride;
	uint64_t offset;
	struct waybuf_padding rows, size;
};

enum { WAYBUF_ALLOW_SEPARATE_FDS = 1, WAYBUF_ALLOW_ONE_FD = 2 };

struct waybuf_fields {
	struct waybuf_range width, height;
	struct waybuf_plane_fields planes[WAYBUF_MAX_PLANES];
	/* of each memory */
	struct waybuf_padding size;
	uint64_t access;
	uint32_t address_bits;
	/* WAYBUF_ALLOW_* */
	uint8_t one_fd;
	/* 1 << enum waybuf_caching */
	uint8_t cache;
	bool contiguous, dmabuf;
};

/* The neutral element: nothing is required. */
void waybuf_fields_init(struct waybuf_fields *fields);
void waybuf_fields_merge(struct waybuf_fields *into, const struct waybuf_fields *from);
bool waybuf_fields_equal(const struct waybuf_fields *a, const struct waybuf_fields *b);

/* What a field looks like on the wire. */
struct waybuf_field_info {
	uint16_t id;
	const char *name;
	/* payload words; HEAPS and NEAR vary */
	uint8_t min_words, max_words;
	bool per_plane, common_only;
	/* what the words mean: enum waybuf_part */
	uint8_t parts[3];
};

#define WAYBUF_FIELD_MAX_WORDS 3
#define WAYBUF_PARTS_ALL 0xff

/* NULL if the id (without its critical bit) is not known. */
const struct waybuf_field_info *waybuf_field_info(uint16_t id);

/* One record in decoded form; SET is no rule but a scope. */
struct waybuf_rule {
	uint16_t id;
	/* as in force: rules of an inform scope only inform */
	uint8_t strength;
	uint8_t plane;
	uint16_t weight;
	/* 0: common; else 1 + the index of its scope */
	uint8_t scope;
	/* an equal rule of the same strength comes earlier in the set: its index + 1, else 0 */
	uint16_t same;
	/* of the record: bytes from the start, and payload bytes */
	uint16_t offset, length;
	uint64_t value[WAYBUF_FIELD_MAX_WORDS];
};

/* True if that part of the rule asks for nothing: a multiple of 1, no maximum. */
bool waybuf_rule_part_is_neutral(const struct waybuf_rule *rule, unsigned int word);

/* Merges a rule, or those of its parts that are in the mask of 1 << enum waybuf_part. */
void waybuf_fields_apply(
	struct waybuf_fields *fields, const struct waybuf_rule *rule, uint32_t parts);

#endif
