/* SPDX-License-Identifier: MIT */
#include "kit.h"

/*
 * Several commits that wait. A server may show each of them or, when a newer one is ready, only that;
 * and the older one may hold the newer one up or not. In the end the newest is shown, and each of the
 * others has been released.
 */

static void in_order(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	submit(&scene.window, &scene.buffers[1], 1, 1);
	struct commit *second = submit(&scene.window, &scene.buffers[2], 1, 1);
	expect_not_shown(&scene.window, second, "the second of two commits that wait");
	timeline_signal(&scene.buffers[1].acquire, 1);
	timeline_signal(&scene.buffers[2].acquire, 1);
	expect_shown(&scene.window, second, "the second of two commits");
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_released(&scene.client, &scene.buffers[1], 1);
	expect_held(&scene.client, &scene.buffers[2], 0);
}

static void newer_first(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	submit(&scene.window, &scene.buffers[1], 1, 1);
	struct commit *second = submit(&scene.window, &scene.buffers[2], 1, 1);
	client_alive(&scene.client);
	timeline_signal(&scene.buffers[2].acquire, 1);
	bool overtakes = client_wait(&scene.client, &second->shown, 1, MOMENT_MS);
	INFO("a commit that is ready %s one before it that waits",
		overtakes ? "supersedes" : "waits for");
	timeline_signal(&scene.buffers[1].acquire, 1);
	expect_shown(&scene.window, second, "the second of two commits");
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_released(&scene.client, &scene.buffers[1], 1);
	expect_held(&scene.client, &scene.buffers[2], 0);
}

static void ready_after_pending(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	submit(&scene.window, &scene.buffers[1], 1, 1);
	client_alive(&scene.client);
	timeline_signal(&scene.buffers[1].acquire, 1);
	show(&scene.window, &scene.buffers[2], 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_released(&scene.client, &scene.buffers[1], 1);
	expect_held(&scene.client, &scene.buffers[2], 0);
}

/* All at once, without waiting for anything: most are never shown. */
static void burst(void)
{
	struct scene scene;
	struct commit *last;
	scene_show(&scene, 4);
	for (uint64_t i = 1; i <= 10; i++) {
		for (int b = 1; b < 4; b++) {
			timeline_signal(&scene.buffers[b].acquire, i);
			last = submit(&scene.window, &scene.buffers[b], i, i);
		}
	}
	expect_shown(&scene.window, last, "the last of 30 commits");
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_released(&scene.client, &scene.buffers[1], 10);
	expect_released(&scene.client, &scene.buffers[2], 10);
	uint64_t got = timeline_signalled(&scene.buffers[3].release);
	EXPECT(conformance_copies || got < 10,
		"the release point of the buffer that is shown has signalled");
	show(&scene.window, &scene.buffers[0], 2);
	expect_released(&scene.client, &scene.buffers[3], 10);
}

/* The same buffer in each commit: all but the last are superseded by itself. */
static void same_buffer_pending(void)
{
	struct scene scene;
	struct commit *last;
	scene_show(&scene, 2);
	for (uint64_t i = 1; i <= 5; i++)
		last = submit(&scene.window, &scene.buffers[1], i, i);
	client_idle(&scene.client);
	EXPECT(timeline_signalled(&scene.buffers[1].release) < 5,
		"the release point of the newest commit has signalled, which still waits");
	timeline_signal(&scene.buffers[1].acquire, 5);
	expect_shown(&scene.window, last, "the last of five commits");
	expect_released(&scene.client, &scene.buffers[0], 1);
	client_idle(&scene.client);
	EXPECT(conformance_copies || timeline_signalled(&scene.buffers[1].release) < 5,
		"the release point of the commit that is shown has signalled");
	show(&scene.window, &scene.buffers[0], 2);
	expect_released(&scene.client, &scene.buffers[1], 5);
}

/* After the signal nothing more is done to a timeline: reset, it stays so. */
static void once(void)
{
	struct scene scene;
	scene_show(&scene, 4);
	submit(&scene.window, &scene.buffers[1], 1, 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[2], 1, 1);
	timeline_signal(&scene.buffers[2].acquire, 1);
	timeline_signal(&scene.buffers[1].acquire, 1);
	expect_shown(&scene.window, commit, "the second of two commits");
	expect_released(&scene.client, &scene.buffers[0], 1);
	expect_released(&scene.client, &scene.buffers[1], 1);
	timeline_reset(&scene.buffers[0].release);
	timeline_reset(&scene.buffers[1].release);
	show(&scene.window, &scene.buffers[3], 1);
	expect_released(&scene.client, &scene.buffers[2], 1);
	surface_destroy(&scene.window);
	expect_released(&scene.client, &scene.buffers[3], 1);
	expect_untouched(&scene.client, &scene.buffers[0], 0);
	expect_untouched(&scene.client, &scene.buffers[1], 0);
}

const struct conformance_case queue_cases[] = {
	{"queue/in_order", "two that wait: the second is shown, the first released", in_order},
	{"queue/newer_first", "the same where the second is ready first", newer_first},
	{"queue/ready_after_pending", "one that is ready after one that has waited",
		ready_after_pending},
	{"queue/burst", "of many commits at once each is released", burst},
	{"queue/same_buffer_pending", "of one buffer many times, too", same_buffer_pending},
	{"queue/once", "each release point is signalled once", once},
	{0},
};
