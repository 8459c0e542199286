/* SPDX-License-Identifier: MIT */
#ifndef CORE_RESTORE_H
#define CORE_RESTORE_H

#include <waybuf/buffer.h>

#include "util/fd.h"

/*
 * Memory of a server that has died, given back to its successor by those who held it. The glue has
 * made sure that it is what it is said to be; here it becomes the storage of a buffer again.
 *
 * Several members may come, and with different generations, as a server may die between telling
 * one of them of a new one and telling the next. So what is offered has a rank: the life of the
 * server in which it was last written or moved (its epoch), and its generation then. The highest
 * rank wins, at any time up to the first write map, with which the history of the buffer goes on:
 * from then on an older past cannot be adopted, however new it claims to be. Being restored, and
 * read, does not change a rank: no reader can make old contents look new.
 *
 *	offered		buffer			becomes
 *	2.7		declared		backed, generation 7, rank 2.7
 *	2.6		rank 2.7		refused: -ESTALE
 *	2.8		rank 2.7		backed, generation 8; 7 is retired
 *	2.9		written since		refused: -ESTALE
 *
 * So that nobody writes to what is about to be replaced, a pool of several members settles first:
 * for SETTLE_MS write maps wait, nothing is moved, and no buffer gets new memory.
 */
#define RESTORE_SETTLE_MS 500

struct waybuf_restore_offer {
	/** as it was; the fds are taken, on failure too */
	struct waybuf_layout layout;
	/** of the memories, asked of the kernel */
	struct fd_id ids[WAYBUF_MAX_PLANES];
	/** what made it: an exporter of that manager */
	struct waybuf_exporter *exporter;
	/** rank; the epoch is above 0, and below that of this server */
	uint32_t epoch, generation;
	/** made in the configuration that the pool has */
	bool current;
};

/**
 * Makes the memory the storage of @buffer; the pool's account pays. 0; -ESTALE (see above); -EBUSY
 * (the buffer is being moved, or the memory is in use as another one's); -EOPNOTSUPP (a set in force
 * excludes it); -EINVAL (the image does not lie in its memory); -EDQUOT, -ENOMEM, or a device's
 * refusal to import it.
 */
int waybuf_buffer_restore(struct waybuf_buffer *buffer, struct waybuf_restore_offer *offer);

/** Whether the file with identity @id is memory @slot of the buffer's newest storage. */
bool waybuf_buffer_has_memory(
	const struct waybuf_buffer *buffer, uint32_t slot, const struct fd_id *id);

/** Somebody knows that the newest storage, if it was given back, has this rank: perhaps a higher one. */
void waybuf_buffer_confirm(struct waybuf_buffer *buffer, uint32_t epoch, uint32_t generation);

/** Its rank, unchanged by this life of the server. False: it was written or moved in this one. */
bool waybuf_buffer_rank(const struct waybuf_buffer *buffer, uint32_t *epoch, uint32_t *generation);

/** The newest storage was made in an earlier configuration of the pool. */
bool waybuf_buffer_is_outdated(const struct waybuf_buffer *buffer);

/** More buffers, never fewer. -EINVAL above 64, -EDQUOT, -ENOMEM. */
int waybuf_pool_restore_count(struct waybuf_pool *pool, uint32_t count);

/** Starts settling. */
void waybuf_pool_settle(struct waybuf_pool *pool);
bool waybuf_pool_is_settling(const struct waybuf_pool *pool);

#endif
