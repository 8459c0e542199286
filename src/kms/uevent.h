/* SPDX-License-Identifier: MIT */
#ifndef KMS_UEVENT_H
#define KMS_UEVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/loop.h"

/*
 * What the kernel says when a connector of a device is plugged or unplugged, or the device itself.
 * From its own netlink group, which needs no library and no udev daemon; in a container that does
 * not own its network namespace nothing is ever heard.
 */

enum waybuf_kms_uevent {
	WAYBUF_KMS_UEVENT_NONE, /* of something else */
	WAYBUF_KMS_UEVENT_HOTPLUG, /* its connectors are worth a look (waybuf_kms_device_refresh()) */
	WAYBUF_KMS_UEVENT_REMOVED, /* the device is gone, though its open files are not */
};

typedef void (*waybuf_kms_uevent_func_t)(void *data, enum waybuf_kms_uevent what);

struct waybuf_kms_uevents;

/*
 * Calls @func from @loop (borrowed until destroy) for each event of the device with the number
 * @rdev. 0, -ENOMEM, or the errno of socket() or bind().
 */
int waybuf_kms_uevents_create(struct waybuf_loop *loop, dev_t rdev, waybuf_kms_uevent_func_t func,
	void *data, struct waybuf_kms_uevents **out);
/* NULL is a no-op. */
void waybuf_kms_uevents_destroy(struct waybuf_kms_uevents *uevents);

/* What the @size bytes of one message mean for the device @rdev. */
enum waybuf_kms_uevent waybuf_kms_uevent_parse(const char *bytes, size_t size, dev_t rdev);

#endif
