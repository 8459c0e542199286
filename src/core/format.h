/* SPDX-License-Identifier: MIT */
#ifndef CORE_FORMAT_H
#define CORE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a DRM fourcc means in memory. A plane is a grid of blocks: block_width pixels side by side
 * in block_bytes bytes. Most formats have blocks of one pixel; R1 packs eight, YUYV two.
 */
struct waybuf_format {
	/** DRM_FORMAT_* */
	uint32_t format;
	uint8_t n_planes;
	/** how many pixels of the image one pixel of planes 1.. stands for */
	uint8_t hsub, vsub;
	bool is_yuv;
	bool has_alpha;
	/** per plane */
	uint8_t block_bytes[4];
	uint8_t block_width[4];
};

/** NULL if the table does not have it. Static. */
const struct waybuf_format *waybuf_format_get(uint32_t format);

/** Place in the table, which starts with what is best supported; SIZE_MAX if it is not there. */
size_t waybuf_format_rank(uint32_t format);

/** Bytes of a plane's row in an image @width pixels wide, without padding. False on overflow. */
bool waybuf_format_min_stride(
	const struct waybuf_format *format, uint32_t plane, uint64_t width, uint64_t *stride);

/** Rows of a plane in an image @height pixels high. */
uint64_t waybuf_format_plane_height(
	const struct waybuf_format *format, uint32_t plane, uint64_t height);

/** Pixels of a plane in an image @width pixels wide. */
uint64_t waybuf_format_plane_width(
	const struct waybuf_format *format, uint32_t plane, uint64_t width);

#define WAYBUF_FOURCC_LEN 5
#define WAYBUF_MODIFIER_LEN 24

/** "XR24", without trailing blanks; bytes that do not print appear as "?". */
const char *waybuf_fourcc_string(uint32_t format, char out[WAYBUF_FOURCC_LEN]);

/** The fourcc of a four letter name; shorter ones are padded with blanks ("R8"). 0 if it is none. */
uint32_t waybuf_fourcc_parse(const char *name);

/** "LINEAR", "INVALID", or the number in hex. */
const char *waybuf_modifier_string(uint64_t modifier, char out[WAYBUF_MODIFIER_LEN]);

#endif
