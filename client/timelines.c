/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <waybuf/fence.h>

#include "fence/syncobj.h"
#include "util/fd.h"

/*
 * linux-drm-syncobj-v1, as a client. One timeline for what is drawn, whose points are in the order
 * of the commits, and one for each buffer's release, as buffers do not come back in order. A
 * release point that has got a fence says that the compositor is done but for that fence; one
 * eventfd tells of all of them.
 */
struct client_timelines {
	struct waybuf_client *client;
	struct waybuf_syncobj_device *device;
	struct client_timeline acquire;
	struct wp_linux_drm_syncobj_surface_v1 *surface;
	int wake_fd;
};

void client_timeline_finish(struct client_timeline *timeline)
{
	if (timeline->proxy)
		wp_linux_drm_syncobj_timeline_v1_destroy(timeline->proxy);
	waybuf_syncobj_unref(timeline->syncobj);
	*timeline = (struct client_timeline){0};
}

static int timeline_init(struct client_timelines *timelines, struct client_timeline *timeline)
{
	int fd = -1;
	if (timeline->syncobj)
		return 0;
	int ret = waybuf_syncobj_create(timelines->device, &timeline->syncobj);
	if (ret == 0)
		ret = waybuf_syncobj_export(timeline->syncobj, &fd);
	if (ret == 0) {
		timeline->proxy = wp_linux_drm_syncobj_manager_v1_import_timeline(
			timelines->client->syncobj, fd);
		ret = timeline->proxy ? 0 : -ENOMEM;
	}
	fd_close(&fd);
	if (ret < 0)
		client_timeline_finish(timeline);
	return ret;
}

int client_timelines_create(struct waybuf_client *client, struct wl_surface *surface, int drm_fd,
	struct client_timelines **out)
{
	struct waybuf_syncobj_device *device;
	if (!client->syncobj || drm_fd < 0 || waybuf_syncobj_device_create(drm_fd, &device) < 0)
		return -EOPNOTSUPP;
	struct client_timelines *timelines = calloc(1, sizeof(*timelines));
	if (!timelines) {
		waybuf_syncobj_device_unref(device);
		return -ENOMEM;
	}
	timelines->client = client;
	timelines->device = device;
	timelines->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int ret = timelines->wake_fd < 0 ? -errno : timeline_init(timelines, &timelines->acquire);
	if (ret == 0) {
		timelines->surface =
			wp_linux_drm_syncobj_manager_v1_get_surface(client->syncobj, surface);
		ret = timelines->surface ? 0 : -ENOMEM;
	}
	if (ret < 0) {
		client_timelines_destroy(timelines);
		return ret;
	}
	*out = timelines;
	return 0;
}

void client_timelines_destroy(struct client_timelines *timelines)
{
	if (!timelines)
		return;
	if (timelines->surface)
		wp_linux_drm_syncobj_surface_v1_destroy(timelines->surface);
	client_timeline_finish(&timelines->acquire);
	waybuf_syncobj_device_unref(timelines->device);
	fd_close(&timelines->wake_fd);
	free(timelines);
}

int client_timelines_wake_fd(const struct client_timelines *timelines)
{
	return timelines->wake_fd;
}

void client_timelines_drain(struct client_timelines *timelines)
{
	uint64_t events;
	while (read(timelines->wake_fd, &events, sizeof(events)) > 0)
		;
}

/* All that can fail comes before the requests, which cannot be taken back. */
static int prepare(struct client_timelines *timelines, struct client_timeline *release,
	struct waybuf_fence *fence)
{
	struct client_timeline *acquire = &timelines->acquire;
	int ret = timeline_init(timelines, release);
	if (ret == 0)
		ret = waybuf_syncobj_eventfd(release->syncobj, release->point + 1,
			WAYBUF_SYNCOBJ_AVAILABLE, timelines->wake_fd);
	if (ret < 0)
		return ret;
	return fence ? waybuf_syncobj_put_fence(acquire->syncobj, acquire->point + 1, fence)
		     : waybuf_syncobj_signal(acquire->syncobj, acquire->point + 1);
}

int client_timelines_set(struct client_timelines *timelines, struct waybuf_client_buffer *buffer,
	struct waybuf_fence *fence)
{
	struct client_timeline *acquire = &timelines->acquire, *release = &buffer->release;
	int ret = prepare(timelines, release, fence);
	if (ret < 0)
		return ret;
	acquire->point++;
	release->point++;
	wp_linux_drm_syncobj_surface_v1_set_acquire_point(timelines->surface, acquire->proxy,
		(uint32_t)(acquire->point >> 32), (uint32_t)acquire->point);
	wp_linux_drm_syncobj_surface_v1_set_release_point(timelines->surface, release->proxy,
		(uint32_t)(release->point >> 32), (uint32_t)release->point);
	return 0;
}

bool client_timelines_take_release(struct waybuf_client_buffer *buffer, int *fence)
{
	const struct client_timeline *release = &buffer->release;
	return waybuf_syncobj_export_point(release->syncobj, release->point, fence) == 0;
}
