/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "core_fixture.h"

/* The queue of maps: who waits for whom, and with which fence. */

struct two {
	struct fixture f;
	struct waybuf_pool *pool;
	struct party a, b;
	struct seat a0, b0;
};

static void two_init(struct two *t)
{
	fixture_init(&t->f);
	t->pool = fixture_pool(&t->f, 64, 32, 1);
	party_attach(&t->a, t->pool, t->f.account, "a");
	party_attach(&t->b, t->pool, t->f.account, "b");
	party_commit(&t->a, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	party_commit(&t->b, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&t->a0, &t->a, 0);
	seat_open(&t->b0, &t->b, 0);
}

static void two_finish(struct two *t)
{
	seat_close(&t->a0);
	seat_close(&t->b0);
	party_detach(&t->a);
	party_detach(&t->b);
	waybuf_pool_unref(t->pool);
	fixture_finish(&t->f);
}

TEST(readers_share)
{
	struct two t;
	two_init(&t);
	seat_grant(&t.f, &t.a0, WAYBUF_READ);
	seat_grant(&t.f, &t.b0, WAYBUF_READ);
	ck_assert_uint_eq(t.a0.layout.generation, 1);
	seat_unmap(&t.a0, NULL);
	seat_unmap(&t.b0, NULL);
	two_finish(&t);
}

TEST(writer_is_alone)
{
	struct two t;
	two_init(&t);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	seat_map(&t.b0, WAYBUF_READ);
	fixture_run(&t.f, 20);
	ck_assert(!t.b0.answered);
	seat_unmap(&t.a0, NULL);
	ck_assert(t.b0.answered);
	ck_assert_uint_eq(t.b0.mapped, 1);
	/* and the other way round */
	seat_map(&t.a0, WAYBUF_WRITE);
	ck_assert(!t.a0.answered);
	seat_unmap(&t.b0, NULL);
	ck_assert(t.a0.answered);
	seat_unmap(&t.a0, NULL);
	two_finish(&t);
}

TEST(reader_behind_queued_writer_waits)
{
	struct two t;
	struct party c;
	struct seat c0;
	two_init(&t);
	party_attach(&c, t.pool, t.f.account, "c");
	party_commit(&c, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&c0, &c, 0);
	seat_grant(&t.f, &t.a0, WAYBUF_READ);
	seat_map(&t.b0, WAYBUF_WRITE);
	seat_map(&c0, WAYBUF_READ);
	ck_assert(!t.b0.answered && !c0.answered);
	seat_unmap(&t.a0, NULL);
	ck_assert(t.b0.answered && !c0.answered);
	seat_unmap(&t.b0, NULL);
	ck_assert(c0.answered);
	seat_unmap(&c0, NULL);
	seat_close(&c0);
	party_detach(&c);
	two_finish(&t);
}

TEST(cancelled_map_is_answered_once_and_makes_way)
{
	struct two t;
	struct party c;
	struct seat c0;
	two_init(&t);
	party_attach(&c, t.pool, t.f.account, "c");
	party_commit(&c, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&c0, &c, 0);
	seat_grant(&t.f, &t.a0, WAYBUF_READ);
	seat_map(&t.b0, WAYBUF_WRITE);
	seat_map(&c0, WAYBUF_READ);
	seat_unmap(&t.b0, NULL);
	ck_assert_uint_eq(t.b0.failed, 1);
	ck_assert_int_eq(t.b0.error, -ECANCELED);
	ck_assert(c0.answered);
	ck_assert_uint_eq(c0.mapped, 1);
	seat_unmap(&t.a0, NULL);
	seat_unmap(&c0, NULL);
	seat_close(&c0);
	party_detach(&c);
	two_finish(&t);
}

TEST(unbalanced_calls_are_refused)
{
	struct two t;
	two_init(&t);
	ck_assert_int_eq(waybuf_view_unmap(t.a0.view, NULL), -EINVAL);
	ck_assert_int_eq(waybuf_view_map(t.a0.view, (enum waybuf_direction)0), -EINVAL);
	ck_assert_int_eq(waybuf_view_map(t.a0.view, (enum waybuf_direction)4), -EINVAL);
	seat_grant(&t.f, &t.a0, WAYBUF_READ_WRITE);
	ck_assert_int_eq(waybuf_view_map(t.a0.view, WAYBUF_READ), -EINVAL);
	seat_unmap(&t.a0, NULL);
	ck_assert_int_eq(waybuf_view_unmap(t.a0.view, NULL), -EINVAL);
	two_finish(&t);
}

TEST(access_that_was_not_declared_is_refused)
{
	struct two t;
	struct party c;
	struct seat c0;
	two_init(&t);
	party_attach(&c, t.pool, t.f.account, "c");
	party_commit(&c, reader_constraints(DRM_FORMAT_XRGB8888, 0, false));
	seat_open(&c0, &c, 0);
	ck_assert_int_eq(waybuf_view_map(c0.view, WAYBUF_WRITE), -EACCES);
	ck_assert_int_eq(waybuf_view_map(c0.view, WAYBUF_READ_WRITE), -EACCES);
	seat_grant(&t.f, &c0, WAYBUF_READ);
	seat_unmap(&c0, NULL);
	seat_close(&c0);
	party_detach(&c);
	two_finish(&t);
}

TEST(map_without_a_set_fails)
{
	struct two t;
	struct party c;
	struct seat c0;
	two_init(&t);
	party_attach(&c, t.pool, t.f.account, "c");
	seat_open(&c0, &c, 0);
	seat_map(&c0, WAYBUF_READ);
	ck_assert_uint_eq(c0.failed, 1);
	ck_assert_int_eq(c0.error, -ENODATA);
	seat_unmap(&c0, NULL);
	seat_close(&c0);
	party_detach(&c);
	two_finish(&t);
}

TEST(serials_and_freshness)
{
	struct two t;
	two_init(&t);
	seat_grant(&t.f, &t.b0, WAYBUF_READ);
	ck_assert_uint_eq(t.b0.serial, 0);
	ck_assert_uint_eq(t.b0.flags, WAYBUF_GRANT_FRESH);
	ck_assert(memory_is_zero(&t.b0.layout));
	seat_unmap(&t.b0, NULL);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	ck_assert_uint_eq(t.a0.serial, 1);
	ck_assert_uint_eq(t.a0.flags, WAYBUF_GRANT_FRESH);
	seat_unmap(&t.a0, NULL);
	seat_grant(&t.f, &t.b0, WAYBUF_READ);
	ck_assert_uint_eq(t.b0.serial, 1);
	ck_assert_uint_eq(t.b0.flags, 0);
	seat_unmap(&t.b0, NULL);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	ck_assert_uint_eq(t.a0.serial, 2);
	seat_unmap(&t.a0, NULL);
	two_finish(&t);
}

TEST(dead_writer_leaves_undefined_contents)
{
	struct two t;
	two_init(&t);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	seat_map(&t.b0, WAYBUF_READ);
	seat_close(&t.a0);
	ck_assert(t.b0.answered);
	ck_assert_uint_eq(t.b0.flags, WAYBUF_GRANT_UNDEFINED);
	seat_unmap(&t.b0, NULL);
	/* until somebody writes them anew */
	seat_grant(&t.f, &t.b0, WAYBUF_WRITE);
	ck_assert_uint_eq(t.b0.flags, WAYBUF_GRANT_UNDEFINED);
	seat_unmap(&t.b0, NULL);
	seat_grant(&t.f, &t.b0, WAYBUF_READ);
	ck_assert_uint_eq(t.b0.flags, 0);
	seat_unmap(&t.b0, NULL);
	seat_open(&t.a0, &t.a, 0);
	two_finish(&t);
}

TEST(dead_reader_makes_way)
{
	struct two t;
	two_init(&t);
	seat_grant(&t.f, &t.a0, WAYBUF_READ);
	seat_map(&t.b0, WAYBUF_WRITE);
	seat_close(&t.a0);
	ck_assert(t.b0.answered);
	ck_assert_uint_eq(t.b0.flags, WAYBUF_GRANT_FRESH);
	seat_unmap(&t.b0, NULL);
	seat_open(&t.a0, &t.a, 0);
	two_finish(&t);
}

/* ---- fences -------------------------------------------------------------------------------- */

/* A memfd carries no fence to the peer, so the grant waits for it here. */
TEST(reader_waits_for_the_writers_fence)
{
	struct two t;
	struct waybuf_timeline *timeline;
	struct waybuf_fence *fence;
	two_init(&t);
	ck_assert_int_eq(waybuf_timeline_create("t", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	seat_unmap(&t.a0, fence);
	seat_map(&t.b0, WAYBUF_READ);
	fixture_run(&t.f, 20);
	ck_assert(!t.b0.answered);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	fixture_wait(&t.f, &t.b0.answered);
	ck_assert_uint_eq(t.b0.mapped, 1);
	ck_assert_ptr_null(t.b0.fence);
	seat_unmap(&t.b0, NULL);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	two_finish(&t);
}

TEST(readers_fence_holds_up_a_writer_and_no_reader)
{
	struct two t;
	struct waybuf_timeline *timeline;
	struct waybuf_fence *fence;
	two_init(&t);
	ck_assert_int_eq(waybuf_timeline_create("t", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	seat_grant(&t.f, &t.a0, WAYBUF_READ);
	seat_unmap(&t.a0, fence);
	seat_grant(&t.f, &t.b0, WAYBUF_READ);
	seat_unmap(&t.b0, NULL);
	seat_map(&t.b0, WAYBUF_WRITE);
	fixture_run(&t.f, 20);
	ck_assert(!t.b0.answered);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	fixture_wait(&t.f, &t.b0.answered);
	seat_unmap(&t.b0, NULL);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	two_finish(&t);
}

TEST(failed_fence_spoils_the_contents)
{
	struct two t;
	struct waybuf_fence *fence;
	two_init(&t);
	ck_assert_int_eq(waybuf_fence_failed(-ECANCELED, &fence), 0);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	seat_unmap(&t.a0, fence);
	waybuf_fence_unref(fence);
	seat_grant(&t.f, &t.b0, WAYBUF_READ);
	ck_assert_uint_eq(t.b0.flags, WAYBUF_GRANT_UNDEFINED);
	seat_unmap(&t.b0, NULL);
	seat_grant(&t.f, &t.b0, WAYBUF_WRITE);
	ck_assert_uint_eq(t.b0.flags, WAYBUF_GRANT_UNDEFINED);
	seat_unmap(&t.b0, NULL);
	seat_grant(&t.f, &t.b0, WAYBUF_READ);
	ck_assert_uint_eq(t.b0.flags, 0);
	seat_unmap(&t.b0, NULL);
	two_finish(&t);
}

TEST(cancelled_wait_for_a_fence)
{
	struct two t;
	struct waybuf_timeline *timeline;
	struct waybuf_fence *fence;
	two_init(&t);
	ck_assert_int_eq(waybuf_timeline_create("t", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	seat_grant(&t.f, &t.a0, WAYBUF_READ);
	seat_unmap(&t.a0, fence);
	seat_map(&t.b0, WAYBUF_WRITE);
	seat_map(&t.a0, WAYBUF_READ);
	ck_assert(!t.b0.answered && !t.a0.answered);
	seat_unmap(&t.b0, NULL);
	ck_assert_int_eq(t.b0.error, -ECANCELED);
	ck_assert_uint_eq(t.a0.mapped, 2);
	seat_unmap(&t.a0, NULL);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	two_finish(&t);
}

TEST(fence_that_never_signals_fails_the_queue)
{
	struct two t;
	struct waybuf_timeline *timeline;
	struct waybuf_fence *fence;
	two_init(&t);
	ck_assert_int_eq(waybuf_timeline_create("t", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	seat_unmap(&t.a0, fence);
	seat_map(&t.a0, WAYBUF_WRITE);
	seat_map(&t.b0, WAYBUF_READ);
	fixture_run(&t.f, 4000);
	fixture_wait(&t.f, &t.a0.answered);
	fixture_wait(&t.f, &t.b0.answered);
	ck_assert_int_eq(t.a0.error, -ETIME);
	ck_assert_int_eq(t.b0.error, -ETIME);
	seat_unmap(&t.a0, NULL);
	seat_unmap(&t.b0, NULL);
	/* nobody else is made to wait five seconds */
	seat_map(&t.b0, WAYBUF_READ);
	ck_assert_int_eq(t.b0.error, -ETIME);
	ck_assert_uint_eq(t.b0.failed, 2);
	seat_unmap(&t.b0, NULL);
	seat_map(&t.b0, WAYBUF_READ);
	ck_assert_uint_eq(t.b0.failed, 3);
	seat_unmap(&t.b0, NULL);
	/* and when it signals after all, everything is well again */
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	seat_grant(&t.f, &t.b0, WAYBUF_READ);
	seat_unmap(&t.b0, NULL);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	two_finish(&t);
}

/* ---- listeners that act -------------------------------------------------------------------- */

static void unmap_and_map_again(struct seat *seat)
{
	if (seat->mapped > 5)
		return;
	seat_unmap(seat, NULL);
	ck_assert_int_eq(waybuf_view_map(seat->view, WAYBUF_WRITE), 0);
}

TEST(listener_may_unmap_and_map)
{
	struct two t;
	two_init(&t);
	t.a0.on_mapped = unmap_and_map_again;
	seat_map(&t.a0, WAYBUF_WRITE);
	while (t.a0.mapped <= 5)
		ck_assert_int_ge(waybuf_manager_dispatch(t.f.manager, 1000), 0);
	ck_assert_uint_eq(t.a0.serial, 6);
	t.a0.on_mapped = NULL;
	seat_unmap(&t.a0, NULL);
	two_finish(&t);
}

static void destroy_view(struct seat *seat)
{
	waybuf_view_destroy(seat->view);
	seat->view = NULL;
}

TEST(listener_may_destroy_its_view)
{
	struct two t;
	two_init(&t);
	t.a0.on_mapped = destroy_view;
	seat_map(&t.a0, WAYBUF_WRITE);
	seat_map(&t.b0, WAYBUF_READ);
	fixture_wait(&t.f, &t.b0.answered);
	ck_assert_ptr_null(t.a0.view);
	ck_assert_uint_eq(t.b0.flags, WAYBUF_GRANT_UNDEFINED);
	seat_unmap(&t.b0, NULL);
	two_finish(&t);
}

TEST(view_goes_while_memory_is_made)
{
	struct two t;
	two_init(&t);
	seat_map(&t.a0, WAYBUF_WRITE);
	seat_close(&t.a0);
	/* the storage is made all the same, and waits for the next */
	fixture_settle(&t.f, 64 * 32 * 4);
	seat_open(&t.a0, &t.a, 0);
	seat_grant(&t.f, &t.a0, WAYBUF_READ);
	seat_unmap(&t.a0, NULL);
	two_finish(&t);
}

/* ---- claims -------------------------------------------------------------------------------- */

TEST(claim_needs_storage)
{
	struct two t;
	struct waybuf_claim *claim;
	two_init(&t);
	ck_assert_int_eq(waybuf_buffer_claim(waybuf_pool_buffer(t.pool, 0), &claim), -ENODATA);
	two_finish(&t);
}

TEST(claim_passes_queued_writers_and_holds_them_up)
{
	struct two t;
	struct waybuf_claim *first, *second;
	struct waybuf_grant grant;
	two_init(&t);
	struct waybuf_buffer *buffer = waybuf_pool_buffer(t.pool, 0);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	seat_unmap(&t.a0, NULL);
	ck_assert_int_eq(waybuf_buffer_claim(buffer, &first), 0);
	seat_map(&t.a0, WAYBUF_WRITE);
	ck_assert_int_eq(waybuf_buffer_claim(buffer, &second), 0);
	waybuf_claim_latch(first, &grant);
	ck_assert_uint_eq(grant.layout->generation, 1);
	ck_assert_uint_eq(grant.serial, 1);
	ck_assert_ptr_null(grant.fence);
	waybuf_claim_end(first, NULL);
	ck_assert(!t.a0.answered);
	waybuf_claim_end(second, NULL);
	ck_assert(t.a0.answered);
	ck_assert_ptr_eq(waybuf_buffer_writer(buffer), t.f.account);
	/* a client that keeps its map commits what it holds */
	ck_assert_int_eq(waybuf_buffer_claim(buffer, &first), 0);
	seat_unmap(&t.a0, NULL);
	ck_assert_ptr_null(waybuf_buffer_writer(buffer));
	waybuf_claim_end(first, NULL);
	waybuf_claim_end(NULL, NULL);
	two_finish(&t);
}

static void count(void *data)
{
	unsigned *times = data;
	(*times)++;
}

TEST(claim_hears_of_the_writers_end)
{
	struct two t;
	struct waybuf_claim *claims[2];
	unsigned times[2] = {0, 0};
	two_init(&t);
	struct waybuf_buffer *buffer = waybuf_pool_buffer(t.pool, 0);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(waybuf_buffer_claim(buffer, &claims[i]), 0);
		ck_assert(waybuf_claim_watch_writer(claims[i], count, &times[i]));
	}
	waybuf_claim_end(claims[1], NULL);
	seat_unmap(&t.a0, NULL);
	ck_assert_uint_eq(times[0], 1);
	ck_assert_uint_eq(times[1], 0);
	ck_assert(!waybuf_claim_watch_writer(claims[0], count, &times[0]));
	waybuf_claim_end(claims[0], NULL);
	ck_assert_uint_eq(times[0], 1);
	two_finish(&t);
}

TEST(claim_waits_for_writers_and_its_fence_for_the_next)
{
	struct two t;
	struct waybuf_claim *claim;
	struct waybuf_grant grant;
	struct waybuf_timeline *timeline;
	struct waybuf_fence *written, *flipped[2], *merged;
	two_init(&t);
	ck_assert_int_eq(waybuf_timeline_create("t", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &written), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 2, &flipped[0]), 0);
	struct waybuf_timeline *other;
	ck_assert_int_eq(waybuf_timeline_create("u", &other), 0);
	ck_assert_int_eq(waybuf_timeline_fence(other, 1, &flipped[1]), 0);
	ck_assert_int_eq(waybuf_fence_merge(flipped, 2, &merged), 0);
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	seat_unmap(&t.a0, written);
	ck_assert_int_eq(waybuf_buffer_claim(waybuf_pool_buffer(t.pool, 0), &claim), 0);
	waybuf_claim_latch(claim, &grant);
	ck_assert_ptr_nonnull(grant.fence);
	ck_assert_int_eq(waybuf_fence_status(grant.fence), 0);
	seat_map(&t.a0, WAYBUF_WRITE);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	waybuf_claim_end(claim, merged);
	fixture_run(&t.f, 10);
	ck_assert(!t.a0.answered);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 2), 0);
	fixture_run(&t.f, 10);
	ck_assert(!t.a0.answered);
	ck_assert_int_eq(waybuf_timeline_signal(other, 1), 0);
	fixture_wait(&t.f, &t.a0.answered);
	ck_assert_uint_eq(t.a0.mapped, 2);
	seat_unmap(&t.a0, NULL);
	waybuf_fence_unref(merged);
	waybuf_fence_unref(written);
	waybuf_fence_unref(flipped[0]);
	waybuf_fence_unref(flipped[1]);
	waybuf_timeline_destroy(timeline);
	waybuf_timeline_destroy(other);
	two_finish(&t);
}

/* ---- a model ------------------------------------------------------------------------------- */

#define MODEL_SEATS 5
#define MODEL_ROUNDS 20000

struct model {
	struct seat seats[MODEL_SEATS];
	int state[MODEL_SEATS]; /* 0 idle, 1 asked, 2 granted */
	enum waybuf_direction direction[MODEL_SEATS];
};

/* What must hold whenever nothing is under way: a writer is alone, and every map has one answer. */
static void model_check(struct model *model)
{
	unsigned readers = 0, writers = 0;
	for (int i = 0; i < MODEL_SEATS; i++) {
		struct seat *seat = &model->seats[i];
		if (model->state[i] == 1 && seat->answered)
			model->state[i] = 2;
		if (model->state[i] != 2)
			continue;
		if (model->direction[i] & WAYBUF_WRITE)
			writers++;
		else
			readers++;
	}
	ck_assert_uint_le(writers, 1);
	ck_assert(writers == 0 || readers == 0);
}

TEST(random_maps_keep_the_rules)
{
	struct two t;
	struct party parties[MODEL_SEATS];
	struct model model = {0};
	unsigned maps = 0, answers = 0;
	uint64_t random = harness_seed();
	two_init(&t);
	for (int i = 0; i < MODEL_SEATS; i++) {
		party_attach(&parties[i], t.pool, t.f.account, "p");
		party_commit(&parties[i], cpu_constraints(DRM_FORMAT_XRGB8888, 0));
		seat_open(&model.seats[i], &parties[i], 0);
	}
	seat_grant(&t.f, &t.a0, WAYBUF_WRITE);
	seat_unmap(&t.a0, NULL);
	for (int round = 0; round < MODEL_ROUNDS; round++) {
		uint64_t value = harness_random(&random);
		int i = (int)(value % MODEL_SEATS);
		if (model.state[i] == 0) {
			model.direction[i] = value & 256 ? WAYBUF_READ : WAYBUF_READ_WRITE;
			model.state[i] = 1;
			seat_map(&model.seats[i], model.direction[i]);
			maps++;
		} else if (value % 64 == 1) {
			/* a client dies; only a map that was answered counts */
			answers += model.seats[i].mapped + model.seats[i].failed;
			maps -= !model.seats[i].answered;
			seat_close(&model.seats[i]);
			seat_open(&model.seats[i], &parties[i], 0);
			model.state[i] = 0;
		} else {
			seat_unmap(&model.seats[i], NULL);
			model.state[i] = 0;
		}
		model_check(&model);
	}
	for (int i = 0; i < MODEL_SEATS; i++) {
		if (model.state[i])
			seat_unmap(&model.seats[i], NULL);
		answers += model.seats[i].mapped + model.seats[i].failed;
		model.state[i] = 0;
	}
	ck_assert_uint_eq(maps, answers);
	for (int i = 0; i < MODEL_SEATS; i++) {
		seat_close(&model.seats[i]);
		party_detach(&parties[i]);
	}
	two_finish(&t);
}

TEST_TIMEOUT(30)
TEST_MAIN("map-queue")
