/* SPDX-License-Identifier: MIT */
#ifndef GST_COLOURS_H
#define GST_COLOURS_H

#include <stdbool.h>
#include <stdint.h>

#include <gst/video/video.h>

#include "globals.h"

struct wp_color_representation_surface_v1;

/* How the samples of a frame become RGB, in the numbers of wp_color_representation_v1. */
struct coding {
	/* 0: of RGB, which has none */
	uint32_t coefficients, range;
	/* of chroma; 0: unknown, or there is no such thing */
	uint32_t location;
};

struct coding coding_of(const GstVideoInfo *info);
bool coding_equal(const struct coding *a, const struct coding *b);

/*
 * Why the compositor would show it in wrong colours, static text; NULL: it will not, after
 * coding_tell(). Where nothing is told everybody takes YUV for BT.601 in limited range.
 */
const char *coding_refusal(const struct coding *coding, const struct globals *globals);
/*
 * Before the commit: replaces *told, what was told of the surface before (NULL: nothing). All of it is
 * unset with the object, and nothing by itself.
 */
void coding_tell(const struct coding *coding, const struct globals *globals,
	struct wl_surface *surface, struct wp_color_representation_surface_v1 **told);

#endif
