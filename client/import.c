/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Memory that others have exported, as wl_buffers of linux-dmabuf. */

/* Of an older commit, if it was sent before the server saw the newest one. */
static void handle_release(void *data, struct wl_buffer *wl_buffer)
{
	struct waybuf_client_import *import = data;
	if (!import->commit)
		import->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void handle_commit(void *data, struct wl_callback *callback, uint32_t serial)
{
	struct waybuf_client_import *import = data;
	wl_callback_destroy(callback);
	import->commit = NULL;
}

static const struct wl_callback_listener commit_listener = {.done = handle_commit};

static void forget_commit(struct waybuf_client_import *import)
{
	if (import->commit)
		wl_callback_destroy(import->commit);
	import->commit = NULL;
}

/*
 * A server that still reads what was shown before says that it is free once for all. One may be on its
 * way already; after the answer to this, which goes right before the commit, none is any more. Behind
 * the commit it would come too late for servers that copy, and release at once.
 */
static void expect_commit(struct waybuf_client_import *import)
{
	forget_commit(import);
	if (!import->busy)
		return;
	import->commit = wl_display_sync(import->client->compositor.wrapper);
	if (import->commit)
		wl_callback_add_listener(import->commit, &commit_listener, import);
}

/* A wrong plane would be a protocol error, which ends the connection. */
static int check(struct waybuf_client *client, const struct waybuf_layout *layout)
{
	if (layout->n_planes == 0 || layout->n_planes > WAYBUF_MAX_PLANES ||
		layout->n_memory == 0 || layout->n_memory > WAYBUF_MAX_PLANES ||
		layout->width == 0 || layout->width > WAYBUF_POOL_V1_LIMIT_SIZE ||
		layout->height == 0 || layout->height > WAYBUF_POOL_V1_LIMIT_SIZE)
		return client_fail(client, -EINVAL, "import: that is no image");
	for (uint32_t i = 0; i < layout->n_memory; i++)
		if (layout->memory[i].kind != WAYBUF_MEMORY_DMABUF)
			return client_fail(client, -EINVAL, "import: memory %u is no dma-buf", i);
	int ret = client_layout_check(layout);
	if (ret < 0)
		return client_fail(
			client, ret, "import: the image is not in its memory: %s", strerror(-ret));
	if (!client->dmabuf)
		return client_fail(client, -EOPNOTSUPP,
			"import: the compositor takes no buffers through linux-dmabuf");
	return client_check(client);
}

int waybuf_client_import_create(struct waybuf_client *client, const struct waybuf_layout *layout,
	struct waybuf_client_import **out)
{
	int ret = check(client, layout);
	if (ret < 0)
		return ret;
	struct waybuf_client_import *import = calloc(1, sizeof(*import));
	if (!import)
		return client_fail(client, -ENOMEM, "import: out of memory");
	ret = client_dmabuf_import(client, layout, "others like that", &import->wl_buffer);
	if (ret < 0) {
		free(import);
		return ret;
	}
	wl_buffer_add_listener(import->wl_buffer, &buffer_listener, import);
	import->client = client;
	waybuf_list_append(&client->imports, &import->link);
	*out = import;
	return 0;
}

int waybuf_client_import_present(struct waybuf_client_import *import, struct wl_surface *surface)
{
	struct waybuf_client *client = import->client;
	if (!surface)
		return client_fail(client, -EINVAL, "present: no surface");
	int ret = client_check(client);
	if (ret < 0)
		return ret;
	if (!import->wl_buffer)
		return client_fail(
			client, -EINVAL, "present: it was imported on a connection that is over");
	expect_commit(import);
	client_surface_show(surface, import->wl_buffer);
	import->busy = true;
	client_flush(client);
	return 0;
}

bool waybuf_client_import_is_busy(const struct waybuf_client_import *import)
{
	return import->busy;
}

void client_import_detach(struct waybuf_client_import *import)
{
	forget_commit(import);
	if (import->wl_buffer)
		wl_buffer_destroy(import->wl_buffer);
	import->wl_buffer = NULL;
	import->busy = false;
}

void waybuf_client_import_destroy(struct waybuf_client_import *import)
{
	if (!import)
		return;
	client_import_detach(import);
	waybuf_list_remove(&import->link);
	free(import);
}
