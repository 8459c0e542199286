/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/sigbus.h"

/*
 * Looked at by the handler, in whatever thread faults. In a shared library the default model
 * allocates a thread's copy at its first use, which a signal handler must not do.
 */
static _Thread_local struct sigbus_guard *innermost __attribute__((tls_model("initial-exec")));
static struct sigaction previous;
static uintptr_t page_size;

/*
 * Back to the default, which ends the program: a fault happens again when the handler returns, and
 * what somebody sent has to be sent again.
 */
static void die(const siginfo_t *info)
{
	signal(SIGBUS, SIG_DFL);
	if (info->si_code <= 0)
		raise(SIGBUS);
}

/* Not ours: whoever was there before. The kernel lets nobody ignore a fault, only what was sent. */
static void pass_on(int number, siginfo_t *info, void *context)
{
	if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(number, info, context);
	else if (previous.sa_handler == SIG_DFL ||
		(previous.sa_handler == SIG_IGN && info->si_code > 0))
		die(info);
	else if (previous.sa_handler != SIG_IGN)
		previous.sa_handler(number);
}

static struct sigbus_guard *find(const siginfo_t *info)
{
	const char *address = info->si_addr;
	/* of what somebody has sent, that is no address */
	if (info->si_code <= 0)
		return NULL;
	for (struct sigbus_guard *guard = innermost; guard; guard = guard->outer)
		if (address >= guard->address && address < guard->address + guard->length)
			return guard;
	return NULL;
}

static bool replace(uintptr_t start, uintptr_t end)
{
	return mmap((void *)start, end - start, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

/*
 * Only async-signal-safe things here. Everything from the missing page to the end of the range is
 * replaced at once: a file is cut off at its end, and one signal a page would be slow. A mapping of
 * huge pages cannot be split at a small one, so that the whole of it goes.
 */
static void handle(int number, siginfo_t *info, void *context)
{
	int saved = errno;
	struct sigbus_guard *guard = find(info);
	if (!guard) {
		pass_on(number, info, context);
		errno = saved;
		return;
	}
	guard->hit = true;
	uintptr_t start = (uintptr_t)guard->address & ~(page_size - 1);
	uintptr_t end = (uintptr_t)guard->address + guard->length;
	if (!replace((uintptr_t)info->si_addr & ~(page_size - 1), end) && !replace(start, end))
		die(info);
	errno = saved;
}

int sigbus_install(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool installed;
	/* on the host's alternate stack if it has one; it may be what its own handler relies on */
	struct sigaction action = {
		.sa_sigaction = handle,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK,
	};
	sigemptyset(&action.sa_mask);
	int error = 0;
	pthread_mutex_lock(&lock);
	if (!installed) {
		page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
		error = sigaction(SIGBUS, &action, &previous) < 0 ? -errno : 0;
		installed = error == 0;
	}
	pthread_mutex_unlock(&lock);
	return error;
}

void sigbus_guard_begin(struct sigbus_guard *guard, void *address, size_t length)
{
	*guard = (struct sigbus_guard){.address = address, .length = length, .outer = innermost};
	innermost = guard;
	/* the compiler does not know that the accesses between begin and end can get to the handler */
	atomic_signal_fence(memory_order_seq_cst);
}

bool sigbus_guard_end(struct sigbus_guard *guard)
{
	atomic_signal_fence(memory_order_seq_cst);
	innermost = guard->outer;
	return guard->hit;
}
