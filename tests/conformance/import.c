/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "kit.h"

/* import_timeline of what is no timeline, and of what is one. */

#define MANAGER wp_linux_drm_syncobj_manager_v1_interface

/* @fd is taken. */
static void expect_invalid(struct client *client, int fd)
{
	EXPECT(fd >= 0, "nothing to import");
	wp_linux_drm_syncobj_manager_v1_import_timeline(client->syncobj, fd);
	close(fd);
	EXPECT_ERROR(client, MANAGER, WP_LINUX_DRM_SYNCOBJ_MANAGER_V1_ERROR_INVALID_TIMELINE);
}

static void of_eventfd(void)
{
	struct client client;
	client_open(&client);
	expect_invalid(&client, eventfd(0, EFD_CLOEXEC));
}

static void of_timerfd(void)
{
	struct client client;
	client_open(&client);
	expect_invalid(&client, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
}

static void of_file(void)
{
	struct client client;
	char path[] = "/tmp/conformance-XXXXXX";
	client_open(&client);
	int fd = mkstemp(path);
	unlink(path);
	expect_invalid(&client, fd);
}

static void of_memfd(void)
{
	struct client client;
	client_open(&client);
	expect_invalid(&client, memfd_create("conformance", MFD_CLOEXEC));
}

static void of_device(void)
{
	struct client client;
	client_open(&client);
	if (client.drm < 0)
		SKIP("no DRM device can be opened here");
	expect_invalid(&client, dup(client.drm));
}

/* The nearest to a closed fd that libwayland will send. */
static void of_closed_pipe(void)
{
	struct client client;
	int fds[2] = {-1, -1};
	client_open(&client);
	EXPECT(pipe2(fds, O_CLOEXEC) == 0, "no pipe to be had");
	close(fds[1]);
	expect_invalid(&client, fds[0]);
}

static void of_socket(void)
{
	struct client client;
	client_open(&client);
	expect_invalid(&client, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* The other fd that a DRM sync object can be had as. */
static void of_sync_file(void)
{
	struct client client;
	struct timeline timeline;
	client_open(&client);
	timeline_init(&timeline, &client);
	timeline_signal(&timeline, 1);
	expect_invalid(&client, timeline_get(&timeline, 1));
}

/* One timeline may be imported as often as one likes, and outlives its manager. */
static void often(void)
{
	struct client client;
	struct timeline timeline;
	client_open(&client);
	timeline_init(&timeline, &client);
	int fd = timeline_export(&timeline);
	for (int i = 0; i < 100; i++)
		wp_linux_drm_syncobj_timeline_v1_destroy(
			wp_linux_drm_syncobj_manager_v1_import_timeline(client.syncobj, fd));
	wp_linux_drm_syncobj_manager_v1_import_timeline(client.syncobj, fd);
	close(fd);
	wp_linux_drm_syncobj_manager_v1_destroy(client.syncobj);
	client_alive(&client);
	wp_linux_drm_syncobj_timeline_v1_destroy(timeline.proxy);
	client_alive(&client);
}

const struct conformance_case import_cases[] = {
	{"import/eventfd", "an eventfd: invalid_timeline", of_eventfd},
	{"import/timerfd", "a timerfd: invalid_timeline", of_timerfd},
	{"import/regular_file", "a regular file: invalid_timeline", of_file},
	{"import/memfd", "a memfd: invalid_timeline", of_memfd},
	{"import/drm_device", "a DRM device: invalid_timeline", of_device},
	{"import/closed_pipe", "a pipe whose other end is closed: invalid_timeline",
		of_closed_pipe},
	{"import/socket", "a socket: invalid_timeline", of_socket},
	{"import/sync_file", "a sync_file: invalid_timeline", of_sync_file},
	{"import/often", "a timeline may be imported many times", often},
	{0},
};
