/* SPDX-License-Identifier: MIT */
#ifndef SERVER_SET_TABLE_H
#define SERVER_SET_TABLE_H

#include <waybuf/constraints.h>

/*
 * The sets that came last. A program makes many pools with one set of constraints, which decoded is
 * the largest part of a pool without memory; an equal one is kept once. Sets never change.
 */
#define SET_TABLE_SIZE 8

struct set_table {
	struct waybuf_constraints *sets[SET_TABLE_SIZE]; /* referenced, NULL: none */
	uint32_t next; /* to be replaced */
};

/* @set itself, or an earlier one of the same records in its place. Takes and gives a reference. */
struct waybuf_constraints *set_table_share(struct set_table *table, struct waybuf_constraints *set);
void set_table_finish(struct set_table *table);

#endif
