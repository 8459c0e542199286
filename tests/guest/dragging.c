/* SPDX-License-Identifier: MIT */
#include "dragging.h"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/input-event-codes.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

enum { LONG = 500, SHORT = 100 };

static const char text[] = "what was dragged";

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

void user_forget_offer(struct user *user)
{
	if (user->offer)
		wl_data_offer_destroy(user->offer);
	user->offer = NULL;
}

static void handle_data_offer(
	void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
	struct user *user = data;
	user_forget_offer(user);
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
	user_forget_offer(user);
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

void user_get_device(struct user *user)
{
	const struct client *client = &user->client;
	user->device = wl_data_device_manager_get_data_device(client->data_devices, client->seat);
	wl_data_device_add_listener(user->device, &device_listener, user);
}

static void user_init(
	struct user *user, const struct daemon *daemon, uint32_t width, uint32_t height)
{
	*user = (struct user){.alive = true};
	struct client *client = &user->client;
	client_connect(client, daemon);
	if (!client->data_devices)
		SKIP("waybufd is built without input");
	client_listen(client, &user->doings);
	user_get_device(user);
	window_init(&user->window, client);
	picture_init(client, &user->picture, PICTURE_SHM, width, height, DRM_FORMAT_XRGB8888);
	window_show(&user->window, &user->picture);
}

void user_finish(struct user *user)
{
	if (!user->alive)
		return;
	user->alive = false;
	user_forget_offer(user);
	if (user->source)
		wl_data_source_destroy(user->source);
	wl_data_device_release(user->device);
	picture_finish(&user->picture);
	window_finish(&user->window);
	doings_finish(&user->doings);
	client_disconnect(&user->client);
}

static void meet(struct desk *desk)
{
	user_init(&desk->to, &desk->daemon, SHORT, LONG);
	user_init(&desk->from, &desk->daemon, LONG, SHORT);
}

static void part(struct desk *desk)
{
	user_finish(&desk->from);
	user_finish(&desk->to);
}

void desk_init(struct desk *desk, enum input_kind kind)
{
	input_device_init(&desk->device, kind);
	daemon_start(&desk->daemon, NULL);
	meet(desk);
}

void desk_finish(struct desk *desk)
{
	part(desk);
	ck_assert_int_eq(daemon_stop(&desk->daemon, SIGTERM), 0);
	input_device_finish(&desk->device);
}

void desk_sync(struct desk *desk)
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

void desk_move_until(struct desk *desk, int32_t dy, const int *count, int n)
{
	for (int i = 0; i < 300 && *count < n; i++) {
		move(desk, dy);
		usleep(10000);
		desk_sync(desk);
	}
	ck_assert_int_ge(*count, n);
}

void desk_begin_again(struct desk *desk)
{
	input_device_send(&desk->device, EV_KEY, BTN_LEFT, 0);
	input_device_sync(&desk->device);
	part(desk);
	meet(desk);
	/* the pointer has been moved up, out of the window */
	for (int i = 0; i < 300 && !desk->from.doings.pointed_at; i++) {
		move(desk, 4);
		usleep(10000);
		desk_sync(desk);
	}
}

void desk_press(struct desk *desk)
{
	for (int i = 0; i < 200 && !desk->from.doings.pointed_at; i++) {
		usleep(10000);
		desk_sync(desk);
	}
	int before = desk->from.doings.count;
	input_device_send(&desk->device, EV_KEY, BTN_LEFT, 1);
	input_device_sync(&desk->device);
	ck_assert(
		client_wait(&desk->from.client, &desk->from.doings.count, before + 1, PATIENCE_MS));
}

void desk_let_go(struct desk *desk)
{
	input_device_send(&desk->device, EV_KEY, BTN_LEFT, 0);
	input_device_sync(&desk->device);
	/* what is on its way through the kernel and the daemon */
	for (int i = 0; i < 10; i++) {
		usleep(10000);
		desk_sync(desk);
	}
}

void user_make_source(struct user *user, uint32_t actions)
{
	user->source = wl_data_device_manager_create_data_source(user->client.data_devices);
	wl_data_source_add_listener(user->source, &source_listener, user);
	wl_data_source_offer(user->source, "text/plain");
	wl_data_source_set_actions(user->source, actions);
}

void desk_start(struct desk *desk, struct wl_surface *icon)
{
	struct user *from = &desk->from;
	wl_data_device_start_drag(
		from->device, from->source, from->window.surface, icon, from->doings.serial);
	desk_sync(desk);
}

void desk_drag(struct desk *desk, uint32_t actions)
{
	desk_press(desk);
	user_make_source(&desk->from, actions);
	desk_start(desk, NULL);
	ck_assert_ptr_null(desk->from.doings.pointed_at);
	desk_move_until(desk, -8, &desk->to.entered, 1);
	ck_assert(desk->to.had_offer);
	ck_assert_str_eq(desk->to.type, "text/plain");
	ck_assert_uint_eq(desk->to.source_actions, actions);
}

void desk_agree(struct desk *desk, uint32_t actions, uint32_t preferred)
{
	struct user *to = &desk->to;
	wl_data_offer_accept(to->offer, 1, "text/plain");
	wl_data_offer_set_actions(to->offer, actions, preferred);
	desk_sync(desk);
	desk_sync(desk);
	ck_assert(desk->from.targeted);
	ck_assert_uint_eq(desk->from.source_action, to->action);
}

void desk_expect_data(struct desk *desk)
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
