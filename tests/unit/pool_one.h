/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_POOL_ONE_H
#define TESTS_UNIT_POOL_ONE_H

#include "core_fixture.h"

/* A pool of one buffer of 64 x 64, with a party that reads and writes it from one seat. */
struct one {
	struct fixture f;
	struct waybuf_pool *pool;
	struct party party;
	struct seat seat;
};

/* After fixture_init(&o->f). The pool is paid for by @account; NULL: the fixture's. */
void one_init(struct one *o, struct waybuf_account *account);
/* And the fixture's end. */
void one_finish(struct one *o);

#endif
