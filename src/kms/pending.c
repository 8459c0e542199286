/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

#include "kms/pending.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"

struct waybuf_kms_commit *waybuf_kms_pending_create(
	struct waybuf_kms_device *device, const struct waybuf_kms_commit_options *options)
{
	struct waybuf_kms_commit *commit = calloc(1, sizeof(*commit));
	if (!commit)
		return NULL;
	commit->device = device;
	commit->id = ++device->n_commits;
	commit->listener = options->listener;
	commit->data = options->data;
	waybuf_list_init(&commit->link);
	for (int i = 0; i < WAYBUF_KMS_MAX_CRTCS; i++)
		waybuf_fence_wait_init(&commit->capture[i].wait);
	return commit;
}

void waybuf_kms_pending_cancel(struct waybuf_kms_commit *commit)
{
	free(commit);
}

static void forget_crtc(struct waybuf_kms_commit *commit, struct waybuf_kms_crtc *crtc)
{
	uint32_t bit = UINT32_C(1) << crtc->index;
	if (!((commit->flips | commit->captures) & bit) && crtc->pending == commit)
		crtc->pending = NULL;
}

static void finish_if_over(struct waybuf_kms_commit *commit)
{
	if (commit->flips || commit->captures)
		return;
	waybuf_list_remove(&commit->link);
	free(commit);
}

void waybuf_kms_pending_start(struct waybuf_kms_commit *commit, uint32_t flips)
{
	struct waybuf_kms_resources *res = &commit->device->res;
	commit->flips = flips;
	for (uint32_t i = 0; i < res->n_crtcs; i++) {
		if (flips >> i & 1)
			res->crtcs[i]->pending = commit;
	}
	waybuf_list_append(&commit->device->commits, &commit->link);
}

static void end_capture(struct waybuf_kms_capture *capture, int error)
{
	struct waybuf_kms_commit *commit = capture->commit;
	struct waybuf_fence *fence = capture->fence;
	struct waybuf_fence *writing = waybuf_fence_status(fence) ? NULL : fence;
	capture->fence = NULL;
	waybuf_fence_wait_cancel(&capture->wait);
	commit->captures &= ~(UINT32_C(1) << capture->crtc->index);
	forget_crtc(commit, capture->crtc);
	if (commit->listener->captured)
		commit->listener->captured(commit->data, capture->crtc, error, writing);
	waybuf_fence_unref(fence);
	finish_if_over(commit);
}

static void handle_captured(struct waybuf_fence_wait *wait, int status)
{
	struct waybuf_kms_capture *capture =
		waybuf_container_of(wait, struct waybuf_kms_capture, wait);
	end_capture(capture, status < 0 ? status : 0);
}

/* ---- captures that never end --------------------------------------------------------------- */

/*
 * A driver finishes a capture within a frame or two, and until then the CRTC takes no commit. If
 * one never ends, a display must not stand still for a picture: after this long it is given up.
 */
#define CAPTURE_LIMIT_MS 2000
/* How often one is looked at that cannot be watched, as memory or fds have run out. */
#define CAPTURE_POLL_MS 10

static struct waybuf_kms_capture *find_oldest(struct waybuf_kms_device *device)
{
	struct waybuf_kms_capture *oldest = NULL;
	struct waybuf_kms_commit *commit;
	waybuf_list_for_each(commit, &device->commits, link) {
		for (int i = 0; i < WAYBUF_KMS_MAX_CRTCS; i++) {
			struct waybuf_kms_capture *capture = &commit->capture[i];
			if (commit->captures >> i & 1 &&
				(!oldest || capture->begun_ms < oldest->begun_ms))
				oldest = capture;
		}
	}
	return oldest;
}

static bool is_unwatched(const struct waybuf_kms_capture *capture)
{
	return capture->fence && !waybuf_fence_wait_pending(&capture->wait);
}

static struct waybuf_kms_capture *find_unwatched(struct waybuf_kms_device *device, bool settled)
{
	struct waybuf_kms_commit *commit;
	waybuf_list_for_each(commit, &device->commits, link) {
		for (int i = 0; i < WAYBUF_KMS_MAX_CRTCS; i++) {
			struct waybuf_kms_capture *capture = &commit->capture[i];
			if (is_unwatched(capture) &&
				(!settled || waybuf_fence_status(capture->fence)))
				return capture;
		}
	}
	return NULL;
}

/* Armed for the oldest, so that captures on one CRTC do not put off the limit of another's. */
static int arm_capture_timer(struct waybuf_kms_device *device, uint64_t now)
{
	struct waybuf_kms_capture *oldest = find_oldest(device);
	if (!oldest)
		return 0;
	uint64_t due = oldest->begun_ms + CAPTURE_LIMIT_MS;
	if (find_unwatched(device, false) && due > now + CAPTURE_POLL_MS)
		due = now + CAPTURE_POLL_MS;
	return waybuf_source_arm(device->capture_timer, due > now ? (uint32_t)(due - now) : 1);
}

static void handle_capture_timer(void *data)
{
	struct waybuf_kms_device *device = data;
	struct waybuf_kms_capture *capture;
	uint64_t now = clock_now_ms();
	while ((capture = find_unwatched(device, true))) {
		int status = waybuf_fence_status(capture->fence);
		end_capture(capture, status < 0 ? status : 0);
	}
	/* ends: a capture that a listener begins meanwhile is not overdue at `now` */
	while ((capture = find_oldest(device)) && capture->begun_ms + CAPTURE_LIMIT_MS <= now)
		end_capture(capture, -ETIME);
	if (arm_capture_timer(device, now) < 0)
		waybuf_error("a capture has no limit");
}

/* 0 or a negative errno: then nobody will see it end, unless it is watched. */
static int limit_capture(struct waybuf_kms_device *device, struct waybuf_kms_capture *capture)
{
	int error = 0;
	capture->begun_ms = clock_now_ms();
	if (!device->capture_timer)
		device->capture_timer =
			waybuf_loop_add_timer(device->loop, handle_capture_timer, device, &error);
	if (device->capture_timer)
		error = arm_capture_timer(device, capture->begun_ms);
	if (error < 0)
		waybuf_error("a capture has no limit: %s", strerror(-error));
	return error;
}

/* Its fence is there. By event, by looking, or given up at once: but nothing waits for it here. */
static void watch_capture(struct waybuf_kms_commit *commit, struct waybuf_kms_capture *capture)
{
	commit->captures |= UINT32_C(1) << capture->crtc->index;
	capture->crtc->pending = commit;
	int watched = waybuf_fence_wait_add(
		&capture->wait, capture->fence, commit->device->loop, handle_captured);
	if (watched == 1) {
		int status = waybuf_fence_status(capture->fence);
		end_capture(capture, status < 0 ? status : 0);
		return;
	}
	if (watched < 0)
		waybuf_error("a capture cannot be watched: %s", strerror(-watched));
	if (limit_capture(commit->device, capture) < 0 && watched < 0)
		end_capture(capture, watched);
}

void waybuf_kms_pending_capture(
	struct waybuf_kms_commit *commit, struct waybuf_kms_crtc *crtc, int fd)
{
	struct waybuf_kms_capture *capture = &commit->capture[crtc->index];
	capture->commit = commit;
	capture->crtc = crtc;
	int ret = waybuf_fence_from_sync_file(fd, &capture->fence);
	if (ret == 0) {
		watch_capture(commit, capture);
		return;
	}
	waybuf_error("the fence of a capture cannot be read: %s", strerror(-ret));
	if (commit->listener->captured)
		commit->listener->captured(commit->data, crtc, ret, NULL);
}

void waybuf_kms_commits_hand_over(struct waybuf_kms_device *device, const void *from, void *to)
{
	struct waybuf_kms_commit *commit;
	waybuf_list_for_each(commit, &device->commits, link)
		if (commit->data == from)
			commit->data = to;
}

static struct waybuf_kms_crtc *find_crtc(struct waybuf_kms_device *device, uint32_t id)
{
	for (uint32_t i = 0; i < device->res.n_crtcs; i++) {
		if (device->res.crtcs[i]->id == id)
			return device->res.crtcs[i];
	}
	return NULL;
}

static void handle_flip(struct waybuf_kms_device *device, const struct drm_event_vblank *event)
{
	struct waybuf_kms_crtc *crtc = find_crtc(device, event->crtc_id);
	struct waybuf_kms_commit *commit = crtc ? crtc->pending : NULL;
	if (!commit || event->user_data != commit->id || !(commit->flips >> crtc->index & 1)) {
		waybuf_debug("a flip event for CRTC %u that nobody waits for", event->crtc_id);
		return;
	}
	struct waybuf_kms_flip flip = {
		.crtc = crtc,
		.sequence = event->sequence,
		.time_ns = (uint64_t)event->tv_sec * 1000000000 + (uint64_t)event->tv_usec * 1000,
	};
	commit->flips &= ~(UINT32_C(1) << crtc->index);
	forget_crtc(commit, crtc);
	commit->listener->flipped(commit->data, &flip);
	finish_if_over(commit);
}

bool waybuf_kms_flip_pending(const struct waybuf_kms_crtc *crtc)
{
	return crtc->pending && (crtc->pending->flips >> crtc->index & 1);
}

void waybuf_kms_flip_forget(struct waybuf_kms_crtc *crtc)
{
	struct waybuf_kms_commit *commit = crtc->pending;
	if (!waybuf_kms_flip_pending(crtc))
		return;
	commit->flips &= ~(UINT32_C(1) << crtc->index);
	forget_crtc(commit, crtc);
	finish_if_over(commit);
}

static void handle_events(struct waybuf_kms_device *device, const char *bytes, size_t size)
{
	struct drm_event header;
	for (size_t at = 0; size - at >= sizeof(header); at += header.length) {
		memcpy(&header, bytes + at, sizeof(header));
		if (header.length < sizeof(header) || header.length > size - at)
			return;
		struct drm_event_vblank event;
		if (header.type != DRM_EVENT_FLIP_COMPLETE || header.length < sizeof(event))
			continue;
		memcpy(&event, bytes + at, sizeof(event));
		handle_flip(device, &event);
	}
}

/* One read a turn: the kernel gives whole events, and what does not fit wakes the loop again. */
static void handle_readable(int fd, uint32_t mask, void *data)
{
	char bytes[2048];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	if (n > 0)
		handle_events(data, bytes, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		waybuf_error("reading display events: %s", strerror(errno));
}

int waybuf_kms_device_watch(struct waybuf_kms_device *device, struct waybuf_loop *loop)
{
	int error = 0;
	waybuf_source_remove(device->source);
	device->source = waybuf_loop_add_fd(
		loop, device->fd, WAYBUF_LOOP_READABLE, handle_readable, device, &error);
	device->loop = device->source ? loop : NULL;
	return device->source ? 0 : error;
}

static void forget_capture(struct waybuf_kms_capture *capture)
{
	waybuf_fence_wait_finish(&capture->wait);
	waybuf_fence_unref(capture->fence);
}

void waybuf_kms_commits_abandon(struct waybuf_kms_device *device)
{
	for (uint32_t i = 0; i < device->res.n_crtcs; i++)
		device->res.crtcs[i]->pending = NULL;
	struct waybuf_kms_commit *commit, *tmp;
	waybuf_list_for_each_safe(commit, tmp, &device->commits, link) {
		for (int i = 0; i < WAYBUF_KMS_MAX_CRTCS; i++)
			forget_capture(&commit->capture[i]);
		waybuf_list_remove(&commit->link);
		free(commit);
	}
}
