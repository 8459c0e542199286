/* SPDX-License-Identifier: MIT */
#ifndef SERVER_TICKET_H
#define SERVER_TICKET_H

#include <waybuf/buffer.h>

#include "ticket_key.h"
#include "util/fd.h"

/*
 * Tickets: what a client keeps beside each memory fd, so that it can give the memory back to a
 * server that was restarted and knows nothing any more. A ticket says everything that such a server
 * must know, and is sealed with HMAC-SHA256 under a key that outlives the server (ticket_key.h).
 *
 * What a ticket is worth, which is also what its holder can do to others:
 *
 *   - It names one file by inode, size and kind. Without that very file it gives back nothing; the
 *     file alone is just foreign memory.
 *   - It is good for the user and the security context to which it was issued, so that it is worth
 *     nothing to whoever else gets hold of it.
 *   - It carries the rights of its holder: a reader's makes a reader, whoever comes first.
 *   - It names the life of the server (epoch) that issued it. In that life it adopts nothing.
 *   - It has a rank: when the memory was last written or moved. Among those of earlier lives the
 *     highest wins (core/restore.h), so that what was replaced cannot come back, and a reader that
 *     gives back what it has cannot make it newer.
 *   - Whoever may write to a pool can still give back an older state of it, if nobody else comes
 *     within the time that is granted for that. It could have written the older state, too.
 *   - Whoever comes first pays, and is the creator until the real one comes. While others may still
 *     come it can neither share the pool nor resize it.
 *   - An inode's number is used again, after 2^32 others. Who makes that many files to have one like
 *     that of memory which it had a ticket for has replaced its own picture.
 *
 * Nothing in here touches a pool. Every field is checked again after the seal: a key is a file, and
 * files get lost.
 */
#define TICKET_SIZE 256
#define TICKET_NAME 28

enum ticket_flags {
	/* of a membership that may only read */
	TICKET_READ_ONLY = 1,
	/* of the membership that pays */
	TICKET_CREATOR = 2,
	/* the storage was made in the configuration that the pool had */
	TICKET_CURRENT = 4,
};

struct ticket {
	/* whose it is, and since when */
	uint32_t epoch;
	uint32_t flags;
	uint32_t uid;
	uint8_t context[16]; /* ticket_context() */

	/* the pool as it was */
	uint8_t pool[TICKET_POOL];
	/* the life of the server that made its configuration, and the number there */
	uint32_t config_epoch, config;
	uint32_t width, height, count;
	char name[TICKET_NAME + 1]; /* perhaps cut */

	/* the storage, and which memory of it; the fds in the layout are -1 */
	uint32_t index, slot;
	uint32_t rank_epoch, rank_generation;
	uint8_t exporter[8]; /* ticket_exporter() */
	struct waybuf_layout layout; /* n_memory of them, only that of `slot` is described */
	struct fd_id id; /* of that */
};

/* Digests of names: of a security context (NULL: none, all zero), of an exporter. */
void ticket_context(const char *context, uint8_t digest[16]);
void ticket_exporter(const char *name, uint8_t digest[8]);

void ticket_seal(
	const struct ticket_key *key, const struct ticket *ticket, uint8_t sealed[TICKET_SIZE]);

/* False, after the same time wherever the difference is: not one of ours, or damaged. */
bool ticket_open(
	const struct ticket_key *key, const void *sealed, size_t size, struct ticket *ticket);

/*
 * Whether @fd is the file that the ticket is about. NULL, or what is wrong with it, for people. The
 * kernel's word alone counts.
 */
const char *ticket_check_file(const struct ticket *ticket, int fd);

#endif
