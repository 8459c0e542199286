/* SPDX-License-Identifier: MIT */
#include "gst_kit.h"

#include <gst/app/gstappsink.h>
#include <gst/video/video.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#define PATIENCE (15 * GST_SECOND)

static void load(const char *folder, const char *name)
{
	GError *error = NULL;
	char *path = g_build_filename(folder, name, NULL);
	GstPlugin *plugin = gst_plugin_load_file(path, &error);
	ck_assert_msg(plugin, "%s: %s", path, error ? error->message : "?");
	gst_object_unref(plugin);
	g_free(path);
}

void gst_kit_begin(struct gst_kit *kit, const char *const options[], const char *const plugins[])
{
	*kit = (struct gst_kit){0};
	daemon_start(&kit->daemon, options);
	client_connect(&kit->client, &kit->daemon);
	setenv("XDG_RUNTIME_DIR", kit->daemon.folder, 1);
	setenv("WAYLAND_DISPLAY", "test", 1);
	setenv("GST_REGISTRY_DISABLE", "yes", 1);
	/* Of a lock that was never taken, and the like: nothing else tells. */
	g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
	gst_init(NULL, NULL);
	load(GST_PLUGIN_FOLDER, "libgstcoreelements.so");
	load(GST_PLUGIN_FOLDER, "libgstapp.so");
	for (size_t i = 0; plugins && plugins[i]; i++)
		load(GST_PLUGIN_FOLDER, plugins[i]);
	load(GST_KIT_PLUGIN_FOLDER, "libgstwaybuf.so");
}

void gst_kit_drop(struct gst_kit *kit)
{
	if (!kit->pipeline)
		return;
	gst_element_set_state(kit->pipeline, GST_STATE_NULL);
	gst_object_unref(kit->sink);
	gst_object_unref(kit->pipeline);
	kit->pipeline = kit->sink = NULL;
}

void gst_kit_end(struct gst_kit *kit)
{
	gst_kit_drop(kit);
	gst_deinit();
	client_disconnect(&kit->client);
	if (kit->daemon.pid > 0)
		ck_assert_int_eq(daemon_stop(&kit->daemon, SIGTERM), 0);
}

void gst_kit_kill_server(struct gst_kit *kit)
{
	static const char *const left[] = {"test", "test.lock"};
	for (size_t i = 0; i < G_N_ELEMENTS(left); i++) {
		char *path = g_build_filename(kit->daemon.folder, left[i], NULL);
		unlink(path);
		g_free(path);
	}
	daemon_stop(&kit->daemon, SIGKILL);
	kit->daemon.pid = 0;
}

void gst_kit_launch(struct gst_kit *kit, const char *format, ...)
{
	va_list arguments;
	GError *error = NULL;
	gst_kit_drop(kit);
	va_start(arguments, format);
	char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	kit->pipeline = gst_parse_launch(text, &error);
	ck_assert_msg(kit->pipeline && !error, "%s: %s", text, error ? error->message : "?");
	g_free(text);
	kit->sink = gst_bin_get_by_name(GST_BIN(kit->pipeline), "sink");
	ck_assert_ptr_nonnull(kit->sink);
}

GstMessage *gst_kit_expect(struct gst_kit *kit, GstMessageType types)
{
	GstBus *bus = gst_element_get_bus(kit->pipeline);
	GstMessage *message = gst_bus_timed_pop_filtered(bus, PATIENCE, types | GST_MESSAGE_ERROR);
	gst_object_unref(bus);
	ck_assert_msg(message, "nothing was heard of the pipeline");
	if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && !(types & GST_MESSAGE_ERROR)) {
		GError *error = NULL;
		char *detail = NULL;
		gst_message_parse_error(message, &error, &detail);
		ck_abort_msg("%s: %s", error->message, detail);
	}
	return message;
}

void gst_kit_go(struct gst_kit *kit, GstState state)
{
	ck_assert_int_ne(gst_element_set_state(kit->pipeline, state), GST_STATE_CHANGE_FAILURE);
	GstStateChangeReturn ret = gst_element_get_state(kit->pipeline, NULL, NULL, PATIENCE);
	if (ret != GST_STATE_CHANGE_SUCCESS && ret != GST_STATE_CHANGE_NO_PREROLL)
		gst_message_unref(gst_kit_expect(kit, GST_MESSAGE_EOS));
	ck_assert(ret == GST_STATE_CHANGE_SUCCESS || ret == GST_STATE_CHANGE_NO_PREROLL);
}

void gst_kit_play(struct gst_kit *kit)
{
	gst_kit_go(kit, GST_STATE_PLAYING);
	gst_message_unref(gst_kit_expect(kit, GST_MESSAGE_EOS));
	for (int i = 0; i < 500; i++) {
		uint64_t shown = gst_kit_count(kit, "direct") + gst_kit_count(kit, "copied") +
			gst_kit_count(kit, "imported");
		if (shown > 0 &&
			gst_kit_count(kit, "presented") + gst_kit_count(kit, "discarded") == shown)
			return;
		g_usleep(10000);
	}
	ck_abort_msg("what became of the frames was not heard");
}

void gst_kit_expect_error(struct gst_kit *kit, const char *text, const char *detail)
{
	GError *error = NULL;
	char *debug = NULL;
	GstMessage *message = gst_kit_expect(kit, GST_MESSAGE_ERROR);
	/* The source may be the first to tell that its frames are not taken any more. */
	while (GST_MESSAGE_SRC(message) != GST_OBJECT(kit->sink)) {
		gst_message_unref(message);
		message = gst_kit_expect(kit, GST_MESSAGE_ERROR);
	}
	gst_message_parse_error(message, &error, &debug);
	ck_assert_msg(strstr(error->message, text), "\"%s\" without \"%s\"", error->message, text);
	ck_assert_msg(strstr(debug, detail), "\"%s\" without \"%s\"", debug, detail);
	g_error_free(error);
	g_free(debug);
	gst_message_unref(message);
}

uint64_t gst_kit_count(const struct gst_kit *kit, const char *name)
{
	GstStructure *stats = NULL;
	guint64 value = 0;
	g_object_get(kit->sink, "display-stats", &stats, NULL);
	ck_assert_msg(gst_structure_get_uint64(stats, name, &value), "no %s", name);
	gst_structure_free(stats);
	return value;
}

void gst_kit_wait_count(const struct gst_kit *kit, const char *name, uint64_t count)
{
	for (int i = 0; i < 1500 && gst_kit_count(kit, name) < count; i++)
		g_usleep(10000);
	ck_assert_uint_ge(gst_kit_count(kit, name), count);
}

GstSample *gst_kit_reference(const char *description)
{
	GError *error = NULL;
	char *text = g_strdup_printf("%s ! appsink name=sink sync=false", description);
	GstElement *pipeline = gst_parse_launch(text, &error);
	ck_assert_msg(pipeline && !error, "%s: %s", text, error ? error->message : "?");
	g_free(text);
	GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
	gst_element_set_state(pipeline, GST_STATE_PLAYING);
	GstSample *sample = gst_app_sink_try_pull_sample(GST_APP_SINK(sink), PATIENCE);
	ck_assert_ptr_nonnull(sample);
	gst_element_set_state(pipeline, GST_STATE_NULL);
	gst_object_unref(sink);
	gst_object_unref(pipeline);
	return sample;
}

static bool is_near(uint32_t a, uint32_t b, int tolerance)
{
	for (int shift = 0; shift < 24; shift += 8)
		if (abs((int)(a >> shift & 0xff) - (int)(b >> shift & 0xff)) > tolerance)
			return false;
	return true;
}

static uint32_t pixel_of(const GstVideoFrame *frame, uint32_t x, uint32_t y)
{
	uint32_t pixel;
	const char *row = (const char *)GST_VIDEO_FRAME_PLANE_DATA(frame, 0) +
		(size_t)y * (size_t)GST_VIDEO_FRAME_PLANE_STRIDE(frame, 0);
	memcpy(&pixel, row + x * sizeof(pixel), sizeof(pixel));
	return pixel;
}

void gst_kit_check_screen(
	struct gst_kit *kit, GstSample *reference, uint32_t left, uint32_t top, int tolerance)
{
	struct picture screen;
	GstVideoInfo info;
	GstVideoFrame frame;
	ck_assert(gst_video_info_from_caps(&info, gst_sample_get_caps(reference)));
	ck_assert(
		gst_video_frame_map(&frame, &info, gst_sample_get_buffer(reference), GST_MAP_READ));
	capture_output(&kit->client, &screen);
	for (uint32_t y = 0; y < screen.height; y++)
		for (uint32_t x = 0; x < screen.width; x++) {
			bool inside =
				x - left < (uint32_t)info.width && y - top < (uint32_t)info.height;
			uint32_t wanted = inside ? pixel_of(&frame, x - left, y - top) : 0;
			uint32_t pixel = picture_pixel(&screen, x, y);
			if (!is_near(pixel, wanted, tolerance))
				ck_abort_msg("%06x at %u, %u; wanted is %06x", pixel & 0xffffff, x,
					y, wanted & 0xffffff);
		}
	picture_finish(&screen);
	gst_video_frame_unmap(&frame);
}
