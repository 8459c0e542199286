/* SPDX-License-Identifier: MIT */
#ifndef UTIL_FOURCC_H
#define UTIL_FOURCC_H

#include <drm_fourcc.h>

/*
 * Formats that the kernel has since 6.16 and libdrm since 2.4.125: planes of Y, Cb and Cr in words of
 * 16 bits, with the samples in the low ones and zeroes above them. Software decoders write these.
 */
#ifndef DRM_FORMAT_S010
#define DRM_FORMAT_S010 fourcc_code('S', '0', '1', '0')
#define DRM_FORMAT_S210 fourcc_code('S', '2', '1', '0')
#define DRM_FORMAT_S410 fourcc_code('S', '4', '1', '0')
#define DRM_FORMAT_S012 fourcc_code('S', '0', '1', '2')
#define DRM_FORMAT_S212 fourcc_code('S', '2', '1', '2')
#define DRM_FORMAT_S412 fourcc_code('S', '4', '1', '2')
#define DRM_FORMAT_S016 fourcc_code('S', '0', '1', '6')
#define DRM_FORMAT_S216 fourcc_code('S', '2', '1', '6')
#define DRM_FORMAT_S416 fourcc_code('S', '4', '1', '6')
#endif

#endif
