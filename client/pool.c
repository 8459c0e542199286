/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>

#include "util/utf8.h"

#define WRITING \
	(WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_CPU_WRITE | WAYBUF_ACCESS_RENDER | \
		WAYBUF_ACCESS_DECODE)
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
	uint32_t own, uint32_t field, uint32_t plane, uint32_t format, uint32_t modifier_hi,
	uint32_t modifier_lo, uint32_t value_hi, uint32_t value_lo)
{
	struct client_attachment *attachment = data;
	bool by_client = own && attachment == &attachment->pool->writer;
	client_append_conflict(attachment->conflicts, sizeof(attachment->conflicts),
		own ? (uint32_t)WAYBUF_ATTACHMENT_V1_ROLE_DISPLAY : role, by_client, field, plane,
		format, client_u64(modifier_hi, modifier_lo), client_u64(value_hi, value_lo));
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

int client_pool_add_buffers(struct waybuf_client_pool *pool, uint32_t count)
{
	while (pool->count < count) {
		int ret = client_buffer_create(pool, pool->count, &pool->buffers[pool->count]);
		if (ret < 0)
			return ret;
		pool->count++;
	}
	return 0;
}

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

static void handle_failed(
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
	.failed = handle_failed,
};

/* ---- create -------------------------------------------------------------------------------- */

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

/* What a program that draws by CPU and says nothing else needs. */
static int default_constraints(struct waybuf_constraints **out)
{
	static const uint32_t format = DRM_FORMAT_XRGB8888;
	static const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	waybuf_constraints_builder_access(builder, BY_CPU);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	int ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return ret;
}

static int attach_writer(struct waybuf_client_pool *pool, struct waybuf_constraints *wanted)
{
	struct waybuf_constraints *made = NULL;
	if (!wanted) {
		int ret = default_constraints(&made);
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
	int ret = client_foreign_constraints(client, &constraints);
	if (ret < 0)
		return ret;
	uint32_t kind =
		client->device ? WAYBUF_ATTACHMENT_V1_KIND_DEVICE : WAYBUF_ATTACHMENT_V1_KIND_OTHER;
	ret = attach(pool, &pool->display, kind, client->device, constraints);
	waybuf_constraints_unref(constraints);
	return ret;
}

static int check_options(
	struct waybuf_client *client, const struct waybuf_client_pool_options *options)
{
	if (options->width == 0 || options->width > WAYBUF_POOL_V1_LIMIT_SIZE ||
		options->height == 0 || options->height > WAYBUF_POOL_V1_LIMIT_SIZE)
		return client_fail(client, -EINVAL, "pool: %u x %u is no size, 1 to %u are",
			options->width, options->height, WAYBUF_POOL_V1_LIMIT_SIZE);
	if (options->count > WAYBUF_POOL_V1_LIMIT_COUNT)
		return client_fail(client, -EINVAL, "pool: %u buffers, at most %u are possible",
			options->count, WAYBUF_POOL_V1_LIMIT_COUNT);
	if (options->name &&
		(strlen(options->name) > WAYBUF_ALLOCATOR_V1_LIMIT_NAME ||
			!utf8_valid(options->name)))
		return client_fail(client, -EINVAL,
			"pool: the name is no UTF-8 of at most %u bytes",
			WAYBUF_ALLOCATOR_V1_LIMIT_NAME);
	if (options->constraints && !(waybuf_constraints_access(options->constraints) & WRITING))
		return client_fail(
			client, -EINVAL, "pool: the constraints have no ACCESS to write");
	return 0;
}

int client_pool_listen(struct waybuf_client_pool *pool, struct waybuf_pool_v1 *proxy)
{
	pool->proxy = proxy;
	if (!proxy)
		return -ENOMEM;
	waybuf_pool_v1_add_listener(proxy, &pool_listener, pool);
	return 0;
}

int client_pool_declare(struct waybuf_client_pool *pool, uint32_t count)
{
	return client_pool_listen(pool,
		waybuf_allocator_v1_create_pool(
			pool->client->allocator, pool->width, pool->height, count, 0, pool->name));
}

int client_pool_attach(struct waybuf_client_pool *pool)
{
	int ret = attach_writer(pool, pool->constraints);
	return ret == 0 && pool->wants_display ? attach_display(pool) : ret;
}

static int start(struct waybuf_client_pool *pool, const struct waybuf_client_pool_options *options)
{
	uint32_t count = options->count ? options->count : 2;
	pool->width = options->width;
	pool->height = options->height;
	snprintf(pool->name, sizeof(pool->name), "%s", options->name ? options->name : "");
	if (options->constraints)
		pool->constraints = waybuf_constraints_ref(options->constraints);
	pool->wants_display = options->display;
	int ret = client_pool_declare(pool, count);
	if (ret == 0)
		ret = client_pool_attach(pool);
	return ret < 0 ? ret : client_pool_add_buffers(pool, count);
}

int waybuf_client_pool_create(struct waybuf_client *client,
	const struct waybuf_client_pool_options *options, struct waybuf_client_pool **out)
{
	int ret = client_check(client);
	if (ret < 0)
		return ret;
	ret = check_options(client, options);
	if (ret < 0)
		return ret;
	struct waybuf_client_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return client_fail(client, -ENOMEM, "pool: out of memory");
	pool->client = client;
	pool->writer.pool = pool->display.pool = pool;
	pool->shown = UINT32_MAX;
	waybuf_list_append(&client->pools, &pool->link);
	ret = start(pool, options);
	if (ret < 0) {
		if (ret != -EOPNOTSUPP)
			client_fail(client, ret, "pool: %s", strerror(-ret));
		waybuf_client_pool_destroy(pool);
		return ret;
	}
	*out = pool;
	return 0;
}

void waybuf_client_pool_destroy(struct waybuf_client_pool *pool)
{
	if (!pool)
		return;
	for (uint32_t i = 0; i < pool->count; i++)
		client_buffer_destroy(pool->buffers[i]);
	if (pool->display.proxy)
		waybuf_attachment_v1_destroy(pool->display.proxy);
	if (pool->writer.proxy)
		waybuf_attachment_v1_destroy(pool->writer.proxy);
	if (pool->proxy)
		waybuf_pool_v1_destroy(pool->proxy);
	waybuf_list_remove(&pool->link);
	waybuf_constraints_unref(pool->constraints);
	free(pool);
}

uint32_t waybuf_client_pool_get_count(const struct waybuf_client_pool *pool)
{
	return pool->count;
}

/* ---- acquire ------------------------------------------------------------------------------- */

static struct waybuf_client_buffer *find(
	struct waybuf_client_pool *pool, enum client_buffer_state state)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->buffers[i]->state == state)
			return pool->buffers[i];
	}
	return NULL;
}

static bool has_answer(void *data)
{
	struct waybuf_client_pool *pool = data;
	if (pool->swapchain)
		client_swapchain_refresh(pool->swapchain, pool);
	return pool->refusal.error || find(pool, CLIENT_BUFFER_READY) ||
		find(pool, CLIENT_BUFFER_FAILED);
}

/*
 * Asks for one buffer that nobody has asked for, unless such a question is open: a program that
 * polls with a time of 0 would otherwise bring the memory of all buffers into being.
 */
static void ask(struct waybuf_client_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->buffers[i]->state == CLIENT_BUFFER_QUEUED && pool->buffers[i]->asked)
			return;
	}
	struct waybuf_client_buffer *idle = find(pool, CLIENT_BUFFER_IDLE);
	if (!idle)
		return;
	if (pool->resumed && pool->shown < pool->count &&
		pool->buffers[pool->shown]->state == CLIENT_BUFFER_IDLE)
		idle = pool->buffers[pool->shown];
	client_buffer_map(idle);
	idle->asked = true;
}

/* A revoke takes a grant away while we wait, so the question may have to be put again. */
static bool has_answer_or_ask(void *data)
{
	if (has_answer(data))
		return true;
	ask(data);
	return false;
}

static bool all_acquired(struct waybuf_client_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->buffers[i]->state != CLIENT_BUFFER_ACQUIRED)
			return false;
	}
	return true;
}

/* Waits until there is something to tell. */
static int wait_for_answer(struct waybuf_client_pool *pool, int timeout_ms)
{
	struct waybuf_client *client = pool->client;
	int64_t now = client_now_ms();
	/* What came back already is in the socket: look there before asking for more memory. */
	int ret = client_wait(client, now, has_answer, pool);
	if (ret != -ETIMEDOUT)
		return ret;
	if (all_acquired(pool))
		return client_fail(
			client, -EBUSY, "acquire: the caller holds all %u buffers", pool->count);
	ret = client_wait(client, now + timeout_ms, has_answer_or_ask, pool);
	if (ret != -ETIMEDOUT)
		return ret;
	if (timeout_ms == 0)
		return client_fail(client, -EAGAIN, "acquire: no buffer is ready");
	return client_fail(client, ret, "acquire: no buffer became free within %d ms", timeout_ms);
}

int waybuf_client_pool_acquire(
	struct waybuf_client_pool *pool, int timeout_ms, struct waybuf_client_buffer **out)
{
	struct waybuf_client *client = pool->client;
	if (timeout_ms < 0)
		return client_fail(client, -EINVAL, "acquire: a negative time");
	int ret = client_check(client);
	client->wake_fd = client_swapchain_wake_fd(pool->swapchain);
	if (ret == 0)
		ret = wait_for_answer(pool, timeout_ms);
	client->wake_fd = -1;
	if (ret < 0)
		return ret;
	if (pool->refusal.error)
		return client_fail_refused(client, &pool->refusal);

	struct waybuf_client_buffer *buffer = find(pool, CLIENT_BUFFER_READY);
	if (!buffer) {
		buffer = find(pool, CLIENT_BUFFER_FAILED);
		client_buffer_unmap(buffer);
		return client_fail_refused(client, &buffer->refusal);
	}
	buffer->state = CLIENT_BUFFER_ACQUIRED;
	pool->resumed = false;
	*out = buffer;
	return 0;
}

int waybuf_client_pool_explain(struct waybuf_client_pool *pool, int timeout_ms, char **out)
{
	struct waybuf_client *client = pool->client;
	if (timeout_ms < 0)
		return client_fail(client, -EINVAL, "explain: a negative time");
	int ret = client_check(client);
	if (ret < 0)
		return ret;
	struct waybuf_report_v1 *report = waybuf_pool_v1_explain(pool->proxy);
	if (!report)
		return client_fail(client, -ENOMEM, "explain: out of memory");
	return client_report_read(client, report, client_now_ms() + timeout_ms, out);
}
