/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "bench.h"
#include "server.h"

/*
 * A process of its own traces the server and counts in shared memory, because ptrace belongs to
 * one thread, and that of the bench is busy being the client. When the tracer dies the kernel lets
 * the server go.
 */
#define MAX_NUMBERS 512
#define QUIET_US 50000
#define MAX_TYPICAL 256

struct bench_trace {
	pid_t tracer;
	atomic_int ready; /* 1, or the negative errno of the attempt */
	atomic_uint_fast64_t total;
	atomic_uint_fast64_t counts[MAX_NUMBERS];
	/* atomic commits, and what they came after in their turns of the loop */
	atomic_uint_fast64_t commits, before_commits;
	unsigned since_wait; /* the tracer's: calls of this turn */
};

/* The clock is read without a call where there is a vDSO, which the guest has not. */
static void note_turn(struct bench_trace *trace, const struct __ptrace_syscall_info *info)
{
	if (info->entry.nr == SYS_epoll_wait || info->entry.nr == SYS_epoll_pwait) {
		trace->since_wait = 0;
	} else if (info->entry.nr == SYS_ioctl && info->entry.args[1] == DRM_IOCTL_MODE_ATOMIC) {
		atomic_fetch_add(&trace->before_commits, trace->since_wait);
		atomic_fetch_add(&trace->commits, 1);
	} else if (info->entry.nr != SYS_clock_gettime) {
		trace->since_wait++;
	}
}

static void count(struct bench_trace *trace, pid_t pid)
{
	struct __ptrace_syscall_info info = {0};
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
		info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (info.entry.nr < MAX_NUMBERS)
		atomic_fetch_add(&trace->counts[info.entry.nr], 1);
	note_turn(trace, &info);
	atomic_fetch_add(&trace->total, 1);
}

/* The signal to hand on to the server, 0: none. */
static int signal_of(int status)
{
	int number = WSTOPSIG(status);
	/* stops that are ptrace's own: an event, or the system call that was asked for */
	return status >> 16 || number == (SIGTRAP | 0x80) || number == SIGTRAP ? 0 : number;
}

static _Noreturn void follow(struct bench_trace *trace)
{
	int status;
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			_exit(0);
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			count(trace, pid);
		ptrace(PTRACE_SYSCALL, pid, 0, (void *)(intptr_t)signal_of(status));
	}
}

/* 0 or a negative errno. */
static int seize_all(pid_t pid)
{
	char path[64];
	uintptr_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *tasks = opendir(path);
	if (!tasks)
		return -errno;
	struct dirent *entry;
	int ret = 0;
	while (ret == 0 && (entry = readdir(tasks))) {
		pid_t task = atoi(entry->d_name);
		if (task > 0 &&
			(ptrace(PTRACE_SEIZE, task, 0, (void *)options) < 0 ||
				ptrace(PTRACE_INTERRUPT, task, 0, NULL) < 0))
			ret = -errno;
	}
	closedir(tasks);
	return ret;
}

static _Noreturn void run_tracer(struct bench_trace *trace, pid_t pid)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int ret = seize_all(pid);
	atomic_store(&trace->ready, ret < 0 ? ret : 1);
	if (ret < 0)
		_exit(1);
	follow(trace);
}

struct bench_trace *bench_trace_start(const struct bench_server *server)
{
	struct bench_trace *trace = mmap(
		NULL, sizeof(*trace), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (trace == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	pid_t pid = fork();
	if (pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (pid == 0)
		run_tracer(trace, server->pid);
	trace->tracer = pid;
	int ready;
	while ((ready = atomic_load(&trace->ready)) == 0)
		usleep(1000);
	if (ready < 0)
		bench_fail("waybufd cannot be traced: %s", strerror(-ready));
	/* it has come out of the call in which it was found */
	bench_trace_count(trace);
	return trace;
}

uint64_t bench_trace_count(const struct bench_trace *trace)
{
	uint64_t before, now = atomic_load(&trace->total);
	do {
		before = now;
		usleep(QUIET_US);
		now = atomic_load(&trace->total);
	} while (now != before);
	return now;
}

uint64_t bench_trace_number(const struct bench_trace *trace, unsigned number)
{
	return number < MAX_NUMBERS ? atomic_load(&trace->counts[number]) : 0;
}

uint64_t bench_trace_commits(const struct bench_trace *trace, uint64_t *before)
{
	*before = atomic_load(&trace->before_commits);
	return atomic_load(&trace->commits);
}

void bench_trace_stop(struct bench_trace *trace)
{
	kill(trace->tracer, SIGKILL);
	waitpid(trace->tracer, NULL, 0);
	munmap(trace, sizeof(*trace));
}

static void print_numbers(
	const uint64_t before[MAX_NUMBERS], const struct bench_trace *trace, unsigned n)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		uint64_t more = atomic_load(&trace->counts[i]) - before[i];
		if (more)
			fprintf(stderr, "# system call %zu: %.2f\n", i, (double)more / n);
	}
}

/* An operation, again and again; what it takes by number is printed if somebody wants it. */
struct counting {
	struct bench_trace *trace;
	uint64_t start, before[MAX_NUMBERS];
};

static void counting_start(struct counting *counting, const struct bench_server *server,
	void (*operation)(void *data), void *data)
{
	counting->trace = bench_trace_start(server);
	operation(data); /* what is done once only */
	counting->start = bench_trace_count(counting->trace);
	for (size_t i = 0; i < MAX_NUMBERS; i++)
		counting->before[i] = atomic_load(&counting->trace->counts[i]);
}

/* On average over @n. */
static double counting_stop(struct counting *counting, unsigned n)
{
	double each = (double)(bench_trace_count(counting->trace) - counting->start) / n;
	if (getenv("BENCH_VERBOSE"))
		print_numbers(counting->before, counting->trace, n);
	bench_trace_stop(counting->trace);
	return each;
}

double bench_trace_each(
	const struct bench_server *server, unsigned n, void (*operation)(void *data), void *data)
{
	struct counting counting;
	counting_start(&counting, server, operation, data);
	for (unsigned i = 0; i < n; i++)
		operation(data);
	return counting_stop(&counting, n);
}

double bench_trace_typical(
	const struct bench_server *server, unsigned n, void (*operation)(void *data), void *data)
{
	struct counting counting;
	double calls[MAX_TYPICAL];
	if (n > MAX_TYPICAL)
		bench_fail("%u operations are more than %d", n, MAX_TYPICAL);
	counting_start(&counting, server, operation, data);
	uint64_t now, last = counting.start;
	for (unsigned i = 0; i < n; i++) {
		operation(data);
		now = atomic_load(&counting.trace->total);
		calls[i] = (double)(now - last);
		last = now;
	}
	counting_stop(&counting, n);
	return bench_quantile(calls, n, 0.5);
}
