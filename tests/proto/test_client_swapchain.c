/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "client_fixture.h"
#include "client_surface.h"
#include "fake/sync.h"
#include "fence/impl.h"
#include "fence/syncobj.h"
#include "waybuf-allocator-v1-server-protocol.h"

/* The three ways that fences take with a swapchain, on servers that offer more or less. */
enum {
	OURS = WAYBUF_ALLOCATOR_V1_CAPABILITY_INTEGRATED,
	FILES = WAYBUF_ALLOCATOR_V1_CAPABILITY_SYNC_FILE,
};

static struct fixture fixture;
static int drm_fd;

static int make_dmabuf(uint64_t size)
{
	int fd = fake_dmabuf_open();
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void set_up_version(uint32_t capabilities, bool has_syncobj, uint32_t dmabuf_version)
{
	fake_sync_init();
	waybuf_dmabuf_forget_probe();
	fake_init(&fixture.server);
	fixture.server.capabilities = capabilities;
	fixture.server.has_dmabuf = true;
	fixture.server.dmabuf_version = dmabuf_version;
	fixture.server.has_shm = dmabuf_version;
	fixture.server.has_syncobj = has_syncobj;
	fixture.server.layout.kind = WAYBUF_BUFFER_V1_MEMORY_KIND_DMABUF;
	fixture.server.make_memory = make_dmabuf;
	drm_fd = fake_syncobj_device();
	fixture_start(&fixture);
}

static void set_up(uint32_t capabilities, bool has_syncobj)
{
	set_up_version(capabilities, has_syncobj, 0);
}

static void tear_down(void)
{
	fixture_finish(&fixture);
	close(drm_fd);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	fake_sync_finish();
}

static struct waybuf_client_swapchain *make_chain(int fd)
{
	const struct waybuf_client_swapchain_options options = {
		.pool = {.width = 64, .height = 32, .count = 2, .name = "test"},
		.surface = fixture.surface,
		.drm_fd = fd,
	};
	struct waybuf_client_swapchain *chain = NULL;
	ck_client_ok(&fixture, waybuf_client_swapchain_create(fixture.client, &options, &chain));
	return chain;
}

static struct waybuf_client_buffer *acquire(struct waybuf_client_swapchain *chain, int *fence)
{
	struct waybuf_client_buffer *buffer = NULL;
	ck_client_ok(&fixture, waybuf_client_swapchain_acquire(chain, 5000, &buffer, fence));
	return buffer;
}

static int status_of(int fence)
{
	int status = 0;
	uint64_t ns;
	ck_assert_int_eq(waybuf_sync_file_info(fence, &status, &ns), 0);
	return status;
}

/* What the compositor makes of the n-th timeline that it was sent; a device of its own. */
struct timeline {
	struct waybuf_syncobj_device *device;
	struct waybuf_syncobj *syncobj;
};

static void get_timeline(struct fake_server *server, void *data)
{
	int *n = data;
	*n = fcntl(server->timelines[*n], F_DUPFD_CLOEXEC, 0);
}

static struct timeline timeline_open(int n)
{
	struct timeline timeline;
	int fd = n;
	fixture_heard(&fixture);
	fake_call(&fixture.server, get_timeline, &fd);
	ck_assert_int_eq(waybuf_syncobj_device_create(drm_fd, &timeline.device), 0);
	ck_assert_int_eq(waybuf_syncobj_import(timeline.device, fd, &timeline.syncobj), 0);
	close(fd);
	return timeline;
}

static void timeline_close(struct timeline *timeline)
{
	waybuf_syncobj_unref(timeline->syncobj);
	waybuf_syncobj_device_unref(timeline->device);
}

static uint64_t reached(const struct timeline *timeline)
{
	uint64_t point;
	ck_assert_int_eq(waybuf_syncobj_query(timeline->syncobj, &point), 0);
	return point;
}

/* ---- points -------------------------------------------------------------------------------- */

static void give_fence(struct fake_server *server, void *data)
{
	server->fence = *(int *)data;
}

TEST(points_on_our_server)
{
	set_up(OURS | FILES, true);
	struct waybuf_client_swapchain *chain = make_chain(drm_fd);
	ck_assert_int_eq(waybuf_client_swapchain_get_fences(chain), WAYBUF_CLIENT_FENCES_POINTS);
	int fence, work = fake_fence(), display = fake_fence();
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	ck_assert_int_eq(fence, -1);
	fixture_heard(&fixture);
	int display_file = fake_sync_file(&display, 1);
	fake_call(&fixture.server, give_fence, &display_file);
	ck_client_ok(
		&fixture, waybuf_client_swapchain_submit(chain, buffer, fake_sync_file(&work, 1)));
	/* other participants learn of the fence through the allocator */
	ck_assert_str_eq(fixture_heard(&fixture),
		"acquire0:1 release1:1 fence unmap0 damage surface-commit map0 ");
	struct timeline acquired = timeline_open(0);
	ck_assert_uint_eq(reached(&acquired), 0);
	fake_fence_settle(work, 1, 1);
	ck_assert_uint_eq(reached(&acquired), 1);
	/* the second image is granted with a fence of the display's */
	buffer = acquire(chain, &fence);
	ck_assert_uint_eq(waybuf_client_buffer_get_index(buffer), 1);
	ck_assert_int_eq(status_of(fence), 0);
	fake_fence_settle(display, 1, 1);
	ck_assert_int_eq(status_of(fence), 1);
	close(fence);
	fixture_heard(&fixture);
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, -1));
	ck_assert_str_eq(fixture_heard(&fixture),
		"acquire0:2 release2:1 unmap1 damage surface-commit map1 ");
	ck_assert_uint_eq(reached(&acquired), 2);
	timeline_close(&acquired);
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

/* A compositor with points of its own: buffers come back by them, and not by wl_buffer.release. */
TEST(points_on_another_compositor)
{
	set_up(FILES, true);
	struct waybuf_client_swapchain *chain = make_chain(drm_fd);
	ck_assert_int_eq(waybuf_client_swapchain_get_fences(chain), WAYBUF_CLIENT_FENCES_POINTS);
	struct waybuf_client_buffer *buffer = NULL;
	int fence, work = fake_fence(), flip = fake_fence();
	for (int i = 0; i < 2; i++) {
		buffer = acquire(chain, &fence);
		ck_assert_int_eq(fence, -1);
		fixture_heard(&fixture);
		ck_client_ok(&fixture,
			waybuf_client_swapchain_submit(chain, buffer, fake_sync_file(&work, 1)));
	}
	ck_assert_str_eq(fixture_heard(&fixture),
		"add0:0+256 import64x32 acquire0:2 release2:1 damage surface-commit ");
	/* the first one has been released by wl_buffer.release, which says nothing here */
	ck_assert_int_eq(waybuf_client_swapchain_acquire(chain, 50, &buffer, &fence), -ETIMEDOUT);
	struct timeline release = timeline_open(1);
	int file = fake_sync_file(&flip, 1);
	ck_assert_int_eq(waybuf_syncobj_import_point(release.syncobj, 1, file), 0);
	close(file);
	buffer = acquire(chain, &fence);
	ck_assert_uint_eq(waybuf_client_buffer_get_index(buffer), 0);
	/* the display reads it yet, and the GPU can be told to wait */
	ck_assert_int_eq(status_of(fence), 0);
	ck_assert_int_ne(waybuf_client_buffer_get_fence(buffer), fence);
	fake_fence_settle(flip, 1, 1);
	ck_assert_int_eq(status_of(fence), 1);
	close(fence);
	timeline_close(&release);
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

struct later {
	struct waybuf_syncobj *syncobj; /* whose point 1 gets the sync_file; NULL: */
	int file;
	int fence; /* to be settled */
};

static void *do_later(void *data)
{
	struct later *later = data;
	poll(NULL, 0, 30);
	if (later->syncobj)
		waybuf_syncobj_import_point(later->syncobj, 1, later->file);
	else
		fake_fence_settle(later->fence, 1, 1);
	return NULL;
}

/* Nothing comes from the socket, and the display reads on: a fence on the point ends the wait. */
TEST(release_points_wake_who_waits)
{
	set_up(FILES, true);
	struct waybuf_client_swapchain *chain = make_chain(drm_fd);
	int fence;
	for (int i = 0; i < 2; i++)
		ck_client_ok(&fixture,
			waybuf_client_swapchain_submit(chain, acquire(chain, &fence), -1));
	struct timeline release = timeline_open(1);
	int flip = fake_fence();
	struct later later = {.syncobj = release.syncobj, .file = fake_sync_file(&flip, 1)};
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, do_later, &later), 0);
	struct waybuf_client_buffer *buffer = NULL;
	/* a wait that only ends with its time outlasts the test */
	ck_client_ok(&fixture, waybuf_client_swapchain_acquire(chain, 300000, &buffer, &fence));
	ck_assert_uint_eq(waybuf_client_buffer_get_index(buffer), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(status_of(fence), 0);
	close(fence);
	close(later.file);
	timeline_close(&release);
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

/* ---- sync_files ---------------------------------------------------------------------------- */

static void check_files(bool has_syncobj, int fd)
{
	set_up(OURS | FILES, has_syncobj);
	struct waybuf_client_swapchain *chain = make_chain(fd < 0 ? -1 : drm_fd);
	ck_assert_int_eq(waybuf_client_swapchain_get_fences(chain), WAYBUF_CLIENT_FENCES_FILES);
	int fence, work = fake_fence();
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	fixture_heard(&fixture);
	ck_client_ok(
		&fixture, waybuf_client_swapchain_submit(chain, buffer, fake_sync_file(&work, 1)));
	ck_assert_str_eq(fixture_heard(&fixture), "fence unmap0 damage surface-commit map0 ");
	/* work that is over already is nothing to tell */
	fake_fence_settle(work, 1, 1);
	buffer = acquire(chain, &fence);
	fixture_heard(&fixture);
	ck_client_ok(
		&fixture, waybuf_client_swapchain_submit(chain, buffer, fake_sync_file(&work, 1)));
	ck_assert_str_eq(fixture_heard(&fixture), "unmap1 damage surface-commit map1 ");
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

TEST(files_where_no_points_are_offered)
{
	check_files(false, 0);
}

TEST(files_without_a_device)
{
	check_files(true, -1);
}

/* ---- implicit ------------------------------------------------------------------------------ */

struct memory {
	int fd;
	uint32_t index;
};

static void get_memory(struct fake_server *server, void *data)
{
	struct memory *memory = data;
	memory->fd = fcntl(server->buffers[memory->index].memfd, F_DUPFD_CLOEXEC, 0);
}

TEST(implicit_on_another_compositor)
{
	set_up(FILES, false);
	struct waybuf_client_swapchain *chain = make_chain(drm_fd);
	ck_assert_int_eq(waybuf_client_swapchain_get_fences(chain), WAYBUF_CLIENT_FENCES_IMPLICIT);
	int fence, work = fake_fence(), reader = fake_fence();
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	ck_assert_int_eq(fence, -1);
	ck_client_ok(
		&fixture, waybuf_client_swapchain_submit(chain, buffer, fake_sync_file(&work, 1)));
	struct memory memory = {.index = 0};
	fake_call(&fixture.server, get_memory, &memory);
	ck_assert_int_eq(fake_dmabuf_count(memory.fd, true), 1);
	/* the compositor's GPU reads on when it has released the buffer */
	buffer = acquire(chain, &fence);
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, -1));
	fake_fence_settle(work, 1, 1);
	fake_dmabuf_add(memory.fd, false, reader);
	buffer = acquire(chain, &fence);
	ck_assert_uint_eq(waybuf_client_buffer_get_index(buffer), 0);
	ck_assert_int_eq(status_of(fence), 0);
	fake_fence_settle(reader, 1, 1);
	ck_assert_int_eq(status_of(fence), 1);
	close(fence);
	close(memory.fd);
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

/* Nobody can be told of the fence, so what is committed is complete. */
static void check_waited_for(uint32_t capabilities, uint32_t kind)
{
	set_up(capabilities, false);
	fixture.server.layout.kind = kind;
	struct waybuf_client_swapchain *chain = make_chain(-1);
	int fence, work = fake_fence();
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	int file = fake_sync_file(&work, 1), spare = fcntl(file, F_DUPFD_CLOEXEC, 0);
	struct later later = {.fence = work};
	pthread_t thread;
	ck_assert_int_eq(pthread_create(&thread, NULL, do_later, &later), 0);
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, file));
	ck_assert_int_eq(status_of(spare), 1);
	pthread_join(thread, NULL);
	close(spare);
	ck_assert_ptr_null(strstr(fixture_heard(&fixture), "fence"));
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

TEST(waited_for_where_the_server_takes_no_files)
{
	check_waited_for(OURS, WAYBUF_BUFFER_V1_MEMORY_KIND_DMABUF);
}

TEST(waited_for_with_shared_memory)
{
	check_waited_for(OURS | FILES, WAYBUF_BUFFER_V1_MEMORY_KIND_MEMFD);
}

/* ---- the rest ------------------------------------------------------------------------------ */

TEST(what_is_no_fence_is_refused_and_closed)
{
	set_up(OURS | FILES, true);
	struct waybuf_client_swapchain *chain = make_chain(drm_fd);
	int fence, ends[2];
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	close(ends[1]);
	ck_assert_int_eq(waybuf_client_swapchain_submit(chain, buffer, ends[0]), -EINVAL);
	ck_assert_int_eq(fcntl(ends[0], F_GETFD), -1);
	ck_client_says(&fixture, "fence");
	/* it is still the caller's */
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, -1));
	int work = fake_fence();
	ck_assert_int_eq(
		waybuf_client_swapchain_submit(chain, buffer, fake_sync_file(&work, 1)), -EINVAL);
	ck_assert_int_eq(waybuf_client_swapchain_submit(chain, buffer, 9999), -EBADF);
	waybuf_client_swapchain_destroy(chain);
	const struct waybuf_client_swapchain_options options = {
		.pool = {.width = 64, .height = 32}, .drm_fd = -1};
	ck_assert_int_eq(waybuf_client_swapchain_create(fixture.client, &options, &chain), -EINVAL);
	tear_down();
}

/* A timeline that takes no point: nothing was committed. */
TEST(failures_leave_the_image_with_the_caller)
{
	set_up(OURS | FILES, true);
	struct waybuf_client_swapchain *chain = make_chain(drm_fd);
	int fence;
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, -1));
	buffer = acquire(chain, &fence);
	fixture_heard(&fixture);
	for (int n = 1; n < 20; n++) {
		fake_kernel.fail_in = n;
		fake_kernel.fail_errno = ENOMEM;
		int ret = waybuf_client_swapchain_submit(chain, buffer, -1);
		if (ret == 0)
			break;
		ck_assert_int_eq(ret, -ENOMEM);
		ck_assert_ptr_null(strstr(fixture_heard(&fixture), "commit"));
	}
	fake_kernel.fail_in = 0;
	ck_assert_ptr_nonnull(strstr(fixture_heard(&fixture), "acquire0:2 release2:1 unmap1"));
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

/* No fds for the fence that acquire gives: nothing is acquired. */
static void check_acquire_without_fds(int error)
{
	set_up(0, false);
	fixture.server.has_dmabuf = true;
	struct waybuf_client_swapchain *chain = make_chain(-1);
	struct waybuf_client_buffer *buffer = NULL;
	int fence = -1, failures = 0;
	/* each ioctl on the way in turn; until it works */
	for (int n = 1; n < 20 && !buffer; n++) {
		fake_kernel.fail_in = n;
		fake_kernel.fail_errno = error;
		int ret = waybuf_client_swapchain_acquire(chain, 5000, &buffer, &fence);
		fake_kernel.fail_in = 0;
		ck_assert(ret == 0 || ret == -error);
		failures += ret < 0;
	}
	ck_assert_ptr_nonnull(buffer);
	ck_assert_int_gt(failures, 0);
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, -1));
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

TEST(acquire_without_fds)
{
	check_acquire_without_fds(EMFILE);
	check_acquire_without_fds(ENFILE);
}

static void check_points_without_fds(int error)
{
	set_up(OURS | FILES, true);
	struct waybuf_client_swapchain *chain = make_chain(drm_fd);
	int fence, failures = 0, ret = -1;
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	for (int n = 1; n < 20 && ret != 0; n++) {
		fake_kernel.fail_in = n;
		fake_kernel.fail_errno = error;
		ret = waybuf_client_swapchain_submit(chain, buffer, -1);
		fake_kernel.fail_in = 0;
		ck_assert(ret == 0 || ret == -error);
		failures += ret < 0;
	}
	ck_assert_int_eq(ret, 0);
	ck_assert_int_gt(failures, 0);
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

TEST(submit_without_fds)
{
	check_points_without_fds(EMFILE);
	check_points_without_fds(ENFILE);
}

/* What is waited for here is not waited for without end. */
TEST(work_that_never_ends)
{
	set_up(OURS, false);
	struct waybuf_client_swapchain *chain = make_chain(-1);
	int work = fake_fence(), fence;
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	ck_assert_int_eq(
		waybuf_client_swapchain_submit(chain, buffer, fake_sync_file(&work, 1)), -ETIME);
	ck_client_says(&fixture, "did not end");
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, -1));
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

/* A device that fails: the former surface, and its points, stay. */
static void check_surface(int error)
{
	set_up(OURS | FILES, true);
	const struct waybuf_client_swapchain_options options = {
		.pool = {.width = 64, .height = 32}, .surface = fixture.surface, .drm_fd = drm_fd};
	struct waybuf_client_swapchain *chain = NULL;
	int fence, ret = 0, n = 9;
	/* behind what finds out whether it is a device for points */
	fake_kernel.fail_errno = error;
	while (ret == 0 && --n > 0) {
		waybuf_client_swapchain_destroy(chain);
		fake_kernel.fail_in = n;
		ret = waybuf_client_swapchain_create(fixture.client, &options, &chain);
		fake_kernel.fail_in = 0;
	}
	ck_assert_int_eq(ret, -error);
	ck_client_says(&fixture, "points");

	chain = make_chain(drm_fd);
	struct wl_surface *other = client_surface_create(fixture.display);
	fake_kernel.fail_in = n;
	ret = waybuf_client_swapchain_set_surface(chain, other, drm_fd);
	fake_kernel.fail_in = 0;
	ck_assert_int_eq(ret, -error);
	ck_assert_int_eq(waybuf_client_swapchain_set_surface(chain, NULL, drm_fd), -EINVAL);
	ck_assert_int_eq(
		waybuf_client_swapchain_set_surface(chain, fixture.surface, drm_fd), -EINVAL);
	ck_assert_int_eq(waybuf_client_swapchain_get_fences(chain), WAYBUF_CLIENT_FENCES_POINTS);
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, -1));
	waybuf_client_swapchain_destroy(chain);
	client_surface_destroy(other);
	tear_down();
}

TEST(surface_that_cannot_be_had)
{
	check_surface(ENOMEM);
	check_surface(EMFILE);
}

static void check_resize(uint32_t capabilities, bool has_syncobj)
{
	set_up(capabilities, has_syncobj);
	struct waybuf_client_swapchain *chain = make_chain(drm_fd);
	int fence;
	struct waybuf_client_buffer *shown = acquire(chain, &fence), *held;
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, shown, -1));
	held = acquire(chain, &fence);
	ck_client_ok(&fixture, waybuf_client_swapchain_resize(chain, 64, 32));
	/* one of the former size cannot be shown any more; the other one is, for the time being */
	ck_assert_int_eq(waybuf_client_swapchain_submit(chain, held, -1), -EINVAL);
	ck_client_says(&fixture, "resize");
	ck_client_ok(&fixture, waybuf_client_buffer_release(held));
	ck_assert_ptr_null(strstr(fixture_heard(&fixture), "destroy"));
	for (int i = 0; i < 3; i++) {
		ck_client_ok(&fixture, waybuf_client_swapchain_resize(chain, 64, 32));
		struct waybuf_client_buffer *buffer = acquire(chain, &fence);
		ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, -1));
		fixture_heard(&fixture);
	}
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

TEST(resize_with_points)
{
	check_resize(OURS | FILES, true);
}

TEST(resize_elsewhere)
{
	check_resize(FILES, false);
}

/* ---- another list -------------------------------------------------------------------------- */

enum { XR24 = 1 << 0, AB24 = 1 << 5 };

static void list(struct fake_server *server, void *data)
{
	server->layout.format =
		*(uint32_t *)data & AB24 ? DRM_FORMAT_ABGR8888 : DRM_FORMAT_XRGB8888;
	fake_send_tranche(server, *(uint32_t *)data);
	fake_send_done(server);
}

/* The first image is shown, and the second one cannot be: the compositor takes other pairs now. */
static struct waybuf_client_swapchain *show_and_change_list(bool has_syncobj, uint32_t pairs)
{
	int fence;
	set_up_version(FILES, has_syncobj, 4);
	struct waybuf_client_swapchain *chain = make_chain(drm_fd);
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, acquire(chain, &fence), -1));
	struct waybuf_client_buffer *second = acquire(chain, &fence);
	fake_call(&fixture.server, list, &pairs);
	fixture_heard(&fixture);
	ck_assert_int_eq(waybuf_client_swapchain_submit(chain, second, -1), -EOPNOTSUPP);
	ck_client_ok(&fixture, waybuf_client_buffer_release(second));
	return chain;
}

/* Its release point says when the one that is shown may go, as before. */
TEST(the_list_changes_with_points)
{
	int fence;
	struct waybuf_client_swapchain *chain = show_and_change_list(true, AB24);
	struct timeline release = timeline_open(1);
	for (int i = 0; i < 2; i++)
		ck_client_ok(&fixture,
			waybuf_client_swapchain_submit(chain, acquire(chain, &fence), -1));
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 3);
	ck_assert_int_eq(waybuf_syncobj_signal(release.syncobj, 1), 0);
	struct waybuf_client_buffer *none;
	ck_assert_int_eq(waybuf_client_swapchain_acquire(chain, 0, &none, &fence), -EAGAIN);
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 2);
	timeline_close(&release);
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

/* The next images go through wl_shm, and the point of the one that is shown counts all the same. */
TEST(the_list_ends_with_points)
{
	int fence;
	struct waybuf_client_swapchain *chain = show_and_change_list(true, 0);
	struct timeline release = timeline_open(1);
	ck_client_ok(&fixture, waybuf_client_buffer_release(acquire(chain, &fence)));
	ck_assert_int_eq(waybuf_client_swapchain_get_fences(chain), WAYBUF_CLIENT_FENCES_IMPLICIT);
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 1);
	ck_assert_int_eq(waybuf_syncobj_signal(release.syncobj, 1), 0);
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, acquire(chain, &fence), -1));
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 0);
	timeline_close(&release);
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

/* What is from before a change is from before a resize as well. */
TEST(the_list_changes_before_a_resize)
{
	int fence;
	struct waybuf_client_swapchain *chain = show_and_change_list(false, AB24);
	struct waybuf_client_buffer *buffer = acquire(chain, &fence);
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	for (int i = 0; i < 2; i++)
		ck_client_ok(&fixture, waybuf_client_swapchain_resize(chain, 64, 32));
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 1);
	for (int i = 0; i < 2; i++)
		ck_client_ok(&fixture,
			waybuf_client_swapchain_submit(chain, acquire(chain, &fence), -1));
	acquire(chain, &fence);
	ck_assert_uint_eq(fixture_wl_buffers(&fixture), 2);
	waybuf_client_swapchain_destroy(chain);
	tear_down();
}

TEST_TIMEOUT(40)
TEST_MAIN("client-swapchain")
