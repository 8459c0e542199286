/* SPDX-License-Identifier: MIT */
#ifndef GST_FORMATS_H
#define GST_FORMATS_H

#include <stdbool.h>
#include <stdint.h>

#include <gst/video/video.h>

struct waybuf_client;

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
/* What that of @client says that it takes; formats_all() if it does not say. */
GstCaps *formats_of(const struct waybuf_client *client);
/* False: the caps are of no use. */
bool picture_init(struct picture *picture, const GstCaps *caps);

#endif
