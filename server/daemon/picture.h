/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_PICTURE_H
#define DAEMON_PICTURE_H

#include "scene.h"

/*
 * What is in an image, without the pixels: which surfaces, where and how, and what each of them has
 * changed since. So an image that was on the screen some frames ago knows what it misses now, and no
 * more than that is drawn (slots.h), and a capture tells what is new in it (capture.h).
 *
 * Two pictures differ where a layer came, went, moved or is shown in another way, in its old and its
 * new place; where two layers that overlap have changed places; and where a layer stayed as it was,
 * but its client has said that the pixels are others, and no opaque layer is above them.
 */

/* How a layer is shown. */
struct picture_layer {
	uint64_t id; /* of its surface */
	int32_t x, y;
	uint32_t width, height;
	struct geometry_box source;
	int32_t transform;
	uint32_t encoding;
	bool full_range, straight;
	uint16_t alpha;
	bool opaque;
};

struct picture {
	uint32_t n;
	struct picture_layer layers[SCENE_MAX_LAYERS]; /* the topmost first */
	struct damage missed[SCENE_MAX_LAYERS]; /* relative to the layer */
};

/* How @layer is shown. Compared as bytes: the padding is zero. */
void picture_describe_layer(struct picture_layer *out, const struct scene_layer *layer);

/* That of @scene as it is now: all of it, or only what is composed. It misses nothing. */
void picture_describe(struct picture *picture, const struct scene *scene, bool only_composed);

/* @scene was made: @picture misses what is new in its layers, whatever becomes of the scene. */
void picture_miss(struct picture *picture, const struct scene *scene);

/* Whether @picture misses nothing of @now. */
bool picture_is(const struct picture *picture, const struct picture *now);

/*
 * Replaces @out, an initialised region, by what of @width x @height has to be drawn for @picture to
 * become @now. False: no memory.
 */
bool picture_difference(const struct picture *picture, const struct picture *now, uint32_t width,
	uint32_t height, pixman_region32_t *out);

#endif
