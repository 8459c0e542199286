/* SPDX-License-Identifier: MIT */
#include "constraints_kit.h"

#include <time.h>

/* What people read, what the cache remembers, and what a budget does. */

static void add_pair(struct kit_request *kit, const char *who, uint32_t format, uint64_t modifier,
	struct kit_set *set)
{
	kit_scope(set, format, modifier);
	kit_party(kit, who, kit_build(set));
}

static void expect(struct kit_request *kit, int ret, const char *text)
{
	struct waybuf_solution solution;
	const struct waybuf_explanation *why = NULL;
	ck_assert_int_eq(waybuf_negotiate(&kit->request, NULL, &solution, &why), ret);
	char *got = kit_explain(why);
	ck_assert_str_eq(got, text);
	free(got);
	waybuf_explanation_unref(why);
	kit_finish(kit);
}

/* Two scopes that ask for the same multiple: striking out the one or the other leads elsewhere. */
static char *explain_equal_rules(bool swapped, uint64_t bystander)
{
	struct kit_request kit;
	struct kit_set a = {.n_scopes = 2}, b = {0};
	struct kit_part narrow = {.formats = {DRM_FORMAT_R8}, .n_formats = 1, .n_modifiers = 1};
	struct kit_part wide = {.formats = {DRM_FORMAT_GR88, DRM_FORMAT_R8}, .n_formats = 2};
	kit_rule(&narrow, WAYBUF_FIELD_WIDTH, WAYBUF_PLANE_ALL, 3, 7, WAYBUF_NO_LIMIT, 2);
	kit_rule(&wide, WAYBUF_FIELD_WIDTH, WAYBUF_PLANE_ALL, 3, 1, 7, 2);
	a.parts[swapped ? 2 : 1] = narrow;
	a.parts[swapped ? 1 : 2] = wide;
	kit_rule(kit_scope(&b, DRM_FORMAT_GR88, DRM_FORMAT_MOD_LINEAR), WAYBUF_FIELD_WIDTH,
		WAYBUF_PLANE_ALL, 3, 7, WAYBUF_NO_LIMIT, 2);
	/* parties stand in the order of their hashes, and only one of the two orders is the hard one */
	kit_rule(&b.parts[1], WAYBUF_FIELD_OFFSET, WAYBUF_PLANE_ALL, 1, bystander, 0, 0);
	kit_init(&kit, 6, 2);
	kit_exporter(&kit, "heap");
	kit_party(&kit, "a", kit_build(&a));
	kit_party(&kit, "b", kit_build(&b));
	struct waybuf_solution solution;
	const struct waybuf_explanation *why = NULL;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, NULL, &solution, &why), -EOPNOTSUPP);
	char *text = kit_explain(why);
	waybuf_explanation_unref(why);
	kit_finish(&kit);
	return text;
}

TEST(equal_rules_of_two_scopes_have_an_order)
{
	for (uint64_t bystander = 2; bystander < 10; bystander++) {
		char *text = explain_equal_rules(false, bystander);
		char *swapped = explain_equal_rules(true, bystander);
		ck_assert_str_eq(text, swapped);
		free(text);
		free(swapped);
	}
}

TEST(two_strides_clash)
{
	struct kit_request kit;
	struct kit_set display = {0}, decoder = {0}, bystander = {0};
	kit_init(&kit, 1000, 10);
	kit_exporter(&kit, "heap system");
	kit_stride(&display.parts[0], 256, 0, WAYBUF_NO_LIMIT);
	add_pair(&kit, "display", DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR, &display);
	kit_stride(&bystander.parts[0], 8, 0, WAYBUF_NO_LIMIT);
	kit_party(&kit, "bystander", kit_build(&bystander));
	kit_stride(&decoder.parts[0], 1, 0, 4000);
	kit_party(&kit, "decoder", kit_build(&decoder));
	struct waybuf_solution solution;
	const struct waybuf_explanation *why = NULL;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, NULL, &solution, &why), -EOPNOTSUPP);
	ck_assert_uint_eq(why->n_conflicts, 2);
	ck_assert_int_eq(why->reason, WAYBUF_REASON_CONFLICT);
	ck_assert(why->minimal);
	for (uint32_t i = 0; i < 2; i++) {
		const struct waybuf_conflict *c = &why->conflicts[i];
		bool is_display = c->who == 0;
		ck_assert(is_display || c->who == 2);
		ck_assert_uint_eq(c->role, is_display ? 10 : 12);
		ck_assert_str_eq(c->name, is_display ? "display" : "decoder");
		ck_assert_uint_eq(c->field, WAYBUF_FIELD_STRIDE);
		ck_assert_uint_eq(c->value, is_display ? 256 : 4000);
		ck_assert_uint_eq(c->format, DRM_FORMAT_XRGB8888);
		char *text;
		size_t size;
		FILE *out = open_memstream(&text, &size);
		waybuf_conflict_print(c, out);
		fclose(out);
		ck_assert_str_eq(text,
			is_display ? "\"display\" needs stride multiple 256 (XR24 LINEAR)"
				   : "\"decoder\" needs stride max 4000 (XR24 LINEAR)");
		free(text);
	}
	ck_assert_ptr_eq(waybuf_explanation_ref(why), why);
	waybuf_explanation_unref(why);
	waybuf_explanation_unref(why);
	waybuf_explanation_unref(NULL);
	kit_finish(&kit);
}

TEST(pairs_clash)
{
	struct kit_request kit;
	struct kit_set a = {0};
	kit_init(&kit, 10, 10);
	kit_exporter(&kit, "heap");
	add_pair(&kit, "a", DRM_FORMAT_XRGB8888, I915_FORMAT_MOD_X_TILED, &a);
	expect(&kit, -EOPNOTSUPP,
		"refused: \"a\" does not take XR24 LINEAR\n"
		"not heap XR24 LINEAR: \"a\" does not take XR24 LINEAR\n");
}

TEST(memory_clashes)
{
	static const struct {
		uint16_t field;
		uint64_t value;
		const char *text;
	} cases[] = {
		{WAYBUF_FIELD_CONTIG, 1, "needs contiguous memory"},
		{WAYBUF_FIELD_DMABUF, 1, "needs a dma-buf"},
		{WAYBUF_FIELD_ADDR_BITS, 32, "needs memory within 32 address bits"},
		{WAYBUF_FIELD_CACHE, 2, "needs uncached memory"},
		{WAYBUF_FIELD_ACCESS, 4, "needs access by the CPU"},
		{WAYBUF_FIELD_HEAPS, 0x616d63, "needs one of the heaps cma"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kit_request kit;
		struct kit_set a = {0}, b = {0};
		char start[128];
		kit_init(&kit, 10, 10);
		struct waybuf_exporter_caps *caps = kit_exporter(&kit, "vram");
		caps->is_dmabuf = caps->cpu_mappable = false;
		add_pair(&kit, "a", DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR, &a);
		kit_value(&b.parts[0], cases[i].field, cases[i].value);
		kit_party(&kit, "b", kit_build(&b));
		snprintf(start, sizeof(start), "refused: \"b\" %s (XR24 LINEAR)\nnot vram: \"b\" ",
			cases[i].text);
		struct waybuf_solution solution;
		const struct waybuf_explanation *why = NULL;
		ck_assert_int_eq(
			waybuf_negotiate(&kit.request, NULL, &solution, &why), -EOPNOTSUPP);
		char *got = kit_explain(why);
		ck_assert_msg(strncmp(got, start, strlen(start)) == 0, "%s", got);
		free(got);
		waybuf_explanation_unref(why);
		kit_finish(&kit);
	}
}

TEST(lists_of_heaps_clash)
{
	struct kit_request kit;
	struct kit_set x = {0};
	static const char *const lists[2][2] = {{"system", "linux,cma"}, {"other", "udmabuf"}};
	kit_init(&kit, 10, 10);
	kit_exporter(&kit, "heap")->heap = "system";
	kit_exporter(&kit, "udmabuf");
	add_pair(&kit, "x", DRM_FORMAT_R8, DRM_FORMAT_MOD_LINEAR, &x);
	for (int i = 0; i < 2; i++) {
		struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
		struct waybuf_constraints *set;
		waybuf_constraints_builder_heaps(builder, lists[i], 2);
		ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
		waybuf_constraints_builder_destroy(builder);
		kit_party(&kit, i ? "b" : "a", set);
	}
	struct waybuf_solution solution;
	const struct waybuf_explanation *why = NULL;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, NULL, &solution, &why), -EOPNOTSUPP);
	ck_assert_uint_eq(why->n_conflicts, 2);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_str_eq(why->conflicts[i].text,
			why->conflicts[i].who == 1 ? "system, linux,cma" : "other, udmabuf");
	waybuf_explanation_unref(why);
	kit_finish(&kit);
}

TEST(a_refused_import)
{
	struct kit_request kit;
	struct kit_set a = {0};
	kit_init(&kit, 10, 10);
	kit_exporter(&kit, "heap");
	add_pair(&kit, "gpu", DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR, &a);
	kit.request.n_exclusions = 1;
	expect(&kit, -EOPNOTSUPP,
		"refused: \"gpu\" cannot import XR24 LINEAR\n"
		"not heap XR24 LINEAR: \"gpu\" cannot import XR24 LINEAR\n");
}

TEST(nobody_is_to_blame)
{
	struct kit_request kit;
	struct kit_set a = {0}, b = {0};
	kit_init(&kit, 100, 100);
	kit_exporter(&kit, "heap")->max_size = 4096;
	add_pair(&kit, "a", DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR, &a);
	expect(&kit, -EOPNOTSUPP,
		"refused: no exporter has that much memory in one piece\n"
		"not heap XR24 LINEAR: no exporter has that much memory in one piece\n");
	kit_init(&kit, 100, 100);
	add_pair(&kit, "b", DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR, &b);
	expect(&kit, -EOPNOTSUPP, "refused: no exporter makes XR24 LINEAR\n");
	kit_init(&kit, 100, 100);
	expect(&kit, -ENODATA, "refused: underspecified\n");
}

TEST(why_the_others_lost)
{
	struct kit_request kit;
	struct kit_set a = {0}, b = {0};
	kit_init(&kit, 64, 64);
	kit_exporter(&kit, "memfd")->is_dmabuf = false;
	kit_exporter(&kit, "udmabuf")->base_cost = 1;
	kit_exporter(&kit, "heap")->base_cost = 4;
	kit_exporter(&kit, "broken");
	kit.exclusions[0] = (struct waybuf_exclusion){.exporter = 3, .who = -1};
	kit.request.n_exclusions = 1;
	add_pair(&kit, "cpu", DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR, &a);
	kit_value(&b.parts[0], WAYBUF_FIELD_DMABUF, 1);
	kit_party(&kit, "plane", kit_build(&b));
	expect(&kit, 0,
		"chosen: udmabuf XR24 LINEAR 64x64, plane 0: memory 0 offset 0 stride 256 rows 64, "
		"memory 0: 16384 bytes, cost 1\n"
		"not memfd: \"plane\" needs a dma-buf\n"
		"not broken XR24 LINEAR: failed to make it\n"
		"not heap XR24 LINEAR: costs at least 4\n");
}

TEST(losers_are_bounded_and_counted)
{
	struct kit_request kit;
	struct kit_set a = {0};
	static struct waybuf_format_modifier pairs[100];
	for (uint64_t i = 0; i < 100; i++)
		pairs[i] = (struct waybuf_format_modifier){DRM_FORMAT_XRGB8888, 0, i};
	kit_init(&kit, 64, 64);
	struct waybuf_exporter_caps *gbm = kit_exporter(&kit, "gbm");
	gbm->kind = WAYBUF_EXPORTER_IMAGE;
	gbm->pairs = pairs;
	gbm->n_pairs = 100;
	kit_scope(&a, DRM_FORMAT_XRGB8888, 0)->n_modifiers = 0;
	kit_party(&kit, "a", kit_build(&a));
	struct waybuf_solution solution;
	const struct waybuf_explanation *why = NULL;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, NULL, &solution, &why), 0);
	ck_assert_uint_eq(why->n_losers, 32);
	ck_assert_uint_eq(why->n_more_losers, 67);
	waybuf_explanation_unref(why);
	kit_finish(&kit);
}

/* ---- cache --------------------------------------------------------------------------------- */

TEST(the_cache_answers_the_same_question_only)
{
	struct waybuf_cache *cache = waybuf_cache_create(2);
	struct waybuf_cache_stats stats;
	struct waybuf_solution x = {0}, y = {0};
	const struct waybuf_explanation *why = NULL;
	struct kit_request kit;
	struct kit_set a = {0}, b = {0};
	kit_init(&kit, 64, 64);
	kit_exporter(&kit, "heap");
	add_pair(&kit, "a", DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR, &a);
	kit_value(&b.parts[0], WAYBUF_FIELD_DMABUF, 1);
	kit_party(&kit, "b", kit_build(&b));
	ck_assert_int_eq(waybuf_negotiate(&kit.request, cache, &x, NULL), 0);
	/* other identities, other names: the same question */
	kit.parties[0].key = 77;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, cache, &y, &why), 0);
	ck_assert_mem_eq(&x, &y, sizeof(x));
	ck_assert_str_eq(why->exporter, "heap");
	waybuf_explanation_unref(why);
	waybuf_cache_get_stats(cache, &stats);
	ck_assert_uint_eq(stats.hits, 1);
	ck_assert_uint_eq(stats.misses, 1);
	/* anything else that matters is another one */
	kit.caps[0].base_cost = 5;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, cache, &y, NULL), 0);
	ck_assert_uint_eq(y.cost, 5);
	kit.request.width = 65;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, cache, &y, NULL), 0);
	kit.caps[0].is_dmabuf = false;
	kit.parties[1].who = "then";
	ck_assert_int_eq(waybuf_negotiate(&kit.request, cache, &y, NULL), -EOPNOTSUPP);
	kit.parties[1].who = "now";
	kit.parties[1].role = 99;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, cache, &y, &why), -EOPNOTSUPP);
	ck_assert_str_eq(why->conflicts[0].name, "now");
	ck_assert_uint_eq(why->conflicts[0].role, 99);
	waybuf_explanation_unref(why);
	waybuf_cache_get_stats(cache, &stats);
	ck_assert_uint_eq(stats.hits, 2);
	ck_assert_uint_eq(stats.misses, 4);
	ck_assert_uint_eq(stats.entries, 2);
	waybuf_cache_destroy(cache);
	waybuf_cache_destroy(NULL);
	kit_finish(&kit);
}

/* ---- budget -------------------------------------------------------------------------------- */

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/*
 * The worst a client can do with preferences: weights that only differ a little, each clashing
 * with most others, so that no choice is clearly best.
 */
static void add_knapsack(struct kit_request *kit)
{
	struct kit_set formats = {0};
	add_pair(kit, "x", DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR, &formats);
	kit_stride(&formats.parts[0], 1, 0, 1000000);
	kit_party(kit, "limit", kit_build(&formats));
	static const uint64_t primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47,
		53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137,
		139};
	for (uint64_t p = 0; p < 10; p++) {
		struct kit_set set = {0};
		for (uint64_t r = 0; r < 12; r++) {
			struct kit_rule *rule = kit_stride(&set.parts[0],
				primes[(p * 12 + r) % 34] * (1 + (p * 12 + r) / 34), 0,
				WAYBUF_NO_LIMIT);
			rule->strength = WAYBUF_PREFER;
			rule->weight = (uint16_t)(1000 + (p * 31 + r * 17) % 50);
		}
		kit_party(kit, "w", kit_build(&set));
	}
}

TEST(a_hard_search_ends_with_what_it_has)
{
	struct kit_request kit;
	struct waybuf_solution a, b;
	const struct waybuf_explanation *why;
	kit_init(&kit, 64, 64);
	kit_exporter(&kit, "heap");
	add_knapsack(&kit);
	kit.request.budget.nodes = 5000;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, NULL, &a, &why), 0);
	ck_assert(!a.proven);
	char *text = kit_explain(why);
	ck_assert_ptr_nonnull(strstr(text, "the best found in time"));
	free(text);
	waybuf_explanation_unref(why);
	/* a budget of steps ends at the same place every time */
	ck_assert_int_eq(kit_solve(&kit, &b), 0);
	ck_assert_mem_eq(&a, &b, sizeof(a));
	ck_assert_uint_le(a.planes[0].stride, 1000000);
	/* more of it never makes it worse than leaving every preference unheard */
	kit.request.budget.nodes = 100;
	ck_assert_int_eq(kit_solve(&kit, &b), 0);
	ck_assert_uint_ge(b.cost, a.cost);
	kit_finish(&kit);
}

/* Time is looked at rarely, so the bound here is loose; what matters is that there is one. */
TEST(time_is_bounded)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	kit_init(&kit, 64, 64);
	for (int i = 0; i < 8; i++)
		kit_exporter(&kit, "heap");
	add_knapsack(&kit);
	kit.request.budget = (struct waybuf_budget){.nodes = UINT32_MAX, .usec = 5000};
	uint64_t start = now_us();
	int ret = kit_solve(&kit, &solution);
	ck_assert(ret == 0 || ret == -ETIMEDOUT);
	ck_assert_uint_lt(now_us() - start, 1000000);
	kit_finish(&kit);
}

static struct waybuf_constraints *clutter(uint64_t salt)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	static uint64_t modifiers[64];
	static const uint32_t format = DRM_FORMAT_XRGB8888;
	struct waybuf_constraints *set;
	for (uint64_t s = 0; s < 60; s++) {
		for (uint64_t m = 0; m < 40; m++)
			modifiers[m] = 1 + (m * 61 + s * 7 + salt) % 4000;
		waybuf_constraints_builder_set(builder, &format, 1, modifiers, 40);
		waybuf_constraints_builder_stride(
			builder, WAYBUF_PLANE_ALL, 1 + s, 0, WAYBUF_NO_LIMIT);
	}
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

/* Sets as large as may be, an exporter with as many pairs, and no pair that all would take. */
TEST(a_search_without_an_answer_says_too_hard)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	const struct waybuf_explanation *why = NULL;
	static struct waybuf_format_modifier pairs[4000];
	for (uint64_t i = 0; i < 4000; i++)
		pairs[i] = (struct waybuf_format_modifier){DRM_FORMAT_XRGB8888, 0, 1 + i};
	kit_init(&kit, 64, 64);
	struct waybuf_exporter_caps *gbm = kit_exporter(&kit, "gbm");
	gbm->kind = WAYBUF_EXPORTER_IMAGE;
	gbm->pairs = pairs;
	gbm->n_pairs = 4000;
	for (uint64_t i = 0; i < 16; i++)
		kit_party(&kit, "c", clutter(i * 977));
	kit.request.budget.nodes = 100000;
	ck_assert_int_eq(waybuf_negotiate(&kit.request, NULL, &solution, &why), -E2BIG);
	ck_assert_int_eq(why->reason, WAYBUF_REASON_TOO_HARD);
	char *text = kit_explain(why);
	ck_assert_msg(strncmp(text, "refused: too hard\n", 18) == 0, "%s", text);
	free(text);
	waybuf_explanation_unref(why);
	ck_assert_int_eq(waybuf_negotiate_reason(-E2BIG), WAYBUF_REASON_TOO_HARD);
	ck_assert_int_eq(waybuf_negotiate_reason(-ETIMEDOUT), WAYBUF_REASON_TOO_HARD);
	kit.request.budget = (struct waybuf_budget){.nodes = UINT32_MAX, .usec = 1};
	ck_assert_int_eq(kit_solve(&kit, &solution), -ETIMEDOUT);
	kit_finish(&kit);
}

TEST_MAIN("constraints-explain")
