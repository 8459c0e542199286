/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <wayland-client.h>

#include "bench.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "server.h"

/*
 * linux-dmabuf as any compositor has it: dma-heap buffers become wl_buffers, 24 of them (as many fds
 * as one message takes) and a round trip, and are destroyed. Each compositor that uses our library is
 * measured in turns with one that is nothing but wlroots' own global. Those are the examples, or the
 * programs that are named as arguments.
 *
 * With WAYLAND_DISPLAY in the environment it is that compositor that is measured, alone, and one
 * batch of imports comes every 10 ms, or BENCH_RATE of them a second.
 */
#define WIDTH 1024
#define HEIGHT 768
#define BATCH 24
#define ROUNDS 101
#define CPU_ROUNDS 60
#define CPU_BATCHES 5

struct side {
	struct bench_server server;
	struct wl_display *display;
	struct wl_registry *registry;
	struct zwp_linux_dmabuf_v1 *dmabuf;
};

struct world {
	struct side ours, peer;
	bool has_peer;
	int fd;
	unsigned pause_us;
};

/* ---- a client of any compositor ------------------------------------------------------------ */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct side *side = data;
	if (strcmp(interface, zwp_linux_dmabuf_v1_interface.name) == 0)
		side->dmabuf = wl_registry_bind(
			registry, name, &zwp_linux_dmabuf_v1_interface, version < 4 ? version : 4);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void sync_side(struct side *side)
{
	if (wl_display_roundtrip(side->display) < 0)
		bench_fail(
			"the connection broke: %s", strerror(wl_display_get_error(side->display)));
}

static void connect_side(struct side *side)
{
	side->display = wl_display_connect(side->server.socket);
	if (!side->display)
		bench_fail("%s: %s", side->server.socket, strerror(errno));
	side->registry = wl_display_get_registry(side->display);
	wl_registry_add_listener(side->registry, &registry_listener, side);
	sync_side(side);
	if (!side->dmabuf)
		bench_fail("%s has no linux-dmabuf", side->server.socket);
}

static void disconnect_side(struct side *side)
{
	zwp_linux_dmabuf_v1_destroy(side->dmabuf);
	wl_registry_destroy(side->registry);
	wl_display_disconnect(side->display);
}

/* ---- what is measured ---------------------------------------------------------------------- */

static void import_one(const struct side *side, int fd)
{
	struct zwp_linux_buffer_params_v1 *params = zwp_linux_dmabuf_v1_create_params(side->dmabuf);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, WIDTH * 4,
		(uint32_t)(DRM_FORMAT_MOD_LINEAR >> 32), (uint32_t)DRM_FORMAT_MOD_LINEAR);
	struct wl_buffer *buffer = zwp_linux_buffer_params_v1_create_immed(
		params, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	wl_buffer_destroy(buffer);
}

static double import_batch(const struct world *w, struct side *side)
{
	double start = bench_now_us();
	for (int i = 0; i < BATCH; i++)
		import_one(side, w->fd);
	sync_side(side);
	double us = (bench_now_us() - start) / BATCH;
	if (w->pause_us)
		usleep(w->pause_us);
	return us;
}

static double import_ours(void *data)
{
	struct world *w = data;
	return import_batch(w, &w->ours);
}

static double import_peer(void *data)
{
	struct world *w = data;
	return import_batch(w, w->has_peer ? &w->peer : &w->ours);
}

/* CPU time of the server for one import. */
static double used_by(const struct world *w, struct side *side)
{
	double start = bench_server_cpu_us(&side->server);
	for (int n = 0; n < CPU_BATCHES; n++)
		import_batch(w, side);
	return (bench_server_cpu_us(&side->server) - start) / (CPU_BATCHES * BATCH);
}

/* A kernel that counts in ticks has samples of nothing, and only their sum means something. */
static double typical_or_mean(double *samples, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += samples[i];
	double typical = bench_typical(samples, n);
	return typical > 0 ? typical : sum / (double)n;
}

/* In turns, as whatever else runs changes what caches hold. */
static struct bench_pair measure_cpu(struct world *w)
{
	double ours[CPU_ROUNDS], theirs[CPU_ROUNDS];
	for (int i = 0; i < CPU_ROUNDS; i++) {
		ours[i] = used_by(w, &w->ours);
		theirs[i] = w->has_peer ? used_by(w, &w->peer) : NAN;
	}
	return (struct bench_pair){typical_or_mean(ours, CPU_ROUNDS),
		w->has_peer ? typical_or_mean(theirs, CPU_ROUNDS) : NAN};
}

struct traced {
	const struct world *world;
	struct side *side;
};

static void trace_import(void *data)
{
	struct traced *traced = data;
	import_one(traced->side, traced->world->fd);
	sync_side(traced->side);
}

static void trace_new(void *data)
{
	struct traced *traced = data;
	int fd = bench_heap_alloc((size_t)WIDTH * 4 * HEIGHT);
	import_one(traced->side, fd);
	close(fd);
	sync_side(traced->side);
}

static void trace_batch(void *data)
{
	struct traced *traced = data;
	for (int i = 0; i < BATCH; i++)
		import_one(traced->side, traced->world->fd);
	sync_side(traced->side);
}

static void trace_round_trip(void *data)
{
	sync_side(((struct traced *)data)->side);
}

/* What @func, which does @n imports and their ends, adds to a round trip for each of them. */
static double count_calls(const struct world *w, struct side *side, void (*func)(void *data), int n)
{
	struct traced traced = {w, side};
	double calls = bench_trace_each(&side->server, 50, func, &traced);
	return (calls - bench_trace_each(&side->server, 50, trace_round_trip, &traced)) / n;
}

static void print_calls(
	const char *name, const char *what, struct world *w, void (*func)(void *data), int n)
{
	char text[64];
	double theirs = w->has_peer ? count_calls(w, &w->peer, func, n) : NAN;
	snprintf(text, sizeof(text), "import_%s_%s", name, what);
	bench_print_value(text, count_calls(w, &w->ours, func, n), "calls", theirs, 6);
}

static void print_figures(const char *name, struct world *w)
{
	char text[64];
	double most = w->has_peer ? 1 : 0;
	struct bench_pair wall = bench_compare(ROUNDS, import_ours, import_peer, w);
	snprintf(text, sizeof(text), "import_%s_wall", name);
	bench_print_ratio(text, wall.value, "us", w->has_peer ? wall.floor : NAN, most);
	struct bench_pair cpu = measure_cpu(w);
	snprintf(text, sizeof(text), "import_%s_server_cpu", name);
	bench_print_ratio(text, cpu.value, "us", cpu.floor, most);
	print_calls(name, "syscalls", w, trace_import, 1);
	print_calls(name, "batch_syscalls", w, trace_batch, BATCH);
	print_calls(name, "new_syscalls", w, trace_new, 1);
}

/* ---- which compositors --------------------------------------------------------------------- */

static void measure_program(const char *name, const char *path, struct world *w)
{
	bench_server_start_program(&w->ours.server, path, NULL);
	connect_side(&w->ours);
	print_figures(name, w);
	disconnect_side(&w->ours);
	bench_server_stop(&w->ours.server);
}

/* Those of the examples that were built. */
static void measure_examples(struct world *w)
{
	static const struct {
		const char *name, *path;
	} examples[] = {
		{"tiny", BENCH_EXAMPLES "/tiny-server"},
		{"wlroots", BENCH_EXAMPLES "/wlroots/wlroots-server"},
	};
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (access(examples[i].path, X_OK) == 0)
			measure_program(examples[i].name, examples[i].path, w);
}

static void measure_here(struct world *w)
{
	const char *rate = getenv("BENCH_RATE");
	double per_second = rate ? atof(rate) : 0;
	w->pause_us = per_second > 0 ? (unsigned)(BATCH * 1e6 / per_second) : 10000;
	bench_server_adopt(&w->ours.server);
	connect_side(&w->ours);
	print_figures("here", w);
	disconnect_side(&w->ours);
}

int main(int argc, char **argv)
{
	struct world w = {0};
	bench_init("bench-import-any", 240);
	w.fd = bench_heap_alloc((size_t)WIDTH * 4 * HEIGHT);
	if (getenv("WAYLAND_DISPLAY")) {
		measure_here(&w);
		return 0;
	}
	w.has_peer = access(BENCH_PEER, X_OK) == 0;
	if (w.has_peer) {
		bench_server_start_program(&w.peer.server, BENCH_PEER, NULL);
		connect_side(&w.peer);
	}
	for (int i = 1; i < argc; i++)
		measure_program("program", argv[i], &w);
	if (argc == 1)
		measure_examples(&w);
	if (w.has_peer) {
		disconnect_side(&w.peer);
		bench_server_stop(&w.peer.server);
	}
	close(w.fd);
	return 0;
}
