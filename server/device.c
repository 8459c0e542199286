/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "server.h"

/* Devices that the host speaks for: its callbacks behind the mechanism's device. */

static struct server_device *from_base(struct waybuf_device *base)
{
	struct server_device *device = wl_container_of(base, device, base);
	return device;
}

static int device_constraints(
	struct waybuf_device *base, uint64_t access, struct waybuf_constraints **out)
{
	struct server_device *device = from_base(base);
	return device->ops->constraints(device->data, access, out);
}

static int device_probe(struct waybuf_device *base, const struct waybuf_layout *layout)
{
	struct server_device *device = from_base(base);
	return device->ops->import_test(device->data, layout);
}

static int device_copy(struct waybuf_device *base, const struct waybuf_layout *from,
	const struct waybuf_layout *to, struct waybuf_fence **fence)
{
	struct server_device *device = from_base(base);
	return device->ops->copy(device->data, from, to, fence);
}

/* Cuts at a character's start: what is sent must stay UTF-8. */
static char *copy_name(const char *name)
{
	size_t length = strnlen(name, 128);
	while (length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80)
		length--;
	return strndup(name, length);
}

int server_device_create(struct waybuf_server *server, const struct waybuf_server_device_info *info,
	struct server_device **out)
{
	if (!info->ops || !info->ops->constraints)
		return -EINVAL;
	struct server_device *device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	device->name = copy_name(info->name ? info->name : "");
	if (!device->name) {
		free(device);
		return -ENOMEM;
	}
	device->server = server;
	device->has_dev = info->has_dev;
	device->ops = info->ops;
	device->data = info->data;
	device->base_ops = (struct waybuf_device_ops){
		.constraints = device_constraints,
		.probe = info->ops->import_test ? device_probe : NULL,
		.copy = info->ops->copy ? device_copy : NULL,
	};
	device->base.ops = &device->base_ops;
	device->base.kind = info->kind;
	device->base.devnum = info->has_dev ? info->dev : 0;
	device->base.name = device->name;
	wl_list_init(&device->link);
	int ret = waybuf_manager_add_device(server->manager, &device->base);
	if (ret < 0) {
		free(device->name);
		free(device);
		return ret;
	}
	*out = device;
	return 0;
}

void server_device_destroy(struct server_device *device)
{
	if (!device)
		return;
	wl_list_remove(&device->link);
	allocator_device_lost(device->server, device);
	waybuf_manager_remove_device(device->server->manager, &device->base);
	free(device->name);
	free(device);
}

struct server_device *server_find_device(struct waybuf_server *server, uint32_t id)
{
	struct server_device *device;
	wl_list_for_each(device, &server->devices, link) {
		if (device->base.id == id)
			return device;
	}
	return NULL;
}

int waybuf_server_add_device(
	struct waybuf_server *server, const struct waybuf_server_device_info *info, uint32_t *id)
{
	struct server_device *device;
	int ret = server_device_create(server, info, &device);
	if (ret < 0)
		return ret;
	wl_list_insert(server->devices.prev, &device->link);
	allocator_devices_changed(server);
	*id = device->base.id;
	return 0;
}

void waybuf_server_remove_device(struct waybuf_server *server, uint32_t id)
{
	struct server_device *device = server_find_device(server, id);
	if (!device)
		return;
	server_device_destroy(device);
	allocator_devices_changed(server);
}
