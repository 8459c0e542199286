/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "gate/impl.h"

/* The rules of gate.c about who goes first. Lists of the searches are sorted, newest first. */

static struct gate_commit *commit_at(struct waybuf_list *work)
{
	return waybuf_container_of(work, struct gate_commit, work);
}

/* Inserts behind all that are newer, from @at on, which is itself newer, or the head. */
static void insert_sorted(
	struct waybuf_list *head, struct waybuf_list *at, struct gate_commit *commit)
{
	while (at->next != head && commit_at(at->next)->serial > commit->serial)
		at = at->next;
	waybuf_list_insert(at, &commit->work);
}

static void clear(struct waybuf_list *found)
{
	while (!waybuf_list_empty(found))
		waybuf_list_remove(found->next);
}

static struct gate_part *part_before(struct gate_part *part)
{
	if (part->queue_link.prev == &part->queue->parts)
		return NULL;
	return waybuf_container_of(part->queue_link.prev, struct gate_part, queue_link);
}

static struct gate_part *part_after(struct gate_part *part)
{
	if (part->queue_link.next == &part->queue->parts)
		return NULL;
	return waybuf_container_of(part->queue_link.next, struct gate_part, queue_link);
}

/*
 * One commit of the closure: the newest content in each of its queues, unless a newer commit has
 * been seen there, must have nothing to wait for. Then whoever is right before it belongs to the
 * closure. Returns the part in the way, or NULL.
 */
static struct gate_part *look_at(
	struct waybuf_list *found, struct gate_commit *commit, uint64_t mark)
{
	struct gate_part *part;
	commit->gate->stats.looked_at++;
	waybuf_list_for_each(part, &commit->parts, commit_link) {
		struct gate_part *before = part_before(part);
		if (part->content && part->queue->covered != mark) {
			if (part->fence)
				return part;
			part->queue->covered = mark;
		}
		if (before && before->commit->mark != mark) {
			before->commit->mark = mark;
			insert_sorted(found, &commit->work, before->commit);
		}
	}
	return NULL;
}

/* Collects the closure of @commit, itself first. Returns the part in the way, or NULL. */
static struct gate_part *find_closure(struct waybuf_list *found, struct gate_commit *commit)
{
	uint64_t mark = ++commit->gate->last_mark;
	commit->mark = mark;
	waybuf_list_append(found, &commit->work);
	/* what is inserted is older than where we are, so one walk sees it all */
	for (struct waybuf_list *at = found->next; at != found; at = at->next) {
		struct gate_part *obstacle = look_at(found, commit_at(at), mark);
		if (obstacle)
			return obstacle;
	}
	return NULL;
}

static void unlink_parts(struct gate_commit *commit)
{
	struct gate_part *part;
	waybuf_list_for_each(part, &commit->parts, commit_link)
		gate_part_unlink(part);
}

/*
 * Everything is taken out of the queues first: callbacks find the gate as it will be. The newest
 * has the place of the oldest from now on, should it be put back: what stands behind any of them is
 * newer than that.
 */
static void fold_all(struct waybuf_list *found, struct gate_commit *newest)
{
	struct waybuf_gate *gate = newest->gate;
	newest->serial = commit_at(found->prev)->serial;
	for (struct waybuf_list *at = found->next; at != found; at = at->next)
		unlink_parts(commit_at(at));
	waybuf_list_remove(&newest->work);
	while (!waybuf_list_empty(found)) {
		struct gate_commit *older = commit_at(found->next);
		void *data = older->data;
		gate_commit_destroy(older);
		gate->stats.folded++;
		gate->ops.fold(data, newest->data);
	}
}

bool gate_try(struct gate_commit *commit)
{
	struct waybuf_list found;
	waybuf_list_init(&found);
	waybuf_list_remove(&commit->watch_link);
	struct gate_part *obstacle = find_closure(&found, commit);
	if (obstacle) {
		clear(&found);
		waybuf_list_append(&obstacle->watchers, &commit->watch_link);
		return false;
	}
	waybuf_deadline_cancel(&commit->deadline);
	fold_all(&found, commit);
	return true;
}

void gate_mark_dirty(struct gate_commit *commit)
{
	struct waybuf_list *at = &commit->gate->dirty;
	waybuf_list_remove(&commit->watch_link);
	while (at->next != &commit->gate->dirty &&
		waybuf_container_of(at->next, struct gate_commit, watch_link)->serial >
			commit->serial)
		at = at->next;
	waybuf_list_insert(at, &commit->watch_link);
}

void *gate_hand_over(struct gate_commit *commit, uint64_t *counter)
{
	void *data = commit->data;
	++*counter;
	commit->gate->turn = (struct gate_turn){
		.data = data,
		.serial = commit->serial,
		.due_ms = commit->due_ms,
		.counted = counter,
	};
	gate_commit_destroy(commit);
	return data;
}

void gate_run(struct waybuf_gate *gate)
{
	if (gate->running)
		return;
	gate->running = true;
	while (!waybuf_list_empty(&gate->dirty)) {
		struct gate_commit *commit =
			waybuf_list_first(&gate->dirty, struct gate_commit, watch_link);
		if (!gate_try(commit))
			continue;
		gate->ops.ready(gate_hand_over(commit, &gate->stats.ready_later));
	}
	gate->running = false;
}

/* ---- whoever is connected -------------------------------------------------------------------- */

static void add_neighbour(struct waybuf_list *found, struct gate_part *part, uint64_t mark)
{
	if (!part || part->commit->mark == mark)
		return;
	part->commit->mark = mark;
	waybuf_list_append(found, &part->commit->work);
}

/* All that @commit shares a queue with, directly or through others, in no order. */
static void find_component(struct waybuf_list *found, struct gate_commit *commit)
{
	uint64_t mark = ++commit->gate->last_mark;
	commit->mark = mark;
	waybuf_list_append(found, &commit->work);
	for (struct waybuf_list *at = found->next; at != found; at = at->next) {
		struct gate_part *part;
		commit->gate->stats.looked_at++;
		waybuf_list_for_each(part, &commit_at(at)->parts, commit_link) {
			add_neighbour(found, part_before(part), mark);
			add_neighbour(found, part_after(part), mark);
		}
	}
}

void gate_mark_component(struct gate_commit *commit)
{
	struct waybuf_list found;
	waybuf_list_init(&found);
	find_component(&found, commit);
	while (!waybuf_list_empty(&found)) {
		struct gate_commit *other = commit_at(found.next);
		waybuf_list_remove(&other->work);
		gate_mark_dirty(other);
	}
}

/* Nobody stands before it: it has waited longest wherever it is. */
static bool is_first(const struct gate_commit *commit)
{
	struct gate_part *part;
	waybuf_list_for_each(part, &commit->parts, commit_link) {
		if (part_before(part))
			return false;
	}
	return true;
}

/* Moves those that are to be folded into @commit from @found to @chosen, sorted. */
static void choose(
	struct waybuf_list *found, struct waybuf_list *chosen, struct gate_commit *commit)
{
	while (!waybuf_list_empty(found)) {
		struct gate_commit *other = commit_at(found->next);
		waybuf_list_remove(&other->work);
		if (other != commit && !is_first(other))
			insert_sorted(chosen, chosen, other);
	}
}

/* The part of @commit, the newest of all, in that queue; NULL: it has none. */
static struct gate_part *own_part(struct gate_commit *commit, struct waybuf_gate_queue *queue)
{
	struct gate_part *last =
		waybuf_container_of(queue->parts.prev, struct gate_part, queue_link);
	return last->commit == commit ? last : NULL;
}

/* The part, its wait and those who watch it go on in @commit. */
static void move_part(struct gate_part *part, struct gate_commit *commit)
{
	if (!waybuf_list_empty(&part->pending_link)) {
		part->commit->n_pending--;
		commit->n_pending++;
	}
	part->commit = commit;
	waybuf_list_remove(&part->commit_link);
	waybuf_list_append(&commit->parts, &part->commit_link);
	gate_part_unlink(part);
	gate_part_link(part);
}

static void take_over(struct gate_part *part, struct gate_commit *commit)
{
	struct gate_part *own = own_part(commit, part->queue);
	if (own && (own->content || !part->content))
		return;
	if (own)
		gate_part_destroy(own);
	move_part(part, commit);
}

static void fold_into(struct gate_commit *older, struct gate_commit *commit)
{
	struct waybuf_gate *gate = commit->gate;
	struct gate_part *part, *tmp;
	unsigned before = commit->n_pending;
	waybuf_list_for_each_safe(part, tmp, &older->parts, commit_link)
		take_over(part, commit);
	bool waits = !waybuf_list_empty(&commit->deadline.link);
	if (commit->n_pending > before &&
		(!waits || older->deadline.when_ms < commit->deadline.when_ms)) {
		commit->due_ms = older->deadline.when_ms;
		waybuf_deadline_arm_at(gate->deadlines, &commit->deadline, commit->due_ms);
	}
	void *data = older->data;
	gate_commit_destroy(older);
	gate->stats.folded++;
	gate->ops.fold(data, commit->data);
}

/*
 * Folding one commit of the component alone could put its content behind that of a newer one in
 * another queue, so all go that somebody stands before; then no order is left among them to break.
 */
void gate_compact(struct gate_commit *commit)
{
	struct waybuf_list found, chosen;
	waybuf_list_init(&found);
	waybuf_list_init(&chosen);
	find_component(&found, commit);
	choose(&found, &chosen, commit);
	while (!waybuf_list_empty(&chosen)) {
		struct gate_commit *older = commit_at(chosen.next);
		waybuf_list_remove(&older->work);
		fold_into(older, commit);
	}
}
