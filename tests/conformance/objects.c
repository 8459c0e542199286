/* SPDX-License-Identifier: MIT */
#include "kit.h"

/* Orders of destruction among the objects of the protocol, and what outlives what. */

static void surface_again(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	wp_linux_drm_syncobj_surface_v1_destroy(scene.window.sync);
	scene.window.sync = wp_linux_drm_syncobj_manager_v1_get_surface(
		scene.client.syncobj, scene.window.wl_surface);
	show(&scene.window, &scene.buffers[1], 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
}

static void manager_first(void)
{
	struct scene scene;
	scene_init(&scene, 2);
	wp_linux_drm_syncobj_manager_v1_destroy(scene.client.syncobj);
	show(&scene.window, &scene.buffers[0], 1);
	show(&scene.window, &scene.buffers[1], 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
}

static void destroy_timelines(const struct buffer *buffer)
{
	wp_linux_drm_syncobj_timeline_v1_destroy(buffer->acquire.proxy);
	wp_linux_drm_syncobj_timeline_v1_destroy(buffer->release.proxy);
}

static void timeline_before_commit(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	const struct buffer *buffer = &scene.buffers[1];
	set_acquire(&scene.window, &buffer->acquire, 1);
	set_release(&scene.window, &buffer->release, 1);
	destroy_timelines(buffer);
	attach(&scene.window, buffer);
	struct commit *commit = surface_commit(&scene.window);
	expect_not_shown(&scene.window, commit, "a commit whose acquire point is pending");
	timeline_signal(&buffer->acquire, 1);
	expect_shown(&scene.window, commit, "a commit whose timelines are destroyed");
	expect_held(&scene.client, buffer, 0);
	show(&scene.window, &scene.buffers[2], 1);
	expect_released(&scene.client, buffer, 1);
}

static void timeline_while_pending(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	const struct buffer *buffer = &scene.buffers[1];
	struct commit *commit = submit(&scene.window, buffer, 1, 1);
	client_alive(&scene.client);
	destroy_timelines(buffer);
	expect_not_shown(&scene.window, commit, "a commit whose acquire point is pending");
	timeline_signal(&buffer->acquire, 1);
	expect_shown(&scene.window, commit, "a commit whose timelines are destroyed");
	show(&scene.window, &scene.buffers[2], 1);
	expect_released(&scene.client, buffer, 1);
}

static void timeline_while_shown(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	destroy_timelines(&scene.buffers[0]);
	expect_held(&scene.client, &scene.buffers[0], 0);
	show(&scene.window, &scene.buffers[1], 1);
	expect_released(&scene.client, &scene.buffers[0], 1);
}

/* What is pending may be discarded with the object, so the buffer counts as one without points. */
static void surface_object_before_commit(void)
{
	struct scene scene;
	struct commit *commit;
	scene_show(&scene, 2);
	const struct buffer *buffer = &scene.buffers[1];
	timeline_signal(&buffer->acquire, 1);
	set_acquire(&scene.window, &buffer->acquire, 1);
	set_release(&scene.window, &buffer->release, 1);
	wp_linux_drm_syncobj_surface_v1_destroy(scene.window.sync);
	attach(&scene.window, buffer);
	commit = surface_commit(&scene.window);
	expect_shown(&scene.window, commit, "a commit after the synchronization object is gone");
	expect_released(&scene.client, &scene.buffers[0], 1);
	attach(&scene.window, &scene.buffers[0]);
	commit = surface_commit(&scene.window);
	expect_shown(&scene.window, commit, "a commit without explicit synchronization");
	client_idle(&scene.client);
	INFO("points that were set and not committed when the object went: %s",
		timeline_signalled(&buffer->release) ? "used" : "discarded");
}

static void surface_object_after_commit(void)
{
	struct scene scene;
	scene_show(&scene, 2);
	wp_linux_drm_syncobj_surface_v1_destroy(scene.window.sync);
	expect_held(&scene.client, &scene.buffers[0], 0);
	attach(&scene.window, &scene.buffers[1]);
	struct commit *commit = surface_commit(&scene.window);
	expect_shown(&scene.window, commit, "a commit without explicit synchronization");
	expect_released(&scene.client, &scene.buffers[0], 1);
}

static void surface_object_while_pending(void)
{
	struct scene scene;
	scene_show(&scene, 3);
	const struct buffer *buffer = &scene.buffers[1];
	struct commit *commit = submit(&scene.window, buffer, 1, 1);
	wp_linux_drm_syncobj_surface_v1_destroy(scene.window.sync);
	expect_not_shown(&scene.window, commit, "a commit whose acquire point is pending");
	timeline_signal(&buffer->acquire, 1);
	expect_shown(&scene.window, commit, "a commit whose synchronization object is destroyed");
	expect_released(&scene.client, &scene.buffers[0], 1);
	attach(&scene.window, &scene.buffers[2]);
	struct commit *next = surface_commit(&scene.window);
	expect_shown(&scene.window, next, "a commit without explicit synchronization");
	expect_released(&scene.client, buffer, 1);
}

static void surface_first(void)
{
	struct client client;
	struct surface surface;
	client_open(&client);
	surface_init(&surface, &client);
	wl_surface_destroy(surface.wl_surface);
	client_alive(&client);
	wp_linux_drm_syncobj_surface_v1_destroy(surface.sync);
	client_alive(&client);
}

/* Points that were set go with the surface, and the next one knows nothing of them. */
static void surface_first_with_points(void)
{
	struct client client;
	struct surface surface;
	struct buffer points;
	client_open(&client);
	surface_init(&surface, &client);
	timeline_init(&points.acquire, &client);
	timeline_init(&points.release, &client);
	set_acquire(&surface, &points.acquire, 1);
	set_release(&surface, &points.release, 1);
	wl_surface_destroy(surface.wl_surface);
	wp_linux_drm_syncobj_timeline_v1_destroy(points.acquire.proxy);
	wp_linux_drm_syncobj_surface_v1_destroy(surface.sync);
	wp_linux_drm_syncobj_timeline_v1_destroy(points.release.proxy);
	surface_init(&surface, &client);
	surface_commit(&surface);
	client_alive(&client);
}

const struct conformance_case object_cases[] = {
	{"object/surface_again", "a surface may get a second object after the first",
		surface_again},
	{"object/manager_first", "objects outlive the manager", manager_first},
	{"object/timeline_before_commit", "points that are set outlive their timelines",
		timeline_before_commit},
	{"object/timeline_while_pending", "points that are waited for outlive their timelines",
		timeline_while_pending},
	{"object/timeline_while_shown", "release points outlive their timelines",
		timeline_while_shown},
	{"object/surface_object_before_commit", "without the object no points are needed",
		surface_object_before_commit},
	{"object/surface_object_after_commit", "points of a commit outlive the object",
		surface_object_after_commit},
	{"object/surface_object_while_pending", "points that are waited for outlive the object",
		surface_object_while_pending},
	{"object/surface_first", "the object outlives its wl_surface, inert", surface_first},
	{"object/surface_first_with_points", "and its points with it", surface_first_with_points},
	{0},
};
