/* SPDX-License-Identifier: MIT */
#include <presentation-time-client-protocol.h>
#include <signal.h>

#include "alpha-modifier-v1-client-protocol.h"
#include "color-representation-v1-client-protocol.h"
#include "daemon_fixture.h"
#include "reference.h"
#include "single-pixel-buffer-v1-client-protocol.h"
#include "util/fourcc.h"
#include "viewporter-client-protocol.h"

/*
 * YUV of 8 and 10 bits, and straight alpha, against the reference: on planes, composed, and scaled.
 * Unscaled they may be off by one code.
 */

enum { WIDTH = 640, HEIGHT = 480 };

#define COEFFICIENTS(name) WP_COLOR_REPRESENTATION_SURFACE_V1_COEFFICIENTS_##name
#define RANGE(name) WP_COLOR_REPRESENTATION_SURFACE_V1_RANGE_##name

struct scene {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct wp_viewporter *viewporter;
	struct wp_viewport *viewport;
	struct wp_color_representation_manager_v1 *manager;
	struct wp_color_representation_surface_v1 *color;
	/* a dot above the window, so that there is no plane for that */
	struct wl_surface *dot;
	struct wl_subsurface *subsurface;
	struct wp_viewport *dot_viewport;
	struct wl_buffer *pixel;
	int offered, done;
};

static void handle_alpha_mode(
	void *data, struct wp_color_representation_manager_v1 *manager, uint32_t mode)
{
	ck_assert(mode == WP_COLOR_REPRESENTATION_SURFACE_V1_ALPHA_MODE_PREMULTIPLIED_ELECTRICAL ||
		mode == WP_COLOR_REPRESENTATION_SURFACE_V1_ALPHA_MODE_STRAIGHT);
	((struct scene *)data)->offered++;
}

static void handle_pair(void *data, struct wp_color_representation_manager_v1 *manager,
	uint32_t coefficients, uint32_t range)
{
	((struct scene *)data)->offered++;
}

static void handle_done(void *data, struct wp_color_representation_manager_v1 *manager)
{
	((struct scene *)data)->done++;
}

static const struct wp_color_representation_manager_v1_listener manager_listener = {
	.supported_alpha_mode = handle_alpha_mode,
	.supported_coefficients_and_ranges = handle_pair,
	.done = handle_done,
};

static void make_dot(struct scene *scene)
{
	struct wp_single_pixel_buffer_manager_v1 *pixels =
		client_bind(&scene->client, &wp_single_pixel_buffer_manager_v1_interface, 1);
	scene->pixel = wp_single_pixel_buffer_manager_v1_create_u32_rgba_buffer(
		pixels, 0, 0, 0, UINT32_MAX);
	wp_single_pixel_buffer_manager_v1_destroy(pixels);
	scene->dot = wl_compositor_create_surface(scene->client.compositor);
	scene->subsurface = wl_subcompositor_get_subsurface(
		scene->client.subcompositor, scene->dot, scene->window.surface);
	scene->dot_viewport = wp_viewporter_get_viewport(scene->viewporter, scene->dot);
}

static void begin(struct scene *scene)
{
	static const char *const options[] = {"--mode", "640x480", NULL};
	*scene = (struct scene){.done = 0};
	daemon_start(&scene->daemon, options);
	client_connect(&scene->client, &scene->daemon);
	window_init(&scene->window, &scene->client);
	scene->viewporter = client_bind(&scene->client, &wp_viewporter_interface, 1);
	scene->viewport = wp_viewporter_get_viewport(scene->viewporter, scene->window.surface);
	scene->manager =
		client_bind(&scene->client, &wp_color_representation_manager_v1_interface, 1);
	wp_color_representation_manager_v1_add_listener(scene->manager, &manager_listener, scene);
	ck_assert(client_wait(&scene->client, &scene->done, 1, PATIENCE_MS));
	ck_assert_int_eq(scene->offered, 2 + 7);
	make_dot(scene);
}

static void end(struct scene *scene)
{
	wp_color_representation_manager_v1_destroy(scene->manager);
	wp_viewport_destroy(scene->dot_viewport);
	wl_subsurface_destroy(scene->subsurface);
	wl_surface_destroy(scene->dot);
	wl_buffer_destroy(scene->pixel);
	wp_viewport_destroy(scene->viewport);
	wp_viewporter_destroy(scene->viewporter);
	window_finish(&scene->window);
	client_disconnect(&scene->client);
	ck_assert_int_eq(daemon_stop(&scene->daemon, SIGTERM), 0);
}

/* Each code of luma, and each of chroma, with codes that a limited range has not got. */
static uint32_t code(uint32_t x, uint32_t y, int channel, uint32_t most)
{
	uint32_t value = channel == 0 ? x * 3 + y * 2 : channel == 1 ? x * 5 + 77 : y * 5 + 33;
	value = most == 255 ? value : value * 4 + x % 4;
	value %= 2 * most;
	return value > most ? 2 * most - value : value;
}

static void put(struct picture *picture, size_t index, uint32_t value)
{
	if (picture->format == DRM_FORMAT_NV12)
		picture->pixels[index] = (uint8_t)value;
	else
		((uint16_t *)(void *)picture->pixels)[index] =
			(uint16_t)(picture->format == DRM_FORMAT_P010 ? value << 6 : value);
}

static void draw(struct picture *picture)
{
	const uint32_t most = picture->format == DRM_FORMAT_NV12 ? 255 : 1023;
	const uint32_t width = picture->width, height = picture->height;
	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width; x++)
			put(picture, (size_t)y * width + x, code(x, y, 0, most));
	const bool planar = picture->format == DRM_FORMAT_S010;
	for (uint32_t y = 0; y < height / 2; y++)
		for (uint32_t x = 0; x < width / 2; x++)
			for (uint32_t c = 0; c < 2; c++) {
				uint32_t at = planar ? (c * height / 2 + y) * (width / 2) + x
						     : y * width + x * 2 + c;
				put(picture, (size_t)height * width + at,
					code(x, y, 1 + (int)c, most));
			}
}

static const struct color {
	const char *name;
	uint32_t coefficients, range; /* 0: nothing is said */
	struct reference_color reference;
} colors[] = {
	{"as it is", 0, 0, {.kr = 0}},
	{"BT.601, limited", COEFFICIENTS(BT601), RANGE(LIMITED), {0.299, 0.114, false, false}},
	{"BT.601, full", COEFFICIENTS(BT601), RANGE(FULL), {0.299, 0.114, true, false}},
	{"BT.709, limited", COEFFICIENTS(BT709), RANGE(LIMITED), {0.2126, 0.0722, false, false}},
	{"BT.709, full", COEFFICIENTS(BT709), RANGE(FULL), {0.2126, 0.0722, true, false}},
	{"BT.2020, limited", COEFFICIENTS(BT2020), RANGE(LIMITED), {0.2627, 0.0593, false, false}},
	{"BT.2020, full", COEFFICIENTS(BT2020), RANGE(FULL), {0.2627, 0.0593, true, false}},
};

static bool is_direct(const struct scene *scene)
{
	return scene->window.flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY;
}

/* In the middle. @dotted: composed, with a black dot in a corner. */
static void show(struct scene *scene, struct picture *picture, const struct color *color,
	bool dotted, int tolerance)
{
	uint32_t black = 0;
	struct picture dot = {.pixels = (uint8_t *)&black,
		.width = 1,
		.height = 1,
		.stride = 4,
		.format = DRM_FORMAT_XRGB8888};
	struct reference_layer layers[] = {
		{.picture = picture, .color = color->reference},
		{.picture = &dot, .width = 2, .height = 2},
	};
	if (tolerance == 3)
		layers[0].width = 500, layers[0].height = 333;
	uint32_t width, height;
	reference_size(&layers[0], &width, &height);
	layers[0].x = layers[1].x = (int32_t)(WIDTH - width) / 2;
	layers[0].y = layers[1].y = (int32_t)(HEIGHT - height) / 2;
	scene->color = wp_color_representation_manager_v1_get_surface(
		scene->manager, scene->window.surface);
	if (color->coefficients)
		wp_color_representation_surface_v1_set_coefficients_and_range(
			scene->color, color->coefficients, color->range);
	wp_color_representation_surface_v1_set_chroma_location(
		scene->color, WP_COLOR_REPRESENTATION_SURFACE_V1_CHROMA_LOCATION_TYPE_0);
	if (tolerance == 3)
		wp_viewport_set_destination(scene->viewport, 500, 333);
	else
		wp_viewport_set_destination(scene->viewport, -1, -1);
	wp_viewport_set_destination(scene->dot_viewport, 2, 2);
	wl_surface_attach(scene->dot, dotted ? scene->pixel : NULL, 0, 0);
	wl_surface_commit(scene->dot);
	window_show(&scene->window, picture);
	printf("# %s: %s\n", color->name, is_direct(scene) ? "direct" : "composed");
	fflush(stdout);
	if (dotted || tolerance == 3)
		ck_assert(!is_direct(scene));
	reference_check(&scene->client, 0, layers, dotted ? 2 : 1, tolerance);
	wp_color_representation_surface_v1_destroy(scene->color);
}

static void show_colors(uint32_t format)
{
	struct scene scene;
	struct picture picture;
	/* vkms takes the upper ten bits of sixteen for all of them, which is one code more at most */
	const int by_plane = format == DRM_FORMAT_NV12 ? 1 : 2;
	begin(&scene);
	picture_init(&scene.client, &picture, PICTURE_DMABUF, 320, 256, format);
	draw(&picture);
	for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++) {
		show(&scene, &picture, &colors[i], true, 1);
		show(&scene, &picture, &colors[i], false, by_plane);
		/* vkms has all of these */
		ck_assert(is_direct(&scene) || format != DRM_FORMAT_NV12);
	}
	show(&scene, &picture, &colors[3], false, 3);
	picture_finish(&picture);
	end(&scene);
}

TEST(nv12)
{
	show_colors(DRM_FORMAT_NV12);
}

TEST(p010)
{
	show_colors(DRM_FORMAT_P010);
}

/* For composition where the planes have it not. */
TEST(s010)
{
	show_colors(DRM_FORMAT_S010);
}

/* Colours that are not multiplied with alpha yet, as they are and faded. */
TEST(straight_alpha)
{
	struct scene scene;
	struct picture picture, below;
	begin(&scene);
	picture_init(&scene.client, &picture, PICTURE_DMABUF, 300, 200, DRM_FORMAT_ARGB8888);
	picture_init(&scene.client, &below, PICTURE_DMABUF, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888);
	picture_draw(&below, 8);
	for (uint32_t i = 0; i < 300 * 200; i++)
		((uint32_t *)(void *)picture.pixels)[i] = (i * 7) << 24 | (i * 977 & 0xffffff);
	struct wl_surface *surface = scene.dot;
	struct wp_alpha_modifier_v1 *manager =
		client_bind(&scene.client, &wp_alpha_modifier_v1_interface, 1);
	struct wp_alpha_modifier_surface_v1 *modifier =
		wp_alpha_modifier_v1_get_surface(manager, surface);
	scene.color = wp_color_representation_manager_v1_get_surface(scene.manager, surface);
	wp_color_representation_surface_v1_set_alpha_mode(
		scene.color, WP_COLOR_REPRESENTATION_SURFACE_V1_ALPHA_MODE_STRAIGHT);
	struct reference_layer layers[] = {
		{.picture = &below}, {.picture = &picture, .color = {.straight = true}}};
	for (int i = 0; i < 2; i++) {
		wl_surface_attach(surface, picture.buffer, 0, 0);
		wl_surface_commit(surface);
		window_show(&scene.window, &below);
		reference_check(&scene.client, 0, layers, 2, 1);
		layers[1].transparency = 0.5;
		wp_alpha_modifier_surface_v1_set_multiplier(modifier, UINT32_MAX / 2);
	}
	/* without the object it is premultiplied again, which black is in any case */
	wp_color_representation_surface_v1_destroy(scene.color);
	memset(picture.pixels, 0, picture.size);
	wl_surface_attach(surface, picture.buffer, 0, 0);
	wl_surface_commit(surface);
	window_show(&scene.window, &below);
	reference_check(&scene.client, 0, layers, 1, 0);
	wp_alpha_modifier_surface_v1_destroy(modifier);
	wp_alpha_modifier_v1_destroy(manager);
	picture_finish(&picture);
	picture_finish(&below);
	end(&scene);
}

TEST_TIMEOUT(240)
TEST_MAIN("daemon-video")
