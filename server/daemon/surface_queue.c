/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "daemon.h"
#include "presentation.h"
#include "surface_state.h"
#include "util/log.h"

/*
 * Between wl_surface.commit and the current state: commits that the gate has. A commit is ours
 * again when the gate calls back, or when it answers at once.
 */

static struct surface_commit *commit_create(struct surface *surface, struct surface_state *state)
{
	struct surface_commit *commit = calloc(1, sizeof(*commit));
	if (!commit)
		return NULL;
	commit->surface = surface;
	surface_state_init(&commit->state);
	surface_state_fold(&commit->state, state);
	wl_list_insert(surface->commits.prev, &commit->link);
	return commit;
}

static void commit_destroy(struct surface_commit *commit)
{
	wl_list_remove(&commit->link);
	surface_state_finish(&commit->state);
	free(commit);
}

/* As waybuf_gate_submit(). */
static int submit(struct surface_commit *commit, const struct surface_fences *fences)
{
	struct surface *surface = commit->surface;
	const struct waybuf_gate_part part = {
		.queue = surface->queue,
		.content = commit->state.changes & SURFACE_BUFFER,
		.fences = fences->fence,
		.n_fences = 2,
		.error = fences->error,
	};
	const struct waybuf_gate_request request = {.parts = &part, .n_parts = 1, .commit = commit};
	return waybuf_gate_submit(surface->daemon->gate, &request);
}

static void trace(const struct surface_commit *commit, enum waybuf_trace_kind kind, uint64_t point)
{
	if (commit->state.frame)
		frame_trace(commit->state.frame, kind, 0, point);
}

/* @ns: for the trace */
static void apply(struct surface_commit *commit, uint64_t ns)
{
	if (commit->state.frame)
		frame_trace(commit->state.frame, WAYBUF_TRACE_LATCH, ns, 0);
	surface_apply(commit->surface, &commit->state);
	commit_destroy(commit);
}

static void forget_content(struct surface_state *state)
{
	frame_drop(state->frame);
	state->frame = NULL;
	state->changes &= ~(uint32_t)SURFACE_BUFFER;
	presentation_discard(&state->feedbacks);
}

/*
 * While it waited, the buffer's contents may have moved into other memory. True: that has a fence of
 * its own, and it waits again.
 */
static bool latch_again(struct surface_commit *commit)
{
	struct surface_fences fences = {0};
	struct frame *frame = commit->state.frame;
	if (!frame || !frame->follows)
		return false;
	int ret = frame_latch(frame, &fences.fence[0]);
	if (ret == 0 && (!fences.fence[0] || waybuf_fence_status(fences.fence[0]) == 1))
		return false;
	if (ret == 0)
		ret = submit(commit, &fences);
	if (ret < 0)
		forget_content(&commit->state);
	return ret == 0;
}

static void handle_ready(void *data)
{
	struct surface_commit *commit = data;
	if (!latch_again(commit))
		apply(commit, 0);
}

static void handle_fold(void *older_data, void *newer_data)
{
	struct surface_commit *older = older_data, *newer = newer_data;
	if (newer->state.changes & SURFACE_BUFFER)
		trace(older, WAYBUF_TRACE_DISCARD, 0);
	surface_state_fold_older(&newer->state, &older->state);
	commit_destroy(older);
}

/* The surface keeps the frame before it; what else was committed holds, in its order. */
static void handle_discard(void *data, enum waybuf_gate_reason reason, int error)
{
	static const char *const why[] = {
		[WAYBUF_GATE_DEADLINE] = "its fence did not signal within a second",
		[WAYBUF_GATE_UNDEFINED] = "its fence ended in an error",
		[WAYBUF_GATE_UNWATCHED] = "its fence cannot be watched",
	};
	struct surface_commit *commit = data;
	surface_log(commit->surface, "a commit is given up, the last frame stays: %s", why[reason]);
	commit->surface->daemon->stats.discarded++;
	trace(commit, WAYBUF_TRACE_DISCARD, reason);
	forget_content(&commit->state);
}

static void handle_cancel(void *data)
{
	commit_destroy(data);
}

const struct waybuf_gate_ops surface_gate_ops = {
	.ready = handle_ready,
	.fold = handle_fold,
	.discard = handle_discard,
	.cancel = handle_cancel,
};

void surface_enqueue(
	struct surface *surface, struct surface_state *state, const struct surface_fences *fences)
{
	struct surface_commit *commit = commit_create(surface, state);
	int ret = commit ? submit(commit, fences) : -ENOMEM;
	if (ret > 0) {
		/* it has not waited since it was acquired */
		apply(commit, WAYBUF_TRACE_AS_BEFORE);
	} else if (ret == 0) {
		trace(commit, WAYBUF_TRACE_WAIT, 0);
	} else {
		if (commit)
			commit_destroy(commit);
		wl_resource_post_no_memory(surface->resource);
	}
}
