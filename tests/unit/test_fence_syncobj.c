/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fake/sync.h"
#include "fence/impl.h"
#include "fence/sync_file.h"
#include "fence/syncobj.h"
#include "fence/wait.h"
#include "harness.h"

/* Timeline syncobjs against the fake kernel, with and without points in the sync_file ioctls. */

struct fixture {
	int drm_fd;
	struct waybuf_loop *loop;
	struct waybuf_syncobj_device *device;
	struct waybuf_syncobj *timeline;
};

static void set_up(struct fixture *fixture, bool point_files)
{
	fake_sync_init();
	fake_kernel.point_files = point_files;
	fixture->drm_fd = fake_syncobj_device();
	ck_assert_int_eq(waybuf_loop_create_epoll(&fixture->loop), 0);
	ck_assert_int_eq(waybuf_syncobj_device_create(fixture->drm_fd, &fixture->device), 0);
	ck_assert_int_eq(waybuf_syncobj_create(fixture->device, &fixture->timeline), 0);
}

static void tear_down(struct fixture *fixture)
{
	waybuf_syncobj_unref(fixture->timeline);
	waybuf_syncobj_device_unref(fixture->device);
	waybuf_loop_destroy(fixture->loop);
	close(fixture->drm_fd);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	fake_sync_finish();
}

static void submit(struct fixture *fixture, uint64_t point, int id)
{
	int fd = fake_sync_file(&id, 1);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(waybuf_syncobj_import_point(fixture->timeline, point, fd), 0);
	close(fd);
}

static struct waybuf_fence *fence_at(struct fixture *fixture, uint64_t point)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_eq(waybuf_syncobj_fence(fixture->timeline, point, &fence), 0);
	return fence;
}

struct watcher {
	struct waybuf_fence_wait wait;
	int calls, status;
};

static void called(struct waybuf_fence_wait *wait, int status)
{
	struct watcher *watcher = waybuf_container_of(wait, struct watcher, wait);
	watcher->calls++;
	watcher->status = status;
}

static int watch(struct watcher *watcher, struct waybuf_fence *fence, struct waybuf_loop *loop)
{
	waybuf_fence_wait_init(&watcher->wait);
	return waybuf_fence_wait_add(&watcher->wait, fence, loop, called);
}

TEST(support_is_probed)
{
	fake_sync_init();
	struct waybuf_syncobj_device *device = NULL;
	int drm_fd = fake_syncobj_device();
	fake_kernel.timelines = false;
	ck_assert_int_eq(waybuf_syncobj_device_create(drm_fd, &device), -EOPNOTSUPP);
	fake_kernel.timelines = true;
	fake_kernel.eventfds = false;
	ck_assert_int_eq(waybuf_syncobj_device_create(drm_fd, &device), -EOPNOTSUPP);
	ck_assert_int_eq(waybuf_syncobj_device_create(-1, &device), -EOPNOTSUPP);
	ck_assert_ptr_null(device);
	waybuf_syncobj_device_unref(NULL);
	waybuf_syncobj_unref(NULL);
	close(drm_fd);
	fake_sync_finish();
}

TEST(device_outlives_the_callers_fd)
{
	struct fixture f;
	set_up(&f, true);
	close(f.drm_fd);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 1), 0);
	f.drm_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	tear_down(&f);
}

static void signalled_costs_nothing(bool point_files)
{
	struct fixture f;
	struct watcher watcher = {0};
	set_up(&f, point_files);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 5), 0);
	int fds = harness_count_fds();
	fake_kernel.ioctls = 0;
	struct waybuf_fence *fence = fence_at(&f, 4);
	ck_assert_ptr_eq(fence, waybuf_fence_stub());
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 1);
	ck_assert_int_eq(fake_kernel.ioctls, 1);
	ck_assert_int_eq(harness_count_fds(), fds);
	/* a timeline begins at 0 */
	ck_assert_ptr_eq(fence_at(&f, 0), waybuf_fence_stub());
	tear_down(&f);
}

TEST(signalled_costs_one_ioctl)
{
	signalled_costs_nothing(true);
}

TEST(signalled_costs_one_ioctl_before_points)
{
	signalled_costs_nothing(false);
}

static void pending(bool point_files)
{
	struct fixture f;
	struct watcher watcher = {0};
	set_up(&f, point_files);
	int id = fake_fence();
	submit(&f, 7, id);
	struct waybuf_fence *fence = fence_at(&f, 7);
	ck_assert_int_eq(waybuf_fence_status(fence), 0);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	int fd = -1;
	ck_assert_int_eq(waybuf_fence_to_sync_file(fence, &fd), 0);
	close(fd);
	fake_fence_settle(id, -ETIME, 9);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, -ETIME);
	int error = 0;
	ck_assert_int_eq(waybuf_syncobj_point_error(f.timeline, 7, &error), 0);
	ck_assert_int_eq(error, -ETIME);
	ck_assert_int_eq(waybuf_syncobj_point_error(f.timeline, 8, &error), -EAGAIN);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

TEST(submitted_point_is_a_sync_file)
{
	pending(true);
}

TEST(submitted_point_is_a_sync_file_before_points)
{
	pending(false);
}

static void wait_before_submit(bool point_files)
{
	struct fixture f;
	struct watcher watcher = {0};
	set_up(&f, point_files);
	struct waybuf_fence *fence = fence_at(&f, 3);
	int fd = -1, id = fake_fence();
	uint64_t ns = 0;
	ck_assert_int_eq(waybuf_fence_to_sync_file(fence, &fd), -EAGAIN);
	/* a thousand of them must not cost anything with each vblank */
	int ioctls = fake_kernel.ioctls;
	ck_assert_int_eq(waybuf_fence_set_deadline(fence, 77), 0);
	ck_assert_int_eq(fake_kernel.ioctls, ioctls);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 0), 0);
	/* a lower point does not materialise it */
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 2), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 0), 0);
	submit(&f, 3, id);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	ck_assert_int_eq(watcher.calls, 0);
	ck_assert_int_eq(waybuf_fence_status(fence), 0);
	ck_assert_int_eq(waybuf_fence_set_deadline(fence, 77), 0);
	ck_assert_uint_eq(fake_fence_deadline(id), 77);
	ck_assert_int_eq(waybuf_fence_to_sync_file(fence, &fd), 0);
	close(fd);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 0), 0);
	fake_fence_settle(id, 1, 42);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, 1);
	ck_assert_int_eq(waybuf_fence_timestamp(fence, &ns), 0);
	ck_assert_uint_eq(ns, 42);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 0), 0);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

TEST(unmaterialised_point_becomes_real)
{
	wait_before_submit(true);
}

TEST(unmaterialised_point_becomes_real_before_points)
{
	wait_before_submit(false);
}

/* Nobody else may wait for what nobody has submitted. */
TEST(unmaterialised_point_is_put_nowhere)
{
	struct fixture f;
	int fd = -1;
	set_up(&f, true);
	waybuf_dmabuf_forget_probe();
	int buffer = fake_dmabuf_open(), id = fake_fence();
	struct waybuf_fence *fence = fence_at(&f, 3);
	ck_assert_int_eq(waybuf_fence_to_sync_file(fence, &fd), -EAGAIN);
	ck_assert_int_eq(waybuf_dmabuf_import_fence(buffer, true, fence), -EAGAIN);
	ck_assert_int_eq(fake_dmabuf_count(buffer, true), 0);
	submit(&f, 3, id);
	ck_assert_int_eq(waybuf_dmabuf_import_fence(buffer, true, fence), 0);
	fake_fence_settle(id, 1, 1);
	waybuf_fence_unref(fence);
	close(buffer);
	tear_down(&f);
}

/* A later submission makes the kernel forget that the earlier one failed; the fence has pinned it. */
TEST(error_survives_a_later_submission)
{
	struct fixture f;
	struct watcher watcher = {0};
	set_up(&f, true);
	struct waybuf_fence *fence = fence_at(&f, 3);
	int id = fake_fence(), next = fake_fence(), error = 0;
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	submit(&f, 3, id);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	fake_fence_settle(id, -ECANCELED, 1);
	submit(&f, 4, next);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	ck_assert_int_eq(watcher.status, -ECANCELED);
	ck_assert_int_eq(waybuf_syncobj_point_error(f.timeline, 3, &error), 0);
	ck_assert_int_eq(error, 0);
	fake_fence_settle(next, 1, 1);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

TEST(materialised_and_signalled_at_once)
{
	struct fixture f;
	struct watcher watcher = {0};
	set_up(&f, true);
	struct waybuf_fence *fence = fence_at(&f, 3);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 9), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, 1);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

TEST(unwatched_point_settles_when_asked)
{
	struct fixture f;
	set_up(&f, true);
	struct waybuf_fence *fence = fence_at(&f, 3);
	int fds = harness_count_fds();
	ck_assert_int_eq(waybuf_fence_status(fence), 0);
	ck_assert_int_eq(harness_count_fds(), fds);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 3), 0);
	ck_assert_int_eq(waybuf_fence_status(fence), 1);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

TEST(watching_again_registers_once)
{
	struct fixture f;
	struct watcher watcher = {0};
	set_up(&f, true);
	struct waybuf_fence *fence = fence_at(&f, 3);
	int fds = 0;
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
		waybuf_fence_wait_finish(&watcher.wait);
		if (i == 0)
			fds = harness_count_fds();
		ck_assert_int_eq(harness_count_fds(), fds);
	}
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 3), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	ck_assert_int_eq(watcher.calls, 1);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

/* ---- who pays for what the kernel keeps ---------------------------------------------------------- */

static struct purse {
	uint32_t left, owed, left_over;
	int leaves;
} purse;

static int take_one(void *data)
{
	ck_assert_ptr_eq(data, &purse);
	if (purse.left == 0)
		return -EDQUOT;
	purse.left--;
	purse.owed++;
	return 0;
}

static void give_back(void *data, uint32_t n)
{
	ck_assert_uint_le(n, purse.owed);
	purse.owed -= n;
	purse.left += n;
}

static void note_leave(void *data, uint32_t n)
{
	purse.left_over = n;
	purse.leaves++;
}

static const struct waybuf_syncobj_payer purse_ops = {take_one, give_back, note_leave};

/* Watches the point, and loses interest. */
static int watch_and_leave(struct fixture *f, uint64_t point)
{
	struct watcher watcher = {0};
	struct waybuf_fence *fence = fence_at(f, point);
	int ret = watch(&watcher, fence, f->loop);
	waybuf_fence_wait_finish(&watcher.wait);
	waybuf_fence_unref(fence);
	return ret;
}

TEST(points_that_nobody_reaches_are_paid_for)
{
	struct fixture f;
	uint64_t reached;
	set_up(&f, true);
	purse = (struct purse){.left = 20};
	waybuf_syncobj_set_payer(f.timeline, &purse_ops, &purse);
	for (uint64_t point = 1; point <= 20; point++)
		ck_assert_int_eq(watch_and_leave(&f, point), 0);
	int ioctls = fake_kernel.ioctls, fds = harness_count_fds();
	ck_assert_int_eq(watch_and_leave(&f, 21), -EDQUOT);
	/* asked for, but not watched */
	ck_assert_int_le(fake_kernel.ioctls, ioctls + 3);
	ck_assert_int_eq(harness_count_fds(), fds);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 15), 0);
	ck_assert_int_eq(waybuf_syncobj_query(f.timeline, &reached), 0);
	ck_assert_uint_eq(purse.owed, 5);
	ck_assert_int_eq(watch_and_leave(&f, 21), 0);
	waybuf_syncobj_unref(f.timeline);
	ck_assert_int_eq(purse.leaves, 1);
	ck_assert_uint_eq(purse.left_over, 6);
	ck_assert_uint_eq(purse.owed, 6);
	f.timeline = NULL;
	tear_down(&f);
}

TEST(a_point_that_is_reached_is_not_owed_for)
{
	struct fixture f;
	struct watcher watcher = {0};
	set_up(&f, true);
	purse = (struct purse){.left = 1};
	waybuf_syncobj_set_payer(f.timeline, &purse_ops, &purse);
	struct waybuf_fence *fence = fence_at(&f, 3);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	ck_assert_uint_eq(purse.owed, 1);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 3), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	ck_assert_int_eq(watcher.status, 1);
	waybuf_fence_unref(fence);
	ck_assert_uint_eq(purse.owed, 0);
	/* the first registration stays, if the second fails */
	for (int i = 1; i <= 2; i++) {
		fence = fence_at(&f, 5);
		fake_kernel.fail_in = i + 1;
		fake_kernel.fail_errno = ENOMEM;
		ck_assert_int_eq(watch(&watcher, fence, f.loop), -ENOMEM);
		waybuf_fence_unref(fence);
		ck_assert_uint_eq(purse.owed, (uint32_t)(i - 1));
	}
	tear_down(&f);
	ck_assert_uint_eq(purse.left_over, 1);
}

static void take_all_fds(struct rlimit *old)
{
	struct rlimit limit;
	int lowest = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, old), 0);
	close(lowest);
	limit = *old;
	limit.rlim_cur = (rlim_t)lowest;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* No fd for the eventfd: a failure to register. No fd to pin: it settles, but nobody knows how. */
TEST(without_fds_nothing_looks_signalled)
{
	struct fixture f;
	struct rlimit old;
	struct watcher watcher = {0};
	set_up(&f, true);
	struct waybuf_fence *fence = fence_at(&f, 3);
	take_all_fds(&old);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	take_all_fds(&old);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 3), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, -EMFILE);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

static void put_fences(bool point_files)
{
	struct fixture f;
	set_up(&f, point_files);
	int id = fake_fence(), fd = fake_sync_file(&id, 1);
	struct waybuf_fence *fence = NULL, *software = NULL;
	struct waybuf_timeline *timeline = NULL;
	uint64_t point = 0;
	ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &fence), 0);
	ck_assert_int_eq(waybuf_syncobj_put_fence(f.timeline, 1, waybuf_fence_stub()), 0);
	ck_assert_int_eq(waybuf_syncobj_query(f.timeline, &point), 0);
	ck_assert_uint_eq(point, 1);
	ck_assert_int_eq(waybuf_syncobj_put_fence(f.timeline, 2, fence), 0);
	ck_assert_int_eq(waybuf_timeline_create("cpu", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &software), 0);
	ck_assert_int_eq(waybuf_syncobj_put_fence(f.timeline, 3, software), -EOPNOTSUPP);
	ck_assert_int_eq(waybuf_syncobj_put_fence(f.timeline, 0, fence), -EINVAL);
	ck_assert_int_eq(waybuf_timeline_fail(timeline, 1, -EIO), 0);
	/* lost work has no kernel form, but whoever waits for the release must get it */
	ck_assert_int_eq(waybuf_syncobj_put_fence(f.timeline, 3, software), 0);
	ck_assert_int_eq(waybuf_syncobj_query(f.timeline, &point), 0);
	ck_assert_uint_eq(point, 1);
	fake_fence_settle(id, 1, 1);
	ck_assert_int_eq(waybuf_syncobj_query(f.timeline, &point), 0);
	ck_assert_uint_eq(point, 3);
	waybuf_fence_unref(fence);
	waybuf_fence_unref(software);
	waybuf_timeline_destroy(timeline);
	tear_down(&f);
}

/* What a frame with explicit synchronisation pays for its release. */
TEST(fence_of_a_flip_goes_onto_a_point_by_one_ioctl)
{
	struct fixture f;
	struct waybuf_fence *fence = NULL;
	uint64_t point = 0;
	set_up(&f, true);
	int flip = fake_fence();
	ck_assert_int_eq(waybuf_fence_from_kernel(
				 fake_sync_file(&flip, 1), waybuf_fence_context_alloc(), 1, &fence),
		0);
	int before = fake_kernel.ioctls;
	ck_assert_int_eq(waybuf_syncobj_put_fence(f.timeline, 1, fence), 0);
	ck_assert_int_eq(fake_kernel.ioctls - before, 1);
	fake_fence_settle(flip, 1, 1);
	waybuf_fence_from_kernel_signalled(fence, 1);
	ck_assert_int_eq(waybuf_syncobj_query(f.timeline, &point), 0);
	ck_assert_uint_eq(point, 1);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

TEST(fences_go_onto_points)
{
	put_fences(true);
}

TEST(fences_go_onto_points_before_points)
{
	put_fences(false);
}

TEST(timelines_travel_as_fds)
{
	struct fixture f;
	set_up(&f, true);
	struct waybuf_syncobj *same = NULL, *bad = NULL;
	int fd = -1, other = eventfd(0, EFD_CLOEXEC);
	uint64_t point = 0;
	ck_assert_int_eq(waybuf_syncobj_export(f.timeline, &fd), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(waybuf_syncobj_import(f.device, fd, &same), 0);
	ck_assert_int_eq(waybuf_syncobj_signal(same, 11), 0);
	ck_assert_int_eq(waybuf_syncobj_query(f.timeline, &point), 0);
	ck_assert_uint_eq(point, 11);
	ck_assert_int_eq(waybuf_syncobj_import(f.device, other, &bad), -EINVAL);
	ck_assert_int_eq(waybuf_syncobj_import(f.device, -1, &bad), -EINVAL);
	ck_assert_ptr_null(bad);
	close(fd); /* borrowed by import */
	close(other);
	ck_assert_int_eq(waybuf_syncobj_transfer(f.timeline, 12, same, 99), -EAGAIN);
	waybuf_syncobj_unref(same);
	tear_down(&f);
}

TEST(stub_file_is_signalled)
{
	struct fixture f;
	set_up(&f, true);
	struct waybuf_fence *fence = NULL;
	int fd = -1;
	ck_assert_int_eq(waybuf_syncobj_device_stub(f.device, &fd), 0);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &fence), 0);
	ck_assert_int_eq(waybuf_fence_status(fence), 1);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

/* Every ioctl of these paths fails once. */
static int use_everything(struct fixture *f)
{
	int id = fake_fence(), fd = fake_sync_file(&id, 1), ret, out = -1;
	struct waybuf_syncobj *syncobj = NULL;
	struct waybuf_fence *fence = NULL, *later = NULL;
	struct watcher watcher = {0};
	waybuf_fence_wait_init(&watcher.wait);
	ret = waybuf_syncobj_create(f->device, &syncobj);
	if (ret == 0)
		ret = waybuf_syncobj_import_point(syncobj, 1, fd);
	if (ret == 0)
		ret = waybuf_syncobj_fence(syncobj, 1, &fence);
	if (ret == 0)
		ret = waybuf_syncobj_fence(syncobj, 2, &later);
	if (ret == 0)
		ret = waybuf_fence_wait_add(&watcher.wait, later, f->loop, called);
	if (ret == 0)
		ret = waybuf_fence_to_sync_file(fence, &out);
	if (out >= 0)
		close(out);
	waybuf_fence_wait_finish(&watcher.wait);
	waybuf_fence_unref(fence);
	waybuf_fence_unref(later);
	waybuf_syncobj_unref(syncobj);
	close(fd);
	fake_fence_settle(id, 1, 1);
	return ret;
}

static void sweep(bool point_files)
{
	struct fixture f;
	set_up(&f, point_files);
	int n = 0;
	do {
		int handles = fake_count_handles();
		fake_kernel.fail_in = ++n;
		fake_kernel.fail_errno = ENOMEM;
		int ret = use_everything(&f);
		ck_assert(ret == 0 || ret == -ENOMEM);
		ck_assert_int_eq(fake_count_handles(), handles);
		ck_assert_int_eq(fake_count_sync_files(), 0);
	} while (fake_kernel.fail_in == 0);
	ck_assert_int_gt(n, 8);
	tear_down(&f);
}

TEST(failing_ioctls_leak_nothing)
{
	sweep(true);
}

TEST(failing_ioctls_leak_nothing_before_points)
{
	sweep(false);
}

TEST_MAIN("fence-syncobj")
