/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DRAGGING_H
#define TESTS_DRAGGING_H

#include "daemon_fixture.h"
#include "doings.h"
#include "input_devices.h"

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

/* Another one, in place of one that was released. */
void user_get_device(struct user *user);
void user_forget_offer(struct user *user);
/* Offers text, which comes when it is asked for. */
void user_make_source(struct user *user, uint32_t actions);
/* Disconnects. A no-op for one that has. */
void user_finish(struct user *user);

/* One window is high, one is wide and over it: the other one begins above the middle. */
struct desk {
	struct input_device device;
	struct daemon daemon;
	struct user to, from;
};

/* Skips if waybufd is built without input. */
void desk_init(struct desk *desk, enum input_kind kind);
void desk_finish(struct desk *desk);
/* With a mouse. Both users anew, and the pointer where it was: a waybufd takes longer to start. */
void desk_begin_again(struct desk *desk);

/* A round trip of each that is connected. */
void desk_sync(struct desk *desk);
/* Until *@count is @n: mice are accelerated, so that nobody knows how far it is. */
void desk_move_until(struct desk *desk, int32_t dy, const int *count, int n);
/* A button, on the window that something is dragged from. */
void desk_press(struct desk *desk);
void desk_let_go(struct desk *desk);
/* With the source that was made, or none, and an icon, or NULL. */
void desk_start(struct desk *desk, struct wl_surface *icon);
/* All of that, as far as the other window. */
void desk_drag(struct desk *desk, uint32_t actions);
/* The other one accepts. */
void desk_agree(struct desk *desk, uint32_t actions, uint32_t preferred);
/* It asks for what was dragged, and gets it. */
void desk_expect_data(struct desk *desk);

#endif
