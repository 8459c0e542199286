/* SPDX-License-Identifier: MIT */
#ifndef UTIL_SIGBUS_H
#define UTIL_SIGBUS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Touching memory that its owner may take away under us: a client truncates the file behind a
 * mapping, a driver gives an object back, a device is unplugged. The next access raises SIGBUS,
 * which must not end a compositor. While a guard is open, missing pages of its range are replaced by
 * zeroes, and the guard remembers it: what was read is worth nothing, and what was written is lost.
 *
 *	sigbus_guard_begin(&guard, pixels, size);
 *	memcpy(picture, pixels, size);
 *	if (sigbus_guard_end(&guard))
 *		give_up();			and unmap, because the zeroes stay
 *
 * There is no jump out of the access, so that locks and half-made objects below it are safe.
 *
 * The handler is the process's, so that a library must not install it unasked. Without it guards
 * cost nothing, guard nothing, and end without a hit. Guards belong to the thread that opened them,
 * and nest. A fault that the thread has blocked ends the program before any handler is asked.
 */
struct sigbus_guard {
	char *address;
	size_t length;
	volatile bool hit;
	struct sigbus_guard *outer;
};

/*
 * Installs the handler, once for the process, from any thread; the one that was there before gets
 * what is not ours. It stays: somebody may have chained to it by then. 0 or sigaction()'s errno.
 */
int sigbus_install(void);

/* Guards access to @length bytes from @address; @guard is caller storage until the end. */
void sigbus_guard_begin(struct sigbus_guard *guard, void *address, size_t length);
/* True if a page of the range was missing. */
bool sigbus_guard_end(struct sigbus_guard *guard);

#endif
