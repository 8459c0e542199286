/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "daemon.h"
#include "output.h"
#include "outputs.h"
#include "presentation.h"
#include "subsurface.h"
#include "surface_state.h"
#include "util/log.h"

/*
 * Between wl_surface.commit and the current state. A commit has a part for each surface that it
 * changes. Those of a synchronised subsurface are kept, and folded into each other, until its
 * parent's commit takes them along; all others go to the gate, which has as many parts of them as we
 * have. A commit is ours again when the gate calls back, or when it answers at once.
 */

static struct surface_commit *commit_create(void)
{
	struct surface_commit *commit = calloc(1, sizeof(*commit));
	if (commit)
		wl_list_init(&commit->parts);
	return commit;
}

static void trace(const struct surface_part *part, enum waybuf_trace_kind kind, uint64_t point)
{
	if (part->state.frame)
		frame_trace(part->state.frame, kind, 0, point);
}

static void set_fence(struct surface_part *part, int index, struct waybuf_fence *fence)
{
	struct waybuf_fence *old = part->fences.fence[index];
	part->fences.fence[index] = fence ? waybuf_fence_ref(fence) : NULL;
	waybuf_fence_unref(old);
}

static void set_fences(struct surface_part *part, const struct surface_fences *fences)
{
	set_fence(part, 0, fences->fence[0]);
	set_fence(part, 1, fences->fence[1]);
	part->fences.error = fences->error;
}

static const struct surface_fences no_fences;

/* An empty part of @commit for @surface, its newest. NULL: no memory. */
static struct surface_part *part_create(struct surface_commit *commit, struct surface *surface)
{
	struct surface_part *part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	part->commit = commit;
	part->surface = surface;
	surface_state_init(&part->state);
	wl_list_insert(commit->parts.prev, &part->commit_link);
	wl_list_insert(surface->parts.prev, &part->link);
	return part;
}

static void part_destroy(struct surface_part *part)
{
	wl_list_remove(&part->commit_link);
	wl_list_remove(&part->link);
	set_fences(part, &no_fences);
	surface_state_finish(&part->state);
	free(part);
}

/* A surface is in few commits at a time, however many surfaces a commit has. */
static struct surface_part *find_part(
	const struct surface_commit *commit, const struct surface *surface)
{
	struct surface_part *part;
	wl_list_for_each(part, &surface->parts, link)
		if (part->commit == commit)
			return part;
	return NULL;
}

static void commit_destroy(struct surface_commit *commit)
{
	struct surface_part *part, *tmp;
	if (commit->gone)
		*commit->gone = true;
	wl_list_for_each_safe(part, tmp, &commit->parts, commit_link)
		part_destroy(part);
	free(commit);
}

static void move_part(struct surface_part *part, struct surface_commit *commit)
{
	wl_list_remove(&part->commit_link);
	wl_list_insert(commit->parts.prev, &part->commit_link);
	part->commit = commit;
}

/* ---- the gate -------------------------------------------------------------------------------- */

static struct waybuf_gate_part describe(const struct surface_part *part)
{
	return (struct waybuf_gate_part){
		.queue = part->surface->queue,
		.content = part->state.changes & SURFACE_BUFFER,
		.fences = part->fences.fence,
		.n_fences = 2,
		.error = part->fences.error,
	};
}

typedef int (*submit_func)(struct waybuf_gate *gate, const struct waybuf_gate_request *request);

/* As @func; -EALREADY: it had to wait, and is over already. */
static int submit(struct surface_commit *commit, submit_func func)
{
	struct waybuf_gate_part one, *parts = &one;
	struct surface_part *part;
	bool gone = false;
	size_t n = (size_t)wl_list_length(&commit->parts), i = 0;
	if (n > 1)
		parts = calloc(n, sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	wl_list_for_each(part, &commit->parts, commit_link)
		parts[i++] = describe(part);
	const struct waybuf_gate_request request = {.parts = parts, .n_parts = n, .commit = commit};
	part = wl_container_of(commit->parts.next, part, commit_link);
	commit->gone = &gone;
	int ret = func(part->surface->daemon->gate, &request);
	if (parts != &one)
		free(parts);
	if (gone)
		return -EALREADY;
	commit->gone = NULL;
	/* it has said so once; the fences are kept for whoever asks why */
	wl_list_for_each(part, &commit->parts, commit_link)
		part->fences.error = 0;
	return ret;
}

/* All surfaces at once: there is no repaint before the loop's turn is over. */
static void apply(struct surface_commit *commit, uint64_t ns)
{
	struct surface_part *part, *tmp;
	wl_list_for_each_safe(part, tmp, &commit->parts, commit_link) {
		/* what was kept for its parent has waited since it was acquired */
		if (part->state.frame)
			frame_trace(part->state.frame, WAYBUF_TRACE_LATCH, part->kept ? 0 : ns, 0);
		surface_apply(part->surface, &part->state);
		part_destroy(part);
	}
	commit_destroy(commit);
}

static void forget_content(struct surface_state *state)
{
	frame_drop(state->frame);
	if (state->changes & SURFACE_BUFFER)
		state->changes |= SURFACE_LOST;
	state->frame = NULL;
	state->changes &= ~(uint32_t)SURFACE_BUFFER;
	presentation_discard(&state->feedbacks);
}

/* Members of a commit are shown together or not at all. */
static void forget_contents(struct surface_commit *commit)
{
	struct surface_part *part;
	wl_list_for_each(part, &commit->parts, commit_link) {
		forget_content(&part->state);
		set_fences(part, &no_fences);
	}
}

/*
 * While a commit waited, the contents of its buffers may have moved into other memory, which has
 * fences of its own. 1: one of them is to be waited for, 0: none, or -ENOMEM.
 */
static int latch_again(struct surface_commit *commit)
{
	int waits = 0;
	struct surface_part *part;
	wl_list_for_each(part, &commit->parts, commit_link) {
		struct waybuf_fence *fence = NULL;
		if (!part->state.frame || !part->state.frame->follows)
			continue;
		int ret = frame_latch(part->state.frame, &fence);
		if (ret < 0)
			return -ENOMEM;
		set_fence(part, 1, fence);
		waits |= fence && waybuf_fence_status(fence) != 1;
	}
	return waits;
}

/* Whether it may be applied now that the gate has let it go; else the gate has it again. */
static bool may_go(struct surface_commit *commit)
{
	int waits = latch_again(commit);
	int ret = waits > 0 ? submit(commit, waybuf_gate_submit_again) : waits;
	if (waits > 0 && (ret == 0 || ret == -EALREADY))
		return false;
	if (ret < 0)
		forget_contents(commit);
	return true;
}

static void handle_ready(void *data)
{
	struct surface_commit *commit = data;
	if (may_go(commit))
		apply(commit, 0);
}

/* Whatever is in @commit is newer. */
static void fold_part(struct surface_part *part, struct surface_commit *commit)
{
	struct surface_part *newer = find_part(commit, part->surface);
	if (!newer) {
		move_part(part, commit);
		return;
	}
	if (newer->state.changes & SURFACE_BUFFER)
		trace(part, WAYBUF_TRACE_DISCARD, 0);
	else
		set_fences(newer, &part->fences);
	surface_state_fold_older(&newer->state, &part->state);
	part_destroy(part);
}

static void handle_fold(void *older_data, void *newer_data)
{
	struct surface_commit *older = older_data, *newer = newer_data;
	struct surface_part *part, *tmp;
	newer->has_waited = true;
	wl_list_for_each_safe(part, tmp, &older->parts, commit_link)
		fold_part(part, newer);
	commit_destroy(older);
}

/* The surfaces keep the frames before it; what else was committed holds, in its order. */
static void handle_discard(void *data, enum waybuf_gate_reason reason, int error)
{
	static const char *const why[] = {
		[WAYBUF_GATE_DEADLINE] = "its fence did not signal within a second",
		[WAYBUF_GATE_UNDEFINED] = "its fence ended in an error",
		[WAYBUF_GATE_UNWATCHED] = "its fence cannot be watched",
	};
	struct surface_commit *commit = data;
	struct surface_part *part, *first;
	if (wl_list_empty(&commit->parts))
		return;
	first = wl_container_of(commit->parts.next, first, commit_link);
	surface_log(first->surface, "a commit is given up, the last frame stays: %s", why[reason]);
	outputs_of(first->surface)->stats.discarded++;
	wl_list_for_each(part, &commit->parts, commit_link)
		trace(part, WAYBUF_TRACE_DISCARD, reason);
	forget_contents(commit);
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

static void trace_waits(struct surface_commit *commit)
{
	struct surface_part *part;
	wl_list_for_each(part, &commit->parts, commit_link)
		if (!part->kept)
			trace(part, WAYBUF_TRACE_WAIT, 0);
}

/* Takes @commit. 0 or -ENOMEM. */
static int send(struct surface_commit *commit)
{
	commit->sent = true;
	/* its surfaces may be gone */
	int ret = wl_list_empty(&commit->parts) ? -ECANCELED : submit(commit, waybuf_gate_submit);
	if (ret > 0 && commit->has_waited)
		ret = may_go(commit);
	/* those that were not kept have not waited since they were acquired */
	if (ret > 0)
		apply(commit, WAYBUF_TRACE_AS_BEFORE);
	else if (ret == 0)
		trace_waits(commit);
	else if (ret != -EALREADY)
		commit_destroy(commit);
	return ret == -ENOMEM ? ret : 0;
}

/* ---- what waits for the parent's commit ------------------------------------------------------ */

/* What @part had to show is superseded, if @state brings something. */
static void add_state(
	struct surface_part *part, struct surface_state *state, const struct surface_fences *fences)
{
	if (state->changes & SURFACE_BUFFER) {
		trace(part, WAYBUF_TRACE_DISCARD, 0);
		set_fences(part, fences);
	}
	surface_state_fold(&part->state, state);
}

/* Adds what was kept in @newer to @commit. */
static void merge(struct surface_commit *commit, struct surface_commit *newer)
{
	struct surface_part *part, *tmp;
	wl_list_for_each_safe(part, tmp, &newer->parts, commit_link) {
		struct surface_part *older = find_part(commit, part->surface);
		if (!older) {
			move_part(part, commit);
			continue;
		}
		add_state(older, &part->state, &part->fences);
		part_destroy(part);
	}
	commit_destroy(newer);
}

/* In the order of the tree: what a child has kept holds what its own children had kept before. */
static void merge_children(struct surface_commit *commit, struct surface *surface)
{
	struct subsurface *child;
	wl_list_for_each(child, &surface->children, link) {
		struct surface_commit *kept = child->surface->kept;
		child->surface->kept = NULL;
		if (kept)
			merge(commit, kept);
	}
}

static void keep(struct surface *surface, struct surface_commit *commit)
{
	struct surface_part *part;
	surface->kept = commit;
	wl_list_for_each(part, &commit->parts, commit_link) {
		if (!part->kept)
			trace(part, WAYBUF_TRACE_WAIT, 0);
		part->kept = true;
	}
}

/* What was kept may have moved since: its fences are those of now. */
static int refresh(struct surface_commit *commit)
{
	struct surface_part *part;
	wl_list_for_each(part, &commit->parts, commit_link)
		if (part->kept)
			return latch_again(commit) < 0 ? -ENOMEM : 0;
	return 0;
}

static int send_kept(struct surface_commit *commit)
{
	if (refresh(commit) < 0)
		forget_contents(commit);
	return send(commit);
}

/* @surface's part in what it has kept, or in a commit of its own. NULL: no memory. */
static struct surface_part *open_part(struct surface *surface)
{
	struct surface_commit *commit = surface->kept ? surface->kept : commit_create();
	if (!commit)
		return NULL;
	struct surface_part *part = find_part(commit, surface);
	if (!part)
		part = part_create(commit, surface);
	if (part)
		surface->kept = NULL;
	else if (!surface->kept)
		commit_destroy(commit);
	return part;
}

void surface_enqueue(
	struct surface *surface, struct surface_state *state, const struct surface_fences *fences)
{
	int ret = 0;
	struct surface_part *part = open_part(surface);
	if (!part) {
		wl_resource_post_no_memory(surface->resource);
		return;
	}
	struct surface_commit *commit = part->commit;
	add_state(part, state, fences);
	merge_children(commit, surface);
	if (subsurface_is_synchronised(surface))
		keep(surface, commit);
	else
		ret = send_kept(commit);
	if (ret < 0)
		wl_resource_post_no_memory(surface->resource);
}

void surface_send_kept(struct surface *surface)
{
	struct surface_commit *commit = surface->kept;
	surface->kept = NULL;
	if (commit && send_kept(commit) < 0)
		wl_resource_post_no_memory(surface->resource);
}

/* False: no memory. */
static bool take_back(struct surface *surface, struct surface_commit *kept)
{
	struct surface_part *part, *tmp;
	wl_list_for_each_safe(part, tmp, &kept->parts, commit_link) {
		if (!subsurface_descends(part->surface, surface))
			continue;
		if (!surface->kept)
			surface->kept = commit_create();
		if (!surface->kept)
			return false;
		fold_part(part, surface->kept);
	}
	return true;
}

/* The nearest ancestor has the newest. */
void surface_take_back_kept(struct surface *surface)
{
	struct surface *above = surface->subsurface->parent;
	for (; above; above = above->subsurface ? above->subsurface->parent : NULL) {
		if (above->kept && !take_back(surface, above->kept)) {
			wl_resource_post_no_memory(surface->resource);
			return;
		}
	}
}

bool surface_waits_for_parent(const struct surface *surface)
{
	const struct surface_part *part;
	wl_list_for_each(part, &surface->parts, link)
		if (!part->commit->sent)
			return true;
	return false;
}

void surface_queue_finish(struct surface *surface)
{
	struct surface_part *part, *tmp;
	/* out of commits with others first, which may be ready when the queue is gone */
	wl_list_for_each_safe(part, tmp, &surface->parts, link)
		part_destroy(part);
	waybuf_gate_queue_destroy(surface->queue);
	surface_send_kept(surface);
}
