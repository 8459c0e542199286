/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "input_devices.h"

/* Copying in one window, and pasting in another. */

static const char text[] = "what was copied";

/* A client with a window, which has the keyboard as long as it is the last one. */
struct user {
	struct client client;
	struct window window;
	struct picture picture;
	struct wl_data_device *device;
	struct wl_data_offer *offer, *selection; /* told last; NULL: none */
	struct wl_data_source *source;
	int selections, types, sent, cancelled;
	char type[32]; /* of the offer, told last */
};

static void handle_type(void *data, struct wl_data_offer *offer, const char *type)
{
	struct user *user = data;
	user->types++;
	snprintf(user->type, sizeof(user->type), "%s", type);
}

static const struct wl_data_offer_listener offer_listener = {.offer = handle_type};

static void forget_offer(struct user *user)
{
	if (user->offer)
		wl_data_offer_destroy(user->offer);
	user->offer = user->selection = NULL;
}

static void handle_data_offer(
	void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
	struct user *user = data;
	forget_offer(user);
	user->offer = offer;
	wl_data_offer_add_listener(offer, &offer_listener, user);
}

static void handle_selection(void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
	struct user *user = data;
	user->selection = offer;
	user->selections++;
}

static const struct wl_data_device_listener device_listener = {
	.data_offer = handle_data_offer,
	.selection = handle_selection,
};

static void handle_send(void *data, struct wl_data_source *source, const char *type, int32_t fd)
{
	struct user *user = data;
	user->sent++;
	ck_assert_int_eq(write(fd, text, sizeof(text)), (int)sizeof(text));
	close(fd);
}

static void handle_cancelled(void *data, struct wl_data_source *source)
{
	struct user *user = data;
	user->cancelled++;
}

static const struct wl_data_source_listener source_listener = {
	.send = handle_send,
	.cancelled = handle_cancelled,
};

static void user_init(struct user *user, const struct daemon *daemon)
{
	*user = (struct user){0};
	client_connect(&user->client, daemon);
	if (!user->client.data_devices)
		SKIP("waybufd is built without input");
	user->device = wl_data_device_manager_get_data_device(
		user->client.data_devices, user->client.seat);
	wl_data_device_add_listener(user->device, &device_listener, user);
	window_init(&user->window, &user->client);
	picture_init(&user->client, &user->picture, PICTURE_SHM, 64, 64, DRM_FORMAT_XRGB8888);
	window_show(&user->window, &user->picture);
	ck_assert(client_wait(&user->client, &user->selections, 1, PATIENCE_MS));
}

static void user_finish(struct user *user)
{
	forget_offer(user);
	if (user->source)
		wl_data_source_destroy(user->source);
	wl_data_device_release(user->device);
	picture_finish(&user->picture);
	window_finish(&user->window);
	client_disconnect(&user->client);
}

static void make_source(struct user *user)
{
	user->source = wl_data_device_manager_create_data_source(user->client.data_devices);
	wl_data_source_add_listener(user->source, &source_listener, user);
	wl_data_source_offer(user->source, "text/plain");
	wl_data_source_offer(user->source, "text/html");
	/* twice is once */
	wl_data_source_offer(user->source, "text/html");
}

static void copy(struct user *user)
{
	make_source(user);
	wl_data_device_set_selection(user->device, user->source, 1);
	ck_assert(client_sync(&user->client));
}

/* The length of what the selection has to give, by way of @from. */
static ssize_t paste(
	struct user *user, struct user *from, const char *type, char *data, size_t size)
{
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	wl_data_offer_receive(user->selection, type, fds[1]);
	ck_assert(client_sync(&user->client));
	close(fds[1]);
	ck_assert(client_sync(&from->client));
	struct pollfd poll_fd = {.fd = fds[0], .events = POLLIN};
	ck_assert_int_eq(poll(&poll_fd, 1, PATIENCE_MS), 1);
	ssize_t n = read(fds[0], data, size);
	close(fds[0]);
	return n;
}

struct desk {
	struct input_device keyboard;
	struct daemon daemon;
	struct user user;
};

static void desk_init(struct desk *desk)
{
	input_device_init(&desk->keyboard, INPUT_KEYBOARD);
	daemon_start(&desk->daemon, NULL);
	user_init(&desk->user, &desk->daemon);
}

static void desk_finish(struct desk *desk)
{
	user_finish(&desk->user);
	ck_assert_int_eq(daemon_stop(&desk->daemon, SIGTERM), 0);
	input_device_finish(&desk->keyboard);
}

TEST(copied_and_pasted)
{
	struct desk desk;
	struct user other;
	char data[64];
	desk_init(&desk);
	ck_assert_ptr_null(desk.user.selection);
	copy(&desk.user);
	ck_assert_ptr_nonnull(desk.user.selection);
	ck_assert_int_eq(desk.user.types, 2);

	user_init(&other, &desk.daemon);
	ck_assert_ptr_nonnull(other.selection);
	ck_assert_str_eq(other.type, "text/html");
	ck_assert_int_eq(
		paste(&other, &desk.user, "text/plain", data, sizeof(data)), (int)sizeof(text));
	ck_assert_str_eq(data, text);
	/* there is nothing of that kind, and nobody is asked for it */
	ck_assert_int_eq(paste(&other, &desk.user, "image/png", data, sizeof(data)), 0);
	ck_assert_int_eq(desk.user.sent, 1);
	user_finish(&other);
	desk_finish(&desk);
}

TEST(replaced_and_gone)
{
	struct desk desk;
	struct user other;
	char data[64];
	desk_init(&desk);
	copy(&desk.user);
	user_init(&other, &desk.daemon);
	struct wl_data_offer *old = other.offer;
	other.offer = NULL;
	copy(&other);
	ck_assert(client_wait(&desk.user.client, &desk.user.cancelled, 1, PATIENCE_MS));
	/* what is offered no more gives nothing */
	struct wl_data_offer *now = other.selection;
	other.selection = old;
	ck_assert_int_eq(paste(&other, &desk.user, "text/plain", data, sizeof(data)), 0);
	other.selection = now;
	wl_data_offer_destroy(old);
	/* a selection goes with its source */
	int before = other.selections;
	wl_data_source_destroy(other.source);
	other.source = NULL;
	ck_assert(client_wait(&other.client, &other.selections, before + 1, PATIENCE_MS));
	ck_assert_ptr_null(other.selection);
	user_finish(&other);
	desk_finish(&desk);
}

/* Who does not have the keyboard has not been asked to copy anything. */
TEST(copied_behind_the_back)
{
	struct desk desk;
	struct user other;
	desk_init(&desk);
	user_init(&other, &desk.daemon);
	copy(&desk.user);
	ck_assert_int_eq(desk.user.cancelled, 1);
	ck_assert(client_sync(&other.client));
	ck_assert_ptr_null(other.selection);
	user_finish(&other);
	desk_finish(&desk);
}

/* An offer is for whoever has the keyboard: with that it ends, and with that it comes again. */
TEST(pasted_behind_the_back)
{
	struct desk desk;
	struct user other;
	char data[64];
	desk_init(&desk);
	copy(&desk.user);
	user_init(&other, &desk.daemon);
	int before = desk.user.selections;
	ck_assert_int_eq(paste(&desk.user, &desk.user, "text/plain", data, sizeof(data)), 0);
	ck_assert_int_eq(desk.user.sent, 0);
	user_finish(&other);
	ck_assert(client_wait(&desk.user.client, &desk.user.selections, before + 1, PATIENCE_MS));
	ck_assert_int_eq(
		paste(&desk.user, &desk.user, "text/plain", data, sizeof(data)), (int)sizeof(text));
	desk_finish(&desk);
}

/* Nobody has pressed anything, so nobody can have asked for it. */
TEST(drag_without_a_press)
{
	struct desk desk;
	desk_init(&desk);
	make_source(&desk.user);
	wl_data_source_set_actions(desk.user.source, WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY);
	wl_data_device_start_drag(
		desk.user.device, desk.user.source, desk.user.window.surface, NULL, 1);
	ck_assert(client_wait(&desk.user.client, &desk.user.cancelled, 1, PATIENCE_MS));
	wl_data_device_start_drag(desk.user.device, NULL, desk.user.window.surface, NULL, 1);
	ck_assert(client_sync(&desk.user.client));
	desk_finish(&desk);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void action_unknown(struct user *user)
{
	make_source(user);
	wl_data_source_set_actions(user->source, 8);
}

static void actions_twice(struct user *user)
{
	make_source(user);
	wl_data_source_set_actions(user->source, 1);
	wl_data_source_set_actions(user->source, 1);
}

static void selection_with_actions(struct user *user)
{
	make_source(user);
	wl_data_source_set_actions(user->source, 1);
	wl_data_device_set_selection(user->device, user->source, 1);
}

static void source_twice(struct user *user)
{
	copy(user);
	wl_data_device_set_selection(user->device, user->source, 2);
}

static void icon_that_is_a_window(struct user *user)
{
	wl_data_device_start_drag(
		user->device, NULL, user->window.surface, user->window.surface, 1);
}

static void finish_without_a_drop(struct user *user)
{
	copy(user);
	wl_data_offer_finish(user->offer);
}

static void actions_of_a_selection(struct user *user)
{
	copy(user);
	wl_data_offer_set_actions(user->offer, 1, 1);
}

static void unknown_actions_of_a_selection(struct user *user)
{
	copy(user);
	wl_data_offer_set_actions(user->offer, 8, 1);
}

static const struct {
	void (*make)(struct user *user);
	const struct wl_interface *interface;
	uint32_t error;
} mistakes[] = {
	{action_unknown, &wl_data_source_interface, WL_DATA_SOURCE_ERROR_INVALID_ACTION_MASK},
	{actions_twice, &wl_data_source_interface, WL_DATA_SOURCE_ERROR_INVALID_SOURCE},
	{selection_with_actions, &wl_data_source_interface, WL_DATA_SOURCE_ERROR_INVALID_SOURCE},
	{source_twice, &wl_data_device_interface, WL_DATA_DEVICE_ERROR_USED_SOURCE},
	{icon_that_is_a_window, &wl_data_device_interface, WL_DATA_DEVICE_ERROR_ROLE},
	{finish_without_a_drop, &wl_data_offer_interface, WL_DATA_OFFER_ERROR_INVALID_FINISH},
	{actions_of_a_selection, &wl_data_offer_interface, WL_DATA_OFFER_ERROR_INVALID_OFFER},
	{unknown_actions_of_a_selection, &wl_data_offer_interface,
		WL_DATA_OFFER_ERROR_INVALID_ACTION_MASK},
};

TEST(every_error)
{
	struct desk desk;
	desk_init(&desk);
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct user user;
		const struct wl_interface *interface = NULL;
		uint32_t id;
		user_init(&user, &desk.daemon);
		mistakes[i].make(&user);
		ck_assert_msg(!client_sync(&user.client), "mistake %zu", i);
		ck_assert_uint_eq(
			wl_display_get_protocol_error(user.client.display, &interface, &id),
			mistakes[i].error);
		ck_assert_ptr_eq(interface, mistakes[i].interface);
		user_finish(&user);
		ck_assert(client_sync(&desk.user.client));
	}
	desk_finish(&desk);
}

TEST(types_without_end)
{
	struct desk desk;
	struct user user;
	char type[32];
	desk_init(&desk);
	user_init(&user, &desk.daemon);
	make_source(&user);
	for (int i = 0; i < 200; i++) {
		snprintf(type, sizeof(type), "type/%d", i);
		wl_data_source_offer(user.source, type);
	}
	/* of no_memory, or of the end of the connection before that could be read */
	ck_assert(!client_sync(&user.client));
	user_finish(&user);
	ck_assert(client_sync(&desk.user.client));
	desk_finish(&desk);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-clipboard")
