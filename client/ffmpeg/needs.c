/* SPDX-License-Identifier: MIT */
#include "needs.h"

#include <errno.h>
#include <string.h>

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <waybuf/ffmpeg.h>

#include "util/fourcc.h"

/*
 * Bytes beyond each plane: the scalar and vector code of FFmpeg reads and writes whole vectors, of up
 * to 64 bytes, and its own allocation leaves one and 16 bytes for that.
 */
#define BEYOND 128

/* FFmpeg's three planes of more than 8 bits have their samples in the low bits, P010 in the high ones. */
static const struct {
	enum AVPixelFormat pixel_format;
	uint32_t format;
} formats[] = {
	{AV_PIX_FMT_YUV420P, DRM_FORMAT_YUV420},
	{AV_PIX_FMT_YUVJ420P, DRM_FORMAT_YUV420},
	{AV_PIX_FMT_YUV422P, DRM_FORMAT_YUV422},
	{AV_PIX_FMT_YUVJ422P, DRM_FORMAT_YUV422},
	{AV_PIX_FMT_YUV444P, DRM_FORMAT_YUV444},
	{AV_PIX_FMT_YUVJ444P, DRM_FORMAT_YUV444},
	{AV_PIX_FMT_NV12, DRM_FORMAT_NV12},
	{AV_PIX_FMT_NV16, DRM_FORMAT_NV16},
	{AV_PIX_FMT_P010LE, DRM_FORMAT_P010},
	{AV_PIX_FMT_P210LE, DRM_FORMAT_P210},
	{AV_PIX_FMT_YUV420P10LE, DRM_FORMAT_S010},
	{AV_PIX_FMT_YUV422P10LE, DRM_FORMAT_S210},
	{AV_PIX_FMT_YUV444P10LE, DRM_FORMAT_S410},
	{AV_PIX_FMT_YUV420P12LE, DRM_FORMAT_S012},
	{AV_PIX_FMT_YUV422P12LE, DRM_FORMAT_S212},
	{AV_PIX_FMT_YUV444P12LE, DRM_FORMAT_S412},
};

uint32_t waybuf_ffmpeg_drm_format(int pixel_format)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if ((int)formats[i].pixel_format == pixel_format)
			return formats[i].format;
	}
	return 0;
}

static void describe_planes(struct needs *needs, const int *strides, const int *multiples, int rows)
{
	const AVPixFmtDescriptor *info = av_pix_fmt_desc_get(needs->pixel_format);
	for (uint32_t p = 0; p < needs->n_planes; p++) {
		int shift = p == 0 ? 0 : info->log2_chroma_h;
		needs->planes[p].stride = (uint32_t)strides[p];
		needs->planes[p].stride_multiple = (uint32_t)(multiples[p] > 1 ? multiples[p] : 1);
		needs->planes[p].rows = (uint32_t)AV_CEIL_RSHIFT(rows, shift);
		needs->planes[p].picture_rows = (uint32_t)AV_CEIL_RSHIFT((int)needs->height, shift);
	}
}

const char *needs_describe(AVCodecContext *codec, enum AVPixelFormat pixel_format, int width,
	int height, struct needs *out)
{
	*out = (struct needs){.pixel_format = pixel_format};
	out->format = waybuf_ffmpeg_drm_format((int)pixel_format);
	if (!out->format)
		return "no display takes the pixel format that the codec writes";
	if (!codec->codec || !(codec->codec->capabilities & AV_CODEC_CAP_DR1))
		return "the codec writes into memory of its own only";
	int strides[AV_NUM_DATA_POINTERS] = {0}, multiples[AV_NUM_DATA_POINTERS] = {0};
	avcodec_align_dimensions2(codec, &width, &height, multiples);
	if (width <= 0 || height <= 0 || av_image_fill_linesizes(strides, pixel_format, width) < 0)
		return "the frame has no size";
	out->width = (uint32_t)(codec->width > 0 && codec->width < width ? codec->width : width);
	out->height =
		(uint32_t)(codec->height > 0 && codec->height < height ? codec->height : height);
	out->n_planes = (uint32_t)av_pix_fmt_count_planes(pixel_format);
	describe_planes(out, strides, multiples, height);
	return NULL;
}

bool needs_equal(const struct needs *a, const struct needs *b)
{
	/* Both were made by an assignment of the whole, without padding between the members. */
	return memcmp(a, b, sizeof(*a)) == 0;
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
	for (uint8_t p = 0; p < needs->n_planes; p++) {
		waybuf_constraints_builder_stride(builder, p, needs->planes[p].stride_multiple,
			needs->planes[p].stride, WAYBUF_NO_LIMIT);
		waybuf_constraints_builder_offset(builder, p, needs->planes[p].stride_multiple);
		waybuf_constraints_builder_rows(
			builder, p, 1, needs->planes[p].rows - needs->planes[p].picture_rows);
		waybuf_constraints_builder_size(builder, p, 1, BEYOND);
	}
	int ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

static bool plane_met(const struct needs *needs, uint32_t p, const struct waybuf_layout *layout)
{
	const struct waybuf_plane *plane = &layout->planes[p];
	const uint64_t end = plane->offset + (uint64_t)plane->stride * plane->rows;
	return plane->stride >= needs->planes[p].stride &&
		plane->stride % needs->planes[p].stride_multiple == 0 &&
		plane->rows >= needs->planes[p].rows && plane->slot < layout->n_memory &&
		end + BEYOND <= layout->memory[plane->slot].size;
}

bool needs_met(const struct needs *needs, const struct waybuf_layout *layout)
{
	if (layout->format != needs->format || layout->width != needs->width ||
		layout->height != needs->height || layout->n_planes != needs->n_planes)
		return false;
	for (uint32_t p = 0; p < layout->n_planes; p++)
		if (!plane_met(needs, p, layout))
			return false;
	return true;
}
