/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include <drm_fourcc.h>
#include <ext-image-capture-source-v1-server-protocol.h>
#include <ext-image-copy-capture-v1-server-protocol.h>
#include <wayland-server-protocol.h>

#include "capture.h"
#include "capture_v1.h"
#include "daemon.h"
#include "output.h"
#include "util/shm_format.h"

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* ---- sessions ------------------------------------------------------------------------------ */

void capture_session_unref(struct capture_session *session)
{
	if (--session->refs > 0)
		return;
	wl_list_remove(&session->link);
	free(session);
}

static void handle_create_frame(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct capture_session *session = wl_resource_get_user_data(resource);
	if (session->frame)
		wl_resource_post_error(resource,
			EXT_IMAGE_COPY_CAPTURE_SESSION_V1_ERROR_DUPLICATE_FRAME,
			"the former frame is still there");
	else
		capture_frame_create(session, id);
}

static const struct ext_image_copy_capture_session_v1_interface session_impl = {
	.create_frame = handle_create_frame,
	.destroy = handle_destroy,
};

static void session_destroyed(struct wl_resource *resource)
{
	struct capture_session *session = wl_resource_get_user_data(resource);
	session->resource = NULL;
	/* its frame goes on, and is to be stopped with the others */
	capture_session_unref(session);
}

void capture_session_stop(struct capture_session *session)
{
	struct capture_frame *frame = session->frame;
	session->stopped = true;
	wl_list_remove(&session->link);
	wl_list_init(&session->link);
	if (session->resource)
		ext_image_copy_capture_session_v1_send_stopped(session->resource);
	/* one that the worker has already got is finished */
	if (frame && !wl_list_empty(&frame->link))
		capture_frame_stop(frame);
}

/* Those of whom linux-dmabuf, by which clients make such buffers, is for. */
static void send_dmabuf_constraints(struct capture_session *session)
{
	const struct output *output = session->capture->output;
	uint64_t linear = DRM_FORMAT_MOD_LINEAR;
	struct wl_array device = {0}, modifiers = {0};
	if (!output->daemon->dmabuf)
		return;
	dev_t id = output->kms->rdev;
	/* borrowed: they are read and not kept */
	device.data = &id;
	device.size = sizeof(id);
	modifiers.data = &linear;
	modifiers.size = sizeof(linear);
	ext_image_copy_capture_session_v1_send_dmabuf_device(session->resource, &device);
	for (size_t i = 0; capture_target_format(i); i++)
		ext_image_copy_capture_session_v1_send_dmabuf_format(
			session->resource, capture_target_format(i), &modifiers);
}

static void send_constraints(struct capture_session *session)
{
	const struct output *output = session->capture->output;
	ext_image_copy_capture_session_v1_send_buffer_size(
		session->resource, output->width, output->height);
	for (size_t i = 0; capture_target_format(i); i++)
		ext_image_copy_capture_session_v1_send_shm_format(
			session->resource, shm_format_from_drm(capture_target_format(i)));
	send_dmabuf_constraints(session);
	ext_image_copy_capture_session_v1_send_done(session->resource);
}

static struct capture_session *session_create(
	struct capture *capture, struct wl_client *client, uint32_t version, uint32_t id)
{
	struct capture_session *session = calloc(1, sizeof(*session));
	if (session)
		session->resource = wl_resource_create(
			client, &ext_image_copy_capture_session_v1_interface, (int)version, id);
	if (!session || !session->resource) {
		free(session);
		wl_client_post_no_memory(client);
		return NULL;
	}
	session->capture = capture;
	session->client = client;
	session->refs = 1;
	damage_add_all(&session->damage);
	wl_list_init(&session->link);
	wl_resource_set_implementation(
		session->resource, &session_impl, session, session_destroyed);
	return session;
}

/* ---- cursors: there are none --------------------------------------------------------------- */

struct cursor_session {
	bool asked;
};

static void handle_get_capture_session(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct cursor_session *cursor = wl_resource_get_user_data(resource);
	if (cursor->asked) {
		wl_resource_post_error(resource,
			EXT_IMAGE_COPY_CAPTURE_CURSOR_SESSION_V1_ERROR_DUPLICATE_SESSION,
			"the session was asked for already");
		return;
	}
	cursor->asked = true;
	struct capture_session *session =
		session_create(NULL, client, (uint32_t)wl_resource_get_version(resource), id);
	if (!session)
		return;
	capture_session_stop(session);
}

static const struct ext_image_copy_capture_cursor_session_v1_interface cursor_impl = {
	.destroy = handle_destroy,
	.get_capture_session = handle_get_capture_session,
};

static void cursor_destroyed(struct wl_resource *resource)
{
	free(wl_resource_get_user_data(resource));
}

/* ---- the globals --------------------------------------------------------------------------- */

/* Each of them hears of each frame. */
enum { MOST_SESSIONS = 1024 };

static bool has_too_many(const struct capture *capture, const struct wl_client *client)
{
	const struct capture_session *session;
	unsigned n = 0;
	wl_list_for_each(session, &capture->sessions, link)
		n += session->client == client;
	return n >= MOST_SESSIONS;
}

static void handle_create_session(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *source, uint32_t options)
{
	if (options & ~(uint32_t)EXT_IMAGE_COPY_CAPTURE_MANAGER_V1_OPTIONS_PAINT_CURSORS) {
		wl_resource_post_error(resource,
			EXT_IMAGE_COPY_CAPTURE_MANAGER_V1_ERROR_INVALID_OPTION,
			"unknown options 0x%x", options);
		return;
	}
	struct capture *capture = wl_resource_get_user_data(source);
	struct capture_session *session =
		session_create(capture, client, (uint32_t)wl_resource_get_version(resource), id);
	if (!session)
		return;
	if (!capture || !capture->output->global || has_too_many(capture, client)) {
		capture_session_stop(session);
		return;
	}
	capture_watch(capture);
	wl_list_insert(&capture->sessions, &session->link);
	send_constraints(session);
}

static void handle_create_cursor_session(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *source, struct wl_resource *pointer)
{
	struct cursor_session *cursor = calloc(1, sizeof(*cursor));
	struct wl_resource *made = NULL;
	if (cursor)
		made = wl_resource_create(client,
			&ext_image_copy_capture_cursor_session_v1_interface,
			wl_resource_get_version(resource), id);
	if (!made) {
		free(cursor);
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(made, &cursor_impl, cursor, cursor_destroyed);
}

static const struct ext_image_copy_capture_manager_v1_interface manager_impl = {
	.create_session = handle_create_session,
	.create_pointer_cursor_session = handle_create_cursor_session,
	.destroy = handle_destroy,
};

static const struct ext_image_capture_source_v1_interface source_impl = {
	.destroy = handle_destroy,
};

void capture_forget_sources(struct capture *capture)
{
	struct wl_resource *source, *tmp;
	wl_resource_for_each_safe(source, tmp, &capture->sources) {
		resource_detach(source);
		wl_resource_set_user_data(source, NULL);
	}
}

static void handle_create_source(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, struct wl_resource *output_resource)
{
	const struct output *output = output_from_resource(output_resource);
	struct capture *capture = output ? output->capture : NULL;
	struct wl_resource *source = wl_resource_create(client,
		&ext_image_capture_source_v1_interface, wl_resource_get_version(resource), id);
	if (!source) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(source, &source_impl, capture, resource_unlink);
	wl_list_init(wl_resource_get_link(source));
	if (capture)
		wl_list_insert(&capture->sources, wl_resource_get_link(source));
}

static const struct ext_output_image_capture_source_manager_v1_interface source_manager_impl = {
	.create_source = handle_create_source,
	.destroy = handle_destroy,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(
		client, &ext_image_copy_capture_manager_v1_interface, (int)version, id);
	if (resource)
		wl_resource_set_implementation(resource, &manager_impl, data, NULL);
	else
		wl_client_post_no_memory(client);
}

static void bind_source_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(
		client, &ext_output_image_capture_source_manager_v1_interface, (int)version, id);
	if (resource)
		wl_resource_set_implementation(resource, &source_manager_impl, data, NULL);
	else
		wl_client_post_no_memory(client);
}

bool capture_create_globals(struct daemon *daemon)
{
	struct wl_display *display = daemon->display;
	return wl_global_create(display, &ext_image_copy_capture_manager_v1_interface, 1, daemon,
		       bind_manager) &&
		wl_global_create(display, &ext_output_image_capture_source_manager_v1_interface, 1,
			daemon, bind_source_manager);
}
