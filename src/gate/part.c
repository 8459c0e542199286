/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "gate/impl.h"

/* The parts of commits, and the fences they wait for. */

/* How many fences are told of a vblank in one go: each costs a syscall or two. */
#define HINTS_MAX 64

/* It stands in nobody's way any more. */
static void wake_watchers(struct gate_part *part)
{
	struct gate_commit *commit, *tmp;
	waybuf_list_for_each_safe(commit, tmp, &part->watchers, watch_link) {
		gate_mark_dirty(commit);
	}
}

static void stop_waiting(struct gate_part *part)
{
	if (!part->fence)
		return;
	if (!waybuf_list_empty(&part->pending_link)) {
		waybuf_list_remove(&part->pending_link);
		part->commit->n_pending--;
		part->commit->gate->stats.pending--;
	}
	waybuf_fence_wait_finish(&part->wait);
	waybuf_fence_unref(part->fence);
	part->fence = NULL;
	wake_watchers(part);
}

static int merge_fences(const struct waybuf_gate_part *info, struct waybuf_fence **out)
{
	*out = NULL;
	if (!info->content || info->n_fences == 0)
		return 0;
	if (info->n_fences > 1)
		return waybuf_fence_merge(info->fences, info->n_fences, out);
	*out = waybuf_fence_ref(info->fences[0]);
	return 0;
}

int gate_part_create(struct gate_commit *commit, const struct waybuf_gate_part *info)
{
	struct gate_part *part = calloc(1, sizeof(*part));
	if (!part)
		return -ENOMEM;
	int ret = merge_fences(info, &part->fence);
	if (ret < 0) {
		free(part);
		return ret;
	}
	part->commit = commit;
	part->queue = info->queue;
	part->content = info->content;
	waybuf_fence_wait_init(&part->wait);
	waybuf_list_append(&commit->parts, &part->commit_link);
	waybuf_list_init(&part->queue_link);
	waybuf_list_init(&part->pending_link);
	waybuf_list_init(&part->watchers);
	return 0;
}

void gate_part_link(struct gate_part *part)
{
	waybuf_list_append(&part->queue->parts, &part->queue_link);
	part->queue->n_parts++;
}

void gate_part_link_first(struct gate_part *part)
{
	waybuf_list_insert(&part->queue->parts, &part->queue_link);
	part->queue->n_parts++;
}

void gate_part_unlink(struct gate_part *part)
{
	if (waybuf_list_empty(&part->queue_link))
		return;
	waybuf_list_remove(&part->queue_link);
	part->queue->n_parts--;
}

void gate_part_destroy(struct gate_part *part)
{
	stop_waiting(part);
	wake_watchers(part);
	gate_part_unlink(part);
	waybuf_list_remove(&part->commit_link);
	free(part);
}

void gate_commit_destroy(struct gate_commit *commit)
{
	/* first, so that its own parts do not have it looked at again */
	waybuf_list_remove(&commit->watch_link);
	struct gate_part *part, *tmp;
	waybuf_list_for_each_safe(part, tmp, &commit->parts, commit_link)
		gate_part_destroy(part);
	waybuf_list_remove(&commit->work);
	waybuf_deadline_cancel(&commit->deadline);
	commit->gate->stats.waiting--;
	free(commit);
}

void gate_commit_discard(struct gate_commit *commit, enum waybuf_gate_reason reason, int error)
{
	struct gate_part *part;
	waybuf_list_for_each(part, &commit->parts, commit_link) {
		stop_waiting(part);
		part->content = false;
	}
	waybuf_deadline_cancel(&commit->deadline);
	commit->gate->stats.discarded[reason]++;
	commit->gate->ops.discard(commit->data, reason, error);
}

static void fence_settled(struct waybuf_fence_wait *wait, int status)
{
	struct gate_part *part = waybuf_container_of(wait, struct gate_part, wait);
	struct gate_commit *commit = part->commit;
	struct waybuf_gate *gate = commit->gate;
	stop_waiting(part);
	if (status < 0)
		gate_commit_discard(commit, WAYBUF_GATE_UNDEFINED, status);
	else if (commit->n_pending == 0)
		waybuf_deadline_cancel(&commit->deadline);
	gate_run(gate);
}

/* 0: it waits, or need not; or a reason. */
static int watch_part(struct gate_part *part, int *error)
{
	struct waybuf_gate *gate = part->commit->gate;
	if (!part->fence)
		return 0;
	int ret = waybuf_fence_wait_add(&part->wait, part->fence, gate->loop, fence_settled);
	if (ret < 0) {
		*error = ret;
		return WAYBUF_GATE_UNWATCHED;
	}
	if (ret == 0) {
		waybuf_list_append(&gate->pending, &part->pending_link);
		part->commit->n_pending++;
		gate->stats.pending++;
		return 0;
	}
	int status = waybuf_fence_status(part->fence);
	stop_waiting(part);
	*error = status;
	return status < 0 ? WAYBUF_GATE_UNDEFINED : 0;
}

int gate_commit_watch(struct gate_commit *commit, int *error)
{
	struct gate_part *part;
	waybuf_list_for_each(part, &commit->parts, commit_link) {
		int reason = watch_part(part, error);
		if (reason)
			return reason;
	}
	return 0;
}

/* From the front to the back, so that everybody has a turn when there are more than can be told. */
void waybuf_gate_hint(struct waybuf_gate *gate, uint64_t vblank_ns)
{
	for (uint64_t i = 0; i < HINTS_MAX && i < gate->stats.pending && !gate->no_hints; i++) {
		struct gate_part *part =
			waybuf_list_first(&gate->pending, struct gate_part, pending_link);
		waybuf_list_remove(&part->pending_link);
		waybuf_list_append(&gate->pending, &part->pending_link);
		/* the kernel will not learn it while we run */
		gate->no_hints = waybuf_fence_set_deadline(part->fence, vblank_ns) == -EOPNOTSUPP;
	}
}
