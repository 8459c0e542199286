/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_YUV_H
#define DAEMON_YUV_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>

#include "kms/state.h"

/*
 * YUV for composition. Chroma is taken from the nearest sample, as vkms does it, so that a frame looks
 * the same whether it is composed or scanned out.
 */

struct yuv_color {
	enum waybuf_kms_encoding encoding;
	bool full_range;
};

struct yuv_plane {
	const uint8_t *pixels;
	uint32_t stride;
};

/* Formats that yuv_convert() knows; 0 after the last one. */
#define YUV_FORMATS 25
uint32_t yuv_format(size_t index);
/* Whether yuv_convert() knows a DRM_FORMAT_*: planar and semi-planar, 8 and 16 bits a sample. */
bool yuv_readable(uint32_t format);

/* From the codes of a format to those of RGB, in 1 / 2^YUV_SHIFT. */
#define YUV_SHIFT 20
struct yuv_matrix {
	int32_t black, grey; /* the codes of no luma and of no chroma */
	int32_t y, rv, gu, gv, bu;
};

/* Where the codes are, for others who convert. Each is that word >> shift & mask. */
struct yuv_samples {
	bool swapped; /* V comes before U */
	int32_t hsub, vsub;
	int32_t most; /* of a word: it has 8 or 16 bits */
	int32_t shift, mask;
};

/* False: not a format of ours. */
bool yuv_describe(uint32_t format, const struct yuv_color *color, struct yuv_samples *samples,
	struct yuv_matrix *matrix);

/* A new picture of a part, without alpha. NULL: no memory, or not a format of ours. */
pixman_image_t *yuv_convert(uint32_t format, const struct yuv_color *color,
	const pixman_box32_t *part, const struct yuv_plane planes[3]);

#endif
