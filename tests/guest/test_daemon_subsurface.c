/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <presentation-time-client-protocol.h>
#include <signal.h>

#include "daemon_fixture.h"

/* Subsurfaces, as pixels on the screen: where they are, in which order, and since when. */

#define RED 0xff0000
#define GREEN 0x00ff00
#define BLUE 0x0000ff
#define WHITE 0xffffff
#define BLACK 0

#define PARENT 256
#define CHILD 64

struct child {
	struct wl_surface *surface;
	struct wl_subsurface *role; /* NULL: destroyed */
	struct picture picture;
	int frames;
};

struct scenario {
	struct daemon daemon;
	struct client client;
	struct window window; /* red */
	struct picture picture;
	struct child green, blue;
};

static void fill(struct picture *picture, uint32_t color)
{
	for (uint32_t y = 0; y < picture->height; y++)
		for (uint32_t x = 0; x < picture->width; x++)
			memcpy(picture->pixels + (size_t)y * picture->stride + x * sizeof(color),
				&color, sizeof(color));
}

static void child_init(
	struct scenario *s, struct child *child, struct wl_surface *parent, uint32_t color)
{
	*child = (struct child){.surface = wl_compositor_create_surface(s->client.compositor)};
	child->role =
		wl_subcompositor_get_subsurface(s->client.subcompositor, child->surface, parent);
	picture_init(&s->client, &child->picture, PICTURE_SHM, CHILD, CHILD, DRM_FORMAT_XRGB8888);
	fill(&child->picture, color);
}

static void child_finish(struct child *child)
{
	if (child->role)
		wl_subsurface_destroy(child->role);
	if (child->surface)
		wl_surface_destroy(child->surface);
	picture_finish(&child->picture);
}

static void child_attach(struct child *child, struct picture *picture)
{
	wl_surface_attach(child->surface, picture ? picture->buffer : NULL, 0, 0);
	wl_surface_damage_buffer(child->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(child->surface);
}

/* The same, with a callback that comes when it is shown. */
static void child_commit(struct child *child, struct picture *picture)
{
	callback_count(wl_surface_frame(child->surface), &child->frames);
	child_attach(child, picture);
}

/* A commit of the parent, and it is on the screen. */
static void update(struct scenario *s)
{
	window_show(&s->window, &s->picture);
}

/* What is at a place relative to the window, which is in the middle of the output. */
static uint32_t look(struct scenario *s, const struct picture *screen, int32_t x, int32_t y)
{
	return picture_pixel(screen, (uint32_t)((s->client.width - PARENT) / 2 + x),
		       (uint32_t)((s->client.height - PARENT) / 2 + y)) &
		0xffffff;
}

struct spot {
	int32_t x, y;
	uint32_t color;
};

static void expect_spots(struct scenario *s, const struct spot *spots, size_t n)
{
	struct picture screen;
	capture_output(&s->client, &screen);
	for (size_t i = 0; i < n; i++) {
		uint32_t got = look(s, &screen, spots[i].x, spots[i].y);
		ck_assert_msg(got == spots[i].color, "at %d,%d of the window: %06x, not %06x",
			spots[i].x, spots[i].y, got, spots[i].color);
	}
	picture_finish(&screen);
}

#define EXPECT(s, ...) \
	do { \
		const struct spot spots[] = {__VA_ARGS__}; \
		expect_spots((s), spots, sizeof(spots) / sizeof(spots[0])); \
	} while (0)

static void children_init(struct scenario *s)
{
	child_init(s, &s->green, s->window.surface, GREEN);
	child_init(s, &s->blue, s->window.surface, BLUE);
	wl_subsurface_set_position(s->green.role, 16, 16);
	wl_subsurface_set_position(s->blue.role, 48, 48);
}

static void children_show(struct scenario *s)
{
	child_commit(&s->green, &s->green.picture);
	child_commit(&s->blue, &s->blue.picture);
	update(s);
}

/* A red window; green at 16,16 and blue at 48,48 are its subsurfaces, and were not committed. */
static void begin(struct scenario *s)
{
	static const char *const options[] = {"--mode", "640x480", NULL};
	*s = (struct scenario){0};
	daemon_start(&s->daemon, options);
	client_connect(&s->client, &s->daemon);
	window_init(&s->window, &s->client);
	picture_init(&s->client, &s->picture, PICTURE_SHM, PARENT, PARENT, DRM_FORMAT_XRGB8888);
	fill(&s->picture, RED);
	children_init(s);
}

/* And all are on the screen. */
static void begin_shown(struct scenario *s)
{
	begin(s);
	children_show(s);
}

/* As it was at first, with the same window: it takes a second to start all. */
static void renew(struct scenario *s)
{
	child_finish(&s->green);
	child_finish(&s->blue);
	children_init(s);
	children_show(s);
}

static void end(struct scenario *s)
{
	child_finish(&s->green);
	child_finish(&s->blue);
	picture_finish(&s->picture);
	window_finish(&s->window);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
}

/* ---- where ----------------------------------------------------------------------------------- */

static void order_and_position(struct scenario *s)
{
	/* the last one is on top; each is where it should be, to the pixel */
	EXPECT(s, {15, 16, RED}, {16, 16, GREEN}, {47, 47, GREEN}, {48, 48, BLUE}, {79, 79, BLUE},
		{111, 111, BLUE}, {112, 111, RED});
	wl_subsurface_place_above(s->green.role, s->blue.surface);
	wl_subsurface_set_position(s->green.role, -32, 24);
	wl_subsurface_set_position(s->green.role, 24, 24);
	ck_assert(client_sync(&s->client));
	EXPECT(s, {16, 16, GREEN}, {79, 79, BLUE});
	update(s);
	EXPECT(s, {16, 16, RED}, {24, 24, GREEN}, {87, 87, GREEN}, {88, 88, BLUE});
	/* below the parent, and beyond its edge; below a sibling that is there */
	wl_subsurface_place_below(s->green.role, s->window.surface);
	wl_subsurface_set_position(s->green.role, -32, -32);
	wl_subsurface_place_below(s->blue.role, s->green.surface);
	wl_subsurface_set_position(s->blue.role, -16, -16);
	update(s);
	EXPECT(s, {-33, -32, BLACK}, {-32, -32, GREEN}, {-1, -1, GREEN}, {0, 0, RED},
		{-16, 40, BLUE}, {24, 24, RED});
	wl_subsurface_place_above(s->blue.role, s->window.surface);
	update(s);
	EXPECT(s, {-16, -16, BLUE}, {0, 0, BLUE}, {-17, -17, GREEN});
}

static void check_far(struct scenario *s, int32_t x, int32_t y)
{
	wl_subsurface_set_position(s->green.role, x, y);
	update(s);
	EXPECT(s, {16, 16, RED}, {48, 48, BLUE});
}

static void positions_far_away(struct scenario *s)
{
	check_far(s, INT32_MAX, INT32_MAX);
	check_far(s, INT32_MIN, INT32_MIN);
	check_far(s, INT32_MIN, 16);
	/* a child of one that is far away may be in sight */
	struct child white;
	child_init(s, &white, s->green.surface, WHITE);
	wl_subsurface_set_position(s->green.role, -2000000000, 16);
	wl_subsurface_set_position(white.role, 2000000128, 0);
	child_commit(&white, &white.picture);
	wl_surface_commit(s->green.surface);
	update(s);
	EXPECT(s, {127, 16, RED}, {128, 16, WHITE});
	child_finish(&white);
}

/* ---- when ------------------------------------------------------------------------------------ */

static void synchronised(struct scenario *s)
{
	update(s);
	child_commit(&s->green, &s->green.picture);
	child_commit(&s->blue, &s->blue.picture);
	ck_assert(client_sync(&s->client));
	EXPECT(s, {16, 16, RED}, {48, 48, RED});
	ck_assert_int_eq(s->green.frames, 0);
	/* another one in between is never seen, and its buffer comes back at once */
	child_commit(&s->green, &s->blue.picture);
	ck_assert(client_sync(&s->client));
	ck_assert_int_eq(s->green.picture.released, 1);
	update(s);
	EXPECT(s, {16, 16, BLUE}, {48, 48, BLUE});
	ck_assert(client_wait(&s->client, &s->green.frames, 2, PATIENCE_MS));
	/* applied once: a commit without a buffer brings nothing back */
	child_attach(&s->green, NULL);
	update(s);
	EXPECT(s, {16, 16, RED}, {48, 48, BLUE});
	wl_surface_commit(s->green.surface);
	update(s);
	EXPECT(s, {16, 16, RED});
}

static void desynchronised(struct scenario *s)
{
	wl_subsurface_set_desync(s->green.role);
	child_commit(&s->green, &s->blue.picture);
	ck_assert(client_wait(&s->client, &s->green.frames, 2, PATIENCE_MS));
	EXPECT(s, {16, 16, BLUE});
	/* what was kept comes with the change of mode, and not before */
	child_commit(&s->blue, &s->green.picture);
	ck_assert(client_sync(&s->client));
	EXPECT(s, {100, 100, BLUE});
	wl_subsurface_set_desync(s->blue.role);
	ck_assert(client_wait(&s->client, &s->blue.frames, 2, PATIENCE_MS));
	EXPECT(s, {100, 100, GREEN});
	/* its place is the parent's business all the same */
	wl_subsurface_set_position(s->blue.role, 80, 80);
	child_commit(&s->blue, &s->blue.picture);
	ck_assert(client_wait(&s->client, &s->blue.frames, 3, PATIENCE_MS));
	EXPECT(s, {50, 100, BLUE}, {100, 100, BLUE}, {120, 120, RED});
	update(s);
	EXPECT(s, {50, 100, RED}, {120, 120, BLUE});
}

/* A child of a synchronised one is synchronised, whatever its own mode. */
static void nested(struct scenario *s)
{
	struct child white;
	child_init(s, &white, s->green.surface, WHITE);
	wl_subsurface_set_position(white.role, 8, 8);
	wl_subsurface_set_desync(white.role);
	child_commit(&white, &white.picture);
	update(s);
	/* its parent, the green one, was not committed */
	EXPECT(s, {24, 24, GREEN});
	wl_surface_commit(s->green.surface);
	ck_assert(client_sync(&s->client));
	EXPECT(s, {24, 24, GREEN});
	/* what comes after the commit of its parent does not join it */
	child_commit(&white, &s->blue.picture);
	update(s);
	EXPECT(s, {16, 16, GREEN}, {24, 24, WHITE});
	/* now nobody above it is synchronised */
	wl_subsurface_set_desync(s->green.role);
	ck_assert(client_wait(&s->client, &white.frames, 2, PATIENCE_MS));
	EXPECT(s, {24, 24, BLUE});
	child_commit(&white, &white.picture);
	ck_assert(client_wait(&s->client, &white.frames, 3, PATIENCE_MS));
	EXPECT(s, {24, 24, WHITE});
	child_finish(&white);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Waits until all that was asked for was seen to. */
static void settle(struct scenario *s)
{
	int shown = 0;
	callback_count(wl_surface_frame(s->window.surface), &shown);
	wl_surface_damage(s->window.surface, 0, 0, 1, 1);
	wl_surface_commit(s->window.surface);
	ck_assert(client_wait(&s->client, &shown, 1, PATIENCE_MS));
}

static void hidden_with_the_parent(struct scenario *s)
{
	struct child white;
	child_init(s, &white, s->green.surface, WHITE);
	wl_subsurface_set_position(white.role, -16, -16);
	child_commit(&white, &white.picture);
	wl_surface_commit(s->green.surface);
	update(s);
	EXPECT(s, {0, 0, WHITE});
	child_attach(&s->green, NULL);
	update(s);
	EXPECT(s, {0, 0, RED}, {16, 16, RED}, {48, 48, BLUE});
	child_commit(&s->green, &s->green.picture);
	update(s);
	EXPECT(s, {0, 0, WHITE}, {70, 40, GREEN});
	/* the window itself */
	wl_surface_attach(s->window.surface, NULL, 0, 0);
	wl_surface_commit(s->window.surface);
	ck_assert(client_sync(&s->client));
	EXPECT(s, {0, 0, BLACK}, {16, 16, BLACK}, {48, 48, BLACK});
	child_finish(&white);
}

static void role_is_destroyed(struct scenario *s)
{
	/* at once, though synchronised, and what it has kept comes back when something else does */
	child_commit(&s->green, &s->blue.picture);
	wl_subsurface_destroy(s->green.role);
	settle(s);
	EXPECT(s, {16, 16, RED}, {48, 48, BLUE});
	/* the same surface again: on top, at 0,0, with what it had */
	s->green.role = wl_subcompositor_get_subsurface(
		s->client.subcompositor, s->green.surface, s->window.surface);
	settle(s);
	EXPECT(s, {0, 0, BLUE}, {63, 63, BLUE}, {64, 16, RED});
}

static void parent_is_destroyed_first(struct scenario *s)
{
	struct child white;
	child_init(s, &white, s->green.surface, WHITE);
	wl_subsurface_set_position(white.role, 8, 8);
	child_commit(&white, &white.picture);
	wl_surface_commit(s->green.surface);
	update(s);
	EXPECT(s, {24, 24, WHITE});
	wl_subsurface_destroy(s->green.role);
	wl_surface_destroy(s->green.surface);
	s->green.role = NULL;
	s->green.surface = NULL;
	/* of the child there is nothing to be seen, and all that can be said of it is heard */
	wl_subsurface_set_position(white.role, 1, 1);
	wl_subsurface_place_above(white.role, s->window.surface);
	wl_subsurface_set_sync(white.role);
	wl_subsurface_set_desync(white.role);
	child_commit(&white, &s->blue.picture);
	settle(s);
	EXPECT(s, {16, 16, RED}, {24, 24, RED}, {48, 48, BLUE});
	/* it has still a role, and may get another parent when that is over */
	wl_subsurface_destroy(white.role);
	white.role = wl_subcompositor_get_subsurface(
		s->client.subcompositor, white.surface, s->window.surface);
	child_commit(&white, &white.picture);
	update(s);
	EXPECT(s, {0, 0, WHITE}, {48, 48, WHITE});
	child_finish(&white);
}

/* What was kept with its parent's commit is not applied when that is, after all that came since. */
static void leaves_a_parent_that_waits(struct scenario *s)
{
	struct child white;
	child_init(s, &white, s->green.surface, WHITE);
	child_attach(&white, &white.picture);
	child_attach(&s->green, &s->green.picture);
	child_attach(&white, &s->green.picture);
	wl_subsurface_destroy(white.role);
	child_attach(&white, &s->blue.picture);
	white.role = wl_subcompositor_get_subsurface(
		s->client.subcompositor, white.surface, s->window.surface);
	wl_subsurface_set_position(white.role, 128, 128);
	update(s);
	EXPECT(s, {16, 16, GREEN}, {128, 128, BLUE});
	ck_assert_int_eq(white.picture.released, 1);
	child_finish(&white);
}

/* ---- without a copy -------------------------------------------------------------------------- */

/* One that covers the output is scanned out alone, and elsewhere with what is below it. */
static void scanned_out(struct scenario *s)
{
	struct picture large;
	picture_init(&s->client, &large, PICTURE_DMABUF, 640, 480, DRM_FORMAT_XRGB8888);
	fill(&large, WHITE);
	struct window child = {.client = &s->client, .surface = s->blue.surface};
	const int32_t x = (PARENT - 640) / 2, y = (PARENT - 480) / 2;
	wl_subsurface_set_position(s->blue.role, x, y);
	window_commit(&child, &large);
	wl_surface_commit(s->window.surface);
	ck_assert(client_wait(&s->client, &child.presented, 1, PATIENCE_MS));
	ck_assert(child.flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY);
	EXPECT(s, {x, y, WHITE}, {0, 0, WHITE}, {x + 639, y + 479, WHITE});
	/* uncovers what is below, by the commit of one that is not seen */
	wl_subsurface_set_position(s->blue.role, x + 1, y);
	wl_subsurface_set_desync(s->blue.role);
	wl_surface_commit(s->window.surface);
	window_commit(&child, &large);
	ck_assert(client_wait(&s->client, &child.presented, 2, PATIENCE_MS));
	ck_assert(child.flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY);
	EXPECT(s, {x, y, BLACK}, {x + 1, y, WHITE}, {x + 639, y + 479, WHITE});
	picture_finish(&large);
}

/* ---- tests ----------------------------------------------------------------------------------- */

TEST(places)
{
	struct scenario s;
	begin_shown(&s);
	order_and_position(&s);
	renew(&s);
	positions_far_away(&s);
	renew(&s);
	scanned_out(&s);
	end(&s);
}

TEST(modes)
{
	struct scenario s;
	begin(&s);
	synchronised(&s);
	renew(&s);
	desynchronised(&s);
	end(&s);
}

TEST(trees)
{
	struct scenario s;
	begin_shown(&s);
	nested(&s);
	renew(&s);
	leaves_a_parent_that_waits(&s);
	end(&s);
}

TEST(ends)
{
	struct scenario s;
	begin_shown(&s);
	role_is_destroyed(&s);
	renew(&s);
	parent_is_destroyed_first(&s);
	renew(&s);
	hidden_with_the_parent(&s);
	end(&s);
}

/* The client goes with everything in place, and in caches. */
TEST(client_goes)
{
	struct scenario s;
	struct child white;
	begin_shown(&s);
	child_init(&s, &white, s.green.surface, WHITE);
	child_attach(&white, &white.picture);
	child_attach(&s.green, &s.blue.picture);
	child_attach(&white, &s.green.picture);
	ck_assert(client_sync(&s.client));
	child_finish(&white);
	child_finish(&s.green);
	child_finish(&s.blue);
	picture_finish(&s.picture);
	wl_display_flush(s.client.display);
	window_finish(&s.window);
	client_disconnect(&s.client);
	ck_assert_int_eq(daemon_stop(&s.daemon, SIGTERM), 0);
}

TEST_TIMEOUT(60)
TEST_MAIN("daemon-subsurface")
