/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fence/impl.h"
#include "util/checked.h"
#include "util/log.h"

/*
 * Reservations, after dma_resv: an unordered table of (fence, usage).
 *
 * Reserve, then add. max >= count + reserved holds at all times, so an add that uses a reserved
 * slot finds room whatever happened since. The kernel's reservations end with its lock; ours are
 * counted instead, because between the reservation and the commit that it is for, the loop may run
 * others who reserve and add as well.
 *
 * What one fence says about another, for the same context:
 *
 *	old WRITE:3, add WRITE:5	5 covers 3: replaced
 *	old READ:3,  add WRITE:5	promotion: replaced
 *	old WRITE:3, add READ:5		no demotion: both stay, or a reader would wait for nothing
 *	old WRITE:5, add READ:3		3 is over when 5 is, and 5 is stricter: nothing to add
 *
 * Adding looks only at what is known of the old fences and makes no syscall; asking the kernel is
 * left to those who want to know (status, snapshot) and to reserve when the table is full, so the
 * table stays within a small factor of the fences that are really active.
 *
 * An error outlives its fence's turn: until somebody declares the contents rewritten, whoever comes
 * next must learn that they are undefined. One error for each usage is enough for that and keeps a
 * peer from filling the table with failed fences.
 */
struct slot {
	struct waybuf_fence *fence;
	enum waybuf_resv_usage usage;
};

struct waybuf_resv {
	int refs;
	size_t count, reserved, max;
	struct slot *slots;
};

enum { MIN_SLOTS = 4 };

int waybuf_resv_create(struct waybuf_resv **out)
{
	struct waybuf_resv *resv = calloc(1, sizeof(*resv));
	if (!resv)
		return -ENOMEM;
	resv->refs = 1;
	*out = resv;
	return 0;
}

struct waybuf_resv *waybuf_resv_ref(struct waybuf_resv *resv)
{
	if (resv)
		resv->refs++;
	return resv;
}

void waybuf_resv_unref(struct waybuf_resv *resv)
{
	if (!resv || --resv->refs > 0)
		return;
	for (size_t i = 0; i < resv->count; i++)
		waybuf_fence_unref(resv->slots[i].fence);
	free(resv->slots);
	free(resv);
}

static void drop(struct waybuf_resv *resv, size_t i)
{
	struct waybuf_fence *fence = resv->slots[i].fence;
	resv->slots[i] = resv->slots[--resv->count];
	waybuf_fence_unref(fence);
}

static bool has_error(const struct waybuf_resv *resv, size_t n, enum waybuf_resv_usage usage)
{
	for (size_t i = 0; i < n; i++)
		if (resv->slots[i].usage == usage &&
			waybuf_fence_known_status(resv->slots[i].fence) < 0)
			return true;
	return false;
}

/* Asks every fence, and drops the signalled and all but one error of each usage. */
static void prune(struct waybuf_resv *resv)
{
	for (size_t i = 0; i < resv->count;) {
		int status = waybuf_fence_status(resv->slots[i].fence);
		if (status > 0 || (status < 0 && has_error(resv, i, resv->slots[i].usage)))
			drop(resv, i);
		else
			i++;
	}
}

static int grow(struct waybuf_resv *resv, uint64_t needed)
{
	uint64_t max, size;
	if (!checked_mul(resv->max, 2, &max))
		return -ENOMEM;
	if (max < needed)
		max = needed;
	if (max < MIN_SLOTS)
		max = MIN_SLOTS;
	if (!checked_mul(max, sizeof(*resv->slots), &size))
		return -ENOMEM;
	struct slot *slots = realloc(resv->slots, size);
	if (!slots)
		return -ENOMEM;
	resv->slots = slots;
	resv->max = max;
	return 0;
}

int waybuf_resv_reserve(struct waybuf_resv *resv, size_t n)
{
	uint64_t needed;
	if (n == 0)
		return -EINVAL;
	if (!checked_add(resv->reserved, n, &needed))
		return -ENOMEM;
	if (needed > resv->max - resv->count) {
		prune(resv);
		if (!checked_add(needed, resv->count, &needed))
			return -ENOMEM;
		int ret = needed > resv->max ? grow(resv, needed) : 0;
		if (ret < 0)
			return ret;
	}
	resv->reserved += n;
	return 0;
}

void waybuf_resv_unreserve(struct waybuf_resv *resv, size_t n)
{
	assert(n <= resv->reserved);
	resv->reserved -= n < resv->reserved ? n : resv->reserved;
}

/* Whether work of @a being over means that work of @b is, and @a holds off at least as many. */
static bool covers(const struct waybuf_fence *a, enum waybuf_resv_usage a_usage,
	const struct waybuf_fence *b, enum waybuf_resv_usage b_usage)
{
	return a->context == b->context && a->seqno >= b->seqno && a_usage <= b_usage;
}

static bool is_redundant(const struct waybuf_resv *resv, const struct waybuf_fence *fence,
	enum waybuf_resv_usage usage)
{
	for (size_t i = 0; i < resv->count; i++) {
		const struct slot *old = &resv->slots[i];
		if (!waybuf_fence_known_status(old->fence) &&
			covers(old->fence, old->usage, fence, usage))
			return true;
	}
	return false;
}

static void drop_covered(
	struct waybuf_resv *resv, const struct waybuf_fence *fence, enum waybuf_resv_usage usage)
{
	for (size_t i = 0; i < resv->count;) {
		const struct slot *old = &resv->slots[i];
		int status = waybuf_fence_known_status(old->fence);
		if (status > 0 || (status == 0 && covers(fence, usage, old->fence, old->usage)))
			drop(resv, i);
		else
			i++;
	}
}

static void add_leaf(
	struct waybuf_resv *resv, struct waybuf_fence *fence, enum waybuf_resv_usage usage)
{
	if (resv->reserved == 0 || resv->count + resv->reserved > resv->max) {
		waybuf_error("a fence was added to a reservation without a reserved slot");
		abort();
	}
	resv->reserved--;

	int status = waybuf_fence_known_status(fence);
	if (status > 0 || (status == 0 && is_redundant(resv, fence, usage)) ||
		(status < 0 && has_error(resv, resv->count, usage)))
		return;
	if (status == 0)
		drop_covered(resv, fence, usage);
	resv->slots[resv->count++] = (struct slot){waybuf_fence_ref(fence), usage};
}

void waybuf_resv_add(
	struct waybuf_resv *resv, struct waybuf_fence *fence, enum waybuf_resv_usage usage)
{
	size_t n;
	struct waybuf_fence *const *members = waybuf_fence_members(fence, &n);
	if (!members)
		add_leaf(resv, fence, usage);
	for (size_t i = 0; i < n; i++)
		add_leaf(resv, members[i], usage);
}

void waybuf_resv_clear_errors(struct waybuf_resv *resv)
{
	for (size_t i = 0; i < resv->count;) {
		if (waybuf_fence_status(resv->slots[i].fence) < 0)
			drop(resv, i);
		else
			i++;
	}
}

int waybuf_resv_status(struct waybuf_resv *resv, enum waybuf_resv_usage usage)
{
	int error = 0;
	for (size_t i = 0; i < resv->count; i++) {
		if (resv->slots[i].usage > usage)
			continue;
		int status = waybuf_fence_status(resv->slots[i].fence);
		if (status == 0)
			return 0;
		if (status < 0 && !error)
			error = status;
	}
	return error ? error : 1;
}

int waybuf_resv_snapshot(
	struct waybuf_resv *resv, enum waybuf_resv_usage usage, struct waybuf_fence **out)
{
	prune(resv);
	struct waybuf_fence **fences = NULL;
	size_t n = 0;
	if (resv->count > 0) {
		fences = calloc(resv->count, sizeof(struct waybuf_fence *));
		if (!fences)
			return -ENOMEM;
	}
	for (size_t i = 0; i < resv->count; i++)
		if (resv->slots[i].usage <= usage)
			fences[n++] = resv->slots[i].fence;
	int ret = waybuf_fence_merge(fences, n, out);
	free(fences);
	return ret;
}

struct waybuf_fence *waybuf_resv_next(struct waybuf_resv *resv, enum waybuf_resv_usage usage,
	size_t *cursor, enum waybuf_resv_usage *found)
{
	while (*cursor < resv->count) {
		const struct slot *slot = &resv->slots[(*cursor)++];
		if (slot->usage > usage || waybuf_fence_status(slot->fence) > 0)
			continue;
		if (found)
			*found = slot->usage;
		return slot->fence;
	}
	return NULL;
}
