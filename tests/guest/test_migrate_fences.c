/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "mover.h"
#include "sw_sync.h"
#include "util/fd.h"

/* Implicit fences of the real kernel on one client's dma-buf, and another client's copy. */

struct stage {
	struct fixture f;
	struct mover victim, other;
	int timeline;
};

/* A fence that says that somebody writes the picture, on the dma-buf and nowhere else. */
static int add_writer(struct stage *stage)
{
	struct waybuf_fence *fence;
	int fd = sw_sync_fence(stage->timeline, 1);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &fence), 0);
	int error = waybuf_dmabuf_import_fence(stage->victim.seat.layout.memory[0].fd, true, fence);
	waybuf_fence_unref(fence);
	return error;
}

static void clear_stage(struct stage *stage)
{
	mover_leave(&stage->other);
	mover_leave(&stage->victim);
	fixture_finish(&stage->f);
	fd_close(&stage->timeline);
}

static void set_stage(struct stage *stage)
{
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", "heap system", 1), 0);
	*stage = (struct stage){.timeline = sw_sync_open()};
	if (stage->timeline < 0)
		SKIP("no sw_sync: %s", strerror(-stage->timeline));
	ck_assert_int_eq(waybuf_manager_create(NULL, &stage->f.manager), 0);
	int n = waybuf_manager_add_default_exporters(stage->f.manager, -1);
	stage->f.account = waybuf_account_create(stage->f.manager, "test", NULL);
	ck_assert_ptr_nonnull(stage->f.account);
	if (n != 1) {
		fixture_finish(&stage->f);
		fd_close(&stage->timeline);
		SKIP("no system heap");
	}
	mover_paint(&stage->f, &stage->victim, 200, 100, 1536);
	mover_paint(&stage->f, &stage->other, 200, 100, 1536);
	int error = add_writer(stage);
	if (error < 0) {
		clear_stage(stage);
		SKIP("no fence can be put on a dma-buf: %s", strerror(-error));
	}
}

static void check_moved(struct stage *stage, struct mover *mover)
{
	ck_assert_msg(mover->plane.accepted == 1, "refused: %s", strerror(-mover->plane.error));
	ck_assert_int_eq(mover->plane.outcome, WAYBUF_MIGRATED);
	seat_grant(&stage->f, &mover->seat, WAYBUF_READ);
	ck_assert(pattern_check(&mover->seat.layout, 7));
	seat_unmap(&mover->seat, NULL);
}

/* Whether the other one was answered before the victim, which was asked first. */
static bool overtakes(void)
{
	struct stage stage;
	set_stage(&stage);
	mover_move(&stage.f, &stage.victim);
	mover_move(&stage.f, &stage.other);
	fixture_wait(&stage.f, &stage.other.plane.answered);
	bool first = !stage.victim.plane.answered;
	check_moved(&stage, &stage.other);
	fixture_wait(&stage.f, &stage.victim.plane.answered);
	ck_assert_int_eq(stage.victim.plane.error, -ETIME);
	clear_stage(&stage);
	return first;
}

/* On the worker the victim would wait before everybody behind it, each time. */
TEST(a_fence_that_never_signals)
{
	bool first = false;
	/* a busy machine may need longer for the copy than the victim is given */
	for (int i = 0; i < 10 && !first; i++)
		first = overtakes();
	ck_assert(first);
}

TEST(a_fence_that_signals)
{
	struct stage stage;
	set_stage(&stage);
	mover_move(&stage.f, &stage.victim);
	fixture_run(&stage.f, 50);
	ck_assert(!stage.victim.plane.answered);
	ck_assert_int_eq(sw_sync_advance(stage.timeline, 1), 0);
	fixture_wait(&stage.f, &stage.victim.plane.answered);
	check_moved(&stage, &stage.victim);
	mover_move(&stage.f, &stage.other);
	fixture_wait(&stage.f, &stage.other.plane.answered);
	clear_stage(&stage);
}

TEST_MAIN("migrate-fences")
