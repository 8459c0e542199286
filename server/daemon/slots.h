/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SLOTS_H
#define DAEMON_SLOTS_H

#include "kms/dumb.h"
#include "scene.h"

/*
 * The two images that are composed into: one may be on the screen while the other one is drawn.
 * Each knows what is in it. As long as a scene composes just that, in the same places, the image is
 * shown again, whatever the planes above it do: a video on a plane costs the window below nothing.
 */

/* Where one composed layer is in an image, and which of its surface's frames. */
struct slot_layer {
	uint64_t serial;
	int32_t x, y;
	uint32_t width, height;
	struct geometry_box source;
	int32_t transform;
	uint32_t encoding;
	bool full_range, straight;
	uint16_t alpha;
	bool opaque;
};

struct slot {
	void *pixels; /* XRGB8888; NULL: not made yet */
	uint32_t stride;
	struct waybuf_kms_dumb *dumb; /* whose they are on a display */
	void *memory; /* and without one */
	bool valid; /* it has what follows, and nothing else */
	uint32_t n;
	struct slot_layer layers[SCENE_MAX_LAYERS];
};

/* Compared as bytes: the padding is zero. */
void slot_describe(struct slot_layer *out, const struct scene_layer *layer);
/* The image that has what is composed in @scene. NULL: none. */
struct slot *slots_find(struct output *output, const struct scene *scene);
/* The image that is not on the screen, made if need be. NULL: @why. */
struct slot *slots_free(struct output *output, struct waybuf_kms_why *why);
/* From now on it has what is composed in @scene. */
void slot_note(struct slot *slot, const struct scene *scene);

/* Neither image is on the screen, or drawn into. */
void slots_finish(struct output *output);

#endif
