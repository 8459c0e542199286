/* SPDX-License-Identifier: MIT */
#include "constraints/decode.h"

#include <drm_fourcc.h>
#include <string.h>

/*
 * One record: reading its header and judging its payload. Everything here works on the bytes of a
 * peer, at any alignment, and only memcpy touches them.
 */
bool waybuf_record_read(
	const uint8_t *records, size_t size, size_t pos, struct waybuf_record *record, bool *whole)
{
	*whole = true;
	if (pos == size)
		return false;
	*whole = false;
	if (size - pos < WAYBUF_RECORD_HEADER)
		return false;
	memcpy(&record->id, records + pos, 2);
	record->strength = records[pos + 2];
	record->plane = records[pos + 3];
	memcpy(&record->weight, records + pos + 4, 2);
	memcpy(&record->words, records + pos + 6, 2);
	*whole = waybuf_record_size(record) <= size - pos;
	return *whole;
}

static uint64_t read_word(const uint8_t *payload, size_t word)
{
	uint64_t value;
	memcpy(&value, payload + word * 8, sizeof(value));
	return value;
}

void waybuf_record_set_counts(const uint8_t *payload, uint32_t *n_formats, uint32_t *n_modifiers)
{
	memcpy(n_formats, payload, 4);
	memcpy(n_modifiers, payload + 4, 4);
}

size_t waybuf_record_set_modifiers(uint32_t n_formats)
{
	return 8 + ((size_t)n_formats + 1) / 2 * 8;
}

static const char *check_set(const struct waybuf_record *record, const uint8_t *payload)
{
	if (record->words == 0)
		return "a SET without counts";
	uint32_t n_formats, n_modifiers;
	waybuf_record_set_counts(payload, &n_formats, &n_modifiers);
	uint64_t words = 1 + ((uint64_t)n_formats + 1) / 2 + n_modifiers;
	if (words != record->words)
		return "the counts of a SET do not agree with its length";
	for (uint32_t i = 0; i < n_formats; i++) {
		uint32_t format;
		memcpy(&format, payload + 8 + (size_t)i * 4, sizeof(format));
		if (format == DRM_FORMAT_INVALID)
			return "a SET with format 0";
	}
	uint32_t padding = 0;
	if (n_formats % 2 != 0)
		memcpy(&padding, payload + 8 + (size_t)n_formats * 4, sizeof(padding));
	return padding == 0 ? NULL : "padding that is not zero";
}

/* Printable names with a NUL after each; NULs fill the last word. */
static const char *check_heaps(const uint8_t *payload, size_t length)
{
	size_t end = length;
	while (end > 0 && payload[end - 1] == '\0')
		end--;
	if (end == 0)
		return "no heap name";
	if (length == end)
		return "a heap name without its NUL";
	if (length - end > 8)
		return "padding longer than a word";
	for (size_t i = 0; i < end; i++) {
		if (payload[i] == '\0' && (i == 0 || payload[i - 1] == '\0'))
			return "an empty heap name";
		if (payload[i] != '\0' && (payload[i] <= ' ' || payload[i] > '~'))
			return "a heap name that does not print";
	}
	return NULL;
}

static const char *check_near(const struct waybuf_record *record, const uint8_t *payload)
{
	uint64_t device = read_word(payload, 0);
	if (record->words == 2)
		return device == UINT64_MAX ? NULL : "a device id followed by a dev_t";
	return device <= UINT32_MAX ? NULL : "a device id above 32 bits";
}

static const char *check_value(uint16_t id, uint64_t value)
{
	switch (id) {
	case WAYBUF_FIELD_HOLD:
		return value >= 1 && value <= UINT32_MAX ? NULL : "a count not in 32 bits, or 0";
	case WAYBUF_FIELD_ONE_FD:
		return value <= 1 ? NULL : "a value other than 0 and 1";
	case WAYBUF_FIELD_CONTIG:
	case WAYBUF_FIELD_DMABUF:
		return value == 1 ? NULL : "a value other than 1";
	case WAYBUF_FIELD_ADDR_BITS:
		return value >= 1 && value <= 64 ? NULL : "address bits not in 1 to 64";
	case WAYBUF_FIELD_CACHE:
		return value == WAYBUF_CACHED || value == WAYBUF_UNCACHED
			? NULL
			: "a value other than 1 and 2";
	}
	return NULL;
}

static const char *check_parts(const struct waybuf_field_info *info, const uint8_t *payload)
{
	uint64_t min = 0, max = WAYBUF_NO_LIMIT;
	for (unsigned int i = 0; i < info->min_words && i < WAYBUF_FIELD_MAX_WORDS; i++) {
		uint64_t value = read_word(payload, i);
		if (info->parts[i] == WAYBUF_PART_MULTIPLE && value == 0)
			return "a multiple of 0";
		if (info->parts[i] == WAYBUF_PART_MIN)
			min = value;
		if (info->parts[i] == WAYBUF_PART_MAX)
			max = value;
	}
	if (max == 0)
		return "a maximum of 0";
	return min <= max ? NULL : "a minimum above the maximum";
}

static const char *check_payload(const struct waybuf_field_info *info,
	const struct waybuf_record *record, const uint8_t *payload)
{
	if (record->words < info->min_words)
		return "payload too short";
	if (info->id == WAYBUF_FIELD_HEAPS)
		return check_heaps(payload, waybuf_record_payload(record));
	if (record->words > info->max_words)
		return "payload too long";
	if (info->id == WAYBUF_FIELD_NEAR)
		return check_near(record, payload);
	if (info->parts[0] != WAYBUF_PART_VALUE)
		return check_parts(info, payload);
	return check_value(info->id, read_word(payload, 0));
}

const char *waybuf_record_check(
	const struct waybuf_record *record, const uint8_t *payload, bool in_scope, bool internal)
{
	uint16_t id = waybuf_record_field(record);
	if (record->strength > WAYBUF_INFORM)
		return "unknown strength";
	if (record->weight != 0 && record->strength != WAYBUF_PREFER)
		return "a weight without strength prefer";
	if (record->plane >= WAYBUF_MAX_PLANES && record->plane != WAYBUF_PLANE_ALL)
		return "no such plane";
	if (id >= WAYBUF_FIELD_INTERNAL && !(internal && id == WAYBUF_FIELD_DMABUF))
		return "an internal field";
	const struct waybuf_field_info *info = waybuf_field_info(id);
	if (!info && id != WAYBUF_FIELD_SET)
		return NULL;
	if (!(info && info->per_plane) && record->plane != WAYBUF_PLANE_ALL)
		return "a plane on a field that has none";
	if (!info)
		return check_set(record, payload);
	if (info->common_only && in_scope)
		return "a field of the common part inside a SET";
	return check_payload(info, record, payload);
}
