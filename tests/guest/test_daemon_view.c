/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <presentation-time-client-protocol.h>
#include <signal.h>

#include "alpha-modifier-v1-client-protocol.h"
#include "daemon_fixture.h"
#include "reference.h"
#include "single-pixel-buffer-v1-client-protocol.h"
#include "viewporter-client-protocol.h"

/*
 * Cropped, scaled and turned surfaces: the output's picture, which the writeback connector of vkms
 * delivers, against the reference. Exact where it is pixel for pixel, by a plane or composed; within
 * three codes where it is scaled.
 */

enum { WIDTH = 640, HEIGHT = 480 };

struct scene {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct wp_viewporter *viewporter;
	struct wp_viewport *viewport;
};

static void begin(struct scene *scene)
{
	static const char *const options[] = {"--mode", "640x480", NULL};
	*scene = (struct scene){.viewport = NULL};
	daemon_start(&scene->daemon, options);
	client_connect(&scene->client, &scene->daemon);
	window_init(&scene->window, &scene->client);
	scene->viewporter = client_bind(&scene->client, &wp_viewporter_interface, 1);
	scene->viewport = wp_viewporter_get_viewport(scene->viewporter, scene->window.surface);
}

static void end(struct scene *scene)
{
	wp_viewport_destroy(scene->viewport);
	wp_viewporter_destroy(scene->viewporter);
	window_finish(&scene->window);
	client_disconnect(&scene->client);
	ck_assert_int_eq(daemon_stop(&scene->daemon, SIGTERM), 0);
}

static bool is_direct(const struct window *window)
{
	return window->flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY;
}

static wl_fixed_t fixed(double value)
{
	return wl_fixed_from_double(value);
}

struct case_view {
	const char *name;
	uint32_t width, height; /* of the buffer */
	int transform, scale;
	double x, y, source_width, source_height;
	uint32_t shown_width, shown_height; /* of the destination; 0: none */
	bool exact; /* pixel for pixel */
};

static const struct case_view views[] = {
	{"a crop", 320, 240, 0, 1, 33, 17, 200, 100, 0, 0, true},
	{"a crop to one pixel", 320, 240, 0, 1, 319, 239, 1, 1, 0, 0, true},
	{"a crop of what is scaled", 320, 240, 0, 2, 20, 30, 100, 60, 200, 120, true},
	{"a crop of what is turned", 320, 240, 1, 1, 10, 20, 200, 280, 0, 0, true},
	{"a crop of what is mirrored and turned", 320, 240, 7, 1, 10, 20, 200, 280, 0, 0, true},
	{"the size that it has", 320, 240, 0, 1, 0, 0, 0, 0, 320, 240, true},
	{"larger", 64, 48, 0, 1, 0, 0, 0, 0, 600, 400, false},
	{"smaller", 600, 400, 0, 1, 0, 0, 0, 0, 331, 217, false},
	{"wider and lower", 200, 200, 0, 1, 0, 0, 0, 0, 600, 100, false},
	{"parts of pixels", 320, 240, 0, 1, 10.25, 20.5, 150.75, 99.125, 400, 300, false},
	{"parts of pixels, unscaled", 320, 240, 0, 1, 10.5, 20.25, 150, 100, 150, 100, false},
	{"less than a pixel", 320, 240, 0, 1, 10.25, 20.5, 0.5, 0.5, 100, 100, false},
	{"parts of pixels, turned", 320, 240, 3, 2, 5.25, 7.5, 60.5, 90.25, 250, 310, false},
	{"parts of pixels, mirrored", 320, 240, 6, 1, 5.25, 7.5, 60.5, 90.25, 250, 310, false},
	{"larger than the output", 320, 240, 5, 1, 0, 0, 0, 0, 1000, 900, false},
	{"as large as can be", 320, 240, 0, 1, 0, 0, 0, 0, INT32_MAX, INT32_MAX, false},
};

static void set(struct scene *scene, const struct case_view *view)
{
	bool has_source = view->source_width > 0;
	wl_surface_set_buffer_transform(scene->window.surface, view->transform);
	wl_surface_set_buffer_scale(scene->window.surface, view->scale);
	wp_viewport_set_source(scene->viewport, has_source ? fixed(view->x) : fixed(-1),
		has_source ? fixed(view->y) : fixed(-1),
		has_source ? fixed(view->source_width) : fixed(-1),
		has_source ? fixed(view->source_height) : fixed(-1));
	wp_viewport_set_destination(scene->viewport,
		view->shown_width ? (int32_t)view->shown_width : -1,
		view->shown_height ? (int32_t)view->shown_height : -1);
}

/* In the middle of the output, as every window is. */
static struct reference_layer layer_of(const struct case_view *view, struct picture *picture)
{
	struct reference_layer layer = {
		.picture = picture,
		.transform = view->transform,
		.scale = view->scale,
		.source_x = view->x,
		.source_y = view->y,
		.source_width = view->source_width,
		.source_height = view->source_height,
		.width = view->shown_width,
		.height = view->shown_height,
	};
	reference_size(&layer, &layer.width, &layer.height);
	layer.x = (int32_t)((WIDTH - (int64_t)layer.width) / 2);
	layer.y = (int32_t)((HEIGHT - (int64_t)layer.height) / 2);
	return layer;
}

static void show(struct scene *scene, const struct case_view *view, enum picture_memory memory)
{
	struct picture picture;
	picture_init(
		&scene->client, &picture, memory, view->width, view->height, DRM_FORMAT_XRGB8888);
	if (view->exact)
		picture_draw(&picture, 1);
	else
		reference_draw(&picture, 1);
	set(scene, view);
	window_show(&scene->window, &picture);
	const struct reference_layer layer = layer_of(view, &picture);
	printf("# %s: %s\n", view->name, is_direct(&scene->window) ? "direct" : "composed");
	fflush(stdout);
	reference_check(&scene->client, 0, &layer, 1, view->exact ? 0 : 3);
	ck_assert(is_direct(&scene->window) == (memory == PICTURE_DMABUF && view->exact));
	picture_finish(&picture);
}

static void show_all(enum picture_memory memory)
{
	struct scene scene;
	begin(&scene);
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		show(&scene, &views[i], memory);
	end(&scene);
}

TEST(composed)
{
	show_all(PICTURE_SHM);
}

/* vkms crops and turns, but does not scale. */
TEST(on_planes)
{
	show_all(PICTURE_DMABUF);
}

/* All eight, and each has its own way through the display. */
TEST(turned_by_planes)
{
	struct scene scene;
	begin(&scene);
	for (int transform = 0; transform < 8; transform++) {
		const struct case_view view = {"turned", transform & 1 ? HEIGHT : WIDTH,
			transform & 1 ? WIDTH : HEIGHT, transform, 1, 0, 0, 0, 0, 0, 0, true};
		show(&scene, &view, PICTURE_DMABUF);
	}
	end(&scene);
}

/* Crop and scale are state as all other: with the commit, and gone with the object. */
TEST(with_the_commit)
{
	struct scene scene;
	struct picture picture;
	begin(&scene);
	picture_init(&scene.client, &picture, PICTURE_SHM, 320, 240, DRM_FORMAT_XRGB8888);
	picture_draw(&picture, 3);
	window_show(&scene.window, &picture);
	struct reference_layer all = {.picture = &picture, .x = 160, .y = 120};
	reference_check(&scene.client, 0, &all, 1, 0);
	/* not yet */
	wp_viewport_set_source(scene.viewport, 0, 0, fixed(100), fixed(50));
	ck_assert(client_sync(&scene.client));
	reference_check(&scene.client, 0, &all, 1, 0);
	/* now, without a buffer; the destination keeps the source */
	struct reference_layer part = {
		.picture = &picture, .source_width = 100, .source_height = 50, .x = 270, .y = 215};
	wl_surface_commit(scene.window.surface);
	ck_assert(client_sync(&scene.client));
	reference_check(&scene.client, 0, &part, 1, 0);
	wp_viewport_set_destination(scene.viewport, 100, 50);
	window_show(&scene.window, &picture);
	reference_check(&scene.client, 0, &part, 1, 0);
	/* the object goes, what it did stays until the next commit */
	wp_viewport_destroy(scene.viewport);
	ck_assert(client_sync(&scene.client));
	reference_check(&scene.client, 0, &part, 1, 0);
	window_show(&scene.window, &picture);
	reference_check(&scene.client, 0, &all, 1, 0);
	scene.viewport = wp_viewporter_get_viewport(scene.viewporter, scene.window.surface);
	picture_finish(&picture);
	end(&scene);
}

/* A synchronised subsurface's crop waits for its parent's commit. */
TEST(synchronised)
{
	struct scene scene;
	struct picture below, above;
	begin(&scene);
	picture_init(&scene.client, &below, PICTURE_SHM, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888);
	picture_init(&scene.client, &above, PICTURE_SHM, 100, 80, DRM_FORMAT_XRGB8888);
	picture_draw(&below, 4);
	reference_draw(&above, 5);
	struct wl_surface *surface = wl_compositor_create_surface(scene.client.compositor);
	struct wl_subsurface *subsurface = wl_subcompositor_get_subsurface(
		scene.client.subcompositor, surface, scene.window.surface);
	struct wp_viewport *viewport = wp_viewporter_get_viewport(scene.viewporter, surface);
	wl_subsurface_set_position(subsurface, 50, 60);
	wl_surface_attach(surface, above.buffer, 0, 0);
	wl_surface_commit(surface);
	window_show(&scene.window, &below);
	struct reference_layer layers[] = {
		{.picture = &below}, {.picture = &above, .x = 50, .y = 60}};
	reference_check(&scene.client, 0, layers, 2, 0);
	wp_viewport_set_source(viewport, fixed(20), fixed(10), fixed(40.5), fixed(60));
	wp_viewport_set_destination(viewport, 300, 200);
	wl_surface_commit(surface);
	ck_assert(client_sync(&scene.client));
	reference_check(&scene.client, 0, layers, 2, 0);
	window_show(&scene.window, &below);
	layers[1] = (struct reference_layer){.picture = &above,
		.source_x = 20,
		.source_y = 10,
		.source_width = 40.5,
		.source_height = 60,
		.x = 50,
		.y = 60,
		.width = 300,
		.height = 200};
	reference_check(&scene.client, 0, layers, 2, 3);
	wp_viewport_destroy(viewport);
	wl_subsurface_destroy(subsurface);
	wl_surface_destroy(surface);
	picture_finish(&above);
	picture_finish(&below);
	end(&scene);
}

/* A colour as large as one likes, half transparent above another. */
TEST(single_pixels)
{
	struct scene scene;
	begin(&scene);
	struct wp_single_pixel_buffer_manager_v1 *manager =
		client_bind(&scene.client, &wp_single_pixel_buffer_manager_v1_interface, 1);
	struct wl_surface *surface = wl_compositor_create_surface(scene.client.compositor);
	struct wl_subsurface *subsurface = wl_subcompositor_get_subsurface(
		scene.client.subcompositor, surface, scene.window.surface);
	struct wp_viewport *viewport = wp_viewporter_get_viewport(scene.viewporter, surface);
	struct wl_buffer *above = wp_single_pixel_buffer_manager_v1_create_u32_rgba_buffer(
		manager, 0x10000000, 0x20000000, 0x30000000, UINT32_MAX / 2);
	struct wl_buffer *below = wp_single_pixel_buffer_manager_v1_create_u32_rgba_buffer(
		manager, UINT32_MAX, 0x80000000, 0, UINT32_MAX);
	wp_single_pixel_buffer_manager_v1_destroy(manager);
	wl_subsurface_set_position(subsurface, 100, 110);
	wp_viewport_set_destination(viewport, 200, 150);
	wl_surface_attach(surface, above, 0, 0);
	wl_surface_commit(surface);
	wp_viewport_set_destination(scene.viewport, WIDTH, HEIGHT);
	struct picture shown = {.buffer = below};
	window_show(&scene.window, &shown);
	uint32_t pixels[] = {0xffff8000, 0x7f102030};
	struct picture pictures[] = {
		{.pixels = (uint8_t *)&pixels[0],
			.width = 1,
			.height = 1,
			.stride = 4,
			.format = DRM_FORMAT_XRGB8888},
		{.pixels = (uint8_t *)&pixels[1],
			.width = 1,
			.height = 1,
			.stride = 4,
			.format = DRM_FORMAT_ARGB8888},
	};
	const struct reference_layer layers[] = {
		{.picture = &pictures[0], .width = WIDTH, .height = HEIGHT},
		{.picture = &pictures[1], .x = 100, .y = 110, .width = 200, .height = 150},
	};
	reference_check(&scene.client, 0, layers, 2, 1);
	/* it may go while it is shown */
	wl_buffer_destroy(above);
	wl_buffer_destroy(below);
	wl_surface_commit(scene.window.surface);
	ck_assert(client_sync(&scene.client));
	reference_check(&scene.client, 0, layers, 2, 1);
	ck_assert(daemon_said(&scene.daemon, "composed: it is a single pixel"));
	wp_viewport_destroy(viewport);
	wl_subsurface_destroy(subsurface);
	wl_surface_destroy(surface);
	end(&scene);
}

/* Faded as a whole, above something: a buffer with alpha, and one that has none. */
static void fade(struct scene *scene, uint32_t format, double transparency)
{
	struct picture below, above;
	struct wp_alpha_modifier_v1 *manager =
		client_bind(&scene->client, &wp_alpha_modifier_v1_interface, 1);
	struct wl_surface *surface = wl_compositor_create_surface(scene->client.compositor);
	struct wl_subsurface *subsurface = wl_subcompositor_get_subsurface(
		scene->client.subcompositor, surface, scene->window.surface);
	struct wp_alpha_modifier_surface_v1 *modifier =
		wp_alpha_modifier_v1_get_surface(manager, surface);
	picture_init(&scene->client, &below, PICTURE_DMABUF, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888);
	picture_init(&scene->client, &above, PICTURE_DMABUF, 200, 100, format);
	picture_draw(&below, 6);
	picture_draw(&above, 7);
	/* premultiplied: no channel above alpha */
	for (size_t i = 0; format == DRM_FORMAT_ARGB8888 && i < (size_t)200 * 100; i++)
		((uint32_t *)(void *)above.pixels)[i] &= 0xbf3f3f3f;
	wl_subsurface_set_position(subsurface, 30, 40);
	wp_alpha_modifier_surface_v1_set_multiplier(
		modifier, (uint32_t)((1 - transparency) * UINT32_MAX));
	wl_surface_attach(surface, above.buffer, 0, 0);
	wl_surface_commit(surface);
	window_show(&scene->window, &below);
	struct reference_layer layers[] = {{.picture = &below},
		{.picture = &above, .x = 30, .y = 40, .transparency = transparency}};
	reference_check(&scene->client, 0, layers, 2, 1);
	/* without the object it is as it was, from the next commit on */
	wp_alpha_modifier_surface_v1_destroy(modifier);
	wl_surface_commit(surface);
	window_show(&scene->window, &below);
	layers[1].transparency = 0;
	reference_check(&scene->client, 0, layers, 2, 1);
	wp_alpha_modifier_v1_destroy(manager);
	wl_subsurface_destroy(subsurface);
	wl_surface_destroy(surface);
	wl_surface_commit(scene->window.surface);
	ck_assert(client_sync(&scene->client));
	picture_finish(&above);
	picture_finish(&below);
}

TEST(faded)
{
	struct scene scene;
	begin(&scene);
	fade(&scene, DRM_FORMAT_XRGB8888, 0.5);
	fade(&scene, DRM_FORMAT_ARGB8888, 0.25);
	fade(&scene, DRM_FORMAT_XRGB8888, 1);
	end(&scene);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-view")
