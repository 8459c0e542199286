/* SPDX-License-Identifier: MIT */
#include "constraints_kit.h"

#include <inttypes.h>

/*
 * The solver against brute force. Images of a few pixels and rules with small numbers, so that
 * every layout can be tried; a judge that knows nothing of the solver says for each what it breaks.
 * Nothing here calls into src/constraints but the solver itself and the builder.
 */
#define MAX_VALUE 12
#define MAX_MEMORY 144

struct world {
	struct kit_request kit;
	struct kit_set sets[4];
	uint32_t n_sets;
	/* a SIZE record is about a plane */
	bool has_plane_sizes;
};

/* ---- drawing ------------------------------------------------------------------------------- */

static const uint32_t all_formats[] = {DRM_FORMAT_R8, DRM_FORMAT_GR88, DRM_FORMAT_NV12};
static const uint64_t all_modifiers[] = {DRM_FORMAT_MOD_LINEAR, I915_FORMAT_MOD_X_TILED};

static void draw_number_rule(uint64_t *seed, struct kit_part *part)
{
	uint8_t plane = kit_pick(seed, 2) ? WAYBUF_PLANE_ALL : (uint8_t)kit_pick(seed, 2);
	uint64_t multiple = 1 + kit_pick(seed, 5), min = kit_pick(seed, 8);
	uint64_t max = kit_pick(seed, 2) ? WAYBUF_NO_LIMIT : min + 1 + kit_pick(seed, 8);
	switch (kit_pick(seed, 7)) {
	case 0:
		kit_rule(part, WAYBUF_FIELD_WIDTH, WAYBUF_PLANE_ALL, 3, min, max, multiple);
		break;
	case 1:
		kit_rule(part, WAYBUF_FIELD_HEIGHT, WAYBUF_PLANE_ALL, 3, min, max, multiple);
		break;
	case 2:
	case 3:
		kit_rule(part, WAYBUF_FIELD_STRIDE, plane, 3, multiple, min, max);
		break;
	case 4:
		kit_rule(part, WAYBUF_FIELD_ROWS, plane, 2, multiple, kit_pick(seed, 3), 0);
		break;
	case 5:
		kit_rule(part, WAYBUF_FIELD_OFFSET, plane, 1, 1 + kit_pick(seed, 9), 0, 0);
		break;
	default:
		kit_rule(part, WAYBUF_FIELD_SIZE, plane, 2, multiple, kit_pick(seed, 20), 0);
	}
}

static void draw_memory_rule(uint64_t *seed, struct kit_part *part)
{
	switch (kit_pick(seed, 5)) {
	case 0:
		kit_value(part, WAYBUF_FIELD_CONTIG, 1);
		break;
	case 1:
		kit_value(part, WAYBUF_FIELD_DMABUF, 1);
		break;
	case 2:
		kit_value(part, WAYBUF_FIELD_CACHE, 1 + kit_pick(seed, 2));
		break;
	case 3:
		kit_value(part, WAYBUF_FIELD_ADDR_BITS, 24 + 8 * kit_pick(seed, 3));
		break;
	default:
		kit_value(part, WAYBUF_FIELD_ONE_FD, kit_pick(seed, 2));
	}
}

static void draw_rules(uint64_t *seed, struct kit_part *part, uint64_t n)
{
	for (; n > 0; n--) {
		if (kit_pick(seed, 4))
			draw_number_rule(seed, part);
		else
			draw_memory_rule(seed, part);
		if (kit_pick(seed, 3) == 0) {
			part->rules[part->n_rules - 1].strength = WAYBUF_PREFER;
			part->rules[part->n_rules - 1].weight = (uint16_t)(1 + kit_pick(seed, 6));
		}
	}
}

static void draw_set(uint64_t *seed, struct kit_set *set, bool concrete)
{
	*set = (struct kit_set){.n_scopes = (uint32_t)(concrete + kit_pick(seed, 2))};
	draw_rules(seed, &set->parts[0], kit_pick(seed, 3));
	for (uint32_t p = 1; p <= set->n_scopes; p++) {
		struct kit_part *part = &set->parts[p];
		part->strength = kit_pick(seed, 4) ? WAYBUF_MUST : WAYBUF_PREFER;
		if (part->strength == WAYBUF_PREFER)
			part->weight = (uint16_t)kit_pick(seed, 6);
		part->n_formats = (uint32_t)(concrete + kit_pick(seed, 2));
		part->n_modifiers = (uint32_t)kit_pick(seed, 3);
		for (uint32_t i = 0; i < part->n_formats; i++)
			part->formats[i] = all_formats[kit_pick(seed, 3)];
		for (uint32_t i = 0; i < part->n_modifiers; i++)
			part->modifiers[i] = all_modifiers[kit_pick(seed, 4) == 0];
		draw_rules(seed, part, kit_pick(seed, 3));
	}
}

static void draw_exporters(uint64_t *seed, struct kit_request *kit, bool small)
{
	static const char *const names[] = {"a", "b", "c"};
	for (uint64_t n = 1 + kit_pick(seed, 3), i = 0; i < n; i++) {
		struct waybuf_exporter_caps *caps = kit_exporter(kit, names[i]);
		caps->is_dmabuf = kit_pick(seed, 3) > 0;
		caps->contiguous = kit_pick(seed, 2);
		caps->cache = (enum waybuf_caching)kit_pick(seed, 3);
		caps->address_bits = kit_pick(seed, 2) ? 32 : 0;
		caps->page_size = kit_pick(seed, 2) ? 1 : 16;
		caps->max_size = 16 + kit_pick(seed, small ? 32 : MAX_MEMORY);
		caps->base_cost = (uint32_t)kit_pick(seed, 4);
	}
}

static bool sizes_planes(const struct kit_set *set)
{
	for (uint32_t p = 0; p <= set->n_scopes; p++) {
		for (uint32_t r = 0; r < set->parts[p].n_rules; r++) {
			const struct kit_rule *rule = &set->parts[p].rules[r];
			if (rule->id == WAYBUF_FIELD_SIZE && rule->plane != WAYBUF_PLANE_ALL)
				return true;
		}
	}
	return false;
}

/* @small keeps the number of layouts down, for when all of them are tried. */
static void draw_world(uint64_t *seed, struct world *world, bool small)
{
	static const char *const names[] = {"w", "x", "y", "z"};
	uint64_t extent = small ? 4 : 8;
	*world = (struct world){.n_sets = (uint32_t)(1 + kit_pick(seed, 4))};
	kit_init(&world->kit, (uint32_t)(1 + kit_pick(seed, extent)),
		(uint32_t)(1 + kit_pick(seed, extent)));
	draw_exporters(seed, &world->kit, small);
	for (uint32_t i = 0; i < world->n_sets; i++) {
		draw_set(seed, &world->sets[i], i == 0 || kit_pick(seed, 2));
		world->has_plane_sizes |= sizes_planes(&world->sets[i]);
		kit_party(&world->kit, names[i], kit_build(&world->sets[i]));
	}
	if (kit_pick(seed, 5) == 0) {
		world->kit.request.n_exclusions = 1;
		world->kit.exclusions[0] =
			(struct waybuf_exclusion){.format = kit_pick(seed, 2) ? DRM_FORMAT_R8 : 0,
				.who = (int32_t)kit_pick(seed, world->n_sets + 1) - 1};
	}
}

/* ---- the judge ----------------------------------------------------------------------------- */

struct layout {
	const struct waybuf_exporter_caps *caps;
	uint32_t format;
	uint64_t modifier;
	uint64_t width, height;
	uint32_t n_planes;
	bool separate;
	/* size: what a plane occupies, padding included; up to what follows it */
	uint64_t offset[2], stride[2], rows[2], size[2], memory[2];
};

static bool in_list(const struct kit_part *part, uint32_t format, uint64_t modifier)
{
	bool has_format = part->n_formats == 0, has_modifier = part->n_modifiers == 0;
	for (uint32_t i = 0; i < part->n_formats; i++)
		has_format |= part->formats[i] == format;
	for (uint32_t i = 0; i < part->n_modifiers; i++)
		has_modifier |= part->modifiers[i] == modifier;
	return has_format && has_modifier;
}

/* Bytes of plane @p from its offset to the next plane or the end of its memory. */
static uint64_t room(const struct layout *l, uint32_t p)
{
	if (l->separate || p + 1 == l->n_planes)
		return l->memory[l->separate ? p : 0] - l->offset[p];
	return l->offset[p + 1] - l->offset[p];
}

static bool plane_obeys(const struct layout *l, const struct kit_rule *rule, uint32_t p)
{
	const uint64_t *v = rule->v;
	uint64_t vertical = p > 0 && l->format == DRM_FORMAT_NV12 ? 2 : 1;
	switch (rule->id) {
	case WAYBUF_FIELD_STRIDE:
		return l->stride[p] % v[0] == 0 && l->stride[p] >= v[1] && l->stride[p] <= v[2];
	case WAYBUF_FIELD_OFFSET:
		return l->offset[p] % v[0] == 0;
	case WAYBUF_FIELD_ROWS:
		return l->rows[p] % v[0] == 0 &&
			l->rows[p] >= (l->height + vertical - 1) / vertical + v[1];
	case WAYBUF_FIELD_SIZE:
		return l->size[p] % v[0] == 0 && l->size[p] >= l->stride[p] * l->rows[p] + v[1];
	}
	return true;
}

static bool memories_obey(const struct layout *l, const struct kit_rule *rule)
{
	for (uint32_t p = 0; p < l->n_planes; p++) {
		uint64_t memory = l->memory[l->separate ? p : 0];
		if (memory % rule->v[0])
			return false;
		if ((l->separate || p + 1 == l->n_planes) &&
			l->offset[p] + l->stride[p] * l->rows[p] + rule->v[1] > memory)
			return false;
	}
	return true;
}

static bool obeys(const struct layout *l, const struct kit_rule *rule)
{
	const uint64_t *v = rule->v;
	switch (rule->id) {
	case WAYBUF_FIELD_WIDTH:
		return l->width >= v[0] && l->width <= v[1] && l->width % v[2] == 0;
	case WAYBUF_FIELD_HEIGHT:
		return l->height >= v[0] && l->height <= v[1] && l->height % v[2] == 0;
	case WAYBUF_FIELD_CONTIG:
		return l->caps->contiguous;
	case WAYBUF_FIELD_DMABUF:
		return l->caps->is_dmabuf;
	case WAYBUF_FIELD_CACHE:
		return l->caps->cache == v[0];
	case WAYBUF_FIELD_ADDR_BITS:
		return (l->caps->address_bits ? l->caps->address_bits : 64) <= v[0];
	case WAYBUF_FIELD_ONE_FD:
		return l->n_planes == 1 || l->separate == (v[0] == 0);
	}
	if (rule->id == WAYBUF_FIELD_SIZE && rule->plane == WAYBUF_PLANE_ALL)
		return memories_obey(l, rule);
	for (uint32_t p = 0; p < l->n_planes; p++) {
		if ((rule->plane == p || rule->plane == WAYBUF_PLANE_ALL) &&
			!plane_obeys(l, rule, p))
			return false;
	}
	return true;
}

static bool same_rule(const struct kit_rule *a, const struct kit_rule *b)
{
	return a->id == b->id && a->strength == b->strength && a->plane == b->plane &&
		a->weight == b->weight && a->n_words == b->n_words &&
		memcmp(a->v, b->v, sizeof(a->v)) == 0;
}

static bool same_scope(const struct kit_part *a, const struct kit_part *b)
{
	/* lists as sets: both ways round */
	for (int f = 0; f < 3; f++) {
		for (int m = 0; m < 2; m++) {
			if (in_list(a, all_formats[f], all_modifiers[m]) !=
				in_list(b, all_formats[f], all_modifiers[m]))
				return false;
		}
	}
	return a->strength == b->strength && a->weight == b->weight &&
		!a->n_formats == !b->n_formats && !a->n_modifiers == !b->n_modifiers;
}

/* A preference said twice by one party, where both apply, counts once. */
static bool said_before(const struct kit_set *set, uint32_t p, uint32_t r, const struct layout *l)
{
	for (uint32_t q = 0; q <= p; q++) {
		const struct kit_part *part = &set->parts[q];
		if (q > 0 && !in_list(part, l->format, l->modifier))
			continue;
		for (uint32_t i = 0; i < (q == p ? r : part->n_rules); i++) {
			if (same_rule(&part->rules[i], &set->parts[p].rules[r]))
				return true;
		}
	}
	return false;
}

static bool scope_said_before(const struct kit_set *set, uint32_t p)
{
	for (uint32_t q = 1; q < p; q++) {
		if (same_scope(&set->parts[q], &set->parts[p]))
			return true;
	}
	return false;
}

#define NEVER UINT64_MAX

static uint64_t judge_pairs(const struct kit_set *set, const struct layout *l)
{
	bool must_sets = false, prefer_sets = false, in_must = false, in_prefer = false;
	uint64_t cost = 0;
	for (uint32_t p = 1; p <= set->n_scopes; p++) {
		const struct kit_part *part = &set->parts[p];
		bool in = in_list(part, l->format, l->modifier);
		if (part->strength == WAYBUF_MUST) {
			must_sets = true;
			in_must |= in;
		} else {
			prefer_sets = true;
			in_prefer |= in;
			if (!in && !scope_said_before(set, p))
				cost += part->weight;
		}
	}
	if (must_sets ? !in_must : prefer_sets && !in_prefer)
		return NEVER;
	return cost;
}

/* What the layout costs this party, or NEVER. */
static uint64_t judge_set(const struct kit_set *set, const struct layout *l)
{
	uint64_t cost = judge_pairs(set, l);
	for (uint32_t p = 0; p <= set->n_scopes && cost != NEVER; p++) {
		const struct kit_part *part = &set->parts[p];
		if (p > 0 && !in_list(part, l->format, l->modifier))
			continue;
		for (uint32_t r = 0; r < part->n_rules; r++) {
			const struct kit_rule *rule = &part->rules[r];
			if (obeys(l, rule))
				continue;
			if (rule->strength == WAYBUF_MUST)
				return NEVER;
			if (!said_before(set, p, r, l))
				cost += rule->weight;
		}
	}
	return cost;
}

static uint64_t judge_sized(const struct world *world, const struct layout *l)
{
	const struct waybuf_request *request = &world->kit.request;
	uint64_t cost = l->caps->base_cost;
	for (size_t i = 0; i < request->n_exclusions; i++) {
		const struct waybuf_exclusion *e = &request->exclusions[i];
		if (request->exporters[e->exporter] == l->caps &&
			(!e->format || (e->format == l->format && e->modifier == l->modifier)))
			return NEVER;
	}
	for (uint32_t i = 0; i < world->n_sets; i++) {
		uint64_t mine = judge_set(&world->sets[i], l);
		if (mine == NEVER)
			return NEVER;
		cost += mine;
	}
	return cost;
}

/* A layout does not say how much of the room behind its rows belongs to a plane: as it suits best. */
static uint64_t judge(const struct world *world, struct layout *l)
{
	uint64_t best = NEVER, rows1 = l->n_planes > 1 ? l->stride[1] * l->rows[1] : 0;
	uint64_t room0 = room(l, 0), room1 = l->n_planes > 1 ? room(l, 1) : 0;
	for (l->size[0] = l->stride[0] * l->rows[0]; l->size[0] <= room0; l->size[0]++) {
		for (l->size[1] = rows1; l->size[1] <= room1; l->size[1]++) {
			uint64_t cost = judge_sized(world, l);
			best = cost < best ? cost : best;
			if (!world->has_plane_sizes)
				return best;
		}
	}
	return best;
}

/* ---- brute force --------------------------------------------------------------------------- */

struct brute {
	const struct world *world;
	struct layout l;
	/* stop at the first layout that will do */
	bool any;
	uint64_t best;
};

static bool rule_possible(
	const struct layout *l, const struct kit_rule *rule, uint16_t id, uint32_t p)
{
	if (rule->strength != WAYBUF_MUST || rule->id != id)
		return true;
	if (id == WAYBUF_FIELD_WIDTH || id == WAYBUF_FIELD_HEIGHT)
		return obeys(l, rule);
	return (rule->plane != p && rule->plane != WAYBUF_PLANE_ALL) || plane_obeys(l, rule, p);
}

/* No use going on from here: a record about what is decided already is broken. */
static bool possible(const struct brute *brute, uint16_t id, uint32_t plane)
{
	const struct layout *l = &brute->l;
	for (uint32_t i = 0; i < brute->world->n_sets; i++) {
		const struct kit_set *set = &brute->world->sets[i];
		for (uint32_t p = 0; p <= set->n_scopes; p++) {
			const struct kit_part *part = &set->parts[p];
			if (p > 0 && !in_list(part, l->format, l->modifier))
				continue;
			for (uint32_t r = 0; r < part->n_rules; r++) {
				if (!rule_possible(l, &part->rules[r], id, plane))
					return false;
			}
		}
	}
	return true;
}

static bool brute_done(const struct brute *brute)
{
	return brute->any && brute->best != NEVER;
}

static void brute_judge(struct brute *brute)
{
	uint64_t cost = judge(brute->world, &brute->l);
	if (cost < brute->best)
		brute->best = cost;
}

/* All sizes of memory @i that hold what ends at @end. */
static void brute_memory(struct brute *brute, uint32_t i, uint64_t end)
{
	struct layout *l = &brute->l;
	uint64_t page = l->caps->page_size;
	for (uint64_t size = (end + page - 1) / page * page;
		size <= l->caps->max_size && !brute_done(brute); size += page) {
		l->memory[i] = size;
		if (l->separate && i == 0)
			brute_memory(brute, 1, l->stride[1] * l->rows[1]);
		else
			brute_judge(brute);
	}
}

static void brute_offsets(struct brute *brute)
{
	struct layout *l = &brute->l;
	uint64_t size0 = l->stride[0] * l->rows[0], size1 = l->stride[1] * l->rows[1];
	l->offset[0] = l->offset[1] = 0;
	l->separate = false;
	if (l->n_planes == 1) {
		brute_memory(brute, 0, size0);
		return;
	}
	for (uint64_t o = size0; o + size1 <= l->caps->max_size && !brute_done(brute); o++) {
		l->offset[1] = o;
		if (!possible(brute, WAYBUF_FIELD_OFFSET, 1))
			continue;
		brute_memory(brute, 0, o + size1);
	}
	l->separate = true;
	l->offset[1] = 0;
	brute_memory(brute, 0, size0);
}

static void brute_plane(struct brute *brute, uint32_t p)
{
	struct layout *l = &brute->l;
	bool chroma = p == 1;
	uint64_t bytes = l->format == DRM_FORMAT_R8 || (l->n_planes == 2 && !chroma) ? 1 : 2;
	uint64_t width = chroma ? (l->width + 1) / 2 : l->width;
	uint64_t height = chroma ? (l->height + 1) / 2 : l->height;
	for (uint64_t s = width * bytes; s <= MAX_VALUE && !brute_done(brute); s++) {
		l->stride[p] = s;
		if (!possible(brute, WAYBUF_FIELD_STRIDE, p))
			continue;
		for (uint64_t r = height; r <= MAX_VALUE && !brute_done(brute); r++) {
			l->rows[p] = r;
			if (!possible(brute, WAYBUF_FIELD_ROWS, p))
				continue;
			if (s * r > l->caps->max_size)
				break;
			if (p + 1 < l->n_planes)
				brute_plane(brute, p + 1);
			else
				brute_offsets(brute);
		}
	}
}

static void brute_pair(struct brute *brute)
{
	const struct waybuf_request *request = &brute->world->kit.request;
	struct layout *l = &brute->l;
	for (uint64_t w = request->width; w <= MAX_VALUE && !brute_done(brute); w++) {
		l->width = w;
		if (!possible(brute, WAYBUF_FIELD_WIDTH, 0))
			continue;
		for (uint64_t h = request->height; h <= MAX_VALUE && !brute_done(brute); h++) {
			l->height = h;
			if (possible(brute, WAYBUF_FIELD_HEIGHT, 0))
				brute_plane(brute, 0);
		}
	}
}

static bool named(const struct world *world, uint32_t format)
{
	for (uint32_t i = 0; i < world->n_sets; i++) {
		const struct kit_set *set = &world->sets[i];
		bool must_sets = false;
		for (uint32_t p = 1; p <= set->n_scopes; p++)
			must_sets |= set->parts[p].strength == WAYBUF_MUST;
		for (uint32_t p = 1; p <= set->n_scopes; p++) {
			const struct kit_part *part = &set->parts[p];
			if (must_sets && part->strength != WAYBUF_MUST)
				continue;
			for (uint32_t f = 0; f < part->n_formats; f++) {
				if (part->formats[f] == format)
					return true;
			}
		}
	}
	return false;
}

/* Pairs that somebody does not take need no layouts. */
static bool pair_is_taken(const struct brute *brute)
{
	for (uint32_t i = 0; i < brute->world->n_sets; i++) {
		if (judge_pairs(&brute->world->sets[i], &brute->l) == NEVER)
			return false;
	}
	return true;
}

/* With sizes of planes to choose as well there would be too many layouts of two planes. */
static bool is_feasible_to_try(const struct world *world)
{
	return !world->has_plane_sizes || !named(world, DRM_FORMAT_NV12);
}

static uint64_t brute_force(const struct world *world, bool any, int n_formats)
{
	struct brute brute = {.world = world, .any = any, .best = NEVER};
	for (size_t e = 0; e < world->kit.request.n_exporters; e++) {
		for (int f = 0; f < n_formats; f++) {
			brute.l = (struct layout){
				.caps = world->kit.request.exporters[e],
				.format = all_formats[f],
				.modifier = DRM_FORMAT_MOD_LINEAR,
				.n_planes = all_formats[f] == DRM_FORMAT_NV12 ? 2 : 1,
			};
			if (named(world, all_formats[f]) && pair_is_taken(&brute))
				brute_pair(&brute);
		}
	}
	return brute.best;
}

/* ---- the properties ------------------------------------------------------------------------ */

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
	int solved = 0;
	for (int i = 0; i < 20000; i++) {
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
	ck_assert_int_gt(solved, 4000);
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

TEST(whenever_brute_force_finds_one_so_does_the_solver)
{
	uint64_t seed = harness_seed();
	int found = 0, missed = 0;
	for (int i = 0; i < 1500; i++) {
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
	ck_assert_int_gt(found, 150);
	ck_assert_int_gt(missed, 150);
}

/* One plane, so that all layouts can be tried for the cheapest. */
TEST(no_solution_is_cheaper)
{
	uint64_t seed = harness_seed();
	int found = 0;
	for (int i = 0; i < 400; i++) {
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
	ck_assert_int_gt(found, 50);
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
		if (c->who >= 0)
			ck_assert_uint_eq(a->kit.parties[c->who].key, b->kit.parties[d->who].key);
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
	}
	world->kit.request.parties = world->kit.parties;
	world->kit.request.exclusions = world->kit.exclusions;
	shuffle_parties(seed, &world->kit, moved);
}

TEST(order_does_not_matter)
{
	uint64_t seed = harness_seed();
	struct waybuf_cache *cache = waybuf_cache_create(8);
	for (int i = 0; i < 5000; i++) {
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
	/* every second question was the first one in another order */
	ck_assert_uint_ge(stats.hits, 2500);
	ck_assert_uint_eq(stats.entries, 8);
	waybuf_cache_destroy(cache);
}

/* ---- minimality ---------------------------------------------------------------------------- */

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

/* Equal records in two scopes cannot be told apart here, to leave out one of them. */
static bool has_twin(const struct waybuf_explanation *why, uint32_t index)
{
	const struct waybuf_conflict *c = &why->conflicts[index];
	for (uint32_t i = 0; i < why->n_conflicts; i++) {
		const struct waybuf_conflict *d = &why->conflicts[i];
		if (i != index && c->who == d->who && c->field == d->field &&
			c->plane == d->plane && c->part == d->part && c->value == d->value)
			return true;
	}
	return false;
}

static void check_minimal(const struct world *world, const struct waybuf_explanation *why, int i)
{
	bool drop[32] = {0};
	ck_assert_uint_ge(why->n_conflicts, 1);
	ck_assert(why->minimal);
	ck_assert_msg(
		solve_reduced(world, why, drop) == -EOPNOTSUPP, "round %d: not a conflict", i);
	for (uint32_t c = 0; c < why->n_conflicts; c++) {
		if (has_twin(why, c))
			continue;
		drop[c] = true;
		ck_assert_msg(solve_reduced(world, why, drop) == 0,
			"round %d: conflict %u is superfluous", i, c);
		drop[c] = false;
	}
}

TEST(a_refusal_names_a_minimal_clash)
{
	uint64_t seed = harness_seed();
	int checked = 0, several = 0;
	for (int i = 0; i < 6000; i++) {
		struct world world;
		struct waybuf_solution solution;
		const struct waybuf_explanation *why = NULL;
		draw_world(&seed, &world, false);
		int ret = waybuf_negotiate(&world.kit.request, NULL, &solution, &why);
		ck_assert(ret == 0 || ret == -EOPNOTSUPP);
		if (ret < 0 && why->reason == WAYBUF_REASON_CONFLICT) {
			check_minimal(&world, why, i);
			checked++;
			several += why->n_conflicts > 1;
		}
		waybuf_explanation_unref(why);
		kit_finish(&world.kit);
	}
	ck_assert_int_gt(checked, 1000);
	ck_assert_int_gt(several, 500);
}

TEST_TIMEOUT(100)
TEST_MAIN("constraints-random")
