/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wayland-client.h>

#include "bench.h"
#include "server.h"
#include "xdg-shell-client-protocol.h"

/*
 * A fullscreen window in wl_shm, which is composed, on an output without a display: frames of which a
 * line of text is new, against frames that are new all over. What differs is the server's CPU time.
 */
#define WIDTH 1920
#define HEIGHT 1080
#define FRAMES 60
#define ROUNDS 6
/* what a terminal changes when somebody types */
#define TEXT_WIDTH 200
#define TEXT_HEIGHT 20

struct world {
	struct bench_server server;
	struct wl_display *display;
	struct wl_compositor *compositor;
	struct wl_shm *shm;
	struct xdg_wm_base *wm_base;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	struct wl_buffer *buffers[2];
	unsigned configured, n, shown;
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct world *w = data;
	if (strcmp(interface, wl_shm_interface.name) == 0)
		w->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	else if (strcmp(interface, wl_compositor_interface.name) == 0)
		w->compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
	else if (strcmp(interface, xdg_wm_base_interface.name) == 0)
		w->wm_base = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct world *w = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	w->configured++;
}

static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_configure};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
}

static void handle_close(void *data, struct xdg_toplevel *toplevel) {}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure,
	.close = handle_close,
};

static void handle_done(void *data, struct wl_callback *callback, uint32_t ms)
{
	++*(unsigned *)data;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener callback_listener = {.done = handle_done};

/* bench_init() bounds it. */
static void wait_for(struct world *w, const unsigned *count, unsigned least)
{
	while (*count < least)
		if (wl_display_dispatch(w->display) < 0)
			bench_fail("the connection broke");
}

static void show(struct world *w, int32_t width, int32_t height)
{
	wl_callback_add_listener(wl_surface_frame(w->surface), &callback_listener, &w->shown);
	wl_surface_attach(w->surface, w->buffers[w->n % 2], 0, 0);
	wl_surface_damage_buffer(w->surface, 0, 0, width, height);
	wl_surface_commit(w->surface);
	w->n++;
	wait_for(w, &w->shown, w->n);
}

/* The server's CPU time for a frame. */
static double run(struct world *w, int32_t width, int32_t height)
{
	double start = bench_server_cpu_us(&w->server);
	for (int i = 0; i < FRAMES; i++)
		show(w, width, height);
	return (bench_server_cpu_us(&w->server) - start) / FRAMES;
}

static double run_text(void *data)
{
	return run(data, TEXT_WIDTH, TEXT_HEIGHT);
}

static double run_all(void *data)
{
	return run(data, INT32_MAX, INT32_MAX);
}

static void make_buffers(struct world *w)
{
	const int32_t stride = WIDTH * 4, size = stride * HEIGHT;
	int fd = memfd_create("bench", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 2 * (off_t)size) < 0)
		bench_fail("no memory for two pictures");
	struct wl_shm_pool *pool = wl_shm_create_pool(w->shm, fd, 2 * size);
	for (int i = 0; i < 2; i++)
		w->buffers[i] = wl_shm_pool_create_buffer(
			pool, i * size, WIDTH, HEIGHT, stride, WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	close(fd);
}

static void make_window(struct world *w)
{
	w->surface = wl_compositor_create_surface(w->compositor);
	w->xdg_surface = xdg_wm_base_get_xdg_surface(w->wm_base, w->surface);
	xdg_surface_add_listener(w->xdg_surface, &xdg_surface_listener, w);
	w->toplevel = xdg_surface_get_toplevel(w->xdg_surface);
	xdg_toplevel_add_listener(w->toplevel, &toplevel_listener, w);
	wl_surface_commit(w->surface);
	wait_for(w, &w->configured, 1);
}

static void world_init(struct world *w)
{
	bench_server_start_program(&w->server, WAYBUFD, "--headless=1920x1080@60");
	w->display = wl_display_connect(w->server.socket);
	if (!w->display)
		bench_fail("no connection");
	struct wl_registry *registry = wl_display_get_registry(w->display);
	wl_registry_add_listener(registry, &registry_listener, w);
	wl_display_roundtrip(w->display);
	wl_registry_destroy(registry);
	if (!w->shm || !w->compositor || !w->wm_base)
		bench_fail("waybufd lacks a global");
	make_buffers(w);
	make_window(w);
}

static void world_finish(struct world *w)
{
	for (int i = 0; i < 2; i++)
		wl_buffer_destroy(w->buffers[i]);
	xdg_toplevel_destroy(w->toplevel);
	xdg_surface_destroy(w->xdg_surface);
	wl_surface_destroy(w->surface);
	xdg_wm_base_destroy(w->wm_base);
	wl_shm_destroy(w->shm);
	wl_compositor_destroy(w->compositor);
	wl_display_disconnect(w->display);
	bench_server_stop(&w->server);
}

int main(void)
{
	struct world w = {.n = 0};
	bench_init("damage", 120);
	world_init(&w);
	struct bench_pair pair = bench_compare(ROUNDS, run_text, run_all, &w);
	bench_print_ratio("damage_text_server_cpu", pair.value, "us", pair.floor, 0.5);
	world_finish(&w);
	return 0;
}
