/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "outputs.h"
#include "xdg-shell-client-protocol.h"

/* ---- what is there ------------------------------------------------------------------------- */

static void handle_geometry(void *data, struct wl_output *output, int32_t x, int32_t y,
	int32_t width_mm, int32_t height_mm, int32_t subpixel, const char *make, const char *model,
	int32_t transform)
{
	struct seen_output *seen = data;
	seen->x = x;
	seen->y = y;
}

static void handle_mode(void *data, struct wl_output *output, uint32_t flags, int32_t width,
	int32_t height, int32_t refresh)
{
	struct seen_output *seen = data;
	seen->width = width;
	seen->height = height;
}

static void handle_done(void *data, struct wl_output *output)
{
	((struct seen_output *)data)->done++;
}

static void handle_scale(void *data, struct wl_output *output, int32_t scale)
{
	((struct seen_output *)data)->scale = scale;
}

static void handle_name(void *data, struct wl_output *output, const char *name)
{
	struct seen_output *seen = data;
	snprintf(seen->name, sizeof(seen->name), "%s", name);
}

static void handle_description(void *data, struct wl_output *output, const char *description) {}

static const struct wl_output_listener output_listener = {
	.geometry = handle_geometry,
	.mode = handle_mode,
	.done = handle_done,
	.scale = handle_scale,
	.name = handle_name,
	.description = handle_description,
};

static void handle_logical_position(void *data, struct zxdg_output_v1 *output, int32_t x, int32_t y)
{
	struct seen_output *seen = data;
	seen->logical_x = x;
	seen->logical_y = y;
}

static void handle_logical_size(
	void *data, struct zxdg_output_v1 *output, int32_t width, int32_t height)
{
	struct seen_output *seen = data;
	seen->logical_width = width;
	seen->logical_height = height;
}

static void handle_xdg_done(void *data, struct zxdg_output_v1 *output) {}

static void handle_xdg_name(void *data, struct zxdg_output_v1 *output, const char *name) {}

static const struct zxdg_output_v1_listener xdg_listener = {
	.logical_position = handle_logical_position,
	.logical_size = handle_logical_size,
	.done = handle_xdg_done,
	.name = handle_xdg_name,
	.description = handle_xdg_name,
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct outputs *outputs = data;
	if (strcmp(interface, wl_output_interface.name) != 0)
		return;
	ck_assert_int_lt(outputs->n, MOST_SEEN);
	struct seen_output *seen = &outputs->list[outputs->n++];
	outputs->added++;
	seen->global = name;
	seen->output = wl_registry_bind(registry, name, &wl_output_interface, 4);
	wl_output_add_listener(seen->output, &output_listener, seen);
	seen->xdg = zxdg_output_manager_v1_get_xdg_output(outputs->manager, seen->output);
	zxdg_output_v1_add_listener(seen->xdg, &xdg_listener, seen);
}

static void forget(struct seen_output *seen)
{
	if (!seen->output)
		return;
	zxdg_output_v1_destroy(seen->xdg);
	wl_output_release(seen->output);
	seen->output = NULL;
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	struct outputs *outputs = data;
	for (int i = 0; i < outputs->n; i++) {
		if (outputs->list[i].global != name || !outputs->list[i].output)
			continue;
		forget(&outputs->list[i]);
		outputs->removed++;
	}
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

void outputs_init(struct outputs *outputs, struct client *client)
{
	*outputs = (struct outputs){.client = client};
	outputs->manager = client_bind(client, &zxdg_output_manager_v1_interface, 3);
	outputs->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(outputs->registry, &registry_listener, outputs);
	client_sync(client);
	client_sync(client);
}

void outputs_finish(struct outputs *outputs)
{
	for (int i = 0; i < outputs->n; i++)
		forget(&outputs->list[i]);
	wl_registry_destroy(outputs->registry);
	zxdg_output_manager_v1_destroy(outputs->manager);
}

struct seen_output *outputs_get(struct outputs *outputs, const char *name)
{
	for (int i = 0; i < outputs->n; i++)
		if (outputs->list[i].output && strcmp(outputs->list[i].name, name) == 0)
			return &outputs->list[i];
	return NULL;
}

/* ---- windows ------------------------------------------------------------------------------- */

static void handle_enter(void *data, struct wl_surface *surface, struct wl_output *output)
{
	struct placed *placed = data;
	/* the fixture has bound one as well */
	if (output == placed->window.client->output)
		return;
	placed->on = output;
	placed->entered++;
}

static void handle_leave(void *data, struct wl_surface *surface, struct wl_output *output)
{
	struct placed *placed = data;
	if (output == placed->window.client->output)
		return;
	if (placed->on == output)
		placed->on = NULL;
	placed->left++;
}

static const struct wl_surface_listener surface_listener = {
	.enter = handle_enter,
	.leave = handle_leave,
};

void placed_init(struct placed *placed, struct client *client, const struct seen_output *output,
	enum picture_memory memory, uint32_t seed)
{
	*placed = (struct placed){0};
	window_init(&placed->window, client);
	wl_surface_add_listener(placed->window.surface, &surface_listener, placed);
	if (output) {
		xdg_toplevel_set_fullscreen(placed->window.toplevel, output->output);
		client_sync(client);
	}
	picture_init(client, &placed->picture, memory, (uint32_t)placed->window.width,
		(uint32_t)placed->window.height, DRM_FORMAT_XRGB8888);
	picture_draw(&placed->picture, seed);
}

void placed_finish(struct placed *placed)
{
	picture_finish(&placed->picture);
	window_finish(&placed->window);
}

void placed_redraw(struct placed *placed, enum picture_memory memory, uint32_t seed)
{
	struct client *client = placed->window.client;
	picture_finish(&placed->picture);
	picture_init(client, &placed->picture, memory, (uint32_t)placed->window.width,
		(uint32_t)placed->window.height, DRM_FORMAT_XRGB8888);
	picture_draw(&placed->picture, seed);
}

void expect_on(struct client *client, const struct seen_output *output, struct picture *picture)
{
	struct client eye = *client;
	struct picture capture;
	eye.output = output->output;
	eye.width = output->width;
	eye.height = output->height;
	capture_output(&eye, &capture);
	for (uint32_t y = 0; y < capture.height; y += 3) {
		for (uint32_t x = 0; x < capture.width; x += 7) {
			bool inside = picture && x < picture->width && y < picture->height;
			uint32_t wanted = inside ? picture_pixel(picture, x, y) & 0xffffff : 0;
			if ((picture_pixel(&capture, x, y) & 0xffffff) != wanted)
				ck_abort_msg(
					"%s shows something else at %u,%u", output->name, x, y);
		}
	}
	picture_finish(&capture);
}
