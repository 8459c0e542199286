/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A compositor that is not ours says through linux-dmabuf which pairs of format and modifier it
 * takes. The service knows nothing of that compositor, so the client puts the list into the pool
 * as the constraints of an attachment of kind `other`.
 *
 * Formats with the same list of modifiers share a SET: compositors have two or three different
 * lists for dozens of formats, and the protocol allows 64 SETs.
 */

/* The modifiers of a format as a sorted list. */
struct format_list {
	uint32_t format;
	bool done;
	const struct waybuf_client_format *pairs;
	size_t count;
};

static int compare_pairs(const void *a, const void *b)
{
	const struct waybuf_client_format *left = a, *right = b;
	if (left->format != right->format)
		return left->format < right->format ? -1 : 1;
	return left->modifier == right->modifier ? 0 : left->modifier < right->modifier ? -1 : 1;
}

static bool same_modifiers(const struct format_list *a, const struct format_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (a->pairs[i].modifier != b->pairs[i].modifier)
			return false;
	}
	return true;
}

/* Cuts the sorted pairs into one list for each format. The number of lists. */
static size_t split(
	const struct waybuf_client_format *pairs, size_t count, struct format_list *lists)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		if (n == 0 || lists[n - 1].format != pairs[i].format)
			lists[n++] =
				(struct format_list){.format = pairs[i].format, .pairs = &pairs[i]};
		lists[n - 1].count++;
	}
	return n;
}

/* One SET for lists[first] and all that are like it. */
static int add_set(struct waybuf_constraints_builder *builder, struct format_list *lists,
	size_t count, size_t first, uint32_t *formats, uint64_t *modifiers)
{
	size_t n_formats = 0;
	for (size_t i = first; i < count; i++) {
		if (lists[i].done || !same_modifiers(&lists[first], &lists[i]))
			continue;
		lists[i].done = true;
		formats[n_formats++] = lists[i].format;
	}
	for (size_t i = 0; i < lists[first].count; i++)
		modifiers[i] = lists[first].pairs[i].modifier;
	return waybuf_constraints_builder_set(
		builder, formats, n_formats, modifiers, lists[first].count);
}

/* Sorted, and each pair once: a table of the feedback may have it twice. Their number. */
static size_t sort(struct waybuf_client_format *pairs, size_t count)
{
	size_t n = 0;
	qsort(pairs, count, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < count; i++)
		if (n == 0 || compare_pairs(&pairs[n - 1], &pairs[i]) != 0)
			pairs[n++] = pairs[i];
	return n;
}

static int add_sets(struct waybuf_constraints_builder *builder, struct waybuf_client_format *pairs,
	size_t count, struct format_list *lists, uint32_t *formats, uint64_t *modifiers)
{
	size_t n_lists = split(pairs, sort(pairs, count), lists);
	for (size_t i = 0; i < n_lists; i++) {
		if (lists[i].done)
			continue;
		int ret = add_set(builder, lists, n_lists, i, formats, modifiers);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static bool is_refused(
	const struct waybuf_client_pool *pool, const struct waybuf_client_format *pair)
{
	for (uint32_t i = 0; i < pool->n_refused; i++)
		if (compare_pairs(&pool->refused[i], pair) == 0)
			return true;
	return false;
}

/* Those that have not been refused; their number. */
static size_t copy_pairs(const struct waybuf_client_pool *pool, struct waybuf_client_format *pairs)
{
	const struct client_offer *offer = &pool->client->offer;
	size_t n = 0;
	for (size_t i = 0; i < offer->n_explicit; i++)
		if (!is_refused(pool, &offer->pairs[i]))
			pairs[n++] = offer->pairs[i];
	return n;
}

/*
 * A service knows nothing of who shows its memory, and would give shared memory to a program that draws
 * by CPU. So the exporters of dma-bufs are named: those for which nobody but the CPU pays first.
 */
static const char *const dmabuf_heaps[] = {
	"udmabuf", "system", "dumb", "linux,cma", "reserved", "default_cma_region", "gbm"};

static int build(struct waybuf_constraints_builder *builder, struct waybuf_client_format *pairs,
	size_t count, bool beside, struct waybuf_constraints **out)
{
	int ret = -ENOMEM;
	struct format_list *lists = calloc(count, sizeof(*lists));
	uint32_t *formats = calloc(count, sizeof(*formats));
	uint64_t *modifiers = calloc(count, sizeof(*modifiers));
	if (lists && formats && modifiers) {
		waybuf_constraints_builder_access(
			builder, WAYBUF_ACCESS_SAMPLE | WAYBUF_ACCESS_SCANOUT);
		if (beside)
			waybuf_constraints_builder_heaps(builder, dmabuf_heaps,
				sizeof(dmabuf_heaps) / sizeof(dmabuf_heaps[0]));
		ret = add_sets(builder, pairs, count, lists, formats, modifiers);
	}
	free(modifiers);
	free(formats);
	free(lists);
	return ret < 0 ? ret : waybuf_constraints_builder_finish(builder, out);
}

int client_foreign_constraints(struct waybuf_client_pool *pool, struct waybuf_constraints **out)
{
	struct waybuf_client *client = pool->client;
	if (!client->dmabuf || client->offer.n_explicit == 0)
		return client_fail(client, -EOPNOTSUPP,
			"the compositor takes no buffers through linux-dmabuf");
	int ret = -ENOMEM;
	struct waybuf_client_format *pairs = calloc(client->offer.n_explicit, sizeof(*pairs));
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	size_t count = pairs ? copy_pairs(pool, pairs) : 0;
	if (pairs && count == 0)
		ret = client_fail(client, -EOPNOTSUPP,
			"the compositor has refused each kind of buffer that it lists");
	else if (pairs && builder)
		ret = build(builder, pairs, count, client->service == &client->beside, out);
	waybuf_constraints_builder_destroy(builder);
	free(pairs);
	return ret;
}

/* ---- refusals ------------------------------------------------------------------------------ */

/* The service is not asked again for memory to show. */
static void give_up_service(struct waybuf_client_pool *pool)
{
	snprintf(pool->service_refusal, sizeof(pool->service_refusal), "%.200s",
		pool->client->error);
}

/*
 * What the compositor refuses after all is asked for no more; what it cannot even see, of nobody. A
 * pair that it does not list any more needs no note: who asks next reads the list, where it may be back.
 */
static void note_refusal(struct waybuf_client_pool *pool, const struct waybuf_layout *layout)
{
	const struct waybuf_client_format pair = {
		.format = layout->format, .modifier = layout->modifier};
	pool->renegotiate = true;
	if (layout->memory[0].kind != WAYBUF_MEMORY_DMABUF) {
		give_up_service(pool);
		return;
	}
	if (!client_dmabuf_lists(pool->client, &pair) || is_refused(pool, &pair))
		return;
	if (pool->n_refused < CLIENT_MAX_REFUSED)
		pool->refused[pool->n_refused++] = pair;
	else
		give_up_service(pool);
}

int client_foreign_make_wl_buffer(struct waybuf_client_buffer *buffer)
{
	int ret = client_present_import(buffer);
	if (ret == -EOPNOTSUPP)
		note_refusal(buffer->pool, &buffer->storage->layout);
	return ret;
}
