/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <presentation-time-client-protocol.h>
#include <signal.h>

#include "daemon_fixture.h"
#include "reference.h"
#include "viewporter-client-protocol.h"
#include "xdg-output-unstable-v1-client-protocol.h"

/* Displays that are turned or mirrored, all eight: what is seen is upright, and nobody copies it. */

enum { WIDTH = 640, HEIGHT = 480 };

static const char *const names[] = {
	"normal", "90", "180", "270", "flipped", "flipped-90", "flipped-180", "flipped-270"};

struct scene {
	struct daemon daemon;
	struct client client;
	struct window window;
	int transform;
	uint32_t width, height; /* upright */
};

static void begin(struct scene *scene, int transform)
{
	const char *const options[] = {"--mode", "640x480", "--transform", names[transform], NULL};
	*scene = (struct scene){.transform = transform};
	scene->width = transform & 1 ? HEIGHT : WIDTH;
	scene->height = transform & 1 ? WIDTH : HEIGHT;
	daemon_start(&scene->daemon, options);
	client_connect(&scene->client, &scene->daemon);
	window_init(&scene->window, &scene->client);
	ck_assert_int_eq(scene->window.width, (int32_t)scene->width);
	ck_assert_int_eq(scene->window.height, (int32_t)scene->height);
	/* the mode is the display's own */
	ck_assert_int_eq(scene->client.width, WIDTH);
}

static void end(struct scene *scene)
{
	window_finish(&scene->window);
	client_disconnect(&scene->client);
	ck_assert_int_eq(daemon_stop(&scene->daemon, SIGTERM), 0);
}

static bool is_direct(const struct window *window)
{
	return window->flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY;
}

/* A window with a subsurface, which is scaled if it is composed. */
static void show(struct scene *scene, enum picture_memory memory)
{
	struct picture below, above;
	bool scaled = memory == PICTURE_SHM;
	struct wl_surface *surface = wl_compositor_create_surface(scene->client.compositor);
	struct wl_subsurface *subsurface = wl_subcompositor_get_subsurface(
		scene->client.subcompositor, surface, scene->window.surface);
	struct wp_viewporter *viewporter = client_bind(&scene->client, &wp_viewporter_interface, 1);
	struct wp_viewport *viewport = wp_viewporter_get_viewport(viewporter, surface);
	picture_init(
		&scene->client, &below, memory, scene->width, scene->height, DRM_FORMAT_XRGB8888);
	picture_init(&scene->client, &above, memory, 160, 90, DRM_FORMAT_XRGB8888);
	picture_draw(&below, 9);
	reference_draw(&above, 10);
	wp_viewport_set_source(viewport, wl_fixed_from_int(20), wl_fixed_from_int(10),
		wl_fixed_from_int(100), wl_fixed_from_int(70));
	if (scaled)
		wp_viewport_set_destination(viewport, 150, 177);
	wl_subsurface_set_position(subsurface, 310, -20);
	wl_surface_set_buffer_transform(surface, WL_OUTPUT_TRANSFORM_NORMAL);
	wl_surface_attach(surface, above.buffer, 0, 0);
	wl_surface_commit(surface);
	window_show(&scene->window, &below);
	const struct reference_layer layers[] = {{.picture = &below},
		{.picture = &above,
			.source_x = 20,
			.source_y = 10,
			.source_width = 100,
			.source_height = 70,
			.x = 310,
			.y = -20,
			.width = scaled ? 150 : 0,
			.height = scaled ? 177 : 0}};
	printf("# %s: %s\n", names[scene->transform],
		is_direct(&scene->window) ? "direct" : "composed");
	fflush(stdout);
	reference_check(&scene->client, scene->transform, layers, 2, scaled ? 3 : 0);
	ck_assert(is_direct(&scene->window) == !scaled);
	wp_viewport_destroy(viewport);
	wp_viewporter_destroy(viewporter);
	wl_subsurface_destroy(subsurface);
	wl_surface_destroy(surface);
	picture_finish(&above);
	picture_finish(&below);
}

/* Who turns it for the display comes out as it is; who turns it in another way is turned twice. */
static void show_turned(struct scene *scene, int own)
{
	struct picture picture;
	bool across = own & 1;
	picture_init(&scene->client, &picture, own % 2 ? PICTURE_SHM : PICTURE_DMABUF,
		across ? 200 : 300, across ? 300 : 200, DRM_FORMAT_XRGB8888);
	picture_draw(&picture, (uint32_t)own);
	wl_surface_set_buffer_transform(scene->window.surface, own);
	window_show(&scene->window, &picture);
	const struct reference_layer layer = {.picture = &picture,
		.transform = own,
		.x = (int32_t)(scene->width - 300) / 2,
		.y = (int32_t)(scene->height - 200) / 2};
	reference_check(&scene->client, scene->transform, &layer, 1, 0);
	picture_finish(&picture);
}

/* Composed, on planes (vkms turns in all ways), and turned by the client. */
TEST(seen_upright)
{
	for (int transform = 0; transform < 8; transform++) {
		struct scene scene;
		begin(&scene, transform);
		show(&scene, PICTURE_SHM);
		show(&scene, PICTURE_DMABUF);
		for (int own = 0; own < 8; own++)
			show_turned(&scene, own);
		end(&scene);
	}
}

/* ---- what clients are told ----------------------------------------------------------------- */

struct told {
	int32_t x, y, width, height;
	int names, done, entered, preferred, scale;
};

static void handle_position(void *data, struct zxdg_output_v1 *output, int32_t x, int32_t y)
{
	struct told *told = data;
	told->x = x;
	told->y = y;
}

static void handle_size(void *data, struct zxdg_output_v1 *output, int32_t width, int32_t height)
{
	struct told *told = data;
	told->width = width;
	told->height = height;
}

static void handle_done(void *data, struct zxdg_output_v1 *output)
{
	((struct told *)data)->done++;
}

static void handle_text(void *data, struct zxdg_output_v1 *output, const char *text)
{
	((struct told *)data)->names += text[0] != '\0';
}

static const struct zxdg_output_v1_listener xdg_listener = {
	.logical_position = handle_position,
	.logical_size = handle_size,
	.done = handle_done,
	.name = handle_text,
	.description = handle_text,
};

static void handle_enter(void *data, struct wl_surface *surface, struct wl_output *output)
{
	((struct told *)data)->entered++;
}

static void handle_leave(void *data, struct wl_surface *surface, struct wl_output *output) {}

static void handle_scale(void *data, struct wl_surface *surface, int32_t scale)
{
	((struct told *)data)->scale = scale;
}

static void handle_preferred(void *data, struct wl_surface *surface, uint32_t transform)
{
	((struct told *)data)->preferred = (int)transform;
}

static const struct wl_surface_listener surface_listener = {
	.enter = handle_enter,
	.leave = handle_leave,
	.preferred_buffer_scale = handle_scale,
	.preferred_buffer_transform = handle_preferred,
};

static void ask(struct scene *scene, uint32_t version, struct told *told)
{
	struct zxdg_output_manager_v1 *manager =
		client_bind(&scene->client, &zxdg_output_manager_v1_interface, version);
	*told = (struct told){.x = -1, .y = -1, .preferred = -1};
	struct zxdg_output_v1 *output =
		zxdg_output_manager_v1_get_xdg_output(manager, scene->client.output);
	zxdg_output_manager_v1_destroy(manager);
	zxdg_output_v1_add_listener(output, &xdg_listener, told);
	ck_assert(client_sync(&scene->client));
	zxdg_output_v1_destroy(output);
	ck_assert_int_eq(told->x, 0);
	ck_assert_int_eq(told->y, 0);
	ck_assert_int_eq(told->width, HEIGHT);
	ck_assert_int_eq(told->height, WIDTH);
}

TEST(upright)
{
	struct scene scene;
	struct told told;
	struct picture picture;
	begin(&scene, WL_OUTPUT_TRANSFORM_FLIPPED_90);
	ask(&scene, 3, &told);
	ck_assert_int_eq(told.names, 2);
	ck_assert_int_eq(told.done, 0);
	/* before anything is drawn */
	struct wl_surface *early = wl_compositor_create_surface(scene.client.compositor);
	wl_surface_add_listener(early, &surface_listener, &told);
	ck_assert(client_sync(&scene.client));
	ck_assert_int_eq(told.preferred, WL_OUTPUT_TRANSFORM_FLIPPED_90);
	ck_assert_int_eq(told.scale, 1);
	wl_surface_destroy(early);
	wl_surface_add_listener(scene.window.surface, &surface_listener, &told);
	picture_init(&scene.client, &picture, PICTURE_SHM, 100, 100, DRM_FORMAT_XRGB8888);
	window_show(&scene.window, &picture);
	ck_assert_int_eq(told.entered, 1);
	picture_finish(&picture);
	end(&scene);
}

TEST(as_older_versions_have_it)
{
	struct scene scene;
	struct told told;
	begin(&scene, WL_OUTPUT_TRANSFORM_270);
	ask(&scene, 2, &told);
	ck_assert_int_eq(told.names, 2);
	ck_assert_int_eq(told.done, 1);
	ask(&scene, 1, &told);
	ck_assert_int_eq(told.names, 0);
	ck_assert_int_eq(told.done, 1);
	end(&scene);
}

TEST(no_such_transform)
{
	static const char *const wrong[] = {"--transform", "45", NULL};
	static const char *const useless[] = {"--no-display", "-t", "90", NULL};
	char text[256];
	ck_assert_int_eq(daemon_run(wrong, NULL, text), 2);
	ck_assert_ptr_nonnull(strstr(text, "--transform wants normal, 90, "));
	ck_assert_int_eq(daemon_run(useless, NULL, text), 2);
	ck_assert_ptr_nonnull(strstr(text, "leaves no use for "));
}

TEST_TIMEOUT(240)
TEST_MAIN("daemon-transform")
