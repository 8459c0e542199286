/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_GATE_H
#define WAYBUF_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <waybuf/fence.h>
#include <waybuf/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The gate: holds commits back until the fences of what they show have signalled.
 *
 * A compositor asks it at each wl_surface.commit. The answer is one of
 *
 *	ready now		waybuf_gate_submit() returns 1; nothing was kept, allocated or watched
 *	ready later		ops.ready()
 *	superseded		ops.fold(): a newer commit is ready first and takes over what is left
 *	without its content	ops.discard(): the fence missed its deadline, ended in an error, or
 *				could not be watched. The commit goes on with everything but its
 *				buffers, and one of the other answers follows
 *
 * For each commit that waybuf_gate_submit() has kept exactly one of ready(), fold() as the older
 * one, and cancel() comes, and none after it. Before that discard() comes at most once for content:
 * again only after a fold() that has given the commit an older one's.
 *
 * A *queue* is a surface: commits on it become ready in the order of their submission. A commit has
 * a *part* in each queue that it touches: one for a surface alone, several for a parent with its
 * synchronised subsurfaces or for a transaction; these become ready together or not at all.
 * Commits that share no queue, directly or through others, know nothing of each other.
 *
 * Nothing blocks. A gate belongs to the thread of its event loop, which runs all callbacks.
 * waybuf_server_gate_create() in waybuf/server.h makes one.
 */

/** The gate: one for each compositor is enough. */
struct waybuf_gate;
/** The commits of one surface. */
struct waybuf_gate_queue;

/** Why a commit lost its content. */
enum waybuf_gate_reason {
	/** a fence did not signal in time; error is -ETIME */
	WAYBUF_GATE_DEADLINE = 1,
	/** a fence ended in an error, so what is in the buffer is undefined; error is the fence's */
	WAYBUF_GATE_UNDEFINED = 2,
	/** a fence could not be had or watched, by no fault of the client's; error says why */
	WAYBUF_GATE_UNWATCHED = 3,
};

/** A word for people: "deadline", "undefined", "unwatched"; "unknown" for other numbers. Static. */
WAYBUF_EXPORT const char *waybuf_gate_reason_name(enum waybuf_gate_reason reason);

/**
 * What the host does with commits, which it names by a pointer of its own. All are required. They
 * run from the event loop, from inside waybuf_timeline_signal() of a fence that is waited for, and
 * fold() and discard() from inside waybuf_gate_submit(), too, as ready() does for commits of other
 * surfaces that only what was folded stood before. ready() and cancel() may call the gate, the
 * other two must not.
 */
struct waybuf_gate_ops {
	/** Apply it: all that it shows may be read. The commit is the host's again. */
	void (*ready)(void *commit);
	/**
	 * Move into @newer what it does not have itself (a buffer where it brings none, damage,
	 * callbacks, viewport, subsurface order ...), release the rest: @older will not be shown
	 * as it was. Where several are folded into one, the newest of them comes first. @older is
	 * the host's again.
	 */
	void (*fold)(void *older, void *newer);
	/**
	 * Its content will never be shown: release all its buffers. Its surfaces keep their last
	 * frames. @commit waits on with its other state, to keep its place.
	 */
	void (*discard)(void *commit, enum waybuf_gate_reason reason, int error);
	/** All its queues are gone. The commit is the host's again. */
	void (*cancel)(void *commit);
};

/** Destroys the gate. All its queues must have been destroyed. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_gate_destroy(struct waybuf_gate *gate);

/** Makes the queue of one surface. 0 or -ENOMEM. */
WAYBUF_EXPORT int waybuf_gate_queue_create(
	struct waybuf_gate *gate, struct waybuf_gate_queue **out);

/**
 * The surface is gone. Commits that touch it only are cancelled; others go on without their part in
 * it, and may become ready inside this call. NULL is a no-op.
 */
WAYBUF_EXPORT void waybuf_gate_queue_destroy(struct waybuf_gate_queue *queue);

/** What a commit brings to one queue. */
struct waybuf_gate_part {
	/** of the surface */
	struct waybuf_gate_queue *queue;
	/**
	 * It replaces what the surface shows, by a buffer or by none, so that older content of the
	 * queue need not be waited for. False: only other state, which belongs to the content
	 * before it and becomes ready with it.
	 */
	bool content;
	/**
	 * What must signal before the content is read; references are duplicated. NULL entries and
	 * an empty list mean nothing to wait for. Ignored without content.
	 */
	struct waybuf_fence *const *fences;
	/** how many there are */
	size_t n_fences;
	/** a negative errno if a fence could not even be had: discarded as unwatched; else 0 */
	int error;
};

/** A commit, as it is submitted. */
struct waybuf_gate_request {
	/** what it brings to each queue, to none twice */
	const struct waybuf_gate_part *parts;
	/** how many there are, 1 at least */
	size_t n_parts;
	/** how long to wait for all of the fences, in ms; 0: WAYBUF_GATE_DEADLINE_MS */
	uint32_t deadline_ms;
	/** given to the callbacks; not NULL */
	void *commit;
};

/** How long a commit waits for its fences if nothing else is said. */
#define WAYBUF_GATE_DEADLINE_MS 1000

/**
 * Submits a commit (@request is copied). 1: it is ready, apply it now; ops.fold() has run for the
 * older ones that it supersedes, and the gate has forgotten it. 0: it waits, the answer comes by
 * callback. -ENOMEM: nothing was kept and no callback has run. -EINVAL: there are no parts, a queue
 * appears twice or is not of this gate.
 *
 * A queue keeps the commit that has waited longest, and one newer: further ones are folded into
 * that one, so that a client that is faster than its GPU shows frames all the same, and one that
 * never signals anything holds two of its buffers and no more.
 */
WAYBUF_EXPORT int waybuf_gate_submit(
	struct waybuf_gate *gate, const struct waybuf_gate_request *request);

/**
 * Puts the commit back that was handed over last, by ops.ready() from inside of it, or by
 * waybuf_gate_submit() right after it has returned 1, because there is something new to be waited
 * for: the contents of a buffer have moved, and waybuf_use_latch() gave a fence. It has its old
 * place and the time that was left of its deadline (all of it, if it never waited). @request is as
 * for waybuf_gate_submit(), with one part for each queue that it now touches. 1: there is nothing
 * to wait for after all, or nothing any more since ops.discard() has run; apply it. 0: it waits,
 * and all that is said of commits that wait holds anew. -ENOMEM: nothing was kept. -EINVAL: as in
 * waybuf_gate_submit(), or another commit was submitted or handed over since.
 */
WAYBUF_EXPORT int waybuf_gate_submit_again(
	struct waybuf_gate *gate, const struct waybuf_gate_request *request);

/**
 * Tells the fences that are waited for that they are wanted by @vblank_ns (CLOCK_MONOTONIC, ns).
 * Call it once for each vblank, before it is too late for a GPU to make good use of the hint. At
 * most 64 fences are told in a call, taking turns.
 */
WAYBUF_EXPORT void waybuf_gate_hint(struct waybuf_gate *gate, uint64_t vblank_ns);

/** Counters since the gate was made. */
struct waybuf_gate_stats {
	/** commits submitted; of these: ready in waybuf_gate_submit(), and later */
	uint64_t submitted, ready_now, ready_later;
	/** of these: folded into a newer one, cancelled with their queues */
	uint64_t folded, cancelled;
	/** without content, by enum waybuf_gate_reason; [0] is not used */
	uint64_t discarded[4];
	/** commits looked at to decide which one is ready: what the gate's work is made of */
	uint64_t looked_at;
	/** now: commits and fences that are waited for */
	uint64_t waiting, pending;
};

/** Copies the counters to *out. */
WAYBUF_EXPORT void waybuf_gate_get_stats(
	const struct waybuf_gate *gate, struct waybuf_gate_stats *out);

/**
 * Writes a line for people into @text about what the oldest commit of the queue waits for, always
 * terminated, cut to @size bytes. False, and an empty line: nothing waits.
 */
WAYBUF_EXPORT bool waybuf_gate_queue_describe(
	const struct waybuf_gate_queue *queue, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
