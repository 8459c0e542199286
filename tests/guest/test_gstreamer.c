/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <gst/allocators/gstdmabuf.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <unistd.h>

#include "gst_kit.h"

/* waybufsink on a real display, with what cannot be had without: planes, and dma-bufs of others. */
static struct gst_kit kit;

#define BLUE(n) "videotestsrc pattern=solid-color foreground-color=0xff3c78b4 num-buffers=" #n " ! "

/* A film as people have them: decodebin finds the rest. */
static void show_film(void)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/film.avi", kit.daemon.folder);
	gst_kit_launch(&kit,
		BLUE(4) "video/x-raw,format=BGRx,width=640,height=480,framerate=25/1 ! videoconvert ! "
			"video/x-raw,format=I420,colorimetry=1:4:0:0 ! "
			"jpegenc ! avimux ! filesink name=sink location=%s",
		path);
	gst_kit_go(&kit, GST_STATE_PLAYING);
	gst_message_unref(gst_kit_expect(&kit, GST_MESSAGE_EOS));
	gst_kit_launch(&kit, "filesrc location=%s ! decodebin ! waybufsink name=sink", path);
	gst_kit_play(&kit);
	ck_assert_uint_gt(gst_kit_count(&kit, "zero-copy"), 0);
	ck_assert_uint_gt(gst_kit_count(&kit, "direct"), 0);
	ck_assert_uint_eq(gst_kit_count(&kit, "copied"), 0);
	GstSample *sample =
		gst_kit_reference(BLUE(1) "video/x-raw,format=BGRx,width=640,height=480");
	gst_kit_check_screen(&kit, sample, 0, 0, 6);
	gst_sample_unref(sample);
	unlink(path);
	gst_kit_drop(&kit);
}

static void push(GstElement *source, GstMemory *memory, const struct picture *picture)
{
	gsize offsets[4] = {0};
	gint strides[4] = {(gint)picture->stride};
	GstBuffer *buffer = gst_buffer_new();
	gst_buffer_append_memory(buffer, gst_memory_ref(memory));
	gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_BGRx,
		picture->width, picture->height, 1, offsets, strides);
	ck_assert_int_eq(gst_app_src_push_buffer(GST_APP_SRC(source), buffer), GST_FLOW_OK);
}

static void expect_on_screen(const struct picture *picture)
{
	struct picture screen;
	capture_output(&kit.client, &screen);
	for (uint32_t y = 0; y < picture->height; y += 7)
		for (uint32_t x = 0; x < picture->width; x += 3)
			ck_assert_uint_eq(picture_pixel(&screen, x, y) & 0xffffff,
				picture_pixel(picture, x, y) & 0xffffff);
	picture_finish(&screen);
}

/* Each is known to the compositor after its first frame, and comes back when it has been read. */
static void show_dmabufs(void)
{
	struct picture pictures[2];
	GstMemory *memories[2];
	GstAllocator *allocator = gst_dmabuf_allocator_new();
	for (uint32_t i = 0; i < 2; i++) {
		picture_init(
			&kit.client, &pictures[i], PICTURE_DMABUF, 640, 480, DRM_FORMAT_XRGB8888);
		picture_draw(&pictures[i], i);
		memories[i] = gst_dmabuf_allocator_alloc_with_flags(
			allocator, pictures[i].fd, pictures[i].size, GST_FD_MEMORY_FLAG_DONT_CLOSE);
	}
	gst_kit_launch(&kit,
		"appsrc name=source format=time caps=video/x-raw,format=BGRx,width=640,"
		"height=480,framerate=25/1 ! waybufsink name=sink sync=false");
	GstElement *source = gst_bin_get_by_name(GST_BIN(kit.pipeline), "source");
	gst_element_set_state(kit.pipeline, GST_STATE_PLAYING);
	for (guint64 i = 0; i < 3; i++) {
		push(source, memories[i % 2], &pictures[i % 2]);
		gst_kit_wait_count(&kit, "presented", i + 1);
	}
	ck_assert_uint_eq(gst_kit_count(&kit, "imported"), 3);
	ck_assert_uint_eq(gst_kit_count(&kit, "copied"), 0);
	ck_assert_uint_gt(gst_kit_count(&kit, "zero-copy"), 0);
	expect_on_screen(&pictures[0]);
	gst_object_unref(source);
	gst_kit_drop(&kit);
	for (int i = 0; i < 2; i++) {
		gst_memory_unref(memories[i]);
		picture_finish(&pictures[i]);
	}
	gst_object_unref(allocator);
}

/* One server for both: its start takes longer than what is looked at. */
TEST(shown_in_place)
{
	static const char *const options[] = {"--mode", "640x480", NULL};
	static const char *const plugins[] = {"libgstvideotestsrc.so", "libgstjpeg.so",
		"libgstavi.so", "libgstplayback.so", "libgsttypefindfunctions.so",
		"libgstvideoconvertscale.so", NULL};
	gst_kit_begin(&kit, options, plugins);
	show_film();
	show_dmabufs();
	gst_kit_end(&kit);
}

TEST_TIMEOUT(120)
TEST_MAIN("gstreamer-real")
