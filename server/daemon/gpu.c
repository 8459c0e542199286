/* SPDX-License-Identifier: MIT */
#include "gpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"
#include "gles.h"
#include "gpu/gpu.h"
#include "output.h"
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

/* ---- composition --------------------------------------------------------------------------- */

/* The one that is offered, or else Mesa's software renderer, for who wants one by name. */
static int open_renderer(struct daemon *daemon, const char **why)
{
	struct waybuf_gpu *gpu = daemon->gpu;
	*why = "there is no EGL that imports dma-bufs";
	int ret = gpu ? 0 : waybuf_gpu_create(-1, &gpu);
	if (ret == 0)
		ret = gles_create(gpu, daemon->loop, daemon->worker, &daemon->renderer, why);
	if (gpu && !daemon->gpu)
		waybuf_gpu_destroy(gpu);
	return ret;
}

/* NULL, or what speaks against gles where nobody has asked for it. */
static const char *against_gles(const struct daemon *daemon)
{
	if (!daemon->gpu)
		return "the display has no GPU";
	return waybuf_gpu_is_software(daemon->gpu) ? "the GPU is a software renderer" : NULL;
}

/* What would be read back each time is better drawn where it is. */
static bool takes_displays(struct daemon *daemon)
{
	const struct output *output;
	wl_list_for_each(output, &daemon->outputs, link) {
		const struct waybuf_kms_dumb *dumb = output->slots[0].dumb;
		if (dumb && !gles_takes_target(daemon->renderer, &dumb->layout))
			return false;
	}
	return true;
}

static void choose_best(struct daemon *daemon)
{
	const char *why = against_gles(daemon);
	if (!why && open_renderer(daemon, &why) == 0 && !takes_displays(daemon)) {
		render_stop(daemon->renderer);
		render_finish(daemon->renderer);
		daemon->renderer = NULL;
		why = "the GPU does not draw into the display's memory";
	}
	if (!daemon->renderer)
		waybuf_info("pixman composes: %s", why);
}

bool gpu_choose_renderer(struct daemon *daemon)
{
	const char *why;
	if (daemon->options->renderer == RENDERER_PIXMAN)
		return true;
	if (daemon->options->renderer == RENDERER_AUTO)
		choose_best(daemon);
	else if (open_renderer(daemon, &why) < 0) {
		fprintf(stderr, "waybufd: --renderer gles cannot be had: %s; use pixman\n", why);
		return false;
	}
	if (daemon->renderer)
		waybuf_info("gles composes, on %s", render_device(daemon->renderer));
	return true;
}

void gpu_finish(struct daemon *daemon)
{
	if (daemon->gpu_device)
		waybuf_server_remove_device(daemon->server, daemon->gpu_device);
	waybuf_gpu_destroy(daemon->gpu);
}
