/* SPDX-License-Identifier: MIT */
#ifndef GST_SINK_H
#define GST_SINK_H

#include <gst/gst.h>

GType waybuf_sink_get_type(void);

#endif
