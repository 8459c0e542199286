/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fake/sync.h"
#include "fence/impl.h"
#include "fence/sync_file.h"
#include "fence/wait.h"
#include "harness.h"

/* sync_files and implicit fences, against the fake kernel. */

static struct waybuf_fence *import(int fd)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &fence), 0);
	return fence;
}

static struct waybuf_fence *import_one(int id)
{
	return import(fake_sync_file(&id, 1));
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

static struct waybuf_loop *loop_create(void)
{
	struct waybuf_loop *loop = NULL;
	ck_assert_int_eq(waybuf_loop_create_epoll(&loop), 0);
	return loop;
}

TEST(from_sync_file_takes_the_fd)
{
	fake_sync_init();
	int id = fake_fence(), fd = fake_sync_file(&id, 1);
	struct waybuf_fence *fence = import(fd);
	ck_assert_int_ne(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(waybuf_fence_status(fence), 0);
	fake_fence_settle(id, 1, 1234);
	ck_assert_int_eq(waybuf_fence_status(fence), 1);
	uint64_t ns = 0;
	ck_assert_int_eq(waybuf_fence_timestamp(fence, &ns), 0);
	ck_assert_uint_eq(ns, 1234);
	waybuf_fence_unref(fence);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	fake_sync_finish();
}

TEST(from_sync_file_refuses_others_and_closes_them)
{
	fake_sync_init();
	struct waybuf_fence *fence = NULL;
	int eventfd_ = eventfd(0, EFD_CLOEXEC),
	    file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(waybuf_fence_from_sync_file(-1, &fence), -EBADF);
	ck_assert_int_eq(waybuf_fence_from_sync_file(1000, &fence), -EBADF);
	ck_assert_int_eq(waybuf_fence_from_sync_file(eventfd_, &fence), -EINVAL);
	ck_assert_int_eq(waybuf_fence_from_sync_file(file, &fence), -EINVAL);
	ck_assert_int_eq(fcntl(eventfd_, F_GETFD), -1);
	ck_assert_int_eq(fcntl(file, F_GETFD), -1);
	ck_assert_ptr_null(fence);
	fake_sync_finish();
}

TEST(error_is_not_done)
{
	fake_sync_init();
	struct waybuf_loop *loop = loop_create();
	int id = fake_fence();
	struct waybuf_fence *fence = import_one(id);
	struct watcher watcher = {0};
	ck_assert_int_eq(watch(&watcher, fence, loop), 0);
	fake_fence_settle(id, -ECANCELED, 5);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert_int_eq(watcher.status, -ECANCELED);
	ck_assert_int_eq(waybuf_fence_status(fence), -ECANCELED);
	waybuf_fence_unref(fence);
	waybuf_loop_destroy(loop);
	fake_sync_finish();
}

/* The kernel's own sum calls a file failed while parts are running, or done when a part failed. */
TEST(parts_are_judged_one_by_one)
{
	fake_sync_init();
	int ids[12];
	for (int i = 0; i < 12; i++)
		ids[i] = fake_fence();
	struct waybuf_fence *few = import(fake_sync_file(ids, 2));
	struct waybuf_fence *many = import(fake_sync_file(ids, 12));
	fake_fence_settle(ids[0], -ETIME, 20);
	ck_assert_int_eq(waybuf_fence_status(few), 0);
	ck_assert_int_eq(waybuf_fence_status(many), 0);
	fake_fence_settle(ids[1], -EIO, 10);
	ck_assert_int_eq(waybuf_fence_status(few), -EIO);
	for (int i = 2; i < 12; i++)
		fake_fence_settle(ids[i], 1, 30);
	ck_assert_int_eq(waybuf_fence_status(many), -EIO);
	uint64_t ns;
	ck_assert_int_eq(waybuf_fence_timestamp(many, &ns), 0);
	ck_assert_uint_eq(ns, 30);
	waybuf_fence_unref(few);
	waybuf_fence_unref(many);
	fake_sync_finish();
}

TEST(signalled_costs_one_ioctl_and_no_fd)
{
	fake_sync_init();
	struct waybuf_loop *loop = loop_create();
	int id = fake_fence();
	fake_fence_settle(id, 1, 1);
	int fd = fake_sync_file(&id, 1), fds = harness_count_fds();
	struct watcher watcher = {0};
	fake_kernel.ioctls = 0;
	struct waybuf_fence *fence = import(fd);
	ck_assert_int_eq(watch(&watcher, fence, loop), 1);
	ck_assert_int_eq(waybuf_fence_status(fence), 1);
	ck_assert_int_eq(fake_kernel.ioctls, 1);
	ck_assert_int_eq(harness_count_fds(), fds);
	waybuf_fence_unref(fence);
	waybuf_loop_destroy(loop);
	fake_sync_finish();
}

TEST(asking_does_not_call_and_the_loop_still_does)
{
	fake_sync_init();
	struct waybuf_loop *loop = loop_create();
	int id = fake_fence();
	struct waybuf_fence *fence = import_one(id);
	struct watcher first = {0}, second = {0}, late = {0};
	ck_assert_int_eq(watch(&first, fence, loop), 0);
	ck_assert_int_eq(watch(&second, fence, loop), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 0), 0);
	fake_fence_settle(id, 1, 1);
	ck_assert_int_eq(waybuf_fence_status(fence), 1);
	ck_assert_int_eq(watch(&late, fence, loop), 1);
	ck_assert_int_eq(first.calls + second.calls, 0);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert_int_eq(first.calls, 1);
	ck_assert_int_eq(second.calls, 1);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 0), 0);
	ck_assert_int_eq(late.calls, 0);
	waybuf_fence_unref(fence);
	waybuf_loop_destroy(loop);
	fake_sync_finish();
}

static int watch_file(struct watcher *watcher, int fd, struct waybuf_loop *loop)
{
	waybuf_fence_wait_init(&watcher->wait);
	return waybuf_fence_wait_add_sync_file(&watcher->wait, fd, loop, called, &watcher->status);
}

/* The file stays its owner's. */
TEST(waiting_for_a_borrowed_sync_file)
{
	fake_sync_init();
	struct waybuf_loop *loop = loop_create();
	struct watcher watcher = {.calls = 0};
	int id = fake_fence(), fd = fake_sync_file(&id, 1), other = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(watch_file(&watcher, fd, loop), 0);
	fake_fence_settle(id, -EIO, 1);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, -EIO);
	watcher.status = 0;
	ck_assert_int_eq(watch_file(&watcher, fd, loop), 1);
	ck_assert_int_eq(watcher.status, -EIO);
	ck_assert_int_eq(watch_file(&watcher, other, loop), -EINVAL);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(close(other), 0);
	waybuf_loop_destroy(loop);
	fake_sync_finish();
}

TEST(cancel_removes_the_source)
{
	fake_sync_init();
	struct waybuf_loop *loop = loop_create();
	int id = fake_fence();
	struct waybuf_fence *fence = import_one(id);
	struct watcher watcher = {0};
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(watch(&watcher, fence, loop), 0);
		waybuf_fence_wait_finish(&watcher.wait);
	}
	fake_fence_settle(id, 1, 1);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 0), 0);
	ck_assert_int_eq(watcher.calls, 0);
	waybuf_fence_unref(fence);
	waybuf_loop_destroy(loop);
	fake_sync_finish();
}

/* An error would tell others that the work is over, so a failing ioctl must not become one. */
TEST(not_knowing_is_not_settled)
{
	fake_sync_init();
	int id = fake_fence();
	struct waybuf_fence *fence = import_one(id);
	fake_fence_settle(id, 1, 1);
	fake_kernel.fail_in = 1;
	fake_kernel.fail_errno = ENOMEM;
	ck_assert_int_eq(waybuf_fence_status(fence), 0);
	ck_assert_int_eq(waybuf_fence_status(fence), 1);
	waybuf_fence_unref(fence);
	fake_sync_finish();
}

TEST(interrupted_ioctls_are_restarted)
{
	fake_sync_init();
	int id = fake_fence();
	fake_kernel.fail_in = 1;
	fake_kernel.fail_errno = EINTR;
	struct waybuf_fence *fence = import_one(id);
	waybuf_fence_unref(fence);
	fake_sync_finish();
}

struct unwatchable {
	struct waybuf_loop base;
	int adds, fail_at;
	struct waybuf_loop *real;
};

static struct waybuf_source *failing_add_fd(struct waybuf_loop *base, int fd, uint32_t mask,
	waybuf_fd_func_t func, void *data, int *error)
{
	struct unwatchable *loop = waybuf_container_of(base, struct unwatchable, base);
	if (++loop->adds != loop->fail_at)
		return waybuf_loop_add_fd(loop->real, fd, mask, func, data, error);
	*error = -ENOSPC;
	return NULL;
}

/* An array that cannot watch each member is not watched at all, and nothing is left behind. */
TEST(failed_registration_is_an_error)
{
	fake_sync_init();
	static const struct waybuf_loop_ops ops = {.add_fd = failing_add_fd};
	struct unwatchable loop = {.base.ops = &ops, .real = loop_create()};
	int a = fake_fence(), b = fake_fence();
	struct waybuf_fence *parts[] = {import_one(a), import_one(b)}, *all = NULL;
	struct watcher watcher = {0};
	ck_assert_int_eq(waybuf_fence_merge(parts, 2, &all), 0);
	for (int i = 1; i <= 2; i++) {
		loop.adds = 0;
		loop.fail_at = i;
		ck_assert_int_eq(watch(&watcher, all, &loop.base), -ENOSPC);
		ck_assert(!waybuf_fence_wait_pending(&watcher.wait));
		ck_assert_int_eq(waybuf_fence_status(all), 0);
	}
	fake_fence_settle(a, 1, 1);
	fake_fence_settle(b, 1, 1);
	ck_assert_int_eq(waybuf_loop_dispatch(loop.real, 0), 0);
	ck_assert_int_eq(watcher.calls, 0);
	waybuf_fence_unref(parts[0]);
	waybuf_fence_unref(parts[1]);
	waybuf_fence_unref(all);
	waybuf_loop_destroy(loop.real);
	fake_sync_finish();
}

TEST(merge_to_one_sync_file)
{
	fake_sync_init();
	struct waybuf_loop *loop = loop_create();
	int ids[3];
	struct waybuf_fence *parts[3], *all = NULL;
	struct watcher watcher = {0};
	for (int i = 0; i < 3; i++) {
		ids[i] = fake_fence();
		parts[i] = import_one(ids[i]);
	}
	ck_assert_int_eq(waybuf_fence_merge(parts, 3, &all), 0);
	int fd = -1;
	ck_assert_int_eq(waybuf_fence_to_sync_file(all, &fd), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	struct waybuf_fence *sum = import(fd);
	ck_assert_int_eq(watch(&watcher, all, loop), 0);
	fake_fence_settle(ids[1], 1, 1);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert_int_eq(waybuf_fence_status(sum), 0);
	fake_fence_settle(ids[0], 1, 1);
	/* two of three are over: what is left is the third alone */
	ck_assert_int_eq(waybuf_fence_to_sync_file(all, &fd), 0);
	struct waybuf_fence *rest = import(fd);
	fake_fence_settle(ids[2], 1, 1);
	ck_assert_int_eq(waybuf_fence_status(sum), 1);
	ck_assert_int_eq(waybuf_fence_status(rest), 1);
	ck_assert_int_ge(waybuf_loop_dispatch(loop, 1000), 1);
	ck_assert_int_eq(watcher.calls, 1);
	/* settled arrays still have a kernel form */
	ck_assert_int_eq(waybuf_fence_to_sync_file(all, &fd), 0);
	close(fd);
	for (int i = 0; i < 3; i++)
		waybuf_fence_unref(parts[i]);
	waybuf_fence_unref(all);
	waybuf_fence_unref(sum);
	waybuf_fence_unref(rest);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	waybuf_loop_destroy(loop);
	fake_sync_finish();
}

TEST(merge_with_software_has_no_kernel_form)
{
	fake_sync_init();
	struct waybuf_timeline *timeline = NULL;
	int id = fake_fence(), fd = -1;
	struct waybuf_fence *parts[2] = {import_one(id)}, *all = NULL;
	ck_assert_int_eq(waybuf_timeline_create("cpu", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &parts[1]), 0);
	ck_assert_int_eq(waybuf_fence_merge(parts, 2, &all), 0);
	ck_assert_int_eq(waybuf_fence_to_sync_file(all, &fd), -EOPNOTSUPP);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(waybuf_timeline_signal(timeline, 1), 0);
	ck_assert_int_eq(waybuf_fence_to_sync_file(all, &fd), 0);
	close(fd);
	waybuf_fence_unref(parts[0]);
	waybuf_fence_unref(parts[1]);
	waybuf_fence_unref(all);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	waybuf_timeline_destroy(timeline);
	fake_sync_finish();
}

TEST(deadline_reaches_every_part)
{
	fake_sync_init();
	int a = fake_fence(), b = fake_fence();
	struct waybuf_fence *parts[] = {import_one(a), import_one(b)}, *all = NULL;
	ck_assert_int_eq(waybuf_fence_merge(parts, 2, &all), 0);
	ck_assert_int_eq(waybuf_fence_set_deadline(all, 2000), 0);
	ck_assert_int_eq(waybuf_fence_set_deadline(parts[0], 1000), 0);
	ck_assert_uint_eq(fake_fence_deadline(a), 1000);
	ck_assert_uint_eq(fake_fence_deadline(b), 2000);
	ck_assert_int_eq(waybuf_fence_set_deadline(waybuf_fence_stub(), 1), 0);
	fake_kernel.deadlines = false;
	ck_assert_int_eq(waybuf_fence_set_deadline(all, 1), -EOPNOTSUPP);
	waybuf_fence_unref(parts[0]);
	waybuf_fence_unref(parts[1]);
	waybuf_fence_unref(all);
	fake_sync_finish();
}

TEST(implicit_fences_go_both_ways)
{
	fake_sync_init();
	waybuf_dmabuf_forget_probe();
	int writer = fake_fence(), reader = fake_fence(), mine = fake_fence();
	int buffer = fake_dmabuf_open();
	struct waybuf_fence *before_read = NULL, *before_write = NULL, *idle = NULL;
	fake_dmabuf_add(buffer, true, writer);
	fake_dmabuf_add(buffer, false, reader);
	ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, false, &before_read), 0);
	ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, true, &before_write), 0);
	fake_fence_settle(writer, 1, 1);
	ck_assert_int_eq(waybuf_fence_status(before_read), 1);
	ck_assert_int_eq(waybuf_fence_status(before_write), 0);
	fake_fence_settle(reader, 1, 1);
	ck_assert_int_eq(waybuf_fence_status(before_write), 1);
	ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, true, &idle), 0);
	ck_assert_int_eq(waybuf_fence_status(idle), 1);

	struct waybuf_fence *fence = import_one(mine);
	ck_assert_int_eq(waybuf_dmabuf_import_fence(buffer, false, fence), 0);
	ck_assert_int_eq(fake_dmabuf_count(buffer, false), 1);
	ck_assert_int_eq(waybuf_dmabuf_import_fence(buffer, true, waybuf_fence_stub()), 0);
	ck_assert_int_eq(fake_dmabuf_count(buffer, true), 1);
	struct waybuf_fence *drop[] = {before_read, before_write, idle, fence};
	for (int i = 0; i < 4; i++)
		waybuf_fence_unref(drop[i]);
	close(buffer);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	fake_sync_finish();
}

/* What the kernel lacks is what the caller hears, and nothing has happened. */
TEST(what_the_kernel_lacks_is_passed_on)
{
	static const int errors[] = {EMFILE, ENFILE, ENOMEM};
	fake_sync_init();
	waybuf_dmabuf_forget_probe();
	int ids[] = {fake_fence(), fake_fence()}, buffer = fake_dmabuf_open(), fd = -1;
	struct waybuf_fence *parts[] = {import_one(ids[0]), import_one(ids[1])}, *all, *out = NULL;
	ck_assert_int_eq(waybuf_fence_merge(parts, 2, &all), 0);
	for (int i = 0; i < 3; i++) {
		fake_kernel.fail_errno = errors[i];
		fake_kernel.fail_in = 1;
		ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, true, &out), -errors[i]);
		fake_kernel.fail_in = 1;
		ck_assert_int_eq(waybuf_dmabuf_import_fence(buffer, true, parts[0]), -errors[i]);
		/* the status of each part is asked before */
		int ret = 0;
		for (int n = 3; n > 0 && ret == 0; n--) {
			fake_kernel.fail_in = n;
			ret = waybuf_fence_to_sync_file(all, &fd);
			if (ret == 0)
				close(fd);
		}
		ck_assert_int_eq(ret, -errors[i]);
		fake_kernel.fail_in = 0;
	}
	ck_assert_ptr_null(out);
	ck_assert_int_eq(fake_dmabuf_count(buffer, true), 0);
	for (int i = 0; i < 2; i++) {
		fake_fence_settle(ids[i], 1, 1);
		waybuf_fence_unref(parts[i]);
	}
	waybuf_fence_unref(all);
	close(buffer);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	fake_sync_finish();
}

static struct waybuf_fence *adopt(int id, uint64_t context, uint64_t seqno)
{
	struct waybuf_fence *fence = NULL;
	ck_assert_int_eq(
		waybuf_fence_from_kernel(fake_sync_file(&id, 1), context, seqno, &fence), 0);
	return fence;
}

/* The way of the out-fence of each flip, so what it costs is counted. */
TEST(fence_of_a_flip_costs_one_ioctl_and_one_fd)
{
	fake_sync_init();
	int flip = fake_fence(), buffer = fake_dmabuf_open(), fd, own;
	uint64_t ns = 0;
	struct waybuf_fence *fence = adopt(flip, waybuf_fence_context_alloc(), 1);
	ck_assert_int_eq(waybuf_dmabuf_import_fence(buffer, false, fence), 0);
	ck_assert_int_eq(fake_dmabuf_count(buffer, false), 1);
	ck_assert_int_eq(fake_kernel.ioctls, 1);
	ck_assert_int_eq(waybuf_fence_lend_sync_file(fence, &fd, &own), 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(own, -1);
	fake_fence_settle(flip, 1, 1234);
	waybuf_fence_from_kernel_signalled(fence, 1234);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(waybuf_fence_status(fence), 1);
	ck_assert_int_eq(waybuf_fence_timestamp(fence, &ns), 0);
	ck_assert_uint_eq(ns, 1234);
	ck_assert_int_eq(waybuf_fence_to_sync_file(fence, &fd), -EOPNOTSUPP);
	ck_assert_int_eq(waybuf_fence_lend_sync_file(fence, &fd, &own), -EOPNOTSUPP);
	ck_assert_int_eq(waybuf_dmabuf_import_fence(buffer, true, fence), 0);
	ck_assert_int_eq(fake_dmabuf_count(buffer, true), 0);
	ck_assert_int_eq(fake_kernel.ioctls, 1);
	waybuf_fence_unref(fence);
	close(buffer);
	fake_sync_finish();
}

TEST(seen_flip_tells_who_waits)
{
	fake_sync_init();
	struct waybuf_loop *loop = loop_create();
	struct watcher watcher = {0};
	int flip = fake_fence();
	struct waybuf_fence *fence = adopt(flip, waybuf_fence_context_alloc(), 1);
	ck_assert_int_eq(watch(&watcher, fence, loop), 0);
	fake_fence_settle(flip, 1, 1);
	waybuf_fence_from_kernel_signalled(fence, 1);
	ck_assert_int_eq(watcher.calls, 1);
	ck_assert_int_eq(watcher.status, 1);
	/* somebody has asked meanwhile: the fd goes all the same */
	waybuf_fence_unref(fence);
	fence = adopt(flip, waybuf_fence_context_alloc(), 2);
	ck_assert_int_eq(waybuf_fence_status(fence), 1);
	waybuf_fence_from_kernel_signalled(fence, 1);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	waybuf_fence_unref(fence);
	ck_assert_int_eq(waybuf_loop_dispatch(loop, 0), 0);
	waybuf_loop_destroy(loop);
	fake_sync_finish();
}

/* Later flips of a display cover earlier ones: no buffer collects their fds. */
TEST(flips_replace_each_other)
{
	fake_sync_init();
	struct waybuf_resv *resv;
	uint64_t context = waybuf_fence_context_alloc();
	ck_assert_int_eq(waybuf_resv_create(&resv), 0);
	for (uint64_t i = 1; i <= 20; i++) {
		struct waybuf_fence *fence = adopt(fake_fence(), context, i);
		ck_assert_int_eq(waybuf_resv_reserve(resv, 1), 0);
		waybuf_resv_add(resv, fence, WAYBUF_RESV_READ);
		waybuf_fence_unref(fence);
		ck_assert_int_eq(fake_count_sync_files(), 1);
	}
	ck_assert_int_eq(fake_kernel.ioctls, 0);
	waybuf_resv_unref(resv);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	fake_sync_finish();
}

TEST(implicit_support_is_probed_by_dmabufs_only)
{
	fake_sync_init();
	waybuf_dmabuf_forget_probe();
	struct waybuf_fence *fence = NULL;
	int buffer = fake_dmabuf_open(), other = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(waybuf_dmabuf_export_fence(-1, false, &fence), -EBADF);
	ck_assert_int_eq(waybuf_dmabuf_export_fence(other, false, &fence), -EINVAL);
	/* a peer's fd that is no dma-buf has not turned it off */
	ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, false, &fence), 0);
	waybuf_fence_unref(fence);

	fake_kernel.dmabuf_files = false;
	ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, false, &fence), -EOPNOTSUPP);
	fake_kernel.ioctls = 0;
	ck_assert_int_eq(waybuf_dmabuf_export_fence(buffer, true, &fence), -EOPNOTSUPP);
	ck_assert_int_eq(fake_kernel.ioctls, 0);
	waybuf_dmabuf_forget_probe();
	close(buffer);
	close(other);
	fake_sync_finish();
}

/* Every path that makes fds, with room for 0, 1, 2 ... more: it fails cleanly or succeeds. */
static int use_all_fds(int merged_of, int buffer)
{
	int ids[8], made = 0, ret = 0, out = -1;
	struct waybuf_fence *parts[8] = {0}, *all = NULL, *exported = NULL;
	for (int i = 0; i < merged_of && ret == 0; i++, made++) {
		ids[i] = fake_fence();
		int fd = fake_sync_file(&ids[i], 1);
		ret = fd < 0 ? -errno : waybuf_fence_from_sync_file(fd, &parts[i]);
	}
	if (ret == 0)
		ret = waybuf_fence_merge(parts, (size_t)merged_of, &all);
	if (ret == 0)
		ret = waybuf_fence_to_sync_file(all, &out);
	if (ret == 0)
		ret = waybuf_dmabuf_import_fence(buffer, false, all);
	if (ret == 0)
		ret = waybuf_dmabuf_export_fence(buffer, true, &exported);
	if (out >= 0)
		close(out);
	for (int i = 0; i < made; i++)
		fake_fence_settle(ids[i], 1, 1);
	for (int i = 0; i < merged_of; i++)
		waybuf_fence_unref(parts[i]);
	waybuf_fence_unref(all);
	waybuf_fence_unref(exported);
	return ret;
}

TEST(running_out_of_fds_leaks_nothing)
{
	fake_sync_init();
	waybuf_dmabuf_forget_probe();
	int buffer = fake_dmabuf_open(), failures = 0, ret = -1;
	int before = harness_count_fds();
	struct rlimit limit, old;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (int room = 0; room < 64 && ret < 0; room++) {
		limit = old;
		limit.rlim_cur = (rlim_t)(buffer + 1 + room);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ret = use_all_fds(5, buffer);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
		ck_assert(ret == 0 || ret == -EMFILE);
		failures += ret < 0;
		ck_assert_int_eq(fake_count_sync_files(), 0);
		ck_assert_int_eq(harness_count_fds(), before);
	}
	ck_assert_int_eq(ret, 0);
	ck_assert_int_gt(failures, 5);
	close(buffer);
	fake_sync_finish();
}

/* The same with every ioctl failing in turn. */
TEST(failing_ioctls_leak_nothing)
{
	fake_sync_init();
	waybuf_dmabuf_forget_probe();
	int buffer = fake_dmabuf_open(), ret = -1, n = 0;
	int before = harness_count_fds();
	while (ret < 0 && n < 100) {
		fake_kernel.fail_in = ++n;
		fake_kernel.fail_errno = ENOMEM;
		ret = use_all_fds(3, buffer);
		/* status is the one that may fail without anybody noticing */
		ret = fake_kernel.fail_in > 0 ? 0 : -1;
		ck_assert_int_eq(fake_count_sync_files(), 0);
		ck_assert_int_eq(harness_count_fds(), before);
	}
	ck_assert_int_eq(ret, 0);
	ck_assert_int_gt(n, 8);
	close(buffer);
	fake_sync_finish();
}

TEST_MAIN("fence-kernel")
