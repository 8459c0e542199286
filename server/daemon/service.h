/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SERVICE_H
#define DAEMON_SERVICE_H

#include <stdbool.h>

/*
 * What a service manager passes to a program that it starts, and is told by it. systemd documents
 * both protocols as stable (sd_listen_fds(3), sd_notify(3)), others speak them as well, and they are
 * a few environment variables, so there is no library behind this.
 */

/*
 * Takes the socket that clients connect to, from before we ran: *fd is ours (O_CLOEXEC), *path
 * (static) where it is. -1 and NULL: none was passed. False: said what is wrong on stderr. The
 * variables are gone from the environment then, since they are not for COMMAND.
 */
bool service_take_socket(int *fd, const char **path);

/* Sends a line such as "READY=1" to the manager, if there is one that wants to know. */
void service_notify(const char *state);

#endif
