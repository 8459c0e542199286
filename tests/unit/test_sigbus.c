/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sigbus.h"

/* Memory that is cut off while it is read, as a hostile client does with a shm pool. */

#define PAGES 16

static char *map_and_cut(size_t page, int *fd)
{
	*fd = memfd_create("cut", MFD_CLOEXEC);
	ck_assert_int_ge(*fd, 0);
	ck_assert_int_eq(ftruncate(*fd, (off_t)(PAGES * page)), 0);
	char *map = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	memset(map, 'x', PAGES * page);
	ck_assert_int_eq(ftruncate(*fd, (off_t)(2 * page)), 0);
	return map;
}

TEST(missing_pages_read_as_zero)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct sigbus_guard guard;
	int fd;
	ck_assert_int_eq(sigbus_init(), 0);
	char *map = map_and_cut(page, &fd);
	sigbus_guard_begin(&guard, map, PAGES * page);
	const volatile char *read = map;
	int ones = 0, zeroes = 0;
	for (size_t i = 0; i < PAGES * page; i++) {
		ones += read[i] == 'x';
		zeroes += read[i] == 0;
	}
	ck_assert(sigbus_guard_end(&guard));
	ck_assert_int_eq(ones, (int)(2 * page));
	ck_assert_int_eq(zeroes, (int)(14 * page));
	munmap(map, PAGES * page);
	close(fd);
}

TEST(missing_pages_can_be_written)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct sigbus_guard outer, inner;
	int fd;
	char other;
	ck_assert_int_eq(sigbus_init(), 0);
	char *map = map_and_cut(page, &fd);
	sigbus_guard_begin(&outer, map, PAGES * page);
	sigbus_guard_begin(&inner, &other, 1);
	memset(map, 'y', PAGES * page);
	ck_assert(!sigbus_guard_end(&inner));
	ck_assert(sigbus_guard_end(&outer));
	munmap(map, PAGES * page);
	close(fd);
}

TEST(nothing_missing)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct sigbus_guard guard;
	int fd;
	ck_assert_int_eq(sigbus_init(), 0);
	char *map = map_and_cut(page, &fd);
	sigbus_guard_begin(&guard, map, PAGES * page);
	const volatile char *read = map;
	ck_assert_int_eq(read[2 * page - 1], 'x');
	ck_assert(!sigbus_guard_end(&guard));
	munmap(map, PAGES * page);
	close(fd);
}

static int passed;

static void handle_other(int number)
{
	passed++;
	_exit(passed == 1 ? 77 : 1);
}

TEST(others_get_what_is_not_ours)
{
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGBUS, handle_other);
		sigbus_init();
		raise(SIGBUS);
		_exit(0);
	}
	int status = -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 77);
}

TEST_MAIN("sigbus")
