/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <linux/input-event-codes.h>
#include <signal.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "doings.h"
#include "input_devices.h"
#include "xdg-shell-client-protocol.h"

/* Menus: where they are, who sees them, and what ends them. */

enum { WINDOW = 200, MENU_WIDTH = 60, MENU_HEIGHT = 40, COLOUR = 0x2040c0 };

struct menu {
	struct client *client;
	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_popup *popup;
	struct picture picture;
	int configured, repositioned, dismissed, entered, left;
	uint32_t token;
	int32_t x, y, width, height;
};

static void handle_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial)
{
	struct menu *menu = data;
	xdg_surface_ack_configure(xdg_surface, serial);
	menu->configured++;
}

static const struct xdg_surface_listener xdg_surface_listener = {.configure = handle_configure};

static void handle_popup_configure(
	void *data, struct xdg_popup *popup, int32_t x, int32_t y, int32_t width, int32_t height)
{
	struct menu *menu = data;
	menu->x = x;
	menu->y = y;
	menu->width = width;
	menu->height = height;
}

static void handle_done(void *data, struct xdg_popup *popup)
{
	struct menu *menu = data;
	menu->dismissed++;
}

static void handle_repositioned(void *data, struct xdg_popup *popup, uint32_t token)
{
	struct menu *menu = data;
	menu->repositioned++;
	menu->token = token;
}

static const struct xdg_popup_listener popup_listener = {
	.configure = handle_popup_configure,
	.popup_done = handle_done,
	.repositioned = handle_repositioned,
};

static void handle_surface_enter(void *data, struct wl_surface *surface, struct wl_output *output)
{
	struct menu *menu = data;
	menu->entered++;
}

static void handle_surface_leave(void *data, struct wl_surface *surface, struct wl_output *output)
{
	struct menu *menu = data;
	menu->left++;
}

static void handle_preferred_scale(void *data, struct wl_surface *surface, int32_t scale) {}

static void handle_preferred_transform(void *data, struct wl_surface *surface, uint32_t transform)
{
}

static const struct wl_surface_listener surface_listener = {
	.enter = handle_surface_enter,
	.leave = handle_surface_leave,
	.preferred_buffer_scale = handle_preferred_scale,
	.preferred_buffer_transform = handle_preferred_transform,
};

/* Below and to the right of @x, @y of its parent. */
static struct xdg_positioner *make_positioner(struct client *client, int32_t x, int32_t y)
{
	struct xdg_positioner *positioner = xdg_wm_base_create_positioner(client->wm_base);
	xdg_positioner_set_size(positioner, MENU_WIDTH, MENU_HEIGHT);
	xdg_positioner_set_anchor_rect(positioner, x, y, 1, 1);
	xdg_positioner_set_anchor(positioner, XDG_POSITIONER_ANCHOR_TOP_LEFT);
	xdg_positioner_set_gravity(positioner, XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT);
	return positioner;
}

/* Not committed. */
static void menu_init(
	struct menu *menu, struct client *client, struct xdg_surface *parent, int32_t x, int32_t y)
{
	*menu = (struct menu){.client = client};
	struct xdg_positioner *positioner = make_positioner(client, x, y);
	menu->surface = wl_compositor_create_surface(client->compositor);
	wl_surface_add_listener(menu->surface, &surface_listener, menu);
	menu->xdg_surface = xdg_wm_base_get_xdg_surface(client->wm_base, menu->surface);
	xdg_surface_add_listener(menu->xdg_surface, &xdg_surface_listener, menu);
	menu->popup = xdg_surface_get_popup(menu->xdg_surface, parent, positioner);
	xdg_popup_add_listener(menu->popup, &popup_listener, menu);
	xdg_positioner_destroy(positioner);
	picture_init(
		client, &menu->picture, PICTURE_SHM, MENU_WIDTH, MENU_HEIGHT, DRM_FORMAT_XRGB8888);
	for (size_t i = 0; i < menu->picture.size / 4; i++)
		((uint32_t *)menu->picture.pixels)[i] = COLOUR;
}

static void menu_finish(struct menu *menu)
{
	xdg_popup_destroy(menu->popup);
	xdg_surface_destroy(menu->xdg_surface);
	wl_surface_destroy(menu->surface);
	picture_finish(&menu->picture);
}

static void menu_commit(struct menu *menu)
{
	int shown = 0;
	callback_count(wl_surface_frame(menu->surface), &shown);
	wl_surface_attach(menu->surface, menu->picture.buffer, 0, 0);
	wl_surface_damage_buffer(menu->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(menu->surface);
	ck_assert(client_wait(menu->client, &shown, 1, PATIENCE_MS));
}

static void menu_show(struct menu *menu)
{
	wl_surface_commit(menu->surface);
	ck_assert(client_wait(menu->client, &menu->configured, 1, PATIENCE_MS));
	menu_commit(menu);
}

/* A small window in the middle, with a geometry that begins at 10,20 of it. */
struct scenery {
	struct daemon daemon;
	struct client client;
	struct doings doings;
	struct window window;
	struct picture picture;
	int32_t left, top; /* of the window */
};

static void scenery_init(struct scenery *scenery)
{
	daemon_start(&scenery->daemon, NULL);
	client_connect(&scenery->client, &scenery->daemon);
	client_listen(&scenery->client, &scenery->doings);
	window_init(&scenery->window, &scenery->client);
	picture_init(&scenery->client, &scenery->picture, PICTURE_SHM, WINDOW, WINDOW,
		DRM_FORMAT_XRGB8888);
	xdg_surface_set_window_geometry(scenery->window.xdg_surface, 10, 20, 150, 150);
	window_show(&scenery->window, &scenery->picture);
	scenery->left = (scenery->client.width - WINDOW) / 2;
	scenery->top = (scenery->client.height - WINDOW) / 2;
}

static void scenery_finish(struct scenery *scenery)
{
	picture_finish(&scenery->picture);
	window_finish(&scenery->window);
	doings_finish(&scenery->doings);
	client_disconnect(&scenery->client);
	ck_assert_int_eq(daemon_stop(&scenery->daemon, SIGTERM), 0);
}

static bool is_menu(const struct picture *shown, int32_t x, int32_t y)
{
	return (picture_pixel(shown, (uint32_t)x, (uint32_t)y) & 0xffffff) == COLOUR;
}

/* Whether a menu, and all of it, is at this place of the output. */
static bool is_at(struct scenery *scenery, int32_t x, int32_t y)
{
	struct picture shown;
	capture_output(&scenery->client, &shown);
	bool at = is_menu(&shown, x, y) &&
		is_menu(&shown, x + MENU_WIDTH - 1, y + MENU_HEIGHT - 1) &&
		!is_menu(&shown, x - 1, y) && !is_menu(&shown, x, y - 1) &&
		!is_menu(&shown, x + MENU_WIDTH, y) && !is_menu(&shown, x, y + MENU_HEIGHT);
	picture_finish(&shown);
	return at;
}

/* ---- where --------------------------------------------------------------------------------- */

TEST(at_its_place)
{
	struct scenery scenery;
	struct menu menu, submenu;
	scenery_init(&scenery);
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	menu_show(&menu);
	ck_assert_int_eq(menu.x, 30);
	ck_assert_int_eq(menu.y, 40);
	ck_assert_int_eq(menu.width, MENU_WIDTH);
	ck_assert_int_eq(menu.height, MENU_HEIGHT);
	ck_assert(is_at(&scenery, scenery.left + 10 + 30, scenery.top + 20 + 40));

	/* of another one, and far out of the window */
	menu_init(&submenu, &scenery.client, menu.xdg_surface, 200, -100);
	menu_show(&submenu);
	struct picture shown;
	capture_output(&scenery.client, &shown);
	ck_assert(is_menu(&shown, scenery.left + 10 + 230, scenery.top + 20 - 60));
	picture_finish(&shown);
	ck_assert_int_eq(menu.dismissed + submenu.dismissed, 0);
	menu_finish(&submenu);
	ck_assert(is_at(&scenery, scenery.left + 10 + 30, scenery.top + 20 + 40));
	menu_finish(&menu);
	scenery_finish(&scenery);
}

TEST(moved_to_another_place)
{
	struct scenery scenery;
	struct menu menu;
	scenery_init(&scenery);
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	menu_show(&menu);
	struct xdg_positioner *positioner = make_positioner(&scenery.client, 5000, 50);
	xdg_positioner_set_constraint_adjustment(
		positioner, XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_X);
	xdg_popup_reposition(menu.popup, positioner, 77);
	xdg_positioner_destroy(positioner);
	ck_assert(client_wait(&scenery.client, &menu.configured, 2, PATIENCE_MS));
	ck_assert_int_eq(menu.repositioned, 1);
	ck_assert_uint_eq(menu.token, 77);
	/* the edge of the output, from the window's geometry */
	ck_assert_int_eq(menu.x, scenery.client.width - scenery.left - 10 - MENU_WIDTH);
	ck_assert_int_eq(menu.y, 50);
	menu_commit(&menu);
	struct picture shown;
	capture_output(&scenery.client, &shown);
	ck_assert(is_menu(&shown, scenery.client.width - 1, scenery.top + 20 + 50));
	ck_assert(!is_menu(&shown, scenery.left + 10 + 30, scenery.top + 20 + 41));
	picture_finish(&shown);
	menu_finish(&menu);
	scenery_finish(&scenery);
}

/* ---- what ends them ------------------------------------------------------------------------ */

TEST(parent_is_unmapped)
{
	struct scenery scenery;
	struct menu menu, submenu;
	scenery_init(&scenery);
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	menu_show(&menu);
	menu_init(&submenu, &scenery.client, menu.xdg_surface, 10, 10);
	menu_show(&submenu);
	wl_surface_attach(scenery.window.surface, NULL, 0, 0);
	wl_surface_commit(scenery.window.surface);
	ck_assert(client_wait(&scenery.client, &menu.dismissed, 1, PATIENCE_MS));
	ck_assert_int_eq(submenu.dismissed, 1);
	ck_assert_int_eq(menu.entered + submenu.entered, 2);
	ck_assert_int_eq(menu.left + submenu.left, 2);
	menu_finish(&submenu);
	menu_finish(&menu);
	scenery_finish(&scenery);
}

static void click(struct input_device *mouse)
{
	input_device_send(mouse, EV_KEY, BTN_LEFT, 1);
	input_device_sync(mouse);
	input_device_send(mouse, EV_KEY, BTN_LEFT, 0);
	input_device_sync(mouse);
}

/* What the user does last, with a serial that asks for grabs. */
static void press(struct scenery *scenery, struct input_device *device, uint16_t code)
{
	int before = scenery->doings.count;
	input_device_send(device, EV_KEY, code, 1);
	input_device_sync(device);
	input_device_send(device, EV_KEY, code, 0);
	input_device_sync(device);
	ck_assert(client_wait(&scenery->client, &scenery->doings.count, before + 2, PATIENCE_MS));
}

/* Nobody has pointed, touched or typed, so nobody can have asked for it. */
TEST(grab_that_nobody_asked_for)
{
	struct scenery scenery;
	struct menu menu;
	scenery_init(&scenery);
	if (!scenery.client.seat)
		SKIP("waybufd is built without input");
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	xdg_popup_grab(menu.popup, scenery.client.seat, 1);
	ck_assert(client_wait(&scenery.client, &menu.dismissed, 1, PATIENCE_MS));
	menu_show(&menu);
	ck_assert(!is_at(&scenery, scenery.left + 10 + 30, scenery.top + 20 + 40));
	menu_finish(&menu);
	scenery_finish(&scenery);
}

TEST(click_outside)
{
	struct scenery scenery;
	struct menu menu, submenu;
	struct input_device mouse;
	input_device_init(&mouse, INPUT_MOUSE);
	scenery_init(&scenery);
	if (!scenery.client.seat)
		SKIP("waybufd is built without input");
	/* the pointer is in the middle of the window */
	press(&scenery, &mouse, BTN_LEFT);
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	xdg_popup_grab(menu.popup, scenery.client.seat, scenery.doings.serial);
	menu_show(&menu);
	menu_init(&submenu, &scenery.client, menu.xdg_surface, 10, 10);
	xdg_popup_grab(submenu.popup, scenery.client.seat, scenery.doings.serial);
	menu_show(&submenu);
	/* on a window of the same client: for that to decide */
	click(&mouse);
	usleep(100000);
	ck_assert(client_sync(&scenery.client));
	ck_assert_int_eq(menu.dismissed + submenu.dismissed, 0);
	for (int i = 0; i < 50; i++) {
		input_device_send(&mouse, EV_REL, REL_X, 1000);
		input_device_sync(&mouse);
	}
	click(&mouse);
	ck_assert(client_wait(&scenery.client, &menu.dismissed, 1, PATIENCE_MS));
	ck_assert_int_eq(submenu.dismissed, 1);
	ck_assert_int_eq(menu.left + submenu.left, 2);
	menu_finish(&submenu);
	menu_finish(&menu);
	scenery_finish(&scenery);
	input_device_finish(&mouse);
}

/* Somebody else, who is on top and types. */
struct typist {
	struct client client;
	struct doings doings;
	struct window window;
	struct picture picture;
};

static void typist_init(struct typist *typist, const struct daemon *daemon)
{
	*typist = (struct typist){0};
	client_connect(&typist->client, daemon);
	client_listen(&typist->client, &typist->doings);
	ck_assert_ptr_nonnull(typist->doings.keyboard);
	window_init(&typist->window, &typist->client);
	picture_init(&typist->client, &typist->picture, PICTURE_SHM, 8, 8, DRM_FORMAT_XRGB8888);
	window_show(&typist->window, &typist->picture);
}

static void typist_finish(struct typist *typist)
{
	picture_finish(&typist->picture);
	window_finish(&typist->window);
	doings_finish(&typist->doings);
	client_disconnect(&typist->client);
}

/* A grab is for what the user sees: no menu of a window below takes the keys from the one on top. */
TEST(grab_of_a_window_that_is_hidden)
{
	struct scenery scenery;
	struct menu menu, behind;
	struct window never_shown;
	struct typist typist;
	struct input_device keyboard;
	input_device_init(&keyboard, INPUT_KEYBOARD);
	scenery_init(&scenery);
	if (!scenery.client.seat)
		SKIP("waybufd is built without input");
	press(&scenery, &keyboard, KEY_A);
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	xdg_popup_grab(menu.popup, scenery.client.seat, scenery.doings.serial);
	menu_show(&menu);
	window_init(&never_shown, &scenery.client);
	menu_init(&behind, &scenery.client, never_shown.xdg_surface, 30, 40);
	xdg_popup_grab(behind.popup, scenery.client.seat, scenery.doings.serial);
	ck_assert(client_sync(&scenery.client));
	ck_assert_int_eq(menu.dismissed + behind.dismissed, 0);
	typist_init(&typist, &scenery.daemon);
	ck_assert(client_wait(&typist.client, &typist.doings.keyboard_enters, 1, PATIENCE_MS));
	menu_show(&behind);
	usleep(100000);
	ck_assert(client_sync(&typist.client));
	ck_assert_int_eq(typist.doings.keyboard_leaves, 0);
	typist_finish(&typist);
	menu_finish(&behind);
	window_finish(&never_shown);
	menu_finish(&menu);
	scenery_finish(&scenery);
	input_device_finish(&keyboard);
}

static void tap(struct input_device *screen)
{
	input_device_send(screen, EV_ABS, ABS_MT_SLOT, 0);
	input_device_send(screen, EV_ABS, ABS_MT_TRACKING_ID, 1);
	input_device_send(screen, EV_ABS, ABS_MT_POSITION_X, INPUT_TOUCH_MAX / 2);
	input_device_send(screen, EV_ABS, ABS_MT_POSITION_Y, INPUT_TOUCH_MAX / 2);
	input_device_sync(screen);
	input_device_send(screen, EV_ABS, ABS_MT_TRACKING_ID, -1);
	input_device_sync(screen);
}

/* The menu of a tap opens when the finger has been lifted, and not for ever after that. */
TEST(grab_after_a_tap)
{
	struct scenery scenery;
	struct menu menu, late;
	struct input_device screen;
	input_device_init(&screen, INPUT_TOUCH_SCREEN);
	scenery_init(&scenery);
	if (!scenery.client.seat)
		SKIP("waybufd is built without input");
	tap(&screen);
	ck_assert(client_wait(&scenery.client, &scenery.doings.count, 2, PATIENCE_MS));
	uint32_t first = scenery.doings.serial;
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	xdg_popup_grab(menu.popup, scenery.client.seat, first);
	ck_assert(client_sync(&scenery.client));
	ck_assert_int_eq(menu.dismissed, 0);
	menu_finish(&menu);
	for (int i = 0; i < 10; i++) {
		tap(&screen);
		ck_assert(client_wait(
			&scenery.client, &scenery.doings.count, 4 + 2 * i, PATIENCE_MS));
	}
	menu_init(&late, &scenery.client, scenery.window.xdg_surface, 30, 40);
	xdg_popup_grab(late.popup, scenery.client.seat, first);
	ck_assert(client_sync(&scenery.client));
	ck_assert_int_eq(late.dismissed, 1);
	menu_finish(&late);
	scenery_finish(&scenery);
	input_device_finish(&screen);
}

/* What the user did to one client is nothing that another one can ask with. */
TEST(grab_with_the_serial_of_another)
{
	struct scenery scenery;
	struct menu menu, strange;
	struct typist typist;
	struct input_device keyboard;
	input_device_init(&keyboard, INPUT_KEYBOARD);
	scenery_init(&scenery);
	if (!scenery.client.seat)
		SKIP("waybufd is built without input");
	press(&scenery, &keyboard, KEY_A);
	typist_init(&typist, &scenery.daemon);
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	xdg_popup_grab(menu.popup, scenery.client.seat, scenery.doings.serial);
	ck_assert(client_sync(&scenery.client));
	ck_assert_int_eq(menu.dismissed, 0);
	menu_finish(&menu);
	menu_init(&strange, &typist.client, typist.window.xdg_surface, 1, 1);
	xdg_popup_grab(strange.popup, typist.client.seat, scenery.doings.serial);
	ck_assert(client_wait(&typist.client, &strange.dismissed, 1, PATIENCE_MS));
	menu_finish(&strange);
	typist_finish(&typist);
	scenery_finish(&scenery);
	input_device_finish(&keyboard);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void expect_error(
	struct scenery *scenery, const struct wl_interface *expected, uint32_t error)
{
	const struct wl_interface *interface = NULL;
	uint32_t id;
	ck_assert(!client_sync(&scenery->client));
	ck_assert_uint_eq(
		wl_display_get_protocol_error(scenery->client.display, &interface, &id), error);
	ck_assert_ptr_eq(interface, expected);
}

TEST(without_a_parent)
{
	struct scenery scenery;
	struct menu menu;
	scenery_init(&scenery);
	menu_init(&menu, &scenery.client, NULL, 0, 0);
	ck_assert(client_sync(&scenery.client));
	wl_surface_commit(menu.surface);
	expect_error(&scenery, &xdg_wm_base_interface, XDG_WM_BASE_ERROR_INVALID_POPUP_PARENT);
	menu_finish(&menu);
	scenery_finish(&scenery);
}

TEST(parent_that_is_nothing)
{
	struct scenery scenery;
	struct menu menu;
	scenery_init(&scenery);
	struct wl_surface *surface = wl_compositor_create_surface(scenery.client.compositor);
	struct xdg_surface *nothing = xdg_wm_base_get_xdg_surface(scenery.client.wm_base, surface);
	menu_init(&menu, &scenery.client, nothing, 0, 0);
	expect_error(&scenery, &xdg_wm_base_interface, XDG_WM_BASE_ERROR_INVALID_POPUP_PARENT);
	menu_finish(&menu);
	xdg_surface_destroy(nothing);
	wl_surface_destroy(surface);
	scenery_finish(&scenery);
}

TEST(position_that_is_none)
{
	struct scenery scenery;
	struct menu menu;
	scenery_init(&scenery);
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	struct xdg_positioner *nowhere = xdg_wm_base_create_positioner(scenery.client.wm_base);
	xdg_popup_reposition(menu.popup, nowhere, 1);
	expect_error(&scenery, &xdg_wm_base_interface, XDG_WM_BASE_ERROR_INVALID_POSITIONER);
	xdg_positioner_destroy(nowhere);
	menu_finish(&menu);
	scenery_finish(&scenery);
}

TEST(destroyed_below_another)
{
	struct scenery scenery;
	struct menu menu, submenu;
	scenery_init(&scenery);
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	menu_show(&menu);
	menu_init(&submenu, &scenery.client, menu.xdg_surface, 10, 10);
	menu_show(&submenu);
	menu_finish(&menu);
	expect_error(&scenery, &xdg_wm_base_interface, XDG_WM_BASE_ERROR_NOT_THE_TOPMOST_POPUP);
	menu_finish(&submenu);
	scenery_finish(&scenery);
}

TEST(grab_when_it_is_seen)
{
	struct scenery scenery;
	struct menu menu;
	scenery_init(&scenery);
	if (!scenery.client.seat)
		SKIP("waybufd is built without input");
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 30, 40);
	menu_show(&menu);
	xdg_popup_grab(menu.popup, scenery.client.seat, 1);
	expect_error(&scenery, &xdg_popup_interface, XDG_POPUP_ERROR_INVALID_GRAB);
	menu_finish(&menu);
	scenery_finish(&scenery);
}

TEST(popups_without_end)
{
	struct scenery scenery;
	scenery_init(&scenery);
	struct menu menu;
	bool alive = true;
	struct xdg_positioner *positioner = make_positioner(&scenery.client, 1, 1);
	for (int i = 0; i < 100 && alive; i++) {
		struct wl_surface *surface =
			wl_compositor_create_surface(scenery.client.compositor);
		struct xdg_surface *xdg_surface =
			xdg_wm_base_get_xdg_surface(scenery.client.wm_base, surface);
		struct xdg_popup *popup =
			xdg_surface_get_popup(xdg_surface, scenery.window.xdg_surface, positioner);
		alive = client_sync(&scenery.client);
		wl_proxy_destroy((struct wl_proxy *)popup);
		wl_proxy_destroy((struct wl_proxy *)xdg_surface);
		wl_proxy_destroy((struct wl_proxy *)surface);
	}
	ck_assert(!alive);
	xdg_positioner_destroy(positioner);
	picture_finish(&scenery.picture);
	window_finish(&scenery.window);
	doings_finish(&scenery.doings);
	client_disconnect(&scenery.client);
	/* others go on */
	client_connect(&scenery.client, &scenery.daemon);
	client_listen(&scenery.client, &scenery.doings);
	window_init(&scenery.window, &scenery.client);
	menu_init(&menu, &scenery.client, scenery.window.xdg_surface, 1, 1);
	ck_assert(client_sync(&scenery.client));
	menu_finish(&menu);
	picture_init(&scenery.client, &scenery.picture, PICTURE_SHM, WINDOW, WINDOW,
		DRM_FORMAT_XRGB8888);
	scenery_finish(&scenery);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-popup")
