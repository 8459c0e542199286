/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A thin layer over libcheck. Each TEST runs in a process of its own, with a time limit, and fails
 * if it leaves an fd open, or memory that nothing points to (under AddressSanitizer). A test
 * program is
 *
 *	TEST(name)
 *	{
 *		ck_assert_int_eq(...);
 *	}
 *
 *	TEST_MAIN("suite")
 *
 * and prints TAP. TEST_TIMEOUT(seconds) before TEST_MAIN changes the limit for the whole program.
 */

typedef void (*harness_func_t)(void);

void harness_register(const char *name, harness_func_t func);
void harness_set_timeout(double seconds);
int harness_main(const char *suite);

/* Ends the test as skipped, with a reason, after what was opened so far has been closed. */
#define SKIP(...) harness_skip(__VA_ARGS__)
void harness_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The number of fds open in this process. */
int harness_count_fds(void);

/* A seed for random tests: WAYBUF_TEST_SEED, or a fresh one; printed, so that a failure can be replayed. */
uint64_t harness_seed(void);
/* xorshift64*: the same sequence everywhere. */
uint64_t harness_random(uint64_t *state);

/*
 * How often a random test is to try what is worth @n tries: a fifth of that where WAYBUF_TEST_SHORT is
 * set, as it is for all but one of the builds that ./testbed test runs the same tests of.
 */
int harness_tries(int n);

#define TEST(test_name) \
	static void test_##test_name(void); \
	__attribute__((constructor)) static void register_##test_name(void) \
	{ \
		harness_register(#test_name, test_##test_name); \
	} \
	static void test_##test_name(void)

#define TEST_TIMEOUT(seconds) \
	__attribute__((constructor)) static void register_timeout(void) \
	{ \
		harness_set_timeout(seconds); \
	}

#define TEST_MAIN(suite) \
	int main(void) \
	{ \
		return harness_main(suite); \
	}

#endif
