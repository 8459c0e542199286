/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "client_fixture.h"
#include "waybuf-allocator-v1-server-protocol.h"

/* A service beside a compositor that is not ours: buffers go to the surface through linux-dmabuf. */
static struct fixture fixture;

static void init(void)
{
	fake_init(&fixture.server);
	fixture.server.capabilities = 0;
	fixture.server.has_dmabuf = true;
	fixture.server.layout.kind = WAYBUF_BUFFER_V1_MEMORY_KIND_DMABUF;
}

/* The compositor's list becomes the set of an attachment of kind other. */
static void check_pairs(uint32_t dmabuf_version)
{
	init();
	fixture.server.dmabuf_version = dmabuf_version;
	fixture_start(&fixture);
	fixture_pool(&fixture, 1);
	ck_assert_str_eq(fixture_heard(&fixture),
		"create64x32*1:test attach-kind0 constrain commit attach-kind3 constrain commit "
		"get0 ");
	struct waybuf_constraints *set = NULL;
	ck_assert_int_eq(waybuf_constraints_parse(
				 fixture.server.records, fixture.server.records_size, &set, NULL),
		0);
	ck_assert_uint_eq(
		waybuf_constraints_access(set), WAYBUF_ACCESS_SAMPLE | WAYBUF_ACCESS_SCANOUT);
	waybuf_constraints_unref(set);
	/* One SET for the three formats, which have the same modifiers: ACCESS, then SET. */
	uint32_t counts[2];
	ck_assert_uint_eq(fixture.server.records_size, 16 + 8 + 8 + 16 + 8);
	ck_assert_uint_eq(fixture.server.records[16], WAYBUF_FIELD_SET);
	memcpy(counts, fixture.server.records + 24, sizeof(counts));
	ck_assert_uint_eq(counts[0], 3);
	ck_assert_uint_eq(counts[1], 1);
	fixture_finish(&fixture);
}

TEST(the_compositors_pairs)
{
	check_pairs(3);
}

/* A newer one has them in a table, and says in tranches which of it count. */
TEST(the_compositors_feedback)
{
	check_pairs(4);
	check_pairs(5);
}

static void list_without_end(struct fake_server *server, void *data)
{
	for (int i = 0; i < 64; i++)
		fake_send_tranche(server, UINT32_MAX);
}

/* Which is none, and goes with the client. */
TEST(a_list_without_end)
{
	const struct waybuf_client_format *formats;
	init();
	fixture.server.dmabuf_version = 4;
	fixture_start(&fixture);
	size_t n = waybuf_client_get_formats(fixture.client, &formats);
	fake_call(&fixture.server, list_without_end, NULL);
	fixture_heard(&fixture);
	while (waybuf_client_dispatch(fixture.client, 0) > 0)
		;
	ck_assert_uint_eq(waybuf_client_get_formats(fixture.client, &formats), n);
	fixture_finish(&fixture);
}

/* What it names of a table that cannot be read is nothing, and its imports are not tried. */
TEST(table_that_is_too_short)
{
	static const uint32_t cut[] = {1, 16, 65536 * 16, INT32_MAX};
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		const struct waybuf_client_format *formats;
		struct waybuf_client_pool_options options = {
			.width = 64, .height = 32, .display = true};
		struct waybuf_client_pool *pool = NULL;
		init();
		fixture.server.dmabuf_version = 4;
		fixture.server.table_cut = cut[i];
		fixture_start(&fixture);
		ck_assert_uint_eq(waybuf_client_get_formats(fixture.client, &formats), 0);
		ck_assert_int_eq(
			waybuf_client_pool_create(fixture.client, &options, &pool), -EOPNOTSUPP);
		ck_client_says(&fixture, "linux-dmabuf");
		fixture_finish(&fixture);
	}
}

/* A module in the compositor knows its device, which adds what the list does not say. */
TEST(the_compositors_device)
{
	static const struct {
		uint32_t kinds[3], n;
		const char *attach;
	} cases[] = {
		{{WAYBUF_ALLOCATOR_V1_DEVICE_KIND_RENDER, WAYBUF_ALLOCATOR_V1_DEVICE_KIND_KMS,
			 WAYBUF_ALLOCATOR_V1_DEVICE_KIND_KMS},
			3, "attach-kind1:2 constrain commit "},
		{{WAYBUF_ALLOCATOR_V1_DEVICE_KIND_CODEC, WAYBUF_ALLOCATOR_V1_DEVICE_KIND_RENDER}, 2,
			"attach-kind1:2 constrain commit "},
		{{WAYBUF_ALLOCATOR_V1_DEVICE_KIND_CODEC}, 1, "attach-kind3 constrain commit "},
	};
	for (size_t i = 0; i < 3; i++) {
		init();
		memcpy(fixture.server.device_kinds, cases[i].kinds, sizeof(cases[i].kinds));
		fixture.server.n_devices = cases[i].n;
		fixture_start(&fixture);
		fixture_pool(&fixture, 1);
		ck_assert_ptr_nonnull(strstr(fixture_heard(&fixture), cases[i].attach));
		fixture_finish(&fixture);
	}
}

TEST(nothing_to_show_with)
{
	init();
	fixture.server.has_dmabuf = false;
	fixture_start(&fixture);
	struct waybuf_client_pool_options options = {.width = 64, .height = 32, .display = true};
	struct waybuf_client_pool *pool = NULL;
	ck_assert_int_eq(waybuf_client_pool_create(fixture.client, &options, &pool), -EOPNOTSUPP);
	ck_client_says(&fixture, "linux-dmabuf");
	/* Without a display there is nothing wrong. */
	options.display = false;
	ck_client_ok(&fixture, waybuf_client_pool_create(fixture.client, &options, &pool));
	fixture_acquire(pool);
	fixture_finish(&fixture);
}

/* The write map is kept until the compositor gives the buffer back. */
TEST(present_and_release)
{
	init();
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *first = fixture_acquire(pool);
	fixture_heard(&fixture);
	ck_client_ok(&fixture, waybuf_client_buffer_present(first, fixture.surface));
	ck_assert_str_eq(fixture_heard(&fixture), "add0:0+256 import64x32 damage surface-commit ");
	ck_assert_int_eq(waybuf_client_buffer_release(first), -EINVAL);

	struct waybuf_client_buffer *second = fixture_acquire(pool);
	ck_assert_ptr_ne(second, first);
	ck_client_ok(&fixture, waybuf_client_buffer_present(second, fixture.surface));
	fixture_heard(&fixture);
	/* Back with the map that it had, and imported already. */
	ck_assert_ptr_eq(fixture_acquire(pool), first);
	ck_client_ok(&fixture, waybuf_client_buffer_present(first, fixture.surface));
	ck_assert_str_eq(fixture_heard(&fixture), "damage surface-commit ");
	ck_assert_uint_eq(fixture.server.create_wl_buffers, 0);
	fixture_finish(&fixture);
}

static void revoke(struct fake_server *server, void *data)
{
	waybuf_buffer_v1_send_revoke(server->buffers[0].resource, 1, 250);
}

TEST(revoke_while_shown)
{
	init();
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	ck_client_ok(
		&fixture, waybuf_client_buffer_present(fixture_acquire(pool), fixture.surface));
	struct waybuf_client_buffer *second = fixture_acquire(pool);
	fake_call(&fixture.server, revoke, NULL);
	fixture_heard(&fixture);
	ck_client_ok(&fixture, waybuf_client_buffer_present(second, fixture.surface));
	/* As soon as the compositor is done with it. */
	struct waybuf_client_buffer *first = fixture_acquire(pool);
	ck_assert_uint_eq(waybuf_client_buffer_get_index(first), 0);
	ck_assert_ptr_nonnull(strstr(fixture_heard(&fixture), "unmap0 map0 "));
	fixture_finish(&fixture);
}

TEST(import_refused)
{
	init();
	fixture.server.refuses_imports = true;
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = fixture_acquire(fixture_pool(&fixture, 1));
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EOPNOTSUPP);
	ck_client_says(&fixture, "does not import memory of fake exporter");
	/* Still the caller's. */
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	fixture_finish(&fixture);
}

static void list_nothing(struct fake_server *server, void *data)
{
	fake_send_done(server);
}

static void list_again(struct fake_server *server, void *data)
{
	fake_send_tranche(server, 1 << 0);
	fake_send_done(server);
}

/* Memory that is not listed any more when it is shown: the connection goes on, and so does the list. */
TEST(listed_no_longer)
{
	init();
	fixture.server.dmabuf_version = 4;
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = fixture_acquire(fixture_pool(&fixture, 1));
	fake_call(&fixture.server, list_nothing, NULL);
	fixture_heard(&fixture);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EOPNOTSUPP);
	ck_client_says(&fixture, "does not list XR24 LINEAR, which memory of fake exporter has");
	ck_assert_str_eq(fixture_heard(&fixture), "");
	fake_call(&fixture.server, list_again, NULL);
	fixture_heard(&fixture);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	ck_assert_str_eq(fixture_heard(&fixture), "add0:0+256 import64x32 damage surface-commit ");
	fixture_finish(&fixture);
}

/* A pool for which there is no memory at all says so until there is. */
TEST(nothing_is_listed_for_a_while)
{
	init();
	fixture.server.dmabuf_version = 4;
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	fake_call(&fixture.server, list_nothing, NULL);
	fixture_heard(&fixture);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EOPNOTSUPP);
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &buffer), -EOPNOTSUPP);
		ck_client_says(&fixture, "takes no buffers through linux-dmabuf");
	}
	fake_call(&fixture.server, list_again, NULL);
	fixture_heard(&fixture);
	ck_assert_int_ge(waybuf_client_dispatch(fixture.client, 0), 0);
	ck_client_ok(
		&fixture, waybuf_client_buffer_present(fixture_acquire(pool), fixture.surface));
	fixture_finish(&fixture);
}

/* A server that repeats itself gets back what it cannot have meant. */
TEST(import_answered_again)
{
	init();
	fixture.server.import_repeats = 2;
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = fixture_acquire(fixture_pool(&fixture, 1));
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	fixture_heard(&fixture);
	ck_assert_uint_eq(fixture.server.wl_buffers, 1);
	fixture_finish(&fixture);
}

static void keep_silent(struct fake_server *server, void *data)
{
	server->silent = true;
}

static void answer(struct fake_server *server, void *data)
{
	fake_answer_import(server);
}

TEST(import_never_answered)
{
	init();
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = fixture_acquire(fixture_pool(&fixture, 1));
	fake_call(&fixture.server, keep_silent, NULL);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -ETIMEDOUT);
	ck_client_says(&fixture, "import");
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	/* or whoever listens on the program's connection would stay behind */
	fake_call(&fixture.server, answer, NULL);
	fixture_heard(&fixture);
	fixture_finish(&fixture);
}

TEST(shared_memory)
{
	init();
	fixture.server.layout.kind = WAYBUF_BUFFER_V1_MEMORY_KIND_MEMFD;
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = fixture_acquire(fixture_pool(&fixture, 1));
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EOPNOTSUPP);
	ck_client_says(&fixture, "shared memory");
	fixture_finish(&fixture);
}

TEST_TIMEOUT(30)
TEST_MAIN("client-foreign")
