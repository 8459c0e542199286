/* SPDX-License-Identifier: MIT */
#include "debug.h"
#include "sink.h"

GST_DEBUG_CATEGORY(waybuf_sink_debug);

static gboolean plugin_init(GstPlugin *plugin)
{
	GST_DEBUG_CATEGORY_INIT(waybuf_sink_debug, "waybufsink", 0, "video on surfaces, by waybuf");
	/* Below waylandsink, as long as programs expect what that can do: autovideosink stays with it. */
	return gst_element_register(
		plugin, "waybufsink", GST_RANK_MARGINAL - 1, waybuf_sink_get_type());
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, waybuf,
	"Video into buffers that the display shows", plugin_init, VERSION, "MIT/X11", "waybuf",
	"waybuf")
