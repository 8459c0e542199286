/* SPDX-License-Identifier: MIT */
#include <linux/sync_file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kit.h"
#include "sw_sync.h"

/*
 * What the protocol leaves open, and people want to know. These cases say what the server does, and
 * fail only where it does what nobody may do.
 */

/* Longer than any deadline that is known of. */
#define LONG_MS 2000

/* ---- release and the flip -------------------------------------------------------------------- */

struct flips {
	int n, early, before, at, after;
};

/* 0: the fence is not there yet, or has signalled, and its time cannot be had. */
static uint64_t signal_time(int fence)
{
	struct sync_fence_info fence_info = {0};
	struct sync_file_info info = {
		.num_fences = 1,
		.sync_fence_info = (uint64_t)(uintptr_t)&fence_info,
	};
	if (ioctl(fence, SYNC_IOC_FILE_INFO, &info) < 0 || info.status != 1)
		return 0;
	return fence_info.timestamp_ns;
}

/* @fence was taken before the flip, and waited for. Events have microseconds. */
static void compare(struct flips *flips, int fence, uint64_t flip_ns)
{
	uint64_t ns = signal_time(fence);
	flips->before += ns / 1000 < flip_ns / 1000;
	flips->at += ns / 1000 == flip_ns / 1000;
	flips->after += ns / 1000 > flip_ns / 1000;
}

static void flip(struct scene *scene, uint64_t n, struct flips *flips)
{
	const struct buffer *buffer = &scene->buffers[n % 3],
			    *before = &scene->buffers[(n - 1) % 3];
	int fence = -1;
	timeline_signal(&buffer->acquire, n + 1);
	struct commit *commit = submit(&scene->window, buffer, n + 1, n + 1);
	while (fence < 0 && !client_wait(&scene->client, &commit->presented, 1, 1) &&
		!commit->discarded)
		if (timeline_submitted(&before->release) >= n)
			fence = timeline_get(&before->release, n);
	bool early = fence >= 0 && !commit->presented;
	expect_shown(&scene->window, commit, "a commit");
	client_wait(&scene->client, &commit->presented, 1, PATIENCE_MS);
	expect_released(&scene->client, before, n);
	flips->n++;
	flips->early += early;
	if (early && commit->presented)
		compare(flips, fence, commit->presented_ns);
	if (fence >= 0)
		close(fence);
}

static void release_and_flip(void)
{
	struct scene scene;
	struct flips flips = {0};
	scene_show(&scene, 3);
	if (!scene.client.presentation)
		SKIP("the server does not offer wp_presentation");
	for (uint64_t n = 1; n <= 20; n++)
		flip(&scene, n, &flips);
	INFO("release points that get a fence before the flip is reported: %d of %d", flips.early,
		flips.n);
	INFO("of these, signalled before the flip %d, at its time stamp %d, after it %d",
		flips.before, flips.at, flips.after);
}

/* ---- points that never come ------------------------------------------------------------------ */

/* What a server does with a second commit, which is ready, while the first waits for ever. */
static void report_stuck(struct scene *scene, struct commit *stuck)
{
	bool given_up = timeline_comes(&scene->buffers[1].release, &scene->client, 1, LONG_MS);
	INFO("after %d ms it is %s", LONG_MS,
		stuck->shown && !given_up ? "shown all the same"
			: given_up        ? "given up, and its buffer released"
					  : "still waited for");
	timeline_signal(&scene->buffers[2].acquire, 1);
	struct commit *next = submit(&scene->window, &scene->buffers[2], 1, 1);
	INFO("a commit after it that is ready %s",
		client_wait(&scene->client, &next->shown, 1, LONG_MS / 4) ? "is shown"
									  : "waits, too");
	EXPECT(timeline_signalled(&scene->buffers[2].release) == 0,
		"the last commit is released before it was replaced");
}

static void never_materialises(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	struct commit *stuck = submit(&scene.window, &scene.buffers[1], UINT64_MAX - 1, 1);
	expect_not_shown(&scene.window, stuck, "a commit whose point never gets a fence");
	report_stuck(&scene, stuck);
}

static void never_signals(void)
{
	struct scene scene;
	int sw_sync = sw_sync_open();
	if (sw_sync < 0)
		SKIP("no fences to be had that never signal: sw_sync is not there, or not for us");
	scene_show(&scene, 3);
	int fence = sw_sync_fence(sw_sync, 1);
	timeline_put(&scene.buffers[1].acquire, 1, fence);
	close(fence);
	struct commit *stuck = submit(&scene.window, &scene.buffers[1], 1, 1);
	expect_not_shown(&scene.window, stuck, "a commit whose fence never signals");
	INFO("in the meantime the server %s",
		client_answered(&scene.client, LONG_MS / 4) ? "answers its clients"
							    : "answers nobody");
	report_stuck(&scene, stuck);
	close(sw_sync);
}

/* The work has failed, and nothing says what is then to be shown. */
static void report_error(const char *when, bool before_commit)
{
	struct scene scene;
	int sw_sync = sw_sync_open();
	if (sw_sync < 0)
		SKIP("no fences to be had that fail: sw_sync is not there, or not for us");
	scene_show(&scene, 3);
	int fence = sw_sync_fence(sw_sync, 1);
	timeline_put(&scene.buffers[1].acquire, 1, fence);
	close(fence);
	/* to close it ends what is active with an error */
	if (before_commit)
		close(sw_sync);
	struct commit *commit = submit(&scene.window, &scene.buffers[1], 1, 1);
	if (!before_commit) {
		client_idle(&scene.client);
		close(sw_sync);
	}
	client_wait(&scene.client, &commit->shown, 1, LONG_MS / 4);
	INFO("a buffer whose fence %s is %s", when,
		timeline_signalled(&scene.buffers[1].release) ? "not shown, and released"
			: commit->shown                       ? "shown"
							      : "not shown");
	client_alive(&scene.client);
}

static void ends_in_an_error(void)
{
	report_error("ended in an error", false);
}

/* Then only the kernel's sync_file of the point tells. */
static void ended_in_an_error(void)
{
	report_error("had ended in an error before the commit", true);
}

/* ---- smaller things -------------------------------------------------------------------------- */

/* Two imports of one timeline: can the server tell? */
static void imported_twice(void)
{
	struct client client;
	struct surface surface;
	struct buffer buffer;
	uint32_t code;
	client_open(&client);
	surface_init(&surface, &client);
	buffer_init(&buffer, &client, surface.width, surface.height);
	int fd = timeline_export(&buffer.acquire);
	buffer.release.proxy = wp_linux_drm_syncobj_manager_v1_import_timeline(client.syncobj, fd);
	close(fd);
	submit(&surface, &buffer, 2, 1);
	const char *interface = client_round(&client, &code);
	EXPECT(!interface || code == WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_CONFLICTING_POINTS,
		"error %u of %s, where conflicting_points or none was due", code, interface);
	INFO("points in conflict on a timeline that was imported twice: %s",
		interface ? "conflicting_points" : "no error");
}

static void release_point_zero(void)
{
	struct scene scene;
	scene_init(&scene, 1);
	timeline_signal(&scene.buffers[0].acquire, 1);
	struct commit *commit = submit(&scene.window, &scene.buffers[0], 1, 0);
	client_wait(&scene.client, &commit->shown, 1, PATIENCE_MS);
	client_alive(&scene.client);
	INFO("release point 0, which has always been reached: no error");
}

const struct conformance_case open_cases[] = {
	{"open/release_and_flip", "release fences relative to the flip", release_and_flip},
	{"open/never_materialises", "a point that never gets a fence is not shown",
		never_materialises},
	{"open/never_signals", "a fence that never signals is not shown", never_signals},
	{"open/ends_in_an_error", "a fence that ends in an error leaves the server alive",
		ends_in_an_error},
	{"open/ended_in_an_error", "and one that had ended in one before the commit",
		ended_in_an_error},
	{"open/imported_twice", "one timeline under two names", imported_twice},
	{"open/release_point_zero", "release point 0 raises no error", release_point_zero},
	{0},
};
