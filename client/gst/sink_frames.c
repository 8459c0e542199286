/* SPDX-License-Identifier: MIT */
#include "sink_priv.h"

#include <errno.h>

#include "debug.h"

/* For the first configure of the window, and for memory to copy into. */
#define PATIENCE_US (5 * G_USEC_PER_SEC)

static GstFlowReturn never(WaybufSink *sink, const char *why)
{
	if (sink_first_error(sink))
		GST_ELEMENT_ERROR(
			sink, RESOURCE, WRITE, ("The frame cannot be shown."), ("%s", why));
	return GST_FLOW_ERROR;
}

/* No memory is free: something will come back. */
static bool wait_for_memory(WaybufSink *sink, int64_t end_us)
{
	connection_enter(sink->connection);
	bool ready = !sink_is_over(sink) && g_get_monotonic_time() < end_us;
	if (ready && !g_atomic_int_get(&sink->flushing))
		connection_wait(sink->connection, end_us);
	connection_leave(sink->connection);
	return ready;
}

/*
 * Once `flushing` is seen: the base class wants the lock that the streaming thread has, to pause or to
 * end the stream. FLUSHING in the first case would end it for good. Not OK: it is to be returned.
 */
static GstFlowReturn stand_aside(WaybufSink *sink)
{
	return gst_base_sink_wait_preroll(GST_BASE_SINK(sink));
}

/* Time that passes in a pause does not count. */
static GstFlowReturn prepare(
	WaybufSink *sink, GstBuffer *buffer, enum show_status *status, const char **why)
{
	int64_t end_us = g_get_monotonic_time() + PATIENCE_US;
	for (;;) {
		*status = show_prepare(&sink->show, buffer, &sink->prepared, why);
		if (*status != SHOW_LATER)
			return GST_FLOW_OK;
		if (!g_atomic_int_get(&sink->flushing)) {
			if (!wait_for_memory(sink, end_us))
				return GST_FLOW_OK;
			continue;
		}
		/* The rest is a step, which is looked at after the frame is ready. */
		if (stand_aside(sink) == GST_FLOW_FLUSHING)
			return GST_FLOW_FLUSHING;
		end_us = g_get_monotonic_time() + PATIENCE_US;
	}
}

/* Without memory in time the frame is dropped, and the film goes on. */
GstFlowReturn sink_prepare(GstBaseSink *base, GstBuffer *buffer)
{
	WaybufSink *sink = (WaybufSink *)base;
	const char *why = NULL;
	enum show_status status;
	frame_clear(&sink->prepared);
	GstFlowReturn ret = prepare(sink, buffer, &status, &why);
	if (ret != GST_FLOW_OK)
		return ret;
	if (status == SHOW_NEVER)
		return never(sink, why);
	if (status == SHOW_LATER)
		GST_WARNING_OBJECT(sink, "a frame is dropped: no memory is free to copy it into");
	if (why && sink->prepared.buffer == sink->prepared.source)
		GST_ELEMENT_INFO(sink, STREAM, FORMAT, ("Colours may be wrong."), ("%s", why));
	else if (why)
		GST_ELEMENT_INFO(
			sink, STREAM, FORMAT, ("Frames are copied by the CPU."), ("%s", why));
	return GST_FLOW_OK;
}

static void make_window(WaybufSink *sink)
{
	GST_OBJECT_LOCK(sink);
	const struct window_options options = {
		.title = sink->title ? sink->title : g_get_application_name(),
		.app_id = sink->app_id ? sink->app_id : g_get_prgname(),
		.fullscreen = sink->fullscreen,
	};
	sink->show.window = window_create(&sink->connection->globals, &options);
	GST_OBJECT_UNLOCK(sink);
}

/* Within the connection. Whether there is a window to show something in. */
static bool wait_for_window(WaybufSink *sink)
{
	int64_t end_us = g_get_monotonic_time() + PATIENCE_US;
	if (!sink->show.window)
		make_window(sink);
	while (!sink->show.window->configured && !sink_is_over(sink) &&
		!g_atomic_int_get(&sink->flushing) && g_get_monotonic_time() < end_us)
		connection_wait(sink->connection, end_us);
	return sink->show.window->configured && !sink_is_over(sink);
}

/* Within the connection. FLUSHING: again, after the streaming thread has stood aside. */
static GstFlowReturn show(WaybufSink *sink, GstBuffer *buffer)
{
	if (sink_is_over(sink))
		return GST_FLOW_ERROR;
	/* What was shown when the film stopped is there already when it goes on. */
	if (sink->show.newest == buffer || !sink->prepared.buffer)
		return GST_FLOW_OK;
	if (wait_for_window(sink)) {
		show_queue(&sink->show, &sink->prepared);
		return GST_FLOW_OK;
	}
	if (g_atomic_int_get(&sink->flushing))
		return GST_FLOW_FLUSHING;
	if (!sink_is_over(sink))
		sink->show.error = -ETIMEDOUT;
	return GST_FLOW_ERROR;
}

GstFlowReturn sink_show_frame(GstVideoSink *base, GstBuffer *buffer)
{
	WaybufSink *sink = (WaybufSink *)base;
	if (sink->prepared.source && sink->prepared.source != buffer) {
		GstFlowReturn ret = sink_prepare(GST_BASE_SINK(base), buffer);
		if (ret != GST_FLOW_OK)
			return ret;
	}
	for (;;) {
		connection_enter(sink->connection);
		GstFlowReturn ret = show(sink, buffer);
		connection_leave(sink->connection);
		/* Before upstream tells of it, in words that say less. */
		if (ret == GST_FLOW_ERROR)
			sink_tell(sink->connection, sink);
		if (ret != GST_FLOW_FLUSHING)
			return ret;
		ret = stand_aside(sink);
		if (ret != GST_FLOW_OK)
			return ret;
	}
}

gboolean sink_unlock(GstBaseSink *base)
{
	WaybufSink *sink = (WaybufSink *)base;
	g_atomic_int_set(&sink->flushing, 1);
	connection_enter(sink->connection);
	connection_leave(sink->connection);
	return TRUE;
}

gboolean sink_unlock_stop(GstBaseSink *base)
{
	WaybufSink *sink = (WaybufSink *)base;
	g_atomic_int_set(&sink->flushing, 0);
	return TRUE;
}
