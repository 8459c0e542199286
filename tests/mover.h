/* SPDX-License-Identifier: MIT */
#ifndef TESTS_MOVER_H
#define TESTS_MOVER_H

#include "core_fixture.h"

/*
 * A pool whose one picture is painted by the CPU and is then to be copied, because somebody comes
 * who wants another stride. With `contiguous` the memory is of an exporter that is called so, which
 * here is a fake one, both times.
 */
struct mover {
	bool contiguous; /* to be set before it paints */
	struct waybuf_pool *pool;
	struct party painter, anchor, plane;
	struct seat seat;
};

/* XRGB8888 or another format, linear, for the CPU, of rows that are @stride apart. */
struct waybuf_constraints *painter_constraints(uint32_t format, uint64_t stride);

/* Paints pattern 7 in XRGB8888, rows @stride apart. */
void mover_paint(
	struct fixture *f, struct mover *mover, uint32_t width, uint32_t height, uint64_t stride);
/* Begins the migration to a stride that is a multiple of 1024; `plane` is answered in the end. */
void mover_move(struct fixture *f, struct mover *mover);
void mover_leave(struct mover *mover);

#endif
