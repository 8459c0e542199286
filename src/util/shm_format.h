/* SPDX-License-Identifier: MIT */
#ifndef UTIL_SHM_FORMAT_H
#define UTIL_SHM_FORMAT_H

#include <stdint.h>

#include <drm_fourcc.h>

/*
 * wl_shm.format has numbers of its own for the two formats that everybody has, from before it took
 * those of DRM for all others.
 */
enum { SHM_FORMAT_ARGB8888, SHM_FORMAT_XRGB8888 };

static inline uint32_t shm_format_to_drm(uint32_t format)
{
	if (format == SHM_FORMAT_ARGB8888)
		return DRM_FORMAT_ARGB8888;
	return format == SHM_FORMAT_XRGB8888 ? DRM_FORMAT_XRGB8888 : format;
}

static inline uint32_t shm_format_from_drm(uint32_t format)
{
	if (format == DRM_FORMAT_ARGB8888)
		return SHM_FORMAT_ARGB8888;
	return format == DRM_FORMAT_XRGB8888 ? SHM_FORMAT_XRGB8888 : format;
}

#endif
