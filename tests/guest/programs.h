/* SPDX-License-Identifier: MIT */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Programs of ours, as processes, as a person runs them. */

/* What a program that has ended left: its exit status (128 + the signal), stdout and stderr. */
struct result {
	int status;
	char out[65536];
};

/* A program that runs, with what it prints going to a file. */
struct program {
	pid_t pid;
	int fd;
};

/* @arguments end with NULL; the first is the program's path. */
struct program program_start(const char *const *arguments);
/* Waits at most @seconds, then kills it and fails the test. */
void program_wait(struct program *program, int seconds, struct result *result);
void program_signal(const struct program *program, int number);
/* What it has printed so far. */
void program_peek(const struct program *program, struct result *result);

/* Start and wait. */
void program_run(const char *const *arguments, int seconds, struct result *result);

/*
 * Waits at most @seconds until it has printed what matches @pattern, an extended regular expression
 * of POSIX; fails the test otherwise.
 */
void program_expect(const struct program *program, const char *pattern, int seconds);

/*
 * waybufd on the first display of the machine, with a socket in a folder of its own that
 * XDG_RUNTIME_DIR and WAYLAND_DISPLAY name. Skips the test where there is no vkms.
 */
void daemon_start(struct program *daemon);
/* The same in a mode, as --mode names it, which must outlive the daemon. */
void daemon_start_mode(struct program *daemon, const char *mode);
/* The same without a display: an allocation service, on any machine. */
void service_start(struct program *daemon);
/* Kills it, and starts it again on the same socket. */
void daemon_restart(struct program *daemon);
void service_restart(struct program *daemon);
/* Starts it again after it has ended. */
void service_continue(struct program *daemon);
/* Ends it with SIGTERM; it must exit with status 0. */
void daemon_stop(struct program *daemon);

/* A file in that folder. */
const char *folder_path(const char *name);

/* A PNG file as 8-bit RGB, to be freed with free(). */
uint8_t *read_png(const char *path, uint32_t *width, uint32_t *height);

#endif
