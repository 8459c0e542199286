/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "trace_report.h"
#include "wl_buffer.h"

/*
 * waybuf_buffer_v1: map and unmap.
 *
 *	idle -map-> waiting -> queued -> granted -unmap-> idle
 *	            waiting | queued -> failed -unmap-> idle
 *	            waiting | queued -unmap-> idle (answered: cancelled)
 *
 * The client sees one state "queued" for waiting (earlier commits have no answer) and queued (the
 * mechanism has it). Every map gets exactly one answer.
 *
 * A grant is built before its first byte is sent: the fence as a file, and room for all fds. What
 * cannot be built is a map_failed, and the mechanism's map stays open until the client's unmap.
 */

#define MAX_QUEUED_MAPS 256

static bool is_queued(enum view_state state)
{
	return state == VIEW_WAITING || state == VIEW_QUEUED;
}

static void set_state(struct view *view, enum view_state state)
{
	if (is_queued(view->state))
		view->client->queued_maps--;
	if (is_queued(state))
		view->client->queued_maps++;
	view->state = state;
}

/* ---- answers ------------------------------------------------------------------------------- */

static void send_failed(struct view *view, enum waybuf_reason reason, const char *message)
{
	client_send_usage(view->client, reason, WAYBUF_RESOURCE_MAPS);
	waybuf_buffer_v1_send_map_failed(view->resource, reason, message);
}

static void fail(struct view *view, int error, const struct waybuf_explanation *why)
{
	enum waybuf_reason reason = server_reason(error, why);
	char message[SERVER_MESSAGE_SIZE];
	server_message(message, error, why);
	set_state(view, VIEW_FAILED);
	attachment_send_conflicts(view->attachment, reason, why);
	send_failed(view, reason, message);
}

static void fail_with(struct view *view, enum waybuf_reason reason)
{
	set_state(view, VIEW_FAILED);
	send_failed(view, reason, waybuf_reason_name(reason));
}

static void send_layout(struct view *view, const struct waybuf_layout *layout)
{
	struct plane_wire {
		uint32_t slot, offset, stride, rows;
	} planes[WAYBUF_MAX_PLANES];
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		const struct waybuf_plane *plane = &layout->planes[i];
		planes[i] = (struct plane_wire){
			.slot = plane->slot,
			.offset = plane->offset,
			.stride = plane->stride,
			.rows = plane->rows,
		};
	}
	struct wl_array array = {.data = planes, .size = layout->n_planes * sizeof(planes[0])};
	waybuf_buffer_v1_send_layout(view->resource, layout->generation, layout->width,
		layout->height, layout->format, (uint32_t)(layout->modifier >> 32),
		(uint32_t)layout->modifier, &array, layout->exporter);
}

static void send_memory(struct view *view, const struct waybuf_layout *layout)
{
	uint8_t sealed[TICKET_SIZE];
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		const struct waybuf_memory *memory = &layout->memory[i];
		struct wl_array ticket = {.data = sealed};
		if (restore_issue(view, layout, i, sealed))
			ticket.size = sizeof(sealed);
		waybuf_buffer_v1_send_memory(view->resource, i, memory->fd, memory->kind,
			(uint32_t)(memory->size >> 32), (uint32_t)memory->size, &ticket);
	}
}

static bool is_memfd(const struct waybuf_layout *layout)
{
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		if (layout->memory[i].kind == WAYBUF_MEMORY_MEMFD)
			return true;
	}
	return false;
}

/* All or nothing. @fence_fd is taken, -1 for none. */
static void send_grant(struct view *view, const struct waybuf_grant *grant, int fence_fd)
{
	const struct waybuf_layout *layout = grant->layout;
	bool is_new = view->told_generation != layout->generation;
	int n_fds = (is_new ? (int)layout->n_memory : 0) + (fence_fd >= 0);
	if (n_fds && !server_has_fds(n_fds)) {
		fail(view, -EMFILE, NULL);
		goto out;
	}
	if (is_new && view->told_generation)
		server_trace(view->client->server, view->client->client,
			(struct waybuf_trace_event){
				.kind = WAYBUF_TRACE_MIGRATE,
				.buffer = wl_resource_get_id(view->resource),
				.point = layout->generation,
			});
	if (is_new) {
		send_layout(view, layout);
		send_memory(view, layout);
		view->told_generation = layout->generation;
	}
	if (fence_fd >= 0)
		waybuf_buffer_v1_send_fence(view->resource, fence_fd);
	waybuf_buffer_v1_send_mapped(view->resource, layout->generation,
		(uint32_t)(grant->serial >> 32), (uint32_t)grant->serial, grant->flags);
	view->granted_memfd = is_memfd(layout);
	set_state(view, VIEW_GRANTED);
	/* at once: whoever waits for memory does not wait for what else is done about it */
	if (is_new)
		wl_client_flush(view->client->client);
out:
	if (fence_fd >= 0)
		close(fence_fd);
}

/*
 * The mechanism grants with fences that can travel, and waits for others itself; one that has
 * settled meanwhile is nothing to send.
 */
static void deliver(struct view *view, struct waybuf_grant *grant)
{
	int status = grant->fence ? waybuf_fence_status(grant->fence) : 1;
	if (status < 0)
		grant->flags |= WAYBUF_GRANT_UNDEFINED;
	int fd = -1;
	if (status == 0) {
		int ret = waybuf_fence_to_sync_file(grant->fence, &fd);
		if (ret < 0) {
			fail(view, ret, NULL);
			return;
		}
	}
	send_grant(view, grant, fd);
}

/* ---- what the mechanism says --------------------------------------------------------------- */

static void core_mapped(void *data, const struct waybuf_grant *core_grant)
{
	struct view *view = data;
	struct waybuf_grant grant = *core_grant;
	deliver(view, &grant);
}

static void core_map_failed(void *data, int error, const struct waybuf_explanation *why)
{
	struct view *view = data;
	if (view->owed_cancels) {
		view->owed_cancels--;
		send_failed(view, WAYBUF_REASON_CANCELLED, "cancelled");
		return;
	}
	fail(view, error, why);
}

static void core_revoke(void *data, uint32_t generation, uint32_t deadline_ms)
{
	struct view *view = data;
	/* whoever has not been told of the grant cannot give it back */
	if (view->state == VIEW_GRANTED)
		waybuf_buffer_v1_send_revoke(view->resource, generation, deadline_ms);
}

static void core_retired(void *data, uint32_t generation)
{
	struct view *view = data;
	if (view->told_generation && view->told_generation <= generation)
		waybuf_buffer_v1_send_retired(view->resource, generation);
}

static const struct waybuf_view_listener core_listener = {
	.mapped = core_mapped,
	.map_failed = core_map_failed,
	.revoke = core_revoke,
	.retired = core_retired,
};

/* ---- map ----------------------------------------------------------------------------------- */

static bool covers(uint64_t access, uint32_t direction)
{
	return (!(direction & WAYBUF_READ) || (access & ACCESS_READS)) &&
		(!(direction & WAYBUF_WRITE) || (access & ACCESS_WRITES));
}

static void start(struct view *view)
{
	const struct attachment *attachment = view->attachment;
	if (!attachment->in_force || !covers(attachment->access_in_force, view->direction)) {
		enum waybuf_reason reason = attachment->last_refusal;
		fail_with(view, reason ? reason : WAYBUF_REASON_DENIED);
		return;
	}
	set_state(view, VIEW_QUEUED);
	view->core_open = true;
	int ret = waybuf_view_map(view->core, view->direction);
	if (ret < 0) {
		view->core_open = false;
		fail(view, ret, NULL);
	}
}

void view_resume(struct view *view)
{
	if (view->state == VIEW_WAITING)
		start(view);
}

static bool check_map(struct view *view, uint32_t direction)
{
	const struct attachment *attachment = view->attachment;
	if (view->state != VIEW_IDLE) {
		wl_resource_post_error(
			view->resource, WAYBUF_BUFFER_V1_ERROR_ORDER, "a map is open already");
		return false;
	}
	if (direction == 0 || direction > WAYBUF_BUFFER_V1_DIRECTION_BOTH) {
		wl_resource_post_error(view->resource, WAYBUF_BUFFER_V1_ERROR_BAD_DIRECTION,
			"no direction 0x%x", direction);
		return false;
	}
	bool display = attachment->kind == WAYBUF_ATTACHMENT_V1_KIND_DISPLAY;
	if (!attachment->sent || !covers(attachment->access, direction) ||
		(display && (direction & WAYBUF_WRITE))) {
		wl_resource_post_error(view->resource, WAYBUF_BUFFER_V1_ERROR_ACCESS,
			"the committed ACCESS 0x%llx does not cover direction 0x%x",
			(unsigned long long)attachment->access, direction);
		return false;
	}
	return true;
}

static void handle_map(
	struct wl_client *wl_client, struct wl_resource *resource, uint32_t direction)
{
	struct view *view = wl_resource_get_user_data(resource);
	if (view->reason) {
		send_failed(view, view->reason, "the buffer object is inert");
		return;
	}
	if (!check_map(view, direction))
		return;
	view->direction = (enum waybuf_direction)direction;
	if (view->client->queued_maps >= MAX_QUEUED_MAPS) {
		fail_with(view, WAYBUF_REASON_QUOTA);
		return;
	}
	set_state(view, VIEW_WAITING);
	if (wl_list_empty(&view->attachment->commits))
		start(view);
}

/* ---- unmap --------------------------------------------------------------------------------- */

static void close_core(struct view *view, struct waybuf_fence *fence)
{
	if (!view->core_open)
		return;
	view->core_open = false;
	waybuf_view_unmap(view->core, fence);
}

/* Ends the open map; @fence (borrowed, may be NULL) counts only for a granted one. */
static void close_map(struct view *view, struct waybuf_fence *fence)
{
	enum view_state state = view->state;
	set_state(view, VIEW_IDLE);
	switch (state) {
	case VIEW_GRANTED:
		close_core(view, fence);
		break;
	case VIEW_FAILED:
		close_core(view, NULL);
		break;
	case VIEW_QUEUED:
		/* answered by the mechanism, as a cancelled one */
		view->owed_cancels++;
		close_core(view, NULL);
		break;
	case VIEW_WAITING:
		send_failed(view, WAYBUF_REASON_CANCELLED, "cancelled");
		break;
	case VIEW_IDLE:
		break;
	}
}

static bool check_open(struct view *view)
{
	if (view->state != VIEW_IDLE)
		return true;
	wl_resource_post_error(view->resource, WAYBUF_BUFFER_V1_ERROR_ORDER, "no map is open");
	return false;
}

static void handle_unmap(struct wl_client *wl_client, struct wl_resource *resource)
{
	struct view *view = wl_resource_get_user_data(resource);
	if (!view->reason && check_open(view))
		close_map(view, NULL);
}

/*
 * A fence that is one but cannot be watched, for want of memory or fds, must not count as
 * signalled: the contents are undefined then.
 */
static struct waybuf_fence *lost_fence(int error)
{
	struct waybuf_fence *fence = NULL;
	waybuf_fence_failed(error, &fence);
	return fence;
}

static void handle_unmap_fence(
	struct wl_client *wl_client, struct wl_resource *resource, int32_t fd)
{
	struct view *view = wl_resource_get_user_data(resource);
	if (view->reason || !check_open(view)) {
		close(fd);
		return;
	}
	struct waybuf_fence *fence;
	int ret = waybuf_fence_from_sync_file(fd, &fence);
	if (ret == -EINVAL || ret == -EBADF) {
		wl_resource_post_error(
			resource, WAYBUF_BUFFER_V1_ERROR_BAD_FENCE, "the file is no sync_file");
		return;
	}
	if (ret < 0)
		fence = lost_fence(ret);
	if (view->state == VIEW_GRANTED && view->granted_memfd)
		wl_resource_post_error(resource, WAYBUF_BUFFER_V1_ERROR_BAD_FENCE,
			"no device can have written to a memfd");
	else
		close_map(view, fence);
	waybuf_fence_unref(fence);
}

/* No timeline was ever announced, so @timeline can only be one that failed: undefined contents. */
static void handle_unmap_point(struct wl_client *wl_client, struct wl_resource *resource,
	struct wl_resource *timeline, uint32_t point_hi, uint32_t point_lo)
{
	struct view *view = wl_resource_get_user_data(resource);
	if (view->reason || !check_open(view))
		return;
	struct waybuf_fence *fence = lost_fence(-ENODEV);
	close_map(view, fence);
	waybuf_fence_unref(fence);
}

/* ---- wl_buffer ----------------------------------------------------------------------------- */

static enum waybuf_reason wl_buffer_refusal(const struct view *view)
{
	if (view->reason)
		return view->reason;
	const struct waybuf_server *server = view->client->server;
	if (!server->allocator || !server->allocator->options.integrated)
		return WAYBUF_REASON_UNSUPPORTED;
	if (!covers(view->attachment->access, WAYBUF_READ))
		return WAYBUF_REASON_DENIED;
	return WAYBUF_REASON_NONE;
}

static void handle_create_wl_buffer(
	struct wl_client *wl_client, struct wl_resource *resource, uint32_t id)
{
	struct view *view = wl_resource_get_user_data(resource);
	enum waybuf_reason reason = wl_buffer_refusal(view);
	struct waybuf_buffer *memory = reason ? NULL : waybuf_view_buffer(view->core);
	struct server_buffer *buffer = server_buffer_create(view->client, id, memory, 0, true);
	if (!buffer)
		wl_resource_post_no_memory(resource);
	else if (reason)
		waybuf_buffer_v1_send_wl_buffer_failed(
			resource, buffer->resource, reason, waybuf_reason_name(reason));
}

/* ---- life ---------------------------------------------------------------------------------- */

static void handle_destroy(struct wl_client *wl_client, struct wl_resource *resource)
{
	struct view *view = wl_resource_get_user_data(resource);
	if (!view->reason && view->state != VIEW_IDLE) {
		wl_resource_post_error(resource, WAYBUF_BUFFER_V1_ERROR_MAPPED,
			"buffer destroyed while a map is open");
		return;
	}
	wl_resource_destroy(resource);
}

static const struct waybuf_buffer_v1_interface buffer_impl = {
	.destroy = handle_destroy,
	.map = handle_map,
	.unmap = handle_unmap,
	.unmap_fence = handle_unmap_fence,
	.unmap_point = handle_unmap_point,
	.create_wl_buffer = handle_create_wl_buffer,
};

void view_sever(struct view *view, enum waybuf_reason reason, bool tell)
{
	if (view->reason)
		return;
	bool queued = is_queued(view->state);
	view->reason = reason;
	set_state(view, VIEW_IDLE);
	/* what the mechanism still owed goes with its view */
	for (; tell && view->owed_cancels; view->owed_cancels--)
		send_failed(view, WAYBUF_REASON_CANCELLED, "cancelled");
	if (tell && queued)
		send_failed(view, reason, waybuf_reason_name(reason));
	waybuf_view_destroy(view->core);
	view->core = NULL;
	view->core_open = false;
}

void view_orphan(struct view *view)
{
	view->attachment = NULL;
	wl_list_remove(&view->link);
	wl_list_init(&view->link);
}

static void view_destroyed(struct wl_resource *resource)
{
	struct view *view = wl_resource_get_user_data(resource);
	view_sever(view, WAYBUF_REASON_CLOSED, false);
	wl_list_remove(&view->link);
	free(view);
}

struct view *view_create(struct attachment *attachment, uint32_t id, uint32_t index)
{
	struct server_client *client = attachment->client;
	struct view *view = calloc(1, sizeof(*view));
	if (!view)
		return NULL;
	view->resource = wl_resource_create(client->client, &waybuf_buffer_v1_interface,
		wl_resource_get_version(attachment->resource), id);
	if (!view->resource) {
		free(view);
		return NULL;
	}
	view->client = client;
	view->attachment = attachment;
	view->reason = attachment->reason;
	view->index = index;
	wl_list_insert(&attachment->views, &view->link);
	wl_resource_set_implementation(view->resource, &buffer_impl, view, view_destroyed);
	if (view->reason)
		return view;
	int ret = waybuf_attachment_get_view(
		attachment->core, index, &core_listener, view, &view->core);
	if (ret < 0) {
		view->reason = server_reason(ret, NULL);
		client_send_usage(client, view->reason, WAYBUF_RESOURCE_ATTACHMENTS);
	}
	return view;
}
