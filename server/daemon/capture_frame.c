/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <ext-image-copy-capture-v1-server-protocol.h>

#include "capture.h"
#include "capture_v1.h"
#include "core/account.h"
#include "daemon.h"
#include "output.h"
#include "util/list.h"

/* ext_image_copy_capture_frame_v1: from the request until the picture is there, or will not be. */

static void handle_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

/* ---- before the capture -------------------------------------------------------------------- */

static void forget_buffer(struct capture_frame *frame)
{
	if (frame->buffer)
		wl_list_remove(&frame->buffer_destroyed.link);
	frame->buffer = NULL;
}

static void handle_buffer_destroyed(struct wl_listener *listener, void *data)
{
	struct capture_frame *frame = wl_container_of(listener, frame, buffer_destroyed);
	forget_buffer(frame);
}

static bool check_not_requested(const struct capture_frame *frame)
{
	if (frame->requested)
		wl_resource_post_error(frame->resource,
			EXT_IMAGE_COPY_CAPTURE_FRAME_V1_ERROR_ALREADY_CAPTURED,
			"the capture was asked for already");
	return !frame->requested;
}

static void handle_attach_buffer(
	struct wl_client *client, struct wl_resource *resource, struct wl_resource *buffer)
{
	struct capture_frame *frame = wl_resource_get_user_data(resource);
	if (!check_not_requested(frame))
		return;
	forget_buffer(frame);
	frame->buffer = buffer;
	frame->buffer_destroyed.notify = handle_buffer_destroyed;
	wl_resource_add_destroy_listener(buffer, &frame->buffer_destroyed);
}

/* Beside what is new in the picture, which is always copied. */
static void handle_damage_buffer(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
	struct capture_frame *frame = wl_resource_get_user_data(resource);
	const struct geometry_box box = {x, y, width, height};
	if (!check_not_requested(frame))
		return;
	if (x < 0 || y < 0 || width <= 0 || height <= 0)
		wl_resource_post_error(resource,
			EXT_IMAGE_COPY_CAPTURE_FRAME_V1_ERROR_INVALID_BUFFER_DAMAGE,
			"a damage of %d x %d at %d,%d", width, height, x, y);
	else
		damage_add(&frame->damage, &box);
}

static void end_wait(struct capture_frame *frame)
{
	waybuf_fence_wait_cancel(&frame->wait);
	waybuf_source_remove(frame->deadline);
	frame->deadline = NULL;
	if (frame->payer)
		waybuf_account_discharge(frame->payer, WAYBUF_RESOURCE_FDS, 1);
	waybuf_account_unref(frame->payer);
	frame->payer = NULL;
}

void capture_frame_end_direct(struct capture_frame *frame)
{
	if (frame && frame->direct)
		frame->direct->direct = NULL;
	if (frame)
		frame->direct = NULL;
}

static void fail(struct capture_frame *frame, uint32_t reason)
{
	ext_image_copy_capture_frame_v1_send_failed(frame->resource, reason);
	end_wait(frame);
	capture_frame_end_direct(frame);
	wl_list_remove(&frame->link);
	wl_list_init(&frame->link);
}

void capture_frame_fail(struct capture_frame *frame)
{
	fail(frame, EXT_IMAGE_COPY_CAPTURE_FRAME_V1_FAILURE_REASON_UNKNOWN);
}

void capture_frame_stop(struct capture_frame *frame)
{
	fail(frame, EXT_IMAGE_COPY_CAPTURE_FRAME_V1_FAILURE_REASON_STOPPED);
}

/* ---- fences of the target ------------------------------------------------------------------ */

/* However they have ended: what was to be there is written over. */
static void handle_settled(struct waybuf_fence_wait *wait, int status)
{
	struct capture_frame *frame = waybuf_container_of(wait, struct capture_frame, wait);
	end_wait(frame);
	capture_poke(frame->session->capture->output);
}

static void handle_deadline(void *data)
{
	capture_frame_fail(data);
}

/* As long as a commit waits for its fences. */
#define TARGET_MS 1000

/* A fence that is waited for keeps an fd: whoever has a thousand of them has a quota. */
static int pay(struct capture_frame *frame)
{
	struct waybuf_account *account =
		waybuf_server_client_account(frame->session->capture->output->daemon->server,
			wl_resource_get_client(frame->resource));
	int error = account ? waybuf_account_charge(account, WAYBUF_RESOURCE_FDS, 1) : -ENOMEM;
	if (error == 0)
		frame->payer = waybuf_account_ref(account);
	return error;
}

/* 0, or an error: it cannot be waited for. */
static int wait_for(struct capture_frame *frame, struct waybuf_fence *fence)
{
	struct waybuf_loop *loop = frame->session->capture->output->daemon->loop;
	int error = waybuf_fence_wait_add(&frame->wait, fence, loop, handle_settled);
	if (error != 0)
		return error < 0 ? error : 0;
	error = pay(frame);
	if (error < 0)
		return error;
	frame->deadline = waybuf_loop_add_timer(loop, handle_deadline, frame, &error);
	return frame->deadline ? waybuf_source_arm(frame->deadline, TARGET_MS) : error;
}

/* Whoever still writes to the target, or reads it, is waited for, and holds up this frame alone. */
static void enter(struct capture_frame *frame)
{
	struct capture *capture = frame->session->capture;
	struct waybuf_fence *fence = capture_target_fence(frame->target);
	int ret = fence ? wait_for(frame, fence) : 0;
	waybuf_fence_unref(fence);
	if (ret < 0 || (capture->output->dark == OUTPUT_OFF && capture_frame_is_first(frame))) {
		capture_frame_fail(frame);
		return;
	}
	wl_list_insert(capture->frames.prev, &frame->link);
	capture_poke(capture->output);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void handle_capture(struct wl_client *client, struct wl_resource *resource)
{
	struct capture_frame *frame = wl_resource_get_user_data(resource);
	struct capture *capture = frame->session->capture;
	if (!check_not_requested(frame))
		return;
	if (!frame->buffer) {
		wl_resource_post_error(resource, EXT_IMAGE_COPY_CAPTURE_FRAME_V1_ERROR_NO_BUFFER,
			"no buffer is attached");
		return;
	}
	frame->requested = true;
	if (frame->session->stopped) {
		capture_frame_stop(frame);
		return;
	}
	int ret = capture_target_get(capture->output, frame->buffer, &frame->target);
	if (ret == 0)
		enter(frame);
	else if (ret == -EINVAL)
		fail(frame, EXT_IMAGE_COPY_CAPTURE_FRAME_V1_FAILURE_REASON_BUFFER_CONSTRAINTS);
	else
		capture_frame_fail(frame);
}

static const struct ext_image_copy_capture_frame_v1_interface frame_impl = {
	.destroy = handle_destroy,
	.attach_buffer = handle_attach_buffer,
	.damage_buffer = handle_damage_buffer,
	.capture = handle_capture,
};

static void frame_destroyed(struct wl_resource *resource)
{
	struct capture_frame *frame = wl_resource_get_user_data(resource);
	if (frame->copy) {
		damage_merge(&frame->session->damage, &frame->copy->damage);
		frame->copy->frame = NULL;
	}
	capture_frame_end_direct(frame);
	end_wait(frame);
	capture_target_unref(frame->target);
	forget_buffer(frame);
	wl_list_remove(&frame->link);
	frame->session->frame = NULL;
	capture_session_unref(frame->session);
	free(frame);
}

void capture_frame_create(struct capture_session *session, uint32_t id)
{
	struct wl_client *client = wl_resource_get_client(session->resource);
	struct capture_frame *frame = calloc(1, sizeof(*frame));
	if (frame)
		frame->resource =
			wl_resource_create(client, &ext_image_copy_capture_frame_v1_interface,
				wl_resource_get_version(session->resource), id);
	if (!frame || !frame->resource) {
		free(frame);
		wl_client_post_no_memory(client);
		return;
	}
	frame->session = session;
	session->frame = frame;
	session->refs++;
	wl_list_init(&frame->link);
	waybuf_fence_wait_init(&frame->wait);
	wl_resource_set_implementation(frame->resource, &frame_impl, frame, frame_destroyed);
}

/* ---- the capture --------------------------------------------------------------------------- */

bool capture_frame_due(const struct capture_frame *frame)
{
	const struct capture_session *session = frame->session;
	/* the first one of a session does not wait for a change; 1 is added so that 0 means none */
	return !waybuf_fence_wait_pending(&frame->wait) &&
		session->sequence != session->capture->sequence + 1;
}

bool capture_frame_is_first(const struct capture_frame *frame)
{
	return frame->session->sequence == 0;
}

static void leave_list(struct capture_frame *frame)
{
	wl_list_remove(&frame->link);
	wl_list_init(&frame->link);
}

/* What is new, and what the client asks for. NULL: all, as there is no memory to tell that. */
static const pixman_region32_t *find_region(struct capture_copy *copy, const struct damage *asked)
{
	const struct render_image *image = &copy->job.target;
	struct damage all = copy->damage;
	struct geometry_box box;
	bool whole = true;
	damage_merge(&all, asked);
	for (uint32_t i = 0; i < all.n; i++)
		if (damage_box(&all, i, image->width, image->height, &box))
			whole &= pixman_region32_union_rect(&copy->region, &copy->region,
				(int)box.x, (int)box.y, (unsigned)box.width, (unsigned)box.height);
	return whole ? &copy->region : NULL;
}

void capture_copy_init(struct capture_copy *copy, struct capture_frame *frame)
{
	struct capture_session *session = frame->session;
	const struct output *output = session->capture->output;
	leave_list(frame);
	copy->frame = frame;
	frame->copy = copy;
	copy->sequence = session->capture->sequence + 1;
	copy->time_ns = output->pending ? 0 : session->capture->shown_ns;
	copy->target = frame->target;
	copy->target->refs++;
	copy->job.target = copy->target->image;
	copy->damage = session->damage;
	damage_clear(&session->damage);
	pixman_region32_init(&copy->region);
	copy->job.region = find_region(copy, &frame->damage);
}

static void send_damage(struct capture_frame *frame, const struct damage *damage)
{
	const struct output *output = frame->session->capture->output;
	struct geometry_box box;
	for (uint32_t i = 0; i < damage->n; i++)
		if (damage_box(damage, i, output->width, output->height, &box))
			ext_image_copy_capture_frame_v1_send_damage(frame->resource, (int32_t)box.x,
				(int32_t)box.y, (int32_t)box.width, (int32_t)box.height);
}

static void send_ready(struct capture_frame *frame, const struct damage *damage, uint64_t time_ns)
{
	const uint64_t second = 1000000000;
	struct wl_resource *resource = frame->resource;
	ext_image_copy_capture_frame_v1_send_transform(
		resource, (uint32_t)frame->session->capture->output->transform);
	send_damage(frame, damage);
	ext_image_copy_capture_frame_v1_send_presentation_time(resource,
		(uint32_t)(time_ns / second >> 32), (uint32_t)(time_ns / second),
		(uint32_t)(time_ns % second));
	ext_image_copy_capture_frame_v1_send_ready(resource);
	frame->session->capture->output->stats.captures++;
}

void capture_copy_finish(struct capture_copy *copy, int error)
{
	struct capture_frame *frame = copy->frame;
	if (frame) {
		frame->copy = NULL;
		if (error < 0) {
			damage_merge(&frame->session->damage, &copy->damage);
			capture_frame_fail(frame);
		} else {
			frame->session->sequence = copy->sequence;
			send_ready(frame, &copy->damage,
				copy->time_ns ? copy->time_ns : frame->session->capture->shown_ns);
		}
	}
	pixman_region32_fini(&copy->region);
	capture_target_unref(copy->target);
	copy->target = NULL;
}

void capture_frame_written(struct capture_frame *frame)
{
	struct capture_session *session = frame->session;
	leave_list(frame);
	session->sequence = session->capture->sequence + 1;
	send_ready(frame, &session->damage, session->capture->shown_ns);
	damage_clear(&session->damage);
	session->capture->output->stats.captures_direct++;
}
