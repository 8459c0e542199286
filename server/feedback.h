/* SPDX-License-Identifier: MIT */
#ifndef SERVER_FEEDBACK_H
#define SERVER_FEEDBACK_H

#include <waybuf/server.h>

/*
 * A host's feedback, compiled: the pairs as a sorted table without duplicates, in a sealed file
 * that clients map, and the tranches as indices into it. Immutable and reference counted, so that
 * feedback objects remember what they were sent by holding it.
 */
struct feedback_tranche {
	dev_t target;
	uint32_t flags;
	uint16_t *indices;
	size_t n_indices;
};

struct feedback {
	unsigned refs;
	dev_t main_device;
	struct waybuf_dmabuf_pair *pairs;
	size_t n_pairs;
	struct feedback_tranche *tranches;
	size_t n_tranches;
	int table_fd;
	uint32_t table_size;
};

/* 0, -EINVAL (empty, or above 65535 pairs), -ENOMEM, or the errno of memfd_create() or write(). */
int feedback_create(const struct waybuf_feedback *source, struct feedback **out);
struct feedback *feedback_ref(struct feedback *feedback);
/* NULL is a no-op. */
void feedback_unref(struct feedback *feedback);

/* The same events would be sent for both. */
bool feedback_equal(const struct feedback *a, const struct feedback *b);
/* Both tables have the same bytes: a client that has one has the other. */
bool feedback_same_table(const struct feedback *a, const struct feedback *b);

/* Pairs in the order of a table. */
int pair_compare(const void *a, const void *b);

#endif
