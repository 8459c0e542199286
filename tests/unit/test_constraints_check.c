/* SPDX-License-Identifier: MIT */
#include "constraints_kit.h"

/* Does a storage that exists fit those who use it, and those who come late? */

static const struct waybuf_exporter_caps heap = {
	.name = "heap system",
	.heap = "system",
	.is_dmabuf = true,
	.cpu_mappable = true,
	.cache = WAYBUF_CACHED,
};

static struct waybuf_layout nv12(void)
{
	return (struct waybuf_layout){
		.width = 1920,
		.height = 1080,
		.format = DRM_FORMAT_NV12,
		.n_planes = 2,
		.n_memory = 1,
		.planes = {{0, 0, 2048, 1088}, {0, 2228224, 2048, 544}},
		.memory = {{.size = 3346432}},
	};
}

static int check(const struct kit_set *model, const struct waybuf_layout *layout,
	const struct waybuf_exporter_caps *caps, struct waybuf_conflict *conflict)
{
	struct kit_request kit;
	struct kit_set first = {0};
	kit_init(&kit, 1920, 1080);
	kit_party(&kit, "first", kit_build(&first));
	kit_party(&kit, "late", kit_build(model));
	int ret = waybuf_constraints_check_layout(&kit.request, caps, layout, conflict);
	kit_finish(&kit);
	return ret;
}

TEST(what_fits)
{
	struct waybuf_layout layout = nv12();
	struct waybuf_conflict conflict;
	struct kit_set set = {0};
	struct kit_part *part = kit_scope(&set, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
	kit_stride(part, 256, 1920, 2048);
	kit_rule(part, WAYBUF_FIELD_ROWS, 0, 2, 32, 8, 0);
	kit_rule(part, WAYBUF_FIELD_OFFSET, 1, 1, 4096, 0, 0);
	kit_rule(part, WAYBUF_FIELD_SIZE, WAYBUF_PLANE_ALL, 2, 4096, 4096, 0);
	kit_rule(part, WAYBUF_FIELD_WIDTH, WAYBUF_PLANE_ALL, 3, 0, 2048, 64);
	kit_rule(part, WAYBUF_FIELD_HEIGHT, WAYBUF_PLANE_ALL, 3, 1081, 2048, 2);
	kit_value(part, WAYBUF_FIELD_ONE_FD, 1);
	kit_value(part, WAYBUF_FIELD_DMABUF, 1);
	kit_value(&set.parts[0], WAYBUF_FIELD_ACCESS, WAYBUF_ACCESS_CPU_READ);
	/* what is not about this format does not count */
	kit_stride(kit_scope(&set, DRM_FORMAT_R8, DRM_FORMAT_MOD_LINEAR), 7, 0, WAYBUF_NO_LIMIT);
	ck_assert_int_eq(check(&set, &layout, &heap, &conflict), 0);
	ck_assert_int_eq(check(&set, &layout, &heap, NULL), 0);
}

/* One record each that the NV12 above breaks, and how it is named. */
TEST(what_does_not)
{
	static const struct {
		uint16_t id;
		uint8_t plane, n_words;
		uint64_t v[3];
		uint8_t at_plane, part;
	} cases[] = {
		{WAYBUF_FIELD_STRIDE, 255, 3, {4096, 0, WAYBUF_NO_LIMIT}, 0, WAYBUF_PART_MULTIPLE},
		{WAYBUF_FIELD_STRIDE, 1, 3, {1, 2049, WAYBUF_NO_LIMIT}, 1, WAYBUF_PART_MIN},
		{WAYBUF_FIELD_STRIDE, 1, 3, {1, 0, 2047}, 1, WAYBUF_PART_MAX},
		{WAYBUF_FIELD_OFFSET, 1, 1, {3}, 1, WAYBUF_PART_MULTIPLE},
		{WAYBUF_FIELD_ROWS, 0, 2, {128, 0}, 0, WAYBUF_PART_MULTIPLE},
		{WAYBUF_FIELD_ROWS, 0, 2, {1, 9}, 0, WAYBUF_PART_EXTRA},
		{WAYBUF_FIELD_SIZE, 0, 2, {1, 1}, 0, WAYBUF_PART_EXTRA},
		{WAYBUF_FIELD_SIZE, 0, 2, {4095, 0}, 0, WAYBUF_PART_MULTIPLE},
		{WAYBUF_FIELD_SIZE, 255, 2, {8192, 0}, 255, WAYBUF_PART_MULTIPLE},
		{WAYBUF_FIELD_SIZE, 255, 2, {1, 4097}, 255, WAYBUF_PART_EXTRA},
		{WAYBUF_FIELD_WIDTH, 255, 3, {2049, 4096, 1}, 255, WAYBUF_PART_MIN},
		{WAYBUF_FIELD_WIDTH, 255, 3, {1, 4096, 1100}, 255, WAYBUF_PART_MULTIPLE},
		{WAYBUF_FIELD_WIDTH, 255, 3, {1, 1919, 1}, 255, WAYBUF_PART_MAX},
		{WAYBUF_FIELD_HEIGHT, 255, 3, {1, 4096, 1089}, 255, WAYBUF_PART_MULTIPLE},
		{WAYBUF_FIELD_ONE_FD, 255, 1, {0}, 255, WAYBUF_PART_VALUE},
		{WAYBUF_FIELD_CONTIG, 255, 1, {1}, 255, WAYBUF_PART_VALUE},
		{WAYBUF_FIELD_ADDR_BITS, 255, 1, {32}, 255, WAYBUF_PART_VALUE},
		{WAYBUF_FIELD_CACHE, 255, 1, {2}, 255, WAYBUF_PART_VALUE},
		{WAYBUF_FIELD_HEAPS, 255, 1, {0x616d63}, 255, WAYBUF_PART_VALUE},
	};
	struct waybuf_layout layout = nv12();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct waybuf_conflict conflict = {0};
		struct kit_set set = {0};
		kit_rule(&set.parts[0], cases[i].id, cases[i].plane, cases[i].n_words,
			cases[i].v[0], cases[i].v[1], cases[i].v[2]);
		ck_assert_msg(check(&set, &layout, &heap, &conflict) == -EOPNOTSUPP, "case %zu", i);
		ck_assert_int_eq(conflict.who, 1);
		ck_assert_uint_eq(conflict.role, 11);
		ck_assert_uint_eq(conflict.field, cases[i].id);
		ck_assert_msg(conflict.plane == cases[i].at_plane, "case %zu", i);
		ck_assert_msg(conflict.part == (enum waybuf_part)cases[i].part, "case %zu", i);
		ck_assert_uint_eq(conflict.format, DRM_FORMAT_NV12);
		/* the same as a preference refuses nothing */
		set.parts[0].rules[0].strength = WAYBUF_PREFER;
		ck_assert_int_eq(check(&set, &layout, &heap, NULL), 0);
	}
}

TEST(what_the_exporter_is_not)
{
	static const struct {
		uint16_t id;
		uint64_t value;
	} cases[] = {
		{WAYBUF_FIELD_DMABUF, 1},
		{WAYBUF_FIELD_ACCESS, WAYBUF_ACCESS_CPU_WRITE},
	};
	const struct waybuf_exporter_caps poor = {.name = "poor"};
	struct waybuf_layout layout = nv12();
	for (int i = 0; i < 2; i++) {
		struct waybuf_conflict conflict;
		struct kit_set set = {0};
		kit_value(&set.parts[0], cases[i].id, cases[i].value);
		ck_assert_int_eq(check(&set, &layout, &heap, &conflict), 0);
		ck_assert_int_eq(check(&set, &layout, &poor, &conflict), -EOPNOTSUPP);
		ck_assert_uint_eq(conflict.field, cases[i].id);
	}
}

TEST(a_pair_that_was_not_offered)
{
	struct waybuf_layout layout = nv12();
	struct waybuf_conflict conflict;
	struct kit_set set = {0};
	kit_scope(&set, DRM_FORMAT_NV12, I915_FORMAT_MOD_X_TILED);
	ck_assert_int_eq(check(&set, &layout, &heap, &conflict), -EOPNOTSUPP);
	ck_assert_uint_eq(conflict.field, WAYBUF_FIELD_SET);
	ck_assert_str_eq(conflict.name, "late");
	/* tiled, with a plane of its own for compression, is not for us to judge */
	layout.modifier = I915_FORMAT_MOD_X_TILED;
	layout.n_planes = 3;
	layout.planes[2] = (struct waybuf_plane){0, 3342336, 64, 0};
	ck_assert_int_eq(check(&set, &layout, &heap, &conflict), 0);
}

/* A driver's mistake, or a liar's: not anybody's requirement, and found before all of them. */
TEST(storage_that_does_not_hold_the_image)
{
	struct kit_set none = {0};
	struct waybuf_conflict conflict;
	for (int i = 0; i < 10; i++) {
		struct waybuf_layout layout = nv12();
		switch (i) {
		case 0:
			layout.planes[0].stride = 1919;
			break;
		case 1:
			layout.planes[1].rows = 539;
			break;
		case 2:
			layout.planes[1].slot = 1;
			break;
		case 3:
			layout.memory[0].size = 3342335;
			break;
		case 4:
			layout.planes[1].offset = 2228223;
			break;
		case 5:
			layout.n_planes = 1;
			break;
		case 6:
			layout.planes[1].stride = 0;
			break;
		case 7:
			layout.planes[1].offset = 3346432;
			break;
		case 8:
			layout.n_planes = 5;
			break;
		default:
			layout.n_memory = 0;
		}
		ck_assert_msg(check(&none, &layout, &heap, &conflict) == -EOPNOTSUPP, "case %d", i);
		ck_assert_int_eq(conflict.who, -1);
		ck_assert_uint_eq(conflict.field, WAYBUF_FIELD_LAYOUT);
		ck_assert_ptr_null(conflict.name);
	}
	/* unknown rows are as many as fit */
	struct waybuf_layout layout = nv12();
	layout.planes[0].rows = layout.planes[1].rows = 0;
	ck_assert_int_eq(check(&none, &layout, &heap, &conflict), 0);
}

/* Whatever the solver computes, this accepts: two pieces of code, one meaning. */
TEST(agrees_with_the_solver)
{
	uint64_t seed = harness_seed();
	static const uint32_t formats[] = {
		DRM_FORMAT_NV12, DRM_FORMAT_XRGB8888, DRM_FORMAT_YUV420, DRM_FORMAT_P010};
	int solved = 0;
	for (int i = 0; i < 5000; i++) {
		struct kit_request kit;
		struct waybuf_solution s;
		kit_init(&kit, (uint32_t)(1 + kit_pick(&seed, 3000)),
			(uint32_t)(1 + kit_pick(&seed, 3000)));
		kit_exporter(&kit, "heap");
		for (int p = 0; p < 3; p++) {
			struct kit_set set = {0};
			struct kit_part *part = kit_scope(&set, formats[i % 4], 0);
			uint8_t plane = (uint8_t)kit_pick(&seed, 4);
			kit_stride(part, 1 + kit_pick(&seed, 70), kit_pick(&seed, 5000),
				WAYBUF_NO_LIMIT);
			kit_rule(part, WAYBUF_FIELD_ROWS, plane, 2, 1 + kit_pick(&seed, 40),
				kit_pick(&seed, 40), 0);
			kit_rule(part, WAYBUF_FIELD_OFFSET, plane, 1, 1 + kit_pick(&seed, 999), 0,
				0);
			kit_rule(part, WAYBUF_FIELD_SIZE, kit_pick(&seed, 2) ? plane : 255, 2,
				1 + kit_pick(&seed, 99), kit_pick(&seed, 999), 0);
			kit_rule(part, WAYBUF_FIELD_WIDTH, WAYBUF_PLANE_ALL, 3,
				kit_pick(&seed, 4000), WAYBUF_NO_LIMIT, 1 + kit_pick(&seed, 64));
			if (kit_pick(&seed, 3) == 0)
				kit_value(part, WAYBUF_FIELD_ONE_FD, kit_pick(&seed, 2));
			kit_party(&kit, "p", kit_build(&set));
		}
		if (kit_solve(&kit, &s) == 0) {
			struct waybuf_conflict conflict;
			struct waybuf_layout layout = {
				.width = kit.request.width,
				.height = kit.request.height,
				.format = s.format,
				.modifier = s.modifier,
				.n_planes = s.n_planes,
				.n_memory = s.n_memory,
			};
			memcpy(layout.planes, s.planes, sizeof(s.planes));
			for (int m = 0; m < WAYBUF_MAX_PLANES; m++)
				layout.memory[m].size = s.memory_size[m];
			int ret = waybuf_constraints_check_layout(
				&kit.request, &kit.caps[0], &layout, &conflict);
			ck_assert_msg(ret == 0, "round %d: field 0x%x plane %u part %d", i,
				conflict.field, conflict.plane, conflict.part);
			solved++;
		}
		kit_finish(&kit);
	}
	ck_assert_int_gt(solved, 2000);
}

TEST_MAIN("constraints-check")
