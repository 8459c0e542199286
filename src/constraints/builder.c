/* SPDX-License-Identifier: MIT */
#include "constraints/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct waybuf_constraints_builder {
	uint8_t *records;
	size_t size, capacity;
	uint8_t strength;
	uint16_t weight;
	bool in_scope;
	/* the first failure */
	int error;
};

struct waybuf_constraints_builder *waybuf_constraints_builder_create(void)
{
	return calloc(1, sizeof(struct waybuf_constraints_builder));
}

void waybuf_constraints_builder_destroy(struct waybuf_constraints_builder *builder)
{
	if (!builder)
		return;
	free(builder->records);
	free(builder);
}

void waybuf_constraints_builder_strength(
	struct waybuf_constraints_builder *builder, enum waybuf_strength strength, uint16_t weight)
{
	builder->strength = (uint8_t)strength;
	builder->weight = strength == WAYBUF_PREFER ? weight : 0;
}

static int fail(struct waybuf_constraints_builder *builder, int error)
{
	if (builder->error == 0)
		builder->error = error;
	return error;
}

static int reserve(struct waybuf_constraints_builder *builder, size_t size)
{
	if (size > WAYBUF_CONSTRAINTS_MAX_CHUNK ||
		builder->size + size > WAYBUF_CONSTRAINTS_MAX_SIZE)
		return -E2BIG;
	if (builder->size + size <= builder->capacity)
		return 0;
	size_t capacity = builder->capacity ? builder->capacity * 2 : 256;
	while (capacity < builder->size + size)
		capacity *= 2;
	uint8_t *records = realloc(builder->records, capacity);
	if (!records)
		return -ENOMEM;
	builder->records = records;
	builder->capacity = capacity;
	return 0;
}

static int append(struct waybuf_constraints_builder *builder, uint16_t id, uint8_t plane,
	const void *payload, size_t payload_size)
{
	if (payload_size > WAYBUF_CONSTRAINTS_MAX_CHUNK)
		return fail(builder, -E2BIG);
	struct waybuf_record record = {
		.id = id,
		.strength = builder->strength,
		.plane = plane,
		.weight = builder->weight,
		.words = (uint16_t)(payload_size / 8),
	};
	if (waybuf_record_check(&record, payload, builder->in_scope, true))
		return fail(builder, -EINVAL);
	int ret = reserve(builder, WAYBUF_RECORD_HEADER + payload_size);
	if (ret < 0)
		return fail(builder, ret);
	uint8_t *out = builder->records + builder->size;
	memcpy(out, &record.id, 2);
	out[2] = record.strength;
	out[3] = record.plane;
	memcpy(out + 4, &record.weight, 2);
	memcpy(out + 6, &record.words, 2);
	if (payload_size)
		memcpy(out + WAYBUF_RECORD_HEADER, payload, payload_size);
	builder->size += WAYBUF_RECORD_HEADER + payload_size;
	if (waybuf_record_field(&record) == WAYBUF_FIELD_SET)
		builder->in_scope = true;
	return 0;
}

int waybuf_constraints_builder_add(struct waybuf_constraints_builder *builder, uint16_t id,
	uint8_t plane, const uint64_t *words, size_t n_words)
{
	if (n_words > WAYBUF_CONSTRAINTS_MAX_CHUNK / 8)
		return fail(builder, -E2BIG);
	return append(builder, id, plane, words, n_words * 8);
}

int waybuf_constraints_builder_set(struct waybuf_constraints_builder *builder,
	const uint32_t *formats, size_t n_formats, const uint64_t *modifiers, size_t n_modifiers)
{
	uint8_t payload[WAYBUF_CONSTRAINTS_MAX_CHUNK] = {0};
	if (n_formats > sizeof(payload) / 4 || n_modifiers > sizeof(payload) / 8)
		return fail(builder, -E2BIG);
	uint32_t counts[2] = {(uint32_t)n_formats, (uint32_t)n_modifiers};
	size_t at = waybuf_record_set_modifiers(counts[0]);
	if (at + n_modifiers * 8 > sizeof(payload))
		return fail(builder, -E2BIG);
	memcpy(payload, counts, sizeof(counts));
	if (n_formats)
		memcpy(payload + sizeof(counts), formats, n_formats * 4);
	if (n_modifiers)
		memcpy(payload + at, modifiers, n_modifiers * 8);
	return append(builder, WAYBUF_FIELD_SET, WAYBUF_PLANE_ALL, payload, at + n_modifiers * 8);
}

static int add1(struct waybuf_constraints_builder *builder, uint16_t id, uint64_t value)
{
	return append(builder, id, WAYBUF_PLANE_ALL, &value, sizeof(value));
}

int waybuf_constraints_builder_access(struct waybuf_constraints_builder *builder, uint64_t access)
{
	return add1(builder, WAYBUF_FIELD_ACCESS, access);
}

int waybuf_constraints_builder_hold(struct waybuf_constraints_builder *builder, uint64_t count)
{
	return add1(builder, WAYBUF_FIELD_HOLD, count);
}

int waybuf_constraints_builder_width(
	struct waybuf_constraints_builder *builder, uint64_t min, uint64_t max, uint64_t multiple)
{
	uint64_t words[] = {min, max, multiple};
	return append(builder, WAYBUF_FIELD_WIDTH, WAYBUF_PLANE_ALL, words, sizeof(words));
}

int waybuf_constraints_builder_height(
	struct waybuf_constraints_builder *builder, uint64_t min, uint64_t max, uint64_t multiple)
{
	uint64_t words[] = {min, max, multiple};
	return append(builder, WAYBUF_FIELD_HEIGHT, WAYBUF_PLANE_ALL, words, sizeof(words));
}

int waybuf_constraints_builder_stride(struct waybuf_constraints_builder *builder, uint8_t plane,
	uint64_t multiple, uint64_t min, uint64_t max)
{
	uint64_t words[] = {multiple, min, max};
	return append(builder, WAYBUF_FIELD_STRIDE, plane, words, sizeof(words));
}

int waybuf_constraints_builder_offset(
	struct waybuf_constraints_builder *builder, uint8_t plane, uint64_t multiple)
{
	return append(builder, WAYBUF_FIELD_OFFSET, plane, &multiple, sizeof(multiple));
}

int waybuf_constraints_builder_rows(struct waybuf_constraints_builder *builder, uint8_t plane,
	uint64_t multiple, uint64_t extra)
{
	uint64_t words[] = {multiple, extra};
	return append(builder, WAYBUF_FIELD_ROWS, plane, words, sizeof(words));
}

int waybuf_constraints_builder_size(struct waybuf_constraints_builder *builder, uint8_t plane,
	uint64_t multiple, uint64_t extra)
{
	uint64_t words[] = {multiple, extra};
	return append(builder, WAYBUF_FIELD_SIZE, plane, words, sizeof(words));
}

int waybuf_constraints_builder_one_fd(struct waybuf_constraints_builder *builder, bool one)
{
	return add1(builder, WAYBUF_FIELD_ONE_FD, one);
}

int waybuf_constraints_builder_contiguous(struct waybuf_constraints_builder *builder)
{
	return add1(builder, WAYBUF_FIELD_CONTIG, 1);
}

int waybuf_constraints_builder_address_bits(
	struct waybuf_constraints_builder *builder, uint64_t bits)
{
	return add1(builder, WAYBUF_FIELD_ADDR_BITS, bits);
}

int waybuf_constraints_builder_heaps(
	struct waybuf_constraints_builder *builder, const char *const *names, size_t n_names)
{
	uint8_t payload[WAYBUF_CONSTRAINTS_MAX_CHUNK] = {0};
	size_t size = 0;
	for (size_t i = 0; i < n_names; i++) {
		size_t length = strlen(names[i]);
		if (length == 0)
			return fail(builder, -EINVAL);
		if (length >= sizeof(payload) - size)
			return fail(builder, -E2BIG);
		memcpy(payload + size, names[i], length);
		size += length + 1;
	}
	return append(builder, WAYBUF_FIELD_HEAPS, WAYBUF_PLANE_ALL, payload, (size + 7) / 8 * 8);
}

int waybuf_constraints_builder_cache(
	struct waybuf_constraints_builder *builder, enum waybuf_caching cache)
{
	return add1(builder, WAYBUF_FIELD_CACHE, cache);
}

int waybuf_constraints_builder_near_device(
	struct waybuf_constraints_builder *builder, uint32_t device)
{
	return add1(builder, WAYBUF_FIELD_NEAR, device);
}

int waybuf_constraints_builder_near_dev(struct waybuf_constraints_builder *builder, uint64_t dev)
{
	uint64_t words[] = {UINT64_MAX, dev};
	return append(builder, WAYBUF_FIELD_NEAR, WAYBUF_PLANE_ALL, words, sizeof(words));
}

const void *waybuf_constraints_builder_records(
	const struct waybuf_constraints_builder *builder, size_t *size)
{
	*size = builder->size;
	return builder->records;
}

int waybuf_constraints_builder_finish(
	struct waybuf_constraints_builder *builder, struct waybuf_constraints **out)
{
	if (builder->error)
		return builder->error;
	return waybuf_constraints_decode(builder->records, builder->size, true, out, NULL);
}
