/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fence/impl.h"
#include "linux-drm-syncobj-v1-server-protocol.h"
#include "syncobj.h"
#include "util/log.h"

/*
 * wp_linux_drm_syncobj_surface_v1: the points that wait for the next wl_surface.commit. It is found
 * by its listener on the wl_surface, which also tells when that is gone: the object stays, and
 * can do nothing but be destroyed.
 */
struct pending_point {
	struct syncobj_timeline *timeline; /* NULL: not set since the last commit */
	uint64_t value;
};

struct syncobj_surface {
	struct wl_resource *resource;
	struct waybuf_server_syncobj *syncobj;
	bool has_surface;
	struct wl_listener surface_destroyed;
	struct pending_point acquire, release;
};

static void unset(struct pending_point *point)
{
	syncobj_timeline_unref(point->timeline);
	point->timeline = NULL;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void set_point(struct wl_resource *resource, struct pending_point *point,
	struct wl_resource *timeline_resource, uint32_t hi, uint32_t lo)
{
	struct syncobj_surface *surface = wl_resource_get_user_data(resource);
	struct syncobj_timeline *timeline = syncobj_timeline_from_resource(timeline_resource);
	if (!surface->has_surface) {
		wl_resource_post_error(resource, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_SURFACE,
			"the surface is destroyed");
		return;
	}
	if (!timeline) {
		wl_client_post_implementation_error(
			wl_resource_get_client(resource), "a timeline of another implementation");
		return;
	}
	syncobj_timeline_ref(timeline);
	unset(point);
	point->timeline = timeline;
	point->value = (uint64_t)hi << 32 | lo;
}

static void handle_set_acquire_point(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *timeline, uint32_t hi, uint32_t lo)
{
	struct syncobj_surface *surface = wl_resource_get_user_data(resource);
	set_point(resource, &surface->acquire, timeline, hi, lo);
}

static void handle_set_release_point(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *timeline, uint32_t hi, uint32_t lo)
{
	struct syncobj_surface *surface = wl_resource_get_user_data(resource);
	set_point(resource, &surface->release, timeline, hi, lo);
}

static const struct wp_linux_drm_syncobj_surface_v1_interface surface_impl = {
	.destroy = handle_destroy,
	.set_acquire_point = handle_set_acquire_point,
	.set_release_point = handle_set_release_point,
};

/* ---- life ------------------------------------------------------------------------------------ */

static void forget_surface(struct syncobj_surface *surface)
{
	surface->has_surface = false;
	wl_list_remove(&surface->surface_destroyed.link);
	wl_list_init(&surface->surface_destroyed.link);
	unset(&surface->acquire);
	unset(&surface->release);
}

static void handle_surface_destroyed(struct wl_listener *listener, void *data)
{
	struct syncobj_surface *surface = wl_container_of(listener, surface, surface_destroyed);
	forget_surface(surface);
}

static void resource_destroyed(struct wl_resource *resource)
{
	struct syncobj_surface *surface = wl_resource_get_user_data(resource);
	forget_surface(surface);
	server_syncobj_unref(surface->syncobj);
	free(surface);
}

static struct syncobj_surface *find(struct wl_resource *wl_surface)
{
	struct wl_listener *listener =
		wl_resource_get_destroy_listener(wl_surface, handle_surface_destroyed);
	struct syncobj_surface *surface;
	return listener ? wl_container_of(listener, surface, surface_destroyed) : NULL;
}

int syncobj_surface_create(struct waybuf_server_syncobj *syncobj, struct wl_client *client,
	uint32_t version, uint32_t id, struct wl_resource *wl_surface)
{
	if (find(wl_surface))
		return -EEXIST;
	struct syncobj_surface *surface = calloc(1, sizeof(*surface));
	if (!surface)
		return -ENOMEM;
	surface->resource = wl_resource_create(
		client, &wp_linux_drm_syncobj_surface_v1_interface, (int)version, id);
	if (!surface->resource) {
		free(surface);
		return -ENOMEM;
	}
	surface->syncobj = server_syncobj_ref(syncobj);
	surface->has_surface = true;
	surface->surface_destroyed.notify = handle_surface_destroyed;
	wl_resource_add_destroy_listener(wl_surface, &surface->surface_destroyed);
	wl_resource_set_implementation(
		surface->resource, &surface_impl, surface, resource_destroyed);
	return 0;
}

/* ---- wl_surface.commit ----------------------------------------------------------------------- */

static bool is_supported(const struct waybuf_server_syncobj *syncobj, struct wl_resource *buffer)
{
	struct waybuf_server_buffer_info info;
	if (waybuf_server_buffer_get_info(buffer, &info) == 0)
		return true;
	const struct waybuf_server_syncobj_options *options = &syncobj->options;
	return options->supports && options->supports(options->data, buffer);
}

static int refuse(struct syncobj_surface *surface, uint32_t code, const char *text)
{
	wl_resource_post_error(surface->resource, code, "%s", text);
	return -EPROTO;
}

static int check_points(struct syncobj_surface *surface, struct wl_resource *buffer)
{
	const struct pending_point *acquire = &surface->acquire, *release = &surface->release;
	if (!buffer && (acquire->timeline || release->timeline))
		return refuse(surface, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_BUFFER,
			"points were set, and no buffer attached in the same commit");
	if (!buffer)
		return 0;
	if (!is_supported(surface->syncobj, buffer))
		return refuse(surface, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_UNSUPPORTED_BUFFER,
			"explicit synchronization is for dma-buf buffers");
	if (!acquire->timeline)
		return refuse(surface, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_ACQUIRE_POINT,
			"a buffer was attached, and no acquire point set in the same commit");
	if (!release->timeline)
		return refuse(surface, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_RELEASE_POINT,
			"a buffer was attached, and no release point set in the same commit");
	if (acquire->timeline == release->timeline && acquire->value >= release->value)
		return refuse(surface, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_CONFLICTING_POINTS,
			"the acquire point is not before the release point of the same timeline");
	return 0;
}

/* Replaces @fence, which has signalled, if the work failed. Point 0 has no work. */
static int check_error(struct waybuf_syncobj *syncobj, uint64_t point, struct waybuf_fence **fence)
{
	struct waybuf_fence *failed;
	int error = 0;
	int ret = point ? waybuf_syncobj_point_error(syncobj, point, &error) : 0;
	if (ret == 0 && error < 0)
		ret = waybuf_fence_failed(error, &failed);
	if (ret == 0 && error == 0)
		return 0;
	waybuf_fence_unref(*fence);
	*fence = ret == 0 ? failed : NULL;
	return ret;
}

static int take_acquire(struct syncobj_surface *surface, struct waybuf_fence **out)
{
	struct waybuf_syncobj *syncobj;
	uint64_t point = surface->acquire.value;
	int ret = syncobj_timeline_get(surface->acquire.timeline, &syncobj);
	if (ret == 0)
		ret = waybuf_syncobj_fence(syncobj, point, out);
	if (ret == 0 && surface->syncobj->options.check_errors &&
		waybuf_fence_known_status(*out) == 1)
		ret = check_error(syncobj, point, out);
	return ret;
}

/* Without an object to keep it the point is signalled: nobody will read such a buffer. */
static int take_release(struct syncobj_surface *surface, struct waybuf_trace_event who,
	struct waybuf_release_point **out)
{
	struct waybuf_server *server = surface->syncobj->server;
	struct wl_client *client = wl_resource_get_client(surface->resource);
	uint64_t point = surface->release.value;
	who.kind = WAYBUF_TRACE_RELEASE;
	who.point = point;
	struct waybuf_syncobj *syncobj;
	int ret = syncobj_timeline_get(surface->release.timeline, &syncobj);
	if (ret < 0)
		return ret;
	struct waybuf_account *account = waybuf_server_client_account(server, client);
	ret = account ? release_point_create(server, account, syncobj, &who, out) : -ENOMEM;
	if (ret < 0 && point > 0 && waybuf_syncobj_signal(syncobj, point) < 0)
		waybuf_error("a release point is lost");
	return ret;
}

static struct waybuf_trace_event describe(const struct syncobj_surface *surface,
	struct wl_resource *wl_surface, struct wl_resource *buffer)
{
	pid_t pid = 0;
	wl_client_get_credentials(wl_resource_get_client(wl_surface), &pid, NULL, NULL);
	return (struct waybuf_trace_event){
		.kind = WAYBUF_TRACE_ACQUIRE,
		.client = pid,
		.surface = wl_resource_get_id(wl_surface),
		.buffer = wl_resource_get_id(buffer),
		.point = surface->acquire.value,
	};
}

int waybuf_syncobj_surface_commit(struct wl_resource *wl_surface, struct wl_resource *buffer,
	struct waybuf_syncobj_points *out)
{
	*out = (struct waybuf_syncobj_points){0};
	struct syncobj_surface *surface = find(wl_surface);
	if (!surface)
		return 0;
	int ret = check_points(surface, buffer);
	if (ret < 0 || !buffer || !surface->syncobj->server)
		return ret;
	const struct waybuf_trace_event who = describe(surface, wl_surface, buffer);
	waybuf_server_trace(surface->syncobj->server, &who);
	out->is_explicit = true;
	out->error = take_acquire(surface, &out->acquire);
	ret = take_release(surface, who, &out->release);
	if (out->error == 0)
		out->error = ret;
	unset(&surface->acquire);
	unset(&surface->release);
	/* over its quota is the client's own business, and may be so a thousand times a second */
	if (out->error < 0 && out->error != -EDQUOT)
		waybuf_error("the points of a commit cannot be used: %s", strerror(-out->error));
	return 0;
}

void waybuf_syncobj_points_finish(struct waybuf_syncobj_points *points)
{
	waybuf_fence_unref(points->acquire);
	waybuf_release_point_unref(points->release, NULL);
	*points = (struct waybuf_syncobj_points){0};
}
