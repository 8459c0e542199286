/* SPDX-License-Identifier: MIT */
#ifndef SERVER_TICKET_KEY_H
#define SERVER_TICKET_KEY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What outlives the server, in one file that only its user can read: the key of all tickets, how
 * many lives the server has had, and which pools have ever been shared.
 *
 * The last is a Bloom filter, as the file must neither grow nor forget: a pool that is not known
 * may be taken for a shared one, and its client then waits half a second after a restart. Never the
 * other way round.
 *
 * The file is locked while a server uses it, so that each life has its own number.
 */
#define TICKET_POOL 16

struct ticket_key {
	uint8_t secret[32];
	/* of this life of the server, from 1 */
	uint32_t epoch;
	int fd;
};

/*
 * Opens the file at @path, or makes it with mode 0600, and begins a new life. -EOPNOTSUPP (built
 * without nettle), -EBUSY (another server uses it), -EPERM (it is not a file of our own that nobody
 * else can open), -EBADMSG (it is something else), -EOVERFLOW
 * (there were 2^32 lives), -ENOMEM, or the errno of open(), write() or
 * getrandom().
 */
int ticket_key_open(const char *path, struct ticket_key **out);
/* The file stays. NULL is a no-op. */
void ticket_key_close(struct ticket_key *key);

/* A name for a new pool. 0 or the errno of getrandom(). */
int ticket_key_name_pool(uint8_t pool[TICKET_POOL]);
/* Others may join @pool from now on. 0, or the errno of pread() or pwrite(). */
int ticket_key_note_shared(struct ticket_key *key, const uint8_t pool[TICKET_POOL]);
/* True also when the file cannot be read. */
bool ticket_key_is_shared(const struct ticket_key *key, const uint8_t pool[TICKET_POOL]);

#endif
