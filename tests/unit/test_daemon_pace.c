/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "daemon_world.h"
#include "fake/libdrm.h"
#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/sync.h"

/*
 * A window whose frames have another size, another format or other memory each time, in a waybufd of
 * the test's own: time is that of a fake display, so that a stall is counted in its vblanks, however
 * busy the machine. The client waits for each frame, as one does that goes by frame callbacks.
 */
enum { WIDTH = FAKE_MACHINE_WIDTH, HEIGHT = FAKE_MACHINE_HEIGHT, FRAMES = 120 };
/* from a commit until it is on the screen */
enum { MOST_VBLANKS = 2, VBLANK_MS = 17 };

struct image {
	struct wl_buffer *proxy;
	ino_t memory;
	int released;
};

struct look {
	uint32_t width, height, format;
};

struct film {
	struct world world;
	struct image images[FRAMES];
	int shown; /* frame callbacks */
};

/* ---- frames ---------------------------------------------------------------------------------- */

static void handle_release(void *data, struct wl_buffer *proxy)
{
	struct image *image = data;
	image->released++;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

/* In the memory that is the world's next. */
static void image_init(struct image *image, struct world *world, int i, const struct look *look)
{
	const struct world_buffer *buffer =
		&world->windows[i % WORLD_WINDOWS].buffers[i / WORLD_WINDOWS % WORLD_BUFFERS];
	image->memory = buffer->memory;
	image->proxy = world_make_dmabuf(world, buffer, look->width, look->height, look->format);
	wl_buffer_add_listener(image->proxy, &buffer_listener, image);
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	struct film *film = data;
	film->shown++;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

static void commit(struct film *film, struct image *image)
{
	struct wl_surface *surface = film->world.windows[WORLD_IMPLICIT].surface;
	wl_callback_add_listener(wl_surface_frame(surface), &frame_listener, film);
	wl_surface_attach(surface, image->proxy, 0, 0);
	wl_surface_damage_buffer(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
	world_settle(&film->world);
}

static void vblank(struct film *film)
{
	if (fake_screen_flipping())
		fake_screen_flip(0, true);
	fake_machine_advance(VBLANK_MS);
	world_settle(&film->world);
}

/* ---- films ----------------------------------------------------------------------------------- */

/* What is not on the screen any more is the client's again. */
static void take_back(struct image *image)
{
	ck_assert(!fake_screen_shows(image->memory));
	ck_assert_int_eq(image->released, 1);
	wl_buffer_destroy(image->proxy);
}

static void show(struct film *film, int i, const struct look *look)
{
	struct image *image = &film->images[i];
	image_init(image, &film->world, i, look);
	commit(film, image);
	for (int vblanks = 0; film->shown <= i; vblanks++) {
		ck_assert_msg(vblanks < MOST_VBLANKS, "frame %d is not shown", i);
		vblank(film);
	}
	ck_assert_int_eq(fake_screen_shows(image->memory), look->format == DRM_FORMAT_XRGB8888);
	if (i > 0)
		take_back(&image[-1]);
}

/* Plays what @choose makes of each frame. */
static void play(void (*choose)(int i, struct look *look))
{
	static struct film film;
	memset(&film, 0, sizeof(film));
	world_init(&film.world);
	for (int i = 0; i < FRAMES; i++) {
		struct look look = {WIDTH, HEIGHT, DRM_FORMAT_XRGB8888};
		choose(i, &look);
		show(&film, i, &look);
	}
	wl_buffer_destroy(film.images[FRAMES - 1].proxy);
	world_settle(&film.world);
	world_finish(&film.world);
	fake_sync_finish();
}

static void same(int i, struct look *look) {}

TEST(other_memory)
{
	play(same);
}

static void resize(int i, struct look *look)
{
	look->width -= (uint32_t)i % 7 * 4;
	look->height -= (uint32_t)i % 5 * 4;
}

TEST(storm_of_sizes)
{
	play(resize);
}

/* Every third frame is of a format that no plane takes. */
static void change_format(int i, struct look *look)
{
	if (i % 3 == 2)
		look->format = DRM_FORMAT_ARGB8888;
}

TEST(storm_of_formats)
{
	play(change_format);
}

static void change_all(int i, struct look *look)
{
	resize(i, look);
	change_format(i, look);
}

TEST(storm_of_both)
{
	play(change_all);
}

TEST_TIMEOUT(60)
TEST_MAIN("daemon-pace")
