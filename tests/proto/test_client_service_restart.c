/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client_fixture.h"
#include "client_priv.h"
#include "guest/programs.h"

/*
 * A compositor without an allocator, and a real waybufd beside it that is killed and started again
 * while a program has buffers of it.
 */
static struct fixture fixture;
static struct program service;

static struct waybuf_client_pool *start(uint32_t count)
{
	service_start(&service);
	setenv("WAYBUF_DISPLAY", "test", 1);
	fake_init(&fixture.server);
	fixture.server.no_allocator = true;
	fixture.server.has_shm = true;
	fixture_start(&fixture);
	struct waybuf_client_pool_options options = {
		.width = 64, .height = 32, .count = count, .name = "kept"};
	struct waybuf_client_pool *pool = NULL;
	ck_client_ok(&fixture, waybuf_client_pool_create(fixture.client, &options, &pool));
	ck_assert_int_eq(waybuf_client_pool_get_path(pool), WAYBUF_CLIENT_PATH_SERVICE);
	return pool;
}

static void finish(void)
{
	fixture_finish(&fixture);
	daemon_stop(&service);
}

/* The first pixel; written if it is not 0. */
static uint32_t pixel(struct waybuf_client_buffer *buffer, uint32_t value)
{
	struct waybuf_client_image image;
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(buffer, WAYBUF_READ_WRITE, &image));
	uint32_t *pixels = image.planes[0].data;
	if (value)
		*pixels = value;
	value = *pixels;
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(buffer));
	return value;
}

static void expect_reason(struct waybuf_client_pool *pool, const char *text)
{
	const char *reason = waybuf_client_pool_get_path_reason(pool);
	ck_assert_msg(strstr(reason, text), "\"%s\" does not have \"%s\"", reason, text);
}

TEST(the_pool_goes_back)
{
	struct waybuf_client_pool *pool = start(2);
	struct waybuf_client_buffer *held = fixture_acquire(pool), *other = fixture_acquire(pool);
	pixel(held, 0x111111);
	pixel(other, 0x222222);
	ck_client_ok(&fixture, waybuf_client_buffer_release(other));
	service_restart(&service);
	/* the one that is held is none of the service's business until it is given back */
	fixture.client->next_look_ms = INT64_MAX;
	ck_assert_ptr_eq(fixture_acquire(pool), other);
	expect_reason(pool, "has ended");
	ck_client_ok(&fixture, waybuf_client_buffer_release(other));
	fixture.client->next_look_ms = 0;
	ck_assert_ptr_eq(fixture_acquire(pool), other);
	expect_reason(pool, "the service at test");
	ck_assert_uint_eq(pixel(other, 0), 0x222222);
	ck_assert_uint_eq(pixel(held, 0), 0x111111);
	ck_client_ok(&fixture, waybuf_client_buffer_release(held));
	ck_assert_ptr_eq(fixture_acquire(pool), held);
	ck_assert_uint_eq(pixel(held, 0), 0x111111);
	finish();
}

TEST(again_and_again)
{
	struct waybuf_client_pool *pool = start(1);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool);
	pixel(buffer, 0x333333);
	for (int i = 0; i < 3; i++) {
		ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
		service_restart(&service);
		fixture.client->next_look_ms = INT64_MAX;
		/* notices, and has it all the same */
		ck_assert_ptr_eq(fixture_acquire(pool), buffer);
		ck_assert_uint_eq(pixel(buffer, 0), 0x333333);
		ck_client_ok(&fixture, waybuf_client_buffer_release(buffer));
		fixture.client->next_look_ms = 0;
		ck_assert_ptr_eq(fixture_acquire(pool), buffer);
		expect_reason(pool, "the service at test");
		ck_assert_uint_eq(pixel(buffer, 0), 0x333333);
	}
	finish();
}

TEST_TIMEOUT(60)
TEST_MAIN("client-service-restart")
