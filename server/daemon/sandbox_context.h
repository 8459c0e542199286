/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SANDBOX_CONTEXT_H
#define DAEMON_SANDBOX_CONTEXT_H

#include "sandbox.h"

/* What an engine has said of a sandbox; for sandbox.c and sandbox_v1.c only. */
struct sandbox {
	struct daemon *daemon;
	unsigned refs; /* while it listens, and each client */
	char *engine, *app, *instance; /* NULL: not said */
	char *name; /* NULL until it listens */
	int listen_fd, close_fd; /* owned; -1: closed */
	struct wl_event_source *listening, *closing;
	struct wl_list link; // daemon.sandboxes, until it stops listening
};

/* Whether connections can be accepted from it: a listening stream socket of the local machine. */
bool sandbox_fd_listens(int fd);

/* Takes both fds, on failure too. NULL: no memory, or too many. */
struct sandbox *sandbox_create(struct daemon *daemon, int listen_fd, int close_fd);

/* Lets clients in from now on. 0, or a negative errno: -EPERM if nobody can hang up on close_fd. */
int sandbox_listen(struct sandbox *sandbox);

/* Lets no one in any more. NULL is a no-op. */
void sandbox_stop(struct sandbox *sandbox);

#endif
