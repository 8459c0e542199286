/* SPDX-License-Identifier: MIT */
#include "client_fixture.h"

#include <wayland-client-core.h>
/* After the core: the server's header has other declarations of the same protocol names. */
#include "client_surface.h"

void fixture_start_display(struct fixture *fixture)
{
	fixture->display = wl_display_connect_to_fd(fake_start(&fixture->server));
	ck_assert_ptr_nonnull(fixture->display);
	fixture->client = NULL;
	fixture->surface = NULL;
}

void fixture_start(struct fixture *fixture)
{
	fixture_start_display(fixture);
	int ret = waybuf_client_connect_to_display(fixture->display, &fixture->client);
	ck_assert_msg(ret == 0, "connect: %d: %s", ret, waybuf_client_error(NULL));
	fixture->surface = client_surface_create(fixture->display);
}

void fixture_finish(struct fixture *fixture)
{
	if (fixture->surface)
		client_surface_destroy(fixture->surface);
	waybuf_client_destroy(fixture->client);
	wl_display_disconnect(fixture->display);
	fake_stop(&fixture->server);
}

struct waybuf_client_pool *fixture_pool(struct fixture *fixture, uint32_t count)
{
	struct waybuf_client_pool_options options = {
		.width = 64,
		.height = 32,
		.count = count,
		.name = "test",
		.display = true,
	};
	struct waybuf_client_pool *pool = NULL;
	ck_client_ok(fixture, waybuf_client_pool_create(fixture->client, &options, &pool));
	return pool;
}

struct waybuf_client_buffer *fixture_acquire(struct waybuf_client_pool *pool)
{
	struct waybuf_client_buffer *buffer = NULL;
	int ret = waybuf_client_pool_acquire(pool, 5000, &buffer);
	ck_assert_msg(ret == 0, "acquire: %d", ret);
	return buffer;
}

static void take_log(struct fake_server *server, void *data)
{
	memcpy(data, server->log, sizeof(server->log));
	server->log[0] = '\0';
}

const char *fixture_heard(struct fixture *fixture)
{
	static char log[sizeof(fixture->server.log)];
	waybuf_client_flush(fixture->client);
	wl_display_roundtrip(fixture->display);
	fake_call(&fixture->server, take_log, log);
	return log;
}

static void count_wl_buffers(struct fake_server *server, void *data)
{
	*(unsigned *)data = server->wl_buffers;
}

unsigned fixture_wl_buffers(struct fixture *fixture)
{
	unsigned n;
	fixture_heard(fixture);
	fake_call(&fixture->server, count_wl_buffers, &n);
	return n;
}
