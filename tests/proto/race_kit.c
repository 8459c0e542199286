/* SPDX-License-Identifier: MIT */
#include "proto/race_kit.h"

#include <unistd.h>

#include "core/account.h"

static void connect_a(struct race *race)
{
	struct side *a = &race->a;
	client_init(&a->client, &race->server);
	raw_pool_create(&a->client, &a->pool, 60, RACE_HEIGHT, 1);
	side_attach_cpu(a);
	ck_assert(client_sync(&a->client));
	ck_assert_uint_eq(a->attachment.accepted, 1);
}

void race_init(struct race *race, const struct fixture_server_options *options)
{
	*race = (struct race){0};
	fixture_server_init(&race->server, options);
	connect_a(race);
	side_join(race, &race->b, side_token(&race->a, 1));
	client_wait(&race->b.client, &race->b.pool.configured, 1);
}

const char *side_token(struct side *side, uint32_t uses)
{
	unsigned tokens = side->pool.tokens;
	waybuf_pool_v1_export_token(side->pool.proxy, uses, 30, 0);
	client_wait(&side->client, &side->pool.tokens, tokens + 1);
	ck_assert_uint_eq(strlen(side->pool.token), 32);
	return side->pool.token;
}

void side_join(struct race *race, struct side *side, const char *token)
{
	*side = (struct side){0};
	client_init(&side->client, &race->server);
	raw_pool_listen(&side->pool, waybuf_allocator_v1_join_pool(side->client.allocator, token));
}

void side_attach_cpu(struct side *side)
{
	raw_attachment_create(&side->pool, &side->attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&side->attachment);
	raw_buffer_get(&side->attachment, &side->buffer, 0);
	side->attached = true;
}

void side_commit_stride(struct fixture_attachment *attachment, uint32_t stride, uint32_t max)
{
	const uint32_t format = DRM_FORMAT_XRGB8888;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_stride(
		builder, WAYBUF_PLANE_ALL, stride, 0, max ? max : WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	raw_attachment_commit(attachment, builder);
}

void side_attach_stride(struct side *side, uint32_t stride)
{
	raw_attachment_create(&side->pool, &side->attachment, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	side_commit_stride(&side->attachment, stride, 0);
	raw_buffer_get(&side->attachment, &side->buffer, 0);
	side->attached = true;
}

void side_leave(struct side *side)
{
	if (side->attached) {
		raw_buffer_destroy(&side->buffer);
		raw_attachment_destroy(&side->attachment);
	}
	raw_pool_destroy(&side->pool);
	side->attached = false;
	side->left = true;
}

void side_die(struct side *side)
{
	wl_client_destroy(side->client.peer);
	side->client.peer = NULL;
}

static void side_finish(struct side *side)
{
	if (!side->left)
		side_leave(side);
	client_finish(&side->client);
}

void race_finish(struct race *race)
{
	side_finish(&race->a);
	side_finish(&race->b);
	fixture_server_finish(&race->server);
}

void side_map(struct side *side, uint32_t direction)
{
	unsigned answers = side->buffer.answers;
	waybuf_buffer_v1_map(side->buffer.proxy, direction);
	client_wait(&side->client, &side->buffer.answers, answers + 1);
}

void put_pixel(const struct fixture_buffer *buffer, uint32_t value)
{
	ck_assert_int_eq(pwrite(buffer->fd, &value, 4, buffer->stride[0]), 4);
}

uint32_t get_pixel(const struct fixture_buffer *buffer)
{
	uint32_t value;
	ck_assert_int_eq(pread(buffer->fd, &value, 4, buffer->stride[0]), 4);
	return value;
}

void side_draw(struct side *side, uint32_t value)
{
	unsigned mapped = side->buffer.mapped;
	side_map(side, WRITE);
	ck_assert_uint_eq(side->buffer.mapped, mapped + 1);
	put_pixel(&side->buffer, value);
	waybuf_buffer_v1_unmap(side->buffer.proxy);
	ck_assert(client_sync(&side->client));
}

void race_settle(struct race *race)
{
	for (int i = 0; i < 2; i++) {
		ck_assert(client_sync(&race->a.client));
		ck_assert(client_sync(&race->b.client));
	}
}

uint64_t side_bytes(struct side *side)
{
	return waybuf_account_bytes(
		waybuf_server_client_account(side->client.server->server, side->client.peer));
}
