/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONSTRAINTS_WORLD_H
#define TESTS_CONSTRAINTS_WORLD_H

#include "constraints_kit.h"

/*
 * The solver against brute force. Images of a few pixels and rules with small numbers, so that
 * every layout can be tried; a judge that knows nothing of the solver says for each what it breaks.
 * Nothing here calls into src/constraints but the solver itself and the builder.
 */
#define MAX_VALUE 12
#define MAX_MEMORY 144
#define NEVER UINT64_MAX

static const uint32_t all_formats[] = {DRM_FORMAT_R8, DRM_FORMAT_GR88, DRM_FORMAT_NV12};
static const uint64_t all_modifiers[] = {DRM_FORMAT_MOD_LINEAR, I915_FORMAT_MOD_X_TILED};

struct world {
	struct kit_request kit;
	struct kit_set sets[4];
	uint32_t n_sets;
	/* a SIZE record is about a plane */
	bool has_plane_sizes;
};

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

/* Parties, exporters and a request at random. @small keeps the number of layouts down. */
void draw_world(uint64_t *seed, struct world *world, bool small);

/* Does a must of a bounding set name the format? */
bool named(const struct world *world, uint32_t format);

bool in_list(const struct kit_part *part, uint32_t format, uint64_t modifier);
bool plane_obeys(const struct layout *l, const struct kit_rule *rule, uint32_t p);
bool obeys(const struct layout *l, const struct kit_rule *rule);
/* What it costs that the pair of the layout is in some SETs and not in others, or NEVER. */
uint64_t judge_pairs(const struct kit_set *set, const struct layout *l);
/* What the layout costs all together, or NEVER. Tries l->size. */
uint64_t judge(const struct world *world, struct layout *l);

/* The least cost of all layouts of the first @n_formats formats; any cost, if @any will do. */
uint64_t brute_force(const struct world *world, bool any, int n_formats);

#endif
