/* SPDX-License-Identifier: MIT */
#include "constraints_world.h"

/* A refusal is taken apart: what it names clashes, and without any one part of it nothing does. */

static bool is_kept(const struct waybuf_explanation *why, const bool *drop, int32_t who,
	uint16_t field, uint8_t plane, enum waybuf_part part, uint64_t value)
{
	for (uint32_t i = 0; i < why->n_conflicts; i++) {
		const struct waybuf_conflict *c = &why->conflicts[i];
		if (!drop[i] && c->who == who && c->field == field && c->plane == plane &&
			c->part == part && c->value == value)
			return true;
	}
	return false;
}

static void neutralise(
	const struct waybuf_explanation *why, const bool *drop, int32_t who, struct kit_rule *rule)
{
	enum waybuf_part parts[3] = {WAYBUF_PART_VALUE};
	static const uint64_t neutral[] = {
		[WAYBUF_PART_MULTIPLE] = 1, [WAYBUF_PART_MAX] = WAYBUF_NO_LIMIT};
	switch (rule->id) {
	case WAYBUF_FIELD_WIDTH:
	case WAYBUF_FIELD_HEIGHT:
		parts[0] = WAYBUF_PART_MIN;
		parts[1] = WAYBUF_PART_MAX;
		parts[2] = WAYBUF_PART_MULTIPLE;
		break;
	case WAYBUF_FIELD_STRIDE:
		parts[0] = WAYBUF_PART_MULTIPLE;
		parts[1] = WAYBUF_PART_MIN;
		parts[2] = WAYBUF_PART_MAX;
		break;
	case WAYBUF_FIELD_OFFSET:
	case WAYBUF_FIELD_ROWS:
	case WAYBUF_FIELD_SIZE:
		parts[0] = WAYBUF_PART_MULTIPLE;
		parts[1] = WAYBUF_PART_EXTRA;
		break;
	}
	for (int w = 0; w < rule->n_words; w++) {
		if (is_kept(why, drop, who, rule->id, rule->plane, parts[w], rule->v[w]))
			continue;
		if (parts[w] == WAYBUF_PART_VALUE)
			rule->strength = WAYBUF_INFORM;
		else
			rule->v[w] = parts[w] == WAYBUF_PART_MULTIPLE || parts[w] == WAYBUF_PART_MAX
				? neutral[parts[w]]
				: 0;
	}
}

/* The set with nothing but what the explanation names, but for the conflicts in @drop. */
static void reduce(const struct waybuf_explanation *why, const bool *drop, int32_t who,
	const struct kit_set *from, struct kit_set *to)
{
	*to = *from;
	bool bound =
		is_kept(why, drop, who, WAYBUF_FIELD_SET, WAYBUF_PLANE_ALL, WAYBUF_PART_VALUE, 0);
	for (uint32_t p = 0; p <= to->n_scopes; p++) {
		struct kit_part *part = &to->parts[p];
		if (p > 0 && !bound) {
			part->strength = WAYBUF_PREFER;
			part->weight = 0;
		}
		for (uint32_t r = 0; r < part->n_rules; r++) {
			if (part->rules[r].strength == WAYBUF_MUST)
				neutralise(why, drop, who, &part->rules[r]);
		}
	}
	if (!bound) {
		/* its scopes still say what their records apply to, but bound nothing any more */
		struct kit_part *any = kit_scope(to, 0, 0);
		any->n_formats = any->n_modifiers = 0;
	}
}

/* Somebody who named all the formats, so that the question stays the same. */
static void name_formats(const struct world *world, struct kit_request *kit)
{
	struct kit_set names = {0};
	struct kit_part *part = kit_scope(&names, 0, 0);
	part->n_formats = part->n_modifiers = 0;
	for (int f = 0; f < 3; f++) {
		if (named(world, all_formats[f]))
			part->formats[part->n_formats++] = all_formats[f];
	}
	kit_party(kit, "names", kit_build(&names));
}

static int solve_reduced(
	const struct world *world, const struct waybuf_explanation *why, const bool *drop)
{
	struct kit_request kit = world->kit;
	struct waybuf_solution solution;
	size_t kept = 0;
	kit.request.parties = kit.parties;
	kit.request.exclusions = kit.exclusions;
	kit.request.n_parties = 0;
	for (uint32_t i = 0; i < world->n_sets; i++) {
		struct kit_set set;
		reduce(why, drop, (int32_t)i, &world->sets[i], &set);
		kit_party(&kit, "r", kit_build(&set));
	}
	name_formats(world, &kit);
	for (size_t e = 0; e < world->kit.request.n_exclusions; e++) {
		int32_t who = world->kit.exclusions[e].who;
		if (who < 0 ||
			is_kept(why, drop, who, WAYBUF_FIELD_PROBE, WAYBUF_PLANE_ALL,
				WAYBUF_PART_VALUE, 0))
			kit.exclusions[kept++] = world->kit.exclusions[e];
	}
	kit.request.n_exclusions = kept;
	int ret = kit_solve(&kit, &solution);
	kit_finish(&kit);
	return ret;
}

static bool says(const struct kit_rule *rule, const struct waybuf_conflict *c)
{
	if (rule->strength != WAYBUF_MUST || rule->id != c->field || rule->plane != c->plane)
		return false;
	for (int w = 0; w < rule->n_words; w++) {
		if (rule->v[w] == c->value)
			return true;
	}
	return false;
}

/* Equal records in two scopes of a party cannot be told apart here, to leave out one of them. */
static bool is_ambiguous(const struct world *world, const struct waybuf_conflict *c)
{
	int n = 0;
	const struct kit_set *set = &world->sets[c->who];
	for (uint32_t p = 0; p <= set->n_scopes; p++) {
		for (uint32_t r = 0; r < set->parts[p].n_rules; r++)
			n += says(&set->parts[p].rules[r], c);
	}
	return n > 1;
}

/* Is any one of what is named superfluous? False if it was not possible to tell. */
static bool check_minimal(const struct world *world, const struct waybuf_explanation *why, int i)
{
	bool drop[32] = {0};
	ck_assert_uint_ge(why->n_conflicts, 1);
	ck_assert(why->minimal);
	ck_assert_msg(
		solve_reduced(world, why, drop) == -EOPNOTSUPP, "round %d: not a conflict", i);
	for (uint32_t c = 0; c < why->n_conflicts; c++) {
		if (is_ambiguous(world, &why->conflicts[c]))
			return false;
	}
	for (uint32_t c = 0; c < why->n_conflicts; c++) {
		drop[c] = true;
		ck_assert_msg(solve_reduced(world, why, drop) == 0,
			"round %d: conflict %u is superfluous", i, c);
		drop[c] = false;
	}
	return true;
}

TEST(a_refusal_names_a_minimal_clash)
{
	uint64_t seed = harness_seed();
	int checked = 0, several = 0, tries = harness_tries(6000);
	for (int i = 0; i < tries; i++) {
		struct world world;
		struct waybuf_solution solution;
		const struct waybuf_explanation *why = NULL;
		draw_world(&seed, &world, false);
		int ret = waybuf_negotiate(&world.kit.request, NULL, &solution, &why);
		ck_assert(ret == 0 || ret == -EOPNOTSUPP);
		if (ret < 0 && why->reason == WAYBUF_REASON_CONFLICT) {
			bool sure = check_minimal(&world, why, i);
			checked += sure;
			several += sure && why->n_conflicts > 1;
		}
		waybuf_explanation_unref(why);
		kit_finish(&world.kit);
	}
	ck_assert_int_gt(checked, tries / 6);
	ck_assert_int_gt(several, tries / 12);
}

TEST_TIMEOUT(100)
TEST_MAIN("constraints-minimal")
