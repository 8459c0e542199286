/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <unistd.h>

#include "proto/dmabuf_kit.h"

/*
 * The two kinds of wl_buffer of one buffer: made from the files of its memory, and made by the
 * allocator. A device that wants longer rows moves the memory.
 */

#define WRITE WAYBUF_BUFFER_V1_DIRECTION_WRITE

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment cpu, device;
	struct fixture_buffer buffer;
	struct fixture_wl_buffer handle;
	struct raw_params params;
	struct wl_surface *surface;
};

static void world_init(struct world *w)
{
	struct fixture_server_options options = {
		.exporters = "udmabuf", .device = true, .integrated = true};
	*w = (struct world){0};
	if (access("/dev/udmabuf", R_OK | W_OK) < 0)
		SKIP("no /dev/udmabuf: %s", strerror(errno));
	fixture_server_init(&w->server, &options);
	client_init(&w->client, &w->server);
	w->surface = wl_compositor_create_surface(w->client.compositor);
	raw_pool_create(&w->client, &w->pool, 60, 48, 1);
	raw_attachment_create(&w->pool, &w->cpu, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&w->cpu);
	raw_buffer_get(&w->cpu, &w->buffer, 0);
	waybuf_buffer_v1_map(w->buffer.proxy, WRITE);
	client_wait(&w->client, &w->buffer.mapped, 1);
	ck_assert_uint_eq(w->buffer.stride[0], 240);
	waybuf_buffer_v1_unmap(w->buffer.proxy);
	raw_buffer_wl_buffer(&w->buffer, &w->handle);
	raw_params_create(&w->client, &w->params);
	raw_params_add(&w->params, w->buffer.fd, 0, 0, 240, DRM_FORMAT_MOD_LINEAR);
	zwp_linux_buffer_params_v1_create(w->params.proxy, 60, 48, DRM_FORMAT_XRGB8888, 0);
	client_wait(&w->client, &w->params.created, 1);
}

static void migrate(struct world *w)
{
	raw_attachment_create_device(
		&w->pool, &w->device, WAYBUF_ATTACHMENT_V1_KIND_DEVICE, w->server.device);
	raw_attachment_commit_format(&w->device, WAYBUF_ACCESS_SAMPLE, DRM_FORMAT_XRGB8888);
	client_wait(&w->client, &w->device.accepted, 1);
	ck_assert_uint_eq(w->device.outcome, WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED);
}

static struct waybuf_use *show(struct world *w, struct wl_buffer *buffer, uint32_t stride)
{
	struct waybuf_use *use;
	struct waybuf_grant grant;
	wl_surface_attach(w->surface, buffer, 0, 0);
	wl_surface_commit(w->surface);
	ck_assert(client_sync(&w->client));
	ck_assert_int_eq(waybuf_use_begin(w->server.committed, &use), 0);
	ck_assert_int_eq(waybuf_use_latch(use, &grant), 0);
	ck_assert_uint_eq(grant.layout->planes[0].stride, stride);
	return use;
}

static void expect_stride(struct waybuf_use *use, uint32_t stride)
{
	struct waybuf_grant grant;
	ck_assert_int_eq(waybuf_use_latch(use, &grant), 0);
	ck_assert_uint_eq(grant.layout->planes[0].stride, stride);
}

static void world_finish(struct world *w)
{
	raw_params_destroy(&w->params);
	wl_buffer_destroy(w->handle.proxy);
	wl_surface_destroy(w->surface);
	raw_buffer_destroy(&w->buffer);
	raw_attachment_destroy(&w->device);
	raw_attachment_destroy(&w->cpu);
	raw_pool_destroy(&w->pool);
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

TEST(files_stay_and_handles_follow)
{
	struct world w;
	struct waybuf_server_buffer_info info;
	world_init(&w);
	struct waybuf_use *file = show(&w, w.params.buffer.proxy, 240);
	ck_assert_int_eq(waybuf_server_buffer_get_info(w.server.committed, &info), 0);
	ck_assert(!info.follows);
	struct waybuf_use *handle = show(&w, w.handle.proxy, 240);
	ck_assert_ptr_eq(waybuf_use_buffer(file), waybuf_use_buffer(handle));
	migrate(&w);
	expect_stride(file, 240);
	expect_stride(handle, 256);
	waybuf_use_end(handle, NULL);
	/* the old memory is on the screen, and the new one can be written all the same */
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE);
	client_wait(&w.client, &w.buffer.mapped, 2);
	ck_assert_uint_eq(w.buffer.generation, 2);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	expect_stride(file, 240);
	waybuf_use_end(file, NULL);
	client_wait(&w.client, &w.params.buffer.released, 1);
	world_finish(&w);
}

/* A commit after the migration shows what it was made from. */
TEST(files_stay_after_the_migration)
{
	struct world w;
	world_init(&w);
	migrate(&w);
	ck_assert_uint_eq(w.buffer.retired, 1);
	waybuf_use_end(show(&w, w.params.buffer.proxy, 240), NULL);
	waybuf_use_end(show(&w, w.handle.proxy, 256), NULL);
	world_finish(&w);
}

TEST_MAIN("wl-buffers")
