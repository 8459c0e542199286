/* SPDX-License-Identifier: MIT */
#include "constraints/search.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>

/* What it costs to be elsewhere than asked for, when no weight says. */
#define NEAR_COST 16

void waybuf_result_add_loser(
	struct waybuf_result *result, uint32_t exporter, const struct waybuf_loser *loser)
{
	uint32_t room = WAYBUF_MAX_LOSERS;
	if (loser->loss == WAYBUF_LOSS_CONFLICT && loser->conflict.field == WAYBUF_FIELD_SET)
		room /= 2;
	if (result->n_losers >= room) {
		result->n_more_losers++;
		return;
	}
	result->loser_exporters[result->n_losers] = exporter;
	result->losers[result->n_losers++] = *loser;
}

void waybuf_search_lose(struct search *search, const struct waybuf_candidate *candidate,
	enum waybuf_loss loss, const struct waybuf_conflict *conflict)
{
	struct waybuf_loser loser = {
		.format = candidate->format,
		.modifier = candidate->modifier,
		.loss = loss,
		.cost = candidate->cost,
	};
	loser.conflict.who = -1;
	if (conflict)
		loser.conflict = *conflict;
	waybuf_result_add_loser(search->result, candidate->exporter, &loser);
}

/* ---- who is to blame ----------------------------------------------------------------------- */

/* The word of the rule that says @part, -1 if it asks for nothing there. */
static int word_of_part(const struct waybuf_rule *rule, enum waybuf_part part)
{
	const struct waybuf_field_info *info = waybuf_field_info(rule->id);
	if (part == WAYBUF_PART_VALUE)
		return 0;
	for (int i = 0; i < WAYBUF_FIELD_MAX_WORDS; i++) {
		if (info->parts[i] == part && !waybuf_rule_part_is_neutral(rule, (unsigned int)i))
			return i;
	}
	return -1;
}

static bool rule_is_about(
	const struct waybuf_rule *rule, const struct waybuf_layout_clash *clash, uint64_t mask)
{
	if (rule->id != clash->field || rule->strength != WAYBUF_MUST ||
		!waybuf_rule_applies(rule, mask))
		return false;
	return rule->plane == clash->plane || rule->plane == WAYBUF_PLANE_ALL ||
		clash->plane == WAYBUF_PLANE_ALL;
}

/* The strictest of the rules about what clashes: one of those to talk to, not all of them. */
static struct waybuf_conflict blame(const struct search *search,
	const struct waybuf_candidate *candidate, const struct waybuf_layout_clash *clash)
{
	struct waybuf_conflict conflict = {
		.who = -1,
		.field = clash->field,
		.plane = clash->plane,
		.part = clash->part,
		.format = candidate->format,
		.modifier = candidate->modifier,
	};
	for (uint32_t i = 0; i < search->ordered->n_parties; i++) {
		const struct waybuf_ordered_party *party = &search->ordered->parties[i];
		for (uint32_t r = 0; r < party->set->n_rules; r++) {
			const struct waybuf_rule *rule = &party->set->rules[r];
			int word = rule_is_about(rule, clash, party->mask)
				? word_of_part(rule, clash->part)
				: -1;
			if (word < 0)
				continue;
			uint64_t value = rule->value[word];
			bool stricter = clash->part == WAYBUF_PART_MAX ? value < conflict.value
								       : value > conflict.value;
			if (conflict.who >= 0 && !stricter)
				continue;
			conflict.who = (int32_t)i;
			conflict.role = party->role;
			conflict.value = value;
		}
	}
	return conflict;
}

void waybuf_search_lose_to_clash(struct search *search, const struct waybuf_candidate *candidate,
	const struct waybuf_layout_clash *clash)
{
	struct waybuf_conflict conflict = {.who = -1};
	/* looking for the guilty costs more than counting the dead */
	if (search->result->n_losers < WAYBUF_MAX_LOSERS)
		conflict = blame(search, candidate, clash);
	waybuf_search_lose(search, candidate, WAYBUF_LOSS_CONFLICT, &conflict);
}

static void lose_to_party(struct search *search, const struct waybuf_candidate *candidate,
	uint32_t party, uint16_t field)
{
	struct waybuf_conflict conflict = {
		.who = (int32_t)party,
		.role = search->ordered->parties[party].role,
		.field = field,
		.plane = WAYBUF_PLANE_ALL,
		.format = candidate->format,
		.modifier = candidate->modifier,
	};
	waybuf_search_lose(search, candidate, WAYBUF_LOSS_CONFLICT, &conflict);
}

/* ---- what can be said without a layout ----------------------------------------------------- */

static bool is_near(const struct waybuf_rule *rule, const struct waybuf_exporter_caps *caps)
{
	if (rule->length > 8)
		return caps->devnum != 0 && caps->devnum == rule->value[1];
	return caps->device != 0 && caps->device == rule->value[0];
}

/* Preferences that only the exporter meets or breaks. */
static bool exporter_breaks(const struct waybuf_rule *rule, const struct waybuf_exporter_caps *caps)
{
	struct waybuf_fields fields;
	uint16_t field;
	waybuf_fields_init(&fields);
	waybuf_fields_apply(&fields, rule, WAYBUF_PARTS_ALL);
	return !waybuf_exporter_meets(caps, &fields, DRM_FORMAT_MOD_LINEAR, &field);
}

bool waybuf_rule_needs_layout(const struct waybuf_rule *rule)
{
	switch (rule->id) {
	case WAYBUF_FIELD_WIDTH:
	case WAYBUF_FIELD_HEIGHT:
	case WAYBUF_FIELD_STRIDE:
	case WAYBUF_FIELD_OFFSET:
	case WAYBUF_FIELD_ROWS:
	case WAYBUF_FIELD_SIZE:
	case WAYBUF_FIELD_ONE_FD:
		return true;
	}
	return false;
}

static uint64_t heap_cost(const struct waybuf_constraints *set, const struct waybuf_rule *rule,
	const struct waybuf_exporter_caps *caps)
{
	int rank = waybuf_rule_heap_rank(set, rule, caps);
	return rank < 0 ? rule->weight : (uint64_t)rank;
}

static uint64_t rule_cost(const struct waybuf_constraints *set, const struct waybuf_rule *rule,
	const struct waybuf_exporter_caps *caps)
{
	if (rule->strength == WAYBUF_INFORM)
		return 0;
	if (rule->id == WAYBUF_FIELD_HEAPS)
		return heap_cost(set, rule, caps);
	if (rule->id == WAYBUF_FIELD_NEAR) {
		uint64_t far = rule->strength == WAYBUF_PREFER ? rule->weight : NEAR_COST;
		return is_near(rule, caps) ? 0 : far;
	}
	if (rule->strength == WAYBUF_MUST || waybuf_rule_needs_layout(rule))
		return 0;
	return exporter_breaks(rule, caps) ? rule->weight : 0;
}

static uint64_t party_cost(
	const struct waybuf_ordered_party *party, const struct waybuf_exporter_caps *caps)
{
	const struct waybuf_constraints *set = party->set;
	uint64_t cost = 0, missed = set->preferred & ~party->mask;
	for (; missed; missed &= missed - 1)
		cost += set->scopes[__builtin_ctzll(missed)].weight;
	for (uint32_t r = 0; set->has_costs && r < set->n_rules; r++) {
		const struct waybuf_rule *rule = &set->rules[r];
		if (waybuf_rule_applies(rule, party->mask) &&
			!waybuf_rule_is_repeated(set, rule, party->mask))
			cost += rule_cost(set, rule, caps);
	}
	return cost;
}

/* Does every HEAPS list that applies have this exporter? */
static bool heaps_allow(
	const struct waybuf_ordered_party *party, const struct waybuf_exporter_caps *caps)
{
	for (uint32_t r = 0; party->set->has_heaps && r < party->set->n_rules; r++) {
		const struct waybuf_rule *rule = &party->set->rules[r];
		if (rule->id == WAYBUF_FIELD_HEAPS && rule->strength == WAYBUF_MUST &&
			waybuf_rule_applies(rule, party->mask) &&
			waybuf_rule_heap_rank(party->set, rule, caps) < 0)
			return false;
	}
	return true;
}

/* True and accounted for as a loser, if an exclusion or a party rules it out. */
static bool is_excluded(struct search *search, const struct waybuf_candidate *candidate)
{
	const struct waybuf_request *request = search->ordered->request;
	for (size_t i = 0; i < request->n_exclusions; i++) {
		const struct waybuf_exclusion *exclusion = &request->exclusions[i];
		if (!waybuf_exclusion_hits(exclusion, candidate))
			continue;
		if (exclusion->who < 0)
			waybuf_search_lose(search, candidate, WAYBUF_LOSS_FAILED, NULL);
		else
			lose_to_party(search, candidate,
				(uint32_t)waybuf_ordered_place(search->ordered, exclusion->who),
				WAYBUF_FIELD_PROBE);
		return true;
	}
	return false;
}

static bool party_refuses(struct search *search, const struct waybuf_candidate *candidate)
{
	const struct waybuf_ordered *ordered = search->ordered;
	for (uint32_t i = 0; i < ordered->n_parties; i++) {
		const struct waybuf_ordered_party *party = &ordered->parties[i];
		uint16_t field = 0;
		if (!waybuf_set_allows(party->set, party->mask, candidate->modifier))
			field = WAYBUF_FIELD_SET;
		else if (!heaps_allow(party, caps_of(search, candidate->exporter)))
			field = WAYBUF_FIELD_HEAPS;
		else
			continue;
		lose_to_party(search, candidate, i, field);
		return true;
	}
	return false;
}

static int keep(struct search *search, const struct waybuf_candidate *candidate)
{
	if (search->n_candidates == search->max_candidates) {
		uint32_t max = search->max_candidates ? 2 * search->max_candidates : 64;
		void *grown = realloc(search->candidates, max * sizeof(*search->candidates));
		if (!grown)
			return -ENOMEM;
		search->candidates = grown;
		search->max_candidates = max;
	}
	search->candidates[search->n_candidates++] = *candidate;
	return 0;
}

static int consider(
	struct waybuf_ordered *ordered, const struct waybuf_candidate *given, void *data)
{
	struct search *search = data;
	struct waybuf_candidate candidate = *given;
	const struct waybuf_exporter_caps *caps = caps_of(search, candidate.exporter);
	uint16_t field;
	if (search->dead >> candidate.exporter & 1)
		return 0;
	if (!waybuf_work_spend(&ordered->work, ordered->step))
		return ordered->work.spent;
	waybuf_ordered_look_up(ordered, candidate.format, candidate.modifier);
	if (caps->kind == WAYBUF_EXPORTER_RAW && !candidate.info) {
		waybuf_search_lose(search, &candidate, WAYBUF_LOSS_UNKNOWN_FORMAT, NULL);
		return 0;
	}
	if (is_excluded(search, &candidate) || party_refuses(search, &candidate))
		return 0;
	if (!waybuf_exporter_meets(caps, &ordered->common, candidate.modifier, &field)) {
		struct waybuf_layout_clash clash = {.field = field, .plane = WAYBUF_PLANE_ALL};
		waybuf_search_lose_to_clash(search, &candidate, &clash);
		return 0;
	}
	candidate.cost = (uint64_t)caps->base_cost + candidate.pair_cost;
	for (uint32_t i = 0; i < ordered->n_parties; i++)
		candidate.cost += party_cost(&ordered->parties[i], caps);
	return keep(search, &candidate);
}

/* Exporters that will not do for anything are one line in the explanation, not one for each pair. */
static void bury(struct search *search)
{
	struct waybuf_ordered *ordered = search->ordered;
	for (uint32_t e = 0; e < ordered->request->n_exporters; e++) {
		const struct waybuf_exporter_caps *caps = caps_of(search, e);
		struct waybuf_candidate whole = {.exporter = e};
		struct waybuf_layout_clash clash = {.plane = WAYBUF_PLANE_ALL};
		bool dead = !waybuf_exporter_meets(
			caps, &ordered->common, DRM_FORMAT_MOD_LINEAR, &clash.field);
		if (dead)
			waybuf_search_lose_to_clash(search, &whole, &clash);
		for (uint32_t i = 0; i < ordered->n_parties && !dead; i++) {
			dead = !heaps_allow(&ordered->parties[i], caps);
			if (dead)
				lose_to_party(search, &whole, i, WAYBUF_FIELD_HEAPS);
		}
		if (dead)
			search->dead |= UINT64_C(1) << e;
	}
}

static int compare_candidates(const void *a, const void *b)
{
	const struct waybuf_candidate *x = a, *y = b;
	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->exporter != y->exporter)
		return x->exporter < y->exporter ? -1 : 1;
	if (x->format != y->format)
		return x->format < y->format ? -1 : 1;
	return (x->modifier > y->modifier) - (x->modifier < y->modifier);
}

int waybuf_search_collect(struct search *search)
{
	bury(search);
	int ret = waybuf_for_each_candidate(search->ordered, consider, search);
	if (ret == -ENOMEM)
		return ret;
	if (search->n_candidates)
		qsort(search->candidates, search->n_candidates, sizeof(*search->candidates),
			compare_candidates);
	return 0;
}
