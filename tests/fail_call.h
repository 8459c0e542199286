/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAIL_CALL_H
#define TESTS_FAIL_CALL_H

#include <stdbool.h>

/*
 * Fails the Nth call of the kernel that the program under test makes, over all threads: calls that
 * make or map something, or ask about it. What cannot fail, or undoes something (close, munmap,
 * EPOLL_CTL_DEL), is let through.
 *
 * The test is linked with fail_call_args of tests/meson.build, which puts the wrappers in front of
 * the project's own calls. ioctl() is replaced for everybody, so that those of libdrm count, too.
 */

/* The @n-th call from now on fails with @error, once; 0: none. */
void fail_call_at(unsigned n, int error);
/* The name of the call that has failed; NULL if none has. */
const char *fail_call_happened(void);

#endif
