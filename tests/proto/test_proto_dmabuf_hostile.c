/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <drm_fourcc.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "dmabuf_kit.h"
#include "dmabuf_params.h"
#include "util/fd.h"

/*
 * linux-dmabuf and whoever lies about files. What is remembered to make an import cheap must not
 * help: the file system of dma-bufs, whose dma-buf it was, and the limit of fds. Tests that need
 * real dma-bufs skip without them.
 */

#define LINEAR DRM_FORMAT_MOD_LINEAR
#define XR24 DRM_FORMAT_XRGB8888
#define PAGE 4096u

/* ---- what is asked of the kernel ----------------------------------------------------------- */

static unsigned opens, stats, file_systems, limits, seeks;
static bool sizes_are_hidden;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);
int __real_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs);
int __real_getrlimit64(__rlimit_resource_t what, struct rlimit *limit);
int __wrap_getrlimit64(__rlimit_resource_t what, struct rlimit *limit);
off64_t __real_lseek64(int fd, off64_t offset, int whence);
off64_t __wrap_lseek64(int fd, off64_t offset, int whence);

int __wrap_open64(const char *path, int flags, ...)
{
	opens++;
	return __real_open64(path, flags, 0600);
}

int __wrap_fstat64(int fd, struct stat *st)
{
	stats++;
	int ret = __real_fstat64(fd, st);
	if (sizes_are_hidden)
		st->st_size = 0;
	return ret;
}

int __wrap_fstatfs64(int fd, struct statfs *fs)
{
	file_systems++;
	return __real_fstatfs64(fd, fs);
}

int __wrap_getrlimit64(__rlimit_resource_t what, struct rlimit *limit)
{
	limits++;
	return __real_getrlimit64(what, limit);
}

off64_t __wrap_lseek64(int fd, off64_t offset, int whence)
{
	seeks++;
	return __real_lseek64(fd, offset, whence);
}

/* ---- a client ------------------------------------------------------------------------------ */

struct world {
	struct fixture_server server;
	struct fixture_client client;
};

static void world_init(struct world *w, int import_result)
{
	struct fixture_server_options options = {.import_result = import_result};
	fixture_server_init(&w->server, &options);
	client_init(&w->client, &w->server);
}

static void world_finish(struct world *w)
{
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

/* 256 x 64 pixels of @fd: whether a buffer came of it. It is destroyed at once. */
static bool import(struct world *w, int fd)
{
	struct raw_params params;
	raw_params_create(&w->client, &params);
	raw_params_add(&params, fd, 0, 0, 1024, LINEAR);
	zwp_linux_buffer_params_v1_create(params.proxy, 256, 64, XR24, 0);
	ck_assert(client_sync(&w->client));
	bool created = params.created == 1;
	ck_assert_uint_eq(params.created + params.failed, 1);
	raw_params_destroy(&params);
	ck_assert(client_sync(&w->client));
	return created;
}

static int count_fds(void)
{
	int n = -3;
	DIR *dir = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* ---- files that are none ------------------------------------------------------------------- */

static int open_by_path(int fd)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int other = open(path, O_PATH | O_CLOEXEC);
	ck_assert_int_ge(other, 0);
	return other;
}

static int make_memfd(off_t size, int seals)
{
	int fd = memfd_create("no dma-buf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

enum { N_FILES = 10 };

/* Large enough, where they have a size. eventfd and epoll have no file type, as dma-bufs have none. */
static void open_files(int fds[N_FILES])
{
	int pipes[2], sockets[2];
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	close(pipes[1]);
	close(sockets[1]);
	fds[0] = pipes[0];
	fds[1] = sockets[0];
	fds[2] = eventfd(0, EFD_CLOEXEC);
	fds[3] = epoll_create1(EPOLL_CLOEXEC);
	fds[4] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[5] = open("/", O_PATH | O_CLOEXEC);
	fds[6] = make_memfd(1 << 20, 0);
	fds[7] = make_memfd(1 << 20, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	fds[8] = make_memfd((off_t)1 << 40, F_SEAL_SHRINK);
	fds[9] = open_by_path(fds[7]);
	for (int i = 0; i < N_FILES; i++)
		ck_assert_int_ge(fds[i], 0);
}

static void close_files(int fds[N_FILES])
{
	for (int i = 0; i < N_FILES; i++)
		close(fds[i]);
}

static void expect_refusals(struct world *w)
{
	int fds[N_FILES];
	unsigned imports = w->server.imports;
	open_files(fds);
	for (int i = 0; i < N_FILES; i++)
		ck_assert_msg(!import(w, fds[i]), "file %d was taken", i);
	ck_assert_uint_eq(w->server.imports, imports);
	close_files(fds);
}

TEST(other_files)
{
	struct world w;
	world_init(&w, WAYBUF_IMPORT_KIND);
	expect_refusals(&w);
	world_finish(&w);
}

/* The same once the file system of dma-bufs is known, and a kind. */
TEST(other_files_after_a_good_one)
{
	struct world w;
	int fd = make_dmabuf(16 * PAGE);
	world_init(&w, WAYBUF_IMPORT_KIND);
	for (int i = 0; i < 3; i++)
		ck_assert(import(&w, fd));
	expect_refusals(&w);
	ck_assert(import(&w, fd));
	close(fd);
	world_finish(&w);
}

TEST(other_files_immediately)
{
	for (int i = 0; i < N_FILES; i++) {
		struct world w;
		struct raw_params params;
		int fds[N_FILES];
		world_init(&w, 0);
		open_files(fds);
		raw_params_create(&w.client, &params);
		raw_params_add(&params, fds[i], 0, 0, 1024, LINEAR);
		params.buffer.proxy =
			zwp_linux_buffer_params_v1_create_immed(params.proxy, 256, 64, XR24, 0);
		client_expect_error(
			&w.client, &zwp_linux_buffer_params_v1_interface, DMABUF_INVALID_WL_BUFFER);
		raw_params_destroy(&params);
		close_files(fds);
		world_finish(&w);
	}
}

/*
 * The same file, but nobody can do anything with it. Whoever tries finds out: the host's test for a
 * kind that is new, and after that the first use (daemon-planes). It speaks for nobody.
 */
TEST(a_dmabuf_by_its_path)
{
	struct world w;
	int fd = make_dmabuf(16 * PAGE), path = open_by_path(fd);
	world_init(&w, WAYBUF_IMPORT_KIND);
	for (unsigned i = 0; i < 3; i++) {
		import(&w, path);
		ck_assert_uint_eq(w.server.imports, 1 + i);
	}
	ck_assert(import(&w, fd));
	ck_assert(import(&w, fd));
	for (int i = 0; i < 3; i++)
		ck_assert(import(&w, path));
	ck_assert_uint_eq(w.server.imports, 4);
	close(path);
	close(fd);
	world_finish(&w);
}

/* Two wl_buffers of one client are one buffer if they are one dma-buf, and then by the first fd. */
TEST(a_dmabuf_by_its_path_is_what_it_names)
{
	struct world w;
	struct raw_params good;
	int fd = make_dmabuf(16 * PAGE), path = open_by_path(fd);
	world_init(&w, 0);
	raw_params_create(&w.client, &good);
	raw_params_add(&good, fd, 0, 0, 1024, LINEAR);
	zwp_linux_buffer_params_v1_create(good.proxy, 256, 64, XR24, 0);
	ck_assert(client_sync(&w.client));
	int before = count_fds();
	ck_assert(import(&w, path));
	ck_assert_int_eq(count_fds(), before);
	raw_params_destroy(&good);
	close(path);
	close(fd);
	world_finish(&w);
}

TEST(a_dmabuf_without_a_size)
{
	struct world w;
	int fd = make_dmabuf(16 * PAGE);
	world_init(&w, WAYBUF_IMPORT_KIND);
	sizes_are_hidden = true;
	ck_assert(!import(&w, fd));
	sizes_are_hidden = false;
	ck_assert_uint_eq(w.server.imports, 0);
	ck_assert(import(&w, fd));
	close(fd);
	world_finish(&w);
}

/* ---- planes -------------------------------------------------------------------------------- */

TEST(five_planes)
{
	struct world w;
	struct raw_params params;
	int fd = make_memfd(1 << 20, 0), before;
	world_init(&w, 0);
	before = count_fds();
	raw_params_create(&w.client, &params);
	for (uint32_t i = 0; i < 5; i++)
		raw_params_add(&params, fd, i, 0, 1024, LINEAR);
	client_expect_error(&w.client, &zwp_linux_buffer_params_v1_interface, DMABUF_PLANE_IDX);
	raw_params_destroy(&params);
	ck_assert_int_le(count_fds(), before);
	close(fd);
	world_finish(&w);
}

/* One memory behind three fds: the server keeps one of them. */
TEST(one_dmabuf_in_all_planes)
{
	struct world w;
	struct raw_params params;
	int fd = make_dmabuf(2 * PAGE);
	world_init(&w, 0);
	int before = count_fds();
	raw_params_create(&w.client, &params);
	raw_params_add(&params, fd, 0, 0, 64, LINEAR);
	raw_params_add(&params, fd, 1, 4096, 32, LINEAR);
	raw_params_add(&params, fd, 2, 4096 + 1024, 32, LINEAR);
	zwp_linux_buffer_params_v1_create(params.proxy, 64, 64, DRM_FORMAT_YUV420, 0);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(params.created, 1);
	ck_assert_int_eq(count_fds(), before + 1);
	raw_params_destroy(&params);
	ck_assert(client_sync(&w.client));
	ck_assert_int_eq(count_fds(), before);
	close(fd);
	world_finish(&w);
}

/* And where it must not be: every plane is the whole image. */
TEST(one_place_in_all_planes)
{
	struct world w;
	struct raw_params params;
	int fd = make_dmabuf(2 * PAGE);
	world_init(&w, 0);
	raw_params_create(&w.client, &params);
	for (uint32_t i = 0; i < 3; i++)
		raw_params_add(&params, fd, i, 0, 64, LINEAR);
	zwp_linux_buffer_params_v1_create(params.proxy, 64, 64, DRM_FORMAT_YUV420, 0);
	client_expect_error(&w.client, &zwp_linux_buffer_params_v1_interface, DMABUF_OUT_OF_BOUNDS);
	raw_params_destroy(&params);
	close(fd);
	world_finish(&w);
}

/* ---- sizes and kinds that were right before ------------------------------------------------ */

static void expect_out_of_bounds(struct world *w, int fd)
{
	struct raw_params params;
	raw_params_create(&w->client, &params);
	raw_params_add(&params, fd, 0, 0, 1024, LINEAR);
	zwp_linux_buffer_params_v1_create(params.proxy, 256, 65, XR24, 0);
	client_expect_error(
		&w->client, &zwp_linux_buffer_params_v1_interface, DMABUF_OUT_OF_BOUNDS);
	raw_params_destroy(&params);
}

/* Nobody can make a dma-buf look larger, and where it has been read to means nothing. */
TEST(size_of_a_dmabuf_that_is_known)
{
	struct world w;
	char path[32];
	int fd = make_dmabuf(16 * PAGE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ck_assert_int_lt(ftruncate(fd, 1 << 30), 0);
	ck_assert_int_lt(truncate(path, 1 << 30), 0);
	ck_assert_int_lt(fallocate(fd, 0, 0, 1 << 30), 0);
	world_init(&w, WAYBUF_IMPORT_KIND);
	for (int i = 0; i < 3; i++)
		ck_assert(import(&w, fd));
	lseek(fd, 0, SEEK_SET);
	expect_out_of_bounds(&w, fd);
	close(fd);
	world_finish(&w);
}

/* A foreign one is tried, and refused, each time, and does not speak for the good ones. */
TEST(foreign_after_good)
{
	struct world w;
	int good = make_dmabuf(16 * PAGE), foreign = make_heap_dmabuf(16 * PAGE);
	int other = make_dmabuf(16 * PAGE);
	world_init(&w, WAYBUF_IMPORT_KIND);
	for (int i = 0; i < 3; i++)
		ck_assert(import(&w, good));
	ck_assert_uint_eq(w.server.imports, 1);
	w.server.options.import_result = -EXDEV;
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(!import(&w, foreign));
		ck_assert_uint_eq(w.server.imports, 2 + i);
	}
	/* the number of the fd says nothing */
	ck_assert_int_eq(dup3(foreign, good, O_CLOEXEC), good);
	ck_assert(!import(&w, good));
	ck_assert(import(&w, other));
	ck_assert_uint_eq(w.server.imports, 5);
	close(other);
	close(foreign);
	close(good);
	world_finish(&w);
}

/* ---- what it costs ------------------------------------------------------------------------- */

static void expect_calls(struct world *w, int fd, unsigned n_opens)
{
	opens = stats = file_systems = limits = seeks = 0;
	for (int i = 0; i < FD_LIMIT_TRUST; i++)
		ck_assert(import(w, fd));
	ck_assert_uint_eq(opens, n_opens);
	ck_assert_uint_eq(stats, FD_LIMIT_TRUST);
	ck_assert_uint_eq(seeks, 0);
	ck_assert_uint_eq(file_systems, 0);
	ck_assert_uint_le(limits, 1);
}

/* One look, and a dma-buf that is new to a kind that is known is read about once. */
TEST(calls_of_an_import)
{
	struct world w;
	int fd = make_dmabuf(16 * PAGE), other = make_dmabuf(16 * PAGE);
	world_init(&w, WAYBUF_IMPORT_KIND);
	ck_assert(import(&w, fd));
	ck_assert(import(&w, fd));
	expect_calls(&w, fd, 0);
	ck_assert(import(&w, other));
	expect_calls(&w, other, 0);
	expect_calls(&w, fd, 0);
	close(other);
	close(fd);
	world_finish(&w);
}

/* So far down that no plane may be kept: noticed before the reserve is gone. */
TEST(limit_that_is_lowered)
{
	struct world w;
	struct rlimit limit, low;
	int fd = make_dmabuf(16 * PAGE);
	world_init(&w, 0);
	for (int i = 0; i < 3; i++)
		ck_assert(import(&w, fd));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)count_fds() + 16;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int i = 0; i < FD_LIMIT_TRUST; i++)
		import(&w, fd);
	ck_assert(!import(&w, fd));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert(import(&w, fd));
	close(fd);
	world_finish(&w);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-dmabuf-hostile")
