/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "bench.h"
#include "client.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "wl_globals.h"
#include "xdg-shell-client-protocol.h"

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {.ping = handle_ping};

static void handle_geometry(void *data, struct wl_output *output, int32_t x, int32_t y,
	int32_t width, int32_t height, int32_t subpixel, const char *make, const char *model,
	int32_t transform)
{
}

static void handle_mode(void *data, struct wl_output *output, uint32_t flags, int32_t width,
	int32_t height, int32_t refresh)
{
	struct bench_client *client = data;
	client->width = width;
	client->height = height;
}

static const struct wl_output_listener output_listener = {
	.geometry = handle_geometry,
	.mode = handle_mode,
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct bench_client *client = data;
	const struct wl_wanted wanted[] = {
		{&wl_compositor_interface, &client->compositor, 4},
		{&wl_output_interface, &client->output, 1},
		{&xdg_wm_base_interface, &client->wm_base, 1},
		{&wp_presentation_interface, &client->presentation, 1},
		{&zwp_linux_dmabuf_v1_interface, &client->dmabuf, 4},
		{&waybuf_allocator_v1_interface, &client->allocator, 1},
		{&wp_linux_drm_syncobj_manager_v1_interface, &client->syncobj, 1},
	};
	wl_wanted_bind(
		wanted, sizeof(wanted) / sizeof(wanted[0]), registry, name, interface, version);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

void bench_client_connect(struct bench_client *client, const struct bench_server *server)
{
	*client = (struct bench_client){.display = wl_display_connect(server->socket)};
	if (!client->display)
		bench_fail("%s: %s", server->socket, strerror(errno));
	client->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(client->registry, &registry_listener, client);
	bench_client_sync(client);
	if (!client->compositor || !client->output || !client->wm_base || !client->presentation ||
		!client->allocator)
		bench_fail("waybufd lacks a global");
	wl_output_add_listener(client->output, &output_listener, client);
	xdg_wm_base_add_listener(client->wm_base, &wm_base_listener, NULL);
	bench_client_sync(client);
}

void bench_client_disconnect(struct bench_client *client)
{
	if (client->syncobj)
		wp_linux_drm_syncobj_manager_v1_destroy(client->syncobj);
	waybuf_allocator_v1_destroy(client->allocator);
	if (client->dmabuf)
		zwp_linux_dmabuf_v1_destroy(client->dmabuf);
	wp_presentation_destroy(client->presentation);
	xdg_wm_base_destroy(client->wm_base);
	wl_output_destroy(client->output);
	wl_compositor_destroy(client->compositor);
	wl_registry_destroy(client->registry);
	wl_display_disconnect(client->display);
}

static _Noreturn void fail_display(struct bench_client *client)
{
	bench_fail("the connection to waybufd broke: %s",
		strerror(wl_display_get_error(client->display)));
}

void bench_client_sync(struct bench_client *client)
{
	if (wl_display_roundtrip(client->display) < 0)
		fail_display(client);
}

void bench_client_wait(struct bench_client *client, const unsigned *count, unsigned least)
{
	while (*count < least)
		if (wl_display_dispatch(client->display) < 0)
			fail_display(client);
}
