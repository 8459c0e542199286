/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>

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

static int open_fence(uint32_t object)
{
	capture_fence = fake_fence();
	return fake_sync_file(&capture_fence, 1);
}

static struct rlimit all_fds;

/* The last fd that there is. */
static int open_last_fence(uint32_t object)
{
	int fd = open_fence(object);
	getrlimit(RLIMIT_NOFILE, &all_fds);
	const struct rlimit none = {0, all_fds.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	return fd;
}

static void give_fds_back(void)
{
	setrlimit(RLIMIT_NOFILE, &all_fds);
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
	/* whoever releases what was captured has to wait for it all the same */
	ck_assert(world.still_writing);
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

/* ---- when memory or fds run out ---------------------------------------------------------------- */

/* A loop that takes no more fds, and no more timers if it says so, on top of the world's. */
static struct poor_loop {
	struct waybuf_loop base;
	struct waybuf_loop *rich;
	bool no_timers;
} poor_loop;

static struct waybuf_source *refuse_fd(struct waybuf_loop *loop, int fd, uint32_t mask,
	waybuf_fd_func_t func, void *data, int *error)
{
	*error = -ENOSPC;
	return NULL;
}

static struct waybuf_source *pass_timer(
	struct waybuf_loop *loop, waybuf_timer_func_t func, void *data, int *error)
{
	*error = -EMFILE;
	if (poor_loop.no_timers)
		return NULL;
	return waybuf_loop_add_timer(poor_loop.rich, func, data, error);
}

static const struct waybuf_loop_ops poor_ops = {.add_fd = refuse_fd, .add_timer = pass_timer};

static void grow_poor(struct world *world, bool no_timers)
{
	poor_loop = (struct poor_loop){{&poor_ops}, world->loop, no_timers};
	world->device->loop = &poor_loop.base;
}

/* Nobody tells when it is over, so it is looked at; nothing waits for it, and no commit passes it. */
TEST(a_capture_without_events_is_looked_at)
{
	struct world world;
	open_with_fences(&world);
	grow_poor(&world, false);
	capture(&world);
	waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.captures, 0);
	ck_assert_int_eq(commit_nothing(&world), -EBUSY);
	fake_fence_settle(capture_fence, 1, 1000);
	for (int i = 0; i < 10 && world.captures == 0; i++)
		waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.captures, 1);
	ck_assert_int_eq(world.capture_error, 0);
	ck_assert(!world.still_writing);
	ck_assert(!waybuf_kms_crtc_busy(world.crtc));
	close_with_fences(&world);
}

/* Without a timer it cannot be looked at either: given up at once, with its fence to wait for. */
TEST(a_capture_without_a_timer_is_given_up)
{
	struct world world;
	open_with_fences(&world);
	grow_poor(&world, true);
	capture(&world);
	ck_assert_int_eq(world.captures, 1);
	ck_assert_int_eq(world.capture_error, -ENOSPC);
	ck_assert(world.still_writing);
	ck_assert(!waybuf_kms_crtc_busy(world.crtc));
	close_with_fences(&world);
}

/* The caller wants the fence, too, and there is only one fd. */
TEST(watching_goes_before_the_callers_fd)
{
	struct world world;
	open_with_fences(&world);
	struct waybuf_kms_state *state = world_propose(&world);
	struct waybuf_kms_fb *fb = world_fb(&world);
	ck_assert_int_eq(waybuf_kms_state_capture(state, world.crtc, fb, NULL), 0);
	waybuf_kms_fb_unref(fb);
	struct waybuf_kms_commit_result result;
	const struct waybuf_kms_commit_options options = {
		.listener = &world_listener, .data = &world};
	fake_drm_out_fences(open_last_fence);
	ck_assert_int_eq(waybuf_kms_state_commit(state, &options, &result, NULL), 0);
	give_fds_back();
	ck_assert_int_eq(result.writeback_fences[world.crtc->index], -1);
	ck_assert_int_eq(world.captures, 0);
	ck_assert(waybuf_kms_crtc_busy(world.crtc));
	waybuf_kms_commit_result_finish(&result);
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
