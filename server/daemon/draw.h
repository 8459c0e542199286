/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_DRAW_H
#define DAEMON_DRAW_H

#include <pixman.h>

#include "render.h"
#include "yuv.h"

/*
 * One layer onto a picture, with pixman, as far as it is within @box, and within the clip region of
 * the image; what is drawn of it is the same whatever these are. Pixel for pixel where the layer is
 * neither scaled nor shifted by parts of a pixel; elsewhere bilinear, with nothing from outside of
 * the layer's source but the rest of pixels that are partly in it.
 */

/* What is drawn onto. The place of layers is in the coordinates of the image. */
struct canvas {
	pixman_image_t *image;
	pixman_box32_t picture; /* all of the target, of which the image may be a part */
};

struct canvas draw_canvas(pixman_image_t *image); /* that is all of it; borrowed */

/* The pixels as they are, borrowed. NULL: no memory, or what pixman cannot address. */
pixman_image_t *draw_wrap(const struct render_image *image);

/* From RGB. False: no memory, or not a format of ours. */
bool draw_pixels(const struct canvas *canvas, const pixman_box32_t *box,
	const struct scene_layer *layer, const struct render_image *source);
/* The same from YUV of a DRM_FORMAT_*. */
bool draw_yuv(const struct canvas *canvas, const pixman_box32_t *box,
	const struct scene_layer *layer, uint32_t format, const struct yuv_plane planes[3]);

#endif
