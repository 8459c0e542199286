/* SPDX-License-Identifier: MIT */
#include "window.h"

#include <unistd.h>

#include <drm_fourcc.h>

#include "bench.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/* ---- events -------------------------------------------------------------------------------- */

static void handle_release(void *data, struct wl_buffer *buffer)
{
	struct bench_window *w = data;
	for (int i = 0; i < 2; i++)
		if (w->slots[i].buffer == buffer)
			w->slots[i].busy = false;
	w->released++;
	w->released_us = bench_now_us();
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	struct bench_window *w = data;
	w->frames++;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct bench_window *w = data;
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
	struct bench_window *w = data;
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

struct wl_buffer *bench_window_create_buffer(struct bench_client *client)
{
	uint32_t stride = (uint32_t)client->width * 4;
	int fd = bench_heap_alloc((size_t)stride * (size_t)client->height);
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, stride,
		(uint32_t)(DRM_FORMAT_MOD_LINEAR >> 32), (uint32_t)DRM_FORMAT_MOD_LINEAR);
	struct wl_buffer *buffer = zwp_linux_buffer_params_v1_create_immed(
		params, client->width, client->height, DRM_FORMAT_XRGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	close(fd);
	return buffer;
}

static void open_window(struct bench_window *w)
{
	w->surface = wl_compositor_create_surface(w->client->compositor);
	w->xdg_surface = xdg_wm_base_get_xdg_surface(w->client->wm_base, w->surface);
	xdg_surface_add_listener(w->xdg_surface, &xdg_surface_listener, w);
	w->toplevel = xdg_surface_get_toplevel(w->xdg_surface);
	xdg_toplevel_add_listener(w->toplevel, &toplevel_listener, w);
	xdg_toplevel_set_fullscreen(w->toplevel, NULL);
	wl_surface_commit(w->surface);
	bench_client_wait(w->client, &w->configured, 1);
}

unsigned bench_window_free_slot(const struct bench_window *w)
{
	return w->slots[0].busy;
}

void bench_window_commit(struct bench_window *w)
{
	struct bench_slot *slot = &w->slots[bench_window_free_slot(w)];
	if (slot->busy)
		bench_fail("both buffers are held");
	wl_callback_add_listener(wl_surface_frame(w->surface), &frame_listener, w);
	wl_surface_attach(w->surface, slot->buffer, 0, 0);
	wl_surface_damage_buffer(w->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(w->surface);
	slot->busy = true;
	w->committed++;
	w->committed_us = bench_now_us();
}

void bench_window_wait(struct bench_window *w)
{
	bench_client_wait(w->client, &w->frames, w->committed);
	bench_client_wait(w->client, &w->released, w->committed - 1);
}

void bench_window_check_direct(struct bench_window *w)
{
	struct wp_presentation_feedback *feedback =
		wp_presentation_feedback(w->client->presentation, w->surface);
	unsigned shown = w->shown;
	wp_presentation_feedback_add_listener(feedback, &feedback_listener, w);
	bench_window_commit(w);
	bench_window_wait(w);
	bench_client_wait(w->client, &w->shown, shown + 1);
	if (!(w->flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY))
		bench_fail("waybufd copies the frames");
}

void bench_window_init(struct bench_window *w, struct bench_client *client)
{
	*w = (struct bench_window){.client = client};
	open_window(w);
	for (int i = 0; i < 2; i++) {
		w->slots[i].buffer = bench_window_create_buffer(client);
		wl_buffer_add_listener(w->slots[i].buffer, &buffer_listener, w);
	}
}

void bench_window_finish(struct bench_window *w)
{
	xdg_toplevel_destroy(w->toplevel);
	xdg_surface_destroy(w->xdg_surface);
	wl_surface_destroy(w->surface);
	for (int i = 0; i < 2; i++)
		wl_buffer_destroy(w->slots[i].buffer);
}
