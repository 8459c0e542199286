/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "fixture_client.h"

/* Many connections, and one quota for all of them. */

#define MOST 4 /* buffers that one connection may have */

static const struct waybuf_limits limits = {
	.max = {1024, MOST, 64, 64, 64, 64, 64},
};

struct visitor {
	struct fixture_client client;
	struct fixture_pool pool;
};

static bool come(struct visitor *visitor, struct fixture_server *server, uint32_t count)
{
	*visitor = (struct visitor){0};
	client_init(&visitor->client, server);
	raw_pool_create(&visitor->client, &visitor->pool, 64, 64, count);
	ck_assert(client_sync(&visitor->client));
	ck_assert_uint_eq(visitor->pool.configured + visitor->pool.failed, 1);
	return visitor->pool.configured == 1;
}

static void go(struct visitor *visitor, struct fixture_server *server)
{
	raw_pool_destroy(&visitor->pool);
	client_finish(&visitor->client);
	for (int i = 0; i < 5; i++)
		fixture_server_dispatch(server, 1);
}

/* @n connections fill the group, and the next one gets nothing until one of them has left. */
static void check_fill(const struct fixture_server_options *options, int n)
{
	struct fixture_server server;
	struct visitor visitors[8], late;
	ck_assert_int_le(n, 8);
	fixture_server_init(&server, options);
	for (int i = 0; i < n; i++)
		ck_assert_msg(come(&visitors[i], &server, MOST), "connection %d", i);
	ck_assert(!come(&late, &server, 1));
	ck_assert_uint_eq(late.pool.reason, WAYBUF_REASON_QUOTA);
	/* it is told that there is nothing left, though it has nothing itself */
	ck_assert_uint_eq(late.client.used[WAYBUF_RESOURCE_BUFFERS], 0);
	ck_assert_uint_eq(late.client.limit[WAYBUF_RESOURCE_BUFFERS], 0);
	go(&late, &server);
	go(&visitors[0], &server);
	ck_assert(come(&visitors[0], &server, MOST));
	for (int i = 0; i < n; i++)
		go(&visitors[i], &server);
	fixture_server_finish(&server);
}

TEST(a_user)
{
	check_fill(&(struct fixture_server_options){.limits = &limits}, 8);
}

TEST(a_sandbox)
{
	check_fill(&(struct fixture_server_options){.limits = &limits, .context = "box"}, 2);
}

TEST(as_the_host_says)
{
	const struct waybuf_limits group_limits = {.max = {1024, 3 * MOST, 64, 64, 64, 64, 64}};
	check_fill(
		&(struct fixture_server_options){.limits = &limits, .group_limits = &group_limits},
		3);
}

/* One program's excess is not that of another sandbox. */
TEST(sandboxes_are_apart)
{
	struct fixture_server server;
	struct visitor a, b, c;
	fixture_server_init(
		&server, &(struct fixture_server_options){.limits = &limits, .context = "box"});
	ck_assert(come(&a, &server, MOST));
	ck_assert(come(&b, &server, MOST));
	server.options.context = "other box";
	ck_assert(come(&c, &server, MOST));
	go(&c, &server);
	server.options.context = NULL;
	ck_assert(come(&c, &server, MOST));
	go(&c, &server);
	go(&b, &server);
	go(&a, &server);
	fixture_server_finish(&server);
}

/* The monitor shows both, the sum first. */
TEST(shown)
{
	struct fixture_server server;
	struct visitor a, b;
	struct fixture_report report;
	fixture_server_init(&server, &(struct fixture_server_options){.limits = &limits});
	ck_assert(come(&a, &server, 3));
	ck_assert(come(&b, &server, 2));
	static const uint32_t kinds[] = {
		WAYBUF_MONITOR_V1_SNAPSHOT_TOP, WAYBUF_MONITOR_V1_SNAPSHOT_INFO};
	for (int i = 0; i < 2; i++) {
		raw_report_listen(
			&report, waybuf_monitor_v1_snapshot(a.client.monitor, kinds[i], ""));
		client_wait(&a.client, &report.ready, 1);
		const char *line = strstr(report.text, "\"type\":\"group\",\"name\":\"user ");
		ck_assert_ptr_nonnull(line);
		ck_assert_ptr_nonnull(strstr(line, "\"clients\":2,\"used\":{\"kib\":"));
		ck_assert_ptr_nonnull(strstr(line, "\"buffers\":5,"));
		ck_assert_ptr_nonnull(strstr(line, "\"buffers\":32,"));
		raw_report_finish(&report);
	}
	go(&b, &server);
	go(&a, &server);
	fixture_server_finish(&server);
}

TEST_MAIN("proto-groups")
