/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_XDG_H
#define DAEMON_XDG_H

#include "placement.h"
#include "surface.h"

/*
 * xdg_wm_base, for a kiosk: every toplevel is told to be fullscreen, and the one that was mapped
 * last, or picked by the user, is on top.
 */

struct xdg_wm_base {
	struct wl_resource *resource; /* NULL once the client has destroyed it */
	struct daemon *daemon;
	unsigned refs; /* the resource and its xdg_surfaces */
};

struct xdg_surface;

/* What toplevels and popups do differently. */
struct xdg_role {
	/* tells the size and state, before xdg_surface.configure */
	void (*configure)(struct xdg_surface *xdg);
	/* the surface has got its first frame, or has lost its last */
	void (*mapped)(struct xdg_surface *xdg, bool mapped);
	/* wl_surface.commit; false: a protocol error was posted, and there is no commit. May be NULL */
	bool (*precommit)(struct xdg_surface *xdg);
	/* as in surface_role; may be NULL */
	void (*applied)(struct xdg_surface *xdg);
};

struct xdg_surface {
	struct wl_resource *resource;
	struct xdg_wm_base *wm_base;
	struct surface *surface; /* NULL once the wl_surface is gone */
	struct wl_listener surface_destroyed;
	const struct xdg_role *role; /* NULL: not constructed */
	struct wl_resource *role_resource; /* xdg_toplevel or xdg_popup; NULL: not there */
	struct xdg_toplevel *toplevel; /* owned; NULL: it is none */
	struct xdg_popup *popup; /* the same */
	/* what of the surface is the window, without shadows; 0 x 0: all. The client's last word */
	struct placement_rect geometry, next_geometry;
	bool initialised; /* the initial commit was answered */
	bool acked; /* a configure was acknowledged */
	bool mapped;
	bool owed; /* a configure, when those before it are acknowledged */
	struct wl_array serials; /* of configures that were not acknowledged, oldest first */
	struct wl_list link; // daemon.xdg_surfaces
};

/* 0: no limit. */
struct toplevel_size {
	int32_t width, height;
};

struct xdg_toplevel {
	struct daemon *daemon;
	struct xdg_surface *xdg;
	struct xdg_toplevel *parent;
	struct output *output; /* that it is on, or will be */
	struct wl_resource *decoration; /* zxdg_toplevel_decoration_v1; NULL: none */
	bool decoration_due; /* it is owed an answer */
	struct toplevel_size least, most; /* the client's last word, which only has to make sense */
	struct wl_list link; // daemon.toplevels, while it is mapped
};

struct wl_global *xdg_shell_create(struct daemon *daemon);

/* xdg_surface.c */
void xdg_surface_create(struct wl_client *client, struct xdg_wm_base *wm_base, uint32_t id,
	struct wl_resource *surface);
/* wl_surface.commit; false: a protocol error was posted. */
bool xdg_surface_may_commit(struct xdg_surface *xdg);
/* Sends the role's configure and the surface's, with a new serial. */
void xdg_surface_configure(struct xdg_surface *xdg);
/*
 * The same for what others have changed. There is only one of these on its way, so that nobody can
 * flood somebody else with them, by coming and going.
 */
void xdg_surface_configure_later(struct xdg_surface *xdg);
/* The role's object is gone; the surface can have one again. */
void xdg_surface_drop_role(struct xdg_surface *xdg);
void xdg_wm_base_unref(struct xdg_wm_base *wm_base);

/* xdg_toplevel.c, xdg_popup.c: the surface's role object with @id */
void xdg_toplevel_create(struct wl_client *client, struct xdg_surface *xdg, uint32_t id);
/* Whether it is mapped, and above all others. */
bool xdg_toplevel_is_top(const struct xdg_toplevel *toplevel);
/* Above all others, as if it had been mapped last. */
void xdg_toplevel_raise(struct xdg_toplevel *toplevel);
/* To another output, with its popups. Its client has to be told of the size there. */
void xdg_toplevel_move_to(struct xdg_toplevel *toplevel, struct output *output);
/* NULL is a no-op. */
void xdg_toplevel_free(struct xdg_toplevel *toplevel);
void xdg_popup_create(struct wl_client *client, struct xdg_surface *xdg, uint32_t id,
	struct wl_resource *parent, struct wl_resource *positioner);

/* xdg_positioner.c */
void xdg_positioner_create(struct wl_client *client, uint32_t version, uint32_t id);
/* Whether it has a size and an anchor, without which it is no position. */
bool xdg_positioner_complete(struct wl_resource *positioner);

#endif
