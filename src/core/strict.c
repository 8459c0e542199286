/* SPDX-License-Identifier: MIT */
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/strict.h"

#define TRAPS 256

/*
 * Read in a signal handler, so: no lock, and `length` is written last when a slot is filled and
 * first when it is emptied.
 */
static struct {
	_Atomic(uintptr_t) address;
	_Atomic(const char *) name;
	_Atomic size_t length; /* 0: free */
} traps[TRAPS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;

static void put(const char *text)
{
	ssize_t written = write(STDERR_FILENO, text, strlen(text));
	(void)written;
}

/* snprintf is not async-signal-safe */
static void put_number(uintptr_t value)
{
	char digits[2 * sizeof(value) + 3] = {0};
	size_t i = sizeof(digits) - 1;
	do {
		digits[--i] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	put("0x");
	put(&digits[i]);
}

static const char *find_trap(uintptr_t address, uintptr_t *offset)
{
	for (size_t i = 0; i < TRAPS; i++) {
		size_t length = atomic_load(&traps[i].length);
		uintptr_t start = atomic_load(&traps[i].address);
		if (length > 0 && address >= start && address - start < length) {
			*offset = address - start;
			return atomic_load(&traps[i].name);
		}
	}
	return NULL;
}

static void report(const char *name, uintptr_t offset)
{
	put("waybuf: buffer '");
	put(name);
	put("' was touched at offset ");
	put_number(offset);
	put(" outside a begin_cpu_access/end_cpu_access bracket that allows it, by:\n");
	void *frames[16];
	/* not on POSIX's list, but glibc's works once libgcc is loaded, which arm() sees to */
	int n = backtrace(frames, 16);
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

/* Back to whoever was there, and let the access fault again: a core dump shows the culprit. */
static void handle_fault(int number, siginfo_t *info, void *context)
{
	uintptr_t offset;
	const char *name = find_trap((uintptr_t)info->si_addr, &offset);
	if (name)
		report(name, offset);
	sigaction(number, &previous, NULL);
}

static void arm(void)
{
	static bool armed;
	if (armed)
		return;
	void *frame;
	backtrace(&frame, 1);
	struct sigaction action = {.sa_sigaction = handle_fault, .sa_flags = SA_SIGINFO};
	sigemptyset(&action.sa_mask);
	armed = sigaction(SIGSEGV, &action, &previous) == 0;
}

int strict_trap(const void *address, size_t length, const char *name)
{
	int slot = -1;
	pthread_mutex_lock(&lock);
	arm();
	for (int i = 0; i < TRAPS && slot < 0; i++) {
		if (atomic_load(&traps[i].length) == 0)
			slot = i;
	}
	if (slot >= 0) {
		atomic_store(&traps[slot].address, (uintptr_t)address);
		atomic_store(&traps[slot].name, name);
		atomic_store(&traps[slot].length, length);
	}
	pthread_mutex_unlock(&lock);
	return slot;
}

void strict_untrap(int slot)
{
	if (slot >= 0)
		atomic_store(&traps[slot].length, 0);
}
