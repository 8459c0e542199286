/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/input-event-codes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cursor-shape-v1-client-protocol.h"
#include "daemon_fixture.h"
#include "doings.h"
#include "input_devices.h"

/* What is seen where the pointer is: a cursor of the theme, if the client has none of its own. */

enum { GREY = 0x808080, AROUND = 40 };

/* A client with a grey window that fills the output, and a mouse. */
struct desk {
	struct input_device mouse;
	struct daemon daemon;
	struct client client;
	struct doings doings;
	struct wp_cursor_shape_manager_v1 *shapes;
	struct wp_cursor_shape_device_v1 *shape;
	struct window window;
	struct picture picture;
	int32_t x, y; /* of the pointer */
};

static void desk_init(struct desk *desk)
{
	*desk = (struct desk){0};
	static const char *const options[] = {"--log", "info", NULL};
	struct client *client = &desk->client;
	input_device_init(&desk->mouse, INPUT_MOUSE);
	daemon_start(&desk->daemon, options);
	client_connect(client, &desk->daemon);
	if (!client->seat)
		SKIP("waybufd is built without input");
	client_listen(client, &desk->doings);
	desk->shapes = client_bind(client, &wp_cursor_shape_manager_v1_interface, 1);
	desk->shape = wp_cursor_shape_manager_v1_get_pointer(desk->shapes, desk->doings.pointer);
	window_init(&desk->window, client);
	picture_init(client, &desk->picture, PICTURE_SHM, (uint32_t)client->width,
		(uint32_t)client->height, DRM_FORMAT_XRGB8888);
	for (size_t i = 0; i < desk->picture.size / 4; i++)
		((uint32_t *)desk->picture.pixels)[i] = GREY;
	window_show(&desk->window, &desk->picture);
	desk->x = client->width / 2;
	desk->y = client->height / 2;
	for (int i = 0; i < 100 && !desk->doings.pointed_at; i++) {
		usleep(20000);
		ck_assert(client_sync(client));
	}
	ck_assert_ptr_nonnull(desk->doings.pointed_at);
}

static void desk_finish(struct desk *desk)
{
	wp_cursor_shape_device_v1_destroy(desk->shape);
	wp_cursor_shape_manager_v1_destroy(desk->shapes);
	picture_finish(&desk->picture);
	window_finish(&desk->window);
	doings_finish(&desk->doings);
	client_disconnect(&desk->client);
	ck_assert_int_eq(daemon_stop(&desk->daemon, SIGTERM), 0);
	input_device_finish(&desk->mouse);
}

/* Pixels around the pointer that are not the window's; *@sum tells one cursor from another. */
static int look(struct desk *desk, uint32_t *sum)
{
	struct picture shown;
	int n = 0;
	*sum = 0;
	capture_output(&desk->client, &shown);
	for (int32_t y = desk->y - AROUND; y < desk->y + AROUND; y++) {
		for (int32_t x = desk->x - AROUND; x < desk->x + AROUND; x++) {
			uint32_t pixel = picture_pixel(&shown, (uint32_t)x, (uint32_t)y) & 0xffffff;
			n += pixel != GREY;
			*sum = *sum * 31 + pixel;
		}
	}
	picture_finish(&shown);
	return n;
}

/* Until another cursor than that of *@sum is there, whose sum that becomes. */
static void expect_another(struct desk *desk, uint32_t *sum)
{
	uint32_t before = *sum;
	for (int i = 0; i < 100; i++) {
		if (look(desk, sum) > 0 && *sum != before)
			return;
		usleep(20000);
	}
	ck_abort_msg("no other cursor is seen");
}

static void move(struct desk *desk, int32_t dx)
{
	input_device_send(&desk->mouse, EV_REL, REL_X, dx);
	input_device_sync(&desk->mouse);
}

/* A theme whose arrow is at the end of a pipe. */
struct slow_theme {
	char folder[32], outer[64], inner[96], arrow[128], pipe[64];
};

static void slow_theme_init(struct slow_theme *theme)
{
	strcpy(theme->folder, "/tmp/waybuf-theme-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(theme->folder));
	snprintf(theme->outer, sizeof(theme->outer), "%s/default", theme->folder);
	snprintf(theme->inner, sizeof(theme->inner), "%s/cursors", theme->outer);
	snprintf(theme->arrow, sizeof(theme->arrow), "%s/left_ptr", theme->inner);
	snprintf(theme->pipe, sizeof(theme->pipe), "%s/pipe", theme->folder);
	ck_assert_int_eq(mkdir(theme->outer, 0700), 0);
	ck_assert_int_eq(mkdir(theme->inner, 0700), 0);
	ck_assert_int_eq(mkfifo(theme->pipe, 0600), 0);
	ck_assert_int_eq(symlink(theme->pipe, theme->arrow), 0);
	setenv("XCURSOR_PATH", theme->folder, 1);
}

static void slow_theme_finish(const struct slow_theme *theme)
{
	unsetenv("XCURSOR_PATH");
	unlink(theme->arrow);
	unlink(theme->pipe);
	rmdir(theme->inner);
	rmdir(theme->outer);
	ck_assert_int_eq(rmdir(theme->folder), 0);
}

/* As on a disk that sleeps: pictures are composed meanwhile. */
TEST(theme_that_is_slow)
{
	struct desk desk;
	struct slow_theme theme;
	uint32_t sum = 0;
	slow_theme_init(&theme);
	desk_init(&desk);
	ck_assert_int_eq(look(&desk, &sum), 0);
	/* it turns out to be empty, and to be all there is: the arrow is a plain one */
	unlink(theme.arrow);
	int fd = open(theme.pipe, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	ck_assert_int_ge(fd, 0);
	close(fd);
	expect_another(&desk, &sum);
	desk_finish(&desk);
	slow_theme_finish(&theme);
}

TEST(arrow_of_the_theme)
{
	struct desk desk;
	uint32_t arrow = 0, sum;
	desk_init(&desk);
	expect_another(&desk, &arrow);
	/* a client can do without */
	wl_pointer_set_cursor(desk.doings.pointer, desk.doings.entered, NULL, 0, 0);
	ck_assert(client_sync(&desk.client));
	window_show(&desk.window, &desk.picture);
	ck_assert_int_eq(look(&desk, &sum), 0);
	/* the next one has not said so */
	wl_surface_attach(desk.window.surface, NULL, 0, 0);
	wl_surface_commit(desk.window.surface);
	sum = 0;
	for (int i = 0; i < 100 && desk.doings.pointed_at; i++) {
		usleep(20000);
		ck_assert(client_sync(&desk.client));
	}
	ck_assert_ptr_null(desk.doings.pointed_at);
	expect_another(&desk, &sum);
	desk_finish(&desk);
}

TEST(shapes)
{
	struct desk desk;
	uint32_t arrow = 0, text, sum;
	desk_init(&desk);
	expect_another(&desk, &arrow);
	text = arrow;
	wp_cursor_shape_device_v1_set_shape(
		desk.shape, desk.doings.entered, WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_TEXT);
	expect_another(&desk, &text);
	/* of a pointer that was elsewhere since then: not an error, and nothing happens */
	wp_cursor_shape_device_v1_set_shape(
		desk.shape, desk.doings.entered - 1, WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_WAIT);
	window_show(&desk.window, &desk.picture);
	window_show(&desk.window, &desk.picture);
	ck_assert_int_gt(look(&desk, &sum), 0);
	ck_assert_uint_eq(sum, text);
	/* back again, and one that no theme of old has */
	sum = text;
	wp_cursor_shape_device_v1_set_shape(
		desk.shape, desk.doings.entered, WP_CURSOR_SHAPE_DEVICE_V1_SHAPE_ZOOM_IN);
	expect_another(&desk, &sum);
	desk_finish(&desk);
}

/* The hotspot stays where the pointer is, so all of it moves as far. */
TEST(goes_with_the_pointer)
{
	struct desk desk;
	uint32_t arrow = 0, sum;
	desk_init(&desk);
	expect_another(&desk, &arrow);
	int before = look(&desk, &arrow);
	move(&desk, 100);
	ck_assert(client_wait(&desk.client, &desk.doings.moved, 1, PATIENCE_MS));
	for (int i = 0; i < 100 && look(&desk, &sum) > 0; i++)
		usleep(20000);
	ck_assert_int_eq(look(&desk, &sum), 0);
	desk.x = (int32_t)desk.doings.x;
	ck_assert_int_eq(look(&desk, &sum), before);
	ck_assert_uint_eq(sum, arrow);
	desk_finish(&desk);
}

/* It is a copy, and looks like what is composed until it is there. */
TEST(on_the_cursor_plane)
{
	struct desk desk;
	uint32_t first = 0, later;
	desk_init(&desk);
	expect_another(&desk, &first);
	for (int i = 0; i < 100 && !daemon_said(&desk.daemon, "a copy of it is on plane"); i++)
		usleep(20000);
	ck_assert(daemon_said(&desk.daemon, "a copy of it is on plane"));
	window_show(&desk.window, &desk.picture);
	look(&desk, &later);
	ck_assert_uint_eq(first, later);
	desk_finish(&desk);
}

static void expect_error(struct desk *desk)
{
	const struct wl_interface *interface = NULL;
	uint32_t id;
	ck_assert(!client_sync(&desk->client));
	ck_assert_uint_eq(wl_display_get_protocol_error(desk->client.display, &interface, &id),
		WP_CURSOR_SHAPE_DEVICE_V1_ERROR_INVALID_SHAPE);
	ck_assert_ptr_eq(interface, &wp_cursor_shape_device_v1_interface);
}

/* 35 and 36 came with version 2. */
static void send_wrong_shape(uint32_t shape)
{
	struct desk desk;
	desk_init(&desk);
	wp_cursor_shape_device_v1_set_shape(desk.shape, desk.doings.entered, shape);
	expect_error(&desk);
	desk_finish(&desk);
}

TEST(shapes_that_are_none)
{
	send_wrong_shape(0);
	send_wrong_shape(35);
	send_wrong_shape(1000);
}

TEST(tool_that_is_none)
{
	struct desk desk;
	desk_init(&desk);
	struct wp_cursor_shape_device_v1 *device = wp_cursor_shape_manager_v1_get_tablet_tool_v2(
		desk.shapes, (struct zwp_tablet_tool_v2 *)desk.doings.pointer);
	ck_assert(!client_sync(&desk.client));
	wp_cursor_shape_device_v1_destroy(device);
	desk_finish(&desk);
}

TEST(later_shapes)
{
	struct desk desk;
	desk_init(&desk);
	if (wp_cursor_shape_manager_v1_interface.version < 2)
		SKIP("the protocol files are older than version 2");
	struct wp_cursor_shape_manager_v1 *manager =
		client_bind(&desk.client, &wp_cursor_shape_manager_v1_interface, 2);
	struct wp_cursor_shape_device_v1 *device =
		wp_cursor_shape_manager_v1_get_pointer(manager, desk.doings.pointer);
	wp_cursor_shape_device_v1_set_shape(device, desk.doings.entered, 36);
	ck_assert(client_sync(&desk.client));
	wp_cursor_shape_device_v1_destroy(device);
	wp_cursor_shape_manager_v1_destroy(manager);
	desk_finish(&desk);
}

/* All of the theme ends with its mouse, and comes again with the next. */
TEST(without_a_mouse)
{
	struct desk desk;
	uint32_t arrow = 0, sum;
	desk_init(&desk);
	expect_another(&desk, &arrow);
	input_device_finish(&desk.mouse);
	for (int i = 0; i < 100 && look(&desk, &sum) > 0; i++)
		usleep(20000);
	ck_assert_int_eq(look(&desk, &sum), 0);
	input_device_init(&desk.mouse, INPUT_MOUSE);
	desk_finish(&desk);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-cursor")
