/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "kms/open.h"

/* Which node: a path, the environment, or a search. */

enum { NODE_LENGTH = 32, MAX_NODES = 64 };
static const char directory[] = "/dev/dri";

static int collect(unsigned numbers[MAX_NODES])
{
	DIR *dir = opendir(directory);
	if (!dir)
		return 0;
	int n = 0;
	struct dirent *entry;
	while (n < MAX_NODES && (entry = readdir(dir))) {
		char rest;
		if (sscanf(entry->d_name, "card%u%c", &numbers[n], &rest) == 1)
			n++;
	}
	closedir(dir);
	return n;
}

static int compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	return (x > y) - (x < y);
}

char **waybuf_kms_list_nodes(void)
{
	unsigned numbers[MAX_NODES];
	int n = collect(numbers);
	qsort(numbers, (size_t)n, sizeof(*numbers), compare);

	size_t pointers = ((size_t)n + 1) * sizeof(char *);
	char **nodes = calloc(1, pointers + (size_t)n * NODE_LENGTH);
	if (!nodes)
		return NULL;
	char *text = (char *)nodes + pointers;
	for (int i = 0; i < n; i++) {
		nodes[i] = text + (size_t)i * NODE_LENGTH;
		snprintf(nodes[i], NODE_LENGTH, "%s/card%u", directory, numbers[i]);
	}
	return nodes;
}

static bool has_connected(int fd, const drmModeRes *res)
{
	bool connected = false;
	for (int i = 0; i < res->count_connectors && !connected; i++) {
		drmModeConnectorPtr info = drmModeGetConnectorCurrent(fd, res->connectors[i]);
		connected = info && info->connection == DRM_MODE_CONNECTED;
		drmModeFreeConnector(info);
	}
	return connected;
}

/* O_NONBLOCK: an event that another reader took must not stop the loop. */
static int open_node(void *data, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void close_node(void *data, int fd)
{
	close(fd);
}

static const struct waybuf_kms_opener by_ourselves = {.open = open_node, .close = close_node};

/*
 * How good a node is for a display: 0 not at all, 1 nothing connected, 2. The look takes no
 * reading of properties, and leaves no master behind.
 */
static int rate(const struct waybuf_kms_opener *opener, const char *path, int *error)
{
	int fd = opener->open(opener->data, path);
	if (fd < 0) {
		*error = fd;
		return 0;
	}
	int rating = 0;
	drmModeResPtr res = NULL;
	if (drmSetClientCap(fd, DRM_CLIENT_CAP_ATOMIC, 1) == 0)
		res = drmModeGetResources(fd);
	if (res && res->count_crtcs > 0)
		rating = has_connected(fd, res) ? 2 : 1;
	drmModeFreeResources(res);
	opener->close(opener->data, fd);
	return rating;
}

static int search(const struct waybuf_kms_opener *opener, char *path, struct waybuf_kms_why *why)
{
	char **nodes = waybuf_kms_list_nodes();
	if (!nodes)
		return -ENOMEM;
	int best = 0, error = -ENODEV;
	for (size_t i = 0; nodes[i] && best < 2; i++) {
		int rating = rate(opener, nodes[i], &error);
		if (rating <= best)
			continue;
		best = rating;
		snprintf(path, NODE_LENGTH, "%s", nodes[i]);
	}
	if (best == 0)
		waybuf_kms_why_set(why, "no device in %s can drive a display with atomic KMS%s%s",
			directory, error == -ENODEV ? "" : ": ",
			error == -ENODEV ? "" : strerror(-error));
	free(nodes);
	return best > 0 ? 0 : error;
}

int waybuf_kms_device_open(const char *path, enum waybuf_kms_mode mode,
	struct waybuf_kms_device **out, struct waybuf_kms_why *why)
{
	return waybuf_kms_device_open_by(NULL, path, mode, out, why);
}

int waybuf_kms_device_open_by(const struct waybuf_kms_opener *opener, const char *path,
	enum waybuf_kms_mode mode, struct waybuf_kms_device **out, struct waybuf_kms_why *why)
{
	char found[NODE_LENGTH];
	if (!opener)
		opener = &by_ourselves;
	if (!path || !*path)
		path = getenv("WAYBUF_DRM_DEVICE");
	if (!path || !*path) {
		int error = search(opener, found, why);
		if (error)
			return error;
		path = found;
	}
	int fd = opener->open(opener->data, path);
	if (fd < 0) {
		waybuf_kms_why_set(why, "cannot open %s: %s", path, strerror(-fd));
		return fd;
	}
	return waybuf_kms_device_create(fd, path, mode, out, why);
}
