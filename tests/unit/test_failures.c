/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>

#include "fail_alloc.h"
#include "harness.h"
#include "story.h"

/*
 * A whole life of a buffer, again and again, and each time the next allocation (or the next fd)
 * fails. Whatever happens must end in an error that somebody is told, an empty account, and no fd
 * and no memory left.
 */

static void disarm(void)
{
	fail_alloc_at(0);
}

static void set_up(void)
{
	story_disarm = disarm;
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", "memfd", 1), 0);
}

TEST(every_allocation_may_fail)
{
	unsigned n = 0, failures = 0;
	bool complete = false;
	set_up();
	int fds = harness_count_fds();
	while (!complete) {
		struct story story = {0};
		fail_alloc_at(++n);
		bool told = story_tell(&story);
		complete = !fail_alloc_happened();
		fail_alloc_at(0);
		story_end(&story);
		ck_assert_msg(told || !complete, "the story failed without a reason");
		failures += !told;
		ck_assert_msg(harness_count_fds() == fds, "allocation %u: an fd was lost", n);
		ck_assert_uint_lt(n, 2000);
	}
	/* the sweep swept something, and most of what it hit was needed */
	ck_assert_uint_gt(n, 50);
	ck_assert_uint_gt(failures, 30);
}

TEST(every_fd_may_be_missing)
{
	struct rlimit limit;
	bool told = false;
	unsigned failures = 0;
	set_up();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int fds = harness_count_fds();
	/* fds are taken lowest first, so this many are free */
	for (int spare = 0; !told; spare++) {
		struct story story = {0};
		struct rlimit tight = limit;
		tight.rlim_cur = (rlim_t)(fds + spare);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
		told = story_tell(&story);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		story_end(&story);
		failures += !told;
		ck_assert_msg(harness_count_fds() == fds, "%d free: an fd was lost", spare);
		ck_assert_int_lt(spare, 50);
	}
	ck_assert_uint_gt(failures, 5);
}

TEST_TIMEOUT(100)
TEST_MAIN("failures")
