/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sigbus.h"

static _Thread_local struct sigbus_guard *innermost;
static struct sigaction previous;
static long page_size;

/* Not ours: whoever was there before, or the default, which ends the program. */
static void pass_on(int number, siginfo_t *info, void *context)
{
	if (previous.sa_flags & SA_SIGINFO) {
		previous.sa_sigaction(number, info, context);
	} else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
		previous.sa_handler(number);
	} else {
		/* the access is repeated when this returns, and then it is fatal */
		signal(SIGBUS, SIG_DFL);
	}
}

static struct sigbus_guard *find(const char *address)
{
	for (struct sigbus_guard *guard = innermost; guard; guard = guard->outer)
		if (address >= guard->address && address < guard->address + guard->length)
			return guard;
	return NULL;
}

/*
 * Only async-signal-safe things here. Everything from the missing page to the end of the range is
 * replaced at once: a file is cut off at its end, and one signal a page would be slow.
 */
static void handle(int number, siginfo_t *info, void *context)
{
	int saved = errno;
	char *address = info->si_addr;
	struct sigbus_guard *guard = find(address);
	if (!guard) {
		pass_on(number, info, context);
		errno = saved;
		return;
	}
	guard->hit = true;
	uintptr_t start = (uintptr_t)address & ~((uintptr_t)page_size - 1);
	uintptr_t end = (uintptr_t)guard->address + guard->length;
	if (mmap((void *)start, end - start, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		signal(SIGBUS, SIG_DFL);
	errno = saved;
}

int sigbus_init(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, &previous) < 0 ? -errno : 0;
}

void sigbus_guard_begin(struct sigbus_guard *guard, void *address, size_t length)
{
	*guard = (struct sigbus_guard){.address = address, .length = length, .outer = innermost};
	innermost = guard;
}

bool sigbus_guard_end(struct sigbus_guard *guard)
{
	innermost = guard->outer;
	return guard->hit;
}
