/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "client_fixture.h"
#include "client_priv.h"
#include "exporter/exporter.h"
#include "util/fd.h"

/* A compositor without an allocator, and nobody else to ask: memory of our own. */
static struct fixture fixture;

static void init(bool has_dmabuf)
{
	/* whatever runs on this machine */
	setenv("WAYBUF_DISPLAY", "none", 1);
	fake_init(&fixture.server);
	fixture.server.no_allocator = true;
	fixture.server.has_dmabuf = has_dmabuf;
	fixture.server.has_shm = true;
}

/* ---- a udmabuf device that is always there ------------------------------------------------- */

/* The same pages under another fd are as much as a fake compositor can tell. */
static int fake_wrap(struct waybuf_exporter *exporter, int memfd, uint64_t size)
{
	return fd_dup(memfd);
}

static void fake_destroy(struct waybuf_exporter *exporter) {}

static const struct waybuf_exporter_ops fake_ops = {.wrap = fake_wrap, .destroy = fake_destroy};
static struct waybuf_exporter fake_udmabuf = {
	.ops = &fake_ops,
	.caps = {.name = "udmabuf", .is_dmabuf = true, .cpu_mappable = true, .page_size = 4096},
};

static void start_with_udmabuf(void)
{
	init(true);
	fixture_start(&fixture);
	fixture.client->udmabuf = &fake_udmabuf;
}

/* A machine that has no such device, whatever this one has. */
static int refuse_wrap(struct waybuf_exporter *exporter, int memfd, uint64_t size)
{
	return -ENOMEM;
}

/* ---- what the compositor got --------------------------------------------------------------- */

struct seen {
	bool is_shm;
	int width, height;
	uint32_t format, pixel;
};

static void look(struct fake_server *server, void *data)
{
	struct seen *seen = data;
	*seen = (struct seen){0};
	struct wl_shm_buffer *shm = server->current ? wl_shm_buffer_get(server->current) : NULL;
	if (!shm)
		return;
	wl_shm_buffer_begin_access(shm);
	*seen = (struct seen){
		.is_shm = true,
		.width = wl_shm_buffer_get_width(shm),
		.height = wl_shm_buffer_get_height(shm),
		.format = wl_shm_buffer_get_format(shm),
		.pixel = *(uint32_t *)wl_shm_buffer_get_data(shm),
	};
	wl_shm_buffer_end_access(shm);
}

static struct seen shown(void)
{
	struct seen seen;
	fixture_heard(&fixture);
	fake_call(&fixture.server, look, &seen);
	return seen;
}

static void draw(struct waybuf_client_buffer *buffer, uint32_t pixel)
{
	struct waybuf_client_image image;
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image));
	*(uint32_t *)image.planes[0].data = pixel;
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
}

static void check_reason(const struct waybuf_client_pool *pool, const char *text)
{
	const char *reason = waybuf_client_pool_get_path_reason(pool);
	ck_assert_msg(strstr(reason, text), "\"%s\" does not have \"%s\"", reason, text);
}

/* ---- wl_shm -------------------------------------------------------------------------------- */

TEST(shared_memory)
{
	init(false);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	ck_assert_int_eq(waybuf_client_pool_get_path(pool), WAYBUF_CLIENT_PATH_SHM);
	check_reason(pool, "no waybuf_allocator_v1");
	/* nobody else has a say, so it needs no time */
	struct waybuf_client_buffer *buffer = NULL;
	ck_client_ok(&fixture, waybuf_client_pool_acquire(pool, 0, &buffer));
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(buffer), WAYBUF_GRANT_FRESH);
	ck_assert_str_eq(waybuf_client_buffer_get_layout(buffer)->exporter, "wl_shm");
	draw(buffer, 0x123456);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	struct seen seen = shown();
	ck_assert(seen.is_shm);
	ck_assert_int_eq(seen.width, 64);
	ck_assert_int_eq(seen.height, 32);
	ck_assert_uint_eq(seen.format, WL_SHM_FORMAT_XRGB8888);
	ck_assert_uint_eq(seen.pixel, 0x123456);
	fixture_finish(&fixture);
}

/* It is the compositor's until that gives it back, and comes back with what was drawn. */
TEST(release)
{
	init(false);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *first = fixture_acquire(pool), *none = NULL;
	ck_client_ok(&fixture, waybuf_client_buffer_present(first, fixture.surface));
	struct waybuf_client_buffer *second = fixture_acquire(pool);
	ck_assert_ptr_ne(second, first);
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &none), -EAGAIN);
	ck_client_ok(&fixture, waybuf_client_buffer_present(second, fixture.surface));
	ck_assert_ptr_eq(fixture_acquire(pool), first);
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(first), 0);
	ck_assert_uint_eq(waybuf_client_buffer_get_serial(first), 1);
	/* one that was not shown needs nobody's leave */
	ck_client_ok(&fixture, waybuf_client_buffer_release(first));
	ck_assert_ptr_eq(fixture_acquire(pool), first);
	ck_assert_uint_eq(waybuf_client_buffer_get_serial(first), 3);
	fixture_finish(&fixture);
}

static struct waybuf_constraints *only(uint32_t format)
{
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints *constraints = NULL;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &constraints), 0);
	waybuf_constraints_builder_destroy(builder);
	return constraints;
}

TEST(a_format_that_nobody_takes)
{
	start_with_udmabuf();
	struct waybuf_client_pool_options options = {.width = 64, .height = 32, .display = true};
	struct waybuf_client_pool *pool = NULL;
	options.constraints = only(DRM_FORMAT_P010);
	ck_assert_int_eq(waybuf_client_pool_create(fixture.client, &options, &pool), -EOPNOTSUPP);
	ck_client_says(&fixture, "udmabuf");
	ck_client_says(&fixture, "wl_shm");
	waybuf_constraints_unref(options.constraints);
	fixture_finish(&fixture);
}

/* Points are for dma-bufs: a compositor ends the connection of who has them with wl_shm. */
TEST(no_points)
{
	init(false);
	fixture.server.has_syncobj = true;
	fixture_start(&fixture);
	struct waybuf_client_swapchain_options options = {
		.pool = {.width = 64, .height = 32}, .surface = fixture.surface, .drm_fd = 0};
	struct waybuf_client_swapchain *chain = NULL;
	struct waybuf_client_buffer *buffer;
	int fence;
	ck_client_ok(&fixture, waybuf_client_swapchain_create(fixture.client, &options, &chain));
	ck_assert_int_eq(waybuf_client_swapchain_get_fences(chain), WAYBUF_CLIENT_FENCES_IMPLICIT);
	ck_client_ok(&fixture, waybuf_client_swapchain_acquire(chain, 1000, &buffer, &fence));
	ck_assert_int_eq(fence, -1);
	ck_client_ok(&fixture, waybuf_client_swapchain_submit(chain, buffer, -1));
	ck_assert(shown().is_shm);
	waybuf_client_swapchain_destroy(chain);
	fixture_finish(&fixture);
}

TEST(nobody_explains)
{
	init(false);
	fixture_start(&fixture);
	char *text = NULL;
	ck_assert_int_eq(
		waybuf_client_pool_explain(fixture_pool(&fixture, 1), 100, &text), -EOPNOTSUPP);
	ck_client_says(&fixture, "no allocator");
	fixture_finish(&fixture);
}

/* ---- udmabuf ------------------------------------------------------------------------------- */

TEST(udmabuf)
{
	start_with_udmabuf();
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	ck_assert_int_eq(waybuf_client_pool_get_path(pool), WAYBUF_CLIENT_PATH_UDMABUF);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	ck_assert_str_eq(waybuf_client_buffer_get_layout(buffer)->exporter, "udmabuf");
	fixture_heard(&fixture);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	ck_assert_str_eq(fixture_heard(&fixture), "add0:0+256 import64x32 damage surface-commit ");
	ck_assert_int_eq(waybuf_client_pool_get_path(pool), WAYBUF_CLIENT_PATH_UDMABUF);
	fixture_finish(&fixture);
}

/* The same pages are shown all the same. */
TEST(udmabuf_refused)
{
	start_with_udmabuf();
	fixture.server.refuses_imports = true;
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	struct client_storage *storage = buffer->storage;
	const uint32_t pixel = 0x654321;
	ck_assert_int_eq(pwrite(storage->layout.memory[0].fd, &pixel, sizeof(pixel), 0), 4);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	struct seen seen = shown();
	ck_assert(seen.is_shm);
	ck_assert_uint_eq(seen.pixel, pixel);
	ck_assert_int_eq(waybuf_client_pool_get_path(pool), WAYBUF_CLIENT_PATH_SHM);
	check_reason(pool, "does not import memory of udmabuf");
	/* what comes next is not tried again */
	buffer = fixture_acquire(pool);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	ck_assert_ptr_null(strstr(fixture_heard(&fixture), "import"));
	fixture_finish(&fixture);
}

TEST(udmabuf_without_memory)
{
	static const struct waybuf_exporter_ops ops = {
		.wrap = refuse_wrap, .destroy = fake_destroy};
	start_with_udmabuf();
	struct waybuf_exporter poor = fake_udmabuf;
	poor.ops = &ops;
	fixture.client->udmabuf = &poor;
	struct waybuf_client_buffer *buffer = NULL;
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 100, &buffer), -ENOMEM);
	ck_client_says(&fixture, "of udmabuf");
	fixture_finish(&fixture);
}

TEST(names)
{
	ck_assert_str_eq(waybuf_client_path_name(WAYBUF_CLIENT_PATH_UDMABUF), "udmabuf");
	ck_assert_str_eq(waybuf_client_path_name((enum waybuf_client_path)99), "unknown");
}

TEST_TIMEOUT(30)
TEST_MAIN("client-fallback")
