/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <unistd.h>

#include "dmabuf_kit.h"
#include "fail_alloc.h"
#include "fail_call.h"
#include "fail_where.h"

/*
 * What a client asks of the server, again and again, and each time the server's next allocation or
 * next call of the kernel fails: in the loop, while it handles events, or on the worker. Each
 * request is answered, or the connection ends; and when both are gone, nothing is left. The client
 * is the same thread outside of the server's loop, and all is well there.
 */

int __real_wl_event_loop_dispatch(struct wl_event_loop *loop, int timeout_ms);
int __wrap_wl_event_loop_dispatch(struct wl_event_loop *loop, int timeout_ms);

int __wrap_wl_event_loop_dispatch(struct wl_event_loop *loop, int timeout_ms)
{
	fail_here(true);
	int ret = __real_wl_event_loop_dispatch(loop, timeout_ms);
	fail_here(false);
	return ret;
}

struct story {
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool, joined;
	struct fixture_attachment painter, reader;
	struct fixture_buffer buffer;
	struct fixture_wl_buffer wl_buffer;
	struct fixture_report info, top, explained;
	struct raw_feedback feedback;
	struct raw_params params;
	bool is_open; /* a map */
	bool over; /* the connection */
};

static unsigned failure; /* which one, for messages */

static void stop_failing(void)
{
	fail_alloc_at(0);
	fail_call_at(0, 0);
}

/* How an answer may look: counts of events. */
struct answers {
	const unsigned *good, *bad, *worse; /* NULL: there is no such */
};

static unsigned count(const struct answers *answers)
{
	return *answers->good + (answers->bad ? *answers->bad : 0) +
		(answers->worse ? *answers->worse : 0);
}

/* Runs both sides until there are so many. False: the connection is over instead. */
static bool until(struct story *s, const struct answers *answers, unsigned wanted)
{
	for (int i = 0; i < 1000 && count(answers) < wanted; i++) {
		if (!client_sync(&s->client)) {
			s->over = true;
			return false;
		}
		if (count(answers) < wanted)
			client_run(&s->client, 2);
	}
	if (count(answers) < wanted) {
		stop_failing();
		ck_abort_msg("failure %u: an answer is missing", failure);
	}
	return true;
}

/* One more answer; true if it is a good one. */
static bool get_any(struct story *s, const struct answers *answers)
{
	unsigned before = *answers->good;
	return until(s, answers, count(answers) + 1) && *answers->good > before;
}

static bool get(struct story *s, const unsigned *good, const unsigned *bad)
{
	return get_any(s, &(struct answers){.good = good, .bad = bad});
}

static bool get_set(struct story *s, const struct fixture_attachment *attachment)
{
	return get_any(s,
		&(struct answers){&attachment->accepted, &attachment->refused, &attachment->gone});
}

static bool share(struct story *s)
{
	raw_pool_create(&s->client, &s->pool, 60, 8, 2);
	if (!get(s, &s->pool.configured, &s->pool.failed))
		return false;
	waybuf_pool_v1_export_token(s->pool.proxy, 1, 60, 0);
	if (!get(s, &s->pool.tokens, &s->pool.failed))
		return false;
	raw_pool_listen(
		&s->joined, waybuf_allocator_v1_join_pool(s->client.allocator, s->pool.token));
	return get(s, &s->joined.configured, &s->joined.failed);
}

static bool map(struct story *s, uint32_t direction)
{
	waybuf_buffer_v1_map(s->buffer.proxy, direction);
	s->is_open = true;
	return get(s, &s->buffer.mapped, &s->buffer.failed);
}

static bool paint(struct story *s)
{
	raw_attachment_create(&s->pool, &s->painter, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&s->painter);
	if (!get_set(s, &s->painter))
		return false;
	raw_buffer_get(&s->painter, &s->buffer, 0);
	if (!map(s, WAYBUF_BUFFER_V1_DIRECTION_BOTH))
		return false;
	waybuf_buffer_v1_unmap(s->buffer.proxy);
	s->is_open = false;
	return true;
}

/* Somebody who wants another stride: the memory moves. */
static bool migrate(struct story *s)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	const uint32_t format = DRM_FORMAT_XRGB8888;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, 512, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	raw_attachment_create(&s->joined, &s->reader, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit(&s->reader, builder);
	return get_set(s, &s->reader) && map(s, WAYBUF_BUFFER_V1_DIRECTION_READ);
}

static bool report(struct story *s, struct fixture_report *report, struct waybuf_report_v1 *proxy)
{
	raw_report_listen(report, proxy);
	return get(s, &report->ready, &report->failed);
}

static bool ask(struct story *s)
{
	struct waybuf_monitor_v1 *monitor = s->client.monitor;
	return report(s, &s->info,
		       waybuf_monitor_v1_snapshot(monitor, WAYBUF_MONITOR_V1_SNAPSHOT_INFO, "")) &&
		report(s, &s->top,
			waybuf_monitor_v1_snapshot(monitor, WAYBUF_MONITOR_V1_SNAPSHOT_TOP, "")) &&
		report(s, &s->explained, waybuf_pool_v1_explain(s->pool.proxy));
}

/* linux-dmabuf; with a real dma-buf where there is one. */
static bool import(struct story *s)
{
	raw_feedback_listen(
		&s->feedback, zwp_linux_dmabuf_v1_get_default_feedback(s->client.dmabuf));
	if (!get(s, &s->feedback.done, NULL))
		return false;
	if (access("/dev/udmabuf", R_OK | W_OK) < 0)
		return true;
	int fd = make_dmabuf(4096);
	raw_params_create(&s->client, &s->params);
	raw_params_add(&s->params, fd, 0, 0, 64, DRM_FORMAT_MOD_LINEAR);
	close(fd);
	zwp_linux_buffer_params_v1_create(s->params.proxy, 16, 16, DRM_FORMAT_XRGB8888, 0);
	return get(s, &s->params.created, &s->params.failed);
}

static bool show(struct story *s)
{
	raw_buffer_wl_buffer(&s->buffer, &s->wl_buffer);
	/* without a dma-buf it fails, which is an answer, too */
	s->over = !client_sync(&s->client);
	return !s->over;
}

/* As far as it gets; true if to the end. */
static bool tell(struct story *s)
{
	return share(s) && paint(s) && migrate(s) && show(s) && ask(s) && import(s);
}

static void start(struct story *s, const struct fixture_server_options *options)
{
	*s = (struct story){.buffer = {.fd = -1, .fence = -1}};
	fail_here(false);
	fixture_server_init(&s->server, options);
	client_init(&s->client, &s->server);
}

static void leave(struct story *s)
{
	if (s->params.proxy)
		raw_params_destroy(&s->params);
	if (s->feedback.proxy)
		raw_feedback_finish(&s->feedback);
	struct fixture_report *reports[] = {&s->info, &s->top, &s->explained};
	for (int i = 0; i < 3; i++)
		if (reports[i]->proxy)
			raw_report_finish(reports[i]);
	if (s->wl_buffer.proxy)
		wl_buffer_destroy(s->wl_buffer.proxy);
	if (s->is_open)
		waybuf_buffer_v1_unmap(s->buffer.proxy);
	if (s->buffer.proxy)
		raw_buffer_destroy(&s->buffer);
	if (s->reader.proxy)
		raw_attachment_destroy(&s->reader);
	if (s->painter.proxy)
		raw_attachment_destroy(&s->painter);
	if (s->joined.proxy)
		raw_pool_destroy(&s->joined);
	if (s->pool.proxy)
		raw_pool_destroy(&s->pool);
}

static void end(struct story *s)
{
	leave(s);
	if (!s->over)
		ck_assert(client_sync(&s->client));
	client_finish(&s->client);
	fixture_server_finish(&s->server);
}

static void sweep_allocations(const char *exporters)
{
	const struct fixture_server_options options = {.exporters = exporters, .no_info = true};
	unsigned n = 0, failures = 0;
	bool complete = false;
	while (!complete) {
		struct story story;
		int fds = harness_count_fds();
		start(&story, &options);
		failure = ++n;
		fail_alloc_at(n);
		bool told = tell(&story);
		complete = !fail_alloc_happened();
		stop_failing();
		ck_assert_msg(told || !complete, "without a reason");
		end(&story);
		ck_assert_msg(harness_count_fds() == fds, "allocation %u: an fd was lost", n);
		failures += !told;
		ck_assert_uint_lt(n, 3000);
	}
	ck_assert_uint_gt(failures, 50);
}

/* Errors take turns; with @turns 3 each call fails with each of them. */
static void sweep_calls(const char *exporters, unsigned turns)
{
	static const int errors[] = {ENOMEM, EMFILE, EIO};
	const struct fixture_server_options options = {.exporters = exporters, .no_info = true};
	unsigned n = 0, failures = 0;
	const char *call;
	do {
		struct story story;
		int fds = harness_count_fds(), error = errors[n % 3];
		start(&story, &options);
		fail_call_at(n / turns + 1, error);
		failure = ++n;
		bool told = tell(&story);
		call = fail_call_happened();
		stop_failing();
		ck_assert_msg(told || call, "without a reason");
		end(&story);
		ck_assert_msg(harness_count_fds() == fds, "call %u, %s, %s: an fd was lost", n,
			call, strerror(error));
		failures += !told;
		ck_assert_uint_lt(n, 3000);
	} while (call);
	ck_assert_uint_gt(failures, 20);
}

TEST(every_allocation_may_fail)
{
	sweep_allocations("memfd");
}

TEST(every_call_may_fail)
{
	sweep_calls("memfd", 3);
}

TEST(every_call_of_real_devices_may_fail)
{
	if (access("/dev/dma_heap/system", R_OK | W_OK) < 0)
		SKIP("/dev/dma_heap/system: %s", strerror(errno));
	sweep_calls("heap system", 1);
}

/* ---- beginning ----------------------------------------------------------------------------- */

struct beginning {
	struct waybuf_server *server;
	struct waybuf_server_dmabuf *dmabuf;
	struct waybuf_server_allocator *allocator;
	struct waybuf_server_monitor *monitor;
	int error;
};

static const char *no_context(void *data, struct wl_client *client)
{
	return NULL;
}

static bool begin(struct beginning *b, struct wl_display *display)
{
	const struct waybuf_server_options options = {.security_context = no_context};
	const struct waybuf_server_dmabuf_options dmabuf = {.feedback = &fixture_feedback};
	fail_here(true);
	b->error = waybuf_server_create(display, &options, &b->server);
	if (b->error == 0)
		b->error = waybuf_server_dmabuf_create(b->server, &dmabuf, &b->dmabuf);
	if (b->error == 0)
		b->error = waybuf_server_allocator_create(b->server, NULL, &b->allocator);
	if (b->error == 0)
		b->error = waybuf_server_monitor_create(b->server, NULL, &b->monitor);
	fail_here(false);
	return b->error == 0;
}

static void finish(struct beginning *b)
{
	waybuf_server_monitor_destroy(b->monitor);
	waybuf_server_allocator_destroy(b->allocator);
	waybuf_server_dmabuf_destroy(b->dmabuf);
	waybuf_server_destroy(b->server);
}

/* @error 0: allocations. Returns the number of beginnings that failed. */
static unsigned sweep_beginnings(int error)
{
	unsigned n = 0, failures = 0;
	bool failed;
	fail_here(false);
	do {
		struct beginning b = {0};
		int fds = harness_count_fds();
		struct wl_display *display = wl_display_create();
		n++;
		fail_alloc_at(error ? 0 : n);
		fail_call_at(error ? n : 0, error);
		bool begun = begin(&b, display);
		failed = error ? fail_call_happened() != NULL : fail_alloc_happened();
		stop_failing();
		ck_assert_msg(
			begun || (failed && b.error < 0 && b.error > -200), "%u: %d", n, b.error);
		finish(&b);
		wl_display_destroy(display);
		ck_assert_int_eq(harness_count_fds(), fds);
		failures += !begun;
		ck_assert_uint_lt(n, 1000);
	} while (failed);
	return failures;
}

TEST(the_beginning_may_fail)
{
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", "memfd", 1), 0);
	ck_assert_uint_gt(sweep_beginnings(0), 10);
	ck_assert_uint_ge(sweep_beginnings(ENOMEM), 3);
	ck_assert_uint_ge(sweep_beginnings(EMFILE), 3);
}

TEST_TIMEOUT(100)
TEST_MAIN("proto-failures")
