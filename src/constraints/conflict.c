/* SPDX-License-Identifier: MIT */
/*
 * Why there is no solution: a minimal set of requirements that cannot be met together.
 *
 * A requirement ("element") is the smallest thing that a party could give up: the pairs that it
 * offers, one part of one record (the multiple of a stride, its maximum), the refusal of its
 * imports. Elements are struck out one by one, as long as what remains still has no solution:
 * first whole parties, then all of a party's records of one kind, then single elements. Leaving out
 * a requirement can only make more possible, so an element that could not be struck out once can
 * never be later, and what is left at the end is minimal: without any one of them there is a
 * solution. It need not be the smallest such set, nor the only one.
 *
 * "There is a solution" is asked of all candidates, with nothing but the elements still standing.
 * The budget of the request is granted once more for this; when it ends, what stands is reported
 * as not minimal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "constraints/solve.h"

enum kind { BOUND, PROBE, RULE };

struct element {
	uint32_t party;
	enum kind kind;
	/* of the party */
	const struct waybuf_constraints *set;
	const struct waybuf_rule *rule;
	uint8_t word;
	bool active;
};

struct filter {
	struct waybuf_ordered *ordered;
	struct element *elements;
	uint32_t n_elements;
};

/* ---- is there a solution to what stands ---------------------------------------------------- */

static bool probe_refuses(const struct waybuf_ordered *ordered, uint32_t party,
	const struct waybuf_candidate *candidate)
{
	const struct waybuf_request *request = ordered->request;
	for (size_t i = 0; i < request->n_exclusions; i++) {
		const struct waybuf_exclusion *exclusion = &request->exclusions[i];
		if (exclusion->who >= 0 &&
			waybuf_ordered_place(ordered, exclusion->who) == (int32_t)party &&
			waybuf_exclusion_hits(exclusion, candidate))
			return true;
	}
	return false;
}

static bool has_failed(
	const struct waybuf_ordered *ordered, const struct waybuf_candidate *candidate)
{
	const struct waybuf_request *request = ordered->request;
	for (size_t i = 0; i < request->n_exclusions; i++) {
		if (request->exclusions[i].who < 0 &&
			waybuf_exclusion_hits(&request->exclusions[i], candidate))
			return true;
	}
	return false;
}

static uint32_t element_parts(const struct element *element)
{
	return 1u << waybuf_field_info(element->rule->id)->parts[element->word];
}

/* False if the element by itself rules the candidate out; else its numbers are merged. */
static bool admit(const struct filter *filter, const struct element *element,
	const struct waybuf_candidate *candidate, struct waybuf_fields *fields)
{
	const struct waybuf_ordered *ordered = filter->ordered;
	const struct waybuf_ordered_party *party = &ordered->parties[element->party];
	if (element->kind == BOUND)
		return waybuf_set_allows(party->set, party->mask, candidate->modifier);
	if (element->kind == PROBE)
		return !probe_refuses(ordered, element->party, candidate);
	if (!waybuf_rule_applies(element->rule, party->mask))
		return true;
	if (element->rule->id == WAYBUF_FIELD_HEAPS)
		return waybuf_rule_heap_rank(party->set, element->rule,
			       ordered->request->exporters[candidate->exporter]) >= 0;
	waybuf_fields_apply(fields, element->rule, element_parts(element));
	return true;
}

static bool can_lay_out(const struct waybuf_request *request,
	const struct waybuf_candidate *candidate, const struct waybuf_fields *fields)
{
	const struct waybuf_exporter_caps *caps = request->exporters[candidate->exporter];
	struct waybuf_solution solution;
	struct waybuf_layout_clash clash;
	uint16_t field;
	if (!waybuf_exporter_meets(caps, fields, candidate->modifier, &field))
		return false;
	if (caps->kind == WAYBUF_EXPORTER_RAW)
		return candidate->info &&
			waybuf_layout_compute(fields, candidate->info, request->width,
				request->height, caps, &solution, &clash);
	return waybuf_layout_ask(fields, candidate->info, candidate->modifier, request->width,
		request->height, &solution, &clash);
}

static int try_candidate(
	struct waybuf_ordered *ordered, const struct waybuf_candidate *candidate, void *data)
{
	const struct filter *filter = data;
	struct waybuf_fields fields;
	if (!waybuf_work_spend(&ordered->work, ordered->step + filter->n_elements / 4))
		return ordered->work.spent;
	if (has_failed(ordered, candidate))
		return 0;
	waybuf_ordered_look_up(ordered, candidate->format, candidate->modifier);
	waybuf_fields_init(&fields);
	for (uint32_t i = 0; i < filter->n_elements; i++) {
		if (filter->elements[i].active &&
			!admit(filter, &filter->elements[i], candidate, &fields))
			return 0;
	}
	return can_lay_out(ordered->request, candidate, &fields);
}

/* 1: yes, 0: no, negative: the budget is spent. */
static int has_solution(struct filter *filter)
{
	return waybuf_for_each_candidate(filter->ordered, try_candidate, filter);
}

/* ---- elements ------------------------------------------------------------------------------ */

static bool is_requirement(const struct waybuf_rule *rule)
{
	const uint64_t cpu = WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE;
	if (rule->strength != WAYBUF_MUST || rule->id == WAYBUF_FIELD_HOLD ||
		rule->id == WAYBUF_FIELD_NEAR)
		return false;
	return rule->id != WAYBUF_FIELD_ACCESS || (rule->value[0] & cpu);
}

static void add_element(struct filter *filter, struct element element)
{
	element.active = true;
	element.set = filter->ordered->parties[element.party].set;
	if (filter->elements)
		filter->elements[filter->n_elements] = element;
	filter->n_elements++;
}

static void add_rules(struct filter *filter, uint32_t party)
{
	const struct waybuf_constraints *set = filter->ordered->parties[party].set;
	for (uint32_t r = 0; r < set->n_rules; r++) {
		const struct waybuf_rule *rule = &set->rules[r];
		for (uint8_t w = 0; w < WAYBUF_FIELD_MAX_WORDS && is_requirement(rule); w++) {
			if (!waybuf_rule_part_is_neutral(rule, w))
				add_element(filter,
					(struct element){.party = party,
						.kind = RULE,
						.rule = rule,
						.word = w});
		}
	}
}

static bool is_in_exclusions(const struct waybuf_ordered *ordered, uint32_t party)
{
	const struct waybuf_request *request = ordered->request;
	for (size_t i = 0; i < request->n_exclusions; i++) {
		int32_t who = request->exclusions[i].who;
		if (who >= 0 && waybuf_ordered_place(ordered, who) == (int32_t)party)
			return true;
	}
	return false;
}

static void add_elements(struct filter *filter)
{
	filter->n_elements = 0;
	for (uint32_t p = 0; p < filter->ordered->n_parties; p++) {
		add_element(filter, (struct element){.party = p, .kind = BOUND});
		if (is_in_exclusions(filter->ordered, p))
			add_element(filter, (struct element){.party = p, .kind = PROBE});
		add_rules(filter, p);
	}
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* The common part first. Scopes with one content are one for our purposes. */
static int compare_scopes(const struct waybuf_constraints *set, uint8_t a, uint8_t b)
{
	if (a == 0 || b == 0)
		return compare_numbers(a, b);
	const struct waybuf_scope *x = &set->scopes[a - 1], *y = &set->scopes[b - 1];
	int order = compare_numbers(x->n_formats, y->n_formats);
	if (!order)
		order = compare_numbers(x->n_modifiers, y->n_modifiers);
	if (!order && x->n_formats)
		order = memcmp(x->formats, y->formats, x->n_formats * sizeof(*x->formats));
	if (!order && x->n_modifiers)
		order = memcmp(x->modifiers, y->modifiers, x->n_modifiers * sizeof(*x->modifiers));
	return order;
}

/* By party and field, then by what they say: groups stand together, wire order does not show. */
static int compare_elements(const void *a, const void *b)
{
	const struct element *x = a, *y = b;
	if (x->party != y->party)
		return x->party < y->party ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->kind != RULE)
		return 0;
	if (x->rule->id != y->rule->id)
		return x->rule->id < y->rule->id ? -1 : 1;
	if (x->rule->plane != y->rule->plane)
		return x->rule->plane < y->rule->plane ? -1 : 1;
	if (x->word != y->word)
		return x->word < y->word ? -1 : 1;
	int order = compare_numbers(waybuf_rule_value(x->set, x->rule, x->word),
		waybuf_rule_value(y->set, y->rule, y->word));
	if (!order)
		order = compare_scopes(x->set, x->rule->scope, y->rule->scope);
	/* what is left are two that strike out the same */
	return order ? order : (x->rule > y->rule) - (x->rule < y->rule);
}

/* ---- striking out -------------------------------------------------------------------------- */

static bool same_party(const struct element *a, const struct element *b)
{
	return a->party == b->party;
}

static bool same_field(const struct element *a, const struct element *b)
{
	return a->party == b->party && a->kind == b->kind &&
		(a->kind != RULE || a->rule->id == b->rule->id);
}

static bool same_element(const struct element *a, const struct element *b)
{
	return a == b;
}

/* Inactive elements go for good, so that later questions are cheaper. */
static void sweep(struct filter *filter)
{
	struct waybuf_ordered *ordered = filter->ordered;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < ordered->n_parties; i++)
		ordered->parties[i].skip = true;
	for (uint32_t i = 0; i < filter->n_elements; i++) {
		if (!filter->elements[i].active)
			continue;
		ordered->parties[filter->elements[i].party].skip = false;
		filter->elements[kept++] = filter->elements[i];
	}
	filter->n_elements = kept;
}

/* Tries to do without each run of elements that belong together. False if the budget ended. */
static bool strike_out(
	struct filter *filter, bool (*together)(const struct element *a, const struct element *b))
{
	uint32_t start = 0, end;
	int found = 0;
	for (; start < filter->n_elements && found >= 0; start = end) {
		for (end = start; end < filter->n_elements &&
			together(&filter->elements[start], &filter->elements[end]);
			end++)
			filter->elements[end].active = false;
		found = has_solution(filter);
		for (uint32_t i = start; i < end; i++)
			filter->elements[i].active = found != 0;
	}
	sweep(filter);
	return found >= 0;
}

/* ---- the report ---------------------------------------------------------------------------- */

/* A pair to show beside each element: one that it is about, if it is not about all. */
struct witness {
	const struct filter *filter;
	struct waybuf_conflict *conflicts;
	uint32_t n;
	struct waybuf_candidate first;
	bool several;
};

static bool is_witness(const struct filter *filter, const struct element *element,
	const struct waybuf_candidate *candidate)
{
	const struct waybuf_ordered_party *party = &filter->ordered->parties[element->party];
	struct waybuf_fields fields;
	waybuf_fields_init(&fields);
	if (element->kind != RULE)
		return !admit(filter, element, candidate, &fields);
	return element->rule->scope && waybuf_rule_applies(element->rule, party->mask);
}

static int look_for_witnesses(
	struct waybuf_ordered *ordered, const struct waybuf_candidate *candidate, void *data)
{
	struct witness *witness = data;
	waybuf_ordered_look_up(ordered, candidate->format, candidate->modifier);
	if (!witness->first.format)
		witness->first = *candidate;
	if (witness->first.format != candidate->format ||
		witness->first.modifier != candidate->modifier)
		witness->several = true;
	for (uint32_t i = 0; i < witness->n; i++) {
		struct waybuf_conflict *conflict = &witness->conflicts[i];
		if (conflict->format ||
			!is_witness(witness->filter, &witness->filter->elements[i], candidate))
			continue;
		conflict->format = candidate->format;
		conflict->modifier = candidate->modifier;
	}
	/* bounded by the same budget, for what it is worth without the rest */
	return waybuf_work_spend(&ordered->work, ordered->step) ? 0 : ordered->work.spent;
}

static struct waybuf_conflict describe(const struct filter *filter, const struct element *element)
{
	struct waybuf_conflict conflict = {
		.who = (int32_t)element->party,
		.role = filter->ordered->parties[element->party].role,
		.plane = WAYBUF_PLANE_ALL,
		.field = element->kind == BOUND ? WAYBUF_FIELD_SET : WAYBUF_FIELD_PROBE,
	};
	if (element->kind == RULE) {
		conflict.field = element->rule->id;
		conflict.plane = element->rule->plane;
		conflict.part = waybuf_field_info(element->rule->id)->parts[element->word];
		conflict.value = waybuf_rule_value(element->set, element->rule, element->word);
	}
	return conflict;
}

static void report(struct filter *filter, struct waybuf_result *result)
{
	struct witness witness = {.filter = filter, .conflicts = result->conflicts};
	for (uint32_t i = 0; i < filter->n_elements && i < WAYBUF_MAX_CONFLICTS; i++)
		result->conflicts[witness.n++] = describe(filter, &filter->elements[i]);
	result->n_conflicts = witness.n;
	if (witness.n < filter->n_elements)
		result->minimal = false;
	if (waybuf_for_each_candidate(filter->ordered, look_for_witnesses, &witness) != 0)
		witness.several = true;
	for (uint32_t i = 0; i < witness.n && !witness.several; i++) {
		result->conflicts[i].format = witness.first.format;
		result->conflicts[i].modifier = witness.first.modifier;
	}
}

/* Even without any requirement there would be nothing: the fault is not with the parties. */
static void report_nobody(struct waybuf_ordered *ordered, struct waybuf_result *result)
{
	struct witness witness = {.n = 0};
	waybuf_for_each_candidate(ordered, look_for_witnesses, &witness);
	bool made = witness.first.format != 0;
	result->reason = WAYBUF_REASON_UNSUPPORTED;
	result->minimal = true;
	result->n_conflicts = 1;
	result->conflicts[0] = (struct waybuf_conflict){
		.who = -1,
		.field = made ? WAYBUF_FIELD_MAX_SIZE : WAYBUF_FIELD_SET,
		.plane = WAYBUF_PLANE_ALL,
		.format = made ? witness.first.format : ordered->formats[0],
		.modifier = made ? witness.first.modifier : 0,
	};
}

static void minimise(struct filter *filter, struct waybuf_result *result)
{
	result->minimal = strike_out(filter, same_party) && strike_out(filter, same_field) &&
		strike_out(filter, same_element);
	if (filter->n_elements == 0)
		report_nobody(filter->ordered, result);
	else
		report(filter, result);
}

int waybuf_find_conflict(struct waybuf_ordered *ordered, struct waybuf_result *result)
{
	struct filter filter = {.ordered = ordered};
	waybuf_work_init(&ordered->work, &ordered->request->budget);
	add_elements(&filter);
	filter.elements = calloc((size_t)filter.n_elements + 1, sizeof(*filter.elements));
	if (!filter.elements)
		return -ENOMEM;
	add_elements(&filter);
	qsort(filter.elements, filter.n_elements, sizeof(*filter.elements), compare_elements);
	minimise(&filter, result);
	free(filter.elements);
	return 0;
}
