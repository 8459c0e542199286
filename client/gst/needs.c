/* SPDX-License-Identifier: MIT */
#include "needs.h"

#include <errno.h>

#include "util/fourcc.h"

/* Of those that libgstvideo has no fourcc for before 1.28. */
static const struct {
	GstVideoFormat gst;
	uint32_t drm;
} others[] = {
	{GST_VIDEO_FORMAT_I420_10LE, DRM_FORMAT_S010},
	{GST_VIDEO_FORMAT_I422_10LE, DRM_FORMAT_S210},
	{GST_VIDEO_FORMAT_Y444_10LE, DRM_FORMAT_S410},
	{GST_VIDEO_FORMAT_I420_12LE, DRM_FORMAT_S012},
	{GST_VIDEO_FORMAT_I422_12LE, DRM_FORMAT_S212},
	{GST_VIDEO_FORMAT_Y444_12LE, DRM_FORMAT_S412},
};

uint32_t needs_drm_format(GstVideoFormat format)
{
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		if (others[i].gst == format)
			return others[i].drm;
	/* Surfaces have their alpha multiplied already, and frames do not. */
	const GstVideoFormatInfo *info = gst_video_format_get_info(format);
	if (!info || GST_VIDEO_FORMAT_INFO_HAS_ALPHA(info) ||
		GST_VIDEO_FORMAT_INFO_HAS_PALETTE(info))
		return 0;
	uint32_t drm = gst_video_dma_drm_fourcc_from_format(format);
	return drm == DRM_FORMAT_INVALID ? 0 : drm;
}

/* ---- from a pool's configuration ----------------------------------------------------------- */

static guint largest(const GstVideoAlignment *align, gsize memory)
{
	guint mask = (guint)memory;
	for (guint p = 0; p < GST_VIDEO_MAX_PLANES; p++)
		mask |= align->stride_align[p];
	return mask;
}

const char *needs_init(struct needs *needs, const GstVideoInfo *info, GstStructure *config)
{
	GstVideoAlignment align;
	GstAllocationParams params;
	gst_video_alignment_reset(&align);
	gst_allocation_params_init(&params);
	*needs = (struct needs){
		.info = *info, .format = needs_drm_format(GST_VIDEO_INFO_FORMAT(info))};
	if (!needs->format)
		return "no surface takes such frames";
	if (GST_VIDEO_INFO_INTERLACE_MODE(info) == GST_VIDEO_INTERLACE_MODE_ALTERNATE)
		return "each buffer is of one field only";
	needs->exact =
		!gst_buffer_pool_config_has_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
	gst_buffer_pool_config_get_allocator(config, NULL, &params);
	if (params.prefix)
		return "bytes before the picture are asked for";
	if (!needs->exact &&
		gst_buffer_pool_config_has_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT))
		gst_buffer_pool_config_get_video_alignment(config, &align);
	if (align.padding_left || align.padding_top)
		return "pixels before the picture are asked for";
	if (!gst_video_info_align(&needs->info, &align))
		return "the alignment is none";
	needs->align = largest(&align, params.align) + 1;
	needs->padding_rows = align.padding_bottom;
	needs->beyond = (uint32_t)params.padding;
	return NULL;
}

/* ---- constraints --------------------------------------------------------------------------- */

uint32_t needs_rows(const GstVideoInfo *info, uint32_t plane, uint32_t height)
{
	gint components[GST_VIDEO_MAX_COMPONENTS];
	gst_video_format_info_component(info->finfo, plane, components);
	return (uint32_t)GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT(
		info->finfo, components[0], (gint)height);
}

static uint32_t padded_rows(const struct needs *needs, uint32_t plane)
{
	const GstVideoInfo *info = &needs->info;
	return needs_rows(info, plane, (uint32_t)info->height + needs->padding_rows);
}

static void add_plane(
	const struct needs *needs, struct waybuf_constraints_builder *builder, uint32_t p)
{
	const GstVideoInfo *info = &needs->info;
	uint64_t stride = (uint64_t)info->stride[p];
	uint64_t extra = padded_rows(needs, p) - needs_rows(info, p, (uint32_t)info->height);
	waybuf_constraints_builder_stride(builder, (uint8_t)p, needs->exact ? 1 : needs->align,
		stride, needs->exact ? stride : WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_offset(builder, (uint8_t)p, needs->exact ? 1 : needs->align);
	waybuf_constraints_builder_rows(builder, (uint8_t)p, 1, extra);
	waybuf_constraints_builder_size(builder, (uint8_t)p, 1, needs->beyond);
}

int needs_constraints(const struct needs *needs, struct waybuf_constraints **out)
{
	static const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	waybuf_constraints_builder_access(
		builder, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_set(builder, &needs->format, 1, &modifier, 1);
	for (uint32_t p = 0; p < GST_VIDEO_INFO_N_PLANES(&needs->info); p++)
		add_plane(needs, builder, p);
	int ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

/* ---- what was got -------------------------------------------------------------------------- */

static bool plane_met(const struct needs *needs, const struct waybuf_layout *layout, uint32_t p)
{
	const struct waybuf_plane *plane = &layout->planes[p];
	const uint32_t stride = (uint32_t)needs->info.stride[p];
	if (plane->slot >= layout->n_memory || plane->rows < padded_rows(needs, p))
		return false;
	const uint64_t end = plane->offset + (uint64_t)plane->stride * plane->rows;
	if (end + needs->beyond > layout->memory[plane->slot].size)
		return false;
	if (needs->exact)
		return layout->n_memory == 1 && plane->stride == stride &&
			plane->offset == needs->info.offset[p];
	return plane->stride >= stride && plane->stride <= G_MAXINT &&
		plane->stride % needs->align == 0 && plane->offset % needs->align == 0;
}

bool needs_met(const struct needs *needs, const struct waybuf_layout *layout)
{
	if (layout->format != needs->format || layout->modifier != DRM_FORMAT_MOD_LINEAR ||
		layout->width != (uint32_t)needs->info.width ||
		layout->height != (uint32_t)needs->info.height ||
		layout->n_planes != GST_VIDEO_INFO_N_PLANES(&needs->info))
		return false;
	for (uint32_t p = 0; p < layout->n_planes; p++)
		if (!plane_met(needs, layout, p))
			return false;
	return true;
}
