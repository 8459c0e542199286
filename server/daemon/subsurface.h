/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SUBSURFACE_H
#define DAEMON_SUBSURFACE_H

#include "surface.h"

/*
 * wl_subsurface: a surface that is drawn at a place relative to its parent.
 *
 * There are two trees. *children* is who is whose subsurface; that changes at once, and decides who
 * is synchronised with whom. The *stack* is what is drawn where; it is a part of the parent's state,
 * and becomes current as all the rest of it.
 *
 * A synchronised subsurface is one whose own mode says so, or which has a synchronised ancestor.
 * What it commits is kept (surface.kept), and each further commit is folded into that. A commit of
 * its parent takes along what it has kept until then; if the parent is synchronised as well, that is
 * kept with the parent's. So a later commit of the child does not join an earlier one of the parent.
 * In the end there is one commit of the topmost parent, with a part for each surface, and the gate
 * applies all or nothing of it (waybuf/gate.h).
 *
 * Whoever is not synchronised any more (set_desync, or the end of its parent or of its role) gets
 * what was kept for it at once.
 *
 * Bounds: so many subsurfaces per client, so many levels; whoever wants more is disconnected with
 * no_memory. All walks of trees are as long and as deep as that at most.
 */
#define SUBSURFACE_MOST_PER_CLIENT 256
#define SUBSURFACE_MOST_DEEP 16

struct subsurface {
	struct wl_resource *resource;
	struct daemon *daemon;
	struct surface *surface; /* NULL once it is gone; then the parent is NULL, too */
	struct surface *parent; /* NULL once it is gone */
	bool synchronised; /* its own mode */
	struct wl_list link; // surface.children of the parent
	struct wl_list daemon_link; // daemon.subsurfaces
};

struct wl_global *subsurface_compositor_create(struct daemon *daemon);

/* Whether its commits are its parent's. */
bool subsurface_is_synchronised(const struct surface *surface);

/* Whose commit shows what is drawn into it: its own, or that of an ancestor. */
struct surface *subsurface_leader(struct surface *surface);

/* Whether @surface is @ancestor or below it. */
bool subsurface_descends(const struct surface *surface, const struct surface *ancestor);

/* A surface is about to go: as a subsurface, and as a parent of some. */
void subsurface_surface_gone(struct surface *surface);

/*
 * subsurface_stack.c: the surface, which is no subsurface, is seen from now on, on the output that it
 * has been given, or is not.
 */
void subsurface_set_mapped(struct surface *surface, bool mapped);
/* Of a subsurface: by its content, its parent and the parent's stack. */
void subsurface_update_mapped(struct surface *surface);
/* The surface has a new current stack. */
void subsurface_stack_applied(struct surface *surface);
/* Whether it, or a surface of its tree, is in the scene that was made last. */
bool subsurface_in_sight(const struct surface *surface);
/* Whether it, or a surface below it in the tree, is. */
bool subsurface_shows(const struct surface *surface);

/* subsurface_stack.c: the parent's pending stack. On top; false: no memory. */
bool subsurface_stack_add(struct subsurface *child);
/* Out of all stacks, at once. */
void subsurface_stack_remove(struct subsurface *child);
void subsurface_stack_move(struct subsurface *child, int32_t x, int32_t y);
/* Next to @sibling (NULL: the parent). False: that is not in the stack, or the same. */
bool subsurface_stack_place(struct subsurface *child, const struct subsurface *sibling, bool above);

#endif
