/* SPDX-License-Identifier: MIT */
#ifndef GST_POOL_H
#define GST_POOL_H

#include <gst/video/gstvideopool.h>

struct connection;

/*
 * A GstBufferPool whose buffers the display shows where they are. What the element that uses it needs
 * (strides, padding, bytes beyond) becomes constraints when it is started. If they cannot be met its
 * buffers are of plain memory, which the sink copies, and the reason is noted.
 */
GstBufferPool *waybuf_pool_new(struct connection *connection);
/* Why its buffers are of plain memory, to be freed with g_free(); NULL: they are not. */
char *waybuf_pool_why(GstBufferPool *pool);

#endif
