/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdlib.h>

#include <wayland-client.h>

#include "core/format.h"

/*
 * wl_buffers of dma-bufs, through linux-dmabuf. With create and not create_immed: there a failure may
 * end the connection, and a compositor must be allowed to say no.
 *
 * If it is too slow, nobody waits for it any more, but the answer is still heard: libwayland drops an
 * event whose receiver is gone, and then takes the next object that the compositor makes for a mistake,
 * which ends the connection. That may be the program's own, which goes on when the client has ended.
 */

/* Whether it makes a wl_buffer. */
struct question {
	struct waybuf_list link; /* waybuf_client.late_imports */
	struct zwp_linux_buffer_params_v1 *params;
	bool answered, late;
	struct wl_buffer *wl_buffer; /* NULL: it does not, or has not answered */
};

static void end_question(struct question *question)
{
	if (question->late)
		waybuf_list_remove(&question->link);
	zwp_linux_buffer_params_v1_destroy(question->params);
	free(question);
}

static void note_answer(struct question *question)
{
	question->answered = true;
	if (question->late)
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
	note_answer(question);
}

static void handle_failed(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	note_answer(data);
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
	.created = handle_created,
	.failed = handle_failed,
};

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

/* NULL: out of memory. */
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

static bool is_answered(void *data)
{
	return ((struct question *)data)->answered;
}

static int put_off(struct waybuf_client *client, struct question *question)
{
	question->late = true;
	waybuf_list_append(&client->late_imports, &question->link);
	return client_fail(client, -ETIMEDOUT, "present: the compositor did not answer the import");
}

static int take_answer(struct waybuf_client *client, struct question *question, const char *whose,
	struct wl_buffer **out)
{
	struct wl_buffer *wl_buffer = question->wl_buffer;
	end_question(question);
	if (!wl_buffer)
		return client_fail(client, -EOPNOTSUPP,
			"present: the compositor does not import memory of %s", whose);
	*out = wl_buffer;
	return 0;
}

/* Whether the connection is the program's, and events may still come. */
static bool goes_on(const struct client_link *link)
{
	return !link->owned && client_link_is_live(link) &&
		wl_display_get_error(link->display) == 0;
}

/*
 * From here on another thread may hear the answer and free it. The default queue is the one that
 * programs dispatch; without that, and without an answer, it lasts as long as the process.
 */
static void leave_to_program(struct question *question)
{
	waybuf_list_remove(&question->link);
	wl_proxy_set_queue((struct wl_proxy *)question->params, NULL);
}

void client_dmabuf_forget(struct waybuf_client *client)
{
	struct client_link *link = &client->compositor;
	struct question *question, *tmp;
	if (waybuf_list_empty(&client->late_imports))
		return;
	bool stays = goes_on(link);
	waybuf_list_for_each_safe(question, tmp, &client->late_imports, link) {
		if (stays)
			leave_to_program(question);
		else
			end_question(question);
	}
	/* what was read before has come to our own queue, and would be lost with it */
	if (stays)
		client_link_dispatch(link, false);
}

bool client_dmabuf_lists(
	const struct waybuf_client *client, const struct waybuf_client_format *pair)
{
	const struct client_offer *offer = &client->offer;
	if (zwp_linux_dmabuf_v1_get_version(client->dmabuf) <
		ZWP_LINUX_DMABUF_V1_GET_DEFAULT_FEEDBACK_SINCE_VERSION)
		return true;
	for (size_t i = 0; i < offer->n; i++)
		if (offer->pairs[i].format == pair->format &&
			offer->pairs[i].modifier == pair->modifier)
			return true;
	return false;
}

/* 0 if it may be asked. */
static int check_listed(
	struct waybuf_client *client, const struct waybuf_layout *layout, const char *whose)
{
	const struct waybuf_client_format pair = {
		.format = layout->format, .modifier = layout->modifier};
	char format[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	/* a newer list may have been read along with what the program waited for */
	int ret = client_link_dispatch(&client->compositor, false);
	if (ret < 0)
		return ret;
	if (client_dmabuf_lists(client, &pair))
		return 0;
	waybuf_fourcc_string(layout->format, format);
	return client_fail(client, -EOPNOTSUPP,
		"present: the compositor does not list %s %s, which memory of %s has", format,
		waybuf_modifier_string(layout->modifier, modifier), whose);
}

int client_dmabuf_import(struct waybuf_client *client, const struct waybuf_layout *layout,
	const char *whose, struct wl_buffer **out)
{
	int ret = check_listed(client, layout, whose);
	if (ret < 0)
		return ret;
	struct question *question = ask(client, layout);
	if (!question)
		return client_fail(client, -ENOMEM, "present: out of memory");
	ret = client_wait(client, &client->compositor, client_now_ms() + CLIENT_PATIENCE_MS,
		is_answered, question);
	if (ret == 0)
		return take_answer(client, question, whose, out);
	if (ret == -ETIMEDOUT)
		return put_off(client, question);
	end_question(question);
	return ret;
}
