/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "constraints/negotiate.h"
#include "exporter/exporter.h"
#include "util/fd.h"

/*
 * Pools whose memory this process makes itself, where nobody else allocates: what backend_udmabuf.c
 * and backend_shm.c share. The layout is solved as a server would solve it, from the constraints of
 * the program and of the compositor. Nobody else takes part, so a map is granted within the call.
 */

/* ---- the plan ------------------------------------------------------------------------------ */

static void explain_refusal(
	struct waybuf_client *client, const struct waybuf_explanation *why, int error)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = why ? open_memstream(&text, &size) : NULL;
	if (file) {
		waybuf_explanation_print(why, file);
		fclose(file);
	}
	if (text)
		text[strcspn(text, "\n")] = '\0';
	client_fail(client, error, "%s", text && text[0] ? text : strerror(-error));
	free(text);
}

static int solve(struct waybuf_client_pool *pool, struct waybuf_constraints *wanted,
	struct waybuf_constraints *display, const struct waybuf_exporter_caps *caps)
{
	const struct waybuf_party parties[] = {
		{.who = "this client", .key = 1, .set = wanted},
		{.who = "the compositor", .key = 2, .set = display},
	};
	const struct waybuf_request request = {
		.width = pool->width,
		.height = pool->height,
		.parties = parties,
		.n_parties = display ? 2 : 1,
		.exporters = &caps,
		.n_exporters = 1,
	};
	const struct waybuf_explanation *why = NULL;
	int ret = waybuf_negotiate(&request, NULL, &pool->plan, &why);
	if (ret < 0 && ret != -ENOMEM) {
		ret = -EOPNOTSUPP;
		explain_refusal(pool->client, why, ret);
	}
	waybuf_explanation_unref(why);
	return ret;
}

int client_local_plan(struct waybuf_client_pool *pool, struct waybuf_constraints *display,
	const struct waybuf_exporter_caps *caps)
{
	struct waybuf_constraints *wanted = NULL;
	if (pool->constraints)
		return solve(pool, pool->constraints, display, caps);
	int ret = client_pool_default_constraints(&wanted);
	if (ret == 0)
		ret = solve(pool, wanted, display, caps);
	waybuf_constraints_unref(wanted);
	return ret;
}

/* ---- memory -------------------------------------------------------------------------------- */

static int fill_storage(struct waybuf_client_pool *pool, struct client_storage *storage)
{
	const struct waybuf_solution *plan = &pool->plan;
	struct waybuf_layout *layout = &storage->layout;
	layout->width = pool->width;
	layout->height = pool->height;
	layout->format = plan->format;
	layout->modifier = plan->modifier;
	layout->n_planes = plan->n_planes;
	memcpy(layout->planes, plan->planes, sizeof(layout->planes));
	for (uint32_t i = 0; i < plan->n_memory; i++) {
		const char *name = pool->name[0] ? pool->name : "waybuf-client";
		int fd = exporter_create_memfd(name, plan->memory_size[i]);
		if (fd < 0)
			return fd;
		layout->memory[i] = (struct waybuf_memory){
			.fd = fd, .kind = WAYBUF_MEMORY_MEMFD, .size = plan->memory_size[i]};
		layout->n_memory++;
	}
	return 0;
}

static int make_storage(struct waybuf_client_buffer *buffer)
{
	struct waybuf_client_pool *pool = buffer->pool;
	const uint32_t generation = pool->former_generation + 1;
	struct client_storage *storage = client_storage_create(generation, pool->backend->name);
	if (!storage)
		return -ENOMEM;
	int ret = fill_storage(pool, storage);
	if (ret == 0 && pool->backend->wrap)
		ret = pool->backend->wrap(pool->client, storage);
	if (ret == 0)
		ret = client_storage_check(storage);
	if (ret < 0) {
		client_storage_destroy(storage);
		return ret;
	}
	buffer->storage = storage;
	client_pool_note_generation(pool, generation);
	return 0;
}

/* ---- what a backend does ------------------------------------------------------------------- */

void client_local_finish(struct waybuf_client_pool *pool)
{
	pool->refusal = (struct client_refusal){0};
}

int client_local_bind(struct waybuf_client_buffer *buffer)
{
	return 0;
}

void client_local_unbind(struct waybuf_client_buffer *buffer)
{
	/* Its memory stays: it is nobody else's. */
}

void client_local_map(struct waybuf_client_buffer *buffer)
{
	bool fresh = !buffer->storage;
	int ret = fresh ? make_storage(buffer) : 0;
	if (ret < 0) {
		buffer->state = CLIENT_BUFFER_FAILED;
		buffer->refusal.error = ret;
		snprintf(buffer->refusal.text, sizeof(buffer->refusal.text),
			"no memory to draw in, of %s: %s", buffer->pool->backend->name,
			strerror(-ret));
		return;
	}
	buffer->state = CLIENT_BUFFER_READY;
	buffer->serial = ++buffer->pool->serial;
	buffer->flags = fresh ? WAYBUF_GRANT_FRESH : 0;
	buffer->revoked = false;
}

void client_local_unmap(struct waybuf_client_buffer *buffer, int fence)
{
	/* Nobody waits for it. */
}

int client_local_explain(struct waybuf_client_pool *pool, int64_t deadline_ms, char **out)
{
	return client_fail(pool->client, -EOPNOTSUPP,
		"explain: there is no allocator to ask, the memory is of %s", pool->backend->name);
}
