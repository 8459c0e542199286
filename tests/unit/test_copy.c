/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <signal.h>
#include <unistd.h>

#include "mover.h"

/*
 * The copy of a migration. Its source is shared memory, which is read some hundred rows at a time,
 * with what lies between them, or mapped where the rows are too far apart: the picture must come
 * over all the same. 600 rows take three reads.
 */
#define WIDTH 300
#define HEIGHT 600

/* Rows of the picture are @stride apart, and arrive in memory of another kind. */
static void check_copy(uint32_t format, uint64_t stride)
{
	struct fixture f;
	struct party painter, plane;
	struct seat seat;
	fixture_init(&f);
	fake_exporter_add(&f, "contiguous", 50, false, true);
	struct waybuf_pool *pool = fixture_pool(&f, WIDTH, HEIGHT, 1);
	party_attach(&painter, pool, f.account, "painter");
	party_commit(&painter, painter_constraints(format, stride));
	seat_open(&seat, &painter, 0);
	seat_grant(&f, &seat, WAYBUF_WRITE);
	ck_assert_str_eq(seat.layout.exporter, "memfd");
	ck_assert_uint_eq(seat.layout.planes[0].stride % stride, 0);
	pattern_fill(&seat.layout, 7);
	seat_unmap(&seat, NULL);
	party_attach(&plane, pool, f.account, "plane");
	party_commit(&plane, reader_constraints(format, 1024, true));
	fixture_wait(&f, &plane.answered);
	ck_assert_msg(plane.accepted == 1, "refused: %s", strerror(-plane.error));
	ck_assert_int_eq(plane.outcome, WAYBUF_MIGRATED);
	seat_grant(&f, &seat, WAYBUF_READ);
	ck_assert_str_eq(seat.layout.exporter, "contiguous");
	ck_assert(pattern_check(&seat.layout, 7));
	seat_unmap(&seat, NULL);
	seat_close(&seat);
	waybuf_fence_unref(seat.fence);
	party_detach(&plane);
	party_detach(&painter);
	waybuf_pool_unref(pool);
	fixture_finish(&f);
}

TEST(rows_that_touch)
{
	check_copy(DRM_FORMAT_XRGB8888, 4);
	check_copy(DRM_FORMAT_NV12, 4);
}

TEST(rows_with_a_gap)
{
	check_copy(DRM_FORMAT_XRGB8888, 1536);
	check_copy(DRM_FORMAT_YUV420, 1536);
}

TEST(rows_far_apart)
{
	check_copy(DRM_FORMAT_XRGB8888, 5632);
	check_copy(DRM_FORMAT_NV12, 5632);
}

/* ---- memory that goes away ----------------------------------------------------------------- */

/* On the worker, when the target is made: the copy comes after it. */
static void cut_source(struct fake_exporter *exporter)
{
	const struct seat *victim = exporter->hook_data;
	if (victim)
		ck_assert_int_eq(ftruncate(victim->layout.memory[0].fd, 4096), 0);
}

/* One of two is cut off under its copy: it alone is refused, and its buffer stays as it is. */
static void check_cut(uint64_t stride, bool catch)
{
	struct fixture f;
	struct mover victim = {.contiguous = true}, other = {.contiguous = true};
	fixture_init(&f);
	struct fake_exporter *exporter = fake_exporter_add(&f, "cuttable", 50, false, true);
	exporter->cuttable = true;
	if (catch)
		ck_assert_int_eq(waybuf_manager_catch_sigbus(f.manager), 0);
	exporter->hook = cut_source;
	mover_paint(&f, &victim, WIDTH, HEIGHT, stride);
	mover_paint(&f, &other, WIDTH, HEIGHT, stride);
	exporter->hook_data = &victim.seat;
	mover_move(&f, &victim);
	fixture_wait(&f, &victim.plane.answered);
	ck_assert_uint_eq(victim.plane.refused, 1);
	ck_assert_int_eq(victim.plane.error, -EFAULT);
	exporter->hook_data = NULL;
	mover_move(&f, &other);
	fixture_wait(&f, &other.plane.answered);
	ck_assert_int_eq(other.plane.outcome, WAYBUF_MIGRATED);
	seat_grant(&f, &other.seat, WAYBUF_READ);
	ck_assert(pattern_check(&other.seat.layout, 7));
	seat_grant(&f, &victim.seat, WAYBUF_READ);
	ck_assert_str_eq(victim.seat.layout.exporter, "cuttable");
	mover_leave(&other);
	mover_leave(&victim);
	fixture_finish(&f);
}

/* The kernel reads, and tells; no handler is needed. */
TEST(cut_off_while_it_is_read)
{
	check_cut(1536, false);
}

TEST(cut_off_while_it_is_mapped)
{
	check_cut(5632, true);
}

/* A library does not install handlers behind its host's back. */
TEST(no_handler_unasked)
{
	struct fixture f;
	struct sigaction action;
	/* sanitizers have one of theirs */
	ck_assert(signal(SIGBUS, SIG_DFL) != SIG_ERR);
	fixture_init(&f);
	ck_assert_int_eq(sigaction(SIGBUS, NULL, &action), 0);
	ck_assert(action.sa_handler == SIG_DFL);
	ck_assert_int_eq(waybuf_manager_catch_sigbus(f.manager), 0);
	ck_assert_int_eq(sigaction(SIGBUS, NULL, &action), 0);
	ck_assert(action.sa_handler != SIG_DFL);
	fixture_finish(&f);
}

TEST_MAIN("copy")
