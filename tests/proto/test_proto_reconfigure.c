/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "fixture_client.h"

/* Another size, as the wire tells it to the creator and to another member. */

#define READ WAYBUF_BUFFER_V1_DIRECTION_READ
#define WRITE WAYBUF_BUFFER_V1_DIRECTION_WRITE

struct world {
	struct fixture_server server;
	struct fixture_client a, b;
	struct fixture_pool pool, joined;
	struct fixture_attachment painter, reader;
	struct fixture_buffer painted, seen;
};

/* The other member takes 100 pixels of width at most. */
static void commit_reader(struct world *w)
{
	const uint32_t format = DRM_FORMAT_XRGB8888;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_CPU_READ);
	waybuf_constraints_builder_width(builder, 0, 100, 1);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	raw_attachment_commit(&w->reader, builder);
}

static void map(struct fixture_client *client, struct fixture_buffer *buffer, uint32_t direction)
{
	unsigned answers = buffer->answers;
	waybuf_buffer_v1_map(buffer->proxy, direction);
	client_wait(client, &buffer->answers, answers + 1);
}

static void world_init(struct world *w)
{
	fixture_server_init(&w->server, NULL);
	client_init(&w->a, &w->server);
	client_init(&w->b, &w->server);
	raw_pool_create(&w->a, &w->pool, 64, 64, 1);
	waybuf_pool_v1_export_token(w->pool.proxy, 1, 30, 0);
	client_wait(&w->a, &w->pool.tokens, 1);
	raw_pool_listen(&w->joined, waybuf_allocator_v1_join_pool(w->b.allocator, w->pool.token));
	client_wait(&w->b, &w->joined.configured, 1);
	raw_attachment_create(&w->pool, &w->painter, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&w->painter);
	raw_buffer_get(&w->painter, &w->painted, 0);
	raw_attachment_create(&w->joined, &w->reader, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	commit_reader(w);
	raw_buffer_get(&w->reader, &w->seen, 0);
	ck_assert(client_sync(&w->b));
	map(&w->a, &w->painted, WRITE);
	waybuf_buffer_v1_unmap(w->painted.proxy);
	ck_assert(client_sync(&w->a));
	map(&w->b, &w->seen, READ);
	waybuf_buffer_v1_unmap(w->seen.proxy);
	ck_assert_uint_eq(w->seen.width, 64);
}

static void world_finish(struct world *w)
{
	raw_buffer_destroy(&w->painted);
	raw_buffer_destroy(&w->seen);
	raw_attachment_destroy(&w->painter);
	raw_attachment_destroy(&w->reader);
	raw_pool_destroy(&w->joined);
	raw_pool_destroy(&w->pool);
	client_finish(&w->b);
	client_finish(&w->a);
	fixture_server_finish(&w->server);
}

static void reconfigure(struct world *w, uint32_t width, uint32_t height)
{
	unsigned configured = w->joined.configured;
	waybuf_pool_v1_reconfigure(w->pool.proxy, width, height);
	ck_assert(client_sync(&w->a));
	client_wait(&w->b, &w->joined.configured, configured + 1);
}

TEST(everybody_is_told)
{
	struct world w;
	world_init(&w);
	reconfigure(&w, 80, 32);
	ck_assert_uint_eq(w.pool.config, 2);
	ck_assert_uint_eq(w.pool.width, 80);
	ck_assert_uint_eq(w.pool.height, 32);
	ck_assert_uint_eq(w.joined.config, 2);
	ck_assert_uint_eq(w.joined.width, 80);
	ck_assert_uint_eq(w.joined.height, 32);
	map(&w.b, &w.seen, READ);
	ck_assert_uint_eq(w.seen.mapped, 2);
	ck_assert_uint_eq(w.seen.layouts, 1);
	waybuf_buffer_v1_unmap(w.seen.proxy);
	ck_assert(client_sync(&w.b));
	map(&w.a, &w.painted, WRITE);
	ck_assert_uint_eq(w.painted.width, 80);
	ck_assert_uint_eq(w.painted.generation, 2);
	ck_assert_uint_eq(w.painted.flags, WAYBUF_BUFFER_V1_MAPPED_FLAGS_FRESH);
	ck_assert_uint_eq(w.painted.retired_generation, 1);
	waybuf_buffer_v1_unmap(w.painted.proxy);
	ck_assert(client_sync(&w.a));
	map(&w.b, &w.seen, READ);
	ck_assert_uint_eq(w.seen.width, 80);
	ck_assert_uint_eq(w.seen.retired_generation, 1);
	waybuf_buffer_v1_unmap(w.seen.proxy);
	world_finish(&w);
}

/* Who is not the creator hears what there is, and nobody else hears anything. */
TEST(member_may_not)
{
	struct world w;
	world_init(&w);
	waybuf_pool_v1_reconfigure(w.joined.proxy, 80, 32);
	client_wait(&w.b, &w.joined.configured, 2);
	ck_assert_uint_eq(w.joined.config, 1);
	ck_assert_uint_eq(w.joined.width, 64);
	ck_assert(client_sync(&w.a));
	ck_assert_uint_eq(w.pool.configured, 1);
	world_finish(&w);
}

TEST(conflict_and_cure)
{
	struct world w;
	world_init(&w);
	reconfigure(&w, 200, 64);
	map(&w.a, &w.painted, WRITE);
	ck_assert_uint_eq(w.painted.failed, 1);
	ck_assert_uint_eq(w.painted.reason, WAYBUF_REASON_CONFLICT);
	ck_assert_uint_gt(w.painter.conflicts, 0);
	waybuf_buffer_v1_unmap(w.painted.proxy);
	reconfigure(&w, 99, 64);
	map(&w.a, &w.painted, WRITE);
	ck_assert_uint_eq(w.painted.mapped, 2);
	ck_assert_uint_eq(w.painted.width, 99);
	waybuf_buffer_v1_unmap(w.painted.proxy);
	world_finish(&w);
}

TEST_MAIN("proto-reconfigure")
