/* SPDX-License-Identifier: MIT */
#include "recorder.h"

#include <drm_fourcc.h>

#include "ext-image-capture-source-v1-client-protocol.h"
#include "ext-image-copy-capture-v1-client-protocol.h"

static void handle_buffer_size(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t width, uint32_t height)
{
	struct recorder *recorder = data;
	recorder->width = width;
	recorder->height = height;
}

static void handle_shm_format(
	void *data, struct ext_image_copy_capture_session_v1 *session, uint32_t format)
{
	struct recorder *recorder = data;
	ck_assert_uint_lt(recorder->n_shm_formats, 8);
	recorder->shm_formats[recorder->n_shm_formats++] = format;
}

static void handle_dmabuf_device(
	void *data, struct ext_image_copy_capture_session_v1 *session, struct wl_array *device)
{
	struct recorder *recorder = data;
	ck_assert_uint_eq(device->size, sizeof(recorder->device));
	memcpy(&recorder->device, device->data, sizeof(recorder->device));
}

static void handle_dmabuf_format(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t format, struct wl_array *modifiers)
{
	struct recorder *recorder = data;
	uint64_t linear = DRM_FORMAT_MOD_LINEAR;
	ck_assert_uint_lt(recorder->n_dmabuf_formats, 8);
	recorder->dmabuf_formats[recorder->n_dmabuf_formats++] = format;
	recorder->only_linear &= modifiers->size == sizeof(linear) &&
		memcmp(modifiers->data, &linear, sizeof(linear)) == 0;
}

static void handle_done(void *data, struct ext_image_copy_capture_session_v1 *session)
{
	struct recorder *recorder = data;
	recorder->done++;
}

static void handle_stopped(void *data, struct ext_image_copy_capture_session_v1 *session)
{
	struct recorder *recorder = data;
	recorder->stopped++;
}

static const struct ext_image_copy_capture_session_v1_listener session_listener = {
	.buffer_size = handle_buffer_size,
	.shm_format = handle_shm_format,
	.dmabuf_device = handle_dmabuf_device,
	.dmabuf_format = handle_dmabuf_format,
	.done = handle_done,
	.stopped = handle_stopped,
};

void recorder_init(struct recorder *recorder, struct client *client)
{
	*recorder = (struct recorder){.client = client, .only_linear = true};
	recorder->source = ext_output_image_capture_source_manager_v1_create_source(
		client->sources, client->output);
	recorder->session = ext_image_copy_capture_manager_v1_create_session(
		client->captures, recorder->source, 0);
	ext_image_copy_capture_session_v1_add_listener(
		recorder->session, &session_listener, recorder);
	ck_assert(client_wait(client, &recorder->done, 1, PATIENCE_MS));
}

void recorder_drop(struct recorder *recorder)
{
	if (recorder->frame)
		ext_image_copy_capture_frame_v1_destroy(recorder->frame);
	recorder->frame = NULL;
}

void recorder_end_session(struct recorder *recorder)
{
	if (recorder->session)
		ext_image_copy_capture_session_v1_destroy(recorder->session);
	recorder->session = NULL;
}

void recorder_finish(struct recorder *recorder)
{
	recorder_drop(recorder);
	recorder_end_session(recorder);
	ext_image_capture_source_v1_destroy(recorder->source);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void handle_transform(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t transform)
{
	struct recorder *recorder = data;
	recorder->transform = transform;
}

static void handle_damage(void *data, struct ext_image_copy_capture_frame_v1 *frame, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	struct recorder *recorder = data;
	ck_assert_uint_lt(recorder->n_boxes, RECORDER_BOXES);
	recorder->boxes[recorder->n_boxes].x = x;
	recorder->boxes[recorder->n_boxes].y = y;
	recorder->boxes[recorder->n_boxes].width = width;
	recorder->boxes[recorder->n_boxes++].height = height;
}

static void handle_time(void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t sec_hi,
	uint32_t sec_lo, uint32_t nsec)
{
	struct recorder *recorder = data;
	recorder->time_ns = ((uint64_t)sec_hi << 32 | sec_lo) * 1000000000 + nsec;
}

static void handle_ready(void *data, struct ext_image_copy_capture_frame_v1 *frame)
{
	struct recorder *recorder = data;
	recorder->ready++;
}

static void handle_failed(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t reason)
{
	struct recorder *recorder = data;
	recorder->failed++;
	recorder->reason = reason;
}

static const struct ext_image_copy_capture_frame_v1_listener frame_listener = {
	.transform = handle_transform,
	.damage = handle_damage,
	.presentation_time = handle_time,
	.ready = handle_ready,
	.failed = handle_failed,
};

static void begin_frame(struct recorder *recorder, struct wl_buffer *buffer)
{
	recorder_drop(recorder);
	recorder->ready = recorder->failed = 0;
	recorder->n_boxes = 0;
	recorder->transform = UINT32_MAX;
	recorder->frame = ext_image_copy_capture_session_v1_create_frame(recorder->session);
	ext_image_copy_capture_frame_v1_add_listener(recorder->frame, &frame_listener, recorder);
	ext_image_copy_capture_frame_v1_attach_buffer(recorder->frame, buffer);
}

void recorder_ask(struct recorder *recorder, struct wl_buffer *buffer)
{
	begin_frame(recorder, buffer);
	ext_image_copy_capture_frame_v1_capture(recorder->frame);
}

void recorder_ask_damaged(struct recorder *recorder, struct wl_buffer *buffer, int32_t x, int32_t y,
	int32_t width, int32_t height)
{
	begin_frame(recorder, buffer);
	ext_image_copy_capture_frame_v1_damage_buffer(recorder->frame, x, y, width, height);
	ext_image_copy_capture_frame_v1_capture(recorder->frame);
}

bool recorder_wait(struct recorder *recorder, int ms)
{
	return client_wait(recorder->client, &recorder->ready, 1, ms);
}

void recorder_take(struct recorder *recorder, struct wl_buffer *buffer)
{
	recorder_ask(recorder, buffer);
	ck_assert_msg(recorder_wait(recorder, PATIENCE_MS), "no capture came: %s %u",
		recorder->failed ? "it failed," : "no answer,", recorder->reason);
}

void recorder_refused(struct recorder *recorder, struct wl_buffer *buffer, uint32_t reason)
{
	recorder_ask(recorder, buffer);
	ck_assert(client_wait(recorder->client, &recorder->failed, 1, PATIENCE_MS));
	ck_assert_uint_eq(recorder->reason, reason);
	ck_assert_int_eq(recorder->ready, 0);
}
