/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "harness.h"

/* Tests that misbehave, one way each: check-harness.sh sees to it that every one is caught. */

TEST(passes)
{
	ck_assert_int_eq(1, 1);
}

TEST(leaks_fd)
{
	ck_assert_int_ge(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
}

static void *volatile lost;

TEST(leaks_memory)
{
	lost = malloc(1000);
	lost = NULL;
}

TEST(crashes)
{
	volatile int *nowhere = NULL;
	*nowhere = 1;
}

TEST(hangs)
{
	sleep(60);
}

TEST(exits_early)
{
	exit(0);
}

TEST(skips)
{
	SKIP("no device");
}

TEST_TIMEOUT(1)
TEST_MAIN("victim")
