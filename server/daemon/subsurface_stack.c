/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "daemon.h"
#include "output.h"
#include "outputs.h"
#include "subsurface.h"
#include "surface_state.h"

/* What is drawn where, and whether it is seen. */

static size_t count(const struct wl_array *stack)
{
	return stack->size / sizeof(struct surface_place);
}

/* The number of places if it is not there. @child NULL: the surface itself. */
static size_t find(const struct wl_array *stack, const struct subsurface *child)
{
	const struct surface_place *places = stack->data;
	size_t i = 0;
	while (i < count(stack) && places[i].child != child)
		i++;
	return i;
}

static void remove_at(struct wl_array *stack, size_t i)
{
	struct surface_place *places = stack->data;
	memmove(&places[i], &places[i + 1], (count(stack) - i - 1) * sizeof(*places));
	stack->size -= sizeof(*places);
}

/* There is room: one was removed before. */
static void insert_at(struct wl_array *stack, size_t i, struct surface_place place)
{
	struct surface_place *places = stack->data;
	memmove(&places[i + 1], &places[i], (count(stack) - i) * sizeof(*places));
	places[i] = place;
	stack->size += sizeof(*places);
}

static bool append(struct wl_array *stack, struct subsurface *child)
{
	struct surface_place *place = wl_array_add(stack, sizeof(*place));
	if (place)
		*place = (struct surface_place){.child = child};
	return place != NULL;
}

bool subsurface_stack_add(struct subsurface *child)
{
	struct surface *parent = child->parent;
	if (count(&parent->stack) == 0 && !append(&parent->stack, NULL))
		return false;
	if (!append(&parent->stack, child))
		return false;
	parent->pending.changes |= SURFACE_STACK;
	return true;
}

static void forget(struct wl_array *stack, const struct subsurface *child)
{
	size_t i = find(stack, child);
	if (i < count(stack))
		remove_at(stack, i);
}

void subsurface_stack_remove(struct subsurface *child)
{
	struct surface *parent = child->parent;
	struct surface_part *part;
	forget(&parent->stack, child);
	forget(&parent->current.stack, child);
	wl_list_for_each(part, &parent->parts, link)
		forget(&part->state.stack, child);
}

void subsurface_stack_move(struct subsurface *child, int32_t x, int32_t y)
{
	struct surface_place *places = child->parent->stack.data;
	size_t i = find(&child->parent->stack, child);
	places[i].x = x;
	places[i].y = y;
	child->parent->pending.changes |= SURFACE_STACK;
}

bool subsurface_stack_place(struct subsurface *child, const struct subsurface *sibling, bool above)
{
	struct wl_array *stack = &child->parent->stack;
	size_t from = find(stack, child);
	if (child == sibling || find(stack, sibling) == count(stack))
		return false;
	struct surface_place place = ((struct surface_place *)stack->data)[from];
	remove_at(stack, from);
	insert_at(stack, find(stack, sibling) + (above ? 1 : 0), place);
	child->parent->pending.changes |= SURFACE_STACK;
	return true;
}

/* ---- what is seen ---------------------------------------------------------------------------- */

void subsurface_stack_applied(struct surface *surface)
{
	const struct surface_place *places = surface->current.stack.data;
	for (size_t i = 0; i < count(&surface->current.stack); i++) {
		struct surface *child = places[i].child ? places[i].child->surface : NULL;
		if (child)
			subsurface_set_mapped(child, surface->mapped && child->current.frame);
	}
}

void subsurface_set_mapped(struct surface *surface, bool mapped)
{
	if (surface->mapped == mapped)
		return;
	surface->mapped = mapped;
	if (mapped && surface->subsurface && surface->subsurface->parent)
		surface->output = surface->subsurface->parent->output;
	struct output *output = outputs_of(surface);
	surface->output = output;
	output_send_enter(output, surface, mapped);
	output_stack_changed(output);
	subsurface_stack_applied(surface);
	if (!mapped)
		surface->output = NULL;
}

void subsurface_update_mapped(struct surface *surface)
{
	const struct subsurface *self = surface->subsurface;
	const struct surface *parent = self ? self->parent : NULL;
	bool placed = parent && find(&parent->current.stack, self) < count(&parent->current.stack);
	subsurface_set_mapped(surface, placed && parent->mapped && surface->current.frame);
}

bool subsurface_shows(const struct surface *surface)
{
	const struct subsurface *child;
	if (surface->visible)
		return true;
	wl_list_for_each(child, &surface->children, link)
		if (subsurface_shows(child->surface))
			return true;
	return false;
}

/* One that is hidden by another one of its tree may be uncovered by what it has committed. */
bool subsurface_in_sight(const struct surface *surface)
{
	if (surface->visible)
		return true;
	if (!surface->mapped)
		return false;
	while (surface->subsurface && surface->subsurface->parent)
		surface = surface->subsurface->parent;
	return subsurface_shows(surface);
}
