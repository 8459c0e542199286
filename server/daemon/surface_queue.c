/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "daemon.h"
#include "presentation.h"
#include "surface_state.h"
#include "util/log.h"

/*
 * The gate in front of the current state: commits that wait for a fence. Every way out of the queue
 * goes through leave(), so that a commit's fence wait and deadline end together, once.
 */

#define DEADLINE_MS 1000

static void leave(struct surface_commit *commit)
{
	waybuf_fence_wait_finish(&commit->wait);
	waybuf_source_remove(commit->deadline);
	wl_list_remove(&commit->link);
	surface_state_finish(&commit->state);
	free(commit);
}

static struct surface_commit *first(struct surface *surface)
{
	if (wl_list_empty(&surface->queue))
		return NULL;
	struct surface_commit *commit;
	return wl_container_of(surface->queue.next, commit, link);
}

/* Applies @commit, with what is older folded in, oldest first. */
static void settle(struct surface_commit *commit)
{
	struct surface *surface = commit->surface;
	struct surface_state state;
	surface_state_init(&state);
	struct surface_commit *older;
	do {
		older = first(surface);
		surface_state_fold(&state, &older->state);
		bool last = older == commit;
		leave(older);
		if (last)
			break;
	} while (true);
	surface_apply(surface, &state);
	surface_state_finish(&state);
}

/* The surface keeps the frame before it; what else was committed holds, in its order. */
static void give_up(struct surface_commit *commit, const char *why)
{
	struct surface_commit *head = first(commit->surface);
	surface_log(commit->surface, "a commit is given up, the last frame stays: %s", why);
	commit->surface->daemon->stats.discarded++;
	frame_unref(commit->state.frame);
	commit->state.frame = NULL;
	commit->state.changes &= ~(uint32_t)SURFACE_BUFFER;
	presentation_discard(&commit->state.feedbacks);
	if (commit == head) {
		settle(commit);
		return;
	}
	/* the one before still waits, so it cannot become current now */
	surface_state_fold(&head->state, &commit->state);
	leave(commit);
}

static void handle_signalled(struct waybuf_fence_wait *wait, int status)
{
	struct surface_commit *commit = waybuf_container_of(wait, struct surface_commit, wait);
	if (status > 0)
		settle(commit);
	else
		give_up(commit, "its fence ended in an error");
}

static void handle_deadline(void *data)
{
	give_up(data, "its fence did not signal within a second");
}

static struct surface_commit *commit_create(struct surface *surface)
{
	struct surface_commit *commit = calloc(1, sizeof(*commit));
	if (!commit)
		return NULL;
	commit->surface = surface;
	surface_state_init(&commit->state);
	waybuf_fence_wait_init(&commit->wait);
	wl_list_insert(surface->queue.prev, &commit->link);
	return commit;
}

/* 1: it is ready; 0: it waits; a negative errno: it cannot be waited for. */
static int watch(struct surface_commit *commit, struct waybuf_fence *fence)
{
	struct waybuf_loop *loop = commit->surface->daemon->loop;
	int error = 0;
	if (!commit->deadline)
		commit->deadline = waybuf_loop_add_timer(loop, handle_deadline, commit, &error);
	if (!commit->deadline)
		return error;
	error = waybuf_source_arm(commit->deadline, DEADLINE_MS);
	if (error < 0)
		return error;
	waybuf_fence_wait_cancel(&commit->wait);
	return waybuf_fence_wait_add(&commit->wait, fence, loop, handle_signalled);
}

/* The commit that @state is to wait in: a new one, or the tail if there are two already. */
static struct surface_commit *place(struct surface *surface)
{
	struct surface_commit *tail;
	if (wl_list_length(&surface->queue) < 2)
		return commit_create(surface);
	return wl_container_of(surface->queue.prev, tail, link);
}

static void queue(struct surface *surface, struct surface_state *state, struct waybuf_fence *fence)
{
	struct surface_commit *commit = place(surface);
	if (!commit) {
		wl_resource_post_no_memory(surface->resource);
		return;
	}
	surface_state_fold(&commit->state, state);
	int ret = fence ? watch(commit, fence) : 0;
	if (ret < 0)
		give_up(commit, "its fence cannot be waited for");
	else if (ret > 0)
		handle_signalled(&commit->wait, waybuf_fence_status(fence));
}

void surface_enqueue(
	struct surface *surface, struct surface_state *state, struct waybuf_fence *fence)
{
	int status = fence ? waybuf_fence_status(fence) : 1;
	struct surface_commit *tail = NULL;
	if (!wl_list_empty(&surface->queue))
		tail = wl_container_of(surface->queue.prev, tail, link);
	if (status > 0 && !tail) {
		surface_apply(surface, state);
	} else if (status > 0 && state->changes & SURFACE_BUFFER) {
		/* it supersedes all that wait */
		surface_state_fold(&tail->state, state);
		settle(tail);
	} else if (status > 0) {
		/* belongs to the frame that the tail waits for */
		surface_state_fold(&tail->state, state);
	} else {
		queue(surface, state, fence);
	}
}

void surface_queue_finish(struct surface *surface)
{
	struct surface_commit *commit;
	while ((commit = first(surface)))
		leave(commit);
}
