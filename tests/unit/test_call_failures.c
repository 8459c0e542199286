/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "fail_call.h"
#include "guest/kms_fixture.h"
#include "harness.h"
#include "story.h"

/*
 * A whole life of a buffer, again and again, and each time the next call of the kernel fails, once
 * for want of memory, once for want of fds, and once because something is broken. Whatever happens
 * must end in an error that somebody is told, an empty account, and no fd and no memory left.
 */

static const int errors[] = {ENOMEM, EMFILE, EIO};

static void disarm(void)
{
	fail_call_at(0, 0);
}

/*
 * Returns how many calls there were, and counts the stories that came to no end. Errors take turns,
 * beginning with the @first.
 */
static unsigned sweep(const struct story *setting, unsigned first, unsigned *failures)
{
	const char *call;
	unsigned n = 0;
	do {
		int error = errors[(first + n) % 3];
		struct story story = *setting;
		int fds = harness_count_fds();
		fail_call_at(++n, error);
		bool told = story_tell(&story);
		call = fail_call_happened();
		disarm();
		story_end(&story);
		ck_assert_msg(told || call, "the story failed without a reason");
		*failures += !told;
		ck_assert_msg(harness_count_fds() == fds, "call %u, %s, %s: an fd was lost", n,
			call, strerror(error));
		ck_assert_uint_lt(n, 1000);
	} while (call);
	return n - 1;
}

/* With @turns 3, each call fails with each error. */
static void check(const char *exporters, struct story setting, unsigned turns)
{
	unsigned failures = 0;
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", exporters, 1), 0);
	story_disarm = disarm;
	for (unsigned i = 0; i < turns; i++)
		ck_assert_uint_gt(sweep(&setting, i, &failures), 30);
	/* most of what it hit was needed */
	ck_assert_uint_gt(failures, 20);
}

TEST(shared_memory)
{
	check("memfd", (struct story){0}, 3);
}

static void need(const char *path)
{
	if (access(path, R_OK | W_OK) < 0)
		SKIP("%s: %s", path, strerror(errno));
}

TEST(udmabuf)
{
	need("/dev/udmabuf");
	check("udmabuf", (struct story){0}, 1);
}

TEST(heap)
{
	need("/dev/dma_heap/system");
	check("heap system", (struct story){0}, 1);
}

TEST(dumb)
{
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	check("dumb", (struct story){.drm_fd = fd, .stride = 4}, 1);
	close(fd);
}

TEST_TIMEOUT(100)
TEST_MAIN("call-failures")
