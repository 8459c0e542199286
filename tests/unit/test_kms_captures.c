/* SPDX-License-Identifier: MIT */
#include "fake/libdrm.h"
#include "fake/sync.h"
#include "kms/writeback.h"
#include "kms_world.h"

TEST(a_capture_that_cannot_be_watched_ends_with_an_error)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	struct waybuf_kms_state *state = world_propose(&world);
	struct waybuf_kms_fb *fb = world_fb(&world);
	ck_assert_int_eq(waybuf_kms_state_capture(state, world.crtc, fb, NULL), 0);
	waybuf_kms_fb_unref(fb);
	/* this libdrm's fences are no sync_files */
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert(fake_drm_named(FAKE_WRITEBACK, "WRITEBACK_FB_ID"));
	ck_assert_int_eq(world.captures, 1);
	ck_assert_int_lt(world.capture_error, 0);
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.flips, 1);
	ck_assert(!waybuf_kms_crtc_busy(world.crtc));
	/* and it held for one commit */
	state = world_propose(&world);
	waybuf_kms_state_touch(state, world.crtc);
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert(!fake_drm_named(FAKE_WRITEBACK, "WRITEBACK_FB_ID"));
	world_close(&world);
}

/* ---- with fences that are sync_files ------------------------------------------------------- */

static int capture_fence;

static int open_fence(void)
{
	capture_fence = fake_fence();
	return fake_sync_file(&capture_fence, 1);
}

static void open_with_fences(struct world *world)
{
	fake_sync_init();
	world_open(world);
	world_light(world);
	fake_drm_out_fences(open_fence);
}

static void close_with_fences(struct world *world)
{
	world_close(world);
	fake_sync_finish();
}

static void capture(struct world *world)
{
	struct waybuf_kms_state *state = world_propose(world);
	struct waybuf_kms_fb *fb = world_fb(world);
	ck_assert_int_eq(waybuf_kms_state_capture(state, world->crtc, fb, NULL), 0);
	waybuf_kms_fb_unref(fb);
	ck_assert_int_eq(world_commit(world, state), 0);
	fake_drm_vblank();
	waybuf_loop_dispatch(world->loop, 100);
	ck_assert_int_eq(world->flips, 1);
	world->flips = 0;
}

static int commit_nothing(struct world *world)
{
	struct waybuf_kms_state *state = world_propose(world);
	waybuf_kms_state_touch(state, world->crtc);
	return world_commit(world, state);
}

TEST(a_capture_ends_with_its_fence)
{
	struct world world;
	open_with_fences(&world);
	capture(&world);
	ck_assert_int_eq(world.captures, 0);
	ck_assert(waybuf_kms_crtc_busy(world.crtc));
	ck_assert_int_eq(commit_nothing(&world), -EBUSY);
	fake_fence_settle(capture_fence, 1, 1000);
	for (int i = 0; i < 10 && world.captures == 0; i++)
		waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.captures, 1);
	ck_assert_int_eq(world.capture_error, 0);
	ck_assert(!waybuf_kms_crtc_busy(world.crtc));
	close_with_fences(&world);
}

/* Not for ever: a display must not stand still for a picture. The limit is two seconds. */
TEST(a_capture_that_never_ends_is_given_up)
{
	struct world world;
	open_with_fences(&world);
	capture(&world);
	for (int i = 0; i < 50 && world.captures == 0; i++)
		waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.captures, 1);
	ck_assert_int_eq(world.capture_error, -ETIME);
	ck_assert(!waybuf_kms_crtc_busy(world.crtc));
	/* the display goes on, and what the driver says later is nobody's */
	ck_assert_int_eq(commit_nothing(&world), 0);
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.flips, 1);
	fake_fence_settle(capture_fence, 1, 1000);
	waybuf_loop_dispatch(world.loop, 10);
	ck_assert_int_eq(world.captures, 1);
	close_with_fences(&world);
}

TEST(the_limit_is_each_captures_own)
{
	struct world world;
	open_with_fences(&world);
	for (int i = 1; i <= 3; i++) {
		capture(&world);
		fake_fence_settle(capture_fence, 1, 1000);
		for (int j = 0; j < 10 && world.captures < i; j++)
			waybuf_loop_dispatch(world.loop, 100);
		ck_assert_int_eq(world.captures, i);
		ck_assert_int_eq(world.capture_error, 0);
	}
	/* the timer of those that ended finds nothing to end */
	waybuf_loop_dispatch(world.loop, 2200);
	ck_assert_int_eq(world.captures, 3);
	close_with_fences(&world);
}

TEST(device_goes_with_a_capture_pending)
{
	struct world world;
	open_with_fences(&world);
	capture(&world);
	close_with_fences(&world);
	ck_assert_int_eq(world.captures, 0);
}

TEST_MAIN("kms-captures")
