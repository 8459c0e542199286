/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_XDG_POPUP_H
#define DAEMON_XDG_POPUP_H

#include "placement.h"
#include "xdg.h"

/*
 * xdg_popup: a menu or a tooltip, drawn above its toplevel at a place relative to its parent. One
 * that grabs has the keyboard, and is dismissed by a click or a tap on anybody else's window; so is
 * every one whose parent goes.
 */
struct xdg_popup {
	struct xdg_surface *xdg;
	struct xdg_surface *parent; /* NULL: it is gone, or never was */
	struct placement position;
	/* relative to the parent's geometry: now, when applied */
	struct placement_rect place, next;
	bool grabs;
	bool dismissed; /* it was told, and is not seen any more */
	struct wl_list link; // daemon.popups, while it is seen; the topmost first
};

/*
 * Where its surface is, relative to that of @toplevel, in pixels of a display of @scale, in parts of
 * GEOMETRY_SCALE_ONE. False: it belongs to another one.
 */
bool xdg_popup_find(const struct xdg_popup *popup, const struct xdg_toplevel *toplevel,
	uint32_t scale, int64_t *x, int64_t *y);
/* NULL: a parent of it is gone. */
struct xdg_toplevel *xdg_popup_toplevel(const struct xdg_popup *popup);

/* With those that have it as their parent. */
void xdg_popup_dismiss(struct xdg_popup *popup);
void xdg_popup_dismiss_children(struct xdg_surface *parent);
void xdg_popup_parent_gone(struct xdg_surface *parent);

/* NULL is a no-op. */
void xdg_popup_free(struct xdg_popup *popup);

/* xdg_positioner.c: borrowed, what it says now */
const struct placement *xdg_positioner_get(struct wl_resource *positioner);

#endif
