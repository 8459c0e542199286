/* SPDX-License-Identifier: MIT */
#include "convert.h"

#include "pool.h"

static bool make_pool(struct convert *convert, struct connection *connection)
{
	GstCaps *caps = gst_video_info_to_caps(&convert->to);
	convert->pool = waybuf_pool_new(connection);
	GstStructure *config = gst_buffer_pool_get_config(convert->pool);
	gst_buffer_pool_config_set_params(config, caps, (guint)convert->to.size, 0, 4);
	gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
	gst_caps_unref(caps);
	if (!gst_buffer_pool_set_config(convert->pool, config) ||
		!gst_buffer_pool_set_active(convert->pool, TRUE))
		return false;
	char *why = waybuf_pool_why(convert->pool);
	bool plain = why;
	g_free(why);
	return !plain;
}

static void set_target(
	struct convert *convert, const GstVideoInfo *from, const struct convert_wish *wish)
{
	GstVideoFormat format = wish->rgb ? GST_VIDEO_FORMAT_BGRx : GST_VIDEO_INFO_FORMAT(from);
	gst_video_info_set_format(&convert->to, format, (guint)wish->width, (guint)wish->height);
	/* What a converter does not change must be the same on both sides. */
	convert->to.fps_n = from->fps_n;
	convert->to.fps_d = from->fps_d;
	convert->to.interlace_mode = from->interlace_mode;
	if (wish->rgb)
		return;
	convert->to.colorimetry = from->colorimetry;
	convert->to.chroma_site = from->chroma_site;
}

static bool is_same_part(const GstVideoRectangle *a, const GstVideoRectangle *b)
{
	return a->x == b->x && a->y == b->y && a->w == b->w && a->h == b->h;
}

static bool is_ready(
	const struct convert *convert, const GstVideoInfo *from, const struct convert_wish *wish)
{
	const GstVideoInfo *to = &convert->to;
	return convert->pool && gst_video_info_is_equal(&convert->from, from) &&
		is_same_part(&convert->part, &wish->part) && convert->rgb == wish->rgb &&
		to->width == wish->width && to->height == wish->height;
}

static bool make_ready(struct convert *convert, struct connection *connection,
	const GstVideoInfo *from, const struct convert_wish *wish)
{
	if (is_ready(convert, from, wish))
		return true;
	convert_finish(convert);
	convert->from = *from;
	convert->part = wish->part;
	convert->rgb = wish->rgb;
	set_target(convert, from, wish);
	GstStructure *options = gst_structure_new("options", GST_VIDEO_CONVERTER_OPT_SRC_X,
		G_TYPE_INT, wish->part.x, GST_VIDEO_CONVERTER_OPT_SRC_Y, G_TYPE_INT, wish->part.y,
		GST_VIDEO_CONVERTER_OPT_SRC_WIDTH, G_TYPE_INT, wish->part.w,
		GST_VIDEO_CONVERTER_OPT_SRC_HEIGHT, G_TYPE_INT, wish->part.h, NULL);
	convert->converter = gst_video_converter_new(from, &convert->to, options);
	if (convert->converter && make_pool(convert, connection))
		return true;
	convert_finish(convert);
	return false;
}

static bool fill(struct convert *convert, GstBuffer *frame, GstBuffer *target)
{
	GstVideoFrame from, to;
	if (!gst_video_frame_map(&from, &convert->from, frame, GST_MAP_READ))
		return false;
	bool mapped = gst_video_frame_map(&to, &convert->to, target, GST_MAP_WRITE);
	if (mapped) {
		gst_video_converter_frame(convert->converter, &from, &to);
		gst_video_frame_unmap(&to);
	}
	gst_video_frame_unmap(&from);
	return mapped;
}

GstBuffer *convert_frame(struct convert *convert, struct connection *connection, GstBuffer *frame,
	const GstVideoInfo *from, const struct convert_wish *wish, const char **why)
{
	GstBuffer *target = NULL;
	*why = NULL;
	if (!make_ready(convert, connection, from, wish)) {
		*why = "the display takes neither such frames nor RGB";
		return NULL;
	}
	GstBufferPoolAcquireParams params = {.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT};
	if (gst_buffer_pool_acquire_buffer(convert->pool, &target, &params) != GST_FLOW_OK)
		return NULL;
	if (fill(convert, frame, target))
		return target;
	*why = "the frame cannot be read by the CPU";
	gst_buffer_unref(target);
	return NULL;
}

void convert_finish(struct convert *convert)
{
	if (convert->pool) {
		gst_buffer_pool_set_active(convert->pool, FALSE);
		gst_object_unref(convert->pool);
	}
	if (convert->converter)
		gst_video_converter_free(convert->converter);
	*convert = (struct convert){0};
}
