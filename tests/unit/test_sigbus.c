/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "util/sigbus.h"

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
	ck_assert_int_eq(sigbus_install(), 0);
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
	ck_assert_int_eq(sigbus_install(), 0);
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
	ck_assert_int_eq(sigbus_install(), 0);
	char *map = map_and_cut(page, &fd);
	sigbus_guard_begin(&guard, map, PAGES * page);
	const volatile char *read = map;
	ck_assert_int_eq(read[2 * page - 1], 'x');
	ck_assert(!sigbus_guard_end(&guard));
	munmap(map, PAGES * page);
	close(fd);
}

static void handle_other(int number)
{
	_exit(77);
}

static void handle_other_info(int number, siginfo_t *info, void *context)
{
	_exit(info->si_code > 0 && context ? 78 : 1);
}

/* What becomes of a child that does @deed after others have installed @action, and then we. */
static int fate(const struct sigaction *action, void (*deed)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		sigaction(SIGBUS, action, NULL);
		if (sigbus_install() == 0 && sigbus_install() == 0)
			deed();
		_exit(0);
	}
	int status = -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

/* A fault where nobody guards. */
static void touch(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct sigbus_guard guard;
	char mine;
	int fd;
	char *map = map_and_cut(page, &fd);
	sigbus_guard_begin(&guard, &mine, 1);
	*(volatile char *)(map + 4 * page) = 1;
}

/* A guard is no reason to take what was sent for a fault. */
static void send(void)
{
	struct sigbus_guard guard;
	sigbus_guard_begin(&guard, NULL, SIZE_MAX);
	raise(SIGBUS);
}

TEST(others_get_what_is_not_ours)
{
	const struct sigaction plain = {.sa_handler = handle_other};
	const struct sigaction full = {.sa_sigaction = handle_other_info, .sa_flags = SA_SIGINFO};
	ck_assert_int_eq(WEXITSTATUS(fate(&plain, send)), 77);
	ck_assert_int_eq(WEXITSTATUS(fate(&plain, touch)), 77);
	ck_assert_int_eq(WEXITSTATUS(fate(&full, touch)), 78);
}

TEST(without_others_it_is_the_end)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	const struct sigaction ignored = {.sa_handler = SIG_IGN};
	int status = fate(&standard, send);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	status = fate(&standard, touch);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	/* a fault cannot be ignored, a signal can */
	status = fate(&ignored, touch);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	status = fate(&ignored, send);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void *touch_guarded(void *data)
{
	struct sigbus_guard guard;
	char *map = data;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	sigbus_guard_begin(&guard, map, PAGES * page);
	*(volatile char *)(map + 4 * page) = 1;
	return sigbus_guard_end(&guard) ? map : NULL;
}

/* As the worker does: it takes no signals but the faults that it causes itself. */
TEST(in_another_thread)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	pthread_t thread;
	void *result = NULL;
	int fd;
	ck_assert_int_eq(sigbus_install(), 0);
	char *map = map_and_cut(page, &fd);
	ck_assert_int_eq(pthread_create(&thread, NULL, touch_guarded, map), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, map);
	munmap(map, PAGES * page);
	close(fd);
}

TEST_MAIN("sigbus")
