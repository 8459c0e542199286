/* SPDX-License-Identifier: MIT */
#include "kit.h"

/* Synchronised subsurfaces: their points are part of the state that waits for the parent's. */

/* Smaller than any window, so that a parent is seen beside its child, and has no cause to sleep. */
#define CHILD_SIZE 64

/* A window that shows its buffer 0, and a subsurface with buffers of its own. */
struct family {
	struct scene scene;
	struct surface child;
	struct buffer buffers[3]; /* of the child */
};

static void family_init(struct family *family)
{
	client_open(&family->scene.client);
	if (!family->scene.client.subcompositor)
		SKIP("the server does not offer wl_subcompositor");
	scene_fill(&family->scene, 2);
	show(&family->scene.window, &family->scene.buffers[0], 1);
	subsurface_init(&family->child, &family->scene.window);
	for (int i = 0; i < 3; i++) {
		buffer_init(&family->buffers[i], &family->scene.client, CHILD_SIZE, CHILD_SIZE);
		family->buffers[i].number = BUFFERS + i;
	}
}

/* Both surfaces have content: their buffers 0. */
static void family_show(struct family *family)
{
	family_init(family);
	timeline_signal(&family->buffers[0].acquire, 1);
	submit(&family->child, &family->buffers[0], 1, 1);
	struct commit *commit = surface_commit(&family->scene.window);
	expect_shown(&family->scene.window, commit, "the parent's commit");
}

static void waits_for_parent(void)
{
	struct family family;
	struct commit *child;
	family_init(&family);
	struct scene *scene = &family.scene;
	timeline_signal(&family.buffers[0].acquire, 1);
	child = submit(&family.child, &family.buffers[0], 1, 1);
	expect_not_shown(&family.child, child, "a child whose parent was not committed");
	expect_untouched(&scene->client, &family.buffers[0], 0);
	surface_commit(&scene->window);
	expect_shown(&family.child, child, "a child whose parent was committed");
	expect_held(&scene->client, &family.buffers[0], 0);
	timeline_signal(&family.buffers[1].acquire, 1);
	child = submit(&family.child, &family.buffers[1], 1, 1);
	surface_commit(&scene->window);
	expect_shown(&family.child, child, "a child whose parent was committed again");
	expect_released(&scene->client, &family.buffers[0], 1);
}

/* The parent is ready, the child is not: neither is shown without the other. */
static void child_holds_parent(void)
{
	struct family family;
	family_show(&family);
	struct scene *scene = &family.scene;
	struct commit *child = submit(&family.child, &family.buffers[1], 1, 1);
	timeline_signal(&scene->buffers[1].acquire, 1);
	struct commit *parent = submit(&scene->window, &scene->buffers[1], 1, 1);
	expect_not_shown(&family.child, child, "a child whose acquire point is pending");
	expect_not_shown(&scene->window, parent, "a parent whose child is pending");
	expect_held(&scene->client, &scene->buffers[0], 0);
	timeline_signal(&family.buffers[1].acquire, 1);
	expect_shown(&scene->window, parent, "the parent");
	expect_shown(&family.child, child, "the child");
	expect_released(&scene->client, &scene->buffers[0], 1);
	expect_released(&scene->client, &family.buffers[0], 1);
}

static void parent_holds_child(void)
{
	struct family family;
	family_show(&family);
	struct scene *scene = &family.scene;
	timeline_signal(&family.buffers[1].acquire, 1);
	struct commit *child = submit(&family.child, &family.buffers[1], 1, 1);
	struct commit *parent = submit(&scene->window, &scene->buffers[1], 1, 1);
	expect_not_shown(&scene->window, parent, "a parent whose acquire point is pending");
	expect_not_shown(&family.child, child, "a child whose parent is pending");
	expect_held(&scene->client, &family.buffers[0], 0);
	timeline_signal(&scene->buffers[1].acquire, 1);
	expect_shown(&scene->window, parent, "the parent");
	expect_shown(&family.child, child, "the child");
	expect_released(&scene->client, &scene->buffers[0], 1);
	expect_released(&scene->client, &family.buffers[0], 1);
}

/* The first of two commits before the parent's is never shown. */
static void superseded_in_cache(void)
{
	struct family family;
	struct commit *child;
	family_show(&family);
	struct scene *scene = &family.scene;
	for (int i = 1; i < 3; i++) {
		timeline_signal(&family.buffers[i].acquire, 1);
		child = submit(&family.child, &family.buffers[i], 1, 1);
	}
	client_alive(&scene->client);
	expect_untouched(&scene->client, &family.buffers[2], 0);
	surface_commit(&scene->window);
	expect_shown(&family.child, child, "the child");
	expect_released(&scene->client, &family.buffers[0], 1);
	expect_released(&scene->client, &family.buffers[1], 1);
	expect_held(&scene->client, &family.buffers[2], 0);
}

static void error_before_parent(void)
{
	struct family family;
	family_show(&family);
	attach(&family.child, &family.buffers[1]);
	set_acquire(&family.child, &family.buffers[1].acquire, 1);
	surface_commit(&family.child);
	EXPECT_ERROR(&family.scene.client, wp_linux_drm_syncobj_surface_v1_interface,
		WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_RELEASE_POINT);
}

static void desync_is_on_its_own(void)
{
	struct family family;
	family_show(&family);
	struct scene *scene = &family.scene;
	wl_subsurface_set_desync(family.child.subsurface);
	struct commit *child = submit(&family.child, &family.buffers[1], 1, 1);
	timeline_signal(&scene->buffers[1].acquire, 1);
	struct commit *parent = submit(&scene->window, &scene->buffers[1], 1, 1);
	expect_shown(&scene->window, parent, "the parent of a child that is not synchronised");
	expect_not_shown(&family.child, child, "a child whose acquire point is pending");
	timeline_signal(&family.buffers[1].acquire, 1);
	expect_shown(&family.child, child, "the child");
	expect_released(&scene->client, &scene->buffers[0], 1);
	expect_released(&scene->client, &family.buffers[0], 1);
}

static void destroyed_in_cache(void)
{
	struct family family;
	family_show(&family);
	struct scene *scene = &family.scene;
	timeline_signal(&family.buffers[1].acquire, 1);
	submit(&family.child, &family.buffers[1], 1, 1);
	client_alive(&scene->client);
	surface_destroy(&family.child);
	expect_released(&scene->client, &family.buffers[0], 1);
	expect_released(&scene->client, &family.buffers[1], 1);
	client_alive(&scene->client);
}

const struct conformance_case subsurface_cases[] = {
	{"subsurface/waits_for_parent", "a child is shown and released by its parent's commits",
		waits_for_parent},
	{"subsurface/child_holds_parent", "a parent waits for its child's acquire point",
		child_holds_parent},
	{"subsurface/parent_holds_child", "a child waits for its parent's acquire point",
		parent_holds_child},
	{"subsurface/superseded_in_cache",
		"what is superseded before the parent's commit is released", superseded_in_cache},
	{"subsurface/error_before_parent", "errors are those of the child's own commit",
		error_before_parent},
	{"subsurface/desync_is_on_its_own", "without synchronisation neither waits",
		desync_is_on_its_own},
	{"subsurface/destroyed_in_cache", "a child that goes releases what it has",
		destroyed_in_cache},
	{0},
};
