/* SPDX-License-Identifier: MIT */
#include "constraints_kit.h"

#include "fail_alloc.h"

/* Building, parsing, solving and explaining, with the Nth allocation failing, for every N. */

/* 0, or -ENOMEM. Takes what it gets, builds on it, and leaves nothing behind. */
static int build(uint32_t format, uint64_t max, struct waybuf_constraints **out)
{
	static const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, 256, 0, max);
	for (uint64_t i = 1; i < 20; i++) {
		waybuf_constraints_builder_strength(builder, WAYBUF_PREFER, 3);
		waybuf_constraints_builder_stride(
			builder, WAYBUF_PLANE_ALL, 1 + 7 * i, 0, WAYBUF_NO_LIMIT);
	}
	int ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

/*
 * 0, -ENOMEM, or -EPROTO for an answer that should not be. No assertion while allocations fail:
 * libcheck allocates for each.
 */
static int ask(struct waybuf_constraints *a, struct waybuf_constraints *b,
	struct waybuf_cache *cache, int expected)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	const struct waybuf_explanation *why = NULL;
	kit_init(&kit, 1000, 10);
	kit_exporter(&kit, "heap");
	kit_exporter(&kit, "other");
	kit.parties[0] = (struct waybuf_party){.who = "a", .key = 1, .set = a};
	kit.parties[1] = (struct waybuf_party){.who = "b", .key = 2, .set = b};
	kit.request.n_parties = 2;
	kit.request.budget.nodes = 2000;
	int ret = waybuf_negotiate(&kit.request, cache, &solution, &why);
	bool sane = (ret == expected && why) || (ret == -ENOMEM && !why);
	waybuf_explanation_unref(why);
	if (!sane)
		return -EPROTO;
	return ret == -ENOMEM ? ret : 0;
}

static int live(void)
{
	struct waybuf_constraints *a = NULL, *b = NULL, *c = NULL;
	struct waybuf_cache *cache = waybuf_cache_create(1);
	int ret = cache ? 0 : -ENOMEM;
	if (ret == 0)
		ret = build(DRM_FORMAT_XRGB8888, WAYBUF_NO_LIMIT, &a);
	if (ret == 0)
		ret = build(DRM_FORMAT_XRGB8888, 4000, &b);
	if (ret == 0)
		ret = waybuf_constraints_parse(NULL, 0, &c, NULL);
	if (ret == 0)
		ret = ask(a, c, cache, 0);
	/* 4096 is above 4000 */
	if (ret == 0)
		ret = ask(a, b, cache, -EOPNOTSUPP);
	waybuf_constraints_unref(a);
	waybuf_constraints_unref(b);
	waybuf_constraints_unref(c);
	waybuf_cache_destroy(cache);
	return ret;
}

TEST(every_allocation_may_fail)
{
	unsigned n = 1;
	ck_assert_int_eq(live(), 0);
	for (;; n++) {
		fail_alloc_at(n);
		int ret = live();
		bool happened = fail_alloc_happened();
		fail_alloc_at(0);
		if (!happened)
			break;
		/* remembering an answer is the one thing that may fail unnoticed */
		ck_assert_msg(ret == 0 || ret == -ENOMEM, "allocation %u: %d", n, ret);
	}
	ck_assert_int_eq(live(), 0);
	ck_assert_uint_gt(n, 40);
}

/* ---- each kind of record ------------------------------------------------------------------- */

typedef int (*record_t)(struct waybuf_constraints_builder *builder);

static int add_set(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_set(
		builder, (uint32_t[]){DRM_FORMAT_XRGB8888}, 1, NULL, 0);
}

static int add_access(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
}

static int add_hold(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_hold(builder, 2);
}

static int add_width(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_width(builder, 0, WAYBUF_NO_LIMIT, 2);
}

static int add_height(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_height(builder, 0, WAYBUF_NO_LIMIT, 2);
}

static int add_stride(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, 64, 0, WAYBUF_NO_LIMIT);
}

static int add_offset(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_offset(builder, WAYBUF_PLANE_ALL, 64);
}

static int add_rows(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_rows(builder, WAYBUF_PLANE_ALL, 2, 0);
}

static int add_size(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_size(builder, WAYBUF_PLANE_ALL, 4096, 0);
}

static int add_one_fd(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_one_fd(builder, true);
}

static int add_address_bits(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_address_bits(builder, 32);
}

static int add_heaps(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_heaps(builder, (const char *const[]){"system"}, 1);
}

static int add_cache(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_cache(builder, WAYBUF_CACHED);
}

static int add_near_device(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_near_device(builder, 1);
}

static int add_near_dev(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_near_dev(builder, 0x100);
}

static int add_any(struct waybuf_constraints_builder *builder)
{
	return waybuf_constraints_builder_add(
		builder, 0x2000, WAYBUF_PLANE_ALL, (const uint64_t[]){1}, 1);
}

static const struct {
	const char *name;
	record_t add;
} records[] = {
	{"set", add_set},
	{"access", add_access},
	{"hold", add_hold},
	{"width", add_width},
	{"height", add_height},
	{"stride", add_stride},
	{"offset", add_offset},
	{"rows", add_rows},
	{"size", add_size},
	{"one_fd", add_one_fd},
	{"contiguous", waybuf_constraints_builder_contiguous},
	{"address_bits", add_address_bits},
	{"heaps", add_heaps},
	{"cache", add_cache},
	{"near_device", add_near_device},
	{"near_dev", add_near_dev},
	{"add", add_any},
};

enum { N_RECORDS = sizeof(records) / sizeof(records[0]) };

/* Adds record @i to @builder; the failure is @error, and sticks. */
static void check_record(size_t i, struct waybuf_constraints_builder *builder, int error)
{
	struct waybuf_constraints *set = NULL;
	size_t before, after;
	waybuf_constraints_builder_records(builder, &before);
	int ret = records[i].add(builder);
	fail_alloc_at(0);
	ck_assert_msg(ret == error, "%s: %d", records[i].name, ret);
	waybuf_constraints_builder_records(builder, &after);
	ck_assert_uint_eq(before, after);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), error);
	ck_assert_ptr_null(set);
	waybuf_constraints_builder_destroy(builder);
}

static struct waybuf_constraints_builder *make_builder(void)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	ck_assert_ptr_nonnull(builder);
	return builder;
}

/* The first record of a builder, which has no room yet. */
TEST(no_memory_for_a_record)
{
	for (size_t i = 0; i < N_RECORDS; i++) {
		struct waybuf_constraints_builder *builder = make_builder();
		fail_alloc_at(1);
		check_record(i, builder, -ENOMEM);
	}
}

TEST(a_strength_that_does_not_exist)
{
	for (size_t i = 0; i < N_RECORDS; i++) {
		struct waybuf_constraints_builder *builder = make_builder();
		waybuf_constraints_builder_strength(builder, (enum waybuf_strength)7, 0);
		check_record(i, builder, -EINVAL);
	}
}

TEST(one_record_too_many)
{
	for (size_t i = 0; i < N_RECORDS; i++) {
		struct waybuf_constraints_builder *builder = make_builder();
		for (size_t size = 0; size < WAYBUF_CONSTRAINTS_MAX_SIZE;)
			if (add_hold(builder) == 0)
				waybuf_constraints_builder_records(builder, &size);
		check_record(i, builder, -E2BIG);
	}
}

TEST_MAIN("constraints-failures")
