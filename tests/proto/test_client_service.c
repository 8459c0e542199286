/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <waybuf/client.h>
#include <wayland-client.h>

#include "guest/programs.h"
#include "harness.h"

/* The client library and a real waybufd without a display, on whatever memory the machine has. */
static struct program service;
static struct waybuf_client *client;

static void start(void)
{
	service_start(&service);
	int ret = waybuf_client_connect(NULL, &client);
	ck_assert_msg(ret == 0, "%d: %s", ret, waybuf_client_error(NULL));
}

static void finish(void)
{
	waybuf_client_destroy(client);
	daemon_stop(&service);
}

static struct waybuf_client_pool *make_pool(
	uint32_t width, uint32_t height, uint32_t count, struct waybuf_constraints *constraints)
{
	struct waybuf_client_pool_options options = {
		.width = width,
		.height = height,
		.count = count,
		.name = "service",
		.constraints = constraints,
	};
	struct waybuf_client_pool *pool = NULL;
	int ret = waybuf_client_pool_create(client, &options, &pool);
	ck_assert_msg(ret == 0, "%d: %s", ret, waybuf_client_error(client));
	return pool;
}

static struct waybuf_client_buffer *acquire(struct waybuf_client_pool *pool)
{
	struct waybuf_client_buffer *buffer = NULL;
	int ret = waybuf_client_pool_acquire(pool, 10000, &buffer);
	ck_assert_msg(ret == 0, "%d: %s", ret, waybuf_client_error(client));
	return buffer;
}

static void check_says(const char *text)
{
	const char *error = waybuf_client_error(client);
	ck_assert_msg(strstr(error, text), "\"%s\" does not have \"%s\"", error, text);
}

TEST(not_the_compositor)
{
	start();
	ck_assert_uint_eq(waybuf_client_get_capabilities(client) & WAYBUF_CLIENT_INTEGRATED, 0);
	struct waybuf_client_pool_options options = {.width = 64, .height = 64, .display = true};
	struct waybuf_client_pool *pool = NULL;
	ck_assert_int_eq(waybuf_client_pool_create(client, &options, &pool), -EOPNOTSUPP);
	finish();
}

TEST(draw_and_find_it_again)
{
	start();
	struct waybuf_client_pool *pool = make_pool(640, 480, 2, NULL);
	struct waybuf_client_buffer *buffer = acquire(pool);
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	ck_assert_uint_eq(layout->format, DRM_FORMAT_XRGB8888);
	ck_assert_uint_eq(layout->modifier, DRM_FORMAT_MOD_LINEAR);
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(buffer), WAYBUF_GRANT_FRESH);

	struct waybuf_client_image image;
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_READ_WRITE, &image), 0);
	uint32_t *last =
		(uint32_t *)((char *)image.planes[0].data + 479 * (size_t)image.planes[0].stride) +
		639;
	ck_assert_uint_eq(*last, 0);
	*last = 0x123456;
	ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), 0);
	ck_assert_int_eq(waybuf_client_buffer_release(buffer), 0);

	ck_assert_ptr_eq(acquire(pool), buffer);
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(buffer), 0);
	ck_assert_uint_eq(waybuf_client_buffer_get_serial(buffer), 2);
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_READ, &image), 0);
	ck_assert_uint_eq(*last, 0x123456);
	ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), 0);
	finish();
}

TEST(explain)
{
	start();
	struct waybuf_client_pool *pool = make_pool(64, 64, 1, NULL);
	acquire(pool);
	char *text = NULL;
	ck_assert_int_eq(waybuf_client_pool_explain(pool, 5000, &text), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"type\":\"choice\""));
	free(text);
	finish();
}

/* A stride that no row of that width fits into. */
static struct waybuf_constraints *impossible(void)
{
	static const uint32_t format = DRM_FORMAT_XRGB8888;
	static const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints *constraints = NULL;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, 1, 1, 100);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &constraints), 0);
	waybuf_constraints_builder_destroy(builder);
	return constraints;
}

TEST(conflict)
{
	start();
	struct waybuf_constraints *constraints = impossible();
	struct waybuf_client_pool *pool = make_pool(64, 64, 1, constraints);
	waybuf_constraints_unref(constraints);
	struct waybuf_client_buffer *buffer = NULL;
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &buffer), -EOPNOTSUPP);
	check_says("conflict");
	check_says("stride");
	/* Others are not disturbed. */
	acquire(make_pool(64, 64, 1, NULL));
	finish();
}

TEST(underspecified)
{
	start();
	struct waybuf_constraints *constraints = NULL;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_CPU_WRITE);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &constraints), 0);
	waybuf_constraints_builder_destroy(builder);
	struct waybuf_client_pool *pool = make_pool(64, 64, 1, constraints);
	waybuf_constraints_unref(constraints);
	struct waybuf_client_buffer *buffer = NULL;
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &buffer), -EOPNOTSUPP);
	check_says(waybuf_reason_name(WAYBUF_REASON_UNDERSPECIFIED));
	finish();
}

/* 16 GiB each: over any limit. The refusal is of that pool only. */
TEST(too_large)
{
	start();
	struct waybuf_client_buffer *buffer = NULL;
	int ret = waybuf_client_pool_acquire(make_pool(65536, 65536, 1, NULL), 10000, &buffer);
	ck_assert_msg(ret < 0 && ret != -ETIMEDOUT, "%d", ret);
	ck_assert_uint_gt(strlen(waybuf_client_error(client)), 10);
	acquire(make_pool(64, 64, 1, NULL));
	finish();
}

/* Pools without end: the client hits its quota by an error, and goes on afterwards. */
TEST(quota_of_pools)
{
	start();
	struct waybuf_client_pool *pools[2000];
	struct waybuf_client_buffer *buffer = NULL;
	int n = 0, ret = 0;
	while (n < 2000 && ret == 0) {
		pools[n] = make_pool(16, 16, 1, NULL);
		ret = waybuf_client_pool_acquire(pools[n++], 10000, &buffer);
	}
	ck_assert_int_lt(n, 2000);
	ck_assert_msg(ret == -EDQUOT || ret == -EMFILE, "%d after %d pools: %s", ret, n,
		waybuf_client_error(client));
	while (n > 0)
		waybuf_client_pool_destroy(pools[--n]);
	acquire(make_pool(64, 64, 1, NULL));
	finish();
}

TEST(service_is_killed)
{
	static struct result result;
	start();
	struct waybuf_client_pool *pool = make_pool(64, 64, 2, NULL);
	struct waybuf_client_buffer *buffer = acquire(pool), *other = NULL;
	program_signal(&service, SIGKILL);
	program_wait(&service, 10, &result);
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &other), -EPIPE);
	/* The memory is the client's as long as it holds the fd. */
	struct waybuf_client_image image;
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image), 0);
	memset(image.planes[0].data, 1, image.planes[0].stride);
	ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), 0);
	waybuf_client_destroy(client);
	service_start(&service);
	ck_assert_int_eq(waybuf_client_connect(NULL, &client), 0);
	finish();
}

/* ---- restarts ------------------------------------------------------------------------------ */

static bool gives_tickets(void)
{
	return waybuf_client_get_capabilities(client) & WAYBUF_CLIENT_RESTORE;
}

static uint32_t *first_pixel(struct waybuf_client_buffer *buffer, enum waybuf_direction direction)
{
	struct waybuf_client_image image;
	ck_assert_int_eq(waybuf_client_buffer_begin_cpu(buffer, direction, &image), 0);
	return image.planes[0].data;
}

static void draw(struct waybuf_client_buffer *buffer, uint32_t value)
{
	*first_pixel(buffer, WAYBUF_WRITE) = value;
	ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), 0);
}

static uint32_t look(struct waybuf_client_buffer *buffer)
{
	uint32_t value = *first_pixel(buffer, WAYBUF_READ);
	ck_assert_int_eq(waybuf_client_buffer_end_cpu(buffer), 0);
	return value;
}

static void reconnect(void)
{
	int ret = waybuf_client_reconnect(client, NULL, 5000);
	ck_assert_msg(ret == 0, "%d: %s", ret, waybuf_client_error(client));
}

/* One call, and everything is as it was: the pools, their buffers, and what was drawn. */
TEST(restart)
{
	struct stat st;
	start();
	bool tickets = gives_tickets();
	ck_assert_int_eq(stat(folder_path("test.tickets"), &st) == 0, tickets);
	ck_assert_uint_eq(tickets ? st.st_mode & 07777 : 0600, 0600);
	struct waybuf_client_pool *pool = make_pool(640, 480, 2, NULL);
	struct waybuf_client_pool *other = make_pool(64, 64, 1, NULL);
	struct waybuf_client_pool *empty = make_pool(32, 32, 3, NULL);
	struct waybuf_client_buffer *one = acquire(pool), *two = acquire(pool);
	struct waybuf_client_buffer *three = acquire(other);
	draw(one, 0x111111);
	draw(two, 0x222222);
	draw(three, 0x333333);
	for (int i = 0; i < 3; i++) {
		/* one is being drawn to, one has been given back, one is held */
		uint32_t *pixel = first_pixel(one, WAYBUF_READ_WRITE);
		*pixel += 1;
		if (i == 0)
			ck_assert_int_eq(waybuf_client_buffer_release(two), 0);
		service_restart(&service);
		reconnect();
		if (!tickets) {
			ck_assert_uint_eq(waybuf_client_pool_get_restored(pool), 0);
			break;
		}
		ck_assert_uint_eq(waybuf_client_pool_get_restored(pool), 2);
		ck_assert_uint_eq(waybuf_client_pool_get_restored(other), 1);
		ck_assert_uint_eq(waybuf_client_pool_get_restored(empty), 0);
		ck_assert_int_eq(waybuf_client_buffer_release(one), -EINVAL);
		ck_assert_int_eq(waybuf_client_buffer_end_cpu(one), -EINVAL);
		one = acquire(pool);
		ck_assert_uint_eq(waybuf_client_buffer_get_flags(one), 0);
		ck_assert_uint_eq(look(one), 0x111112u + (uint32_t)i);
		two = acquire(pool);
		ck_assert_uint_eq(look(two), 0x222222);
		three = acquire(other);
		ck_assert_uint_eq(look(three), 0x333333);
	}
	/* it goes on, with the memory that is there and with more */
	ck_assert_uint_eq(waybuf_client_pool_get_count(empty), 3);
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(acquire(empty)), WAYBUF_GRANT_FRESH);
	char *text = NULL;
	ck_assert_int_eq(waybuf_client_pool_explain(pool, 5000, &text), 0);
	free(text);
	finish();
}

/* The next server has another key: pools begin anew, and the program is told. */
TEST(restart_with_another_key)
{
	start();
	struct waybuf_client_pool *pool = make_pool(640, 480, 2, NULL);
	struct waybuf_client_buffer *buffer = acquire(pool);
	draw(buffer, 0x111111);
	unlink(folder_path("test.tickets"));
	service_restart(&service);
	reconnect();
	ck_assert_uint_eq(waybuf_client_pool_get_restored(pool), 0);
	buffer = acquire(pool);
	ck_assert_uint_eq(waybuf_client_buffer_get_flags(buffer), WAYBUF_GRANT_FRESH);
	ck_assert_uint_eq(look(buffer), 0);
	finish();
}

/* Nobody is there: nothing has changed, and it can be tried again. */
TEST(reconnect_too_early)
{
	static struct result result;
	start();
	bool tickets = gives_tickets();
	struct waybuf_client_pool *pool = make_pool(64, 64, 1, NULL);
	struct waybuf_client_buffer *buffer = acquire(pool), *other = NULL;
	draw(buffer, 0x111111);
	ck_assert_int_eq(waybuf_client_reconnect(client, "nobody", 0), -ENOENT);
	ck_assert_uint_eq(look(buffer), 0x111111);
	ck_assert_int_eq(waybuf_client_reconnect(client, NULL, -1), -EINVAL);
	program_signal(&service, SIGTERM);
	program_wait(&service, 10, &result);
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 100, &other), -EPIPE);
	ck_assert_int_eq(waybuf_client_reconnect(client, NULL, 50), -ENOENT);
	ck_assert_uint_eq(look(buffer), 0x111111);
	service_continue(&service);
	reconnect();
	ck_assert_uint_eq(look(acquire(pool)), tickets ? 0x111111 : 0);
	finish();
}

/* For a new connection of the caller's, with the server still there: its pools have ended. */
TEST(reconnect_without_a_restart)
{
	start();
	struct waybuf_client_pool *pool = make_pool(64, 64, 1, NULL);
	draw(acquire(pool), 0x111111);
	struct wl_display *display = wl_display_connect(NULL);
	ck_assert_ptr_nonnull(display);
	ck_assert_int_eq(waybuf_client_reconnect_to_display(client, display), 0);
	ck_assert_ptr_eq(waybuf_client_get_display(client), display);
	acquire(pool);
	waybuf_client_destroy(client);
	wl_display_disconnect(display);
	daemon_stop(&service);
}

/* waybufctl, where there is nothing to capture. */
TEST(no_screenshot)
{
	static struct result result;
	service_start(&service);
	program_run(
		(const char *const[]){WAYBUFCTL, "screenshot", "/tmp/x.png", NULL}, 20, &result);
	ck_assert_msg(result.status == 4, "%d: %s", result.status, result.out);
	ck_assert_ptr_nonnull(strstr(result.out, "ext_image_copy_capture_manager_v1"));
	program_run((const char *const[]){WAYBUFCTL, "info", NULL}, 20, &result);
	ck_assert_msg(result.status == 0, "%d: %s", result.status, result.out);
	ck_assert_ptr_nonnull(strstr(result.out, "as seen by test"));
	ck_assert_ptr_nonnull(strstr(result.out, "memfd "));
	daemon_stop(&service);
}

TEST_TIMEOUT(60)
TEST_MAIN("client-service")
