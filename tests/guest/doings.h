/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DOINGS_H
#define TESTS_DOINGS_H

#include "daemon_fixture.h"

/* What the user does to a client: the serials that grabs, drags and cursors are asked for with. */
struct doings {
	/* NULL: the seat has none, or there is no seat */
	struct wl_pointer *pointer;
	struct wl_keyboard *keyboard;
	struct wl_touch *touch;
	struct wl_surface *pointed_at; /* NULL: none of its surfaces */
	uint32_t entered; /* the serial of that */
	double x, y; /* where on it, told last */
	int moved; /* times */
	int count; /* buttons, keys and fingers that went down or up */
	uint32_t serial; /* of the last of these */
};

/* Before the client shows something. */
void doings_init(struct doings *doings, struct client *client);
void doings_finish(struct doings *doings);

#endif
