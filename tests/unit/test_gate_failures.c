/* SPDX-License-Identifier: MIT */
#include "fail_alloc.h"
#include "fake/clock.h"
#include "gate/gate.h"
#include "harness.h"

/*
 * Two surfaces, and commits that wait for each other, again and again, and each time the next
 * allocation fails. What was taken is answered once, what was not is never heard of, and every
 * frame whose fences signal is shown: a lack of memory loses no commit that was accepted.
 *
 * The host of gate_fixture.h asserts in its callbacks, which allocates; this one takes notes.
 */

enum { COMMITS = 9 };

struct host {
	struct waybuf_loop *loop;
	struct waybuf_deadlines deadlines;
	struct waybuf_gate *gate;
	struct waybuf_gate_queue *a, *b;
	struct waybuf_timeline *t, *u;
	int returned[COMMITS]; /* of submit; 2: never submitted */
	unsigned ends[COMMITS], discards[COMMITS];
	unsigned unwatched; /* of the discards */
	bool failed; /* some call said so */
	int error; /* that was not -ENOMEM; 0: none */
	struct waybuf_gate_stats stats;
};

static struct host *host;
static int ids[COMMITS];

static int id_of(const void *commit)
{
	return (int)((const int *)commit - ids);
}

static void handle_ready(void *commit)
{
	host->ends[id_of(commit)]++;
}

static void handle_fold(void *older, void *newer)
{
	host->ends[id_of(older)]++;
}

static void handle_discard(void *commit, enum waybuf_gate_reason reason, int error)
{
	host->discards[id_of(commit)]++;
	host->unwatched += reason == WAYBUF_GATE_UNWATCHED && error == -ENOMEM;
}

static void handle_cancel(void *commit)
{
	host->ends[id_of(commit)]++;
}

static const struct waybuf_gate_ops ops = {
	handle_ready, handle_fold, handle_discard, handle_cancel};

static bool ok(int ret)
{
	if (ret >= 0)
		return true;
	host->failed = true;
	if (ret != -ENOMEM)
		host->error = ret;
	return false;
}

/* The commit @id with one part for each of the queues that are not NULL. */
static void submit(int id, struct waybuf_gate_queue *a, struct waybuf_gate_queue *b,
	struct waybuf_fence *const *fences, size_t n)
{
	const struct waybuf_gate_part parts[] = {
		{.queue = a ? a : b, .content = n > 0, .fences = fences, .n_fences = n},
		{.queue = b, .content = n > 0, .fences = fences, .n_fences = n},
	};
	const struct waybuf_gate_request request = {
		.parts = parts, .n_parts = a && b ? 2 : 1, .commit = &ids[id]};
	host->returned[id] = waybuf_gate_submit(host->gate, &request);
	ok(host->returned[id]);
}

/* With points of both timelines, 0: none. */
static void submit_points(int id, struct waybuf_gate_queue *a, struct waybuf_gate_queue *b,
	uint64_t of_t, uint64_t of_u)
{
	struct waybuf_fence *fences[2];
	size_t n = 0;
	bool got = true;
	if (of_t && (got = ok(waybuf_timeline_fence(host->t, of_t, &fences[n]))))
		n++;
	if (got && of_u && (got = ok(waybuf_timeline_fence(host->u, of_u, &fences[n]))))
		n++;
	if (got)
		submit(id, a, b, fences, n);
	while (n > 0)
		waybuf_fence_unref(fences[--n]);
}

static bool open_host(void)
{
	return ok(waybuf_gate_create(host->loop, &host->deadlines, &ops, &host->gate)) &&
		ok(waybuf_gate_queue_create(host->gate, &host->a)) &&
		ok(waybuf_gate_queue_create(host->gate, &host->b)) &&
		ok(waybuf_timeline_create("t", &host->t)) &&
		ok(waybuf_timeline_create("u", &host->u));
}

static void tell(void)
{
	struct waybuf_gate_queue *a = host->a, *b = host->b;
	submit_points(0, a, NULL, 1, 0);
	submit_points(1, a, NULL, 2, 1);
	submit_points(2, a, b, 2, 2);
	submit_points(3, a, NULL, 0, 0);
	ok(waybuf_timeline_signal(host->t, 1));
	submit_points(4, NULL, b, 0, 3);
	submit_points(5, NULL, b, 3, 4);
	ok(waybuf_timeline_signal(host->t, 2));
	ok(waybuf_timeline_signal(host->u, 3));
	submit_points(6, a, NULL, 9, 0);
	submit_points(7, a, b, 0, 0);
	/* past the deadline of those that nobody signals, and one that is cut short */
	fake_clock_advance(1500);
	submit_points(8, a, NULL, 10, 0);
}

static void close_host(void)
{
	if (host->a)
		waybuf_gate_queue_destroy(host->a);
	if (host->b)
		waybuf_gate_queue_destroy(host->b);
	waybuf_timeline_destroy(host->u);
	waybuf_timeline_destroy(host->t);
	if (host->gate)
		waybuf_gate_get_stats(host->gate, &host->stats);
	waybuf_gate_destroy(host->gate);
	waybuf_deadlines_finish(&host->deadlines);
	waybuf_loop_destroy(host->loop);
}

static void check(unsigned n)
{
	const struct waybuf_gate_stats *stats = &host->stats;
	ck_assert_msg(host->error == 0, "allocation %u: %s", n, strerror(-host->error));
	for (int id = 0; id < COMMITS; id++) {
		unsigned wanted = host->returned[id] == 0;
		ck_assert_msg(host->ends[id] == wanted, "allocation %u: %d returned %d, ended %u",
			n, id, host->returned[id], host->ends[id]);
		ck_assert_uint_le(host->discards[id], wanted);
	}
	ck_assert_uint_eq(stats->waiting + stats->pending, 0);
	ck_assert_uint_eq(stats->submitted,
		stats->ready_now + stats->ready_later + stats->folded + stats->cancelled);
}

TEST(every_allocation_may_fail)
{
	unsigned n = 0, failures = 0;
	bool complete = false;
	struct host here;
	host = &here;
	while (!complete) {
		here = (struct host){.loop = fake_clock_init()};
		for (int id = 0; id < COMMITS; id++)
			here.returned[id] = 2;
		ck_assert_int_eq(waybuf_deadlines_init(&here.deadlines, here.loop), 0);
		fail_alloc_at(++n);
		if (open_host())
			tell();
		complete = !fail_alloc_happened();
		fail_alloc_at(0);
		close_host();
		check(n);
		/* a fence that cannot be watched for want of memory is an answer, too */
		ck_assert_msg(here.failed || complete || here.unwatched > 0,
			"allocation %u: nobody was told", n);
		failures += here.failed;
		ck_assert_uint_lt(n, 300);
	}
	ck_assert_uint_gt(failures, 20);
	/* and when nothing fails, the story is what it is meant to be */
	ck_assert(!host->failed);
	ck_assert_uint_eq(host->stats.submitted, COMMITS);
	ck_assert_uint_eq(host->stats.cancelled, 1);
	ck_assert_uint_gt(host->stats.folded + host->stats.ready_later, 5);
}

TEST_MAIN("gate-failures")
