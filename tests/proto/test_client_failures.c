/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "client_fixture.h"
#include "client_surface.h"
#include "fail_alloc.h"
#include "fail_call.h"
#include "fail_where.h"
#include "waybuf-allocator-v1-server-protocol.h"

/*
 * What a program does with the client library, again and again, and each time the library's next
 * allocation or the next call of the kernel fails. The program is told, by a negative errno and a
 * line of text, and nothing is left when it has cleaned up. The server is in another thread, where
 * all is well.
 */

/*
 * Where the memory comes from: the compositor; wl_shm; a service beside the compositor, or one on its
 * connection, whose memory the compositor takes through linux-dmabuf.
 */
enum way { COMPOSITOR, ALONE, BESIDE, FOREIGN };

struct story {
	struct fixture fixture;
	struct fake_server service;
	int service_fd; /* of the pair that a fake server always has */
	struct waybuf_client_pool *pool;
	struct waybuf_client_buffer *buffer;
	char *explanation;
	enum way way;
	int error; /* of the step that failed */
};

static bool ok(struct story *story, int ret)
{
	story->error = ret;
	return ret == 0;
}

/* What is a dma-buf here has no brackets. */
static bool draw(struct story *s)
{
	struct waybuf_client_image image;
	if (!ok(s, waybuf_client_pool_acquire(s->pool, 2000, &s->buffer)))
		return false;
	if (s->way == FOREIGN)
		return true;
	if (!ok(s, waybuf_client_buffer_begin_cpu(s->buffer, WAYBUF_WRITE, &image)))
		return false;
	memset(image.planes[0].data, 7, image.planes[0].stride);
	return ok(s, waybuf_client_buffer_end_cpu(s->buffer));
}

/* Shared memory of a service cannot be imported. */
static bool show(struct story *s)
{
	if (s->way == BESIDE)
		return ok(s, waybuf_client_buffer_release(s->buffer));
	return ok(s, waybuf_client_buffer_present(s->buffer, s->fixture.surface));
}

/* What was not begun for want of memory is begun the next time; an answer is not repeated. */
static bool draw_again(struct story *s)
{
	char *explanation = NULL;
	if (draw(s) || s->error != -ENOMEM)
		return s->error == 0;
	int error = s->error;
	if (waybuf_client_pool_explain(s->pool, 2000, &explanation) == 0)
		free(explanation);
	bool told = draw(s) && show(s);
	ck_assert_msg(told, "after %d: %d", error, s->error);
	return ok(s, error);
}

static void list_another_kind(struct fake_server *server, void *data)
{
	server->layout.format = DRM_FORMAT_ABGR8888;
	fake_send_tranche(server, 1 << 5);
	fake_send_done(server);
}

/* While one is shown the compositor lists another kind, and the next one is of that. */
static bool change_kind(struct story *s)
{
	int ret;
	fail_here(false);
	fake_call(&s->fixture.server, list_another_kind, NULL);
	fail_here(true);
	do
		ret = waybuf_client_dispatch(s->fixture.client, 0);
	while (ret > 0);
	if (!ok(s, ret))
		return false;
	ret = waybuf_client_buffer_present(s->buffer, s->fixture.surface);
	if (ret != -EOPNOTSUPP)
		return ok(s, ret);
	return ok(s, waybuf_client_buffer_release(s->buffer)) && draw_again(s) && show(s);
}

static bool leave(struct story *s)
{
	return s->way == FOREIGN ? change_kind(s) : ok(s, waybuf_client_buffer_release(s->buffer));
}

/* As far as it gets; true if to the end. */
static bool tell(struct story *s)
{
	const struct waybuf_client_pool_options options = {.width = 64,
		.height = 32,
		.count = 2,
		.name = "story",
		.display = s->way != BESIDE};
	struct fixture *f = &s->fixture;
	return ok(s, waybuf_client_connect_to_display(f->display, &f->client)) &&
		ok(s, waybuf_client_pool_create(f->client, &options, &s->pool)) && draw(s) &&
		show(s) && draw(s) && leave(s) &&
		(s->way == ALONE ||
			ok(s, waybuf_client_pool_explain(s->pool, 2000, &s->explanation)));
}

/* Each step that fails says why, where there is somebody to say it. */
static bool tell_it(struct story *s)
{
	fail_here(true);
	bool told = tell(s);
	fail_here(false);
	return told;
}

static void start_service(struct story *s)
{
	fake_init(&s->service);
	s->service.report = "{}\n";
	s->service.socket = "waybuf-0";
	s->service_fd = fake_start(&s->service);
}

static void make_foreign(struct fake_server *server)
{
	server->capabilities = 0;
	server->has_dmabuf = true;
	server->dmabuf_version = 4;
	server->layout.kind = WAYBUF_BUFFER_V1_MEMORY_KIND_DMABUF;
}

static void start(struct story *s, enum way way)
{
	*s = (struct story){.way = way, .service_fd = -1};
	fail_elsewhere(false);
	fail_here(false);
	fake_init(&s->fixture.server);
	s->fixture.server.report = "{}\n";
	s->fixture.server.no_allocator = s->fixture.server.has_shm = way == ALONE || way == BESIDE;
	if (way == FOREIGN)
		make_foreign(&s->fixture.server);
	if (way == BESIDE)
		start_service(s);
	fixture_start_display(&s->fixture);
	s->fixture.surface = client_surface_create(s->fixture.display);
}

static void end(struct story *s, const char *what, unsigned n, bool told)
{
	if (!told) {
		ck_assert_msg(
			s->error < 0 && s->error > -200, "%s %u: error %d", what, n, s->error);
		ck_assert_msg(
			waybuf_client_error(s->fixture.client)[0], "%s %u: no reason", what, n);
	}
	free(s->explanation);
	fixture_finish(&s->fixture);
	if (s->way == BESIDE) {
		close(s->service_fd);
		fake_stop(&s->service);
	}
}

static void fail_allocations(enum way way)
{
	unsigned n = 0, failures = 0;
	bool complete = false;
	while (!complete) {
		struct story story;
		int fds = harness_count_fds();
		start(&story, way);
		fail_alloc_at(++n);
		bool told = tell_it(&story);
		complete = !fail_alloc_happened();
		fail_alloc_at(0);
		ck_assert_msg(told || !complete, "without a reason: %s", strerror(-story.error));
		end(&story, "allocation", n, told);
		ck_assert_msg(harness_count_fds() == fds, "allocation %u: an fd was lost", n);
		failures += !told;
		ck_assert_uint_lt(n, 1000);
	}
	ck_assert_uint_gt(failures, 10);
}

static void fail_calls(enum way way)
{
	static const int errors[] = {ENOMEM, EMFILE, EIO};
	unsigned n = 0, failures = 0;
	const char *call;
	do {
		struct story story;
		int fds = harness_count_fds();
		start(&story, way);
		/* each call with each error */
		fail_call_at(n / 3 + 1, errors[n % 3]);
		n++;
		bool told = tell_it(&story);
		call = fail_call_happened();
		fail_call_at(0, 0);
		ck_assert_msg(told || call, "without a reason: %s", strerror(-story.error));
		end(&story, call, n, told);
		ck_assert_msg(harness_count_fds() == fds, "%s: an fd was lost", call);
		failures += !told;
		ck_assert_uint_lt(n, 1000);
	} while (call);
	ck_assert_uint_gt(failures, 5);
}

TEST(every_allocation_may_fail)
{
	fail_allocations(COMPOSITOR);
}

TEST(every_call_may_fail)
{
	fail_calls(COMPOSITOR);
}

TEST(every_allocation_may_fail_without_an_allocator)
{
	setenv("WAYBUF_DISPLAY", "none", 1);
	fail_allocations(ALONE);
}

TEST(every_call_may_fail_without_an_allocator)
{
	setenv("WAYBUF_DISPLAY", "none", 1);
	fail_calls(ALONE);
}

TEST(every_allocation_may_fail_beside_a_foreign_compositor)
{
	fail_allocations(FOREIGN);
}

TEST(every_allocation_of_a_connection_may_fail)
{
	struct waybuf_client *client = NULL;
	unsigned n = 0, failures = 0;
	while (!client) {
		struct fake_server server;
		char number[16];
		fail_elsewhere(false);
		fail_here(false);
		fake_init(&server);
		int fd = fake_start(&server);
		snprintf(number, sizeof(number), "%d", fd);
		setenv("WAYLAND_SOCKET", number, 1);
		fail_alloc_at(++n);
		fail_here(true);
		int ret = waybuf_client_connect(NULL, &client);
		fail_here(false);
		fail_alloc_at(0);
		ck_assert_int_eq(ret, client ? 0 : -ENOMEM);
		failures += ret < 0;
		waybuf_client_destroy(client);
		/* where it was not asked for */
		if (getenv("WAYLAND_SOCKET"))
			close(fd);
		fake_stop(&server);
	}
	ck_assert_uint_gt(failures, 0);
}

static char folder[64];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/waybuf-failures-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	setenv("XDG_RUNTIME_DIR", folder, 1);
	unsetenv("WAYBUF_DISPLAY");
}

TEST(every_allocation_may_fail_with_a_service)
{
	make_folder();
	fail_allocations(BESIDE);
	ck_assert_int_eq(rmdir(folder), 0);
}

TEST(every_call_may_fail_with_a_service)
{
	make_folder();
	fail_calls(BESIDE);
	ck_assert_int_eq(rmdir(folder), 0);
}

TEST_TIMEOUT(100)
TEST_MAIN("client-failures")
