/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_FIXTURE_H
#define CLIENT_FIXTURE_H

#include <waybuf/client.h>

#include "fake/allocator.h"
#include "harness.h"

/* A client library and a fake server that talk to each other. */
struct fixture {
	struct fake_server server;
	struct wl_display *display;
	struct waybuf_client *client;
	struct wl_surface *surface;
};

/* After fake_init(), and what the test wants to tell the server. */
void fixture_start(struct fixture *fixture);
/* The client first, as a program ends. */
void fixture_finish(struct fixture *fixture);

/* Only the connection, for tests of connect. */
void fixture_start_display(struct fixture *fixture);

/* A pool of 64 x 32 for the display; NULL @options fields as a program leaves them. */
struct waybuf_client_pool *fixture_pool(struct fixture *fixture, uint32_t count);
/* One that must succeed. */
struct waybuf_client_buffer *fixture_acquire(struct waybuf_client_pool *pool);

/* Waits until the server has seen everything that was sent; what it heard since the last call. */
const char *fixture_heard(struct fixture *fixture);
/* How many wl_buffers the server has after that. */
unsigned fixture_wl_buffers(struct fixture *fixture);

/* Fails the test with what the library says. */
#define ck_client_ok(fixture, expression) \
	do { \
		int ck_ret = (expression); \
		ck_assert_msg(ck_ret == 0, "%s: %d: %s", #expression, ck_ret, \
			waybuf_client_error((fixture)->client)); \
	} while (0)

#define ck_client_says(fixture, text) \
	ck_assert_msg(strstr(waybuf_client_error((fixture)->client), text), \
		"\"%s\" does not have \"%s\"", waybuf_client_error((fixture)->client), text)

#endif
