/* SPDX-License-Identifier: MIT */
#ifndef KMS_STUB_H
#define KMS_STUB_H

struct waybuf_kms_device;

/*
 * A sync_file that is signalled already, for IN_FENCE_FD: a plane that has an explicit fence is
 * not made to wait for the implicit fences of its buffer. The kernel gives one out in two places:
 * a syncobj created signalled, and a dma-buf that nobody works on. A new fd, or -1 where neither
 * is to be had.
 */
int waybuf_kms_stub_fence(struct waybuf_kms_device *device);

#endif
