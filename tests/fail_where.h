/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAIL_WHERE_H
#define TESTS_FAIL_WHERE_H

#include <stdbool.h>

/*
 * Which threads a sweep (fail_alloc.h, fail_call.h) counts, where the code under test shares a
 * process with the test's other end. All of them, if nobody says otherwise.
 */

/* For threads that have not said it for themselves. */
void fail_elsewhere(bool may_fail);
/* For this thread. */
void fail_here(bool may_fail);
/* Whether what this thread does now is counted. */
bool fail_counts(void);

#endif
