/* SPDX-License-Identifier: MIT */
#ifndef CONSTRAINTS_NEGOTIATE_H
#define CONSTRAINTS_NEGOTIATE_H

#include <waybuf/buffer.h>
#include <waybuf/constraints.h>

/*
 * The choice of a storage for one image: what all parties need, and what the exporters have.
 * Nothing here keeps a pointer after the call, but for the cache, which references sets.
 */

struct waybuf_cache;

/** One attachment. A party may appear several times under one key, each time with another set. */
struct waybuf_party {
	/** for explanations, copied */
	const char *who;
	/** passed through to conflicts */
	uint32_t role;
	/** identity of the attachment: HOLD and preferences count once per key */
	uint64_t key;
	/** borrowed; never NULL */
	struct waybuf_constraints *set;
};

/** A fact learnt by trying: this exporter's memory in this layout does not do. */
struct waybuf_exclusion {
	/** index into the exporters */
	uint32_t exporter;
	/** 0: any */
	uint32_t format;
	uint64_t modifier;
	/** index of the party that refused to import it; -1: the exporter failed to make it */
	int32_t who;
};

/* Each of the search and, after it, the shortening of a refusal may spend this much. */
struct waybuf_budget {
	/** steps of the search; 0: 1048576 */
	uint32_t nodes;
	/** of the CPU time of the thread; 0: 10000 */
	uint32_t usec;
};

#define WAYBUF_MAX_PARTIES 256
#define WAYBUF_MAX_EXPORTERS 64

struct waybuf_request {
	/** pixels, 1 to 65536 */
	uint32_t width, height;
	const struct waybuf_party *parties;
	size_t n_parties;
	/** by pointer, because the exporters own them */
	const struct waybuf_exporter_caps *const *exporters;
	size_t n_exporters;
	const struct waybuf_exclusion *exclusions;
	size_t n_exclusions;
	struct waybuf_budget budget;
};

/**
 * Finds the cheapest storage that meets every party. @cache may be NULL. @explanation may be NULL,
 * else it receives a reference whenever the return value is 0 or one of those marked (*).
 *
 * 0: @solution is filled. -EOPNOTSUPP (*): no storage meets all. -ENODATA (*): underspecified.
 * -E2BIG (*): nodes spent, or too many parties or exporters. -ETIMEDOUT (*): time spent.
 * -EINVAL: the request itself is wrong. -ENOMEM.
 */
int waybuf_negotiate(const struct waybuf_request *request, struct waybuf_cache *cache,
	struct waybuf_solution *solution, const struct waybuf_explanation **explanation);

/** The protocol's reason for an errno of waybuf_negotiate() or waybuf_constraints_parse(). */
enum waybuf_reason waybuf_negotiate_reason(int error);

/**
 * Does this storage meet every party of @request? For what an image exporter made, and for an
 * attachment that comes late. @caps describes its exporter; exporters and exclusions of @request
 * are ignored. rows of 0 means "as many as fit".
 *
 * 0: it does. -EOPNOTSUPP: it does not, and @conflict (may be NULL) names a requirement that it
 * breaks; its name is the party's, borrowed. -EINVAL: the request itself is wrong.
 */
int waybuf_constraints_check_layout(const struct waybuf_request *request,
	const struct waybuf_exporter_caps *caps, const struct waybuf_layout *layout,
	struct waybuf_conflict *conflict);

/**
 * Answers remembered by what was asked, least recently used ones dropped first. Answers that ran
 * out of time or memory are not remembered. @max_entries above 0. NULL: -ENOMEM.
 */
struct waybuf_cache *waybuf_cache_create(uint32_t max_entries);
/** NULL is a no-op. */
void waybuf_cache_destroy(struct waybuf_cache *cache);

struct waybuf_cache_stats {
	uint64_t hits, misses;
	uint32_t entries;
};

void waybuf_cache_get_stats(const struct waybuf_cache *cache, struct waybuf_cache_stats *stats);

#endif
