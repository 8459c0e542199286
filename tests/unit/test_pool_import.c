/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pool_one.h"

/* Memory that others have made. */

static int make_memfd(off_t size, int seals)
{
	int fd = memfd_create("peer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	if (seals)
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static struct waybuf_layout foreign_layout(int fd)
{
	return (struct waybuf_layout){
		.width = 64,
		.height = 64,
		.format = DRM_FORMAT_XRGB8888,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = 1,
		.n_memory = 1,
		.planes = {{.stride = 256, .rows = 64}},
		.memory = {{.fd = fd}},
	};
}

TEST(foreign_memory_is_wrapped)
{
	struct fixture f;
	struct waybuf_buffer *buffer, *again;
	fixture_init(&f);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	struct waybuf_layout layout = foreign_layout(fd);
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &buffer), 0);
	close(fd);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 0);
	ck_assert_uint_eq(waybuf_account_used(f.account, WAYBUF_RESOURCE_FDS), 1);
	ck_assert_uint_eq(waybuf_account_used(f.account, WAYBUF_RESOURCE_BUFFERS), 1);
	ck_assert_uint_eq(waybuf_buffer_size(buffer), 16384);
	const struct waybuf_layout *ours = waybuf_buffer_layout(buffer);
	ck_assert_uint_eq(ours->generation, 1);
	ck_assert_int_eq(ours->memory[0].kind, WAYBUF_MEMORY_MEMFD);
	/* the same memory once more is the same buffer */
	layout.memory[0].fd = ours->memory[0].fd;
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &again), 0);
	ck_assert_ptr_eq(again, buffer);
	waybuf_buffer_unref(again);
	/* but not in another layout */
	layout.planes[0].offset = 256;
	layout.height = layout.planes[0].rows = 32;
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &again), 0);
	ck_assert_ptr_ne(again, buffer);
	waybuf_buffer_unref(again);
	/* and it can be mapped like any other */
	struct party party;
	struct seat seat;
	party_attach(&party, waybuf_buffer_pool(buffer), f.account, "reader");
	party_commit(&party, reader_constraints(DRM_FORMAT_XRGB8888, 0, false));
	ck_assert_int_eq(party.outcome, WAYBUF_FITS);
	seat_open(&seat, &party, 0);
	seat_grant(&f, &seat, WAYBUF_READ);
	ck_assert_uint_eq(seat.flags, 0);
	seat_unmap(&seat, NULL);
	seat_close(&seat);
	/* only moving it is out of the question */
	party_commit(&party, reader_constraints(DRM_FORMAT_XRGB8888, 1024, false));
	ck_assert_int_eq(party.error, -EADDRNOTAVAIL);
	ck_assert_ptr_nonnull(strstr(party.conflicts, "imported memory"));
	ck_assert_ptr_nonnull(strstr(party.conflicts, "stride"));
	party_detach(&party);
	waybuf_buffer_unref(buffer);
	fixture_finish(&f);
}

TEST(own_export_comes_back)
{
	struct one o;
	struct waybuf_buffer *buffer;
	fixture_init(&o.f);
	one_init(&o, NULL);
	seat_grant(&o.f, &o.seat, WAYBUF_WRITE);
	int fd = waybuf_buffer_fd(waybuf_view_buffer(o.seat.view), 0, O_CLOEXEC);
	struct waybuf_layout layout = o.seat.layout;
	layout.memory[0].fd = fd;
	ck_assert_int_eq(waybuf_buffer_import(o.f.manager, o.f.account, &layout, &buffer), 0);
	ck_assert_ptr_eq(buffer, waybuf_view_buffer(o.seat.view));
	ck_assert_uint_eq(waybuf_account_used(o.f.account, WAYBUF_RESOURCE_FDS), 1);
	waybuf_buffer_unref(buffer);
	close(fd);
	seat_unmap(&o.seat, NULL);
	one_finish(&o);
}

struct bad_import {
	const char *what;
	void (*spoil)(struct waybuf_layout *layout);
	int error;
};

static void no_planes(struct waybuf_layout *layout)
{
	layout->n_planes = 0;
}

static void five_planes(struct waybuf_layout *layout)
{
	layout->n_planes = 5;
}

static void bad_slot(struct waybuf_layout *layout)
{
	layout->planes[0].slot = 1;
}

static void too_high(struct waybuf_layout *layout)
{
	layout->height = 65;
}

static void too_wide(struct waybuf_layout *layout)
{
	layout->width = 65;
}

static void no_width(struct waybuf_layout *layout)
{
	layout->width = 0;
}

static void offset_behind(struct waybuf_layout *layout)
{
	layout->planes[0].offset = 16384;
}

static void offset_wraps(struct waybuf_layout *layout)
{
	layout->planes[0].offset = UINT32_MAX;
	layout->planes[0].stride = UINT32_MAX;
}

static void zero_stride(struct waybuf_layout *layout)
{
	layout->planes[0].stride = 0;
}

static void unknown_format(struct waybuf_layout *layout)
{
	layout->format = 0x12345678;
}

static void too_few_planes(struct waybuf_layout *layout)
{
	layout->format = DRM_FORMAT_NV12;
}

static void too_many_planes(struct waybuf_layout *layout)
{
	layout->n_planes = 2;
	layout->planes[1] = layout->planes[0];
}

static void closed_fd(struct waybuf_layout *layout)
{
	layout->memory[0].fd = 1000;
}

static void no_fd(struct waybuf_layout *layout)
{
	layout->memory[0].fd = -1;
}

static void a_pipe(struct waybuf_layout *layout)
{
	static int fds[2];
	if (fds[0] == 0)
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	layout->memory[0].fd = fds[0];
}

static void close_pipe(void)
{
	struct waybuf_layout layout;
	a_pipe(&layout);
	close(layout.memory[0].fd + 1);
	close(layout.memory[0].fd);
}

static void a_file(struct waybuf_layout *layout)
{
	layout->memory[0].fd = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static const struct bad_import bad_imports[] = {
	{"no planes", no_planes, -EINVAL},
	{"five planes", five_planes, -EINVAL},
	{"a slot that is not there", bad_slot, -EINVAL},
	{"one row too many", too_high, -EINVAL},
	{"one pixel too wide", too_wide, -EINVAL},
	{"no width", no_width, -EINVAL},
	{"an offset behind the end", offset_behind, -EINVAL},
	{"an offset that wraps", offset_wraps, -EINVAL},
	{"no stride", zero_stride, -EINVAL},
	{"an unknown format", unknown_format, -EINVAL},
	{"NV12 in one plane", too_few_planes, -EINVAL},
	{"XRGB in two planes", too_many_planes, -EINVAL},
	{"a closed fd", closed_fd, -EBADF},
	{"no fd", no_fd, -EBADF},
	{"a pipe", a_pipe, -EINVAL},
	{"a device", a_file, -EINVAL},
};

TEST(bad_imports_are_refused_and_leave_nothing)
{
	struct fixture f;
	struct waybuf_buffer *buffer;
	fixture_init(&f);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	for (size_t i = 0; i < sizeof(bad_imports) / sizeof(bad_imports[0]); i++) {
		struct waybuf_layout layout = foreign_layout(fd);
		bad_imports[i].spoil(&layout);
		int error = waybuf_buffer_import(f.manager, f.account, &layout, &buffer);
		ck_assert_msg(error == bad_imports[i].error, "%s: %d", bad_imports[i].what, error);
		if (bad_imports[i].spoil == a_file)
			close(layout.memory[0].fd);
	}
	close_pipe();
	close(fd);
	fd = make_memfd(16384, 0);
	struct waybuf_layout layout = foreign_layout(fd);
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &buffer), -EINVAL);
	close(fd);
	fixture_finish(&f);
}

TEST(import_respects_the_quota)
{
	struct fixture f;
	struct waybuf_buffer *buffer;
	struct waybuf_limits limits = {.max = {1, 1, 0, 1, 1, 1, 1}};
	fixture_init(&f);
	struct waybuf_account *poor = waybuf_account_create(f.manager, "poor", &limits);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	struct waybuf_layout layout = foreign_layout(fd);
	ck_assert_int_eq(waybuf_buffer_import(f.manager, poor, &layout, &buffer), -EDQUOT);
	ck_assert_uint_eq(waybuf_account_used(poor, WAYBUF_RESOURCE_BUFFERS), 0);
	close(fd);
	waybuf_account_unref(poor);
	fixture_finish(&f);
}

TEST(imports_keep_their_size)
{
	struct fixture f;
	struct waybuf_buffer *buffer;
	fixture_init(&f);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	struct waybuf_layout layout = foreign_layout(fd);
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &buffer), 0);
	ck_assert_int_eq(waybuf_pool_reconfigure(waybuf_buffer_pool(buffer), 8, 8), -EINVAL);
	waybuf_buffer_unref(buffer);
	close(fd);
	fixture_finish(&f);
}

TEST(import_without_free_fds)
{
	struct fixture f;
	struct waybuf_buffer *buffer;
	fixture_init(&f);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	struct waybuf_layout layout = foreign_layout(fd);
	struct rlimit limit, none;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	int error = waybuf_buffer_import(f.manager, f.account, &layout, &buffer);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(error, -EMFILE);
	close(fd);
	fixture_finish(&f);
}

TEST_MAIN("pool-import")
