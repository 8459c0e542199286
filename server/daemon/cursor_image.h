/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CURSOR_IMAGE_H
#define DAEMON_CURSOR_IMAGE_H

#include <stdbool.h>

#include "kms/dumb.h"

/*
 * Cursors on the display's cursor plane. Nearly all of them are in wl_shm, and not of a size that such
 * planes take, so each is copied into the display's memory, by the worker, and as composition would
 * draw it. Until the copy is there, or where it cannot be, the cursor is composed. As long as it is
 * the same cursor it moves without anything being drawn.
 */

struct output;
struct scene_layer;

struct cursor_image {
	unsigned refs;
	/* ARGB8888, a square; the cursor is in the upper left corner */
	struct waybuf_kms_dumb *dumb;
	uint32_t size;
};

/*
 * The copy of @layer, borrowed until the next call; NULL: there is none yet, and the output will be
 * damaged when there is, or never.
 */
struct cursor_image *cursor_image_find(struct output *output, const struct scene_layer *layer);
struct cursor_image *cursor_image_ref(struct cursor_image *image);
/* NULL is a no-op. */
void cursor_image_unref(struct cursor_image *image);

/* Whether the worker makes one. */
bool cursor_image_busy(const struct output *output);

/* With the output: after the worker and the scenes are gone. */
void cursor_image_finish(struct output *output);

#endif
