/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "syncobj_kit.h"

/* wp_linux_drm_syncobj_manager_v1: every error, and every order in which things can end. */

enum {
	NO_SURFACE = WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_SURFACE,
	UNSUPPORTED_BUFFER = WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_UNSUPPORTED_BUFFER,
	NO_BUFFER = WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_BUFFER,
	NO_ACQUIRE_POINT = WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_ACQUIRE_POINT,
	NO_RELEASE_POINT = WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_RELEASE_POINT,
	CONFLICTING_POINTS = WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_CONFLICTING_POINTS,
};

/* ---- errors -------------------------------------------------------------------------------- */

TEST(surface_exists)
{
	struct world w;
	world_init(&w);
	struct wp_linux_drm_syncobj_surface_v1 *second =
		wp_linux_drm_syncobj_manager_v1_get_surface(w.manager, w.surface);
	client_expect_error(&w.client, &wp_linux_drm_syncobj_manager_v1_interface,
		WP_LINUX_DRM_SYNCOBJ_MANAGER_V1_ERROR_SURFACE_EXISTS);
	wp_linux_drm_syncobj_surface_v1_destroy(second);
	world_finish(&w);
}

TEST(a_surface_may_have_one_after_another)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	set_acquire(&w, 0, 1);
	wp_linux_drm_syncobj_surface_v1_destroy(w.explicit);
	w.explicit = wp_linux_drm_syncobj_manager_v1_get_surface(w.manager, w.surface);
	/* what was set with the former one is gone */
	ck_assert_int_eq(commit(&w, false, &points), 0);
	commit_good(&w, 1, 1, &points);
	waybuf_syncobj_points_finish(&points);
	world_finish(&w);
}

static void refuse_timeline(int fd)
{
	struct world w;
	world_init(&w);
	struct wp_linux_drm_syncobj_timeline_v1 *timeline =
		wp_linux_drm_syncobj_manager_v1_import_timeline(w.manager, fd);
	client_expect_error(&w.client, &wp_linux_drm_syncobj_manager_v1_interface,
		WP_LINUX_DRM_SYNCOBJ_MANAGER_V1_ERROR_INVALID_TIMELINE);
	wp_linux_drm_syncobj_timeline_v1_destroy(timeline);
	close(fd);
	world_finish(&w);
}

TEST(invalid_timeline_memfd)
{
	refuse_timeline(memfd_create("no timeline", MFD_CLOEXEC));
}

TEST(invalid_timeline_pipe)
{
	int ends[2];
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	close(ends[1]);
	refuse_timeline(ends[0]);
}

static void use_after_surface(bool acquire)
{
	struct world w;
	world_init(&w);
	set_acquire(&w, 0, 1);
	wl_surface_destroy(w.surface);
	w.surface = NULL;
	ck_assert(client_sync(&w.client));
	if (acquire)
		set_acquire(&w, 0, 2);
	else
		set_release(&w, 0, 2);
	expect_surface_error(&w, NO_SURFACE);
	world_finish(&w);
}

TEST(no_surface_acquire)
{
	use_after_surface(true);
}

TEST(no_surface_release)
{
	use_after_surface(false);
}

static void refuse(uint64_t acquire, uint64_t release, bool attach, bool same, uint32_t code)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	if (acquire)
		set_acquire(&w, 0, acquire);
	if (release)
		set_release(&w, same ? 0 : 1, release);
	ck_assert_int_eq(commit(&w, attach, &points), -EPROTO);
	ck_assert(!points.is_explicit && !points.acquire && !points.release && !points.error);
	expect_surface_error(&w, code);
	world_finish(&w);
}

TEST(no_buffer_acquire)
{
	refuse(1, 0, false, false, NO_BUFFER);
}

TEST(no_buffer_release)
{
	refuse(0, 1, false, false, NO_BUFFER);
}

TEST(no_acquire_point)
{
	refuse(0, 1, true, false, NO_ACQUIRE_POINT);
}

TEST(no_release_point)
{
	refuse(1, 0, true, false, NO_RELEASE_POINT);
}

TEST(no_point_at_all)
{
	refuse(0, 0, true, false, NO_ACQUIRE_POINT);
}

TEST(conflicting_points_equal)
{
	refuse(7, 7, true, true, CONFLICTING_POINTS);
}

TEST(conflicting_points_reversed)
{
	refuse(0x200000000, 0x100000001, true, true, CONFLICTING_POINTS);
}

static struct wl_buffer *make_shm_buffer(struct world *w)
{
	int fd = memfd_create("shm", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(w->shm, fd, 4096);
	struct wl_buffer *buffer =
		wl_shm_pool_create_buffer(pool, 0, 16, 16, 64, WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	close(fd);
	return buffer;
}

TEST(unsupported_buffer)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	wl_buffer_destroy(w.buffer);
	w.buffer = make_shm_buffer(&w);
	set_acquire(&w, 0, 1);
	set_release(&w, 1, 1);
	ck_assert_int_eq(commit(&w, true, &points), -EPROTO);
	expect_surface_error(&w, UNSUPPORTED_BUFFER);
	world_finish(&w);
}

/* ---- what is no error ---------------------------------------------------------------------- */

TEST(one_timeline_in_order)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	set_acquire(&w, 0, 0x1ffffffff);
	set_release(&w, 0, 0x200000000);
	ck_assert_int_eq(commit(&w, true, &points), 0);
	ck_assert(points.is_explicit);
	waybuf_syncobj_points_finish(&points);
	ck_assert_uint_eq(reached(&w, 0), 0x200000000);
	world_finish(&w);
}

TEST(the_last_point_counts)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	set_acquire(&w, 1, 9);
	set_release(&w, 0, 3);
	commit_good(&w, 1, 2, &points);
	ck_assert_int_eq(waybuf_fence_status(points.acquire), 0);
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], 1), 0);
	ck_assert_int_eq(waybuf_fence_status(points.acquire), 1);
	waybuf_syncobj_points_finish(&points);
	ck_assert_uint_eq(reached(&w, 1), 2);
	ck_assert_uint_eq(reached(&w, 0), 1);
	world_finish(&w);
}

TEST(commits_without_a_buffer)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	ck_assert_int_eq(commit(&w, false, &points), 0);
	ck_assert(!points.is_explicit);
	wl_surface_attach(w.surface, NULL, 0, 0);
	ck_assert_int_eq(commit(&w, false, &points), 0);
	/* points are for one commit */
	commit_good(&w, 1, 1, &points);
	waybuf_syncobj_points_finish(&points);
	ck_assert_int_eq(commit(&w, false, &points), 0);
	ck_assert_int_eq(commit(&w, true, &points), -EPROTO);
	expect_surface_error(&w, NO_ACQUIRE_POINT);
	world_finish(&w);
}

TEST(surfaces_without_the_object)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	wp_linux_drm_syncobj_surface_v1_destroy(w.explicit);
	w.explicit = NULL;
	ck_assert_int_eq(commit(&w, true, &points), 0);
	ck_assert(!points.is_explicit && !points.acquire && !points.release && !points.error);
	world_finish(&w);
}

TEST(a_signalled_point_costs_no_fd)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], 5), 0);
	set_acquire(&w, 0, 5);
	set_release(&w, 1, 5);
	wl_surface_attach(w.surface, w.buffer, 0, 0);
	wl_surface_commit(w.surface);
	ck_assert(client_sync(&w.client));
	int fds = harness_count_fds();
	ck_assert_int_eq(
		waybuf_syncobj_surface_commit(w.server.surface, w.server.committed, &points), 0);
	ck_assert_int_eq(harness_count_fds(), fds);
	ck_assert_int_eq(waybuf_fence_status(points.acquire), 1);
	waybuf_syncobj_points_finish(&points);
	world_finish(&w);
}

/* ---- orders of ending ---------------------------------------------------------------------- */

static void check_points(struct world *w, struct waybuf_syncobj_points *points)
{
	ck_assert_int_eq(waybuf_fence_status(points->acquire), 0);
	ck_assert_int_eq(waybuf_syncobj_signal(w->syncobj[0], 1), 0);
	ck_assert_int_eq(waybuf_fence_status(points->acquire), 1);
	ck_assert_uint_eq(reached(w, 1), 0);
	waybuf_syncobj_points_finish(points);
	ck_assert_uint_eq(reached(w, 1), 1);
}

static void destroy_timelines(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		wp_linux_drm_syncobj_timeline_v1_destroy(w->timeline[i]);
		w->timeline[i] = NULL;
	}
	ck_assert(client_sync(&w->client));
}

TEST(timelines_may_go_before_the_commit)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	set_acquire(&w, 0, 1);
	set_release(&w, 1, 1);
	destroy_timelines(&w);
	ck_assert_int_eq(commit(&w, true, &points), 0);
	check_points(&w, &points);
	world_finish(&w);
}

TEST(timelines_may_go_after_the_commit)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 1, 1, &points);
	destroy_timelines(&w);
	check_points(&w, &points);
	world_finish(&w);
}

TEST(the_object_may_go_after_the_commit)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 1, 1, &points);
	wp_linux_drm_syncobj_surface_v1_destroy(w.explicit);
	w.explicit = NULL;
	ck_assert(client_sync(&w.client));
	check_points(&w, &points);
	world_finish(&w);
}

TEST(the_surface_may_go_first)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 1, 1, &points);
	set_acquire(&w, 0, 2);
	wl_surface_destroy(w.surface);
	w.surface = NULL;
	ck_assert(client_sync(&w.client));
	check_points(&w, &points);
	/* inert, but no error */
	wp_linux_drm_syncobj_surface_v1_destroy(w.explicit);
	w.explicit = NULL;
	ck_assert(client_sync(&w.client));
	world_finish(&w);
}

TEST(the_manager_may_go_first)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	wp_linux_drm_syncobj_manager_v1_destroy(w.manager);
	w.manager = NULL;
	ck_assert(client_sync(&w.client));
	commit_good(&w, 1, 1, &points);
	check_points(&w, &points);
	world_finish(&w);
}

TEST(the_global_may_go_first)
{
	struct world w;
	struct waybuf_syncobj_points points;
	int fd = -1;
	world_init(&w);
	waybuf_server_syncobj_destroy(w.global);
	w.global = NULL;
	/* even new objects can be made of what is bound */
	wp_linux_drm_syncobj_timeline_v1_destroy(w.timeline[1]);
	ck_assert_int_eq(waybuf_syncobj_export(w.syncobj[1], &fd), 0);
	w.timeline[1] = wp_linux_drm_syncobj_manager_v1_import_timeline(w.manager, fd);
	close(fd);
	commit_good(&w, 1, 1, &points);
	check_points(&w, &points);
	world_finish(&w);
}

TEST(the_client_may_die)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 1, 1, &points);
	fixture_server_disconnect(&w.server);
	check_points(&w, &points);
	world_finish(&w);
}

TEST_MAIN("proto-syncobj")
