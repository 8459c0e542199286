/* SPDX-License-Identifier: MIT */
#ifndef KMS_FORMATS_H
#define KMS_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The (format, modifier) pairs of a plane or a writeback connector, in the driver's order. */
struct waybuf_kms_pair {
	uint32_t format; /* DRM_FORMAT_* */
	uint64_t modifier; /* DRM_FORMAT_MOD_* */
};

struct waybuf_kms_formats {
	struct waybuf_kms_pair *pairs;
	size_t n;
	/* the driver listed formats only: the pairs say LINEAR, and AddFB2 must not be given modifiers */
	bool implicit;
};

void waybuf_kms_formats_finish(struct waybuf_kms_formats *formats);

/* DRM_FORMAT_MOD_INVALID, a layout that only the driver knows, goes with any pair of the format. */
bool waybuf_kms_formats_have(
	const struct waybuf_kms_formats *formats, uint32_t format, uint64_t modifier);

/*
 * Reads an IN_FORMATS blob (struct drm_format_modifier_blob). The blob comes from a driver, but
 * its offsets are followed only as far as @size. -EINVAL if it does not hold together, -ENOMEM.
 */
int waybuf_kms_formats_parse(struct waybuf_kms_formats *formats, const void *blob, size_t size);

/* From a plain list: each with LINEAR, and marked implicit. -ENOMEM. */
int waybuf_kms_formats_from_list(
	struct waybuf_kms_formats *formats, const uint32_t *list, size_t n);

#endif
