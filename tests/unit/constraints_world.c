/* SPDX-License-Identifier: MIT */
#include "constraints_world.h"

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

void draw_world(uint64_t *seed, struct world *world, bool small)
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
