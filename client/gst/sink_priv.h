/* SPDX-License-Identifier: MIT */
#ifndef GST_SINK_PRIV_H
#define GST_SINK_PRIV_H

#include <gst/video/gstvideosink.h>

#include "connection.h"
#include "show.h"

/*
 * waybufsink: the element, in the files sink*.c. Which thread does what:
 *
 *   the streaming thread   caps, prepare (copies, ahead of time), show_frame
 *   the connection's       what the compositor says, and then the frame that waits
 *   the application's      state, properties
 *
 * They meet in the connection (connection.h), and never hold it while they wait or tell somebody.
 */

typedef struct {
	GstVideoSink parent;
	/* properties, under the object lock */
	char *display, *title, *app_id;
	gboolean fullscreen, scale;
	/* from READY on */
	struct connection *connection;
	struct show show;
	/* prepared by the streaming thread, for show_frame */
	struct frame prepared;
	/* nobody waits any more */
	gint flushing;
	/* an error was posted, and one is enough */
	gint told;
} WaybufSink;

/* ---- sink.c -------------------------------------------------------------------------------- */

/* Whether the caller is to post an error: one is enough. */
bool sink_first_error(WaybufSink *sink);
/*
 * Posts why nothing is shown any more. Outside of the connection: the application hears of it at once,
 * and may do anything.
 */
void sink_tell(struct connection *connection, void *data);
/* Whether nothing is shown any more. Within the connection. */
bool sink_is_over(const WaybufSink *sink);
/* A reference, from any thread; NULL: there is none. */
struct connection *sink_take_connection(WaybufSink *sink);

/* ---- sink_frames.c: from upstream to the window -------------------------------------------- */

/* Of the streaming thread. */
GstFlowReturn sink_prepare(GstBaseSink *base, GstBuffer *buffer);
GstFlowReturn sink_show_frame(GstVideoSink *base, GstBuffer *buffer);
/* Of others: nobody waits in those any more, and they may again. */
gboolean sink_unlock(GstBaseSink *base);
gboolean sink_unlock_stop(GstBaseSink *base);

/* ---- sink_properties.c --------------------------------------------------------------------- */

void sink_install_properties(GObjectClass *class);
void sink_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec);
void sink_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec);

#endif
