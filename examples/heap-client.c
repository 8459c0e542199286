/* SPDX-License-Identifier: MIT */

/*
 * A client that knows nothing of waybuf: standard linux-dmabuf, with memory that it takes from a
 * dma-heap itself. A server of ours must scan this out like any other.
 *
 *	heap-client [--frames N] [--colour RRGGBB] [--hold SECONDS]
 *
 * Two buffers are drawn in turn. The last frame stays for SECONDS.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>

#include "heap.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "number.h"
#include "window.h"

struct buffer {
	struct heap_memory memory;
	struct wl_buffer *wl_buffer;
	bool busy;
};

struct client {
	struct window window;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	uint32_t width, height, stride;
	struct buffer buffers[2];
	uint32_t frames, colour, hold_s;
};

static bool fail(const char *what)
{
	fprintf(stderr, "heap-client: %s: %s\n", what, strerror(errno));
	return false;
}

/* ---- pixels -------------------------------------------------------------------------------- */

/* One colour, and a darker square that moves with the frame. */
static bool draw(const struct client *client, const struct buffer *buffer, uint32_t frame)
{
	if (!heap_begin(&buffer->memory))
		return false;
	uint32_t size = client->height / 4, left = frame * 8 % client->width;
	for (uint32_t y = 0; y < client->height; y++) {
		uint32_t *row = (uint32_t *)buffer->memory.data + (size_t)y * (client->stride / 4);
		for (uint32_t x = 0; x < client->width; x++) {
			bool inside = x >= left && x < left + size && y < size;
			row[x] = inside ? client->colour >> 1 & 0x7f7f7f : client->colour;
		}
	}
	return heap_end(&buffer->memory);
}

/* ---- the wl_buffer ------------------------------------------------------------------------- */

static void handle_release(void *data, struct wl_buffer *wl_buffer)
{
	struct buffer *buffer = data;
	buffer->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void handle_created(
	void *data, struct zwp_linux_buffer_params_v1 *params, struct wl_buffer *wl_buffer)
{
	struct buffer *buffer = data;
	buffer->wl_buffer = wl_buffer;
	wl_buffer_add_listener(wl_buffer, &buffer_listener, buffer);
}

static void handle_failed(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	/* The wl_buffer stays NULL. */
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
	.created = handle_created,
	.failed = handle_failed,
};

static bool import_buffer(struct client *client, struct buffer *buffer)
{
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add_listener(params, &params_listener, buffer);
	zwp_linux_buffer_params_v1_add(params, buffer->memory.fd, 0, 0, client->stride,
		(uint32_t)(DRM_FORMAT_MOD_LINEAR >> 32), (uint32_t)DRM_FORMAT_MOD_LINEAR);
	zwp_linux_buffer_params_v1_create(
		params, (int32_t)client->width, (int32_t)client->height, DRM_FORMAT_XRGB8888, 0);
	window_sync(&client->window);
	zwp_linux_buffer_params_v1_destroy(params);
	if (!buffer->wl_buffer)
		fprintf(stderr, "heap-client: the compositor does not import the buffer\n");
	return buffer->wl_buffer;
}

static bool init_buffers(struct client *client)
{
	client->stride = heap_stride(client->width);
	for (size_t i = 0; i < 2; i++) {
		struct buffer *buffer = &client->buffers[i];
		if (!heap_allocate(&buffer->memory, client->stride, client->height) ||
			!import_buffer(client, buffer))
			return false;
	}
	return true;
}

static void finish_buffers(struct client *client)
{
	for (size_t i = 0; i < 2; i++) {
		struct buffer *buffer = &client->buffers[i];
		if (buffer->wl_buffer)
			wl_buffer_destroy(buffer->wl_buffer);
		heap_free(&buffer->memory);
	}
}

/* ---- frames -------------------------------------------------------------------------------- */

static bool may_go_on(const struct client *client)
{
	return !client->window.closed && !window_interrupted();
}

static struct buffer *free_buffer(struct client *client)
{
	for (size_t i = 0; i < 2; i++) {
		if (!client->buffers[i].busy)
			return &client->buffers[i];
	}
	return NULL;
}

/* Until a frame may be drawn and there is a buffer for it. */
static bool wait_turn(struct client *client)
{
	int64_t deadline = window_now_ms() + WINDOW_PATIENCE_MS;
	while (!window_is_ready(&client->window) || !free_buffer(client)) {
		if (!may_go_on(client))
			return true;
		if (window_now_ms() >= deadline) {
			fprintf(stderr, "heap-client: the compositor gives no buffer back\n");
			return false;
		}
		if (!window_dispatch(&client->window, 100))
			return false;
	}
	return true;
}

static bool show_frame(struct client *client, uint32_t frame)
{
	struct buffer *buffer = free_buffer(client);
	struct wl_surface *surface = client->window.surface;
	if (!draw(client, buffer, frame))
		return false;
	buffer->busy = true;
	window_request_frame(&client->window);
	wl_surface_attach(surface, buffer->wl_buffer, 0, 0);
	wl_surface_damage_buffer(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
	return true;
}

/* Waits for the last frame to be shown, and then as long as was asked for. */
static bool hold(struct client *client)
{
	int64_t end = window_now_ms() + WINDOW_PATIENCE_MS;
	while (!window_is_ready(&client->window) && window_now_ms() < end && may_go_on(client)) {
		if (!window_dispatch(&client->window, 100))
			return false;
	}
	bool shown = window_is_ready(&client->window);
	end = window_now_ms() + (int64_t)client->hold_s * 1000;
	while (window_now_ms() < end && may_go_on(client)) {
		if (!window_dispatch(&client->window, 100))
			return false;
	}
	if (shown || !may_go_on(client))
		return true;
	fprintf(stderr, "heap-client: the compositor did not show the last frame\n");
	return false;
}

static bool run(struct client *client)
{
	uint32_t frames = 0;
	while (frames < client->frames && may_go_on(client)) {
		if (!wait_turn(client))
			return false;
		if (may_go_on(client) && !show_frame(client, frames++))
			return false;
	}
	if (!hold(client))
		return false;
	printf("heap-client: %u frames of %u x %u, shown %u, of these without a copy %u\n", frames,
		client->width, client->height, client->window.presented, client->window.zero_copy);
	return true;
}

/* ---- the program --------------------------------------------------------------------------- */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct client *client = data;
	/* Version 3 has what is needed; the pair that we use is everybody's. */
	if (strcmp(interface, zwp_linux_dmabuf_v1_interface.name) == 0 && version >= 3)
		client->dmabuf =
			wl_registry_bind(registry, name, &zwp_linux_dmabuf_v1_interface, 3);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	/* What is bound stays. */
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static bool run_in_window(struct client *client)
{
	client->width = client->window.width ? (uint32_t)client->window.width : 640;
	client->height = client->window.height ? (uint32_t)client->window.height : 480;
	struct wl_registry *registry = wl_display_get_registry(client->window.display);
	wl_registry_add_listener(registry, &registry_listener, client);
	window_sync(&client->window);
	wl_registry_destroy(registry);
	if (!client->dmabuf) {
		fprintf(stderr, "heap-client: the compositor has no zwp_linux_dmabuf_v1\n");
		return false;
	}
	bool ok = init_buffers(client) && run(client);
	if (wl_display_get_error(client->window.display))
		ok = fail("the connection to the compositor");
	finish_buffers(client);
	zwp_linux_dmabuf_v1_destroy(client->dmabuf);
	return ok;
}

static bool parse(int argc, char **argv, struct client *client)
{
	static const struct option options[] = {
		{"frames", required_argument, NULL, 'n'},
		{"colour", required_argument, NULL, 'c'},
		{"hold", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	int option;
	while ((option = getopt_long(argc, argv, "n:c:s:", options, NULL)) != -1) {
		bool ok = option == 'n' && parse_number(optarg, 10, &client->frames);
		ok |= option == 'c' && parse_number(optarg, 16, &client->colour);
		ok |= option == 's' && parse_number(optarg, 10, &client->hold_s);
		if (!ok)
			return false;
	}
	return optind == argc && client->frames > 0;
}

int main(int argc, char **argv)
{
	struct client client = {
		.frames = 1,
		.colour = 0x3060c0,
		.buffers = {{.memory.fd = -1}, {.memory.fd = -1}},
	};
	if (!parse(argc, argv, &client)) {
		fprintf(stderr,
			"usage: heap-client [--frames N] [--colour RRGGBB] [--hold SECONDS]\n");
		return 2;
	}
	window_catch_signals();
	struct wl_display *display = wl_display_connect(NULL);
	if (!display) {
		fail("no Wayland server; is WAYLAND_DISPLAY right?");
		return 1;
	}
	bool ok = window_init(&client.window, display, "heap-client");
	if (ok) {
		ok = run_in_window(&client);
		window_finish(&client.window);
	}
	wl_display_disconnect(display);
	return ok ? 0 : 1;
}
