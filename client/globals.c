/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <stdio.h>
#include <string.h>

/* What a server offers, and what its allocator says of itself. */

static void handle_capabilities(void *data, struct waybuf_allocator_v1 *allocator, uint32_t flags)
{
	struct waybuf_client *client = data;
	/* a service is not who shows the buffers, even if it shows others */
	if (client->beside.display)
		flags &= ~(uint32_t)WAYBUF_CLIENT_INTEGRATED;
	/* what the server is was settled when we connected, and is what we have kept globals for */
	if (client->ready) {
		flags &= ~(uint32_t)WAYBUF_CLIENT_INTEGRATED;
		flags |= client->capabilities & WAYBUF_CLIENT_INTEGRATED;
	}
	client->capabilities = flags;
	client->device = 0;
}

/* What a compositor shows by is a display controller, or else what it renders with. */
static void handle_device(void *data, struct waybuf_allocator_v1 *allocator, uint32_t device,
	uint32_t kind, struct wl_array *dev, const char *name)
{
	struct waybuf_client *client = data;
	/* devices of a service are not the compositor's */
	if (client->beside.display)
		return;
	bool first = !client->device && kind == WAYBUF_ALLOCATOR_V1_DEVICE_KIND_RENDER;
	bool better = kind == WAYBUF_ALLOCATOR_V1_DEVICE_KIND_KMS &&
		(!client->device || client->device_kind != kind);
	if (!first && !better)
		return;
	client->device = device;
	client->device_kind = kind;
}

static void handle_usage(void *data, struct waybuf_allocator_v1 *allocator, uint32_t what,
	uint32_t used, uint32_t limit)
{
	static const char *const names[] = {
		"KiB", "buffers", "fds", "pools", "attachments", "maps", "fences"};
	struct waybuf_client *client = data;
	if (!client->ready || what >= sizeof(names) / sizeof(names[0]))
		return;
	size_t length = strlen(client->account);
	snprintf(client->account + length, sizeof(client->account) - length, "%s%u of %u %s used",
		length ? ", " : "", used, limit, names[what]);
}

static void handle_done(void *data, struct waybuf_allocator_v1 *allocator)
{
	struct waybuf_client *client = data;
	client->ready = true;
	/* What came in the batch is no account of a refusal. */
	client->account[0] = '\0';
}

static const struct waybuf_allocator_v1_listener allocator_listener = {
	.capabilities = handle_capabilities,
	.device = handle_device,
	.usage = handle_usage,
	.done = handle_done,
};

/* Version 5 would want the same modifier for all planes, which is nothing that we need. */
static void bind_dmabuf(
	struct waybuf_client *client, struct wl_registry *registry, uint32_t name, uint32_t version)
{
	client->dmabuf = wl_registry_bind(registry, name, &zwp_linux_dmabuf_v1_interface, version);
	if (!client->dmabuf)
		return;
	if (version >= ZWP_LINUX_DMABUF_V1_GET_DEFAULT_FEEDBACK_SINCE_VERSION)
		client_feedback_start(client);
	else
		zwp_linux_dmabuf_v1_add_listener(client->dmabuf, &client_offer_listener, client);
}

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct client_link *link = data;
	struct waybuf_client *client = link->client;
	bool shows = link == &client->compositor;
	if (strcmp(interface, waybuf_allocator_v1_interface.name) == 0 && !client->allocator) {
		client->allocator =
			wl_registry_bind(registry, name, &waybuf_allocator_v1_interface, 1);
		if (client->allocator)
			waybuf_allocator_v1_add_listener(
				client->allocator, &allocator_listener, client);
	} else if (!shows) {
		/* only its allocator is of use */
	} else if (strcmp(interface, zwp_linux_dmabuf_v1_interface.name) == 0 && version >= 3 &&
		!client->dmabuf) {
		bind_dmabuf(client, registry, name, version < 4 ? version : 4);
	} else if (strcmp(interface, wl_shm_interface.name) == 0 && !client->shm) {
		client->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
		if (client->shm)
			wl_shm_add_listener(client->shm, &client_shm_listener, client);
	} else if (strcmp(interface, wp_linux_drm_syncobj_manager_v1_interface.name) == 0 &&
		!client->syncobj) {
		client->syncobj = wl_registry_bind(
			registry, name, &wp_linux_drm_syncobj_manager_v1_interface, 1);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	/* Objects made from a global outlive it. */
}

const struct wl_registry_listener client_registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};
