/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "fence/sync_file.h"
#include "gpu/egl.h"
#include "gpu/software.h"

/*
 * A copy has three ends: the worker's, when the commands are with the GPU; the GPU's, which a
 * sync_file tells; and the fence that was given out, which settles with the second.
 */
#define PATIENCE_MS 1000

struct gpu_copy {
	struct waybuf_job job;
	struct waybuf_gpu *gpu; /* referenced */
	struct waybuf_manager *manager;
	/* valid until the fence settles */
	const struct waybuf_layout *from, *to;
	struct waybuf_timeline *timeline; /* of its own: copies may end in any order */
	int error, fence_fd;
	struct waybuf_fence_wait wait;
	struct waybuf_list link; // waybuf_gpu.copies, while waited for
};

static void settle(struct gpu_copy *copy, int status)
{
	struct waybuf_timeline *timeline = copy->timeline;
	struct waybuf_gpu *gpu = copy->gpu;
	waybuf_fence_wait_finish(&copy->wait);
	waybuf_list_remove(&copy->link);
	free(copy);
	if (status < 0)
		waybuf_timeline_fail(timeline, 1, status);
	else
		waybuf_timeline_signal(timeline, 1);
	waybuf_timeline_destroy(timeline);
	gpu_unref(gpu);
}

void gpu_cancel_copies(struct waybuf_gpu *gpu)
{
	struct gpu_copy *copy, *tmp;
	waybuf_list_for_each_safe(copy, tmp, &gpu->copies, link)
		settle(copy, -ECANCELED);
}

static void handle_drawn(struct waybuf_fence_wait *wait, int status)
{
	settle(waybuf_container_of(wait, struct gpu_copy, wait), status);
}

/* ---- a fence that cannot be watched is waited for by the worker ------------------------------ */

static void run_wait(struct waybuf_job *job)
{
	struct gpu_copy *copy = waybuf_container_of(job, struct gpu_copy, job);
	struct pollfd poll_fd = {.fd = copy->fence_fd, .events = POLLIN};
	int ret = poll(&poll_fd, 1, PATIENCE_MS);
	copy->error = ret == 1 ? 0 : -EIO;
	close(copy->fence_fd);
}

static void handle_waited(struct waybuf_job *job)
{
	struct gpu_copy *copy = waybuf_container_of(job, struct gpu_copy, job);
	settle(copy, copy->error);
}

/* ---- the copy -------------------------------------------------------------------------------- */

static void run_copy(struct waybuf_job *job)
{
	struct gpu_copy *copy = waybuf_container_of(job, struct gpu_copy, job);
	copy->error = waybuf_gpu_copy(copy->gpu, copy->from, copy->to, &copy->fence_fd);
}

/* 1: over already, 0: watched, or a negative errno. */
static int watch(struct gpu_copy *copy)
{
	int status;
	int ret = waybuf_fence_wait_add_sync_file(
		&copy->wait, copy->fence_fd, copy->manager->loop, handle_drawn, &status);
	if (ret == 1 && status < 0)
		copy->error = status;
	return ret;
}

static void handle_submitted(struct waybuf_job *job)
{
	struct gpu_copy *copy = waybuf_container_of(job, struct gpu_copy, job);
	int ret = 1;
	if (copy->gpu->closing)
		copy->error = -ECANCELED;
	else if (copy->fence_fd >= 0)
		ret = watch(copy);
	if (ret < 0) {
		copy->job.run = run_wait;
		copy->job.done = handle_waited;
		if (waybuf_manager_submit(copy->manager, &copy->job) == 0)
			return;
		copy->error = ret;
	}
	if (copy->fence_fd >= 0)
		close(copy->fence_fd);
	if (ret == 0)
		waybuf_list_append(&copy->gpu->copies, &copy->link);
	else
		settle(copy, copy->error);
}

static int init(struct gpu_copy *copy, struct waybuf_fence **fence)
{
	int error = waybuf_timeline_create("gpu copy", &copy->timeline);
	if (error < 0)
		return error;
	error = waybuf_timeline_fence(copy->timeline, 1, fence);
	if (error < 0)
		goto err_timeline;
	error = waybuf_manager_submit(copy->manager, &copy->job);
	if (error < 0)
		goto err_fence;
	return 0;

err_fence:
	waybuf_fence_unref(*fence);
	*fence = NULL;
err_timeline:
	waybuf_timeline_destroy(copy->timeline);
	return error;
}

int waybuf_gpu_start_copy(struct waybuf_gpu *gpu, struct waybuf_manager *manager,
	const struct waybuf_layout *from, const struct waybuf_layout *to,
	struct waybuf_fence **fence)
{
	/* now, so that somebody else is asked */
	if (gpu->software && !gpu_software_takes_target(to))
		return -EOPNOTSUPP;
	struct gpu_copy *copy = calloc(1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	copy->job.run = run_copy;
	copy->job.done = handle_submitted;
	copy->gpu = gpu;
	copy->manager = manager;
	copy->from = from;
	copy->to = to;
	copy->fence_fd = -1;
	waybuf_fence_wait_init(&copy->wait);
	waybuf_list_init(&copy->link);
	int error = init(copy, fence);
	if (error < 0)
		free(copy);
	else
		gpu->refs++;
	return error;
}
