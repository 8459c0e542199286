/* SPDX-License-Identifier: MIT */
#include <json-c/json.h>
#include <unistd.h>

#include "fixture_client.h"

/* Reports: of the monitor, and of a pool about itself. */

struct world {
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_pool pool;
	struct fixture_attachment attachment;
	struct fixture_buffer buffer;
};

static void world_init(struct world *w, const struct fixture_server_options *options)
{
	fixture_server_init(&w->server, options);
	client_init(&w->client, &w->server);
	raw_pool_create(&w->client, &w->pool, 64, 48, 2);
	raw_attachment_create(&w->pool, &w->attachment, WAYBUF_ATTACHMENT_V1_KIND_CPU);
	raw_attachment_commit_cpu(&w->attachment);
	raw_buffer_get(&w->attachment, &w->buffer, 0);
	waybuf_buffer_v1_map(w->buffer.proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	client_wait(&w->client, &w->buffer.answers, 1);
	waybuf_buffer_v1_unmap(w->buffer.proxy);
}

static void world_finish(struct world *w)
{
	raw_buffer_destroy(&w->buffer);
	raw_attachment_destroy(&w->attachment);
	raw_pool_destroy(&w->pool);
	client_finish(&w->client);
	fixture_server_finish(&w->server);
}

static void snapshot(
	struct world *w, struct fixture_report *report, uint32_t what, const char *argument)
{
	raw_report_listen(report, waybuf_monitor_v1_snapshot(w->client.monitor, what, argument));
	ck_assert(client_sync(&w->client));
	ck_assert_uint_eq(report->ready + report->failed, 1);
}

/* The number of lines of @type, each of which must be a JSON object. */
static unsigned count_lines(const struct fixture_report *report, const char *type)
{
	unsigned n = 0;
	char *copy = strdup(report->text), *rest = copy, *line;
	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		struct json_object *object = json_tokener_parse(line);
		ck_assert_msg(json_object_is_type(object, json_type_object), "no JSON: %s", line);
		const char *its = json_object_get_string(json_object_object_get(object, "type"));
		n += strcmp(its, type) == 0;
		json_object_put(object);
	}
	free(copy);
	return n;
}

TEST(info)
{
	struct world w;
	struct fixture_report report;
	struct fixture_server_options options = {.device = true};
	world_init(&w, &options);
	snapshot(&w, &report, WAYBUF_MONITOR_V1_SNAPSHOT_INFO, "");
	ck_assert_uint_ge(count_lines(&report, "exporter"), 1);
	ck_assert_uint_eq(count_lines(&report, "attachable"), 1);
	ck_assert_uint_eq(count_lines(&report, "dmabuf tranche"), 2);
	ck_assert_uint_eq(count_lines(&report, "host"), 1);
	ck_assert_ptr_nonnull(strstr(report.text, "painter"));
	raw_report_finish(&report);
	world_finish(&w);
}

TEST(top)
{
	struct world w;
	struct fixture_report report;
	world_init(&w, NULL);
	snapshot(&w, &report, WAYBUF_MONITOR_V1_SNAPSHOT_TOP, "ignored");
	ck_assert_uint_eq(count_lines(&report, "client"), 1);
	ck_assert_uint_eq(count_lines(&report, "pool"), 1);
	ck_assert_uint_eq(count_lines(&report, "buffer"), 2);
	char pid[32];
	snprintf(pid, sizeof(pid), "[%d]", (int)getpid());
	ck_assert_ptr_nonnull(strstr(report.text, pid));
	ck_assert_ptr_nonnull(strstr(report.text, "\"age_ms\""));
	ck_assert_ptr_nonnull(strstr(report.text, "\"state\":\"backed\""));
	raw_report_finish(&report);
	world_finish(&w);
}

/* The monitor names clients, a pool's own report does not. */
TEST(explain)
{
	struct world w;
	struct fixture_report seen, own;
	world_init(&w, NULL);
	snapshot(&w, &seen, WAYBUF_MONITOR_V1_SNAPSHOT_EXPLAIN, "1");
	ck_assert_uint_eq(count_lines(&seen, "pool"), 1);
	ck_assert_uint_eq(count_lines(&seen, "attachment"), 1);
	ck_assert_uint_eq(count_lines(&seen, "buffer"), 2);
	ck_assert_uint_eq(count_lines(&seen, "choice"), 1);
	ck_assert_ptr_nonnull(strstr(seen.text, "\"client\""));
	ck_assert_ptr_nonnull(strstr(seen.text, "memfd"));
	raw_report_listen(&own, waybuf_pool_v1_explain(w.pool.proxy));
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(own.ready, 1);
	ck_assert_uint_eq(count_lines(&own, "attachment"), 1);
	ck_assert_uint_eq(count_lines(&own, "choice"), 1);
	ck_assert_ptr_null(strstr(own.text, "\"client\""));
	raw_report_finish(&seen);
	raw_report_finish(&own);
	world_finish(&w);
}

/* A report costs more than its question: who asks on and on has to wait. */
TEST(explain_is_not_for_ever)
{
	struct world w;
	struct fixture_report reports[64];
	unsigned ready = 0, failed = 0;
	world_init(&w, NULL);
	for (int i = 0; i < 64; i++)
		raw_report_listen(&reports[i], waybuf_pool_v1_explain(w.pool.proxy));
	ck_assert(client_sync(&w.client));
	for (int i = 0; i < 64; i++) {
		ready += reports[i].ready;
		failed += reports[i].failed;
		if (reports[i].failed)
			ck_assert_uint_eq(reports[i].reason, WAYBUF_REASON_QUOTA);
		raw_report_finish(&reports[i]);
	}
	ck_assert_uint_eq(ready + failed, 64);
	ck_assert_uint_ge(ready, 32);
	/* 32 at once, and ten a second while they were made */
	ck_assert_uint_ge(failed, 10);
	client_run(&w.client, 250);
	raw_report_listen(&reports[0], waybuf_pool_v1_explain(w.pool.proxy));
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(reports[0].ready, 1);
	raw_report_finish(&reports[0]);
	world_finish(&w);
}

TEST(explain_what_is_not_there)
{
	const char *const none[] = {"", "x", "-1", "1x", " 1", "99999999999999999999"};
	struct world w;
	struct fixture_report report;
	world_init(&w, NULL);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		snapshot(&w, &report, WAYBUF_MONITOR_V1_SNAPSHOT_EXPLAIN, none[i]);
		ck_assert_uint_eq(report.reason, WAYBUF_REASON_UNSUPPORTED);
		raw_report_finish(&report);
	}
	snapshot(&w, &report, WAYBUF_MONITOR_V1_SNAPSHOT_EXPLAIN, "4711");
	ck_assert_uint_eq(report.reason, WAYBUF_REASON_CLOSED);
	raw_report_finish(&report);
	world_finish(&w);
}

TEST(reports_that_are_not_made)
{
	/* this host shows nothing, so it cannot say why */
	const uint32_t kinds[] = {WAYBUF_MONITOR_V1_SNAPSHOT_WHY, 5, UINT32_MAX};
	struct world w;
	struct fixture_report report;
	world_init(&w, NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snapshot(&w, &report, kinds[i], "1");
		ck_assert_uint_eq(report.failed, 1);
		ck_assert_uint_eq(report.reason, WAYBUF_REASON_UNSUPPORTED);
		raw_report_finish(&report);
	}
	world_finish(&w);
}

TEST(trace)
{
	static const char *const wrong[] = {"", "0", "61", "-1", "1s"};
	struct world w;
	struct fixture_report report, second;
	world_init(&w, NULL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snapshot(&w, &report, WAYBUF_MONITOR_V1_SNAPSHOT_TRACE, wrong[i]);
		ck_assert_uint_eq(report.reason, WAYBUF_REASON_UNSUPPORTED);
		raw_report_finish(&report);
	}
	raw_report_listen(&report,
		waybuf_monitor_v1_snapshot(
			w.client.monitor, WAYBUF_MONITOR_V1_SNAPSHOT_TRACE, "1"));
	snapshot(&w, &second, WAYBUF_MONITOR_V1_SNAPSHOT_INFO, "");
	ck_assert_uint_eq(second.reason, WAYBUF_REASON_QUOTA);
	raw_report_finish(&second);
	/* more than there is room for: what is lost is counted */
	const struct waybuf_trace_event event = {.kind = WAYBUF_TRACE_LATCH, .client = 7};
	for (int i = 0; i < 16384 + 5; i++)
		waybuf_server_trace(w.server.server, &event);
	ck_assert_uint_eq(report.ready, 0);
	client_wait(&w.client, &report.ready, 1);
	ck_assert_uint_eq(count_lines(&report, "event"), 16384);
	ck_assert_uint_eq(count_lines(&report, "trace"), 1);
	ck_assert_ptr_nonnull(strstr(report.text, "\"lost\":5}"));
	raw_report_finish(&report);
	world_finish(&w);
}

/* By the client, and by the server. */
TEST(trace_that_is_cut_off)
{
	struct world w;
	struct fixture_report report;
	world_init(&w, NULL);
	waybuf_report_v1_destroy(waybuf_monitor_v1_snapshot(
		w.client.monitor, WAYBUF_MONITOR_V1_SNAPSHOT_TRACE, "60"));
	ck_assert(client_sync(&w.client));
	raw_report_listen(&report,
		waybuf_monitor_v1_snapshot(
			w.client.monitor, WAYBUF_MONITOR_V1_SNAPSHOT_TRACE, "60"));
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(report.failed, 0);
	waybuf_server_monitor_destroy(w.server.monitor);
	w.server.monitor = NULL;
	ck_assert(client_sync(&w.client));
	ck_assert_uint_eq(report.reason, WAYBUF_REASON_CLOSED);
	raw_report_finish(&report);
	world_finish(&w);
}

/* Whoever binds what the host should have hidden learns nothing. */
TEST(denied_in_a_sandbox)
{
	struct fixture_server server;
	struct fixture_client client;
	struct fixture_report report;
	struct fixture_server_options options = {.context = "org.example.app"};
	fixture_server_init(&server, &options);
	client_init(&client, &server);
	raw_report_listen(&report,
		waybuf_monitor_v1_snapshot(client.monitor, WAYBUF_MONITOR_V1_SNAPSHOT_INFO, ""));
	ck_assert(client_sync(&client));
	ck_assert_uint_eq(report.failed, 1);
	ck_assert_uint_eq(report.reason, WAYBUF_REASON_DENIED);
	raw_report_finish(&report);
	client_finish(&client);
	fixture_server_finish(&server);
}

TEST(hidden_by_the_filter)
{
	struct fixture_server server;
	struct fixture_client client, sandboxed;
	fixture_server_init(&server, NULL);
	fixture_server_filter(&server);
	client_init(&client, &server);
	ck_assert_ptr_nonnull(client.monitor);
	server.options.context = "org.example.app";
	client_init(&sandboxed, &server);
	ck_assert_ptr_null(sandboxed.monitor);
	ck_assert_ptr_nonnull(sandboxed.allocator);
	ck_assert_ptr_nonnull(sandboxed.dmabuf);
	client_finish(&client);
	client_finish(&sandboxed);
	fixture_server_finish(&server);
}

/* What was asked for is answered all the same; and who destroys the report hears nothing. */
TEST(the_monitor_object_goes_first)
{
	struct world w;
	struct fixture_report report, unwanted;
	world_init(&w, NULL);
	raw_report_listen(&report,
		waybuf_monitor_v1_snapshot(
			w.client.monitor, WAYBUF_MONITOR_V1_SNAPSHOT_TRACE, "1"));
	waybuf_monitor_v1_destroy(w.client.monitor);
	w.client.monitor = NULL;
	client_wait(&w.client, &report.ready, 1);
	raw_report_finish(&report);
	raw_report_listen(&unwanted, waybuf_pool_v1_explain(w.pool.proxy));
	raw_report_finish(&unwanted);
	ck_assert(client_sync(&w.client));
	world_finish(&w);
}

TEST(the_monitor_goes_first)
{
	struct world w;
	struct fixture_report report;
	world_init(&w, NULL);
	waybuf_server_monitor_destroy(w.server.monitor);
	w.server.monitor = NULL;
	snapshot(&w, &report, WAYBUF_MONITOR_V1_SNAPSHOT_INFO, "");
	ck_assert_uint_eq(report.reason, WAYBUF_REASON_CLOSED);
	raw_report_finish(&report);
	world_finish(&w);
}

/* ---- power --------------------------------------------------------------------------------- */

struct powers {
	unsigned told, failed;
	char output[80], message[80]; /* of the last event */
	uint32_t state, reason;
};

static void handle_power(
	void *data, struct waybuf_monitor_v1 *monitor, const char *output, uint32_t state)
{
	struct powers *powers = data;
	powers->told++;
	snprintf(powers->output, sizeof(powers->output), "%s", output);
	powers->state = state;
}

static void handle_power_failed(void *data, struct waybuf_monitor_v1 *monitor, const char *output,
	uint32_t reason, const char *message)
{
	struct powers *powers = data;
	powers->failed++;
	snprintf(powers->output, sizeof(powers->output), "%s", output);
	snprintf(powers->message, sizeof(powers->message), "%s", message);
	powers->reason = reason;
}

static const struct waybuf_monitor_v1_listener power_listener = {
	.power = handle_power,
	.power_failed = handle_power_failed,
};

/* Two outputs; a third one is of a device that is gone. */
static int power(void *data, const char *name, bool on)
{
	struct fixture_server *server = data;
	if (name && strcmp(name, "lost") == 0)
		return -ENODEV;
	if (name && strcmp(name, "one") != 0)
		return -ENOENT;
	waybuf_server_monitor_tell_power(server->monitor, "one", on);
	if (!name)
		waybuf_server_monitor_tell_power(server->monitor, "two", on);
	return 0;
}

static void power_init(struct fixture_server *server, struct fixture_client *client,
	const struct fixture_server_options *options, struct powers *powers)
{
	*powers = (struct powers){.state = UINT32_MAX};
	fixture_server_init(server, options);
	client_init(client, server);
	waybuf_monitor_v1_add_listener(client->monitor, &power_listener, powers);
}

static void power_finish(struct fixture_server *server, struct fixture_client *client)
{
	client_finish(client);
	fixture_server_finish(server);
}

TEST(power)
{
	struct fixture_server server;
	struct fixture_client client, other;
	struct powers powers, seen = {.told = 0};
	power_init(&server, &client, &(struct fixture_server_options){.power = power}, &powers);
	client_init(&other, &server);
	waybuf_monitor_v1_add_listener(other.monitor, &power_listener, &seen);
	waybuf_monitor_v1_set_power(client.monitor, "one", WAYBUF_MONITOR_V1_POWER_STATE_OFF);
	ck_assert(client_sync(&client));
	ck_assert_uint_eq(powers.told, 1);
	ck_assert_str_eq(powers.output, "one");
	ck_assert_uint_eq(powers.state, WAYBUF_MONITOR_V1_POWER_STATE_OFF);
	waybuf_monitor_v1_set_power(client.monitor, "", WAYBUF_MONITOR_V1_POWER_STATE_ON);
	ck_assert(client_sync(&client) && client_sync(&other));
	ck_assert_uint_eq(powers.told, 3);
	ck_assert_str_eq(powers.output, "two");
	ck_assert_uint_eq(powers.state, WAYBUF_MONITOR_V1_POWER_STATE_ON);
	ck_assert_uint_eq(powers.failed, 0);
	/* whoever has wanted it */
	ck_assert_uint_eq(seen.told, 3);
	client_finish(&other);
	power_finish(&server, &client);
}

static void refused(struct fixture_client *client, struct powers *powers, const char *output,
	uint32_t state, uint32_t reason)
{
	const unsigned failed = powers->failed;
	waybuf_monitor_v1_set_power(client->monitor, output, state);
	ck_assert(client_sync(client));
	ck_assert_uint_eq(powers->failed, failed + 1);
	ck_assert_uint_eq(powers->reason, reason);
	ck_assert_int_eq(strncmp(powers->output, output, 63), 0);
	ck_assert_uint_eq(powers->told, 0);
}

TEST(power_that_is_refused)
{
	struct fixture_server server;
	struct fixture_client client;
	struct powers powers;
	char name[4000];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	power_init(&server, &client, &(struct fixture_server_options){.power = power}, &powers);
	refused(&client, &powers, "three", 0, WAYBUF_REASON_CLOSED);
	refused(&client, &powers, name, 1, WAYBUF_REASON_CLOSED);
	ck_assert_uint_eq(strlen(powers.output), 63);
	refused(&client, &powers, "lost", 1, WAYBUF_REASON_DEVICE_LOST);
	refused(&client, &powers, "one", 2, WAYBUF_REASON_UNSUPPORTED);
	refused(&client, &powers, "one", UINT32_MAX, WAYBUF_REASON_UNSUPPORTED);
	waybuf_server_monitor_destroy(server.monitor);
	server.monitor = NULL;
	refused(&client, &powers, "one", 1, WAYBUF_REASON_CLOSED);
	power_finish(&server, &client);
}

TEST(power_of_a_server_that_shows_nothing)
{
	struct fixture_server server;
	struct fixture_client client;
	struct powers powers;
	power_init(&server, &client, NULL, &powers);
	refused(&client, &powers, "", 0, WAYBUF_REASON_UNSUPPORTED);
	refused(&client, &powers, "one", 1, WAYBUF_REASON_UNSUPPORTED);
	power_finish(&server, &client);
}

TEST(power_in_a_sandbox)
{
	const struct fixture_server_options options = {
		.power = power, .context = "org.example.app"};
	struct fixture_server server;
	struct fixture_client client;
	struct powers powers;
	power_init(&server, &client, &options, &powers);
	refused(&client, &powers, "one", 0, WAYBUF_REASON_DENIED);
	/* nor does it hear of what others do */
	waybuf_server_monitor_tell_power(server.monitor, "one", false);
	ck_assert(client_sync(&client));
	ck_assert_uint_eq(powers.told, 0);
	power_finish(&server, &client);
}

/* Without a word on sandboxes there is no monitor. */
TEST(needs_to_know_of_sandboxes)
{
	struct fixture_server server;
	struct waybuf_server *other;
	struct waybuf_server_monitor *monitor;
	fixture_server_init(&server, NULL);
	ck_assert_int_eq(waybuf_server_create(server.display, NULL, &other), 0);
	ck_assert_int_eq(waybuf_server_monitor_create(other, NULL, &monitor), -ENOTSUP);
	waybuf_server_destroy(other);
	fixture_server_finish(&server);
}

TEST_MAIN("proto-monitor")
