/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "bench.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "wl_globals.h"
#include "xdg-shell-client-protocol.h"

static void dispatch(struct stage *stage)
{
	if (wl_display_dispatch(stage->display) < 0)
		bench_fail(
			"the connection broke: %s", strerror(wl_display_get_error(stage->display)));
}

void stage_sync(struct stage *stage)
{
	if (wl_display_roundtrip(stage->display) < 0)
		bench_fail(
			"the connection broke: %s", strerror(wl_display_get_error(stage->display)));
}

/* ---- buffers ------------------------------------------------------------------------------- */

static void note_latency(struct stage_surface *surface, double us)
{
	struct stage *stage = surface->stage;
	if (surface == &stage->window && stage->n_latencies < stage->most_latencies)
		stage->latencies[stage->n_latencies++] = us;
}

static void commit_next(struct stage_surface *surface);

static void handle_release(void *data, struct wl_buffer *wl_buffer)
{
	struct stage_buffer *buffer = data;
	buffer->busy = false;
	if (buffer->replaced)
		note_latency(buffer->surface, bench_now_us() - buffer->replaced_us);
	buffer->replaced = false;
	if (buffer->surface->ready)
		commit_next(buffer->surface);
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static struct wl_buffer *create_dmabuf(struct stage *stage, int32_t width, int32_t height)
{
	uint32_t stride = (uint32_t)width * 4;
	int fd = bench_heap_alloc((size_t)stride * (size_t)height);
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(stage->dmabuf);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, stride,
		(uint32_t)(DRM_FORMAT_MOD_LINEAR >> 32), (uint32_t)DRM_FORMAT_MOD_LINEAR);
	struct wl_buffer *buffer = zwp_linux_buffer_params_v1_create_immed(
		params, width, height, DRM_FORMAT_XRGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	close(fd);
	return buffer;
}

struct wl_buffer *stage_create_shm(struct stage *stage, int32_t width, int32_t height)
{
	int32_t size = width * 4 * height;
	int fd = memfd_create("bench", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, size) < 0)
		bench_fail("memory: %s", strerror(errno));
	struct wl_shm_pool *pool = wl_shm_create_pool(stage->shm, fd, size);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(
		pool, 0, width, height, width * 4, WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	close(fd);
	return buffer;
}

/* One that is free, made if need be; NULL: all are held. */
static struct stage_buffer *free_buffer(struct stage_surface *surface)
{
	for (int i = 0; i < STAGE_BUFFERS; i++) {
		struct stage_buffer *buffer = &surface->buffers[i];
		if (buffer->buffer && buffer->busy)
			continue;
		if (!buffer->buffer) {
			buffer->surface = surface;
			buffer->buffer =
				(surface->stage->dmabuf ? create_dmabuf : stage_create_shm)(
					surface->stage, surface->width, surface->height);
			wl_buffer_add_listener(buffer->buffer, &buffer_listener, buffer);
		}
		return buffer;
	}
	return NULL;
}

/* ---- what becomes of a frame --------------------------------------------------------------- */

static void handle_sync_output(
	void *data, struct wp_presentation_feedback *feedback, struct wl_output *output)
{
}

static void handle_presented(void *data, struct wp_presentation_feedback *feedback, uint32_t sec_hi,
	uint32_t sec_lo, uint32_t nsec, uint32_t refresh, uint32_t seq_hi, uint32_t seq_lo,
	uint32_t flags)
{
	struct stage_surface *surface = data;
	int64_t ns = (int64_t)((uint64_t)sec_hi << 32 | sec_lo) * 1000000000 + nsec;
	if (surface->presented++ == 0)
		surface->first_ns = ns;
	surface->last_ns = ns;
	surface->refresh_ns = refresh;
	if (flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY)
		surface->direct++;
	wp_presentation_feedback_destroy(feedback);
}

static void handle_discarded(void *data, struct wp_presentation_feedback *feedback)
{
	struct stage_surface *surface = data;
	surface->discarded++;
	wp_presentation_feedback_destroy(feedback);
}

static const struct wp_presentation_feedback_listener feedback_listener = {
	.sync_output = handle_sync_output,
	.presented = handle_presented,
	.discarded = handle_discarded,
};

static void ask(struct stage_surface *surface)
{
	struct wp_presentation_feedback *feedback =
		wp_presentation_feedback(surface->stage->presentation, surface->surface);
	wp_presentation_feedback_add_listener(feedback, &feedback_listener, surface);
	surface->told++;
}

unsigned stage_missed(const struct stage_surface *surface)
{
	if (surface->presented < 2 || surface->refresh_ns == 0)
		return 0;
	double vblanks =
		round((double)(surface->last_ns - surface->first_ns) / surface->refresh_ns);
	double shown = surface->presented - 1;
	return vblanks > shown ? (unsigned)(vblanks - shown) : 0;
}

/* ---- frames -------------------------------------------------------------------------------- */

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	struct stage_surface *surface = data;
	wl_callback_destroy(callback);
	surface->asked = false;
	if (surface->wanted == 0)
		return;
	if (surface->stage->draw_us)
		usleep(surface->stage->draw_us);
	commit_next(surface);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

static void replace(struct stage_surface *surface, struct stage_buffer *buffer)
{
	struct stage_buffer *last = surface->current;
	double now = bench_now_us();
	/* a copy was made, and it is back already */
	if (last && !last->busy)
		note_latency(surface, 0);
	if (last && last->busy) {
		last->replaced = true;
		last->replaced_us = now;
	}
	surface->current = buffer;
	buffer->busy = true;
	buffer->replaced = false;
}

static void commit_next(struct stage_surface *surface)
{
	struct stage_buffer *buffer = free_buffer(surface);
	surface->ready = !buffer;
	if (!buffer)
		return;
	wl_callback_add_listener(wl_surface_frame(surface->surface), &frame_listener, surface);
	surface->asked = true;
	if (surface->stage->asks)
		ask(surface);
	wl_surface_attach(surface->surface, buffer->buffer, 0, 0);
	wl_surface_damage_buffer(surface->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface->surface);
	replace(surface, buffer);
	surface->wanted--;
}

static bool is_busy(const struct stage_surface *surface)
{
	return surface->wanted > 0 || surface->asked ||
		surface->told > surface->presented + surface->discarded;
}

static void begin(struct stage_surface *surface, unsigned n)
{
	surface->wanted = n;
	surface->told = surface->presented = surface->direct = surface->discarded = 0;
	commit_next(surface);
}

void stage_show_window(struct stage *stage, unsigned n)
{
	begin(&stage->window, n);
	while (is_busy(&stage->window))
		dispatch(stage);
}

static bool children_are_busy(const struct stage *stage)
{
	for (unsigned i = 0; i < stage->n_children; i++)
		if (is_busy(&stage->children[i]))
			return true;
	return false;
}

static void stop_children(struct stage *stage)
{
	for (unsigned i = 0; i < stage->n_children; i++) {
		stage->children[i].wanted = 0;
		stage->children[i].ready = false;
	}
}

void stage_show_children(struct stage *stage, unsigned n, double most_us)
{
	double end = bench_now_us() + most_us;
	for (unsigned i = 0; i < stage->n_children; i++)
		begin(&stage->children[i], n);
	while (children_are_busy(stage)) {
		if (bench_now_us() >= end)
			stop_children(stage);
		dispatch(stage);
	}
}

void stage_add_children(struct stage *stage)
{
	for (; stage->n_children < STAGE_CHILDREN; stage->n_children++) {
		struct stage_surface *child = &stage->children[stage->n_children];
		int32_t column = (int32_t)stage->n_children % 4;
		int32_t row = (int32_t)stage->n_children / 4;
		*child = (struct stage_surface){
			.stage = stage, .width = STAGE_CHILD_WIDTH, .height = STAGE_CHILD_HEIGHT};
		child->surface = wl_compositor_create_surface(stage->compositor);
		child->role = wl_subcompositor_get_subsurface(
			stage->subcompositor, child->surface, stage->window.surface);
		wl_subsurface_set_position(child->role, 8 + column * (STAGE_CHILD_WIDTH + 16),
			8 + row * (STAGE_CHILD_HEIGHT + 16));
		wl_subsurface_set_desync(child->role);
	}
	/* they are there with the next commit of the window */
	stage_show_window(stage, 1);
}

/* ---- the window ---------------------------------------------------------------------------- */

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {.ping = handle_ping};

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct stage *stage = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	stage->configured = true;
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

static void create_window(struct stage *stage, int32_t width, int32_t height)
{
	stage->window = (struct stage_surface){.stage = stage, .width = width, .height = height};
	stage->window.surface = wl_compositor_create_surface(stage->compositor);
	stage->xdg_surface = xdg_wm_base_get_xdg_surface(stage->wm_base, stage->window.surface);
	xdg_surface_add_listener(stage->xdg_surface, &xdg_surface_listener, stage);
	stage->toplevel = xdg_surface_get_toplevel(stage->xdg_surface);
	xdg_toplevel_add_listener(stage->toplevel, &toplevel_listener, stage);
}

static void configure_window(struct stage *stage)
{
	wl_surface_commit(stage->window.surface);
	while (!stage->configured)
		dispatch(stage);
}

void stage_open_window(struct stage *stage, int32_t width, int32_t height)
{
	create_window(stage, width, height);
	configure_window(stage);
}

/* ---- globals ------------------------------------------------------------------------------- */

static void handle_geometry(void *data, struct wl_output *output, int32_t x, int32_t y,
	int32_t width, int32_t height, int32_t subpixel, const char *make, const char *model,
	int32_t transform)
{
}

static void handle_mode(void *data, struct wl_output *output, uint32_t flags, int32_t width,
	int32_t height, int32_t refresh)
{
	struct stage *stage = data;
	if (!(flags & WL_OUTPUT_MODE_CURRENT))
		return;
	stage->width = width;
	stage->height = height;
}

static const struct wl_output_listener output_listener = {
	.geometry = handle_geometry,
	.mode = handle_mode,
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct stage *stage = data;
	const struct wl_wanted wanted[] = {
		{&wl_compositor_interface, &stage->compositor, 4},
		{&wl_subcompositor_interface, &stage->subcompositor, 1},
		{&wl_shm_interface, &stage->shm, 1},
		{&wl_output_interface, &stage->output, 1},
		{&xdg_wm_base_interface, &stage->wm_base, 1},
		{&wp_presentation_interface, &stage->presentation, 1},
		{&zwp_linux_dmabuf_v1_interface, &stage->dmabuf, 4},
	};
	wl_wanted_bind(
		wanted, sizeof(wanted) / sizeof(wanted[0]), registry, name, interface, version);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void bind_globals(struct stage *stage)
{
	stage->registry = wl_display_get_registry(stage->display);
	wl_registry_add_listener(stage->registry, &registry_listener, stage);
	stage_sync(stage);
	if (!stage->compositor || !stage->subcompositor || !stage->shm || !stage->output ||
		!stage->wm_base || !stage->presentation)
		bench_fail("it lacks a global");
	wl_output_add_listener(stage->output, &output_listener, stage);
	xdg_wm_base_add_listener(stage->wm_base, &wm_base_listener, NULL);
	stage_sync(stage);
	if (stage->width <= 0 || stage->height <= 0)
		bench_fail("its output has no mode");
}

/* Who listens at the other end, whoever started it. */
static pid_t peer_of(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		bench_fail("SO_PEERCRED: %s", strerror(errno));
	return peer.pid;
}

void stage_connect(struct stage *stage, const char *socket)
{
	*stage = (struct stage){0};
	/* bench_init() bounds the wait */
	while (!(stage->display = wl_display_connect(socket)))
		usleep(1000);
	stage->server = peer_of(wl_display_get_fd(stage->display));
	bind_globals(stage);
}

void stage_init(struct stage *stage, const char *socket)
{
	stage_connect(stage, socket);
	create_window(stage, stage->width, stage->height);
	xdg_toplevel_set_fullscreen(stage->toplevel, NULL);
	configure_window(stage);
	stage->asks = true;
	stage_show_window(stage, 1);
	stage->asks = false;
}

void stage_finish(struct stage *stage)
{
	wl_display_disconnect(stage->display);
}
