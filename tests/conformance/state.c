/* SPDX-License-Identifier: MIT */
#include "kit.h"

/* Points are double-buffered state: set, replaced, applied by a commit, and then used up. */

/* Far beyond what anybody signals. */
#define NEVER 1000000

static void acquire_set_twice(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	const struct buffer *buffer = &scene.buffers[1];
	attach(&scene.window, buffer);
	set_acquire(&scene.window, &scene.buffers[0].acquire, NEVER);
	timeline_signal(&buffer->acquire, 1);
	set_acquire(&scene.window, &buffer->acquire, 1);
	set_release(&scene.window, &buffer->release, 1);
	struct commit *commit = surface_commit(&scene.window);
	expect_shown(&scene.window, commit, "a commit whose first acquire point was replaced");
}

static void acquire_set_twice_pending(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	const struct buffer *buffer = &scene.buffers[1];
	attach(&scene.window, buffer);
	timeline_signal(&buffer->acquire, 1);
	set_acquire(&scene.window, &buffer->acquire, 1);
	set_acquire(&scene.window, &buffer->acquire, 2);
	set_release(&scene.window, &buffer->release, 1);
	struct commit *commit = surface_commit(&scene.window);
	expect_not_shown(&scene.window, commit, "a commit whose second acquire point is pending");
	timeline_signal(&buffer->acquire, 2);
	expect_shown(&scene.window, commit, "a commit whose second acquire point has signalled");
}

static void release_set_twice(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	const struct buffer *buffer = &scene.buffers[1];
	timeline_signal(&buffer->acquire, 1);
	attach(&scene.window, buffer);
	set_acquire(&scene.window, &buffer->acquire, 1);
	set_release(&scene.window, &scene.buffers[2].release, 5);
	set_release(&scene.window, &buffer->release, 7);
	set_release(&scene.window, &buffer->release, 3);
	struct commit *commit = surface_commit(&scene.window);
	expect_shown(&scene.window, commit, "a commit whose first release point was replaced");
	expect_held(&scene.client, buffer, 0);
	show(&scene.window, &scene.buffers[0], 2);
	expect_released(&scene.client, buffer, 3);
	expect_untouched(&scene.client, &scene.buffers[2], 0);
}

static void buffer_set_twice(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	attach(&scene.window, &scene.buffers[1]);
	timeline_signal(&scene.buffers[2].acquire, 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[2], 1, 1);
	expect_shown(&scene.window, commit, "a commit whose first buffer was replaced");
	show(&scene.window, &scene.buffers[0], 2);
	expect_released(&scene.client, &scene.buffers[2], 1);
	expect_untouched(&scene.client, &scene.buffers[1], 0);
}

static void nothing_before_commit(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	const struct buffer *buffer = &scene.buffers[1];
	timeline_signal(&buffer->acquire, 1);
	attach(&scene.window, buffer);
	set_acquire(&scene.window, &buffer->acquire, 1);
	set_release(&scene.window, &buffer->release, 1);
	client_alive(&scene.client);
	expect_held(&scene.client, &scene.buffers[0], 0);
	expect_untouched(&scene.client, buffer, 0);
	struct commit *commit = surface_commit(&scene.window);
	expect_shown(&scene.window, commit, "what was attached");
	expect_released(&scene.client, &scene.buffers[0], 1);
}

static void commits_without_buffer(void)
{
	struct scene scene;
	struct commit *commit;
	scene_show(&scene, 2);
	for (int i = 0; i < 3; i++) {
		commit = surface_commit(&scene.window);
		expect_shown(&scene.window, commit, "a commit without a buffer");
	}
	expect_held(&scene.client, &scene.buffers[0], 0);
	show(&scene.window, &scene.buffers[1], 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
}

const struct conformance_case state_cases[] = {
	{"state/acquire_set_twice", "a second acquire point replaces the first", acquire_set_twice},
	{"state/acquire_set_twice_pending", "and it is the second that is waited for",
		acquire_set_twice_pending},
	{"state/release_set_twice", "a second release point replaces the first, though lower",
		release_set_twice},
	{"state/buffer_set_twice", "points belong to the buffer that is attached at the commit",
		buffer_set_twice},
	{"state/nothing_before_commit", "points do nothing before wl_surface.commit",
		nothing_before_commit},
	{"state/commits_without_buffer", "commits without a buffer leave it and its points alone",
		commits_without_buffer},
	{0},
};
