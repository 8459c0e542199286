/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_fixture.h"

/*
 * Memory that moves because somebody new cannot use it. Two exporters are there: memfd, the
 * cheapest, and a contiguous fake, so that asking for contiguous memory starts a migration.
 */

struct moving {
	struct fixture f;
	struct fake_exporter *contiguous;
	struct waybuf_pool *pool;
	struct party painter, plane;
	struct seat seats[2];
};

static void moving_init(struct moving *m, uint32_t format, uint32_t count)
{
	fixture_init(&m->f);
	m->contiguous = fake_exporter_add(&m->f, "contiguous", 50, false, true);
	m->pool = fixture_pool(&m->f, 96, 64, count);
	party_attach(&m->painter, m->pool, m->f.account, "painter");
	party_commit(&m->painter, cpu_constraints(format, 0));
	party_attach(&m->plane, m->pool, m->f.account, "plane");
	for (uint32_t i = 0; i < count; i++)
		seat_open(&m->seats[i], &m->painter, i);
}

static void moving_finish(struct moving *m)
{
	for (size_t i = 0; i < 2; i++) {
		if (m->seats[i].view)
			seat_close(&m->seats[i]);
		waybuf_fence_unref(m->seats[i].fence);
	}
	party_detach(&m->painter);
	if (m->plane.attachment)
		party_detach(&m->plane);
	waybuf_pool_unref(m->pool);
	fixture_finish(&m->f);
}

/* Writes a picture into buffer @index. */
static void paint(struct moving *m, uint32_t index, uint32_t seed)
{
	struct seat *seat = &m->seats[index];
	seat_grant(&m->f, seat, WAYBUF_WRITE);
	pattern_fill(&seat->layout, seed);
	seat_unmap(seat, NULL);
}

static void check_moved(uint32_t format)
{
	struct moving m = {0};
	moving_init(&m, format, 1);
	paint(&m, 0, 5);
	struct waybuf_layout old = m.seats[0].layout;
	ck_assert_str_eq(old.exporter, "memfd");
	party_commit(&m.plane, reader_constraints(format, 1024, true));
	ck_assert(!m.plane.answered);
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_msg(m.plane.accepted == 1, "refused: %s", strerror(-m.plane.error));
	ck_assert_int_eq(m.plane.outcome, WAYBUF_MIGRATED);
	ck_assert_uint_eq(m.seats[0].retired, 1);
	ck_assert_uint_eq(m.seats[0].retired_generation, 1);
	seat_grant(&m.f, &m.seats[0], WAYBUF_READ);
	const struct waybuf_layout *now = &m.seats[0].layout;
	ck_assert_uint_eq(now->generation, 2);
	ck_assert_str_eq(now->exporter, "contiguous");
	ck_assert_uint_eq(now->format, old.format);
	for (uint32_t i = 0; i < now->n_planes; i++)
		ck_assert_uint_eq(now->planes[i].stride % 1024, 0);
	ck_assert_uint_ne(now->planes[0].stride, old.planes[0].stride);
	ck_assert(pattern_check(now, 5));
	ck_assert_uint_eq(m.seats[0].flags, 0);
	ck_assert_uint_eq(m.seats[0].serial, 1);
	/* one storage is charged, the new one */
	uint64_t size = 0;
	for (uint32_t i = 0; i < now->n_memory; i++)
		size += now->memory[i].size;
	ck_assert_uint_eq(waybuf_account_bytes(m.f.account), size);
	seat_unmap(&m.seats[0], NULL);
	moving_finish(&m);
}

TEST(contents_survive_a_new_stride)
{
	check_moved(DRM_FORMAT_XRGB8888);
}

TEST(all_planes_move)
{
	check_moved(DRM_FORMAT_NV12);
	check_moved(DRM_FORMAT_P010);
	check_moved(DRM_FORMAT_YUV420);
	check_moved(DRM_FORMAT_NV16);
}

TEST(what_was_never_written_is_not_copied)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	seat_grant(&m.f, &m.seats[0], WAYBUF_READ);
	seat_unmap(&m.seats[0], NULL);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	seat_grant(&m.f, &m.seats[0], WAYBUF_READ);
	ck_assert_uint_eq(m.seats[0].flags, WAYBUF_GRANT_FRESH);
	ck_assert(memory_is_zero(&m.seats[0].layout));
	seat_unmap(&m.seats[0], NULL);
	moving_finish(&m);
}

/* The screen is a reader that never ends: it keeps the frozen old memory, and nobody waits. */
TEST(readers_and_claims_keep_the_old_storage)
{
	struct moving m = {0};
	struct party watcher;
	struct seat watching;
	struct waybuf_claim *claim;
	struct waybuf_grant grant;
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	paint(&m, 0, 9);
	party_attach(&watcher, m.pool, m.f.account, "watcher");
	party_commit(&watcher, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&watching, &watcher, 0);
	seat_grant(&m.f, &watching, WAYBUF_READ);
	struct waybuf_buffer *buffer = waybuf_pool_buffer(m.pool, 0);
	ck_assert_int_eq(waybuf_buffer_claim(buffer, &claim), 0);
	waybuf_claim_latch(claim, &grant);
	const struct waybuf_layout *shown = grant.layout;

	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	ck_assert(watching.was_revoked);
	ck_assert_uint_eq(watching.revoked_deadline, 0);
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	ck_assert_uint_eq(watching.retired, 1);
	/* both generations are there, both are charged, and both hold the picture */
	ck_assert_uint_eq(shown->generation, 1);
	ck_assert(pattern_check(shown, 9));
	ck_assert(pattern_check(waybuf_buffer_layout(buffer), 9));
	ck_assert_uint_eq(waybuf_account_bytes(m.f.account),
		shown->memory[0].size + waybuf_buffer_size(buffer));
	seat_unmap(&watching, NULL);
	/* the next latch of the same claim is on the new one, and lets the old one go */
	waybuf_claim_latch(claim, &grant);
	ck_assert_uint_eq(grant.layout->generation, 2);
	ck_assert_uint_eq(waybuf_account_bytes(m.f.account), waybuf_buffer_size(buffer));
	waybuf_claim_end(claim, NULL);
	seat_close(&watching);
	party_detach(&watcher);
	moving_finish(&m);
}

static void give_back(struct seat *seat)
{
	seat_unmap(seat, NULL);
}

TEST(writer_is_asked_and_waited_for)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	seat_grant(&m.f, &m.seats[0], WAYBUF_WRITE);
	pattern_fill(&m.seats[0].layout, 3);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	ck_assert(m.seats[0].was_revoked);
	ck_assert_uint_eq(m.seats[0].revoked_generation, 1);
	ck_assert_uint_eq(m.seats[0].revoked_deadline, 250);
	fixture_run(&m.f, 30);
	ck_assert(!m.plane.answered);
	/* it goes on drawing until it gives it back */
	pattern_fill(&m.seats[0].layout, 4);
	seat_unmap(&m.seats[0], NULL);
	/* and its next map waits for the copy */
	seat_map(&m.seats[0], WAYBUF_WRITE);
	ck_assert(!m.seats[0].answered);
	fixture_wait(&m.f, &m.seats[0].answered);
	ck_assert(m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	ck_assert_uint_eq(m.seats[0].layout.generation, 2);
	ck_assert(pattern_check(&m.seats[0].layout, 4));
	seat_unmap(&m.seats[0], NULL);
	moving_finish(&m);
}

TEST(writer_may_give_back_inside_revoke)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	m.seats[0].on_revoke = give_back;
	seat_grant(&m.f, &m.seats[0], WAYBUF_WRITE);
	pattern_fill(&m.seats[0].layout, 3);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	seat_grant(&m.f, &m.seats[0], WAYBUF_READ);
	ck_assert(pattern_check(&m.seats[0].layout, 3));
	seat_unmap(&m.seats[0], NULL);
	moving_finish(&m);
}

TEST(writers_fence_is_waited_for)
{
	struct moving m = {0};
	struct waybuf_timeline *timeline;
	struct waybuf_fence *fence;
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	ck_assert_int_eq(waybuf_timeline_create("t", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	seat_grant(&m.f, &m.seats[0], WAYBUF_WRITE);
	seat_unmap(&m.seats[0], fence);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_run(&m.f, 50);
	ck_assert(!m.plane.answered);
	pattern_fill(&m.seats[0].layout, 8); /* the "GPU" */
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	seat_grant(&m.f, &m.seats[0], WAYBUF_READ);
	ck_assert(pattern_check(&m.seats[0].layout, 8));
	seat_unmap(&m.seats[0], NULL);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	moving_finish(&m);
}

/* Only the newcomer loses. */
TEST(late_writer_makes_the_newcomer_fail)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	seat_grant(&m.f, &m.seats[0], WAYBUF_WRITE);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_run(&m.f, 50);
	ck_assert(!m.plane.answered);
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_int_eq(m.plane.error, -ETIME);
	ck_assert_uint_eq(m.seats[0].retired, 0);
	pattern_fill(&m.seats[0].layout, 6);
	seat_unmap(&m.seats[0], NULL);
	seat_grant(&m.f, &m.seats[0], WAYBUF_READ);
	ck_assert_uint_eq(m.seats[0].layout.generation, 1);
	ck_assert(pattern_check(&m.seats[0].layout, 6));
	ck_assert_uint_eq(m.contiguous->released, m.contiguous->allocated);
	seat_unmap(&m.seats[0], NULL);
	/* and may try again */
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	moving_finish(&m);
}

TEST(late_fence_makes_the_newcomer_fail)
{
	struct moving m = {0};
	struct waybuf_timeline *timeline;
	struct waybuf_fence *fence;
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	ck_assert_int_eq(waybuf_timeline_create("t", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	seat_grant(&m.f, &m.seats[0], WAYBUF_WRITE);
	seat_unmap(&m.seats[0], fence);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_int_eq(m.plane.error, -ETIME);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	moving_finish(&m);
}

TEST(writer_that_dies_makes_way)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	seat_grant(&m.f, &m.seats[0], WAYBUF_WRITE);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	seat_close(&m.seats[0]);
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	seat_open(&m.seats[0], &m.painter, 0);
	seat_grant(&m.f, &m.seats[0], WAYBUF_READ);
	ck_assert_uint_eq(m.seats[0].flags, WAYBUF_GRANT_UNDEFINED);
	seat_unmap(&m.seats[0], NULL);
	moving_finish(&m);
}

TEST(newcomer_that_leaves_ends_it)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 2);
	paint(&m, 0, 1);
	paint(&m, 1, 2);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	party_detach(&m.plane);
	ck_assert(!m.plane.answered);
	fixture_run(&m.f, 50);
	for (uint32_t i = 0; i < 2; i++) {
		seat_grant(&m.f, &m.seats[i], WAYBUF_READ);
		ck_assert_uint_eq(m.seats[i].layout.generation, 1);
		ck_assert(pattern_check(&m.seats[i].layout, i + 1));
		seat_unmap(&m.seats[i], NULL);
	}
	for (int i = 0; i < 500 && m.contiguous->released != m.contiguous->allocated; i++)
		fixture_run(&m.f, 10);
	ck_assert_uint_eq(m.contiguous->released, m.contiguous->allocated);
	moving_finish(&m);
}

TEST(everybody_leaves_during_the_copy)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 2);
	paint(&m, 0, 1);
	paint(&m, 1, 2);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	/* until the new storages are there and copying has begun, perhaps */
	ck_assert_int_ge(waybuf_manager_dispatch(m.f.manager, 1000), 0);
	seat_close(&m.seats[0]);
	seat_close(&m.seats[1]);
	party_detach(&m.plane);
	party_detach(&m.painter);
	waybuf_pool_unref(m.pool);
	fixture_settle(&m.f, 0);
	fixture_finish(&m.f);
}

/* One that has no memory yet is made for the newcomer from the start. */
TEST(commits_behind_a_relocation_wait_their_turn)
{
	struct moving m = {0};
	struct party second;
	struct seat of_second;
	moving_init(&m, DRM_FORMAT_XRGB8888, 2);
	paint(&m, 0, 1);
	party_attach(&second, m.pool, m.f.account, "second");
	seat_open(&of_second, &second, 0);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	party_commit(&second, reader_constraints(DRM_FORMAT_XRGB8888, 2048, false));
	/* sent behind the commit, answered after it */
	seat_map(&of_second, WAYBUF_READ);
	ck_assert(!of_second.answered && !second.answered);
	/* the other buffer is made while the first one moves */
	seat_grant(&m.f, &m.seats[1], WAYBUF_WRITE);
	ck_assert_str_eq(m.seats[1].layout.exporter, "contiguous");
	seat_unmap(&m.seats[1], NULL);
	fixture_wait(&m.f, &second.answered);
	ck_assert(m.plane.answered);
	ck_assert_uint_eq(second.accepted, 1);
	fixture_wait(&m.f, &of_second.answered);
	ck_assert_uint_eq(of_second.mapped, 1);
	ck_assert_uint_eq(of_second.layout.generation, 3);
	ck_assert_uint_eq(of_second.layout.planes[0].stride % 2048, 0);
	ck_assert(pattern_check(&of_second.layout, 1));
	seat_unmap(&of_second, NULL);
	seat_close(&of_second);
	party_detach(&second);
	moving_finish(&m);
}

TEST(map_behind_a_refused_commit_fails_with_its_reason)
{
	struct moving m = {0};
	struct seat seat;
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	m.contiguous->fail = -ENOMEM;
	paint(&m, 0, 1);
	seat_open(&seat, &m.plane, 0);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	seat_map(&seat, WAYBUF_READ);
	ck_assert(!seat.answered);
	fixture_wait(&m.f, &seat.answered);
	ck_assert_uint_eq(m.plane.refused, 1);
	ck_assert_int_eq(m.plane.error, -ENOMEM);
	ck_assert_int_eq(seat.error, -ENOMEM);
	seat_unmap(&seat, NULL);
	seat_close(&seat);
	moving_finish(&m);
}

TEST(old_storage_that_fits_is_left_alone)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	paint(&m, 0, 1);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 64, false));
	ck_assert(m.plane.answered);
	ck_assert_int_eq(m.plane.outcome, WAYBUF_FITS);
	ck_assert_uint_eq(m.seats[0].retired, 0);
	moving_finish(&m);
}

/* Whoever cannot read the format that the contents have comes too late. */
TEST(format_never_changes)
{
	struct fixture f;
	struct party painter, plane;
	struct seat seat;
	const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_RGB565};
	uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set;
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_set(builder, formats, 2, &modifier, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	fixture_init(&f);
	struct waybuf_pool *pool = fixture_pool(&f, 64, 64, 2);
	party_attach(&painter, pool, f.account, "painter");
	party_commit(&painter, set);
	party_attach(&plane, pool, f.account, "plane");
	/* before there is anything, both are possible */
	party_commit(&plane, reader_constraints(formats[1], 0, false));
	ck_assert_uint_eq(plane.accepted, 1);
	party_commit(&plane, reader_constraints(formats[0], 0, false));
	ck_assert_uint_eq(plane.accepted, 2);
	seat_open(&seat, &painter, 0);
	seat_grant(&f, &seat, WAYBUF_WRITE);
	ck_assert_uint_eq(seat.layout.format, formats[0]);
	seat_unmap(&seat, NULL);
	party_commit(&plane, reader_constraints(formats[1], 0, false));
	ck_assert_uint_eq(plane.refused, 1);
	ck_assert_int_eq(plane.reason, WAYBUF_REASON_CONFLICT);
	ck_assert_ptr_nonnull(strstr(plane.conflicts, "contents"));
	seat_close(&seat);
	party_detach(&plane);
	party_detach(&painter);
	waybuf_pool_unref(pool);
	fixture_finish(&f);
}

/* ---- money --------------------------------------------------------------------------------- */

TEST(the_causer_pays_for_the_overlap)
{
	struct moving m = {0};
	struct waybuf_claim *claim;
	struct waybuf_grant grant;
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	struct waybuf_account *causer = waybuf_account_create(m.f.manager, "causer", NULL);
	paint(&m, 0, 1);
	ck_assert_int_eq(waybuf_buffer_claim(waybuf_pool_buffer(m.pool, 0), &claim), 0);
	waybuf_claim_latch(claim, &grant);
	uint64_t old = grant.layout->memory[0].size;
	party_detach(&m.plane);
	party_attach(&m.plane, m.pool, causer, "plane");
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_wait(&m.f, &m.plane.answered);
	uint64_t now = waybuf_buffer_size(waybuf_pool_buffer(m.pool, 0));
	ck_assert_uint_ne(now, old);
	ck_assert_uint_eq(waybuf_account_bytes(m.f.account), now);
	ck_assert_uint_eq(waybuf_account_bytes(causer), old);
	waybuf_claim_end(claim, NULL);
	ck_assert_uint_eq(waybuf_account_bytes(causer), 0);
	party_detach(&m.plane);
	waybuf_account_unref(causer);
	moving_finish(&m);
}

/* Shared memory is emptied, whoever still has its fd. */
TEST(retired_shared_memory_gives_its_pages_back)
{
	struct moving m = {0};
	struct stat st;
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	paint(&m, 0, 1);
	int kept = fcntl(m.seats[0].layout.memory[0].fd, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_eq(fstat(kept, &st), 0);
	ck_assert_int_gt(st.st_blocks, 0);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	ck_assert_int_eq(fstat(kept, &st), 0);
	ck_assert_int_eq(st.st_blocks, 0);
	ck_assert_int_eq(st.st_size, 96 * 64 * 4);
	close(kept);
	moving_finish(&m);
}

TEST(quota_of_the_causer_refuses_it)
{
	struct moving m = {0};
	struct waybuf_limits limits = {.max = {16, 4, 8, 2, 2, 2, 2}};
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	struct waybuf_account *causer = waybuf_account_create(m.f.manager, "causer", &limits);
	paint(&m, 0, 1);
	party_detach(&m.plane);
	party_attach(&m.plane, m.pool, causer, "plane");
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_int_eq(m.plane.error, -EDQUOT);
	ck_assert_uint_eq(waybuf_account_bytes(causer), 0);
	seat_grant(&m.f, &m.seats[0], WAYBUF_READ);
	ck_assert_uint_eq(m.seats[0].layout.generation, 1);
	seat_unmap(&m.seats[0], NULL);
	party_detach(&m.plane);
	waybuf_account_unref(causer);
	moving_finish(&m);
}

/* ---- wrapping ------------------------------------------------------------------------------ */

static unsigned wraps;

static int fake_wrap(struct waybuf_exporter *exporter, int memfd, uint64_t size)
{
	wraps++;
	return dup(memfd);
}

TEST(same_layout_is_wrapped_not_copied)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	struct waybuf_exporter_ops ops = *m.contiguous->base.ops;
	ops.wrap = fake_wrap;
	m.contiguous->base.ops = &ops;
	paint(&m, 0, 7);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	ck_assert_uint_eq(wraps, 1);
	ck_assert_uint_eq(m.contiguous->allocated, 0);
	/* not mapped here, because it is no dma-buf really */
	const struct waybuf_layout *layout = waybuf_buffer_layout(waybuf_pool_buffer(m.pool, 0));
	ck_assert_uint_eq(layout->generation, 2);
	ck_assert_int_eq(layout->memory[0].kind, WAYBUF_MEMORY_DMABUF);
	ck_assert(pattern_check(layout, 7));
	ck_assert_uint_eq(waybuf_account_bytes(m.f.account), 96 * 64 * 4);
	moving_finish(&m);
}

TEST(another_layout_is_not_wrapped)
{
	struct moving m = {0};
	moving_init(&m, DRM_FORMAT_XRGB8888, 1);
	struct waybuf_exporter_ops ops = *m.contiguous->base.ops;
	ops.wrap = fake_wrap;
	m.contiguous->base.ops = &ops;
	paint(&m, 0, 7);
	party_commit(&m.plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, true));
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_uint_eq(m.plane.accepted, 1);
	ck_assert_uint_eq(wraps, 0);
	ck_assert_uint_eq(m.contiguous->allocated, 1);
	moving_finish(&m);
}

TEST_TIMEOUT(20)
TEST_MAIN("migrate")
