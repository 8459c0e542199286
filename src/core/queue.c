/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/account.h"
#include "core/migrate.h"
#include "core/pool.h"
#include "util/log.h"

/*
 * The map queue of a buffer: first come, first served; readers share, a writer is alone.
 *
 *   queue:   R1  R2  W3  R4          granted: -
 *   kick:    W3  R4                  granted: R1 R2      readers in front of the writer share
 *            W3  R4                  granted: R2         R1 unmaps; R4 stays behind W3
 *            R4                      granted: W3
 *            -                       granted: R4
 *
 * Only the head is ever looked at, so that no writer starves. The exceptions are in queue_head():
 * during a migration the maps of writers and of the newcomer stay where they are and readers pass
 * them, because a screen that waits for a copy is a screen that stutters; and while a pool settles
 * after a restart of the server, the maps of writers do.
 *
 * Over and signalled are two things. An unmap makes way at once, and its fence goes into the
 * reservation; the next grant carries what of it is still active. Only where a fence cannot be
 * handed on (no kernel form, or the memory is no dma-buf) does the head wait for it here, and not
 * for ever: after five seconds everybody in the queue is told.
 *
 * Listeners run inside kick() and may do anything, destroy the view or map again. So kick() holds
 * the buffer, never looks at a view after calling it, and a kick inside a kick only leaves a note.
 */

/* After it, whoever still waits for a fence that never came gives up. */
#define FENCE_DEADLINE_MS 5000

static bool writes(const struct waybuf_view *view)
{
	return view->direction & WAYBUF_WRITE;
}

static void handle_fence(struct waybuf_fence_wait *wait, int status)
{
	waybuf_buffer_kick(waybuf_container_of(wait, struct waybuf_buffer, wait));
}

static void handle_deadline(struct waybuf_deadline *deadline)
{
	struct waybuf_buffer *buffer =
		waybuf_container_of(deadline, struct waybuf_buffer, deadline);
	waybuf_buffer_ref(buffer);
	waybuf_fence_wait_cancel(&buffer->wait);
	buffer->overdue = true;
	waybuf_info(
		"buffer %u: a fence did not signal within %u ms", buffer->index, FENCE_DEADLINE_MS);
	waybuf_buffer_fail_queue(buffer, -ETIME, NULL);
	waybuf_buffer_unref(buffer);
}

void waybuf_buffer_init_queue(struct waybuf_buffer *buffer)
{
	waybuf_list_init(&buffer->queue);
	waybuf_fence_wait_init(&buffer->wait);
	waybuf_deadline_init(&buffer->deadline, handle_deadline);
}

/* ---- failures ------------------------------------------------------------------------------ */

void waybuf_view_fail(struct waybuf_view *view, int error, const struct waybuf_explanation *why)
{
	waybuf_list_remove(&view->queue_link);
	view->state = VIEW_FAILED;
	view->listener->map_failed(view->data, error, why);
}

void waybuf_buffer_fail_queue(
	struct waybuf_buffer *buffer, int error, const struct waybuf_explanation *why)
{
	/* those that are there now: a listener may map again, which is a new question */
	struct waybuf_list failing;
	waybuf_list_init(&failing);
	while (!waybuf_list_empty(&buffer->queue)) {
		struct waybuf_list *link = buffer->queue.next;
		waybuf_list_remove(link);
		waybuf_list_append(&failing, link);
	}
	while (!waybuf_list_empty(&failing))
		waybuf_view_fail(
			waybuf_list_first(&failing, struct waybuf_view, queue_link), error, why);
}

/* ---- fences -------------------------------------------------------------------------------- */

#define MAX_FENCES (WAYBUF_MAX_PLANES + 1)

/* The fences that others put on the dma-bufs behind our back: implicit synchronisation. */
static int gather_implicit(
	struct waybuf_storage *storage, bool write, struct waybuf_fence **fences, size_t *n)
{
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		const struct waybuf_memory *memory = &storage->layout.memory[i];
		if (memory->kind != WAYBUF_MEMORY_DMABUF)
			continue;
		int error = waybuf_dmabuf_export_fence(memory->fd, write, &fences[*n]);
		if (error == -EOPNOTSUPP)
			return 0;
		if (error < 0)
			return error;
		(*n)++;
	}
	return 0;
}

/* Settled: nothing to wait for, and perhaps something to say. */
static void settle(struct waybuf_fence **fence, bool *undefined)
{
	int status = waybuf_fence_status(*fence);
	if (status == 0)
		return;
	if (status < 0)
		*undefined = true;
	waybuf_fence_unref(*fence);
	*fence = NULL;
}

int waybuf_buffer_gather_fences(struct waybuf_buffer *buffer, struct waybuf_storage *storage,
	bool write, struct waybuf_fence **fence, bool *undefined)
{
	enum waybuf_resv_usage usage = waybuf_resv_usage_rw(write);
	struct waybuf_fence *fences[MAX_FENCES];
	size_t n = 0;
	*fence = NULL;
	*undefined = buffer->undefined;
	int status = waybuf_resv_status(buffer->resv, usage);
	*undefined |= status < 0;
	int error = 0;
	if (status == 0) {
		error = waybuf_resv_snapshot(buffer->resv, usage, &fences[0]);
		n += error == 0;
	}
	/* nobody outside has seen memory that was never granted */
	if (error == 0 && !(buffer->fresh && buffer->serial == 0))
		error = gather_implicit(storage, write, fences, &n);
	if (error == 0 && n > 0)
		error = waybuf_fence_merge(fences, n, fence);
	while (n > 0)
		waybuf_fence_unref(fences[--n]);
	if (error == 0 && *fence)
		settle(fence, undefined);
	return error;
}

/* 1: others can wait for it by themselves; 0: we must; or a negative errno. */
static int can_hand_on(const struct waybuf_storage *storage, struct waybuf_fence *fence)
{
	int fd;
	if (!waybuf_storage_is_dmabuf(storage))
		return 0;
	int error = waybuf_fence_to_sync_file(fence, &fd);
	if (error == -EOPNOTSUPP || error == -EAGAIN)
		return 0;
	if (error < 0)
		return error;
	close(fd);
	return 1;
}

/* 1: try again, it has settled; 0: kick() comes when it has; or a negative errno. */
static int wait_for(struct waybuf_buffer *buffer, struct waybuf_fence *fence)
{
	struct waybuf_manager *manager = buffer->pool->manager;
	if (buffer->overdue)
		return -ETIME;
	waybuf_fence_wait_cancel(&buffer->wait);
	int ret = waybuf_fence_wait_add(&buffer->wait, fence, manager->loop, handle_fence);
	if (ret == 0 && waybuf_list_empty(&buffer->deadline.link))
		waybuf_deadline_arm(&manager->deadlines, &buffer->deadline, FENCE_DEADLINE_MS);
	return ret;
}

/* ---- grants -------------------------------------------------------------------------------- */

static void stop_waiting(struct waybuf_buffer *buffer)
{
	waybuf_fence_wait_cancel(&buffer->wait);
	waybuf_deadline_cancel(&buffer->deadline);
}

static void grant(struct waybuf_view *view, struct waybuf_fence *fence, bool undefined)
{
	struct waybuf_buffer *buffer = view->buffer;
	waybuf_list_remove(&view->queue_link);
	view->state = VIEW_GRANTED;
	view->storage = waybuf_storage_ref(buffer->storage);
	view->fence = fence;
	view->was_undefined = undefined;
	view->known = buffer->generation;
	if (view->attachment->account != view->storage->account)
		view->storage->shared = true;
	if (writes(view))
		buffer->writer = view;
	else
		buffer->readers++;
	if (writes(view))
		buffer->restored_epoch = 0;
	struct waybuf_grant grant = {
		.layout = &view->storage->layout,
		.fence = fence,
		.serial = buffer->serial + (writes(view) ? 1 : 0),
		.flags = (buffer->fresh ? (uint32_t)WAYBUF_GRANT_FRESH : 0) |
			(undefined ? (uint32_t)WAYBUF_GRANT_UNDEFINED : 0),
	};
	view->listener->mapped(view->data, &grant);
}

/* 1: answered; 0: it has to wait, and kick() will come; or a negative errno. */
static int try_grant(struct waybuf_view *view)
{
	struct waybuf_buffer *buffer = view->buffer;
	struct waybuf_fence *fence;
	bool undefined;
	int error = waybuf_buffer_gather_fences(
		buffer, buffer->storage, writes(view), &fence, &undefined);
	if (error < 0)
		return error;
	int ret = fence ? can_hand_on(buffer->storage, fence) : 1;
	if (ret == 0)
		ret = wait_for(buffer, fence);
	if (ret > 0 && waybuf_resv_reserve(buffer->resv, 1) < 0)
		ret = -ENOMEM;
	if (ret <= 0) {
		waybuf_fence_unref(fence);
		return ret;
	}
	stop_waiting(buffer);
	buffer->overdue = false;
	grant(view, fence, undefined);
	return 1;
}

static bool has_room(const struct waybuf_view *view)
{
	const struct waybuf_buffer *buffer = view->buffer;
	if (buffer->writer)
		return false;
	return !writes(view) || (buffer->readers == 0 && !waybuf_buffer_is_claimed(buffer));
}

/* The first in the queue whom neither a migration nor a restore holds up. */
static struct waybuf_view *queue_head(struct waybuf_buffer *buffer)
{
	struct waybuf_view *view;
	bool no_writers = buffer->migration || buffer->pool->settling;
	waybuf_list_for_each(view, &buffer->queue, queue_link) {
		if (!waybuf_view_is_held(view) && !(no_writers && writes(view)))
			return view;
	}
	return NULL;
}

static void handle_backed(struct waybuf_buffer *buffer, struct waybuf_storage *storage, int error,
	const struct waybuf_explanation *why)
{
	if (storage) {
		error = waybuf_buffer_back(buffer, storage);
		if (error < 0)
			waybuf_storage_unref(storage);
	}
	if (error < 0) {
		waybuf_buffer_set_backing(buffer, false);
		waybuf_buffer_fail_queue(buffer, error, why);
	}
	waybuf_buffer_kick(buffer);
}

/* The writer whom it is for may have left: then the memory is not needed yet. */
static void handle_renewed(struct waybuf_buffer *buffer, struct waybuf_storage *storage, int error,
	const struct waybuf_explanation *why)
{
	waybuf_buffer_set_renewing(buffer, false);
	struct waybuf_view *view = queue_head(buffer);
	bool wanted = view && writes(view);
	if (storage && wanted)
		error = waybuf_buffer_renew(buffer, storage);
	if (storage && (!wanted || error < 0))
		waybuf_storage_unref(storage);
	if (error < 0 && wanted)
		waybuf_view_fail(view, error, why);
	waybuf_buffer_kick(buffer);
}

static void renew(struct waybuf_buffer *buffer)
{
	waybuf_buffer_set_renewing(buffer, true);
	waybuf_backing_start(buffer, buffer->pool->account, NULL, NULL, handle_renewed);
}

/* A reader that has come since the configuration changed may be unable to read the old memory. */
static bool fail_misfit(struct waybuf_view *view)
{
	struct waybuf_attachment *attachment = view->attachment;
	const struct waybuf_storage *storage = view->buffer->storage;
	const struct waybuf_explanation *why = NULL;
	if (waybuf_attachment_fits(attachment, attachment->set, storage))
		return false;
	waybuf_attachment_explain_misfit(attachment, attachment->set, storage, &why);
	waybuf_view_fail(view, -EOPNOTSUPP, why);
	waybuf_explanation_unref(why);
	return true;
}

/* False when there is nothing more to do now. */
static bool step(struct waybuf_buffer *buffer)
{
	struct waybuf_view *view = queue_head(buffer);
	if (!view)
		return false;
	if (!view->attachment->set) {
		waybuf_view_fail(view, view->attachment->error, NULL);
		return true;
	}
	if (buffer->state == BUFFER_BACKING)
		return false;
	if (buffer->state == BUFFER_DECLARED) {
		if (buffer->pool->settling)
			return false;
		waybuf_buffer_set_backing(buffer, true);
		waybuf_backing_start(buffer, buffer->pool->account, NULL, NULL, handle_backed);
		return true;
	}
	if (!has_room(view) || (buffer->state == BUFFER_RENEWING && writes(view)))
		return false;
	if (waybuf_buffer_is_stale(buffer)) {
		if (writes(view)) {
			renew(buffer);
			return true;
		}
		if (fail_misfit(view))
			return true;
	}
	int ret = try_grant(view);
	if (ret < 0)
		waybuf_view_fail(view, ret, NULL);
	return ret != 0;
}

void waybuf_buffer_kick(struct waybuf_buffer *buffer)
{
	if (buffer->kicking) {
		buffer->again = true;
		return;
	}
	waybuf_buffer_ref(buffer);
	buffer->kicking = true;
	do {
		buffer->again = false;
		while (step(buffer))
			continue;
	} while (buffer->again);
	buffer->kicking = false;
	if (waybuf_list_empty(&buffer->queue) && buffer->state != BUFFER_DECLARED)
		stop_waiting(buffer);
	waybuf_buffer_unref(buffer);
}
