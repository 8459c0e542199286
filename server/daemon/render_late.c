/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "fence/impl.h"
#include "renderer.h"
#include "util/fd.h"
#include "util/log.h"

/*
 * A GPU that does not get done in time is late, and not lost: it may wait for a fence that a client
 * has put onto its buffer after the latch. The CPU draws that picture and all that follow, until the
 * fence of the work has settled; so long what it reads is not given back, and nobody else draws into
 * what it writes.
 */
struct render_late {
	struct renderer *renderer;
	struct waybuf_list link; // renderer.late
	int fence_fd;
	struct waybuf_source *source; /* NULL: it cannot be watched */
	struct frame *frames[SCENE_MAX_LAYERS];
	uint32_t n_frames;
	struct render_left target;
};

bool render_is_idle(const struct waybuf_layout *layout, short events)
{
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		struct pollfd poll_fd = {.fd = layout->memory[i].fd, .events = events};
		if (layout->memory[i].kind == WAYBUF_MEMORY_DMABUF && poll(&poll_fd, 1, 0) != 1)
			return false;
	}
	return true;
}

/* The one that has the GPU wait: it would do so again. */
static void mark(struct frame *frame)
{
	struct render_import *import = frame->backing ? frame->backing->import : NULL;
	if (!import || render_is_idle(frame->grant.layout, POLLIN))
		return;
	import->refusal = "a fence on it has kept the GPU waiting";
	import->late = true;
}

/* wl_shm was copied, and what is on planes is not read. */
static void keep_frames(struct render_late *late, const struct render_job *job)
{
	for (uint32_t i = 0; job->scene && i < job->scene->n_layers; i++) {
		const struct scene_layer *layer = &job->scene->layers[i];
		if (layer->plane || layer->frame->shm)
			continue;
		mark(layer->frame);
		struct frame *frame = frame_read(layer->frame);
		if (frame)
			late->frames[late->n_frames++] = frame;
	}
}

static void release(struct render_late *late)
{
	late->renderer->n_late--;
	waybuf_source_remove(late->source);
	waybuf_list_remove(&late->link);
	fd_close(&late->fence_fd);
	for (uint32_t i = 0; i < late->n_frames; i++)
		frame_drop(late->frames[i]);
	if (late->target.release)
		late->target.release(late->target.data);
	free(late);
}

static bool has_failed(int fence_fd)
{
	int status;
	uint64_t ns;
	return waybuf_sync_file_info(fence_fd, &status, &ns) == 0 && status < 0;
}

static void handle_settled(int fd, uint32_t mask, void *data)
{
	struct render_late *late = data;
	if (has_failed(fd))
		late->renderer->lost = true;
	release(late);
}

/* The CPU does not draw into what the GPU is at. */
static int replace_target(struct render_late *late, struct render_job *job)
{
	if (!job->target.layout)
		return 0;
	return job->replace ? job->replace(job, &late->target) : -ETIMEDOUT;
}

int render_leave(struct render_job *job, bool writes)
{
	struct renderer *renderer = job->renderer;
	struct render_late *late = calloc(1, sizeof(*late));
	int error = 0;
	if (!late) {
		/* nobody would know when it is over */
		renderer->lost = true;
		fd_close(&job->fence_fd);
		return writes ? -ENOMEM : 0;
	}
	waybuf_debug("the GPU is late: pixman composes until it is done");
	late->renderer = renderer;
	late->fence_fd = job->fence_fd;
	job->fence_fd = -1;
	waybuf_list_append(&renderer->late, &late->link);
	keep_frames(late, job);
	late->source = waybuf_loop_add_fd(
		renderer->loop, late->fence_fd, WAYBUF_LOOP_READABLE, handle_settled, late, &error);
	if (!late->source)
		renderer->lost = true;
	return writes ? replace_target(late, job) : 0;
}

void render_leave_all(struct renderer *renderer)
{
	struct render_late *late, *tmp;
	waybuf_list_for_each_safe(late, tmp, &renderer->late, link)
		release(late);
}
