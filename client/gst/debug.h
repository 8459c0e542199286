/* SPDX-License-Identifier: MIT */
#ifndef GST_WAYBUF_DEBUG_H
#define GST_WAYBUF_DEBUG_H

#include <gst/gst.h>

/* GST_DEBUG=waybufsink:5 */
GST_DEBUG_CATEGORY_EXTERN(waybuf_sink_debug);
#define GST_CAT_DEFAULT waybuf_sink_debug

#endif
