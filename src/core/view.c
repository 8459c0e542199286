/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/account.h"
#include "core/migrate.h"
#include "core/pool.h"

/*
 * A buffer seen through an attachment: idle -map-> queued -mapped-> granted -unmap-> idle, or
 * queued -map_failed-> failed -unmap-> idle. queue.c decides about the grant.
 */

#define READ_ACCESS \
	(WAYBUF_ACCESS_READ | WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_SAMPLE | \
		WAYBUF_ACCESS_SCANOUT | WAYBUF_ACCESS_ENCODE)
#define WRITE_ACCESS \
	(WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_CPU_WRITE | WAYBUF_ACCESS_RENDER | \
		WAYBUF_ACCESS_DECODE)

static struct waybuf_view *find_view(struct waybuf_attachment *attachment, uint32_t index)
{
	struct waybuf_view *view;
	waybuf_list_for_each(view, &attachment->views, attachment_link) {
		if (view->buffer->index == index)
			return view;
	}
	return NULL;
}

int waybuf_attachment_get_view(struct waybuf_attachment *attachment, uint32_t index,
	const struct waybuf_view_listener *listener, void *data, struct waybuf_view **out)
{
	struct waybuf_buffer *buffer = waybuf_pool_buffer(attachment->pool, index);
	if (!buffer)
		return -EINVAL;
	if (find_view(attachment, index))
		return -EEXIST;
	struct waybuf_view *view = calloc(1, sizeof(*view));
	if (!view)
		return -ENOMEM;
	view->attachment = attachment;
	view->buffer = buffer;
	view->listener = listener;
	view->data = data;
	waybuf_list_init(&view->queue_link);
	waybuf_list_append(&attachment->views, &view->attachment_link);
	waybuf_list_append(&buffer->views, &view->buffer_link);
	*out = view;
	return 0;
}

struct waybuf_buffer *waybuf_view_buffer(struct waybuf_view *view)
{
	return view->buffer;
}

static bool covers(uint64_t access, enum waybuf_direction direction)
{
	return (!(direction & WAYBUF_READ) || (access & READ_ACCESS)) &&
		(!(direction & WAYBUF_WRITE) || (access & WRITE_ACCESS));
}

int waybuf_view_map(struct waybuf_view *view, enum waybuf_direction direction)
{
	struct waybuf_attachment *attachment = view->attachment;
	if (view->state != VIEW_IDLE || direction < WAYBUF_READ || direction > WAYBUF_READ_WRITE)
		return -EINVAL;
	if (attachment->set && !covers(waybuf_constraints_access(attachment->set), direction))
		return -EACCES;
	int error = waybuf_account_charge(attachment->account, WAYBUF_RESOURCE_MAPS, 1);
	if (error < 0)
		return error;
	view->direction = direction;
	if (!attachment->set && attachment->undecided == 0) {
		view->state = VIEW_FAILED;
		view->listener->map_failed(
			view->data, attachment->error ? attachment->error : -ENODATA, NULL);
		return 0;
	}
	view->state = VIEW_QUEUED;
	waybuf_list_append(&view->buffer->queue, &view->queue_link);
	waybuf_buffer_kick(view->buffer);
	return 0;
}

/* The map is over as far as the view is concerned. */
static void close_map(struct waybuf_view *view)
{
	waybuf_account_discharge(view->attachment->account, WAYBUF_RESOURCE_MAPS, 1);
	view->state = VIEW_IDLE;
}

static void drop_grant(struct waybuf_view *view)
{
	struct waybuf_buffer *buffer = view->buffer;
	if (buffer->writer == view)
		buffer->writer = NULL;
	else
		buffer->readers--;
	waybuf_fence_unref(view->fence);
	view->fence = NULL;
	waybuf_storage_unref(view->storage);
	view->storage = NULL;
}

/* A write is over, well or not: its serial is used up. */
static void finish_write(struct waybuf_view *view, bool undefined)
{
	struct waybuf_buffer *buffer = view->buffer;
	buffer->serial++;
	buffer->fresh = false;
	buffer->undefined = undefined;
	/* it was told that the contents were lost, and has written them anew */
	if (view->was_undefined && !undefined)
		waybuf_resv_clear_errors(buffer->resv);
}

static int end_access(struct waybuf_view *view, struct waybuf_fence *fence)
{
	struct waybuf_resv *resv = view->buffer->resv;
	bool writes = view->direction & WAYBUF_WRITE;
	/* one slot is held since the grant */
	size_t leaves = fence ? waybuf_fence_leaves(fence) : 0;
	if (leaves > 1 && waybuf_resv_reserve(resv, leaves - 1) < 0)
		return -ENOMEM;
	if (leaves == 0)
		waybuf_resv_unreserve(resv, 1);
	if (writes)
		finish_write(view, false);
	if (fence)
		waybuf_resv_add(resv, fence, writes ? WAYBUF_RESV_WRITE : WAYBUF_RESV_READ);
	drop_grant(view);
	close_map(view);
	return 0;
}

static void after_unmap(struct waybuf_buffer *buffer)
{
	waybuf_buffer_ref(buffer);
	if (!buffer->writer)
		waybuf_buffer_writer_gone(buffer);
	if (buffer->migration)
		waybuf_migration_advance(buffer->migration);
	waybuf_buffer_kick(buffer);
	waybuf_buffer_unref(buffer);
}

static void cancel_map(struct waybuf_view *view)
{
	waybuf_list_remove(&view->queue_link);
	close_map(view);
}

int waybuf_view_unmap(struct waybuf_view *view, struct waybuf_fence *fence)
{
	struct waybuf_buffer *buffer = view->buffer;
	int error;
	switch (view->state) {
	case VIEW_QUEUED:
		cancel_map(view);
		/* the owner may destroy the view and its pool in the answer */
		waybuf_buffer_ref(buffer);
		view->listener->map_failed(view->data, -ECANCELED, NULL);
		after_unmap(buffer);
		waybuf_buffer_unref(buffer);
		return 0;
	case VIEW_GRANTED:
		error = end_access(view, fence);
		if (error == 0)
			after_unmap(buffer);
		return error;
	case VIEW_FAILED:
		close_map(view);
		return 0;
	case VIEW_IDLE:
		break;
	}
	return -EINVAL;
}

/* Whoever held it is gone, and nobody knows how far its write got. */
static void abandon_grant(struct waybuf_view *view)
{
	waybuf_resv_unreserve(view->buffer->resv, 1);
	if (view->direction & WAYBUF_WRITE)
		finish_write(view, true);
	drop_grant(view);
	close_map(view);
}

void waybuf_view_destroy(struct waybuf_view *view)
{
	if (!view)
		return;
	struct waybuf_buffer *buffer = view->buffer;
	bool open = view->state != VIEW_IDLE;
	if (view->state == VIEW_GRANTED)
		abandon_grant(view);
	else if (open)
		cancel_map(view);
	waybuf_list_remove(&view->attachment_link);
	waybuf_list_remove(&view->buffer_link);
	free(view);
	if (open)
		after_unmap(buffer);
}
