/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <linux/input-event-codes.h>
#include <unistd.h>

#include "dragging.h"

/* Dragging something from one window to another. */

enum { ICON = 0x30c060 };
enum {
	COPY = WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY,
	MOVE = WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE,
	ASK = WL_DATA_DEVICE_MANAGER_DND_ACTION_ASK,
};

/* ---- as it should be ----------------------------------------------------------------------- */

TEST(dropped_and_finished)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	desk_drag(&desk, COPY | MOVE);
	desk_agree(&desk, COPY | MOVE, MOVE);
	ck_assert_uint_eq(desk.to.action, MOVE);
	int moved = desk.to.moved;
	desk_move_until(&desk, -2, &desk.to.moved, moved + 1);
	desk_let_go(&desk);
	ck_assert_int_eq(desk.to.dropped, 1);
	ck_assert_int_eq(desk.to.left, 0);
	ck_assert_int_eq(desk.from.performed, 1);
	desk_expect_data(&desk);
	wl_data_offer_finish(desk.to.offer);
	desk_sync(&desk);
	desk_sync(&desk);
	ck_assert_int_eq(desk.from.finished, 1);
	ck_assert_int_eq(desk.from.cancelled, 0);
	/* the pointer is somebody's again */
	ck_assert_ptr_nonnull(desk.to.doings.pointed_at);
	user_forget_offer(&desk.to);
	desk_sync(&desk);
	ck_assert_int_eq(desk.from.cancelled, 0);
	desk_finish(&desk);
}

TEST(user_is_asked)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	desk_drag(&desk, COPY | ASK);
	desk_agree(&desk, COPY | ASK, ASK);
	ck_assert_uint_eq(desk.to.action, ASK);
	desk_let_go(&desk);
	ck_assert_int_eq(desk.to.dropped, 1);
	wl_data_offer_set_actions(desk.to.offer, COPY, COPY);
	desk_sync(&desk);
	ck_assert_uint_eq(desk.to.action, COPY);
	ck_assert_uint_eq(desk.from.source_action, ASK);
	wl_data_offer_finish(desk.to.offer);
	desk_sync(&desk);
	desk_sync(&desk);
	ck_assert_uint_eq(desk.from.source_action, COPY);
	ck_assert_int_eq(desk.from.finished, 1);
	desk_finish(&desk);
}

TEST(by_a_finger)
{
	struct desk desk;
	desk_init(&desk, INPUT_TOUCH_SCREEN);
	struct input_device *screen = &desk.device;
	input_device_send(screen, EV_ABS, ABS_MT_SLOT, 0);
	input_device_send(screen, EV_ABS, ABS_MT_TRACKING_ID, 1);
	input_device_send(screen, EV_ABS, ABS_MT_POSITION_X, INPUT_TOUCH_MAX / 2);
	input_device_send(screen, EV_ABS, ABS_MT_POSITION_Y, INPUT_TOUCH_MAX / 2);
	input_device_sync(screen);
	ck_assert(client_wait(&desk.from.client, &desk.from.doings.count, 1, PATIENCE_MS));
	user_make_source(&desk.from, COPY);
	desk_start(&desk, NULL);
	/* 200 pixels up */
	input_device_send(screen, EV_ABS, ABS_MT_POSITION_Y, INPUT_TOUCH_MAX / 4);
	input_device_sync(screen);
	ck_assert(client_wait(&desk.to.client, &desk.to.entered, 1, PATIENCE_MS));
	desk_agree(&desk, COPY, COPY);
	input_device_send(screen, EV_ABS, ABS_MT_TRACKING_ID, -1);
	input_device_sync(screen);
	ck_assert(client_wait(&desk.to.client, &desk.to.dropped, 1, PATIENCE_MS));
	desk_expect_data(&desk);
	wl_data_offer_finish(desk.to.offer);
	ck_assert(client_sync(&desk.to.client));
	ck_assert(client_wait(&desk.from.client, &desk.from.finished, 1, PATIENCE_MS));
	desk_finish(&desk);
}

/* It is the client's own affair, and nobody else hears of it. */
TEST(without_a_source)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	desk_press(&desk);
	desk_start(&desk, NULL);
	ck_assert_int_eq(desk.from.entered, 1);
	ck_assert(!desk.from.had_offer);
	desk_move_until(&desk, -8, &desk.from.left, 1);
	ck_assert_int_eq(desk.to.entered, 0);
	desk_move_until(&desk, 8, &desk.from.entered, 2);
	desk_let_go(&desk);
	ck_assert_int_eq(desk.from.dropped, 1);
	desk_finish(&desk);
}

TEST(icon)
{
	struct desk desk;
	struct picture picture, shown;
	desk_init(&desk, INPUT_MOUSE);
	struct client *client = &desk.from.client;
	struct wl_surface *icon = wl_compositor_create_surface(client->compositor);
	picture_init(client, &picture, PICTURE_SHM, 16, 16, DRM_FORMAT_XRGB8888);
	for (size_t i = 0; i < picture.size / 4; i++)
		((uint32_t *)picture.pixels)[i] = ICON;
	desk_press(&desk);
	user_make_source(&desk.from, COPY);
	desk_start(&desk, icon);
	wl_surface_attach(icon, picture.buffer, 0, 0);
	wl_surface_offset(icon, 30, 40);
	wl_surface_commit(icon);
	window_show(&desk.from.window, &desk.from.picture);
	capture_output(client, &shown);
	const uint32_t x = (uint32_t)client->width / 2 + 30, y = (uint32_t)client->height / 2 + 40;
	ck_assert_uint_eq(picture_pixel(&shown, x, y) & 0xffffff, ICON);
	ck_assert_uint_eq(picture_pixel(&shown, x + 15, y + 15) & 0xffffff, ICON);
	ck_assert_uint_ne(picture_pixel(&shown, x - 1, y) & 0xffffff, ICON);
	picture_finish(&shown);
	/* it is in nobody's way, and ends with its drag */
	ck_assert_int_eq(desk.from.entered, 1);
	desk_let_go(&desk);
	window_show(&desk.from.window, &desk.from.picture);
	capture_output(client, &shown);
	ck_assert_uint_ne(picture_pixel(&shown, x, y) & 0xffffff, ICON);
	picture_finish(&shown);
	wl_surface_destroy(icon);
	picture_finish(&picture);
	desk_finish(&desk);
}

/* ---- nothing comes of it ------------------------------------------------------------------- */

static void let_go_unwanted(struct desk *desk)
{
	desk_let_go(desk);
	ck_assert_int_eq(desk->to.dropped, 0);
	ck_assert_int_eq(desk->to.left, 1);
	ck_assert_int_eq(desk->from.cancelled, 1);
}

static void let_go_without_an_action(struct desk *desk)
{
	wl_data_offer_accept(desk->to.offer, 1, "text/plain");
	wl_data_offer_set_actions(desk->to.offer, MOVE, MOVE);
	desk_sync(desk);
	let_go_unwanted(desk);
}

static void let_go_of_another_type(struct desk *desk)
{
	wl_data_offer_accept(desk->to.offer, 1, "image/png");
	wl_data_offer_set_actions(desk->to.offer, COPY, COPY);
	desk_sync(desk);
	let_go_unwanted(desk);
}

static void move_away(struct desk *desk)
{
	desk_agree(desk, COPY, COPY);
	desk_move_until(desk, 8, &desk->to.left, 1);
	ck_assert(!desk->from.targeted);
	ck_assert_uint_eq(desk->from.source_action, 0);
	desk_let_go(desk);
	ck_assert_int_eq(desk->from.cancelled, 1);
}

static void offer_goes_before_the_drop(struct desk *desk)
{
	desk_agree(desk, COPY, COPY);
	user_forget_offer(&desk->to);
	desk_sync(desk);
	desk_sync(desk);
	ck_assert(!desk->from.targeted);
	let_go_unwanted(desk);
}

static void offer_goes_after_the_drop(struct desk *desk)
{
	desk_agree(desk, COPY, COPY);
	desk_let_go(desk);
	ck_assert_int_eq(desk->from.performed, 1);
	user_forget_offer(&desk->to);
	desk_sync(desk);
	desk_sync(desk);
	ck_assert_int_eq(desk->from.cancelled, 1);
	ck_assert_int_eq(desk->from.finished, 0);
}

static void source_goes(struct desk *desk)
{
	desk_agree(desk, COPY, COPY);
	wl_data_source_destroy(desk->from.source);
	desk->from.source = NULL;
	desk_sync(desk);
	desk_sync(desk);
	ck_assert_int_eq(desk->to.left, 1);
	desk_let_go(desk);
	ck_assert_int_eq(desk->to.dropped, 0);
}

static void source_goes_after_the_drop(struct desk *desk)
{
	desk_agree(desk, COPY, COPY);
	desk_let_go(desk);
	wl_data_source_destroy(desk->from.source);
	desk->from.source = NULL;
	desk_sync(desk);
	wl_data_offer_finish(desk->to.offer);
	desk_sync(desk);
}

static void client_goes(struct desk *desk)
{
	desk_agree(desk, COPY, COPY);
	user_finish(&desk->from);
	desk_sync(desk);
	ck_assert(client_wait(&desk->to.client, &desk->to.left, 1, PATIENCE_MS));
	desk_let_go(desk);
}

static void target_goes(struct desk *desk)
{
	desk_agree(desk, COPY, COPY);
	user_finish(&desk->to);
	for (int i = 0; i < 100 && desk->from.targeted; i++) {
		usleep(10000);
		desk_sync(desk);
	}
	ck_assert(!desk->from.targeted);
	desk_let_go(desk);
	ck_assert_int_eq(desk->from.cancelled, 1);
}

static void target_goes_after_the_drop(struct desk *desk)
{
	desk_agree(desk, COPY, COPY);
	desk_let_go(desk);
	user_finish(&desk->to);
	ck_assert(client_wait(&desk->from.client, &desk->from.cancelled, 1, PATIENCE_MS));
}

static void device_goes(struct desk *desk)
{
	desk_agree(desk, COPY, COPY);
	wl_data_device_release(desk->to.device);
	user_get_device(&desk->to);
	desk_sync(desk);
	desk_sync(desk);
	ck_assert(!desk->from.targeted);
	desk_let_go(desk);
	ck_assert_int_eq(desk->from.cancelled, 1);
}

TEST(nothing_comes_of_it)
{
	static void (*const ends[])(struct desk *desk) = {let_go_unwanted, let_go_without_an_action,
		let_go_of_another_type, move_away, offer_goes_before_the_drop,
		offer_goes_after_the_drop, source_goes, source_goes_after_the_drop, client_goes,
		target_goes, target_goes_after_the_drop, device_goes};
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (i > 0)
			desk_begin_again(&desk);
		desk_drag(&desk, COPY);
		ends[i](&desk);
	}
	desk_finish(&desk);
}

TEST(without_a_press)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	desk_press(&desk);
	desk_let_go(&desk);
	user_make_source(&desk.from, COPY);
	desk_start(&desk, NULL);
	desk_sync(&desk);
	ck_assert_int_eq(desk.from.cancelled, 1);
	desk_finish(&desk);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void finish_before_the_drop(struct desk *desk)
{
	wl_data_offer_finish(desk->to.offer);
}

static void finish_without_an_answer(struct desk *desk)
{
	wl_data_offer_accept(desk->to.offer, 1, "text/plain");
	wl_data_offer_set_actions(desk->to.offer, ASK, ASK);
	desk_sync(desk);
	desk_let_go(desk);
	wl_data_offer_finish(desk->to.offer);
}

static void finish_twice(struct desk *desk)
{
	wl_data_offer_accept(desk->to.offer, 1, "text/plain");
	wl_data_offer_set_actions(desk->to.offer, COPY, COPY);
	desk_sync(desk);
	desk_let_go(desk);
	wl_data_offer_finish(desk->to.offer);
	wl_data_offer_finish(desk->to.offer);
}

static void prefer_two(struct desk *desk)
{
	wl_data_offer_set_actions(desk->to.offer, COPY | MOVE, COPY | MOVE);
}

static void prefer_another(struct desk *desk)
{
	wl_data_offer_set_actions(desk->to.offer, COPY, MOVE);
}

static void unknown_action(struct desk *desk)
{
	wl_data_offer_set_actions(desk->to.offer, 8, 0);
}

static const struct {
	void (*make)(struct desk *desk);
	uint32_t error;
} mistakes[] = {
	{finish_before_the_drop, WL_DATA_OFFER_ERROR_INVALID_FINISH},
	{finish_without_an_answer, WL_DATA_OFFER_ERROR_INVALID_FINISH},
	{finish_twice, WL_DATA_OFFER_ERROR_INVALID_FINISH},
	{prefer_two, WL_DATA_OFFER_ERROR_INVALID_ACTION},
	{prefer_another, WL_DATA_OFFER_ERROR_INVALID_ACTION},
	{unknown_action, WL_DATA_OFFER_ERROR_INVALID_ACTION_MASK},
};

TEST(every_error)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const struct wl_interface *interface = NULL;
		uint32_t id;
		if (i > 0)
			desk_begin_again(&desk);
		desk_drag(&desk, COPY | ASK);
		mistakes[i].make(&desk);
		ck_assert_msg(!client_sync(&desk.to.client), "mistake %zu", i);
		ck_assert_uint_eq(
			wl_display_get_protocol_error(desk.to.client.display, &interface, &id),
			mistakes[i].error);
		ck_assert_ptr_eq(interface, &wl_data_offer_interface);
		ck_assert(client_sync(&desk.from.client));
	}
	desk_finish(&desk);
}

TEST(source_twice)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	desk_press(&desk);
	user_make_source(&desk.from, COPY);
	desk_start(&desk, NULL);
	wl_data_device_start_drag(desk.from.device, desk.from.source, desk.from.window.surface,
		NULL, desk.from.doings.serial);
	ck_assert(!client_sync(&desk.from.client));
	desk_finish(&desk);
}

TEST_TIMEOUT(240)
TEST_MAIN("daemon-drag")
