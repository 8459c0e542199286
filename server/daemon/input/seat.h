/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_SEAT_H
#define DAEMON_INPUT_SEAT_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "keymap.h"

/*
 * wl_seat: one, with what all devices do together. A source of input (source.h) calls the functions
 * below; positions are those of the row of outputs, times milliseconds of CLOCK_MONOTONIC.
 *
 * The first press, tap or turn of a wheel after --idle-off has switched the displays off only switches
 * them on: whoever did it saw nothing, and nobody's button is to be pressed by that. What moves is told
 * to clients as ever, and so is all input while displays are off because somebody has said so.
 *
 * The pointer is over the topmost surface whose input region it is in, as the scene on the screen
 * has it. While a button is held that surface keeps it (the implicit grab), and so does each finger.
 * The keyboard is with the topmost window; a click or a tap on another one raises that.
 */

struct clipboard_source;
struct daemon;
struct drag;
struct seat;
struct surface;
struct theme;

enum { SEAT_MOST_KEYS = 64, SEAT_MOST_FINGERS = 16, SEAT_ACTIONS = 16 };

/* A surface that events go to, and where its 0,0 is. */
struct seat_target {
	struct surface *surface; /* NULL: nobody */
	double x, y;
};

/* What the user has done to a client: a button, a key or a finger went down or up. */
struct seat_action {
	uint32_t serial; /* what the client was told of it with */
	uint64_t client; /* its account's id: it may be gone, and another one be at its address */
};

struct seat_finger {
	bool down;
	int32_t id;
	uint32_t serial; /* with which it went down */
	double x, y;
	struct seat_target target;
};

/* Which devices there are. */
struct seat_devices {
	unsigned pointers, keyboards, touches;
};

struct seat {
	struct daemon *daemon;
	struct wl_global *global, *clipboard, *shapes;
	struct seat_devices devices;
	uint32_t ever; /* enum wl_seat_capability: what was there at some time */
	struct wl_list resources; // wl_seat, and so on, by wl_resource_get_link()
	struct wl_list pointers, keyboards, touches, data_devices;
	struct clipboard_source *selection; /* NULL: nothing was copied */
	struct drag *drag; /* NULL: nothing is dragged */
	struct wl_event_source *idle; /* the target of the pointer is looked for */
	struct seat_action actions[SEAT_ACTIONS]; /* the last ones, in a ring */
	unsigned n_actions;

	double x, y;
	struct seat_target pointer;
	uint32_t pointer_serial; /* of its enter */
	unsigned buttons; /* held, as the target knows */
	uint32_t pressed_serial; /* of the first of them */
	unsigned swallowed; /* held, of which nobody was told */

	struct keymap keymap; /* fd -1: there was no keyboard so far */
	bool keymap_failed; /* and so there are no keyboards */
	struct surface *keyboard; /* NULL: nobody */
	uint32_t keys[SEAT_MOST_KEYS]; /* held */
	size_t n_keys;
	bool has_silent; /* of one of those held nobody was told: */
	uint32_t silent;

	struct seat_finger fingers[SEAT_MOST_FINGERS];
	struct wl_client *touched; /* is owed a frame; NULL: nobody */

	struct surface *cursor; /* NULL: none is shown */
	uint32_t cursor_scale; /* that it was drawn for; a client's: GEOMETRY_SCALE_ONE */
	int32_t hotspot_x, hotspot_y;
	/* its offset when it was set: what comes later moves the hotspot */
	int64_t cursor_dx, cursor_dy;
	struct theme *theme; /* NULL: not asked for yet, or not to be had */
	bool theme_tried;
};

/* NULL: said why on stderr. */
struct seat *seat_create(struct daemon *daemon);
/* After the clients are gone. NULL is a no-op. */
void seat_destroy(struct seat *seat);

/* A device has come or gone: tells all clients what there is now. */
void seat_set_devices(struct seat *seat, const struct seat_devices *devices);

/* ---- what a source calls ---- */

void seat_move(struct seat *seat, uint32_t ms, double dx, double dy);
/* @x and @y are 0 to 1. */
void seat_move_to(struct seat *seat, uint32_t ms, double x, double y);
void seat_button(struct seat *seat, uint32_t ms, uint32_t button, bool pressed);

struct seat_axis {
	uint32_t axis, source; /* enum wl_pointer_axis, wl_pointer_axis_source */
	double value; /* pixels; 0 from what can stop: it has */
	int32_t value120; /* of wheels; 0: none */
};
void seat_scroll(struct seat *seat, uint32_t ms, const struct seat_axis *axis);
/* What came since the last one belongs together. */
void seat_pointer_frame(struct seat *seat);

/* @key as in linux/input-event-codes.h. */
void seat_key(struct seat *seat, uint32_t ms, uint32_t key, bool pressed);

void seat_touch_down(struct seat *seat, uint32_t ms, int32_t id, double x, double y);
void seat_touch_move(struct seat *seat, uint32_t ms, int32_t id, double x, double y);
void seat_touch_up(struct seat *seat, uint32_t ms, int32_t id);
void seat_touch_cancel(struct seat *seat);
void seat_touch_frame(struct seat *seat);

/* ---- what the rest of the daemon calls; NULL is a no-op ---- */

/* Another picture is on the screen, or windows have changed places. */
void seat_scene_changed(struct seat *seat);
void seat_surface_gone(struct seat *seat, const struct surface *surface);
/* Outputs have come, gone, or another size: the pointer may have to be brought back onto one. */
void seat_layout_changed(struct seat *seat);

/* ---- between the files of the seat ---- */

uint32_t seat_serial(const struct seat *seat);
/* A serial for what the user has done to @surface (NULL: nobody's), known by it for a while. */
uint32_t seat_action_serial(struct seat *seat, const struct surface *surface);
/* Whether @serial is of something that the user did to @client, and not long ago. */
bool seat_had_action(const struct seat *seat, struct wl_client *client, uint32_t serial);
/* From parts of the first display's size, 0 to 1, to where clients see that point in the row. */
void seat_place(const struct seat *seat, double *x, double *y);
/* Whether @resource is of the client that @surface (NULL: nobody's) is of. */
bool seat_is_for(struct wl_resource *resource, const struct surface *surface);
/* The same, and it is sent an event of what a device does: there is no end of these. */
bool seat_tells(struct wl_resource *resource, const struct surface *surface);
/* For the wire, which has 24 bits for a window that a viewport has made larger than that. */
wl_fixed_t seat_fixed(double value);
/* What is below a point. */
struct seat_target seat_find(const struct seat *seat, double x, double y);
/* Where the surface is now, if it can be seen; else *target stays. */
void seat_follow(const struct seat *seat, struct seat_target *target);
/* A click or a tap on @surface, by the user. */
void seat_picked(struct seat *seat, struct surface *surface);

/* pointer.c, keyboard.c, touch.c: a resource of a client, with @id */
void pointer_create(struct wl_client *client, struct seat *seat, uint32_t version, uint32_t id);
void keyboard_create(struct wl_client *client, struct seat *seat, uint32_t version, uint32_t id);
void touch_create(struct wl_client *client, struct seat *seat, uint32_t version, uint32_t id);
/* Whether @serial is of the enter with which the client of @resource is pointed at. */
bool pointer_may_set_cursor(const struct seat *seat, struct wl_resource *resource, uint32_t serial);
/* Finds out what the pointer is over, unless a button is held. */
void pointer_refocus(struct seat *seat);
void keyboard_focus(struct seat *seat, struct surface *surface);
/* Who has it; NULL: nobody. */
struct wl_client *keyboard_client(const struct seat *seat);
/* It is nobody's, as what is held is: a drag has it. */
void pointer_yield(struct seat *seat);
/* Has nobody to tell. */
void pointer_forget(struct seat *seat, const struct surface *surface);
void touch_forget(struct seat *seat, const struct surface *surface);

#endif
