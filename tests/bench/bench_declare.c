/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "bench.h"
#include "client.h"

/*
 * Declared buffers: handles without memory. They are made and destroyed in batches of 100 and a
 * round trip, in two pools of 50, against as many regions of wl_compositor, the cheapest object
 * that any server has. Then 10,000 of them of 3840x2160 exist at once.
 */
#define POOLS 2
#define IN_POOL 50
#define BATCH (POOLS * IN_POOL)
#define ROUNDS 101

static double declare_batch(void *data)
{
	struct bench_client *client = data;
	struct waybuf_buffer_v1 *buffers[IN_POOL];
	double start = bench_now_us();
	for (uint32_t p = 0; p < POOLS; p++) {
		struct waybuf_pool_v1 *pool = waybuf_allocator_v1_create_pool(
			client->allocator, 3840, 2160, IN_POOL, 0, "bench");
		struct waybuf_attachment_v1 *attachment =
			waybuf_pool_v1_attach(pool, WAYBUF_ATTACHMENT_V1_KIND_CPU, 0);
		bench_constrain(attachment, bench_wish_cpu);
		for (uint32_t i = 0; i < IN_POOL; i++)
			buffers[i] = waybuf_attachment_v1_get_buffer(attachment, i);
		for (uint32_t i = 0; i < IN_POOL; i++)
			waybuf_buffer_v1_destroy(buffers[i]);
		waybuf_attachment_v1_destroy(attachment);
		waybuf_pool_v1_destroy(pool);
	}
	bench_client_sync(client);
	return bench_now_us() - start;
}

static double region_batch(void *data)
{
	struct bench_client *client = data;
	struct wl_region *regions[BATCH];
	double start = bench_now_us();
	for (uint32_t i = 0; i < BATCH; i++)
		regions[i] = wl_compositor_create_region(client->compositor);
	for (uint32_t i = 0; i < BATCH; i++)
		wl_region_destroy(regions[i]);
	bench_client_sync(client);
	return bench_now_us() - start;
}

static void trace_declare(void *data)
{
	declare_batch(data);
}

static void trace_region(void *data)
{
	region_batch(data);
}

static void measure_batches(struct bench_client *client, const struct bench_server *server)
{
	struct bench_pair pair = bench_compare(ROUNDS, declare_batch, region_batch, client);
	bench_print_ratio("declare_100", pair.value, "us", pair.floor, 2);
	double calls = bench_trace_each(server, 20, trace_declare, client);
	double floor = bench_trace_each(server, 20, trace_region, client);
	bench_print_ratio("declare_100_syscalls", calls, "calls", floor, 2);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* KiB of the daemon for each of @n buffers, which live as long as the connection. */
static double declare_many(const struct bench_server *server, uint32_t n, uint32_t in_pool)
{
	struct bench_client client;
	bench_client_connect(&client, server);
	double before = bench_server_rss_kib(server);
	for (uint32_t made = 0; made < n; made += in_pool) {
		struct waybuf_pool_v1 *pool = waybuf_allocator_v1_create_pool(
			client.allocator, 3840, 2160, in_pool, 0, "bench");
		struct waybuf_attachment_v1 *attachment =
			waybuf_pool_v1_attach(pool, WAYBUF_ATTACHMENT_V1_KIND_CPU, 0);
		bench_constrain(attachment, bench_wish_cpu);
		for (uint32_t i = 0; i < in_pool; i++)
			waybuf_attachment_v1_get_buffer(attachment, i);
		bench_client_sync(&client);
	}
	double kib = bench_server_rss_kib(server) - before;
	/* the proxies go with the process: destroying them is not measured here */
	wl_display_disconnect(client.display);
	return kib;
}

/* @each: the most KiB for one, NaN: no matter, as pool and attachment are its own. */
static void measure_memory(const char *name, uint32_t in_pool, double each)
{
	struct bench_server server;
	char text[64];
	const uint32_t n = 10000;
	bench_server_start(&server, NULL);
	double kib = declare_many(&server, n, in_pool);
	snprintf(text, sizeof(text), "%s_total", name);
	bench_print_value(text, kib / 1024, "MiB", NAN, 20);
	snprintf(text, sizeof(text), "%s_each", name);
	bench_print_value(text, kib / n, "KiB", NAN, each);
	bench_server_stop(&server);
}

int main(void)
{
	struct bench_server server;
	struct bench_client client;
	bench_init("bench-declare", 120);
	bench_server_start(&server, NULL);
	bench_client_connect(&client, &server);
	measure_batches(&client, &server);
	bench_client_disconnect(&client);
	bench_server_stop(&server);
	measure_memory("declare_10000", IN_POOL, 1);
	measure_memory("declare_10000_own_pool", 1, NAN);
	return 0;
}
