/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <waybuf/interfaces/exporter.h>

#include "fixture_client.h"

/* Every reason of a failure, and that the account comes before those that are about it. */

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
}

static void world_finish(struct world *w)
{
	raw_buffer_destroy(&w->buffer);
	raw_attachment_destroy(&w->attachment);
	raw_pool_destroy(&w->pool);
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

/* ---- what constraints can fail for --------------------------------------------------------- */

TEST(conflict)
{
	struct world w;
	struct fixture_attachment other;
	struct fixture_buffer seen;
	world_init(&w, NULL);
	raw_attachment_create(&w.pool, &other, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	raw_attachment_commit_format(&other, WAYBUF_ACCESS_READ, DRM_FORMAT_NV12);
	raw_buffer_get(&other, &seen, 0);
	waybuf_buffer_v1_map(seen.proxy, READ);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(other.refused, 1);
	ck_assert_uint_eq(other.reason, WAYBUF_REASON_CONFLICT);
	ck_assert_uint_eq(other.last_conflicts, 2);
	ck_assert_uint_eq(other.last_own, 1);
	ck_assert_uint_eq(other.field, WAYBUF_ATTACHMENT_V1_FIELD_SET);
	/* nothing is in force, so the map that was sent behind it has the same reason */
	ck_assert_uint_eq(seen.failed, 1);
	ck_assert_uint_eq(seen.reason, WAYBUF_REASON_CONFLICT);
	waybuf_buffer_v1_unmap(seen.proxy);
	/* and a better set cures it */
	raw_attachment_commit_format(&other, WAYBUF_ACCESS_READ, DRM_FORMAT_XRGB8888);
	map(&w, &seen, READ);
	ck_assert_uint_eq(other.accepted, 1);
	ck_assert_uint_eq(seen.mapped, 1);
	waybuf_buffer_v1_unmap(seen.proxy);
	raw_buffer_destroy(&seen);
	raw_attachment_destroy(&other);
	world_finish(&w);
}

/* A refused set leaves the one before it in force. */
TEST(refused_set_is_not_in_force)
{
	struct world w;
	struct fixture_attachment other;
	world_init(&w, NULL);
	raw_attachment_create(&w.pool, &other, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	raw_attachment_commit_format(&other, WAYBUF_ACCESS_READ, DRM_FORMAT_XRGB8888);
	raw_attachment_commit_format(&w.attachment, WAYBUF_ACCESS_CPU_WRITE, DRM_FORMAT_ARGB8888);
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.attachment.refused, 1);
	ck_assert_uint_eq(w.buffer.mapped, 1);
	ck_assert_uint_eq(w.buffer.format, DRM_FORMAT_XRGB8888);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_attachment_destroy(&other);
	world_finish(&w);
}

/* Which number of a record clashes is told, too: 48 rows are more than 40, whatever 40 is. */
TEST(conflict_with_a_number)
{
	struct world w;
	struct fixture_attachment other;
	const uint32_t format = DRM_FORMAT_XRGB8888;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	world_init(&w, NULL);
	raw_attachment_create(&w.pool, &other, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_height(builder, 0, 40, 1);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	raw_attachment_commit(&other, builder);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(other.refused, 1);
	ck_assert_uint_eq(other.last_conflicts, 1);
	ck_assert_uint_eq(other.field, WAYBUF_ATTACHMENT_V1_FIELD_HEIGHT);
	ck_assert_uint_eq(other.part, WAYBUF_ATTACHMENT_V1_PART_MAX);
	ck_assert_uint_eq(other.value, 40);
	raw_attachment_destroy(&other);
	world_finish(&w);
}

TEST(critical_unknown)
{
	struct world w;
	world_init(&w, NULL);
	const uint8_t record[] = {0x7e, 0x80, 0, 255, 0, 0, 0, 0};
	raw_attachment_constrain(&w.attachment, record, sizeof(record));
	raw_attachment_commit_cpu(&w.attachment);
	waybuf_buffer_v1_map(w.buffer.proxy, WRITE);
	client_wait(&w.client, &w.buffer.mapped, 1);
	ck_assert_uint_eq(w.attachment.refused, 1);
	ck_assert_uint_eq(w.attachment.reason, WAYBUF_REASON_CRITICAL_UNKNOWN);
	ck_assert_uint_eq(w.attachment.last_conflicts, 1);
	ck_assert_uint_eq(w.attachment.last_own, 1);
	ck_assert_uint_eq(w.attachment.field, 0x7e);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	world_finish(&w);
}

TEST(underspecified)
{
	struct world w;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	world_init(&w, NULL);
	raw_pool_create(&w.client, &pool, 64, 48, 1);
	raw_attachment_create(&pool, &attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	waybuf_attachment_v1_commit(attachment.proxy);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(attachment.refused, 1);
	ck_assert_uint_eq(attachment.reason, WAYBUF_REASON_UNDERSPECIFIED);
	raw_attachment_destroy(&attachment);
	raw_pool_destroy(&pool);
	world_finish(&w);
}

TEST(unsupported_display)
{
	struct world w;
	struct fixture_attachment display;
	world_init(&w, NULL);
	raw_attachment_create(&w.pool, &display, WAYBUF_ATTACHMENT_V1_KIND_DISPLAY);
	waybuf_attachment_v1_commit(display.proxy);
	waybuf_attachment_v1_commit(display.proxy);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(display.refused, 2);
	ck_assert_uint_eq(display.reason, WAYBUF_REASON_UNSUPPORTED);
	raw_attachment_destroy(&display);
	world_finish(&w);
}

/* The display's rules are gone again when the client's own set is refused. */
TEST(display_taken_back)
{
	struct world w;
	struct fixture_attachment display;
	struct fixture_server_options options = {.integrated = true};
	world_init(&w, &options);
	raw_attachment_create(&w.pool, &display, WAYBUF_ATTACHMENT_V1_KIND_DISPLAY);
	raw_attachment_commit_format(&display, WAYBUF_ACCESS_SCANOUT, DRM_FORMAT_ARGB8888);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(display.refused, 1);
	ck_assert_uint_eq(display.reason, WAYBUF_REASON_CONFLICT);
	raw_attachment_commit_format(&w.attachment, WAYBUF_ACCESS_CPU_WRITE, DRM_FORMAT_RGB565);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.attachment.accepted, 2);
	raw_attachment_commit_cpu(&w.attachment);
	waybuf_attachment_v1_commit(display.proxy);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(display.accepted, 1);
	raw_attachment_commit_format(&w.attachment, WAYBUF_ACCESS_CPU_WRITE, DRM_FORMAT_RGB565);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.attachment.refused, 1);
	raw_attachment_destroy(&display);
	world_finish(&w);
}

/* ---- memory, quota, fds -------------------------------------------------------------------- */

static int fail_to_allocate(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation)
{
	return -ENOMEM;
}

static void release_nothing(struct waybuf_exporter *exporter, void *priv) {}

static void free_exporter(struct waybuf_exporter *exporter)
{
	free(exporter);
}

static const struct waybuf_exporter_ops poor_ops = {
	.allocate = fail_to_allocate,
	.release = release_nothing,
	.destroy = free_exporter,
};

TEST(no_memory)
{
	struct world w;
	struct waybuf_exporter *exporter = calloc(1, sizeof(*exporter));
	*exporter = (struct waybuf_exporter){
		.ops = &poor_ops,
		.caps = {.name = "poor", .cpu_mappable = true, .cache = WAYBUF_CACHED},
	};
	struct fixture_server_options options = {.exporter = exporter};
	world_init(&w, &options);
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.buffer.failed, 1);
	ck_assert_uint_eq(w.buffer.reason, WAYBUF_REASON_NO_MEMORY);
	ck_assert_uint_eq(w.client.usages, 1);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	world_finish(&w);
}

static const struct waybuf_limits tight = {
	.max =
		{
			[WAYBUF_RESOURCE_KIB] = 8,
			[WAYBUF_RESOURCE_BUFFERS] = 4,
			[WAYBUF_RESOURCE_FDS] = 16,
			[WAYBUF_RESOURCE_POOLS] = 2,
			[WAYBUF_RESOURCE_ATTACHMENTS] = 3,
			[WAYBUF_RESOURCE_MAPS] = 1,
			[WAYBUF_RESOURCE_POINTS] = 4,
		},
};

TEST(quota_of_bytes)
{
	struct world w;
	struct fixture_server_options options = {.limits = &tight};
	world_init(&w, &options);
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.buffer.reason, WAYBUF_REASON_QUOTA);
	ck_assert_uint_ge(w.client.usages, 1);
	ck_assert_uint_eq(w.client.limit[WAYBUF_RESOURCE_KIB], 8);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	world_finish(&w);
}

TEST(quota_of_pools_and_buffers)
{
	struct world w;
	struct fixture_pool second, third, fourth;
	struct fixture_server_options options = {.limits = &tight};
	world_init(&w, &options);
	raw_pool_create(&w.client, &second, 1, 1, 3);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(second.failed, 1);
	ck_assert_uint_eq(second.reason, WAYBUF_REASON_QUOTA);
	ck_assert_uint_eq(w.client.used[WAYBUF_RESOURCE_BUFFERS], 2);
	raw_pool_create(&w.client, &third, 1, 1, 1);
	raw_pool_create(&w.client, &fourth, 1, 1, 1);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(third.configured, 1);
	ck_assert_uint_eq(fourth.reason, WAYBUF_REASON_QUOTA);
	ck_assert_uint_eq(w.client.used[WAYBUF_RESOURCE_POOLS], 2);
	/* a token is a membership to come */
	waybuf_pool_v1_export_token(w.pool.proxy, 1, 1, 0);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.pool.tokens, 1);
	ck_assert_str_eq(w.pool.token, "");
	raw_pool_destroy(&second);
	raw_pool_destroy(&third);
	raw_pool_destroy(&fourth);
	world_finish(&w);
}

TEST(a_token_that_has_expired_is_not_charged)
{
	struct world w;
	struct fixture_pool second, third;
	struct fixture_server_options options = {.limits = &tight};
	world_init(&w, &options);
	waybuf_pool_v1_export_token(w.pool.proxy, 1, 1, 0);
	raw_pool_create(&w.client, &second, 1, 1, 1);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(strlen(w.pool.token), 32);
	ck_assert_uint_eq(second.reason, WAYBUF_REASON_QUOTA);
	client_run(&w.client, 1100);
	raw_pool_create(&w.client, &third, 1, 1, 1);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(third.configured, 1);
	raw_pool_destroy(&second);
	raw_pool_destroy(&third);
	world_finish(&w);
}

TEST(quota_of_attachments)
{
	struct world w;
	struct fixture_attachment more[4];
	struct fixture_server_options options = {.limits = &tight};
	unsigned gone = 0;
	world_init(&w, &options);
	for (int i = 0; i < 4; i++)
		raw_attachment_create(&w.pool, &more[i], WAYBUF_ATTACHMENT_V1_KIND_CPU);
	ck_assert(client_sync(&w.client));
	for (int i = 0; i < 4; i++) {
		gone += more[i].gone;
		ck_assert(!more[i].gone || more[i].reason == WAYBUF_REASON_QUOTA);
		raw_attachment_destroy(&more[i]);
	}
	ck_assert_uint_ge(gone, 1);
	ck_assert_uint_eq(w.client.limit[WAYBUF_RESOURCE_ATTACHMENTS], 3);
	world_finish(&w);
}

TEST(quota_of_maps)
{
	struct world w;
	struct fixture_buffer second;
	struct waybuf_limits limits = tight;
	limits.max[WAYBUF_RESOURCE_KIB] = 1024;
	limits.max[WAYBUF_RESOURCE_ATTACHMENTS] = 16;
	struct fixture_server_options options = {.limits = &limits};
	world_init(&w, &options);
	raw_buffer_get(&w.attachment, &second, 1);
	map(&w, &w.buffer, WRITE);
	map(&w, &second, WRITE);
	ck_assert_uint_eq(w.buffer.mapped, 1);
	ck_assert_uint_eq(second.failed, 1);
	ck_assert_uint_eq(second.reason, WAYBUF_REASON_QUOTA);
	ck_assert_uint_eq(w.client.used[WAYBUF_RESOURCE_MAPS], 1);
	waybuf_buffer_v1_unmap(second.proxy);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	/* after a failure it goes on as before */
	map(&w, &second, WRITE);
	ck_assert_uint_eq(second.mapped, 1);
	waybuf_buffer_v1_unmap(second.proxy);
	raw_buffer_destroy(&second);
	world_finish(&w);
}

TEST(quota_of_pool_policy)
{
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_server_options options = {.pool_policy = -EPERM};
	fixture_server_init(&server, &options);
	client_init(&client, &server);
	raw_pool_create(&client, &pool, 1, 1, 1);
	ck_assert(client_sync(&client));
	ck_assert_uint_eq(pool.reason, WAYBUF_REASON_DENIED);
	raw_pool_destroy(&pool);
	client_finish(&client);
	fixture_server_finish(&server);
}

/* The grant cannot be sent, and says so: libwayland would end the client at a failed dup. */
TEST(no_fds)
{
	struct world w;
	struct rlimit before, few;
	world_init(&w, NULL);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)harness_count_fds() + 16;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.buffer.failed, 1);
	ck_assert_uint_eq(w.buffer.reason, WAYBUF_REASON_NO_FDS);
	ck_assert_uint_eq(w.buffer.memories, 0);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	struct fixture_report report;
	raw_report_listen(&report, waybuf_pool_v1_explain(w.pool.proxy));
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(report.reason, WAYBUF_REASON_NO_FDS);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.buffer.mapped, 1);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_report_finish(&report);
	world_finish(&w);
}

/* ---- tokens and tickets -------------------------------------------------------------------- */

static void export_token(struct world *w, uint32_t uses, uint32_t flags)
{
	unsigned tokens = w->pool.tokens;
	waybuf_pool_v1_export_token(w->pool.proxy, uses, 0, flags);
	client_wait(&w->client, &w->pool.tokens, tokens + 1);
}

static void join(struct fixture_client *client, struct fixture_pool *pool, const char *token)
{
	raw_pool_listen(pool, waybuf_allocator_v1_join_pool(client->allocator, token));
	unsigned answers = 0;
	for (int i = 0; i < 100 && answers == 0; i++) {
		client_run(client, 10);
		answers = pool->configured + pool->failed;
	}
	ck_assert_uint_eq(answers, 1);
}

TEST(token_joins_once)
{
	struct world w;
	struct fixture_client guest;
	struct fixture_pool joined, again;
	struct fixture_attachment reader;
	struct fixture_buffer seen;
	world_init(&w, NULL);
	client_init(&guest, &w.server);
	export_token(&w, 1, 0);
	ck_assert_uint_eq(strlen(w.pool.token), 32);
	ck_assert_uint_eq(strspn(w.pool.token, "0123456789abcdef"), 32);
	join(&guest, &joined, w.pool.token);
	ck_assert_uint_eq(joined.configured, 1);
	ck_assert_uint_eq(joined.width, 64);
	ck_assert_uint_eq(joined.count, 2);
	join(&guest, &again, w.pool.token);
	ck_assert_uint_eq(again.reason, WAYBUF_REASON_BAD_TOKEN);
	/* guests do not hand out tokens */
	waybuf_pool_v1_export_token(joined.proxy, 1, 0, 0);
	client_wait(&guest, &joined.tokens, 1);
	ck_assert_str_eq(joined.token, "");
	/* the pixels of one are those of the other, and a writer of one keeps the other out */
	raw_attachment_create(&joined, &reader, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&reader);
	raw_buffer_get(&reader, &seen, 0);
	map(&w, &w.buffer, WRITE);
	waybuf_buffer_v1_map(seen.proxy, READ);
	client_run(&guest, 30);
	ck_assert_uint_eq(seen.answers, 0);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	ck_assert(client_sync(&w.client));
	client_wait(&guest, &seen.mapped, 1);
	ck_assert_uint_eq(seen.serial, 1);
	/* the creator leaves; the guest goes on with what it has */
	raw_buffer_destroy(&w.buffer);
	raw_attachment_destroy(&w.attachment);
	raw_pool_destroy(&w.pool);
	client_finish(&w.client);
	waybuf_buffer_v1_unmap(seen.proxy);
	waybuf_buffer_v1_map(seen.proxy, WRITE);
	client_wait(&guest, &seen.mapped, 2);
	waybuf_buffer_v1_unmap(seen.proxy);
	waybuf_pool_v1_export_token(joined.proxy, 1, 0, 0);
	client_wait(&guest, &joined.tokens, 2);
	ck_assert_uint_eq(strlen(joined.token), 32);
	raw_buffer_destroy(&seen);
	raw_attachment_destroy(&reader);
	raw_pool_destroy(&joined);
	raw_pool_destroy(&again);
	client_finish(&guest);
	fixture_server_finish(&w.server);
}

TEST(token_read_only)
{
	struct world w;
	struct fixture_client guest;
	struct fixture_pool joined;
	struct fixture_attachment attachment;
	world_init(&w, NULL);
	client_init(&guest, &w.server);
	export_token(&w, 0, WAYBUF_POOL_V1_TOKEN_FLAGS_READ_ONLY);
	join(&guest, &joined, w.pool.token);
	raw_attachment_create(&joined, &attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&attachment);
	ck_assert(client_sync(&guest));
	ck_assert_uint_eq(attachment.refused, 1);
	ck_assert_uint_eq(attachment.reason, WAYBUF_REASON_DENIED);
	raw_attachment_commit_format(&attachment, WAYBUF_ACCESS_CPU_READ, DRM_FORMAT_XRGB8888);
	ck_assert(client_sync(&guest));
	ck_assert_uint_eq(attachment.accepted, 1);
	raw_attachment_destroy(&attachment);
	raw_pool_destroy(&joined);
	client_finish(&guest);
	world_finish(&w);
}

TEST(token_of_another_sandbox)
{
	struct world w;
	struct fixture_client guest;
	struct fixture_pool joined, refused;
	world_init(&w, NULL);
	w.server.options.context = "org.example.guest";
	client_init(&guest, &w.server);
	w.server.options.context = NULL;
	export_token(&w, 0, 0);
	join(&guest, &refused, w.pool.token);
	ck_assert_uint_eq(refused.reason, WAYBUF_REASON_BAD_TOKEN);
	export_token(&w, 0, WAYBUF_POOL_V1_TOKEN_FLAGS_CROSS_SANDBOX);
	join(&guest, &joined, w.pool.token);
	ck_assert_uint_eq(joined.configured, 1);
	raw_pool_destroy(&refused);
	raw_pool_destroy(&joined);
	client_finish(&guest);
	world_finish(&w);
}

/* The timer of a late answer belongs to the server. */
TEST(server_goes_before_a_late_answer)
{
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	fixture_server_init(&server, NULL);
	client_init(&client, &server);
	raw_pool_listen(&pool, waybuf_allocator_v1_join_pool(client.allocator, "wrong"));
	ck_assert(client_sync(&client));
	ck_assert_uint_eq(pool.failed, 0);
	fixture_server_finish(&server);
	client.server = NULL;
	wl_display_dispatch(client.display);
	ck_assert_uint_eq(pool.failed, 1);
	raw_pool_destroy(&pool);
	client_finish(&client);
}

/* After ten wrong ones a right one is wrong, too. */
TEST(token_guessing)
{
	struct world w;
	struct fixture_pool guesses[12];
	const char *wrong[] = {"", "0", "00000000000000000000000000000000",
		"000000000000000000000000000000000000"};
	world_init(&w, NULL);
	export_token(&w, 0, 0);
	for (int i = 0; i < 11; i++)
		raw_pool_listen(&guesses[i],
			waybuf_allocator_v1_join_pool(w.client.allocator, wrong[i % 4]));
	raw_pool_listen(
		&guesses[11], waybuf_allocator_v1_join_pool(w.client.allocator, w.pool.token));
	ck_assert(client_sync(&w.client));
	/* the answer is late, other requests are not */
	ck_assert_uint_eq(guesses[0].failed, 0);
	client_wait(&w.client, &guesses[11].failed, 1);
	for (int i = 0; i < 12; i++) {
		ck_assert_uint_eq(guesses[i].failed, 1);
		ck_assert_uint_eq(guesses[i].reason, WAYBUF_REASON_BAD_TOKEN);
		raw_pool_destroy(&guesses[i]);
	}
	world_finish(&w);
}

TEST(tickets)
{
	struct world w;
	struct fixture_pool none, forged;
	struct wl_array ticket;
	world_init(&w, NULL);
	wl_array_init(&ticket);
	raw_pool_listen(&none, waybuf_allocator_v1_restore_pool(w.client.allocator, &ticket));
	wl_array_add(&ticket, 257);
	memset(ticket.data, 0, ticket.size);
	raw_pool_listen(&forged, waybuf_allocator_v1_restore_pool(w.client.allocator, &ticket));
	int fd = memfd_create("kept", MFD_CLOEXEC);
	waybuf_pool_v1_restore(w.pool.proxy, fd, &ticket);
	waybuf_pool_v1_provide(w.pool.proxy, 0, 0, fd);
	close(fd);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(none.reason, WAYBUF_REASON_UNSUPPORTED);
	ck_assert_uint_eq(forged.reason, WAYBUF_REASON_BAD_TICKET);
	ck_assert_uint_eq(w.pool.restored, 1);
	ck_assert_uint_eq(w.pool.restored_reason, WAYBUF_REASON_BAD_TICKET);
	wl_array_release(&ticket);
	raw_pool_destroy(&none);
	raw_pool_destroy(&forged);
	world_finish(&w);
}

/* ---- devices ------------------------------------------------------------------------------- */

TEST(device_lost)
{
	struct world w;
	struct fixture_attachment device, unknown;
	struct fixture_buffer granted, queued;
	struct fixture_server_options options = {.device = true};
	world_init(&w, &options);
	raw_attachment_create_device(&w.pool, &unknown, WAYBUF_ATTACHMENT_V1_KIND_DEVICE, 4711);
	raw_attachment_create_device(
		&w.pool, &device, WAYBUF_ATTACHMENT_V1_KIND_DEVICE, w.server.device);
	raw_attachment_commit_format(&device, WAYBUF_ACCESS_SAMPLE, DRM_FORMAT_XRGB8888);
	raw_buffer_get(&device, &granted, 1);
	raw_buffer_get(&device, &queued, 0);
	map(&w, &w.buffer, WRITE);
	map(&w, &granted, READ);
	waybuf_buffer_v1_map(queued.proxy, READ);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(unknown.gone, 1);
	ck_assert_uint_eq(unknown.reason, WAYBUF_REASON_DEVICE_LOST);
	waybuf_server_remove_device(w.server.server, w.server.device);
	waybuf_buffer_v1_unmap(granted.proxy); /* crosses the event */
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(device.gone, 1);
	ck_assert_uint_eq(device.reason, WAYBUF_REASON_DEVICE_LOST);
	ck_assert_uint_eq(queued.failed, 1);
	ck_assert_uint_eq(queued.reason, WAYBUF_REASON_DEVICE_LOST);
	/* others go on */
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	map(&w, &w.buffer, WRITE);
	ck_assert_uint_eq(w.buffer.mapped, 2);
	waybuf_buffer_v1_unmap(w.buffer.proxy);
	raw_buffer_destroy(&granted);
	raw_buffer_destroy(&queued);
	raw_attachment_destroy(&unknown);
	raw_attachment_destroy(&device);
	world_finish(&w);
}

TEST_TIMEOUT(60)
/* Records that wait for their commit are memory, too. */
TEST(quota_of_pending_records)
{
	struct waybuf_limits limits = tight;
	uint64_t records[3072 / 8] = {0};
	struct world w;
	limits.max[WAYBUF_RESOURCE_KIB] = 7;
	struct fixture_server_options options = {.limits = &limits};
	/* unknown ones of two words, which say nothing */
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i += 2)
		records[i] = UINT64_C(0x0001000000000123);
	world_init(&w, &options);
	struct waybuf_account *account =
		waybuf_server_client_account(w.server.server, w.client.peer);
	for (unsigned i = 1; i <= 2; i++) {
		raw_attachment_constrain(&w.attachment, records, sizeof(records));
		ck_assert(client_sync(&w.client));
		ck_assert_uint_eq(waybuf_account_bytes(account), i * sizeof(records));
	}
	raw_attachment_constrain(&w.attachment, records, sizeof(records));
	waybuf_attachment_v1_commit(w.attachment.proxy);
	client_wait(&w.client, &w.attachment.refused, 1);
	ck_assert_uint_eq(w.attachment.reason, WAYBUF_REASON_QUOTA);
	ck_assert_uint_eq(waybuf_account_bytes(account), 0);
	/* the set before is in force, and the next one is another */
	raw_attachment_commit_cpu(&w.attachment);
	client_wait(&w.client, &w.attachment.accepted, 2);
	/* what was never committed goes with the attachment */
	raw_attachment_constrain(&w.attachment, records, sizeof(records));
	world_finish(&w);
}

TEST_MAIN("proto-reasons")
