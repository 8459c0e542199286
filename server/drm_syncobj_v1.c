/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "core/manager.h"
#include "gate/gate.h"
#include "linux-drm-syncobj-v1-server-protocol.h"
#include "syncobj.h"

/* The wp_linux_drm_syncobj_manager_v1 global, and the gate on the server's loop. */

struct waybuf_server_syncobj *server_syncobj_ref(struct waybuf_server_syncobj *syncobj)
{
	syncobj->refs++;
	return syncobj;
}

void server_syncobj_unref(struct waybuf_server_syncobj *syncobj)
{
	if (--syncobj->refs > 0)
		return;
	waybuf_syncobj_device_unref(syncobj->device);
	wl_list_remove(&syncobj->link);
	free(syncobj);
}

void server_syncobj_sever(struct waybuf_server_syncobj *syncobj)
{
	syncobj->server = NULL;
	wl_list_remove(&syncobj->link);
	wl_list_init(&syncobj->link);
}

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void handle_get_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface)
{
	uint32_t version = (uint32_t)wl_resource_get_version(resource);
	int ret = syncobj_surface_create(
		wl_resource_get_user_data(resource), client, version, id, surface);
	if (ret == -EEXIST)
		wl_resource_post_error(resource,
			WP_LINUX_DRM_SYNCOBJ_MANAGER_V1_ERROR_SURFACE_EXISTS,
			"the surface has a synchronization object already");
	else if (ret < 0)
		wl_resource_post_no_memory(resource);
}

static void handle_import_timeline(
	struct wl_client *client, struct wl_resource *resource, uint32_t id, int32_t fd)
{
	uint32_t version = (uint32_t)wl_resource_get_version(resource);
	int ret = syncobj_timeline_create(
		wl_resource_get_user_data(resource), client, version, id, fd);
	if (ret == -EPROTO)
		wl_resource_post_error(resource,
			WP_LINUX_DRM_SYNCOBJ_MANAGER_V1_ERROR_INVALID_TIMELINE,
			"the file is not a drm_syncobj");
	else if (ret < 0)
		wl_resource_post_no_memory(resource);
}

static const struct wp_linux_drm_syncobj_manager_v1_interface manager_impl = {
	.destroy = handle_destroy,
	.get_surface = handle_get_surface,
	.import_timeline = handle_import_timeline,
};

static void manager_destroyed(struct wl_resource *resource)
{
	server_syncobj_unref(wl_resource_get_user_data(resource));
}

static void bind(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(
		client, &wp_linux_drm_syncobj_manager_v1_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(
		resource, &manager_impl, server_syncobj_ref(data), manager_destroyed);
}

int waybuf_server_syncobj_create(struct waybuf_server *server,
	const struct waybuf_server_syncobj_options *options, struct waybuf_server_syncobj **out)
{
	struct waybuf_server_syncobj *syncobj = calloc(1, sizeof(*syncobj));
	if (!syncobj)
		return -ENOMEM;
	syncobj->refs = 1;
	syncobj->server = server;
	syncobj->options = *options;
	wl_list_init(&syncobj->link);
	int ret = waybuf_syncobj_device_create(options->drm_fd, &syncobj->device);
	if (ret < 0)
		goto err_syncobj;
	syncobj->global = wl_global_create(
		server->display, &wp_linux_drm_syncobj_manager_v1_interface, 1, syncobj, bind);
	ret = -ENOMEM;
	if (!syncobj->global)
		goto err_device;
	wl_list_insert(&server->syncobjs, &syncobj->link);
	if (out)
		*out = syncobj;
	return 0;

err_device:
	waybuf_syncobj_device_unref(syncobj->device);
err_syncobj:
	free(syncobj);
	return ret;
}

void waybuf_server_syncobj_destroy(struct waybuf_server_syncobj *syncobj)
{
	if (!syncobj)
		return;
	wl_global_destroy(syncobj->global);
	syncobj->global = NULL;
	syncobj->options.supports = NULL;
	server_syncobj_unref(syncobj);
}

int waybuf_server_gate_create(
	struct waybuf_server *server, const struct waybuf_gate_ops *ops, struct waybuf_gate **out)
{
	return waybuf_gate_create(server->loop, &server->manager->deadlines, ops, out);
}
