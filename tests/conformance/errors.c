/* SPDX-License-Identifier: MIT */
#include "kit.h"
#include "single-pixel-buffer-v1-client-protocol.h"

/*
 * Every error of the protocol, and what looks like one and is none. These surfaces have no role: what
 * is checked at wl_surface.commit is checked of all.
 */

#define MANAGER wp_linux_drm_syncobj_manager_v1_interface
#define SURFACE wp_linux_drm_syncobj_surface_v1_interface

struct bare {
	struct client client;
	struct surface surface;
	struct buffer buffer;
};

static void bare_init(struct bare *bare)
{
	client_open(&bare->client);
	surface_init(&bare->surface, &bare->client);
	buffer_init(&bare->buffer, &bare->client, bare->surface.width, bare->surface.height);
	client_alive(&bare->client);
}

/* For cases that need no buffer, and so run where there is no memory for one. */
static void points_init(struct bare *bare)
{
	client_open(&bare->client);
	surface_init(&bare->surface, &bare->client);
	timeline_init(&bare->buffer.acquire, &bare->client);
	timeline_init(&bare->buffer.release, &bare->client);
	client_alive(&bare->client);
}

static void surface_exists(void)
{
	struct bare bare;
	points_init(&bare);
	wp_linux_drm_syncobj_manager_v1_get_surface(bare.client.syncobj, bare.surface.wl_surface);
	EXPECT_ERROR(&bare.client, MANAGER, WP_LINUX_DRM_SYNCOBJ_MANAGER_V1_ERROR_SURFACE_EXISTS);
}

static void no_surface_acquire(void)
{
	struct bare bare;
	points_init(&bare);
	wl_surface_destroy(bare.surface.wl_surface);
	set_acquire(&bare.surface, &bare.buffer.acquire, 1);
	EXPECT_ERROR(&bare.client, SURFACE, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_SURFACE);
}

static void no_surface_release(void)
{
	struct bare bare;
	points_init(&bare);
	wl_surface_destroy(bare.surface.wl_surface);
	set_release(&bare.surface, &bare.buffer.release, 1);
	EXPECT_ERROR(&bare.client, SURFACE, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_SURFACE);
}

static void no_buffer_acquire(void)
{
	struct bare bare;
	points_init(&bare);
	set_acquire(&bare.surface, &bare.buffer.acquire, 1);
	surface_commit(&bare.surface);
	EXPECT_ERROR(&bare.client, SURFACE, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_BUFFER);
}

static void no_buffer_release(void)
{
	struct bare bare;
	points_init(&bare);
	set_release(&bare.surface, &bare.buffer.release, 1);
	surface_commit(&bare.surface);
	EXPECT_ERROR(&bare.client, SURFACE, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_BUFFER);
}

static void no_buffer_null(void)
{
	struct bare bare;
	points_init(&bare);
	attach(&bare.surface, NULL);
	set_acquire(&bare.surface, &bare.buffer.acquire, 1);
	set_release(&bare.surface, &bare.buffer.release, 1);
	surface_commit(&bare.surface);
	EXPECT_ERROR(&bare.client, SURFACE, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_BUFFER);
}

/* The buffer of an earlier commit is not pending any more. */
static void no_buffer_second(void)
{
	struct bare bare;
	bare_init(&bare);
	timeline_signal(&bare.buffer.acquire, 1);
	submit(&bare.surface, &bare.buffer, 1, 1);
	client_alive(&bare.client);
	set_acquire(&bare.surface, &bare.buffer.acquire, 1);
	set_release(&bare.surface, &bare.buffer.release, 2);
	surface_commit(&bare.surface);
	EXPECT_ERROR(&bare.client, SURFACE, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_BUFFER);
}

static void no_acquire_point(void)
{
	struct bare bare;
	bare_init(&bare);
	attach(&bare.surface, &bare.buffer);
	set_release(&bare.surface, &bare.buffer.release, 1);
	surface_commit(&bare.surface);
	EXPECT_ERROR(&bare.client, SURFACE, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_ACQUIRE_POINT);
}

static void no_release_point(void)
{
	struct bare bare;
	bare_init(&bare);
	attach(&bare.surface, &bare.buffer);
	set_acquire(&bare.surface, &bare.buffer.acquire, 1);
	surface_commit(&bare.surface);
	EXPECT_ERROR(&bare.client, SURFACE, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_RELEASE_POINT);
}

/* Either is true. */
static void expect_no_points(struct client *client)
{
	uint32_t code;
	const char *interface = client_round(client, &code);
	EXPECT(interface, "no error, where points were missing");
	EXPECT(code == WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_ACQUIRE_POINT ||
			code == WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_RELEASE_POINT,
		"error %u of %s, where points were missing", code, interface);
}

static void no_points(void)
{
	struct bare bare;
	bare_init(&bare);
	attach(&bare.surface, &bare.buffer);
	surface_commit(&bare.surface);
	expect_no_points(&bare.client);
}

static void no_points_second(void)
{
	struct bare bare;
	bare_init(&bare);
	timeline_signal(&bare.buffer.acquire, 1);
	submit(&bare.surface, &bare.buffer, 1, 1);
	client_alive(&bare.client);
	attach(&bare.surface, &bare.buffer);
	surface_commit(&bare.surface);
	expect_no_points(&bare.client);
}

/* Of one timeline for both. */
static void commit_pair(struct bare *bare, uint64_t acquire, uint64_t release)
{
	bare_init(bare);
	attach(&bare->surface, &bare->buffer);
	set_acquire(&bare->surface, &bare->buffer.acquire, acquire);
	set_release(&bare->surface, &bare->buffer.acquire, release);
	surface_commit(&bare->surface);
}

static void expect_conflict(uint64_t acquire, uint64_t release)
{
	struct bare bare;
	commit_pair(&bare, acquire, release);
	EXPECT_ERROR(
		&bare.client, SURFACE, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_CONFLICTING_POINTS);
}

static void conflicting_equal(void)
{
	expect_conflict(7, 7);
}

static void conflicting_greater(void)
{
	expect_conflict(8, 7);
}

static void conflicting_wide(void)
{
	expect_conflict((uint64_t)1 << 32, UINT32_MAX);
}

static void no_conflict_wide(void)
{
	struct bare bare;
	commit_pair(&bare, UINT32_MAX, (uint64_t)1 << 32);
	client_alive(&bare.client);
}

/* The one that was set last counts, and no commit is between. */
static void no_conflict_replaced(void)
{
	struct bare bare;
	bare_init(&bare);
	attach(&bare.surface, &bare.buffer);
	set_acquire(&bare.surface, &bare.buffer.acquire, 7);
	set_release(&bare.surface, &bare.buffer.acquire, 7);
	client_alive(&bare.client);
	set_release(&bare.surface, &bare.buffer.acquire, 8);
	surface_commit(&bare.surface);
	client_alive(&bare.client);
}

/* Nothing is wrong with points before the commit. */
static void not_before_commit(void)
{
	struct bare bare;
	points_init(&bare);
	set_release(&bare.surface, &bare.buffer.release, 1);
	client_alive(&bare.client);
	set_acquire(&bare.surface, &bare.buffer.acquire, 1);
	client_alive(&bare.client);
}

static void no_error_without_content(void)
{
	struct bare bare;
	bare_init(&bare);
	surface_commit(&bare.surface);
	attach(&bare.surface, NULL);
	surface_commit(&bare.surface);
	client_alive(&bare.client);
}

/* ---- what is left open: other buffers -------------------------------------------------------- */

/* Where it is taken, it is to be treated as any other. */
static void try_buffer(struct scene *scene, const char *kind)
{
	struct buffer *buffer = &scene->buffers[1];
	timeline_signal(&buffer->acquire, 1);
	struct commit *commit = submit(&scene->window, buffer, 1, 1);
	uint32_t code;
	const char *interface = client_round(&scene->client, &code);
	if (interface) {
		EXPECT(code == WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_UNSUPPORTED_BUFFER,
			"error %u of %s, where unsupported_buffer or none was due", code,
			interface);
		INFO("%s buffers: unsupported_buffer", kind);
		return;
	}
	INFO("%s buffers: taken", kind);
	expect_shown(&scene->window, commit, "a buffer that was taken");
	expect_held(&scene->client, buffer, 0);
	show(&scene->window, &scene->buffers[0], 1);
	expect_released(&scene->client, buffer, 1);
}

static void other_buffer_shm(void)
{
	struct scene scene;
	scene_init(&scene, 1);
	buffer_init_shm(&scene.buffers[1], &scene.client, scene.window.width, scene.window.height);
	try_buffer(&scene, "wl_shm");
}

static void other_buffer_single_pixel(void)
{
	struct scene scene;
	scene_init(&scene, 1);
	if (!scene.client.single_pixel)
		SKIP("the server does not offer wp_single_pixel_buffer_manager_v1");
	timeline_init(&scene.buffers[1].acquire, &scene.client);
	timeline_init(&scene.buffers[1].release, &scene.client);
	scene.buffers[1].wl_buffer = wp_single_pixel_buffer_manager_v1_create_u32_rgba_buffer(
		scene.client.single_pixel, 0, 0, 0, UINT32_MAX);
	try_buffer(&scene, "single-pixel");
}

const struct conformance_case error_cases[] = {
	{"error/surface_exists", "a second get_surface raises surface_exists on the manager",
		surface_exists},
	{"error/no_surface_acquire", "set_acquire_point after wl_surface.destroy: no_surface",
		no_surface_acquire},
	{"error/no_surface_release", "set_release_point after wl_surface.destroy: no_surface",
		no_surface_release},
	{"error/no_buffer_acquire", "an acquire point and no buffer: no_buffer", no_buffer_acquire},
	{"error/no_buffer_release", "a release point and no buffer: no_buffer", no_buffer_release},
	{"error/no_buffer_null", "points and a NULL buffer: no_buffer", no_buffer_null},
	{"error/no_buffer_second", "points, and a buffer in the commit before only: no_buffer",
		no_buffer_second},
	{"error/no_acquire_point", "a buffer and only a release point: no_acquire_point",
		no_acquire_point},
	{"error/no_release_point", "a buffer and only an acquire point: no_release_point",
		no_release_point},
	{"error/no_points", "a buffer and no points: no_acquire_point or no_release_point",
		no_points},
	{"error/no_points_second", "a commit uses its points up", no_points_second},
	{"error/conflicting_equal", "equal points of a timeline: conflicting_points",
		conflicting_equal},
	{"error/conflicting_greater", "acquire after release on a timeline: conflicting_points",
		conflicting_greater},
	{"error/conflicting_wide", "all 64 bits are compared", conflicting_wide},
	{"error/no_conflict_wide", "all 64 bits are compared, and there is no error",
		no_conflict_wide},
	{"error/no_conflict_replaced", "a conflict that is mended before the commit is none",
		no_conflict_replaced},
	{"error/not_before_commit", "points are not judged before the commit", not_before_commit},
	{"error/no_error_without_content", "commits without buffer and points raise nothing",
		no_error_without_content},
	{"error/other_buffer_shm", "wl_shm: unsupported_buffer, or as any other", other_buffer_shm},
	{"error/other_buffer_single_pixel", "single-pixel: unsupported_buffer, or as any other",
		other_buffer_single_pixel},
	{0},
};
