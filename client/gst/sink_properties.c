/* SPDX-License-Identifier: MIT */
#include "sink_priv.h"

enum { PROP_DISPLAY = 1, PROP_TITLE, PROP_APP_ID, PROP_FULLSCREEN, PROP_SCALE, PROP_DISPLAY_STATS };

static GstStructure *get_stats(WaybufSink *sink)
{
	struct connection *connection = sink_take_connection(sink);
	if (!connection)
		return show_stats(&sink->show);
	connection_enter(connection);
	GstStructure *stats = show_stats(&sink->show);
	connection_leave(connection);
	connection_unref(connection);
	return stats;
}

void sink_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
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
	struct connection *connection = sink_take_connection(sink);
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

void sink_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
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

#define STRING(id, name, nick, blurb, flags) \
	g_object_class_install_property(class, id, \
		g_param_spec_string(name, nick, blurb, NULL, \
			G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | (flags)))
#define BOOLEAN(id, name, nick, blurb, value) \
	g_object_class_install_property(class, id, \
		g_param_spec_boolean(name, nick, blurb, value, \
			G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING))

void sink_install_properties(GObjectClass *class)
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
