/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/input-event-codes.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "doings.h"
#include "input_devices.h"

/* Dragging something from one window to another. */

enum { LONG = 500, SHORT = 100, ICON = 0x30c060 };
enum {
	COPY = WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY,
	MOVE = WL_DATA_DEVICE_MANAGER_DND_ACTION_MOVE,
	ASK = WL_DATA_DEVICE_MANAGER_DND_ACTION_ASK,
};

static const char text[] = "what was dragged";

/* A client with a window, from which something is dragged, or to which. */
struct user {
	struct client client;
	struct doings doings;
	struct window window;
	struct picture picture;
	struct wl_data_device *device;
	bool alive;

	struct wl_data_source *source;
	int targets, sent, performed, finished, cancelled;
	bool targeted; /* the last target was not NULL */
	uint32_t source_action;

	struct wl_data_offer *offer; /* NULL: none */
	int entered, moved, left, dropped, actions;
	bool had_offer; /* when it was entered */
	uint32_t source_actions, action;
	char type[32];
};

/* ---- the source ---------------------------------------------------------------------------- */

static void handle_target(void *data, struct wl_data_source *source, const char *type)
{
	struct user *user = data;
	user->targets++;
	user->targeted = type != NULL;
}

static void handle_send(void *data, struct wl_data_source *source, const char *type, int32_t fd)
{
	struct user *user = data;
	user->sent++;
	ck_assert_int_eq(write(fd, text, sizeof(text)), (int)sizeof(text));
	close(fd);
}

static void handle_cancelled(void *data, struct wl_data_source *source)
{
	((struct user *)data)->cancelled++;
}

static void handle_performed(void *data, struct wl_data_source *source)
{
	((struct user *)data)->performed++;
}

static void handle_finished(void *data, struct wl_data_source *source)
{
	((struct user *)data)->finished++;
}

static void handle_source_action(void *data, struct wl_data_source *source, uint32_t action)
{
	((struct user *)data)->source_action = action;
}

static const struct wl_data_source_listener source_listener = {
	.target = handle_target,
	.send = handle_send,
	.cancelled = handle_cancelled,
	.dnd_drop_performed = handle_performed,
	.dnd_finished = handle_finished,
	.action = handle_source_action,
};

/* ---- the target ---------------------------------------------------------------------------- */

static void handle_type(void *data, struct wl_data_offer *offer, const char *type)
{
	struct user *user = data;
	snprintf(user->type, sizeof(user->type), "%s", type);
}

static void handle_source_actions(void *data, struct wl_data_offer *offer, uint32_t actions)
{
	((struct user *)data)->source_actions = actions;
}

static void handle_action(void *data, struct wl_data_offer *offer, uint32_t action)
{
	struct user *user = data;
	user->action = action;
	user->actions++;
}

static const struct wl_data_offer_listener offer_listener = {
	.offer = handle_type,
	.source_actions = handle_source_actions,
	.action = handle_action,
};

static void forget_offer(struct user *user)
{
	if (user->offer)
		wl_data_offer_destroy(user->offer);
	user->offer = NULL;
}

static void handle_data_offer(
	void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
	struct user *user = data;
	forget_offer(user);
	user->offer = offer;
	wl_data_offer_add_listener(offer, &offer_listener, user);
}

static void handle_enter(void *data, struct wl_data_device *device, uint32_t serial,
	struct wl_surface *surface, wl_fixed_t x, wl_fixed_t y, struct wl_data_offer *offer)
{
	struct user *user = data;
	ck_assert_ptr_eq(surface, user->window.surface);
	user->entered++;
	user->had_offer = offer != NULL;
}

static void handle_leave(void *data, struct wl_data_device *device)
{
	struct user *user = data;
	user->left++;
	forget_offer(user);
}

static void handle_motion(
	void *data, struct wl_data_device *device, uint32_t ms, wl_fixed_t x, wl_fixed_t y)
{
	((struct user *)data)->moved++;
}

static void handle_drop(void *data, struct wl_data_device *device)
{
	((struct user *)data)->dropped++;
}

static void handle_selection(void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
}

static const struct wl_data_device_listener device_listener = {
	.data_offer = handle_data_offer,
	.enter = handle_enter,
	.leave = handle_leave,
	.motion = handle_motion,
	.drop = handle_drop,
	.selection = handle_selection,
};

/* ---- the scene ----------------------------------------------------------------------------- */

static void user_init(
	struct user *user, const struct daemon *daemon, uint32_t width, uint32_t height)
{
	*user = (struct user){.alive = true};
	struct client *client = &user->client;
	client_connect(client, daemon);
	if (!client->data_devices)
		SKIP("waybufd is built without input");
	client_listen(client, &user->doings);
	user->device = wl_data_device_manager_get_data_device(client->data_devices, client->seat);
	wl_data_device_add_listener(user->device, &device_listener, user);
	window_init(&user->window, client);
	picture_init(client, &user->picture, PICTURE_SHM, width, height, DRM_FORMAT_XRGB8888);
	window_show(&user->window, &user->picture);
}

static void user_finish(struct user *user)
{
	if (!user->alive)
		return;
	user->alive = false;
	forget_offer(user);
	if (user->source)
		wl_data_source_destroy(user->source);
	wl_data_device_release(user->device);
	picture_finish(&user->picture);
	window_finish(&user->window);
	doings_finish(&user->doings);
	client_disconnect(&user->client);
}

/* One window is high, one is wide and over it: the other one begins above the middle. */
struct desk {
	struct input_device device;
	struct daemon daemon;
	struct user to, from;
};

static void desk_init(struct desk *desk, enum input_kind kind)
{
	input_device_init(&desk->device, kind);
	daemon_start(&desk->daemon, NULL);
	user_init(&desk->to, &desk->daemon, SHORT, LONG);
	user_init(&desk->from, &desk->daemon, LONG, SHORT);
}

static void desk_finish(struct desk *desk)
{
	user_finish(&desk->from);
	user_finish(&desk->to);
	ck_assert_int_eq(daemon_stop(&desk->daemon, SIGTERM), 0);
	input_device_finish(&desk->device);
}

static void sync_both(struct desk *desk)
{
	if (desk->from.alive)
		ck_assert(client_sync(&desk->from.client));
	if (desk->to.alive)
		ck_assert(client_sync(&desk->to.client));
}

static void move(struct desk *desk, int32_t dy)
{
	input_device_send(&desk->device, EV_REL, REL_Y, dy);
	input_device_sync(&desk->device);
}

/* Mice are accelerated, so that nobody knows how far it is. */
static void move_until(struct desk *desk, int32_t dy, const int *count, int n)
{
	for (int i = 0; i < 300 && *count < n; i++) {
		move(desk, dy);
		usleep(10000);
		sync_both(desk);
	}
	ck_assert_int_ge(*count, n);
}

static void press(struct desk *desk)
{
	for (int i = 0; i < 200 && !desk->from.doings.pointed_at; i++) {
		usleep(10000);
		sync_both(desk);
	}
	int before = desk->from.doings.count;
	input_device_send(&desk->device, EV_KEY, BTN_LEFT, 1);
	input_device_sync(&desk->device);
	ck_assert(
		client_wait(&desk->from.client, &desk->from.doings.count, before + 1, PATIENCE_MS));
}

static void let_go(struct desk *desk)
{
	input_device_send(&desk->device, EV_KEY, BTN_LEFT, 0);
	input_device_sync(&desk->device);
	/* what is on its way through the kernel and the daemon */
	for (int i = 0; i < 10; i++) {
		usleep(10000);
		sync_both(desk);
	}
}

static void make_source(struct user *user, uint32_t actions)
{
	user->source = wl_data_device_manager_create_data_source(user->client.data_devices);
	wl_data_source_add_listener(user->source, &source_listener, user);
	wl_data_source_offer(user->source, "text/plain");
	wl_data_source_set_actions(user->source, actions);
}

static void start(struct desk *desk, struct wl_surface *icon)
{
	struct user *from = &desk->from;
	wl_data_device_start_drag(
		from->device, from->source, from->window.surface, icon, from->doings.serial);
	sync_both(desk);
}

/* As far as the other window. */
static void drag(struct desk *desk, uint32_t actions)
{
	press(desk);
	make_source(&desk->from, actions);
	start(desk, NULL);
	ck_assert_ptr_null(desk->from.doings.pointed_at);
	move_until(desk, -8, &desk->to.entered, 1);
	ck_assert(desk->to.had_offer);
	ck_assert_str_eq(desk->to.type, "text/plain");
	ck_assert_uint_eq(desk->to.source_actions, actions);
}

static void agree(struct desk *desk, uint32_t actions, uint32_t preferred)
{
	struct user *to = &desk->to;
	wl_data_offer_accept(to->offer, 1, "text/plain");
	wl_data_offer_set_actions(to->offer, actions, preferred);
	sync_both(desk);
	sync_both(desk);
	ck_assert(desk->from.targeted);
	ck_assert_uint_eq(desk->from.source_action, to->action);
}

static void expect_data(struct desk *desk)
{
	char data[64];
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	wl_data_offer_receive(desk->to.offer, "text/plain", fds[1]);
	close(fds[1]);
	ck_assert(client_sync(&desk->to.client));
	ck_assert(client_sync(&desk->from.client));
	struct pollfd poll_fd = {.fd = fds[0], .events = POLLIN};
	ck_assert_int_eq(poll(&poll_fd, 1, PATIENCE_MS), 1);
	ck_assert_int_eq(read(fds[0], data, sizeof(data)), (int)sizeof(text));
	ck_assert_str_eq(data, text);
	close(fds[0]);
}

/* ---- as it should be ----------------------------------------------------------------------- */

TEST(dropped_and_finished)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	drag(&desk, COPY | MOVE);
	agree(&desk, COPY | MOVE, MOVE);
	ck_assert_uint_eq(desk.to.action, MOVE);
	int moved = desk.to.moved;
	move_until(&desk, -2, &desk.to.moved, moved + 1);
	let_go(&desk);
	ck_assert_int_eq(desk.to.dropped, 1);
	ck_assert_int_eq(desk.to.left, 0);
	ck_assert_int_eq(desk.from.performed, 1);
	expect_data(&desk);
	wl_data_offer_finish(desk.to.offer);
	sync_both(&desk);
	sync_both(&desk);
	ck_assert_int_eq(desk.from.finished, 1);
	ck_assert_int_eq(desk.from.cancelled, 0);
	/* the pointer is somebody's again */
	ck_assert_ptr_nonnull(desk.to.doings.pointed_at);
	forget_offer(&desk.to);
	sync_both(&desk);
	ck_assert_int_eq(desk.from.cancelled, 0);
	desk_finish(&desk);
}

TEST(user_is_asked)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	drag(&desk, COPY | ASK);
	agree(&desk, COPY | ASK, ASK);
	ck_assert_uint_eq(desk.to.action, ASK);
	let_go(&desk);
	ck_assert_int_eq(desk.to.dropped, 1);
	wl_data_offer_set_actions(desk.to.offer, COPY, COPY);
	sync_both(&desk);
	ck_assert_uint_eq(desk.to.action, COPY);
	ck_assert_uint_eq(desk.from.source_action, ASK);
	wl_data_offer_finish(desk.to.offer);
	sync_both(&desk);
	sync_both(&desk);
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
	make_source(&desk.from, COPY);
	start(&desk, NULL);
	/* 200 pixels up */
	input_device_send(screen, EV_ABS, ABS_MT_POSITION_Y, INPUT_TOUCH_MAX / 4);
	input_device_sync(screen);
	ck_assert(client_wait(&desk.to.client, &desk.to.entered, 1, PATIENCE_MS));
	agree(&desk, COPY, COPY);
	input_device_send(screen, EV_ABS, ABS_MT_TRACKING_ID, -1);
	input_device_sync(screen);
	ck_assert(client_wait(&desk.to.client, &desk.to.dropped, 1, PATIENCE_MS));
	expect_data(&desk);
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
	press(&desk);
	start(&desk, NULL);
	ck_assert_int_eq(desk.from.entered, 1);
	ck_assert(!desk.from.had_offer);
	move_until(&desk, -8, &desk.from.left, 1);
	ck_assert_int_eq(desk.to.entered, 0);
	move_until(&desk, 8, &desk.from.entered, 2);
	let_go(&desk);
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
	press(&desk);
	make_source(&desk.from, COPY);
	start(&desk, icon);
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
	let_go(&desk);
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
	let_go(desk);
	ck_assert_int_eq(desk->to.dropped, 0);
	ck_assert_int_eq(desk->to.left, 1);
	ck_assert_int_eq(desk->from.cancelled, 1);
}

static void let_go_without_an_action(struct desk *desk)
{
	wl_data_offer_accept(desk->to.offer, 1, "text/plain");
	wl_data_offer_set_actions(desk->to.offer, MOVE, MOVE);
	sync_both(desk);
	let_go_unwanted(desk);
}

static void let_go_of_another_type(struct desk *desk)
{
	wl_data_offer_accept(desk->to.offer, 1, "image/png");
	wl_data_offer_set_actions(desk->to.offer, COPY, COPY);
	sync_both(desk);
	let_go_unwanted(desk);
}

static void move_away(struct desk *desk)
{
	agree(desk, COPY, COPY);
	move_until(desk, 8, &desk->to.left, 1);
	ck_assert(!desk->from.targeted);
	ck_assert_uint_eq(desk->from.source_action, 0);
	let_go(desk);
	ck_assert_int_eq(desk->from.cancelled, 1);
}

static void offer_goes_before_the_drop(struct desk *desk)
{
	agree(desk, COPY, COPY);
	forget_offer(&desk->to);
	sync_both(desk);
	sync_both(desk);
	ck_assert(!desk->from.targeted);
	let_go_unwanted(desk);
}

static void offer_goes_after_the_drop(struct desk *desk)
{
	agree(desk, COPY, COPY);
	let_go(desk);
	ck_assert_int_eq(desk->from.performed, 1);
	forget_offer(&desk->to);
	sync_both(desk);
	sync_both(desk);
	ck_assert_int_eq(desk->from.cancelled, 1);
	ck_assert_int_eq(desk->from.finished, 0);
}

static void source_goes(struct desk *desk)
{
	agree(desk, COPY, COPY);
	wl_data_source_destroy(desk->from.source);
	desk->from.source = NULL;
	sync_both(desk);
	sync_both(desk);
	ck_assert_int_eq(desk->to.left, 1);
	let_go(desk);
	ck_assert_int_eq(desk->to.dropped, 0);
}

static void source_goes_after_the_drop(struct desk *desk)
{
	agree(desk, COPY, COPY);
	let_go(desk);
	wl_data_source_destroy(desk->from.source);
	desk->from.source = NULL;
	sync_both(desk);
	wl_data_offer_finish(desk->to.offer);
	sync_both(desk);
}

static void client_goes(struct desk *desk)
{
	agree(desk, COPY, COPY);
	user_finish(&desk->from);
	sync_both(desk);
	ck_assert(client_wait(&desk->to.client, &desk->to.left, 1, PATIENCE_MS));
	let_go(desk);
}

static void target_goes(struct desk *desk)
{
	agree(desk, COPY, COPY);
	user_finish(&desk->to);
	for (int i = 0; i < 100 && desk->from.targeted; i++) {
		usleep(10000);
		sync_both(desk);
	}
	ck_assert(!desk->from.targeted);
	let_go(desk);
	ck_assert_int_eq(desk->from.cancelled, 1);
}

static void target_goes_after_the_drop(struct desk *desk)
{
	agree(desk, COPY, COPY);
	let_go(desk);
	user_finish(&desk->to);
	ck_assert(client_wait(&desk->from.client, &desk->from.cancelled, 1, PATIENCE_MS));
}

static void device_goes(struct desk *desk)
{
	agree(desk, COPY, COPY);
	wl_data_device_release(desk->to.device);
	desk->to.device = wl_data_device_manager_get_data_device(
		desk->to.client.data_devices, desk->to.client.seat);
	wl_data_device_add_listener(desk->to.device, &device_listener, &desk->to);
	sync_both(desk);
	sync_both(desk);
	ck_assert(!desk->from.targeted);
	let_go(desk);
	ck_assert_int_eq(desk->from.cancelled, 1);
}

TEST(nothing_comes_of_it)
{
	static void (*const ends[])(struct desk *desk) = {let_go_unwanted, let_go_without_an_action,
		let_go_of_another_type, move_away, offer_goes_before_the_drop,
		offer_goes_after_the_drop, source_goes, source_goes_after_the_drop, client_goes,
		target_goes, target_goes_after_the_drop, device_goes};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct desk desk;
		desk_init(&desk, INPUT_MOUSE);
		drag(&desk, COPY);
		ends[i](&desk);
		desk_finish(&desk);
	}
}

TEST(without_a_press)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	press(&desk);
	let_go(&desk);
	make_source(&desk.from, COPY);
	start(&desk, NULL);
	sync_both(&desk);
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
	sync_both(desk);
	let_go(desk);
	wl_data_offer_finish(desk->to.offer);
}

static void finish_twice(struct desk *desk)
{
	wl_data_offer_accept(desk->to.offer, 1, "text/plain");
	wl_data_offer_set_actions(desk->to.offer, COPY, COPY);
	sync_both(desk);
	let_go(desk);
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
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct desk desk;
		const struct wl_interface *interface = NULL;
		uint32_t id;
		desk_init(&desk, INPUT_MOUSE);
		drag(&desk, COPY | ASK);
		mistakes[i].make(&desk);
		ck_assert_msg(!client_sync(&desk.to.client), "mistake %zu", i);
		ck_assert_uint_eq(
			wl_display_get_protocol_error(desk.to.client.display, &interface, &id),
			mistakes[i].error);
		ck_assert_ptr_eq(interface, &wl_data_offer_interface);
		ck_assert(client_sync(&desk.from.client));
		desk_finish(&desk);
	}
}

TEST(source_twice)
{
	struct desk desk;
	desk_init(&desk, INPUT_MOUSE);
	press(&desk);
	make_source(&desk.from, COPY);
	start(&desk, NULL);
	wl_data_device_start_drag(desk.from.device, desk.from.source, desk.from.window.surface,
		NULL, desk.from.doings.serial);
	ck_assert(!client_sync(&desk.from.client));
	desk_finish(&desk);
}

TEST_TIMEOUT(240)
TEST_MAIN("daemon-drag")
