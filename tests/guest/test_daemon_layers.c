/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <presentation-time-client-protocol.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon_fixture.h"

/*
 * Surfaces on planes of vkms, which has one primary plane, eight overlays and a cursor plane, and
 * scales nothing. What is on the screen is read through the writeback connector, and must be what
 * it would be without planes, to the last bit.
 */

enum { WIDTH = 640, HEIGHT = 480, MOST = 12 };

static const uint32_t zero_copy = WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY;

struct layer {
	struct window window; /* the surface alone, for its commits and its feedback */
	struct wl_subsurface *role;
	struct picture picture;
	int32_t x, y;
};

/* A window that fills the output, and subsurfaces, the lowest first. */
struct stage {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture picture;
	struct layer layers[MOST];
	unsigned n;
};

static void begin(struct stage *stage, enum picture_memory memory)
{
	static const char *const options[] = {"--mode", "640x480", "--log", "info", NULL};
	*stage = (struct stage){.n = 0};
	daemon_start(&stage->daemon, options);
	client_connect(&stage->client, &stage->daemon);
	window_init(&stage->window, &stage->client);
	picture_init(&stage->client, &stage->picture, memory, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888);
	picture_draw(&stage->picture, 1000);
}

static struct layer *add(struct stage *stage, enum picture_memory memory, int32_t x, int32_t y,
	uint32_t width, uint32_t height)
{
	struct layer *layer = &stage->layers[stage->n++];
	*layer = (struct layer){.x = x, .y = y};
	layer->window.client = &stage->client;
	layer->window.surface = wl_compositor_create_surface(stage->client.compositor);
	layer->role = wl_subcompositor_get_subsurface(
		stage->client.subcompositor, layer->window.surface, stage->window.surface);
	wl_subsurface_set_position(layer->role, x, y);
	picture_init(&stage->client, &layer->picture, memory, width, height, DRM_FORMAT_XRGB8888);
	picture_draw(&layer->picture, stage->n);
	return layer;
}

static void layer_finish(struct layer *layer)
{
	wl_subsurface_destroy(layer->role);
	wl_surface_destroy(layer->window.surface);
	picture_finish(&layer->picture);
}

static void show(struct stage *stage)
{
	for (unsigned i = 0; i < stage->n; i++)
		window_commit(&stage->layers[i].window, &stage->layers[i].picture);
	window_show(&stage->window, &stage->picture);
	for (unsigned i = 0; i < stage->n; i++)
		ck_assert(client_wait(
			&stage->client, &stage->layers[i].window.presented, 1, PATIENCE_MS));
}

static void finish(struct stage *stage)
{
	for (unsigned i = 0; i < stage->n; i++)
		layer_finish(&stage->layers[i]);
	picture_finish(&stage->picture);
	window_finish(&stage->window);
	client_disconnect(&stage->client);
}

static void end(struct stage *stage)
{
	finish(stage);
	ck_assert_int_eq(daemon_stop(&stage->daemon, SIGTERM), 0);
}

/* The last line of the log says how many pictures were composed. */
static void end_saying(struct stage *stage, const char *text)
{
	finish(stage);
	kill(stage->daemon.pid, SIGTERM);
	for (int i = 0; i < 100 && !daemon_said(&stage->daemon, "shown "); i++)
		usleep(100000);
	ck_assert(daemon_said(&stage->daemon, text));
	ck_assert_int_eq(daemon_stop(&stage->daemon, SIGTERM), 0);
}

static bool is_inside(const struct layer *layer, int32_t x, int32_t y)
{
	return x >= layer->x && y >= layer->y && x < layer->x + (int32_t)layer->picture.width &&
		y < layer->y + (int32_t)layer->picture.height;
}

static uint32_t expected(const struct stage *stage, int32_t x, int32_t y)
{
	for (unsigned i = stage->n; i-- > 0;) {
		const struct layer *layer = &stage->layers[i];
		if (is_inside(layer, x, y))
			return picture_pixel(&layer->picture, (uint32_t)(x - layer->x),
				(uint32_t)(y - layer->y));
	}
	return picture_pixel(&stage->picture, (uint32_t)x, (uint32_t)y);
}

static void check_picture(struct stage *stage)
{
	struct picture screen;
	capture_output(&stage->client, &screen);
	for (int32_t y = 0; y < HEIGHT; y++) {
		for (int32_t x = 0; x < WIDTH; x++) {
			uint32_t got = picture_pixel(&screen, (uint32_t)x, (uint32_t)y) & 0xffffff;
			uint32_t want = expected(stage, x, y) & 0xffffff;
			/* an assertion is a write to a file, and this is 300,000 of them */
			if (got != want)
				ck_abort_msg("at %d,%d: %06x, not %06x", x, y, got, want);
		}
	}
	picture_finish(&screen);
}

static bool is_direct(const struct window *window)
{
	return window->flags & zero_copy;
}

/* A window, eight overlays and a cursor: nothing is left to be composed. */
TEST(ten_layers_without_a_copy)
{
	struct stage stage;
	begin(&stage, PICTURE_DMABUF);
	for (int i = 0; i < 8; i++)
		add(&stage, PICTURE_DMABUF, 40 * i, 30 * i, 120, 100);
	add(&stage, PICTURE_DMABUF, 100, 100, 32, 32);
	show(&stage);
	ck_assert(is_direct(&stage.window));
	for (unsigned i = 0; i < stage.n; i++)
		ck_assert(is_direct(&stage.layers[i].window));
	check_picture(&stage);
	/* and beside the edges of the output */
	stage.layers[0].x = -50;
	stage.layers[7].x = WIDTH - 20;
	stage.layers[7].y = HEIGHT - 20;
	wl_subsurface_set_position(stage.layers[0].role, -50, 0);
	wl_subsurface_set_position(stage.layers[7].role, WIDTH - 20, HEIGHT - 20);
	window_show(&stage.window, &stage.picture);
	check_picture(&stage);
	end(&stage);
}

/* More than there are planes: the topmost have them, and the picture is whole. */
TEST(planes_run_out)
{
	struct stage stage;
	begin(&stage, PICTURE_DMABUF);
	for (int i = 0; i < 10; i++)
		add(&stage, PICTURE_DMABUF, 30 * i, 25 * i, 150, 150);
	show(&stage);
	ck_assert(is_direct(&stage.layers[9].window));
	ck_assert(!is_direct(&stage.layers[0].window));
	ck_assert(!is_direct(&stage.window));
	ck_assert(daemon_said(&stage.daemon, "composed: no plane "));
	check_picture(&stage);
	end(&stage);
}

/* What is composed is not composed again for a video above it. */
TEST(video_above_a_window_of_shm)
{
	struct stage stage;
	begin(&stage, PICTURE_SHM);
	struct layer *video = add(&stage, PICTURE_DMABUF, 100, 50, 320, 240);
	struct picture other;
	picture_init(&stage.client, &other, PICTURE_DMABUF, 320, 240, DRM_FORMAT_XRGB8888);
	picture_draw(&other, 77);
	show(&stage);
	ck_assert(is_direct(&video->window));
	ck_assert(!is_direct(&stage.window));
	check_picture(&stage);
	wl_subsurface_set_desync(video->role);
	wl_surface_commit(stage.window.surface);
	for (int i = 0; i < 20; i++) {
		window_show(&video->window, i & 1 ? &video->picture : &other);
		ck_assert(is_direct(&video->window));
	}
	check_picture(&stage);
	/* each was given back when the other one was shown, but for the one that is */
	ck_assert_int_eq(other.released, 10);
	ck_assert_int_eq(video->picture.released, 10);
	picture_finish(&other);
	end_saying(&stage, " 1 copied");
}

/* Something composed above: the picture decides, not the planes. */
TEST(shm_above_a_video)
{
	struct stage stage;
	begin(&stage, PICTURE_DMABUF);
	add(&stage, PICTURE_DMABUF, 100, 50, 320, 240);
	add(&stage, PICTURE_SHM, 200, 100, 64, 64);
	add(&stage, PICTURE_DMABUF, 210, 110, 16, 16);
	show(&stage);
	ck_assert(!is_direct(&stage.window));
	ck_assert(!is_direct(&stage.layers[0].window));
	ck_assert(!is_direct(&stage.layers[1].window));
	ck_assert(is_direct(&stage.layers[2].window));
	ck_assert(daemon_said(&stage.daemon, "composed: something composed covers it"));
	ck_assert(daemon_said(&stage.daemon, "composed: its memory is wl_shm"));
	check_picture(&stage);
	/* it goes: all are on planes again */
	wl_subsurface_destroy(stage.layers[1].role);
	wl_surface_destroy(stage.layers[1].window.surface);
	picture_finish(&stage.layers[1].picture);
	stage.layers[1] = stage.layers[2];
	stage.n = 2;
	window_show(&stage.window, &stage.picture);
	check_picture(&stage);
	ck_assert(is_direct(&stage.window));
	end(&stage);
}

/* What a plane refuses is composed, and the reason says what the display said. */
TEST(scaled)
{
	struct stage stage;
	begin(&stage, PICTURE_DMABUF);
	struct layer *layer = add(&stage, PICTURE_DMABUF, 64, 64, 128, 128);
	wl_surface_set_buffer_scale(layer->window.surface, 2);
	show(&stage);
	ck_assert(!is_direct(&layer->window));
	ck_assert(daemon_said(&stage.daemon, "composed: the display refuses it: vkms"));
	struct picture screen;
	capture_output(&stage.client, &screen);
	/* the mean of four */
	uint32_t got = picture_pixel(&screen, 64 + 10, 64 + 20);
	for (int shift = 0; shift < 24; shift += 8) {
		uint32_t sum = 0;
		for (uint32_t i = 0; i < 4; i++)
			sum += picture_pixel(&layer->picture, 20 + i % 2, 40 + i / 2) >> shift &
				255;
		ck_assert_int_le(abs((int)(got >> shift & 255) - (int)(sum / 4)), 1);
	}
	picture_finish(&screen);
	end(&stage);
}

/* On a plane until it is replaced, whatever its owner does; then it is given back, once. */
TEST(each_layer_is_released_for_itself)
{
	struct stage stage;
	struct picture other;
	begin(&stage, PICTURE_DMABUF);
	struct layer *low = add(&stage, PICTURE_DMABUF, 10, 10, 64, 64);
	struct layer *high = add(&stage, PICTURE_DMABUF, 40, 40, 64, 64);
	picture_init(&stage.client, &other, PICTURE_DMABUF, 64, 64, DRM_FORMAT_XRGB8888);
	show(&stage);
	wl_subsurface_set_desync(low->role);
	wl_subsurface_set_desync(high->role);
	window_show(&stage.window, &stage.picture);
	for (int i = 0; i < 3; i++) {
		window_show(&low->window, i & 1 ? &low->picture : &other);
		ck_assert_int_eq(high->picture.released, 0);
	}
	ck_assert_int_eq(low->picture.released, 2);
	ck_assert_int_eq(other.released, 1);
	/* hidden, it goes from the screen at the next flip */
	wl_surface_attach(high->window.surface, NULL, 0, 0);
	wl_surface_commit(high->window.surface);
	ck_assert(client_wait(&stage.client, &high->picture.released, 1, PATIENCE_MS));
	ck_assert_int_eq(high->picture.released, 1);
	picture_finish(&other);
	end(&stage);
}

/* A client that goes takes its planes along, and nothing of it stays on the screen. */
TEST(client_dies)
{
	struct stage stage;
	begin(&stage, PICTURE_DMABUF);
	for (int i = 0; i < 4; i++)
		add(&stage, PICTURE_DMABUF, 40 * i, 30 * i, 120, 100);
	show(&stage);
	struct client witness;
	client_connect(&witness, &stage.daemon);
	/* what is destroyed here stays in libwayland's buffer: the server sees a client that is gone */
	finish(&stage);
	struct picture screen;
	uint32_t left = 1;
	for (int i = 0; i < 50 && left; i++) {
		capture_output(&witness, &screen);
		left = picture_pixel(&screen, 50, 40) & 0xffffff;
		picture_finish(&screen);
	}
	ck_assert_uint_eq(left, 0);
	client_disconnect(&witness);
	ck_assert_int_eq(daemon_stop(&stage.daemon, SIGTERM), 0);
}

TEST_TIMEOUT(60)
TEST_MAIN("daemon-layers")
