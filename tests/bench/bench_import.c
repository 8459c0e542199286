/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "bench.h"
#include "client.h"
#include "linux-dmabuf-v1-client-protocol.h"

/*
 * linux-dmabuf: a wl_buffer of a dma-buf that the client made, created at once and destroyed, 24 of
 * them (as many fds as one message takes) and a round trip. Time, and CPU time of the server, for
 * one; beside them a region of wl_compositor made and destroyed, the cheapest object there is.
 * System calls are what one import adds to a round trip.
 */
#define WIDTH 1024
#define HEIGHT 768
#define BATCH 24
#define ROUNDS 101
#define CPU_ROUNDS 20
#define CPU_BATCHES 50

struct world {
	struct bench_server server;
	struct bench_client client;
	int fd;
};

static void import_one(const struct world *w)
{
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(w->client.dmabuf);
	zwp_linux_buffer_params_v1_add(params, w->fd, 0, 0, WIDTH * 4,
		(uint32_t)(DRM_FORMAT_MOD_LINEAR >> 32), (uint32_t)DRM_FORMAT_MOD_LINEAR);
	struct wl_buffer *buffer = zwp_linux_buffer_params_v1_create_immed(
		params, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	wl_buffer_destroy(buffer);
}

static double import_batch(void *data)
{
	struct world *w = data;
	double start = bench_now_us();
	for (int i = 0; i < BATCH; i++)
		import_one(w);
	bench_client_sync(&w->client);
	return (bench_now_us() - start) / BATCH;
}

static double region_batch(void *data)
{
	struct world *w = data;
	double start = bench_now_us();
	for (int i = 0; i < BATCH; i++)
		wl_region_destroy(wl_compositor_create_region(w->client.compositor));
	bench_client_sync(&w->client);
	return (bench_now_us() - start) / BATCH;
}

/*
 * CPU time of the server for one of them, in turns with the floor. It is added up, because there
 * are kernels that count it in ticks of a hundredth of a second.
 */
static struct bench_pair measure_cpu(struct world *w)
{
	bench_func funcs[2] = {import_batch, region_batch};
	double used[2] = {0};
	for (int i = 0; i < CPU_ROUNDS; i++) {
		for (int f = 0; f < 2; f++) {
			double start = bench_server_cpu_us(&w->server);
			for (int n = 0; n < CPU_BATCHES; n++)
				funcs[f](w);
			used[f] += bench_server_cpu_us(&w->server) - start;
		}
	}
	const double n = (double)CPU_ROUNDS * CPU_BATCHES * BATCH;
	return (struct bench_pair){.value = used[0] / n, .floor = used[1] / n};
}

static void trace_import(void *data)
{
	struct world *w = data;
	import_one(w);
	bench_client_sync(&w->client);
}

static void trace_round_trip(void *data)
{
	struct world *w = data;
	bench_client_sync(&w->client);
}

int main(void)
{
	struct world w;
	bench_init("bench-import", 120);
	bench_server_start(&w.server, NULL);
	bench_client_connect(&w.client, &w.server);
	w.fd = bench_heap_alloc((size_t)WIDTH * 4 * HEIGHT);
	struct bench_pair wall = bench_compare(ROUNDS, import_batch, region_batch, &w);
	bench_print_value("import_wall", wall.value, "us", wall.floor, NAN);
	struct bench_pair cpu = measure_cpu(&w);
	bench_print_value("import_server_cpu", cpu.value, "us", cpu.floor, NAN);
	double calls = bench_trace_each(&w.server, 50, trace_import, &w);
	double floor = bench_trace_each(&w.server, 50, trace_round_trip, &w);
	bench_print_value("import_syscalls", calls - floor, "calls", NAN, 6);
	close(w.fd);
	bench_client_disconnect(&w.client);
	bench_server_stop(&w.server);
	return 0;
}
