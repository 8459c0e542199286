/* SPDX-License-Identifier: MIT */
#include "globals.h"

#include <string.h>

#include <gst/gst.h>
#include <waybuf/client.h>

#include "color-representation-v1-client-protocol.h"
#include "presentation-time-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define PATIENCE_US (5 * G_USEC_PER_SEC)

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {.ping = handle_ping};

static void handle_alpha_mode(
	void *data, struct wp_color_representation_manager_v1 *manager, uint32_t mode)
{
	/* Films are opaque. */
}

static void handle_pair(void *data, struct wp_color_representation_manager_v1 *manager,
	uint32_t coefficients, uint32_t range)
{
	struct globals *globals = data;
	if (coefficients < 32 && range < G_N_ELEMENTS(globals->coefficients))
		globals->coefficients[range] |= UINT32_C(1) << coefficients;
}

static void handle_colours_done(void *data, struct wp_color_representation_manager_v1 *manager)
{
	/* All are here after the second round trip. */
}

static const struct wp_color_representation_manager_v1_listener colours_listener = {
	.supported_alpha_mode = handle_alpha_mode,
	.supported_coefficients_and_ranges = handle_pair,
	.done = handle_colours_done,
};

static bool is(const char *name, const struct wl_interface *interface)
{
	return strcmp(name, interface->name) == 0;
}

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct globals *g = data;
	if (is(interface, &wl_compositor_interface) && !g->compositor) {
		g->compositor = wl_registry_bind(
			registry, name, &wl_compositor_interface, version < 4 ? version : 4);
	} else if (is(interface, &xdg_wm_base_interface) && !g->wm_base) {
		g->wm_base = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
		xdg_wm_base_add_listener(g->wm_base, &wm_base_listener, NULL);
	} else if (is(interface, &wp_viewporter_interface) && !g->viewporter) {
		g->viewporter = wl_registry_bind(registry, name, &wp_viewporter_interface, 1);
	} else if (is(interface, &wp_presentation_interface) && !g->presentation) {
		g->presentation = wl_registry_bind(registry, name, &wp_presentation_interface, 1);
	} else if (is(interface, &wp_color_representation_manager_v1_interface) && !g->colours) {
		g->colours = wl_registry_bind(
			registry, name, &wp_color_representation_manager_v1_interface, 1);
		wp_color_representation_manager_v1_add_listener(g->colours, &colours_listener, g);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	/* None of those bound here ever goes away. */
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void handle_sync(void *data, struct wl_callback *callback, uint32_t serial)
{
	*(bool *)data = true;
}

static const struct wl_callback_listener sync_listener = {.done = handle_sync};

static bool round_trip(struct waybuf_client *client)
{
	bool done = false;
	int64_t end = g_get_monotonic_time() + PATIENCE_US;
	struct wl_callback *callback = wl_display_sync(waybuf_client_get_display(client));
	wl_callback_add_listener(callback, &sync_listener, &done);
	while (!done && g_get_monotonic_time() < end && waybuf_client_dispatch(client, 100) >= 0)
		;
	wl_callback_destroy(callback);
	return done;
}

const char *globals_init(struct globals *globals, struct waybuf_client *client)
{
	*globals = (struct globals){
		.registry = wl_display_get_registry(waybuf_client_get_display(client))};
	wl_registry_add_listener(globals->registry, &registry_listener, globals);
	if (!round_trip(client) || !round_trip(client))
		return "the Wayland server does not answer";
	if (!globals->compositor)
		return "the Wayland server shows no windows: it has no wl_compositor";
	if (!globals->wm_base)
		return "the Wayland server shows no windows: it has no xdg_wm_base";
	return NULL;
}

void globals_finish(struct globals *globals)
{
	if (globals->colours)
		wp_color_representation_manager_v1_destroy(globals->colours);
	if (globals->presentation)
		wp_presentation_destroy(globals->presentation);
	if (globals->viewporter)
		wp_viewporter_destroy(globals->viewporter);
	if (globals->wm_base)
		xdg_wm_base_destroy(globals->wm_base);
	if (globals->compositor)
		wl_compositor_destroy(globals->compositor);
	if (globals->registry)
		wl_registry_destroy(globals->registry);
	*globals = (struct globals){0};
}
