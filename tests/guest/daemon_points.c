/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "daemon_points.h"
#include "kms_fixture.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "sw_sync.h"

static struct wp_linux_drm_syncobj_timeline_v1 *announce(
	struct client *client, struct waybuf_syncobj *syncobj)
{
	int fd;
	ck_assert_int_eq(waybuf_syncobj_export(syncobj, &fd), 0);
	struct wp_linux_drm_syncobj_timeline_v1 *proxy =
		wp_linux_drm_syncobj_manager_v1_import_timeline(client->syncobj, fd);
	close(fd);
	return proxy;
}

static void points_init(struct points *points, struct window *window)
{
	struct client *client = window->client;
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(waybuf_syncobj_device_create(fd, &points->device), 0);
	close(fd);
	ck_assert_int_eq(waybuf_syncobj_create(points->device, &points->acquire), 0);
	points->acquire_proxy = announce(client, points->acquire);
	for (int i = 0; i < PICTURES; i++) {
		ck_assert_int_eq(waybuf_syncobj_create(points->device, &points->release[i]), 0);
		points->release_proxy[i] = announce(client, points->release[i]);
	}
	points->surface =
		wp_linux_drm_syncobj_manager_v1_get_surface(client->syncobj, window->surface);
}

static void points_destroy_proxies(struct points *points)
{
	wp_linux_drm_syncobj_surface_v1_destroy(points->surface);
	wp_linux_drm_syncobj_timeline_v1_destroy(points->acquire_proxy);
	for (int i = 0; i < PICTURES; i++)
		wp_linux_drm_syncobj_timeline_v1_destroy(points->release_proxy[i]);
}

void points_finish(struct points *points)
{
	waybuf_syncobj_unref(points->acquire);
	for (int i = 0; i < PICTURES; i++)
		waybuf_syncobj_unref(points->release[i]);
	waybuf_syncobj_device_unref(points->device);
}

static void skip_without_timelines(void)
{
	struct waybuf_syncobj_device *device;
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	int ret = waybuf_syncobj_device_create(fd, &device);
	close(fd);
	if (ret < 0)
		SKIP("vkms has no timeline syncobjs on this kernel");
	waybuf_syncobj_device_unref(device);
}

void begin(struct scenario *s)
{
	skip_without_timelines();
	daemon_start(&s->daemon, NULL);
	begin_client(s);
}

void begin_with_gpu(struct scenario *s)
{
	skip_without_timelines();
	daemon_start_with_gpu(&s->daemon);
	begin_client(s);
}

void begin_client(struct scenario *s)
{
	skip_without_timelines();
	s->timeline = sw_sync_open();
	if (s->timeline < 0)
		SKIP("no sw_sync");
	client_connect(&s->client, &s->daemon);
	ck_assert_msg(s->client.syncobj, "there are timelines, but they were not offered");
	window_init(&s->window, &s->client);
	points_init(&s->points, &s->window);
	for (uint32_t i = 0; i < PICTURES; i++) {
		picture_init(&s->client, &s->pictures[i], PICTURE_DMABUF, (uint32_t)s->window.width,
			(uint32_t)s->window.height, DRM_FORMAT_XRGB8888);
		picture_draw(&s->pictures[i], i);
	}
}

void hang_up(struct scenario *s)
{
	for (int i = 0; i < PICTURES; i++)
		picture_finish(&s->pictures[i]);
	points_destroy_proxies(&s->points);
	window_finish(&s->window);
	client_disconnect(&s->client);
}

void end(struct scenario *s)
{
	hang_up(s);
	ck_assert(!daemon_said(&s->daemon, "cannot be shown"));
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
	points_finish(&s->points);
	close(s->timeline);
}

void set_points(struct scenario *s, uint64_t acquire, uint64_t i, uint64_t release)
{
	struct points *points = &s->points;
	wp_linux_drm_syncobj_surface_v1_set_acquire_point(points->surface, points->acquire_proxy,
		(uint32_t)(acquire >> 32), (uint32_t)acquire);
	wp_linux_drm_syncobj_surface_v1_set_release_point(points->surface, points->release_proxy[i],
		(uint32_t)(release >> 32), (uint32_t)release);
}

void submit_work(struct scenario *s, uint64_t point, uint32_t value)
{
	int fence = sw_sync_fence(s->timeline, value);
	ck_assert_int_ge(fence, 0);
	ck_assert_int_eq(waybuf_syncobj_import_point(s->points.acquire, point, fence), 0);
	close(fence);
}

uint64_t released(struct scenario *s, int i)
{
	uint64_t point;
	ck_assert_int_eq(waybuf_syncobj_query(s->points.release[i], &point), 0);
	return point;
}

bool on_screen(struct scenario *s, const struct picture *picture)
{
	struct picture screen;
	capture_output(&s->client, &screen);
	bool same = true;
	for (uint32_t y = 0; y < screen.height && same; y += 7)
		for (uint32_t x = 0; x < screen.width && same; x += 5)
			same = (picture_pixel(&screen, x, y) & 0xffffff) ==
				(picture_pixel(picture, x, y) & 0xffffff);
	picture_finish(&screen);
	return same;
}

void show_first(struct scenario *s)
{
	ck_assert_int_eq(waybuf_syncobj_signal(s->points.acquire, 1), 0);
	set_points(s, 1, 0, 1);
	window_show(&s->window, &s->pictures[0]);
	ck_assert_uint_eq(released(s, 0), 0);
}
