/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-client-core.h>

#include "client_fixture.h"
#include "fail_alloc.h"
#include "fail_where.h"

/* Memory that others have exported, on a compositor that knows nothing of it. */
static struct fixture fixture;

static struct waybuf_layout layout;

static void init_layout(void)
{
	layout = (struct waybuf_layout){
		.width = 64,
		.height = 32,
		.format = DRM_FORMAT_XRGB8888,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = 1,
		.n_memory = 1,
		.planes = {{.stride = 256, .rows = 32}},
		.memory = {{.kind = WAYBUF_MEMORY_DMABUF, .size = 8192}},
	};
	layout.memory[0].fd = memfd_create("memory of others", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(layout.memory[0].fd, 8192), 0);
}

static void begin(void)
{
	fake_init(&fixture.server);
	fixture.server.has_dmabuf = true;
	fixture_start(&fixture);
	init_layout();
}

static void end(void)
{
	close(layout.memory[0].fd);
	fixture_finish(&fixture);
}

static struct waybuf_client_import *import(void)
{
	struct waybuf_client_import *made = NULL;
	ck_client_ok(&fixture, waybuf_client_import_create(fixture.client, &layout, &made));
	return made;
}

static void wait_until_free(const struct waybuf_client_import *made)
{
	for (int i = 0; i < 500 && waybuf_client_import_is_busy(made); i++)
		ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 10), 0);
	ck_assert(!waybuf_client_import_is_busy(made));
}

TEST(what_is_shown)
{
	begin();
	const struct waybuf_client_format *formats = NULL;
	size_t n = waybuf_client_get_formats(fixture.client, &formats);
	bool found = false;
	for (size_t i = 0; i < n; i++)
		found |= formats[i].format == DRM_FORMAT_XRGB8888 &&
			formats[i].modifier == DRM_FORMAT_MOD_LINEAR;
	ck_assert(found);
	end();
}

TEST(nothing_is_said)
{
	const struct waybuf_client_format *formats;
	fake_init(&fixture.server);
	fixture_start(&fixture);
	ck_assert_uint_eq(waybuf_client_get_formats(fixture.client, &formats), 0);
	fixture_finish(&fixture);
}

/* What else there is, where nobody makes memory for it. */
TEST(what_is_copied)
{
	const struct waybuf_client_format *formats;
	fake_init(&fixture.server);
	fixture.server.no_allocator = true;
	fixture.server.has_shm = true;
	fixture_start(&fixture);
	size_t n = waybuf_client_get_formats(fixture.client, &formats);
	ck_assert_uint_gt(n, 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(formats[i].modifier, DRM_FORMAT_MOD_LINEAR);
	ck_assert_uint_ne(formats[0].format, 0);
	fixture_finish(&fixture);
}

/* The fds are the caller's, and may be closed right after. */
TEST(busy_until_another_one_is_shown)
{
	begin();
	struct waybuf_client_import *first = import(), *second = import();
	fixture_heard(&fixture);
	ck_assert(!waybuf_client_import_is_busy(first));
	ck_client_ok(&fixture, waybuf_client_import_present(first, fixture.surface));
	ck_assert_str_eq(fixture_heard(&fixture), "damage surface-commit ");
	ck_assert(waybuf_client_import_is_busy(first));
	/* once more, as after a change of the surface */
	ck_client_ok(&fixture, waybuf_client_import_present(first, fixture.surface));
	ck_client_ok(&fixture, waybuf_client_import_present(second, fixture.surface));
	wait_until_free(first);
	ck_assert(waybuf_client_import_is_busy(second));
	waybuf_client_import_destroy(second);
	waybuf_client_import_destroy(first);
	waybuf_client_import_destroy(NULL);
	end();
}

static void release_current(struct fake_server *server, void *data)
{
	wl_buffer_send_release(server->current);
}

/* It was on its way when the same was shown again. */
TEST(released_before_it_was_shown_again)
{
	begin();
	struct waybuf_client_import *first = import(), *second = import();
	ck_client_ok(&fixture, waybuf_client_import_present(first, fixture.surface));
	fixture_heard(&fixture);
	fake_call(&fixture.server, release_current, NULL);
	ck_client_ok(&fixture, waybuf_client_import_present(first, fixture.surface));
	for (int i = 0; i < 3; i++) {
		fixture_heard(&fixture);
		ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 0), 0);
	}
	ck_assert(waybuf_client_import_is_busy(first));
	ck_client_ok(&fixture, waybuf_client_import_present(second, fixture.surface));
	wait_until_free(first);
	waybuf_client_import_destroy(second);
	waybuf_client_import_destroy(first);
	end();
}

/* The client's end is theirs, too. */
TEST(left_to_the_client)
{
	begin();
	ck_client_ok(&fixture, waybuf_client_import_present(import(), fixture.surface));
	end();
}

static void expect_refused(int error, const char *text)
{
	struct waybuf_client_import *made = NULL;
	ck_assert_int_eq(waybuf_client_import_create(fixture.client, &layout, &made), error);
	ck_client_says(&fixture, text);
	ck_assert_ptr_null(made);
}

TEST(no_image)
{
	begin();
	const struct waybuf_layout sound = layout;
	layout.n_planes = 0;
	expect_refused(-EINVAL, "no image");
	layout.n_planes = WAYBUF_MAX_PLANES + 1;
	expect_refused(-EINVAL, "no image");
	layout = sound;
	layout.n_memory = 0;
	expect_refused(-EINVAL, "no image");
	layout = sound;
	layout.width = 0;
	expect_refused(-EINVAL, "no image");
	layout = sound;
	layout.height = 65537;
	expect_refused(-EINVAL, "no image");
	layout = sound;
	layout.memory[0].kind = WAYBUF_MEMORY_MEMFD;
	expect_refused(-EINVAL, "no dma-buf");
	layout = sound;
	layout.planes[0].slot = 1;
	expect_refused(-EINVAL, "not in its memory");
	layout = sound;
	layout.planes[0].offset = 4;
	expect_refused(-EINVAL, "not in its memory");
	layout = sound;
	layout.planes[0].stride = 252;
	expect_refused(-EINVAL, "not in its memory");
	/* more than there is */
	layout = sound;
	layout.memory[0].size = 16384;
	expect_refused(-EINVAL, "not in its memory");
	layout = sound;
	int fd = layout.memory[0].fd;
	layout.memory[0].fd = -1;
	expect_refused(-EBADF, "not in its memory");
	layout.memory[0].fd = fd;
	end();
}

TEST(no_linux_dmabuf)
{
	begin();
	int fd = layout.memory[0].fd;
	fixture_finish(&fixture);
	fake_init(&fixture.server);
	fixture_start(&fixture);
	expect_refused(-EOPNOTSUPP, "linux-dmabuf");
	close(fd);
	fixture_finish(&fixture);
}

static void refuse(struct fake_server *server, void *data)
{
	server->refuses_imports = true;
}

TEST(refused)
{
	begin();
	fake_call(&fixture.server, refuse, NULL);
	expect_refused(-EOPNOTSUPP, "does not import memory of others");
	end();
}

static void begin_at(uint32_t dmabuf_version)
{
	fake_init(&fixture.server);
	fixture.server.has_dmabuf = true;
	fixture.server.dmabuf_version = dmabuf_version;
	fixture_start(&fixture);
	init_layout();
}

static void expect_unlisted(uint32_t format, uint64_t modifier)
{
	layout.format = format;
	layout.modifier = modifier;
	fixture_heard(&fixture);
	expect_refused(-EOPNOTSUPP, "does not list");
	ck_assert_str_eq(fixture_heard(&fixture), "");
}

static void expect_taken(uint32_t format, uint64_t modifier)
{
	layout.format = format;
	layout.modifier = modifier;
	waybuf_client_import_destroy(import());
	ck_assert_ptr_nonnull(strstr(fixture_heard(&fixture), "import64x32"));
}

/* As of version 4 to ask would end the connection: it is there afterwards. */
TEST(not_listed)
{
	begin_at(4);
	expect_unlisted(DRM_FORMAT_XRGB8888, I915_FORMAT_MOD_X_TILED);
	ck_client_says(&fixture, "XR24 0x0100000000000001");
	expect_unlisted(DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_INVALID);
	expect_unlisted(DRM_FORMAT_XRGB2101010, DRM_FORMAT_MOD_LINEAR);
	/* in the table, but in no tranche */
	expect_unlisted(DRM_FORMAT_ABGR8888, DRM_FORMAT_MOD_LINEAR);
	expect_taken(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	expect_taken(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_INVALID);
	end();
}

/* Before, a compositor may take more than it lists. */
TEST(not_listed_at_version_3)
{
	begin_at(3);
	expect_taken(DRM_FORMAT_XRGB8888, I915_FORMAT_MOD_X_TILED);
	expect_taken(DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_INVALID);
	end();
}

/* A table that cannot be read lists nothing. */
TEST(nothing_is_listed)
{
	fake_init(&fixture.server);
	fixture.server.has_dmabuf = true;
	fixture.server.dmabuf_version = 4;
	fixture.server.table_cut = 1;
	fixture_start(&fixture);
	init_layout();
	expect_unlisted(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	end();
}

enum { XR24 = 1 << 0, NV12 = 1 << 2, XR24_IMPLICIT = 1 << 3, AB24 = 1 << 5 };

static void name_pairs(struct fake_server *server, void *data)
{
	fake_send_tranche(server, *(uint32_t *)data);
}

static void end_list(struct fake_server *server, void *data)
{
	fake_send_done(server);
}

static void expect_formats(size_t n, uint32_t first)
{
	const struct waybuf_client_format *formats;
	fixture_heard(&fixture);
	ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 0), 0);
	ck_assert_uint_eq(waybuf_client_get_formats(fixture.client, &formats), n);
	ck_assert_uint_eq(formats[0].format, first);
}

/* Half of a list is none. */
TEST(the_list_changes)
{
	begin_at(4);
	fake_call(&fixture.server, name_pairs, &(uint32_t){XR24_IMPLICIT});
	fake_call(&fixture.server, name_pairs, &(uint32_t){AB24});
	const struct waybuf_client_format *formats;
	size_t before = waybuf_client_get_formats(fixture.client, &formats);
	expect_formats(before, formats[0].format);
	expect_taken(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	expect_unlisted(DRM_FORMAT_ABGR8888, DRM_FORMAT_MOD_LINEAR);
	fake_call(&fixture.server, end_list, NULL);
	expect_formats(1, DRM_FORMAT_ABGR8888);
	expect_taken(DRM_FORMAT_ABGR8888, DRM_FORMAT_MOD_LINEAR);
	expect_taken(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_INVALID);
	expect_unlisted(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	/* and back, of the same table */
	fake_call(&fixture.server, name_pairs, &(uint32_t){NV12 | XR24});
	fake_call(&fixture.server, end_list, NULL);
	expect_formats(2, DRM_FORMAT_XRGB8888);
	expect_taken(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_LINEAR);
	expect_unlisted(DRM_FORMAT_ABGR8888, DRM_FORMAT_MOD_LINEAR);
	expect_unlisted(DRM_FORMAT_XRGB8888, DRM_FORMAT_MOD_INVALID);
	end();
}

static void send_table(struct fake_server *server, void *data)
{
	server->table_cut = *(uint32_t *)data;
	fake_send_table(server);
}

/* What was listed before is as good as can be known, until a table comes that can be read. */
static void expect_list_kept(uint32_t table_cut, bool has_memory)
{
	begin_at(4);
	const struct waybuf_client_format *formats;
	size_t before = waybuf_client_get_formats(fixture.client, &formats);
	fake_call(&fixture.server, send_table, &table_cut);
	fake_call(&fixture.server, name_pairs, &(uint32_t){AB24});
	fake_call(&fixture.server, end_list, NULL);
	fixture_heard(&fixture);
	fail_elsewhere(false);
	fail_alloc_at(has_memory ? 0 : 1);
	fail_here(true);
	int ret = waybuf_client_dispatch(fixture.client, 0);
	fail_here(false);
	ck_assert_int_gt(ret, 0);
	ck_assert(has_memory || fail_alloc_happened());
	fail_alloc_at(0);
	expect_formats(before, DRM_FORMAT_XRGB8888);
	fake_call(&fixture.server, send_table, &(uint32_t){0});
	fake_call(&fixture.server, name_pairs, &(uint32_t){AB24});
	fake_call(&fixture.server, end_list, NULL);
	expect_formats(1, DRM_FORMAT_ABGR8888);
	end();
}

TEST(a_table_that_cannot_be_read)
{
	expect_list_kept(1, true);
}

/* Nothing of the list that it came into is left for the next. */
TEST(a_table_that_cannot_be_read_in_between)
{
	begin_at(4);
	const struct waybuf_client_format *formats;
	size_t before = waybuf_client_get_formats(fixture.client, &formats);
	fake_call(&fixture.server, name_pairs, &(uint32_t){XR24});
	fake_call(&fixture.server, send_table, &(uint32_t){1});
	fake_call(&fixture.server, end_list, NULL);
	expect_formats(before, DRM_FORMAT_XRGB8888);
	fake_call(&fixture.server, send_table, &(uint32_t){0});
	fake_call(&fixture.server, name_pairs, &(uint32_t){AB24});
	fake_call(&fixture.server, end_list, NULL);
	expect_formats(1, DRM_FORMAT_ABGR8888);
	end();
}

TEST(no_memory_for_a_table)
{
	expect_list_kept(0, false);
}

static void keep_silent(struct fake_server *server, void *data)
{
	server->silent = true;
}

static void speak(struct fake_server *server, void *data)
{
	server->silent = false;
	fake_answer_import(server);
}

/* What comes then is given back, and its id is not in the way of the next. */
TEST(answered_late)
{
	begin();
	fake_call(&fixture.server, keep_silent, NULL);
	expect_refused(-ETIMEDOUT, "did not answer");
	fake_call(&fixture.server, speak, NULL);
	struct waybuf_client_import *made = import();
	ck_client_ok(&fixture, waybuf_client_import_present(made, fixture.surface));
	fixture_heard(&fixture);
	ck_assert_uint_eq(fixture.server.wl_buffers, 1);
	waybuf_client_import_destroy(made);
	end();
}

/* The program's connection goes on: the answer comes, and the next object has the next id. */
static void check_connection_outlives_client(void)
{
	struct waybuf_client *next = NULL;
	struct waybuf_client_import *made = NULL;
	fake_call(&fixture.server, speak, NULL);
	ck_assert_int_ge(wl_display_roundtrip(fixture.display), 0);
	ck_assert_int_eq(waybuf_client_connect_to_display(fixture.display, &next), 0);
	ck_assert_int_eq(waybuf_client_import_create(next, &layout, &made), 0);
	ck_assert_int_eq(waybuf_client_import_present(made, fixture.surface), 0);
	ck_assert_int_ge(wl_display_roundtrip(fixture.display), 0);
	ck_assert_int_eq(wl_display_get_error(fixture.display), 0);
	ck_assert_uint_eq(fixture.server.wl_buffers, 1);
	waybuf_client_destroy(next);
}

TEST(answered_after_the_client)
{
	begin();
	fake_call(&fixture.server, keep_silent, NULL);
	expect_refused(-ETIMEDOUT, "did not answer");
	waybuf_client_destroy(fixture.client);
	fixture.client = NULL;
	check_connection_outlives_client();
	end();
}

/* It is in the client's queue when that goes. */
TEST(answered_before_a_reconnect)
{
	struct fixture other;
	begin();
	fake_call(&fixture.server, keep_silent, NULL);
	expect_refused(-ETIMEDOUT, "did not answer");
	fake_call(&fixture.server, speak, NULL);
	ck_assert_int_ge(wl_display_roundtrip(fixture.display), 0);
	fake_init(&other.server);
	fixture_start_display(&other);
	ck_client_ok(&fixture, waybuf_client_reconnect_to_display(fixture.client, other.display));
	check_connection_outlives_client();
	end();
	wl_display_disconnect(other.display);
	fake_stop(&other.server);
}

TEST(no_surface)
{
	begin();
	struct waybuf_client_import *made = import();
	ck_assert_int_eq(waybuf_client_import_present(made, NULL), -EINVAL);
	ck_client_says(&fixture, "no surface");
	end();
}

/* Of the former connection, and of no use on the next one but to be destroyed. */
TEST(another_connection)
{
	struct fixture other;
	begin();
	struct waybuf_client_import *made = import();
	ck_client_ok(&fixture, waybuf_client_import_present(made, fixture.surface));
	fake_init(&other.server);
	fixture_start_display(&other);
	ck_client_ok(&fixture, waybuf_client_reconnect_to_display(fixture.client, other.display));
	ck_assert(!waybuf_client_import_is_busy(made));
	ck_assert_int_eq(waybuf_client_import_present(made, fixture.surface), -EINVAL);
	ck_client_says(&fixture, "connection");
	waybuf_client_import_destroy(made);
	end();
	wl_display_disconnect(other.display);
	fake_stop(&other.server);
}

static void hang_up(struct fake_server *server, void *data)
{
	wl_client_destroy(server->client);
	server->client = NULL;
}

TEST(the_server_has_gone)
{
	begin();
	struct waybuf_client_import *made = import();
	fake_call(&fixture.server, hang_up, NULL);
	while (waybuf_client_dispatch(fixture.client, 100) >= 0)
		;
	ck_assert_int_eq(waybuf_client_import_present(made, fixture.surface), -EPIPE);
	expect_refused(-EPIPE, "lost");
	end();
}

static void accuse(struct fake_server *server, void *data)
{
	wl_client_post_implementation_error(server->client, "as told");
}

TEST(the_server_accuses)
{
	begin();
	struct waybuf_client_import *made = import();
	fake_call(&fixture.server, accuse, NULL);
	while (waybuf_client_dispatch(fixture.client, 100) >= 0)
		;
	ck_assert_int_eq(waybuf_client_import_present(made, fixture.surface), -EPROTO);
	expect_refused(-EPROTO, "protocol error 3 of wl_display");
	end();
}

TEST(no_memory)
{
	struct waybuf_client_import *made = NULL;
	begin();
	fail_elsewhere(false);
	fail_alloc_at(1);
	fail_here(true);
	int ret = waybuf_client_import_create(fixture.client, &layout, &made);
	fail_here(false);
	ck_assert(fail_alloc_happened());
	fail_alloc_at(0);
	ck_assert_int_eq(ret, -ENOMEM);
	ck_client_says(&fixture, "out of memory");
	/* and nothing is in the way of the next */
	ck_client_ok(&fixture, waybuf_client_import_present(import(), fixture.surface));
	end();
}

TEST_TIMEOUT(30)
TEST_MAIN("client-import")
