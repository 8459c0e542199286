/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <linux/input-event-codes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon_world.h"
#include "doings.h"
#include "fake/libdrm.h"
#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "fake/worker.h"
#include "fractional-scale-v1-client-protocol.h"
#include "fractional_scale.h"
#include "input/seat.h"
#include "output.h"
#include "outputs.h"
#include "subsurface.h"
#include "viewporter-client-protocol.h"
#include "viewporter.h"
#include "wl_globals.h"

/*
 * A display with a scale, on a machine that does not exist: what a client has drawn for it is read by
 * the display, pixel for pixel, and input comes to where it is seen.
 */
enum { WIDTH = FAKE_MACHINE_WIDTH, HEIGHT = FAKE_MACHINE_HEIGHT, MOST_BUFFERS = 8 };

static struct {
	struct world world;
	struct seat *seat;
	struct wl_registry *registry;
	struct wl_seat *wl_seat;
	struct wp_viewporter *viewporter;
	struct wp_fractional_scale_manager_v1 *fractions;
	struct wl_data_device_manager *data_devices;
	struct wl_subcompositor *subcompositor;
	struct wl_surface *surface; /* of a window */
	struct wp_viewport *viewport;
	struct wp_viewport *small; /* of a cursor or an icon; NULL: there is none */
	struct doings heard;
	struct wl_buffer *buffers[MOST_BUFFERS];
	int n_buffers;
} run;

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	const struct wl_wanted wanted[] = {
		{&wl_seat_interface, &run.wl_seat, 4},
		{&wp_viewporter_interface, &run.viewporter, 1},
		{&wp_fractional_scale_manager_v1_interface, &run.fractions, 1},
		{&wl_data_device_manager_interface, &run.data_devices, 3},
		{&wl_subcompositor_interface, &run.subcompositor, 1},
	};
	wl_wanted_bind(
		wanted, sizeof(wanted) / sizeof(wanted[0]), registry, name, interface, version);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void flip(void)
{
	world_flip(&run.world);
}

/* A pointer has a cursor. */
static void make_seat(bool has_pointer)
{
	const struct seat_devices devices = {has_pointer, 0, 1};
	run.seat = run.world.daemon.seat = seat_create(&run.world.daemon);
	ck_assert_ptr_nonnull(run.seat);
	seat_set_devices(run.seat, &devices);
}

static void begin_with(uint32_t scale, bool has_pointer)
{
	memset(&run, 0, sizeof(run));
	world_scale = scale;
	world_init(&run.world);
	make_seat(has_pointer);
	ck_assert(viewporter_create(&run.world.daemon) &&
		fractional_scale_create(&run.world.daemon) &&
		subsurface_compositor_create(&run.world.daemon));
	run.registry = wl_display_get_registry(run.world.display);
	wl_registry_add_listener(run.registry, &registry_listener, NULL);
	world_settle(&run.world);
	ck_assert(run.wl_seat && run.viewporter && run.fractions && run.data_devices &&
		run.subcompositor);
	doings_init(&run.heard, run.wl_seat,
		WL_SEAT_CAPABILITY_TOUCH | (has_pointer ? WL_SEAT_CAPABILITY_POINTER : 0));
	run.surface = run.world.windows[WORLD_IMPLICIT].surface;
	run.viewport = wp_viewporter_get_viewport(run.viewporter, run.surface);
}

static void begin(uint32_t scale)
{
	begin_with(scale, false);
}

static void end(void)
{
	for (int i = 0; i < run.n_buffers; i++)
		wl_buffer_destroy(run.buffers[i]);
	if (run.small)
		wp_viewport_destroy(run.small);
	wp_viewport_destroy(run.viewport);
	doings_finish(&run.heard);
	wl_seat_destroy(run.wl_seat);
	wp_viewporter_destroy(run.viewporter);
	wp_fractional_scale_manager_v1_destroy(run.fractions);
	wl_data_device_manager_destroy(run.data_devices);
	wl_subcompositor_destroy(run.subcompositor);
	wl_registry_destroy(run.registry);
	world_settle(&run.world);
	world_finish(&run.world);
	fake_sync_finish();
	world_scale = 0;
}

/* In memory of its own, which *@memory names. */
static struct wl_buffer *make_buffer(uint32_t width, uint32_t height, ino_t *memory)
{
	ck_assert_int_lt(run.n_buffers, MOST_BUFFERS);
	const struct world_buffer *from = &run.world.windows[run.n_buffers / WORLD_BUFFERS]
						   .buffers[run.n_buffers % WORLD_BUFFERS];
	*memory = from->memory;
	run.buffers[run.n_buffers] =
		world_make_dmabuf(&run.world, from, width, height, DRM_FORMAT_XRGB8888);
	return run.buffers[run.n_buffers++];
}

/* A buffer of @width x @height as a surface of @shown_width x @shown_height. */
static ino_t show(uint32_t width, uint32_t height, int32_t shown_width, int32_t shown_height)
{
	ino_t memory;
	wl_surface_attach(run.surface, make_buffer(width, height, &memory), 0, 0);
	wp_viewport_set_destination(run.viewport, shown_width, shown_height);
	wl_surface_commit(run.surface);
	flip();
	return memory;
}

/* The plane that reads @memory; 0: none does. */
static uint32_t plane_of(ino_t memory)
{
	static const uint32_t planes[] = {FAKE_PRIMARY, FAKE_OVERLAY, FAKE_RICH};
	for (size_t i = 0; i < sizeof(planes) / sizeof(planes[0]); i++)
		if (fake_drm_memory(fake_drm_value(planes[i], "FB_ID")) == memory)
			return planes[i];
	return 0;
}

/* All of it, pixel for pixel, and nobody copies it. */
static void expect_scanout(ino_t memory, int32_t x, int32_t y, int32_t width, int32_t height)
{
	const uint32_t plane = plane_of(memory);
	ck_assert_uint_ne(plane, 0);
	ck_assert(!fake_machine_composes(memory));
	ck_assert_int_eq((int32_t)fake_drm_value(plane, "CRTC_X"), x);
	ck_assert_int_eq((int32_t)fake_drm_value(plane, "CRTC_Y"), y);
	ck_assert_int_eq((int32_t)fake_drm_value(plane, "CRTC_W"), width);
	ck_assert_int_eq((int32_t)fake_drm_value(plane, "CRTC_H"), height);
	ck_assert_int_eq((int32_t)fake_drm_value(plane, "SRC_W"), width << 16);
	ck_assert_int_eq((int32_t)fake_drm_value(plane, "SRC_H"), height << 16);
}

/* ---- planes ---------------------------------------------------------------------------------- */

TEST(fullscreen_is_scanned_out)
{
	begin(240);
	ino_t memory = show(WIDTH, HEIGHT, 32, 24);
	expect_scanout(memory, 0, 0, WIDTH, HEIGHT);
	/* and so it needs no image below */
	ck_assert_uint_eq(plane_of(memory), FAKE_PRIMARY);
	end();
	/* 42.67 x 32: a client that reckons has 63 pixels, and one that knows the mode 64 */
	begin(180);
	expect_scanout(show(63, HEIGHT, 42, 32), 0, 0, 63, HEIGHT);
	memory = show(WIDTH, HEIGHT, 42, 32);
	expect_scanout(memory, 0, 0, WIDTH, HEIGHT);
	ck_assert_uint_eq(plane_of(memory), FAKE_PRIMARY);
	end();
}

/* 12.5 pixels are 13, wherever the window is. */
TEST(a_window_is_scanned_out)
{
	begin(150);
	expect_scanout(show(25, 10, 20, 8), 19, 19, 25, 10);
	expect_scanout(show(26, 13, 21, 10), 19, 17, 26, 13);
	end();
}

/* Where it is not drawn for the scale it is scaled, as a whole. */
TEST(drawn_for_another_scale)
{
	begin(240);
	const ino_t memory = show(32, 24, 32, 24);
	const struct scene_layer *layer = &outputs_first(&run.world.daemon)->shown->layers[0];
	ck_assert_uint_eq(layer->width, WIDTH);
	ck_assert_uint_eq(layer->height, HEIGHT);
	const uint32_t plane = plane_of(memory);
	ck_assert(!plane || fake_drm_value(plane, "SRC_W") == 32 << 16);
	end();
}

static void handle_fraction(void *data, struct wp_fractional_scale_v1 *object, uint32_t scale)
{
	*(uint32_t *)data = scale;
}

static const struct wp_fractional_scale_v1_listener fraction_listener = {
	.preferred_scale = handle_fraction};

static void replug(bool connected)
{
	fake_drm_plug(connected);
	fake_machine_uevent(false);
	flip();
}

/* The display that is plugged in next has another scale, of which its windows are told. */
TEST(plugged_in_with_another_scale)
{
	uint32_t told = 0;
	begin(180);
	show(63, HEIGHT, 42, 32);
	struct wp_fractional_scale_v1 *object =
		wp_fractional_scale_manager_v1_get_fractional_scale(run.fractions, run.surface);
	wp_fractional_scale_v1_add_listener(object, &fraction_listener, &told);
	flip();
	ck_assert_uint_eq(told, 180);
	replug(false);
	run.world.options.scale = 240;
	replug(true);
	ck_assert_uint_eq(told, 240);
	expect_scanout(show(WIDTH, HEIGHT, 32, 24), 0, 0, WIDTH, HEIGHT);
	wp_fractional_scale_v1_destroy(object);
	end();
}

/* ---- input ----------------------------------------------------------------------------------- */

static bool is_near(double a, double b)
{
	return fabs(a - b) < 1.0 / 100;
}

/* Where the middle of a pixel is, of 0 to 1. */
static double middle(int32_t pixel, int32_t of)
{
	return (pixel + 0.5) / of;
}

static void point_at(int32_t x, int32_t y)
{
	seat_move_to(run.seat, 1, middle(x, WIDTH), middle(y, HEIGHT));
	flip();
}

/* Told of as the place in the surface, which begins at pixel @left, @top. */
static void expect_at(double left, double top, double x, double y)
{
	ck_assert_ptr_eq(run.heard.pointed_at, run.surface);
	ck_assert_msg(is_near(run.heard.x, (x + 0.5 - left) / 1.5) &&
			is_near(run.heard.y, (y + 0.5 - top) / 1.5),
		"%f,%f at %f,%f", run.heard.x, run.heard.y, x, y);
}

TEST(pointer)
{
	begin_with(180, true);
	show(30, 15, 20, 10);
	point_at(16, 16);
	expect_at(16, 16, 16, 16);
	point_at(45, 30);
	expect_at(16, 16, 45, 30);
	static const int32_t beside[][2] = {{15, 20}, {46, 20}, {20, 15}, {20, 31}};
	for (size_t i = 0; i < 4; i++) {
		point_at(beside[i][0], beside[i][1]);
		ck_assert_ptr_null(run.heard.pointed_at);
	}
	/* a mouse counts as clients do */
	point_at(20, 20);
	const double x = run.heard.x;
	seat_move(run.seat, 2, 2, 0);
	flip();
	ck_assert(is_near(run.heard.x, x + 2));
	end();
}

/* A client that is stopped meanwhile is told of all of it when it goes on. */
TEST(pointer_over_a_stopped_client)
{
	begin_with(180, true);
	show(30, 15, 20, 10);
	point_at(20, 20);
	const int before = run.heard.moved;
	for (int i = 0; i < 10000; i++) {
		seat_move(run.seat, 2, i % 2 ? -1 : 1, 0);
		wl_display_flush_clients(run.world.daemon.display);
	}
	flip();
	ck_assert_int_eq(run.heard.moved, before + 10000);
	end();
}

/* To the last pixel, and not beyond, though there is one more that is no surface's. */
TEST(pointer_at_the_edge)
{
	begin_with(180, true);
	show(63, HEIGHT, 42, 32);
	point_at(63, 47);
	ck_assert_ptr_eq(run.heard.pointed_at, run.surface);
	ck_assert(run.heard.x < 42 && run.heard.y < 32);
	seat_move(run.seat, 1, 1000, 1000);
	flip();
	ck_assert(is_near(run.heard.x, 42 - 2.0 / 3) && is_near(run.heard.y, 32 - 2.0 / 3));
	end();
	/* at 3.1, where 20 - 1 / 3.1 times that is less than the 61 that it should be */
	int64_t x, y;
	begin_with(372, true);
	seat_move(run.seat, 1, 1000, 1000);
	outputs_find_pixel(outputs_first(&run.world.daemon), run.seat->x, run.seat->y, &x, &y);
	ck_assert_int_eq(x, 61);
	ck_assert_int_eq(y, 45);
	end();
}

/* Where four pixels by three are left over, which the edge of the display is nearer to. */
TEST(fullscreen_begins_at_the_edge)
{
	begin(900);
	expect_scanout(show(60, 45, 8, 6), 0, 0, 60, 45);
	end();
	begin_with(900, true);
	show(60, 45, 8, 6);
	point_at(0, 0);
	ck_assert_ptr_eq(run.heard.pointed_at, run.surface);
	ck_assert(is_near(run.heard.x, 0.5 / 7.5) && is_near(run.heard.y, 0.5 / 7.5));
	point_at(63, 47);
	ck_assert_ptr_eq(run.heard.pointed_at, run.surface);
	ck_assert(is_near(run.heard.x, 8 - 1 / 7.5) && is_near(run.heard.y, 6 - 1 / 7.5));
	end();
}

struct part {
	struct wl_surface *surface;
	struct wl_subsurface *role;
	struct wp_viewport *viewport;
};

static void part_init(struct part *part, int32_t x, int32_t width)
{
	ino_t memory;
	part->surface = wl_compositor_create_surface(run.world.compositor);
	part->role = wl_subcompositor_get_subsurface(run.subcompositor, part->surface, run.surface);
	part->viewport = wp_viewporter_get_viewport(run.viewporter, part->surface);
	wl_subsurface_set_position(part->role, x, 0);
	wl_subsurface_set_desync(part->role);
	wp_viewport_set_destination(part->viewport, width, 10);
	wl_surface_attach(part->surface, make_buffer(8, 8, &memory), 0, 0);
	wl_surface_commit(part->surface);
}

static void part_finish(struct part *part)
{
	wp_viewport_destroy(part->viewport);
	wl_subsurface_destroy(part->role);
	wl_surface_destroy(part->surface);
}

/* Also where they touch in the middle of a pixel, from 13 on, which is at 19.5. */
TEST(pointer_between_neighbours)
{
	struct part parts[2];
	begin_with(180, true);
	part_init(&parts[0], 0, 13);
	part_init(&parts[1], 13, 7);
	show(30, 15, 20, 10);
	for (int32_t x = 0; x < 30; x++) {
		point_at(16 + x, 20);
		const double place = (x + 0.5) / 1.5;
		const int which = place >= 13;
		ck_assert_ptr_eq(run.heard.pointed_at, parts[which].surface);
		ck_assert(is_near(run.heard.x, place - 13 * which));
	}
	for (int i = 0; i < 2; i++)
		part_finish(&parts[i]);
	end();
}

/* Parts of it: a hole of the surface is one in the picture. */
TEST(input_region)
{
	begin_with(180, true);
	show(30, 15, 20, 10);
	struct wl_region *region = wl_compositor_create_region(run.world.compositor);
	wl_region_add(region, 4, 2, 2, 2);
	wl_surface_set_input_region(run.surface, region);
	wl_region_destroy(region);
	wl_surface_commit(run.surface);
	flip();
	/* 4 to 6 at the scale of 1.5 */
	for (int32_t x = 16; x < 16 + 30; x++) {
		point_at(x, 16 + 4);
		ck_assert_int_eq(run.heard.pointed_at != NULL, x >= 16 + 6 && x < 16 + 9);
	}
	end();
}

/* ---- what goes with the pointer -------------------------------------------------------------- */

static struct wl_surface *make_small(uint32_t pixels, int32_t size, ino_t *memory)
{
	struct wl_surface *surface = wl_compositor_create_surface(run.world.compositor);
	run.small = wp_viewporter_get_viewport(run.viewporter, surface);
	wp_viewport_set_destination(run.small, size, size);
	wl_surface_attach(surface, make_buffer(pixels, pixels, memory), 0, 0);
	wl_surface_commit(surface);
	return surface;
}

/* In steps of the display's pixels, with as many of its own wherever it is. */
TEST(cursor)
{
	ino_t memory;
	begin_with(180, true);
	show(63, HEIGHT, 42, 32);
	point_at(20, 20);
	struct wl_surface *cursor = make_small(12, 8, &memory);
	/* 3 x 1 are 4.5 x 1.5 pixels, of which the lower ones are nearest as negative numbers */
	wl_pointer_set_cursor(run.heard.pointer, run.heard.entered, cursor, 3, 1);
	flip();
	expect_scanout(memory, 20 - 4, 20 - 1, 12, 12);
	for (int32_t x = 21; x < 25; x++) {
		point_at(x, 21);
		expect_scanout(memory, x - 4, 21 - 1, 12, 12);
	}
	wl_surface_destroy(cursor);
	end();
}

/* A client can move its hotspot without end. */
TEST(cursor_far_away)
{
	ino_t memory;
	begin_with(180, true);
	show(63, HEIGHT, 42, 32);
	point_at(20, 20);
	struct wl_surface *cursor = make_small(12, 8, &memory);
	wl_pointer_set_cursor(run.heard.pointer, run.heard.entered, cursor, INT32_MIN, INT32_MAX);
	flip();
	run.seat->cursor->current.dx = INT64_MAX / 2;
	run.seat->cursor->current.dy = INT64_MIN / 2;
	point_at(21, 21);
	ck_assert_uint_eq(plane_of(memory), 0);
	wl_surface_destroy(cursor);
	end();
}

static void touch(void (*how)(struct seat *seat, uint32_t ms, int32_t id, double x, double y),
	int32_t x, int32_t y)
{
	how(run.seat, 2, 0, middle(x, WIDTH), middle(y, HEIGHT));
	flip();
}

TEST(icon)
{
	ino_t memory;
	begin(180);
	show(63, HEIGHT, 42, 32);
	struct wl_data_device *device =
		wl_data_device_manager_get_data_device(run.data_devices, run.wl_seat);
	touch(seat_touch_down, 20, 20);
	struct wl_surface *icon = make_small(12, 8, &memory);
	wl_data_device_start_drag(device, NULL, run.surface, icon, run.heard.serial);
	flip();
	touch(seat_touch_move, 31, 25);
	expect_scanout(memory, 31, 25, 12, 12);
	/* by two of its own */
	wl_surface_attach(icon, run.buffers[run.n_buffers - 1], -2, 2);
	wl_surface_commit(icon);
	flip();
	expect_scanout(memory, 31 - 3, 25 + 3, 12, 12);
	seat_touch_up(run.seat, 3, 0);
	flip();
	wl_data_device_destroy(device);
	wl_surface_destroy(icon);
	end();
}

/* ---- cursors of the theme -------------------------------------------------------------------- */

struct theme {
	char folder[32], outer[64], inner[96], arrow[128];
};

static void put(FILE *file, uint32_t number)
{
	ck_assert_uint_eq(fwrite(&number, sizeof(number), 1, file), 1);
}

enum { HEADER = 16, ENTRY = 12, IMAGE = 36 };

/* An arrow for each of @sizes, of a third of them in pixels, which points at the middle of itself. */
static void write_arrow(const char *path, const uint32_t sizes[], uint32_t n)
{
	FILE *file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	uint32_t position = HEADER + n * ENTRY;
	const uint32_t header[] = {0x72756358, HEADER, 0x10000, n};
	for (int i = 0; i < 4; i++)
		put(file, header[i]);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t side = sizes[i] / 3;
		put(file, 0xfffd0002);
		put(file, sizes[i]);
		put(file, position);
		position += IMAGE + side * side * 4;
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t side = sizes[i] / 3;
		const uint32_t image[] = {
			IMAGE, 0xfffd0002, sizes[i], 1, side, side, side / 2, side / 2, 0};
		for (int k = 0; k < 9; k++)
			put(file, image[k]);
		for (uint32_t k = 0; k < side * side; k++)
			put(file, 0xffffffff);
	}
	ck_assert_int_eq(fclose(file), 0);
}

static void theme_init(struct theme *theme)
{
	static const uint32_t sizes[] = {24, 36, 48};
	strcpy(theme->folder, "/tmp/waybuf-theme-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(theme->folder));
	snprintf(theme->outer, sizeof(theme->outer), "%s/default", theme->folder);
	snprintf(theme->inner, sizeof(theme->inner), "%s/cursors", theme->outer);
	snprintf(theme->arrow, sizeof(theme->arrow), "%s/left_ptr", theme->inner);
	ck_assert_int_eq(mkdir(theme->outer, 0700), 0);
	ck_assert_int_eq(mkdir(theme->inner, 0700), 0);
	write_arrow(theme->arrow, sizes, 3);
	setenv("XCURSOR_PATH", theme->folder, 1);
	unsetenv("XCURSOR_SIZE");
	unsetenv("XCURSOR_THEME");
}

static void theme_finish(const struct theme *theme)
{
	unsetenv("XCURSOR_PATH");
	unlink(theme->arrow);
	rmdir(theme->inner);
	rmdir(theme->outer);
	ck_assert_int_eq(rmdir(theme->folder), 0);
}

static void expect_arrow(int32_t x, int32_t y, uint32_t side)
{
	const struct scene_layer *layer = &outputs_first(&run.world.daemon)->shown->layers[0];
	ck_assert(layer->is_cursor);
	ck_assert_uint_eq(layer->width, side);
	ck_assert_uint_eq(layer->height, side);
	ck_assert_int_eq(layer->x, x - (int32_t)side / 2);
	ck_assert_int_eq(layer->y, y - (int32_t)side / 2);
}

/* As the next display may have another one. */
static void change_scale(uint32_t scale)
{
	outputs_first(&run.world.daemon)->scale = scale;
	outputs_arrange(&run.world.daemon);
	flip();
}

/* In the size that is drawn for the scale: of 24 pixels there are 36 and 48. */
TEST(arrow)
{
	struct theme theme;
	theme_init(&theme);
	begin_with(180, true);
	show(63, HEIGHT, 42, 32);
	point_at(20, 20);
	expect_arrow(20, 20, 12);
	ck_assert(geometry_is_whole(&outputs_first(&run.world.daemon)->shown->layers[0].source));
	change_scale(240);
	point_at(31, 21);
	expect_arrow(31, 21, 16);
	change_scale(120);
	point_at(32, 21);
	expect_arrow(32, 21, 8);
	/* and back, to what is there already */
	change_scale(180);
	point_at(20, 20);
	expect_arrow(20, 20, 12);
	/* while the one that is wanted is read, the one that is there is made as large */
	fake_worker_hold(true);
	outputs_first(&run.world.daemon)->scale = 360;
	seat_layout_changed(run.seat);
	world_settle(&run.world);
	ck_assert_uint_eq(run.seat->cursor_scale, 180);
	fake_worker_hold(false);
	flip();
	ck_assert_uint_eq(run.seat->cursor_scale, 360);
	end();
	theme_finish(&theme);
}

TEST_TIMEOUT(60)
TEST_MAIN("daemon-scale-planes")
