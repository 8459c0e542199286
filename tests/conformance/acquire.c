/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "kit.h"
#include "sw_sync.h"

/* What is waited for before a buffer is shown. */

static int need_sw_sync(void)
{
	int timeline = sw_sync_open();
	if (timeline < 0)
		SKIP("no fences to be had that signal later: sw_sync is not there, or not for us");
	return timeline;
}

/* The point gets a fence that signals when @sw_sync has come to @value. */
static void give_fence(const struct timeline *timeline, uint64_t point, int sw_sync, uint32_t value)
{
	int fence = sw_sync_fence(sw_sync, value);
	EXPECT(fence >= 0, "sw_sync gives no fence");
	timeline_put(timeline, point, fence);
	close(fence);
}

static void signalled(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	show(&scene.window, &scene.buffers[1], 1);
}

static void wait_before_submit(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], 1, 1);
	expect_not_shown(&scene.window, commit, "a commit whose acquire point has no fence yet");
	expect_held(&scene.client, &scene.buffers[0], 0);
	timeline_signal(&scene.buffers[1].acquire, 1);
	expect_shown(&scene.window, commit, "a commit whose acquire point came later");
	expect_released(&scene.client, &scene.buffers[0], 1);
}

static void first_commit(void)
{
	struct scene scene;
	scene_init(&scene, 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[0], 1, 1);
	expect_not_shown(&scene.window, commit, "the first commit, whose acquire point is pending");
	timeline_signal(&scene.buffers[0].acquire, 1);
	expect_shown(&scene.window, commit, "the first commit");
}

static void unsignalled_fence(void)
{
	struct scene scene;
	int sw_sync = need_sw_sync();
	scene_show(&scene, 2);
	give_fence(&scene.buffers[1].acquire, 1, sw_sync, 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], 1, 1);
	expect_not_shown(&scene.window, commit, "a commit whose fence has not signalled");
	INFO("with a fence to wait for, the frame before it is %s",
		timeline_signalled(&scene.buffers[0].release) ? "already released" : "held");
	sw_sync_advance(sw_sync, 1);
	expect_shown(&scene.window, commit, "a commit whose fence has signalled");
	expect_released(&scene.client, &scene.buffers[0], 1);
}

static void fence_comes_later(void)
{
	struct scene scene;
	int sw_sync = need_sw_sync();
	scene_show(&scene, 2);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], 1, 1);
	expect_not_shown(&scene.window, commit, "a commit whose acquire point has no fence yet");
	give_fence(&scene.buffers[1].acquire, 1, sw_sync, 1);
	expect_not_shown(&scene.window, commit, "a commit whose fence came and has not signalled");
	sw_sync_advance(sw_sync, 1);
	expect_shown(&scene.window, commit, "a commit whose fence came and has signalled");
}

/* Points below it have signalled, and one above it has a fence. */
static void point_between(void)
{
	struct scene scene;
	int sw_sync = need_sw_sync();
	scene_show(&scene, 2);
	const struct timeline *acquire = &scene.buffers[1].acquire;
	timeline_signal(acquire, 4);
	give_fence(acquire, 9, sw_sync, 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], 5, 1);
	expect_not_shown(&scene.window, commit, "a commit on a point between 4 and 9");
	sw_sync_advance(sw_sync, 1);
	expect_shown(&scene.window, commit, "a commit on point 5 after 9 has signalled");
}

static void later_point_signals(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	timeline_signal(&scene.buffers[1].acquire, 10);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], 5, 1);
	expect_shown(&scene.window, commit, "a commit on point 5 of a timeline at 10");
}

static void wide_point(void)
{
	struct scene scene;
	uint64_t point = ((uint64_t)3 << 32) + 1;
	scene_show(&scene, 2);
	timeline_signal(&scene.buffers[1].acquire, point - 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], point, 1);
	expect_not_shown(&scene.window, commit, "a commit whose point differs in the low word");
	timeline_signal(&scene.buffers[1].acquire, point);
	expect_shown(&scene.window, commit, "a commit on a point of 64 bits");
}

static void wide_point_high(void)
{
	struct scene scene;
	uint64_t point = ((uint64_t)1 << 32) + 1;
	scene_show(&scene, 2);
	timeline_signal(&scene.buffers[1].acquire, 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], point, 1);
	expect_not_shown(&scene.window, commit, "a commit whose point differs in the high word");
	timeline_signal(&scene.buffers[1].acquire, point);
	expect_shown(&scene.window, commit, "a commit on a point of 64 bits");
}

static void reused_point(void)
{
	struct scene scene;
	struct commit *commit;
	scene_show(&scene, 3);
	const struct timeline *acquire = &scene.buffers[0].acquire;
	for (int i = 1; i < 6; i++) {
		const struct buffer *buffer = &scene.buffers[i % 3];
		attach(&scene.window, buffer);
		set_acquire(&scene.window, acquire, 1);
		set_release(&scene.window, &buffer->release, (uint64_t)i + 1);
		commit = surface_commit(&scene.window);
		expect_shown(&scene.window, commit, "a commit on a point that was used before");
	}
}

static void other_state_waits(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], 1, 1);
	struct commit *next = surface_commit(&scene.window);
	expect_not_shown(&scene.window, next, "what was committed after a commit that waits");
	expect_held(&scene.client, &scene.buffers[0], 0);
	timeline_signal(&scene.buffers[1].acquire, 1);
	expect_shown(&scene.window, commit, "a commit that has waited");
	expect_shown(&scene.window, next, "the commit after it");
	expect_held(&scene.client, &scene.buffers[1], 0);
}

/* Shown last, so that no server has cause to hide it. */
static void other_surface_goes_on(void)
{
	struct scene scene;
	struct surface other;
	struct commit *commit;
	scene_show(&scene, 4);
	struct commit *pending = submit(&scene.window, &scene.buffers[1], 1, 1);
	client_alive(&scene.client);
	window_init(&other, &scene.client);
	for (int i = 0; i < 4; i++) {
		const struct buffer *buffer = &scene.buffers[2 + i % 2];
		timeline_signal(&buffer->acquire, 1);
		commit = submit(&other, buffer, 1, (uint64_t)i + 1);
		expect_shown(&other, commit, "a commit beside a surface that waits");
	}
	EXPECT(!pending->shown, "a commit whose acquire point is pending is shown");
	surface_destroy(&other);
	timeline_signal(&scene.buffers[1].acquire, 1);
	client_alive(&scene.client);
}

const struct conformance_case acquire_cases[] = {
	{"acquire/signalled", "a point that has signalled is not waited for", signalled},
	{"acquire/wait_before_submit", "a point may get its fence after the commit",
		wait_before_submit},
	{"acquire/first_commit", "the first commit of a window waits as any other", first_commit},
	{"acquire/unsignalled_fence", "a fence is waited for", unsignalled_fence},
	{"acquire/fence_comes_later", "both are waited for, the fence and its signal",
		fence_comes_later},
	{"acquire/point_between", "a point between two is reached with the later one",
		point_between},
	{"acquire/later_point_signals", "a later point that has signalled will do",
		later_point_signals},
	{"acquire/wide_point", "points have 64 bits: the low word", wide_point},
	{"acquire/wide_point_high", "points have 64 bits: the high word", wide_point_high},
	{"acquire/reused_point", "a point may be used again and again", reused_point},
	{"acquire/other_state_waits", "commits of a surface are applied in their order",
		other_state_waits},
	{"acquire/other_surface_goes_on", "another surface does not wait with it",
		other_surface_goes_on},
	{0},
};
