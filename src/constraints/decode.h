/* SPDX-License-Identifier: MIT */
#ifndef CONSTRAINTS_DECODE_H
#define CONSTRAINTS_DECODE_H

#include "constraints/set.h"

/* The eight bytes that every record starts with. */
struct waybuf_record {
	uint16_t id;
	uint8_t strength, plane;
	uint16_t weight, words;
};

#define WAYBUF_RECORD_HEADER 8

static inline uint16_t waybuf_record_field(const struct waybuf_record *record)
{
	return (uint16_t)(record->id & ~WAYBUF_FIELD_CRITICAL);
}

static inline size_t waybuf_record_payload(const struct waybuf_record *record)
{
	return (size_t)record->words * 8;
}

static inline size_t waybuf_record_size(const struct waybuf_record *record)
{
	return WAYBUF_RECORD_HEADER + waybuf_record_payload(record);
}

/*
 * Reads the header of the record at @pos. False at the end, or if the rest is too short for it or
 * for its payload, which *whole then says.
 */
bool waybuf_record_read(
	const uint8_t *records, size_t size, size_t pos, struct waybuf_record *record, bool *whole);

/* The counts in the payload of a SET that has been checked. */
void waybuf_record_set_counts(const uint8_t *payload, uint32_t *n_formats, uint32_t *n_modifiers);

/* Where the modifiers of a SET start in its payload: formats are padded to whole words. */
size_t waybuf_record_set_modifiers(uint32_t n_formats);

/* NULL if the record may stand in a set, else why it may not. @payload is the record's. */
const char *waybuf_record_check(
	const struct waybuf_record *record, const uint8_t *payload, bool in_scope, bool internal);

/* Fills canonical, canonical_size and hash. 0 or -ENOMEM. */
int waybuf_set_canonicalise(struct waybuf_constraints *set);

#endif
