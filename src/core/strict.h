/* SPDX-License-Identifier: MIT */
#ifndef CORE_STRICT_H
#define CORE_STRICT_H

#include <stddef.h>

/*
 * Reports an access to a range that was made inaccessible on purpose. The handler of SIGSEGV is
 * installed with the first trap and hands everything that is not in the table on to the handler
 * that was there before.
 */

/*
 * Adds a range; @name is borrowed until strict_untrap(). The slot, or -1 if the table is full: the
 * access still ends the program then, only without our message.
 */
int strict_trap(const void *address, size_t length, const char *name);
/* -1 is a no-op. */
void strict_untrap(int slot);

#endif
