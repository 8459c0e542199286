/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include <waybuf/log.h>

#include "fake/sync.h"
#include "fence/impl.h"
#include "fence/wait.h"
#include "syncobj.h"
#include "syncobj_kit.h"

/* When *we* run short of something: the commit loses its content, nobody loses the connection. */

static void fail_next(int nth, int error)
{
	fake_kernel.fail_in = nth;
	fake_kernel.fail_errno = error;
}

/* A third timeline, imported while the kernel has no memory. */
static void import_short(struct world *w)
{
	int fd = -1;
	ck_assert_int_eq(waybuf_syncobj_export(w->syncobj[0], &fd), 0);
	wp_linux_drm_syncobj_timeline_v1_destroy(w->timeline[0]);
	w->timeline[0] = wp_linux_drm_syncobj_manager_v1_import_timeline(w->manager, fd);
	close(fd);
	fail_next(1, ENOMEM);
	ck_assert(client_sync(&w->client));
	ck_assert_int_eq(fake_kernel.fail_in, 0);
}

TEST(an_import_is_tried_again)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	import_short(&w);
	commit_good(&w, 1, 1, &points);
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], 1), 0);
	ck_assert_int_eq(waybuf_fence_status(points.acquire), 1);
	waybuf_syncobj_points_finish(&points);
	world_finish(&w);
}

/* Commits what is set, and takes it over while the @nth ioctl from there fails with @error. */
static void commit_short(struct world *w, int nth, int error, struct waybuf_syncobj_points *points)
{
	wl_surface_attach(w->surface, w->buffer, 0, 0);
	wl_surface_commit(w->surface);
	ck_assert(client_sync(&w->client));
	fail_next(nth, error);
	ck_assert_int_eq(
		waybuf_syncobj_surface_commit(w->server.surface, w->server.committed, points), 0);
}

TEST(an_import_that_fails_again)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	import_short(&w);
	set_acquire(&w, 0, 1);
	set_release(&w, 1, 1);
	commit_short(&w, 1, ENOMEM, &points);
	ck_assert_int_eq(points.error, -ENOMEM);
	ck_assert_ptr_null(points.acquire);
	ck_assert_ptr_nonnull(points.release);
	waybuf_syncobj_points_finish(&points);
	ck_assert_uint_eq(reached(&w, 1), 1);
	/* and the next is as good as ever */
	commit_good(&w, 1, 2, &points);
	waybuf_syncobj_points_finish(&points);
	world_finish(&w);
}

/* 1 is the query, 2 the export that finds it submitted and pending. */
TEST(no_fd_for_the_acquire_point)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	int fd = kernel_make_fence(0);
	ck_assert_int_eq(waybuf_syncobj_import_point(w.syncobj[0], 1, fd), 0);
	close(fd);
	for (int nth = 1; nth <= 2; nth++) {
		set_acquire(&w, 0, 1);
		set_release(&w, 1, (uint64_t)nth);
		commit_short(&w, nth, EMFILE, &points);
		ck_assert_int_eq(points.error, -EMFILE);
		ck_assert_ptr_null(points.acquire);
		waybuf_syncobj_points_finish(&points);
		ck_assert_uint_eq(reached(&w, 1), (uint64_t)nth);
	}
	kernel_signal_fence(0);
	world_finish(&w);
}

/*
 * The fence cannot be put onto the timeline: we wait ourselves. Whichever ioctl on the way fails,
 * the release is neither early nor lost.
 */
TEST(no_memory_for_the_release_point)
{
	struct world w;
	struct waybuf_syncobj_points points;
	struct waybuf_fence *out;
	world_init(&w);
	int submitted = 0;
	for (int nth = 1; nth <= 8; nth++) {
		commit_good(&w, 0, (uint64_t)nth, &points);
		ck_assert_int_eq(waybuf_fence_from_sync_file(kernel_make_fence(0), &out), 0);
		fail_next(nth, ENOMEM);
		waybuf_release_point_unref(points.release, out);
		fail_next(0, 0);
		submitted += is_submitted(&w, 1, (uint64_t)nth);
		client_run(&w.client, 30);
		ck_assert_uint_eq(reached(&w, 1), (uint64_t)nth - 1);
		kernel_signal_fence(0);
		client_run(&w.client, 30);
		ck_assert_uint_eq(reached(&w, 1), (uint64_t)nth);
		waybuf_fence_unref(out);
		waybuf_fence_unref(points.acquire);
	}
	/* at least one of them was the import */
	ck_assert_int_gt(submitted, 0);
	ck_assert_int_lt(submitted, 8);
	world_finish(&w);
}

TEST(signalling_is_tried_again)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 1, 1, &points);
	fail_next(1, ENOMEM);
	waybuf_release_point_unref(points.release, NULL);
	ck_assert_uint_eq(reached(&w, 1), 0);
	client_run(&w.client, 50);
	ck_assert_uint_eq(reached(&w, 1), 1);
	waybuf_fence_unref(points.acquire);
	world_finish(&w);
}

static int refuse_to_watch(struct waybuf_fence *fence, struct waybuf_loop *loop)
{
	return -EMFILE;
}

static void free_fence(struct waybuf_fence *fence)
{
	free(fence);
}

static const struct waybuf_fence_ops unwatchable_ops = {
	.name = "unwatchable", .enable = refuse_to_watch, .release = free_fence};

/* Neither the kernel nor the loop takes the fence: it is asked until it is over. */
TEST(no_way_to_wait_for_a_reader)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	commit_good(&w, 1, 1, &points);
	struct waybuf_fence *fence = calloc(1, sizeof(*fence));
	waybuf_fence_init(fence, &unwatchable_ops, waybuf_fence_context_alloc(), 1);
	waybuf_release_point_unref(points.release, fence);
	client_run(&w.client, 50);
	ck_assert_uint_eq(reached(&w, 1), 0);
	waybuf_fence_settle(fence, 1, 1);
	client_run(&w.client, 50);
	ck_assert_uint_eq(reached(&w, 1), 1);
	waybuf_fence_unref(fence);
	waybuf_fence_unref(points.acquire);
	world_finish(&w);
}

/* A client has its quota refused as often as it likes: nobody's log is to fill. */
static void count_line(enum waybuf_log_level level, const char *text, void *data)
{
	++*(int *)data;
}

/* Two timelines and one commit are allowed. */
TEST(too_many_points)
{
	struct world w;
	struct waybuf_syncobj_points held, refused;
	struct waybuf_limits limits;
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		limits.max[i] = 100;
	limits.max[WAYBUF_RESOURCE_POINTS] = 3;
	world_init_limits(&w, &limits);
	commit_good(&w, 1, 1, &held);
	set_acquire(&w, 0, 1);
	set_release(&w, 0, 2);
	ck_assert_int_eq(commit(&w, true, &refused), 0);
	ck_assert_int_eq(refused.error, -EDQUOT);
	/* nobody will read it */
	ck_assert_ptr_null(refused.release);
	ck_assert_uint_eq(reached(&w, 0), 2);
	waybuf_syncobj_points_finish(&refused);
	waybuf_syncobj_points_finish(&held);
	commit_good(&w, 1, 2, &held);
	waybuf_syncobj_points_finish(&held);
	world_finish(&w);
}

TEST(too_many_timelines)
{
	struct world w;
	struct waybuf_syncobj_points points;
	struct waybuf_limits limits;
	int fd = -1;
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		limits.max[i] = 100;
	limits.max[WAYBUF_RESOURCE_POINTS] = 2;
	world_init_limits(&w, &limits);
	ck_assert_int_eq(waybuf_syncobj_export(w.syncobj[0], &fd), 0);
	int lines = 0;
	waybuf_log_set_handler(count_line, &lines, WAYBUF_LOG_ERROR);
	struct wp_linux_drm_syncobj_timeline_v1 *third =
		wp_linux_drm_syncobj_manager_v1_import_timeline(w.manager, fd);
	close(fd);
	ck_assert(client_sync(&w.client));
	wp_linux_drm_syncobj_timeline_v1_destroy(w.timeline[1]);
	set_release(&w, 0, 2);
	wp_linux_drm_syncobj_surface_v1_set_acquire_point(w.explicit, third, 0, 1);
	ck_assert_int_eq(commit(&w, true, &points), 0);
	waybuf_log_set_handler(NULL, NULL, WAYBUF_LOG_SILENT);
	ck_assert_int_eq(lines, 0);
	ck_assert_int_eq(points.error, -EDQUOT);
	ck_assert_ptr_nonnull(points.release);
	waybuf_syncobj_points_finish(&points);
	w.timeline[1] = third;
	world_finish(&w);
}

/* ---- work that failed before the commit ------------------------------------------------------------ */

static int commit_failed_work(struct world *w, uint64_t point, struct waybuf_syncobj_points *points)
{
	int id = fake_fence(), fd = fake_sync_file(&id, 1);
	ck_assert_int_eq(waybuf_syncobj_import_point(w->syncobj[0], point, fd), 0);
	close(fd);
	fake_fence_settle(id, -ECANCELED, 1);
	set_acquire(w, 0, point);
	set_release(w, 1, point);
	ck_assert_int_eq(commit(w, true, points), 0);
	return points->acquire ? waybuf_fence_status(points->acquire) : 0;
}

TEST(errors_are_seen_where_that_was_asked_for)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	ck_assert_int_eq(commit_failed_work(&w, 1, &points), 1);
	waybuf_syncobj_points_finish(&points);
	w.global->options.check_errors = true;
	int fds = harness_count_fds();
	ck_assert_int_eq(commit_failed_work(&w, 2, &points), -ECANCELED);
	ck_assert_int_eq(points.error, 0);
	ck_assert_int_eq(harness_count_fds(), fds);
	waybuf_syncobj_points_finish(&points);
	/* what has succeeded, and what nobody had to do, is as before */
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], 3), 0);
	for (uint64_t point = 0; point <= 3; point += 3) {
		set_acquire(&w, 0, point);
		set_release(&w, 1, 3 + point);
		ck_assert_int_eq(commit(&w, true, &points), 0);
		ck_assert_int_eq(waybuf_fence_status(points.acquire), 1);
		waybuf_syncobj_points_finish(&points);
	}
	world_finish(&w);
}

TEST(errors_that_cannot_be_seen)
{
	struct world w;
	struct waybuf_syncobj_points points;
	world_init(&w);
	w.global->options.check_errors = true;
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], 1), 0);
	set_acquire(&w, 0, 1);
	set_release(&w, 1, 1);
	/* the query, and the export that tells */
	commit_short(&w, 2, EMFILE, &points);
	ck_assert_int_eq(points.error, -EMFILE);
	ck_assert_ptr_null(points.acquire);
	waybuf_syncobj_points_finish(&points);
	world_finish(&w);
}

/* Commits with an acquire point that nobody has submitted to, watched as the gate does, and dropped. */
static int watch_and_drop(struct world *w, uint64_t acquire)
{
	struct waybuf_syncobj_points points;
	struct waybuf_fence_wait wait;
	set_acquire(w, 0, acquire);
	set_release(w, 1, acquire);
	ck_assert_int_eq(commit(w, true, &points), 0);
	ck_assert_int_eq(points.error, 0);
	waybuf_fence_wait_init(&wait);
	int ret = waybuf_fence_wait_add(&wait, points.acquire, w->server.server->loop, NULL);
	waybuf_fence_wait_finish(&wait);
	waybuf_syncobj_points_finish(&points);
	return ret;
}

/*
 * What the kernel keeps of points that were watched cannot be taken back, so it is the client's
 * until they are reached: two timelines, five points, and one for a release under way.
 */
TEST(points_that_are_never_reached)
{
	struct world w;
	struct waybuf_limits limits;
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		limits.max[i] = 100;
	limits.max[WAYBUF_RESOURCE_POINTS] = 8;
	world_init_limits(&w, &limits);
	ck_assert(client_sync(&w.client));
	struct waybuf_account *account = waybuf_server_client_account(
		w.server.server, wl_resource_get_client(w.server.surface));
	for (uint64_t i = 1; i <= 5; i++)
		ck_assert_int_eq(watch_and_drop(&w, i), 0);
	ck_assert_uint_eq(waybuf_account_used(account, WAYBUF_RESOURCE_POINTS), 7);
	int lines = 0;
	waybuf_log_set_handler(count_line, &lines, WAYBUF_LOG_ERROR);
	ck_assert_int_eq(watch_and_drop(&w, 6), -EDQUOT);
	ck_assert_int_eq(watch_and_drop(&w, 7), -EDQUOT);
	waybuf_log_set_handler(NULL, NULL, WAYBUF_LOG_SILENT);
	ck_assert_int_eq(lines, 0);
	ck_assert_int_eq(waybuf_syncobj_signal(w.syncobj[0], 4), 0);
	ck_assert_int_eq(watch_and_drop(&w, 8), 0);
	ck_assert_uint_eq(waybuf_account_used(account, WAYBUF_RESOURCE_POINTS), 4);
	/* without the timeline nobody can tell, and they are owed for a while longer */
	wp_linux_drm_syncobj_timeline_v1_destroy(w.timeline[0]);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(waybuf_account_used(account, WAYBUF_RESOURCE_POINTS), 3);
	int fd = -1;
	ck_assert_int_eq(waybuf_syncobj_export(w.syncobj[0], &fd), 0);
	w.timeline[0] = wp_linux_drm_syncobj_manager_v1_import_timeline(w.manager, fd);
	close(fd);
	world_finish(&w);
}

TEST_MAIN("proto-syncobj-short")
