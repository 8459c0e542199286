/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include <wayland-server-core.h>

#include "wl_buffer.h"

/* A wl_surface.commit in one call, from the parts that are public, too. */

/* Not one of ours is no failure: the host may know it. */
static int begin(
	struct wl_resource *buffer, struct waybuf_syncobj_points *points, struct waybuf_use **use)
{
	int ret = waybuf_use_begin(buffer, use);
	if (ret < 0)
		return ret == -EINVAL ? 0 : ret;
	(*use)->is_explicit = points->is_explicit;
	(*use)->release = points->release;
	points->release = NULL;
	return 0;
}

static int submit(const struct waybuf_use_commit_info *info,
	const struct waybuf_syncobj_points *points, struct waybuf_use *use)
{
	struct waybuf_grant grant = {0};
	int ret = use ? waybuf_use_latch(use, &grant) : 0;
	struct waybuf_fence *const fences[] = {points->acquire, grant.fence};
	/* an empty buffer has nothing to wait for */
	const int error = ret == -ENODATA ? 0 : ret;
	const struct waybuf_gate_part part = {
		.queue = info->queue,
		.content = info->attached,
		.fences = fences,
		.n_fences = 2,
		.error = points->error ? points->error : error,
	};
	const struct waybuf_gate_request request = {
		.parts = &part, .n_parts = 1, .commit = info->commit};
	return waybuf_gate_submit(info->gate, &request);
}

int waybuf_use_commit(const struct waybuf_use_commit_info *info, struct waybuf_use **use)
{
	struct waybuf_syncobj_points points;
	struct wl_resource *buffer = info->attached ? info->buffer : NULL;
	*use = NULL;
	int ret = waybuf_syncobj_surface_commit(info->surface, buffer, &points);
	if (ret < 0)
		return ret;
	if (buffer)
		ret = begin(buffer, &points, use);
	if (ret == 0)
		ret = submit(info, &points, *use);
	/* the commit may be gone by now, and *use with it, but not if nothing was kept */
	if (ret < 0) {
		waybuf_use_end(*use, NULL);
		*use = NULL;
		wl_resource_post_no_memory(info->surface);
		ret = -ENOMEM;
	}
	waybuf_syncobj_points_finish(&points);
	return ret;
}
