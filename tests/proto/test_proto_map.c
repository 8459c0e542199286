/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture_client.h"

/* The life of buffers on the wire: grants, queues, wl_buffers, and sharing by token. */

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	struct fixture_buffer buffer;
};

static void world_init(struct world *w, const struct fixture_server_options *options)
{
	fixture_server_init(&w->server, options);
	client_init(&w->client, &w->server);
	raw_pool_create(&w->client, &w->pool, 64, 48, 2);
	raw_attachment_create(&w->pool, &w->attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&w->attachment);
	raw_buffer_get(&w->attachment, &w->buffer, 0);
	ck_assert(client_sync(&w->client));
	ck_assert_uint_eq(w->attachment.accepted, 1);
}

static struct waybuf_account *account_of(struct world *w)
{
	return waybuf_server_client_account(w->server.server, w->client.peer);
}

/* Memory that a cancelled map asked for is charged until the worker has given it back. */
static bool is_settled(struct world *w)
{
	return waybuf_account_used(account_of(w), WAYBUF_RESOURCE_KIB) == 0;
}

static void world_finish(struct world *w)
{
	raw_buffer_destroy(&w->buffer);
	raw_attachment_destroy(&w->attachment);
	raw_pool_destroy(&w->pool);
	ck_assert(client_sync(&w->client));
	for (int i = 0; i < 2000 && !is_settled(w); i++) {
		usleep(1000);
		ck_assert(client_sync(&w->client));
	}
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		ck_assert_msg(waybuf_account_used(account_of(w), (enum waybuf_resource)i) == 0,
			"resource %d is still charged", i);
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

static void map(struct world *w, struct fixture_buffer *buffer, uint32_t direction)
{
	unsigned answers = buffer->answers;
	waybuf_buffer_v1_map(buffer->proxy, direction);
	client_wait(&w->client, &buffer->answers, answers + 1);
}

#define READ WAYBUF_BUFFER_V1_DIRECTION_READ
#define WRITE WAYBUF_BUFFER_V1_DIRECTION_WRITE

/* ---- the first batch ----------------------------------------------------------------------- */

TEST(batch)
{
	struct world w;
	struct fixture_server_options options = {.device = true};
	world_init(&w, &options);
	ck_assert_uint_eq(w.client.batches, 1);
	ck_assert_uint_eq(w.client.capabilities, WAYBUF_ALLOCATOR_V1_CAPABILITY_SYNC_FILE);
	ck_assert_uint_eq(w.client.devices, 1);
	ck_assert_uint_eq(w.client.device, w.server.device);
	ck_assert_uint_eq(w.client.device_kind, WAYBUF_ALLOCATOR_V1_DEVICE_KIND_RENDER);
	ck_assert_uint_eq(w.client.dev_size, sizeof(dev_t));
	ck_assert_uint_gt(w.client.limit[WAYBUF_RESOURCE_KIB], 0);

	waybuf_server_remove_device(w.server.server, w.server.device);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.client.batches, 2);
	ck_assert_uint_eq(w.client.devices, 0);
	world_finish(&w);
}

/* A client that has its pools needs no allocator any more. */
TEST(the_allocator_object_goes_first)
{
	struct world w;
	world_init(&w, NULL);
	unsigned usages = w.client.usages;
	waybuf_allocator_v1_destroy(w.client.allocator);
	w.client.allocator = NULL;
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.buffer.mapped, 1);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	/* and hears no more of its account */
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.client.usages, usages);
	world_finish(&w);
}

TEST(batch_in_a_sandbox)
{
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_server_options options = {
		.device = true, .context = "org.example.app", .integrated = true};
	fixture_server_init(&server, &options);
	client_init(&client, &server);
	ck_assert_uint_eq(client.devices, 1);
	ck_assert_uint_eq(client.dev_size, 0);
	ck_assert(client.capabilities & WAYBUF_ALLOCATOR_V1_CAPABILITY_INTEGRATED);
	client_finish(&client);
	fixture_server_finish(&server);
}

/* ---- grants -------------------------------------------------------------------------------- */

TEST(declared_buffers_cost_nothing)
{
	struct world w;
	world_init(&w, NULL);
	ck_assert_uint_eq(w.attachment.outcome, WAYBUF_ATTACHMENT_V1_OUTCOME_DECLARED);
	ck_assert_uint_eq(waybuf_account_bytes(account_of(&w)), 0);
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.buffer.mapped, 1);
	ck_assert_uint_eq(w.buffer.layouts, 1);
	ck_assert_uint_eq(w.buffer.memories, 1);
	ck_assert_uint_eq(w.buffer.generation, 1);
	ck_assert_uint_eq(w.buffer.serial, 1);
	ck_assert_uint_eq(w.buffer.flags, WAYBUF_BUFFER_V1_MAPPED_FLAGS_FRESH);
	ck_assert_uint_eq(w.buffer.width, 64);
	ck_assert_uint_eq(w.buffer.height, 48);
	ck_assert_uint_eq(w.buffer.format, DRM_FORMAT_XRGB8888);
	ck_assert_uint_eq(w.buffer.kind, WAYBUF_BUFFER_V1_MEMORY_KIND_MEMFD);
	ck_assert_uint_ge(w.buffer.stride[0], 64 * 4);
	ck_assert_str_eq(w.buffer.exporter, "memfd");
	ck_assert_uint_eq(waybuf_account_bytes(account_of(&w)), w.buffer.size);
	ck_assert_uint_ge(w.buffer.size, w.buffer.stride[0] * 48);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	world_finish(&w);
}

/* What one view writes another reads, and the layout is told once. */
TEST(contents_and_serials)
{
	struct world w;
	struct fixture_attachment reader;
	struct fixture_buffer seen;
	world_init(&w, NULL);
	raw_attachment_create(&w.pool, &reader, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	raw_attachment_commit_format(&reader, WAYBUF_ACCESS_READ, DRM_FORMAT_XRGB8888);
	raw_buffer_get(&reader, &seen, 0);
	map(&w, &w.buffer, WRITE);
	uint32_t pixel = 0x12345678;
	ck_assert_int_eq(pwrite(w.buffer.fd, &pixel, 4, 0), 4);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	map(&w, &seen, READ);
	ck_assert_uint_eq(seen.serial, 1);
	ck_assert_uint_eq(seen.flags, 0);
	uint32_t found = 0;
	ck_assert_int_eq(pread(seen.fd, &found, 4, 0), 4);
	ck_assert_uint_eq(found, pixel);
	waybuf_buffer_v1_unmap(seen.proxy);
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.buffer.serial, 2);
	ck_assert_uint_eq(w.buffer.layouts, 1);
	ck_assert_uint_eq(w.buffer.memories, 1);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_buffer_destroy(&seen);
	raw_attachment_destroy(&reader);
	world_finish(&w);
}

/* A reader waits behind a granted writer, of its own client or another. */
TEST(queue)
{
	struct world w;
	struct fixture_attachment reader;
	struct fixture_buffer seen;
	world_init(&w, NULL);
	raw_attachment_create(&w.pool, &reader, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&reader);
	raw_buffer_get(&reader, &seen, 0);
	map(&w, &w.buffer, WRITE);
	waybuf_buffer_v1_map(seen.proxy, READ);
	client_run(&w.client, 30);
	ck_assert_uint_eq(seen.answers, 0);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	client_wait(&w.client, &seen.mapped, 1);
	/* readers share, and the writer that comes after them waits */
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE);
	client_run(&w.client, 30);
	ck_assert_uint_eq(w.buffer.answers, 1);
	waybuf_buffer_v1_unmap(seen.proxy);
	client_wait(&w.client, &w.buffer.mapped, 2);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_buffer_destroy(&seen);
	raw_attachment_destroy(&reader);
	world_finish(&w);
}

TEST(cancel)
{
	struct world w;
	struct fixture_attachment reader;
	struct fixture_buffer seen;
	world_init(&w, NULL);
	raw_attachment_create(&w.pool, &reader, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&reader);
	raw_buffer_get(&reader, &seen, 0);
	map(&w, &w.buffer, WRITE);
	for (unsigned i = 0; i < 3; i++) {
		waybuf_buffer_v1_map(seen.proxy, READ);
		waybuf_buffer_v1_unmap(seen.proxy);
	}
	waybuf_buffer_v1_map(seen.proxy, READ);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(seen.failed, 3);
	ck_assert_uint_eq(seen.reason, WAYBUF_REASON_CANCELLED);
	ck_assert_uint_eq(seen.mapped, 0);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	client_wait(&w.client, &seen.mapped, 1);
	waybuf_buffer_v1_unmap(seen.proxy);
	raw_buffer_destroy(&seen);
	raw_attachment_destroy(&reader);
	world_finish(&w);
}

/* Random orders of everything: each map has one answer, and nothing is charged at the end. */
TEST(alternation)
{
	struct world w;
	struct fixture_attachment attachments[3];
	struct fixture_buffer buffers[3];
	unsigned maps[3] = {0};
	bool open[3] = {false};
	uint64_t seed = harness_seed();
	world_init(&w, NULL);
	for (int i = 0; i < 3; i++) {
		raw_attachment_create(&w.pool, &attachments[i], WAYBUF_ATTACHMENT_V1_KIND_CPU);
		raw_attachment_commit_cpu(&attachments[i]);
		raw_buffer_get(&attachments[i], &buffers[i], 1);
	}
	for (int round = 0; round < 600; round++) {
		unsigned i = (unsigned)(harness_random(&seed) % 3);
		if (open[i]) {
			waybuf_buffer_v1_unmap(buffers[i].proxy);
		} else {
			waybuf_buffer_v1_map(
				buffers[i].proxy, harness_random(&seed) % 3 ? READ : WRITE);
			maps[i]++;
		}
		open[i] = !open[i];
		if (harness_random(&seed) % 4 == 0)
			ck_assert(client_sync(&w.client));
	}
	for (int i = 0; i < 3; i++) {
		if (open[i])
			waybuf_buffer_v1_unmap(buffers[i].proxy);
	}
	for (int i = 0; i < 3; i++) {
		client_wait(&w.client, &buffers[i].answers, maps[i]);
		ck_assert_uint_eq(buffers[i].answers, maps[i]);
		raw_buffer_destroy(&buffers[i]);
		raw_attachment_destroy(&attachments[i]);
	}
	world_finish(&w);
}

/* Requests of the second set go out behind a commit whose answer is not known. */
TEST(map_behind_commit)
{
	struct world w;
	world_init(&w, NULL);
	raw_attachment_commit_cpu(&w.attachment);
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE);
	client_wait(&w.client, &w.buffer.mapped, 1);
	ck_assert_uint_eq(w.attachment.accepted, 2);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	world_finish(&w);
}

/* ---- wl_buffers ---------------------------------------------------------------------------- */

static struct wl_surface *show(struct world *w, struct fixture_wl_buffer *wl_buffer)
{
	struct wl_surface *surface = wl_compositor_create_surface(w->client.compositor);
	wl_surface_attach(surface, wl_buffer->proxy, 0, 0);
	wl_surface_commit(surface);
	ck_assert(client_sync(&w->client));
	ck_assert_ptr_nonnull(w->server.committed);
	return surface;
}

TEST(wl_buffer_use)
{
	struct world w;
	struct fixture_wl_buffer wl_buffer;
	struct waybuf_use *use, *again;
	struct waybuf_grant grant;
	struct waybuf_server_buffer_info info;
	struct fixture_server_options options = {.integrated = true};
	world_init(&w, &options);
	raw_buffer_wl_buffer(&w.buffer, &wl_buffer);
	struct wl_surface *surface = show(&w, &wl_buffer);
	struct wl_resource *resource = w.server.committed;

	/* nothing was ever drawn */
	ck_assert_ptr_nonnull(waybuf_buffer_from_resource(resource));
	ck_assert_int_eq(waybuf_server_buffer_get_info(resource, &info), 0);
	ck_assert(info.follows && !info.inert && info.width == 0);
	ck_assert_int_eq(waybuf_use_begin(resource, &use), 0);
	ck_assert_int_eq(waybuf_use_latch(use, &grant), -ENODATA);
	waybuf_use_end(use, NULL);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(wl_buffer.released, 1);

	/* shown twice, released once, and the writer waits as long */
	map(&w, &w.buffer, WRITE);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	ck_assert(client_sync(&w.client));
	ck_assert_int_eq(waybuf_use_begin(resource, &use), 0);
	ck_assert_int_eq(waybuf_use_begin(resource, &again), 0);
	ck_assert_ptr_eq(waybuf_use_buffer(use), waybuf_buffer_from_resource(resource));
	ck_assert_int_eq(waybuf_use_latch(use, &grant), 0);
	ck_assert_uint_eq(grant.layout->width, 64);
	ck_assert_uint_eq(grant.serial, 1);
	ck_assert_int_eq(waybuf_server_buffer_get_info(resource, &info), 0);
	ck_assert_uint_eq(info.format, DRM_FORMAT_XRGB8888);
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE);
	client_run(&w.client, 30);
	ck_assert_uint_eq(w.buffer.mapped, 1);
	waybuf_use_end(use, NULL);
	client_run(&w.client, 30);
	ck_assert_uint_eq(w.buffer.mapped, 1);
	ck_assert_uint_eq(wl_buffer.released, 1);
	waybuf_use_end(again, NULL);
	client_wait(&w.client, &w.buffer.mapped, 2);
	ck_assert_uint_eq(wl_buffer.released, 2);
	waybuf_buffer_v1_unmap(w.buffer.proxy);

	wl_surface_destroy(surface);
	wl_buffer_destroy(wl_buffer.proxy);
	world_finish(&w);
}

/* What is on a screen outlives the wl_buffer, the pool and the client. */
TEST(wl_buffer_outlived)
{
	struct world w;
	struct fixture_wl_buffer wl_buffer;
	struct waybuf_use *use;
	struct waybuf_grant grant;
	struct fixture_server_options options = {.integrated = true};
	world_init(&w, &options);
	map(&w, &w.buffer, WRITE);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_buffer_wl_buffer(&w.buffer, &wl_buffer);
	struct wl_surface *surface = show(&w, &wl_buffer);
	ck_assert_int_eq(waybuf_use_begin(w.server.committed, &use), 0);
	ck_assert_int_eq(waybuf_use_latch(use, &grant), 0);
	struct waybuf_account *account = waybuf_account_ref(account_of(&w));
	wl_surface_destroy(surface);
	wl_buffer_destroy(wl_buffer.proxy);
	raw_buffer_destroy(&w.buffer);
	raw_attachment_destroy(&w.attachment);
	raw_pool_destroy(&w.pool);
	client_finish(&w.client);
	ck_assert_uint_gt(waybuf_account_bytes(account), 0);
	ck_assert_uint_eq(grant.layout->height, 48);
	waybuf_use_end(use, NULL);
	ck_assert_uint_eq(waybuf_account_bytes(account), 0);
	waybuf_account_unref(account);
	fixture_server_finish(&w.server);
}

/* A wl_buffer that cannot be is inert: attached, committed, shown as nothing, released. */
TEST(wl_buffer_inert)
{
	struct world w;
	struct fixture_wl_buffer wl_buffer;
	struct waybuf_use *use;
	struct waybuf_grant grant;
	struct waybuf_server_buffer_info info;
	world_init(&w, NULL);
	raw_buffer_wl_buffer(&w.buffer, &wl_buffer);
	struct wl_surface *surface = show(&w, &wl_buffer);
	ck_assert_uint_eq(w.buffer.wl_buffers_failed, 1);
	ck_assert_uint_eq(w.buffer.reason, WAYBUF_REASON_UNSUPPORTED);
	ck_assert_ptr_null(waybuf_buffer_from_resource(w.server.committed));
	ck_assert_int_eq(waybuf_server_buffer_get_info(w.server.committed, &info), 0);
	ck_assert(info.inert);
	ck_assert_int_eq(waybuf_use_begin(w.server.committed, &use), 0);
	ck_assert_ptr_null(waybuf_use_buffer(use));
	ck_assert_int_eq(waybuf_use_latch(use, &grant), -ENODATA);
	waybuf_use_end(use, NULL);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(wl_buffer.released, 1);
	/* no wl_buffer at all */
	ck_assert_int_eq(waybuf_use_begin(w.server.surface, &use), -EINVAL);
	ck_assert_int_eq(waybuf_server_buffer_get_info(w.server.surface, &info), -EINVAL);
	wl_surface_destroy(surface);
	wl_buffer_destroy(wl_buffer.proxy);
	world_finish(&w);
}

/* ---- devices ------------------------------------------------------------------------------- */

/* The server adds what the device needs, and tries the memory on it. */
TEST(device_attachment)
{
	struct world w;
	struct fixture_attachment device;
	struct fixture_server_options options = {.device = true};
	world_init(&w, &options);
	raw_attachment_create_device(
		&w.pool, &device, WAYBUF_ATTACHMENT_V1_KIND_DEVICE, w.server.device);
	raw_attachment_commit_format(&device, WAYBUF_ACCESS_SAMPLE, DRM_FORMAT_XRGB8888);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(device.accepted, 1);
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.buffer.mapped, 1);
	ck_assert_uint_eq(w.buffer.stride[0] % 256, 0);
	ck_assert_uint_gt(w.server.imports, 0);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_attachment_destroy(&device);
	world_finish(&w);
}

/* ---- clients that vanish ------------------------------------------------------------------- */

TEST(vanish_with_a_map_granted)
{
	struct world w;
	world_init(&w, NULL);
	struct waybuf_account *account = waybuf_account_ref(account_of(&w));
	map(&w, &w.buffer, WRITE);
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE); /* an error on top */
	wl_display_flush(w.client.display);
	fixture_server_disconnect(&w.server);
	fixture_server_dispatch(&w.server, 0);
	ck_assert_uint_eq(waybuf_account_bytes(account), 0);
	for (int i = 0; i < WAYBUF_RESOURCE_COUNT; i++)
		ck_assert_uint_eq(waybuf_account_used(account, (enum waybuf_resource)i), 0);
	waybuf_account_unref(account);
	raw_buffer_destroy(&w.buffer);
	raw_attachment_destroy(&w.attachment);
	raw_pool_destroy(&w.pool);
	client_finish(&w.client);
	fixture_server_finish(&w.server);
}

/* The memory is being made when its client goes. */
TEST(vanish_with_a_map_queued)
{
	struct world w;
	world_init(&w, NULL);
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE);
	wl_display_flush(w.client.display);
	fixture_server_dispatch(&w.server, 0);
	fixture_server_disconnect(&w.server);
	raw_buffer_destroy(&w.buffer);
	raw_attachment_destroy(&w.attachment);
	raw_pool_destroy(&w.pool);
	client_finish(&w.client);
	fixture_server_finish(&w.server);
}

/* The server goes first, and the client's requests hit inert objects. */
TEST(server_goes_first)
{
	struct world w;
	struct fixture_server_options options = {.integrated = true};
	struct fixture_wl_buffer wl_buffer;
	world_init(&w, &options);
	map(&w, &w.buffer, WRITE);
	raw_buffer_wl_buffer(&w.buffer, &wl_buffer);
	ck_assert(client_sync(&w.client));
	waybuf_server_monitor_destroy(w.server.monitor);
	waybuf_server_allocator_destroy(w.server.allocator);
	waybuf_server_dmabuf_destroy(w.server.dmabuf);
	waybuf_server_destroy(w.server.server);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE);
	struct fixture_pool late;
	raw_pool_create(&w.client, &late, 1, 1, 1);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.pool.failed, 1);
	ck_assert_uint_eq(w.pool.reason, WAYBUF_REASON_CLOSED);
	ck_assert_uint_eq(w.buffer.reason, WAYBUF_REASON_CLOSED);
	ck_assert_uint_eq(late.reason, WAYBUF_REASON_CLOSED);
	raw_pool_destroy(&late);
	wl_buffer_destroy(wl_buffer.proxy);
	raw_buffer_destroy(&w.buffer);
	raw_attachment_destroy(&w.attachment);
	raw_pool_destroy(&w.pool);
	client_finish(&w.client);
	wl_display_disconnect(wl_display_connect_to_fd(
		fixture_server_connect(&w.server, NULL))); /* the display still works */
	fixture_server_destroy_display(&w.server);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-map")
