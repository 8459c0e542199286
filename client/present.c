/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdint.h>

#include <wayland-client.h>

static bool is_integrated(const struct waybuf_client_buffer *buffer)
{
	return buffer->pool->client->capabilities & WAYBUF_CLIENT_INTEGRATED;
}

/* ---- integrated: the server knows the buffer ----------------------------------------------- */

static void handle_release(void *data, struct wl_buffer *wl_buffer)
{
	/* The grant of the next map says it, with the fence. */
}

static const struct wl_buffer_listener bound_listener = {.release = handle_release};

/* One wl_buffer for all generations. */
static int bind_wl_buffer(struct waybuf_client_buffer *buffer, struct wl_buffer **out)
{
	if (buffer->wl_buffer_refusal.error) {
		struct client_refusal refusal = buffer->wl_buffer_refusal;
		buffer->wl_buffer_refusal = (struct client_refusal){0};
		/* The next one may be better, so the broken one goes. */
		wl_buffer_destroy(buffer->wl_buffer);
		buffer->wl_buffer = NULL;
		return client_fail_refused(buffer->pool->client, &refusal);
	}
	if (!buffer->wl_buffer) {
		buffer->wl_buffer = waybuf_buffer_v1_create_wl_buffer(buffer->proxy);
		if (!buffer->wl_buffer)
			return client_fail(buffer->pool->client, -ENOMEM, "present: no memory");
		wl_buffer_add_listener(buffer->wl_buffer, &bound_listener, NULL);
	}
	*out = buffer->wl_buffer;
	return 0;
}

/* ---- elsewhere: linux-dmabuf --------------------------------------------------------------- */

/* Where commits have points, those say it, sooner or later than this. */
static void handle_displayed(void *data, struct wl_buffer *wl_buffer)
{
	struct waybuf_client_buffer *buffer = data;
	if (!client_swapchain_has_points(buffer->pool->swapchain))
		client_buffer_displayed(buffer);
}

static const struct wl_buffer_listener imported_listener = {.release = handle_displayed};

void client_present_listen(struct waybuf_client_buffer *buffer)
{
	wl_buffer_add_listener(buffer->storage->wl_buffer, &imported_listener, buffer);
}

int client_present_import(struct waybuf_client_buffer *buffer)
{
	struct waybuf_client *client = buffer->pool->client;
	struct client_storage *storage = buffer->storage;
	const struct waybuf_layout *layout = &storage->layout;
	if (layout->memory[0].kind != WAYBUF_MEMORY_DMABUF)
		return client_fail(client, -EOPNOTSUPP,
			"present: shared memory of %s cannot go through linux-dmabuf",
			layout->exporter);
	int ret = client_dmabuf_import(client, layout, layout->exporter, &storage->wl_buffer);
	if (ret == 0)
		client_present_listen(buffer);
	return ret;
}

static int import_wl_buffer(struct waybuf_client_buffer *buffer, struct wl_buffer **out)
{
	if (!buffer->storage->wl_buffer) {
		int ret = buffer->pool->backend->make_wl_buffer(buffer);
		if (ret < 0)
			return ret;
	}
	*out = buffer->storage->wl_buffer;
	return 0;
}

/* ---- present ------------------------------------------------------------------------------- */

int client_present_check(struct waybuf_client_buffer *buffer, struct wl_surface *surface)
{
	struct waybuf_client *client = buffer->pool->client;
	if (buffer->state != CLIENT_BUFFER_ACQUIRED)
		return client_fail(client, -EINVAL, "present: the buffer is not acquired");
	if (buffer->cpu_direction && !buffer->shared)
		return client_fail(client, -EINVAL, "present: end_cpu comes first");
	if (!surface)
		return client_fail(client, -EINVAL, "present: no surface");
	if (!buffer->pool->wants_display)
		return client_fail(client, -EINVAL, "present: the pool was made without display");
	return client_check(client);
}

int client_present_bind(struct waybuf_client_buffer *buffer, struct wl_buffer **out)
{
	return is_integrated(buffer) ? bind_wl_buffer(buffer, out) : import_wl_buffer(buffer, out);
}

void client_surface_show(struct wl_surface *surface, struct wl_buffer *wl_buffer)
{
	wl_surface_attach(surface, wl_buffer, 0, 0);
	if (wl_surface_get_version(surface) >= WL_SURFACE_DAMAGE_BUFFER_SINCE_VERSION)
		wl_surface_damage_buffer(surface, 0, 0, INT32_MAX, INT32_MAX);
	else
		wl_surface_damage(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
}

void client_present_commit(struct waybuf_client_buffer *buffer, struct wl_surface *surface,
	struct wl_buffer *wl_buffer)
{
	client_surface_show(surface, wl_buffer);
	buffer->pool->shown = buffer->index;
}

int waybuf_client_buffer_present(struct waybuf_client_buffer *buffer, struct wl_surface *surface)
{
	int ret = client_present_check(buffer, surface);
	if (ret < 0)
		return ret;
	struct wl_buffer *wl_buffer = NULL;
	ret = client_present_bind(buffer, &wl_buffer);
	if (ret < 0)
		return ret;
	if (buffer->shared) {
		/* A reader beside ourselves: the write is over. */
		client_present_commit(buffer, surface, wl_buffer);
		buffer->on_screen = !is_integrated(buffer);
	} else if (is_integrated(buffer)) {
		/*
		 * Over before the commit, whose claim would else find our own writer; and the next
		 * map behind it, in the place in the queue that the claim leaves.
		 */
		client_buffer_unmap(buffer);
		client_present_commit(buffer, surface, wl_buffer);
		client_buffer_map(buffer);
	} else {
		client_present_commit(buffer, surface, wl_buffer);
		buffer->state = CLIENT_BUFFER_SHOWN;
	}
	/* A socket that is full is tried again by the next dispatch or acquire. */
	client_flush(buffer->pool->client);
	return 0;
}
