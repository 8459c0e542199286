/* SPDX-License-Identifier: MIT */
#ifndef CONSTRAINTS_SEARCH_H
#define CONSTRAINTS_SEARCH_H

#include "constraints/solve.h"

/* Shared by candidates.c, which says what there is to choose from, and search.c, which chooses. */
struct wish {
	const struct waybuf_rule *rule;
	const struct waybuf_constraints *set;
	uint32_t party;
};

struct node {
	uint64_t cost;
	uint32_t candidate;
	/* the next preference to decide */
	uint32_t wish;
	struct waybuf_fields fields;
};

struct search {
	struct waybuf_ordered *ordered;
	struct waybuf_result *result;
	/* exporters that clash whatever the pair */
	uint64_t dead;

	struct waybuf_candidate *candidates;
	uint32_t n_candidates, max_candidates, next;

	struct node *nodes; // a binary heap
	uint32_t n_nodes, max_nodes;

	/* of the candidate wished_for - 1 */
	struct wish *wishes;
	uint32_t n_wishes, max_wishes, wished_for;
};

static inline const struct waybuf_exporter_caps *caps_of(
	const struct search *search, uint32_t exporter)
{
	return search->ordered->request->exporters[exporter];
}

/* Fills search->candidates, in the order in which to open them. 0 or -ENOMEM. */
int waybuf_search_collect(struct search *search);

/* Notes that the candidate is not chosen, and why. */
void waybuf_search_lose(struct search *search, const struct waybuf_candidate *candidate,
	enum waybuf_loss loss, const struct waybuf_conflict *conflict);
void waybuf_search_lose_to_clash(struct search *search, const struct waybuf_candidate *candidate,
	const struct waybuf_layout_clash *clash);

/* A rule that says nothing about an exporter, only about numbers. */
bool waybuf_rule_needs_layout(const struct waybuf_rule *rule);

#endif
