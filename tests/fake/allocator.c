/* SPDX-License-Identifier: MIT */
#include "fake/allocator.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "fake/allocator_surface.h"
#include "waybuf-allocator-v1-server-protocol.h"

__attribute__((format(printf, 2, 3))) void fake_log(
	struct fake_server *server, const char *format, ...)
{
	size_t length = strlen(server->log);
	va_list args;
	va_start(args, format);
	vsnprintf(server->log + length, sizeof(server->log) - length, format, args);
	va_end(args);
	length = strlen(server->log);
	snprintf(server->log + length, sizeof(server->log) - length, " ");
}

static void destroy_resource(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static uint32_t hi(uint64_t value)
{
	return (uint32_t)(value >> 32);
}

/* ---- buffers ------------------------------------------------------------------------------- */

static int make_memory(uint64_t size)
{
	int fd = memfd_create("fake", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void send_layout(struct fake_buffer *buffer)
{
	const struct fake_layout *layout = &buffer->server->layout;
	char bytes[sizeof(layout->planes) + 16] = {0};
	memcpy(bytes, layout->planes, sizeof(layout->planes));
	struct wl_array planes = {
		.size = layout->n_planes * sizeof(struct fake_plane) + layout->excess,
		.data = bytes,
	};
	waybuf_buffer_v1_send_layout(buffer->resource, layout->generation, layout->width,
		layout->height, layout->format, hi(layout->modifier), (uint32_t)layout->modifier,
		&planes, "fake exporter");
	struct wl_array ticket = {0};
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		int fd = buffer->server->make_memory ? buffer->server->make_memory(layout->size)
						     : make_memory(layout->size);
		waybuf_buffer_v1_send_memory(buffer->resource, layout->first_slot + i, fd,
			layout->kind, hi(layout->told_size), (uint32_t)layout->told_size, &ticket);
		if (i == 0) {
			if (buffer->memfd >= 0)
				close(buffer->memfd);
			buffer->memfd = fd;
		} else {
			close(fd);
		}
	}
	buffer->generation = layout->generation;
}

void fake_grant(struct fake_buffer *buffer)
{
	struct fake_server *server = buffer->server;
	uint32_t flags = 0;
	if (buffer->generation != server->layout.generation) {
		send_layout(buffer);
		flags = WAYBUF_BUFFER_V1_MAPPED_FLAGS_FRESH;
	}
	if (server->fence >= 0) {
		waybuf_buffer_v1_send_fence(buffer->resource, server->fence);
		close(server->fence);
		server->fence = -1;
	}
	buffer->granted = true;
	waybuf_buffer_v1_send_mapped(
		buffer->resource, server->layout.generation, 0, server->maps, flags);
}

static void send_conflicts(struct wl_resource *attachment)
{
	waybuf_attachment_v1_send_conflict(attachment, WAYBUF_ATTACHMENT_V1_ROLE_CPU, 1,
		WAYBUF_ATTACHMENT_V1_FIELD_STRIDE, WAYBUF_ATTACHMENT_V1_PART_MAX, 0,
		DRM_FORMAT_XRGB8888, hi(DRM_FORMAT_MOD_LINEAR), (uint32_t)DRM_FORMAT_MOD_LINEAR, 0,
		48);
	waybuf_attachment_v1_send_conflict(attachment, WAYBUF_ATTACHMENT_V1_ROLE_EXPORTER, 0,
		WAYBUF_ATTACHMENT_V1_FIELD_CONTIG, WAYBUF_ATTACHMENT_V1_PART_VALUE,
		WAYBUF_ATTACHMENT_V1_PLANE_ALL, 0, hi(DRM_FORMAT_MOD_INVALID),
		(uint32_t)DRM_FORMAT_MOD_INVALID, 0, 1);
}

static void answer_map(struct fake_buffer *buffer)
{
	struct fake_server *server = buffer->server;
	if (server->answer == FAKE_HOLD || buffer->claimed)
		return;
	if (server->answer == FAKE_GRANT) {
		fake_grant(buffer);
		return;
	}
	if (server->conflicts)
		send_conflicts(server->attachments[0]);
	if (server->reason == WAYBUF_ALLOCATOR_V1_REASON_QUOTA) {
		waybuf_allocator_v1_send_usage(
			server->allocator, WAYBUF_ALLOCATOR_V1_USAGE_KIND_KIB, 1000, 1024);
		waybuf_allocator_v1_send_usage(
			server->allocator, WAYBUF_ALLOCATOR_V1_USAGE_KIND_MAPS, 4, 256);
	}
	waybuf_buffer_v1_send_map_failed(buffer->resource, server->reason, "as told");
}

static void handle_map(struct wl_client *client, struct wl_resource *resource, uint32_t direction)
{
	struct fake_buffer *buffer = wl_resource_get_user_data(resource);
	fake_log(buffer->server, "map%u", buffer->index);
	if (buffer->open) {
		wl_resource_post_error(resource, WAYBUF_BUFFER_V1_ERROR_ORDER, "map is open");
		return;
	}
	buffer->open = true;
	buffer->granted = false;
	buffer->server->maps++;
	answer_map(buffer);
}

static void handle_unmap(struct wl_client *client, struct wl_resource *resource)
{
	struct fake_buffer *buffer = wl_resource_get_user_data(resource);
	fake_log(buffer->server, "unmap%u", buffer->index);
	if (!buffer->open)
		wl_resource_post_error(resource, WAYBUF_BUFFER_V1_ERROR_ORDER, "no map is open");
	buffer->open = buffer->granted = false;
}

static void handle_unmap_fence(struct wl_client *client, struct wl_resource *resource, int32_t fd)
{
	struct fake_buffer *buffer = wl_resource_get_user_data(resource);
	close(fd);
	fake_log(buffer->server, "fence");
	handle_unmap(client, resource);
}

static void handle_unmap_point(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *timeline, uint32_t point_hi, uint32_t point_lo)
{
	handle_unmap(client, resource);
}

static void handle_create_wl_buffer(
	struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct fake_buffer *buffer = wl_resource_get_user_data(resource);
	buffer->server->create_wl_buffers++;
	fake_create_wl_buffer(buffer, id);
}

static void handle_buffer_destroy(struct wl_client *client, struct wl_resource *resource)
{
	struct fake_buffer *buffer = wl_resource_get_user_data(resource);
	fake_log(buffer->server, "destroy%u", buffer->index);
	if (buffer->open)
		wl_resource_post_error(
			resource, WAYBUF_BUFFER_V1_ERROR_MAPPED, "destroyed while mapped");
	else
		wl_resource_destroy(resource);
}

static const struct waybuf_buffer_v1_interface buffer_impl = {
	.destroy = handle_buffer_destroy,
	.map = handle_map,
	.unmap = handle_unmap,
	.unmap_fence = handle_unmap_fence,
	.unmap_point = handle_unmap_point,
	.create_wl_buffer = handle_create_wl_buffer,
};

static void buffer_gone(struct wl_resource *resource)
{
	struct fake_buffer *buffer = wl_resource_get_user_data(resource);
	if (buffer->memfd >= 0)
		close(buffer->memfd);
	*buffer = (struct fake_buffer){.server = buffer->server, .memfd = -1};
}

/* ---- attachments --------------------------------------------------------------------------- */

static void handle_constrain(
	struct wl_client *client, struct wl_resource *resource, struct wl_array *records)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	fake_log(server, "constrain");
	ck_assert_uint_le(records->size, sizeof(server->records));
	memcpy(server->records, records->data, records->size);
	server->records_size = records->size;
}

static void handle_commit(struct wl_client *client, struct wl_resource *resource)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	fake_log(server, "commit");
	waybuf_attachment_v1_send_accepted(resource, WAYBUF_ATTACHMENT_V1_OUTCOME_DECLARED);
}

static void handle_get_buffer(
	struct wl_client *client, struct wl_resource *resource, uint32_t id, uint32_t index)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	fake_log(server, "get%u", index);
	/* Several pools share the table; alone, a pool has its buffers at their index. */
	uint32_t slot = 0;
	while (slot < 64 && server->buffers[slot].resource)
		slot++;
	ck_assert_uint_lt(slot, 64);
	struct fake_buffer *buffer = &server->buffers[slot];
	*buffer = (struct fake_buffer){.server = server, .index = index, .memfd = -1};
	buffer->resource = wl_resource_create(client, &waybuf_buffer_v1_interface, 1, id);
	wl_resource_set_implementation(buffer->resource, &buffer_impl, buffer, buffer_gone);
}

static const struct waybuf_attachment_v1_interface attachment_impl = {
	.destroy = destroy_resource,
	.constrain = handle_constrain,
	.commit = handle_commit,
	.get_buffer = handle_get_buffer,
};

/* ---- pool and allocator -------------------------------------------------------------------- */

static void handle_attach(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	uint32_t kind, uint32_t device)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	fake_log(server, device ? "attach-kind%u:%u" : "attach-kind%u", kind, device);
	struct wl_resource *attachment =
		wl_resource_create(client, &waybuf_attachment_v1_interface, 1, id);
	wl_resource_set_implementation(attachment, &attachment_impl, server, NULL);
	ck_assert_uint_lt(server->n_attachments, 4);
	server->attachments[server->n_attachments++] = attachment;
}

static void handle_explain(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	struct wl_resource *report = wl_resource_create(client, &waybuf_report_v1_interface, 1, id);
	static const struct waybuf_report_v1_interface impl = {.destroy = destroy_resource};
	wl_resource_set_implementation(report, &impl, NULL, NULL);
	if (!server->report) {
		waybuf_report_v1_send_failed(
			report, WAYBUF_ALLOCATOR_V1_REASON_UNSUPPORTED, "not today");
		return;
	}
	size_t size = strlen(server->report);
	int fd = make_memory(size);
	ck_assert_int_eq(pwrite(fd, server->report, size, 0), (ssize_t)size);
	for (unsigned i = 0; i <= server->report_repeats; i++)
		waybuf_report_v1_send_ready(report, fd, (uint32_t)size + server->report_excess);
	if (server->report_repeats)
		waybuf_report_v1_send_failed(
			report, WAYBUF_ALLOCATOR_V1_REASON_UNSUPPORTED, "after all");
	close(fd);
}

static const struct waybuf_pool_v1_interface pool_impl = {
	.destroy = destroy_resource,
	.attach = handle_attach,
	.explain = handle_explain,
};

static void handle_create_pool(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	uint32_t width, uint32_t height, uint32_t min_count, uint32_t flags, const char *name)
{
	struct fake_server *server = wl_resource_get_user_data(resource);
	fake_log(server, "create%ux%u*%u:%s", width, height, min_count, name);
	server->n_attachments = 0;
	server->pool = wl_resource_create(client, &waybuf_pool_v1_interface, 1, id);
	wl_resource_set_implementation(server->pool, &pool_impl, server, NULL);
	waybuf_pool_v1_send_configured(server->pool, 1, width, height,
		server->configured_count ? server->configured_count : min_count);
}

static const struct waybuf_allocator_v1_interface allocator_impl = {
	.destroy = destroy_resource,
	.create_pool = handle_create_pool,
};

static void bind_allocator(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct fake_server *server = data;
	server->client = client;
	server->allocator = wl_resource_create(client, &waybuf_allocator_v1_interface, 1, id);
	wl_resource_set_implementation(server->allocator, &allocator_impl, server, NULL);
	if (server->silent)
		return;
	waybuf_allocator_v1_send_capabilities(server->allocator, server->capabilities);
	struct wl_array no_dev = {0};
	for (uint32_t i = 0; i < server->n_devices; i++)
		waybuf_allocator_v1_send_device(
			server->allocator, i + 1, server->device_kinds[i], &no_dev, "device");
	waybuf_allocator_v1_send_usage(
		server->allocator, WAYBUF_ALLOCATOR_V1_USAGE_KIND_KIB, 0, 1024);
	waybuf_allocator_v1_send_done(server->allocator);
}

/* ---- the thread ---------------------------------------------------------------------------- */

static int handle_call(int fd, uint32_t mask, void *data)
{
	struct fake_server *server = data;
	uint64_t count;
	ck_assert_int_eq(read(fd, &count, sizeof(count)), sizeof(count));
	pthread_mutex_lock(&server->lock);
	if (server->call)
		server->call(server, server->call_data);
	wl_display_flush_clients(server->display);
	server->call = NULL;
	if (server->stopping)
		wl_display_terminate(server->display);
	pthread_cond_signal(&server->done);
	pthread_mutex_unlock(&server->lock);
	return 0;
}

static void wake(struct fake_server *server)
{
	uint64_t one = 1;
	ck_assert_int_eq(write(server->call_fd, &one, sizeof(one)), sizeof(one));
}

void fake_call(struct fake_server *server, void (*func)(struct fake_server *server, void *data),
	void *data)
{
	pthread_mutex_lock(&server->lock);
	server->call = func;
	server->call_data = data;
	wake(server);
	while (server->call)
		pthread_cond_wait(&server->done, &server->lock);
	pthread_mutex_unlock(&server->lock);
}

static void *run(void *data)
{
	struct fake_server *server = data;
	wl_display_run(server->display);
	/* The source has a duplicate of the fd. */
	wl_event_source_remove(server->call_source);
	wl_display_destroy_clients(server->display);
	wl_display_destroy(server->display);
	return NULL;
}

void fake_init(struct fake_server *server)
{
	*server = (struct fake_server){
		.capabilities = WAYBUF_ALLOCATOR_V1_CAPABILITY_INTEGRATED,
		.fence = -1,
		.layout =
			{
				.generation = 1,
				.width = 64,
				.height = 32,
				.format = DRM_FORMAT_XRGB8888,
				.modifier = DRM_FORMAT_MOD_LINEAR,
				.planes = {{.stride = 256, .rows = 32}},
				.n_planes = 1,
				.n_memory = 1,
				.size = 8192,
				.told_size = 8192,
				.kind = WAYBUF_BUFFER_V1_MEMORY_KIND_MEMFD,
			},
	};
}

int fake_start(struct fake_server *server)
{
	server->display = wl_display_create();
	ck_assert_ptr_nonnull(server->display);
	if (!server->no_allocator)
		wl_global_create(
			server->display, &waybuf_allocator_v1_interface, 1, server, bind_allocator);
	fake_create_surface_globals(server);
	if (server->socket)
		ck_assert_int_eq(wl_display_add_socket(server->display, server->socket), 0);
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	server->client = wl_client_create(server->display, fds[0]);
	server->call_fd = eventfd(0, EFD_CLOEXEC);
	server->call_source = wl_event_loop_add_fd(wl_display_get_event_loop(server->display),
		server->call_fd, WL_EVENT_READABLE, handle_call, server);
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->done, NULL);
	ck_assert_int_eq(pthread_create(&server->thread, NULL, run, server), 0);
	return fds[1];
}

void fake_stop(struct fake_server *server)
{
	server->stopping = true;
	wake(server);
	pthread_join(server->thread, NULL);
	close(server->call_fd);
	if (server->fence >= 0)
		close(server->fence);
	while (server->n_timelines > 0)
		close(server->timelines[--server->n_timelines]);
	pthread_cond_destroy(&server->done);
	pthread_mutex_destroy(&server->lock);
}
