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

TEST_MAIN("constraints-failures")
