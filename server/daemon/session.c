/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libseat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card.h"
#include "daemon.h"
#include "input/input.h"
#include "session.h"
#include "util/fd.h"
#include "util/log.h"

/* Cards and devices of input, of which nobody has so many. */
#define MOST_DEVICES 128
/* So long a seat may take until it is ours: in the background it never is. */
#define PATIENCE_MS 2000

struct device {
	int fd; /* -1: free */
	int id; /* libseat's */
};

struct session {
	struct daemon *daemon;
	struct libseat *seat;
	struct wl_event_source *readable;
	bool active;
	struct device devices[MOST_DEVICES];
};

static void log_seat(enum libseat_log_level level, const char *format, va_list args)
{
	char text[256];
	vsnprintf(text, sizeof(text), format, args);
	waybuf_debug("libseat: %s", text);
}

/* ---- it comes and goes --------------------------------------------------------------------- */

static void handle_enable(struct libseat *seat, void *data)
{
	struct session *session = data;
	session->active = true;
	if (!session->daemon->card)
		return;
	waybuf_info("the session is active again");
	input_resume(session->daemon);
	/* whoever changed over is here */
	idle_activity(session->daemon);
	card_resume(session->daemon->card);
}

/* Whoever does not say in time that it has stopped is stopped, in the middle of a commit. */
static void handle_disable(struct libseat *seat, void *data)
{
	struct session *session = data;
	session->active = false;
	if (session->daemon->card) {
		waybuf_info("the session is paused");
		card_pause(session->daemon->card);
		input_pause(session->daemon);
	}
	if (libseat_disable_seat(seat) < 0)
		waybuf_error("the seat does not hear that it is paused: %s", strerror(errno));
}

static const struct libseat_seat_listener listener = {
	.enable_seat = handle_enable,
	.disable_seat = handle_disable,
};

/* Its devices work as long as the kernel lets them: as without a seat. */
static void lose(struct session *session, const char *why)
{
	waybuf_error("the seat is lost: %s", why);
	wl_event_source_remove(session->readable);
	session->readable = NULL;
}

static int handle_readable(int fd, uint32_t mask, void *data)
{
	struct session *session = data;
	if (mask & (WL_EVENT_HANGUP | WL_EVENT_ERROR))
		lose(session, "its service has ended");
	else if (libseat_dispatch(session->seat, 0) < 0)
		lose(session, strerror(errno));
	return 0;
}

/* ---- the start ----------------------------------------------------------------------------- */

static struct libseat *open_backend(struct session *session, const char *name)
{
	setenv("LIBSEAT_BACKEND", name, 1);
	struct libseat *seat = libseat_open_seat(&listener, session);
	unsetenv("LIBSEAT_BACKEND");
	return seat;
}

static struct libseat *open_seat(struct session *session)
{
	if (getenv("LIBSEAT_BACKEND"))
		return libseat_open_seat(&listener, session);
	struct libseat *seat = open_backend(session, "seatd");
	return seat ? seat : open_backend(session, "logind");
}

/* False: it is somebody else's. */
static bool wait_until_active(struct session *session)
{
	for (int waited = 0; !session->active && waited < PATIENCE_MS; waited += 100)
		if (libseat_dispatch(session->seat, 100) < 0)
			return false;
	return session->active;
}

static bool watch(struct session *session)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(session->daemon->display);
	session->readable = wl_event_loop_add_fd(
		loop, libseat_get_fd(session->seat), WL_EVENT_READABLE, handle_readable, session);
	return session->readable;
}

struct session *session_create(struct daemon *daemon)
{
	struct session *session = calloc(1, sizeof(*session));
	if (!session)
		return NULL;
	session->daemon = daemon;
	for (int i = 0; i < MOST_DEVICES; i++)
		session->devices[i].fd = -1;
	libseat_set_log_handler(log_seat);
	libseat_set_log_level(LIBSEAT_LOG_LEVEL_INFO);
	session->seat = open_seat(session);
	if (!session->seat) {
		waybuf_debug("devices are opened directly: there is no seat");
		session_destroy(session);
		return NULL;
	}
	if (!wait_until_active(session) || !watch(session)) {
		waybuf_info("devices are opened directly: the seat is not ours");
		session_destroy(session);
		return NULL;
	}
	waybuf_info("devices are those of %s", libseat_seat_name(session->seat));
	return session;
}

void session_destroy(struct session *session)
{
	if (!session)
		return;
	if (session->readable)
		wl_event_source_remove(session->readable);
	/* those that came to nothing when they were looked at */
	for (int i = 0; i < MOST_DEVICES; i++)
		if (session->devices[i].fd >= 0)
			session_release(session, session->devices[i].fd);
	if (session->seat)
		libseat_close_seat(session->seat);
	free(session);
}

/* ---- devices ------------------------------------------------------------------------------- */

static struct device *find(struct session *session, int fd)
{
	for (int i = 0; i < MOST_DEVICES; i++)
		if (session->devices[i].fd == fd)
			return &session->devices[i];
	return NULL;
}

int session_open(struct session *session, const char *path, int flags)
{
	if (!session) {
		int fd = open(path, flags | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	struct device *device = find(session, -1);
	if (!device)
		return -EMFILE;
	int fd = -1;
	int id = libseat_open_device(session->seat, path, &fd);
	if (id < 0)
		return errno ? -errno : -EIO;
	*device = (struct device){.fd = fd, .id = id};
	return fd;
}

void session_release(struct session *session, int fd)
{
	struct device *device = session ? find(session, fd) : NULL;
	if (!device)
		return;
	if (libseat_close_device(session->seat, device->id) < 0)
		waybuf_debug("the seat does not take a device back: %s", strerror(errno));
	device->fd = -1;
}

void session_close(struct session *session, int fd)
{
	session_release(session, fd);
	close(fd);
}

bool session_is_active(const struct session *session)
{
	return !session || session->active;
}

void session_switch(struct session *session, unsigned number)
{
	if (session && libseat_switch_session(session->seat, (int)number) < 0)
		waybuf_info("session %u cannot be had: %s", number, strerror(errno));
}
