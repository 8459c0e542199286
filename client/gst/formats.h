/* SPDX-License-Identifier: MIT */
#ifndef GST_FORMATS_H
#define GST_FORMATS_H

#include <stdbool.h>
#include <stdint.h>

#include <gst/video/video.h>

struct connection;

/* Frames as the caps describe them. */
struct picture {
	/* of a format that libgstvideo knows, whatever its modifier is */
	GstVideoInfo info;
	uint32_t format; /* DRM_FORMAT_* */
	uint64_t modifier;
	/* the caps promise dma-bufs, with a modifier */
	bool drm;
};

/* What any compositor may take. */
GstCaps *formats_all(void);
/*
 * What the compositor says that it takes; formats_all() if it does not say. Within the connection, whose
 * client is there. Tiled images only where all can be told of them: no CPU converts those.
 */
GstCaps *formats_of(const struct connection *connection);
/* False: the caps are of no use. */
bool picture_init(struct picture *picture, const GstCaps *caps);

#endif
