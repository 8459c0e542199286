/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <presentation-time-client-protocol.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon_fixture.h"

/*
 * What is on the screen is what the client drew: read back through the writeback connector, and
 * compared pixel by pixel, on the way without a copy and on the composed one.
 */

static const uint32_t copied = WP_PRESENTATION_FEEDBACK_KIND_VSYNC |
	WP_PRESENTATION_FEEDBACK_KIND_HW_CLOCK | WP_PRESENTATION_FEEDBACK_KIND_HW_COMPLETION;
static const uint32_t direct = copied | WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY;

/* One byte of the colour may be off by @tolerance. */
static bool close_to(uint32_t a, uint32_t b, int tolerance)
{
	for (int shift = 0; shift < 24; shift += 8)
		if (abs((int)(a >> shift & 0xff) - (int)(b >> shift & 0xff)) > tolerance)
			return false;
	return true;
}

typedef uint32_t (*reference_t)(const void *data, uint32_t x, uint32_t y);

static void expect(struct client *client, reference_t reference, const void *data, int tolerance)
{
	struct picture screen;
	capture_output(client, &screen);
	for (uint32_t y = 0; y < screen.height; y++) {
		for (uint32_t x = 0; x < screen.width; x++) {
			uint32_t got = picture_pixel(&screen, x, y) & 0xffffff;
			uint32_t want = reference(data, x, y) & 0xffffff;
			/* libcheck notes down each assertion, also those that hold */
			if (!close_to(got, want, tolerance))
				ck_abort_msg("at %u,%u: %06x, not %06x", x, y, got, want);
		}
	}
	picture_finish(&screen);
}

static uint32_t same(const void *data, uint32_t x, uint32_t y)
{
	return picture_pixel(data, x, y);
}

static uint32_t black(const void *data, uint32_t x, uint32_t y)
{
	return 0;
}

struct scenario {
	struct daemon daemon;
	struct client client;
	struct window window;
	uint32_t width, height;
};

static void begin(struct scenario *scenario)
{
	daemon_start(&scenario->daemon, NULL);
	client_connect(&scenario->client, &scenario->daemon);
	window_init(&scenario->window, &scenario->client);
	scenario->width = (uint32_t)scenario->client.width;
	scenario->height = (uint32_t)scenario->client.height;
}

static void end(struct scenario *scenario)
{
	window_finish(&scenario->window);
	client_disconnect(&scenario->client);
	ck_assert_int_eq(daemon_stop(&scenario->daemon, SIGTERM), 0);
}

TEST(nothing_is_black)
{
	struct scenario s;
	begin(&s);
	expect(&s.client, black, NULL, 0);
	ck_assert_int_eq(s.window.width, s.client.width);
	ck_assert_int_eq(s.window.height, s.client.height);
	end(&s);
}

static void show_fullscreen(struct scenario *s, enum picture_memory memory, uint32_t flags)
{
	struct picture pictures[2];
	for (uint32_t i = 0; i < 2; i++) {
		picture_init(
			&s->client, &pictures[i], memory, s->width, s->height, DRM_FORMAT_XRGB8888);
		picture_draw(&pictures[i], i);
		window_show(&s->window, &pictures[i]);
		ck_assert_uint_eq(s->window.flags, flags);
		expect(&s->client, same, &pictures[i], 0);
	}
	/* and the first one again, which the daemon knows by now */
	window_show(&s->window, &pictures[0]);
	ck_assert_uint_eq(s->window.flags, flags);
	expect(&s->client, same, &pictures[0], 0);
	picture_finish(&pictures[0]);
	picture_finish(&pictures[1]);
}

TEST(dmabuf_is_scanned_out)
{
	struct scenario s;
	begin(&s);
	show_fullscreen(&s, PICTURE_DMABUF, direct);
	end(&s);
}

/* A newer picture in the one that is not on the screen. */
static void show_next(struct scenario *s, struct picture pictures[2], uint32_t number)
{
	struct picture *next = &pictures[number % 2];
	picture_draw(next, number);
	window_show(&s->window, next);
}

/* Drawn into by turns, until the daemon has made the memory of both known to the display. */
static void show_in_turn(struct scenario *s)
{
	struct picture pictures[2];
	uint32_t number = 0, in_a_row = 0;
	for (uint32_t i = 0; i < 2; i++)
		picture_init(&s->client, &pictures[i], PICTURE_SEALED, s->width, s->height,
			DRM_FORMAT_XRGB8888);
	for (; in_a_row < 3 && number < 200; number++) {
		show_next(s, pictures, number);
		in_a_row = s->window.flags == direct ? in_a_row + 1 : 0;
		ck_assert(number > 2 || s->window.flags == copied);
	}
	ck_assert_uint_eq(in_a_row, 3);
	expect(&s->client, same, &pictures[(number - 1) % 2], 0);
	/* no seal forbids to change the pages, and those that were scanned out are nobody's then */
	ck_assert_int_eq(
		fallocate(pictures[number % 2].fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			(off_t)pictures[number % 2].size / 8192 * 4096),
		0);
	show_next(s, pictures, number);
	expect(&s->client, same, &pictures[number % 2], 0);
	picture_finish(&pictures[0]);
	picture_finish(&pictures[1]);
}

TEST(shm_is_composed_if_it_may_shrink)
{
	struct scenario s;
	begin(&s);
	show_fullscreen(&s, PICTURE_SHM, copied);
	ck_assert(daemon_said(&s.daemon, "composed: its memory is wl_shm"));
	show_in_turn(&s);
	ck_assert(daemon_said(&s.daemon, "scanned out directly"));
	end(&s);
}

TEST(unmapped_is_black_again)
{
	struct scenario s;
	struct picture picture;
	begin(&s);
	picture_init(&s.client, &picture, PICTURE_DMABUF, s.width, s.height, DRM_FORMAT_XRGB8888);
	picture_draw(&picture, 1);
	window_show(&s.window, &picture);
	wl_surface_attach(s.window.surface, NULL, 0, 0);
	wl_surface_commit(s.window.surface);
	/* the flip to black ends the use */
	ck_assert(client_wait(&s.client, &picture.released, 1, 2000));
	expect(&s.client, black, NULL, 0);
	picture_finish(&picture);
	end(&s);
}

/* A small, translucent window in the middle of a large one. */
struct stacked {
	struct picture below, above;
	uint32_t x, y;
};

static uint32_t blend(const void *data, uint32_t x, uint32_t y)
{
	const struct stacked *stacked = data;
	uint32_t below = picture_pixel(&stacked->below, x, y), out = 0;
	x -= stacked->x;
	y -= stacked->y;
	if (x >= stacked->above.width || y >= stacked->above.height)
		return below;
	uint32_t above = picture_pixel(&stacked->above, x, y);
	for (int shift = 0; shift < 24; shift += 8) {
		uint32_t rest = (below >> shift & 0xff) * (255 - (above >> 24));
		out |= ((above >> shift & 0xff) + (rest + 127) / 255) << shift;
	}
	return out;
}

TEST(windows_are_blended)
{
	struct scenario s;
	struct stacked stacked;
	struct window second;
	begin(&s);
	picture_init(
		&s.client, &stacked.below, PICTURE_DMABUF, s.width, s.height, DRM_FORMAT_XRGB8888);
	picture_draw(&stacked.below, 1);
	window_show(&s.window, &stacked.below);
	ck_assert_uint_eq(s.window.flags, direct);
	picture_init(&s.client, &stacked.above, PICTURE_SHM, 200, 101, DRM_FORMAT_ARGB8888);
	for (uint32_t i = 0; i < 200 * 101; i++)
		((uint32_t *)(void *)stacked.above.pixels)[i] =
			(i % 101) << 24 | (i % 97) << 8 | i % 89;
	/* premultiplied: no component above alpha */
	for (uint32_t i = 0; i < 200 * 101; i++)
		stacked.above.pixels[4 * i + 3] = (uint8_t)(100 + i % 101);
	stacked.x = (s.width - 200) / 2;
	stacked.y = (s.height - 101) / 2;
	window_init(&second, &s.client);
	window_show(&second, &stacked.above);
	ck_assert_uint_eq(second.flags, copied);
	expect(&s.client, blend, &stacked, 1);
	/* without it, the large one goes back to the plane */
	window_finish(&second);
	window_show(&s.window, &stacked.below);
	ck_assert_uint_eq(s.window.flags, direct);
	expect(&s.client, same, &stacked.below, 0);
	picture_finish(&stacked.above);
	picture_finish(&stacked.below);
	end(&s);
}

/* A buffer that the client has turned, and drawn at twice the size. */
struct turned {
	struct picture picture;
	int transform;
	uint32_t x, y, width, height; /* on the screen */
};

/*
 * Where a point of the surface is in the buffer, step by step as the protocol tells it: mirrored
 * around the vertical axis first, then turned anticlockwise by a quarter, again and again.
 */
static uint32_t turn(const void *data, uint32_t x, uint32_t y)
{
	const struct turned *turned = data;
	uint32_t width = turned->width * 2, height = turned->height * 2;
	if (x - turned->x >= turned->width || y - turned->y >= turned->height)
		return 0;
	x = (x - turned->x) * 2;
	y = (y - turned->y) * 2;
	if (turned->transform & 4)
		x = width - 1 - (x | 1);
	for (int i = 0; i < (turned->transform & 3); i++) {
		uint32_t old = x, swap = width;
		x = y;
		y = width - 1 - (old | 1);
		width = height;
		height = swap;
	}
	/* all four pixels of a square are alike */
	return picture_pixel(&turned->picture, x & ~1u, y & ~1u);
}

static void draw_squares(struct picture *picture)
{
	for (uint32_t y = 0; y < picture->height; y++)
		for (uint32_t x = 0; x < picture->width; x++)
			((uint32_t *)(void *)picture->pixels)[y * picture->width + x] =
				(x / 2 * 7 + y / 2 * 1031) & 0xffffff;
}

/* The same picture in rows that begin anywhere, which pixman cannot read. */
static struct wl_buffer *make_odd(struct client *client, const struct picture *picture)
{
	const uint32_t stride = picture->stride + 1;
	const size_t size = (size_t)stride * picture->height + 1;
	int fd = memfd_create("odd", MFD_CLOEXEC);
	for (uint32_t y = 0; y < picture->height; y++)
		ck_assert_int_eq(pwrite(fd, picture->pixels + (size_t)y * picture->stride,
					 picture->stride, 1 + (off_t)y * stride),
			picture->stride);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	struct wl_shm_pool *pool = wl_shm_create_pool(client->shm, fd, (int32_t)size);
	struct wl_buffer *buffer = wl_shm_pool_create_buffer(pool, 1, (int32_t)picture->width,
		(int32_t)picture->height, (int32_t)stride, WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	close(fd);
	return buffer;
}

static void show_odd(struct scenario *s, struct picture *picture)
{
	struct picture odd = *picture;
	odd.buffer = make_odd(&s->client, picture);
	window_show(&s->window, &odd);
	wl_buffer_destroy(odd.buffer);
}

TEST(turned_and_scaled)
{
	struct scenario s;
	begin(&s);
	for (int transform = 0; transform < 8; transform++) {
		struct turned turned = {.transform = transform, .width = 150, .height = 80};
		bool across = transform & 1;
		turned.x = (s.width - turned.width) / 2;
		turned.y = (s.height - turned.height) / 2;
		picture_init(&s.client, &turned.picture, PICTURE_SHM, across ? 160 : 300,
			across ? 300 : 160, DRM_FORMAT_XRGB8888);
		draw_squares(&turned.picture);
		wl_surface_set_buffer_transform(s.window.surface, transform);
		wl_surface_set_buffer_scale(s.window.surface, 2);
		window_show(&s.window, &turned.picture);
		printf("# transform %d\n", transform);
		fflush(stdout);
		expect(&s.client, turn, &turned, 0);
		show_odd(&s, &turned.picture);
		expect(&s.client, turn, &turned, 0);
		picture_finish(&turned.picture);
	}
	end(&s);
}

static void draw_video(struct picture *picture)
{
	uint8_t *chroma = picture->pixels + (size_t)picture->stride * picture->height;
	for (uint32_t y = 0; y < picture->height; y++)
		for (uint32_t x = 0; x < picture->width; x++)
			picture->pixels[y * picture->stride + x] =
				(uint8_t)(16 + (x * 220 / picture->width));
	for (uint32_t y = 0; y < picture->height / 2; y++)
		for (uint32_t x = 0; x < picture->width; x++)
			chroma[y * picture->stride + x] =
				(uint8_t)(x % 2 ? 16 + y * 2 * 224 / picture->height
						: 240 - y * 2 * 224 / picture->height);
}

static int limit(double value)
{
	return value < 0 ? 0 : value > 255 ? 255 : (int)(value + 0.5);
}

static uint32_t video(const void *data, uint32_t x, uint32_t y)
{
	const struct picture *picture = data;
	const uint8_t *chroma = picture->pixels + (size_t)picture->stride * picture->height +
		(size_t)(y / 2) * picture->stride + x / 2 * 2;
	double luma = 255.0 / 219 * (picture->pixels[y * picture->stride + x] - 16);
	double u = 255.0 / 224 * (chroma[0] - 128), v = 255.0 / 224 * (chroma[1] - 128);
	int r = limit(luma + 1.402 * v), g = limit(luma - 0.344136 * u - 0.714136 * v);
	int b = limit(luma + 1.772 * u);
	return (uint32_t)r << 16 | (uint32_t)g << 8 | (uint32_t)b;
}

static uint32_t video_with_hole(const void *data, uint32_t x, uint32_t y)
{
	return x < 64 && y < 64 ? 0x123456 : video(data, x, y);
}

TEST(video_looks_alike_on_both_ways)
{
	struct scenario s;
	struct picture picture, cover;
	struct window second;
	begin(&s);
	picture_init(&s.client, &picture, PICTURE_DMABUF, s.width, s.height, DRM_FORMAT_NV12);
	draw_video(&picture);
	window_show(&s.window, &picture);
	ck_assert_uint_eq(s.window.flags, direct);
	expect(&s.client, video, &picture, 1);
	/* something as large as the screen, clear but for one corner, forces composition */
	picture_init(&s.client, &cover, PICTURE_SHM, s.width, s.height, DRM_FORMAT_ARGB8888);
	for (uint32_t y = 0; y < 64; y++)
		for (uint32_t x = 0; x < 64; x++)
			((uint32_t *)(void *)cover.pixels)[y * cover.width + x] = 0xff123456;
	window_init(&second, &s.client);
	window_show(&second, &cover);
	ck_assert_uint_eq(second.flags, copied);
	expect(&s.client, video_with_hole, &picture, 1);
	window_finish(&second);
	picture_finish(&cover);
	picture_finish(&picture);
	end(&s);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-frames")
