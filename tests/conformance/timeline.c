/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

#include "kit.h"

/* Timelines of ours. That they outlive the connection is how a case sees the end of a dead client. */

/* ---- the device ------------------------------------------------------------------------------ */

static int open_device(const char *path)
{
	uint64_t has = 0;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	/* the first to open a primary node is its master, and no server could show anything */
	drmDropMaster(fd);
	if (drmGetCap(fd, DRM_CAP_SYNCOBJ_TIMELINE, &has) < 0 || !has) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The node numbered @device or, if that is 0, the first of @prefix. */
static int search(dev_t device, const char *prefix)
{
	int fd = -1;
	DIR *dir = opendir("/dev/dri");
	struct dirent *entry;
	while (dir && fd < 0 && (entry = readdir(dir))) {
		char path[sizeof(entry->d_name) + 16];
		struct stat stat_buf;
		snprintf(path, sizeof(path), "/dev/dri/%s", entry->d_name);
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		if (!device || (stat(path, &stat_buf) == 0 && stat_buf.st_rdev == device))
			fd = open_device(path);
	}
	if (dir)
		closedir(dir);
	return fd;
}

int timeline_device_open(dev_t main_device)
{
	if (conformance_device)
		return open_device(conformance_device);
	int fd = main_device ? search(main_device, "") : -1;
	/* a sync object is none of a device's own: any will do */
	if (fd < 0)
		fd = search(0, "render");
	return fd >= 0 ? fd : search(0, "card");
}

/* ---- timelines ------------------------------------------------------------------------------- */

static void must(int ret, const char *what)
{
	EXPECT(ret == 0, "our own %s failed: %s", what, strerror(errno));
}

int timeline_export(const struct timeline *timeline)
{
	int fd = -1;
	must(drmSyncobjHandleToFD(timeline->drm, timeline->handle, &fd), "HANDLE_TO_FD");
	return fd;
}

void timeline_init(struct timeline *timeline, struct client *client)
{
	if (client->drm < 0)
		SKIP("no DRM device with timelines can be opened here");
	*timeline = (struct timeline){.drm = client->drm};
	must(drmSyncobjCreate(timeline->drm, 0, &timeline->handle), "SYNCOBJ_CREATE");
	int fd = timeline_export(timeline);
	timeline->proxy = wp_linux_drm_syncobj_manager_v1_import_timeline(client->syncobj, fd);
	close(fd);
}

void timeline_signal(const struct timeline *timeline, uint64_t point)
{
	uint32_t handle = timeline->handle;
	must(drmSyncobjTimelineSignal(timeline->drm, &handle, &point, 1), "TIMELINE_SIGNAL");
}

void timeline_reset(const struct timeline *timeline)
{
	uint32_t handle = timeline->handle;
	must(drmSyncobjReset(timeline->drm, &handle, 1), "SYNCOBJ_RESET");
}

/* sync_files go by way of a binary object. */
void timeline_put(const struct timeline *timeline, uint64_t point, int sync_file)
{
	uint32_t binary;
	must(drmSyncobjCreate(timeline->drm, 0, &binary), "SYNCOBJ_CREATE");
	must(drmSyncobjImportSyncFile(timeline->drm, binary, sync_file), "import of a sync_file");
	must(drmSyncobjTransfer(timeline->drm, timeline->handle, point, binary, 0, 0), "TRANSFER");
	drmSyncobjDestroy(timeline->drm, binary);
}

int timeline_get(const struct timeline *timeline, uint64_t point)
{
	uint32_t binary;
	int fd = -1;
	must(drmSyncobjCreate(timeline->drm, 0, &binary), "SYNCOBJ_CREATE");
	if (drmSyncobjTransfer(timeline->drm, binary, 0, timeline->handle, point, 0) == 0)
		must(drmSyncobjExportSyncFile(timeline->drm, binary, &fd), "export of a sync_file");
	drmSyncobjDestroy(timeline->drm, binary);
	return fd;
}

static uint64_t query(const struct timeline *timeline, uint32_t flags)
{
	uint32_t handle = timeline->handle;
	uint64_t point = 0;
	must(drmSyncobjQuery2(timeline->drm, &handle, &point, 1, flags), "QUERY");
	return point;
}

uint64_t timeline_signalled(const struct timeline *timeline)
{
	return query(timeline, 0);
}

uint64_t timeline_submitted(const struct timeline *timeline)
{
	return query(timeline, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
}

bool timeline_comes(const struct timeline *timeline, struct client *client, uint64_t point, int ms)
{
	const int never = 0;
	int64_t end = now_ms() + ms;
	while (timeline_signalled(timeline) < point) {
		if (now_ms() >= end)
			return false;
		if (client->display)
			client_wait(client, &never, 1, 2);
		else
			usleep(2000);
	}
	return true;
}
