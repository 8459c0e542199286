/* SPDX-License-Identifier: MIT */
#ifndef KMS_DUMB_H
#define KMS_DUMB_H

#include "kms/fb.h"

/*
 * A picture of our own in the display controller's memory: a background, a cursor, the target of a
 * capture. For buffers that clients see there are exporters.
 */
struct waybuf_kms_dumb {
	struct waybuf_kms_fb *fb;
	struct waybuf_layout layout; /* its fd is the dumb's */
	void *pixels; /* mapped, readable and writable */
	uint64_t size; /* bytes of it */
};

/*
 * Zeroed. Formats of one plane with whole bytes per pixel only. -EOPNOTSUPP for others, or the
 * errno of what failed.
 */
int waybuf_kms_dumb_create(struct waybuf_kms_device *device, uint32_t width, uint32_t height,
	uint32_t format, struct waybuf_kms_dumb **out, struct waybuf_kms_why *why);
/* NULL is a no-op. */
void waybuf_kms_dumb_destroy(struct waybuf_kms_dumb *dumb);
/* Fills a 32-bit picture with one colour. */
void waybuf_kms_dumb_fill(struct waybuf_kms_dumb *dumb, uint32_t color);

#endif
