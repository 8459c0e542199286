/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAIL_ALLOC_H
#define TESTS_FAIL_ALLOC_H

#include <stdbool.h>

/*
 * Fails the Nth allocation of the program under test, the project's own code only: the test is
 * linked with -Wl,--wrap for each function here. Counts over all threads.
 */

/* The @n-th allocation from now on fails, once; 0: none. */
void fail_alloc_at(unsigned n);
/* Whether it has happened. */
bool fail_alloc_happened(void);

#endif
