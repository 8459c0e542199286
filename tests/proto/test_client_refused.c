/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "client_fixture.h"
#include "waybuf-allocator-v1-server-protocol.h"

static struct fixture fixture;

/* ---- maps that fail ------------------------------------------------------------------------ */

TEST(each_reason)
{
	static const struct {
		uint32_t reason;
		int error;
	} cases[] = {
		{WAYBUF_ALLOCATOR_V1_REASON_CONFLICT, -EOPNOTSUPP},
		{WAYBUF_ALLOCATOR_V1_REASON_CRITICAL_UNKNOWN, -EOPNOTSUPP},
		{WAYBUF_ALLOCATOR_V1_REASON_UNDERSPECIFIED, -EOPNOTSUPP},
		{WAYBUF_ALLOCATOR_V1_REASON_UNSUPPORTED, -EOPNOTSUPP},
		{WAYBUF_ALLOCATOR_V1_REASON_TOO_HARD, -E2BIG},
		{WAYBUF_ALLOCATOR_V1_REASON_NO_MEMORY, -ENOMEM},
		{WAYBUF_ALLOCATOR_V1_REASON_QUOTA, -EDQUOT},
		{WAYBUF_ALLOCATOR_V1_REASON_NO_FDS, -EMFILE},
		{WAYBUF_ALLOCATOR_V1_REASON_DEADLINE, -ETIMEDOUT},
		{WAYBUF_ALLOCATOR_V1_REASON_CANCELLED, -EIO},
		{WAYBUF_ALLOCATOR_V1_REASON_BAD_TOKEN, -EACCES},
		{WAYBUF_ALLOCATOR_V1_REASON_BAD_TICKET, -EACCES},
		{WAYBUF_ALLOCATOR_V1_REASON_DEVICE_LOST, -ENODEV},
		{WAYBUF_ALLOCATOR_V1_REASON_DENIED, -EACCES},
		{WAYBUF_ALLOCATOR_V1_REASON_CLOSED, -ESHUTDOWN},
		{WAYBUF_ALLOCATOR_V1_REASON_OK, -EIO},
		{4711, -EIO},
	};
	fake_init(&fixture.server);
	fixture.server.answer = FAKE_FAIL;
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct waybuf_client_buffer *buffer = NULL;
		fixture_heard(&fixture);
		fixture.server.reason = cases[i].reason;
		/* A failure is of one map: the same call asks again. */
		ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &buffer), cases[i].error);
		ck_assert_ptr_null(buffer);
		ck_client_says(&fixture, "as told");
		ck_client_says(&fixture, waybuf_reason_name(cases[i].reason));
	}
	fixture_finish(&fixture);
}

static void grant_from_now_on(struct fake_server *server, void *data)
{
	server->answer = FAKE_GRANT;
}

TEST(works_after_a_failure)
{
	fake_init(&fixture.server);
	fixture.server.answer = FAKE_FAIL;
	fixture.server.reason = WAYBUF_ALLOCATOR_V1_REASON_NO_FDS;
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = NULL;
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &buffer), -EMFILE);
	fixture_heard(&fixture);
	fake_call(&fixture.server, grant_from_now_on, NULL);
	ck_client_ok(&fixture, waybuf_client_pool_acquire(pool, 5000, &buffer));
	ck_assert_str_eq(fixture_heard(&fixture), "map0 ");
	fixture_finish(&fixture);
}

TEST(conflict_names_the_fields)
{
	fake_init(&fixture.server);
	fixture.server.answer = FAKE_FAIL;
	fixture.server.reason = WAYBUF_ALLOCATOR_V1_REASON_CONFLICT;
	fixture.server.conflicts = true;
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = NULL;
	/* Twice, to see that the lines of one refusal do not pile up in the next. */
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &buffer), -EOPNOTSUPP);
		ck_client_says(&fixture,
			"this client needs stride max 48 of plane 0 for XR24 LINEAR against the "
			"exporter needs");
		const char *text = waybuf_client_error(fixture.client);
		ck_assert_ptr_null(strstr(strstr(text, "against") + 1, "against"));
	}
	fixture_finish(&fixture);
}

TEST(quota_shows_the_account)
{
	fake_init(&fixture.server);
	fixture.server.answer = FAKE_FAIL;
	fixture.server.reason = WAYBUF_ALLOCATOR_V1_REASON_QUOTA;
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = NULL;
	ck_assert_int_eq(
		waybuf_client_pool_acquire(fixture_pool(&fixture, 1), 5000, &buffer), -EDQUOT);
	ck_client_says(&fixture, "; 1000 of 1024 KiB used, 4 of 256 maps used");
	fixture_finish(&fixture);
}

/* ---- what ends a pool ---------------------------------------------------------------------- */

static void refuse_display(struct fake_server *server, void *data)
{
	waybuf_attachment_v1_send_refused(server->attachments[1],
		WAYBUF_ALLOCATOR_V1_REASON_CONFLICT, "no plane of that kind");
}

static void lose_writer(struct fake_server *server, void *data)
{
	waybuf_attachment_v1_send_gone(
		server->attachments[0], WAYBUF_ALLOCATOR_V1_REASON_DEVICE_LOST, "unplugged");
}

static void end_pool(struct fake_server *server, void *data)
{
	waybuf_pool_v1_send_failed(
		server->pool, WAYBUF_ALLOCATOR_V1_REASON_QUOTA, "too many pools");
}

static void check_ended(
	void (*end)(struct fake_server *server, void *data), int error, const char *says)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *held = fixture_acquire(pool), *buffer = NULL;
	fixture_heard(&fixture);
	fake_call(&fixture.server, end, NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &buffer), error);
		ck_client_says(&fixture, says);
	}
	ck_client_ok(&fixture, waybuf_client_buffer_release(held));
	/* The connection is good for another pool. */
	waybuf_client_pool_destroy(pool);
	fixture_acquire(fixture_pool(&fixture, 1));
	fixture_finish(&fixture);
}

TEST(display_refuses)
{
	check_ended(refuse_display, -EOPNOTSUPP, "the display: conflict: no plane of that kind");
}

TEST(attachment_gone)
{
	check_ended(lose_writer, -ENODEV, "unplugged");
}

TEST(pool_failed)
{
	check_ended(end_pool, -EDQUOT, "too many pools");
}

/* ---- migration ----------------------------------------------------------------------------- */

static void grant_and_revoke(struct fake_server *server, void *data)
{
	server->answer = FAKE_GRANT;
	fake_grant(&server->buffers[0]);
	waybuf_buffer_v1_send_revoke(server->buffers[0].resource, 1, 250);
}

/* A grant that nobody took yet is given back at once; the next acquire asks again. */
TEST(revoke_of_a_ready_buffer)
{
	fake_init(&fixture.server);
	fixture.server.answer = FAKE_HOLD;
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = NULL;
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &buffer), -EAGAIN);
	fixture_heard(&fixture);
	fake_call(&fixture.server, grant_and_revoke, NULL);
	ck_client_ok(&fixture, waybuf_client_pool_acquire(pool, 5000, &buffer));
	ck_assert_str_eq(fixture_heard(&fixture), "unmap0 map0 ");
	fixture_finish(&fixture);
}

static void migrate(struct fake_server *server, void *data)
{
	server->layout.generation = 2;
	server->layout.planes[0].stride = 512;
	server->layout.size = server->layout.told_size = 512 * 32;
	waybuf_buffer_v1_send_retired(server->buffers[0].resource, 1);
}

TEST(new_generation)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	struct waybuf_client_image image;
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image));
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	int old_fd = waybuf_client_buffer_get_layout(buffer)->memory[0].fd;
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	fixture_heard(&fixture);
	fake_call(&fixture.server, migrate, NULL);
	while (waybuf_client_dispatch(fixture.client, 20) > 0)
		continue;
	ck_assert_int_lt(fcntl(old_fd, F_GETFD), 0);

	ck_assert_ptr_eq(fixture_acquire(pool), buffer);
	ck_assert_uint_eq(waybuf_client_buffer_get_layout(buffer)->generation, 2);
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image));
	ck_assert_uint_eq(image.planes[0].stride, 512);
	memset(image.planes[0].data, 0xff, (size_t)512 * 32);
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	fixture_finish(&fixture);
}

/* What is being looked at stays, whatever the server says. */
TEST(retired_while_acquired)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	struct waybuf_client_image image;
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image));
	fake_call(&fixture.server, migrate, NULL);
	while (waybuf_client_dispatch(fixture.client, 20) > 0)
		continue;
	memset(image.planes[0].data, 1, (size_t)image.planes[0].stride * image.planes[0].rows);
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
	fixture_acquire(pool);
	ck_assert_uint_eq(waybuf_client_buffer_get_layout(buffer)->generation, 2);
	fixture_finish(&fixture);
}

static void refuse_nothing(struct fake_server *server, void *data)
{
	waybuf_buffer_v1_send_wl_buffer_failed(server->buffers[0].resource, NULL,
		WAYBUF_ALLOCATOR_V1_REASON_UNSUPPORTED, "of a wl_buffer that is gone");
}

/* There is no wl_buffer yet, and none that could be destroyed. */
TEST(wl_buffer_failed_that_is_gone)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = fixture_acquire(fixture_pool(&fixture, 1));
	fake_call(&fixture.server, refuse_nothing, NULL);
	ck_assert_int_gt(waybuf_client_dispatch(fixture.client, 5000), 0);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	fixture_finish(&fixture);
}

/* ---- explain ------------------------------------------------------------------------------- */

TEST(explain)
{
	fake_init(&fixture.server);
	fixture.server.report = "{\"type\":\"choice\"}\n";
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	char *text = NULL;
	ck_assert_int_eq(waybuf_client_pool_explain(pool, -1, &text), -EINVAL);
	ck_client_ok(&fixture, waybuf_client_pool_explain(pool, 5000, &text));
	ck_assert_str_eq(text, fixture.server.report);
	free(text);
	fixture_finish(&fixture);
}

/* The first one counts, and the fds of the others are closed. */
TEST(explain_answered_again_and_again)
{
	fake_init(&fixture.server);
	fixture.server.report = "{}\n";
	fixture.server.report_repeats = 2;
	fixture_start(&fixture);
	char *text = NULL;
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	ck_client_ok(&fixture, waybuf_client_pool_explain(pool, 5000, &text));
	ck_assert_str_eq(text, fixture.server.report);
	free(text);
	fixture_finish(&fixture);
}

TEST(explain_refused)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	char *text = NULL;
	ck_assert_int_eq(
		waybuf_client_pool_explain(fixture_pool(&fixture, 1), 5000, &text), -EOPNOTSUPP);
	ck_assert_ptr_null(text);
	ck_client_says(&fixture, "not today");
	fixture_finish(&fixture);
}

TEST(explain_with_a_wrong_size)
{
	static const struct {
		uint32_t excess;
		int error;
	} cases[] = {{1, -EIO}, {64 * 1024 * 1024, -EFBIG}};
	for (int i = 0; i < 2; i++) {
		fake_init(&fixture.server);
		fixture.server.report = "{}";
		fixture.server.report_excess = cases[i].excess;
		fixture_start(&fixture);
		char *text = NULL;
		ck_assert_int_eq(waybuf_client_pool_explain(fixture_pool(&fixture, 1), 5000, &text),
			cases[i].error);
		fixture_finish(&fixture);
	}
}

/* ---- layouts that make no sense ------------------------------------------------------------ */

/* Changes one thing about a layout that is fine otherwise. */
static void plane_behind_the_end(struct fake_layout *layout)
{
	layout->planes[0].offset = 256;
}

static void overflowing_plane(struct fake_layout *layout)
{
	layout->planes[0].stride = layout->planes[0].rows = UINT32_MAX;
}

static void no_plane(struct fake_layout *layout)
{
	layout->n_planes = 0;
}

static void five_planes(struct fake_layout *layout)
{
	layout->n_planes = 5;
}

static void two_planes_of_rgb(struct fake_layout *layout)
{
	layout->planes[1] = layout->planes[0];
	layout->n_planes = 2;
}

static void broken_plane(struct fake_layout *layout)
{
	layout->excess = 7;
}

static void plane_in_no_memory(struct fake_layout *layout)
{
	layout->planes[0].slot = 1;
}

static void no_memory(struct fake_layout *layout)
{
	layout->n_memory = 0;
}

static void five_memories(struct fake_layout *layout)
{
	layout->n_memory = 5;
}

static void slot_that_is_skipped(struct fake_layout *layout)
{
	layout->first_slot = 1;
}

static void memory_that_is_smaller(struct fake_layout *layout)
{
	layout->size = 4096;
}

static void unknown_kind_of_memory(struct fake_layout *layout)
{
	layout->kind = 2;
}

static void row_that_does_not_fit(struct fake_layout *layout)
{
	layout->planes[0].stride = 252;
}

static void rows_that_are_missing(struct fake_layout *layout)
{
	layout->planes[0].rows = 31;
}

TEST(bad_layouts)
{
	static void (*const spoil[])(struct fake_layout *layout) = {plane_behind_the_end,
		overflowing_plane, no_plane, five_planes, two_planes_of_rgb, broken_plane,
		plane_in_no_memory, no_memory, five_memories, slot_that_is_skipped,
		memory_that_is_smaller, unknown_kind_of_memory, row_that_does_not_fit,
		rows_that_are_missing};
	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		fake_init(&fixture.server);
		spoil[i](&fixture.server.layout);
		fixture_start(&fixture);
		struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
		struct waybuf_client_buffer *buffer = NULL;
		int ret = waybuf_client_pool_acquire(pool, 5000, &buffer);
		ck_assert_msg(ret == -EIO, "layout %zu: %d", i, ret);
		ck_client_says(&fixture, "layout");
		fixture_finish(&fixture);
	}
}

static void send_unasked(struct fake_server *server, void *data)
{
	server->layout.generation = 7;
	fake_grant(&server->buffers[0]);
}

/* A grant that nobody asked for must not take away what is in use. */
TEST(unasked_grant)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	struct waybuf_client_image image;
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image));
	fake_call(&fixture.server, send_unasked, NULL);
	while (waybuf_client_dispatch(fixture.client, 20) > 0)
		continue;
	ck_assert_uint_eq(waybuf_client_buffer_get_layout(buffer)->generation, 1);
	memset(image.planes[0].data, 1, 8192);
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	fixture_finish(&fixture);
}

TEST_TIMEOUT(60)
TEST_MAIN("client-refused")
