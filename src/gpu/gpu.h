/* SPDX-License-Identifier: MIT */
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include <sys/types.h>

#include "core/manager.h"

/*
 * A GPU by way of EGL and GLES 3: what it can render into, whether it takes this very buffer, and
 * copies between any two that it takes. It is not a renderer: whoever has one of his own answers
 * the same questions with that (struct waybuf_server_device_ops). A renderer may share it, with a
 * context of its own (gpu/egl.h).
 *
 * Copies run on the manager's worker, as a driver may block where it should not (compiling, waiting
 * for room in a ring); the worker does not wait for the GPU, whose own fence says when it is over.
 */
struct waybuf_gpu;

/*
 * The GPU behind @drm_fd (borrowed for the call; its render node is opened), or with -1 Mesa's
 * software renderer, which needs no device at all. -EOPNOTSUPP: no EGL here has what it takes, or
 * waybuf was built without; -ENODEV: the device has no render node; -ENOMEM, or open()'s errno.
 */
int waybuf_gpu_create(int drm_fd, struct waybuf_gpu **out);
/*
 * At the end, before the manager of its copies: those that are under way end with -ECANCELED as far as
 * anybody here is concerned. NULL is a no-op.
 */
void waybuf_gpu_destroy(struct waybuf_gpu *gpu);

/* Of the driver, for people. Borrowed. */
const char *waybuf_gpu_name(const struct waybuf_gpu *gpu);
/* Whether it is the CPU in disguise. */
bool waybuf_gpu_is_software(const struct waybuf_gpu *gpu);
/* Of the render node. False: there is none. */
bool waybuf_gpu_dev(const struct waybuf_gpu *gpu, dev_t *dev);
/* What it renders into, format by format. Borrowed. */
const struct waybuf_format_modifier *waybuf_gpu_pairs(const struct waybuf_gpu *gpu, size_t *n);

/* As the constraints of struct waybuf_server_device_ops. */
int waybuf_gpu_constraints(
	const struct waybuf_gpu *gpu, uint64_t access, struct waybuf_constraints **out);

/* 0 if it takes an image of this layout as a whole; -EINVAL if not. On any thread. */
int waybuf_gpu_import_test(const struct waybuf_gpu *gpu, const struct waybuf_layout *layout);

/*
 * As the copy of struct waybuf_server_device_ops, on the worker of @manager, which is the same for all
 * copies. -EOPNOTSUPP: not into this one; -ENOMEM, -EAGAIN, -ESHUTDOWN.
 */
int waybuf_gpu_start_copy(struct waybuf_gpu *gpu, struct waybuf_manager *manager,
	const struct waybuf_layout *from, const struct waybuf_layout *to,
	struct waybuf_fence **fence);

/*
 * Draws @from into @to, bit by bit the same in the pixels. On one thread at a time. 0, with a
 * sync_file in *fence_fd (the caller's), or -1: it is over; -EOPNOTSUPP: not these two; -EIO: the
 * driver failed, and nothing is known of the target.
 */
int waybuf_gpu_copy(const struct waybuf_gpu *gpu, const struct waybuf_layout *from,
	const struct waybuf_layout *to, int *fence_fd);

#endif
