/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "constraints_world.h"

#include "constraints/set.h"

/* What must be true of every answer of the solver, on random requests. */

static struct layout layout_of(const struct world *world, const struct waybuf_solution *s)
{
	struct layout l = {
		.caps = world->kit.request.exporters[s->exporter],
		.format = s->format,
		.modifier = s->modifier,
		.width = s->width,
		.height = s->height,
		.n_planes = s->n_planes,
		.separate = s->n_memory > 1,
	};
	ck_assert_uint_le(s->n_planes, 2);
	for (uint32_t p = 0; p < s->n_planes; p++) {
		l.offset[p] = s->planes[p].offset;
		l.stride[p] = s->planes[p].stride;
		l.rows[p] = s->planes[p].rows;
	}
	for (uint32_t i = 0; i < s->n_memory; i++) {
		l.memory[i] = s->memory_size[i];
		ck_assert_uint_le(s->memory_size[i], l.caps->max_size);
		ck_assert_uint_eq(s->memory_size[i] % l.caps->page_size, 0);
	}
	return l;
}

TEST(a_solution_breaks_no_must_and_costs_what_it_says)
{
	uint64_t seed = harness_seed();
	int solved = 0, tries = harness_tries(20000);
	for (int i = 0; i < tries; i++) {
		struct world world;
		struct waybuf_solution solution;
		draw_world(&seed, &world, false);
		if (kit_solve(&world.kit, &solution) == 0) {
			struct layout l = layout_of(&world, &solution);
			ck_assert_msg(judge(&world, &l) == solution.cost,
				"round %d: cost %" PRIu64 " judged %" PRIu64, i, solution.cost,
				judge(&world, &l));
			solved++;
		}
		kit_finish(&world.kit);
	}
	/* else the above means little */
	ck_assert_int_gt(solved, tries / 5);
}

/* Rows and strides beyond MAX_VALUE are out of reach of brute force, and only of it. */
static bool in_reach(const struct waybuf_solution *s)
{
	for (uint32_t p = 0; p < s->n_planes; p++) {
		if (s->planes[p].stride > MAX_VALUE || s->planes[p].rows > MAX_VALUE)
			return false;
	}
	return s->width <= MAX_VALUE && s->height <= MAX_VALUE;
}

/* With sizes of planes to choose as well there would be too many layouts of two planes. */
static bool is_feasible_to_try(const struct world *world)
{
	return !world->has_plane_sizes || !named(world, DRM_FORMAT_NV12);
}

TEST(whenever_brute_force_finds_one_so_does_the_solver)
{
	uint64_t seed = harness_seed();
	int found = 0, missed = 0, tries = harness_tries(1500);
	for (int i = 0; i < tries; i++) {
		struct world world = {0};
		struct waybuf_solution solution;
		do {
			kit_finish(&world.kit);
			draw_world(&seed, &world, true);
		} while (!is_feasible_to_try(&world));
		int ret = kit_solve(&world.kit, &solution);
		bool exists = brute_force(&world, true, 3) != NEVER;
		if (exists)
			ck_assert_msg(ret == 0, "round %d: missed, %d", i, ret);
		else
			ck_assert_msg(ret != 0 || !in_reach(&solution), "round %d: too much", i);
		found += exists;
		missed += !exists;
		kit_finish(&world.kit);
	}
	ck_assert_int_gt(found, tries / 10);
	ck_assert_int_gt(missed, tries / 10);
}

/* One plane, so that all layouts can be tried for the cheapest. */
TEST(no_solution_is_cheaper)
{
	uint64_t seed = harness_seed();
	int found = 0, tries = harness_tries(1200);
	for (int i = 0; i < tries; i++) {
		struct world world;
		struct waybuf_solution solution;
		draw_world(&seed, &world, true);
		int ret = kit_solve(&world.kit, &solution);
		if (ret == 0 && solution.format != DRM_FORMAT_NV12) {
			uint64_t best = brute_force(&world, false, 2);
			ck_assert_msg(solution.cost <= best, "round %d: %" PRIu64 " over %" PRIu64,
				i, solution.cost, best);
			found++;
		}
		kit_finish(&world.kit);
	}
	ck_assert_int_gt(found, tries / 10);
}

/* ---- determinism --------------------------------------------------------------------------- */

static void shuffle_parties(uint64_t *seed, struct kit_request *kit, int32_t *moved)
{
	size_t n = kit->request.n_parties;
	for (size_t i = 0; i < n; i++)
		moved[i] = (int32_t)i;
	for (size_t i = n; i > 1; i--) {
		size_t k = kit_pick(seed, i);
		struct waybuf_party party = kit->parties[i - 1];
		int32_t m = moved[i - 1];
		kit->parties[i - 1] = kit->parties[k];
		kit->parties[k] = party;
		moved[i - 1] = moved[k];
		moved[k] = m;
	}
	for (size_t e = 0; e < kit->request.n_exclusions; e++) {
		for (size_t i = 0; i < n; i++) {
			if (moved[i] == kit->exclusions[e].who) {
				kit->exclusions[e].who = (int32_t)i;
				break;
			}
		}
	}
}

static void compare_conflicts(const struct world *a, const struct waybuf_explanation *x,
	const struct world *b, const struct waybuf_explanation *y)
{
	ck_assert_int_eq(x->reason, y->reason);
	ck_assert_uint_eq(x->n_conflicts, y->n_conflicts);
	for (uint32_t i = 0; i < x->n_conflicts; i++) {
		const struct waybuf_conflict *c = &x->conflicts[i], *d = &y->conflicts[i];
		ck_assert_uint_eq(c->field, d->field);
		ck_assert_uint_eq(c->value, d->value);
		ck_assert_int_eq(c->who < 0, d->who < 0);
		if (c->who >= 0) {
			/* of two that say the same either may be named */
			ck_assert_uint_eq(
				a->kit.parties[c->who].set->hash, b->kit.parties[d->who].set->hash);
		}
	}
}

/* The same records in another order inside their scopes, the same scopes in another order. */
static void shuffle_set(uint64_t *seed, struct kit_set *set)
{
	for (uint32_t p = 0; p <= set->n_scopes; p++) {
		struct kit_part *part = &set->parts[p];
		for (uint32_t i = part->n_rules; i > 1; i--) {
			uint32_t k = (uint32_t)kit_pick(seed, i);
			struct kit_rule rule = part->rules[i - 1];
			part->rules[i - 1] = part->rules[k];
			part->rules[k] = rule;
		}
	}
	for (uint32_t i = set->n_scopes; i > 1; i--) {
		uint32_t k = 1 + (uint32_t)kit_pick(seed, i);
		struct kit_part part = set->parts[i];
		set->parts[i] = set->parts[k];
		set->parts[k] = part;
	}
}

static void reorder(uint64_t *seed, struct world *world)
{
	int32_t moved[KIT_MAX_PARTIES];
	for (uint32_t i = 0; i < world->n_sets; i++) {
		shuffle_set(seed, &world->sets[i]);
		world->kit.parties[i].set = kit_build(&world->sets[i]);
		/* another pool: nothing about the keys is the same but that they differ */
		world->kit.parties[i].key = harness_random(seed);
	}
	world->kit.request.parties = world->kit.parties;
	world->kit.request.exclusions = world->kit.exclusions;
	shuffle_parties(seed, &world->kit, moved);
}

TEST(order_does_not_matter)
{
	uint64_t seed = harness_seed();
	int tries = harness_tries(5000);
	struct waybuf_cache *cache = waybuf_cache_create(8);
	for (int i = 0; i < tries; i++) {
		struct world world, other;
		struct waybuf_solution x = {0}, y = {0};
		const struct waybuf_explanation *why_x = NULL, *why_y = NULL;
		draw_world(&seed, &world, false);
		other = world;
		reorder(&seed, &other);
		other.kit.request.exporters = world.kit.exporters;
		struct waybuf_cache *used = i % 2 ? cache : NULL;
		int ret = waybuf_negotiate(&world.kit.request, used, &x, &why_x);
		ck_assert_int_eq(waybuf_negotiate(&other.kit.request, used, &y, &why_y), ret);
		if (ret == 0)
			ck_assert_mem_eq(&x, &y, sizeof(x));
		compare_conflicts(&world, why_x, &other, why_y);
		waybuf_explanation_unref(why_x);
		waybuf_explanation_unref(why_y);
		kit_finish(&world.kit);
		kit_finish(&other.kit);
	}
	struct waybuf_cache_stats stats;
	waybuf_cache_get_stats(cache, &stats);
	/* the first question in another order; rarely equal parties and an exclusion of one make two */
	ck_assert_uint_ge(stats.hits, (uint64_t)tries / 2 - (uint64_t)tries / 50);
	ck_assert_uint_eq(stats.entries, 8);
	waybuf_cache_destroy(cache);
}

TEST_TIMEOUT(100)
TEST_MAIN("constraints-random")
