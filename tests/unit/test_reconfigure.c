/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "core/pool.h"
#include "core_fixture.h"

/*
 * Another size for a pool: each buffer has it from its next write map on, and what is on the screen
 * or being read stays as it was.
 */

struct world {
	struct fixture f;
	struct waybuf_pool *pool;
	struct party painter, reader;
	struct seat paint[2], read[2];
};

static struct waybuf_constraints *set(uint64_t access, uint32_t format, uint64_t max_width)
{
	const uint64_t linear = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *out;
	waybuf_constraints_builder_access(builder, access);
	waybuf_constraints_builder_width(builder, 0, max_width, 1);
	waybuf_constraints_builder_set(builder, &format, 1, &linear, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &out), 0);
	waybuf_constraints_builder_destroy(builder);
	return out;
}

static void world_init(struct world *w)
{
	fixture_init(&w->f);
	fake_exporter_add(&w->f, "contiguous", 50, false, true);
	w->pool = fixture_pool(&w->f, 64, 64, 2);
	party_attach(&w->painter, w->pool, w->f.account, "painter");
	party_commit(&w->painter, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	party_attach(&w->reader, w->pool, w->f.account, "reader");
	party_commit(&w->reader, set(WAYBUF_ACCESS_CPU_READ, DRM_FORMAT_XRGB8888, 100));
	for (uint32_t i = 0; i < 2; i++) {
		seat_open(&w->paint[i], &w->painter, i);
		seat_open(&w->read[i], &w->reader, i);
	}
}

static void world_finish(struct world *w)
{
	for (uint32_t i = 0; i < 2; i++) {
		seat_close(&w->paint[i]);
		seat_close(&w->read[i]);
	}
	party_detach(&w->painter);
	party_detach(&w->reader);
	waybuf_pool_unref(w->pool);
	fixture_finish(&w->f);
}

static void paint(struct world *w, uint32_t index, uint32_t seed)
{
	seat_grant(&w->f, &w->paint[index], WAYBUF_WRITE);
	pattern_fill(&w->paint[index].layout, seed);
	seat_unmap(&w->paint[index], NULL);
}

static void expect_read(struct world *w, uint32_t index, uint32_t width, uint32_t seed)
{
	seat_grant(&w->f, &w->read[index], WAYBUF_READ);
	ck_assert_uint_eq(w->read[index].layout.width, width);
	ck_assert(pattern_check(&w->read[index].layout, seed));
	seat_unmap(&w->read[index], NULL);
}

TEST(each_buffer_at_its_next_write)
{
	struct world w = {0};
	world_init(&w);
	paint(&w, 0, 1);
	paint(&w, 1, 2);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 80, 32), 0);
	ck_assert_uint_eq(waybuf_pool_width(w.pool), 80);
	ck_assert_uint_eq(waybuf_pool_height(w.pool), 32);
	expect_read(&w, 0, 64, 1);
	ck_assert_uint_eq(w.paint[0].retired, 0);
	seat_grant(&w.f, &w.paint[0], WAYBUF_WRITE);
	ck_assert_uint_eq(w.paint[0].layout.width, 80);
	ck_assert_uint_eq(w.paint[0].layout.height, 32);
	ck_assert_uint_eq(w.paint[0].layout.generation, 2);
	ck_assert_uint_eq(w.paint[0].serial, 2);
	ck_assert_uint_eq(w.paint[0].flags, WAYBUF_GRANT_FRESH);
	ck_assert_uint_eq(w.paint[0].retired, 1);
	ck_assert_uint_eq(w.read[0].retired, 1);
	ck_assert(memory_is_zero(&w.paint[0].layout));
	pattern_fill(&w.paint[0].layout, 3);
	seat_unmap(&w.paint[0], NULL);
	expect_read(&w, 0, 80, 3);
	/* the other one has not been drawn since */
	expect_read(&w, 1, 64, 2);
	ck_assert_uint_eq(w.paint[1].retired, 0);
	paint(&w, 1, 4);
	expect_read(&w, 1, 80, 4);
	ck_assert_uint_eq(waybuf_account_bytes(w.f.account), 2 * w.paint[0].layout.memory[0].size);
	world_finish(&w);
}

/* 100 pixels is the most that the reader takes. */
TEST(conflict_and_cure)
{
	struct world w = {0};
	world_init(&w);
	paint(&w, 0, 1);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 101, 64), 0);
	seat_map(&w.paint[0], WAYBUF_WRITE);
	fixture_wait(&w.f, &w.paint[0].answered);
	ck_assert_uint_eq(w.paint[0].failed, 1);
	ck_assert_int_eq(w.paint[0].error, -EOPNOTSUPP);
	ck_assert_uint_gt(w.paint[0].n_conflicts, 0);
	seat_unmap(&w.paint[0], NULL);
	/* nothing is lost by it */
	expect_read(&w, 0, 64, 1);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 100, 64), 0);
	paint(&w, 0, 2);
	expect_read(&w, 0, 100, 2);
	world_finish(&w);
}

/* A writer that waits for its memory and leaves: the old frame stays. */
TEST(cancelled_while_memory_is_made)
{
	struct world w = {0};
	world_init(&w);
	paint(&w, 0, 1);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 80, 64), 0);
	seat_map(&w.paint[0], WAYBUF_WRITE);
	ck_assert(!w.paint[0].answered);
	seat_unmap(&w.paint[0], NULL);
	expect_read(&w, 0, 64, 1);
	fixture_settle(&w.f, w.read[0].layout.memory[0].size);
	expect_read(&w, 0, 64, 1);
	paint(&w, 0, 2);
	expect_read(&w, 0, 80, 2);
	world_finish(&w);
}

/* A size that has been replaced while memory was made for it is never seen. */
TEST(twice_in_a_row)
{
	struct world w = {0};
	world_init(&w);
	seat_map(&w.paint[0], WAYBUF_WRITE);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 80, 64), 0);
	fixture_wait(&w.f, &w.paint[0].answered);
	ck_assert_uint_eq(w.paint[0].layout.width, 80);
	ck_assert_uint_eq(w.paint[0].layout.generation, 1);
	seat_unmap(&w.paint[0], NULL);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 81, 64), 0);
	seat_map(&w.paint[0], WAYBUF_WRITE);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 82, 64), 0);
	fixture_wait(&w.f, &w.paint[0].answered);
	ck_assert_uint_eq(w.paint[0].layout.width, 82);
	ck_assert_uint_eq(w.paint[0].layout.generation, 2);
	seat_unmap(&w.paint[0], NULL);
	world_finish(&w);
}

/* In the middle of a migration: that comes to nothing, and whoever started it is not refused. */
TEST(while_memory_moves)
{
	struct world w = {0};
	world_init(&w);
	paint(&w, 0, 1);
	seat_grant(&w.f, &w.paint[1], WAYBUF_WRITE);
	pattern_fill(&w.paint[1].layout, 2);
	party_commit(&w.reader, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 80, 64), 0);
	seat_unmap(&w.paint[1], NULL);
	fixture_wait(&w.f, &w.reader.answered);
	ck_assert_uint_eq(w.reader.accepted, 2);
	paint(&w, 0, 3);
	paint(&w, 1, 4);
	ck_assert_str_eq(w.paint[0].layout.exporter, "contiguous");
	ck_assert_str_eq(w.paint[1].layout.exporter, "contiguous");
	expect_read(&w, 0, 80, 3);
	expect_read(&w, 1, 80, 4);
	world_finish(&w);
}

/* What is shown keeps its size, whichever way it was made. */
TEST(wl_buffers_keep_their_size)
{
	struct world w = {0};
	struct waybuf_binding frozen, follows;
	struct waybuf_claim *claim;
	struct waybuf_grant grant;
	world_init(&w);
	paint(&w, 0, 1);
	struct waybuf_buffer *buffer = waybuf_pool_buffer(w.pool, 0);
	waybuf_binding_init(&frozen, buffer, false);
	waybuf_binding_init(&follows, buffer, true);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 80, 64), 0);
	paint(&w, 0, 2);
	ck_assert_uint_eq(waybuf_binding_layout(&frozen)->width, 64);
	ck_assert_uint_eq(waybuf_binding_layout(&follows)->width, 64);
	ck_assert_int_eq(waybuf_buffer_claim(buffer, &claim), 0);
	waybuf_claim_bind(claim, follows.storage);
	waybuf_claim_latch(claim, &grant);
	ck_assert(pattern_check(grant.layout, 1));
	waybuf_claim_end(claim, NULL);
	waybuf_binding_finish(&frozen);
	waybuf_binding_finish(&follows);
	waybuf_binding_init(&follows, buffer, true);
	ck_assert_uint_eq(waybuf_binding_layout(&follows)->width, 80);
	waybuf_binding_finish(&follows);
	world_finish(&w);
}

/* Contents that were lost are not the business of new memory. */
TEST(fresh_is_not_undefined)
{
	struct world w = {0};
	world_init(&w);
	seat_grant(&w.f, &w.paint[0], WAYBUF_WRITE);
	seat_close(&w.paint[0]);
	seat_open(&w.paint[0], &w.painter, 0);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 80, 64), 0);
	seat_grant(&w.f, &w.read[0], WAYBUF_READ);
	ck_assert_uint_eq(w.read[0].flags, WAYBUF_GRANT_UNDEFINED);
	seat_unmap(&w.read[0], NULL);
	seat_grant(&w.f, &w.paint[0], WAYBUF_WRITE);
	ck_assert_uint_eq(w.paint[0].flags, WAYBUF_GRANT_FRESH);
	seat_unmap(&w.paint[0], NULL);
	world_finish(&w);
}

/* A reader of the new format alone cannot read what is still of the old one. */
TEST(reader_that_came_for_the_new_format)
{
	struct world w = {0};
	struct party late;
	struct seat seat;
	world_init(&w);
	paint(&w, 0, 1);
	for (uint32_t i = 0; i < 2; i++)
		seat_close(&w.read[i]);
	party_detach(&w.reader);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 64, 64), 0);
	party_commit(&w.painter, cpu_constraints(DRM_FORMAT_RGB565, 0));
	ck_assert_uint_eq(w.painter.accepted, 2);
	ck_assert_int_eq(w.painter.outcome, WAYBUF_DECLARED);
	party_attach(&late, w.pool, w.f.account, "late");
	party_commit(&late, set(WAYBUF_ACCESS_CPU_READ, DRM_FORMAT_RGB565, 100));
	ck_assert_uint_eq(late.accepted, 1);
	seat_open(&seat, &late, 0);
	seat_map(&seat, WAYBUF_READ);
	fixture_wait(&w.f, &seat.answered);
	ck_assert_int_eq(seat.error, -EOPNOTSUPP);
	ck_assert_uint_gt(seat.n_conflicts, 0);
	seat_unmap(&seat, NULL);
	paint(&w, 0, 2);
	seat_grant(&w.f, &seat, WAYBUF_READ);
	ck_assert_uint_eq(seat.layout.format, DRM_FORMAT_RGB565);
	ck_assert(pattern_check(&seat.layout, 2));
	seat_unmap(&seat, NULL);
	seat_close(&seat);
	party_detach(&late);
	party_attach(&w.reader, w.pool, w.f.account, "reader");
	for (uint32_t i = 0; i < 2; i++)
		seat_open(&w.read[i], &w.reader, i);
	world_finish(&w);
}

TEST(bad_sizes)
{
	struct world w = {0};
	world_init(&w);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 0, 64), -EINVAL);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 64, 0), -EINVAL);
	ck_assert_int_eq(waybuf_pool_reconfigure(w.pool, 65537, 64), -EINVAL);
	ck_assert_uint_eq(waybuf_pool_width(w.pool), 64);
	world_finish(&w);
}

TEST_MAIN("reconfigure")
