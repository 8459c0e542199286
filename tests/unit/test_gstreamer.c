/* SPDX-License-Identifier: MIT */
#include <gst/allocators/gstfdmemory.h>
#include <gst/video/video.h>
#include <signal.h>
#include <unistd.h>

#include "gst_kit.h"

/* waybufsink on a waybufd without a display: what is shown, whether it was copied, and what goes wrong. */
static struct gst_kit kit;

static const char *const options[] = {"--headless=160x100@100", NULL};
static const char *const plugins[] = {
	"libgstvideotestsrc.so", "libgstvideocrop.so", "libgstvideoconvertscale.so", NULL};
static const char *const film_plugins[] = {"libgstvideotestsrc.so", "libgstvideoconvertscale.so",
	"libgstlibav.so", "libgstavi.so", "libgstplayback.so", "libgsttypefindfunctions.so", NULL};

static void begin(void)
{
	gst_kit_begin(&kit, options, plugins);
}

/* Rings that show shifts, swaps and wrong strides, and stand still. */
#define RINGS "videotestsrc pattern=zone-plate kx2=20 ky2=12 num-buffers="
#define SOURCE RINGS "%d"
#define BLUE "videotestsrc pattern=solid-color foreground-color=0xff3c78b4 num-buffers="
#define BGRX(width, height) \
	"video/x-raw,format=BGRx,framerate=50/1,width=" #width ",height=" #height

static void check_picture(const char *description, uint32_t left, uint32_t top, int tolerance)
{
	GstSample *reference = gst_kit_reference(description);
	gst_kit_check_screen(&kit, reference, left, top, tolerance);
	gst_sample_unref(reference);
}

static void expect_no_copy(void)
{
	ck_assert_uint_gt(gst_kit_count(&kit, "direct"), 0);
	ck_assert_uint_eq(gst_kit_count(&kit, "copied"), 0);
	ck_assert_uint_eq(gst_kit_count(&kit, "copied-bytes"), 0);
	ck_assert_uint_eq(gst_kit_count(&kit, "failed"), 0);
}

/* Upstream writes where the display reads. */
TEST(nothing_is_copied)
{
	begin();
	gst_kit_launch(&kit, SOURCE " ! " BGRX(160, 100) " ! waybufsink name=sink", 10);
	gst_kit_play(&kit);
	expect_no_copy();
	check_picture(RINGS "1 ! " BGRX(160, 100), 0, 0, 0);
	gst_kit_end(&kit);
}

/* Rows of other lengths than the element's own. */
TEST(odd_sizes)
{
	begin();
	gst_kit_launch(&kit, SOURCE " ! " BGRX(97, 61) " ! waybufsink name=sink scale=false", 3);
	gst_kit_play(&kit);
	expect_no_copy();
	check_picture(RINGS "1 ! " BGRX(97, 61), 31, 19, 0);
	gst_kit_end(&kit);
}

/* Planes, pairs of chroma, and more than 8 bits, each in the colours that it has. */
TEST(formats)
{
	static const struct {
		const char *format, *colorimetry;
		int tolerance;
	} cases[] = {
		{"I420", "bt601", 5},
		{"NV12", "bt601", 5},
		{"NV12", "bt709", 5},
		{"NV16", "bt601", 5},
		{"Y42B", "bt709", 5},
		{"Y444", "1:4:0:0", 5},
		{"P010_10LE", "bt2020", 5},
		{"I420_10LE", "bt709", 5},
		{"RGB16", "sRGB", 12},
		{"xBGR", "sRGB", 5},
	};
	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		gst_kit_launch(&kit,
			BLUE "2 ! video/x-raw,format=BGRx ! videoconvert ! "
			     "video/x-raw,format=%s,colorimetry=%s,framerate=50/1,width=160,"
			     "height=100 ! waybufsink name=sink",
			cases[i].format, cases[i].colorimetry);
		gst_kit_play(&kit);
		ck_assert_msg(gst_kit_count(&kit, "copied") == 0, "%s", cases[i].format);
		check_picture(BLUE "1 ! " BGRX(160, 100), 0, 0, cases[i].tolerance);
	}
	gst_kit_end(&kit);
}

/* Decoders refer to what is on the screen, and have it mapped for writing. */
TEST(a_film_of_libav)
{
	char path[128];
	gst_kit_begin(&kit, options, film_plugins);
	snprintf(path, sizeof(path), "%s/film.avi", kit.daemon.folder);
	gst_kit_launch(&kit,
		BLUE "30 ! video/x-raw,format=I420,width=160,height=100,framerate=50/1 ! "
		     "avenc_mpeg4 ! avimux ! filesink name=sink location=%s",
		path);
	gst_kit_go(&kit, GST_STATE_PLAYING);
	gst_message_unref(gst_kit_expect(&kit, GST_MESSAGE_EOS));
	gst_kit_launch(&kit, "filesrc location=%s ! decodebin ! waybufsink name=sink", path);
	gst_kit_play(&kit);
	expect_no_copy();
	check_picture(BLUE "1 ! " BGRX(160, 100), 0, 0, 6);
	unlink(path);
	gst_kit_end(&kit);
}

static void take_info(const char *text)
{
	GError *error = NULL;
	char *detail = NULL;
	GstMessage *message = gst_kit_expect(&kit, GST_MESSAGE_INFO);
	gst_message_parse_info(message, &error, &detail);
	ck_assert_msg(strstr(detail, text), "\"%s\" without \"%s\"", detail, text);
	g_error_free(error);
	g_free(detail);
	gst_message_unref(message);
}

/* Somebody in between keeps our memory from upstream: it is told once, and counted. */
TEST(memory_of_others_is_copied)
{
	begin();
	gst_kit_launch(&kit,
		SOURCE
		" ! " BGRX(160, 100) " ! identity drop-allocation=true ! waybufsink name=sink",
		5);
	gst_kit_play(&kit);
	ck_assert_uint_gt(gst_kit_count(&kit, "copied"), 0);
	ck_assert_uint_eq(gst_kit_count(&kit, "direct"), 0);
	ck_assert_uint_eq(gst_kit_count(&kit, "copied-bytes") % (160 * 100 * 4), 0);
	check_picture(RINGS "1 ! " BGRX(160, 100), 0, 0, 0);
	gst_kit_drop(&kit);
	gst_kit_launch(&kit,
		SOURCE
		" ! " BGRX(160, 100) " ! identity drop-allocation=true ! waybufsink name=sink",
		5);
	gst_kit_go(&kit, GST_STATE_PLAYING);
	take_info("memory of another element");
	GstMessage *end = gst_kit_expect(&kit, GST_MESSAGE_EOS | GST_MESSAGE_INFO);
	ck_assert_int_eq(GST_MESSAGE_TYPE(end), GST_MESSAGE_EOS);
	gst_message_unref(end);
	gst_kit_end(&kit);
}

/* What no display has is shown as RGB. */
TEST(formats_of_no_display)
{
	begin();
	gst_kit_launch(&kit,
		BLUE
		"2 ! "
		"video/x-raw,format=YUV9,width=160,height=100,framerate=50/1 ! waybufsink name=sink");
	gst_kit_play(&kit);
	ck_assert_uint_gt(gst_kit_count(&kit, "copied"), 0);
	check_picture(BLUE "1 ! " BGRX(160, 100), 0, 0, 8);
	gst_kit_end(&kit);
}

/* In caps as large as what is seen of it, as decoders have them. */
static GstPadProbeReturn narrow(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
	GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
	GstCaps *caps = NULL;
	if (GST_EVENT_TYPE(event) != GST_EVENT_CAPS)
		return GST_PAD_PROBE_OK;
	gst_event_parse_caps(event, &caps);
	caps = gst_caps_copy(caps);
	gst_caps_set_simple(caps, "width", G_TYPE_INT, 100, "height", G_TYPE_INT, 60, NULL);
	GST_PAD_PROBE_INFO_DATA(info) = gst_event_new_caps(caps);
	gst_caps_unref(caps);
	gst_event_unref(event);
	return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn crop(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
	GstBuffer *buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
	GstVideoCropMeta *meta = gst_buffer_add_video_crop_meta(buffer);
	meta->x = 20;
	meta->y = 10;
	meta->width = 100;
	meta->height = 60;
	GST_PAD_PROBE_INFO_DATA(info) = buffer;
	return GST_PAD_PROBE_OK;
}

/* By the viewport, and so without a copy. */
TEST(cropped_where_it_is)
{
	begin();
	gst_kit_launch(&kit, SOURCE " ! " BGRX(160, 100) " ! waybufsink name=sink scale=false", 3);
	GstPad *pad = gst_element_get_static_pad(kit.sink, "sink");
	gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, crop, NULL, NULL);
	gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, narrow, NULL, NULL);
	gst_object_unref(pad);
	gst_kit_play(&kit);
	expect_no_copy();
	check_picture(RINGS "1 ! " BGRX(160, 100) " ! videocrop left=20 top=10 right=40 bottom=30",
		30, 20, 0);
	gst_kit_end(&kit);
}

/* The sink says that it takes them, and they are changed on their way. */
static GstPadProbeReturn tile(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
	static const char text[] = "video/x-raw(memory:DMABuf),format=DMA_DRM,framerate=50/1,"
				   "drm-format=XR24:0x0100000000000001,width=160,height=100";
	if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM) {
		GstQuery *query = GST_PAD_PROBE_INFO_QUERY(info);
		if (GST_QUERY_TYPE(query) != GST_QUERY_ACCEPT_CAPS)
			return GST_PAD_PROBE_OK;
		gst_query_set_accept_caps_result(query, TRUE);
		return GST_PAD_PROBE_HANDLED;
	}
	GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
	if (GST_EVENT_TYPE(event) != GST_EVENT_CAPS)
		return GST_PAD_PROBE_OK;
	GstCaps *caps = gst_caps_from_string(text);
	GST_PAD_PROBE_INFO_DATA(info) = gst_event_new_caps(caps);
	gst_caps_unref(caps);
	gst_event_unref(event);
	return GST_PAD_PROBE_OK;
}

static void launch_tiles(void)
{
	begin();
	gst_kit_launch(&kit,
		SOURCE
		" ! " BGRX(160, 100) " ! identity drop-allocation=true ! waybufsink name=sink",
		3);
	GstPad *pad = gst_element_get_static_pad(kit.sink, "sink");
	gst_pad_add_probe(pad,
		GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM |
			GST_PAD_PROBE_TYPE_PUSH,
		tile, NULL, NULL);
	gst_object_unref(pad);
}

/* The source tells of it when the sink is back in READY. */
static void fail_to_preroll(void)
{
	gst_element_set_state(kit.pipeline, GST_STATE_PLAYING);
	gst_kit_expect_error(&kit, "cannot be shown", "memory of another element");
	GstMessage *message = gst_kit_expect(&kit, GST_MESSAGE_ERROR);
	ck_assert_ptr_ne(GST_MESSAGE_SRC(message), kit.sink);
	gst_message_unref(message);
}

/* GstBaseSink lets go of its caps on the way from PAUSED only, so it is led there again. */
static void end_after_preroll_failed(void)
{
	ck_assert_int_ne(
		gst_element_set_state(kit.sink, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
	gst_kit_end(&kit);
}

/* Nothing linear is made of what is not: the film ends with the reason. */
TEST(tiles_are_not_copied)
{
	launch_tiles();
	fail_to_preroll();
	ck_assert_uint_eq(gst_kit_count(&kit, "copied"), 0);
	end_after_preroll_failed();
}

/* And the next film, too. */
TEST(each_film_has_its_error)
{
	launch_tiles();
	fail_to_preroll();
	gst_kit_go(&kit, GST_STATE_READY);
	fail_to_preroll();
	end_after_preroll_failed();
}

/* An element that crops by the meta alone: the memory stays as large as it was. */
TEST(cropped)
{
	static const struct {
		const char *edges;
		uint32_t left, top;
	} cases[] = {
		{"left=20 top=10 right=40 bottom=30", 30, 20},
		{"right=60 bottom=40", 30, 20},
		{"left=60 top=40", 30, 20},
		{"left=159", 79, 0},
	};
	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *reference = g_strdup_printf(
			RINGS "1 ! " BGRX(160, 100) " ! videocrop %s", cases[i].edges);
		gst_kit_launch(&kit,
			SOURCE " ! " BGRX(160, 100) " ! videocrop %s ! waybufsink name=sink "
						    "scale=false",
			3, cases[i].edges);
		gst_kit_play(&kit);
		check_picture(reference, cases[i].left, cases[i].top, 0);
		g_free(reference);
	}
	gst_kit_end(&kit);
}

TEST(pixels_that_are_not_square)
{
	begin();
	gst_kit_launch(&kit,
		BLUE
		"2 ! "
		"video/x-raw,format=BGRx,width=50,height=40,framerate=50/1,pixel-aspect-ratio=2/1 ! "
		"waybufsink name=sink scale=false");
	gst_kit_play(&kit);
	expect_no_copy();
	check_picture(BLUE "1 ! " BGRX(100, 40), 30, 30, 0);
	gst_kit_end(&kit);
}

/* As large as the window, in its own shape: 80 x 40 in 160 x 100. */
TEST(as_large_as_the_window)
{
	begin();
	gst_kit_launch(&kit, BLUE "2 ! " BGRX(80, 40) " ! waybufsink name=sink");
	gst_kit_play(&kit);
	expect_no_copy();
	check_picture(BLUE "1 ! " BGRX(160, 80), 0, 10, 0);
	gst_kit_end(&kit);
}

/* Pause, seek, back to the beginning of all, and a second film on the same element. */
TEST(there_and_back)
{
	begin();
	gst_kit_launch(&kit, SOURCE " ! " BGRX(160, 100) " ! waybufsink name=sink", 500);
	for (int i = 0; i < 3; i++) {
		gst_kit_go(&kit, GST_STATE_PAUSED);
		gst_kit_wait_count(&kit, "presented", 1);
		gst_kit_go(&kit, GST_STATE_PLAYING);
		gst_kit_wait_count(&kit, "presented", 3);
		ck_assert(gst_element_seek_simple(kit.pipeline, GST_FORMAT_TIME,
			GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT, GST_SECOND));
		gst_kit_go(&kit, GST_STATE_PLAYING);
		gst_kit_wait_count(&kit, "presented", 6);
		expect_no_copy();
		gst_kit_go(&kit, GST_STATE_READY);
		/* of a window that has gone */
		ck_assert_uint_eq(gst_kit_count(&kit, "presented"), 0);
		if (i % 2 == 0)
			gst_kit_go(&kit, GST_STATE_NULL);
	}
	gst_kit_end(&kit);
}

/* For its window, as the server has stopped. */
static void begin_waiting(void)
{
	begin();
	gst_kit_launch(&kit,
		SOURCE " ! " BGRX(160, 100) " ! waybufsink name=sink show-preroll-frame=false",
		500);
	gst_kit_go(&kit, GST_STATE_PAUSED);
	ck_assert_int_eq(kill(kit.daemon.pid, SIGSTOP), 0);
	gst_kit_go(&kit, GST_STATE_PLAYING);
}

/* What waits for its window is paused, and goes on: upstream hears of no end. */
TEST(paused_while_it_waits)
{
	begin_waiting();
	g_usleep(200000);
	gst_kit_go(&kit, GST_STATE_PAUSED);
	ck_assert_int_eq(kill(kit.daemon.pid, SIGCONT), 0);
	gst_kit_go(&kit, GST_STATE_PLAYING);
	gst_kit_wait_count(&kit, "presented", 3);
	expect_no_copy();
	gst_kit_end(&kit);
}

/* And so is its end. */
TEST(ended_while_it_waits)
{
	begin_waiting();
	g_usleep(100000);
	gint64 before = g_get_monotonic_time();
	gst_kit_go(&kit, GST_STATE_READY);
	ck_assert_int_lt(g_get_monotonic_time() - before, 4 * G_USEC_PER_SEC);
	ck_assert_int_eq(kill(kit.daemon.pid, SIGCONT), 0);
	gst_kit_end(&kit);
}

/* Other caps while the old frames are on the screen. */
TEST(sizes_change)
{
	begin();
	gst_kit_launch(&kit,
		SOURCE " ! capsfilter name=filter caps=" BGRX(
			160, 100) " ! waybufsink name=sink scale=false",
		2000);
	gst_kit_go(&kit, GST_STATE_PLAYING);
	GstElement *filter = gst_bin_get_by_name(GST_BIN(kit.pipeline), "filter");
	for (int i = 0; i < 4; i++) {
		uint64_t before = gst_kit_count(&kit, "presented");
		GstCaps *caps = gst_caps_from_string(i % 2
				? BGRX(160, 100)
				: "video/x-raw,format=NV12,framerate=50/1,width=64,height=48");
		g_object_set(filter, "caps", caps, NULL);
		gst_caps_unref(caps);
		gst_kit_wait_count(&kit, "presented", before + 5);
	}
	expect_no_copy();
	gst_object_unref(filter);
	gst_kit_end(&kit);
}

/* The application keeps a frame, and the element and its connection go. */
TEST(frames_outlive_the_sink)
{
	GstSample *sample = NULL;
	GstMapInfo map;
	begin();
	const int fds = harness_count_fds();
	gst_kit_launch(&kit, SOURCE " ! " BGRX(160, 100) " ! waybufsink name=sink", 5);
	gst_kit_play(&kit);
	expect_no_copy();
	g_object_get(kit.sink, "last-sample", &sample, NULL);
	ck_assert_ptr_nonnull(sample);
	gst_kit_drop(&kit);
	GstBuffer *buffer = gst_sample_get_buffer(sample);
	ck_assert(gst_buffer_map(buffer, &map, GST_MAP_READ));
	ck_assert_uint_ge(map.size, 160 * 100 * 4);
	ck_assert_uint_ne(map.data[0], 0);
	gst_buffer_unmap(buffer, &map);
	gst_sample_unref(sample);
	/* its thread ends when it has noticed */
	for (int i = 0; i < 500 && harness_count_fds() > fds; i++)
		g_usleep(10000);
	ck_assert_int_eq(harness_count_fds(), fds);
	gst_kit_end(&kit);
}

/* Faster than the display: the newest frame counts, and nobody waits. */
TEST(without_a_clock)
{
	begin();
	gst_kit_launch(&kit, SOURCE " ! " BGRX(160, 100) " ! waybufsink name=sink sync=false", 300);
	gst_kit_play(&kit);
	expect_no_copy();
	ck_assert_uint_eq(gst_kit_count(&kit, "direct") + gst_kit_count(&kit, "replaced"), 300);
	gst_kit_end(&kit);
}

TEST(no_server)
{
	begin();
	gst_kit_launch(&kit, SOURCE " ! waybufsink name=sink display=nobody", 1);
	ck_assert_int_eq(
		gst_element_set_state(kit.pipeline, GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
	gst_kit_expect_error(&kit, "No window", "no connection to the Wayland server nobody");
	gst_kit_end(&kit);
}

TEST(the_server_dies)
{
	begin();
	gst_kit_launch(&kit, SOURCE " ! " BGRX(160, 100) " ! waybufsink name=sink", 100000);
	gst_kit_go(&kit, GST_STATE_PLAYING);
	gst_kit_wait_count(&kit, "presented", 5);
	gst_kit_kill_server(&kit);
	gst_kit_expect_error(&kit, "The Wayland server has gone", "lost");
	/* one error, and an end of it */
	gst_kit_go(&kit, GST_STATE_NULL);
	gst_kit_end(&kit);
}

/* As the sink offers it, for such frames; not active yet. */
static GstBufferPool *offered_pool(const char *format)
{
	gst_kit_launch(&kit, SOURCE " ! waybufsink name=sink", 1);
	gst_kit_go(&kit, GST_STATE_READY);
	GstCaps *caps = gst_caps_from_string(format);
	GstPad *pad = gst_element_get_static_pad(kit.sink, "sink");
	GstQuery *query = gst_query_new_allocation(caps, TRUE);
	ck_assert(gst_pad_query(pad, query));
	GstBufferPool *pool = NULL;
	guint size, min, max;
	gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, &min, &max);
	ck_assert_ptr_nonnull(pool);
	GstStructure *config = gst_buffer_pool_get_config(pool);
	gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
	ck_assert(gst_buffer_pool_set_config(pool, config));
	gst_query_unref(query);
	gst_caps_unref(caps);
	gst_object_unref(pad);
	return pool;
}

static GstBuffer *take(GstBufferPool *pool)
{
	GstBuffer *buffer = NULL;
	ck_assert_int_eq(gst_buffer_pool_acquire_buffer(pool, &buffer, NULL), GST_FLOW_OK);
	return buffer;
}

static bool is_plain(GstBuffer *buffer)
{
	return !gst_is_fd_memory(gst_buffer_peek_memory(buffer, 0));
}

static void end_with(GstBufferPool *pool)
{
	gst_buffer_pool_set_active(pool, FALSE);
	gst_object_unref(pool);
	gst_kit_end(&kit);
}

/* What an element asks of its memory is asked of the server, and what it cannot have it is told. */
TEST(alignment)
{
	GstVideoAlignment align;
	begin();
	GstBufferPool *pool =
		offered_pool("video/x-raw,format=I420,width=90,height=50,framerate=50/1");
	GstStructure *config = gst_buffer_pool_get_config(pool);
	gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
	gst_video_alignment_reset(&align);
	align.padding_top = 2;
	align.padding_bottom = 14;
	align.padding_right = 6;
	for (int i = 0; i < 4; i++)
		align.stride_align[i] = 63;
	gst_buffer_pool_config_set_video_alignment(config, &align);
	/* nothing is above the picture */
	ck_assert(!gst_buffer_pool_set_config(pool, config));
	config = gst_buffer_pool_get_config(pool);
	ck_assert(gst_buffer_pool_config_get_video_alignment(config, &align));
	ck_assert_uint_eq(align.padding_top, 0);
	ck_assert(gst_buffer_pool_set_config(pool, config));
	ck_assert(gst_buffer_pool_set_active(pool, TRUE));
	GstBuffer *buffer = take(pool);
	const GstVideoMeta *meta = gst_buffer_get_video_meta(buffer);
	ck_assert_int_eq(meta->stride[0], 128);
	ck_assert_int_eq(meta->stride[1], 64);
	ck_assert_uint_eq(meta->offset[1] % 64, 0);
	ck_assert_uint_ge(meta->offset[1] - meta->offset[0], 128 * 64);
	ck_assert_uint_ge(meta->offset[2] - meta->offset[1], 64 * 32);
	gst_buffer_unref(buffer);
	end_with(pool);
}

/* A decoder that still has a frame mapped pushes it, without a copy; who changes it gets one. */
TEST(pushed_while_it_is_mapped)
{
	GstMapInfo written, seen, changed;
	begin();
	GstBufferPool *pool = offered_pool(BGRX(64, 48));
	ck_assert(gst_buffer_pool_set_active(pool, TRUE));
	GstBuffer *frame = take(pool);
	ck_assert(gst_buffer_map(frame, &written, GST_MAP_READWRITE));
	written.data[0] = 17;
	GstBuffer *pushed = gst_buffer_copy(frame);
	ck_assert(gst_buffer_map(pushed, &seen, GST_MAP_READ));
	ck_assert_ptr_eq(seen.data, written.data);
	gst_buffer_unmap(pushed, &seen);
	ck_assert(gst_buffer_map(pushed, &changed, GST_MAP_WRITE));
	ck_assert_ptr_ne(changed.data, written.data);
	ck_assert_uint_eq(changed.data[0], 17);
	changed.data[0] = 18;
	gst_buffer_unmap(pushed, &changed);
	ck_assert_uint_eq(written.data[0], 17);
	gst_buffer_unmap(frame, &written);
	/* nobody has it mapped: a copy is a copy */
	GstMemory *copy = gst_memory_copy(gst_buffer_peek_memory(frame, 0), 0, -1);
	ck_assert_ptr_null(copy->parent);
	gst_memory_unref(copy);
	gst_buffer_unref(pushed);
	gst_buffer_unref(frame);
	end_with(pool);
}

/* What an element has cut off is there again for the next one. */
TEST(made_smaller)
{
	GstCaps *caps = NULL;
	guint size = 0;
	begin();
	GstBufferPool *pool = offered_pool(BGRX(64, 48));
	GstStructure *config = gst_buffer_pool_get_config(pool);
	ck_assert(gst_buffer_pool_config_get_params(config, &caps, &size, NULL, NULL));
	gst_buffer_pool_config_set_params(config, caps, size, 0, 1);
	ck_assert(gst_buffer_pool_set_config(pool, config));
	ck_assert(gst_buffer_pool_set_active(pool, TRUE));
	GstBuffer *buffer = take(pool);
	const GstMemory *memory = gst_buffer_peek_memory(buffer, 0);
	gst_buffer_resize(buffer, 256, 1024);
	ck_assert_uint_eq(memory->size, 1024);
	gst_buffer_unref(buffer);
	buffer = take(pool);
	ck_assert_ptr_eq(gst_buffer_peek_memory(buffer, 0), memory);
	ck_assert_uint_eq(memory->offset, 0);
	ck_assert_uint_ge(memory->size, 64 * 48 * 4);
	gst_buffer_unref(buffer);
	end_with(pool);
}

/* Whoever wants more than there are gets plain memory after a while, unless it has set a limit. */
TEST(more_than_there_are)
{
	GstBuffer *buffers[65], *none = NULL;
	const GstBufferPoolAcquireParams params = {.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT};
	begin();
	GstBufferPool *pool = offered_pool(BGRX(16, 16));
	ck_assert(gst_buffer_pool_set_active(pool, TRUE));
	for (int i = 0; i < 65; i++)
		buffers[i] = take(pool);
	ck_assert(!is_plain(buffers[63]));
	ck_assert(is_plain(buffers[64]));
	ck_assert_int_eq(
		gst_buffer_pool_acquire_buffer(pool, &none, (GstBufferPoolAcquireParams *)&params),
		GST_FLOW_EOS);
	for (int i = 0; i < 65; i++)
		gst_buffer_unref(buffers[i]);
	/* what came back is there again, though nobody waits for it now */
	GstBuffer *again = take(pool);
	for (int i = 0; i < 500 && is_plain(again); i++) {
		gst_buffer_unref(again);
		g_usleep(10000);
		again = take(pool);
	}
	ck_assert(!is_plain(again));
	gst_buffer_unref(again);
	end_with(pool);
}

/* The element may use its pool longer than the sink its connection. */
TEST(a_pool_outlives_the_sink)
{
	const int before = harness_count_fds();
	begin();
	GstBufferPool *pool = offered_pool(BGRX(16, 16));
	ck_assert(gst_buffer_pool_set_active(pool, TRUE));
	GstBuffer *buffer = take(pool);
	gst_kit_drop(&kit);
	GstBuffer *other = take(pool);
	ck_assert(is_plain(other));
	ck_assert_uint_eq(gst_buffer_memset(buffer, 0, 7, 16 * 16 * 4), 16 * 16 * 4);
	gst_buffer_unref(other);
	gst_buffer_unref(buffer);
	end_with(pool);
	/* the connection ends with its last memory, in a thread of its own */
	for (int i = 0; i < 500 && harness_count_fds() > before; i++)
		g_usleep(10000);
}

TEST_TIMEOUT(60)
TEST_MAIN("gstreamer")
