/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <wayland-client.h>

#include "bench.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "server.h"
#include "waybuf-allocator-v1-client-protocol.h"
#include "wl_globals.h"

/*
 * A thousand clients with ten buffers each, on the least compositor that hosts the library (host.c):
 * what they cost in memory, beside the same without the library, and what the last of them pays for
 * an import and a commit, beside the only client of another such compositor, who has ten buffers; and
 * a commit of one who has 10,000.
 */
#define CLIENTS 1000
#define BUFFERS 10
#define WIDTH 64
#define HEIGHT 64
#define BATCH 24
#define ROUNDS 201

struct member {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	struct waybuf_allocator_v1 *allocator;
	struct wl_surface *surface;
	struct wl_buffer *buffers[BUFFERS];
};

struct side {
	struct bench_server server;
	struct member members[CLIENTS];
	unsigned n;
};

static struct {
	struct side bare, many, one, hoard;
	int fd;
} world;

/* ---- clients ------------------------------------------------------------------------------- */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct member *member = data;
	const struct wl_wanted wanted[] = {
		{&wl_compositor_interface, &member->compositor, 1},
		{&zwp_linux_dmabuf_v1_interface, &member->dmabuf, 4},
		{&waybuf_allocator_v1_interface, &member->allocator, 1},
	};
	wl_wanted_bind(
		wanted, sizeof(wanted) / sizeof(wanted[0]), registry, name, interface, version);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void sync_member(struct member *member)
{
	if (wl_display_roundtrip(member->display) < 0)
		bench_fail(
			"a connection broke: %s", strerror(wl_display_get_error(member->display)));
}

static struct member *add_member(struct side *side)
{
	struct member *member = &side->members[side->n++];
	member->display = wl_display_connect(side->server.socket);
	if (!member->display)
		bench_fail("client %u: %s", side->n, strerror(errno));
	member->registry = wl_display_get_registry(member->display);
	wl_registry_add_listener(member->registry, &registry_listener, member);
	sync_member(member);
	sync_member(member);
	return member;
}

/* A quota, or no fds: what is measured would not be there. */
static void handle_failed(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	bench_fail("a buffer was refused");
}

static void handle_created(
	void *data, struct zwp_linux_buffer_params_v1 *params, struct wl_buffer *buffer)
{
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
	.created = handle_created,
	.failed = handle_failed,
};

static struct wl_buffer *import(struct member *member, struct zwp_linux_buffer_params_v1 **keep)
{
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(member->dmabuf);
	zwp_linux_buffer_params_v1_add_listener(params, &params_listener, NULL);
	zwp_linux_buffer_params_v1_add(params, world.fd, 0, 0, WIDTH * 4,
		(uint32_t)(DRM_FORMAT_MOD_LINEAR >> 32), (uint32_t)DRM_FORMAT_MOD_LINEAR);
	struct wl_buffer *buffer = zwp_linux_buffer_params_v1_create_immed(
		params, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, 0);
	if (keep)
		*keep = params;
	else
		zwp_linux_buffer_params_v1_destroy(params);
	return buffer;
}

/* Their parameters stay until it is known that there are buffers. */
static void add_buffers(struct member *member)
{
	struct zwp_linux_buffer_params_v1 *params[BUFFERS];
	for (int i = 0; i < BUFFERS; i++)
		member->buffers[i] = import(member, &params[i]);
	sync_member(member);
	for (int i = 0; i < BUFFERS; i++)
		zwp_linux_buffer_params_v1_destroy(params[i]);
}

/* ---- what is measured ---------------------------------------------------------------------- */

/* KiB for each. */
static double measure_clients(struct side *side)
{
	double before = bench_server_rss_kib(&side->server);
	while (side->n < CLIENTS)
		add_member(side);
	return (bench_server_rss_kib(&side->server) - before) / CLIENTS;
}

static double measure_buffers(struct side *side)
{
	double before = bench_server_rss_kib(&side->server);
	for (unsigned i = 0; i < side->n; i++)
		add_buffers(&side->members[i]);
	return (bench_server_rss_kib(&side->server) - before) / (CLIENTS * BUFFERS);
}

static double import_batch(struct member *member)
{
	double start = bench_now_us();
	for (int i = 0; i < BATCH; i++)
		wl_buffer_destroy(import(member, NULL));
	sync_member(member);
	return (bench_now_us() - start) / BATCH;
}

static double commit_batch(struct member *member)
{
	double start = bench_now_us();
	for (int i = 0; i < BATCH; i++) {
		wl_surface_attach(member->surface, member->buffers[i % BUFFERS], 0, 0);
		wl_surface_commit(member->surface);
	}
	sync_member(member);
	return (bench_now_us() - start) / BATCH;
}

static double import_last(void *data)
{
	return import_batch(&world.many.members[world.many.n - 1]);
}

static double import_only(void *data)
{
	return import_batch(&world.one.members[0]);
}

static double commit_last(void *data)
{
	return commit_batch(&world.many.members[world.many.n - 1]);
}

static double commit_only(void *data)
{
	return commit_batch(&world.one.members[0]);
}

static double commit_hoard(void *data)
{
	return commit_batch(&world.hoard.members[0]);
}

static void measure_memory(void)
{
	/* what the first of anything costs is not what each costs */
	add_buffers(add_member(&world.many));
	add_member(&world.bare);
	double bare = measure_clients(&world.bare);
	double ours = measure_clients(&world.many);
	bench_print_value("clients_1000_each", ours, "KiB", bare, NAN);
	bench_print_value("clients_1000_each_more", ours - bare, "KiB", NAN, 4);
	bench_print_value("clients_1000_buffer_each", measure_buffers(&world.many), "KiB", NAN, 1);
}

static void measure_costs(void)
{
	struct member *last = &world.many.members[world.many.n - 1];
	struct member *only = add_member(&world.one);
	add_buffers(only);
	last->surface = wl_compositor_create_surface(last->compositor);
	only->surface = wl_compositor_create_surface(only->compositor);
	struct bench_pair pair = bench_compare(ROUNDS, import_last, import_only, NULL);
	bench_print_ratio("clients_1000_import", pair.value, "us", pair.floor, 1.3);
	pair = bench_compare(ROUNDS, commit_last, commit_only, NULL);
	bench_print_ratio("clients_1000_commit", pair.value, "us", pair.floor, 1.3);
	struct member *hoard = add_member(&world.hoard);
	for (int i = 0; i < CLIENTS; i++)
		add_buffers(hoard);
	hoard->surface = wl_compositor_create_surface(hoard->compositor);
	pair = bench_compare(ROUNDS, commit_hoard, commit_only, NULL);
	bench_print_ratio("buffers_10000_commit", pair.value, "us", pair.floor, 1.3);
}

/* Each buffer is an fd of the server, and each client one on either side. */
static void raise_limit(void)
{
	const struct rlimit limit = {65536, 65536};
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		bench_fail("RLIMIT_NOFILE: %s", strerror(errno));
}

/* The proxies go with the process. */
static void finish(struct side *side)
{
	for (unsigned i = 0; i < side->n; i++)
		wl_display_disconnect(side->members[i].display);
	bench_server_stop(&side->server);
}

int main(void)
{
	bench_init("bench-clients", 240);
	raise_limit();
	world.fd = bench_heap_alloc((size_t)WIDTH * 4 * HEIGHT);
	bench_server_start_program(&world.bare.server, BENCH_HOST, "bare");
	bench_server_start_program(&world.many.server, BENCH_HOST, NULL);
	bench_server_start_program(&world.one.server, BENCH_HOST, NULL);
	bench_server_start_program(&world.hoard.server, BENCH_HOST, NULL);
	measure_memory();
	measure_costs();
	finish(&world.bare);
	finish(&world.many);
	finish(&world.one);
	finish(&world.hoard);
	close(world.fd);
	return 0;
}
