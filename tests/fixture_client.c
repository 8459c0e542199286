/* SPDX-License-Identifier: MIT */
#include "fixture_client.h"

#include <drm_fourcc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- running both sides -------------------------------------------------------------------- */

static void read_events(struct wl_display *display, int ms)
{
	struct pollfd pollfd = {.fd = wl_display_get_fd(display), .events = POLLIN};
	if (wl_display_prepare_read(display) == 0) {
		if (poll(&pollfd, 1, ms) > 0)
			wl_display_read_events(display);
		else
			wl_display_cancel_read(display);
	}
	wl_display_dispatch_pending(display);
}

/* One turn of each side. */
static void turn(struct fixture_client *client, int ms)
{
	wl_display_flush(client->display);
	if (client->server)
		fixture_server_dispatch(client->server, ms);
	read_events(client->display, client->server ? 0 : ms);
}

static void handle_done(void *data, struct wl_callback *callback, uint32_t serial)
{
	*(bool *)data = true;
}

static const struct wl_callback_listener callback_listener = {.done = handle_done};

bool client_sync(struct fixture_client *client)
{
	bool done = false;
	struct wl_callback *callback = wl_display_sync(client->display);
	wl_callback_add_listener(callback, &callback_listener, &done);
	uint64_t end = now_ms() + 5000;
	while (!done && wl_display_get_error(client->display) == 0) {
		turn(client, client->server ? 0 : 10);
		if (now_ms() >= end)
			ck_abort_msg("no answer within 5 s");
	}
	wl_callback_destroy(callback);
	return done;
}

void client_wait(struct fixture_client *client, const unsigned *count, unsigned least)
{
	uint64_t end = now_ms() + 5000;
	while (*count < least) {
		turn(client, 10);
		if (wl_display_get_error(client->display) != 0)
			ck_abort_msg("connection lost: %s",
				strerror(wl_display_get_error(client->display)));
		if (now_ms() >= end)
			ck_abort_msg("nothing happened within 5 s");
	}
}

void client_run(struct fixture_client *client, int ms)
{
	uint64_t end = now_ms() + (uint64_t)ms;
	while (now_ms() < end)
		turn(client, 5);
}

void client_expect_error(
	struct fixture_client *client, const struct wl_interface *interface, uint32_t code)
{
	ck_assert_msg(!client_sync(client), "no protocol error");
	const struct wl_interface *found = NULL;
	uint32_t id;
	ck_assert_int_eq(wl_display_get_error(client->display), EPROTO);
	uint32_t found_code = wl_display_get_protocol_error(client->display, &found, &id);
	ck_assert_uint_eq(found_code, code);
	if (!interface)
		ck_assert_ptr_null(found);
	else
		ck_assert_str_eq(found ? found->name : "a destroyed object", interface->name);
}

/* ---- the allocator's own events ------------------------------------------------------------ */

static void handle_capabilities(
	void *data, struct waybuf_allocator_v1 *allocator, uint32_t capabilities)
{
	struct fixture_client *client = data;
	client->capabilities = capabilities;
	client->devices = 0;
	client->usages = 0;
}

static void handle_device(void *data, struct waybuf_allocator_v1 *allocator, uint32_t device,
	uint32_t kind, struct wl_array *dev, const char *name)
{
	struct fixture_client *client = data;
	client->devices++;
	client->device = device;
	client->device_kind = kind;
	client->dev_size = dev->size;
}

static void handle_usage(void *data, struct waybuf_allocator_v1 *allocator, uint32_t what,
	uint32_t used, uint32_t limit)
{
	struct fixture_client *client = data;
	ck_assert_uint_lt(what, 16);
	client->usages++;
	client->used[what] = used;
	client->limit[what] = limit;
}

static void handle_batch_done(void *data, struct waybuf_allocator_v1 *allocator)
{
	struct fixture_client *client = data;
	client->batches++;
	client->usages = 0;
}

static const struct waybuf_allocator_v1_listener allocator_listener = {
	.capabilities = handle_capabilities,
	.device = handle_device,
	.usage = handle_usage,
	.done = handle_batch_done,
};

static void handle_format(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format)
{
	((struct fixture_client *)data)->formats++;
}

static void handle_modifier(
	void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format, uint32_t hi, uint32_t lo)
{
	((struct fixture_client *)data)->modifiers++;
}

static const struct zwp_linux_dmabuf_v1_listener dmabuf_listener = {
	.format = handle_format,
	.modifier = handle_modifier,
};

/* ---- connection ---------------------------------------------------------------------------- */

static bool is(const char *name, const struct wl_interface *interface)
{
	return strcmp(name, interface->name) == 0;
}

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct fixture_client *client = data;
	if (is(interface, &wl_compositor_interface)) {
		client->compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 1);
	} else if (is(interface, &waybuf_allocator_v1_interface)) {
		client->allocator =
			wl_registry_bind(registry, name, &waybuf_allocator_v1_interface, 1);
		waybuf_allocator_v1_add_listener(client->allocator, &allocator_listener, client);
	} else if (is(interface, &waybuf_monitor_v1_interface)) {
		client->monitor = wl_registry_bind(registry, name, &waybuf_monitor_v1_interface, 2);
	} else if (is(interface, &zwp_linux_dmabuf_v1_interface)) {
		if (!client->dmabuf_version || client->dmabuf_version > version)
			client->dmabuf_version = version;
		client->dmabuf = wl_registry_bind(
			registry, name, &zwp_linux_dmabuf_v1_interface, client->dmabuf_version);
		zwp_linux_dmabuf_v1_add_listener(client->dmabuf, &dmabuf_listener, client);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void connect_fd(struct fixture_client *client, int fd)
{
	client->display = wl_display_connect_to_fd(fd);
	ck_assert_ptr_nonnull(client->display);
	client->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(client->registry, &registry_listener, client);
	ck_assert(client_sync(client)); /* the globals */
	ck_assert(client_sync(client)); /* what binding them brings */
}

void client_init_version(
	struct fixture_client *client, struct fixture_server *server, uint32_t version)
{
	*client = (struct fixture_client){.server = server, .dmabuf_version = version};
	int fd = fixture_server_connect(server, &client->peer);
	connect_fd(client, fd);
}

void client_init_fd(struct fixture_client *client, int fd)
{
	*client = (struct fixture_client){0};
	connect_fd(client, fd);
}

void client_init(struct fixture_client *client, struct fixture_server *server)
{
	client_init_version(client, server, 0);
}

void client_finish(struct fixture_client *client)
{
	if (client->allocator)
		waybuf_allocator_v1_destroy(client->allocator);
	if (client->monitor)
		waybuf_monitor_v1_destroy(client->monitor);
	if (client->dmabuf)
		zwp_linux_dmabuf_v1_destroy(client->dmabuf);
	wl_compositor_destroy(client->compositor);
	wl_registry_destroy(client->registry);
	wl_display_flush(client->display);
	wl_display_disconnect(client->display);
	/* the server notices */
	for (int i = 0; client->server && i < 2; i++)
		fixture_server_dispatch(client->server, 0);
}

/* ---- pools --------------------------------------------------------------------------------- */

static void pool_configured(void *data, struct waybuf_pool_v1 *proxy, uint32_t config,
	uint32_t width, uint32_t height, uint32_t count)
{
	struct fixture_pool *pool = data;
	pool->configured++;
	pool->config = config;
	pool->width = width;
	pool->height = height;
	pool->count = count;
}

static void pool_token(void *data, struct waybuf_pool_v1 *proxy, const char *token)
{
	struct fixture_pool *pool = data;
	pool->tokens++;
	snprintf(pool->token, sizeof(pool->token), "%s", token);
}

static void pool_need(void *data, struct waybuf_pool_v1 *proxy, uint32_t index, uint32_t slot,
	uint32_t hi, uint32_t lo)
{
	struct fixture_pool *pool = data;
	pool->needs++;
	pool->need_index = index;
	pool->need_slot = slot;
	pool->need_size = (uint64_t)hi << 32 | lo;
}

static void pool_restored(void *data, struct waybuf_pool_v1 *proxy, uint32_t index,
	uint32_t generation, uint32_t reason, const char *message)
{
	struct fixture_pool *pool = data;
	pool->restored++;
	pool->restored_reason = reason;
	pool->restored_index = index;
	pool->restored_generation = generation;
	snprintf(pool->message, sizeof(pool->message), "%s", message);
}

static void pool_failed(
	void *data, struct waybuf_pool_v1 *proxy, uint32_t reason, const char *message)
{
	struct fixture_pool *pool = data;
	pool->failed++;
	pool->reason = reason;
	snprintf(pool->message, sizeof(pool->message), "%s", message);
}

static const struct waybuf_pool_v1_listener pool_listener = {
	.configured = pool_configured,
	.token = pool_token,
	.need = pool_need,
	.restored = pool_restored,
	.failed = pool_failed,
};

void raw_pool_listen(struct fixture_pool *pool, struct waybuf_pool_v1 *proxy)
{
	*pool = (struct fixture_pool){.proxy = proxy};
	waybuf_pool_v1_add_listener(proxy, &pool_listener, pool);
}

void raw_pool_create(struct fixture_client *client, struct fixture_pool *pool, uint32_t width,
	uint32_t height, uint32_t count)
{
	raw_pool_listen(pool,
		waybuf_allocator_v1_create_pool(
			client->allocator, width, height, count, 0, "test"));
}

void raw_pool_destroy(struct fixture_pool *pool)
{
	waybuf_pool_v1_destroy(pool->proxy);
}

/* ---- attachments --------------------------------------------------------------------------- */

static void attachment_conflict(void *data, struct waybuf_attachment_v1 *proxy, uint32_t role,
	uint32_t own, uint32_t field, uint32_t part, uint32_t plane, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo, uint32_t value_hi, uint32_t value_lo)
{
	struct fixture_attachment *attachment = data;
	attachment->conflicts++;
	attachment->last_conflicts++;
	attachment->last_own += own;
	attachment->field = field;
	attachment->part = part;
	attachment->value = value_lo;
}

static void attachment_accepted(void *data, struct waybuf_attachment_v1 *proxy, uint32_t outcome)
{
	struct fixture_attachment *attachment = data;
	attachment->accepted++;
	attachment->outcome = outcome;
}

static void attachment_refused(
	void *data, struct waybuf_attachment_v1 *proxy, uint32_t reason, const char *message)
{
	struct fixture_attachment *attachment = data;
	attachment->refused++;
	attachment->reason = reason;
}

static void attachment_gone(
	void *data, struct waybuf_attachment_v1 *proxy, uint32_t reason, const char *message)
{
	struct fixture_attachment *attachment = data;
	attachment->gone++;
	attachment->reason = reason;
}

static const struct waybuf_attachment_v1_listener attachment_listener = {
	.conflict = attachment_conflict,
	.accepted = attachment_accepted,
	.refused = attachment_refused,
	.gone = attachment_gone,
};

void raw_attachment_create_device(struct fixture_pool *pool, struct fixture_attachment *attachment,
	uint32_t kind, uint32_t device)
{
	*attachment = (struct fixture_attachment){
		.proxy = waybuf_pool_v1_attach(pool->proxy, kind, device)};
	waybuf_attachment_v1_add_listener(attachment->proxy, &attachment_listener, attachment);
}

void raw_attachment_create(
	struct fixture_pool *pool, struct fixture_attachment *attachment, uint32_t kind)
{
	raw_attachment_create_device(pool, attachment, kind, 0);
}

void raw_attachment_destroy(struct fixture_attachment *attachment)
{
	waybuf_attachment_v1_destroy(attachment->proxy);
}

void raw_attachment_constrain(
	struct fixture_attachment *attachment, const void *records, size_t size)
{
	struct wl_array array = {.data = (void *)records, .size = size};
	waybuf_attachment_v1_constrain(attachment->proxy, &array);
}

void raw_attachment_commit(
	struct fixture_attachment *attachment, struct waybuf_constraints_builder *builder)
{
	size_t size;
	const void *records = waybuf_constraints_builder_records(builder, &size);
	attachment->last_conflicts = 0;
	attachment->last_own = 0;
	raw_attachment_constrain(attachment, records, size);
	waybuf_attachment_v1_commit(attachment->proxy);
	waybuf_constraints_builder_destroy(builder);
}

void raw_attachment_commit_format(
	struct fixture_attachment *attachment, uint64_t access, uint32_t format)
{
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	waybuf_constraints_builder_access(builder, access);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	raw_attachment_commit(attachment, builder);
}

void raw_attachment_commit_cpu(struct fixture_attachment *attachment)
{
	raw_attachment_commit_format(
		attachment, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE, DRM_FORMAT_XRGB8888);
}

/* ---- buffers ------------------------------------------------------------------------------- */

static void buffer_layout(void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation,
	uint32_t width, uint32_t height, uint32_t format, uint32_t modifier_hi,
	uint32_t modifier_lo, struct wl_array *planes, const char *exporter)
{
	struct fixture_buffer *buffer = data;
	buffer->layouts++;
	buffer->generation = generation;
	buffer->width = width;
	buffer->height = height;
	buffer->format = format;
	buffer->modifier = (uint64_t)modifier_hi << 32 | modifier_lo;
	buffer->n_planes = (uint32_t)(planes->size / 16);
	ck_assert_uint_le(buffer->n_planes, 4);
	for (uint32_t i = 0; i < buffer->n_planes; i++) {
		uint32_t words[4];
		memcpy(words, (char *)planes->data + (size_t)i * 16, sizeof(words));
		buffer->offset[i] = words[1];
		buffer->stride[i] = words[2];
	}
	snprintf(buffer->exporter, sizeof(buffer->exporter), "%s", exporter);
}

static void buffer_memory(void *data, struct waybuf_buffer_v1 *proxy, uint32_t slot, int32_t fd,
	uint32_t kind, uint32_t size_hi, uint32_t size_lo, struct wl_array *ticket)
{
	struct fixture_buffer *buffer = data;
	buffer->memories++;
	ck_assert_uint_le(ticket->size, sizeof(buffer->ticket));
	if (slot > 0) {
		if (buffer->second_fd >= 0)
			close(buffer->second_fd);
		buffer->second_fd = fd;
		if (ticket->size)
			memcpy(buffer->second_ticket, ticket->data, ticket->size);
		return;
	}
	if (buffer->fd >= 0)
		close(buffer->fd);
	buffer->fd = fd;
	buffer->kind = kind;
	buffer->size = (uint64_t)size_hi << 32 | size_lo;
	if (ticket->size)
		memcpy(buffer->ticket, ticket->data, ticket->size);
	buffer->ticket_size = ticket->size;
}

static void buffer_fence(void *data, struct waybuf_buffer_v1 *proxy, int32_t fd)
{
	struct fixture_buffer *buffer = data;
	buffer->fences++;
	if (buffer->fence >= 0)
		close(buffer->fence);
	buffer->fence = fd;
}

static void buffer_mapped(void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation,
	uint32_t serial_hi, uint32_t serial_lo, uint32_t flags)
{
	struct fixture_buffer *buffer = data;
	buffer->mapped++;
	buffer->answers++;
	ck_assert_uint_eq(generation, buffer->generation);
	buffer->serial = (uint64_t)serial_hi << 32 | serial_lo;
	buffer->flags = flags;
}

static void buffer_map_failed(
	void *data, struct waybuf_buffer_v1 *proxy, uint32_t reason, const char *message)
{
	struct fixture_buffer *buffer = data;
	buffer->failed++;
	buffer->answers++;
	buffer->reason = reason;
}

static void buffer_revoke(
	void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation, uint32_t deadline)
{
	struct fixture_buffer *buffer = data;
	buffer->revoked++;
	buffer->revoked_at = buffer->answers;
}

static void buffer_retired(void *data, struct waybuf_buffer_v1 *proxy, uint32_t generation)
{
	struct fixture_buffer *buffer = data;
	buffer->retired++;
	buffer->retired_generation = generation;
}

static void buffer_wl_buffer_failed(void *data, struct waybuf_buffer_v1 *proxy,
	struct wl_buffer *wl_buffer, uint32_t reason, const char *message)
{
	struct fixture_buffer *buffer = data;
	buffer->wl_buffers_failed++;
	buffer->reason = reason;
}

static const struct waybuf_buffer_v1_listener buffer_listener = {
	.layout = buffer_layout,
	.memory = buffer_memory,
	.fence = buffer_fence,
	.mapped = buffer_mapped,
	.map_failed = buffer_map_failed,
	.revoke = buffer_revoke,
	.retired = buffer_retired,
	.wl_buffer_failed = buffer_wl_buffer_failed,
};

void raw_buffer_get(
	struct fixture_attachment *attachment, struct fixture_buffer *buffer, uint32_t index)
{
	*buffer = (struct fixture_buffer){
		.proxy = waybuf_attachment_v1_get_buffer(attachment->proxy, index),
		.fd = -1,
		.second_fd = -1,
		.fence = -1,
	};
	waybuf_buffer_v1_add_listener(buffer->proxy, &buffer_listener, buffer);
}

void raw_buffer_destroy(struct fixture_buffer *buffer)
{
	waybuf_buffer_v1_destroy(buffer->proxy);
	if (buffer->fd >= 0)
		close(buffer->fd);
	if (buffer->second_fd >= 0)
		close(buffer->second_fd);
	if (buffer->fence >= 0)
		close(buffer->fence);
}

static void wl_buffer_release(void *data, struct wl_buffer *proxy)
{
	((struct fixture_wl_buffer *)data)->released++;
}

static const struct wl_buffer_listener wl_buffer_listener = {.release = wl_buffer_release};

void raw_wl_buffer_listen(struct fixture_wl_buffer *buffer, struct wl_buffer *proxy)
{
	*buffer = (struct fixture_wl_buffer){.proxy = proxy};
	wl_buffer_add_listener(proxy, &wl_buffer_listener, buffer);
}

void raw_buffer_wl_buffer(struct fixture_buffer *buffer, struct fixture_wl_buffer *wl_buffer)
{
	raw_wl_buffer_listen(wl_buffer, waybuf_buffer_v1_create_wl_buffer(buffer->proxy));
}

/* ---- reports ------------------------------------------------------------------------------- */

static void report_ready(void *data, struct waybuf_report_v1 *proxy, int32_t fd, uint32_t size)
{
	struct fixture_report *report = data;
	report->ready++;
	ck_assert_int_eq(write(fd, "x", 1), -1);
	report->text = calloc(1, (size_t)size + 1);
	ck_assert_int_eq(pread(fd, report->text, size, 0), (ssize_t)size);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), (off_t)size);
	close(fd);
}

static void report_failed(
	void *data, struct waybuf_report_v1 *proxy, uint32_t reason, const char *message)
{
	struct fixture_report *report = data;
	report->failed++;
	report->reason = reason;
}

static const struct waybuf_report_v1_listener report_listener = {
	.ready = report_ready,
	.failed = report_failed,
};

void raw_report_listen(struct fixture_report *report, struct waybuf_report_v1 *proxy)
{
	*report = (struct fixture_report){.proxy = proxy};
	waybuf_report_v1_add_listener(proxy, &report_listener, report);
}

void raw_report_finish(struct fixture_report *report)
{
	waybuf_report_v1_destroy(report->proxy);
	free(report->text);
}
