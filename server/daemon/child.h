/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_CHILD_H
#define DAEMON_CHILD_H

#include <sys/types.h>

/*
 * Lets this process open as many fds as it may: every buffer of every client costs some, and the
 * usual 1024 are for those who use select(). A child gets the limit that was there before.
 */
void child_raise_fd_limit(void);

/*
 * Starts @command with WAYLAND_DISPLAY=@socket, without the signal handling of this process. The
 * pid, or a negative errno of fork(). A command that cannot be executed is a child that ends with
 * 126 or 127 and says why.
 */
pid_t child_start(char *const command[], const char *socket);

/* The exit code a shell would make of a wait status. */
int child_exit_code(int status);

#endif
