/* SPDX-License-Identifier: MIT */
#ifndef SERVER_FEEDBACK_H
#define SERVER_FEEDBACK_H

#include <waybuf/server.h>

/*
 * A host's feedback, compiled: the pairs as a sorted table without duplicates, in a sealed file
 * that clients map, and the tranches as indices into it. Immutable and reference counted, so that
 * feedback objects remember what they were sent by holding it.
 */

/* The pairs, and the file with them; shared by feedbacks that have the same. */
struct format_table {
	unsigned refs;
	struct waybuf_dmabuf_pair *pairs;
	size_t n_pairs;
	int fd;
	uint32_t size;
};

/* Indices into the table, sorted, each once. */
struct index_list {
	uint16_t *indices;
	size_t n;
};

struct feedback_tranche {
	dev_t target;
	/* at least one, as version 6 wants it */
	uint32_t flags;
	/* without what an earlier tranche of that target and those flags has: one may be empty */
	struct index_list pairs;
	/* the same for clients that know of no flag but scanout, to whom more tranches look alike */
	struct index_list old_pairs;
};

struct feedback {
	unsigned refs;
	dev_t main_device;
	struct format_table *table;
	struct feedback_tranche *tranches;
	size_t n_tranches;
};

/*
 * 0, -EINVAL (empty, above 65535 pairs, or no tranche for the main device), -ENOMEM, or the errno of
 * memfd_create() or write().
 */
int feedback_create(const struct waybuf_feedback *source, struct feedback **out);

/*
 * @base with a scanout tranche before all others: of @plane's pairs those that somebody samples, so
 * that what was allocated for the plane can be composed as well. Has the table of @base. 0; -EALREADY:
 * @base begins with all of them, or none is left; -ENOMEM.
 */
int feedback_create_offer(
	const struct feedback *base, const struct waybuf_tranche *plane, struct feedback **out);

struct feedback *feedback_ref(struct feedback *feedback);
/* NULL is a no-op. */
void feedback_unref(struct feedback *feedback);

/* The same events would be sent for both to clients that know of sampling tranches, or do not. */
bool feedback_same_events(const struct feedback *a, const struct feedback *b, bool knows_sampling);
/* Both tables have the same bytes: a client that has one has the other. */
bool feedback_same_table(const struct feedback *a, const struct feedback *b);
/* Whether a sampling tranche is for @device, or for another node of the same device. */
bool feedback_samples(const struct feedback *feedback, dev_t device);

/* Pairs in the order of a table. */
int pair_compare(const void *a, const void *b);

#endif
