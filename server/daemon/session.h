/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include <stdbool.h>

/*
 * A seat of libseat, which opens the display and the input devices for us, who need no permission
 * then, and takes them away while the user is in another session.
 *
 *	active --the user leaves--> paused: nothing is committed, devices of input are let go, and
 *	     clients are served as on a display that is somebody else's
 *	paused --the user is back--> active: all of the display is set anew
 *
 * Where no seat can be had the devices are opened directly, and it is the kernel that says, commit
 * by commit, whether the display is ours (watch.c). libseat's own backend for root (builtin) takes
 * the whole console over, so that it is used only if LIBSEAT_BACKEND says so.
 *
 * NULL stands for no seat in every function.
 */
struct daemon;
struct session;

/* A seat that is active. NULL: there is none, which was logged. */
struct session *session_create(struct daemon *daemon);
/* After all of its devices are closed. */
void session_destroy(struct session *session);

/* Opens a device, with O_CLOEXEC. The fd, which session_close() has to be told of, or an errno. */
int session_open(struct session *session, const char *path, int flags);
/* Gives the device back, and closes @fd. */
void session_close(struct session *session, int fd);
/* The same for an fd that somebody else is about to close. */
void session_release(struct session *session, int fd);

/* Whether the devices can be used now. */
bool session_is_active(const struct session *session);
/* Asks for session @number, as Ctrl, Alt and a function key do. */
void session_switch(struct session *session, unsigned number);

#endif
