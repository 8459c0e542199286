/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fence/impl.h"
#include "fence/wait.h"
#include "harness.h"
#include "sw_sync.h"
#include "util/clock.h"

/* sync_files and implicit fences on a real kernel; the fences settle when the test says so. */

static int open_timeline(void)
{
	int timeline = sw_sync_open();
	if (timeline < 0)
		SKIP("no sw_sync: %s", strerror(-timeline));
	return timeline;
}

static struct waybuf_fence *import(int fd)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &fence), 0);
	return fence;
}

static struct waybuf_loop *loop_create(void)
{
	struct waybuf_loop *loop = NULL;
	ck_assert_int_eq(waybuf_loop_create_epoll(&loop), 0);
	return loop;
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

TEST(signals_with_its_time)
{
	int timeline = open_timeline();
	struct waybuf_loop *loop = loop_create();
	struct waybuf_fence *fence = import(sw_sync_fence(timeline, 1));
	struct watcher watcher = {0}, late = {0};
	uint64_t ns = 0;
	ck_assert_int_eq(waybuf_fence_status(fence), 0);
	ck_assert_int_eq(watch(&watcher, fence, loop), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 20), 0);
	uint64_t before = clock_now_ns();
	ck_assert_int_eq(sw_sync_advance(timeline, 1), 0);
	uint64_t after = clock_now_ns();
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, 1);
	ck_assert_int_eq(waybuf_fence_timestamp(fence, &ns), 0);
	ck_assert_uint_ge(ns, before);
	ck_assert_uint_le(ns, after);
	ck_assert_int_eq(watch(&late, fence, loop), 1);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 20), 0);
	waybuf_fence_unref(fence);
	waybuf_loop_destroy(loop);
	close(timeline);
}

TEST(closed_timeline_is_an_error)
{
	int timeline = open_timeline();
	struct waybuf_loop *loop = loop_create();
	struct waybuf_fence *fence = import(sw_sync_fence(timeline, 1));
	struct watcher watcher = {0};
	ck_assert_int_eq(watch(&watcher, fence, loop), 0);
	close(timeline);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert_int_eq(watcher.status, -ENOENT);
	waybuf_fence_unref(fence);
	waybuf_loop_destroy(loop);
}

TEST(merged_by_the_kernel)
{
	int a = open_timeline(), b = open_timeline(), fd = -1;
	struct waybuf_loop *loop = loop_create();
	struct waybuf_fence *parts[] = {import(sw_sync_fence(a, 1)), import(sw_sync_fence(a, 3)),
		import(sw_sync_fence(b, 1))};
	struct waybuf_fence *all = NULL;
	struct watcher ours = {0}, theirs = {0};
	ck_assert_int_eq(waybuf_fence_merge(parts, 3, &all), 0);
	ck_assert_int_eq(waybuf_fence_to_sync_file(all, &fd), 0);
	struct waybuf_fence *sum = import(fd);
	ck_assert_int_eq(watch(&ours, all, loop), 0);
	ck_assert_int_eq(watch(&theirs, sum, loop), 0);
	ck_assert_int_eq(sw_sync_advance(b, 1), 0);
	ck_assert_int_eq(sw_sync_advance(a, 2), 0);
	while (waybuf_loop_dispatch(loop, 20) > 0)
		;
	ck_assert_int_eq(ours.calls + theirs.calls, 0);
	ck_assert_int_eq(waybuf_fence_status(sum), 0);
	ck_assert_int_eq(sw_sync_advance(a, 1), 0);
	while (waybuf_loop_dispatch(loop, 100) > 0)
		;
	ck_assert_int_eq(ours.calls, 1);
	ck_assert_int_eq(theirs.calls, 1);
	for (int i = 0; i < 3; i++)
		waybuf_fence_unref(parts[i]);
	waybuf_fence_unref(all);
	waybuf_fence_unref(sum);
	waybuf_loop_destroy(loop);
	close(a);
	close(b);
}

/* More parts than fit into the first question, one of which fails. */
TEST(many_parts_are_judged_one_by_one)
{
	enum { PARTS = 12 };
	int timelines[PARTS], fd = -1;
	struct waybuf_fence *parts[PARTS], *all = NULL;
	for (int i = 0; i < PARTS; i++) {
		timelines[i] = open_timeline();
		parts[i] = import(sw_sync_fence(timelines[i], 1));
	}
	ck_assert_int_eq(waybuf_fence_merge(parts, PARTS, &all), 0);
	ck_assert_int_eq(waybuf_fence_to_sync_file(all, &fd), 0);
	struct waybuf_fence *sum = import(fd);
	close(timelines[5]);
	ck_assert_int_eq(waybuf_fence_status(sum), 0);
	for (int i = 0; i < PARTS; i++)
		if (i != 5)
			ck_assert_int_eq(sw_sync_advance(timelines[i], 1), 0);
	ck_assert_int_eq(waybuf_fence_status(sum), -ENOENT);
	ck_assert_int_eq(waybuf_fence_status(all), -ENOENT);
	for (int i = 0; i < PARTS; i++) {
		waybuf_fence_unref(parts[i]);
		if (i != 5)
			close(timelines[i]);
	}
	waybuf_fence_unref(all);
	waybuf_fence_unref(sum);
}

TEST(deadline_arrives)
{
	int timeline = open_timeline(), fd = sw_sync_fence(timeline, 1);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct waybuf_fence *fence = import(fd);
	uint64_t ns = 0, wanted = clock_now_ns() + 5000000;
	int ret = waybuf_fence_set_deadline(fence, wanted);
	if (ret != -EOPNOTSUPP) { /* before Linux 6.6 */
		ck_assert_int_eq(ret, 0);
		ck_assert_int_eq(sw_sync_deadline(timeline, copy, &ns), 0);
		ck_assert_uint_eq(ns, wanted);
	}
	waybuf_fence_unref(fence);
	close(copy);
	close(timeline);
}

TEST(other_fds_are_refused)
{
	static const char *const paths[] = {"/dev/null", "/dev/zero", "/dev/dri/card0",
		"/dev/udmabuf", "/proc/self/stat", "/sys/kernel/debug/sync/sw_sync"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct waybuf_fence *fence = NULL;
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &fence), -EINVAL);
	}
}

static int udmabuf(void)
{
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0)
		SKIP("no /dev/udmabuf: %s", strerror(errno));
	int memfd = memfd_create("fence-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(memfd, 0);
	ck_assert_int_eq(ftruncate(memfd, 4096), 0);
	ck_assert_int_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = 4096,
	};
	int fd = ioctl(device, UDMABUF_CREATE, &create);
	ck_assert_int_ge(fd, 0);
	close(memfd);
	close(device);
	return fd;
}

TEST(implicit_fences_go_both_ways)
{
	int timeline = open_timeline(), buffer = udmabuf();
	struct waybuf_loop *loop = loop_create();
	struct waybuf_fence *write = import(sw_sync_fence(timeline, 1));
	struct waybuf_fence *read = import(sw_sync_fence(timeline, 2));
	struct waybuf_fence *idle = NULL, *before_read = NULL, *before_write = NULL;
	struct watcher watcher = {0};
	ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, true, &idle), 0);
	ck_assert_int_eq(waybuf_fence_status(idle), 1);
	ck_assert_int_eq(waybuf_dmabuf_import_fence(buffer, true, write), 0);
	ck_assert_int_eq(waybuf_dmabuf_import_fence(buffer, false, read), 0);
	ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, false, &before_read), 0);
	ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, true, &before_write), 0);
	ck_assert_int_eq(watch(&watcher, before_write, loop), 0);
	ck_assert_int_eq(sw_sync_advance(timeline, 1), 0);
	ck_assert_int_eq(waybuf_fence_status(before_read), 1);
	ck_assert_int_eq(waybuf_fence_status(before_write), 0);
	ck_assert_int_eq(sw_sync_advance(timeline, 1), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert_int_eq(watcher.status, 1);
	struct waybuf_fence *drop[] = {write, read, idle, before_read, before_write};
	for (int i = 0; i < 5; i++)
		waybuf_fence_unref(drop[i]);
	waybuf_loop_destroy(loop);
	close(buffer);
	close(timeline);
}

static int use_fds(int timeline, int buffer)
{
	struct waybuf_fence *parts[4] = {0}, *all = NULL, *exported = NULL;
	int ret = 0, out = -1;
	for (int i = 0; i < 4 && ret == 0; i++) {
		int fd = sw_sync_fence(timeline, 1);
		ret = fd < 0 ? fd : waybuf_fence_from_sync_file(fd, &parts[i]);
	}
	if (ret == 0)
		ret = waybuf_fence_merge(parts, 4, &all);
	if (ret == 0)
		ret = waybuf_fence_to_sync_file(all, &out);
	if (ret == 0)
		ret = waybuf_dmabuf_import_fence(buffer, false, all);
	if (ret == 0)
		ret = waybuf_dmabuf_export_fence(buffer, true, &exported);
	if (out >= 0)
		close(out);
	for (int i = 0; i < 4; i++)
		waybuf_fence_unref(parts[i]);
	waybuf_fence_unref(all);
	waybuf_fence_unref(exported);
	return ret;
}

TEST(running_out_of_fds_leaks_nothing)
{
	int timeline = open_timeline(), buffer = udmabuf(), ret = -1, failures = 0;
	int before = harness_count_fds();
	struct rlimit old;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (int room = 0; room < 32 && ret < 0; room++) {
		struct rlimit limit = {(rlim_t)(buffer + 1 + room), old.rlim_max};
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ret = use_fds(timeline, buffer);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
		ck_assert(ret == 0 || ret == -EMFILE);
		failures += ret < 0;
		ck_assert_int_eq(harness_count_fds(), before);
	}
	ck_assert_int_eq(ret, 0);
	ck_assert_int_gt(failures, 3);
	close(buffer);
	close(timeline);
}

TEST_MAIN("sync-file")
