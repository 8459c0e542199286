/* SPDX-License-Identifier: MIT */
#include <math.h>

#include <wayland-server-core.h>

#include "daemon.h"
#include "input/seat.h"
#include "output.h"
#include "outputs.h"
#include "subsurface.h"
#include "xdg.h"

struct output *outputs_first(const struct daemon *daemon)
{
	struct output *first;
	if (wl_list_empty(&daemon->outputs))
		return NULL;
	return wl_container_of(daemon->outputs.next, first, link);
}

struct output *outputs_default(const struct daemon *daemon)
{
	const struct seat *seat = daemon->seat;
	if (!seat || !seat->devices.pointers)
		return outputs_first(daemon);
	double x = seat->x, y = seat->y;
	return outputs_at(daemon, &x, &y);
}

struct output *outputs_other(const struct output *output)
{
	struct output *other;
	wl_list_for_each(other, &output->daemon->outputs, link)
		if (other != output && other->dark != OUTPUT_UNPLUGGED &&
			other->dark != OUTPUT_GONE)
			return other;
	return NULL;
}

/* ---- the row ------------------------------------------------------------------------------- */

static double clamp(double value, double least, double most)
{
	if (value < least)
		return least;
	return value < most ? value : most;
}

/* As large as a pixel is, but no larger than what clients count. */
static double pixel_of(const struct output *output)
{
	return fmin((double)GEOMETRY_SCALE_ONE / output->scale, 1);
}

struct output *outputs_at(const struct daemon *daemon, double *x, double *y)
{
	struct output *output = NULL, *next;
	uint32_t width = 0, height = 0;
	wl_list_for_each(next, &daemon->outputs, link) {
		output = next;
		output_logical_size(output, &width, &height);
		if (*x < output->x + (double)width)
			break;
	}
	if (!output)
		return NULL;
	/* up to the last pixel, or between two outputs up to the first one of the next */
	bool is_last = output->link.next == &daemon->outputs;
	*x = clamp(*x, output->x, output->x + (double)width - (is_last ? pixel_of(output) : 0));
	*y = clamp(*y, output->y, output->y + (double)height - pixel_of(output));
	return output;
}

/* Many a place where a pixel begins is no number that a double can have. */
static int64_t pixel_at(const struct output *output, double place)
{
	return (int64_t)floor(place * output->scale / GEOMETRY_SCALE_ONE + 1e-6);
}

void outputs_find_pixel(const struct output *output, double x, double y, int64_t *px, int64_t *py)
{
	*px = pixel_at(output, x - output->x);
	*py = pixel_at(output, y - output->y);
}

void outputs_insert(struct output *output)
{
	struct wl_list *at = &output->daemon->outputs;
	while (at->prev != &output->daemon->outputs) {
		const struct output *before = wl_container_of(at->prev, before, link);
		if (before->rank <= output->rank)
			break;
		at = at->prev;
	}
	wl_list_insert(at->prev, &output->link);
}

/* What a client knows of the place of an output is told anew only if it is another one. */
void outputs_arrange(struct daemon *daemon)
{
	struct output *output;
	int32_t x = 0;
	wl_list_for_each(output, &daemon->outputs, link) {
		uint32_t width, height;
		output_logical_size(output, &width, &height);
		bool moved = output->x != x;
		output->x = x;
		if (moved)
			output_tell(output);
		x += (int32_t)width;
	}
	seat_layout_changed(daemon->seat);
}

/* ---- what is on them ----------------------------------------------------------------------- */

struct output *outputs_of(const struct surface *surface)
{
	return surface->output ? surface->output : outputs_first(surface->daemon);
}

static void move(struct surface *surface, struct output *to)
{
	struct output *from = surface->output;
	if (from == to)
		return;
	output_send_enter(from, surface, false);
	output_forget_visible(from, surface);
	surface->output = to;
	surface->visible = false;
	surface->dirty = true;
	output_send_enter(to, surface, true);
	callbacks_arm(to, surface);
}

/* Whoever is not mapped is on none. As deep as a tree may be, which is not deep. */
static void move_tree(struct surface *surface, struct output *to)
{
	const struct subsurface *child;
	if (!surface->mapped)
		return;
	move(surface, to);
	wl_list_for_each(child, &surface->children, link)
		move_tree(child->surface, to);
}

void outputs_move(struct surface *surface, struct output *output)
{
	struct output *from = surface->output;
	if (!surface->mapped || from == output)
		return;
	move_tree(surface, output);
	output_damage(from);
	output_damage(output);
	seat_scene_changed(surface->daemon->seat);
}

/* What is not mapped may have callbacks that only the first output answers. */
void outputs_move_all(struct output *from, struct output *to)
{
	struct xdg_surface *xdg;
	struct surface *surface;
	wl_list_for_each(xdg, &from->daemon->xdg_surfaces, link) {
		if (!xdg->toplevel || xdg->toplevel->output != from)
			continue;
		xdg_toplevel_move_to(xdg->toplevel, to);
		if (xdg->initialised)
			xdg_surface_configure_later(xdg);
	}
	wl_list_for_each(surface, &from->daemon->surfaces, link) {
		if (surface->output == from)
			outputs_move(surface, to);
		else if (!surface->output)
			callbacks_arm(outputs_first(from->daemon), surface);
	}
	callbacks_adopt(to, &from->orphans);
}

void outputs_surface_gone(struct daemon *daemon, struct surface *surface)
{
	struct output *output;
	wl_list_for_each(output, &daemon->outputs, link)
		output_surface_gone(output, surface);
	wl_list_for_each(output, &daemon->retired, link)
		output_surface_gone(output, surface);
}
