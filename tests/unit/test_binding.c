/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "core/pool.h"
#include "core_fixture.h"

/*
 * What a wl_buffer stands for when the memory of its buffer moves. Asking for contiguous memory
 * starts a migration.
 */

struct world {
	struct fixture f;
	struct waybuf_pool *pool;
	struct waybuf_buffer *buffer;
	struct party painter, plane;
	struct seat seat;
	struct waybuf_binding frozen, follows;
};

static void paint(struct world *w, uint32_t seed)
{
	seat_grant(&w->f, &w->seat, WAYBUF_WRITE);
	pattern_fill(&w->seat.layout, seed);
	seat_unmap(&w->seat, NULL);
}

static void world_init(struct world *w)
{
	fixture_init(&w->f);
	fake_exporter_add(&w->f, "contiguous", 50, false, true);
	w->pool = fixture_pool(&w->f, 96, 64, 1);
	w->buffer = waybuf_buffer_ref(waybuf_pool_buffer(w->pool, 0));
	party_attach(&w->painter, w->pool, w->f.account, "painter");
	party_commit(&w->painter, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	party_attach(&w->plane, w->pool, w->f.account, "plane");
	seat_open(&w->seat, &w->painter, 0);
	waybuf_binding_init(&w->follows, w->buffer, true);
	ck_assert_ptr_null(waybuf_binding_layout(&w->follows));
	paint(w, 1);
	waybuf_binding_init(&w->frozen, w->buffer, false);
}

static void migrate(struct world *w)
{
	party_commit(&w->plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_wait(&w->f, &w->plane.answered);
	ck_assert_uint_eq(w->plane.accepted, 1);
}

static void world_finish(struct world *w)
{
	waybuf_binding_finish(&w->frozen);
	waybuf_binding_finish(&w->follows);
	waybuf_buffer_unref(w->buffer);
	seat_close(&w->seat);
	waybuf_fence_unref(w->seat.fence);
	party_detach(&w->painter);
	party_detach(&w->plane);
	waybuf_pool_unref(w->pool);
	fixture_finish(&w->f);
}

static struct waybuf_claim *claim(struct world *w, const struct waybuf_binding *binding)
{
	struct waybuf_claim *out;
	ck_assert_int_eq(waybuf_buffer_claim(w->buffer, &out), 0);
	waybuf_claim_bind(out, binding->storage);
	return out;
}

static void expect(struct waybuf_claim *claim, uint32_t generation, uint64_t serial, uint32_t seed)
{
	struct waybuf_grant grant;
	waybuf_claim_latch(claim, &grant);
	ck_assert_uint_eq(grant.layout->generation, generation);
	ck_assert_uint_eq(grant.serial, serial);
	ck_assert_uint_eq(grant.flags, 0);
	ck_assert_ptr_null(grant.fence);
	ck_assert(pattern_check(grant.layout, seed));
}

/* One shows the old picture for as long as it is there, the other each new one. */
TEST(one_stays_and_one_follows)
{
	struct world w = {0};
	world_init(&w);
	struct waybuf_claim *old = claim(&w, &w.frozen), *new = claim(&w, &w.follows);
	expect(old, 1, 1, 1);
	expect(new, 1, 1, 1);
	migrate(&w);
	ck_assert_uint_eq(waybuf_binding_layout(&w.frozen)->generation, 1);
	ck_assert_uint_eq(waybuf_binding_layout(&w.follows)->generation, 2);
	expect(old, 1, 1, 1);
	expect(new, 2, 1, 1);
	waybuf_claim_end(new, NULL);
	/* whoever shows the old memory does not keep writers of the new one away */
	paint(&w, 2);
	expect(old, 1, 1, 1);
	new = claim(&w, &w.follows);
	expect(new, 2, 2, 2);
	waybuf_claim_end(new, NULL);
	waybuf_claim_end(old, NULL);
	/* a later commit of the old wl_buffer, too */
	old = claim(&w, &w.frozen);
	expect(old, 1, 1, 1);
	waybuf_claim_end(old, NULL);
	world_finish(&w);
}

/* The old memory goes, and its charge with it, when nothing stands for it any more. */
TEST(old_memory_goes_with_its_last_user)
{
	struct world w = {0};
	world_init(&w);
	uint64_t first = waybuf_buffer_size(w.buffer);
	migrate(&w);
	uint64_t second = waybuf_buffer_size(w.buffer);
	ck_assert_uint_eq(waybuf_account_bytes(w.f.account), first + second);
	struct waybuf_claim *old = claim(&w, &w.frozen);
	waybuf_binding_finish(&w.frozen);
	ck_assert_uint_eq(waybuf_account_bytes(w.f.account), first + second);
	expect(old, 1, 1, 1);
	waybuf_claim_end(old, NULL);
	ck_assert_uint_eq(waybuf_account_bytes(w.f.account), second);
	world_finish(&w);
}

/* While it is the newest memory, it is protected as ever. */
TEST(bound_claim_keeps_writers_away)
{
	struct world w = {0};
	world_init(&w);
	struct waybuf_claim *shown = claim(&w, &w.frozen);
	expect(shown, 1, 1, 1);
	w.seat.answered = false;
	seat_map(&w.seat, WAYBUF_WRITE);
	fixture_run(&w.f, 20);
	ck_assert(!w.seat.answered);
	waybuf_claim_end(shown, NULL);
	ck_assert(w.seat.answered);
	seat_unmap(&w.seat, NULL);
	world_finish(&w);
}

/* It says what was lost when the memory was retired, and not what was lost since. */
TEST(flags_are_those_of_the_storage)
{
	struct world w = {0};
	struct waybuf_grant grant;
	world_init(&w);
	migrate(&w);
	seat_grant(&w.f, &w.seat, WAYBUF_WRITE);
	seat_close(&w.seat);
	struct waybuf_claim *old = claim(&w, &w.frozen), *new = claim(&w, &w.follows);
	waybuf_claim_latch(new, &grant);
	ck_assert_uint_eq(grant.flags, WAYBUF_GRANT_UNDEFINED);
	expect(old, 1, 1, 1);
	waybuf_claim_end(old, NULL);
	waybuf_claim_end(new, NULL);
	seat_open(&w.seat, &w.painter, 0);
	world_finish(&w);
}

TEST_MAIN("binding")
