/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SLOTS_H
#define DAEMON_SLOTS_H

#include "kms/dumb.h"
#include "picture.h"
#include "render.h"

/*
 * The two images that are composed into: one may be on the screen while the other one is drawn.
 * Each knows what is in it, and what that misses by now. As long as a scene composes just that the
 * image is shown again, whatever the planes above it do: a video on a plane costs the window below
 * nothing. Else what has changed is drawn into it, and the rest stays.
 */

struct slot {
	void *pixels; /* XRGB8888; NULL: not made yet */
	uint32_t stride;
	struct waybuf_kms_dumb *dumb; /* whose they are on a display */
	void *memory; /* and without one */
	struct render_import *import; /* what a GPU draws into; NULL: none has tried */
	bool valid; /* it has the picture, and nothing else */
	struct picture picture;
};

/* A scene was made: the images miss what is new in it. */
void slots_miss(struct output *output, const struct scene *scene);
/* The image that has what is composed in @scene. NULL: none. */
struct slot *slots_find(struct output *output, const struct scene *scene);
/* The image that is not on the screen, made if need be. NULL: @why. */
struct slot *slots_free(struct output *output, struct waybuf_kms_why *why);
/*
 * What has to be drawn into @slot for it to have what is composed in @scene, as a region of the
 * output's until the next call. NULL: all of it.
 */
const pixman_region32_t *slot_difference(
	struct output *output, const struct slot *slot, const struct scene *scene);
/*
 * Where @next looks different from @shown, likewise. NULL: it is not known; also where @shown is
 * NULL.
 */
const pixman_region32_t *slots_compare(
	struct output *output, const struct slot *shown, const struct slot *next);
/* Its pixels, to be drawn or to be read. NULL @slot: none. */
struct render_image slot_image(const struct output *output, struct slot *slot);
/* From now on it has what is composed in @scene. */
void slot_note(struct slot *slot, const struct scene *scene);

/* As the replace of struct render_job, whose data is the output, and whose target an image of it. */
int slots_replace(struct render_job *job, struct render_left *left);

/* Neither image is on the screen, or drawn into. */
void slots_finish(struct output *output);

#endif
