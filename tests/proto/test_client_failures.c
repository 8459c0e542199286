/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "client_fixture.h"
#include "client_surface.h"
#include "fail_alloc.h"
#include "fail_call.h"
#include "fail_where.h"

/*
 * What a program does with the client library, again and again, and each time the library's next
 * allocation or the next call of the kernel fails. The program is told, by a negative errno and a
 * line of text, and nothing is left when it has cleaned up. The server is in another thread, where
 * all is well.
 */

struct story {
	struct fixture fixture;
	struct waybuf_client_pool *pool;
	struct waybuf_client_buffer *buffer;
	char *explanation;
	bool alone; /* without an allocator, by wl_shm */
	int error; /* of the step that failed */
};

static bool ok(struct story *story, int ret)
{
	story->error = ret;
	return ret == 0;
}

static bool draw(struct story *s)
{
	struct waybuf_client_image image;
	if (!ok(s, waybuf_client_pool_acquire(s->pool, 2000, &s->buffer)) ||
		!ok(s, waybuf_client_buffer_begin_cpu(s->buffer, WAYBUF_WRITE, &image)))
		return false;
	memset(image.planes[0].data, 7, image.planes[0].stride);
	return ok(s, waybuf_client_buffer_end_cpu(s->buffer));
}

/* As far as it gets; true if to the end. */
static bool tell(struct story *s)
{
	const struct waybuf_client_pool_options options = {
		.width = 64, .height = 32, .count = 2, .name = "story", .display = true};
	struct fixture *f = &s->fixture;
	return ok(s, waybuf_client_connect_to_display(f->display, &f->client)) &&
		ok(s, waybuf_client_pool_create(f->client, &options, &s->pool)) && draw(s) &&
		ok(s, waybuf_client_buffer_present(s->buffer, f->surface)) && draw(s) &&
		ok(s, waybuf_client_buffer_release(s->buffer)) &&
		(s->alone || ok(s, waybuf_client_pool_explain(s->pool, 2000, &s->explanation)));
}

/* Each step that fails says why, where there is somebody to say it. */
static bool tell_it(struct story *s)
{
	fail_here(true);
	bool told = tell(s);
	fail_here(false);
	return told;
}

static void start(struct story *s, bool alone)
{
	*s = (struct story){.alone = alone};
	fail_elsewhere(false);
	fail_here(false);
	fake_init(&s->fixture.server);
	s->fixture.server.report = "{}\n";
	s->fixture.server.no_allocator = s->fixture.server.has_shm = alone;
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
}

static void fail_allocations(bool alone)
{
	unsigned n = 0, failures = 0;
	bool complete = false;
	while (!complete) {
		struct story story;
		int fds = harness_count_fds();
		start(&story, alone);
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

static void fail_calls(bool alone)
{
	static const int errors[] = {ENOMEM, EMFILE, EIO};
	unsigned n = 0, failures = 0;
	const char *call;
	do {
		struct story story;
		int fds = harness_count_fds();
		start(&story, alone);
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
	fail_allocations(false);
}

TEST(every_call_may_fail)
{
	fail_calls(false);
}

TEST(every_allocation_may_fail_without_an_allocator)
{
	fail_allocations(true);
}

TEST(every_call_may_fail_without_an_allocator)
{
	fail_calls(true);
}

TEST_TIMEOUT(100)
TEST_MAIN("client-failures")
