/* SPDX-License-Identifier: MIT */
#include "constraints_world.h"

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

bool named(const struct world *world, uint32_t format)
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

uint64_t brute_force(const struct world *world, bool any, int n_formats)
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
