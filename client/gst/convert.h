/* SPDX-License-Identifier: MIT */
#ifndef GST_CONVERT_H
#define GST_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include <gst/video/video.h>

struct connection;

/*
 * The last resort: frames that cannot be shown where they are, written again into buffers that can,
 * by the CPU. As they are if the display takes them like that, otherwise as RGB.
 */
struct convert {
	/* NULL: nothing was converted so far */
	GstBufferPool *pool;
	GstVideoConverter *converter;
	GstVideoInfo from, to;
	GstVideoRectangle part;
	bool rgb;
};

/* What of it is to be seen, and in which size and format. */
struct convert_wish {
	GstVideoRectangle part;
	gint width, height;
	bool rgb;
};

/*
 * A buffer with @wish's part of @frame, which has @from's format. NULL and why in *why, static text; if
 * that is NULL, too, none is free.
 */
GstBuffer *convert_frame(struct convert *convert, struct connection *connection, GstBuffer *frame,
	const GstVideoInfo *from, const struct convert_wish *wish, const char **why);
/* Forgets everything. All zero is a no-op. */
void convert_finish(struct convert *convert);

#endif
