/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "points.h"

static void check(const char *what, int ret)
{
	if (ret < 0)
		bench_fail("%s: %s", what, strerror(-ret));
}

int bench_points_device(void)
{
	struct waybuf_syncobj_device *device;
	for (int i = 0; i < 32; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/dev/dri/%s%d", i < 16 ? "card" : "renderD",
			i < 16 ? i : 128 + i - 16);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && waybuf_syncobj_device_create(fd, &device) == 0) {
			waybuf_syncobj_device_unref(device);
			return fd;
		}
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static struct wp_linux_drm_syncobj_timeline_v1 *announce(
	struct bench_client *client, struct waybuf_syncobj *syncobj)
{
	int fd;
	check("a timeline's fd", waybuf_syncobj_export(syncobj, &fd));
	struct wp_linux_drm_syncobj_timeline_v1 *proxy =
		wp_linux_drm_syncobj_manager_v1_import_timeline(client->syncobj, fd);
	close(fd);
	return proxy;
}

bool bench_points_init(
	struct bench_points *points, struct bench_client *client, struct wl_surface *surface)
{
	int fd = client->syncobj ? bench_points_device() : -1;
	if (fd < 0)
		return false;
	*points = (struct bench_points){0};
	check("a device", waybuf_syncobj_device_create(fd, &points->device));
	close(fd);
	check("a timeline", waybuf_syncobj_create(points->device, &points->acquire));
	points->acquire_proxy = announce(client, points->acquire);
	for (int i = 0; i < BENCH_SLOTS; i++) {
		check("a timeline", waybuf_syncobj_create(points->device, &points->release[i]));
		points->release_proxy[i] = announce(client, points->release[i]);
	}
	points->surface = wp_linux_drm_syncobj_manager_v1_get_surface(client->syncobj, surface);
	return true;
}

void bench_points_finish(struct bench_points *points)
{
	wp_linux_drm_syncobj_surface_v1_destroy(points->surface);
	wp_linux_drm_syncobj_timeline_v1_destroy(points->acquire_proxy);
	waybuf_syncobj_unref(points->acquire);
	for (int i = 0; i < BENCH_SLOTS; i++) {
		wp_linux_drm_syncobj_timeline_v1_destroy(points->release_proxy[i]);
		waybuf_syncobj_unref(points->release[i]);
	}
	waybuf_syncobj_device_unref(points->device);
}

void bench_points_set(
	struct bench_points *points, uint64_t acquire, unsigned slot, uint64_t release)
{
	wp_linux_drm_syncobj_surface_v1_set_acquire_point(points->surface, points->acquire_proxy,
		(uint32_t)(acquire >> 32), (uint32_t)acquire);
	wp_linux_drm_syncobj_surface_v1_set_release_point(points->surface,
		points->release_proxy[slot], (uint32_t)(release >> 32), (uint32_t)release);
}

void bench_points_wait(struct bench_points *points, unsigned slot, uint64_t release)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	check("an eventfd", fd < 0 ? -errno : 0);
	check("a point's eventfd",
		waybuf_syncobj_eventfd(
			points->release[slot], release, WAYBUF_SYNCOBJ_AVAILABLE, fd));
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	if (poll(&poll_fd, 1, 5000) != 1)
		bench_fail("a buffer was not released");
	close(fd);
}
