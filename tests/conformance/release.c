/* SPDX-License-Identifier: MIT */
#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kit.h"

/* When release points signal, when they must not, and what they are then. */

static void held_while_shown(void)
{
	struct scene scene;
	if (conformance_copies)
		SKIP("the server releases what it shows, as one that has made a copy");
	scene_show(&scene, 1);
	expect_held(&scene.client, &scene.buffers[0], 0);
	client_alive(&scene.client);
	expect_held(&scene.client, &scene.buffers[0], 0);
}

static void on_replace(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	show(&scene.window, &scene.buffers[1], 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_held(&scene.client, &scene.buffers[1], 0);
}

/* The ordinary life of a client: three buffers in turn, each waited for. */
static void many_frames(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	for (uint64_t n = 1; n < 15; n++) {
		const struct buffer *buffer = &scene.buffers[n % 3];
		if (n >= 3)
			expect_released(&scene.client, buffer, n - 2);
		show(&scene.window, buffer, n + 1);
		uint64_t got = timeline_signalled(&buffer->release);
		EXPECT(got <= n + 1, "a release point signals that was never set");
		EXPECT(conformance_copies || got < n + 1,
			"the release point of the buffer that is shown has signalled");
	}
	expect_released(&scene.client, &scene.buffers[12 % 3], 13);
	expect_released(&scene.client, &scene.buffers[13 % 3], 14);
}

/* For the GPU of the client: a fence that has signalled and says success. */
static void fence_status(void)
{
	struct scene scene;
	struct sync_file_info info = {0};
	scene_show(&scene, 2);
	show(&scene.window, &scene.buffers[1], 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
	int fence = timeline_get(&scene.buffers[0].release, 1);
	EXPECT(fence >= 0, "a release point that has signalled has no fence");
	EXPECT(ioctl(fence, SYNC_IOC_FILE_INFO, &info) == 0, "the fence tells nothing");
	EXPECT(info.status == 1, "the fence of a release point has status %d, not 1", info.status);
	close(fence);
}

/*
 * A release point gets its fence at some time, and signals at some time. Whichever of them comes
 * first, the fence must be that of the end: what a GPU would wait for.
 */
static void fence_is_the_end(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	timeline_signal(&scene.buffers[1].acquire, 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], 1, 1);
	client_alive(&scene.client);
	const struct timeline *release = &scene.buffers[0].release;
	int64_t end = now_ms() + PATIENCE_MS;
	while (timeline_submitted(release) == 0 && now_ms() < end)
		usleep(200);
	int fence = timeline_get(release, 1);
	EXPECT(fence >= 0, "a release point gets no fence");
	struct pollfd poll_fd = {.fd = fence, .events = POLLIN};
	EXPECT(poll(&poll_fd, 1, PATIENCE_MS) == 1, "the fence of a release point does not signal");
	EXPECT(timeline_signalled(release) == 1, "the fence has signalled and the point has not");
	close(fence);
	expect_shown(&scene.window, commit, "the commit");
}

static void same_buffer(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	show(&scene.window, &scene.buffers[0], 2);
	client_idle(&scene.client);
	uint64_t got = timeline_signalled(&scene.buffers[0].release);
	EXPECT(conformance_copies || got < 2,
		"the release point of the commit that is shown has signalled");
	INFO("a buffer that is committed again: the first commit is released %s",
		got ? "at the second" : "with the second");
	show(&scene.window, &scene.buffers[1], 1);
	expect_released(&scene.client, &scene.buffers[0], 2);
}

static void same_timeline(void)
{
	struct scene scene;
	struct commit *commit;
	scene_show(&scene, 2);
	for (uint64_t n = 1; n < 5; n++) {
		const struct buffer *buffer = &scene.buffers[n % 2],
				    *before = &scene.buffers[(n - 1) % 2];
		const struct timeline *timeline = &buffer->release;
		timeline_signal(timeline, n * 10);
		attach(&scene.window, buffer);
		set_acquire(&scene.window, timeline, n * 10);
		set_release(&scene.window, timeline, n * 10 + 1);
		commit = surface_commit(&scene.window);
		expect_shown(&scene.window, commit, "a commit with one timeline for both");
		expect_released(&scene.client, before, n == 1 ? 1 : (n - 1) * 10 + 1);
		expect_held(&scene.client, buffer, n * 10);
	}
}

/* One timeline, and both points wait for it. */
static void same_timeline_pending(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	const struct timeline *timeline = &scene.buffers[1].release;
	attach(&scene.window, &scene.buffers[1]);
	set_acquire(&scene.window, timeline, 1);
	set_release(&scene.window, timeline, 2);
	struct commit *commit = surface_commit(&scene.window);
	expect_not_shown(&scene.window, commit, "a commit whose acquire point is pending");
	timeline_signal(timeline, 1);
	expect_shown(&scene.window, commit, "a commit with one timeline for both");
	show(&scene.window, &scene.buffers[0], 2);
	expect_released(&scene.client, &scene.buffers[1], 2);
}

static void wide_point(void)
{
	struct scene scene;
	uint64_t point = ((uint64_t)5 << 32) + 6;
	scene_show(&scene, 2);
	timeline_signal(&scene.buffers[1].acquire, 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], 1, point);
	expect_shown(&scene.window, commit, "a commit");
	show(&scene.window, &scene.buffers[0], 2);
	expect_released(&scene.client, &scene.buffers[1], point);
}

/* Of little use, and no error: points that have signalled, and that go backwards. */
static void point_again(void)
{
	static const uint64_t points[] = {1, 5, 5, 3, 5, 6};
	struct scene scene;
	struct commit *commit;
	scene_show(&scene, 2);
	timeline_signal(&scene.buffers[0].acquire, 1);
	timeline_signal(&scene.buffers[1].acquire, 1);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		commit = submit(&scene.window, &scene.buffers[1], 1, points[i]);
		expect_shown(&scene.window, commit, "a commit");
		commit = submit(&scene.window, &scene.buffers[0], 1, 2 + i);
		expect_shown(&scene.window, commit, "a commit");
		conformance_waits("a release point");
		EXPECT(timeline_comes(
			       &scene.buffers[1].release, &scene.client, points[i], PATIENCE_MS),
			"a release point that was used before does not signal");
	}
	client_alive(&scene.client);
}

/* A server that goes explicit and implicit by turns leaves nobody behind. */
static void implicit_between(void)
{
	struct scene scene;
	struct commit *commit;
	scene_show(&scene, 2);
	for (uint64_t n = 1; n < 4; n++) {
		wp_linux_drm_syncobj_surface_v1_destroy(scene.window.sync);
		attach(&scene.window, &scene.buffers[1]);
		commit = surface_commit(&scene.window);
		expect_shown(&scene.window, commit, "a commit without explicit synchronization");
		expect_released(&scene.client, &scene.buffers[0], n);
		scene.window.sync = wp_linux_drm_syncobj_manager_v1_get_surface(
			scene.client.syncobj, scene.window.wl_surface);
		show(&scene.window, &scene.buffers[0], n + 1);
	}
}

const struct conformance_case release_cases[] = {
	{"release/held_while_shown", "no release while the buffer is shown", held_while_shown},
	{"release/on_replace", "release after another buffer is shown", on_replace},
	{"release/many_frames", "three buffers in turn, each released before its next use",
		many_frames},
	{"release/fence_status", "the point has a fence that says success", fence_status},
	{"release/fence_is_the_end", "the fence of the point is that of the end", fence_is_the_end},
	{"release/same_buffer", "one buffer in two commits: both are released in the end",
		same_buffer},
	{"release/same_timeline", "acquire and release points may be on one timeline",
		same_timeline},
	{"release/same_timeline_pending", "also while the acquire point is waited for",
		same_timeline_pending},
	{"release/wide_point", "release points have 64 bits", wide_point},
	{"release/point_again", "release points may repeat and go backwards", point_again},
	{"release/implicit_between", "commits with and without points may alternate",
		implicit_between},
	{0},
};
