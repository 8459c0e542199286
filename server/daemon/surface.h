/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SURFACE_H
#define DAEMON_SURFACE_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "damage.h"
#include "frame.h"
#include "geometry.h"
#include "kms/state.h"

struct daemon;
struct output;
struct subsurface;
struct surface;
struct surface_commit;
struct xdg_surface;

/*
 * wl_surface.
 *
 * What a client asks for collects in the *pending* state. wl_surface.commit makes a *commit* of it,
 * and the gate (waybuf/gate.h) says when that becomes *current*: at once if the buffer is ready.
 * One whose buffer has a fence that has not signalled waits in the surface's queue, where nobody
 * else notices: the surface keeps its last frame, and a newer commit that is ready supersedes it by
 * folding it in. No commit waits longer than a second: then its buffer is given up, and the rest of
 * it becomes current.
 *
 * What a synchronised subsurface commits (subsurface.h) is kept for its parent's commit, and waits
 * there and becomes current together with that.
 */

enum surface_change {
	SURFACE_BUFFER = 1 << 0, /* attach, with a buffer or with none */
	SURFACE_SCALE = 1 << 1,
	SURFACE_TRANSFORM = 1 << 2,
	SURFACE_OPAQUE = 1 << 3,
	SURFACE_DAMAGE = 1 << 4,
	SURFACE_STACK = 1 << 5,
	SURFACE_VIEWPORT = 1 << 6,
	SURFACE_ALPHA = 1 << 7,
	SURFACE_COLOR = 1 << 8,
	SURFACE_INPUT = 1 << 9,
	SURFACE_CONTENT_TYPE = 1 << 10,
	SURFACE_LOST = 1 << 11, /* a content that was given up: what changed with it is unseen */
};

/*
 * Objects of other protocols that add to a surface's state, one of each kind at most. The user data
 * of each is the surface; NULL once that is gone.
 */
enum surface_extension {
	SURFACE_EXT_VIEWPORT,
	SURFACE_EXT_ALPHA,
	SURFACE_EXT_COLOR,
	SURFACE_EXT_CONTENT_TYPE,
	SURFACE_EXT_FRACTIONAL_SCALE,
	SURFACE_EXTENSIONS,
};

/* wp_viewport's state. */
struct surface_viewport {
	bool has_source, has_size;
	struct geometry_box source; /* surface coordinates, in parts of GEOMETRY_ONE */
	int32_t width, height;
};

/* What the pixels of a surface mean, as far as its client has said so. */
enum surface_model { SURFACE_ANY, SURFACE_RGB, SURFACE_YUV };

struct surface_color {
	enum surface_model model;
	enum waybuf_kms_encoding encoding; /* of SURFACE_YUV; else BT.601 */
	bool full_range;
	bool straight; /* the colours are not multiplied with alpha yet */
	bool subsampled; /* it said where samples of chroma are, so there must be such samples */
};

/* A place in a surface's stack of itself and its subsurfaces. */
struct surface_place {
	struct subsurface *child; /* NULL: the surface itself */
	int32_t x, y; /* relative to the surface; surface coordinates */
};

/* What is double buffered. The lists hold wl_resource links. */
struct surface_state {
	uint32_t changes; /* enum surface_change: what the fields below hold */
	struct frame *frame; /* NULL: no buffer */
	/* of wl_surface.offset and attach: in all, what is in no commit yet alone */
	int64_t dx, dy;
	int32_t scale;
	int32_t transform; /* enum wl_output_transform */
	struct surface_viewport viewport;
	struct surface_color color;
	uint32_t content_type; /* enum wp_content_type_v1_type, or what is none of them */
	uint32_t alpha; /* what all of it is multiplied with; UINT32_MAX: nothing */
	/* where the content is new: surface coordinates, pixels of the buffer; none: where it likes */
	struct damage damage, buffer_damage;
	pixman_region32_t opaque; /* surface coordinates */
	bool input_everywhere; /* else only in: */
	pixman_region32_t input; /* surface coordinates */
	struct wl_array stack; // struct surface_place, the lowest first; empty: the surface alone
	struct wl_list callbacks; /* wl_callback */
	struct wl_list feedbacks; /* wp_presentation_feedback */
};

/* What a role adds. All may be NULL. */
struct surface_role {
	const char *name;
	/* each commit, before any of it can become current */
	void (*committed)(struct surface *surface);
	/* the current state has changed */
	void (*applied)(struct surface *surface);
};

struct surface {
	struct wl_resource *resource;
	struct daemon *daemon;
	struct surface_state pending, current;
	struct wl_resource *pending_buffer; /* attached, not committed; NULL: none */
	struct wl_listener pending_buffer_destroyed;
	struct waybuf_gate_queue *queue;
	struct wl_list parts; // surface_part.link: commits that wait, oldest first

	/* once given, a surface keeps its role; the object of it comes and goes (NULL) */
	const struct surface_role *role;
	void *role_object;
	struct xdg_surface *xdg; /* made for it, with a role or without; NULL: none is there */

	struct output *output; /* that it is on, while it is mapped; else NULL */
	uint32_t preferred_scale; /* that its client was told, in parts of GEOMETRY_SCALE_ONE */
	int32_t preferred_transform; /* likewise */
	struct subsurface *subsurface; /* it is one now; NULL: it is none */
	struct wl_list children; // subsurface.link, in no order
	struct wl_array stack; // as in surface_state, what the next commit will say
	struct surface_viewport viewport; /* likewise */
	struct surface_color color; /* likewise */
	struct surface_commit *kept; /* for the parent's next commit; NULL: nothing */
	bool mapped; /* has content and a role, and so have its ancestors */

	uint64_t id; /* no other surface has it, before or after */
	struct damage damage; /* what is new since it was in a scene; surface coordinates */
	const struct output *seen_on; /* whose scene that was; to be compared, it may be gone */
	bool lost; /* what its last content would have changed was not told */
	/* changed since a scene was last made of it: its frame is not the one on the screen */
	bool dirty;
	bool visible; /* in the scene that was made last */
	uint64_t
		asked_in; /* the refresh that it was asked to draw for; 0: none, or it has new state */
	bool ahead; /* it has a new current state since the scene was made by which it is asked */
	unsigned timely; /* refreshes in a row for which that was in time, up to a number */
	uint32_t width, height; /* surface coordinates; 0: has no content */
	struct geometry_box source; /* what of the buffer it shows; in parts of GEOMETRY_ONE */
	struct wl_resource *extensions[SURFACE_EXTENSIONS]; /* NULL: none of that kind */
	uint32_t plane_id; /* the plane that its last frame was shown on; 0: it was composed */
	/* why it was, NULL: it was not, or never shown. Static */
	const char *copied_because;
	struct waybuf_kms_why copied_detail;
	uint64_t frames_direct, frames_copied;
	uint64_t last_shm; /* serial of the last frame of wl_shm that was committed; 0: none was */
	struct wl_list link; // daemon.surfaces
};

struct wl_global *surface_compositor_create(struct daemon *daemon);

/* NULL while the resource is being destroyed. */
struct surface *surface_from_resource(struct wl_resource *resource);

/* Gives it @role; false if it has another one already. */
bool surface_set_role(struct surface *surface, const struct surface_role *role, void *object);

/*
 * Makes an object of @kind for the surface of @surface, for a request of @manager. NULL: an error
 * was posted (@exists, if there is one already). Its destructor calls surface_extension_gone(),
 * which gives the surface, if that is still there.
 */
struct wl_resource *surface_extend(struct wl_resource *manager, uint32_t id,
	struct wl_resource *surface, enum surface_extension kind,
	const struct wl_interface *interface, uint32_t exists);
struct surface *surface_extension_gone(struct wl_resource *object, enum surface_extension kind);

/* Whether there is, or will be, a buffer: attached, waiting or shown. */
bool surface_has_buffer(const struct surface *surface);

/* Whether something waits for the commit of an ancestor. */
bool surface_waits_for_parent(const struct surface *surface);

/* Whether everything of the surface hides what is below it. */
bool surface_is_opaque(const struct surface *surface);

/* Logs with which surface of which client it is about. */
void surface_log(struct surface *surface, const char *what, ...)
	__attribute__((format(printf, 2, 3)));

/* Answers all frame callbacks in @list with @ms, and empties it. */
void surface_send_callbacks(struct wl_list *list, uint32_t ms);
/* Answers none of them, and empties it. */
void surface_drop_callbacks(struct wl_list *list);

#endif
