/* SPDX-License-Identifier: MIT */
#ifndef FFMPEG_NEEDS_H
#define FFMPEG_NEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libavcodec/avcodec.h>
#include <waybuf/buffer.h>
#include <waybuf/constraints.h>

/* What a codec wants of the memory of a frame. */
struct needs {
	enum AVPixelFormat pixel_format;
	uint32_t format; /* DRM_FORMAT_* */
	uint32_t width, height; /* of the picture, in pixels */
	uint32_t n_planes;
	struct {
		uint32_t stride, stride_multiple; /* bytes */
		uint32_t rows; /* at least, and of the picture only */
		uint32_t picture_rows;
	} planes[4];
};

/*
 * For a frame of @width x @height, as the codec counts (macroblocks included). NULL, or why such a
 * frame cannot be in a buffer that is shown; static text.
 */
const char *needs_describe(AVCodecContext *codec, enum AVPixelFormat pixel_format, int width,
	int height, struct needs *out);
bool needs_equal(const struct needs *a, const struct needs *b);
/* As constraints of a CPU that reads and writes. -ENOMEM, -EINVAL. */
int needs_constraints(const struct needs *needs, struct waybuf_constraints **out);
/* Whether that is what was got. A codec that writes beyond it would write over other memory. */
bool needs_met(const struct needs *needs, const struct waybuf_layout *layout);

#endif
