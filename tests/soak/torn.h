/* SPDX-License-Identifier: MIT */
#ifndef SOAK_TORN_H
#define SOAK_TORN_H

#include <stdatomic.h>

#include <waybuf/cpu_access.h>

#include "crew.h"

/*
 * A writer and a reader of one pool after another, each in its own process. Every row of every
 * image says which write it belongs to, in which generation that was made, and which row it is.
 */
#define TORN_WIDTH 60
#define TORN_HEIGHT 48
#define TORN_COUNT 2

enum torn_role { TORN_WRITER, TORN_READER, TORN_ROLES };

/* What the test and the two see. */
struct torn_board {
	_Atomic unsigned sessions; /* pools so far; the token is that of the last */
	_Atomic unsigned ready, done; /* participants that have joined, and left, in all sessions */
	_Atomic bool over;
	char token[64];
	unsigned rounds; /* maps of each participant in each session */
	_Atomic unsigned reads, writes, generations;
};

extern struct torn_board *torn_board;
extern const crew_role_t torn_roles[TORN_ROLES];

#endif
