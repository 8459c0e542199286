/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service.h"
#include "util/fd.h"
#include "util/log.h"

#define FIRST_FD 3

static bool failed(const char *problem)
{
	fprintf(stderr, "waybufd: the service manager passed %s: ask it for one ListenStream=\n",
		problem);
	return false;
}

/* Number of fds that were passed to this process; 0: none, or they were for another one. */
static long passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	return pid && n && strtol(pid, NULL, 10) == getpid() ? strtol(n, NULL, 10) : 0;
}

static bool has_option(int fd, int option, int expected)
{
	int value = -1;
	socklen_t size = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == expected;
}

static bool is_listening(int fd)
{
	return has_option(fd, SO_DOMAIN, AF_UNIX) && has_option(fd, SO_TYPE, SOCK_STREAM) &&
		has_option(fd, SO_ACCEPTCONN, 1);
}

/* Clients and the file of tickets need a path. Abstract sockets have none, and no owner either. */
static const char *path_of(int fd)
{
	static struct sockaddr_un address;
	socklen_t size = sizeof(address) - 1;
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return NULL;
	return address.sun_path[0] == '/' ? address.sun_path : NULL;
}

bool service_take_socket(int *fd, const char **path)
{
	long n = passed();
	*fd = -1;
	*path = NULL;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (n == 0)
		return true;
	if (n != 1)
		return failed("several sockets");
	if (!is_listening(FIRST_FD))
		return failed("something that is no listening stream socket");
	*path = path_of(FIRST_FD);
	if (!*path)
		return failed("a socket without a path");
	*fd = FIRST_FD;
	return fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) == 0 || failed("a socket that cannot be used");
}

/* False: it is none that a manager listens on. */
static bool parse_address(const char *text, struct sockaddr_un *address, socklen_t *size)
{
	size_t length = strlen(text);
	if ((text[0] != '/' && text[0] != '@') || length >= sizeof(address->sun_path))
		return false;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, text, length);
	if (text[0] == '@')
		address->sun_path[0] = '\0';
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return true;
}

void service_notify(const char *state)
{
	const char *text = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t size;
	if (!text || !parse_address(text, &address, &size))
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 ||
		sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) <
			0)
		waybuf_error("the service manager cannot be told %s: %s", state, strerror(errno));
	fd_close(&fd);
}
