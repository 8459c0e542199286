/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "fence/impl.h"

/*
 * Merging, after dma_fence_unwrap_merge(): flatten, drop what is done, keep the latest of each
 * context, and only then make an array, if it takes one. Unlike the kernel's, a merge keeps an
 * error that has happened already (the earliest), because its result has to say that the contents
 * are undefined.
 *
 *	[ A:3, array(A:5, B:1), done, B:2 failed, NULL ]
 *	flatten   A:3  A:5  B:1  B:2 failed
 *	keep      B:2 failed (the error), A:5, B:1 (active, so its reader has to be waited for)
 *
 * Within a context work runs in order, so A:3 is over when A:5 is. If A:3 fails *later*, A:5 is
 * relied on to say so, as in the kernel.
 */

size_t waybuf_fence_leaves(const struct waybuf_fence *fence)
{
	size_t n;
	return waybuf_fence_members(fence, &n) ? n : 1;
}

struct gather {
	struct waybuf_fence **fences; /* active, borrowed */
	size_t n;
	struct waybuf_fence *failed; /* the earliest error, borrowed */
};

static void gather_leaf(struct gather *gather, struct waybuf_fence *leaf)
{
	int status = waybuf_fence_status(leaf);
	if (status == 0)
		gather->fences[gather->n++] = leaf;
	else if (status < 0 && (!gather->failed || leaf->settled_ns < gather->failed->settled_ns))
		gather->failed = leaf;
}

static void gather_fence(struct gather *gather, struct waybuf_fence *fence)
{
	size_t n;
	struct waybuf_fence *const *members = waybuf_fence_members(fence, &n);
	if (!members)
		gather_leaf(gather, fence);
	for (size_t i = 0; i < n; i++)
		gather_leaf(gather, members[i]);
}

/* By context, the latest first. */
static int compare(const void *pa, const void *pb)
{
	const struct waybuf_fence *a = *(struct waybuf_fence *const *)pa;
	const struct waybuf_fence *b = *(struct waybuf_fence *const *)pb;
	if (a->context != b->context)
		return a->context < b->context ? -1 : 1;
	return (a->seqno < b->seqno) - (a->seqno > b->seqno);
}

static size_t keep_latest(struct waybuf_fence **fences, size_t n)
{
	size_t kept = 0;
	qsort(fences, n, sizeof(*fences), compare);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || fences[kept - 1]->context != fences[i]->context)
			fences[kept++] = fences[i];
	return kept;
}

static int conclude(struct gather *gather, struct waybuf_fence **out)
{
	size_t n = keep_latest(gather->fences, gather->n);
	if (gather->failed)
		gather->fences[n++] = gather->failed;
	for (size_t i = 0; i < n; i++)
		waybuf_fence_ref(gather->fences[i]);
	if (n > 1)
		return waybuf_fence_array_create(gather->fences, n, false, out);
	*out = n == 1 ? gather->fences[0] : waybuf_fence_stub();
	return 0;
}

int waybuf_fence_merge(struct waybuf_fence *const *fences, size_t n, struct waybuf_fence **out)
{
	/* an array's leaves are distinct objects that exist, so their number cannot overflow */
	size_t max = 0;
	for (size_t i = 0; i < n; i++)
		max += fences[i] ? waybuf_fence_leaves(fences[i]) : 0;
	if (max == 0) {
		*out = waybuf_fence_stub();
		return 0;
	}

	struct gather gather = {.fences = calloc(max, sizeof(struct waybuf_fence *))};
	if (!gather.fences)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (fences[i])
			gather_fence(&gather, fences[i]);
	int ret = conclude(&gather, out);
	free(gather.fences);
	return ret;
}

int waybuf_fence_any(struct waybuf_fence *const *fences, size_t n, struct waybuf_fence **out)
{
	for (size_t i = 0; i < n; i++)
		if (!fences[i])
			return -EINVAL;
	if (n == 0)
		return -EINVAL;
	struct waybuf_fence **refs = calloc(n, sizeof(struct waybuf_fence *));
	if (!refs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		refs[i] = waybuf_fence_ref(fences[i]);
	int ret = waybuf_fence_array_create(refs, n, true, out);
	free(refs);
	return ret;
}
