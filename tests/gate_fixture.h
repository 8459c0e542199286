/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GATE_FIXTURE_H
#define TESTS_GATE_FIXTURE_H

#include "gate/gate.h"
#include "harness.h"

/*
 * A host for the gate: commits are numbers, and what the gate says of them is written into a log,
 * one word each: "r3" ready, "f2>3" 2 was folded into 3, "d2:deadline" discarded, "c2" cancelled.
 * The clock stands still.
 */
enum { GATE_COMMITS = 4096 };

struct gate_fixture {
	struct waybuf_loop *loop;
	struct waybuf_deadlines deadlines;
	struct waybuf_gate *gate;
	char log[65536];
	size_t length;
	int error; /* of the last discard */
	/* ends: how often a commit has had its final answer */
	unsigned ends[GATE_COMMITS], discards[GATE_COMMITS];
	/* called from ready, if set */
	void (*on_ready)(int commit);
};
extern struct gate_fixture gate_fixture;

/* @loop NULL: the fake clock's. Taken. */
void gate_set_up(struct waybuf_loop *loop);
void gate_tear_down(void);
/* Fails the test unless exactly @log was written since the last call. */
void gate_expect(const char *log);

struct waybuf_gate_queue *gate_queue(void);
/* Submits commit @id with one part. @fence is borrowed; NULL: ready. */
int gate_submit(int id, struct waybuf_gate_queue *queue, struct waybuf_fence *fence);
/* The same, without content. */
int gate_submit_state(int id, struct waybuf_gate_queue *queue);
/* With parts as they are. */
int gate_submit_parts(int id, const struct waybuf_gate_part *parts, size_t n);
/* The same with a deadline of its own. */
int gate_submit_within(int id, const struct waybuf_gate_part *parts, size_t n, uint32_t ms);
/* Puts back the commit that was handed over last. */
int gate_submit_again(int id, const struct waybuf_gate_part *parts, size_t n, uint32_t ms);
/* A part with content that waits for *@fence. */
struct waybuf_gate_part gate_part(
	struct waybuf_gate_queue *queue, struct waybuf_fence *const *fence);
struct waybuf_gate_stats gate_stats(void);

#endif
