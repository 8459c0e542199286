/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "feedback.h"
#include "util/fd.h"

/* Indices into the table are 16 bits wide. */
#define MAX_PAIRS 65535
#define KNOWN_FLAGS ((uint32_t)(WAYBUF_TRANCHE_SCANOUT | WAYBUF_TRANCHE_SAMPLING))

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

/* ---- the table ------------------------------------------------------------------------------- */

/* Sorted and without duplicates. */
static int make_pairs(struct format_table *table, const struct waybuf_feedback *source)
{
	size_t all = count_pairs(source);
	if (all == 0 || all > (size_t)16 * MAX_PAIRS)
		return -EINVAL;
	table->pairs = calloc(all, sizeof(*table->pairs));
	if (!table->pairs)
		return -ENOMEM;
	struct waybuf_dmabuf_pair *end = table->pairs;
	for (size_t i = 0; i < source->n_tranches; i++) {
		const struct waybuf_tranche *tranche = &source->tranches[i];
		if (tranche->n_pairs == 0)
			return -EINVAL;
		memcpy(end, tranche->pairs, tranche->n_pairs * sizeof(*end));
		end += tranche->n_pairs;
	}
	qsort(table->pairs, all, sizeof(*table->pairs), pair_compare);
	size_t n = 1;
	for (size_t i = 1; i < all; i++) {
		if (pair_compare(&table->pairs[i], &table->pairs[n - 1]) != 0)
			table->pairs[n++] = table->pairs[i];
	}
	table->n_pairs = n;
	return n > MAX_PAIRS ? -EINVAL : 0;
}

static int fill_file(const struct format_table *table)
{
	for (size_t i = 0; i < table->n_pairs; i++) {
		struct table_entry entry = {
			.format = table->pairs[i].format,
			.modifier = table->pairs[i].modifier,
		};
		if (write(table->fd, &entry, sizeof(entry)) != (ssize_t)sizeof(entry))
			return errno ? -errno : -EIO;
	}
	if (fcntl(table->fd, F_ADD_SEALS,
		    F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

static int make_file(struct format_table *table)
{
	table->size = (uint32_t)(table->n_pairs * sizeof(struct table_entry));
	table->fd = memfd_create("waybuf-format-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (table->fd < 0)
		return -errno;
	return fill_file(table);
}

static void table_unref(struct format_table *table)
{
	if (!table || --table->refs > 0)
		return;
	free(table->pairs);
	fd_close(&table->fd);
	free(table);
}

static int table_create(const struct waybuf_feedback *source, struct format_table **out)
{
	struct format_table *table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->refs = 1;
	table->fd = -1;
	int ret = make_pairs(table, source);
	if (ret == 0)
		ret = make_file(table);
	if (ret < 0)
		table_unref(table);
	else
		*out = table;
	return ret;
}

/* False: the table does not have it. */
static bool find_index(
	const struct format_table *table, const struct waybuf_dmabuf_pair *pair, uint16_t *index)
{
	const struct waybuf_dmabuf_pair *found =
		bsearch(pair, table->pairs, table->n_pairs, sizeof(*table->pairs), pair_compare);
	if (found)
		*index = (uint16_t)(found - table->pairs);
	return found;
}

/* ---- lists of indices ------------------------------------------------------------------------ */

static bool list_has(const struct index_list *list, uint16_t index)
{
	return list->n && bsearch(&index, list->indices, list->n, sizeof(index), index_compare);
}

static bool list_equal(const struct index_list *a, const struct index_list *b)
{
	return a->n == b->n &&
		(a->n == 0 || memcmp(a->indices, b->indices, a->n * sizeof(*a->indices)) == 0);
}

static int list_copy(const struct index_list *from, struct index_list *to)
{
	/* one more: nothing at all is no failure */
	to->indices = calloc(from->n + 1, sizeof(*to->indices));
	if (!to->indices)
		return -ENOMEM;
	to->n = from->n;
	memcpy(to->indices, from->indices, from->n * sizeof(*to->indices));
	return 0;
}

static void list_subtract(struct index_list *list, const struct index_list *other)
{
	size_t n = 0;
	for (size_t i = 0; i < list->n; i++) {
		if (!list_has(other, list->indices[i]))
			list->indices[n++] = list->indices[i];
	}
	list->n = n;
}

static int list_make(const struct format_table *table, const struct waybuf_tranche *source,
	struct index_list *list)
{
	list->indices = calloc(source->n_pairs + 1, sizeof(*list->indices));
	if (!list->indices)
		return -ENOMEM;
	size_t all = 0, n = 0;
	for (size_t i = 0; i < source->n_pairs; i++) {
		if (find_index(table, &source->pairs[i], &list->indices[all]))
			all++;
	}
	qsort(list->indices, all, sizeof(*list->indices), index_compare);
	for (size_t i = 0; i < all; i++) {
		if (n == 0 || list->indices[i] != list->indices[n - 1])
			list->indices[n++] = list->indices[i];
	}
	list->n = n;
	return 0;
}

/* ---- tranches -------------------------------------------------------------------------------- */

/*
 * No pair twice for one device and purpose. For the later tranche to be sent or not is decided by
 * what the client can tell apart, so there are two answers.
 */
static int drop_repeats(struct feedback *feedback)
{
	for (size_t i = 0; i < feedback->n_tranches; i++) {
		struct feedback_tranche *tranche = &feedback->tranches[i];
		int ret = list_copy(&tranche->pairs, &tranche->old_pairs);
		if (ret < 0)
			return ret;
		for (size_t j = 0; j < i; j++) {
			const struct feedback_tranche *former = &feedback->tranches[j];
			uint32_t others = former->flags ^ tranche->flags;
			if (former->target != tranche->target)
				continue;
			if (others == 0)
				list_subtract(&tranche->pairs, &former->pairs);
			if ((others & WAYBUF_TRANCHE_SCANOUT) == 0)
				list_subtract(&tranche->old_pairs, &former->old_pairs);
		}
	}
	return 0;
}

/*
 * Version 6 wants a flag in each tranche, and sampling in one of them. Before, a tranche without
 * flags was just that, and the main device is the one that composes.
 */
static int settle_flags(struct feedback *feedback)
{
	bool sampling = false, has_main = false;
	for (size_t i = 0; i < feedback->n_tranches; i++) {
		struct feedback_tranche *tranche = &feedback->tranches[i];
		if (tranche->flags == 0)
			tranche->flags = WAYBUF_TRANCHE_SAMPLING;
		sampling |= tranche->flags & WAYBUF_TRANCHE_SAMPLING;
		has_main |= tranche->target == feedback->main_device;
	}
	for (size_t i = 0; !sampling && i < feedback->n_tranches; i++) {
		if (feedback->tranches[i].target == feedback->main_device)
			feedback->tranches[i].flags |= WAYBUF_TRANCHE_SAMPLING;
	}
	return has_main ? 0 : -EINVAL;
}

static int make_tranches(struct feedback *feedback, const struct waybuf_feedback *source)
{
	feedback->tranches = calloc(source->n_tranches, sizeof(*feedback->tranches));
	if (!feedback->tranches)
		return -ENOMEM;
	feedback->n_tranches = source->n_tranches;
	for (size_t i = 0; i < source->n_tranches; i++) {
		struct feedback_tranche *tranche = &feedback->tranches[i];
		tranche->target = source->tranches[i].target;
		tranche->flags = source->tranches[i].flags & KNOWN_FLAGS;
		int ret = list_make(feedback->table, &source->tranches[i], &tranche->pairs);
		if (ret < 0)
			return ret;
	}
	int ret = settle_flags(feedback);
	return ret < 0 ? ret : drop_repeats(feedback);
}

int feedback_create(const struct waybuf_feedback *source, struct feedback **out)
{
	if (!source || source->n_tranches == 0)
		return -EINVAL;
	struct feedback *feedback = calloc(1, sizeof(*feedback));
	if (!feedback)
		return -ENOMEM;
	feedback->refs = 1;
	feedback->main_device = source->main_device;
	int ret = table_create(source, &feedback->table);
	if (ret == 0)
		ret = make_tranches(feedback, source);
	if (ret < 0) {
		feedback_unref(feedback);
		return ret;
	}
	*out = feedback;
	return 0;
}

/* ---- offers ---------------------------------------------------------------------------------- */

static bool is_sampled(const struct feedback *feedback, uint16_t index)
{
	for (size_t i = 0; i < feedback->n_tranches; i++) {
		const struct feedback_tranche *tranche = &feedback->tranches[i];
		if (tranche->flags & WAYBUF_TRANCHE_SAMPLING && list_has(&tranche->pairs, index))
			return true;
	}
	return false;
}

/* The first choice of all is what is about to be offered. */
static bool begins_with(const struct feedback *base, const struct feedback_tranche *offer)
{
	const struct feedback_tranche *first = &base->tranches[0];
	if (first->target != offer->target || !(first->flags & WAYBUF_TRANCHE_SCANOUT))
		return false;
	for (size_t i = 0; i < offer->pairs.n; i++) {
		if (!list_has(&first->pairs, offer->pairs.indices[i]))
			return false;
	}
	return true;
}

static int make_offer(const struct feedback *base, const struct waybuf_tranche *plane,
	struct feedback_tranche *offer)
{
	offer->target = plane->target;
	offer->flags = WAYBUF_TRANCHE_SCANOUT;
	int ret = list_make(base->table, plane, &offer->pairs);
	if (ret < 0)
		return ret;
	size_t n = 0;
	for (size_t i = 0; i < offer->pairs.n; i++) {
		if (is_sampled(base, offer->pairs.indices[i]))
			offer->pairs.indices[n++] = offer->pairs.indices[i];
	}
	offer->pairs.n = n;
	return begins_with(base, offer) || n == 0 ? -EALREADY : 0;
}

static int copy_tranches(struct feedback *feedback, const struct feedback *base)
{
	for (size_t i = 0; i < base->n_tranches; i++) {
		const struct feedback_tranche *from = &base->tranches[i];
		struct feedback_tranche *to = &feedback->tranches[i + 1];
		to->target = from->target;
		to->flags = from->flags;
		int ret = list_copy(&from->pairs, &to->pairs);
		if (ret < 0)
			return ret;
	}
	return drop_repeats(feedback);
}

int feedback_create_offer(
	const struct feedback *base, const struct waybuf_tranche *plane, struct feedback **out)
{
	struct feedback *feedback = calloc(1, sizeof(*feedback));
	if (!feedback)
		return -ENOMEM;
	feedback->refs = 1;
	feedback->main_device = base->main_device;
	feedback->table = base->table;
	feedback->table->refs++;
	feedback->tranches = calloc(base->n_tranches + 1, sizeof(*feedback->tranches));
	int ret = -ENOMEM;
	if (!feedback->tranches)
		goto err;
	feedback->n_tranches = base->n_tranches + 1;
	ret = make_offer(base, plane, &feedback->tranches[0]);
	if (ret == 0)
		ret = copy_tranches(feedback, base);
	if (ret < 0)
		goto err;
	*out = feedback;
	return 0;

err:
	feedback_unref(feedback);
	return ret;
}

/* ---- life, and what can be asked --------------------------------------------------------------- */

struct feedback *feedback_ref(struct feedback *feedback)
{
	feedback->refs++;
	return feedback;
}

void feedback_unref(struct feedback *feedback)
{
	if (!feedback || --feedback->refs > 0)
		return;
	for (size_t i = 0; i < feedback->n_tranches; i++) {
		free(feedback->tranches[i].pairs.indices);
		free(feedback->tranches[i].old_pairs.indices);
	}
	free(feedback->tranches);
	table_unref(feedback->table);
	free(feedback);
}

bool feedback_same_table(const struct feedback *left, const struct feedback *right)
{
	const struct format_table *a = left->table, *b = right->table;
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

static bool same_tranche(
	const struct feedback_tranche *a, const struct feedback_tranche *b, bool knows_sampling)
{
	if (a->target != b->target)
		return false;
	if (knows_sampling)
		return a->flags == b->flags && list_equal(&a->pairs, &b->pairs);
	return ((a->flags ^ b->flags) & WAYBUF_TRANCHE_SCANOUT) == 0 &&
		list_equal(&a->old_pairs, &b->old_pairs);
}

bool feedback_same_events(const struct feedback *a, const struct feedback *b, bool knows_sampling)
{
	if (a == b)
		return true;
	if (!knows_sampling && a->main_device != b->main_device)
		return false;
	if (a->n_tranches != b->n_tranches || !feedback_same_table(a, b))
		return false;
	for (size_t i = 0; i < a->n_tranches; i++) {
		if (!same_tranche(&a->tranches[i], &b->tranches[i], knows_sampling))
			return false;
	}
	return true;
}

/* What the nodes of one device have in common, whatever the bus. */
static bool read_parent(dev_t device, struct stat *st)
{
	char path[64];
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device", major(device), minor(device));
	return stat(path, st) == 0;
}

static bool same_device(dev_t a, dev_t b)
{
	struct stat x, y;
	if (a == b)
		return true;
	return read_parent(a, &x) && read_parent(b, &y) && x.st_dev == y.st_dev &&
		x.st_ino == y.st_ino;
}

bool feedback_samples(const struct feedback *feedback, dev_t device)
{
	for (size_t i = 0; i < feedback->n_tranches; i++) {
		const struct feedback_tranche *tranche = &feedback->tranches[i];
		if (tranche->flags & WAYBUF_TRANCHE_SAMPLING &&
			same_device(tranche->target, device))
			return true;
	}
	return false;
}
