/* SPDX-License-Identifier: MIT */
#include "cursor.h"
#include "../daemon.h"
#include "../output.h"
#include "../outputs.h"
#include "../subsurface.h"
#include "seat.h"
#include "theme.h"

/* Where the pointer is. */
static struct output *output_of(const struct seat *seat)
{
	double x = seat->x, y = seat->y;
	return outputs_at(seat->daemon, &x, &y);
}

static void set_mapped(const struct seat *seat, struct surface *surface, bool mapped)
{
	if (mapped && !surface->mapped)
		surface->output = output_of(seat);
	subsurface_set_mapped(surface, mapped);
}

/* A cursor with its subsurfaces is mapped while it is shown and has content. */
static void applied(struct surface *surface)
{
	const struct seat *seat = surface->daemon->seat;
	bool shown = seat && seat->cursor == surface;
	set_mapped(seat, surface, shown && surface->current.frame);
	if (shown)
		output_damage(output_of(seat));
}

static const struct surface_role cursor_role = {.name = "cursor", .applied = applied};

bool cursor_give_role(struct surface *surface)
{
	return surface_set_role(surface, &cursor_role, NULL);
}

bool cursor_is_one(const struct surface *surface)
{
	return surface->role == &cursor_role;
}

void cursor_show(struct seat *seat, struct surface *surface, uint32_t scale, int32_t hotspot_x,
	int32_t hotspot_y)
{
	struct surface *before = seat->cursor;
	seat->cursor = surface;
	seat->cursor_scale = scale;
	seat->hotspot_x = hotspot_x;
	seat->hotspot_y = hotspot_y;
	seat->cursor_dx = surface ? surface->current.dx : 0;
	seat->cursor_dy = surface ? surface->current.dy : 0;
	if (before && before != surface)
		set_mapped(seat, before, false);
	if (surface)
		set_mapped(seat, surface, surface->current.frame);
	if (before || surface)
		output_damage(output_of(seat));
}

void cursor_set(struct seat *seat, struct surface *surface, int32_t hotspot_x, int32_t hotspot_y)
{
	theme_show(seat->theme, NULL);
	cursor_show(seat, surface, GEOMETRY_SCALE_ONE, hotspot_x, hotspot_y);
}

void cursor_set_names(struct seat *seat, const char *const *names)
{
	if (!seat->devices.pointers) {
		cursor_set(seat, NULL, 0, 0);
		return;
	}
	if (!seat->theme && !seat->theme_tried)
		seat->theme = theme_create(seat, output_of(seat)->scale);
	seat->theme_tried = true;
	theme_show(seat->theme, names);
	if (!seat->theme)
		cursor_show(seat, NULL, GEOMETRY_SCALE_ONE, 0, 0);
}

void cursor_set_default(struct seat *seat)
{
	static const char *const names[] = {"default", "left_ptr", NULL};
	cursor_set_names(seat, names);
}

void cursor_moved(struct seat *seat)
{
	struct output *output = output_of(seat);
	theme_rescale(seat->theme, output->scale);
	if (!seat->cursor)
		return;
	outputs_move(seat->cursor, output);
	output_damage(output);
}

void cursor_forget(struct seat *seat, const struct surface *surface)
{
	if (seat->cursor != surface)
		return;
	seat->cursor = NULL;
	output_damage(output_of(seat));
}

struct surface *cursor_place(const struct seat *seat, const struct output *output, int64_t *x,
	int64_t *y, uint32_t *scale)
{
	if (!seat || !seat->cursor || output_of(seat) != output)
		return NULL;
	const struct surface_state *now = &seat->cursor->current;
	outputs_find_pixel(output, seat->x, seat->y, x, y);
	*scale = output->scale * GEOMETRY_SCALE_ONE / seat->cursor_scale;
	*x += geometry_scale(*scale, now->dx - seat->cursor_dx - seat->hotspot_x);
	*y += geometry_scale(*scale, now->dy - seat->cursor_dy - seat->hotspot_y);
	return seat->cursor;
}
