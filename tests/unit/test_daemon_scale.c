/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <math.h>
#include <signal.h>

#include "fractional-scale-v1-client-protocol.h"
#include "guest/daemon_ctl.h"
#include "guest/outputs.h"
#include "guest/reference.h"
#include "viewporter-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/*
 * Outputs with a scale, without a display: what clients are told, and which pixels come of it.
 * test_daemon_scale_planes.c has planes and input.
 */

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A surface that is told of scales; nothing else is in its way. */
struct told {
	int32_t scale, transform; /* of wl_surface; -1: not told */
	uint32_t fraction; /* of wp_fractional_scale_v1, 0: not told */
	int scales, fractions; /* times */
	struct wp_fractional_scale_v1 *object;
	const struct window *window; /* NULL: the surface is none */
	int32_t height; /* of that, when it was told last */
};

struct scenario {
	struct daemon daemon;
	struct client client;
	struct wp_viewporter *viewporter;
	struct wp_fractional_scale_manager_v1 *fractions;
	/* a window, and what it was told after it was made */
	struct window window;
	struct wp_viewport *viewport;
	struct told told;
};

static void handle_output(void *data, struct wl_surface *surface, struct wl_output *output) {}

static void handle_scale(void *data, struct wl_surface *surface, int32_t scale)
{
	struct told *told = data;
	told->scale = scale;
	told->scales++;
}

static void handle_transform(void *data, struct wl_surface *surface, uint32_t transform)
{
	((struct told *)data)->transform = (int32_t)transform;
}

static const struct wl_surface_listener surface_listener = {
	.enter = handle_output,
	.leave = handle_output,
	.preferred_buffer_scale = handle_scale,
	.preferred_buffer_transform = handle_transform,
};

static void handle_fraction(void *data, struct wp_fractional_scale_v1 *object, uint32_t scale)
{
	struct told *told = data;
	told->fraction = scale;
	told->fractions++;
	told->height = told->window ? told->window->height : 0;
}

static const struct wp_fractional_scale_v1_listener fraction_listener = {
	.preferred_scale = handle_fraction};

static void listen(struct scenario *s, struct told *told, struct wl_surface *surface)
{
	*told = (struct told){.scale = -1, .transform = -1};
	wl_surface_add_listener(surface, &surface_listener, told);
	told->object = wp_fractional_scale_manager_v1_get_fractional_scale(s->fractions, surface);
	wp_fractional_scale_v1_add_listener(told->object, &fraction_listener, told);
	client_sync(&s->client);
}

static void begin(struct scenario *s, const char *const options[])
{
	daemon_start(&s->daemon, options);
	client_connect(&s->client, &s->daemon);
	s->viewporter = client_bind(&s->client, &wp_viewporter_interface, 1);
	s->fractions = client_bind(&s->client, &wp_fractional_scale_manager_v1_interface, 1);
	ck_assert(s->viewporter && s->fractions);
	window_init(&s->window, &s->client);
	s->viewport = wp_viewporter_get_viewport(s->viewporter, s->window.surface);
	listen(s, &s->told, s->window.surface);
	s->told.window = &s->window;
}

static void end(struct scenario *s)
{
	wp_fractional_scale_v1_destroy(s->told.object);
	wp_viewport_destroy(s->viewport);
	window_finish(&s->window);
	wp_fractional_scale_manager_v1_destroy(s->fractions);
	wp_viewporter_destroy(s->viewporter);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
}

/* ---- what clients are told ------------------------------------------------------------------- */

TEST(numbers)
{
	struct scenario s;
	struct outputs outputs;
	begin(&s,
		OPTIONS("--headless=1366x768:scale=1.5", "--headless=640x480",
			"--headless=scale=0.5", "--scale", "2"));
	outputs_init(&outputs, &s.client);
	const struct seen_output *first = outputs_get(&outputs, "HEADLESS-1");
	const struct seen_output *second = outputs_get(&outputs, "HEADLESS-2");
	const struct seen_output *third = outputs_get(&outputs, "HEADLESS-3");
	/* pixels that are left over are nobody's */
	ck_assert_int_eq(first->logical_width, 910);
	ck_assert_int_eq(first->logical_height, 512);
	ck_assert_int_eq(first->width, 1366);
	ck_assert_int_eq(first->scale, 2);
	ck_assert_int_eq(second->x, 910);
	ck_assert_int_eq(second->logical_x, 910);
	ck_assert_int_eq(second->logical_width, 320);
	ck_assert_int_eq(second->scale, 2);
	ck_assert_int_eq(third->logical_x, 910 + 320);
	ck_assert_int_eq(third->logical_width, 2560);
	ck_assert_int_eq(third->scale, 1);
	ck_assert_int_eq(s.window.width, 910);
	ck_assert_int_eq(s.window.height, 512);
	ck_assert_uint_eq(s.told.fraction, 180);
	outputs_finish(&outputs);
	end(&s);
}

TEST(a_new_surface)
{
	struct scenario s;
	struct told told;
	begin(&s, OPTIONS("--headless=320x200:scale=1.3333", "--transform", "90"));
	struct wl_surface *surface = wl_compositor_create_surface(s.client.compositor);
	listen(&s, &told, surface);
	ck_assert_int_eq(told.scale, 2);
	ck_assert_int_eq(told.transform, WL_OUTPUT_TRANSFORM_90);
	ck_assert_uint_eq(told.fraction, 160);
	ck_assert_int_eq(told.scales + told.fractions, 2);
	wp_fractional_scale_v1_destroy(told.object);
	/* another one, after the first is gone, and one that outlives its surface */
	told.object = wp_fractional_scale_manager_v1_get_fractional_scale(s.fractions, surface);
	wl_surface_destroy(surface);
	wp_fractional_scale_v1_destroy(told.object);
	ck_assert(client_sync(&s.client));
	end(&s);
}

static void move_to(struct scenario *s, const struct seen_output *output)
{
	xdg_toplevel_set_fullscreen(s->window.toplevel, output->output);
	client_sync(&s->client);
}

/* Told of what is new, and of nothing else, and of the scale before the size. */
TEST(from_one_to_another)
{
	struct scenario s;
	struct outputs outputs;
	struct picture picture;
	begin(&s,
		OPTIONS("--headless=320x200:scale=2", "--headless=240x160:scale=1.5",
			"--headless=100x80"));
	outputs_init(&outputs, &s.client);
	ck_assert_uint_eq(s.told.fraction, 240);
	/* before it is seen: with the size */
	move_to(&s, outputs_get(&outputs, "HEADLESS-2"));
	ck_assert_int_eq(s.window.width, 160);
	ck_assert_int_eq(s.window.height, 106);
	ck_assert_uint_eq(s.told.fraction, 180);
	ck_assert_int_eq(s.told.scales, 0);
	ck_assert_int_eq(s.told.height, 100);
	picture_init(&s.client, &picture, PICTURE_SHM, 32, 32, DRM_FORMAT_XRGB8888);
	window_show(&s.window, &picture);
	move_to(&s, outputs_get(&outputs, "HEADLESS-3"));
	ck_assert_int_eq(s.window.width, 100);
	ck_assert_int_eq(s.told.height, 106);
	ck_assert_int_eq(s.told.scale, 1);
	ck_assert_uint_eq(s.told.fraction, 120);
	move_to(&s, outputs_get(&outputs, "HEADLESS-1"));
	ck_assert_int_eq(s.told.scale, 2);
	ck_assert_int_eq(s.told.scales, 2);
	ck_assert_uint_eq(s.told.fraction, 240);
	ck_assert_int_eq(s.told.fractions, 4);
	outputs_finish(&outputs);
	picture_finish(&picture);
	end(&s);
}

TEST(info)
{
	char text[8192];
	struct scenario s;
	begin(&s, OPTIONS("--headless=320x200:scale=1.25"));
	ck_assert_int_eq(daemon_ctl(&s.daemon, "info --json", text, sizeof(text)), 0);
	ck_assert_msg(
		strstr(text, "\"scale\":1.25") || strstr(text, "\"scale\": 1.25"), "%s", text);
	end(&s);
}

static void check_refused(const char *option, const char *why)
{
	char text[256];
	ck_assert_int_eq(daemon_run(OPTIONS(option), NULL, text), 2);
	ck_assert_msg(strstr(text, why), "%s: %s", option, text);
}

TEST(wrong_scales)
{
	static const char number[] = "a scale is a number, like 1.5";
	static const char range[] = "a scale is from 0.5 to 8";
	char text[256];
	check_refused("--scale=", number);
	check_refused("--scale=two", number);
	check_refused("--scale=1.5x", number);
	check_refused("--scale=nan", number);
	check_refused("--scale=0x2", number);
	check_refused("--scale=-1", number);
	check_refused("--scale=0.4", range);
	check_refused("--scale=8.1", range);
	check_refused("--output=A:scale=", number);
	check_refused("--output=A:scale=9", range);
	check_refused("--headless=64x64:scale=1,5", number);
	check_refused("--headless=scale=0", range);
	check_refused("--headless=64x64:size=2", "--headless wants");
	ck_assert_int_eq(daemon_run(OPTIONS("--no-display", "--scale=2"), NULL, text), 2);
	ck_assert_msg(strstr(text, "leaves no use for"), "%s", text);
}

/* ---- which pixels come of it ----------------------------------------------------------------- */

/* What a client draws for @logical, as the protocol of fractional scales says. */
static uint32_t pixels_for(int32_t logical, uint32_t scale)
{
	return (uint32_t)lround(logical * (double)scale / 120);
}

/* Of all that clients know of. */
static int32_t middle(int32_t all, int32_t size, uint32_t scale)
{
	return ((int32_t)pixels_for(all, scale) - (int32_t)pixels_for(size, scale)) / 2;
}

/* Shows @width x @height, with a buffer for the scale, which is expected to be shown as it is. */
static void show_sharp(struct scenario *s, int32_t width, int32_t height, uint32_t seed)
{
	struct picture picture;
	picture_init(&s->client, &picture, PICTURE_SHM, pixels_for(width, s->told.fraction),
		pixels_for(height, s->told.fraction), DRM_FORMAT_XRGB8888);
	picture_draw(&picture, seed);
	wp_viewport_set_destination(s->viewport, width, height);
	window_show(&s->window, &picture);
	const struct reference_layer layer = {.picture = &picture,
		.x = middle(s->window.width, width, s->told.fraction),
		.y = middle(s->window.height, height, s->told.fraction)};
	reference_check(&s->client, 0, &layer, 1, 0);
	picture_finish(&picture);
}

static void draw(struct scenario *s, struct picture *picture, uint32_t width, uint32_t height)
{
	picture_init(&s->client, picture, PICTURE_SHM, width, height, DRM_FORMAT_XRGB8888);
	picture_draw(picture, 1);
}

/* Shows it, which is expected to be all that there is to be seen, pixel by pixel. */
static void show_alone(struct scenario *s, struct picture *picture)
{
	window_show(&s->window, picture);
	const struct reference_layer layer = {.picture = picture};
	reference_check(&s->client, 0, &layer, 1, 0);
}

/* Wherever it is, and however large. */
TEST(sharp)
{
	static const char *const options[] = {"--headless=150x101:scale=1.5",
		"--headless=150x101:scale=2", "--headless=150x101:scale=1.25",
		"--headless=150x101:scale=0.5", "--headless=150x101:scale=7.9"};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct scenario s;
		begin(&s, OPTIONS(options[i]));
		show_sharp(&s, s.window.width, s.window.height, 1);
		show_sharp(&s, 15, 11, 2);
		show_sharp(&s, 16, 9, 3);
		end(&s);
	}
}

/* With none left over, though it is no whole number of the surface's. */
TEST(all_of_the_mode)
{
	struct scenario s;
	struct picture picture;
	begin(&s, OPTIONS("--headless=64x49:scale=1.5"));
	ck_assert_int_eq(s.window.width, 42);
	ck_assert_int_eq(s.window.height, 32);
	draw(&s, &picture, 64, 49);
	wp_viewport_set_destination(s.viewport, 42, 32);
	show_alone(&s, &picture);
	picture_finish(&picture);
	end(&s);
}

/* A client that knows whole scales only. */
TEST(whole_scale)
{
	struct scenario s;
	struct picture picture;
	begin(&s, OPTIONS("--headless=160x120:scale=2"));
	draw(&s, &picture, 160, 120);
	wl_surface_set_buffer_scale(s.window.surface, 2);
	show_alone(&s, &picture);
	picture_finish(&picture);
	end(&s);
}

/* And one that knows none. */
TEST(enlarged)
{
	struct scenario s;
	struct picture picture;
	begin(&s, OPTIONS("--headless=150x120:scale=1.5"));
	ck_assert_int_eq(s.window.width, 100);
	picture_init(&s.client, &picture, PICTURE_SHM, 100, 80, DRM_FORMAT_XRGB8888);
	reference_draw(&picture, 1);
	window_show(&s.window, &picture);
	const struct reference_layer layer = {.picture = &picture, .width = 150, .height = 120};
	reference_check(&s.client, 0, &layer, 1, 3);
	picture_finish(&picture);
	end(&s);
}

struct tile {
	struct wl_surface *surface;
	struct wl_subsurface *role;
	struct wp_viewport *viewport;
	struct picture picture;
};

/* Of one colour, at a place in the window. */
static void tile_init(struct scenario *s, struct tile *tile, int32_t x, int32_t y, int32_t width,
	int32_t height, uint32_t seed)
{
	tile->surface = wl_compositor_create_surface(s->client.compositor);
	tile->role = wl_subcompositor_get_subsurface(
		s->client.subcompositor, tile->surface, s->window.surface);
	tile->viewport = wp_viewporter_get_viewport(s->viewporter, tile->surface);
	picture_init(&s->client, &tile->picture, PICTURE_SHM, 1, 1, DRM_FORMAT_XRGB8888);
	picture_draw(&tile->picture, seed);
	wl_subsurface_set_position(tile->role, x, y);
	wp_viewport_set_destination(tile->viewport, width, height);
	wl_surface_attach(tile->surface, tile->picture.buffer, 0, 0);
	wl_surface_commit(tile->surface);
}

static void tile_finish(struct tile *tile)
{
	wp_viewport_destroy(tile->viewport);
	wl_subsurface_destroy(tile->role);
	wl_surface_destroy(tile->surface);
	picture_finish(&tile->picture);
}

/* Those that touch do so in pixels: there is no gap, and none is above another. */
TEST(neighbours)
{
	struct scenario s;
	struct tile tiles[3];
	struct picture picture;
	begin(&s, OPTIONS("--headless=150x120:scale=1.5"));
	draw(&s, &picture, 150, 120);
	wp_viewport_set_destination(s.viewport, 100, 80);
	/* the last one sticks out */
	tile_init(&s, &tiles[0], 3, 5, 7, 3, 2);
	tile_init(&s, &tiles[1], 10, 5, 7, 3, 3);
	tile_init(&s, &tiles[2], -3, 8, 4, 3, 4);
	window_show(&s.window, &picture);
	const struct reference_layer layers[] = {
		{.picture = &picture},
		{.picture = &tiles[0].picture, .x = 5, .y = 8, .width = 10, .height = 4},
		{.picture = &tiles[1].picture, .x = 15, .y = 8, .width = 11, .height = 4},
		{.picture = &tiles[2].picture, .x = -4, .y = 12, .width = 6, .height = 5},
	};
	reference_check(&s.client, 0, layers, 4, 0);
	for (int i = 0; i < 3; i++)
		tile_finish(&tiles[i]);
	picture_finish(&picture);
	end(&s);
}

/* Opaque from pixel 1.5 on, which is from the second on: what is below the first is to be seen. */
TEST(opaque_parts)
{
	struct scenario s;
	struct tile tile;
	struct picture picture, part;
	begin(&s, OPTIONS("--headless=150x120:scale=1.5"));
	draw(&s, &picture, 150, 120);
	wp_viewport_set_destination(s.viewport, 100, 80);
	tile_init(&s, &tile, 10, 10, 10, 10, 2);
	picture_init(&s.client, &part, PICTURE_SHM, 15, 15, DRM_FORMAT_ARGB8888);
	for (uint32_t i = 0; i < 15 * 15; i++)
		((uint32_t *)part.pixels)[i] = i % 15 < 2 || i / 15 < 2 ? 0 : 0xff123456;
	struct wl_region *region = wl_compositor_create_region(s.client.compositor);
	wl_region_add(region, 1, 1, 9, 9);
	wl_surface_set_opaque_region(tile.surface, region);
	wl_region_destroy(region);
	wl_surface_attach(tile.surface, part.buffer, 0, 0);
	wl_surface_commit(tile.surface);
	window_show(&s.window, &picture);
	const struct reference_layer layers[] = {
		{.picture = &picture},
		{.picture = &part, .x = 15, .y = 15},
	};
	reference_check(&s.client, 0, layers, 2, 0);
	picture_finish(&part);
	tile_finish(&tile);
	picture_finish(&picture);
	end(&s);
}

/* The display is turned after it was scaled. */
TEST(turned)
{
	struct scenario s;
	struct tile tile;
	struct picture picture;
	begin(&s, OPTIONS("--headless=150x121:scale=1.5", "--transform", "90"));
	ck_assert_int_eq(s.window.width, 80);
	ck_assert_int_eq(s.window.height, 100);
	/* one pixel of the 121 is left over, at the right */
	draw(&s, &picture, 120, 150);
	wp_viewport_set_destination(s.viewport, 80, 100);
	tile_init(&s, &tile, 11, 20, 3, 5, 2);
	window_show(&s.window, &picture);
	const struct reference_layer layers[] = {
		{.picture = &picture},
		{.picture = &tile.picture, .x = 17, .y = 30, .width = 4, .height = 8},
	};
	reference_check(&s.client, WL_OUTPUT_TRANSFORM_90, layers, 2, 0);
	tile_finish(&tile);
	picture_finish(&picture);
	end(&s);
}

struct popup {
	struct wl_surface *surface;
	struct wp_viewport *viewport;
	struct xdg_surface *xdg_surface;
	struct xdg_popup *popup;
	int32_t x, y, width, height; /* as it was told */
	int configured;
	struct picture picture;
};

static void handle_popup(
	void *data, struct xdg_popup *object, int32_t x, int32_t y, int32_t width, int32_t height)
{
	struct popup *popup = data;
	popup->x = x;
	popup->y = y;
	popup->width = width;
	popup->height = height;
}

static void handle_done(void *data, struct xdg_popup *object) {}

static void handle_repositioned(void *data, struct xdg_popup *object, uint32_t token) {}

static const struct xdg_popup_listener popup_listener = {
	.configure = handle_popup,
	.popup_done = handle_done,
	.repositioned = handle_repositioned,
};

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct popup *popup = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	popup->configured++;
}

static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_configure};

/* Of 20 x 11, to the right of and below @x, @y of its parent, unless it does not fit. */
static void popup_init(
	struct scenario *s, struct popup *popup, struct xdg_surface *parent, int32_t x, int32_t y)
{
	*popup = (struct popup){.surface = wl_compositor_create_surface(s->client.compositor)};
	struct xdg_positioner *positioner = xdg_wm_base_create_positioner(s->client.wm_base);
	xdg_positioner_set_size(positioner, 20, 11);
	xdg_positioner_set_anchor_rect(positioner, x, y, 1, 1);
	xdg_positioner_set_anchor(positioner, XDG_POSITIONER_ANCHOR_TOP_LEFT);
	xdg_positioner_set_gravity(positioner, XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT);
	xdg_positioner_set_constraint_adjustment(positioner,
		XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_X |
			XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_Y);
	popup->viewport = wp_viewporter_get_viewport(s->viewporter, popup->surface);
	popup->xdg_surface = xdg_wm_base_get_xdg_surface(s->client.wm_base, popup->surface);
	xdg_surface_add_listener(popup->xdg_surface, &xdg_surface_listener, popup);
	popup->popup = xdg_surface_get_popup(popup->xdg_surface, parent, positioner);
	xdg_popup_add_listener(popup->popup, &popup_listener, popup);
	xdg_positioner_destroy(positioner);
	wl_surface_commit(popup->surface);
	ck_assert(client_wait(&s->client, &popup->configured, 1, PATIENCE_MS));
}

/* With as many pixels as the scale wants, 1.5. */
static void popup_show(struct scenario *s, struct popup *popup)
{
	int shown = 0;
	picture_init(&s->client, &popup->picture, PICTURE_SHM, 30, 17, DRM_FORMAT_XRGB8888);
	picture_draw(&popup->picture, 7);
	wp_viewport_set_destination(popup->viewport, 20, 11);
	callback_count(wl_surface_frame(popup->surface), &shown);
	wl_surface_attach(popup->surface, popup->picture.buffer, 0, 0);
	wl_surface_commit(popup->surface);
	ck_assert(client_wait(&s->client, &shown, 1, PATIENCE_MS));
}

static void popup_finish(struct popup *popup)
{
	xdg_popup_destroy(popup->popup);
	xdg_surface_destroy(popup->xdg_surface);
	wp_viewport_destroy(popup->viewport);
	wl_surface_destroy(popup->surface);
	picture_finish(&popup->picture);
}

/* Within the display, and as sharp as its window, at whatever place of that. */
TEST(menus)
{
	struct scenario s;
	struct popup popup;
	struct picture picture;
	begin(&s, OPTIONS("--headless=151x121:scale=1.5"));
	draw(&s, &picture, 137, 92);
	wp_viewport_set_destination(s.viewport, 91, 61);
	window_show(&s.window, &picture);
	/* the window is at 6, 14, and so at 4, 9.33; the display ends at 96.67 and 71.33 of it */
	static const int32_t asked[][4] = {
		{3, 5, 3, 5}, {90, 70, 96 - 20, 71 - 11}, {-10, -10, -4, -9}};
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		popup_init(&s, &popup, s.window.xdg_surface, asked[i][0], asked[i][1]);
		ck_assert_int_eq(popup.x, asked[i][2]);
		ck_assert_int_eq(popup.y, asked[i][3]);
		popup_show(&s, &popup);
		const struct reference_layer layers[] = {
			{.picture = &picture, .x = 6, .y = 14},
			{.picture = &popup.picture,
				.x = 6 + (int32_t)floor(popup.x * 1.5 + 0.5),
				.y = 14 + (int32_t)floor(popup.y * 1.5 + 0.5)},
		};
		reference_check(&s.client, 0, layers, 2, 0);
		popup_finish(&popup);
	}
	picture_finish(&picture);
	end(&s);
}

/* Of 16.5 pixels, which are 17, and the next one begins behind them, wherever the first one is. */
TEST(menus_that_touch)
{
	struct scenario s;
	struct popup popups[2];
	struct picture picture;
	begin(&s, OPTIONS("--headless=150x120:scale=1.5"));
	draw(&s, &picture, 150, 120);
	wp_viewport_set_destination(s.viewport, 100, 80);
	window_show(&s.window, &picture);
	for (int32_t y = 5; y < 7; y++) {
		popup_init(&s, &popups[0], s.window.xdg_surface, 3, y);
		popup_show(&s, &popups[0]);
		popup_init(&s, &popups[1], popups[0].xdg_surface, 0, 11);
		popup_show(&s, &popups[1]);
		const int32_t top = y == 5 ? 8 : 9;
		const struct reference_layer layers[] = {
			{.picture = &picture},
			{.picture = &popups[0].picture, .x = 5, .y = top},
			{.picture = &popups[1].picture, .x = 5, .y = top + 17},
		};
		reference_check(&s.client, 0, layers, 3, 0);
		popup_finish(&popups[1]);
		popup_finish(&popups[0]);
	}
	picture_finish(&picture);
	end(&s);
}

/* As far and as large as numbers go: whatever is seen of that, what comes next is right. */
static void far_out(const char *options)
{
	static const int32_t ends[] = {INT32_MIN, -1, 1, INT32_MAX};
	struct scenario s;
	struct picture picture;
	begin(&s, OPTIONS(options));
	picture_init(&s.client, &picture, PICTURE_SHM, 32, 32, DRM_FORMAT_ARGB8888);
	struct wl_region *region = wl_compositor_create_region(s.client.compositor);
	wl_region_add(region, 1, 1, INT32_MAX, INT32_MAX);
	wl_surface_set_opaque_region(s.window.surface, region);
	wl_region_destroy(region);
	for (int i = 0; i < 4; i++) {
		struct tile tile;
		struct popup popup;
		wp_viewport_set_destination(s.viewport, INT32_MAX, INT32_MAX);
		window_commit(&s.window, &picture);
		popup_init(&s, &popup, s.window.xdg_surface, ends[i], ends[3 - i]);
		picture_init(&s.client, &popup.picture, PICTURE_SHM, 1, 1, DRM_FORMAT_XRGB8888);
		wp_viewport_set_destination(popup.viewport, INT32_MAX, 1);
		wl_surface_attach(popup.surface, popup.picture.buffer, 0, 0);
		wl_surface_commit(popup.surface);
		tile_init(&s, &tile, ends[i], ends[3 - i], INT32_MAX, 1, 2);
		wp_viewport_set_destination(s.viewport, INT32_MAX / 16, INT32_MAX / 16);
		wl_surface_damage(s.window.surface, INT32_MIN, 1, INT32_MAX, INT32_MAX);
		window_show(&s.window, &picture);
		tile_finish(&tile);
		popup_finish(&popup);
	}
	show_sharp(&s, s.window.width, s.window.height, 1);
	picture_finish(&picture);
	end(&s);
}

TEST(far_out)
{
	far_out("--headless=150x101@200:scale=0.5");
	far_out("--headless=150x101@200:scale=1");
	far_out("--headless=150x101@200:scale=8");
	far_out("--headless=3x1@200:scale=8");
}

/* ---- what is drawn of it --------------------------------------------------------------------- */

/* In ten pixels by ten of the buffer. */
static unsigned long drawn_for_little(struct scenario *s, struct picture *picture)
{
	for (int i = 0; i < 3; i++) {
		int frames = s->window.frames;
		callback_count(wl_surface_frame(s->window.surface), &s->window.frames);
		wl_surface_attach(s->window.surface, picture->buffer, 0, 0);
		wl_surface_damage_buffer(s->window.surface, 20, 20, 10, 10);
		wl_surface_commit(s->window.surface);
		ck_assert(client_wait(&s->client, &s->window.frames, frames + 1, PATIENCE_MS));
	}
	return daemon_number(&s->daemon, "last_drawn_pixels");
}

/* With what a filter has of the neighbours: a pixel of the buffer, and whole ones of the surface. */
TEST(damage)
{
	struct scenario s;
	struct picture picture;
	begin(&s, OPTIONS("--headless=320x200@100:scale=2"));
	picture_init(&s.client, &picture, PICTURE_SHM, 160, 100, DRM_FORMAT_XRGB8888);
	window_show(&s.window, &picture);
	ck_assert_uint_eq(daemon_number(&s.daemon, "last_drawn_pixels"), 320 * 200);
	ck_assert_uint_eq(drawn_for_little(&s, &picture), 24 * 24);
	picture_finish(&picture);
	picture_init(&s.client, &picture, PICTURE_SHM, 320, 200, DRM_FORMAT_XRGB8888);
	wp_viewport_set_destination(s.viewport, 160, 100);
	window_show(&s.window, &picture);
	ck_assert_uint_eq(drawn_for_little(&s, &picture), 14 * 14);
	picture_finish(&picture);
	end(&s);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-scale")
