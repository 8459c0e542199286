/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <presentation-time-client-protocol.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "linux-dmabuf-v1-client-protocol.h"

/*
 * What waybufd tells a surface of the plane. The display of vkms has no format of 10 bits, and
 * composition reads them: a window of that kind could be scanned out, were it only for its buffer.
 */

struct feedback {
	struct zwp_linux_dmabuf_feedback_v1 *proxy;
	int done, tables, tranches;
	bool complete;
	uint32_t flags[4];
	size_t n_formats[4];
};

static void handle_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy)
{
	struct feedback *feedback = data;
	feedback->done++;
	feedback->complete = true;
}

static void handle_table(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, int32_t fd, uint32_t size)
{
	((struct feedback *)data)->tables++;
	close(fd);
}

static void handle_device(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *device)
{
	struct feedback *feedback = data;
	if (!feedback->complete)
		return;
	feedback->complete = false;
	feedback->tranches = 0;
	memset(feedback->n_formats, 0, sizeof(feedback->n_formats));
}

static void handle_tranche_done(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy)
{
	struct feedback *feedback = data;
	ck_assert_int_lt(++feedback->tranches, 4);
}

static void handle_formats(
	void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, struct wl_array *indices)
{
	struct feedback *feedback = data;
	feedback->n_formats[feedback->tranches] += indices->size / 2;
}

static void handle_flags(void *data, struct zwp_linux_dmabuf_feedback_v1 *proxy, uint32_t flags)
{
	struct feedback *feedback = data;
	feedback->flags[feedback->tranches] = flags;
}

static const struct zwp_linux_dmabuf_feedback_v1_listener listener = {
	.done = handle_done,
	.format_table = handle_table,
	.main_device = handle_device,
	.tranche_done = handle_tranche_done,
	.tranche_target_device = handle_device,
	.tranche_formats = handle_formats,
	.tranche_flags = handle_flags,
};

struct scenario {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct feedback feedback;
	uint32_t width, height;
};

static void begin(struct scenario *s)
{
	*s = (struct scenario){.feedback.complete = true};
	daemon_start(&s->daemon, NULL);
	client_connect(&s->client, &s->daemon);
	window_init(&s->window, &s->client);
	s->width = (uint32_t)s->client.width;
	s->height = (uint32_t)s->client.height;
	s->feedback.proxy =
		zwp_linux_dmabuf_v1_get_surface_feedback(s->client.dmabuf, s->window.surface);
	zwp_linux_dmabuf_feedback_v1_add_listener(s->feedback.proxy, &listener, &s->feedback);
	ck_assert(client_sync(&s->client));
	/* the default: what composition reads */
	ck_assert_int_eq(s->feedback.done, 1);
	ck_assert_int_eq(s->feedback.tranches, 1);
	ck_assert_uint_eq(s->feedback.flags[0], 0);
	ck_assert_uint_ge(s->feedback.n_formats[0], 20);
}

static void end(struct scenario *s)
{
	zwp_linux_dmabuf_feedback_v1_destroy(s->feedback.proxy);
	window_finish(&s->window);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
}

static bool is_direct(const struct window *window)
{
	return window->flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY;
}

/* Full screen, of a format that is not the plane's: told of the plane. */
static void show_and_wait(struct scenario *s, struct picture *picture)
{
	picture_init(
		&s->client, picture, PICTURE_DMABUF, s->width, s->height, DRM_FORMAT_XRGB2101010);
	picture_draw(picture, 1);
	window_show(&s->window, picture);
	ck_assert(!is_direct(&s->window));
	ck_assert(client_wait(&s->client, &s->feedback.done, 2, PATIENCE_MS));
	ck_assert_int_eq(s->feedback.tranches, 2);
	ck_assert_uint_eq(s->feedback.flags[0], ZWP_LINUX_DMABUF_FEEDBACK_V1_TRANCHE_FLAGS_SCANOUT);
	ck_assert_uint_ge(s->feedback.n_formats[0], 2);
	ck_assert_int_eq(s->feedback.tables, 1);
}

TEST(offered_and_followed)
{
	struct scenario s;
	struct picture ten_bits, eight_bits, cover;
	struct window second;
	begin(&s);
	show_and_wait(&s, &ten_bits);
	picture_init(
		&s.client, &eight_bits, PICTURE_DMABUF, s.width, s.height, DRM_FORMAT_XRGB8888);
	picture_draw(&eight_bits, 2);
	window_show(&s.window, &eight_bits);
	ck_assert(is_direct(&s.window));
	/* on the plane it keeps what it was told; below another window it does not */
	window_init(&second, &s.client);
	picture_init(&s.client, &cover, PICTURE_DMABUF, s.width, s.height, DRM_FORMAT_XRGB8888);
	ck_assert_int_eq(s.feedback.done, 2);
	window_show(&second, &cover);
	ck_assert(client_wait(&s.client, &s.feedback.done, 3, PATIENCE_MS));
	ck_assert_int_eq(s.feedback.tranches, 1);
	ck_assert_uint_eq(s.feedback.flags[0], 0);
	ck_assert_int_eq(s.feedback.tables, 1);
	picture_finish(&cover);
	picture_finish(&eight_bits);
	picture_finish(&ten_bits);
	window_finish(&second);
	end(&s);
}

/* A client that does not care is not told for ever. */
TEST(offered_and_ignored)
{
	struct scenario s;
	struct picture ten_bits;
	begin(&s);
	show_and_wait(&s, &ten_bits);
	ck_assert(client_wait(&s.client, &s.feedback.done, 3, PATIENCE_MS));
	ck_assert_int_eq(s.feedback.tranches, 1);
	picture_finish(&ten_bits);
	end(&s);
}

/* On the plane already, or too small for it: nothing to say, for longer than it takes. */
TEST(not_offered)
{
	static const struct {
		uint32_t format;
		bool small, direct;
	} cases[] = {
		{DRM_FORMAT_XRGB8888, false, true},
		{DRM_FORMAT_XRGB2101010, true, false},
	};
	for (size_t i = 0; i < 2; i++) {
		struct scenario s;
		struct picture picture;
		begin(&s);
		picture_init(&s.client, &picture, PICTURE_DMABUF, cases[i].small ? 64 : s.width,
			cases[i].small ? 64 : s.height, cases[i].format);
		picture_draw(&picture, 1);
		window_show(&s.window, &picture);
		ck_assert_int_eq(is_direct(&s.window), cases[i].direct);
		ck_assert(!client_wait(&s.client, &s.feedback.done, 2, 2500));
		picture_finish(&picture);
		end(&s);
	}
}

/* What no plane takes is composed, and its client goes on. */
TEST(refused_by_the_plane_is_composed)
{
	struct scenario s;
	struct picture picture, screen;
	begin(&s);
	picture_init(
		&s.client, &picture, PICTURE_DMABUF, s.width, s.height, DRM_FORMAT_XBGR2101010);
	memset(picture.pixels, 0xff, picture.size);
	window_show(&s.window, &picture);
	ck_assert(!is_direct(&s.window));
	capture_output(&s.client, &screen);
	ck_assert_uint_eq(picture_pixel(&screen, 10, 10) & 0xffffff, 0xffffff);
	picture_finish(&screen);
	picture_finish(&picture);
	end(&s);
}

/* The same dma-buf, and no other wl_buffer of it, by an fd that is good for nothing. */
static void name_by_path(struct client *client, struct picture *picture)
{
	char path[32];
	wl_buffer_destroy(picture->buffer);
	ck_assert(client_sync(client));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", picture->fd);
	int fd = open(path, O_PATH | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, picture->stride, 0, 0);
	picture->buffer = zwp_linux_buffer_params_v1_create_immed(
		params, (int32_t)picture->width, (int32_t)picture->height, picture->format, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	close(fd);
}

static const char by_path[] = "at its first use, a file opened by O_PATH";

/* An import takes its word for it. Whoever shows it finds out, and nobody else has to bear it. */
TEST(opened_by_its_path)
{
	struct scenario s;
	struct client other;
	struct window window;
	struct picture good, bad, screen;
	begin(&s);
	picture_init(&s.client, &good, PICTURE_DMABUF, s.width, s.height, DRM_FORMAT_XRGB8888);
	picture_draw(&good, 1);
	window_show(&s.window, &good);
	client_connect(&other, &s.daemon);
	window_init(&window, &other);
	picture_init(&other, &bad, PICTURE_DMABUF, 64, 64, DRM_FORMAT_XRGB8888);
	name_by_path(&other, &bad);
	ck_assert(client_sync(&other));
	ck_assert(!daemon_said(&s.daemon, by_path));
	window_show(&window, &bad);
	ck_assert(daemon_said(&s.daemon, by_path));
	/* the others are shown as before, and its own kind is taken as before */
	window_show(&s.window, &good);
	capture_output(&s.client, &screen);
	ck_assert_uint_eq(picture_pixel(&screen, s.width - 1, s.height - 1),
		picture_pixel(&good, s.width - 1, s.height - 1));
	picture_finish(&screen);
	picture_finish(&bad);
	picture_init(&other, &bad, PICTURE_DMABUF, 64, 64, DRM_FORMAT_XRGB8888);
	window_show(&window, &bad);
	ck_assert(is_direct(&window));
	picture_finish(&bad);
	window_finish(&window);
	client_disconnect(&other);
	picture_finish(&good);
	end(&s);
}

/* GTK 4 binds whatever version there is, and crashes with one that tells of no main device. */
TEST(version_with_a_main_device)
{
	struct daemon daemon;
	struct client client;
	daemon_start(&daemon, NULL);
	client_connect(&client, &daemon);
	struct zwp_linux_dmabuf_v1 *dmabuf = client_bind(&client, &zwp_linux_dmabuf_v1_interface,
		(uint32_t)zwp_linux_dmabuf_v1_interface.version);
	ck_assert_ptr_nonnull(dmabuf);
	ck_assert_uint_eq(wl_proxy_get_version((struct wl_proxy *)dmabuf), 5);
	zwp_linux_dmabuf_v1_destroy(dmabuf);
	client_disconnect(&client);
	ck_assert_int_eq(daemon_stop(&daemon, SIGTERM), 0);
}

TEST_TIMEOUT(60)
TEST_MAIN("daemon-planes")
