/* SPDX-License-Identifier: MIT */
#include "constraints/solve.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_NODES 1048576
#define DEFAULT_USEC 10000
#define CLOCK_INTERVAL 4096

/* Of this thread only: on a busy machine a pause is not the fault of the request. */
static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void waybuf_work_init(struct waybuf_work *work, const struct waybuf_budget *budget)
{
	*work = (struct waybuf_work){
		.left = budget->nodes ? budget->nodes : DEFAULT_NODES,
		.usec = budget->usec ? budget->usec : DEFAULT_USEC,
		.until_clock = CLOCK_INTERVAL,
	};
}

/* The clock starts with the first look at it: a small request never asks the kernel for the time. */
static void look_at_clock(struct waybuf_work *work)
{
	uint64_t now = now_ns();
	work->until_clock = CLOCK_INTERVAL;
	if (work->deadline_ns == 0)
		work->deadline_ns = now + (uint64_t)work->usec * 1000;
	else if (now > work->deadline_ns)
		work->spent = -ETIMEDOUT;
}

bool waybuf_work_spend(struct waybuf_work *work, uint32_t units)
{
	if (work->spent)
		return false;
	if (units > work->left) {
		work->left = 0;
		work->spent = -E2BIG;
		return false;
	}
	work->left -= units;
	if (units >= work->until_clock)
		look_at_clock(work);
	else
		work->until_clock -= units;
	return work->spent == 0;
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_sets(const struct waybuf_constraints *a, const struct waybuf_constraints *b)
{
	if (a == b)
		return 0;
	int order = compare_u64(a->hash, b->hash);
	if (!order)
		order = compare_u64(a->canonical_size, b->canonical_size);
	return order ? order : memcmp(a->canonical, b->canonical, a->canonical_size);
}

/* Parties of one key stand together; equal groups stand in the order of their keys. */
static int compare_parties(const void *a, const void *b)
{
	const struct waybuf_ordered_party *x = a, *y = b;
	int order = compare_u64(x->group_hash, y->group_hash);
	if (!order)
		order = compare_u64(x->key, y->key);
	if (!order)
		order = compare_sets(x->set, y->set);
	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int compare_keys(const void *a, const void *b)
{
	const struct waybuf_ordered_party *x = a, *y = b;
	int order = compare_u64(x->key, y->key);
	if (!order)
		order = compare_sets(x->set, y->set);
	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The same set twice under one key says nothing new. The first of them speaks for all. */
static void strike_repeated(struct waybuf_ordered *ordered)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < ordered->n_parties; i++) {
		struct waybuf_ordered_party party = ordered->parties[i];
		const struct waybuf_ordered_party *last = kept ? &ordered->parties[kept - 1] : NULL;
		if (!last || last->key != party.key || compare_sets(last->set, party.set) != 0)
			ordered->parties[kept++] = party;
	}
	ordered->n_parties = kept;
}

static void hash_groups(struct waybuf_ordered *ordered)
{
	uint32_t start = 0;
	for (uint32_t i = 0; i < ordered->n_parties; i++) {
		if (ordered->parties[i].key != ordered->parties[start].key)
			start = i;
		/* a sum, so that the order inside the group does not show */
		uint64_t sum = (i > start ? ordered->parties[i - 1].group_hash : 0) +
			waybuf_hash(1, &ordered->parties[i].set->hash, 8) +
			ordered->parties[i].refused_hash;
		for (uint32_t k = start; k <= i; k++)
			ordered->parties[k].group_hash = sum;
	}
}

static void note_places(struct waybuf_ordered *ordered)
{
	const struct waybuf_request *request = ordered->request;
	for (size_t i = 0; i < request->n_parties; i++) {
		for (uint32_t k = 0; k < ordered->n_parties; k++) {
			const struct waybuf_ordered_party *party = &ordered->parties[k];
			if (party->index == (int32_t)i ||
				(party->key == request->parties[i].key &&
					compare_sets(party->set, request->parties[i].set) == 0))
				ordered->places[i] = (int32_t)k;
		}
	}
}

/* Of two parties that say the same, the one whose imports were refused is not the same as the other. */
static void hash_exclusions(struct waybuf_ordered *ordered)
{
	const struct waybuf_request *request = ordered->request;
	for (size_t i = 0; i < request->n_exclusions; i++) {
		const struct waybuf_exclusion *exclusion = &request->exclusions[i];
		const uint64_t words[] = {
			exclusion->exporter, exclusion->format, exclusion->modifier};
		if (exclusion->who >= 0)
			ordered->parties[ordered->places[exclusion->who]].refused_hash +=
				waybuf_hash(1, words, sizeof(words));
	}
}

static void sort_parties(struct waybuf_ordered *ordered)
{
	const struct waybuf_request *request = ordered->request;
	for (uint32_t i = 0; i < ordered->n_parties; i++)
		ordered->parties[i] = (struct waybuf_ordered_party){
			.set = request->parties[i].set,
			.key = request->parties[i].key,
			.role = request->parties[i].role,
			.index = (int32_t)i,
		};
	if (ordered->n_parties == 0)
		return;
	qsort(ordered->parties, ordered->n_parties, sizeof(*ordered->parties), compare_keys);
	strike_repeated(ordered);
	if (request->n_exclusions) {
		note_places(ordered);
		hash_exclusions(ordered);
	}
	hash_groups(ordered);
	qsort(ordered->parties, ordered->n_parties, sizeof(*ordered->parties), compare_parties);
	for (uint32_t i = 1; i < ordered->n_parties; i++)
		ordered->parties[i].joined = ordered->parties[i].key == ordered->parties[i - 1].key;
	note_places(ordered);
}

static int compare_formats(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static uint32_t for_each_named(const struct waybuf_ordered *ordered, uint32_t *out)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < ordered->n_parties; i++) {
		const struct waybuf_constraints *set = ordered->parties[i].set;
		for (uint32_t s = 0; s < set->n_scopes; s++) {
			if (!(set->bound >> s & 1))
				continue;
			for (uint32_t f = 0; f < set->scopes[s].n_formats; f++, n++) {
				if (out)
					out[n] = set->scopes[s].formats[f];
			}
		}
	}
	return n;
}

static int collect_formats(struct waybuf_ordered *ordered)
{
	uint32_t n = for_each_named(ordered, NULL);
	ordered->formats = calloc((size_t)n + 1, sizeof(*ordered->formats));
	if (!ordered->formats)
		return -ENOMEM;
	for_each_named(ordered, ordered->formats);
	qsort(ordered->formats, n, sizeof(*ordered->formats), compare_formats);
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || ordered->formats[i] != ordered->formats[ordered->n_formats - 1])
			ordered->formats[ordered->n_formats++] = ordered->formats[i];
	}
	return 0;
}

/* HOLD adds up over attachments, and counts once in each. */
static void merge_common(struct waybuf_ordered *ordered)
{
	uint64_t most = 0;
	ordered->step = 1;
	waybuf_fields_init(&ordered->common);
	for (uint32_t i = 0; i < ordered->n_parties; i++) {
		const struct waybuf_ordered_party *party = &ordered->parties[i];
		waybuf_fields_merge(&ordered->common, &party->set->must);
		/* a unit is about ten nanoseconds */
		ordered->step += 1 + party->set->n_scopes;
		if (party->set->has_costs || party->set->has_heaps)
			ordered->step += party->set->n_rules / 4;
		if (!party->joined)
			most = 0;
		if (party->set->hold > most) {
			ordered->hold += party->set->hold - most;
			most = party->set->hold;
		}
	}
}

static bool extent_is_valid(uint32_t extent)
{
	return extent >= 1 && extent <= 65536;
}

static int check_request(const struct waybuf_request *request)
{
	if (!extent_is_valid(request->width) || !extent_is_valid(request->height))
		return -EINVAL;
	if (request->n_parties > WAYBUF_MAX_PARTIES || request->n_exporters > WAYBUF_MAX_EXPORTERS)
		return -E2BIG;
	for (size_t i = 0; i < request->n_parties; i++) {
		if (!request->parties[i].set)
			return -EINVAL;
	}
	for (size_t i = 0; i < request->n_exclusions; i++) {
		const struct waybuf_exclusion *exclusion = &request->exclusions[i];
		if (exclusion->exporter >= request->n_exporters || exclusion->who < -1 ||
			exclusion->who >= (int32_t)request->n_parties)
			return -EINVAL;
	}
	return 0;
}

int waybuf_ordered_init(struct waybuf_ordered *ordered, const struct waybuf_request *request)
{
	*ordered = (struct waybuf_ordered){.request = request};
	int ret = check_request(request);
	if (ret < 0)
		return ret;
	waybuf_work_init(&ordered->work, &request->budget);
	ordered->n_parties = (uint32_t)request->n_parties;
	ordered->parties = calloc(request->n_parties + 1, sizeof(*ordered->parties));
	ordered->places = calloc(request->n_parties + 1, sizeof(*ordered->places));
	if (!ordered->parties || !ordered->places)
		return -ENOMEM;
	sort_parties(ordered);
	merge_common(ordered);
	return collect_formats(ordered);
}

void waybuf_ordered_finish(struct waybuf_ordered *ordered)
{
	free(ordered->formats);
	free(ordered->places);
	free(ordered->parties);
	*ordered = (struct waybuf_ordered){0};
}

int32_t waybuf_ordered_place(const struct waybuf_ordered *ordered, int32_t index)
{
	return index < 0 ? -1 : ordered->places[index];
}

void waybuf_ordered_look_up(struct waybuf_ordered *ordered, uint32_t format, uint64_t modifier)
{
	bool new_format = ordered->looked_up_format != format;
	for (uint32_t i = 0; i < ordered->n_parties; i++) {
		struct waybuf_ordered_party *party = &ordered->parties[i];
		if (new_format)
			party->format_mask = waybuf_set_scopes_of_format(party->set, format);
		if (!party->skip)
			party->mask = waybuf_set_scopes_of_modifier(
				party->set, party->format_mask, modifier);
	}
	ordered->looked_up_format = format;
}

static bool is_named(const struct waybuf_ordered *ordered, uint32_t format)
{
	return ordered->n_formats &&
		bsearch(&format, ordered->formats, ordered->n_formats, sizeof(format),
			compare_formats);
}

static void set_format(struct waybuf_candidate *candidate, uint32_t format)
{
	size_t rank = waybuf_format_rank(format);
	candidate->format = format;
	candidate->info = waybuf_format_get(format);
	candidate->rank = rank == SIZE_MAX ? UINT32_MAX : (uint32_t)rank;
}

static int each_format(struct waybuf_ordered *ordered, struct waybuf_candidate *candidate,
	waybuf_candidate_func_t func, void *data)
{
	int ret = 0;
	candidate->modifier = DRM_FORMAT_MOD_LINEAR;
	for (uint32_t i = 0; i < ordered->n_formats && ret == 0; i++) {
		set_format(candidate, ordered->formats[i]);
		ret = func(ordered, candidate, data);
	}
	return ret;
}

static int each_pair(struct waybuf_ordered *ordered, const struct waybuf_exporter_caps *caps,
	struct waybuf_candidate *candidate, waybuf_candidate_func_t func, void *data)
{
	int ret = 0;
	bool named = false;
	candidate->format = 0;
	for (size_t i = 0; i < caps->n_pairs && ret == 0; i++) {
		const struct waybuf_format_modifier *pair = &caps->pairs[i];
		if (i == 0 || pair->format != candidate->format) {
			named = is_named(ordered, pair->format);
			set_format(candidate, pair->format);
		}
		if (!named)
			continue;
		candidate->modifier = pair->modifier;
		candidate->pair_cost = pair->cost;
		ret = func(ordered, candidate, data);
	}
	return ret;
}

int waybuf_for_each_candidate(
	struct waybuf_ordered *ordered, waybuf_candidate_func_t func, void *data)
{
	const struct waybuf_request *request = ordered->request;
	for (uint32_t i = 0; i < request->n_exporters; i++) {
		struct waybuf_candidate candidate = {.exporter = i};
		int ret = request->exporters[i]->kind == WAYBUF_EXPORTER_RAW
			? each_format(ordered, &candidate, func, data)
			: each_pair(ordered, request->exporters[i], &candidate, func, data);
		if (ret)
			return ret;
	}
	return 0;
}

bool waybuf_exclusion_hits(
	const struct waybuf_exclusion *exclusion, const struct waybuf_candidate *candidate)
{
	if (exclusion->exporter != candidate->exporter)
		return false;
	return exclusion->format == 0 ||
		(exclusion->format == candidate->format &&
			exclusion->modifier == candidate->modifier);
}

bool waybuf_exporter_meets(const struct waybuf_exporter_caps *caps,
	const struct waybuf_fields *fields, uint64_t modifier, uint16_t *field)
{
	bool cpu = fields->access & (WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE);
	uint32_t bits = caps->address_bits ? caps->address_bits : 64;
	if (cpu && (!caps->cpu_mappable || modifier != DRM_FORMAT_MOD_LINEAR))
		*field = WAYBUF_FIELD_ACCESS;
	else if (fields->dmabuf && !caps->is_dmabuf)
		*field = WAYBUF_FIELD_DMABUF;
	else if (fields->contiguous && !caps->contiguous)
		*field = WAYBUF_FIELD_CONTIG;
	else if (bits > fields->address_bits)
		*field = WAYBUF_FIELD_ADDR_BITS;
	else if (!(fields->cache >> caps->cache & 1))
		*field = WAYBUF_FIELD_CACHE;
	else
		return true;
	return false;
}
