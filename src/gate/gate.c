/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gate/impl.h"

/*
 * The gate: which commits may be shown, and when.
 *
 * Goal. A buffer is read when its fences have signalled, and not before. The kernel has gates of
 * its own for that (IN_FENCE_FD, implicit fences), but one fence that never signals, handed down on
 * one overlay, makes every other commit of that CRTC fail with EBUSY, even one that disables the
 * overlay. So commits wait here, in user space, where a client can only wait for itself.
 *
 * Constraints. Nothing blocks. What is ready costs nothing: a look at each fence, no memory, no fd,
 * no timer. Whatever waits ends in bounded time, because a timeline point that nobody ever submits
 * to is bounded by nothing. Nothing that fails here may look like "signalled".
 *
 * Order. Commits have serials and parts in queues. Two rules say all:
 *
 *   1. A commit can go only with all older commits that share a queue with it, and with what these
 *      share a queue with, and so on: its *closure*. They are folded into it, newest first.
 *   2. It may go when in each queue of the closure the newest content has nothing to wait for.
 *      Older content there is covered by that, and would not be seen anyway.
 *
 * When several may go, the newest does. Example, with queues A and B:
 *
 *	1: A=x (pending)	2: A=y, B=u (u pending)		3: A=z (ready)
 *
 * 3 covers A, but its closure is 3, 2, 1 and the newest content of B is u, which must not be shown
 * apart from y: 3 waits. u signals: 3 goes, 2 and 1 are folded into it; x is never waited for.
 *
 * Without content. A part may be without content (a commit without attach), and loses it when a
 * fence misses the deadline, ends in an error or cannot be watched. Then all parts of the commit
 * lose theirs, since members of a transaction are shown together or not at all. What remains keeps
 * its place, because state such as ack_configure or the order of subsurfaces must not get lost; it
 * covers nothing, and waits for nothing of its own.
 *
 * Watching. A commit that may not go is kept at *one* part that stands in its way (its watchers);
 * when that part is over, by whichever end, the commit is *dirty* and looked at again. So an event
 * costs the commits that it may concern, however many others wait. All changes are made before any
 * callback runs; callbacks that call the gate find it in order, and what they make dirty is looked
 * at by the gate_run() that is under way.
 *
 * Again. The contents of a buffer may have moved while its commit waited, and the new memory has
 * fences of its own. A host that finds so as a commit is handed over submits it again, and it goes
 * back to its old place with the time that it had left: at the end of the queue it would be newer
 * than what came after it, and with a fresh deadline it could wait for ever.
 *
 * Bounds. A queue holds two commits: when a third comes, all of them but those that nobody older
 * stands before are folded into it (gate_compact()). A queue of one would not do: a client whose
 * GPU takes longer than the time between its commits would have each frame superseded before it is
 * ready. A folded commit's pending parts go over with its deadline, so folding prolongs nothing.
 */

#define QUEUE_MAX 2

const char *waybuf_gate_reason_name(enum waybuf_gate_reason reason)
{
	switch (reason) {
	case WAYBUF_GATE_DEADLINE:
		return "deadline";
	case WAYBUF_GATE_UNDEFINED:
		return "undefined";
	case WAYBUF_GATE_UNWATCHED:
		return "unwatched";
	}
	return "unknown";
}

int waybuf_gate_create(struct waybuf_loop *loop, struct waybuf_deadlines *deadlines,
	const struct waybuf_gate_ops *ops, struct waybuf_gate **out)
{
	if (!ops->ready || !ops->fold || !ops->discard || !ops->cancel)
		return -EINVAL;
	struct waybuf_gate *gate = calloc(1, sizeof(*gate));
	if (!gate)
		return -ENOMEM;
	gate->loop = loop;
	gate->deadlines = deadlines;
	gate->ops = *ops;
	waybuf_list_init(&gate->pending);
	waybuf_list_init(&gate->dirty);
	*out = gate;
	return 0;
}

void waybuf_gate_destroy(struct waybuf_gate *gate)
{
	if (!gate)
		return;
	assert(gate->n_queues == 0 && !gate->running);
	free(gate);
}

int waybuf_gate_queue_create(struct waybuf_gate *gate, struct waybuf_gate_queue **out)
{
	struct waybuf_gate_queue *queue = calloc(1, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	queue->gate = gate;
	waybuf_list_init(&queue->parts);
	gate->n_queues++;
	*out = queue;
	return 0;
}

/* The commit loses its part, and if that was the last one, its life. */
static void lose_part(struct gate_part *part)
{
	struct gate_commit *commit = part->commit;
	struct waybuf_gate *gate = commit->gate;
	gate_part_destroy(part);
	if (commit->n_pending == 0)
		waybuf_deadline_cancel(&commit->deadline);
	if (!waybuf_list_empty(&commit->parts))
		return;
	void *data = commit->data;
	gate_commit_destroy(commit);
	gate->stats.cancelled++;
	gate->ops.cancel(data);
}

void waybuf_gate_queue_destroy(struct waybuf_gate_queue *queue)
{
	if (!queue)
		return;
	struct waybuf_gate *gate = queue->gate;
	/* what was connected by this queue only is so no longer, and may be free to go */
	if (!waybuf_list_empty(&queue->parts))
		gate_mark_component(
			waybuf_list_first(&queue->parts, struct gate_part, queue_link)->commit);
	while (!waybuf_list_empty(&queue->parts))
		lose_part(waybuf_list_first(&queue->parts, struct gate_part, queue_link));
	gate->n_queues--;
	free(queue);
	gate_run(gate);
}

static bool part_is_ready(const struct waybuf_gate_part *part)
{
	if (!part->content)
		return true;
	if (part->error < 0)
		return false;
	for (size_t i = 0; i < part->n_fences; i++)
		if (part->fences[i] && waybuf_fence_status(part->fences[i]) != 1)
			return false;
	return true;
}

static bool parts_are_ready(const struct waybuf_gate_request *request)
{
	for (size_t i = 0; i < request->n_parts; i++)
		if (!part_is_ready(&request->parts[i]))
			return false;
	return true;
}

/* Nothing to wait for and nobody before it: the case that must cost nothing. */
static bool is_ready_now(const struct waybuf_gate_request *request)
{
	for (size_t i = 0; i < request->n_parts; i++)
		if (!waybuf_list_empty(&request->parts[i].queue->parts))
			return false;
	return parts_are_ready(request);
}

/* Queues are marked as they are seen, so that one that appears twice shows. */
static bool is_valid(struct waybuf_gate *gate, const struct waybuf_gate_request *request)
{
	uint64_t mark = ++gate->last_mark;
	for (size_t i = 0; i < request->n_parts; i++) {
		struct waybuf_gate_queue *queue = request->parts[i].queue;
		if (!queue || queue->gate != gate || queue->covered == mark)
			return false;
		queue->covered = mark;
	}
	return request->n_parts > 0 && request->commit;
}

static void deadline_passed(struct waybuf_deadline *deadline)
{
	struct gate_commit *commit = waybuf_container_of(deadline, struct gate_commit, deadline);
	struct waybuf_gate *gate = commit->gate;
	gate_commit_discard(commit, WAYBUF_GATE_DEADLINE, -ETIME);
	gate_run(gate);
}

static struct gate_commit *commit_create(
	struct waybuf_gate *gate, const struct waybuf_gate_request *request, uint64_t serial)
{
	struct gate_commit *commit = calloc(1, sizeof(*commit));
	if (!commit)
		return NULL;
	commit->gate = gate;
	commit->data = request->commit;
	commit->serial = serial;
	waybuf_deadline_init(&commit->deadline, deadline_passed);
	waybuf_list_init(&commit->parts);
	waybuf_list_init(&commit->work);
	waybuf_list_init(&commit->watch_link);
	gate->stats.waiting++;
	for (size_t i = 0; i < request->n_parts; i++) {
		if (gate_part_create(commit, &request->parts[i]) < 0) {
			gate_commit_destroy(commit);
			return NULL;
		}
	}
	return commit;
}

static bool is_crowded(const struct gate_commit *commit)
{
	const struct gate_part *part;
	waybuf_list_for_each(part, &commit->parts, commit_link) {
		if (part->queue->n_parts > QUEUE_MAX)
			return true;
	}
	return false;
}

static uint64_t due_in(const struct waybuf_gate_request *request)
{
	return waybuf_deadline_in(
		request->deadline_ms ? request->deadline_ms : WAYBUF_GATE_DEADLINE_MS);
}

/* Its parts are in their queues. */
static void start(struct gate_commit *commit, const struct waybuf_gate_request *request)
{
	int error = 0;
	int reason = gate_commit_watch(commit, &error);
	for (size_t i = 0; i < request->n_parts && !reason; i++) {
		if (request->parts[i].content && request->parts[i].error < 0) {
			reason = WAYBUF_GATE_UNWATCHED;
			error = request->parts[i].error;
		}
	}
	if (reason)
		gate_commit_discard(commit, (enum waybuf_gate_reason)reason, error);
	else if (commit->n_pending > 0)
		waybuf_deadline_arm_at(commit->gate->deadlines, &commit->deadline, commit->due_ms);
}

/* What goes at once has a place, too: behind all. Nobody has waited for it. */
static int go_now(struct waybuf_gate *gate, const struct waybuf_gate_request *request)
{
	gate->stats.submitted++;
	gate->stats.ready_now++;
	gate->turn = (struct gate_turn){
		.data = request->commit,
		.serial = ++gate->last_serial,
		.counted = &gate->stats.ready_now,
	};
	return 1;
}

/* What was folded may have stood in the way of others, who must not take its turn away. */
static void finish_submit(struct gate_commit *commit, bool goes)
{
	struct waybuf_gate *gate = commit->gate;
	if (goes)
		gate_hand_over(commit, &gate->stats.ready_now);
	struct gate_turn turn = gate->turn;
	gate_run(gate);
	gate->turn = turn;
}

int waybuf_gate_submit(struct waybuf_gate *gate, const struct waybuf_gate_request *request)
{
	struct gate_part *part;
	if (!is_valid(gate, request))
		return -EINVAL;
	gate->turn.data = NULL;
	if (is_ready_now(request))
		return go_now(gate, request);
	struct gate_commit *commit = commit_create(gate, request, gate->last_serial + 1);
	if (!commit)
		return -ENOMEM;
	gate->stats.submitted++;
	gate->last_serial++;
	commit->due_ms = due_in(request);
	waybuf_list_for_each(part, &commit->parts, commit_link)
		gate_part_link(part);
	start(commit, request);
	bool goes = gate_try(commit);
	if (!goes && is_crowded(commit)) {
		gate_compact(commit);
		goes = gate_try(commit);
	}
	finish_submit(commit, goes);
	return goes;
}

/*
 * Nobody is before it: whoever was has been folded into it. And nobody behind it has gone since,
 * for that would have taken it along. So the front of its queues is its place.
 */
int waybuf_gate_submit_again(struct waybuf_gate *gate, const struct waybuf_gate_request *request)
{
	struct gate_turn turn = gate->turn;
	struct gate_part *part;
	if (!is_valid(gate, request) || turn.data != request->commit)
		return -EINVAL;
	if (parts_are_ready(request))
		return 1;
	struct gate_commit *commit = commit_create(gate, request, turn.serial);
	if (!commit)
		return -ENOMEM;
	gate->turn.data = NULL;
	--*turn.counted;
	commit->due_ms = turn.due_ms ? turn.due_ms : due_in(request);
	waybuf_list_for_each(part, &commit->parts, commit_link)
		gate_part_link_first(part);
	start(commit, request);
	bool goes = gate_try(commit);
	finish_submit(commit, goes);
	return goes;
}

void waybuf_gate_get_stats(const struct waybuf_gate *gate, struct waybuf_gate_stats *out)
{
	*out = gate->stats;
}

static const struct gate_part *first_pending(const struct waybuf_gate_queue *queue)
{
	const struct gate_part *part;
	waybuf_list_for_each(part, &queue->parts, queue_link) {
		if (part->fence)
			return part;
	}
	return NULL;
}

bool waybuf_gate_queue_describe(const struct waybuf_gate_queue *queue, char *text, size_t size)
{
	if (size > 0)
		text[0] = '\0';
	if (waybuf_list_empty(&queue->parts))
		return false;
	const struct gate_part *part = first_pending(queue);
	if (!part) {
		snprintf(text, size, "waits for other surfaces of its transaction");
		return true;
	}
	char fence[128];
	waybuf_fence_describe(part->fence, fence, sizeof(fence));
	snprintf(text, size, "waits for %s", fence);
	return true;
}
