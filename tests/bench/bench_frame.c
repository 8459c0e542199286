/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdbool.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "bare.h"
#include "bench.h"
#include "client.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/*
 * Frames of a fullscreen client that keeps to the display's pace, with two dma-bufs in turn that
 * the display scans out. What one costs the server, and how soon after a commit the buffer that it
 * replaces comes back, against a program that does nothing but flip.
 */
#define FRAMES 150
#define RUNS 3

struct slot {
	struct wl_buffer *buffer;
	bool busy;
};

struct world {
	struct bench_server server;
	struct bench_client client;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	unsigned configured;
	struct slot slots[2];
	unsigned frames, released, shown; /* answered */
	uint32_t flags; /* of what was shown */
	double committed_us;
	double latencies[FRAMES];
	unsigned n_latencies;
};

/* ---- events -------------------------------------------------------------------------------- */

static void handle_release(void *data, struct wl_buffer *buffer)
{
	struct world *w = data;
	for (int i = 0; i < 2; i++)
		if (w->slots[i].buffer == buffer)
			w->slots[i].busy = false;
	w->released++;
	if (w->n_latencies < FRAMES)
		w->latencies[w->n_latencies++] = bench_now_us() - w->committed_us;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	struct world *w = data;
	w->frames++;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

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

static void handle_sync_output(
	void *data, struct wp_presentation_feedback *feedback, struct wl_output *output)
{
}

static void handle_presented(void *data, struct wp_presentation_feedback *feedback, uint32_t sec_hi,
	uint32_t sec_lo, uint32_t nsec, uint32_t refresh, uint32_t seq_hi, uint32_t seq_lo,
	uint32_t flags)
{
	struct world *w = data;
	w->shown++;
	w->flags = flags;
	wp_presentation_feedback_destroy(feedback);
}

static void handle_discarded(void *data, struct wp_presentation_feedback *feedback)
{
	bench_fail("a frame was discarded");
}

static const struct wp_presentation_feedback_listener feedback_listener = {
	.sync_output = handle_sync_output,
	.presented = handle_presented,
	.discarded = handle_discarded,
};

/* ---- frames -------------------------------------------------------------------------------- */

static struct wl_buffer *create_buffer(struct world *w)
{
	uint32_t stride = (uint32_t)w->client.width * 4;
	int fd = bench_heap_alloc((size_t)stride * (size_t)w->client.height);
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(w->client.dmabuf);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, stride,
		(uint32_t)(DRM_FORMAT_MOD_LINEAR >> 32), (uint32_t)DRM_FORMAT_MOD_LINEAR);
	struct wl_buffer *buffer = zwp_linux_buffer_params_v1_create_immed(
		params, w->client.width, w->client.height, DRM_FORMAT_XRGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	wl_buffer_add_listener(buffer, &buffer_listener, w);
	close(fd);
	return buffer;
}

static void create_window(struct world *w)
{
	w->surface = wl_compositor_create_surface(w->client.compositor);
	w->xdg_surface = xdg_wm_base_get_xdg_surface(w->client.wm_base, w->surface);
	xdg_surface_add_listener(w->xdg_surface, &xdg_surface_listener, w);
	w->toplevel = xdg_surface_get_toplevel(w->xdg_surface);
	xdg_toplevel_add_listener(w->toplevel, &toplevel_listener, w);
	xdg_toplevel_set_fullscreen(w->toplevel, NULL);
	wl_surface_commit(w->surface);
	bench_client_wait(&w->client, &w->configured, 1);
}

/* The next frame, at once after the last one was shown, as a client at the display's pace does. */
static void show_frame(void *data)
{
	struct world *w = data;
	unsigned frames = w->frames, released = w->released;
	struct slot *slot = &w->slots[w->slots[0].busy];
	if (slot->busy)
		bench_fail("both buffers are held");
	bool replaces = w->slots[0].busy || w->slots[1].busy;
	wl_callback_add_listener(wl_surface_frame(w->surface), &frame_listener, w);
	wl_surface_attach(w->surface, slot->buffer, 0, 0);
	wl_surface_damage_buffer(w->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(w->surface);
	slot->busy = true;
	w->committed_us = bench_now_us();
	bench_client_wait(&w->client, &w->frames, frames + 1);
	bench_client_wait(&w->client, &w->released, released + replaces);
}

static void check_direct(struct world *w)
{
	struct wp_presentation_feedback *feedback =
		wp_presentation_feedback(w->client.presentation, w->surface);
	wp_presentation_feedback_add_listener(feedback, &feedback_listener, w);
	show_frame(w);
	bench_client_wait(&w->client, &w->shown, 1);
	if (!(w->flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY))
		bench_fail("waybufd copies the frames");
}

static void world_init(struct world *w)
{
	*w = (struct world){0};
	bench_server_start(&w->server, NULL);
	bench_client_connect(&w->client, &w->server);
	create_window(w);
	for (int i = 0; i < 2; i++)
		w->slots[i].buffer = create_buffer(w);
	for (int i = 0; i < 5; i++)
		show_frame(w);
}

static void world_finish(struct world *w)
{
	xdg_toplevel_destroy(w->toplevel);
	xdg_surface_destroy(w->xdg_surface);
	wl_surface_destroy(w->surface);
	for (int i = 0; i < 2; i++)
		wl_buffer_destroy(w->slots[i].buffer);
	bench_client_disconnect(&w->client);
	bench_server_stop(&w->server);
}

/* CPU time of the server for one frame; @latency is the median. */
static double run_frames(struct world *w, double *latency)
{
	w->n_latencies = 0;
	double cpu = bench_server_cpu_us(&w->server);
	for (int i = 0; i < FRAMES; i++)
		show_frame(w);
	cpu = bench_server_cpu_us(&w->server) - cpu;
	*latency = bench_quantile(w->latencies, w->n_latencies, 0.5);
	return cpu / FRAMES;
}

int main(void)
{
	struct world w;
	double cpu[RUNS], bare_cpu[RUNS], latency[RUNS], period[RUNS], calls = 0, rss = 0;
	bench_init("bench-frame", 180);
	for (int i = 0; i < RUNS; i++) {
		struct bench_bare bare = bench_bare_run(FRAMES);
		bare_cpu[i] = bare.cpu_us;
		period[i] = bare.period_us;
		world_init(&w);
		cpu[i] = run_frames(&w, &latency[i]);
		check_direct(&w);
		rss = bench_server_rss_kib(&w.server) / 1024;
		if (i == RUNS - 1)
			calls = bench_trace_each(&w.server, 60, show_frame, &w);
		world_finish(&w);
	}
	bench_print_ratio("frame_server_cpu", bench_typical(cpu, RUNS), "us",
		bench_typical(bare_cpu, RUNS), 0);
	bench_print_value("frame_syscalls", calls, "calls", NAN, 8);
	bench_print_ratio("frame_release", bench_typical(latency, RUNS), "us",
		bench_typical(period, RUNS), 1.05);
	bench_print_value("frame_server_rss", rss, "MiB", NAN, 12);
	return 0;
}
