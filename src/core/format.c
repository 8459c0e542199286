/* SPDX-License-Identifier: MIT */
#include "core/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/checked.h"
#include "util/fourcc.h"

#define FORMAT(name, planes, hsub, vsub, yuv, alpha, bytes0, bytes1, pixels0, pixels1) \
	{ \
		DRM_FORMAT_##name, planes, hsub, vsub, yuv, alpha, {bytes0, bytes1, bytes1}, \
		{ \
			pixels0, pixels1, pixels1 \
		} \
	}
/* One plane; bytes of a block, pixels of a block. */
#define PACKED(name, bytes, pixels, alpha) FORMAT(name, 1, 1, 1, false, alpha, bytes, 0, pixels, 1)
#define YUV_PACKED(name, bytes, pixels, alpha) \
	FORMAT(name, 1, 1, 1, true, alpha, bytes, 0, pixels, 1)
/* A luma plane and one of interleaved chroma. */
#define YUV_SEMI(name, hsub, vsub, bytes) \
	FORMAT(name, 2, hsub, vsub, true, false, bytes, 2 * (bytes), 1, 1)
/* Semi-planar with samples that share bytes, which no whole number of bytes per pixel describes. */
#define YUV_BITS(name, hsub, vsub, bytes0, bytes1, pixels0, pixels1) \
	FORMAT(name, 2, hsub, vsub, true, false, bytes0, bytes1, pixels0, pixels1)
#define YUV_PLANAR(name, hsub, vsub, bytes) \
	FORMAT(name, 3, hsub, vsub, true, false, bytes, bytes, 1, 1)

/*
 * In order of how good a choice a format is when several would do and nobody has a preference:
 * what every display and renderer takes first, then depth before thrift.
 */
static const struct waybuf_format formats[] = {
	PACKED(XRGB8888, 4, 1, false),
	PACKED(ARGB8888, 4, 1, true),
	PACKED(XBGR8888, 4, 1, false),
	PACKED(ABGR8888, 4, 1, true),
	YUV_SEMI(NV12, 2, 2, 1),
	YUV_SEMI(P010, 2, 2, 2),
	YUV_PLANAR(YUV420, 2, 2, 1),
	YUV_SEMI(NV21, 2, 2, 1),
	YUV_PLANAR(YVU420, 2, 2, 1),
	YUV_SEMI(NV16, 2, 1, 1),
	YUV_SEMI(NV61, 2, 1, 1),
	YUV_SEMI(NV24, 1, 1, 1),
	YUV_SEMI(NV42, 1, 1, 1),
	YUV_SEMI(P012, 2, 2, 2),
	YUV_SEMI(P016, 2, 2, 2),
	YUV_SEMI(P210, 2, 1, 2),
	YUV_PLANAR(YUV422, 2, 1, 1),
	YUV_PLANAR(YVU422, 2, 1, 1),
	YUV_PLANAR(YUV444, 1, 1, 1),
	YUV_PLANAR(YVU444, 1, 1, 1),
	YUV_PLANAR(S010, 2, 2, 2),
	YUV_PLANAR(S210, 2, 1, 2),
	YUV_PLANAR(S410, 1, 1, 2),
	YUV_PLANAR(S012, 2, 2, 2),
	YUV_PLANAR(S212, 2, 1, 2),
	YUV_PLANAR(S412, 1, 1, 2),
	YUV_PLANAR(S016, 2, 2, 2),
	YUV_PLANAR(S216, 2, 1, 2),
	YUV_PLANAR(S416, 1, 1, 2),
	PACKED(RGBX8888, 4, 1, false),
	PACKED(RGBA8888, 4, 1, true),
	PACKED(BGRX8888, 4, 1, false),
	PACKED(BGRA8888, 4, 1, true),
	PACKED(XRGB2101010, 4, 1, false),
	PACKED(ARGB2101010, 4, 1, true),
	PACKED(XBGR2101010, 4, 1, false),
	PACKED(ABGR2101010, 4, 1, true),
	PACKED(RGBX1010102, 4, 1, false),
	PACKED(RGBA1010102, 4, 1, true),
	PACKED(BGRX1010102, 4, 1, false),
	PACKED(BGRA1010102, 4, 1, true),
	PACKED(XRGB16161616, 8, 1, false),
	PACKED(ARGB16161616, 8, 1, true),
	PACKED(XBGR16161616, 8, 1, false),
	PACKED(ABGR16161616, 8, 1, true),
	PACKED(XRGB16161616F, 8, 1, false),
	PACKED(ARGB16161616F, 8, 1, true),
	PACKED(XBGR16161616F, 8, 1, false),
	PACKED(ABGR16161616F, 8, 1, true),
	PACKED(AXBXGXRX106106106106, 8, 1, true),
	PACKED(RGB888, 3, 1, false),
	PACKED(BGR888, 3, 1, false),
	PACKED(RGB565, 2, 1, false),
	PACKED(BGR565, 2, 1, false),
	PACKED(XRGB1555, 2, 1, false),
	PACKED(ARGB1555, 2, 1, true),
	PACKED(XBGR1555, 2, 1, false),
	PACKED(ABGR1555, 2, 1, true),
	PACKED(RGBX5551, 2, 1, false),
	PACKED(RGBA5551, 2, 1, true),
	PACKED(BGRX5551, 2, 1, false),
	PACKED(BGRA5551, 2, 1, true),
	PACKED(XRGB4444, 2, 1, false),
	PACKED(ARGB4444, 2, 1, true),
	PACKED(XBGR4444, 2, 1, false),
	PACKED(ABGR4444, 2, 1, true),
	PACKED(RGBX4444, 2, 1, false),
	PACKED(RGBA4444, 2, 1, true),
	PACKED(BGRX4444, 2, 1, false),
	PACKED(BGRA4444, 2, 1, true),
	PACKED(RGB332, 1, 1, false),
	PACKED(BGR233, 1, 1, false),
	YUV_PACKED(YUYV, 4, 2, false),
	YUV_PACKED(YVYU, 4, 2, false),
	YUV_PACKED(UYVY, 4, 2, false),
	YUV_PACKED(VYUY, 4, 2, false),
	YUV_PACKED(AYUV, 4, 1, true),
	YUV_PACKED(AVUY8888, 4, 1, true),
	YUV_PACKED(XYUV8888, 4, 1, false),
	YUV_PACKED(XVUY8888, 4, 1, false),
	YUV_PACKED(VUY888, 3, 1, false),
	YUV_PACKED(Y210, 8, 2, false),
	YUV_PACKED(Y212, 8, 2, false),
	YUV_PACKED(Y216, 8, 2, false),
	YUV_PACKED(Y410, 4, 1, true),
	YUV_PACKED(Y412, 8, 1, true),
	YUV_PACKED(Y416, 8, 1, true),
	YUV_PACKED(XVYU2101010, 4, 1, false),
	YUV_PACKED(XVYU12_16161616, 8, 1, false),
	YUV_PACKED(XVYU16161616, 8, 1, false),
	YUV_BITS(NV15, 2, 2, 5, 5, 4, 2),
	YUV_BITS(NV20, 2, 1, 5, 5, 4, 2),
	YUV_BITS(NV30, 1, 1, 5, 5, 4, 2),
	YUV_BITS(P030, 2, 2, 4, 8, 3, 3),
	YUV_PLANAR(Q410, 1, 1, 2),
	YUV_PLANAR(Q401, 1, 1, 2),
	YUV_PLANAR(YUV411, 4, 1, 1),
	YUV_PLANAR(YVU411, 4, 1, 1),
	YUV_PLANAR(YUV410, 4, 4, 1),
	YUV_PLANAR(YVU410, 4, 4, 1),
	PACKED(GR88, 2, 1, false),
	PACKED(RG88, 2, 1, false),
	PACKED(GR1616, 4, 1, false),
	PACKED(RG1616, 4, 1, false),
	PACKED(R8, 1, 1, false),
	PACKED(R10, 2, 1, false),
	PACKED(R12, 2, 1, false),
	PACKED(R16, 2, 1, false),
	PACKED(R4, 1, 2, false),
	PACKED(R2, 1, 4, false),
	PACKED(R1, 1, 8, false),
	PACKED(D8, 1, 1, false),
	PACKED(D4, 1, 2, false),
	PACKED(D2, 1, 4, false),
	PACKED(D1, 1, 8, false),
	PACKED(C8, 1, 1, false),
	PACKED(C4, 1, 2, false),
	PACKED(C2, 1, 4, false),
	PACKED(C1, 1, 8, false),
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

size_t waybuf_format_rank(uint32_t format)
{
	for (size_t i = 0; i < N_FORMATS; i++) {
		if (formats[i].format == format)
			return i;
	}
	return SIZE_MAX;
}

const struct waybuf_format *waybuf_format_get(uint32_t format)
{
	size_t rank = waybuf_format_rank(format);
	return rank == SIZE_MAX ? NULL : &formats[rank];
}

static uint64_t divide_up(uint64_t value, uint64_t by)
{
	return value / by + (value % by != 0);
}

uint64_t waybuf_format_plane_width(
	const struct waybuf_format *format, uint32_t plane, uint64_t width)
{
	return plane == 0 ? width : divide_up(width, format->hsub);
}

/* An odd image still has chroma for its last row. */
uint64_t waybuf_format_plane_height(
	const struct waybuf_format *format, uint32_t plane, uint64_t height)
{
	return plane == 0 ? height : divide_up(height, format->vsub);
}

bool waybuf_format_min_stride(
	const struct waybuf_format *format, uint32_t plane, uint64_t width, uint64_t *stride)
{
	uint64_t pixels = waybuf_format_plane_width(format, plane, width);
	uint64_t blocks = divide_up(pixels, format->block_width[plane]);
	return checked_mul(blocks, format->block_bytes[plane], stride);
}

const char *waybuf_fourcc_string(uint32_t format, char out[WAYBUF_FOURCC_LEN])
{
	for (unsigned int i = 0; i < 4; i++) {
		char c = (char)(format >> (8 * i) & (i == 3 ? 0x7f : 0xff));
		out[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	size_t length = 4;
	while (length > 1 && out[length - 1] == ' ')
		length--;
	out[length] = '\0';
	return out;
}

uint32_t waybuf_fourcc_parse(const char *name)
{
	size_t length = strlen(name);
	if (length == 0 || length > 4)
		return 0;
	uint32_t format = 0;
	for (unsigned int i = 0; i < 4; i++) {
		char c = i < length ? name[i] : ' ';
		if (c < ' ' || c > '~')
			return 0;
		format |= (uint32_t)(unsigned char)c << (8 * i);
	}
	return format;
}

const char *waybuf_modifier_string(uint64_t modifier, char out[WAYBUF_MODIFIER_LEN])
{
	if (modifier == DRM_FORMAT_MOD_LINEAR)
		snprintf(out, WAYBUF_MODIFIER_LEN, "LINEAR");
	else if (modifier == DRM_FORMAT_MOD_INVALID)
		snprintf(out, WAYBUF_MODIFIER_LEN, "INVALID");
	else
		snprintf(out, WAYBUF_MODIFIER_LEN, "0x%016" PRIx64, modifier);
	return out;
}
