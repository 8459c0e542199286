/* SPDX-License-Identifier: MIT */
#include "constraints_kit.h"

#include "constraints/set.h"

/* The decoder on what peers may send, and the builder that writes it. */

struct stream {
	uint64_t words[WAYBUF_CONSTRAINTS_MAX_SIZE / 8 + 64];
	size_t n;
};

/* Header and payload, in host byte order, as they lie in the message. */
static void put(struct stream *stream, uint16_t id, uint8_t strength, uint8_t plane,
	uint16_t weight, const uint64_t *payload, uint16_t words)
{
	uint8_t *header = (uint8_t *)&stream->words[stream->n++];
	memcpy(header, &id, 2);
	header[2] = strength;
	header[3] = plane;
	memcpy(header + 4, &weight, 2);
	memcpy(header + 6, &words, 2);
	for (uint16_t i = 0; payload && i < words; i++)
		stream->words[stream->n++] = payload[i];
}

static void put1(struct stream *stream, uint16_t id, uint64_t value)
{
	put(stream, id, WAYBUF_MUST, WAYBUF_PLANE_ALL, 0, &value, 1);
}

static int parse(const struct stream *stream, struct waybuf_constraints_error *error)
{
	struct waybuf_constraints *set = NULL;
	int ret = waybuf_constraints_parse(stream->words, stream->n * 8, &set, error);
	ck_assert_int_eq(ret == 0, set != NULL);
	waybuf_constraints_unref(set);
	return ret;
}

/* SET: counts, formats in halves of words, modifiers. */
static void put_set(struct stream *stream, uint32_t format, uint64_t modifier)
{
	uint64_t payload[] = {UINT64_C(1) << 32 | 1, format, modifier};
	put(stream, WAYBUF_FIELD_SET, WAYBUF_MUST, WAYBUF_PLANE_ALL, 0, payload, 3);
}

TEST(the_empty_set_accepts_everything)
{
	struct waybuf_constraints *set;
	size_t size = 1;
	ck_assert_int_eq(waybuf_constraints_parse(NULL, 0, &set, NULL), 0);
	waybuf_constraints_records(set, &size);
	ck_assert_uint_eq(size, 0);
	ck_assert_uint_eq(waybuf_constraints_access(set), 0);
	waybuf_constraints_unref(set);
	waybuf_constraints_unref(NULL);
}

TEST(bytes_come_back_unknown_records_too)
{
	static struct stream stream;
	const uint64_t words[] = {3, 1, 4};
	put1(&stream, WAYBUF_FIELD_ACCESS, WAYBUF_ACCESS_READ);
	put1(&stream, WAYBUF_FIELD_HOLD, 3);
	put(&stream, 0x1234, WAYBUF_MUST, 3, 0, words, 3);
	put(&stream, 0x8000 | 0x1235, WAYBUF_INFORM, 3, 0, NULL, 0);
	put1(&stream, 0x8000 | WAYBUF_FIELD_CONTIG, 1);
	put_set(&stream, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
	/* at an odd address, as it may lie in a message */
	char *odd = malloc(stream.n * 8 + 1);
	memcpy(odd + 1, stream.words, stream.n * 8);
	struct waybuf_constraints *set;
	size_t size;
	ck_assert_int_eq(waybuf_constraints_parse(odd + 1, stream.n * 8, &set, NULL), 0);
	free(odd);
	const void *records = waybuf_constraints_records(set, &size);
	ck_assert_uint_eq(size, stream.n * 8);
	ck_assert_mem_eq(records, stream.words, size);
	ck_assert_uint_eq(waybuf_constraints_access(set), WAYBUF_ACCESS_READ);
	ck_assert_uint_eq(waybuf_constraints_hold(set), 3);
	ck_assert_ptr_eq(waybuf_constraints_ref(set), set);
	waybuf_constraints_unref(set);
	waybuf_constraints_unref(set);
}

/* One bad record after a good one: the error points at it. */
TEST(malformed_records)
{
	static const struct {
		uint16_t id;
		uint8_t strength, plane;
		uint16_t weight, words;
		uint64_t payload[4];
	} cases[] = {
		{WAYBUF_FIELD_HOLD, 3, 255, 0, 1, {1}},
		{WAYBUF_FIELD_HOLD, 0, 255, 1, 1, {1}},
		{WAYBUF_FIELD_HOLD, 2, 255, 1, 1, {1}},
		{WAYBUF_FIELD_HOLD, 0, 4, 0, 1, {1}},
		{WAYBUF_FIELD_HOLD, 0, 254, 0, 1, {1}},
		{WAYBUF_FIELD_HOLD, 0, 1, 0, 1, {1}},
		{WAYBUF_FIELD_HOLD, 0, 0, 0, 1, {1}},
		{WAYBUF_FIELD_HOLD, 0, 255, 0, 1, {0}},
		{WAYBUF_FIELD_ACCESS, 0, 0, 0, 1, {1}},
		{WAYBUF_FIELD_CONTIG, 0, 0, 0, 1, {1}},
		{WAYBUF_FIELD_HOLD, 0, 255, 0, 0, {0}},
		{WAYBUF_FIELD_HOLD, 0, 255, 0, 2, {1, 1}},
		{WAYBUF_FIELD_HOLD, 0, 255, 0, 1, {UINT64_C(1) << 32}},
		{WAYBUF_FIELD_WIDTH, 0, 255, 0, 2, {1, 1}},
		{WAYBUF_FIELD_WIDTH, 0, 255, 0, 3, {1, 2, 0}},
		{WAYBUF_FIELD_WIDTH, 0, 255, 0, 3, {3, 2, 1}},
		{WAYBUF_FIELD_HEIGHT, 0, 255, 0, 3, {0, 0, 1}},
		{WAYBUF_FIELD_STRIDE, 0, 0, 0, 3, {0, 1, 2}},
		{WAYBUF_FIELD_STRIDE, 0, 0, 0, 3, {1, UINT64_MAX, 2}},
		{WAYBUF_FIELD_STRIDE, 0, 0, 0, 4, {1, 1, 2, 1}},
		{WAYBUF_FIELD_OFFSET, 0, 0, 0, 1, {0}},
		{WAYBUF_FIELD_ROWS, 0, 0, 0, 2, {0, 1}},
		{WAYBUF_FIELD_SIZE, 0, 0, 0, 1, {1}},
		{WAYBUF_FIELD_ONE_FD, 0, 255, 0, 1, {2}},
		{WAYBUF_FIELD_CONTIG, 0, 255, 0, 1, {0}},
		{WAYBUF_FIELD_ADDR_BITS, 0, 255, 0, 1, {0}},
		{WAYBUF_FIELD_ADDR_BITS, 0, 255, 0, 1, {65}},
		{WAYBUF_FIELD_CACHE, 0, 255, 0, 1, {3}},
		{WAYBUF_FIELD_HEAPS, 0, 255, 0, 0, {0}},
		{WAYBUF_FIELD_HEAPS, 0, 255, 0, 1, {0}},
		{WAYBUF_FIELD_HEAPS, 0, 255, 0, 1, {UINT64_C(0x6161000061)}},
		{WAYBUF_FIELD_HEAPS, 0, 255, 0, 1, {UINT64_C(0x610a61)}},
		{WAYBUF_FIELD_HEAPS, 0, 255, 0, 3, {0x61, 0, 0}},
		{WAYBUF_FIELD_HEAPS, 0, 255, 0, 1, {UINT64_C(0x6161616161616161)}},
		{WAYBUF_FIELD_NEAR, 0, 255, 0, 1, {UINT64_MAX}},
		{WAYBUF_FIELD_NEAR, 0, 255, 0, 2, {5, 5}},
		{WAYBUF_FIELD_NEAR, 0, 255, 0, 3, {UINT64_MAX, 5, 5}},
		{WAYBUF_FIELD_DMABUF, 0, 255, 0, 1, {1}},
		{WAYBUF_FIELD_PROBE, 0, 255, 0, 1, {1}},
		{0x7fff, 0, 255, 0, 0, {0}},
		{WAYBUF_FIELD_SET, 0, 255, 0, 0, {0}},
		{WAYBUF_FIELD_SET, 0, 0, 0, 2, {1, DRM_FORMAT_NV12}},
		{WAYBUF_FIELD_SET, 0, 255, 0, 2, {1, UINT64_C(1) << 32 | DRM_FORMAT_NV12}},
		{WAYBUF_FIELD_SET, 0, 255, 0, 2, {1, 0}},
		{WAYBUF_FIELD_SET, 0, 255, 0, 1, {1}},
		{WAYBUF_FIELD_SET, 0, 255, 0, 2, {1, 0}},
		{WAYBUF_FIELD_SET, 0, 255, 0, 2, {UINT64_C(0xffffffff00000001), 1}},
		{WAYBUF_FIELD_SET, 0, 255, 0, 2, {UINT64_C(0x00000000ffffffff), 1}},
		{WAYBUF_FIELD_SET, 0, 255, 0, 2, {UINT64_MAX, 1}},
		{WAYBUF_FIELD_SET, 0, 255, 0, 3, {UINT64_C(1) << 32 | 3, 1, 1}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct stream stream;
		struct waybuf_constraints_error error = {0};
		stream.n = 0;
		put1(&stream, WAYBUF_FIELD_HOLD, 1);
		ck_assert_int_eq(parse(&stream, NULL), 0);
		put(&stream, cases[i].id, cases[i].strength, cases[i].plane, cases[i].weight,
			cases[i].payload, cases[i].words);
		ck_assert_msg(parse(&stream, &error) == -EINVAL, "case %zu", i);
		ck_assert_uint_eq(error.offset, 16);
		ck_assert_uint_eq(error.id, cases[i].id);
		ck_assert_ptr_nonnull(error.reason);
		ck_assert_int_eq(parse(&stream, NULL), -EINVAL);
	}
}

TEST(common_fields_may_not_stand_in_a_scope)
{
	static const uint16_t ids[] = {WAYBUF_FIELD_ACCESS, WAYBUF_FIELD_HOLD, WAYBUF_FIELD_NEAR};
	for (int i = 0; i < 3; i++) {
		static struct stream stream;
		struct waybuf_constraints_error error;
		stream.n = 0;
		put_set(&stream, DRM_FORMAT_NV12, 0);
		put1(&stream, ids[i], 1);
		ck_assert_int_eq(parse(&stream, &error), -EINVAL);
		ck_assert_uint_eq(error.id, ids[i]);
	}
}

TEST(critical_and_unknown)
{
	static struct stream stream;
	struct waybuf_constraints_error error;
	put(&stream, 0x8000 | 0x777, WAYBUF_PREFER, 255, 3, NULL, 0);
	put(&stream, 0x777, WAYBUF_MUST, 255, 0, NULL, 0);
	ck_assert_int_eq(parse(&stream, &error), 0);
	put(&stream, 0x8000 | 0x777, WAYBUF_MUST, 255, 0, NULL, 0);
	ck_assert_int_eq(parse(&stream, &error), -EPROTONOSUPPORT);
	ck_assert_uint_eq(error.id, 0x8777);
	ck_assert_uint_eq(error.offset, 16);
	ck_assert_int_eq(waybuf_negotiate_reason(-EPROTONOSUPPORT), WAYBUF_REASON_CRITICAL_UNKNOWN);
}

TEST(limits)
{
	static struct stream stream;
	struct waybuf_constraints_error error;
	for (int i = 0; i < WAYBUF_CONSTRAINTS_MAX_SETS; i++)
		put_set(&stream, DRM_FORMAT_NV12, (uint64_t)i);
	ck_assert_int_eq(parse(&stream, &error), 0);
	put_set(&stream, DRM_FORMAT_NV12, 99);
	ck_assert_int_eq(parse(&stream, &error), -E2BIG);
	stream.n = 0;
	/* 64 formats times 64 modifiers are as many as may be; times 65 they are not */
	uint64_t payload[1 + 32 + 65] = {UINT64_C(64) << 32 | 64};
	for (int i = 1; i < 98; i++)
		payload[i] = UINT64_C(0x3030303030303030) + (uint64_t)i;
	put(&stream, WAYBUF_FIELD_SET, 0, 255, 0, payload, 1 + 32 + 64);
	ck_assert_int_eq(parse(&stream, &error), 0);
	stream.n = 0;
	payload[0] = UINT64_C(65) << 32 | 64;
	put(&stream, WAYBUF_FIELD_SET, 0, 255, 0, payload, 1 + 32 + 65);
	ck_assert_int_eq(parse(&stream, &error), -E2BIG);
	stream.n = 0;
	while (stream.n < WAYBUF_CONSTRAINTS_MAX_SIZE / 8)
		put1(&stream, WAYBUF_FIELD_HOLD, 1);
	ck_assert_int_eq(parse(&stream, &error), 0);
	put(&stream, 0x777, 0, 255, 0, NULL, 0);
	ck_assert_int_eq(parse(&stream, &error), -E2BIG);
}

/* Every prefix of a good stream is either whole records or an error. */
TEST(truncation)
{
	static struct stream stream;
	put1(&stream, WAYBUF_FIELD_ACCESS, 1);
	put_set(&stream, DRM_FORMAT_NV12, 0);
	put(&stream, WAYBUF_FIELD_STRIDE, 1, 255, 9, (uint64_t[]){64, 0, UINT64_MAX}, 3);
	for (size_t size = 0; size <= stream.n * 8; size++) {
		struct waybuf_constraints *set = NULL;
		/* on the heap, so that reading beyond it shows */
		void *copy = malloc(size ? size : 1);
		memcpy(copy, stream.words, size);
		int ret = waybuf_constraints_parse(copy, size, &set, NULL);
		bool whole = size == 0 || size == 16 || size == 16 + 32 || size == stream.n * 8;
		ck_assert_msg(ret == (whole ? 0 : -EINVAL), "size %zu: %d", size, ret);
		waybuf_constraints_unref(set);
		free(copy);
	}
}

/* Valid streams with bytes turned over: any answer will do, and whatever parses can be used. */
TEST(noise)
{
	uint64_t seed = harness_seed();
	int parsed = 0;
	for (int i = 0; i < 20000; i++) {
		static struct stream stream;
		uint64_t payload[] = {kit_pick(&seed, 9), kit_pick(&seed, 9), 100};
		stream.n = 0;
		put1(&stream, WAYBUF_FIELD_HOLD, 1);
		put(&stream, (uint16_t)(0x20 + kit_pick(&seed, 0x28)), 0, 255, 0, payload,
			(uint16_t)kit_pick(&seed, 4));
		put_set(&stream, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
		put(&stream, WAYBUF_FIELD_STRIDE, 1, 1, 9, payload, 3);
		uint8_t *bytes = (uint8_t *)stream.words;
		for (uint64_t n = kit_pick(&seed, 4); n > 0; n--)
			bytes[kit_pick(&seed, stream.n * 8)] = (uint8_t)harness_random(&seed);
		struct waybuf_constraints *set = NULL;
		if (waybuf_constraints_parse(bytes, stream.n * 8, &set, NULL) < 0)
			continue;
		struct kit_request kit;
		struct waybuf_solution solution;
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		waybuf_constraints_print(set, out);
		fclose(out);
		free(text);
		kit_init(&kit, 64, 64);
		kit_exporter(&kit, "heap");
		kit_party(&kit, "noise", set);
		kit_solve(&kit, &solution);
		kit_finish(&kit);
		parsed++;
	}
	ck_assert_int_gt(parsed, 1000);
}

TEST(chunks_are_whole_records)
{
	static struct stream stream;
	for (int i = 0; i < 10; i++)
		put1(&stream, WAYBUF_FIELD_HOLD, 1);
	ck_assert_uint_eq(waybuf_constraints_chunk(stream.words, stream.n * 8, 1000), 160);
	ck_assert_uint_eq(waybuf_constraints_chunk(stream.words, stream.n * 8, 160), 160);
	ck_assert_uint_eq(waybuf_constraints_chunk(stream.words, stream.n * 8, 159), 144);
	ck_assert_uint_eq(waybuf_constraints_chunk(stream.words, stream.n * 8, 15), 0);
	ck_assert_uint_eq(waybuf_constraints_chunk(stream.words, 0, 15), 0);
}

static uint64_t hash_of(const struct kit_set *model)
{
	struct waybuf_constraints *set = kit_build(model);
	uint64_t hash = set->hash;
	waybuf_constraints_unref(set);
	return hash;
}

TEST(one_meaning_one_hash)
{
	struct kit_set a = {0}, b = {0};
	kit_value(&a.parts[0], WAYBUF_FIELD_HOLD, 2);
	kit_value(&a.parts[0], WAYBUF_FIELD_CONTIG, 1);
	struct kit_part *part = kit_scope(&a, DRM_FORMAT_NV12, 5);
	part->formats[part->n_formats++] = DRM_FORMAT_R8;
	kit_scope(&a, DRM_FORMAT_XRGB8888, 0);
	kit_scope(&b, DRM_FORMAT_XRGB8888, 0);
	part = kit_scope(&b, DRM_FORMAT_R8, 5);
	part->formats[part->n_formats++] = DRM_FORMAT_NV12;
	part->formats[part->n_formats++] = DRM_FORMAT_R8;
	part->modifiers[part->n_modifiers++] = 5;
	kit_value(&b.parts[0], 0x8000 | WAYBUF_FIELD_CONTIG, 1);
	kit_value(&b.parts[0], WAYBUF_FIELD_HOLD, 2);
	kit_value(&b.parts[0], WAYBUF_FIELD_HOLD, 2);
	ck_assert_uint_eq(hash_of(&a), hash_of(&b));
	kit_value(&b.parts[0], WAYBUF_FIELD_HOLD, 3);
	ck_assert_uint_ne(hash_of(&a), hash_of(&b));
	/* the same record in another scope is another thing */
	kit_stride(&a.parts[1], 8, 0, 100);
	uint64_t hash = hash_of(&a);
	a.parts[1].n_rules = 0;
	kit_stride(&a.parts[2], 8, 0, 100);
	ck_assert_uint_ne(hash_of(&a), hash);
}

TEST(builder_refuses_and_remembers)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set = NULL;
	static uint32_t formats[2000];
	size_t size, before;
	memset(formats, 0x41, sizeof(formats));
	ck_assert_int_eq(waybuf_constraints_builder_hold(builder, 4), 0);
	waybuf_constraints_builder_records(builder, &before);
	ck_assert_int_eq(waybuf_constraints_builder_stride(builder, 0, 0, 0, 5), -EINVAL);
	ck_assert_int_eq(waybuf_constraints_builder_set(builder, formats, 2000, NULL, 0), -E2BIG);
	ck_assert_int_eq(waybuf_constraints_builder_set(builder, formats, 765, NULL, 0), -E2BIG);
	ck_assert_int_eq(
		waybuf_constraints_builder_set(builder, formats, SIZE_MAX, NULL, 0), -E2BIG);
	ck_assert_int_eq(waybuf_constraints_builder_heaps(builder, NULL, 0), -EINVAL);
	ck_assert_int_eq(
		waybuf_constraints_builder_heaps(builder, (const char *[]){"a", ""}, 2), -EINVAL);
	ck_assert_int_eq(waybuf_constraints_builder_add(builder, 0x999, 0, NULL, 400), -E2BIG);
	waybuf_constraints_builder_records(builder, &size);
	ck_assert_uint_eq(size, before);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), -EINVAL);
	ck_assert_ptr_null(set);
	waybuf_constraints_builder_destroy(builder);
	waybuf_constraints_builder_destroy(NULL);
}

static const char expected[] = "must access write cpu-read\n"
			       "must hold 2\n"
			       "prefer (7) heaps system linux,cma\n"
			       "must near device 3\n"
			       "must near dev 226:128\n"
			       "must dma-buf 1\n"
			       "must field 0x0999, 1 words\n"
			       "must set NV12 XR24 x LINEAR INVALID\n"
			       "  must width min 1 max none multiple 2\n"
			       "  must height min 1 max 4096 multiple 2\n"
			       "  must stride multiple 64 min 0 max none\n"
			       "  must offset plane 1 multiple 4096\n"
			       "  must rows plane 0 multiple 16 extra 1\n"
			       "  must size multiple 1 extra 64\n"
			       "  must one fd 1\n"
			       "  inform contiguous memory 1\n"
			       "  inform address bits 32\n"
			       "  inform cache 2\n"
			       "inform set any format x any explicit modifier\n";

TEST(everything_the_builder_writes_is_read)
{
	struct waybuf_constraints_builder *b = waybuf_constraints_builder_create();
	static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12};
	static const uint64_t modifiers[] = {DRM_FORMAT_MOD_INVALID, DRM_FORMAT_MOD_LINEAR};
	static const uint64_t word = 5;
	waybuf_constraints_builder_access(b, WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_CPU_READ);
	waybuf_constraints_builder_hold(b, 2);
	waybuf_constraints_builder_strength(b, WAYBUF_PREFER, 7);
	waybuf_constraints_builder_heaps(b, (const char *[]){"system", "linux,cma"}, 2);
	waybuf_constraints_builder_strength(b, WAYBUF_MUST, 7);
	waybuf_constraints_builder_near_device(b, 3);
	waybuf_constraints_builder_near_dev(b, 0xe280);
	waybuf_constraints_builder_add(b, WAYBUF_FIELD_DMABUF, 255, (uint64_t[]){1}, 1);
	waybuf_constraints_builder_add(b, 0x999, 255, &word, 1);
	waybuf_constraints_builder_set(b, formats, 2, modifiers, 2);
	waybuf_constraints_builder_width(b, 1, WAYBUF_NO_LIMIT, 2);
	waybuf_constraints_builder_height(b, 1, 4096, 2);
	waybuf_constraints_builder_stride(b, WAYBUF_PLANE_ALL, 64, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_offset(b, 1, 4096);
	waybuf_constraints_builder_rows(b, 0, 16, 1);
	waybuf_constraints_builder_size(b, WAYBUF_PLANE_ALL, 1, 64);
	waybuf_constraints_builder_one_fd(b, true);
	waybuf_constraints_builder_strength(b, WAYBUF_INFORM, 0);
	waybuf_constraints_builder_contiguous(b);
	waybuf_constraints_builder_address_bits(b, 32);
	waybuf_constraints_builder_cache(b, WAYBUF_UNCACHED);
	waybuf_constraints_builder_set(b, NULL, 0, NULL, 0);
	struct waybuf_constraints *set;
	char *text;
	size_t size;
	ck_assert_int_eq(waybuf_constraints_builder_finish(b, &set), 0);
	FILE *out = open_memstream(&text, &size);
	waybuf_constraints_print(set, out);
	fclose(out);
	ck_assert_str_eq(text, expected);
	free(text);
	waybuf_constraints_unref(set);
	waybuf_constraints_builder_destroy(b);
}

TEST(names_of_fields_and_reasons)
{
	ck_assert_str_eq(waybuf_field_name(WAYBUF_FIELD_STRIDE), "stride");
	ck_assert_str_eq(waybuf_field_name(WAYBUF_FIELD_CRITICAL | WAYBUF_FIELD_SET), "set");
	ck_assert_ptr_null(waybuf_field_name(0x999));
	ck_assert_ptr_null(waybuf_field_name(0x10030));
	ck_assert_str_eq(waybuf_reason_name(WAYBUF_REASON_CLOSED), "closed");
	ck_assert_str_eq(waybuf_reason_name(16), "failed");
	ck_assert_str_eq(waybuf_reason_name(UINT32_MAX), "failed");
}

TEST_MAIN("constraints-records")
