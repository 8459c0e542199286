/* SPDX-License-Identifier: MIT */
#include "formats.h"

#include <drm_fourcc.h>
#include <gst/allocators/gstdmabuf.h>
#include <waybuf/client.h>

#include "connection.h"
#include "needs.h"

/* ---- caps ---------------------------------------------------------------------------------- */

static void append(GValue *list, const char *text)
{
	GValue value = G_VALUE_INIT;
	g_value_init(&value, G_TYPE_STRING);
	g_value_set_string(&value, text);
	gst_value_list_append_and_take_value(list, &value);
}

static GstStructure *structure(void)
{
	return gst_structure_new("video/x-raw", "width", GST_TYPE_INT_RANGE, 1, 65536, "height",
		GST_TYPE_INT_RANGE, 1, 65536, "framerate", GST_TYPE_FRACTION_RANGE, 0, 1, G_MAXINT,
		1, NULL);
}

/* Of any format if @drm_formats is NULL, otherwise they are taken. */
static void append_drm(GstCaps *caps, GValue *drm_formats)
{
	GstStructure *drm = structure();
	gst_structure_set(drm, "format", G_TYPE_STRING, "DMA_DRM", NULL);
	if (drm_formats)
		gst_structure_take_value(drm, "drm-format", drm_formats);
	gst_caps_append_structure_full(
		caps, drm, gst_caps_features_new(GST_CAPS_FEATURE_MEMORY_DMABUF, NULL));
}

static void append_plain(GstCaps *caps, GValue *formats)
{
	GstStructure *plain = structure();
	gst_structure_take_value(plain, "format", formats);
	gst_caps_append_structure(caps, plain);
}

static bool is_listed(const struct waybuf_client_format *listed, size_t n, uint32_t format)
{
	for (size_t i = 0; i < n; i++)
		if (listed[i].format == format && listed[i].modifier == DRM_FORMAT_MOD_LINEAR)
			return true;
	return false;
}

/* All that a surface shows, or those of them that are listed. False: none is. */
static bool add_formats(GValue *formats, const struct waybuf_client_format *listed, size_t n)
{
	g_value_init(formats, GST_TYPE_LIST);
	guint count = 0;
	const GstVideoFormat *all = gst_video_formats_any(&count);
	for (guint i = 0; i < count; i++) {
		uint32_t format = needs_drm_format(all[i]);
		if (format && (n == 0 || is_listed(listed, n, format)))
			append(formats, gst_video_format_to_string(all[i]));
	}
	return gst_value_list_get_size(formats) > 0;
}

static bool add_drm_formats(
	GValue *formats, const struct waybuf_client_format *listed, size_t n, bool tiled)
{
	g_value_init(formats, GST_TYPE_LIST);
	for (size_t i = 0; i < n; i++) {
		if (!tiled && listed[i].modifier != DRM_FORMAT_MOD_LINEAR)
			continue;
		char *text =
			gst_video_dma_drm_fourcc_to_string(listed[i].format, listed[i].modifier);
		if (text)
			append(formats, text);
		g_free(text);
	}
	return gst_value_list_get_size(formats) > 0;
}

static void append_all_plain(GstCaps *caps)
{
	GValue formats = G_VALUE_INIT;
	add_formats(&formats, NULL, 0);
	append_plain(caps, &formats);
}

GstCaps *formats_all(void)
{
	GstCaps *caps = gst_caps_new_empty();
	append_drm(caps, NULL);
	append_all_plain(caps);
	return caps;
}

GstCaps *formats_of(const struct connection *connection)
{
	GValue drm_formats = G_VALUE_INIT, formats = G_VALUE_INIT;
	const struct globals *globals = &connection->globals;
	const struct waybuf_client_format *listed;
	size_t n = waybuf_client_get_formats(connection->client, &listed);
	if (n == 0)
		return formats_all();
	GstCaps *caps = gst_caps_new_empty();
	/* Hardware elements look for the first of them. */
	if (add_drm_formats(&drm_formats, listed, n, globals->colours && globals->viewporter))
		append_drm(caps, &drm_formats);
	else
		g_value_unset(&drm_formats);
	if (add_formats(&formats, listed, n))
		append_plain(caps, &formats);
	else
		g_value_unset(&formats);
	/* The others come last: they are copied as RGB, where upstream has nothing else. */
	append_all_plain(caps);
	return caps;
}

/* ---- and back ------------------------------------------------------------------------------ */

/* Of a tiled image libgstvideo says only that it is one; what its samples are the fourcc tells. */
static bool init_drm(struct picture *picture, const GstCaps *caps)
{
	GstVideoInfoDmaDrm drm;
	gst_video_info_dma_drm_init(&drm);
	if (!gst_video_info_dma_drm_from_caps(&drm, caps))
		return false;
	GstVideoFormat format = gst_video_dma_drm_fourcc_to_format(drm.drm_fourcc);
	const GstVideoInfo *told = &drm.vinfo;
	if (format == GST_VIDEO_FORMAT_UNKNOWN ||
		!gst_video_info_set_format(
			&picture->info, format, (guint)told->width, (guint)told->height))
		return false;
	picture->info.par_n = told->par_n;
	picture->info.par_d = told->par_d;
	picture->info.colorimetry = told->colorimetry;
	picture->info.chroma_site = told->chroma_site;
	picture->format = drm.drm_fourcc;
	picture->modifier = drm.drm_modifier;
	picture->drm = true;
	return true;
}

bool picture_init(struct picture *picture, const GstCaps *caps)
{
	*picture = (struct picture){.modifier = DRM_FORMAT_MOD_LINEAR};
	if (gst_video_is_dma_drm_caps(caps))
		return init_drm(picture, caps);
	if (!gst_video_info_from_caps(&picture->info, caps))
		return false;
	picture->format = needs_drm_format(GST_VIDEO_INFO_FORMAT(&picture->info));
	return picture->format;
}
