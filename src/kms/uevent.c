/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kms/uevent.h"
#include "util/fd.h"
#include "util/log.h"

/* The kernel's own messages; udev's are another group, in another format. */
#define KERNEL_GROUP 1
/* In one turn of the loop; the rest wakes it again. */
#define MOST_AT_ONCE 16

struct waybuf_kms_uevents {
	int fd;
	dev_t rdev;
	waybuf_kms_uevent_func_t func;
	void *data;
	struct waybuf_source *source;
};

/* NULL, or what follows "@key=" in @line. */
static const char *value_of(const char *line, const char *key)
{
	size_t n = strlen(key);
	return strncmp(line, key, n) == 0 && line[n] == '=' ? line + n + 1 : NULL;
}

static bool has(const char *bytes, size_t size, const char *key, const char *value)
{
	for (size_t at = 0; at < size; at += strlen(bytes + at) + 1) {
		const char *found = value_of(bytes + at, key);
		if (found && (!value || strcmp(found, value) == 0))
			return true;
	}
	return false;
}

static unsigned number(const char *bytes, size_t size, const char *key)
{
	for (size_t at = 0; at < size; at += strlen(bytes + at) + 1) {
		const char *found = value_of(bytes + at, key);
		if (found)
			return (unsigned)strtoul(found, NULL, 10);
	}
	return 0;
}

enum waybuf_kms_uevent waybuf_kms_uevent_parse(const char *bytes, size_t size, dev_t rdev)
{
	/* strings, each with its end */
	if (size == 0 || bytes[size - 1] != '\0' || !has(bytes, size, "SUBSYSTEM", "drm") ||
		!has(bytes, size, "DEVTYPE", "drm_minor"))
		return WAYBUF_KMS_UEVENT_NONE;
	if (number(bytes, size, "MAJOR") != major(rdev) ||
		number(bytes, size, "MINOR") != minor(rdev))
		return WAYBUF_KMS_UEVENT_NONE;
	if (has(bytes, size, "ACTION", "remove"))
		return WAYBUF_KMS_UEVENT_REMOVED;
	return has(bytes, size, "HOTPLUG", NULL) ? WAYBUF_KMS_UEVENT_HOTPLUG
						 : WAYBUF_KMS_UEVENT_NONE;
}

/* False: there is nothing more. */
static bool receive(struct waybuf_kms_uevents *uevents, enum waybuf_kms_uevent *what)
{
	char bytes[4096];
	struct sockaddr_nl from = {0};
	socklen_t length = sizeof(from);
	*what = WAYBUF_KMS_UEVENT_NONE;
	ssize_t n =
		recvfrom(uevents->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length);
	/* some were lost: one of them may have been ours */
	if (n < 0 && errno == ENOBUFS)
		*what = WAYBUF_KMS_UEVENT_HOTPLUG;
	/* any process may send to the group; the kernel is number 0 */
	else if (n > 0 && from.nl_pid == 0)
		*what = waybuf_kms_uevent_parse(bytes, (size_t)n, uevents->rdev);
	return n >= 0 || errno == ENOBUFS;
}

/* One look does for all that came at once. */
static void handle_readable(int fd, uint32_t mask, void *data)
{
	struct waybuf_kms_uevents *uevents = data;
	enum waybuf_kms_uevent what, most = WAYBUF_KMS_UEVENT_NONE;
	for (int i = 0; i < MOST_AT_ONCE && receive(uevents, &what); i++)
		most = what > most ? what : most;
	if (most != WAYBUF_KMS_UEVENT_NONE)
		uevents->func(uevents->data, most);
}

int waybuf_kms_uevents_create(struct waybuf_loop *loop, dev_t rdev, waybuf_kms_uevent_func_t func,
	void *data, struct waybuf_kms_uevents **out)
{
	struct waybuf_kms_uevents *uevents = calloc(1, sizeof(*uevents));
	if (!uevents)
		return -ENOMEM;
	*uevents = (struct waybuf_kms_uevents){.rdev = rdev, .func = func, .data = data};
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
	int error = 0;
	uevents->fd = socket(
		AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (uevents->fd < 0 || bind(uevents->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		error = -errno;
	if (!error)
		uevents->source = waybuf_loop_add_fd(
			loop, uevents->fd, WAYBUF_LOOP_READABLE, handle_readable, uevents, &error);
	if (error) {
		waybuf_kms_uevents_destroy(uevents);
		return error;
	}
	*out = uevents;
	return 0;
}

void waybuf_kms_uevents_destroy(struct waybuf_kms_uevents *uevents)
{
	if (!uevents)
		return;
	waybuf_source_remove(uevents->source);
	fd_close(&uevents->fd);
	free(uevents);
}
