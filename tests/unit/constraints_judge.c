/* SPDX-License-Identifier: MIT */
#include "constraints_world.h"

bool in_list(const struct kit_part *part, uint32_t format, uint64_t modifier)
{
	bool has_format = part->n_formats == 0, has_modifier = part->n_modifiers == 0;
	for (uint32_t i = 0; i < part->n_formats; i++)
		has_format |= part->formats[i] == format;
	for (uint32_t i = 0; i < part->n_modifiers; i++)
		has_modifier |= part->modifiers[i] == modifier;
	return has_format && has_modifier;
}

/* Bytes of plane @p, of at most two, from its offset to the next plane or the end of its memory. */
static uint64_t room(const struct layout *l, uint32_t p)
{
	if (l->separate || l->n_planes == 1 || p > 0)
		return l->memory[l->separate ? p : 0] - l->offset[p];
	return l->offset[p + 1] - l->offset[p];
}

bool plane_obeys(const struct layout *l, const struct kit_rule *rule, uint32_t p)
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

bool obeys(const struct layout *l, const struct kit_rule *rule)
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

uint64_t judge_pairs(const struct kit_set *set, const struct layout *l)
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
uint64_t judge(const struct world *world, struct layout *l)
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
