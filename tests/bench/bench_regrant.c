/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "client.h"

/*
 * A buffer that has its memory is given back and asked for again, for the next frame: unmap and map
 * in one message against a plain round trip. And the same asked for ahead, while the client draws
 * elsewhere: the grant is there when it is wanted, and nothing is waited for.
 */
#define ROUNDS 301
#define AHEAD 100
/* what a client does meanwhile: long enough for any machine that is not far behind */
#define WORK_US 20000

struct world {
	struct bench_server server;
	struct bench_client client;
	struct bench_image image;
};

static double regrant(void *data)
{
	struct world *w = data;
	double start = bench_now_us();
	waybuf_buffer_v1_unmap(w->image.buffer);
	bench_image_map(&w->image, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	return bench_now_us() - start;
}

static double round_trip(void *data)
{
	struct world *w = data;
	double start = bench_now_us();
	bench_client_sync(&w->client);
	return bench_now_us() - start;
}

static void trace_regrant(void *data)
{
	regrant(data);
}

static void trace_round_trip(void *data)
{
	round_trip(data);
}

/* Reads what has come, and waits for nothing. */
static void read_events(struct bench_client *client)
{
	struct pollfd poll_fd = {.fd = wl_display_get_fd(client->display), .events = POLLIN};
	while (wl_display_prepare_read(client->display) < 0)
		wl_display_dispatch_pending(client->display);
	if (poll(&poll_fd, 1, 0) == 1)
		wl_display_read_events(client->display);
	else
		wl_display_cancel_read(client->display);
	wl_display_dispatch_pending(client->display);
}

/* How many grants out of AHEAD had to be waited for. */
static double measure_ahead(struct world *w)
{
	unsigned waits = 0;
	for (unsigned i = 0; i < AHEAD; i++) {
		unsigned mapped = w->image.mapped;
		waybuf_buffer_v1_unmap(w->image.buffer);
		waybuf_buffer_v1_map(w->image.buffer, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
		if (wl_display_flush(w->client.display) < 0)
			bench_fail("the connection to waybufd broke: %s", strerror(errno));
		usleep(WORK_US);
		read_events(&w->client);
		if (w->image.mapped == mapped)
			waits++;
		bench_client_wait(&w->client, &w->image.mapped, mapped + 1);
	}
	return (double)waits / AHEAD;
}

int main(void)
{
	struct world w;
	bench_init("bench-regrant", 120);
	bench_server_start(&w.server, NULL);
	bench_client_connect(&w.client, &w.server);
	bench_image_init(&w.client, &w.image, 1920, 1080, bench_wish_cpu);
	bench_image_map(&w.image, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	struct bench_pair pair = bench_compare(ROUNDS, regrant, round_trip, &w);
	bench_print_ratio("regrant", pair.value, "us", pair.floor, 1.3);
	double calls = bench_trace_each(&w.server, 50, trace_regrant, &w);
	double floor = bench_trace_each(&w.server, 50, trace_round_trip, &w);
	bench_print_ratio("regrant_syscalls", calls, "calls", floor, 1.3);
	bench_print_value("regrant_ahead", measure_ahead(&w), "waits", NAN, 0);
	waybuf_buffer_v1_unmap(w.image.buffer);
	bench_image_finish(&w.image);
	bench_client_disconnect(&w.client);
	bench_server_stop(&w.server);
	return 0;
}
