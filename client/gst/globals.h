/* SPDX-License-Identifier: MIT */
#ifndef GST_GLOBALS_H
#define GST_GLOBALS_H

#include <stdbool.h>
#include <stdint.h>

#include <wayland-client.h>

struct waybuf_client;

/* What the compositor has, apart from buffers. */
struct globals {
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct xdg_wm_base *wm_base;
	/* NULL: the compositor has none */
	struct wp_viewporter *viewporter;
	struct wp_presentation *presentation;
	struct wp_color_representation_manager_v1 *colours;
	/* by range, a bit for each matrix that it takes */
	uint32_t coefficients[3];
};

/* Binds them and waits for what they say. NULL, or why a window cannot be had; static text. */
const char *globals_init(struct globals *globals, struct waybuf_client *client);
/* All zero is a no-op. */
void globals_finish(struct globals *globals);

#endif
