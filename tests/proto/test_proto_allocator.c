/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture_client.h"

/*
 * Every protocol error of the allocator, each provoked by a client that knows no better, and that
 * none of them hits an inert object.
 */

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	struct fixture_buffer buffer;
};

/* A pool of two with a CPU attachment that has committed, and its first buffer. */
static void world_init(struct world *w)
{
	fixture_server_init(&w->server, NULL);
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

/* ---- allocator ----------------------------------------------------------------------------- */

static void expect_create_error(uint32_t width, uint32_t height, uint32_t count, uint32_t flags,
	const char *name, uint32_t code)
{
	struct fixture_server server;
	struct fixture_client client;
	fixture_server_init(&server, NULL);
	client_init(&client, &server);
	struct waybuf_pool_v1 *pool = waybuf_allocator_v1_create_pool(
		client.allocator, width, height, count, flags, name);
	client_expect_error(&client, &waybuf_allocator_v1_interface, code);
	waybuf_pool_v1_destroy(pool);
	client_finish(&client);
	fixture_server_finish(&server);
}

TEST(allocator_bad_size)
{
	const uint32_t code = WAYBUF_ALLOCATOR_V1_ERROR_BAD_SIZE;
	expect_create_error(0, 1, 1, 0, "", code);
	expect_create_error(1, 0, 1, 0, "", code);
	expect_create_error(65537, 1, 1, 0, "", code);
	expect_create_error(1, UINT32_MAX, 1, 0, "", code);
}

TEST(allocator_bad_count)
{
	expect_create_error(1, 1, 0, 0, "", WAYBUF_ALLOCATOR_V1_ERROR_BAD_COUNT);
	expect_create_error(1, 1, 65, 0, "", WAYBUF_ALLOCATOR_V1_ERROR_BAD_COUNT);
}

TEST(allocator_bad_name)
{
	const uint32_t code = WAYBUF_ALLOCATOR_V1_ERROR_BAD_NAME;
	char name[66];
	memset(name, 'n', 65);
	name[65] = '\0';
	expect_create_error(1, 1, 1, 0, name, code);
	expect_create_error(1, 1, 1, 0, "\xff", code);
	expect_create_error(1, 1, 1, 0, "\xc0\x80", code); /* overlong */
	expect_create_error(1, 1, 1, 0, "\xed\xa0\x80", code); /* surrogate */
	expect_create_error(1, 1, 1, 0, "a\xe2\x82", code); /* cut */
}

TEST(allocator_good_name)
{
	struct fixture_server server;
	struct fixture_client client;
	fixture_server_init(&server, NULL);
	client_init(&client, &server);
	char name[65];
	memset(name, 'n', 62);
	strcpy(name + 62, "\xc3\xa9");
	struct waybuf_pool_v1 *proxy = waybuf_allocator_v1_create_pool(
		client.allocator, 1, 1, 64, WAYBUF_ALLOCATOR_V1_POOL_FLAGS_OWN_MEMORY, name);
	struct fixture_pool pool;
	raw_pool_listen(&pool, proxy);
	ck_assert(client_sync(&client));
	ck_assert_uint_eq(pool.configured, 1);
	ck_assert_uint_eq(pool.count, 64);
	raw_pool_destroy(&pool);
	client_finish(&client);
	fixture_server_finish(&server);
}

TEST(allocator_bad_flags)
{
	expect_create_error(1, 1, 1, 2, "", WAYBUF_ALLOCATOR_V1_ERROR_BAD_FLAGS);
}

TEST(allocator_no_timelines)
{
	struct fixture_server server;
	struct fixture_client client;
	fixture_server_init(&server, NULL);
	client_init(&client, &server);
	int fd = memfd_create("not a syncobj", MFD_CLOEXEC);
	struct waybuf_timeline_v1 *timeline =
		waybuf_allocator_v1_import_timeline(client.allocator, fd);
	close(fd);
	client_expect_error(
		&client, &waybuf_allocator_v1_interface, WAYBUF_ALLOCATOR_V1_ERROR_NO_TIMELINES);
	waybuf_timeline_v1_destroy(timeline);
	client_finish(&client);
	fixture_server_finish(&server);
}

/* ---- pool ---------------------------------------------------------------------------------- */

static void expect_pool_error(void (*provoke)(struct world *w), uint32_t code)
{
	struct world w;
	world_init(&w);
	provoke(&w);
	client_expect_error(&w.client, &waybuf_pool_v1_interface, code);
	world_finish(&w);
}

TEST(pool_children)
{
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	fixture_server_init(&server, NULL);
	client_init(&client, &server);
	raw_pool_create(&client, &pool, 64, 48, 2);
	raw_attachment_create(&pool, &attachment, WAYBUF_ATTACHMENT_V1_KIND_OTHER);
	raw_pool_destroy(&pool);
	client_expect_error(&client, NULL, WAYBUF_POOL_V1_ERROR_CHILDREN);
	raw_attachment_destroy(&attachment);
	client_finish(&client);
	fixture_server_finish(&server);
}

static void reconfigure_zero(struct world *w)
{
	waybuf_pool_v1_reconfigure(w->pool.proxy, 0, 1);
}

static void reconfigure_huge(struct world *w)
{
	waybuf_pool_v1_reconfigure(w->pool.proxy, 1, 65537);
}

TEST(pool_bad_size)
{
	expect_pool_error(reconfigure_zero, WAYBUF_POOL_V1_ERROR_BAD_SIZE);
	expect_pool_error(reconfigure_huge, WAYBUF_POOL_V1_ERROR_BAD_SIZE);
}

static void export_forever(struct world *w)
{
	waybuf_pool_v1_export_token(w->pool.proxy, 1, 3601, 0);
}

static void export_flags(struct world *w)
{
	waybuf_pool_v1_export_token(w->pool.proxy, 1, 1, 4);
}

TEST(pool_bad_lifetime)
{
	expect_pool_error(export_forever, WAYBUF_POOL_V1_ERROR_BAD_LIFETIME);
}

TEST(pool_bad_flags)
{
	expect_pool_error(export_flags, WAYBUF_POOL_V1_ERROR_BAD_FLAGS);
}

TEST(pool_bad_kind)
{
	struct world w;
	struct fixture_attachment strange;
	world_init(&w);
	raw_attachment_create(&w.pool, &strange, 4);
	client_expect_error(&w.client, &waybuf_pool_v1_interface, WAYBUF_POOL_V1_ERROR_BAD_KIND);
	raw_attachment_destroy(&strange);
	world_finish(&w);
}

/* ---- attachment ---------------------------------------------------------------------------- */

TEST(attachment_children)
{
	struct world w;
	world_init(&w);
	raw_attachment_destroy(&w.attachment);
	client_expect_error(&w.client, NULL, WAYBUF_ATTACHMENT_V1_ERROR_CHILDREN);
	raw_buffer_destroy(&w.buffer);
	raw_pool_destroy(&w.pool);
	client_finish(&w.client);
	fixture_server_finish(&w.server);
}

static void expect_records_error(const void *records, size_t size, unsigned times, uint32_t code)
{
	struct world w;
	world_init(&w);
	for (unsigned i = 0; i < times; i++)
		raw_attachment_constrain(&w.attachment, records, size);
	waybuf_attachment_v1_commit(w.attachment.proxy);
	client_expect_error(&w.client, &waybuf_attachment_v1_interface, code);
	world_finish(&w);
}

TEST(attachment_malformed)
{
	const uint32_t code = WAYBUF_ATTACHMENT_V1_ERROR_MALFORMED;
	const uint8_t cut_header[] = {0x10, 0, 0, 255};
	const uint8_t cut_payload[] = {0x10, 0, 0, 255, 0, 0, 1, 0, 1, 0, 0, 0};
	const uint8_t bad_strength[] = {0x10, 0, 9, 255, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0};
	const uint8_t bad_plane[] = {0x10, 0, 0, 7, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0};
	const uint8_t bad_length[] = {0x10, 0, 0, 255, 0, 0, 0, 0};
	const uint8_t two_ones[] = {0x34, 0, 0, 255, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0};
	const uint8_t internal[] = {0x00, 0x40, 0, 255, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0};
	expect_records_error(cut_header, sizeof(cut_header), 1, code);
	expect_records_error(cut_payload, sizeof(cut_payload), 1, code);
	expect_records_error(bad_strength, sizeof(bad_strength), 1, code);
	expect_records_error(bad_plane, sizeof(bad_plane), 1, code);
	expect_records_error(bad_length, sizeof(bad_length), 1, code);
	expect_records_error(two_ones, sizeof(two_ones), 1, code);
	expect_records_error(internal, sizeof(internal), 1, code);
}

TEST(attachment_too_big)
{
	const uint32_t code = WAYBUF_ATTACHMENT_V1_ERROR_TOO_BIG;
	/* records of an unknown id and 8 bytes: nothing is wrong with them but their number */
	uint8_t records[3080] = {0};
	for (size_t i = 0; i < sizeof(records); i += 8) {
		records[i] = 0x7f;
		records[i + 3] = 255;
	}
	expect_records_error(records, sizeof(records), 1, code);
	expect_records_error(records, 3072, 11, code);
	/* a SET of any format and any modifier */
	const uint8_t set[] = {0x01, 0, 0, 255, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	expect_records_error(set, sizeof(set), 65, code);
}

TEST(attachment_largest_set)
{
	struct world w;
	world_init(&w);
	uint8_t records[3072] = {0};
	for (size_t i = 0; i < sizeof(records); i += 8) {
		records[i] = 0x7f;
		records[i + 3] = 255;
	}
	for (int i = 0; i < 10; i++)
		raw_attachment_constrain(&w.attachment, records, sizeof(records));
	raw_attachment_commit_cpu(&w.attachment);
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(w.attachment.accepted, 2);
	world_finish(&w);
}

TEST(attachment_bad_index)
{
	struct world w;
	struct fixture_buffer buffer;
	world_init(&w);
	raw_buffer_get(&w.attachment, &buffer, 2);
	client_expect_error(
		&w.client, &waybuf_attachment_v1_interface, WAYBUF_ATTACHMENT_V1_ERROR_BAD_INDEX);
	raw_buffer_destroy(&buffer);
	world_finish(&w);
}

TEST(attachment_exists)
{
	struct world w;
	struct fixture_buffer buffer;
	world_init(&w);
	raw_buffer_get(&w.attachment, &buffer, 0);
	client_expect_error(
		&w.client, &waybuf_attachment_v1_interface, WAYBUF_ATTACHMENT_V1_ERROR_EXISTS);
	raw_buffer_destroy(&buffer);
	world_finish(&w);
}

/* ---- buffer -------------------------------------------------------------------------------- */

static void expect_buffer_error(void (*provoke)(struct world *w), uint32_t code)
{
	struct world w;
	world_init(&w);
	provoke(&w);
	client_expect_error(&w.client, &waybuf_buffer_v1_interface, code);
	world_finish(&w);
}

TEST(buffer_mapped)
{
	struct world w;
	world_init(&w);
	waybuf_buffer_v1_map(w.buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	raw_buffer_destroy(&w.buffer);
	client_expect_error(&w.client, NULL, WAYBUF_BUFFER_V1_ERROR_MAPPED);
	raw_attachment_destroy(&w.attachment);
	raw_pool_destroy(&w.pool);
	client_finish(&w.client);
	fixture_server_finish(&w.server);
}

static void map_twice(struct world *w)
{
	waybuf_buffer_v1_map(w->buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
	waybuf_buffer_v1_map(w->buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
}

static void unmap_idle(struct world *w)
{
	waybuf_buffer_v1_unmap(w->buffer.proxy);
}

static void unmap_twice(struct world *w)
{
	waybuf_buffer_v1_map(w->buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
	waybuf_buffer_v1_unmap(w->buffer.proxy);
	waybuf_buffer_v1_unmap(w->buffer.proxy);
}

static void unmap_fence_idle(struct world *w)
{
	int fd = memfd_create("no fence", MFD_CLOEXEC);
	waybuf_buffer_v1_unmap_fence(w->buffer.proxy, fd);
	close(fd);
}

TEST(buffer_order)
{
	expect_buffer_error(map_twice, WAYBUF_BUFFER_V1_ERROR_ORDER);
	expect_buffer_error(unmap_idle, WAYBUF_BUFFER_V1_ERROR_ORDER);
	expect_buffer_error(unmap_twice, WAYBUF_BUFFER_V1_ERROR_ORDER);
	expect_buffer_error(unmap_fence_idle, WAYBUF_BUFFER_V1_ERROR_ORDER);
}

static void map_nothing(struct world *w)
{
	waybuf_buffer_v1_map(w->buffer.proxy, 0);
}

static void map_strangely(struct world *w)
{
	waybuf_buffer_v1_map(w->buffer.proxy, 4);
}

TEST(buffer_bad_direction)
{
	expect_buffer_error(map_nothing, WAYBUF_BUFFER_V1_ERROR_BAD_DIRECTION);
	expect_buffer_error(map_strangely, WAYBUF_BUFFER_V1_ERROR_BAD_DIRECTION);
}

static void write_as_reader(struct world *w)
{
	raw_attachment_commit_format(&w->attachment, WAYBUF_ACCESS_CPU_READ, DRM_FORMAT_XRGB8888);
	waybuf_buffer_v1_map(w->buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
}

static void read_as_writer(struct world *w)
{
	raw_attachment_commit_format(&w->attachment, WAYBUF_ACCESS_CPU_WRITE, DRM_FORMAT_XRGB8888);
	waybuf_buffer_v1_map(w->buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_BOTH);
}

TEST(buffer_access)
{
	expect_buffer_error(write_as_reader, WAYBUF_BUFFER_V1_ERROR_ACCESS);
	expect_buffer_error(read_as_writer, WAYBUF_BUFFER_V1_ERROR_ACCESS);
}

TEST(buffer_access_before_commit)
{
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	struct fixture_buffer buffer;
	fixture_server_init(&server, NULL);
	client_init(&client, &server);
	raw_pool_create(&client, &pool, 64, 48, 1);
	raw_attachment_create(&pool, &attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_buffer_get(&attachment, &buffer, 0);
	waybuf_buffer_v1_map(buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
	client_expect_error(&client, &waybuf_buffer_v1_interface, WAYBUF_BUFFER_V1_ERROR_ACCESS);
	raw_buffer_destroy(&buffer);
	raw_attachment_destroy(&attachment);
	raw_pool_destroy(&pool);
	client_finish(&client);
	fixture_server_finish(&server);
}

/* Whatever its ACCESS says: who shows images does not write them. */
TEST(buffer_access_display)
{
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	struct fixture_buffer buffer;
	struct fixture_server_options options = {.integrated = true};
	fixture_server_init(&server, &options);
	client_init(&client, &server);
	raw_pool_create(&client, &pool, 64, 48, 1);
	raw_attachment_create(&pool, &attachment, WAYBUF_ATTACHMENT_V1_KIND_DISPLAY);
	raw_attachment_commit_format(&attachment, WAYBUF_ACCESS_WRITE, DRM_FORMAT_XRGB8888);
	raw_buffer_get(&attachment, &buffer, 0);
	waybuf_buffer_v1_map(buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	client_expect_error(&client, &waybuf_buffer_v1_interface, WAYBUF_BUFFER_V1_ERROR_ACCESS);
	raw_buffer_destroy(&buffer);
	raw_attachment_destroy(&attachment);
	raw_pool_destroy(&pool);
	client_finish(&client);
	fixture_server_finish(&server);
}

static void unmap_with_memfd(struct world *w)
{
	waybuf_buffer_v1_map(w->buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	unmap_fence_idle(w);
}

TEST(buffer_bad_fence)
{
	expect_buffer_error(unmap_with_memfd, WAYBUF_BUFFER_V1_ERROR_BAD_FENCE);
}

/* ---- inert objects ------------------------------------------------------------------------- */

/* Everything that is an error above, on the children of a pool that could not be made. */
TEST(inert_objects_raise_no_errors)
{
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment attachment, strange;
	struct fixture_buffer buffer, same, beyond;
	struct fixture_report report;
	struct fixture_server_options options = {.pool_policy = -EACCES};
	fixture_server_init(&server, &options);
	client_init(&client, &server);
	raw_pool_create(&client, &pool, 64, 48, 1);
	waybuf_pool_v1_reconfigure(pool.proxy, 0, 0);
	waybuf_pool_v1_export_token(pool.proxy, 1, 9999, 99);
	raw_attachment_create(&pool, &strange, 77);
	raw_attachment_create(&pool, &attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_constrain(&attachment, "abcd", 4);
	waybuf_attachment_v1_commit(attachment.proxy);
	raw_buffer_get(&attachment, &buffer, 0);
	raw_buffer_get(&attachment, &same, 0);
	raw_buffer_get(&attachment, &beyond, 1000);
	waybuf_buffer_v1_unmap(buffer.proxy);
	waybuf_buffer_v1_map(buffer.proxy, 0);
	waybuf_buffer_v1_map(buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	int fd = memfd_create("no fence", MFD_CLOEXEC);
	waybuf_buffer_v1_unmap_fence(buffer.proxy, fd);
	waybuf_pool_v1_provide(pool.proxy, 0, 0, fd);
	struct wl_array ticket = {0};
	waybuf_pool_v1_restore(pool.proxy, fd, &ticket);
	close(fd);
	raw_report_listen(&report, waybuf_pool_v1_explain(pool.proxy));
	ck_assert(client_sync(&client));

	ck_assert_uint_eq(pool.failed, 1);
	ck_assert_uint_eq(pool.reason, WAYBUF_REASON_DENIED);
	ck_assert_uint_eq(pool.tokens + pool.configured + pool.restored, 0);
	ck_assert_uint_eq(attachment.accepted + attachment.refused + attachment.gone, 0);
	ck_assert_uint_eq(buffer.failed, 2);
	ck_assert_uint_eq(buffer.reason, WAYBUF_REASON_DENIED);
	ck_assert_uint_eq(report.failed, 1);
	ck_assert_uint_eq(report.reason, WAYBUF_REASON_DENIED);
	/* parents first: no `children` either */
	raw_pool_destroy(&pool);
	raw_attachment_destroy(&attachment);
	ck_assert(client_sync(&client));
	waybuf_buffer_v1_map(buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	ck_assert(client_sync(&client));
	ck_assert_uint_eq(buffer.failed, 3);
	raw_attachment_destroy(&strange);
	raw_buffer_destroy(&buffer);
	raw_buffer_destroy(&same);
	raw_buffer_destroy(&beyond);
	raw_report_finish(&report);
	client_finish(&client);
	fixture_server_finish(&server);
}

TEST_MAIN("proto-allocator")
