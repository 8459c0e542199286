/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <wayland-server-core.h>

#include "socket.h"

/*
 * Who can open the socket can ask us for memory and look at the screen, so neither the socket nor
 * its folder may be within reach of other users: they could put a socket of their own in its place.
 */
static bool folder_safe(const char *path, const struct stat *st)
{
	const char *problem = NULL;
	if (!S_ISDIR(st->st_mode))
		problem = "is not a folder";
	else if (st->st_uid != geteuid() && st->st_uid != 0)
		problem = "belongs to another user";
	else if ((st->st_mode & (S_IWGRP | S_IWOTH)) && !(st->st_mode & S_ISVTX))
		problem = "can be written by other users (chmod 0700 it)";
	if (problem)
		fprintf(stderr, "waybufd: the socket folder %s %s\n", path, problem);
	return !problem;
}

static bool folder_usable(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0) {
		fprintf(stderr,
			"waybufd: the socket folder %s cannot be used: %s (make it with mode 0700, or"
			" set XDG_RUNTIME_DIR to one that exists)\n",
			path, strerror(errno));
		return false;
	}
	if (!folder_safe(path, &st))
		return false;
	if (access(path, W_OK | X_OK) == 0)
		return true;
	fprintf(stderr,
		"waybufd: the socket folder %s cannot be written: %s (set XDG_RUNTIME_DIR to a"
		" folder of your own)\n",
		path, strerror(errno));
	return false;
}

/* The folder of an absolute socket path, else XDG_RUNTIME_DIR. */
static bool find_folder(const char *name, char folder[PATH_MAX])
{
	if (name && name[0] == '/') {
		const char *slash = strrchr(name, '/');
		snprintf(folder, PATH_MAX, "%.*s", slash == name ? 1 : (int)(slash - name), name);
		return true;
	}
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (!runtime || runtime[0] != '/') {
		fputs("waybufd: XDG_RUNTIME_DIR is not set: set it to a folder of your own with mode"
		      " 0700, or give --socket a path\n",
			stderr);
		return false;
	}
	snprintf(folder, PATH_MAX, "%s", runtime);
	return true;
}

static void explain(const char *folder, const char *name, int error)
{
	if (error == EAGAIN || error == EWOULDBLOCK || error == EADDRINUSE || error == EEXIST)
		fprintf(stderr,
			"waybufd: another compositor listens on the socket %s already: give --socket"
			" another name\n",
			name);
	else if (error == ENAMETOOLONG)
		fprintf(stderr, "waybufd: the path of the socket %s is too long\n", name);
	else
		fprintf(stderr, "waybufd: cannot listen on the socket %s in %s: %s\n", name, folder,
			strerror(error));
}

char *socket_companion(const char *name, const char *suffix)
{
	const char *runtime = name[0] == '/' ? "" : getenv("XDG_RUNTIME_DIR");
	const char *slash = name[0] == '/' ? "" : "/";
	char *path;
	if (asprintf(&path, "%s%s%s%s", runtime ? runtime : "", slash, name, suffix) < 0)
		return NULL;
	return path;
}

const char *socket_listen(struct wl_display *display, const char *name)
{
	char folder[PATH_MAX];
	if (!find_folder(name, folder) || !folder_usable(folder))
		return NULL;
	mode_t mask = umask(S_IRWXG | S_IRWXO);
	errno = 0;
	if (name && wl_display_add_socket(display, name) < 0) {
		int error = errno ? errno : ENAMETOOLONG;
		umask(mask);
		explain(folder, name, error);
		return NULL;
	}
	if (!name)
		name = wl_display_add_socket_auto(display);
	int error = errno;
	umask(mask);
	if (!name)
		explain(folder, "wayland-N", error ? error : EADDRINUSE);
	return name;
}
