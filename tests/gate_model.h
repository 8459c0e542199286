/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GATE_MODEL_H
#define TESTS_GATE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the gate should say, from the rules alone: all commits in one array, every question answered
 * by looking at all of them again. It writes the log that gate_fixture writes of the real one.
 */
enum { MODEL_QUEUES = 5, MODEL_COMMITS = 2048, MODEL_FENCES = 2 };

struct model_part {
	bool there, content;
	int origin; /* a number of its own, whatever it is moved into */
	/* not settled yet; of those that have, whether one failed */
	int pending;
	bool failed, unwatched;
};

/* Its index is its place. */
struct model_commit {
	bool alive;
	int name; /* what the gate knows it by */
	int oldest; /* the place of the oldest that it has taken along */
	uint64_t when_ms; /* its deadline; 0: none */
	uint64_t due_ms; /* what it would be, if something was waited for */
	struct model_part parts[MODEL_QUEUES];
};

struct model {
	uint64_t now_ms;
	int n; /* commits submitted so far; 0 is not used */
	int first; /* nothing before it is alive */
	struct model_commit commits[MODEL_COMMITS];
	char log[65536];
	size_t length;
	/* called for each that goes later, with its place */
	void (*on_ready)(int place);
};

void model_init(struct model *model, uint64_t now_ms);
/* Submits model->n, whose parts were filled in. 1: goes at once; 0: waits. */
int model_submit(struct model *model, uint32_t deadline_ms);
/* Puts back one that has just gone, whose parts were filled in anew. As model_submit(). */
int model_submit_again(struct model *model, int place);
/* A fence of that part has settled; the part may be gone. */
void model_settle(struct model *model, int origin, int queue, bool failed);
void model_advance(struct model *model, uint64_t ms);
void model_destroy_queue(struct model *model, int queue);
/* Commits that are alive. */
int model_waiting(const struct model *model);
/* The log since the last call. */
const char *model_log(struct model *model);

#endif
