/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <wayland-client-core.h>

#include "client_fixture.h"
#include "waybuf-allocator-v1-server-protocol.h"

static struct fixture fixture;

TEST(no_server)
{
	struct waybuf_client *client = NULL;
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	unsetenv("WAYLAND_DISPLAY");
	unsetenv("WAYLAND_SOCKET");
	ck_assert_int_eq(waybuf_client_connect("no-such-socket", &client), -ENOENT);
	ck_assert_ptr_null(client);
	ck_assert_ptr_nonnull(strstr(waybuf_client_error(NULL), "no-such-socket"));
	ck_assert_int_eq(waybuf_client_connect(NULL, &client), -ENOENT);
	ck_assert_ptr_nonnull(strstr(waybuf_client_error(NULL), "wayland-0"));
}

TEST(connection_of_its_own)
{
	char number[16];
	fake_init(&fixture.server);
	snprintf(number, sizeof(number), "%d", fake_start(&fixture.server));
	setenv("WAYLAND_SOCKET", number, 1);
	struct waybuf_client *client = NULL;
	ck_assert_int_eq(waybuf_client_connect(NULL, &client), 0);
	ck_assert_ptr_nonnull(waybuf_client_get_display(client));
	ck_assert_uint_eq(waybuf_client_get_capabilities(client), WAYBUF_CLIENT_INTEGRATED);
	waybuf_client_destroy(client);
	fake_stop(&fixture.server);
}

TEST(no_allocator)
{
	setenv("WAYBUF_DISPLAY", "none", 1);
	fake_init(&fixture.server);
	fixture.server.no_allocator = true;
	fixture_start_display(&fixture);
	int ret = waybuf_client_connect_to_display(fixture.display, &fixture.client);
	ck_assert_int_eq(ret, -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(waybuf_client_error(NULL), "waybuf_allocator_v1"));
	/* The caller's connection is as good as before. */
	ck_assert_int_ge(wl_display_roundtrip(fixture.display), 0);
	fixture_finish(&fixture);
}

TEST(silent_server)
{
	fake_init(&fixture.server);
	fixture.server.silent = true;
	fixture_start_display(&fixture);
	int ret = waybuf_client_connect_to_display(fixture.display, &fixture.client);
	ck_assert_int_eq(ret, -ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(waybuf_client_error(NULL), "did not answer"));
	fixture_finish(&fixture);
}

static void hang_up(struct fake_server *server, void *data)
{
	wl_client_destroy(server->client);
}

TEST(server_goes_away)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	struct waybuf_client_buffer *buffer = fixture_acquire(pool), *other = NULL;
	fake_call(&fixture.server, hang_up, NULL);
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &other), -EPIPE);
	ck_client_says(&fixture, "lost");
	/* For good, and for everything; what was acquired can still be looked at and closed. */
	struct waybuf_client_pool_options options = {.width = 1, .height = 1};
	ck_assert_int_eq(waybuf_client_pool_create(fixture.client, &options, &pool), -EPIPE);
	ck_assert_int_eq(waybuf_client_dispatch(fixture.client, 0), -EPIPE);
	ck_assert_int_eq(waybuf_client_buffer_present(buffer, fixture.surface), -EPIPE);
	ck_assert_ptr_nonnull(waybuf_client_buffer_get_layout(buffer));
	fixture_finish(&fixture);
}

static void accuse(struct fake_server *server, void *data)
{
	wl_resource_post_error(server->pool, 3, "as told");
}

static void break_off(struct fake_server *server, void *data)
{
	static const uint32_t half[] = {1, 12 << 16};
	int fd = wl_client_get_fd(server->client);
	wl_client_flush(server->client);
	ck_assert_int_eq(send(fd, half, sizeof(half), 0), sizeof(half));
	wl_client_destroy(server->client);
}

/* libwayland waits for the rest of it, and finds the socket readable each time. */
TEST(server_goes_away_within_a_message)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	fake_call(&fixture.server, break_off, NULL);
	ck_assert_int_eq(waybuf_client_dispatch(fixture.client, 2000), -EPIPE);
	ck_assert_int_eq(waybuf_client_dispatch(fixture.client, 2000), -EPIPE);
	fixture_finish(&fixture);
}

static void change_its_mind(struct fake_server *server, void *data)
{
	waybuf_allocator_v1_send_capabilities(
		server->allocator, WAYBUF_ALLOCATOR_V1_CAPABILITY_SYNC_FILE);
	waybuf_allocator_v1_send_done(server->allocator);
}

/* Whoever was the compositor stays it: there is no linux-dmabuf any more to go through. */
TEST(server_says_later_that_it_is_not_the_compositor)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_buffer *buffer = fixture_acquire(fixture_pool(&fixture, 2));
	fake_call(&fixture.server, change_its_mind, NULL);
	ck_assert_int_gt(waybuf_client_dispatch(fixture.client, 5000), 0);
	ck_assert_uint_eq(waybuf_client_get_capabilities(fixture.client),
		WAYBUF_CLIENT_INTEGRATED | WAYBUF_CLIENT_SYNC_FILE);
	ck_client_ok(&fixture, waybuf_client_buffer_present(buffer, fixture.surface));
	fixture_finish(&fixture);
}

TEST(protocol_error)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	fixture_heard(&fixture);
	fake_call(&fixture.server, accuse, NULL);
	struct waybuf_client_buffer *buffer = NULL;
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 5000, &buffer), -EPROTO);
	ck_client_says(&fixture, "error 3 of waybuf_pool_v1");
	ck_assert_int_eq(waybuf_client_flush(fixture.client), -EPROTO);
	fixture_finish(&fixture);
}

TEST(destroy_with_everything_open)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 3);
	struct waybuf_client_image image;
	struct waybuf_client_buffer *first = fixture_acquire(pool);
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(first, WAYBUF_WRITE, &image));
	ck_client_ok(
		&fixture, waybuf_client_buffer_present(fixture_acquire(pool), fixture.surface));
	fixture_pool(&fixture, 1);
	waybuf_client_destroy(fixture.client);
	fixture.client = NULL;
	/* The server would have ended the connection at the first request out of order. */
	ck_assert_int_ge(wl_display_roundtrip(fixture.display), 0);
	fixture_finish(&fixture);
}

TEST(dispatch)
{
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	ck_assert_int_eq(waybuf_client_dispatch(fixture.client, -1), -EINVAL);
	ck_client_ok(&fixture, waybuf_client_flush(fixture.client));

	/* An event loop: the fd becomes readable, and a dispatch without waiting takes what came. */
	struct pollfd pollfd = {.fd = waybuf_client_get_fd(fixture.client), .events = POLLIN};
	ck_assert_int_eq(poll(&pollfd, 1, 5000), 1);
	ck_assert_int_gt(waybuf_client_dispatch(fixture.client, 0), 0);
	/* Nothing more to come: it waits as long as it was told, and no longer. */
	while (waybuf_client_dispatch(fixture.client, 20) > 0)
		continue;
	ck_assert_int_eq(waybuf_client_dispatch(fixture.client, 20), 0);
	waybuf_client_pool_destroy(pool);
	fixture_finish(&fixture);
}

TEST(destroy_null)
{
	waybuf_client_destroy(NULL);
	waybuf_client_pool_destroy(NULL);
	ck_assert_ptr_nonnull(waybuf_client_error(NULL));
}

TEST_MAIN("client-connect")
