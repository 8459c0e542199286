/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "fence/impl.h"
#include "fence/syncobj.h"
#include "fence/wait.h"
#include "harness.h"
#include "sw_sync.h"
#include "util/clock.h"

/* Timeline syncobjs on a real kernel, with fences that settle when the test says so. */

struct fixture {
	int sw_sync;
	struct waybuf_loop *loop;
	struct waybuf_syncobj_device *device;
	struct waybuf_syncobj *timeline;
};

static struct waybuf_syncobj_device *find_device(void)
{
	for (int i = 0; i < 8; i++) {
		char path[32];
		struct waybuf_syncobj_device *device = NULL;
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		int ret = waybuf_syncobj_device_create(fd, &device);
		close(fd);
		if (ret == 0)
			return device;
		ck_assert_int_eq(ret, -EOPNOTSUPP);
	}
	return NULL;
}

static void set_up(struct fixture *fixture)
{
	fixture->device = find_device();
	if (!fixture->device)
		SKIP("no DRM device with timeline syncobjs");
	fixture->sw_sync = sw_sync_open();
	if (fixture->sw_sync < 0)
		SKIP("no sw_sync: %s", strerror(-fixture->sw_sync));
	ck_assert_int_eq(waybuf_loop_create_epoll(&fixture->loop), 0);
	ck_assert_int_eq(waybuf_syncobj_create(fixture->device, &fixture->timeline), 0);
}

static void tear_down(struct fixture *fixture)
{
	waybuf_syncobj_unref(fixture->timeline);
	waybuf_syncobj_device_unref(fixture->device);
	waybuf_loop_destroy(fixture->loop);
	if (fixture->sw_sync >= 0)
		close(fixture->sw_sync);
}

static void submit(struct fixture *fixture, uint64_t point, uint32_t value)
{
	int fd = sw_sync_fence(fixture->sw_sync, value);
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

static void run_loop(struct fixture *fixture)
{
	while (waybuf_loop_dispatch(fixture->loop, 50) > 0)
		;
}

TEST(signalled_costs_no_fd)
{
	struct fixture f;
	struct watcher watcher = {0};
	set_up(&f);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 5), 0);
	int fds = harness_count_fds();
	struct waybuf_fence *fence = fence_at(&f, 5);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 1);
	ck_assert_int_eq(harness_count_fds(), fds);
	ck_assert_int_eq(waybuf_fence_status(fence), 1);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

TEST(pending_point_signals)
{
	struct fixture f;
	struct watcher watcher = {0};
	uint64_t point = 0;
	set_up(&f);
	submit(&f, 7, 1);
	struct waybuf_fence *fence = fence_at(&f, 7);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	run_loop(&f);
	ck_assert_int_eq(watcher.calls, 0);
	ck_assert_int_eq(sw_sync_advance(f.sw_sync, 1), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(f.loop, 1000), 1);
	ck_assert_int_eq(watcher.status, 1);
	ck_assert_int_eq(waybuf_syncobj_query(f.timeline, &point), 0);
	ck_assert_uint_eq(point, 7);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

TEST(wait_before_submit)
{
	struct fixture f;
	struct watcher watcher = {0};
	int fd = -1;
	set_up(&f);
	struct waybuf_fence *fence = fence_at(&f, 3);
	ck_assert_int_eq(waybuf_fence_to_sync_file(fence, &fd), -EAGAIN);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 2), 0);
	run_loop(&f);
	ck_assert_int_eq(watcher.calls, 0);
	submit(&f, 3, 1);
	run_loop(&f);
	ck_assert_int_eq(watcher.calls, 0);
	ck_assert_int_eq(waybuf_fence_set_deadline(fence, clock_now_ns() + 1000000), 0);
	ck_assert_int_eq(waybuf_fence_to_sync_file(fence, &fd), 0);
	close(fd);
	uint64_t before = clock_now_ns(), ns = 0;
	ck_assert_int_eq(sw_sync_advance(f.sw_sync, 1), 0);
	run_loop(&f);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, 1);
	ck_assert_int_eq(waybuf_fence_timestamp(fence, &ns), 0);
	ck_assert_uint_ge(ns, before);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

/* The point fails, and a later submission makes the kernel forget it. */
TEST(error_is_pinned)
{
	struct fixture f;
	struct watcher watcher = {0};
	set_up(&f);
	struct waybuf_fence *fence = fence_at(&f, 3);
	ck_assert_int_eq(watch(&watcher, fence, f.loop), 0);
	submit(&f, 3, 1);
	run_loop(&f);
	ck_assert_int_eq(watcher.calls, 0);
	close(f.sw_sync);
	f.sw_sync = -1;
	ck_assert_int_eq(waybuf_syncobj_signal(f.timeline, 4), 0);
	run_loop(&f);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, -ENOENT);
	waybuf_fence_unref(fence);
	tear_down(&f);
}

TEST(error_of_a_signalled_point)
{
	struct fixture f;
	int error = 0;
	set_up(&f);
	submit(&f, 1, 1);
	ck_assert_int_eq(waybuf_syncobj_point_error(f.timeline, 1, &error), -EAGAIN);
	close(f.sw_sync);
	f.sw_sync = -1;
	ck_assert_int_eq(waybuf_syncobj_point_error(f.timeline, 1, &error), 0);
	ck_assert_int_eq(error, -ENOENT);
	tear_down(&f);
}

/* A release point carries its fence before it signals, so that a GPU could be queued on it. */
TEST(release_point_carries_a_fence)
{
	struct fixture f;
	struct waybuf_syncobj *client = NULL;
	struct waybuf_fence *out = NULL, *release = NULL;
	int fd = -1;
	set_up(&f);
	ck_assert_int_eq(waybuf_syncobj_export(f.timeline, &fd), 0);
	ck_assert_int_eq(waybuf_syncobj_import(f.device, fd, &client), 0);
	close(fd);
	ck_assert_int_eq(waybuf_fence_from_sync_file(sw_sync_fence(f.sw_sync, 1), &out), 0);
	ck_assert_int_eq(waybuf_syncobj_put_fence(f.timeline, 1, out), 0);
	ck_assert_int_eq(waybuf_syncobj_fence(client, 1, &release), 0);
	ck_assert_int_eq(waybuf_fence_to_sync_file(release, &fd), 0);
	close(fd);
	ck_assert_int_eq(waybuf_fence_status(release), 0);
	ck_assert_int_eq(sw_sync_advance(f.sw_sync, 1), 0);
	ck_assert_int_eq(waybuf_fence_status(release), 1);
	uint64_t out_ns, release_ns;
	ck_assert_int_eq(waybuf_fence_timestamp(out, &out_ns), 0);
	ck_assert_int_eq(waybuf_fence_timestamp(release, &release_ns), 0);
	ck_assert_uint_eq(out_ns, release_ns);
	waybuf_fence_unref(out);
	waybuf_fence_unref(release);
	waybuf_syncobj_unref(client);
	tear_down(&f);
}

TEST(transfer_and_stub)
{
	struct fixture f;
	struct waybuf_syncobj *other = NULL;
	struct waybuf_fence *stub = NULL;
	uint64_t point = 0;
	int fd = -1;
	set_up(&f);
	ck_assert_int_eq(waybuf_syncobj_create(f.device, &other), 0);
	ck_assert_int_eq(waybuf_syncobj_transfer(other, 1, f.timeline, 1), -EAGAIN);
	submit(&f, 1, 1);
	ck_assert_int_eq(waybuf_syncobj_transfer(other, 9, f.timeline, 1), 0);
	ck_assert_int_eq(sw_sync_advance(f.sw_sync, 1), 0);
	ck_assert_int_eq(waybuf_syncobj_query(other, &point), 0);
	ck_assert_uint_eq(point, 9);
	ck_assert_int_eq(waybuf_syncobj_device_stub(f.device, &fd), 0);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &stub), 0);
	ck_assert_int_eq(waybuf_fence_status(stub), 1);
	waybuf_fence_unref(stub);
	waybuf_syncobj_unref(other);
	tear_down(&f);
}

TEST(bad_fds_are_the_peers_mistake)
{
	struct fixture f;
	struct waybuf_syncobj *bad = NULL;
	set_up(&f);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), file = sw_sync_fence(f.sw_sync, 1);
	ck_assert_int_eq(waybuf_syncobj_import(f.device, null, &bad), -EINVAL);
	ck_assert_int_eq(waybuf_syncobj_import(f.device, file, &bad), -EINVAL);
	ck_assert_int_eq(waybuf_syncobj_import_point(f.timeline, 1, null), -EINVAL);
	close(null);
	close(file);
	tear_down(&f);
}

TEST_MAIN("syncobj")
