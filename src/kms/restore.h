/* SPDX-License-Identifier: MIT */
#ifndef KMS_RESTORE_H
#define KMS_RESTORE_H

#include "kms/device.h"

/*
 * The display as it was found, to be left like that. Everything is kept that a commit could set:
 * each mutable property of each CRTC, connector and plane, and copies of the blobs they name, as
 * those of a program that has ended are gone by then. Also a display that was off is restored.
 *
 * Framebuffers are kept by id: the kernel's own console keeps its for ever, other programs as long
 * as they run. Where one is gone its plane is left off.
 */
struct waybuf_kms_restore;

/* Reads all of it; needs no master. 0, -ENOMEM, or an errno of the ioctls. */
int waybuf_kms_restore_save(struct waybuf_kms_device *device, struct waybuf_kms_restore **out);

/*
 * Puts it back, as far as it differs, in a blocking commit, and if the device refuses that, what
 * matters of it: modes and outputs without planes, or everything off. 0 or the errno of the last
 * attempt; -EACCES: we are not master, so the display is not ours to restore.
 */
int waybuf_kms_restore_apply(struct waybuf_kms_restore *restore, struct waybuf_kms_why *why);

/* NULL is a no-op. The device must still be there. */
void waybuf_kms_restore_destroy(struct waybuf_kms_restore *restore);

#endif
