/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>

/*
 * Memory from a waybuf_allocator_v1, the compositor's own or that of a service: the listeners of its
 * pools and attachments, and what is sent to them and to buffers.
 */

#define BY_CPU (WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE)

/* ---- refusals ------------------------------------------------------------------------------ */

/* The first one stays: what follows is a consequence. */
static void refuse_pool(struct waybuf_client_pool *pool, uint32_t reason, const char *what,
	const char *message, const char *conflicts)
{
	if (!pool->refusal.error)
		client_refuse(pool->client, &pool->refusal, reason, what, message, conflicts);
}

static const char *attachment_name(const struct client_attachment *attachment)
{
	return attachment == &attachment->pool->display ? "the display" : "this client";
}

static void handle_conflict(void *data, struct waybuf_attachment_v1 *proxy, uint32_t role,
	uint32_t own, uint32_t field, uint32_t part, uint32_t plane, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo, uint32_t value_hi, uint32_t value_lo)
{
	struct client_attachment *attachment = data;
	bool by_client = own && attachment == &attachment->pool->writer;
	const struct waybuf_conflict conflict = {
		.role = own ? (uint32_t)WAYBUF_ATTACHMENT_V1_ROLE_DISPLAY : role,
		.field = (uint16_t)field,
		.part = part,
		.plane = (uint8_t)plane,
		.format = format,
		.modifier = client_u64(modifier_hi, modifier_lo),
		.value = client_u64(value_hi, value_lo),
	};
	client_append_conflict(
		attachment->conflicts, sizeof(attachment->conflicts), &conflict, by_client);
}

static void handle_accepted(void *data, struct waybuf_attachment_v1 *proxy, uint32_t outcome)
{
	/* No promise of memory: that is the answer to a map. */
}

static void handle_refused(
	void *data, struct waybuf_attachment_v1 *proxy, uint32_t reason, const char *message)
{
	struct client_attachment *attachment = data;
	refuse_pool(attachment->pool, reason, attachment_name(attachment), message,
		attachment->conflicts);
	attachment->conflicts[0] = '\0';
}

static void handle_gone(
	void *data, struct waybuf_attachment_v1 *proxy, uint32_t reason, const char *message)
{
	struct client_attachment *attachment = data;
	refuse_pool(attachment->pool, reason, attachment_name(attachment), message, NULL);
}

static const struct waybuf_attachment_v1_listener attachment_listener = {
	.conflict = handle_conflict,
	.accepted = handle_accepted,
	.refused = handle_refused,
	.gone = handle_gone,
};

/* ---- pool events --------------------------------------------------------------------------- */

static void handle_configured(void *data, struct waybuf_pool_v1 *proxy, uint32_t config,
	uint32_t width, uint32_t height, uint32_t count)
{
	struct waybuf_client_pool *pool = data;
	pool->answered = true;
	if (count > WAYBUF_POOL_V1_LIMIT_COUNT)
		return;
	pool->configured_count = count;
	/* Without the additional ones the pool still works: others hold them. */
	if (pool->writer.proxy)
		client_pool_add_buffers(pool, count);
}

static void handle_token(void *data, struct waybuf_pool_v1 *proxy, const char *token)
{
	/* None is ever asked for. */
}

static void handle_need(void *data, struct waybuf_pool_v1 *proxy, uint32_t index, uint32_t slot,
	uint32_t size_hi, uint32_t size_lo)
{
	/* Only with the own_memory flag, and it need not be answered. */
}

static void handle_restored(void *data, struct waybuf_pool_v1 *proxy, uint32_t index,
	uint32_t generation, uint32_t reason, const char *message)
{
	client_pool_restored(data, index, reason);
}

static void handle_pool_failed(
	void *data, struct waybuf_pool_v1 *proxy, uint32_t reason, const char *message)
{
	struct waybuf_client_pool *pool = data;
	pool->answered = true;
	refuse_pool(pool, reason, "the pool", message, NULL);
}

static const struct waybuf_pool_v1_listener pool_listener = {
	.configured = handle_configured,
	.token = handle_token,
	.need = handle_need,
	.restored = handle_restored,
	.failed = handle_pool_failed,
};

/* ---- what is sent ---------------------------------------------------------------------------- */

/* Sends a set in as many messages as it takes, and commits it. */
static void commit(
	struct waybuf_attachment_v1 *attachment, const struct waybuf_constraints *constraints)
{
	size_t left = 0;
	const char *records = waybuf_constraints_records(constraints, &left);
	while (left > 0) {
		size_t size = waybuf_constraints_chunk(records, left, WAYBUF_CONSTRAINTS_MAX_CHUNK);
		if (size == 0)
			break;
		struct wl_array array = {.size = size, .alloc = 0, .data = (void *)records};
		waybuf_attachment_v1_constrain(attachment, &array);
		records += size;
		left -= size;
	}
	waybuf_attachment_v1_commit(attachment);
}

/* @device is for the kind of that name. */
static int attach(struct waybuf_client_pool *pool, struct client_attachment *attachment,
	uint32_t kind, uint32_t device, const struct waybuf_constraints *constraints)
{
	attachment->proxy = waybuf_pool_v1_attach(pool->proxy, kind, device);
	if (!attachment->proxy)
		return -ENOMEM;
	waybuf_attachment_v1_add_listener(attachment->proxy, &attachment_listener, attachment);
	if (constraints)
		commit(attachment->proxy, constraints);
	else
		waybuf_attachment_v1_commit(attachment->proxy);
	return 0;
}

static int attach_writer(struct waybuf_client_pool *pool, struct waybuf_constraints *wanted)
{
	struct waybuf_constraints *made = NULL;
	if (!wanted) {
		int ret = client_pool_default_constraints(&made);
		if (ret < 0)
			return ret;
		wanted = made;
	}
	bool by_cpu = waybuf_constraints_access(wanted) & BY_CPU;
	int ret = attach(pool, &pool->writer,
		by_cpu ? WAYBUF_ATTACHMENT_V1_KIND_CPU : WAYBUF_ATTACHMENT_V1_KIND_OTHER, 0,
		wanted);
	waybuf_constraints_unref(made);
	return ret;
}

/*
 * Whoever shows the buffers: the server itself, or a compositor that the client speaks for. Of that
 * one it knows the formats, and the server may know the device: that it wants dma-bufs, and of which
 * kinds.
 */
static int attach_display(struct waybuf_client_pool *pool)
{
	struct waybuf_client *client = pool->client;
	if (client->capabilities & WAYBUF_CLIENT_INTEGRATED)
		return attach(pool, &pool->display, WAYBUF_ATTACHMENT_V1_KIND_DISPLAY, 0, NULL);
	struct waybuf_constraints *constraints = NULL;
	int ret = client_foreign_constraints(pool, &constraints);
	if (ret < 0)
		return ret;
	uint32_t kind =
		client->device ? WAYBUF_ATTACHMENT_V1_KIND_DEVICE : WAYBUF_ATTACHMENT_V1_KIND_OTHER;
	ret = attach(pool, &pool->display, kind, client->device, constraints);
	waybuf_constraints_unref(constraints);
	return ret;
}

int client_allocator_listen(struct waybuf_client_pool *pool, struct waybuf_pool_v1 *proxy)
{
	pool->proxy = proxy;
	if (!proxy)
		return -ENOMEM;
	waybuf_pool_v1_add_listener(proxy, &pool_listener, pool);
	return 0;
}

void client_allocator_adopt(struct waybuf_client_pool *pool)
{
	struct client_attachment *writer = &pool->writer, *display = &pool->display;
	if (pool->proxy)
		waybuf_pool_v1_set_user_data(pool->proxy, pool);
	if (writer->proxy)
		waybuf_attachment_v1_set_user_data(writer->proxy, writer);
	if (display->proxy)
		waybuf_attachment_v1_set_user_data(display->proxy, display);
}

int client_allocator_declare(struct waybuf_client_pool *pool, uint32_t count)
{
	return client_allocator_listen(pool,
		waybuf_allocator_v1_create_pool(
			pool->client->allocator, pool->width, pool->height, count, 0, pool->name));
}

int client_allocator_attach(struct waybuf_client_pool *pool)
{
	int ret = attach_writer(pool, pool->constraints);
	return ret == 0 && pool->wants_display ? attach_display(pool) : ret;
}

/* ---- the backend --------------------------------------------------------------------------- */

static int start(struct waybuf_client_pool *pool, uint32_t count)
{
	struct waybuf_client *client = pool->client;
	if (!client->service)
		return client_fail(client, -EOPNOTSUPP, "%s", client->service_reason);
	if (pool->service_refusal[0])
		return client_fail(client, -EOPNOTSUPP, "the service: %s", pool->service_refusal);
	int ret = client_allocator_declare(pool, count);
	return ret == 0 ? client_allocator_attach(pool) : ret;
}

static void destroy_attachment(struct client_attachment *attachment)
{
	if (attachment->proxy)
		waybuf_attachment_v1_destroy(attachment->proxy);
	attachment->proxy = NULL;
	attachment->conflicts[0] = '\0';
}

void client_allocator_forget(struct waybuf_client_pool *pool)
{
	if (pool->proxy)
		waybuf_pool_v1_destroy(pool->proxy);
	pool->proxy = NULL;
	pool->answered = false;
	pool->configured_count = 0;
	pool->restoring = 0;
	pool->refusal = (struct client_refusal){0};
}

static void finish(struct waybuf_client_pool *pool)
{
	destroy_attachment(&pool->display);
	destroy_attachment(&pool->writer);
	client_allocator_forget(pool);
}

static int bind(struct waybuf_client_buffer *buffer)
{
	buffer->proxy = waybuf_attachment_v1_get_buffer(buffer->pool->writer.proxy, buffer->index);
	if (!buffer->proxy)
		return -ENOMEM;
	waybuf_buffer_v1_add_listener(buffer->proxy, &client_grant_listener, buffer);
	return 0;
}

static void unbind(struct waybuf_client_buffer *buffer)
{
	if (buffer->proxy)
		waybuf_buffer_v1_destroy(buffer->proxy);
	buffer->proxy = NULL;
	client_storage_destroy(buffer->incoming);
	buffer->incoming = NULL;
}

static void map(struct waybuf_client_buffer *buffer)
{
	waybuf_buffer_v1_map(buffer->proxy, WAYBUF_BUFFER_V1_DIRECTION_WRITE);
	buffer->unanswered++;
}

static void unmap(struct waybuf_client_buffer *buffer, int fence)
{
	bool unknown = buffer->unknown;
	buffer->unknown = false;
	if (unknown)
		return;
	if (fence < 0)
		waybuf_buffer_v1_unmap(buffer->proxy);
	else
		waybuf_buffer_v1_unmap_fence(buffer->proxy, fence);
}

/* Not by way of IDLE, where memory that is retired would go. */
static void share(struct waybuf_client_buffer *buffer)
{
	unmap(buffer, -1);
	waybuf_buffer_v1_map(buffer->proxy, WAYBUF_BUFFER_V1_DIRECTION_READ);
	buffer->unanswered++;
}

static int explain(struct waybuf_client_pool *pool, int64_t deadline_ms, char **out)
{
	struct waybuf_client *client = pool->client;
	if (!pool->proxy)
		return client_fail(client, -EOPNOTSUPP, "explain: the pool has no memory");
	struct waybuf_report_v1 *report = waybuf_pool_v1_explain(pool->proxy);
	if (!report)
		return client_fail(client, -ENOMEM, "explain: out of memory");
	return client_report_read(client, report, deadline_ms, out);
}

const struct client_backend client_backend_allocator = {
	.name = "the allocator",
	.path = WAYBUF_CLIENT_PATH_COMPOSITOR,
	.start = start,
	.finish = finish,
	.bind = bind,
	.unbind = unbind,
	.map = map,
	.unmap = unmap,
	.share = share,
	.make_wl_buffer = client_foreign_make_wl_buffer,
	.explain = explain,
};
