/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_SERVER_H
#define TESTS_BENCH_SERVER_H

#include <stdint.h>
#include <sys/types.h>

/* waybufd, or another compositor, as a program that is looked at from outside. */

struct bench_server {
	pid_t pid;
	char folder[64];
	char socket[96]; /* absolute path, which wl_display_connect() takes */
};

/*
 * Starts it on the display, or headless where there is none, with @exporters (as WAYBUF_EXPORTERS,
 * NULL: all), and waits until it is ready. Returns the microseconds that took, fork and exec included.
 */
double bench_server_start(struct bench_server *server, const char *exporters);
/* The same in @mode, as waybufd --mode has it; NULL: the display's own. */
double bench_server_start_mode(
	struct bench_server *server, const char *exporters, const char *mode);
/*
 * Starts another compositor, one that takes the first free socket name, with @argument (NULL: none) in
 * a runtime folder of its own, and waits for the socket.
 */
void bench_server_start_program(
	struct bench_server *server, const char *path, const char *argument);
/* The one that WAYLAND_DISPLAY names, whoever started it; it is not to be stopped. */
void bench_server_adopt(struct bench_server *server);
/* Ends it, and the program if it did not end well. */
void bench_server_stop(struct bench_server *server);

/* What it has used of all CPUs so far, in microseconds, all threads together. */
double bench_server_cpu_us(const struct bench_server *server);
/* Its resident memory in KiB; shared libraries count in full. */
double bench_server_rss_kib(const struct bench_server *server);

/*
 * Counts the system calls of the server, all threads, from here to bench_trace_stop(). It slows
 * the server down: nothing is timed meanwhile.
 */
struct bench_trace;
struct bench_trace *bench_trace_start(const struct bench_server *server);
/* So far. Waits until the server is quiet for 50 ms, so that all of an operation is in. */
uint64_t bench_trace_count(const struct bench_trace *trace);
/* The same of one call: SYS_*. */
uint64_t bench_trace_number(const struct bench_trace *trace, unsigned number);
/*
 * Atomic commits so far, and in *@before the calls that came before them in their turns of the event
 * loop, all together: what an event has to wait for. Without those that read the clock.
 */
uint64_t bench_trace_commits(const struct bench_trace *trace, uint64_t *before);
void bench_trace_stop(struct bench_trace *trace);

/*
 * The calls that one @operation takes on average over @n. With BENCH_VERBOSE in the environment
 * stderr gets them by number.
 */
double bench_trace_each(
	const struct bench_server *server, unsigned n, void (*operation)(void *data), void *data);
/*
 * The calls that most of them take, without what is done once a second, say. One follows the other at
 * once, so that a call of one may be counted with the next.
 */
double bench_trace_typical(
	const struct bench_server *server, unsigned n, void (*operation)(void *data), void *data);

#endif
