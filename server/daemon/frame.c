/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <wayland-server-core.h>

#include "core/account.h"
#include "core/cpu_access.h"
#include "core/pool.h"
#include "daemon.h"
#include "fence/impl.h"
#include "frame.h"
#include "render.h"
#include "surface.h"
#include "util/fd.h"

/* Ties the newest backing to a wl_buffer, until the client destroys it. */
struct tracker {
	struct wl_listener destroyed;
	struct backing *backing;
};

static void backing_unref(struct backing *backing)
{
	if (!backing || --backing->refs > 0)
		return;
	waybuf_kms_fb_unref(backing->fb);
	render_import_destroy(backing->import);
	for (uint32_t i = 0; i < backing->n_memory; i++) {
		waybuf_cpu_destroy(backing->cpu[i]);
		fd_close(&backing->memory[i].fd);
	}
	free(backing);
}

static void handle_destroyed(struct wl_listener *listener, void *data)
{
	struct tracker *tracker = wl_container_of(listener, tracker, destroyed);
	backing_unref(tracker->backing);
	free(tracker);
}

static struct tracker *get_tracker(struct wl_resource *buffer)
{
	struct wl_listener *listener = wl_resource_get_destroy_listener(buffer, handle_destroyed);
	struct tracker *tracker;
	if (listener)
		return wl_container_of(listener, tracker, destroyed);
	tracker = calloc(1, sizeof(*tracker));
	if (!tracker)
		return NULL;
	tracker->destroyed.notify = handle_destroyed;
	wl_resource_add_destroy_listener(buffer, &tracker->destroyed);
	return tracker;
}

/* A new reference; NULL: no memory. Without a resource the backing is the frame's alone. */
static struct backing *get_backing(struct wl_resource *buffer, uint32_t generation)
{
	struct tracker *tracker = buffer ? get_tracker(buffer) : NULL;
	if (buffer && !tracker)
		return NULL;
	struct backing *backing = tracker ? tracker->backing : NULL;
	if (!backing || backing->generation != generation) {
		backing = calloc(1, sizeof(*backing));
		if (!backing)
			return NULL;
		backing->generation = generation;
		if (tracker) {
			backing_unref(tracker->backing);
			tracker->backing = backing;
			backing->refs++;
		}
	}
	backing->refs++;
	return backing;
}

/*
 * Whether somebody can queue on the flip that ends this use: by its release point, by a grant of the
 * allocator's, or, a GPU's driver, by looking at the dma-buf. A client that has none of these learns
 * of the end by wl_buffer.release, and that follows the flip: the fence would have signalled by then.
 */
static bool wants_fence(const struct daemon *daemon, const struct frame *frame, bool has_points)
{
	const struct waybuf_buffer *memory = waybuf_use_buffer(frame->use);
	return has_points || frame->follows || daemon->implicit_fences ||
		(memory && !memory->pool->foreign);
}

static int begin_use(
	struct daemon *daemon, struct frame *frame, struct waybuf_syncobj_points *points)
{
	struct waybuf_server_buffer_info info;
	int ret = waybuf_use_begin(frame->resource, &frame->use);
	if (ret < 0)
		return ret;
	const struct waybuf_account *account = waybuf_server_client_account(
		frame->server, wl_resource_get_client(frame->resource));
	frame->owner = account ? account->id : 0;
	frame->follows = waybuf_server_buffer_get_info(frame->resource, &info) == 0 && info.follows;
	frame->wants_fence = wants_fence(daemon, frame, points->is_explicit);
	if (points->is_explicit)
		waybuf_use_set_explicit(frame->use);
	frame->release = points->release;
	points->release = NULL;
	return 0;
}

void frame_trace(
	const struct frame *frame, enum waybuf_trace_kind kind, uint64_t ns, uint64_t point)
{
	struct waybuf_trace_event event = frame->who;
	event.kind = kind;
	event.ns = ns;
	event.point = point;
	waybuf_server_trace(frame->server, &event);
}

static void describe(struct frame *frame, const struct surface *surface)
{
	pid_t pid = 0;
	wl_client_get_credentials(wl_resource_get_client(surface->resource), &pid, NULL, NULL);
	frame->who = (struct waybuf_trace_event){
		.client = pid,
		.surface = wl_resource_get_id(surface->resource),
		.buffer = wl_resource_get_id(frame->resource),
	};
}

int frame_create(struct surface *surface, struct wl_resource *buffer,
	struct waybuf_syncobj_points *points, struct frame **out)
{
	struct frame *frame = calloc(1, sizeof(*frame));
	if (!frame)
		return -ENOMEM;
	frame->refs = frame->readers = 1;
	frame->serial = ++surface->daemon->n_frames;
	frame->server = surface->daemon->server;
	frame->resource = buffer;
	frame->shm = shm_buffer_from_resource(buffer);
	if (frame->shm) {
		shm_buffer_use(frame->shm);
		shm_plane_begin(frame, surface);
	} else {
		int ret = begin_use(surface->daemon, frame, points);
		if (ret < 0) {
			free(frame);
			return ret;
		}
	}
	describe(frame, surface);
	frame->is_explicit = points->is_explicit;
	if (!frame->is_explicit)
		frame_trace(frame, WAYBUF_TRACE_ACQUIRE, 0, 0);
	*out = frame;
	return 0;
}

struct frame *frame_read(struct frame *frame)
{
	assert(frame->readers > 0);
	if (frame->release && waybuf_release_point_ref(frame->release) < 0)
		return NULL;
	frame->readers++;
	frame->refs++;
	return frame;
}

/*
 * Flips of one CRTC settle in the order of its commits, so the newest stands for all, and nobody is
 * asked whether it has settled, for it has just been made. Only the fence of a capture that was
 * given up has to stay beside it.
 */
static void add_end(struct frame *frame, struct waybuf_fence *fence)
{
	struct waybuf_fence *const both[] = {frame->end, fence};
	struct waybuf_fence *merged;
	if (!fence || waybuf_fence_known_status(fence) != 0)
		return;
	if (!frame->end || frame->end->context == fence->context ||
		waybuf_fence_merge(both, 2, &merged) < 0)
		merged = waybuf_fence_ref(fence);
	waybuf_fence_unref(frame->end);
	frame->end = merged;
}

bool frame_done(struct frame *frame, struct waybuf_fence *fence, uint64_t ns)
{
	assert(frame->readers > 0);
	waybuf_release_point_unref(frame->release, fence);
	add_end(frame, fence);
	if (--frame->readers > 0)
		return false;
	frame->release = NULL;
	frame->grant = (struct waybuf_grant){0};
	waybuf_use_done(frame->use, frame->end);
	waybuf_fence_unref(frame->end);
	frame->end = NULL;
	if (!frame->is_explicit)
		frame_trace(frame, WAYBUF_TRACE_RELEASE, ns, 0);
	return true;
}

void frame_drop_at(struct frame *frame, uint64_t ns)
{
	if (!frame)
		return;
	frame_done(frame, NULL, ns);
	frame_unref(frame);
}

void frame_drop(struct frame *frame)
{
	frame_drop_at(frame, 0);
}

void frame_unref(struct frame *frame)
{
	if (--frame->refs > 0)
		return;
	shm_plane_finish(frame);
	if (frame->shm)
		shm_buffer_end_use(frame->shm);
	else
		waybuf_use_end(frame->use, NULL);
	backing_unref(frame->backing);
	free(frame);
}

static int latch_shm(struct frame *frame, struct waybuf_fence **fence)
{
	frame->width = frame->shm->width;
	frame->height = frame->shm->height;
	frame->format = frame->shm->format;
	*fence = shm_plane_latch(frame);
	return 0;
}

static int latch_dmabuf(struct frame *frame, struct waybuf_fence **fence)
{
	int ret = waybuf_use_latch(frame->use, &frame->grant);
	if (ret < 0)
		return ret;
	const struct waybuf_layout *layout = frame->grant.layout;
	frame->width = layout->width;
	frame->height = layout->height;
	frame->format = layout->format;
	*fence = frame->grant.fence;
	if (frame->backing && frame->backing->generation == layout->generation)
		return 0;
	struct backing *backing = get_backing(frame->resource, layout->generation);
	if (!backing)
		return -ENOMEM;
	backing_unref(frame->backing);
	frame->backing = backing;
	return 0;
}

int frame_latch(struct frame *frame, struct waybuf_fence **fence)
{
	return frame->shm ? latch_shm(frame, fence) : latch_dmabuf(frame, fence);
}

struct waybuf_kms_fb *frame_fb(struct frame *frame, struct waybuf_kms_device *kms)
{
	struct backing *backing = frame->backing;
	bool tried =
		backing->refusal != WAYBUF_KMS_ACCEPTED && backing->refusal != WAYBUF_KMS_EXHAUSTED;
	if (!backing->fb && !tried)
		waybuf_kms_fb_create(
			kms, frame->grant.layout, &backing->fb, &backing->refusal, &backing->why);
	return backing->fb;
}

int frame_prepare_cpu(struct frame *frame)
{
	struct backing *backing = frame->backing;
	const struct waybuf_layout *layout = frame->grant.layout;
	while (backing->n_memory < layout->n_memory) {
		struct waybuf_memory *memory = &backing->memory[backing->n_memory];
		*memory = layout->memory[backing->n_memory];
		memory->fd = fd_dup(memory->fd);
		if (memory->fd < 0)
			return memory->fd;
		int ret = waybuf_cpu_create(
			memory, "composition", 0, &backing->cpu[backing->n_memory]);
		if (ret < 0) {
			fd_close(&memory->fd);
			return ret;
		}
		backing->cpu[backing->n_memory]->owner = frame->owner;
		backing->n_memory++;
	}
	return 0;
}
