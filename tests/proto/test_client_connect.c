/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <pthread.h>
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

/* What a program has when its connection breaks. */
struct held {
	struct waybuf_client_pool *pool;
	struct waybuf_client_buffer *buffer, *image;
	struct waybuf_client_swapchain *chain;
	int fence;
};

static void hold(struct held *held)
{
	const struct waybuf_client_swapchain_options options = {
		.pool = {.width = 64, .height = 32}, .surface = fixture.surface, .drm_fd = -1};
	held->pool = fixture_pool(&fixture, 2);
	held->buffer = fixture_acquire(held->pool);
	ck_client_ok(
		&fixture, waybuf_client_swapchain_create(fixture.client, &options, &held->chain));
	ck_client_ok(&fixture,
		waybuf_client_swapchain_acquire(held->chain, 5000, &held->image, &held->fence));
	fixture_heard(&fixture);
}

/* For good, and for everything; what was acquired can still be looked at and closed. */
static void check_over(struct held *held, int error)
{
	const struct waybuf_client_pool_options options = {.width = 1, .height = 1};
	const struct waybuf_client_swapchain_options chain_options = {
		.pool = options, .surface = fixture.surface, .drm_fd = -1};
	struct waybuf_client_pool *pool = NULL;
	struct waybuf_client_swapchain *chain = NULL;
	struct waybuf_client_buffer *buffer = NULL;
	struct waybuf_client_image image;
	char *text = NULL;
	int fence;
	ck_assert_int_eq(waybuf_client_pool_acquire(held->pool, 5000, &buffer), error);
	ck_assert_int_eq(waybuf_client_pool_create(fixture.client, &options, &pool), error);
	ck_assert_int_eq(waybuf_client_pool_explain(held->pool, 100, &text), error);
	ck_assert_int_eq(waybuf_client_dispatch(fixture.client, 0), error);
	ck_assert_int_eq(waybuf_client_flush(fixture.client), error);
	ck_assert_int_eq(waybuf_client_buffer_share(held->buffer), error);
	ck_assert_int_eq(waybuf_client_buffer_present(held->buffer, fixture.surface), error);
	ck_assert_int_eq(
		waybuf_client_swapchain_create(fixture.client, &chain_options, &chain), error);
	ck_assert_int_eq(
		waybuf_client_swapchain_acquire(held->chain, 5000, &buffer, &fence), error);
	ck_assert_int_eq(waybuf_client_swapchain_submit(held->chain, held->image, -1), error);
	ck_assert_int_eq(waybuf_client_swapchain_resize(held->chain, 8, 8), error);
	ck_assert(!pool && !chain && !buffer && !text);

	ck_assert_ptr_nonnull(waybuf_client_buffer_get_layout(held->buffer));
	ck_client_ok(&fixture, waybuf_client_buffer_begin_cpu(held->buffer, WAYBUF_WRITE, &image));
	ck_client_ok(&fixture, waybuf_client_buffer_end_cpu(held->buffer));
	waybuf_client_swapchain_destroy(held->chain);
}

TEST(server_goes_away)
{
	struct held held;
	struct waybuf_client_buffer *other = NULL;
	fake_init(&fixture.server);
	fixture_start(&fixture);
	hold(&held);
	fake_call(&fixture.server, hang_up, NULL);
	ck_assert_int_eq(waybuf_client_pool_acquire(held.pool, 5000, &other), -EPIPE);
	ck_client_says(&fixture, "lost");
	check_over(&held, -EPIPE);
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
	struct held held;
	struct waybuf_client_buffer *other = NULL;
	fake_init(&fixture.server);
	fixture_start(&fixture);
	hold(&held);
	fake_call(&fixture.server, accuse, NULL);
	ck_assert_int_eq(waybuf_client_pool_acquire(held.pool, 5000, &other), -EPROTO);
	ck_client_says(&fixture, "error 3 of waybuf_pool_v1");
	check_over(&held, -EPROTO);
	fixture_finish(&fixture);
}

/* ---- servers that are none ----------------------------------------------------------------- */

/* A connection whose other end has said @size bytes and is gone. */
static struct wl_display *connect_to(const void *bytes, size_t size)
{
	int ends[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(send(ends[1], bytes, size, 0), (ssize_t)size);
	close(ends[1]);
	struct wl_display *display = wl_display_connect_to_fd(ends[0]);
	ck_assert_ptr_nonnull(display);
	return display;
}

/* wl_display.error: object 1, code 3, "no" */
static const uint32_t accusation[] = {1, 24 << 16, 1, 3, 3, 'n' | 'o' << 8};

TEST(nobody_to_connect_to)
{
	struct waybuf_client *client = NULL;
	struct wl_display *gone = connect_to(NULL, 0),
			  *hostile = connect_to(accusation, sizeof(accusation));
	ck_assert_int_eq(waybuf_client_connect_to_display(gone, &client), -EPIPE);
	ck_assert_int_eq(waybuf_client_connect_to_display(hostile, &client), -EPROTO);
	ck_assert_ptr_null(client);
	wl_display_disconnect(gone);
	wl_display_disconnect(hostile);
}

/* The pools live on, and the next attempt has them again. */
TEST(nobody_to_reconnect_to)
{
	struct wl_display *gone = connect_to(NULL, 0),
			  *hostile = connect_to(accusation, sizeof(accusation));
	struct waybuf_client_buffer *buffer = NULL;
	struct fake_server other;
	setenv("WAYBUF_DISPLAY", "none", 1);
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 2);
	ck_assert_int_eq(waybuf_client_reconnect(fixture.client, NULL, -1), -EINVAL);
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	ck_assert_int_eq(waybuf_client_reconnect(fixture.client, "no-such", 0), -ENOENT);
	ck_client_ok(&fixture, waybuf_client_flush(fixture.client));

	ck_assert_int_eq(waybuf_client_reconnect_to_display(fixture.client, gone), -EPIPE);
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &buffer), -EPIPE);
	ck_assert_int_eq(waybuf_client_reconnect_to_display(fixture.client, hostile), -EPROTO);
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &buffer), -EPROTO);

	fake_init(&other);
	other.no_allocator = true;
	struct wl_display *poor = wl_display_connect_to_fd(fake_start(&other));
	ck_assert_int_eq(waybuf_client_reconnect_to_display(fixture.client, poor), -EOPNOTSUPP);
	ck_assert_int_eq(waybuf_client_pool_acquire(pool, 0, &buffer), -EOPNOTSUPP);

	ck_client_ok(&fixture, waybuf_client_reconnect_to_display(fixture.client, fixture.display));
	ck_client_ok(&fixture, waybuf_client_pool_acquire(pool, 5000, &buffer));
	wl_display_disconnect(poor);
	fake_stop(&other);
	fixture_finish(&fixture);
	wl_display_disconnect(gone);
	wl_display_disconnect(hostile);
}

TEST(silent_server_after_a_restart)
{
	struct fake_server other;
	fake_init(&fixture.server);
	fixture_start(&fixture);
	fake_init(&other);
	other.silent = true;
	struct wl_display *display = wl_display_connect_to_fd(fake_start(&other));
	ck_assert_int_eq(waybuf_client_reconnect_to_display(fixture.client, display), -ETIMEDOUT);
	waybuf_client_destroy(fixture.client);
	fixture.client = NULL;
	wl_display_disconnect(display);
	fake_stop(&other);
	fixture_finish(&fixture);
}

/* ---- a server that sleeps ------------------------------------------------------------------ */

static struct {
	pthread_t thread;
	int asleep[2], wake[2];
} sleeper;

static void sleep_until_told(struct fake_server *server, void *data)
{
	char byte;
	ck_assert_int_eq(write(sleeper.asleep[1], "", 1), 1);
	ck_assert_int_eq(read(sleeper.wake[0], &byte, 1), 1);
}

static void *call_it(void *data)
{
	fake_call(&fixture.server, sleep_until_told, NULL);
	return NULL;
}

static void put_to_sleep(void)
{
	char byte;
	ck_assert_int_eq(pipe(sleeper.asleep), 0);
	ck_assert_int_eq(pipe(sleeper.wake), 0);
	ck_assert_int_eq(pthread_create(&sleeper.thread, NULL, call_it, NULL), 0);
	ck_assert_int_eq(read(sleeper.asleep[0], &byte, 1), 1);
}

static void wake_up(void)
{
	ck_assert_int_eq(write(sleeper.wake[1], "", 1), 1);
	pthread_join(sleeper.thread, NULL);
	for (int i = 0; i < 2; i++) {
		close(sleeper.asleep[i]);
		close(sleeper.wake[i]);
	}
}

TEST(an_answer_is_not_waited_for_without_end)
{
	char *text = NULL;
	fake_init(&fixture.server);
	fixture_start(&fixture);
	struct waybuf_client_pool *pool = fixture_pool(&fixture, 1);
	put_to_sleep();
	ck_assert_int_eq(waybuf_client_pool_explain(pool, 50, &text), -ETIMEDOUT);
	ck_assert_ptr_null(text);
	wake_up();
	fixture_finish(&fixture);
}

/* What does not fit is sent later. */
TEST(socket_that_is_full)
{
	const struct waybuf_client_pool_options options = {.width = 8, .height = 8};
	struct waybuf_client_pool *pool;
	int ret = 0;
	fake_init(&fixture.server);
	fixture_start(&fixture);
	put_to_sleep();
	for (int i = 0; i < 20000 && ret == 0; i++) {
		ck_client_ok(&fixture, waybuf_client_pool_create(fixture.client, &options, &pool));
		waybuf_client_pool_destroy(pool);
		ret = waybuf_client_flush(fixture.client);
	}
	ck_assert_int_eq(ret, -EAGAIN);
	ck_client_says(&fixture, "full");
	wake_up();
	while ((ret = waybuf_client_flush(fixture.client)) == -EAGAIN)
		poll(NULL, 0, 1);
	ck_assert_int_eq(ret, 0);
	fixture_finish(&fixture);
}

/* ---- the rest ------------------------------------------------------------------------------ */

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
