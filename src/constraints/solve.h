/* SPDX-License-Identifier: MIT */
#ifndef CONSTRAINTS_SOLVE_H
#define CONSTRAINTS_SOLVE_H

#include "constraints/layout.h"
#include "constraints/negotiate.h"
#include "constraints/set.h"

/*
 * What the files of the solver share. A request is first put in order: parties sorted by what they
 * say, not by who came first, so that the same question has the same answer and finds it in the
 * cache.
 */
#define WAYBUF_MAX_CONFLICTS 32
#define WAYBUF_MAX_LOSERS 32

struct waybuf_work {
	uint32_t left;
	uint32_t usec;
	/* work done between two looks at the clock: a syscall on some machines */
	uint32_t until_clock;
	uint64_t deadline_ns;
	/* -E2BIG or -ETIMEDOUT once it is spent */
	int spent;
};

struct waybuf_ordered_party {
	const struct waybuf_constraints *set;
	uint64_t key;
	/* over the exclusions that it caused, in any order */
	uint64_t refused_hash;
	/* over all sets of this key, and what they refused */
	uint64_t group_hash;
	uint32_t role;
	/* index in the request */
	int32_t index;
	/* same key as the one before */
	bool joined;
	/* scopes that have the format under consideration, and the pair */
	uint64_t format_mask, mask;
	/* out of consideration: its masks are not wanted */
	bool skip;
};

struct waybuf_ordered {
	const struct waybuf_request *request;
	struct waybuf_ordered_party *parties;
	uint32_t n_parties;
	/* by index of the request: place in the order */
	int32_t *places;
	/* what the common parts come to, together */
	struct waybuf_fields common;
	/* concrete formats that somebody named, sorted, unique */
	uint32_t *formats;
	uint32_t n_formats;
	uint32_t looked_up_format;
	uint64_t hold;
	/* what looking at one candidate costs, in units of the budget */
	uint32_t step;
	struct waybuf_work work;
};

/* What came out, with parties by their place in the order: this is what the cache keeps. */
struct waybuf_result {
	/* as waybuf_negotiate() returns it */
	int status;
	enum waybuf_reason reason;
	struct waybuf_solution solution;
	uint32_t n_conflicts, n_losers, n_more_losers;
	bool minimal;
	struct waybuf_conflict conflicts[WAYBUF_MAX_CONFLICTS];
	struct waybuf_loser losers[WAYBUF_MAX_LOSERS];
	/* index of the exporter of each loser */
	uint32_t loser_exporters[WAYBUF_MAX_LOSERS];
};

/* 0, -EINVAL, -E2BIG or -ENOMEM; finish in any case. */
int waybuf_ordered_init(struct waybuf_ordered *ordered, const struct waybuf_request *request);
void waybuf_ordered_finish(struct waybuf_ordered *ordered);

/* Spends @units of the budget. False once it is spent. */
bool waybuf_work_spend(struct waybuf_work *work, uint32_t units);
void waybuf_work_init(struct waybuf_work *work, const struct waybuf_budget *budget);

/* One thing that could be made. */
struct waybuf_candidate {
	uint32_t exporter;
	uint32_t format;
	uint64_t modifier;
	/* NULL if the table does not have it, and the place there */
	const struct waybuf_format *info;
	uint32_t rank;
	/* what it costs if every preference that needs a layout is met */
	uint64_t cost;
	/* of the pair, for the exporter */
	uint32_t pair_cost;
};

/*
 * Calls @func with each pair of each exporter whose format somebody named, until it returns
 * something other than 0, which is returned. Wildcards of parties never multiply anything: what can be
 * made bounds the candidates.
 */
typedef int (*waybuf_candidate_func_t)(
	struct waybuf_ordered *ordered, const struct waybuf_candidate *candidate, void *data);
int waybuf_for_each_candidate(
	struct waybuf_ordered *ordered, waybuf_candidate_func_t func, void *data);

/* Finds which scopes of each party have the pair: fills their masks. */
void waybuf_ordered_look_up(struct waybuf_ordered *ordered, uint32_t format, uint64_t modifier);

/* Does the exporter, whatever the layout, have what @fields want for @modifier? */
bool waybuf_exporter_meets(const struct waybuf_exporter_caps *caps,
	const struct waybuf_fields *fields, uint64_t modifier, uint16_t *field);

bool waybuf_exclusion_hits(
	const struct waybuf_exclusion *exclusion, const struct waybuf_candidate *candidate);

/* The place in the order of party @index of the request; -1 for -1. */
int32_t waybuf_ordered_place(const struct waybuf_ordered *ordered, int32_t index);

/* Finds the best solution into @result. 0, or -ENOMEM. */
int waybuf_search(struct waybuf_ordered *ordered, struct waybuf_result *result);

/* After a search that found nothing: a minimal set of clashing requirements. 0 or -ENOMEM. */
int waybuf_find_conflict(struct waybuf_ordered *ordered, struct waybuf_result *result);

/* Remembers a loser, or counts it. Pairs that a party did not offer take half of the room at most. */
void waybuf_result_add_loser(
	struct waybuf_result *result, uint32_t exporter, const struct waybuf_loser *loser);

/* The cache. A miss takes the place of the least recently used entry when it is put. */
bool waybuf_cache_get(struct waybuf_cache *cache, const struct waybuf_ordered *ordered,
	struct waybuf_result *result);
void waybuf_cache_put(struct waybuf_cache *cache, const struct waybuf_ordered *ordered,
	const struct waybuf_result *result);

/* NULL: -ENOMEM. Translates parties back to the indices of the request. */
const struct waybuf_explanation *waybuf_explanation_create(
	const struct waybuf_ordered *ordered, const struct waybuf_result *result);

#endif
