/* SPDX-License-Identifier: MIT */
/*
 * The choice of a storage.
 *
 * Goal: of all (exporter, format, modifier, layout) that meet every requirement, the one with the
 * least cost; cost is the exporter's own, the rank of its heap, and the weights of the preferences
 * that it breaks.
 *
 * Best first. A candidate (exporter, format, modifier) has a cost from the start that no layout can
 * lower: whatever can be said without a layout. Candidates are opened in that order. Opening merges
 * what must hold for the pair and works out the smallest layout; if there is none, the candidate is
 * lost, with the reason. Preferences about numbers (a stride multiple, say) are then taken one by
 * one, heaviest first: a node either adopts it, at no cost, if a layout still exists, or gives it
 * up, for its weight. The first node that has decided all of them and is no dearer than any node or
 * candidate still waiting is the answer. Giving up one preference to keep two others is what makes
 * this a search and not a fold; adopting first makes it linear whenever preferences agree.
 *
 * Example: one exporter, XR24 linear, 1000 pixels wide (4000 bytes). A prefers stride multiple 256
 * with weight 5; B, with 3, and C, with 4, prefer a maximum of 4000. The node adopts A (4096) and
 * then must give up C, and costs 4; its alternative, without A, costs 5. A's node gives up B too,
 * and now costs 7; the alternative is cheaper, adopts both others, and wins with 5.
 *
 * Invariants: the order of parties never matters (they come sorted, preferences are sorted by what
 * they say, ties fall to the format's rank, the exporter's and the modifier's number); every step
 * is paid for from a budget; when that ends, the node in hand is a solution that breaks no
 * requirement and is handed out as "not proven", and without one the answer is that none was found.
 */
#include "constraints/search.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_NODES 4096

/* ---- nodes --------------------------------------------------------------------------------- */

/* Between equals the better candidate, then the one further on. */
static bool node_precedes(const struct node *a, const struct node *b)
{
	if (a->cost != b->cost)
		return a->cost < b->cost;
	if (a->candidate != b->candidate)
		return a->candidate < b->candidate;
	return a->wish > b->wish;
}

static void swap_nodes(struct node *a, struct node *b)
{
	struct node tmp = *a;
	*a = *b;
	*b = tmp;
}

/* False if there is no room, which ends the budget, or no memory. */
static int push(struct search *search, const struct node *node)
{
	if (search->n_nodes == MAX_NODES) {
		search->ordered->work.spent = -E2BIG;
		return 0;
	}
	if (search->n_nodes == search->max_nodes) {
		uint32_t max = search->max_nodes ? 2 * search->max_nodes : 16;
		void *grown = realloc(search->nodes, max * sizeof(*search->nodes));
		if (!grown)
			return -ENOMEM;
		search->nodes = grown;
		search->max_nodes = max;
	}
	uint32_t at = search->n_nodes++;
	search->nodes[at] = *node;
	while (at > 0 && node_precedes(&search->nodes[at], &search->nodes[(at - 1) / 2])) {
		swap_nodes(&search->nodes[at], &search->nodes[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	return 0;
}

static void pop(struct search *search, struct node *node)
{
	*node = search->nodes[0];
	search->nodes[0] = search->nodes[--search->n_nodes];
	for (uint32_t at = 0;;) {
		uint32_t best = at;
		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
			if (child < search->n_nodes &&
				node_precedes(&search->nodes[child], &search->nodes[best]))
				best = child;
		}
		if (best == at)
			return;
		swap_nodes(&search->nodes[at], &search->nodes[best]);
		at = best;
	}
}

/* The least that anything still waiting could cost. */
static uint64_t bound(const struct search *search)
{
	uint64_t least = UINT64_MAX;
	if (search->next < search->n_candidates)
		least = search->candidates[search->next].cost;
	if (search->n_nodes && search->nodes[0].cost < least)
		least = search->nodes[0].cost;
	return least;
}

/* ---- layouts and wishes -------------------------------------------------------------------- */

static bool lay_out(const struct search *search, const struct waybuf_candidate *candidate,
	const struct waybuf_fields *fields, struct waybuf_solution *solution,
	struct waybuf_layout_clash *clash)
{
	const struct waybuf_request *request = search->ordered->request;
	const struct waybuf_exporter_caps *caps = caps_of(search, candidate->exporter);
	*clash = (struct waybuf_layout_clash){.plane = WAYBUF_PLANE_ALL};
	if (!waybuf_exporter_meets(caps, fields, candidate->modifier, &clash->field))
		return false;
	if (caps->kind == WAYBUF_EXPORTER_RAW)
		return waybuf_layout_compute(fields, candidate->info, request->width,
			request->height, caps, solution, clash);
	return waybuf_layout_ask(fields, candidate->info, candidate->modifier, request->width,
		request->height, solution, clash);
}

static void merge_must(const struct waybuf_ordered *ordered, struct waybuf_fields *fields)
{
	*fields = ordered->common;
	for (uint32_t i = 0; i < ordered->n_parties; i++) {
		const struct waybuf_ordered_party *party = &ordered->parties[i];
		for (uint64_t left = party->mask; left; left &= left - 1) {
			const struct waybuf_scope *scope =
				&party->set->scopes[__builtin_ctzll(left)];
			if (scope->has_must && scope->strength != WAYBUF_INFORM)
				waybuf_fields_merge(fields, &scope->must);
		}
	}
}

/* Heaviest first, then by what they say, so that the order on the wire does not show. */
static int compare_wishes(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;
	if (x->rule->weight != y->rule->weight)
		return x->rule->weight > y->rule->weight ? -1 : 1;
	if (x->rule->id != y->rule->id)
		return x->rule->id < y->rule->id ? -1 : 1;
	if (x->rule->plane != y->rule->plane)
		return x->rule->plane < y->rule->plane ? -1 : 1;
	for (unsigned int i = 0; i < WAYBUF_FIELD_MAX_WORDS; i++) {
		if (x->rule->value[i] != y->rule->value[i])
			return x->rule->value[i] < y->rule->value[i] ? -1 : 1;
	}
	return (x->party > y->party) - (x->party < y->party);
}

static int add_wish(struct search *search, struct wish wish)
{
	if (search->n_wishes == search->max_wishes) {
		uint32_t max = search->max_wishes ? 2 * search->max_wishes : 32;
		void *grown = realloc(search->wishes, max * sizeof(*search->wishes));
		if (!grown)
			return -ENOMEM;
		search->wishes = grown;
		search->max_wishes = max;
	}
	search->wishes[search->n_wishes++] = wish;
	return 0;
}

static int collect_from(struct search *search, uint32_t index)
{
	const struct waybuf_ordered_party *party = &search->ordered->parties[index];
	const struct waybuf_constraints *set = party->set;
	for (uint32_t r = 0; r < set->n_rules; r++) {
		const struct waybuf_rule *rule = &set->rules[r];
		if (rule->strength != WAYBUF_PREFER || rule->weight == 0 ||
			!waybuf_rule_needs_layout(rule) ||
			!waybuf_rule_applies(rule, party->mask) ||
			waybuf_rule_is_repeated(set, rule, party->mask))
			continue;
		int ret = add_wish(search, (struct wish){.rule = rule, .set = set, .party = index});
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The preferences that apply to a candidate; those of the last one are kept at hand. */
static int collect_wishes(struct search *search, uint32_t candidate)
{
	struct waybuf_ordered *ordered = search->ordered;
	if (search->wished_for == candidate + 1)
		return 0;
	search->wished_for = candidate + 1;
	search->n_wishes = 0;
	waybuf_ordered_look_up(ordered, search->candidates[candidate].format,
		search->candidates[candidate].modifier);
	for (uint32_t i = 0; i < ordered->n_parties; i++) {
		const struct waybuf_constraints *set = ordered->parties[i].set;
		int ret = set->has_costs ? collect_from(search, i) : 0;
		if (ret < 0)
			return ret;
	}
	if (search->n_wishes)
		qsort(search->wishes, search->n_wishes, sizeof(*search->wishes), compare_wishes);
	/* paid for afterwards: the rules are bounded by the sizes of the sets */
	waybuf_work_spend(&ordered->work, search->n_wishes);
	return 0;
}

static void choose(struct search *search, const struct node *node)
{
	const struct waybuf_candidate *candidate = &search->candidates[node->candidate];
	struct waybuf_result *result = search->result;
	struct waybuf_layout_clash clash;
	struct waybuf_solution *solution = &result->solution;
	*solution = (struct waybuf_solution){
		.exporter = candidate->exporter,
		.format = candidate->format,
		.modifier = candidate->modifier,
		.hold = search->ordered->hold,
		.access = search->ordered->common.access,
		.cost = node->cost,
		.proven = search->ordered->work.spent == 0,
	};
	lay_out(search, candidate, &node->fields, solution, &clash);
	result->status = 0;
	result->reason = WAYBUF_REASON_NONE;
}

/* Decides wishes from node->wish on. 1: the node is the answer. 0: it waits, or is one of others. */
static int descend(struct search *search, struct node *node)
{
	struct waybuf_work *work = &search->ordered->work;
	const struct waybuf_candidate *candidate = &search->candidates[node->candidate];
	struct waybuf_solution scratch;
	struct waybuf_layout_clash clash;
	for (; node->wish < search->n_wishes; node->wish++) {
		const struct waybuf_rule *rule = search->wishes[node->wish].rule;
		if (!waybuf_work_spend(work, 1)) {
			/* all that is not decided counts as broken */
			node->cost += rule->weight;
			continue;
		}
		if (node->cost > bound(search))
			return push(search, node);
		struct waybuf_fields trial = node->fields;
		waybuf_fields_apply(&trial, rule, WAYBUF_PARTS_ALL);
		if (waybuf_fields_equal(&trial, &node->fields))
			continue;
		if (!lay_out(search, candidate, &trial, &scratch, &clash)) {
			node->cost += rule->weight;
			continue;
		}
		struct node without = *node;
		without.cost += rule->weight;
		without.wish++;
		int ret = push(search, &without);
		if (ret < 0)
			return ret;
		node->fields = trial;
	}
	if (work->spent == 0 && node->cost > bound(search))
		return push(search, node);
	choose(search, node);
	return 1;
}

/* Works out what must hold for the next candidate. 1: the answer, 0: go on. */
static int open_candidate(struct search *search)
{
	struct waybuf_ordered *ordered = search->ordered;
	uint32_t index = search->next++;
	const struct waybuf_candidate *candidate = &search->candidates[index];
	struct node node = {.cost = candidate->cost, .candidate = index};
	struct waybuf_solution scratch;
	struct waybuf_layout_clash clash;
	waybuf_ordered_look_up(ordered, candidate->format, candidate->modifier);
	merge_must(ordered, &node.fields);
	if (!lay_out(search, candidate, &node.fields, &scratch, &clash)) {
		waybuf_search_lose_to_clash(search, candidate, &clash);
		/* it has no more part in this */
		search->candidates[index].cost = UINT64_MAX;
		return 0;
	}
	int ret = collect_wishes(search, index);
	return ret < 0 ? ret : descend(search, &node);
}

static bool is_candidates_turn(const struct search *search)
{
	if (search->next == search->n_candidates)
		return false;
	if (search->n_nodes == 0)
		return true;
	return search->candidates[search->next].cost < search->nodes[0].cost;
}

static int take_turn(struct search *search)
{
	struct node node;
	if (is_candidates_turn(search)) {
		if (waybuf_work_spend(&search->ordered->work, search->ordered->step))
			return open_candidate(search);
		/* no more candidates: the best node waiting, if any, has to do */
		search->n_candidates = search->next;
		return 0;
	}
	pop(search, &node);
	int ret = collect_wishes(search, node.candidate);
	return ret < 0 ? ret : descend(search, &node);
}

static void count_the_dearer(struct search *search)
{
	const struct waybuf_solution *solution = &search->result->solution;
	for (uint32_t i = 0; i < search->n_candidates; i++) {
		const struct waybuf_candidate *candidate = &search->candidates[i];
		bool chosen = candidate->exporter == solution->exporter &&
			candidate->format == solution->format &&
			candidate->modifier == solution->modifier;
		if (!chosen && candidate->cost != UINT64_MAX)
			waybuf_search_lose(search, candidate, WAYBUF_LOSS_COST, NULL);
	}
}

static void give_up(struct waybuf_result *result, int status, enum waybuf_reason reason)
{
	result->status = status;
	result->reason = reason;
}

static int run(struct search *search)
{
	struct waybuf_ordered *ordered = search->ordered;
	struct waybuf_result *result = search->result;
	int ret = waybuf_search_collect(search);
	if (ret < 0)
		return ret;
	while (ret == 0 && (search->next < search->n_candidates || search->n_nodes))
		ret = take_turn(search);
	if (ret == 1)
		count_the_dearer(search);
	else if (ret == 0 && ordered->work.spent)
		give_up(result, ordered->work.spent, WAYBUF_REASON_TOO_HARD);
	else if (ret == 0 && ordered->n_formats == 0)
		give_up(result, -ENODATA, WAYBUF_REASON_UNDERSPECIFIED);
	else if (ret == 0)
		give_up(result, -EOPNOTSUPP, WAYBUF_REASON_CONFLICT);
	return ret < 0 ? ret : 0;
}

int waybuf_search(struct waybuf_ordered *ordered, struct waybuf_result *result)
{
	struct search search = {.ordered = ordered, .result = result};
	int ret = run(&search);
	free(search.wishes);
	free(search.nodes);
	free(search.candidates);
	return ret;
}
