/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONSTRAINTS_KIT_H
#define TESTS_CONSTRAINTS_KIT_H

#include "harness.h"

#include <drm_fourcc.h>

#include "constraints/negotiate.h"

/*
 * A constraint set in plain arrays, which tests can draw at random, take apart and judge without
 * the code under test; kit_build() turns it into a real one.
 */
#define KIT_MAX_RULES 12
#define KIT_MAX_SCOPES 4
#define KIT_MAX_LIST 6

struct kit_rule {
	uint16_t id;
	uint8_t strength, plane;
	uint16_t weight;
	uint8_t n_words;
	uint64_t v[3];
};

struct kit_part {
	/* of the scope; the common part ignores them */
	uint8_t strength;
	uint16_t weight;
	uint32_t formats[KIT_MAX_LIST];
	uint64_t modifiers[KIT_MAX_LIST];
	uint32_t n_formats, n_modifiers;
	struct kit_rule rules[KIT_MAX_RULES];
	uint32_t n_rules;
};

struct kit_set {
	/* parts[0] is the common one */
	struct kit_part parts[1 + KIT_MAX_SCOPES];
	uint32_t n_scopes;
};

static inline void kit_add_rule(
	struct waybuf_constraints_builder *builder, const struct kit_rule *rule)
{
	waybuf_constraints_builder_strength(
		builder, (enum waybuf_strength)rule->strength, rule->weight);
	waybuf_constraints_builder_add(builder, rule->id, rule->plane, rule->v, rule->n_words);
}

static inline struct waybuf_constraints *kit_build(const struct kit_set *set)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *out = NULL;
	ck_assert_ptr_nonnull(builder);
	for (uint32_t p = 0; p <= set->n_scopes; p++) {
		const struct kit_part *part = &set->parts[p];
		if (p > 0) {
			waybuf_constraints_builder_strength(
				builder, (enum waybuf_strength)part->strength, part->weight);
			waybuf_constraints_builder_set(builder, part->formats, part->n_formats,
				part->modifiers, part->n_modifiers);
		}
		for (uint32_t r = 0; r < part->n_rules; r++)
			kit_add_rule(builder, &part->rules[r]);
	}
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &out), 0);
	waybuf_constraints_builder_destroy(builder);
	return out;
}

static inline struct kit_part *kit_scope(struct kit_set *set, uint32_t format, uint64_t modifier)
{
	struct kit_part *part = &set->parts[++set->n_scopes];
	*part = (struct kit_part){.n_formats = 1, .n_modifiers = 1};
	part->formats[0] = format;
	part->modifiers[0] = modifier;
	return part;
}

static inline struct kit_rule *kit_rule(struct kit_part *part, uint16_t id, uint8_t plane,
	uint8_t n_words, uint64_t v0, uint64_t v1, uint64_t v2)
{
	struct kit_rule *rule = &part->rules[part->n_rules++];
	*rule = (struct kit_rule){.id = id, .plane = plane, .n_words = n_words, .v = {v0, v1, v2}};
	return rule;
}

static inline struct kit_rule *kit_stride(
	struct kit_part *part, uint64_t multiple, uint64_t min, uint64_t max)
{
	return kit_rule(part, WAYBUF_FIELD_STRIDE, WAYBUF_PLANE_ALL, 3, multiple, min, max);
}

static inline struct kit_rule *kit_value(struct kit_part *part, uint16_t id, uint64_t value)
{
	return kit_rule(part, id, WAYBUF_PLANE_ALL, 1, value, 0, 0);
}

/* ---- requests ------------------------------------------------------------------------------ */

#define KIT_MAX_PARTIES 24

struct kit_request {
	struct waybuf_request request;
	struct waybuf_party parties[KIT_MAX_PARTIES];
	struct waybuf_exporter_caps caps[8];
	const struct waybuf_exporter_caps *exporters[8];
	struct waybuf_exclusion exclusions[8];
};

static inline void kit_init(struct kit_request *kit, uint32_t width, uint32_t height)
{
	*kit = (struct kit_request){.request.width = width, .request.height = height};
	kit->request.parties = kit->parties;
	kit->request.exporters = kit->exporters;
	kit->request.exclusions = kit->exclusions;
	/* a slow machine must not change what a test sees */
	kit->request.budget.usec = 60000000;
}

/* Takes the set. */
static inline void kit_party(
	struct kit_request *kit, const char *who, struct waybuf_constraints *set)
{
	size_t i = kit->request.n_parties++;
	ck_assert_uint_lt(i, KIT_MAX_PARTIES);
	kit->parties[i] = (struct waybuf_party){
		.who = who, .role = (uint32_t)(10 + i), .key = 1000 + i, .set = set};
}

static inline struct waybuf_exporter_caps *kit_exporter(struct kit_request *kit, const char *name)
{
	size_t i = kit->request.n_exporters++;
	kit->caps[i] = (struct waybuf_exporter_caps){
		.name = name, .is_dmabuf = true, .cpu_mappable = true, .cache = WAYBUF_CACHED};
	kit->exporters[i] = &kit->caps[i];
	return &kit->caps[i];
}

static inline void kit_finish(struct kit_request *kit)
{
	for (size_t i = 0; i < kit->request.n_parties; i++)
		waybuf_constraints_unref(kit->parties[i].set);
}

static inline int kit_solve(struct kit_request *kit, struct waybuf_solution *solution)
{
	return waybuf_negotiate(&kit->request, NULL, solution, NULL);
}

/* The explanation as text; free it. */
static inline char *kit_explain(const struct waybuf_explanation *explanation)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(out);
	waybuf_explanation_print(explanation, out);
	fclose(out);
	return text;
}

static inline uint64_t kit_pick(uint64_t *seed, uint64_t n)
{
	return harness_random(seed) % n;
}

#endif
