/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DOINGS_H
#define TESTS_DOINGS_H

#include <stdint.h>

#include <wayland-client.h>

/* What the user does to a client: with serials, as grabs, drags and cursors are asked for by them. */
struct doings {
	/* NULL: the seat has none */
	struct wl_pointer *pointer;
	struct wl_keyboard *keyboard;
	struct wl_touch *touch;
	struct wl_surface *pointed_at; /* NULL: none of its surfaces */
	uint32_t entered; /* the serial of that */
	double x, y; /* where on it, told last */
	int enters, moved, buttons, scrolls; /* times, of the pointer */
	int keyboard_enters, keyboard_leaves, keys; /* of the keyboard */
	int downs, slides, ups; /* of fingers */
	int count; /* buttons, keys and fingers that went down or up */
	uint32_t serial; /* of the last of these */
};

/* Of a seat of version 4, which tells nothing else, and may go. */
void doings_init(struct doings *doings, struct wl_seat *seat, uint32_t capabilities);
void doings_finish(struct doings *doings);

#endif
