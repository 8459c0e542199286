/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "gpu/gpu.h"

/* Built without EGL: there is no GPU, and so the rest of gpu.h is never called. */

int waybuf_gpu_create(int drm_fd, struct waybuf_gpu **out)
{
	(void)drm_fd;
	(void)out;
	return -EOPNOTSUPP;
}

void waybuf_gpu_destroy(struct waybuf_gpu *gpu)
{
	(void)gpu;
}

const char *waybuf_gpu_name(const struct waybuf_gpu *gpu)
{
	(void)gpu;
	return NULL;
}

bool waybuf_gpu_is_software(const struct waybuf_gpu *gpu)
{
	(void)gpu;
	return false;
}

bool waybuf_gpu_dev(const struct waybuf_gpu *gpu, dev_t *dev)
{
	(void)gpu;
	(void)dev;
	return false;
}

int waybuf_gpu_constraints(
	const struct waybuf_gpu *gpu, uint64_t access, struct waybuf_constraints **out)
{
	(void)gpu;
	(void)access;
	(void)out;
	return -EOPNOTSUPP;
}

int waybuf_gpu_import_test(const struct waybuf_gpu *gpu, const struct waybuf_layout *layout)
{
	(void)gpu;
	(void)layout;
	return -EOPNOTSUPP;
}

int waybuf_gpu_start_copy(struct waybuf_gpu *gpu, struct waybuf_manager *manager,
	const struct waybuf_layout *from, const struct waybuf_layout *to,
	struct waybuf_fence **fence)
{
	(void)gpu;
	(void)manager;
	(void)from;
	(void)to;
	(void)fence;
	return -EOPNOTSUPP;
}
