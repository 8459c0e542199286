/* SPDX-License-Identifier: MIT */
#include "sink.h"

#include "debug.h"
#include "pool.h"
#include "sink_priv.h"

typedef GstVideoSinkClass WaybufSinkClass;

G_DEFINE_TYPE(WaybufSink, waybuf_sink, GST_TYPE_VIDEO_SINK)

/* ---- errors -------------------------------------------------------------------------------- */

bool sink_first_error(WaybufSink *sink)
{
	return g_atomic_int_compare_and_exchange(&sink->told, 0, 1);
}

void sink_tell(struct connection *connection, void *data)
{
	WaybufSink *sink = data;
	if (!sink_first_error(sink))
		return;
	if (connection->broken)
		GST_ELEMENT_ERROR(sink, RESOURCE, NOT_FOUND, ("The Wayland server has gone."),
			("%s", connection->why));
	else if (sink->show.error)
		GST_ELEMENT_ERROR(sink, RESOURCE, WRITE, ("The display shows no frame."),
			("%s", g_strerror(-sink->show.error)));
	else
		GST_ELEMENT_ERROR(sink, RESOURCE, NOT_FOUND, ("The window was closed."), (NULL));
}

/* Within the connection, which is the show's: the sink's own pointer is the application's to clear. */
bool sink_is_over(const WaybufSink *sink)
{
	return sink->show.connection->broken || sink->show.error ||
		(sink->show.window && sink->show.window->closed);
}

/* Within the connection, after events. */
static bool handle_turn(void *data)
{
	WaybufSink *sink = data;
	show_turn(&sink->show);
	return !g_atomic_int_get(&sink->told) && sink_is_over(sink);
}

struct connection *sink_take_connection(WaybufSink *sink)
{
	GST_OBJECT_LOCK(sink);
	struct connection *connection = sink->connection ? connection_ref(sink->connection) : NULL;
	GST_OBJECT_UNLOCK(sink);
	return connection;
}

/* ---- the connection ------------------------------------------------------------------------ */

static gboolean open_connection(WaybufSink *sink)
{
	char *why = NULL;
	GST_OBJECT_LOCK(sink);
	char *display = g_strdup(sink->display);
	GST_OBJECT_UNLOCK(sink);
	sink->connection = connection_open(display, &why);
	g_free(display);
	if (!sink->connection) {
		GST_ELEMENT_ERROR(sink, RESOURCE, OPEN_WRITE,
			("No window on a Wayland server is to be had."), ("%s", why));
		g_free(why);
		return FALSE;
	}
	sink->told = 0;
	show_init(&sink->show, sink->connection);
	connection_enter(sink->connection);
	sink->show.scale = sink->scale;
	sink->connection->handle = handle_turn;
	sink->connection->tell = sink_tell;
	sink->connection->data = sink;
	connection_leave(sink->connection);
	return TRUE;
}

static void close_window(WaybufSink *sink)
{
	if (!sink->connection)
		return;
	connection_enter(sink->connection);
	if (sink->show.window) {
		GstStructure *stats = show_stats(&sink->show);
		GST_INFO_OBJECT(sink, "%" GST_PTR_FORMAT, (void *)stats);
		gst_structure_free(stats);
	}
	show_close(&sink->show);
	connection_leave(sink->connection);
	convert_finish(&sink->show.convert);
	frame_clear(&sink->prepared);
	/* The next window has a fate of its own, and a connection that broke has not. */
	if (!sink->connection->broken)
		g_atomic_int_set(&sink->told, 0);
}

static void close_connection(WaybufSink *sink)
{
	struct connection *connection = sink->connection;
	if (!connection)
		return;
	close_window(sink);
	GST_OBJECT_LOCK(sink);
	sink->connection = NULL;
	GST_OBJECT_UNLOCK(sink);
	connection_close(connection);
}

/*
 * In READY the window goes, and the connection with what it knows stays. A first frame that fails brings
 * the sink there without a change, so the window of that one goes when the next film begins.
 */
static GstStateChangeReturn handle_change_state(GstElement *element, GstStateChange change)
{
	WaybufSink *sink = (WaybufSink *)element;
	if (change == GST_STATE_CHANGE_NULL_TO_READY && !open_connection(sink))
		return GST_STATE_CHANGE_FAILURE;
	if (change == GST_STATE_CHANGE_READY_TO_PAUSED)
		close_window(sink);
	GstStateChangeReturn ret =
		GST_ELEMENT_CLASS(waybuf_sink_parent_class)->change_state(element, change);
	if (change == GST_STATE_CHANGE_PAUSED_TO_READY)
		close_window(sink);
	if (change == GST_STATE_CHANGE_READY_TO_NULL ||
		(change == GST_STATE_CHANGE_NULL_TO_READY && ret == GST_STATE_CHANGE_FAILURE))
		close_connection(sink);
	return ret;
}

/* ---- queries and events -------------------------------------------------------------------- */

static GstCaps *handle_get_caps(GstBaseSink *base, GstCaps *filter)
{
	WaybufSink *sink = (WaybufSink *)base;
	GstCaps *caps = NULL;
	struct connection *connection = sink_take_connection(sink);
	if (connection) {
		connection_enter(connection);
		if (connection->client)
			caps = formats_of(connection);
		connection_leave(connection);
		connection_unref(connection);
	}
	if (!caps)
		caps = gst_pad_get_pad_template_caps(GST_BASE_SINK_PAD(base));
	if (!filter)
		return caps;
	GstCaps *both = gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST);
	gst_caps_unref(caps);
	return both;
}

static gboolean handle_set_info(GstVideoSink *base, GstCaps *caps, const GstVideoInfo *info)
{
	WaybufSink *sink = (WaybufSink *)base;
	GST_DEBUG_OBJECT(sink, "%" GST_PTR_FORMAT, (void *)caps);
	frame_clear(&sink->prepared);
	sink->show.rgb = false;
	return picture_init(&sink->show.picture, caps);
}

static GstBufferPool *make_pool(WaybufSink *sink, GstCaps *caps, const struct picture *picture)
{
	struct connection *connection = sink_take_connection(sink);
	if (!connection)
		return NULL;
	GstBufferPool *pool = waybuf_pool_new(connection);
	connection_unref(connection);
	GstStructure *config = gst_buffer_pool_get_config(pool);
	gst_buffer_pool_config_set_params(config, caps, (guint)picture->info.size, 2, 0);
	if (gst_buffer_pool_set_config(pool, config))
		return pool;
	gst_object_unref(pool);
	return NULL;
}

/*
 * Two buffers are the display's: the one that it shows and the next. Where the caps promise dma-bufs
 * upstream has its own, because only it knows how its hardware lays them out.
 */
static gboolean handle_propose_allocation(GstBaseSink *base, GstQuery *query)
{
	WaybufSink *sink = (WaybufSink *)base;
	struct picture picture;
	GstCaps *caps = NULL;
	gboolean need_pool = FALSE;
	gst_query_parse_allocation(query, &caps, &need_pool);
	if (!caps || !picture_init(&picture, caps))
		return FALSE;
	GstBufferPool *pool = NULL;
	if (need_pool && !picture.drm)
		pool = make_pool(sink, caps, &picture);
	gst_query_add_allocation_pool(query, pool, (guint)picture.info.size, 2, 0);
	if (pool)
		gst_object_unref(pool);
	gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
	gst_query_add_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, NULL);
	return TRUE;
}

static gboolean handle_event(GstBaseSink *base, GstEvent *event)
{
	WaybufSink *sink = (WaybufSink *)base;
	struct connection *connection =
		GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP ? sink_take_connection(sink) : NULL;
	if (connection) {
		connection_enter(connection);
		show_flush(&sink->show);
		connection_leave(connection);
		connection_unref(connection);
	}
	return GST_BASE_SINK_CLASS(waybuf_sink_parent_class)->event(base, event);
}

/* ---- the type ------------------------------------------------------------------------------ */

static void handle_finalize(GObject *object)
{
	WaybufSink *sink = (WaybufSink *)object;
	g_free(sink->display);
	g_free(sink->title);
	g_free(sink->app_id);
	G_OBJECT_CLASS(waybuf_sink_parent_class)->finalize(object);
}

static void install_pad(GstElementClass *class)
{
	GstCaps *caps = formats_all();
	gst_element_class_add_pad_template(
		class, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
	gst_caps_unref(caps);
}

static void waybuf_sink_class_init(WaybufSinkClass *class)
{
	GObjectClass *object = G_OBJECT_CLASS(class);
	GstElementClass *element = GST_ELEMENT_CLASS(class);
	GstBaseSinkClass *base = GST_BASE_SINK_CLASS(class);
	object->get_property = sink_get_property;
	object->set_property = sink_set_property;
	object->finalize = handle_finalize;
	sink_install_properties(object);
	install_pad(element);
	gst_element_class_set_static_metadata(element, "waybuf video sink", "Sink/Video",
		"Shows video in buffers that upstream has written where the display reads them",
		"the waybuf developers");
	element->change_state = handle_change_state;
	base->get_caps = handle_get_caps;
	base->propose_allocation = handle_propose_allocation;
	base->prepare = sink_prepare;
	base->unlock = sink_unlock;
	base->unlock_stop = sink_unlock_stop;
	base->event = handle_event;
	class->show_frame = sink_show_frame;
	class->set_info = handle_set_info;
}

static void waybuf_sink_init(WaybufSink *sink)
{
	sink->scale = TRUE;
}
