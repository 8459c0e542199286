/* SPDX-License-Identifier: MIT */
#include "gpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"
#include "gpu/gpu.h"
#include "util/log.h"

static int constraints(void *data, uint64_t access, struct waybuf_constraints **out)
{
	const struct daemon *daemon = data;
	return waybuf_gpu_constraints(daemon->gpu, access, out);
}

static int import_test(void *data, const struct waybuf_layout *layout)
{
	const struct daemon *daemon = data;
	return waybuf_gpu_import_test(daemon->gpu, layout);
}

static int copy(void *data, const struct waybuf_layout *from, const struct waybuf_layout *to,
	struct waybuf_fence **fence)
{
	const struct daemon *daemon = data;
	return waybuf_gpu_start_copy(
		daemon->gpu, waybuf_server_manager(daemon->server), from, to, fence);
}

static const struct waybuf_server_device_ops device_ops = {
	.constraints = constraints,
	.import_test = import_test,
	.copy = copy,
};

/* -ENODEV: none is wanted. */
static int open_gpu(struct daemon *daemon)
{
	const char *wanted = getenv("WAYBUF_GPU");
	if (wanted && strcmp(wanted, "software") == 0)
		return waybuf_gpu_create(-1, &daemon->gpu);
	if (wanted || !daemon->card)
		return -ENODEV;
	return waybuf_gpu_create(daemon->card->kms->fd, &daemon->gpu);
}

bool gpu_check_environment(void)
{
	const char *wanted = getenv("WAYBUF_GPU");
	if (!wanted || strcmp(wanted, "software") == 0 || strcmp(wanted, "none") == 0)
		return true;
	fprintf(stderr, "waybufd: WAYBUF_GPU is '%s': it may be none or software\n", wanted);
	return false;
}

static int add_device(struct daemon *daemon)
{
	struct waybuf_server_device_info info = {
		.kind = WAYBUF_DEVICE_RENDER,
		.name = waybuf_gpu_name(daemon->gpu),
		.ops = &device_ops,
		.data = daemon,
	};
	info.has_dev = waybuf_gpu_dev(daemon->gpu, &info.dev);
	return waybuf_server_add_device(daemon->server, &info, &daemon->gpu_device);
}

bool gpu_offer(struct daemon *daemon)
{
	int ret = open_gpu(daemon);
	if (ret < 0) {
		waybuf_info("no GPU: %s", strerror(-ret));
		return true;
	}
	daemon->implicit_fences = true;
	ret = add_device(daemon);
	if (ret < 0)
		fprintf(stderr, "waybufd: the GPU cannot be offered: %s\n", strerror(-ret));
	return ret == 0;
}

void gpu_finish(struct daemon *daemon)
{
	if (daemon->gpu_device)
		waybuf_server_remove_device(daemon->server, daemon->gpu_device);
	waybuf_gpu_destroy(daemon->gpu);
}
