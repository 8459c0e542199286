/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <unistd.h>

#include "fixture_client.h"
#include "server.h"
#include "trace/trace.h"

/*
 * Migration on the wire: an image of 60 pixels has rows of 240 bytes, and the fixture's device
 * wants a multiple of 256. So attaching it moves what the CPU has drawn.
 */

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment cpu, device;
	struct fixture_buffer buffer, seen;
};

#define READ WAYBUF_BUFFER_V1_DIRECTION_READ
#define WRITE WAYBUF_BUFFER_V1_DIRECTION_WRITE

/* One buffer, granted to the CPU for writing, and a device that has not committed. */
static void world_init(struct world *w)
{
	struct fixture_server_options options = {.device = true};
	fixture_server_init(&w->server, &options);
	client_init(&w->client, &w->server);
	raw_pool_create(&w->client, &w->pool, 60, 48, 1);
	raw_attachment_create(&w->pool, &w->cpu, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&w->cpu);
	raw_buffer_get(&w->cpu, &w->buffer, 0);
	waybuf_buffer_v1_map(w->buffer.proxy, WRITE);
	client_wait(&w->client, &w->buffer.mapped, 1);
	ck_assert_uint_eq(w->buffer.stride[0], 240);
	raw_attachment_create_device(
		&w->pool, &w->device, WAYBUF_ATTACHMENT_V1_KIND_DEVICE, w->server.device);
	raw_buffer_get(&w->device, &w->seen, 0);
}

static void commit_device(struct world *w)
{
	raw_attachment_commit_format(&w->device, WAYBUF_ACCESS_SAMPLE, DRM_FORMAT_XRGB8888);
}

static void world_finish(struct world *w)
{
	raw_buffer_destroy(&w->seen);
	raw_buffer_destroy(&w->buffer);
	raw_attachment_destroy(&w->device);
	raw_attachment_destroy(&w->cpu);
	raw_pool_destroy(&w->pool);
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

/* How often the trace says that the client's buffer has moved; the last time to which generation. */
static unsigned count_moves(struct world *w, const struct fixture_buffer *buffer, uint64_t *to)
{
	const struct waybuf_trace *trace = w->server.server->trace;
	unsigned n = 0;
	for (uint64_t i = waybuf_trace_first(trace, 0); i < trace->n; i++) {
		const struct waybuf_trace_event *event = waybuf_trace_get(trace, i);
		if (event->kind != WAYBUF_TRACE_MIGRATE ||
			event->buffer != wl_proxy_get_id((void *)buffer->proxy))
			continue;
		ck_assert_int_eq(event->client, (int)getpid());
		*to = event->point;
		n++;
	}
	return n;
}

TEST(writer_gives_back)
{
	struct world w;
	const uint32_t pixels[2] = {0x11223344, 0x55667788};
	uint32_t found[2];
	uint64_t to = 0;
	world_init(&w);
	/* the first pixels of the first two rows */
	ck_assert_int_eq(pwrite(w.buffer.fd, &pixels[0], 4, 0), 4);
	ck_assert_int_eq(pwrite(w.buffer.fd, &pixels[1], 4, 240), 4);
	commit_device(&w);
	waybuf_buffer_v1_map(w.seen.proxy, READ);
	client_wait(&w.client, &w.buffer.revoked, 1);
	ck_assert_uint_eq(w.seen.answers + w.device.accepted + w.device.refused, 0);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	client_wait(&w.client, &w.seen.mapped, 1);
	ck_assert_uint_eq(w.device.accepted, 1);
	ck_assert_uint_eq(w.device.outcome, WAYBUF_ATTACHMENT_V1_OUTCOME_MIGRATED);
	ck_assert_uint_eq(w.buffer.retired, 1);
	ck_assert_uint_eq(w.buffer.retired_generation, 1);
	ck_assert_uint_eq(w.seen.generation, 2);
	ck_assert_uint_eq(w.seen.stride[0], 256);
	ck_assert_uint_eq(w.seen.serial, 1);
	ck_assert_int_eq(pread(w.seen.fd, &found[0], 4, 0), 4);
	ck_assert_int_eq(pread(w.seen.fd, &found[1], 4, 256), 4);
	ck_assert_uint_eq(found[0], pixels[0]);
	ck_assert_uint_eq(found[1], pixels[1]);
	waybuf_buffer_v1_unmap(w.seen.proxy);
	/* the writer's next grant brings the new layout */
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE);
	client_wait(&w.client, &w.buffer.mapped, 2);
	ck_assert_uint_eq(w.buffer.layouts, 2);
	ck_assert_uint_eq(w.buffer.generation, 2);
	ck_assert_uint_eq(w.buffer.serial, 2);
	/* each participant once, when it learns of it; a newcomer has seen no other memory */
	ck_assert_uint_eq(count_moves(&w, &w.buffer, &to), 1);
	ck_assert_uint_eq(to, 2);
	ck_assert_uint_eq(count_moves(&w, &w.seen, &to), 0);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	world_finish(&w);
}

/* It loses nothing; the newcomer is refused, and may try again. */
TEST(writer_is_late)
{
	struct world w;
	world_init(&w);
	commit_device(&w);
	waybuf_buffer_v1_map(w.seen.proxy, READ);
	client_wait(&w.client, &w.device.refused, 1);
	ck_assert_uint_eq(w.device.reason, WAYBUF_REASON_DEADLINE);
	ck_assert_uint_eq(w.seen.failed, 1);
	ck_assert_uint_eq(w.seen.reason, WAYBUF_REASON_DEADLINE);
	ck_assert_uint_eq(w.buffer.retired, 0);
	waybuf_buffer_v1_unmap(w.seen.proxy);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	commit_device(&w);
	waybuf_buffer_v1_map(w.seen.proxy, READ);
	client_wait(&w.client, &w.seen.mapped, 1);
	ck_assert_uint_eq(w.device.accepted, 1);
	waybuf_buffer_v1_unmap(w.seen.proxy);
	world_finish(&w);
}

/* A map that waits for the answer to its commit can be cancelled. */
TEST(cancel_behind_a_commit)
{
	struct world w;
	world_init(&w);
	commit_device(&w);
	for (int i = 0; i < 3; i++) {
		waybuf_buffer_v1_map(w.seen.proxy, READ);
		waybuf_buffer_v1_unmap(w.seen.proxy);
	}
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.seen.failed, 3);
	ck_assert_uint_eq(w.seen.reason, WAYBUF_REASON_CANCELLED);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	client_wait(&w.client, &w.device.accepted, 1);
	world_finish(&w);
}

/* Sixteen wait, the others are refused behind them. */
TEST(commits_pile_up)
{
	struct world w;
	world_init(&w);
	for (int i = 0; i < 40; i++)
		commit_device(&w);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.device.accepted + w.device.refused, 0);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	client_wait(&w.client, &w.device.refused, 24);
	ck_assert_uint_eq(w.device.accepted, 16);
	ck_assert_uint_eq(w.device.refused, 24);
	ck_assert_uint_eq(w.device.reason, WAYBUF_REASON_QUOTA);
	/* and then there is room again */
	commit_device(&w);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.device.accepted, 17);
	world_finish(&w);
}

/* The newcomer leaves while others are asked to make way for it. */
TEST(newcomer_leaves)
{
	struct world w;
	world_init(&w);
	commit_device(&w);
	client_wait(&w.client, &w.buffer.revoked, 1);
	raw_buffer_destroy(&w.seen);
	raw_attachment_destroy(&w.device);
	ck_assert(client_sync(&w.client));
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE);
	client_wait(&w.client, &w.buffer.mapped, 2);
	ck_assert_uint_eq(w.buffer.generation, 1);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_attachment_create(&w.pool, &w.device, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	raw_buffer_get(&w.device, &w.seen, 0);
	world_finish(&w);
}

/* The device goes while its attachment waits. */
TEST(device_goes)
{
	struct world w;
	world_init(&w);
	commit_device(&w);
	waybuf_buffer_v1_map(w.seen.proxy, READ);
	client_wait(&w.client, &w.buffer.revoked, 1);
	waybuf_server_remove_device(w.server.server, w.server.device);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.device.gone, 1);
	ck_assert_uint_eq(w.seen.failed, 1);
	ck_assert_uint_eq(w.seen.reason, WAYBUF_REASON_DEVICE_LOST);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	world_finish(&w);
}

/* The whole client goes. */
TEST(everybody_goes)
{
	struct world w;
	world_init(&w);
	commit_device(&w);
	waybuf_buffer_v1_map(w.seen.proxy, READ);
	client_wait(&w.client, &w.buffer.revoked, 1);
	fixture_server_disconnect(&w.server);
	world_finish(&w);
}

TEST_TIMEOUT(60)
TEST_MAIN("proto-migrate")
