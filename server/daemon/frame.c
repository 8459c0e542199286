/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <wayland-server-core.h>

#include "frame.h"
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

int frame_create(struct wl_resource *buffer, struct frame **out)
{
	struct frame *frame = calloc(1, sizeof(*frame));
	if (!frame)
		return -ENOMEM;
	frame->refs = 1;
	frame->resource = buffer;
	frame->shm = shm_buffer_from_resource(buffer);
	if (frame->shm) {
		shm_buffer_use(frame->shm);
	} else {
		int ret = waybuf_use_begin(buffer, &frame->use);
		if (ret < 0) {
			free(frame);
			return ret;
		}
	}
	*out = frame;
	return 0;
}

struct frame *frame_ref(struct frame *frame)
{
	frame->refs++;
	return frame;
}

void frame_unref(struct frame *frame)
{
	if (!frame || --frame->refs > 0)
		return;
	/* the flip that displaced it is over, and so are captures: there is no fence to wait for */
	if (frame->shm)
		shm_buffer_end_use(frame->shm);
	else
		waybuf_use_end(frame->use, NULL);
	backing_unref(frame->backing);
	free(frame);
}

static int latch_shm(struct frame *frame)
{
	frame->width = frame->shm->width;
	frame->height = frame->shm->height;
	frame->format = frame->shm->format;
	return 0;
}

static int latch_dmabuf(struct frame *frame)
{
	int ret = waybuf_use_latch(frame->use, &frame->grant);
	if (ret < 0)
		return ret;
	const struct waybuf_layout *layout = frame->grant.layout;
	frame->width = layout->width;
	frame->height = layout->height;
	frame->format = layout->format;
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
	int ret = frame->shm ? latch_shm(frame) : latch_dmabuf(frame);
	if (ret < 0)
		return ret;
	*fence = frame->shm ? NULL : frame->grant.fence;
	return 0;
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
		backing->n_memory++;
	}
	return 0;
}
