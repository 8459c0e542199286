/* SPDX-License-Identifier: MIT */
#ifndef CORE_COPY_H
#define CORE_COPY_H

#include "core/storage.h"

/*
 * A copy of one storage to another of the same image by the CPU: plane by plane and row by row,
 * because strides and offsets may differ, in brackets on both sides. Prepared on the loop's
 * thread, run on the worker's.
 */
struct waybuf_copy {
	/* borrowed; nobody else frees them while the copy runs */
	const struct waybuf_layout *from, *to;
	struct waybuf_cpu *from_cpu[WAYBUF_MAX_PLANES], *to_cpu[WAYBUF_MAX_PLANES];
};

/* -EOPNOTSUPP if one of them is not linear or the format is unknown; -ENOMEM. */
int waybuf_copy_prepare(
	struct waybuf_copy *copy, struct waybuf_storage *from, struct waybuf_storage *to);

/*
 * Blocks for the copy, but not for fences: others wait behind it. 0; -ETIMEDOUT: the kernel knows
 * of a writer; -EFAULT: memory of one of them is gone, because a file was cut off or a device
 * unplugged; or the errno of mmap() or DMA_BUF_IOCTL_SYNC.
 */
int waybuf_copy_run(const struct waybuf_copy *copy);

#endif
