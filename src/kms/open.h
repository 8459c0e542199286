/* SPDX-License-Identifier: MIT */
#ifndef KMS_OPEN_H
#define KMS_OPEN_H

#include "kms/device.h"

/* Opens nodes for us, and closes those that were only looked at: a session service, say. */
struct waybuf_kms_opener {
	/* an fd of @path that does not block, or a negative errno */
	int (*open)(void *data, const char *path);
	void (*close)(void *data, int fd);
	void *data;
};

/*
 * waybuf_kms_device_open() by way of @opener (NULL: open() and close()), which closes those that were
 * looked at. The one that is used is closed with *out, or if that cannot be made, and the opener hears
 * nothing of it.
 */
int waybuf_kms_device_open_by(const struct waybuf_kms_opener *opener, const char *path,
	enum waybuf_kms_mode mode, struct waybuf_kms_device **out, struct waybuf_kms_why *why);

#endif
