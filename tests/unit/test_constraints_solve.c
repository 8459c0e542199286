/* SPDX-License-Identifier: MIT */
#include "constraints_kit.h"

/* The solver on cases worked out by hand. */

static struct waybuf_constraints *pair(uint32_t format, uint64_t modifier)
{
	struct kit_set set = {0};
	kit_scope(&set, format, modifier);
	return kit_build(&set);
}

static void check_plane(const struct waybuf_solution *solution, uint32_t p, uint32_t offset,
	uint32_t stride, uint32_t rows)
{
	ck_assert_uint_lt(p, solution->n_planes);
	ck_assert_uint_eq(solution->planes[p].offset, offset);
	ck_assert_uint_eq(solution->planes[p].stride, stride);
	ck_assert_uint_eq(solution->planes[p].rows, rows);
}

/* The decoder of H.264: strides of whole cache lines, whole macroblock pairs, over-read. */
static struct waybuf_constraints *decoder(uint32_t format)
{
	struct kit_set set = {0};
	kit_value(&set.parts[0], WAYBUF_FIELD_ACCESS, WAYBUF_ACCESS_DECODE | WAYBUF_ACCESS_WRITE);
	kit_value(&set.parts[0], WAYBUF_FIELD_HOLD, 17);
	struct kit_part *part = kit_scope(&set, format, DRM_FORMAT_MOD_LINEAR);
	kit_stride(part, 64, 0, WAYBUF_NO_LIMIT);
	kit_rule(part, WAYBUF_FIELD_ROWS, 0, 2, 32, 0, 0);
	kit_rule(part, WAYBUF_FIELD_ROWS, 1, 2, 16, 0, 0);
	kit_rule(part, WAYBUF_FIELD_ROWS, 2, 2, 16, 0, 0);
	kit_rule(part, WAYBUF_FIELD_SIZE, WAYBUF_PLANE_ALL, 2, 1, 64, 0);
	return kit_build(&set);
}

static struct waybuf_constraints *display(uint32_t format)
{
	struct kit_set set = {0};
	kit_value(&set.parts[0], WAYBUF_FIELD_ACCESS, WAYBUF_ACCESS_SCANOUT | WAYBUF_ACCESS_READ);
	kit_value(&set.parts[0], WAYBUF_FIELD_HOLD, 2);
	kit_value(&set.parts[0], WAYBUF_FIELD_DMABUF, 1);
	kit_stride(kit_scope(&set, format, DRM_FORMAT_MOD_LINEAR), 256, 0, WAYBUF_NO_LIMIT);
	return kit_build(&set);
}

static void solve_video(uint32_t format, struct waybuf_solution *solution)
{
	struct kit_request kit;
	kit_init(&kit, 1920, 1080);
	kit_party(&kit, "player", display(format));
	kit_party(&kit, "decoder", decoder(format));
	kit_exporter(&kit, "memfd")->is_dmabuf = false;
	kit_exporter(&kit, "heap system")->heap = "system";
	ck_assert_int_eq(kit_solve(&kit, solution), 0);
	ck_assert_uint_eq(solution->exporter, 1);
	ck_assert_uint_eq(solution->hold, 19);
	ck_assert_uint_eq(solution->access,
		WAYBUF_ACCESS_DECODE | WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_SCANOUT |
			WAYBUF_ACCESS_READ);
	ck_assert(solution->proven);
	kit_finish(&kit);
}

TEST(padded_nv12)
{
	struct waybuf_solution solution;
	solve_video(DRM_FORMAT_NV12, &solution);
	ck_assert_uint_eq(solution.n_planes, 2);
	check_plane(&solution, 0, 0, 2048, 1088);
	check_plane(&solution, 1, 2228224, 2048, 544);
	ck_assert_uint_eq(solution.n_memory, 1);
	ck_assert_uint_eq(solution.memory_size[0], 3346432);
}

TEST(padded_p010)
{
	struct waybuf_solution solution;
	solve_video(DRM_FORMAT_P010, &solution);
	check_plane(&solution, 0, 0, 3840, 1088);
	check_plane(&solution, 1, 3840 * 1088, 3840, 544);
	/* 6266880 and 64 more, in whole pages */
	ck_assert_uint_eq(solution.memory_size[0], 6270976);
}

TEST(padded_yuv420)
{
	struct waybuf_solution solution;
	solve_video(DRM_FORMAT_YUV420, &solution);
	ck_assert_uint_eq(solution.n_planes, 3);
	check_plane(&solution, 0, 0, 2048, 1088);
	check_plane(&solution, 1, 2228224, 1024, 544);
	check_plane(&solution, 2, 2228224 + 557056, 1024, 544);
	ck_assert_uint_eq(solution.memory_size[0], 3346432);
}

TEST(offsets_and_plane_sizes_are_aligned)
{
	struct kit_set set = {0};
	struct kit_part *part = kit_scope(&set, DRM_FORMAT_NV16, DRM_FORMAT_MOD_LINEAR);
	kit_rule(part, WAYBUF_FIELD_SIZE, 0, 2, 100, 7, 0);
	kit_rule(part, WAYBUF_FIELD_OFFSET, 1, 1, 4096, 0, 0);
	kit_rule(part, WAYBUF_FIELD_WIDTH, WAYBUF_PLANE_ALL, 3, 0, 64, 16);
	kit_rule(part, WAYBUF_FIELD_HEIGHT, WAYBUF_PLANE_ALL, 3, 40, 64, 1);
	struct kit_request kit;
	struct waybuf_solution solution;
	kit_init(&kit, 33, 31);
	kit_party(&kit, "a", kit_build(&set));
	kit_exporter(&kit, "heap");
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.width, 48);
	ck_assert_uint_eq(solution.height, 40);
	check_plane(&solution, 0, 0, 48, 40);
	/* 1920 + 7, then 2000, then the next page */
	check_plane(&solution, 1, 4096, 48, 40);
	ck_assert_uint_eq(solution.memory_size[0], 8192);
	kit_finish(&kit);
}

static int solve_one_fd(uint64_t max_size, int one_fd, struct waybuf_solution *solution)
{
	struct kit_set set = {0};
	struct kit_part *part = kit_scope(&set, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
	if (one_fd >= 0)
		kit_value(part, WAYBUF_FIELD_ONE_FD, (uint64_t)one_fd);
	struct kit_request kit;
	kit_init(&kit, 64, 64);
	kit_party(&kit, "a", kit_build(&set));
	kit_exporter(&kit, "heap")->max_size = max_size;
	int ret = kit_solve(&kit, solution);
	kit_finish(&kit);
	return ret;
}

TEST(one_fd_or_several)
{
	struct waybuf_solution solution;
	ck_assert_int_eq(solve_one_fd(0, -1, &solution), 0);
	ck_assert_uint_eq(solution.n_memory, 1);
	ck_assert_int_eq(solve_one_fd(0, 0, &solution), 0);
	ck_assert_uint_eq(solution.n_memory, 2);
	ck_assert_uint_eq(solution.planes[1].slot, 1);
	ck_assert_uint_eq(solution.planes[1].offset, 0);
	ck_assert_uint_eq(solution.memory_size[1], 4096);
	/* 6144 bytes do not fit in a page, 4096 and 2048 do: above the limit the planes part */
	ck_assert_int_eq(solve_one_fd(4096, -1, &solution), 0);
	ck_assert_uint_eq(solution.n_memory, 2);
	ck_assert_int_eq(solve_one_fd(4096, 1, &solution), -EOPNOTSUPP);
	ck_assert_int_eq(solve_one_fd(2048, -1, &solution), -EOPNOTSUPP);
}

/* The example in the essay at the top of search.c. */
TEST(two_preferences_outweigh_one)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	kit_init(&kit, 1000, 10);
	kit_party(&kit, "x", pair(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	static const struct {
		uint64_t multiple, max;
		uint16_t weight;
	} wishes[] = {{256, WAYBUF_NO_LIMIT, 5}, {1, 4000, 3}, {1, 4000, 4}};
	for (int i = 0; i < 3; i++) {
		struct kit_set set = {0};
		struct kit_rule *rule =
			kit_stride(&set.parts[0], wishes[i].multiple, 0, wishes[i].max);
		rule->strength = WAYBUF_PREFER;
		rule->weight = wishes[i].weight;
		kit_party(&kit, "w", kit_build(&set));
	}
	kit_exporter(&kit, "heap");
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.cost, 5);
	ck_assert_uint_eq(solution.planes[0].stride, 4000);
	kit_finish(&kit);
}

/* What each memory field asks of an exporter, by which of two is chosen. */
TEST(memory_fields_choose_the_exporter)
{
	static const struct {
		uint16_t field;
		uint64_t value;
	} cases[] = {
		{WAYBUF_FIELD_DMABUF, 1},
		{WAYBUF_FIELD_CONTIG, 1},
		{WAYBUF_FIELD_ADDR_BITS, 32},
		{WAYBUF_FIELD_CACHE, WAYBUF_UNCACHED},
		{WAYBUF_FIELD_ACCESS, WAYBUF_ACCESS_CPU_READ},
		{WAYBUF_FIELD_ACCESS, WAYBUF_ACCESS_CPU_WRITE},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kit_request kit;
		struct waybuf_solution solution;
		struct kit_set set = {0};
		kit_init(&kit, 16, 16);
		kit_party(&kit, "x", pair(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
		struct waybuf_exporter_caps *poor = kit_exporter(&kit, "poor");
		poor->is_dmabuf = poor->cpu_mappable = false;
		poor->cache = WAYBUF_CACHE_UNKNOWN;
		struct waybuf_exporter_caps *rich = kit_exporter(&kit, "rich");
		rich->contiguous = true;
		rich->address_bits = 32;
		rich->cache = WAYBUF_UNCACHED;
		ck_assert_int_eq(kit_solve(&kit, &solution), 0);
		ck_assert_uint_eq(solution.exporter, 0);
		kit_value(&set.parts[0], cases[i].field, cases[i].value);
		kit_party(&kit, "y", kit_build(&set));
		ck_assert_int_eq(kit_solve(&kit, &solution), 0);
		ck_assert_msg(solution.exporter == 1, "field 0x%x", cases[i].field);
		kit.request.n_exporters = 1;
		ck_assert_int_eq(kit_solve(&kit, &solution), -EOPNOTSUPP);
		kit_finish(&kit);
	}
}

static struct waybuf_constraints *heaps(
	const char *const *names, size_t n, enum waybuf_strength strength, uint16_t weight)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *out;
	waybuf_constraints_builder_strength(builder, strength, weight);
	waybuf_constraints_builder_heaps(builder, names, n);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &out), 0);
	waybuf_constraints_builder_destroy(builder);
	return out;
}

TEST(heaps_are_intersected_and_ranked)
{
	static const char *const a[] = {"linux,cma", "system", "udmabuf"};
	static const char *const b[] = {"udmabuf", "system", "other"};
	struct kit_request kit;
	struct waybuf_solution solution;
	kit_init(&kit, 16, 16);
	kit_party(&kit, "x", pair(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	kit_exporter(&kit, "memfd");
	kit_exporter(&kit, "udmabuf");
	kit_exporter(&kit, "heap system")->heap = "system";
	kit_exporter(&kit, "heap linux,cma")->heap = "linux,cma";
	kit_party(&kit, "a", heaps(a, 3, WAYBUF_MUST, 0));
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.exporter, 3);
	kit_party(&kit, "b", heaps(b, 3, WAYBUF_MUST, 0));
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	/* udmabuf: 2 + 0, system: 1 + 1; the first registered of equals */
	ck_assert_uint_eq(solution.exporter, 1);
	ck_assert_uint_eq(solution.cost, 2);
	kit_party(&kit, "c", heaps(b + 1, 1, WAYBUF_PREFER, 5));
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.exporter, 2);
	kit_party(&kit, "d", heaps(b + 2, 1, WAYBUF_MUST, 0));
	ck_assert_int_eq(kit_solve(&kit, &solution), -EOPNOTSUPP);
	kit_finish(&kit);
}

static struct waybuf_constraints *near(uint64_t device, uint64_t dev)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *out;
	waybuf_constraints_builder_strength(builder, WAYBUF_PREFER, 9);
	if (dev)
		waybuf_constraints_builder_near_dev(builder, dev);
	else
		waybuf_constraints_builder_near_device(builder, (uint32_t)device);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &out), 0);
	waybuf_constraints_builder_destroy(builder);
	return out;
}

TEST(near_only_costs)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	kit_init(&kit, 16, 16);
	kit_party(&kit, "x", pair(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	kit_exporter(&kit, "plain");
	kit_exporter(&kit, "gpu1")->device = 1;
	kit_exporter(&kit, "gpu2")->devnum = 0xe280;
	kit_party(&kit, "y", near(1, 0));
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.exporter, 1);
	ck_assert_uint_eq(solution.cost, 0);
	kit_party(&kit, "z", near(0, 0xe280));
	kit.caps[1].base_cost = 3;
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.exporter, 2);
	ck_assert_uint_eq(solution.cost, 9);
	kit.request.n_exporters = 1;
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.cost, 18);
	kit_finish(&kit);
}

/* Tranches of a compositor's feedback: the earlier, the heavier; their union bounds the choice. */
TEST(preferred_sets_rank_and_bound)
{
	struct kit_set set = {0};
	static const uint64_t modifiers[] = {7, 8, DRM_FORMAT_MOD_LINEAR};
	for (uint16_t i = 0; i < 3; i++) {
		struct kit_part *part = kit_scope(&set, DRM_FORMAT_XRGB8888, modifiers[i]);
		part->strength = WAYBUF_PREFER;
		part->weight = (uint16_t)(30 - 10 * i);
	}
	static const struct waybuf_format_modifier pairs[] = {
		{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_INVALID},
		{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_LINEAR},
		{DRM_FORMAT_XRGB8888, 0, 9},
		{DRM_FORMAT_XRGB8888, 0, 8},
		{DRM_FORMAT_XRGB8888, 0, 7},
	};
	struct kit_request kit;
	struct waybuf_solution solution;
	kit_init(&kit, 16, 16);
	kit_party(&kit, "x", kit_build(&set));
	struct waybuf_exporter_caps *gbm = kit_exporter(&kit, "gbm");
	gbm->kind = WAYBUF_EXPORTER_IMAGE;
	gbm->pairs = pairs;
	for (size_t n = 5; n > 0; n--) {
		static const uint64_t costs[] = {0, 0, 50, 50, 40, 30};
		static const uint64_t best[] = {
			0, 0, DRM_FORMAT_MOD_LINEAR, DRM_FORMAT_MOD_LINEAR, 8, 7};
		gbm->n_pairs = n;
		int ret = kit_solve(&kit, &solution);
		if (n == 1) {
			ck_assert_int_eq(ret, -EOPNOTSUPP);
			break;
		}
		ck_assert_int_eq(ret, 0);
		ck_assert_uint_eq(solution.cost, costs[n]);
		ck_assert_uint_eq(solution.modifier, best[n]);
		ck_assert_uint_eq(solution.n_planes, 0);
	}
	kit_finish(&kit);
}

TEST(wildcards)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	struct kit_set any = {0};
	kit_scope(&any, 0, 0)->n_formats = 0;
	any.parts[1].n_modifiers = 0;
	static const struct waybuf_format_modifier pairs[] = {
		{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_INVALID}};
	kit_init(&kit, 16, 16);
	struct waybuf_exporter_caps *gbm = kit_exporter(&kit, "gbm");
	gbm->kind = WAYBUF_EXPORTER_IMAGE;
	gbm->pairs = pairs;
	gbm->n_pairs = 1;
	/* nobody names a format */
	kit_party(&kit, "any", kit_build(&any));
	ck_assert_int_eq(kit_solve(&kit, &solution), -ENODATA);
	/* a wildcard does not mean the implicit modifier */
	kit_party(&kit, "x", pair(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_INVALID));
	ck_assert_int_eq(kit_solve(&kit, &solution), -EOPNOTSUPP);
	waybuf_constraints_unref(kit.parties[0].set);
	kit.parties[0] = kit.parties[1];
	kit.request.n_parties = 1;
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.modifier, DRM_FORMAT_MOD_INVALID);
	waybuf_constraints_unref(kit.parties[0].set);
	/* the modifier comes from the exporter, the format from the other party */
	kit.request.n_parties = 0;
	kit_party(&kit, "any", kit_build(&any));
	struct kit_set some = {0};
	kit_scope(&some, DRM_FORMAT_NV12, 0)->n_modifiers = 0;
	kit_party(&kit, "some", kit_build(&some));
	kit_exporter(&kit, "heap");
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.format, DRM_FORMAT_NV12);
	ck_assert_uint_eq(solution.modifier, DRM_FORMAT_MOD_LINEAR);
	kit_finish(&kit);
}

/* A driver that decides strides is at least asked for the width that has the right one. */
TEST(image_exporters_are_asked_for_a_fitting_size)
{
	static const struct waybuf_format_modifier pairs[] = {
		{DRM_FORMAT_XRGB8888, 0, DRM_FORMAT_MOD_LINEAR}};
	struct kit_set set = {0};
	struct kit_part *part = kit_scope(&set, DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	kit_stride(part, 256, 0, WAYBUF_NO_LIMIT);
	kit_rule(part, WAYBUF_FIELD_ROWS, 0, 2, 16, 0, 0);
	struct kit_request kit;
	struct waybuf_solution solution;
	kit_init(&kit, 1000, 1000);
	kit_party(&kit, "x", kit_build(&set));
	struct waybuf_exporter_caps *gbm = kit_exporter(&kit, "gbm");
	gbm->kind = WAYBUF_EXPORTER_IMAGE;
	gbm->pairs = pairs;
	gbm->n_pairs = 1;
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.width, 1024);
	ck_assert_uint_eq(solution.height, 1008);
	kit_finish(&kit);
}

TEST(exclusions_are_remembered_refusals)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	kit_init(&kit, 16, 16);
	kit_party(&kit, "x", pair(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	kit_exporter(&kit, "a");
	kit_exporter(&kit, "b");
	kit.exclusions[0] = (struct waybuf_exclusion){
		.format = DRM_FORMAT_XRGB8888, .modifier = DRM_FORMAT_MOD_LINEAR, .who = -1};
	kit.exclusions[1] = (struct waybuf_exclusion){.exporter = 1, .who = 0};
	kit.request.n_exclusions = 1;
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.exporter, 1);
	kit.request.n_exclusions = 2;
	ck_assert_int_eq(kit_solve(&kit, &solution), -EOPNOTSUPP);
	kit.exclusions[0].modifier = 5;
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.exporter, 0);
	kit.exclusions[0].exporter = 2;
	ck_assert_int_eq(kit_solve(&kit, &solution), -EINVAL);
	kit_finish(&kit);
}

/* HOLD adds over attachments; a set said twice under one key, or two sets of one, do not add. */
TEST(hold_is_keyed_by_attachment)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	struct kit_set two = {0}, five = {0};
	kit_value(&two.parts[0], WAYBUF_FIELD_HOLD, 2);
	kit_value(&five.parts[0], WAYBUF_FIELD_HOLD, 5);
	kit_init(&kit, 16, 16);
	kit_party(&kit, "x", pair(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	kit_party(&kit, "a", kit_build(&two));
	kit_party(&kit, "b", kit_build(&two));
	kit_party(&kit, "c", kit_build(&five));
	kit_exporter(&kit, "heap");
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.hold, 9);
	kit.parties[2].key = kit.parties[1].key;
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.hold, 7);
	kit.parties[3].key = kit.parties[1].key;
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.hold, 5);
	kit_finish(&kit);
}

TEST(a_preference_counts_once_per_attachment)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	struct kit_set set = {0};
	for (int i = 0; i < 2; i++) {
		struct kit_rule *rule = kit_stride(&set.parts[0], 1, 0, 3);
		rule->strength = WAYBUF_PREFER;
		rule->weight = 5;
	}
	struct kit_part *part = kit_scope(&set, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
	part->rules[part->n_rules++] = set.parts[0].rules[0];
	kit_init(&kit, 16, 16);
	kit_party(&kit, "x", kit_build(&set));
	kit_exporter(&kit, "heap");
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.cost, 5);
	kit_finish(&kit);
}

TEST(bad_requests)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	kit_init(&kit, 16, 16);
	kit_party(&kit, "x", pair(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR));
	ck_assert_int_eq(kit_solve(&kit, &solution), -EOPNOTSUPP);
	kit_exporter(&kit, "heap");
	kit.request.width = 0;
	ck_assert_int_eq(kit_solve(&kit, &solution), -EINVAL);
	kit.request.width = 65537;
	ck_assert_int_eq(kit_solve(&kit, &solution), -EINVAL);
	kit.request.width = 65536;
	kit.request.height = 65536;
	/* 16 GiB in one piece: offsets are 32 bits, but this has none */
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	ck_assert_uint_eq(solution.memory_size[0], UINT64_C(1) << 34);
	kit.caps[0].max_size = UINT64_C(1) << 33;
	ck_assert_int_eq(kit_solve(&kit, &solution), -EOPNOTSUPP);
	struct waybuf_constraints *set = kit.parties[0].set;
	kit.parties[0].set = NULL;
	ck_assert_int_eq(kit_solve(&kit, &solution), -EINVAL);
	kit.parties[0].set = set;
	kit_finish(&kit);
}

static struct waybuf_party *many_parties(struct waybuf_constraints *set, size_t n)
{
	struct waybuf_party *parties = calloc(n, sizeof(*parties));
	ck_assert_ptr_nonnull(parties);
	for (size_t i = 0; i < n; i++)
		parties[i] = (struct waybuf_party){.who = "p", .key = i, .set = set};
	return parties;
}

TEST(too_many_parties_are_too_hard)
{
	struct kit_request kit;
	struct waybuf_solution solution;
	const struct waybuf_explanation *explanation = NULL;
	struct waybuf_constraints *set = pair(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	struct waybuf_party *parties = many_parties(set, WAYBUF_MAX_PARTIES + 1);
	kit_init(&kit, 16, 16);
	kit_exporter(&kit, "heap");
	kit.request.parties = parties;
	kit.request.n_parties = WAYBUF_MAX_PARTIES;
	ck_assert_int_eq(kit_solve(&kit, &solution), 0);
	kit.request.n_parties++;
	ck_assert_int_eq(kit_solve(&kit, &solution), -E2BIG);
	ck_assert_int_eq(waybuf_negotiate(&kit.request, NULL, &solution, &explanation), -E2BIG);
	ck_assert_int_eq(explanation->reason, WAYBUF_REASON_TOO_HARD);
	waybuf_explanation_unref(explanation);
	free(parties);
	waybuf_constraints_unref(set);
}

TEST_MAIN("constraints-solve")
