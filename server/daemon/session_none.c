/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "session.h"

/* Built without libseat: devices are opened directly. */

struct session *session_create(struct daemon *daemon)
{
	return NULL;
}

void session_destroy(struct session *session) {}

int session_open(struct session *session, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void session_release(struct session *session, int fd) {}

void session_close(struct session *session, int fd)
{
	close(fd);
}

bool session_is_active(const struct session *session)
{
	return true;
}

void session_switch(struct session *session, unsigned number) {}
