/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <time.h>

#include "daemon_fixture.h"
#include "doings.h"
#include "ext-image-capture-source-v1-client-protocol.h"
#include "ext-image-copy-capture-v1-client-protocol.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "security-context-v1-client-protocol.h"
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
	struct client *client = data;
	client->width = width;
	client->height = height;
}

static const struct wl_output_listener output_listener = {
	.geometry = handle_geometry,
	.mode = handle_mode,
};

static void handle_capabilities_of_seat(void *data, struct wl_seat *seat, uint32_t capabilities)
{
	struct client *client = data;
	client->capabilities = capabilities;
}

static void handle_seat_name(void *data, struct wl_seat *seat, const char *name) {}

static const struct wl_seat_listener seat_listener = {
	.capabilities = handle_capabilities_of_seat,
	.name = handle_seat_name,
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct client *client = data;
	const struct wl_wanted wanted[] = {
		{&wl_compositor_interface, &client->compositor, 6},
		{&wl_subcompositor_interface, &client->subcompositor, 1},
		{&wl_shm_interface, &client->shm, 2},
		{&wl_output_interface, &client->output, 1},
		{&wl_seat_interface, &client->seat, 8},
		{&wl_data_device_manager_interface, &client->data_devices, 3},
		{&xdg_wm_base_interface, &client->wm_base, 6},
		{&wp_presentation_interface, &client->presentation, 2},
		{&zwp_linux_dmabuf_v1_interface, &client->dmabuf, 4},
		{&wp_linux_drm_syncobj_manager_v1_interface, &client->syncobj, 1},
		{&ext_image_copy_capture_manager_v1_interface, &client->captures, 1},
		{&ext_output_image_capture_source_manager_v1_interface, &client->sources, 1},
		{&wp_security_context_manager_v1_interface, &client->contexts, 1},
	};
	client->monitor |= strcmp(interface, "waybuf_monitor_v1") == 0;
	wl_wanted_bind(
		wanted, sizeof(wanted) / sizeof(wanted[0]), registry, name, interface, version);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void greet(struct client *client)
{
	ck_assert_ptr_nonnull(client->display);
	client->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(client->registry, &registry_listener, client);
	ck_assert(client_sync(client));
	xdg_wm_base_add_listener(client->wm_base, &wm_base_listener, client);
	if (client->seat)
		wl_seat_add_listener(client->seat, &seat_listener, client);
	if (!client->output)
		return;
	wl_output_add_listener(client->output, &output_listener, client);
	ck_assert(client_sync(client));
	ck_assert_int_gt(client->width, 0);
}

struct search {
	const struct wl_interface *interface;
	uint32_t version;
	void *proxy;
};

static void handle_sought(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct search *search = data;
	if (!search->proxy && strcmp(interface, search->interface->name) == 0)
		search->proxy = wl_registry_bind(registry, name, search->interface,
			version < search->version ? version : search->version);
}

static const struct wl_registry_listener search_listener = {
	.global = handle_sought,
	.global_remove = handle_global_remove,
};

void *client_bind(struct client *client, const struct wl_interface *interface, uint32_t version)
{
	struct search search = {interface, version, NULL};
	struct wl_registry *registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(registry, &search_listener, &search);
	ck_assert(client_sync(client));
	wl_registry_destroy(registry);
	return search.proxy;
}

void client_listen(struct client *client, struct doings *doings)
{
	if (!client->seat) {
		*doings = (struct doings){0};
		return;
	}
	struct wl_seat *seat = client_bind(client, &wl_seat_interface, 4);
	doings_init(doings, seat, client->capabilities);
	wl_seat_destroy(seat);
}

void client_connect(struct client *client, const struct daemon *daemon)
{
	char path[128];
	*client = (struct client){0};
	snprintf(path, sizeof(path), "%s/test", daemon->folder);
	client->display = wl_display_connect(path);
	greet(client);
}

void client_connect_to(struct client *client, int socket)
{
	*client = (struct client){.display = wl_display_connect_to_fd(socket)};
	greet(client);
}

static void destroy_proxy(void *proxy)
{
	if (proxy)
		wl_proxy_destroy(proxy);
}

void client_disconnect(struct client *client)
{
	destroy_proxy(client->contexts);
	destroy_proxy(client->sources);
	destroy_proxy(client->captures);
	destroy_proxy(client->syncobj);
	destroy_proxy(client->dmabuf);
	destroy_proxy(client->presentation);
	destroy_proxy(client->wm_base);
	destroy_proxy(client->data_devices);
	destroy_proxy(client->seat);
	destroy_proxy(client->output);
	destroy_proxy(client->shm);
	destroy_proxy(client->subcompositor);
	destroy_proxy(client->compositor);
	destroy_proxy(client->registry);
	wl_display_disconnect(client->display);
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool dispatch(struct client *client, int64_t ms)
{
	while (wl_display_prepare_read(client->display) < 0)
		if (wl_display_dispatch_pending(client->display) < 0)
			return false;
	wl_display_flush(client->display);
	struct pollfd poll_fd = {.fd = wl_display_get_fd(client->display), .events = POLLIN};
	if (poll(&poll_fd, 1, (int)ms) != 1)
		wl_display_cancel_read(client->display);
	else if (wl_display_read_events(client->display) < 0)
		return false;
	return wl_display_dispatch_pending(client->display) >= 0;
}

bool client_wait(struct client *client, const int *flag, int count, int ms)
{
	int64_t end = now_ms() + ms, left;
	while (*flag < count && (left = end - now_ms()) > 0)
		if (!dispatch(client, left))
			return false;
	return *flag >= count;
}

static void handle_done(void *data, struct wl_callback *callback, uint32_t value)
{
	++*(int *)data;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener callback_listener = {.done = handle_done};

void callback_count(struct wl_callback *callback, int *count)
{
	wl_callback_add_listener(callback, &callback_listener, count);
}

bool client_sync(struct client *client)
{
	int done = 0;
	struct wl_callback *callback = wl_display_sync(client->display);
	wl_callback_add_listener(callback, &callback_listener, &done);
	bool answered = client_wait(client, &done, 1, PATIENCE_MS);
	if (!done)
		wl_callback_destroy(callback);
	return answered;
}

/* ---- windows ------------------------------------------------------------------------------- */

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct window *window = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	window->configured++;
}

static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_configure};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states)
{
	struct window *window = data;
	window->width = width;
	window->height = height;
}

static void handle_close(void *data, struct xdg_toplevel *toplevel) {}

static void handle_bounds(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height)
{
}

static void handle_capabilities(
	void *data, struct xdg_toplevel *toplevel, struct wl_array *capabilities)
{
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure,
	.close = handle_close,
	.configure_bounds = handle_bounds,
	.wm_capabilities = handle_capabilities,
};

void window_init(struct window *window, struct client *client)
{
	*window = (struct window){.client = client};
	window->surface = wl_compositor_create_surface(client->compositor);
	window->xdg_surface = xdg_wm_base_get_xdg_surface(client->wm_base, window->surface);
	xdg_surface_add_listener(window->xdg_surface, &xdg_surface_listener, window);
	window->toplevel = xdg_surface_get_toplevel(window->xdg_surface);
	xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, window);
	wl_surface_commit(window->surface);
	ck_assert(client_wait(client, &window->configured, 1, PATIENCE_MS));
}

void window_finish(struct window *window)
{
	xdg_toplevel_destroy(window->toplevel);
	xdg_surface_destroy(window->xdg_surface);
	wl_surface_destroy(window->surface);
}

static void handle_sync_output(
	void *data, struct wp_presentation_feedback *feedback, struct wl_output *output)
{
	struct window *window = data;
	window->outputs++;
}

static void handle_presented(void *data, struct wp_presentation_feedback *feedback, uint32_t sec_hi,
	uint32_t sec_lo, uint32_t nsec, uint32_t refresh, uint32_t seq_hi, uint32_t seq_lo,
	uint32_t flags)
{
	struct window *window = data;
	window->presented++;
	window->flags = flags;
	window->sequence = seq_lo;
	window->presented_ns = ((uint64_t)sec_hi << 32 | sec_lo) * 1000000000 + nsec;
	wp_presentation_feedback_destroy(feedback);
}

static void handle_discarded(void *data, struct wp_presentation_feedback *feedback)
{
	struct window *window = data;
	window->discarded++;
	wp_presentation_feedback_destroy(feedback);
}

static const struct wp_presentation_feedback_listener feedback_listener = {
	.sync_output = handle_sync_output,
	.presented = handle_presented,
	.discarded = handle_discarded,
};

void window_ask(struct window *window)
{
	wp_presentation_feedback_add_listener(
		wp_presentation_feedback(window->client->presentation, window->surface),
		&feedback_listener, window);
}

void window_commit(struct window *window, struct picture *picture)
{
	struct wl_callback *callback = wl_surface_frame(window->surface);
	wl_callback_add_listener(callback, &callback_listener, &window->frames);
	window_ask(window);
	wl_surface_attach(window->surface, picture->buffer, 0, 0);
	wl_surface_damage_buffer(window->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(window->surface);
}

void window_show(struct window *window, struct picture *picture)
{
	int presented = window->presented;
	window_commit(window, picture);
	ck_assert_msg(client_wait(window->client, &window->presented, presented + 1, PATIENCE_MS),
		"a frame was not shown; error %d", wl_display_get_error(window->client->display));
}
