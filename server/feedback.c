/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "feedback.h"
#include "util/fd.h"

/* Indices into the table are 16 bits wide. */
#define MAX_PAIRS 65535

/* An entry of the table, as the protocol has it. */
struct table_entry {
	uint32_t format;
	uint32_t padding;
	uint64_t modifier;
};

int pair_compare(const void *left, const void *right)
{
	const struct waybuf_dmabuf_pair *a = left, *b = right;
	if (a->format != b->format)
		return a->format < b->format ? -1 : 1;
	if (a->modifier != b->modifier)
		return a->modifier < b->modifier ? -1 : 1;
	return 0;
}

static int index_compare(const void *left, const void *right)
{
	const uint16_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

static size_t count_pairs(const struct waybuf_feedback *source)
{
	size_t n = 0;
	for (size_t i = 0; i < source->n_tranches; i++)
		n += source->tranches[i].n_pairs;
	return n;
}

/* Sorted and without duplicates. */
static int make_pairs(struct feedback *feedback, const struct waybuf_feedback *source)
{
	size_t all = count_pairs(source);
	if (all == 0 || all > (size_t)16 * MAX_PAIRS)
		return -EINVAL;
	feedback->pairs = calloc(all, sizeof(*feedback->pairs));
	if (!feedback->pairs)
		return -ENOMEM;
	struct waybuf_dmabuf_pair *end = feedback->pairs;
	for (size_t i = 0; i < source->n_tranches; i++) {
		const struct waybuf_tranche *tranche = &source->tranches[i];
		if (tranche->n_pairs == 0)
			return -EINVAL;
		memcpy(end, tranche->pairs, tranche->n_pairs * sizeof(*end));
		end += tranche->n_pairs;
	}
	qsort(feedback->pairs, all, sizeof(*feedback->pairs), pair_compare);
	size_t n = 1;
	for (size_t i = 1; i < all; i++) {
		if (pair_compare(&feedback->pairs[i], &feedback->pairs[n - 1]) != 0)
			feedback->pairs[n++] = feedback->pairs[i];
	}
	feedback->n_pairs = n;
	return n > MAX_PAIRS ? -EINVAL : 0;
}

static uint16_t find_index(const struct feedback *feedback, const struct waybuf_dmabuf_pair *pair)
{
	const struct waybuf_dmabuf_pair *found = bsearch(
		pair, feedback->pairs, feedback->n_pairs, sizeof(*feedback->pairs), pair_compare);
	return (uint16_t)(found - feedback->pairs);
}

static int make_tranche(struct feedback *feedback, struct feedback_tranche *tranche,
	const struct waybuf_tranche *source)
{
	tranche->target = source->target;
	tranche->flags = source->flags;
	tranche->indices = calloc(source->n_pairs, sizeof(*tranche->indices));
	if (!tranche->indices)
		return -ENOMEM;
	for (size_t i = 0; i < source->n_pairs; i++)
		tranche->indices[i] = find_index(feedback, &source->pairs[i]);
	qsort(tranche->indices, source->n_pairs, sizeof(*tranche->indices), index_compare);
	for (size_t i = 0; i < source->n_pairs; i++) {
		size_t n = tranche->n_indices;
		if (n == 0 || tranche->indices[i] != tranche->indices[n - 1])
			tranche->indices[tranche->n_indices++] = tranche->indices[i];
	}
	return 0;
}

static int make_tranches(struct feedback *feedback, const struct waybuf_feedback *source)
{
	feedback->tranches = calloc(source->n_tranches, sizeof(*feedback->tranches));
	if (!feedback->tranches)
		return -ENOMEM;
	feedback->n_tranches = source->n_tranches;
	for (size_t i = 0; i < source->n_tranches; i++) {
		int ret = make_tranche(feedback, &feedback->tranches[i], &source->tranches[i]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int fill_table(const struct feedback *feedback, int fd)
{
	for (size_t i = 0; i < feedback->n_pairs; i++) {
		struct table_entry entry = {
			.format = feedback->pairs[i].format,
			.modifier = feedback->pairs[i].modifier,
		};
		if (write(fd, &entry, sizeof(entry)) != (ssize_t)sizeof(entry))
			return errno ? -errno : -EIO;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

static int make_table(struct feedback *feedback)
{
	feedback->table_size = (uint32_t)(feedback->n_pairs * sizeof(struct table_entry));
	feedback->table_fd = memfd_create("waybuf-format-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (feedback->table_fd < 0)
		return -errno;
	return fill_table(feedback, feedback->table_fd);
}

int feedback_create(const struct waybuf_feedback *source, struct feedback **out)
{
	if (!source || source->n_tranches == 0)
		return -EINVAL;
	struct feedback *feedback = calloc(1, sizeof(*feedback));
	if (!feedback)
		return -ENOMEM;
	feedback->refs = 1;
	feedback->table_fd = -1;
	feedback->main_device = source->main_device;
	int ret = make_pairs(feedback, source);
	if (ret == 0)
		ret = make_tranches(feedback, source);
	if (ret == 0)
		ret = make_table(feedback);
	if (ret < 0) {
		feedback_unref(feedback);
		return ret;
	}
	*out = feedback;
	return 0;
}

struct feedback *feedback_ref(struct feedback *feedback)
{
	feedback->refs++;
	return feedback;
}

void feedback_unref(struct feedback *feedback)
{
	if (!feedback || --feedback->refs > 0)
		return;
	for (size_t i = 0; i < feedback->n_tranches; i++)
		free(feedback->tranches[i].indices);
	free(feedback->tranches);
	free(feedback->pairs);
	fd_close(&feedback->table_fd);
	free(feedback);
}

bool feedback_same_table(const struct feedback *a, const struct feedback *b)
{
	if (a == b)
		return true;
	if (a->n_pairs != b->n_pairs)
		return false;
	for (size_t i = 0; i < a->n_pairs; i++) {
		if (pair_compare(&a->pairs[i], &b->pairs[i]) != 0)
			return false;
	}
	return true;
}

bool feedback_equal(const struct feedback *a, const struct feedback *b)
{
	if (a->main_device != b->main_device || a->n_tranches != b->n_tranches ||
		!feedback_same_table(a, b))
		return false;
	for (size_t i = 0; i < a->n_tranches; i++) {
		const struct feedback_tranche *x = &a->tranches[i], *y = &b->tranches[i];
		if (x->target != y->target || x->flags != y->flags ||
			x->n_indices != y->n_indices ||
			memcmp(x->indices, y->indices, x->n_indices * sizeof(*x->indices)) != 0)
			return false;
	}
	return true;
}
