/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include <waybuf/client.h>

#include "fail_alloc.h"
#include "guest/programs.h"
#include "harness.h"

/*
 * A program whose server was restarted connects again, and each time the next allocation of the
 * library fails. It can try again, until it has its pictures back.
 */
static struct program service;
static struct waybuf_client *client;
static struct waybuf_client_pool *pool;

static uint32_t *pixel(struct waybuf_client_buffer *buffer, enum waybuf_direction direction)
{
	struct waybuf_client_image image;
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, direction, &image), 0);
	return image.planes[0].data;
}

static struct waybuf_client_buffer *acquire(void)
{
	struct waybuf_client_buffer *buffer = NULL;
	int ret = waybuf_client_pool_acquire(pool, 5000, &buffer);
	ck_assert_msg(ret == 0, "%d: %s", ret, waybuf_client_error(client));
	return buffer;
}

static void start(void)
{
	struct waybuf_client_pool_options options = {.width = 64, .height = 64, .count = 2};
	service_start(&service);
	ck_assert_int_eq(waybuf_client_connect(NULL, &client), 0);
	ck_assert_int_eq(waybuf_client_pool_create(client, &options, &pool), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct waybuf_client_buffer *buffer = acquire();
		*pixel(buffer, WAYBUF_WRITE) = 0x5eed00 + waybuf_client_buffer_get_index(buffer);
		ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), 0);
	}
}

/* The @n-th allocation fails; true if there were as many. Every call says so afterwards. */
static bool reconnect_failing(unsigned n)
{
	struct waybuf_client_buffer *buffer = NULL;
	fail_alloc_at(n);
	int ret = waybuf_client_reconnect(client, NULL, 0);
	bool happened = fail_alloc_happened();
	fail_alloc_at(0);
	ck_assert(ret == 0 || happened);
	if (ret < 0) {
		ck_assert_int_eq(ret, -ENOMEM);
		ck_assert_int_eq(waybuf_client_dispatch(client, 0), ret);
		ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &buffer), ret);
		ck_assert_int_eq(waybuf_client_reconnect(client, NULL, 0), 0);
	}
	return happened;
}

TEST(every_allocation)
{
	unsigned n = 0;
	start();
	bool tickets = waybuf_client_get_capabilities(client) & WAYBUF_CLIENT_RESTORE;
	do {
		service_restart(&service);
		n++;
	} while (reconnect_failing(n) && n < 100);
	ck_assert_uint_ge(n, 3);
	ck_assert_uint_lt(n, 100);
	for (int i = 0; i < 2; i++) {
		struct waybuf_client_buffer *buffer = acquire();
		uint32_t index = waybuf_client_buffer_get_index(buffer);
		ck_assert_uint_eq(*pixel(buffer, WAYBUF_READ), tickets ? 0x5eed00 + index : 0);
		ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), 0);
	}
	waybuf_client_destroy(client);
	daemon_stop(&service);
}

TEST_TIMEOUT(60)
TEST_MAIN("client-restart-failures")
