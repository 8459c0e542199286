/* SPDX-License-Identifier: MIT */
#ifndef KMS_WRITEBACK_H
#define KMS_WRITEBACK_H

#include "kms/commit.h"

/*
 * Captures: what a CRTC really shows, planes and all, written by the device into a framebuffer.
 *
 * A capture is part of a commit and shows what that commit shows. Nothing can be captured between
 * commits, so a picture of what is there already is a commit that changes nothing
 * (waybuf_kms_capture()). The fence of the capture, not the flip, says when the framebuffer is
 * complete and when the buffers that were shown are no longer read.
 */

/* The writeback connector for a CRTC; NULL if there is none. */
struct waybuf_kms_connector *waybuf_kms_writeback_find(
	struct waybuf_kms_device *device, const struct waybuf_kms_crtc *crtc);

/*
 * Adds a capture of @crtc into @fb (referenced), which has the size of its mode, to the state. It
 * holds for one commit. -ENOTSUP: no writeback connector; -ENODATA: the CRTC is off; -EINVAL: the
 * framebuffer has the wrong size or format. Where the connector was not taken along with the mode
 * (waybuf_kms_state_enable()) the commit becomes a modeset, and the display may flicker.
 */
int waybuf_kms_state_capture(struct waybuf_kms_state *state, struct waybuf_kms_crtc *crtc,
	struct waybuf_kms_fb *fb, struct waybuf_kms_why *why);

/*
 * Captures what @crtc shows now, with a non-blocking commit. -EBUSY while a commit is pending: then
 * add the capture to the next one. @options, @result and the other errors as in
 * waybuf_kms_state_commit() and above.
 */
int waybuf_kms_capture(struct waybuf_kms_crtc *crtc, struct waybuf_kms_fb *fb,
	const struct waybuf_kms_commit_options *options, struct waybuf_kms_commit_result *result,
	struct waybuf_kms_why *why);

#endif
