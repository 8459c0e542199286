/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "cursor.h"
#include "drag.h"
#include "input.h"
#include "seat.h"

/* Built without libinput and libxkbcommon: there is no seat. */

bool input_create(struct daemon *daemon)
{
	return true;
}

void input_destroy(struct daemon *daemon) {}

void input_pause(struct daemon *daemon) {}

void input_resume(struct daemon *daemon) {}

void seat_scene_changed(struct seat *seat) {}

void seat_layout_changed(struct seat *seat) {}

void seat_surface_gone(struct seat *seat, const struct surface *surface) {}

bool seat_had_action(const struct seat *seat, struct wl_client *client, uint32_t serial)
{
	return false;
}

struct surface *cursor_place(const struct seat *seat, const struct output *output, int64_t *x,
	int64_t *y, uint32_t *scale)
{
	return NULL;
}

struct surface *drag_icon_place(
	const struct seat *seat, const struct output *output, int64_t *x, int64_t *y)
{
	return NULL;
}
