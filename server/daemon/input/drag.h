/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_INPUT_DRAG_H
#define DAEMON_INPUT_DRAG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A drag: from a press of a client's to the release of it, the pointer (or the finger) is nobody's,
 * and whoever it is over hears of what is dragged instead, and may take it.
 *
 *	start_drag --> over a window: enter, an offer; accept and set_actions agree on a type and an
 *	action --> released: dropped, if both are there, and then the offer goes on alone until it is
 *	finished or destroyed; else the source is cancelled, as it is when anything is gone
 *
 * Without a source the data is the client's own affair, and only its own windows hear of it.
 */

struct clipboard_source;
struct drag;
struct output;
struct seat;
struct surface;
struct wl_client;
struct wl_resource;

/* False: it has another role. */
bool drag_give_icon_role(struct surface *surface);

/*
 * @source and @icon may be NULL. False: @serial is not of a press of @client's that is held, or it
 * is dragging already.
 */
bool drag_start(struct seat *seat, struct wl_client *client, struct clipboard_source *source,
	struct surface *icon, uint32_t serial);

/* ---- what the devices call while seat.drag is not NULL ---- */

/* The pointer, or the finger of the drag, is at a point of the output. */
void drag_move(struct drag *drag, uint32_t ms, double x, double y);
/* What is below it may have changed. */
void drag_refocus(struct drag *drag);
/* It was let go. */
void drag_drop(struct drag *drag);
/* Nothing comes of it. NULL is a no-op. */
void drag_cancel(struct drag *drag);
/* Whether it is one of the pointer's; NULL: no. */
bool drag_has_pointer(const struct drag *drag);
/* Whether it is of the finger @id; NULL: no. */
bool drag_has_finger(const struct drag *drag, int32_t id);

/* ---- what goes or changes; NULL is a no-op ---- */

void drag_source_gone(struct drag *drag);
void drag_offer_gone(struct drag *drag);
void drag_device_gone(struct drag *drag, const struct wl_resource *device);
void drag_surface_gone(struct drag *drag, const struct surface *surface);
/* The target accepts something, or nothing more; or there is another action. */
void drag_agreed(struct drag *drag);

/* The icon, and where its 0,0 is on @output, upright, in pixels. NULL: none there. @seat may be NULL. */
struct surface *drag_icon_place(
	const struct seat *seat, const struct output *output, int64_t *x, int64_t *y);
/* Whether it was given that role, and so is nothing that is pointed at. */
bool drag_is_icon(const struct surface *surface);

#endif
