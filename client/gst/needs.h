/* SPDX-License-Identifier: MIT */
#ifndef GST_NEEDS_H
#define GST_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include <gst/video/video.h>
#include <waybuf/buffer.h>
#include <waybuf/constraints.h>

/* What an element that writes frames wants of their memory. */
struct needs {
	/* the picture, and its planes as that element would lay them out by itself */
	GstVideoInfo info;
	uint32_t format; /* DRM_FORMAT_* */
	/* strides and offsets are the element's own: it does not look where else the planes are */
	bool exact;
	uint32_t align; /* bytes, of strides and offsets */
	uint32_t padding_rows; /* of the first plane, below the picture */
	uint32_t beyond; /* bytes after the last plane */
};

/* The DRM_FORMAT_* of frames that a surface shows as they are; 0: there is none. */
uint32_t needs_drm_format(GstVideoFormat format);
/* Of a plane of the format of @info, in an image of that height. */
uint32_t needs_rows(const GstVideoInfo *info, uint32_t plane, uint32_t height);

/*
 * Those that @config says, of which the caps are @info. NULL, or why no buffer is like that; static
 * text.
 */
const char *needs_init(struct needs *needs, const GstVideoInfo *info, GstStructure *config);
/* As constraints of a CPU that reads and writes. -ENOMEM, -EINVAL. */
int needs_constraints(const struct needs *needs, struct waybuf_constraints **out);
/* Whether that is what was got. An element that writes beyond it would write over other memory. */
bool needs_met(const struct needs *needs, const struct waybuf_layout *layout);

#endif
