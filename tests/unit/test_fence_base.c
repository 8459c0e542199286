/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "fence/impl.h"
#include "fence/wait.h"
#include "harness.h"
#include "util/clock.h"

static struct waybuf_timeline *timeline_create(void)
{
	struct waybuf_timeline *timeline = NULL;
	ck_assert_int_eq(waybuf_timeline_create("test", &timeline), 0);
	return timeline;
}

static struct waybuf_fence *fence_at(struct waybuf_timeline *timeline, uint64_t point)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_eq(waybuf_timeline_fence(timeline, point, &fence), 0);
	return fence;
}

static struct waybuf_loop *loop_create(void)
{
	struct waybuf_loop *loop = NULL;
	ck_assert_int_eq(waybuf_loop_create_epoll(&loop), 0);
	return loop;
}

struct watcher {
	struct waybuf_fence_wait wait;
	int calls, status;
	struct watcher *cancels;
	struct waybuf_fence *drops;
};

static void called(struct waybuf_fence_wait *wait, int status)
{
	struct watcher *watcher = waybuf_container_of(wait, struct watcher, wait);
	watcher->calls++;
	watcher->status = status;
	if (watcher->cancels)
		waybuf_fence_wait_cancel(&watcher->cancels->wait);
	waybuf_fence_unref(watcher->drops);
	watcher->drops = NULL;
}

static int watch(struct watcher *watcher, struct waybuf_fence *fence, struct waybuf_loop *loop)
{
	waybuf_fence_wait_init(&watcher->wait);
	return waybuf_fence_wait_add(&watcher->wait, fence, loop, called);
}

TEST(stub_is_signalled_and_uncounted)
{
	struct waybuf_fence *stub = waybuf_fence_stub();
	uint64_t ns = 1;
	int fd = -1;
	ck_assert_int_eq(waybuf_fence_status(stub), 1);
	ck_assert_int_eq(waybuf_fence_timestamp(stub, &ns), 0);
	ck_assert_uint_eq(ns, 0);
	waybuf_fence_unref(stub);
	waybuf_fence_unref(stub);
	ck_assert_ptr_eq(waybuf_fence_ref(stub), waybuf_fence_stub());
	ck_assert_int_eq(waybuf_fence_to_sync_file(stub, &fd), -EOPNOTSUPP);
	ck_assert_int_eq(fd, -1);
}

TEST(null_is_harmless)
{
	waybuf_fence_unref(NULL);
	waybuf_timeline_destroy(NULL);
	ck_assert_ptr_null(waybuf_fence_ref(NULL));
}

TEST(failed_fence_keeps_its_error)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_eq(waybuf_fence_failed(0, &fence), -EINVAL);
	ck_assert_int_eq(waybuf_fence_failed(5, &fence), -EINVAL);
	ck_assert_int_eq(waybuf_fence_failed(-ETIME, &fence), 0);
	ck_assert_int_eq(waybuf_fence_status(fence), -ETIME);
	waybuf_fence_unref(fence);
}

TEST(timeline_signals_in_order_and_once)
{
	struct waybuf_timeline *timeline = timeline_create();
	struct waybuf_fence *three = fence_at(timeline, 3), *one = fence_at(timeline, 1);
	uint64_t ns = 0;
	ck_assert_int_eq(waybuf_fence_status(one), 0);
	ck_assert_int_eq(waybuf_fence_timestamp(one, &ns), -EAGAIN);
	uint64_t before = clock_now_ns();
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 2), 0);
	ck_assert_int_eq(waybuf_fence_status(one), 1);
	ck_assert_int_eq(waybuf_fence_status(three), 0);
	ck_assert_int_eq(waybuf_fence_timestamp(one, &ns), 0);
	ck_assert_uint_ge(ns, before);
	ck_assert_uint_le(ns, clock_now_ns());
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 2), -EINVAL);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), -EINVAL);
	ck_assert_uint_eq(waybuf_timeline_point(timeline), 2);
	waybuf_timeline_destroy(timeline);
	ck_assert_int_eq(waybuf_fence_status(one), 1);
	ck_assert_int_eq(waybuf_fence_status(three), -ECANCELED);
	waybuf_fence_unref(one);
	waybuf_fence_unref(three);
}

TEST(failed_points_stay_failed)
{
	struct waybuf_timeline *timeline = timeline_create();
	struct waybuf_fence *three = fence_at(timeline, 3);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 2), 0);
	ck_assert_int_eq(waybuf_timeline_fail(timeline, 4, 0), -EINVAL);
	ck_assert_int_eq(waybuf_timeline_fail(timeline, 2, -EIO), -EINVAL);
	ck_assert_int_eq(waybuf_timeline_fail(timeline, 4, -EIO), 0);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 9), 0);
	ck_assert_int_eq(waybuf_fence_status(three), -EIO);
	static const struct {
		uint64_t point;
		int status;
	} expect[] = {{1, 1}, {2, 1}, {3, -EIO}, {4, -EIO}, {5, 1}, {9, 1}, {10, 0}};
	for (size_t i = 0; i < sizeof(expect) / sizeof(expect[0]); i++) {
		struct waybuf_fence *late = fence_at(timeline, expect[i].point);
		ck_assert_int_eq(waybuf_fence_status(late), expect[i].status);
		waybuf_fence_unref(late);
	}
	waybuf_fence_unref(three);
	waybuf_timeline_destroy(timeline);
}

TEST(wait_calls_once)
{
	struct waybuf_loop *loop = loop_create();
	struct waybuf_timeline *timeline = timeline_create();
	struct waybuf_fence *fence = fence_at(timeline, 1);
	struct watcher first = {0}, late = {0};
	ck_assert_int_eq(watch(&first, fence, loop), 0);
	ck_assert(waybuf_fence_wait_pending(&first.wait));
	ck_assert_int_eq(first.calls, 0);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	ck_assert_int_eq(first.calls, 1);
	ck_assert_int_eq(first.status, 1);
	ck_assert(!waybuf_fence_wait_pending(&first.wait));
	ck_assert_int_eq(watch(&late, fence, loop), 1);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 2), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 0), 0);
	ck_assert_int_eq(first.calls + late.calls, 1);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	waybuf_loop_destroy(loop);
}

TEST(wait_on_settled_costs_no_fd)
{
	struct waybuf_loop *loop = loop_create();
	struct waybuf_fence *failed = NULL;
	struct watcher watcher = {0};
	ck_assert_int_eq(waybuf_fence_failed(-EIO, &failed), 0);
	int fds = harness_count_fds();
	ck_assert_int_eq(watch(&watcher, waybuf_fence_stub(), loop), 1);
	ck_assert_int_eq(watch(&watcher, failed, loop), 1);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 0), 0);
	ck_assert_int_eq(harness_count_fds(), fds);
	ck_assert_int_eq(watcher.calls, 0);
	waybuf_fence_unref(failed);
	waybuf_loop_destroy(loop);
}

TEST(wait_holds_its_fence)
{
	struct waybuf_loop *loop = loop_create();
	struct waybuf_timeline *timeline = timeline_create();
	struct waybuf_fence *fence = fence_at(timeline, 1);
	struct watcher watcher = {0};
	ck_assert_int_eq(watch(&watcher, fence, loop), 0);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, -ECANCELED);
	waybuf_loop_destroy(loop);
}

TEST(callback_may_cancel_others_and_drop_the_fence)
{
	struct waybuf_loop *loop = loop_create();
	struct waybuf_timeline *timeline = timeline_create();
	struct waybuf_fence *fence = fence_at(timeline, 1);
	struct watcher a = {0}, b = {0}, c = {0};
	ck_assert_int_eq(watch(&a, fence, loop), 0);
	ck_assert_int_eq(watch(&b, fence, loop), 0);
	ck_assert_int_eq(watch(&c, fence, loop), 0);
	a.cancels = &b;
	a.drops = fence;
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	ck_assert_int_eq(a.calls, 1);
	ck_assert_int_eq(b.calls, 0);
	ck_assert_int_eq(c.calls, 1);
	waybuf_timeline_destroy(timeline);
	waybuf_loop_destroy(loop);
}

struct rearm {
	struct waybuf_fence_wait wait;
	struct waybuf_timeline *timeline;
	struct waybuf_loop *loop;
	uint64_t next, last;
	int calls;
};

static void rearm(struct waybuf_fence_wait *wait, int status)
{
	struct rearm *rearm_ = waybuf_container_of(wait, struct rearm, wait);
	rearm_->calls++;
	if (rearm_->next > rearm_->last)
		return;
	struct waybuf_fence *fence = fence_at(rearm_->timeline, rearm_->next++);
	ck_assert_int_eq(waybuf_fence_wait_add(wait, fence, rearm_->loop, rearm), 0);
	waybuf_fence_unref(fence);
	if (rearm_->calls == 2) /* from inside a callback of this timeline */
		ck_assert_int_eq(waybuf_timeline_signal(rearm_->timeline, rearm_->last), 0);
}

TEST(callback_may_add_again_and_signal_further)
{
	struct rearm watcher = {.next = 2, .last = 3};
	watcher.loop = loop_create();
	watcher.timeline = timeline_create();
	struct waybuf_fence *fence = fence_at(watcher.timeline, 1);
	waybuf_fence_wait_init(&watcher.wait);
	ck_assert_int_eq(waybuf_fence_wait_add(&watcher.wait, fence, watcher.loop, rearm), 0);
	waybuf_fence_unref(fence);
	ck_assert_int_eq(waybuf_timeline_signal(watcher.timeline, 1), 0);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(waybuf_timeline_signal(watcher.timeline, 2), 0);
	ck_assert_int_eq(watcher.calls, 3);
	ck_assert_uint_eq(waybuf_timeline_point(watcher.timeline), 3);
	waybuf_timeline_destroy(watcher.timeline);
	waybuf_loop_destroy(watcher.loop);
}

TEST(waits_of_one_fence_share_a_loop)
{
	struct waybuf_loop *loop = loop_create(), *other = loop_create();
	struct waybuf_timeline *timeline = timeline_create();
	struct waybuf_fence *fence = fence_at(timeline, 1);
	struct watcher a = {0}, b = {0};
	ck_assert_int_eq(watch(&a, fence, loop), 0);
	ck_assert_int_eq(watch(&b, fence, other), -EINVAL);
	ck_assert(!waybuf_fence_wait_pending(&b.wait));
	waybuf_fence_wait_finish(&a.wait);
	ck_assert_int_eq(watch(&b, fence, other), 0);
	waybuf_fence_wait_finish(&b.wait);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	ck_assert_int_eq(a.calls + b.calls, 0);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	waybuf_loop_destroy(loop);
	waybuf_loop_destroy(other);
}

TEST(merge_drops_the_signalled_and_the_covered)
{
	struct waybuf_timeline *a = timeline_create(), *b = timeline_create();
	struct waybuf_fence *merged = NULL, *all = NULL;
	struct waybuf_fence *a3 = fence_at(a, 3), *a5 = fence_at(a, 5), *b1 = fence_at(b, 1);
	struct waybuf_fence *one[] = {NULL, waybuf_fence_stub(), a3, a5, a3};
	struct waybuf_fence *none[] = {NULL, waybuf_fence_stub()};

	ck_assert_int_eq(waybuf_fence_merge(none, 2, &merged), 0);
	ck_assert_ptr_eq(merged, waybuf_fence_stub());
	ck_assert_int_eq(waybuf_fence_merge(NULL, 0, &merged), 0);
	ck_assert_ptr_eq(merged, waybuf_fence_stub());
	ck_assert_int_eq(waybuf_fence_merge(one, 5, &merged), 0);
	ck_assert_ptr_eq(merged, a5);

	struct waybuf_fence *two[] = {a3, b1, merged};
	ck_assert_int_eq(waybuf_fence_merge(two, 3, &all), 0);
	ck_assert_uint_eq(waybuf_fence_leaves(all), 2);
	ck_assert_int_eq(waybuf_timeline_signal(b, 1), 0);
	ck_assert_int_eq(waybuf_timeline_signal(a, 4), 0);
	ck_assert_int_eq(waybuf_fence_status(all), 0);
	ck_assert_int_eq(waybuf_timeline_signal(a, 5), 0);
	ck_assert_int_eq(waybuf_fence_status(all), 1);

	struct waybuf_fence *drop[] = {a3, a5, b1, merged, all};
	for (int i = 0; i < 5; i++)
		waybuf_fence_unref(drop[i]);
	waybuf_timeline_destroy(a);
	waybuf_timeline_destroy(b);
}

TEST(merge_flattens_arrays)
{
	struct waybuf_timeline *a = timeline_create(), *b = timeline_create(),
			       *c = timeline_create();
	struct waybuf_fence *a1 = fence_at(a, 1), *b1 = fence_at(b, 1), *c1 = fence_at(c, 1);
	struct waybuf_fence *ab = NULL, *bc = NULL, *abc = NULL;
	ck_assert_int_eq(waybuf_fence_merge((struct waybuf_fence *[]){a1, b1}, 2, &ab), 0);
	ck_assert_int_eq(waybuf_fence_merge((struct waybuf_fence *[]){b1, c1}, 2, &bc), 0);
	ck_assert_int_eq(waybuf_fence_merge((struct waybuf_fence *[]){ab, bc, a1}, 3, &abc), 0);
	ck_assert_uint_eq(waybuf_fence_leaves(abc), 3);
	struct waybuf_fence *drop[] = {a1, b1, c1, ab, bc};
	for (int i = 0; i < 5; i++)
		waybuf_fence_unref(drop[i]);
	ck_assert_int_eq(waybuf_timeline_signal(a, 1), 0);
	ck_assert_int_eq(waybuf_timeline_signal(b, 1), 0);
	ck_assert_int_eq(waybuf_fence_status(abc), 0);
	waybuf_timeline_destroy(c);
	ck_assert_int_eq(waybuf_fence_status(abc), -ECANCELED);
	waybuf_fence_unref(abc);
	waybuf_timeline_destroy(a);
	waybuf_timeline_destroy(b);
}

TEST(merge_keeps_the_first_error_and_waits_for_all)
{
	struct waybuf_timeline *a = timeline_create();
	struct waybuf_fence *early = NULL, *late = NULL, *all = NULL, *errors = NULL;
	struct waybuf_fence *a1 = fence_at(a, 1);
	ck_assert_int_eq(waybuf_fence_failed(-EIO, &early), 0);
	usleep(1000);
	ck_assert_int_eq(waybuf_fence_failed(-ETIME, &late), 0);
	struct waybuf_fence *list[] = {late, a1, early};
	ck_assert_int_eq(waybuf_fence_merge(list, 3, &all), 0);
	ck_assert_int_eq(waybuf_fence_status(all), 0);
	ck_assert_int_eq(waybuf_timeline_signal(a, 1), 0);
	ck_assert_int_eq(waybuf_fence_status(all), -EIO);
	ck_assert_int_eq(waybuf_fence_merge(list, 3, &errors), 0);
	ck_assert_ptr_eq(errors, early);
	struct waybuf_fence *drop[] = {early, late, a1, all, errors};
	for (int i = 0; i < 5; i++)
		waybuf_fence_unref(drop[i]);
	waybuf_timeline_destroy(a);
}

/* Whichever of its two members fails first gives the array its error, the last one its time. */
static void check_first_error(int first)
{
	struct waybuf_timeline *timelines[] = {timeline_create(), timeline_create()};
	struct waybuf_fence *parts[] = {fence_at(timelines[0], 1), fence_at(timelines[1], 1)};
	struct waybuf_fence *all = NULL;
	uint64_t all_ns, last_ns;
	ck_assert_int_eq(waybuf_fence_merge(parts, 2, &all), 0);
	ck_assert_int_eq(waybuf_timeline_fail(timelines[first], 1, -ENODATA), 0);
	ck_assert_int_eq(waybuf_fence_status(all), 0);
	usleep(1000);
	ck_assert_int_eq(waybuf_timeline_fail(timelines[!first], 1, -ETIME), 0);
	ck_assert_int_eq(waybuf_fence_status(all), -ENODATA);
	ck_assert_int_eq(waybuf_fence_timestamp(all, &all_ns), 0);
	ck_assert_int_eq(waybuf_fence_timestamp(parts[!first], &last_ns), 0);
	ck_assert_uint_eq(all_ns, last_ns);
	waybuf_fence_unref(all);
	for (int i = 0; i < 2; i++) {
		waybuf_fence_unref(parts[i]);
		waybuf_timeline_destroy(timelines[i]);
	}
}

TEST(array_takes_the_first_error_in_time)
{
	check_first_error(0);
	check_first_error(1);
}

TEST(array_wait_fires_with_the_last_member)
{
	struct waybuf_loop *loop = loop_create();
	struct waybuf_timeline *a = timeline_create(), *b = timeline_create();
	struct waybuf_fence *a1 = fence_at(a, 1), *b1 = fence_at(b, 1), *all = NULL;
	struct watcher watcher = {0}, member = {0};
	ck_assert_int_eq(waybuf_fence_merge((struct waybuf_fence *[]){a1, b1}, 2, &all), 0);
	ck_assert_int_eq(watch(&watcher, all, loop), 0);
	ck_assert_int_eq(watch(&member, a1, loop), 0);
	watcher.drops = all;
	ck_assert_int_eq(waybuf_timeline_signal(b, 1), 0);
	ck_assert_int_eq(watcher.calls, 0);
	ck_assert_int_eq(waybuf_timeline_signal(a, 1), 0);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(member.calls, 1);
	waybuf_fence_unref(a1);
	waybuf_fence_unref(b1);
	waybuf_timeline_destroy(a);
	waybuf_timeline_destroy(b);
	waybuf_loop_destroy(loop);
}

TEST(cancelling_an_array_wait_leaves_the_members)
{
	struct waybuf_loop *loop = loop_create();
	struct waybuf_timeline *a = timeline_create(), *b = timeline_create();
	struct waybuf_fence *a1 = fence_at(a, 1), *b1 = fence_at(b, 1), *all = NULL;
	struct watcher watcher = {0};
	ck_assert_int_eq(waybuf_fence_merge((struct waybuf_fence *[]){a1, b1}, 2, &all), 0);
	ck_assert_int_eq(watch(&watcher, all, loop), 0);
	waybuf_fence_wait_cancel(&watcher.wait);
	waybuf_fence_wait_cancel(&watcher.wait);
	waybuf_fence_unref(all);
	ck_assert_int_eq(waybuf_timeline_signal(a, 1), 0);
	ck_assert_int_eq(waybuf_timeline_signal(b, 1), 0);
	ck_assert_int_eq(watcher.calls, 0);
	waybuf_fence_unref(a1);
	waybuf_fence_unref(b1);
	waybuf_timeline_destroy(a);
	waybuf_timeline_destroy(b);
	waybuf_loop_destroy(loop);
}

TEST(any_settles_with_the_first)
{
	struct waybuf_loop *loop = loop_create();
	struct waybuf_timeline *a = timeline_create(), *b = timeline_create();
	struct waybuf_fence *a1 = fence_at(a, 1), *b1 = fence_at(b, 1), *any = NULL;
	struct watcher watcher = {0};
	ck_assert_int_eq(waybuf_fence_any(NULL, 0, &any), -EINVAL);
	ck_assert_int_eq(waybuf_fence_any((struct waybuf_fence *[]){a1, NULL}, 2, &any), -EINVAL);
	ck_assert_int_eq(waybuf_fence_any((struct waybuf_fence *[]){a1, b1}, 2, &any), 0);
	ck_assert_uint_eq(waybuf_fence_leaves(any), 1);
	ck_assert_int_eq(watch(&watcher, any, loop), 0);
	ck_assert_int_eq(waybuf_timeline_fail(b, 1, -EIO), 0);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, -EIO);
	ck_assert_int_eq(waybuf_timeline_signal(a, 1), 0);
	ck_assert_int_eq(waybuf_fence_status(any), -EIO);
	int fd = -1;
	ck_assert_int_eq(waybuf_fence_to_sync_file(any, &fd), -EOPNOTSUPP);
	waybuf_fence_unref(a1);
	waybuf_fence_unref(b1);
	waybuf_fence_unref(any);
	waybuf_timeline_destroy(a);
	waybuf_timeline_destroy(b);
	waybuf_loop_destroy(loop);
}

TEST(describe_is_cut_and_terminated)
{
	struct waybuf_timeline *timeline = timeline_create();
	struct waybuf_fence *fence = fence_at(timeline, 7);
	char text[64];
	waybuf_fence_describe(fence, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "timeline"));
	ck_assert_ptr_nonnull(strstr(text, ":7 test"));
	for (size_t size = 1; size < sizeof(text); size++) {
		memset(text, 'x', sizeof(text));
		waybuf_fence_describe(fence, text, size);
		ck_assert_ptr_nonnull(memchr(text, '\0', size));
		ck_assert_int_eq(text[size], 'x');
	}
	waybuf_timeline_destroy(timeline);
	waybuf_fence_describe(fence, text, sizeof(text));
	waybuf_fence_unref(fence);
}

/*
 * Random: some timelines are signalled and failed while merges of random fences of theirs are made,
 * and each merge is compared with what its parts say. Each merge's wait has to have come exactly
 * once, exactly when it has settled.
 */
enum { TIMELINES = 4, FENCES = 24, MERGES = 16, ROUNDS = 400 };

struct model_merge {
	struct watcher watcher;
	struct waybuf_fence *fence;
	int added; /* what wait_add returned */
	size_t n;
	struct waybuf_fence *parts[6];
};

static void check_merge(struct model_merge *merge)
{
	bool active = false, failed = false;
	for (size_t i = 0; i < merge->n; i++) {
		int status = waybuf_fence_status(merge->parts[i]);
		active |= status == 0;
		failed |= status < 0;
	}
	int status = waybuf_fence_status(merge->fence);
	ck_assert(active == (status == 0));
	if (!active)
		ck_assert(failed == (status < 0));
	ck_assert_int_eq(merge->watcher.calls, merge->added == 0 && !active);
}

static void finish_merge(struct model_merge *merge)
{
	if (!merge->fence)
		return;
	waybuf_fence_wait_finish(&merge->watcher.wait);
	for (size_t i = 0; i < merge->n; i++)
		waybuf_fence_unref(merge->parts[i]);
	waybuf_fence_unref(merge->fence);
	*merge = (struct model_merge){0};
}

TEST(random_merges_agree_with_their_parts)
{
	uint64_t seed = harness_seed();
	struct waybuf_loop *loop = loop_create();
	struct waybuf_timeline *timelines[TIMELINES];
	struct model_merge merges[MERGES] = {0};
	for (int i = 0; i < TIMELINES; i++)
		timelines[i] = timeline_create();

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t dice = harness_random(&seed);
		struct waybuf_timeline *timeline = timelines[dice % TIMELINES];
		uint64_t step = waybuf_timeline_point(timeline) + 1 + (dice >> 8) % 3;
		if ((dice >> 16) % 4 == 0)
			ck_assert_int_eq(waybuf_timeline_signal(timeline, step), 0);
		else if ((dice >> 16) % 40 == 1) /* all that is asked for: none may fail alone */
			ck_assert_int_eq(waybuf_timeline_fail(timeline, step + 4, -EIO), 0);

		struct model_merge *merge = &merges[(dice >> 24) % MERGES];
		finish_merge(merge);
		merge->n = 1 + (dice >> 32) % 6;
		for (size_t i = 0; i < merge->n; i++) {
			uint64_t r = harness_random(&seed);
			struct waybuf_timeline *from = timelines[r % TIMELINES];
			uint64_t point = waybuf_timeline_point(from) + (r >> 8) % 5;
			struct model_merge *other = &merges[(r >> 16) % MERGES];
			if ((r >> 24) % 4 == 0 && other != merge && other->fence)
				merge->parts[i] = waybuf_fence_ref(other->fence);
			else
				merge->parts[i] = fence_at(from, point);
		}
		ck_assert_int_eq(waybuf_fence_merge(merge->parts, merge->n, &merge->fence), 0);
		merge->added = watch(&merge->watcher, merge->fence, loop);
		ck_assert_int_ge(merge->added, 0);
		for (int i = 0; i < MERGES; i++)
			if (merges[i].fence)
				check_merge(&merges[i]);
	}
	for (int i = 0; i < MERGES; i++)
		finish_merge(&merges[i]);
	for (int i = 0; i < TIMELINES; i++)
		waybuf_timeline_destroy(timelines[i]);
	waybuf_loop_destroy(loop);
}

TEST_MAIN("fence-base")
