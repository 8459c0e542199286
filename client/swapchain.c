/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <waybuf/fence.h>

#include "fence/sync_file.h"
#include "util/fd.h"

/*
 * Pools with fences in and out. What happens to them:
 *
 *			the server shows the images		a compositor that knows nothing of it
 *	points		acquire point, and unmap_fence for	acquire point; back when the release
 *			other participants; back with the	point has a fence, which is what acquire
 *			next grant and its fence		gives
 *	files		unmap_fence; back with the next grant	-
 *	implicit	waited for, then unmap			onto the dma-bufs; back with
 *								wl_buffer.release, and acquire gives
 *								what is on the dma-bufs then
 *
 * Memory that is no dma-buf takes no fences: whatever works on it is waited for in submit.
 */
struct waybuf_client_swapchain {
	struct waybuf_client *client;
	struct wl_surface *surface; /* NULL: that of a connection that is over */
	struct client_timelines *timelines; /* NULL: no points */
	struct waybuf_client_pool *pool;
	struct waybuf_client_pool *former; /* from before a resize, and shown yet; NULL: none */
};

static bool is_integrated(const struct waybuf_client *client)
{
	return client->capabilities & WAYBUF_CLIENT_INTEGRATED;
}

static bool takes_files(const struct waybuf_client *client)
{
	return is_integrated(client) && client->capabilities & WAYBUF_CLIENT_SYNC_FILE;
}

static bool is_dmabuf(const struct waybuf_layout *layout)
{
	for (uint32_t i = 0; i < layout->n_memory; i++)
		if (layout->memory[i].kind != WAYBUF_MEMORY_DMABUF)
			return false;
	return true;
}

/* ---- what pools ask ------------------------------------------------------------------------ */

bool client_swapchain_has_points(const struct waybuf_client_swapchain *chain)
{
	return chain && chain->timelines;
}

int client_swapchain_wake_fd(const struct waybuf_client_swapchain *chain)
{
	return client_swapchain_has_points(chain) ? client_timelines_wake_fd(chain->timelines) : -1;
}

void client_swapchain_refresh(
	struct waybuf_client_swapchain *chain, struct waybuf_client_pool *pool)
{
	/* first, so that what comes while we look wakes the next wait */
	if (chain->timelines)
		client_timelines_drain(chain->timelines);
	for (uint32_t i = 0; i < pool->count; i++) {
		struct waybuf_client_buffer *buffer = pool->buffers[i];
		int fence = -1;
		/* whose commit had points, though later ones may have none */
		if (buffer->state != CLIENT_BUFFER_SHOWN || !buffer->release.syncobj ||
			!client_timelines_take_release(buffer, &fence))
			continue;
		client_buffer_displayed(buffer);
		if (buffer->state == CLIENT_BUFFER_READY)
			buffer->fence = fence;
		else
			fd_close(&fence);
	}
}

void client_swapchain_drop_points(struct waybuf_client_swapchain *chain)
{
	client_timelines_destroy(chain->timelines);
	chain->timelines = NULL;
}

void client_swapchain_detach(struct waybuf_client_swapchain *chain)
{
	client_swapchain_drop_points(chain);
	chain->surface = NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

int waybuf_client_swapchain_set_surface(
	struct waybuf_client_swapchain *chain, struct wl_surface *surface, int drm_fd)
{
	if (!surface)
		return client_fail(chain->client, -EINVAL, "swapchain: no surface");
	/* a second object for its points would be a protocol error */
	if (surface == chain->surface)
		return client_fail(chain->client, -EINVAL, "swapchain: the same surface");
	struct client_timelines *timelines = NULL;
	int ret = -EOPNOTSUPP;
	/* a surface with points takes nothing but dma-bufs */
	if (waybuf_client_pool_get_path(chain->pool) != WAYBUF_CLIENT_PATH_SHM)
		ret = client_timelines_create(chain->client, surface, drm_fd, &timelines);
	if (ret < 0 && ret != -EOPNOTSUPP)
		return client_fail(chain->client, ret, "swapchain: points: %s", strerror(-ret));
	client_timelines_destroy(chain->timelines);
	chain->timelines = timelines;
	chain->surface = surface;
	return 0;
}

static int create_pool(struct waybuf_client_swapchain *chain,
	const struct waybuf_client_pool_options *wanted, struct waybuf_client_pool **out)
{
	struct waybuf_client_pool_options options = *wanted;
	options.display = true;
	int ret = waybuf_client_pool_create(chain->client, &options, out);
	if (ret == 0)
		(*out)->swapchain = chain;
	return ret;
}

int waybuf_client_swapchain_create(struct waybuf_client *client,
	const struct waybuf_client_swapchain_options *options, struct waybuf_client_swapchain **out)
{
	int ret = client_check(client);
	if (ret < 0)
		return ret;
	struct waybuf_client_swapchain *chain = calloc(1, sizeof(*chain));
	if (!chain)
		return client_fail(client, -ENOMEM, "swapchain: out of memory");
	chain->client = client;
	ret = create_pool(chain, &options->pool, &chain->pool);
	if (ret == 0)
		ret = waybuf_client_swapchain_set_surface(chain, options->surface, options->drm_fd);
	if (ret < 0) {
		waybuf_client_swapchain_destroy(chain);
		return ret;
	}
	*out = chain;
	return 0;
}

void waybuf_client_swapchain_destroy(struct waybuf_client_swapchain *chain)
{
	if (!chain)
		return;
	waybuf_client_pool_destroy(chain->former);
	waybuf_client_pool_destroy(chain->pool);
	client_timelines_destroy(chain->timelines);
	free(chain);
}

enum waybuf_client_fences waybuf_client_swapchain_get_fences(
	const struct waybuf_client_swapchain *chain)
{
	if (chain->timelines)
		return WAYBUF_CLIENT_FENCES_POINTS;
	return takes_files(chain->client) ? WAYBUF_CLIENT_FENCES_FILES
					  : WAYBUF_CLIENT_FENCES_IMPLICIT;
}

struct waybuf_client_pool *waybuf_client_swapchain_get_pool(struct waybuf_client_swapchain *chain)
{
	return chain->pool;
}

/* ---- resize -------------------------------------------------------------------------------- */

/* Somebody holds one of its buffers, or looks at it: QUEUED is behind the reader of a present. */
static bool is_in_use(struct waybuf_client_pool *pool)
{
	if (client_pool_drop_former(pool))
		return true;
	for (uint32_t i = 0; i < pool->count; i++) {
		enum client_buffer_state state = pool->buffers[i]->state;
		if (state == CLIENT_BUFFER_SHOWN || state == CLIENT_BUFFER_ACQUIRED ||
			(state == CLIENT_BUFFER_QUEUED && i == pool->shown))
			return true;
	}
	return false;
}

static void drop_former(struct waybuf_client_swapchain *chain)
{
	if (!chain->former)
		return;
	client_swapchain_refresh(chain, chain->former);
	if (is_in_use(chain->former))
		return;
	waybuf_client_pool_destroy(chain->former);
	chain->former = NULL;
}

int waybuf_client_swapchain_resize(
	struct waybuf_client_swapchain *chain, uint32_t width, uint32_t height)
{
	struct waybuf_client_pool *pool = NULL, *before = chain->pool;
	const struct waybuf_client_pool_options options = {
		.width = width,
		.height = height,
		.count = before->count,
		.name = before->name[0] ? before->name : NULL,
		.constraints = before->constraints,
	};
	int ret = create_pool(chain, &options, &pool);
	if (ret < 0)
		return ret;
	chain->pool = pool;
	/* where nothing of it is shown, what was shown before still is */
	if (chain->former && !is_in_use(before)) {
		waybuf_client_pool_destroy(before);
		return 0;
	}
	waybuf_client_pool_destroy(chain->former);
	chain->former = before;
	drop_former(chain);
	return 0;
}

/* ---- acquire ------------------------------------------------------------------------------- */

/* What others have put on the dma-bufs since: a compositor's GPU may read on after its release. */
static int implicit_fence(const struct waybuf_layout *layout, int *out)
{
	struct waybuf_fence *fences[WAYBUF_MAX_PLANES], *all = NULL;
	size_t n = 0;
	int ret = 0;
	for (uint32_t i = 0; i < layout->n_memory && ret == 0; i++) {
		if (layout->memory[i].kind != WAYBUF_MEMORY_DMABUF)
			continue;
		ret = waybuf_dmabuf_export_fence(layout->memory[i].fd, true, &fences[n]);
		if (ret == 0)
			n++;
		else if (ret == -EOPNOTSUPP || ret == -EINVAL)
			ret = 0;
	}
	if (ret == 0)
		ret = waybuf_fence_merge(fences, n, &all);
	if (ret == 0 && waybuf_fence_status(all) == 0)
		ret = waybuf_fence_to_sync_file(all, out);
	waybuf_fence_unref(all);
	while (n > 0)
		waybuf_fence_unref(fences[--n]);
	return ret;
}

static int take_fence(
	struct waybuf_client_swapchain *chain, struct waybuf_client_buffer *buffer, int *fence)
{
	*fence = -1;
	if (buffer->fence >= 0) {
		int fd = fd_dup(buffer->fence);
		if (fd < 0)
			return fd;
		*fence = fd;
		return 0;
	}
	if (is_integrated(chain->client) || chain->timelines)
		return 0;
	return implicit_fence(&buffer->storage->layout, fence);
}

int waybuf_client_swapchain_acquire(struct waybuf_client_swapchain *chain, int timeout_ms,
	struct waybuf_client_buffer **out, int *fence)
{
	struct waybuf_client_buffer *buffer;
	drop_former(chain);
	int ret = waybuf_client_pool_acquire(chain->pool, timeout_ms, &buffer);
	if (ret < 0)
		return ret;
	ret = take_fence(chain, buffer, fence);
	if (ret < 0) {
		buffer->state = CLIENT_BUFFER_READY;
		return client_fail(chain->client, ret, "acquire: fence: %s", strerror(-ret));
	}
	*out = buffer;
	return 0;
}

/* ---- submit -------------------------------------------------------------------------------- */

/* Takes the reference: it has settled, and is not needed any more. */
static int wait_here(struct waybuf_client *client, struct waybuf_fence **fence)
{
	int fd, own;
	int ret = waybuf_fence_lend_sync_file(*fence, &fd, &own);
	if (ret < 0)
		return ret;
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS, left;
	do {
		left = deadline - client_now_ms();
		ret = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
	} while (ret < 0 && errno == EINTR);
	fd_close(&own);
	if (ret <= 0)
		return client_fail(client, -ETIME, "submit: the work did not end");
	waybuf_fence_unref(*fence);
	*fence = NULL;
	return 0;
}

/* The server shows the image: the write ends with the fence, and it is asked for again. */
static int submit_to_server(struct waybuf_client_swapchain *chain,
	struct waybuf_client_buffer *buffer, struct wl_buffer *wl_buffer,
	struct waybuf_fence **fence)
{
	bool travels = takes_files(chain->client) && is_dmabuf(&buffer->storage->layout);
	int fd = -1, own = -1;
	int ret = *fence && !travels ? wait_here(chain->client, fence) : 0;
	if (ret == 0 && *fence)
		ret = waybuf_fence_lend_sync_file(*fence, &fd, &own);
	if (ret == 0 && chain->timelines)
		ret = client_timelines_set(chain->timelines, buffer, *fence);
	if (ret == 0) {
		client_buffer_unmap_fence(buffer, fd);
		client_present_commit(buffer, chain->surface, wl_buffer);
		client_buffer_map(buffer);
	}
	fd_close(&own);
	return ret;
}

static int leave_implicit(struct waybuf_client *client, const struct waybuf_layout *layout,
	struct waybuf_fence **fence)
{
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		int ret = waybuf_dmabuf_import_fence(layout->memory[i].fd, true, *fence);
		if (ret < 0)
			return wait_here(client, fence);
	}
	return 0;
}

static int submit_to_other(struct waybuf_client_swapchain *chain,
	struct waybuf_client_buffer *buffer, struct wl_buffer *wl_buffer,
	struct waybuf_fence **fence)
{
	int ret = 0;
	if (chain->timelines)
		ret = client_timelines_set(chain->timelines, buffer, *fence);
	else if (*fence)
		ret = leave_implicit(chain->client, &buffer->storage->layout, fence);
	if (ret < 0)
		return ret;
	if (!chain->timelines)
		client_timeline_finish(&buffer->release);
	client_present_commit(buffer, chain->surface, wl_buffer);
	buffer->state = CLIENT_BUFFER_SHOWN;
	return 0;
}

static int submit(struct waybuf_client_swapchain *chain, struct waybuf_client_buffer *buffer,
	struct waybuf_fence **fence)
{
	struct wl_buffer *wl_buffer = NULL;
	if (buffer->pool != chain->pool)
		return client_fail(
			chain->client, -EINVAL, "submit: the image is from before a resize");
	int ret = client_present_check(buffer, chain->surface);
	if (ret == 0)
		ret = client_present_bind(buffer, &wl_buffer);
	if (ret < 0)
		return ret;
	ret = is_integrated(chain->client) ? submit_to_server(chain, buffer, wl_buffer, fence)
					   : submit_to_other(chain, buffer, wl_buffer, fence);
	if (ret < 0 && ret != -ETIME)
		client_fail(chain->client, ret, "submit: %s", strerror(-ret));
	return ret;
}

int waybuf_client_swapchain_submit(
	struct waybuf_client_swapchain *chain, struct waybuf_client_buffer *buffer, int fence)
{
	struct waybuf_fence *work = NULL;
	int ret = fence >= 0 ? waybuf_fence_from_sync_file(fence, &work) : 0;
	if (ret < 0)
		return client_fail(chain->client, ret, "submit: fence: %s", strerror(-ret));
	/* one that has failed is passed on, so that whoever reads learns of it */
	if (work && waybuf_fence_status(work) == 1) {
		waybuf_fence_unref(work);
		work = NULL;
	}
	ret = submit(chain, buffer, &work);
	waybuf_fence_unref(work);
	/* A socket that is full is tried again by the next dispatch or acquire. */
	if (ret == 0)
		client_flush(chain->client);
	return ret;
}
