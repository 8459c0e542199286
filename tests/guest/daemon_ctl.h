/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DAEMON_CTL_H
#define TESTS_DAEMON_CTL_H

#include <stdio.h>

#include "daemon_fixture.h"

/* waybufctl, on a daemon. Skips if WAYBUFCTL does not name that program. */

/* What it writes; to be closed by pclose(). */
FILE *daemon_ctl_start(const struct daemon *daemon, const char *arguments);
/* Its exit status, and in @text, of @size bytes, what it writes, errors among it. */
int daemon_ctl(const struct daemon *daemon, const char *arguments, char *text, size_t size);
/* What `waybufctl info` has for @key among the numbers of the output. */
unsigned long daemon_number(const struct daemon *daemon, const char *key);

#endif
