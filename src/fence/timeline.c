/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fence/impl.h"
#include "util/clock.h"

/*
 * Software timelines, after the kernel's sw_sync: one context, a counter that only rises, and the
 * active fences in rising order. The fences do not hold the timeline; the timeline knows them and
 * lets go of each when it settles.
 *
 * Points that failed must stay failed for those who ask later, because "passed" would mean that
 * the contents are good. One range is remembered that covers all failures; good points between two
 * failures read as failed, which is the safe mistake.
 */
struct waybuf_timeline {
	uint64_t context, point;
	uint64_t failed_from, failed_to; /* (from, to]; equal: no failure yet */
	int error;
	int running;
	bool dying;
	struct waybuf_list fences; // timeline_fence.link
	char name[32];
};

struct timeline_fence {
	struct waybuf_fence base;
	const struct waybuf_timeline *timeline; /* NULL once settled: it may be gone by then */
	struct waybuf_list link; // waybuf_timeline.fences; in no list once settled
};

static void timeline_fence_release(struct waybuf_fence *base)
{
	struct timeline_fence *fence = waybuf_container_of(base, struct timeline_fence, base);
	waybuf_list_remove(&fence->link);
	free(fence);
}

static void timeline_fence_describe(struct waybuf_fence *base, char *text, size_t size)
{
	struct timeline_fence *fence = waybuf_container_of(base, struct timeline_fence, base);
	snprintf(text, size, "%s", fence->timeline ? fence->timeline->name : "settled");
}

static const struct waybuf_fence_ops timeline_ops = {
	.name = "timeline",
	.describe = timeline_fence_describe,
	.release = timeline_fence_release,
};

int waybuf_timeline_create(const char *name, struct waybuf_timeline **out)
{
	struct waybuf_timeline *timeline = calloc(1, sizeof(*timeline));
	if (!timeline)
		return -ENOMEM;
	timeline->context = waybuf_fence_context_alloc();
	snprintf(timeline->name, sizeof(timeline->name), "%s", name);
	waybuf_list_init(&timeline->fences);
	*out = timeline;
	return 0;
}

static struct timeline_fence *first_fence(struct waybuf_timeline *timeline)
{
	if (waybuf_list_empty(&timeline->fences))
		return NULL;
	return waybuf_list_first(&timeline->fences, struct timeline_fence, link);
}

static int passed_status(const struct waybuf_timeline *timeline, uint64_t point)
{
	if (timeline->dying)
		return -ECANCELED;
	if (point > timeline->point)
		return 0;
	bool failed = point > timeline->failed_from && point <= timeline->failed_to;
	return failed ? timeline->error : 1;
}

/* A callback may add fences and signal further points, so start over after each. */
static void settle_passed(struct waybuf_timeline *timeline)
{
	uint64_t now = clock_now_ns();
	struct timeline_fence *fence;
	int status;
	timeline->running++;
	while ((fence = first_fence(timeline)) &&
		(status = passed_status(timeline, fence->base.seqno))) {
		waybuf_list_remove(&fence->link);
		fence->timeline = NULL;
		waybuf_fence_settle(&fence->base, status, now);
	}
	timeline->running--;
}

void waybuf_timeline_destroy(struct waybuf_timeline *timeline)
{
	if (!timeline)
		return;
	assert(!timeline->running);
	timeline->dying = true;
	settle_passed(timeline);
	free(timeline);
}

static void insert_in_order(struct waybuf_timeline *timeline, struct timeline_fence *fence)
{
	struct waybuf_list *at = timeline->fences.prev;
	while (at != &timeline->fences) {
		struct timeline_fence *other = waybuf_container_of(at, struct timeline_fence, link);
		if (other->base.seqno <= fence->base.seqno)
			break;
		at = at->prev;
	}
	waybuf_list_insert(at, &fence->link);
}

int waybuf_timeline_fence(
	struct waybuf_timeline *timeline, uint64_t point, struct waybuf_fence **out)
{
	int status = passed_status(timeline, point);
	if (status == 1) {
		*out = waybuf_fence_stub();
		return 0;
	}
	if (status < 0)
		return waybuf_fence_failed(status, out);

	struct timeline_fence *fence = calloc(1, sizeof(*fence));
	if (!fence)
		return -ENOMEM;
	waybuf_fence_init(&fence->base, &timeline_ops, timeline->context, point);
	fence->timeline = timeline;
	insert_in_order(timeline, fence);
	*out = &fence->base;
	return 0;
}

int waybuf_timeline_signal(struct waybuf_timeline *timeline, uint64_t point)
{
	if (point <= timeline->point)
		return -EINVAL;
	timeline->point = point;
	settle_passed(timeline);
	return 0;
}

int waybuf_timeline_fail(struct waybuf_timeline *timeline, uint64_t point, int error)
{
	if (error >= 0 || error < -4095 || point <= timeline->point)
		return -EINVAL;
	if (timeline->failed_from == timeline->failed_to) {
		timeline->failed_from = timeline->point;
		timeline->error = error;
	}
	timeline->failed_to = point;
	return waybuf_timeline_signal(timeline, point);
}

uint64_t waybuf_timeline_point(const struct waybuf_timeline *timeline)
{
	return timeline->point;
}
