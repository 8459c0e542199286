/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <libseat.h>
#include <linux/input.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <xf86drm.h>

/*
 * A seat that a test pauses and resumes, with real devices behind it: what seatd does to them is done
 * here. Bytes that come out of the FIFO that WAYBUF_TEST_SEAT names say what happens:
 *
 *	p	the user leaves, and r comes back
 *	x	the service ends
 *
 * As libseat's own it refuses devices while it is paused. What libseat forbids ends the program.
 */

enum { MOST = 32, DRM_MAJOR = 226 };

struct libseat {
	const struct libseat_seat_listener *listener;
	void *data;
	int fifo;
	bool started, active, acknowledged;
	int devices[MOST]; /* fds of our own; -1: none */
};

static void forbid(bool mistake, const char *what)
{
	if (!mistake)
		return;
	fprintf(stderr, "runtime error: the seat was misused: %s\n", what);
	abort();
}

static bool is_drm(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
		major(status.st_rdev) == DRM_MAJOR;
}

static void take_away(int fd)
{
	if (is_drm(fd))
		drmDropMaster(fd);
	else
		ioctl(fd, EVIOCREVOKE, NULL);
}

struct libseat *libseat_open_seat(const struct libseat_seat_listener *listener, void *data)
{
	const char *path = getenv("WAYBUF_TEST_SEAT");
	if (!path) {
		errno = ENOENT;
		return NULL;
	}
	struct libseat *seat = calloc(1, sizeof(*seat));
	if (!seat)
		return NULL;
	seat->listener = listener;
	seat->data = data;
	/* also for writing, or the last writer's end would be ours */
	seat->fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	for (int i = 0; i < MOST; i++)
		seat->devices[i] = -1;
	return seat;
}

static void pause_seat(struct libseat *seat)
{
	if (!seat->active)
		return;
	seat->acknowledged = false;
	seat->listener->disable_seat(seat, seat->data);
	forbid(!seat->acknowledged, "the pause was not acknowledged");
}

int libseat_disable_seat(struct libseat *seat)
{
	forbid(!seat->active, "it is not active");
	seat->active = false;
	seat->acknowledged = true;
	for (int i = 0; i < MOST; i++)
		if (seat->devices[i] >= 0)
			take_away(seat->devices[i]);
	return 0;
}

static void resume_seat(struct libseat *seat)
{
	if (seat->active)
		return;
	for (int i = 0; i < MOST; i++)
		if (seat->devices[i] >= 0 && is_drm(seat->devices[i]))
			forbid(drmSetMaster(seat->devices[i]) < 0, "the display was kept");
	seat->active = true;
	seat->listener->enable_seat(seat, seat->data);
}

int libseat_dispatch(struct libseat *seat, int timeout)
{
	char byte;
	/* one in the background is never started */
	if (!seat->started && !getenv("WAYBUF_TEST_SEAT_HIDDEN")) {
		seat->started = true;
		resume_seat(seat);
		return 1;
	}
	if (read(seat->fifo, &byte, 1) != 1) {
		usleep((useconds_t)timeout * 1000);
		return 0;
	}
	if (byte == 'p')
		pause_seat(seat);
	else if (byte == 'r')
		resume_seat(seat);
	errno = EPIPE;
	return byte == 'x' ? -1 : 1;
}

int libseat_open_device(struct libseat *seat, const char *path, int *fd)
{
	int id = 0;
	while (id < MOST && seat->devices[id] >= 0)
		id++;
	if (!seat->active || id == MOST) {
		errno = EPERM;
		return -1;
	}
	*fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return -1;
	seat->devices[id] = dup(*fd);
	if (is_drm(*fd))
		drmSetMaster(*fd);
	return id;
}

int libseat_close_device(struct libseat *seat, int id)
{
	forbid(id < 0 || id >= MOST || seat->devices[id] < 0, "no such device");
	if (is_drm(seat->devices[id]))
		drmDropMaster(seat->devices[id]);
	close(seat->devices[id]);
	seat->devices[id] = -1;
	return 0;
}

int libseat_close_seat(struct libseat *seat)
{
	for (int i = 0; i < MOST; i++)
		forbid(seat->devices[i] >= 0, "a device was left open");
	close(seat->fifo);
	free(seat);
	return 0;
}

const char *libseat_seat_name(struct libseat *seat)
{
	return "a test's seat";
}

/* The other session is one that does nothing; it takes over a little later, as real ones do. */
int libseat_switch_session(struct libseat *seat, int session)
{
	return write(seat->fifo, "p", 1) == 1 ? 0 : -1;
}

int libseat_get_fd(struct libseat *seat)
{
	return seat->fifo;
}

void libseat_set_log_handler(libseat_log_func handler) {}

void libseat_set_log_level(enum libseat_log_level level) {}
