/* SPDX-License-Identifier: MIT */
#include "constraints_kit.h"

#include "constraints/set.h"

/*
 * The laws of the merge, on random sets that went through the wire format: for a random pair of
 * format and modifier, what each set requires of it.
 */
#define ROUNDS 100000

static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12, DRM_FORMAT_R8};
static const uint64_t modifiers[] = {
	DRM_FORMAT_MOD_LINEAR, DRM_FORMAT_MOD_INVALID, I915_FORMAT_MOD_X_TILED};

/* Small numbers that share factors, and some whose common multiple overflows. */
static uint64_t random_multiple(uint64_t *seed)
{
	switch (kit_pick(seed, 8)) {
	case 0:
		return UINT64_C(1) << kit_pick(seed, 64);
	case 1:
		return UINT64_C(0xfffffffb) + kit_pick(seed, 3);
	case 2:
		return harness_random(seed) | 1;
	default:
		return 1 + kit_pick(seed, 48);
	}
}

static void random_range(uint64_t *seed, uint64_t *min, uint64_t *max)
{
	*min = kit_pick(seed, 3) ? kit_pick(seed, 200) : 0;
	*max = kit_pick(seed, 3) ? WAYBUF_NO_LIMIT : *min + 1 + kit_pick(seed, 1000);
}

static void random_rule(uint64_t *seed, struct kit_part *part)
{
	uint8_t planes[] = {0, 1, 2, 3, WAYBUF_PLANE_ALL};
	uint8_t plane = planes[kit_pick(seed, 5)];
	uint64_t multiple = random_multiple(seed), min, max;
	random_range(seed, &min, &max);
	struct kit_rule *rule;
	switch (kit_pick(seed, 11)) {
	case 0:
		rule = kit_rule(part, WAYBUF_FIELD_WIDTH, WAYBUF_PLANE_ALL, 3, min, max, multiple);
		break;
	case 1:
		rule = kit_rule(part, WAYBUF_FIELD_HEIGHT, WAYBUF_PLANE_ALL, 3, min, max, multiple);
		break;
	case 2:
	case 3:
		rule = kit_rule(part, WAYBUF_FIELD_STRIDE, plane, 3, multiple, min, max);
		break;
	case 4:
		rule = kit_rule(part, WAYBUF_FIELD_OFFSET, plane, 1, multiple, 0, 0);
		break;
	case 5:
		rule = kit_rule(part, WAYBUF_FIELD_ROWS, plane, 2, multiple, min, 0);
		break;
	case 6:
		rule = kit_rule(part, WAYBUF_FIELD_SIZE, plane, 2, multiple, min, 0);
		break;
	case 7:
		rule = kit_value(part, WAYBUF_FIELD_ONE_FD, kit_pick(seed, 2));
		break;
	case 8:
		rule = kit_value(part, WAYBUF_FIELD_ADDR_BITS, 1 + kit_pick(seed, 64));
		break;
	case 9:
		rule = kit_value(part, WAYBUF_FIELD_CACHE, 1 + kit_pick(seed, 2));
		break;
	default:
		rule = kit_value(
			part, kit_pick(seed, 2) ? WAYBUF_FIELD_CONTIG : WAYBUF_FIELD_DMABUF, 1);
	}
	if (kit_pick(seed, 6) == 0) {
		rule->strength = WAYBUF_PREFER;
		rule->weight = 7;
	}
}

static void random_set(uint64_t *seed, struct kit_set *set)
{
	*set = (struct kit_set){.n_scopes = (uint32_t)kit_pick(seed, 3)};
	for (uint32_t p = 0; p <= set->n_scopes; p++) {
		struct kit_part *part = &set->parts[p];
		part->n_formats = (uint32_t)kit_pick(seed, 3);
		part->n_modifiers = (uint32_t)kit_pick(seed, 3);
		for (uint32_t i = 0; i < part->n_formats; i++)
			part->formats[i] = formats[kit_pick(seed, 3)];
		for (uint32_t i = 0; i < part->n_modifiers; i++)
			part->modifiers[i] = modifiers[kit_pick(seed, 3)];
		for (uint64_t n = kit_pick(seed, 4); n > 0; n--)
			random_rule(seed, part);
	}
	if (kit_pick(seed, 4) == 0)
		kit_value(&set->parts[0], WAYBUF_FIELD_ACCESS, kit_pick(seed, 512));
}

/* What a set requires of a pair: the common part, and each scope that has it. */
static struct waybuf_fields fields_of(
	const struct waybuf_constraints *set, uint32_t format, uint64_t modifier)
{
	struct waybuf_fields fields = set->must;
	uint64_t mask = waybuf_set_scopes_of_format(set, format);
	mask = waybuf_set_scopes_of_modifier(set, mask, modifier);
	for (uint32_t i = 0; i < set->n_scopes; i++) {
		if (mask >> i & 1)
			waybuf_fields_merge(&fields, &set->scopes[i].must);
	}
	return fields;
}

static struct waybuf_fields draw(uint64_t *seed, uint32_t format, uint64_t modifier)
{
	struct kit_set model;
	random_set(seed, &model);
	struct waybuf_constraints *set = kit_build(&model);
	struct waybuf_fields fields = fields_of(set, format, modifier);
	waybuf_constraints_unref(set);
	return fields;
}

static struct waybuf_fields merged(const struct waybuf_fields *a, const struct waybuf_fields *b)
{
	struct waybuf_fields out = *a;
	waybuf_fields_merge(&out, b);
	return out;
}

static bool in_range(const struct waybuf_range *range, uint64_t value)
{
	return range->multiple && value % range->multiple == 0 && value >= range->min &&
		value <= range->max;
}

/* A value is good for both exactly if it is good for what they merge to. */
static void check_meaning(uint64_t *seed, const struct waybuf_fields *a,
	const struct waybuf_fields *b, const struct waybuf_fields *ab)
{
	for (unsigned int p = 0; p < WAYBUF_MAX_PLANES; p++) {
		const struct waybuf_range *x = &a->planes[p].stride, *y = &b->planes[p].stride;
		uint64_t value = kit_pick(seed, 2) ? kit_pick(seed, 1200)
						   : x->multiple * (1 + kit_pick(seed, 8));
		/* no stride, though a multiple of any, also of those whose common one overflows */
		if (value == 0)
			continue;
		ck_assert_int_eq(in_range(x, value) && in_range(y, value),
			in_range(&ab->planes[p].stride, value));
	}
	for (uint64_t w = 1; w < 300; w += 1 + kit_pick(seed, 20))
		ck_assert_int_eq(
			in_range(&a->width, w) && in_range(&b->width, w), in_range(&ab->width, w));
}

TEST(laws_hold_on_random_sets)
{
	uint64_t seed = harness_seed();
	struct waybuf_fields none;
	waybuf_fields_init(&none);
	for (int i = 0, n = harness_tries(ROUNDS); i < n; i++) {
		uint32_t format = formats[kit_pick(&seed, 3)];
		uint64_t modifier = modifiers[kit_pick(&seed, 3)];
		struct waybuf_fields a = draw(&seed, format, modifier);
		struct waybuf_fields b = draw(&seed, format, modifier);
		struct waybuf_fields c = draw(&seed, format, modifier);
		struct waybuf_fields ab = merged(&a, &b), ba = merged(&b, &a);
		struct waybuf_fields bc = merged(&b, &c), aa = merged(&a, &a);
		struct waybuf_fields ab_c = merged(&ab, &c), a_bc = merged(&a, &bc);
		struct waybuf_fields ab_a = merged(&ab, &a), a_none = merged(&a, &none);
		ck_assert_msg(waybuf_fields_equal(&aa, &a), "idempotent, round %d", i);
		ck_assert_msg(waybuf_fields_equal(&ab, &ba), "commutative, round %d", i);
		ck_assert_msg(waybuf_fields_equal(&ab_c, &a_bc), "associative, round %d", i);
		ck_assert_msg(waybuf_fields_equal(&ab_a, &ab), "absorbing, round %d", i);
		ck_assert_msg(waybuf_fields_equal(&a_none, &a), "neutral, round %d", i);
		if (i % 10 == 0)
			check_meaning(&seed, &a, &b, &ab);
	}
}

/* Without this the laws could hold because nothing is ever merged. */
TEST(each_field_merges_its_own_way)
{
	struct kit_set a = {0}, b = {0};
	kit_rule(&a.parts[0], WAYBUF_FIELD_STRIDE, WAYBUF_PLANE_ALL, 3, 64, 10, 5000);
	kit_rule(&b.parts[0], WAYBUF_FIELD_STRIDE, 1, 3, 96, 20, 4000);
	kit_rule(&a.parts[0], WAYBUF_FIELD_ROWS, 0, 2, 4, 3, 0);
	kit_rule(&b.parts[0], WAYBUF_FIELD_ROWS, 0, 2, 6, 1, 0);
	kit_rule(&a.parts[0], WAYBUF_FIELD_SIZE, WAYBUF_PLANE_ALL, 2, 1, 64, 0);
	kit_rule(&b.parts[0], WAYBUF_FIELD_SIZE, 2, 2, 128, 0, 0);
	kit_value(&a.parts[0], WAYBUF_FIELD_ONE_FD, 1);
	kit_value(&b.parts[0], WAYBUF_FIELD_ONE_FD, 0);
	kit_value(&a.parts[0], WAYBUF_FIELD_ADDR_BITS, 32);
	kit_value(&b.parts[0], WAYBUF_FIELD_ADDR_BITS, 36);
	kit_value(&b.parts[0], WAYBUF_FIELD_CONTIG, 1);
	kit_value(&a.parts[0], WAYBUF_FIELD_ACCESS, WAYBUF_ACCESS_READ);
	kit_value(&b.parts[0], WAYBUF_FIELD_ACCESS, WAYBUF_ACCESS_SCANOUT);
	struct waybuf_constraints *x = kit_build(&a), *y = kit_build(&b);
	struct waybuf_fields m = merged(&x->must, &y->must);
	ck_assert_uint_eq(m.planes[0].stride.multiple, 64);
	ck_assert_uint_eq(m.planes[1].stride.multiple, 192);
	ck_assert_uint_eq(m.planes[1].stride.min, 20);
	ck_assert_uint_eq(m.planes[1].stride.max, 4000);
	ck_assert_uint_eq(m.planes[0].rows.multiple, 12);
	ck_assert_uint_eq(m.planes[0].rows.extra, 3);
	ck_assert_uint_eq(m.size.extra, 64);
	ck_assert_uint_eq(m.planes[2].size.multiple, 128);
	ck_assert_uint_eq(m.one_fd, 0);
	ck_assert_uint_eq(m.address_bits, 32);
	ck_assert(m.contiguous && !m.dmabuf);
	ck_assert_uint_eq(m.access, WAYBUF_ACCESS_READ | WAYBUF_ACCESS_SCANOUT);
	waybuf_constraints_unref(x);
	waybuf_constraints_unref(y);
}

TEST(a_multiple_that_overflows_absorbs)
{
	struct kit_set a = {0}, b = {0};
	kit_stride(&a.parts[0], (UINT64_C(1) << 32) - 5, 0, WAYBUF_NO_LIMIT);
	kit_stride(&b.parts[0], UINT64_C(1) << 40, 0, WAYBUF_NO_LIMIT);
	struct waybuf_constraints *x = kit_build(&a), *y = kit_build(&b);
	struct waybuf_fields m = merged(&x->must, &y->must);
	ck_assert_uint_eq(m.planes[0].stride.multiple, 0);
	m = merged(&m, &x->must);
	ck_assert_uint_eq(m.planes[0].stride.multiple, 0);
	waybuf_constraints_unref(x);
	waybuf_constraints_unref(y);
}

/* A scope adds to the common part; a record in a scope that only informs requires nothing. */
TEST(scopes_merge_with_the_common_part)
{
	struct kit_set set = {0};
	kit_stride(&set.parts[0], 4, 0, WAYBUF_NO_LIMIT);
	kit_stride(kit_scope(&set, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR), 6, 0, WAYBUF_NO_LIMIT);
	struct kit_part *informs = kit_scope(&set, DRM_FORMAT_R8, DRM_FORMAT_MOD_LINEAR);
	informs->strength = WAYBUF_INFORM;
	kit_stride(informs, 10, 0, WAYBUF_NO_LIMIT);
	struct waybuf_constraints *x = kit_build(&set);
	struct waybuf_fields nv12 = fields_of(x, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
	struct waybuf_fields r8 = fields_of(x, DRM_FORMAT_R8, DRM_FORMAT_MOD_LINEAR);
	ck_assert_uint_eq(nv12.planes[0].stride.multiple, 12);
	ck_assert_uint_eq(r8.planes[0].stride.multiple, 4);
	waybuf_constraints_unref(x);
}

TEST_TIMEOUT(100)
TEST_MAIN("constraints-merge")
