/* SPDX-License-Identifier: MIT */
#ifndef KMS_FB_H
#define KMS_FB_H

#include <waybuf/buffer.h>

#include "kms/device.h"

/*
 * Framebuffers: a layout made known to a display controller.
 *
 * A framebuffer keeps the memory alive by itself: the handles are dropped as soon as it exists, and
 * the fds of the layout may be closed. It does not keep the buffer's contents still: that is what
 * a claim is for (waybuf_buffer_claim()).
 */

/* What is wrong with a layout on this device. */
enum waybuf_kms_refusal {
	WAYBUF_KMS_ACCEPTED = 0,
	WAYBUF_KMS_BAD_LAYOUT, /* it is no valid image, on any device */
	WAYBUF_KMS_BAD_FORMAT, /* the device has no such (format, modifier) */
	WAYBUF_KMS_BAD_SIZE, /* larger or smaller than its framebuffers are */
	WAYBUF_KMS_NO_DMABUF, /* plain memory, which no device reaches */
	WAYBUF_KMS_UNREACHABLE, /* memory that this device cannot reach */
	WAYBUF_KMS_BAD_PITCH, /* stride or offset do not suit the device */
	WAYBUF_KMS_BAD_STATE, /* a plane does not take it where it was put */
	WAYBUF_KMS_EXHAUSTED, /* memory, fds, or master lost: another time it may do */
};

struct waybuf_kms_fb {
	unsigned refs;
	struct waybuf_kms_device *device;
	uint32_t id;
	uint32_t width, height;
	uint32_t format;
	uint64_t modifier;
};

/* A word for it. Static. */
const char *waybuf_kms_refusal_name(enum waybuf_kms_refusal refusal);

/*
 * Whether @layout is an image at all: planes as the format has them, each inside its memory. For
 * modifiers other than LINEAR only what holds for all of them is checked. 0 or -EINVAL.
 */
int waybuf_kms_check_layout(const struct waybuf_layout *layout, struct waybuf_kms_why *why);

/*
 * What can be told of @layout without asking the kernel, or looking at its fds: whether there can be
 * a framebuffer of it. WAYBUF_KMS_ACCEPTED: there may be.
 */
enum waybuf_kms_refusal waybuf_kms_fb_judge(struct waybuf_kms_device *device,
	const struct waybuf_layout *layout, struct waybuf_kms_why *why);

/*
 * @layout is borrowed. *refusal (may be NULL) says what kind of failure the errno is: -EINVAL for
 * BAD_LAYOUT, BAD_FORMAT, BAD_SIZE, NO_DMABUF and what the driver finds; else the errno of
 * PRIME_FD_TO_HANDLE or ADDFB2.
 */
int waybuf_kms_fb_create(struct waybuf_kms_device *device, const struct waybuf_layout *layout,
	struct waybuf_kms_fb **out, enum waybuf_kms_refusal *refusal, struct waybuf_kms_why *why);
struct waybuf_kms_fb *waybuf_kms_fb_ref(struct waybuf_kms_fb *fb);
/*
 * NULL is a no-op. What is still on the display stays there until it is replaced, also after the
 * last reference. The device must outlive it.
 */
void waybuf_kms_fb_unref(struct waybuf_kms_fb *fb);

#endif
