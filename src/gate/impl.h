/* SPDX-License-Identifier: MIT */
#ifndef GATE_IMPL_H
#define GATE_IMPL_H

#include "fence/wait.h"
#include "gate/gate.h"
#include "util/list.h"

/* Between the files of the gate; gate.c has the rules. */

/* The place of the commit that was handed over last: it may ask to have it back. */
struct gate_turn {
	const void *data; /* the host's name of it; NULL: nobody's */
	uint64_t serial;
	uint64_t due_ms;
	uint64_t *counted; /* as what it was counted */
};

struct waybuf_gate {
	struct waybuf_loop *loop;
	struct waybuf_deadlines *deadlines;
	struct waybuf_gate_ops ops;
	uint64_t last_serial, last_mark;
	unsigned n_queues;
	bool running, no_hints;
	struct waybuf_list pending; // gate_part.pending_link
	struct waybuf_list dirty; // gate_commit.watch_link, newest first
	struct gate_turn turn;
	struct waybuf_gate_stats stats;
};

struct waybuf_gate_queue {
	struct waybuf_gate *gate;
	struct waybuf_list parts; // gate_part.queue_link, oldest first
	unsigned n_parts;
	uint64_t covered; /* the mark of the search that has found the newest content here */
};

/* A commit that waits. */
struct gate_commit {
	struct waybuf_gate *gate;
	void *data;
	uint64_t serial;
	uint64_t due_ms; /* when its deadline is, should it have to wait for a fence */
	uint64_t mark; /* of the search that has found it */
	unsigned n_pending;
	struct waybuf_deadline deadline;
	struct waybuf_list parts; // gate_part.commit_link
	struct waybuf_list work; // a list of the search that is under way
	struct waybuf_list watch_link; // gate_part.watchers or waybuf_gate.dirty
};

struct gate_part {
	struct gate_commit *commit;
	struct waybuf_gate_queue *queue;
	bool content;
	struct waybuf_fence *fence; /* NULL: nothing to wait for, or not any more */
	struct waybuf_fence_wait wait;
	struct waybuf_list commit_link; // gate_commit.parts
	struct waybuf_list queue_link; // waybuf_gate_queue.parts
	struct waybuf_list pending_link; // waybuf_gate.pending
	struct waybuf_list watchers; // gate_commit.watch_link
};

/* ---- part.c: fences -------------------------------------------------------------------------- */

/* A part in no queue yet. */
int gate_part_create(struct gate_commit *commit, const struct waybuf_gate_part *info);
/* Takes it out of its commit and its queue. Whoever watched it is looked at again. */
void gate_part_destroy(struct gate_part *part);
/* Appends to its queue. */
void gate_part_link(struct gate_part *part);
/* The same at the other end. */
void gate_part_link_first(struct gate_part *part);
void gate_part_unlink(struct gate_part *part);

/* Starts all waits. 0, or the reason why the content is lost, with *error. */
int gate_commit_watch(struct gate_commit *commit, int *error);
/* Ends all waits, tells the host, and has whoever watched looked at again. */
void gate_commit_discard(struct gate_commit *commit, enum waybuf_gate_reason reason, int error);
/* Frees it with its parts. */
void gate_commit_destroy(struct gate_commit *commit);

/* ---- order.c: who goes first ----------------------------------------------------------------- */

/* If it may go now, takes it and all older ones that it supersedes out of the queues, and folds. */
bool gate_try(struct gate_commit *commit);
/* Queues stay short: folds what has come since the longest waiting commits into @commit. */
void gate_compact(struct gate_commit *commit);
/* Has it looked at again. */
void gate_mark_dirty(struct gate_commit *commit);
/* The same for all that it is connected with. */
void gate_mark_component(struct gate_commit *commit);
/* Ends a commit that goes, and keeps its place for it. The host's name of it. */
void *gate_hand_over(struct gate_commit *commit, uint64_t *counter);
/* Looks at all that have to be, newest first, and hands over those that may go. */
void gate_run(struct waybuf_gate *gate);

#endif
