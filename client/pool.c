/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>

#include "util/log.h"
#include "util/utf8.h"

#define WRITING \
	(WAYBUF_ACCESS_WRITE | WAYBUF_ACCESS_CPU_WRITE | WAYBUF_ACCESS_RENDER | \
		WAYBUF_ACCESS_DECODE)

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

/* ---- create -------------------------------------------------------------------------------- */

/* What a program that draws by CPU and says nothing else needs. */
int client_pool_default_constraints(struct waybuf_constraints **out)
{
	static const uint32_t format = DRM_FORMAT_XRGB8888;
	static const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	waybuf_constraints_builder_access(
		builder, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	int ret = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
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

/* ---- where its memory comes from ----------------------------------------------------------- */

/* In the order of preference. */
static const struct client_backend *const backends[] = {
	&client_backend_allocator, &client_backend_udmabuf, &client_backend_shm};

#define N_BACKENDS (sizeof(backends) / sizeof(backends[0]))

static void append_reason(struct waybuf_client_pool *pool, const char *name, const char *reason)
{
	size_t length = strlen(pool->path_reason);
	snprintf(pool->path_reason + length, sizeof(pool->path_reason) - length, "%s%s%s%s",
		length ? "; " : "", name ? name : "", name ? ": " : "", reason);
}

static bool has_any(const struct waybuf_client_pool *pool, enum client_buffer_state state)
{
	for (uint32_t i = 0; i < pool->count; i++)
		if (pool->buffers[i]->state == state)
			return true;
	return false;
}

static void log_path(const struct waybuf_client_pool *pool)
{
	waybuf_info("client: pool \"%s\": memory by way of %s (%s)", pool->name,
		waybuf_client_path_name(waybuf_client_pool_get_path(pool)), pool->path_reason);
}

static void note_path(struct waybuf_client_pool *pool)
{
	log_path(pool);
	/* wl_shm takes none */
	if (pool->swapchain && pool->backend->path == WAYBUF_CLIENT_PATH_SHM)
		client_swapchain_drop_points(pool->swapchain);
}

/* With the refusals of those before as the reason of the one that is taken. */
int client_pool_start(struct waybuf_client_pool *pool, uint32_t count)
{
	struct waybuf_client *client = pool->client;
	pool->path_reason[0] = '\0';
	for (size_t i = 0; i < N_BACKENDS; i++) {
		pool->backend = backends[i];
		int ret = pool->backend->start(pool, count);
		if (ret == 0 && i == 0)
			append_reason(pool, NULL, client->service_reason);
		if (ret == 0)
			note_path(pool);
		if (ret != -EOPNOTSUPP)
			return ret;
		pool->backend->finish(pool);
		append_reason(pool, i ? pool->backend->name : NULL, client->error);
	}
	return client_fail(client, -EOPNOTSUPP, "pool: %s", pool->path_reason);
}

void client_pool_change_path(
	struct waybuf_client_pool *pool, const struct client_backend *backend, const char *reason)
{
	pool->backend = backend;
	snprintf(pool->path_reason, sizeof(pool->path_reason), "%s", reason);
	note_path(pool);
}

enum waybuf_client_path waybuf_client_pool_get_path(const struct waybuf_client_pool *pool)
{
	const struct waybuf_client *client = pool->client;
	if (pool->backend == &client_backend_allocator && client->service == &client->beside)
		return WAYBUF_CLIENT_PATH_SERVICE;
	return pool->backend->path;
}

const char *waybuf_client_pool_get_path_reason(const struct waybuf_client_pool *pool)
{
	return pool->path_reason;
}

const char *waybuf_client_path_name(enum waybuf_client_path path)
{
	static const char *const names[] = {
		[WAYBUF_CLIENT_PATH_COMPOSITOR] = "the compositor's allocator",
		[WAYBUF_CLIENT_PATH_SERVICE] = "the allocation service",
		[WAYBUF_CLIENT_PATH_UDMABUF] = "udmabuf",
		[WAYBUF_CLIENT_PATH_SHM] = "wl_shm",
	};
	return (size_t)path < sizeof(names) / sizeof(names[0]) && names[path] ? names[path]
									      : "unknown";
}

/* ---- another kind of memory ---------------------------------------------------------------- */

/* As many buffers as the pool has, without anything. */
static int make_buffers(struct waybuf_client_pool *pool, struct waybuf_client_buffer **buffers)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		buffers[i] = client_buffer_new(pool, i);
		if (buffers[i])
			continue;
		while (i > 0)
			free(buffers[--i]);
		return client_fail(pool->client, -ENOMEM, "acquire: out of memory");
	}
	return 0;
}

/* All that @former took over is told to it, and not to the pool that it was of. */
static void settle_former(struct waybuf_client_pool *former)
{
	waybuf_list_init(&former->link);
	former->constraints = NULL;
	former->writer.pool = former->display.pool = former;
	client_allocator_adopt(former);
	for (uint32_t i = 0; i < former->count; i++) {
		former->buffers[i]->pool = former;
		if (former->buffers[i]->state != CLIENT_BUFFER_SHOWN)
			client_buffer_discard(former->buffers[i]);
	}
}

/*
 * What is shown must stay: nothing replaces it before there is other memory. So the pool goes on with
 * buffers that are new, and those that it had are with the membership by which they were granted,
 * because memory that is given back is cleared for the next.
 */
static int set_shown_aside(struct waybuf_client_pool *pool)
{
	struct waybuf_client_buffer *buffers[WAYBUF_POOL_V1_LIMIT_COUNT];
	struct waybuf_client_pool *former = malloc(sizeof(*former));
	if (!former)
		return client_fail(pool->client, -ENOMEM, "acquire: out of memory");
	int ret = make_buffers(pool, buffers);
	if (ret < 0) {
		free(former);
		return ret;
	}
	*former = *pool;
	pool->former = former;
	pool->proxy = NULL;
	pool->writer.proxy = pool->display.proxy = NULL;
	memcpy(pool->buffers, buffers, pool->count * sizeof(buffers[0]));
	settle_former(former);
	return 0;
}

bool client_pool_drop_former(struct waybuf_client_pool *pool)
{
	struct waybuf_client_pool **at = &pool->former, *former;
	while ((former = *at)) {
		if (former->swapchain)
			client_swapchain_refresh(former->swapchain, former);
		if (has_any(former, CLIENT_BUFFER_SHOWN)) {
			at = &former->former;
			continue;
		}
		*at = former->former;
		former->former = NULL;
		waybuf_client_pool_destroy(former);
	}
	return pool->former;
}

void client_pool_note_generation(struct waybuf_client_pool *pool, uint32_t generation)
{
	if (generation > pool->generation)
		pool->generation = generation;
}

/* Memory and path are chosen anew, unless the program has a buffer: then later. */
static int renegotiate(struct waybuf_client_pool *pool)
{
	if (has_any(pool, CLIENT_BUFFER_ACQUIRED))
		return 0;
	int ret = has_any(pool, CLIENT_BUFFER_SHOWN) ? set_shown_aside(pool) : 0;
	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < pool->count; i++)
		client_buffer_discard(pool->buffers[i]);
	pool->backend->finish(pool);
	pool->shown = UINT32_MAX;
	pool->former_generation = pool->generation;
	ret = client_pool_start(pool, pool->count);
	for (uint32_t i = 0; i < pool->count && ret == 0; i++)
		ret = client_buffer_bind(pool->buffers[i]);
	/* half of it is of no use */
	pool->renegotiate = ret < 0;
	return ret;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int start(struct waybuf_client_pool *pool, const struct waybuf_client_pool_options *options)
{
	uint32_t count = options->count ? options->count : 2;
	pool->width = options->width;
	pool->height = options->height;
	snprintf(pool->name, sizeof(pool->name), "%s", options->name ? options->name : "");
	if (options->constraints)
		pool->constraints = waybuf_constraints_ref(options->constraints);
	pool->wants_display = options->display;
	int ret = client_pool_start(pool, count);
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
	client_service_check(client);
	client_service_look_again(client);
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
	waybuf_client_pool_destroy(pool->former);
	for (uint32_t i = 0; i < pool->count; i++)
		client_buffer_destroy(pool->buffers[i]);
	if (pool->backend)
		pool->backend->finish(pool);
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

/* One that has memory, if there is one. */
static struct waybuf_client_buffer *find_idle(struct waybuf_client_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		if (pool->buffers[i]->state == CLIENT_BUFFER_IDLE && pool->buffers[i]->storage)
			return pool->buffers[i];
	}
	return find(pool, CLIENT_BUFFER_IDLE);
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
	struct waybuf_client_buffer *idle = find_idle(pool);
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
	/* memory of our own is granted at once, and no event tells of it */
	return has_answer(data);
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
	/* What came back already is in the socket: look there before asking for more memory. */
	int ret = client_wait(client, client->service, 0, has_answer, pool);
	if (ret != -ETIMEDOUT)
		return ret;
	if (all_acquired(pool))
		return client_fail(
			client, -EBUSY, "acquire: the caller holds all %u buffers", pool->count);
	int64_t deadline = timeout_ms > 0 ? client_now_ms() + timeout_ms : 0;
	ret = client_wait(client, client->service, deadline, has_answer_or_ask, pool);
	if (ret != -ETIMEDOUT)
		return ret;
	if (timeout_ms == 0)
		return client_fail(client, -EAGAIN, "acquire: no buffer is ready");
	return client_fail(client, ret, "acquire: no buffer became free within %d ms", timeout_ms);
}

/* READY or FAILED, or the error. */
static int look_for(
	struct waybuf_client_pool *pool, int timeout_ms, struct waybuf_client_buffer **out)
{
	struct waybuf_client *client = pool->client;
	client_service_check(client);
	client_service_return(pool);
	client_pool_drop_former(pool);
	int ret = pool->renegotiate ? renegotiate(pool) : 0;
	client->wake_fd = client_swapchain_wake_fd(pool->swapchain);
	if (ret == 0)
		ret = wait_for_answer(pool, timeout_ms);
	client->wake_fd = -1;
	if (ret < 0)
		return ret;
	if (pool->refusal.error)
		return client_fail_refused(client, &pool->refusal);
	*out = find(pool, CLIENT_BUFFER_READY);
	if (*out)
		return 0;
	struct waybuf_client_buffer *failed = find(pool, CLIENT_BUFFER_FAILED);
	client_buffer_unmap(failed);
	return client_fail_refused(client, &failed->refusal);
}

/* A service that cannot do it is no reason to fail, as long as the program has nothing of it. */
static bool goes_elsewhere(struct waybuf_client_pool *pool, int error)
{
	struct waybuf_client *client = pool->client;
	bool beside = client->service == &client->beside;
	/* it has ended meanwhile */
	if (beside && client->beside.broken && error == client->beside.broken)
		return !client->compositor.broken;
	if (error != -EOPNOTSUPP || pool->service_refusal[0] ||
		waybuf_client_pool_get_path(pool) != WAYBUF_CLIENT_PATH_SERVICE ||
		has_any(pool, CLIENT_BUFFER_ACQUIRED))
		return false;
	snprintf(pool->service_refusal, sizeof(pool->service_refusal), "%.200s", client->error);
	pool->renegotiate = true;
	return true;
}

int waybuf_client_pool_acquire(
	struct waybuf_client_pool *pool, int timeout_ms, struct waybuf_client_buffer **out)
{
	struct waybuf_client *client = pool->client;
	if (timeout_ms < 0)
		return client_fail(client, -EINVAL, "acquire: a negative time");
	int ret = client_check(client);
	if (ret < 0)
		return ret;
	/* as often as there are ways, or a service that comes and goes would keep us */
	size_t ways = N_BACKENDS;
	do {
		ret = look_for(pool, timeout_ms, out);
	} while (ret < 0 && ways-- > 0 && goes_elsewhere(pool, ret));
	if (ret < 0)
		return ret;
	(*out)->state = CLIENT_BUFFER_ACQUIRED;
	pool->resumed = false;
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
	return pool->backend->explain(pool, client_now_ms() + timeout_ms, out);
}
