/* SPDX-License-Identifier: MIT */
#include "fake/clock.h"
#include "fence/impl.h"
#include "gate_fixture.h"

/* The gate by example, on software timelines and a clock that stands still. */

static struct waybuf_timeline *timeline;

static void set_up(void)
{
	gate_set_up(NULL);
	ck_assert_int_eq(waybuf_timeline_create("test", &timeline), 0);
}

static void tear_down(void)
{
	waybuf_timeline_destroy(timeline);
	gate_tear_down();
}

static struct waybuf_fence *point(uint64_t n)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_eq(waybuf_timeline_fence(timeline, n, &fence), 0);
	return fence;
}

static void signal_point(uint64_t n)
{
	ck_assert_int_eq(waybuf_timeline_signal(timeline, n), 0);
}

/* Submits with the fence of a point. */
static int submit(int id, struct waybuf_gate_queue *queue, uint64_t n)
{
	struct waybuf_fence *fence = point(n);
	int ret = gate_submit(id, queue, fence);
	waybuf_fence_unref(fence);
	return ret;
}

TEST(ready_now_costs_nothing)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	signal_point(5);
	int fds = harness_count_fds(), arms = fake_clock.arms;
	ck_assert_int_eq(gate_submit(1, queue, NULL), 1);
	ck_assert_int_eq(submit(2, queue, 5), 1);
	ck_assert_int_eq(gate_submit_state(3, queue), 1);
	struct waybuf_fence *both[] = {point(4), NULL, waybuf_fence_stub()};
	struct waybuf_gate_part part = {
		.queue = queue, .content = true, .fences = both, .n_fences = 3};
	ck_assert_int_eq(gate_submit_parts(4, &part, 1), 1);
	ck_assert_int_eq(harness_count_fds(), fds);
	ck_assert_int_eq(fake_clock.arms, arms);
	ck_assert_uint_eq(gate_stats().looked_at, 0);
	ck_assert_uint_eq(gate_stats().ready_now, 4);
	gate_expect("");
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(ready_later)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	char text[128];
	ck_assert(!waybuf_gate_queue_describe(queue, text, sizeof(text)));
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(submit(1, queue, 1), 0);
	gate_expect("");
	ck_assert(waybuf_gate_queue_describe(queue, text, sizeof(text)));
	ck_assert_ptr_nonnull(strstr(text, "test"));
	ck_assert_uint_eq(gate_stats().waiting, 1);
	ck_assert_uint_eq(gate_stats().pending, 1);
	signal_point(1);
	gate_expect("r1");
	fake_clock_advance(5000);
	gate_expect("");
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(all_fences_of_a_part)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	struct waybuf_timeline *other;
	ck_assert_int_eq(waybuf_timeline_create("other", &other), 0);
	struct waybuf_fence *fences[] = {point(1), NULL};
	ck_assert_int_eq(waybuf_timeline_fence(other, 1, &fences[1]), 0);
	struct waybuf_gate_part part = {
		.queue = queue, .content = true, .fences = fences, .n_fences = 2};
	ck_assert_int_eq(gate_submit_parts(1, &part, 1), 0);
	waybuf_fence_unref(fences[0]);
	waybuf_fence_unref(fences[1]);
	signal_point(1);
	gate_expect("");
	ck_assert_int_eq(waybuf_timeline_signal(other, 1), 0);
	gate_expect("r1");
	waybuf_timeline_destroy(other);
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(a_ready_commit_supersedes)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	ck_assert_int_eq(submit(1, queue, 1), 0);
	ck_assert_int_eq(submit(2, queue, 2), 0);
	ck_assert_int_eq(gate_submit(3, queue, NULL), 1);
	gate_expect("f2>3 f1>3");
	signal_point(2);
	fake_clock_advance(5000);
	gate_expect("");
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(the_newest_that_is_ready_goes)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	ck_assert_int_eq(submit(1, queue, 2), 0);
	ck_assert_int_eq(submit(2, queue, 1), 0);
	signal_point(1);
	gate_expect("f1>2 r2");
	ck_assert_int_eq(submit(3, queue, 3), 0);
	ck_assert_int_eq(submit(4, queue, 4), 0);
	signal_point(3);
	gate_expect("r3");
	signal_point(4);
	gate_expect("r4");
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(state_waits_for_the_content_before_it)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	ck_assert_int_eq(submit(1, queue, 1), 0);
	ck_assert_int_eq(gate_submit_state(2, queue), 0);
	gate_expect("");
	signal_point(1);
	gate_expect("f1>2 r2");
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(queues_stay_short)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	ck_assert_int_eq(submit(1, queue, 1), 0);
	ck_assert_int_eq(submit(2, queue, 2), 0);
	gate_expect("");
	ck_assert_int_eq(submit(3, queue, 3), 0);
	gate_expect("f2>3");
	ck_assert_int_eq(gate_submit_state(4, queue), 0);
	gate_expect("f3>4");
	ck_assert_int_eq(submit(5, queue, 5), 0);
	gate_expect("f4>5");
	ck_assert_uint_eq(gate_stats().waiting, 2);
	ck_assert_uint_eq(gate_stats().pending, 2);
	/* the one that has waited longest was not pushed out */
	signal_point(1);
	gate_expect("r1");
	signal_point(5);
	gate_expect("r5");
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(folding_does_not_prolong_the_deadline)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	ck_assert_int_eq(submit(1, queue, 1), 0);
	fake_clock_advance(500);
	ck_assert_int_eq(submit(2, queue, 2), 0);
	for (int id = 3; id < 10; id++) {
		fake_clock_advance(50);
		ck_assert_int_eq(gate_submit_state(id, queue), 0);
	}
	gate_expect("f2>3 f3>4 f4>5 f5>6 f6>7 f7>8 f8>9");
	fake_clock_advance(149);
	gate_expect("");
	fake_clock_advance(1);
	gate_expect("d1:deadline r1");
	fake_clock_advance(499);
	gate_expect("");
	/* 9 has the content of 2, which was committed at 500 */
	fake_clock_advance(1);
	gate_expect("d9:deadline r9");
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(a_missed_deadline_is_told_once)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	ck_assert_int_eq(submit(1, queue, 1), 0);
	fake_clock_advance(999);
	gate_expect("");
	fake_clock_advance(1);
	gate_expect("d1:deadline r1");
	ck_assert_int_eq(gate_fixture.error, -ETIME);
	ck_assert_uint_eq(gate_stats().discarded[WAYBUF_GATE_DEADLINE], 1);
	signal_point(1);
	gate_expect("");
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(deadlines_are_the_callers)
{
	set_up();
	struct waybuf_gate_queue *a = gate_queue(), *b = gate_queue();
	struct waybuf_fence *fence = point(1);
	struct waybuf_gate_part part_a = gate_part(a, &fence), part_b = gate_part(b, &fence);
	ck_assert_int_eq(gate_submit_within(1, &part_a, 1, 300), 0);
	ck_assert_int_eq(gate_submit_within(2, &part_b, 1, 30), 0);
	fake_clock_advance(29);
	gate_expect("");
	fake_clock_advance(1);
	gate_expect("d2:deadline r2");
	fake_clock_advance(269);
	gate_expect("");
	fake_clock_advance(1);
	gate_expect("d1:deadline r1");
	waybuf_fence_unref(fence);
	waybuf_gate_queue_destroy(a);
	waybuf_gate_queue_destroy(b);
	tear_down();
}

TEST(nonsense_is_refused)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	struct waybuf_gate_part twice[] = {{.queue = queue}, {.queue = queue}}, none = {0};
	struct waybuf_gate_request nobody = {.parts = twice, .n_parts = 1};
	ck_assert_int_eq(gate_submit_parts(1, twice, 0), -EINVAL);
	ck_assert_int_eq(gate_submit_parts(1, twice, 2), -EINVAL);
	ck_assert_int_eq(gate_submit_parts(1, &none, 1), -EINVAL);
	ck_assert_int_eq(waybuf_gate_submit(gate_fixture.gate, &nobody), -EINVAL);
	ck_assert_uint_eq(gate_stats().submitted, 0);
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

/* Each in its place, though 2 has no content any more when 1 is still waited for. */
TEST(a_discarded_commit_keeps_its_place)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	struct waybuf_fence *lost = NULL;
	ck_assert_int_eq(waybuf_fence_failed(-ECANCELED, &lost), 0);
	ck_assert_int_eq(submit(1, queue, 1), 0);
	ck_assert_int_eq(gate_submit(2, queue, lost), 0);
	gate_expect("d2:undefined");
	ck_assert_int_eq(gate_fixture.error, -ECANCELED);
	signal_point(1);
	gate_expect("f1>2 r2");
	waybuf_fence_unref(lost);
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

TEST(errors_are_undefined_content)
{
	set_up();
	struct waybuf_gate_queue *queue = gate_queue();
	struct waybuf_fence *lost = NULL;
	ck_assert_int_eq(waybuf_fence_failed(-EIO, &lost), 0);
	ck_assert_int_eq(gate_submit(1, queue, lost), 1);
	gate_expect("d1:undefined");
	waybuf_fence_unref(lost);
	ck_assert_int_eq(submit(2, queue, 1), 0);
	ck_assert_int_eq(waybuf_timeline_fail(timeline, 1, -ENOENT), 0);
	gate_expect("d2:undefined r2");
	ck_assert_int_eq(gate_fixture.error, -ENOENT);
	struct waybuf_gate_part part = {.queue = queue, .content = true, .error = -EMFILE};
	ck_assert_int_eq(gate_submit_parts(3, &part, 1), 1);
	gate_expect("d3:unwatched");
	ck_assert_int_eq(gate_fixture.error, -EMFILE);
	waybuf_gate_queue_destroy(queue);
	tear_down();
}

static int refuse_to_watch(struct waybuf_fence *fence, struct waybuf_loop *loop)
{
	return -EMFILE;
}

static void free_fence(struct waybuf_fence *fence)
{
	free(fence);
}

static const struct waybuf_fence_ops unwatchable_ops = {
	.name = "unwatchable", .enable = refuse_to_watch, .release = free_fence};

TEST(what_cannot_be_watched_is_not_signalled)
{
	set_up();
	struct waybuf_gate_queue *a = gate_queue(), *b = gate_queue();
	struct waybuf_fence *bad = calloc(1, sizeof(*bad)), *good = point(1);
	waybuf_fence_init(bad, &unwatchable_ops, waybuf_fence_context_alloc(), 1);
	struct waybuf_gate_part parts[] = {gate_part(a, &good), gate_part(b, &bad)};
	ck_assert_int_eq(gate_submit_parts(1, parts, 2), 1);
	gate_expect("d1:unwatched");
	ck_assert_int_eq(gate_fixture.error, -EMFILE);
	ck_assert_uint_eq(gate_stats().pending, 0);
	waybuf_fence_unref(bad);
	waybuf_fence_unref(good);
	waybuf_gate_queue_destroy(a);
	waybuf_gate_queue_destroy(b);
	tear_down();
}

TEST(transactions_go_together)
{
	set_up();
	struct waybuf_gate_queue *a = gate_queue(), *b = gate_queue();
	struct waybuf_fence *fences[] = {point(1), point(2)};
	struct waybuf_gate_part parts[] = {gate_part(a, &fences[0]), gate_part(b, &fences[1])};
	ck_assert_int_eq(gate_submit_parts(1, parts, 2), 0);
	signal_point(1);
	gate_expect("");
	/* the parent alone is ready, but it must not be seen without what it was committed with */
	ck_assert_int_eq(gate_submit(2, a, NULL), 0);
	gate_expect("");
	char text[128];
	ck_assert(waybuf_gate_queue_describe(a, text, sizeof(text)));
	ck_assert_str_eq(text, "waits for other surfaces of its transaction");
	signal_point(2);
	gate_expect("f1>2 r2");
	/* both are covered: what waited is not waited for */
	ck_assert_int_eq(submit(3, a, 3), 0);
	ck_assert_int_eq(submit(4, b, 3), 0);
	parts[0] = gate_part(a, &fences[0]);
	parts[1] = gate_part(b, &fences[1]);
	ck_assert_int_eq(gate_submit_parts(5, parts, 2), 1);
	gate_expect("f4>5 f3>5");
	waybuf_fence_unref(fences[0]);
	waybuf_fence_unref(fences[1]);
	waybuf_gate_queue_destroy(a);
	waybuf_gate_queue_destroy(b);
	tear_down();
}

TEST(a_transaction_loses_all_its_content)
{
	set_up();
	struct waybuf_gate_queue *a = gate_queue(), *b = gate_queue();
	struct waybuf_fence *fences[] = {NULL, point(1)};
	struct waybuf_gate_part parts[] = {gate_part(a, &fences[0]), gate_part(b, &fences[1])};
	ck_assert_int_eq(gate_submit_parts(1, parts, 2), 0);
	ck_assert_int_eq(submit(2, a, 2), 0);
	fake_clock_advance(1000);
	gate_expect("d1:deadline r1 d2:deadline r2");
	waybuf_fence_unref(fences[1]);
	waybuf_gate_queue_destroy(a);
	waybuf_gate_queue_destroy(b);
	tear_down();
}

TEST(folding_frees_others)
{
	set_up();
	struct waybuf_gate_queue *a = gate_queue(), *b = gate_queue();
	struct waybuf_fence *fences[] = {point(1), NULL};
	struct waybuf_gate_part parts[] = {gate_part(a, &fences[0]), gate_part(b, &fences[1])};
	ck_assert_int_eq(gate_submit_parts(1, parts, 2), 0);
	ck_assert_int_eq(gate_submit(2, b, NULL), 0); /* may not be seen before 1 */
	ck_assert_int_eq(gate_submit(3, a, NULL), 1); /* takes 1 along, and so frees 2 */
	gate_expect("f1>3 r2");
	waybuf_fence_unref(fences[0]);
	waybuf_gate_queue_destroy(a);
	waybuf_gate_queue_destroy(b);
	tear_down();
}

TEST(destroyed_queues)
{
	set_up();
	struct waybuf_gate_queue *a = gate_queue(), *b = gate_queue(), *c = gate_queue();
	struct waybuf_fence *fence = point(1), *none = NULL;
	struct waybuf_gate_part first[] = {gate_part(a, &fence), gate_part(b, &none)};
	struct waybuf_gate_part second[] = {gate_part(b, &none), gate_part(c, &none)};
	ck_assert_int_eq(gate_submit_parts(1, first, 2), 0);
	ck_assert_int_eq(gate_submit_parts(2, second, 2), 0);
	ck_assert_int_eq(gate_submit(3, c, NULL), 0);
	/* 1 and 2 are not connected any more */
	waybuf_gate_queue_destroy(b);
	gate_expect("f2>3 r3");
	ck_assert_int_eq(submit(4, a, 2), 0);
	waybuf_gate_queue_destroy(a);
	gate_expect("c1 c4");
	ck_assert_uint_eq(gate_stats().cancelled, 2);
	signal_point(2);
	fake_clock_advance(2000);
	gate_expect("");
	waybuf_fence_unref(fence);
	waybuf_gate_queue_destroy(c);
	waybuf_gate_queue_destroy(NULL);
	waybuf_gate_destroy(NULL);
	tear_down();
}

static struct waybuf_gate_queue *from_callback;

static void submit_more(int id)
{
	if (id < 5)
		ck_assert_int_eq(submit(id + 1, from_callback, (uint64_t)id + 1), 0);
	else
		waybuf_gate_queue_destroy(from_callback);
}

TEST(ready_may_call_the_gate)
{
	set_up();
	from_callback = gate_queue();
	gate_fixture.on_ready = submit_more;
	ck_assert_int_eq(submit(1, from_callback, 1), 0);
	for (uint64_t n = 1; n <= 5; n++)
		signal_point(n);
	gate_expect("r1 r2 r3 r4 r5");
	tear_down();
}

/* ---- commits that wait again ----------------------------------------------------------------- */

static int again(int id, uint64_t n)
{
	struct waybuf_fence *fence = point(n);
	struct waybuf_gate_part part = gate_part(from_callback, &fence);
	int ret = gate_submit_again(id, &part, 1, 0);
	waybuf_fence_unref(fence);
	return ret;
}

static bool has_moved;

/* The contents of 1 have moved, once. */
static void first_waits_again(int id)
{
	if (id != 1 || has_moved)
		return;
	has_moved = true;
	ck_assert_int_eq(again(1, 10), 0);
}

static void set_up_again(void)
{
	set_up();
	from_callback = gate_queue();
	gate_fixture.on_ready = first_waits_again;
}

static void tear_down_again(void)
{
	waybuf_gate_queue_destroy(from_callback);
	tear_down();
}

TEST(again_is_before_what_came_later)
{
	set_up_again();
	ck_assert_int_eq(submit(1, from_callback, 1), 0);
	ck_assert_int_eq(submit(2, from_callback, 11), 0);
	signal_point(1);
	gate_expect("r1");
	ck_assert_uint_eq(gate_stats().waiting, 2);
	signal_point(10);
	gate_expect("r1");
	signal_point(11);
	gate_expect("r2");
	tear_down_again();
}

TEST(again_is_superseded_by_what_came_later)
{
	set_up_again();
	struct waybuf_timeline *other;
	struct waybuf_fence *fence;
	ck_assert_int_eq(waybuf_timeline_create("other", &other), 0);
	ck_assert_int_eq(waybuf_timeline_fence(other, 1, &fence), 0);
	ck_assert_int_eq(submit(1, from_callback, 1), 0);
	ck_assert_int_eq(gate_submit(2, from_callback, fence), 0);
	signal_point(1);
	gate_expect("r1");
	ck_assert_int_eq(waybuf_timeline_signal(other, 1), 0);
	gate_expect("f1>2 r2");
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(other);
	tear_down_again();
}

TEST(again_has_the_time_that_was_left)
{
	set_up_again();
	ck_assert_int_eq(submit(1, from_callback, 1), 0);
	fake_clock_advance(600);
	signal_point(1);
	gate_expect("r1");
	fake_clock_advance(399);
	gate_expect("");
	fake_clock_advance(1);
	gate_expect("d1:deadline r1");
	tear_down_again();
}

TEST(again_of_what_never_waited)
{
	set_up_again();
	ck_assert_int_eq(gate_submit(3, from_callback, NULL), 1);
	fake_clock_advance(600);
	ck_assert_int_eq(again(3, 2), 0);
	fake_clock_advance(999);
	gate_expect("");
	signal_point(2);
	gate_expect("r3");
	/* nothing to wait for after all; and something that is lost */
	ck_assert_int_eq(gate_submit(4, from_callback, NULL), 1);
	ck_assert_int_eq(again(4, 2), 1);
	ck_assert_int_eq(waybuf_timeline_fail(timeline, 5, -EIO), 0);
	ck_assert_int_eq(again(4, 5), 1);
	gate_expect("d4:undefined");
	tear_down_again();
}

TEST(only_the_last_one_may_have_its_place_again)
{
	set_up_again();
	ck_assert_int_eq(again(1, 1), -EINVAL);
	ck_assert_int_eq(gate_submit(3, from_callback, NULL), 1);
	ck_assert_int_eq(gate_submit(4, from_callback, NULL), 1);
	ck_assert_int_eq(again(3, 1), -EINVAL);
	ck_assert_int_eq(again(4, 1), 0);
	ck_assert_int_eq(again(4, 1), -EINVAL);
	signal_point(1);
	gate_expect("r4");
	tear_down_again();
}

/* The work is counted, not timed: what one surface costs must not depend on how many others wait. */
static uint64_t cost_of_one(struct waybuf_gate_queue *queue, int *id, uint64_t *n)
{
	uint64_t before = gate_stats().looked_at;
	*n += 1;
	ck_assert_int_eq(submit(*id, queue, *n), 0);
	signal_point(*n);
	ck_assert_int_eq(gate_fixture.ends[*id], 1);
	ck_assert_int_eq(gate_submit(*id + 1, queue, NULL), 1);
	*id += 2;
	return gate_stats().looked_at - before;
}

TEST(a_thousand_others_cost_nothing)
{
	set_up();
	struct waybuf_timeline *never;
	struct waybuf_fence *fence;
	struct waybuf_gate_queue *queues[1000], *queue = gate_queue();
	int id = 2001, fds = harness_count_fds();
	uint64_t n = 0;
	ck_assert_int_eq(waybuf_timeline_create("never", &never), 0);
	ck_assert_int_eq(waybuf_timeline_fence(never, 1, &fence), 0);
	uint64_t alone = cost_of_one(queue, &id, &n);
	for (int i = 0; i < 1000; i++) {
		queues[i] = gate_queue();
		ck_assert_int_eq(gate_submit(2 * i, queues[i], fence), 0);
		ck_assert_int_eq(gate_submit(2 * i + 1, queues[i], fence), 0);
	}
	ck_assert_uint_eq(gate_stats().waiting, 2000);
	/* one timer, which the deadlines had before; armed for the first of them */
	ck_assert_int_eq(fake_clock.timers, 1);
	ck_assert_int_eq(harness_count_fds(), fds);
	int arms = fake_clock.arms;
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(cost_of_one(queue, &id, &n), alone);
	ck_assert_int_eq(fake_clock.arms, arms);
	gate_fixture.length = 0;
	for (int i = 0; i < 1000; i++)
		waybuf_gate_queue_destroy(queues[i]);
	ck_assert_uint_eq(gate_stats().cancelled, 2000);
	waybuf_gate_queue_destroy(queue);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(never);
	tear_down();
}

/* A fence that counts the hints it gets. */
struct hinted {
	struct waybuf_fence base;
	int hints, ret;
	uint64_t ns;
};

static int take_hint(struct waybuf_fence *base, uint64_t ns)
{
	struct hinted *fence = waybuf_container_of(base, struct hinted, base);
	fence->hints++;
	fence->ns = ns;
	return fence->ret;
}

static void ignore_release(struct waybuf_fence *fence) {}

static const struct waybuf_fence_ops hinted_ops = {
	.name = "hinted", .set_deadline = take_hint, .release = ignore_release};

TEST(hints_take_turns)
{
	set_up();
	static struct hinted fences[100];
	struct waybuf_gate_queue *queues[100];
	for (int i = 0; i < 100; i++) {
		queues[i] = gate_queue();
		waybuf_fence_init(&fences[i].base, &hinted_ops, waybuf_fence_context_alloc(), 1);
		ck_assert_int_eq(gate_submit(i, queues[i], &fences[i].base), 0);
	}
	for (int i = 0; i < 25; i++)
		waybuf_gate_hint(gate_fixture.gate, 1000 + (uint64_t)i);
	/* 25 times 64 for 100 fences */
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(fences[i].hints, 16);
	ck_assert_uint_eq(fences[99].ns, 1024);
	fences[0].ret = -EOPNOTSUPP;
	waybuf_gate_hint(gate_fixture.gate, 1);
	ck_assert_int_eq(fences[0].hints, 17);
	waybuf_gate_hint(gate_fixture.gate, 2);
	ck_assert_int_eq(fences[1].hints, 16);
	for (int i = 0; i < 100; i++) {
		waybuf_gate_queue_destroy(queues[i]);
		waybuf_fence_unref(&fences[i].base);
	}
	tear_down();
}

TEST(operations_are_required)
{
	struct waybuf_gate_ops ops = {0};
	struct waybuf_gate *gate = NULL;
	struct waybuf_loop *loop = fake_clock_init();
	struct waybuf_deadlines deadlines;
	ck_assert_int_eq(waybuf_deadlines_init(&deadlines, loop), 0);
	ck_assert_int_eq(waybuf_gate_create(loop, &deadlines, &ops, &gate), -EINVAL);
	ck_assert_str_eq(waybuf_gate_reason_name((enum waybuf_gate_reason)99), "unknown");
	waybuf_deadlines_finish(&deadlines);
	waybuf_loop_destroy(loop);
}

TEST_MAIN("gate")
