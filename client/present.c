/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <wayland-client.h>

#include "core/format.h"

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

/*
 * Whether the compositor makes a wl_buffer. If it is too slow, nobody waits for it any more, but the
 * answer is still heard: libwayland drops an event whose receiver is gone, and then takes the next object
 * that the compositor makes for a mistake, which ends the connection.
 */
struct question {
	struct waybuf_list link; /* waybuf_client.questions */
	struct zwp_linux_buffer_params_v1 *params;
	bool answered, late;
	struct wl_buffer *wl_buffer;
};

static void end_question(struct question *question)
{
	if (question->late)
		waybuf_list_remove(&question->link);
	zwp_linux_buffer_params_v1_destroy(question->params);
	free(question);
}

static void put_off(struct waybuf_client *client, struct question *question)
{
	question->late = true;
	waybuf_list_append(&client->questions, &question->link);
}

void client_import_forget(struct waybuf_client *client)
{
	struct question *question, *tmp;
	waybuf_list_for_each_safe(question, tmp, &client->questions, link)
		end_question(question);
}

static void handle_created(
	void *data, struct zwp_linux_buffer_params_v1 *params, struct wl_buffer *wl_buffer)
{
	struct question *question = data;
	/* one answer is all there may be, and another one is not kept */
	if (question->wl_buffer || question->late)
		wl_buffer_destroy(wl_buffer);
	else
		question->wl_buffer = wl_buffer;
	question->answered = true;
	if (question->late)
		end_question(question);
}

static void handle_failed(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	struct question *question = data;
	question->answered = true;
	if (question->late)
		end_question(question);
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
	.created = handle_created,
	.failed = handle_failed,
};

static bool is_answered(void *data)
{
	return ((struct question *)data)->answered;
}

static void add_planes(
	struct zwp_linux_buffer_params_v1 *params, const struct waybuf_layout *layout)
{
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		const struct waybuf_plane *plane = &layout->planes[i];
		zwp_linux_buffer_params_v1_add(params, layout->memory[plane->slot].fd, i,
			plane->offset, plane->stride, (uint32_t)(layout->modifier >> 32),
			(uint32_t)layout->modifier);
	}
}

static int fail_unlisted(
	struct waybuf_client *client, const struct waybuf_layout *layout, const char *whose)
{
	char format[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	waybuf_fourcc_string(layout->format, format);
	return client_fail(client, -EOPNOTSUPP,
		"present: the compositor does not list %s %s, which memory of %s has", format,
		waybuf_modifier_string(layout->modifier, modifier), whose);
}

/*
 * With create and not create_immed: there a failure may end the connection, and a compositor must
 * be allowed to say no.
 */
static struct question *ask(struct waybuf_client *client, const struct waybuf_layout *layout)
{
	struct question *question = calloc(1, sizeof(*question));
	if (!question)
		return NULL;
	question->params = zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	if (!question->params) {
		free(question);
		return NULL;
	}
	zwp_linux_buffer_params_v1_add_listener(question->params, &params_listener, question);
	add_planes(question->params, layout);
	zwp_linux_buffer_params_v1_create(question->params, (int32_t)layout->width,
		(int32_t)layout->height, layout->format, 0);
	return question;
}

int client_import_layout(struct waybuf_client *client, const struct waybuf_layout *layout,
	const char *whose, struct wl_buffer **out)
{
	/* a newer list may have been read along with what the program waited for */
	int ret = client_link_dispatch(&client->compositor, false);
	if (ret < 0)
		return ret;
	if (!client_foreign_may_import(client, layout->format, layout->modifier))
		return fail_unlisted(client, layout, whose);
	struct question *question = ask(client, layout);
	if (!question)
		return client_fail(client, -ENOMEM, "present: out of memory");
	ret = client_wait(client, &client->compositor, client_now_ms() + CLIENT_PATIENCE_MS,
		is_answered, question);
	if (ret == -ETIMEDOUT) {
		put_off(client, question);
		return client_fail(
			client, ret, "present: the compositor did not answer the import");
	}
	struct wl_buffer *wl_buffer = question->wl_buffer;
	end_question(question);
	if (ret == 0 && !wl_buffer)
		ret = client_fail(client, -EOPNOTSUPP,
			"present: the compositor does not import memory of %s", whose);
	if (ret == 0)
		*out = wl_buffer;
	return ret;
}

int client_import_dmabuf(struct waybuf_client_buffer *buffer)
{
	struct waybuf_client *client = buffer->pool->client;
	struct client_storage *storage = buffer->storage;
	const struct waybuf_layout *layout = &storage->layout;
	if (layout->memory[0].kind != WAYBUF_MEMORY_DMABUF)
		return client_fail(client, -EOPNOTSUPP,
			"present: shared memory of %s cannot go through linux-dmabuf",
			layout->exporter);
	int ret = client_import_layout(client, layout, layout->exporter, &storage->wl_buffer);
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
