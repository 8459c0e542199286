/* SPDX-License-Identifier: MIT */
#include "soak/shop.h"

#include <drm_fourcc.h>
#include <sys/mman.h>
#include <unistd.h>

struct shop_board *shop_board;

#define MAX_BUFFERS 8

struct worker {
	struct fixture_client *client;
	enum shop_role role;
	uint64_t random;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	struct fixture_buffer buffers[MAX_BUFFERS];
	uint32_t count;
};

/* ---- three sets of constraints ------------------------------------------------------------- */

static void add_decoder(struct waybuf_constraints_builder *builder)
{
	waybuf_constraints_builder_access(
		builder, WAYBUF_ACCESS_DECODE | WAYBUF_ACCESS_READ | WAYBUF_ACCESS_WRITE);
	waybuf_constraints_builder_hold(builder, 3);
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, 64, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_rows(builder, 0, 32, 0);
	waybuf_constraints_builder_rows(builder, 1, 16, 0);
	waybuf_constraints_builder_size(builder, WAYBUF_PLANE_ALL, 1, 64);
}

static void add_filter(struct waybuf_constraints_builder *builder)
{
	waybuf_constraints_builder_access(
		builder, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_one_fd(builder, true);
}

/* One stride or another, so that a new display moves what the old one liked. */
static void add_display(struct waybuf_constraints_builder *builder, uint64_t stride)
{
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_SCANOUT | WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_hold(builder, 2);
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, 256, stride, stride);
}

static void commit(struct worker *worker)
{
	const uint32_t format = DRM_FORMAT_NV12;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (worker->role == SHOP_DECODER)
		add_decoder(builder);
	else if (worker->role == SHOP_FILTER)
		add_filter(builder);
	else
		add_display(builder, shop_board->displays % 2 ? 256 : 512);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	raw_attachment_commit(&worker->attachment, builder);
}

/* ---- in and out ---------------------------------------------------------------------------- */

/* Whoever writes tokens may be killed meanwhile, so this asks again and again. */
static void wait_for_token(struct worker *worker)
{
	while (shop_board->tokens == shop_board->tried) {
		unsigned mine = ++shop_board->wanted;
		for (int i = 0; i < 100 && (int)(shop_board->tokens - mine) < 0; i++)
			client_run(worker->client, 5);
	}
}

/*
 * A token that somebody asked for and did not live to use is as good as a new one. It would be
 * charged as a membership to come, else, until it expires.
 */
static void join(struct worker *worker)
{
	for (;;) {
		wait_for_token(worker);
		unsigned tokens = shop_board->tokens;
		raw_pool_listen(&worker->pool,
			waybuf_allocator_v1_join_pool(
				worker->client->allocator, shop_board->token));
		while (worker->pool.configured + worker->pool.failed == 0)
			client_run(worker->client, 2);
		shop_board->tried = tokens;
		if (!worker->pool.failed)
			return;
		ck_assert_uint_eq(worker->pool.reason, WAYBUF_REASON_BAD_TOKEN);
		raw_pool_destroy(&worker->pool);
	}
}

static void enter(struct worker *worker)
{
	if (worker->role == SHOP_DECODER && !shop_board->made) {
		raw_pool_create(worker->client, &worker->pool, 200, 64, 2);
		client_wait(worker->client, &worker->pool.configured, 1);
		shop_board->made = true;
	} else {
		join(worker);
	}
	raw_attachment_create(&worker->pool, &worker->attachment,
		worker->role == SHOP_FILTER ? WAYBUF_ATTACHMENT_V1_KIND_CPU
					    : WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	shop_board->displays += worker->role == SHOP_DISPLAY;
	commit(worker);
	worker->count = worker->pool.count < MAX_BUFFERS ? worker->pool.count : MAX_BUFFERS;
	for (uint32_t i = 0; i < worker->count; i++)
		raw_buffer_get(&worker->attachment, &worker->buffers[i], i);
}

static void leave(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->count; i++)
		raw_buffer_destroy(&worker->buffers[i]);
	raw_attachment_destroy(&worker->attachment);
	raw_pool_destroy(&worker->pool);
	ck_assert(client_sync(worker->client));
}

/* A newcomer that a slow writer kept out tries again. */
static void settle(struct worker *worker)
{
	struct fixture_attachment *attachment = &worker->attachment;
	unsigned refused = 0;
	while (attachment->accepted == 0) {
		client_run(worker->client, 2);
		if (attachment->gone)
			ck_abort_msg("gone: reason %u", attachment->reason);
		if (attachment->refused == refused)
			continue;
		if (attachment->reason != WAYBUF_REASON_DEADLINE)
			ck_abort_msg("refused: reason %u", attachment->reason);
		refused = attachment->refused;
		commit(worker);
	}
	shop_board->moves += attachment->outcome == WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED;
}

/* ---- at work ------------------------------------------------------------------------------- */

static void serve_token(struct worker *worker)
{
	unsigned wanted = shop_board->wanted, tokens = worker->pool.tokens;
	if (wanted == shop_board->tokens)
		return;
	waybuf_pool_v1_export_token(worker->pool.proxy, 1, 3, 0);
	client_wait(worker->client, &worker->pool.tokens, tokens + 1);
	if (worker->pool.token[0]) {
		memcpy(shop_board->token, worker->pool.token, sizeof(shop_board->token));
		shop_board->tokens = wanted;
	}
}

/* What is retired is let go. */
static void tidy(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->count; i++) {
		struct fixture_buffer *buffer = &worker->buffers[i];
		if (buffer->fd >= 0 && buffer->retired_generation >= buffer->generation) {
			close(buffer->fd);
			buffer->fd = -1;
		}
	}
}

static void park(struct worker *worker)
{
	while (shop_board->pause && !shop_board->over) {
		client_run(worker->client, 2);
		tidy(worker);
		shop_board->parked[worker->role] = true;
	}
	shop_board->parked[worker->role] = false;
}

static uint32_t pick_direction(struct worker *worker)
{
	uint64_t value = harness_random(&worker->random);
	if (worker->role == SHOP_DISPLAY || value % 2)
		return WAYBUF_BUFFER_V1_DIRECTION_READ;
	return value % 4 ? WAYBUF_BUFFER_V1_DIRECTION_WRITE : WAYBUF_BUFFER_V1_DIRECTION_BOTH;
}

static void touch(const struct fixture_buffer *buffer, bool write)
{
	size_t size = (size_t)buffer->stride[0] * 8;
	uint8_t *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd, 0);
	ck_assert_ptr_ne(data, MAP_FAILED);
	if (write)
		memset(data, (int)buffer->serial, size);
	munmap(data, size);
}

static void work(struct worker *worker)
{
	uint64_t value = harness_random(&worker->random);
	struct fixture_buffer *buffer = &worker->buffers[value % worker->count];
	unsigned mapped = buffer->mapped;
	uint32_t direction = pick_direction(worker);
	waybuf_buffer_v1_map(buffer->proxy, direction);
	if (value >> 8 & 7)
		client_wait(worker->client, &buffer->answers, buffer->answers + 1);
	if (buffer->mapped > mapped) {
		shop_board->undefined +=
			(buffer->flags & WAYBUF_BUFFER_V1_MAPPED_FLAGS_UNDEFINED) != 0;
		touch(buffer, direction & WAYBUF_BUFFER_V1_DIRECTION_WRITE);
		client_run(worker->client, (int)(value >> 16) % 3);
	}
	waybuf_buffer_v1_unmap(buffer->proxy);
	/* of one that was cancelled, too */
	ck_assert(client_sync(worker->client));
	if (buffer->failed && buffer->reason != WAYBUF_REASON_CANCELLED)
		ck_abort_msg("map failed: reason %u", buffer->reason);
	tidy(worker);
	shop_board->maps++;
}

static void play(struct fixture_client *client, enum shop_role role, uint64_t seed)
{
	static struct worker worker;
	worker = (struct worker){.client = client, .role = role, .random = seed};
	enter(&worker);
	settle(&worker);
	shop_board->joined[role] = true;
	while (!shop_board->over) {
		serve_token(&worker);
		park(&worker);
		work(&worker);
	}
	leave(&worker);
}

static void decoder(struct fixture_client *client, uint64_t seed)
{
	play(client, SHOP_DECODER, seed);
}

static void filter(struct fixture_client *client, uint64_t seed)
{
	play(client, SHOP_FILTER, seed);
}

static void display(struct fixture_client *client, uint64_t seed)
{
	play(client, SHOP_DISPLAY, seed);
}

const crew_role_t shop_roles[SHOP_ROLES] = {
	[SHOP_DECODER] = decoder,
	[SHOP_FILTER] = filter,
	[SHOP_DISPLAY] = display,
};
