/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SIGBUS_H
#define DAEMON_SIGBUS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Touching memory that its owner may cut off under us. A client can truncate the file behind a shm
 * pool at any time; touching the lost pages raises SIGBUS, which must not end the compositor. While
 * a guard is open, such a page is replaced by zeroes, and the guard remembers it.
 *
 * Guards belong to the thread that opened them, and nest.
 */
struct sigbus_guard {
	char *address;
	size_t length;
	volatile bool hit;
	struct sigbus_guard *outer;
};

/* Installs the handler; the one that was there before gets what is not ours. 0 or -errno. */
int sigbus_init(void);

/* Guards access to @length bytes from @address; @guard is caller storage until the end. */
void sigbus_guard_begin(struct sigbus_guard *guard, void *address, size_t length);
/* True if a page of the range was missing. */
bool sigbus_guard_end(struct sigbus_guard *guard);

#endif
