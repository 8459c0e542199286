/* SPDX-License-Identifier: MIT */
#include <sys/wait.h>
#include <unistd.h>

#include "fence/impl.h"
#include "harness.h"

static struct waybuf_timeline *timeline_create(void)
{
	struct waybuf_timeline *timeline = NULL;
	ck_assert_int_eq(waybuf_timeline_create("test", &timeline), 0);
	return timeline;
}

static struct waybuf_resv *resv_create(void)
{
	struct waybuf_resv *resv = NULL;
	ck_assert_int_eq(waybuf_resv_create(&resv), 0);
	return resv;
}

static void add(struct waybuf_resv *resv, struct waybuf_timeline *timeline, uint64_t point,
	enum waybuf_resv_usage usage)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_eq(waybuf_timeline_fence(timeline, point, &fence), 0);
	ck_assert_int_eq(waybuf_resv_reserve(resv, 1), 0);
	waybuf_resv_add(resv, fence, usage);
	waybuf_fence_unref(fence);
}

static int count(struct waybuf_resv *resv, enum waybuf_resv_usage usage)
{
	size_t cursor = 0;
	int n = 0;
	while (waybuf_resv_next(resv, usage, &cursor, NULL))
		n++;
	return n;
}

TEST(ladder)
{
	struct waybuf_resv *resv = resv_create();
	struct waybuf_timeline *t[4];
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_BOOKKEEP), 1);
	for (int i = 0; i < 4; i++) {
		t[i] = timeline_create();
		add(resv, t[i], 1, (enum waybuf_resv_usage)i);
	}
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(count(resv, (enum waybuf_resv_usage)i), i + 1);
	ck_assert_int_eq(waybuf_resv_usage_rw(false), WAYBUF_RESV_WRITE);
	ck_assert_int_eq(waybuf_resv_usage_rw(true), WAYBUF_RESV_READ);
	ck_assert_int_eq(waybuf_timeline_signal(t[WAYBUF_RESV_KERNEL], 1), 0);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_KERNEL), 1);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_WRITE), 0);
	ck_assert_int_eq(waybuf_timeline_signal(t[WAYBUF_RESV_WRITE], 1), 0);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_WRITE), 1);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_READ), 0);
	ck_assert_int_eq(waybuf_timeline_signal(t[WAYBUF_RESV_READ], 1), 0);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_READ), 1);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_BOOKKEEP), 0);
	waybuf_resv_unref(resv);
	for (int i = 0; i < 4; i++)
		waybuf_timeline_destroy(t[i]);
}

TEST(same_context_is_replaced)
{
	struct waybuf_resv *resv = resv_create();
	struct waybuf_timeline *t = timeline_create();
	for (uint64_t point = 1; point <= 100; point++)
		add(resv, t, point, WAYBUF_RESV_READ);
	ck_assert_int_eq(count(resv, WAYBUF_RESV_BOOKKEEP), 1);
	/* an older one adds nothing */
	add(resv, t, 50, WAYBUF_RESV_READ);
	ck_assert_int_eq(count(resv, WAYBUF_RESV_BOOKKEEP), 1);
	ck_assert_int_eq(waybuf_timeline_signal(t, 99), 0);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_READ), 0);
	waybuf_resv_unref(resv);
	waybuf_timeline_destroy(t);
}

TEST(promotion_but_no_demotion)
{
	struct waybuf_resv *resv = resv_create();
	struct waybuf_timeline *t = timeline_create();
	size_t cursor = 0;
	enum waybuf_resv_usage usage;
	add(resv, t, 1, WAYBUF_RESV_READ);
	add(resv, t, 1, WAYBUF_RESV_WRITE);
	ck_assert_int_eq(count(resv, WAYBUF_RESV_BOOKKEEP), 1);
	ck_assert_ptr_nonnull(waybuf_resv_next(resv, WAYBUF_RESV_BOOKKEEP, &cursor, &usage));
	ck_assert_int_eq(usage, WAYBUF_RESV_WRITE);
	/* the same fence again, weaker: it must go on holding off readers */
	add(resv, t, 1, WAYBUF_RESV_READ);
	ck_assert_int_eq(count(resv, WAYBUF_RESV_WRITE), 1);
	ck_assert_int_eq(count(resv, WAYBUF_RESV_BOOKKEEP), 1);
	/* a later one, weaker: readers wait for 1, writers for 2 as well */
	add(resv, t, 2, WAYBUF_RESV_READ);
	ck_assert_int_eq(count(resv, WAYBUF_RESV_WRITE), 1);
	ck_assert_int_eq(count(resv, WAYBUF_RESV_READ), 2);
	ck_assert_int_eq(waybuf_timeline_signal(t, 1), 0);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_WRITE), 1);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_READ), 0);
	waybuf_resv_unref(resv);
	waybuf_timeline_destroy(t);
}

TEST(reservations_add_up)
{
	struct waybuf_resv *resv = resv_create();
	struct waybuf_timeline *t[8];
	struct waybuf_fence *fence = NULL;
	ck_assert_int_eq(waybuf_resv_reserve(resv, 0), -EINVAL);
	ck_assert_int_eq(waybuf_resv_reserve(resv, SIZE_MAX), -ENOMEM);
	ck_assert_int_eq(waybuf_resv_reserve(resv, SIZE_MAX / 8), -ENOMEM);
	/* A reserves, B reserves and adds, A's slots are still there */
	ck_assert_int_eq(waybuf_resv_reserve(resv, 4), 0);
	for (int i = 0; i < 4; i++) {
		t[i] = timeline_create();
		add(resv, t[i], 1, WAYBUF_RESV_READ);
	}
	for (int i = 4; i < 8; i++) {
		t[i] = timeline_create();
		ck_assert_int_eq(waybuf_timeline_fence(t[i], 1, &fence), 0);
		waybuf_resv_add(resv, fence, WAYBUF_RESV_READ);
		waybuf_fence_unref(fence);
	}
	ck_assert_int_eq(count(resv, WAYBUF_RESV_READ), 8);
	ck_assert_int_eq(waybuf_resv_reserve(resv, 3), 0);
	waybuf_resv_unreserve(resv, 3);
	waybuf_resv_unref(resv);
	for (int i = 0; i < 8; i++)
		waybuf_timeline_destroy(t[i]);
}

TEST(adding_without_reserving_aborts)
{
	struct waybuf_resv *resv = resv_create();
	pid_t pid = fork();
	if (pid == 0) {
		waybuf_resv_add(resv, waybuf_fence_stub(), WAYBUF_RESV_READ);
		_exit(0);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	waybuf_resv_unref(resv);
}

TEST(arrays_are_added_part_by_part)
{
	struct waybuf_resv *resv = resv_create();
	struct waybuf_timeline *a = timeline_create(), *b = timeline_create();
	struct waybuf_fence *parts[2], *all = NULL;
	ck_assert_int_eq(waybuf_timeline_fence(a, 1, &parts[0]), 0);
	ck_assert_int_eq(waybuf_timeline_fence(b, 1, &parts[1]), 0);
	ck_assert_int_eq(waybuf_fence_merge(parts, 2, &all), 0);
	ck_assert_int_eq(waybuf_resv_reserve(resv, waybuf_fence_leaves(all)), 0);
	waybuf_resv_add(resv, all, WAYBUF_RESV_READ);
	add(resv, a, 2, WAYBUF_RESV_READ);
	ck_assert_int_eq(count(resv, WAYBUF_RESV_READ), 2);
	waybuf_fence_unref(parts[0]);
	waybuf_fence_unref(parts[1]);
	waybuf_fence_unref(all);
	waybuf_resv_unref(resv);
	waybuf_timeline_destroy(a);
	waybuf_timeline_destroy(b);
}

TEST(errors_stay_until_cleared)
{
	struct waybuf_resv *resv = resv_create();
	struct waybuf_timeline *other = timeline_create();
	struct waybuf_fence *snapshot = NULL;
	for (int i = 0; i < 50; i++) {
		struct waybuf_timeline *t = timeline_create();
		add(resv, t, 1, WAYBUF_RESV_WRITE);
		ck_assert_int_eq(waybuf_timeline_fail(t, 1, i == 0 ? -ETIME : -EIO), 0);
		add(resv, t, 1, WAYBUF_RESV_WRITE);
		waybuf_timeline_destroy(t);
	}
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_KERNEL), 1);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_WRITE), -ETIME);
	ck_assert_int_eq(waybuf_resv_snapshot(resv, WAYBUF_RESV_WRITE, &snapshot), 0);
	ck_assert_int_eq(waybuf_fence_status(snapshot), -ETIME);
	waybuf_fence_unref(snapshot);
	/* after the snapshot has asked, one error is left, however many a peer has made */
	ck_assert_int_eq(count(resv, WAYBUF_RESV_WRITE), 1);
	/* active goes before failed: first wait, then learn */
	add(resv, other, 1, WAYBUF_RESV_WRITE);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_WRITE), 0);
	waybuf_resv_clear_errors(resv);
	ck_assert_int_eq(waybuf_timeline_signal(other, 1), 0);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_WRITE), 1);
	waybuf_resv_unref(resv);
	waybuf_timeline_destroy(other);
}

TEST(snapshot_does_not_see_later_additions)
{
	struct waybuf_resv *resv = resv_create();
	struct waybuf_timeline *a = timeline_create(), *b = timeline_create();
	struct waybuf_fence *snapshot = NULL, *empty = NULL;
	ck_assert_int_eq(waybuf_resv_snapshot(resv, WAYBUF_RESV_BOOKKEEP, &empty), 0);
	ck_assert_ptr_eq(empty, waybuf_fence_stub());
	add(resv, a, 1, WAYBUF_RESV_WRITE);
	ck_assert_int_eq(waybuf_resv_snapshot(resv, WAYBUF_RESV_READ, &snapshot), 0);
	add(resv, b, 1, WAYBUF_RESV_WRITE);
	ck_assert_int_eq(waybuf_timeline_signal(a, 1), 0);
	ck_assert_int_eq(waybuf_fence_status(snapshot), 1);
	ck_assert_int_eq(waybuf_resv_status(resv, WAYBUF_RESV_WRITE), 0);
	waybuf_fence_unref(snapshot);
	waybuf_resv_unref(waybuf_resv_ref(resv));
	waybuf_resv_unref(resv);
	waybuf_resv_unref(NULL);
	waybuf_timeline_destroy(a);
	waybuf_timeline_destroy(b);
}

/*
 * Against a model that forgets nothing: every fence ever added, with its usage. The reservation
 * may forget what is covered, and must not be told apart from the model by anybody who asks what
 * there is to wait for. Failures come at the head of a timeline only and end it, because a fence
 * that is covered relies on its successor to say that it failed.
 */
enum { CONTEXTS = 5, MAX_ADDED = 4000, STEPS = 3000 };

struct model {
	size_t n;
	struct {
		int context;
		uint64_t point;
		enum waybuf_resv_usage usage;
	} added[MAX_ADDED];
	struct waybuf_timeline *timelines[CONTEXTS];
	uint64_t failed_at[CONTEXTS]; /* points from here to the end have failed; 0: none */
};

static int model_status(const struct model *model, enum waybuf_resv_usage usage)
{
	bool failed = false;
	for (size_t i = 0; i < model->n; i++) {
		int context = model->added[i].context;
		uint64_t point = model->added[i].point;
		if (model->added[i].usage > usage)
			continue;
		if (point > waybuf_timeline_point(model->timelines[context]))
			return 0;
		failed |= model->failed_at[context] && point >= model->failed_at[context];
	}
	return failed ? -EIO : 1;
}

static void check_model(struct model *model, struct waybuf_resv *resv)
{
	for (int usage = 0; usage <= WAYBUF_RESV_BOOKKEEP; usage++) {
		int expected = model_status(model, (enum waybuf_resv_usage)usage);
		ck_assert_int_eq(waybuf_resv_status(resv, (enum waybuf_resv_usage)usage), expected);
	}
}

static void check_snapshot(struct model *model, struct waybuf_resv *resv, uint64_t dice)
{
	enum waybuf_resv_usage usage = (enum waybuf_resv_usage)(dice % 4);
	struct waybuf_fence *snapshot = NULL;
	ck_assert_int_eq(waybuf_resv_snapshot(resv, usage, &snapshot), 0);
	ck_assert_int_eq(waybuf_fence_status(snapshot), model_status(model, usage));
	/* at most one fence for each context, and one error */
	ck_assert_uint_le(waybuf_fence_leaves(snapshot), CONTEXTS + 1);
	waybuf_fence_unref(snapshot);
}

static void renew_timeline(struct model *model, int context)
{
	waybuf_timeline_destroy(model->timelines[context]);
	model->timelines[context] = timeline_create();
	model->failed_at[context] = 0;
	size_t kept = 0;
	for (size_t i = 0; i < model->n; i++)
		if (model->added[i].context != context)
			model->added[kept++] = model->added[i];
	model->n = kept;
}

static void clear_errors(struct model *model, struct waybuf_resv *resv)
{
	waybuf_resv_clear_errors(resv);
	for (int i = 0; i < CONTEXTS; i++)
		if (model->failed_at[i])
			renew_timeline(model, i);
}

static uint64_t highest_added(const struct model *model, int context)
{
	uint64_t highest = waybuf_timeline_point(model->timelines[context]);
	for (size_t i = 0; i < model->n; i++)
		if (model->added[i].context == context && model->added[i].point > highest)
			highest = model->added[i].point;
	return highest;
}

static void model_step(struct model *model, struct waybuf_resv *resv, uint64_t dice)
{
	int context = (int)(dice % CONTEXTS);
	struct waybuf_timeline *timeline = model->timelines[context];
	uint64_t now = waybuf_timeline_point(timeline);
	uint64_t action = (dice >> 8) % 100;
	if (action < 60 && model->n < MAX_ADDED && !model->failed_at[context]) {
		uint64_t point = now + (dice >> 16) % 6;
		enum waybuf_resv_usage usage = (enum waybuf_resv_usage)((dice >> 24) % 4);
		if (point == 0)
			return;
		add(resv, timeline, point, usage);
		model->added[model->n].context = context;
		model->added[model->n].point = point;
		model->added[model->n++].usage = usage;
	} else if (action < 90 && !model->failed_at[context]) {
		ck_assert_int_eq(waybuf_timeline_signal(timeline, now + 1 + (dice >> 16) % 3), 0);
	} else if (action < 95 && !model->failed_at[context]) {
		uint64_t last = highest_added(model, context) + 1;
		model->failed_at[context] = now + 1;
		ck_assert_int_eq(waybuf_timeline_fail(timeline, last, -EIO), 0);
	} else if (action >= 97) {
		clear_errors(model, resv);
	}
}

TEST(random_steps_agree_with_a_model)
{
	static struct model model;
	uint64_t seed = harness_seed();
	struct waybuf_resv *resv = resv_create();
	for (int i = 0; i < CONTEXTS; i++)
		model.timelines[i] = timeline_create();
	for (int step = 0; step < STEPS; step++) {
		model_step(&model, resv, harness_random(&seed));
		if (step % 3 == 0)
			check_model(&model, resv);
		if (step % 7 == 0)
			check_snapshot(&model, resv, harness_random(&seed));
	}
	waybuf_resv_unref(resv);
	for (int i = 0; i < CONTEXTS; i++)
		waybuf_timeline_destroy(model.timelines[i]);
}

TEST_MAIN("fence-resv")
