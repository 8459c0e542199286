/* SPDX-License-Identifier: MIT */
#ifndef CORE_MIGRATE_H
#define CORE_MIGRATE_H

#include "core/pool.h"

/*
 * Moves every buffer of the pool whose storage does not meet @set to one that does. 0: under way,
 * and waybuf_attachment_decided() will be called. Otherwise nothing happened: -EDQUOT, -ENOMEM.
 */
int waybuf_pool_relocate(struct waybuf_attachment *attachment, struct waybuf_constraints *set);

/* @attachment goes: if memory is being moved for it, that ends, and nobody is answered. */
void waybuf_pool_cancel_relocation(
	struct waybuf_pool *pool, const struct waybuf_attachment *attachment);

/* True while memory is being moved for @attachment. */
bool waybuf_pool_is_relocating(
	const struct waybuf_pool *pool, const struct waybuf_attachment *attachment);

/* A map of the buffer ended, or its fence signalled: perhaps the copy can begin. */
void waybuf_migration_advance(struct migration *migration);

#endif
