/* SPDX-License-Identifier: MIT */
#include "sink.h"

#include <errno.h>

#include <gst/video/gstvideosink.h>

#include "connection.h"
#include "debug.h"
#include "pool.h"
#include "show.h"

/*
 * waybufsink: the element. Which thread does what:
 *
 *   the streaming thread   caps, prepare (copies, ahead of time), show_frame
 *   the connection's       what the compositor says, and then the frame that waits
 *   the application's      state, properties
 *
 * They meet in the connection (connection.h), and never hold it while they wait or tell somebody.
 */

/* For the first configure of the window, and for memory to copy into. */
#define PATIENCE_US (5 * G_USEC_PER_SEC)

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

typedef GstVideoSinkClass WaybufSinkClass;

G_DEFINE_TYPE(WaybufSink, waybuf_sink, GST_TYPE_VIDEO_SINK)

enum { PROP_DISPLAY = 1, PROP_TITLE, PROP_APP_ID, PROP_FULLSCREEN, PROP_SCALE, PROP_DISPLAY_STATS };

/* ---- errors -------------------------------------------------------------------------------- */

static bool first_error(WaybufSink *sink)
{
	return g_atomic_int_compare_and_exchange(&sink->told, 0, 1);
}

/* Outside of the connection: the application hears of it at once, and may do anything. */
static void tell(struct connection *connection, void *data)
{
	WaybufSink *sink = data;
	if (!first_error(sink))
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
static bool is_over(const WaybufSink *sink)
{
	return sink->show.connection->broken || sink->show.error ||
		(sink->show.window && sink->show.window->closed);
}

/* Within the connection, after events. */
static bool handle_turn(void *data)
{
	WaybufSink *sink = data;
	show_turn(&sink->show);
	return !g_atomic_int_get(&sink->told) && is_over(sink);
}

/* A reference; NULL: there is none. */
static struct connection *take_connection(WaybufSink *sink)
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
	sink->connection->tell = tell;
	sink->connection->data = sink;
	connection_leave(sink->connection);
	return TRUE;
}

static GstStructure *make_stats(const WaybufSink *sink);

static void close_window(WaybufSink *sink)
{
	if (!sink->connection)
		return;
	connection_enter(sink->connection);
	if (sink->show.window) {
		GstStructure *stats = make_stats(sink);
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

/* ---- caps and memory ----------------------------------------------------------------------- */

static GstCaps *handle_get_caps(GstBaseSink *base, GstCaps *filter)
{
	WaybufSink *sink = (WaybufSink *)base;
	GstCaps *caps = NULL;
	struct connection *connection = take_connection(sink);
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
	struct connection *connection = take_connection(sink);
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

/* ---- frames -------------------------------------------------------------------------------- */

static GstFlowReturn never(WaybufSink *sink, const char *why)
{
	if (first_error(sink))
		GST_ELEMENT_ERROR(
			sink, RESOURCE, WRITE, ("The frame cannot be shown."), ("%s", why));
	return GST_FLOW_ERROR;
}

/* No memory is free: something will come back. */
static bool wait_for_memory(WaybufSink *sink, int64_t end_us)
{
	connection_enter(sink->connection);
	bool ready = !is_over(sink) && g_get_monotonic_time() < end_us;
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
static GstFlowReturn handle_prepare(GstBaseSink *base, GstBuffer *buffer)
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
	while (!sink->show.window->configured && !is_over(sink) &&
		!g_atomic_int_get(&sink->flushing) && g_get_monotonic_time() < end_us)
		connection_wait(sink->connection, end_us);
	return sink->show.window->configured && !is_over(sink);
}

/* Within the connection. FLUSHING: again, after the streaming thread has stood aside. */
static GstFlowReturn show(WaybufSink *sink, GstBuffer *buffer)
{
	if (is_over(sink))
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
	if (!is_over(sink))
		sink->show.error = -ETIMEDOUT;
	return GST_FLOW_ERROR;
}

static GstFlowReturn handle_show_frame(GstVideoSink *base, GstBuffer *buffer)
{
	WaybufSink *sink = (WaybufSink *)base;
	if (sink->prepared.source && sink->prepared.source != buffer) {
		GstFlowReturn ret = handle_prepare(GST_BASE_SINK(base), buffer);
		if (ret != GST_FLOW_OK)
			return ret;
	}
	for (;;) {
		connection_enter(sink->connection);
		GstFlowReturn ret = show(sink, buffer);
		connection_leave(sink->connection);
		/* Before upstream tells of it, in words that say less. */
		if (ret == GST_FLOW_ERROR)
			tell(sink->connection, sink);
		if (ret != GST_FLOW_FLUSHING)
			return ret;
		ret = stand_aside(sink);
		if (ret != GST_FLOW_OK)
			return ret;
	}
}

static gboolean handle_unlock(GstBaseSink *base)
{
	WaybufSink *sink = (WaybufSink *)base;
	g_atomic_int_set(&sink->flushing, 1);
	connection_enter(sink->connection);
	connection_leave(sink->connection);
	return TRUE;
}

static gboolean handle_unlock_stop(GstBaseSink *base)
{
	WaybufSink *sink = (WaybufSink *)base;
	g_atomic_int_set(&sink->flushing, 0);
	return TRUE;
}

static gboolean handle_event(GstBaseSink *base, GstEvent *event)
{
	WaybufSink *sink = (WaybufSink *)base;
	struct connection *connection =
		GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP ? take_connection(sink) : NULL;
	if (connection) {
		connection_enter(connection);
		show_flush(&sink->show);
		connection_leave(connection);
		connection_unref(connection);
	}
	return GST_BASE_SINK_CLASS(waybuf_sink_parent_class)->event(base, event);
}

/* ---- properties ---------------------------------------------------------------------------- */

/* Within the connection. */
static GstStructure *make_stats(const WaybufSink *sink)
{
	const struct show_counts *counts = &sink->show.counts;
	const struct window *window = sink->show.window;
	return gst_structure_new("waybuf-display-stats", "direct", G_TYPE_UINT64, counts->direct,
		"imported", G_TYPE_UINT64, counts->imported, "copied", G_TYPE_UINT64,
		counts->copied, "copied-bytes", G_TYPE_UINT64, counts->copied_bytes, "replaced",
		G_TYPE_UINT64, counts->replaced, "failed", G_TYPE_UINT64, counts->failed,
		"presented", G_TYPE_UINT64, window ? window->presented : 0, "zero-copy",
		G_TYPE_UINT64, window ? window->zero_copy : 0, "discarded", G_TYPE_UINT64,
		window ? window->discarded : 0, NULL);
}

static GstStructure *get_stats(WaybufSink *sink)
{
	struct connection *connection = take_connection(sink);
	if (!connection)
		return make_stats(sink);
	connection_enter(connection);
	GstStructure *stats = make_stats(sink);
	connection_leave(connection);
	connection_unref(connection);
	return stats;
}

static void handle_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
	WaybufSink *sink = (WaybufSink *)object;
	if (id == PROP_DISPLAY_STATS) {
		g_value_take_boxed(value, get_stats(sink));
		return;
	}
	GST_OBJECT_LOCK(sink);
	if (id == PROP_DISPLAY)
		g_value_set_string(value, sink->display);
	else if (id == PROP_TITLE)
		g_value_set_string(value, sink->title);
	else if (id == PROP_APP_ID)
		g_value_set_string(value, sink->app_id);
	else if (id == PROP_FULLSCREEN)
		g_value_set_boolean(value, sink->fullscreen);
	else if (id == PROP_SCALE)
		g_value_set_boolean(value, sink->scale);
	GST_OBJECT_UNLOCK(sink);
}

static void set_string(char **string, const GValue *value)
{
	g_free(*string);
	*string = g_value_dup_string(value);
}

/* What a window that is there can still be told. */
static void follow_properties(WaybufSink *sink, guint id)
{
	struct connection *connection = take_connection(sink);
	if (!connection)
		return;
	connection_enter(connection);
	struct window *window = connection->client ? sink->show.window : NULL;
	GST_OBJECT_LOCK(sink);
	sink->show.scale = sink->scale;
	if (window && id == PROP_FULLSCREEN)
		window_set_fullscreen(window, sink->fullscreen);
	else if (window && id == PROP_TITLE)
		window_set_title(window, sink->title);
	GST_OBJECT_UNLOCK(sink);
	connection_leave(connection);
	connection_unref(connection);
}

static void handle_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
	WaybufSink *sink = (WaybufSink *)object;
	GST_OBJECT_LOCK(sink);
	if (id == PROP_DISPLAY)
		set_string(&sink->display, value);
	else if (id == PROP_TITLE)
		set_string(&sink->title, value);
	else if (id == PROP_APP_ID)
		set_string(&sink->app_id, value);
	else if (id == PROP_FULLSCREEN)
		sink->fullscreen = g_value_get_boolean(value);
	else if (id == PROP_SCALE)
		sink->scale = g_value_get_boolean(value);
	GST_OBJECT_UNLOCK(sink);
	follow_properties(sink, id);
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

#define STRING(id, name, nick, blurb, flags) \
	g_object_class_install_property(class, id, \
		g_param_spec_string(name, nick, blurb, NULL, \
			G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | (flags)))
#define BOOLEAN(id, name, nick, blurb, value) \
	g_object_class_install_property(class, id, \
		g_param_spec_boolean(name, nick, blurb, value, \
			G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING))

static void install_properties(GObjectClass *class)
{
	STRING(PROP_DISPLAY, "display", "Wayland display",
		"Name of the Wayland socket, or an absolute path; none: WAYLAND_DISPLAY",
		GST_PARAM_MUTABLE_READY);
	STRING(PROP_TITLE, "title", "Title", "Of the window; none: the application's name",
		GST_PARAM_MUTABLE_PLAYING);
	STRING(PROP_APP_ID, "app-id", "Application id",
		"By which compositors know the window; none: the program's name",
		GST_PARAM_MUTABLE_READY);
	BOOLEAN(PROP_FULLSCREEN, "fullscreen", "Fullscreen", "The window fills the output", FALSE);
	BOOLEAN(PROP_SCALE, "scale", "Scale",
		"Frames are as large as the window allows; otherwise shown pixel by pixel, if they fit",
		TRUE);
	g_object_class_install_property(class, PROP_DISPLAY_STATS,
		g_param_spec_boxed("display-stats", "Display statistics",
			"How frames were shown, and how many bytes were copied for that",
			GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
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
	object->get_property = handle_get_property;
	object->set_property = handle_set_property;
	object->finalize = handle_finalize;
	install_properties(object);
	install_pad(element);
	gst_element_class_set_static_metadata(element, "waybuf video sink", "Sink/Video",
		"Shows video in buffers that upstream has written where the display reads them",
		"the waybuf developers");
	element->change_state = handle_change_state;
	base->get_caps = handle_get_caps;
	base->propose_allocation = handle_propose_allocation;
	base->prepare = handle_prepare;
	base->unlock = handle_unlock;
	base->unlock_stop = handle_unlock_stop;
	base->event = handle_event;
	class->show_frame = handle_show_frame;
	class->set_info = handle_set_info;
}

static void waybuf_sink_init(WaybufSink *sink)
{
	sink->scale = TRUE;
}
