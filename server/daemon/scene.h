/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SCENE_H
#define DAEMON_SCENE_H

#include "surface.h"

struct cursor_image;
struct output;

/*
 * One picture of an output, as a value: which frames are where, and who wants to hear when it is on
 * the screen. A scene holds its frames, so that what it shows can be composed, scanned out and
 * captured whatever the surfaces do meanwhile. It lives from the repaint until the flip that
 * replaces it; the frames of layers that are composed go when that is done.
 */

/* Surfaces below so many others are left out of the picture. */
#define SCENE_MAX_LAYERS 64
/* Boxes of a layer that are known to be opaque; what else of it may be is blended all the same. */
#define SCENE_MAX_OPAQUE 8

/* Where clients see a layer: on the upright output, in surface coordinates, to parts of a pixel. */
struct scene_logical {
	double x, y;
	uint32_t width, height;
};

struct scene_layer {
	struct frame *frame; /* NULL once it was composed and is not needed any more */
	uint64_t id; /* of the surface */
	/* what shows it from the client's own buffer; NULL: it is composed */
	struct waybuf_kms_plane *plane;
	bool asked; /* its client has been asked to draw again when it is on the screen */
	bool is_cursor; /* all of it: it has no subsurfaces */
	struct cursor_image *image; /* a copy of it that the plane shows instead; NULL: none */
	struct waybuf_trace_event who; /* for the trace; its point is 0 */
	bool frame_done; /* displaced, the flip has not come */
	struct surface *surface; /* NULL once it is gone; for its counters */
	int32_t x, y;
	uint32_t width, height; /* on the display */
	struct scene_logical logical;
	/* what of the buffer is there, in parts of GEOMETRY_ONE, and how it was turned for that */
	struct geometry_box source;
	int32_t transform;
	struct surface_color color;
	uint16_t alpha; /* what all of it is multiplied with; UINT16_MAX: nothing */
	bool opaque;
	/* relative to the layer: all that hides what is below it, if it is drawn */
	pixman_box32_t hides[SCENE_MAX_OPAQUE];
	uint32_t n_hides;
	struct damage damage; /* the same way: what is new since the surface was in a scene */
	struct wl_list feedbacks; /* wp_presentation_feedback, of what is seen for the first time */
};

struct scene {
	struct waybuf_server *server;
	uint32_t width, height;
	struct scene_layer layers[SCENE_MAX_LAYERS]; /* the topmost first */
	uint32_t n_layers;
	struct wl_list callbacks; /* wl_callback, of what is seen for the first time */
	bool reused; /* what is composed in it was so before, and is shown again */
};

/*
 * Where a toplevel begins, in pixels of the upright display: in the middle of those that clients know
 * of, also when it is too large.
 */
void scene_place_toplevel(
	const struct output *output, const struct surface *surface, int64_t *x, int64_t *y);

/* What the output has to show now, with the callbacks of its surfaces. NULL: no memory. */
struct scene *scene_create(struct output *output);
/* One without layers, for whoever has some to add. NULL: no memory. */
struct scene *scene_create_empty(const struct output *output);
/* Lets the frames go; discards feedbacks, destroys callbacks. NULL is a no-op. */
void scene_destroy(struct scene *scene);
/* The same, and what ends now has ended at @ns. */
void scene_destroy_at(struct scene *scene, uint64_t ns);

/* Whether somebody in it could queue on the fence of the flip that ends it. */
bool scene_wants_fence(const struct scene *scene);
/*
 * The display reads the scene until @fence settles and no longer, as @next was committed in its
 * place: the next writers of its buffers can queue on that, those that want to. It stays until the
 * flip. True: this was the end of a frame's last reader.
 */
bool scene_displaced(struct scene *scene, const struct scene *next, struct waybuf_fence *fence);
/* What is on planes is read until @fence settles, too: by a capture that was given up. */
void scene_read_until(struct scene *scene, struct waybuf_fence *fence);
/* Says of each layer what has become of it; @ns 0: now. */
void scene_trace(
	const struct scene *scene, enum waybuf_trace_kind kind, uint64_t ns, uint64_t point);
/* The frames that are on no plane have been composed into something else. */
void scene_drop_composed(struct scene *scene);

/* Layers that are composed. */
uint32_t scene_count_composed(const struct scene *scene);
/* Whether something in it is read by the display from a client's buffer. */
bool scene_has_planes(const struct scene *scene);

/* Whether every pixel is from a surface, so that there is no background to be seen. */
bool scene_is_covered(const struct scene *scene);
/* Whether the layer hides all that is below it, background and all. */
bool scene_layer_covers(const struct scene *scene, const struct scene_layer *layer);

void scene_surface_gone(struct scene *scene, const struct surface *surface);

#endif
