/* SPDX-License-Identifier: MIT */
#ifndef KMS_PENDING_H
#define KMS_PENDING_H

#include "fence/wait.h"
#include "kms/commit.h"

/*
 * A commit on its way: from the ioctl to its last flip event and its last capture. Made before the
 * ioctl, so that nothing can fail after it.
 */

struct waybuf_kms_capture {
	struct waybuf_kms_commit *commit; /* NULL: unused */
	struct waybuf_kms_crtc *crtc;
	uint64_t begun_ms; /* CLOCK_MONOTONIC */
	struct waybuf_fence *fence; /* NULL: over */
	struct waybuf_fence_wait wait;
};

struct waybuf_kms_commit {
	struct waybuf_kms_device *device;
	/* what its events carry; never used again, so that one that comes late is nobody else's */
	uintptr_t id;
	struct waybuf_list link; // waybuf_kms_device.commits
	uint32_t flips; /* CRTCs whose event has not come, a bit each */
	uint32_t captures; /* CRTCs whose writeback is not over */
	const struct waybuf_kms_listener *listener;
	void *data;
	struct waybuf_kms_capture capture[WAYBUF_KMS_MAX_CRTCS];
};

/* NULL: -ENOMEM. */
struct waybuf_kms_commit *waybuf_kms_pending_create(
	struct waybuf_kms_device *device, const struct waybuf_kms_commit_options *options);
/* The ioctl failed. NULL is a no-op. */
void waybuf_kms_pending_cancel(struct waybuf_kms_commit *commit);
/* The ioctl succeeded: events of @flips will come. */
void waybuf_kms_pending_start(struct waybuf_kms_commit *commit, uint32_t flips);
/* A capture on @crtc is over when the sync_file @fd (taken) signals. */
void waybuf_kms_pending_capture(
	struct waybuf_kms_commit *commit, struct waybuf_kms_crtc *crtc, int fd);

#endif
