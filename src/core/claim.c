/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/migrate.h"
#include "core/pool.h"
#include "util/log.h"

/*
 * Slots for the fence that ends a claim: a flip on each of a few CRTCs, their writebacks, a copy.
 * More are asked for then, and there is a way out if they cannot be had.
 */
#define RESERVED 8

#define LINGER_MS 1000

struct waybuf_buffer *waybuf_claim_buffer(const struct waybuf_claim *claim)
{
	return claim->buffer;
}

static void drop_latch(struct waybuf_claim *claim)
{
	waybuf_fence_unref(claim->fence);
	claim->fence = NULL;
	waybuf_storage_unref(claim->storage);
	claim->storage = NULL;
}

/* What the latch must wait for. If there is no memory to say so, the contents are unusable. */
static struct waybuf_fence *write_fence(struct waybuf_buffer *buffer, bool *undefined)
{
	struct waybuf_fence *fence = NULL;
	int status = waybuf_resv_status(buffer->resv, WAYBUF_RESV_WRITE);
	*undefined = buffer->undefined || status < 0;
	if (status != 0)
		return NULL;
	if (waybuf_resv_snapshot(buffer->resv, WAYBUF_RESV_WRITE, &fence) < 0)
		*undefined = true;
	return fence;
}

/* On a storage that nobody writes any more. */
static bool is_apart(const struct waybuf_claim *claim)
{
	return claim->bound && claim->bound != claim->buffer->storage;
}

bool waybuf_buffer_is_claimed(const struct waybuf_buffer *buffer)
{
	const struct waybuf_claim *claim;
	waybuf_list_for_each(claim, &buffer->claims, link) {
		if (!is_apart(claim))
			return true;
	}
	return false;
}

void waybuf_claim_bind(struct waybuf_claim *claim, struct waybuf_storage *storage)
{
	if (storage)
		waybuf_storage_ref(storage);
	waybuf_storage_unref(claim->bound);
	claim->bound = storage;
}

static void latch_apart(struct waybuf_claim *claim, struct waybuf_grant *grant)
{
	claim->storage = waybuf_storage_ref(claim->bound);
	*grant = (struct waybuf_grant){
		.layout = &claim->storage->layout,
		.serial = claim->storage->last_serial,
		.flags = claim->storage->last_flags,
	};
}

void waybuf_claim_latch(struct waybuf_claim *claim, struct waybuf_grant *grant)
{
	struct waybuf_buffer *buffer = claim->buffer;
	bool undefined;
	drop_latch(claim);
	if (is_apart(claim)) {
		latch_apart(claim, grant);
		return;
	}
	claim->storage = waybuf_storage_ref(buffer->storage);
	claim->fence = write_fence(buffer, &undefined);
	*grant = (struct waybuf_grant){
		.layout = &claim->storage->layout,
		.fence = claim->fence,
		.serial = buffer->serial,
		.flags = (buffer->fresh ? (uint32_t)WAYBUF_GRANT_FRESH : 0) |
			(undefined ? (uint32_t)WAYBUF_GRANT_UNDEFINED : 0),
	};
}

struct waybuf_storage *waybuf_claim_storage(struct waybuf_claim *claim)
{
	return claim->storage;
}

static void finish_claim(struct waybuf_claim *claim)
{
	struct waybuf_buffer *buffer = claim->buffer;
	waybuf_list_remove(&claim->link);
	waybuf_fence_wait_finish(&claim->wait);
	drop_latch(claim);
	waybuf_claim_bind(claim, NULL);
	free(claim);
	if (buffer->migration)
		waybuf_migration_advance(buffer->migration);
	waybuf_buffer_kick(buffer);
	waybuf_buffer_unref(buffer);
}

static void handle_fence(struct waybuf_fence_wait *wait, int status)
{
	finish_claim(waybuf_container_of(wait, struct waybuf_claim, wait));
}

static void handle_deadline(struct waybuf_deadline *deadline)
{
	finish_claim(waybuf_container_of(deadline, struct waybuf_claim, deadline));
}

/*
 * No slot for the fence, so the claim itself lives until it signals; or, if it cannot be watched
 * either, for longer than any flip takes.
 */
static void linger(struct waybuf_claim *claim, struct waybuf_fence *fence)
{
	struct waybuf_manager *manager = claim->buffer->pool->manager;
	int ret = waybuf_fence_wait_add(&claim->wait, fence, manager->loop, handle_fence);
	if (ret > 0) {
		finish_claim(claim);
	} else if (ret < 0) {
		waybuf_error("claim: its last fence cannot be watched: %s", strerror(-ret));
		waybuf_deadline_arm(&manager->deadlines, &claim->deadline, LINGER_MS);
	}
}

int waybuf_buffer_claim(struct waybuf_buffer *buffer, struct waybuf_claim **out)
{
	if (!buffer->storage)
		return -ENODATA;
	struct waybuf_claim *claim = calloc(1, sizeof(*claim));
	if (!claim)
		return -ENOMEM;
	int error = waybuf_resv_reserve(buffer->resv, RESERVED);
	if (error < 0) {
		free(claim);
		return error;
	}
	claim->reserved = RESERVED;
	claim->buffer = waybuf_buffer_ref(buffer);
	waybuf_fence_wait_init(&claim->wait);
	waybuf_deadline_init(&claim->deadline, handle_deadline);
	waybuf_list_append(&buffer->claims, &claim->link);
	*out = claim;
	return 0;
}

bool waybuf_claim_watch_writer(struct waybuf_claim *claim, void (*func)(void *data), void *data)
{
	bool held = claim->buffer->writer && !is_apart(claim);
	claim->writer_gone = held ? func : NULL;
	claim->writer_gone_data = data;
	return held;
}

void waybuf_buffer_writer_gone(struct waybuf_buffer *buffer)
{
	struct waybuf_claim *claim;
	bool found;
	do {
		found = false;
		waybuf_list_for_each(claim, &buffer->claims, link) {
			void (*func)(void *data) = claim->writer_gone;
			if (!func)
				continue;
			claim->writer_gone = NULL;
			found = true;
			func(claim->writer_gone_data);
			break; /* anything may have happened to the list */
		}
	} while (found);
}

void waybuf_claim_end(struct waybuf_claim *claim, struct waybuf_fence *fence)
{
	if (!claim)
		return;
	struct waybuf_resv *resv = claim->buffer->resv;
	size_t leaves = fence ? waybuf_fence_leaves(fence) : 0;
	if (leaves > claim->reserved) {
		if (waybuf_resv_reserve(resv, leaves - claim->reserved) < 0) {
			linger(claim, fence);
			return;
		}
		claim->reserved = leaves;
	}
	if (claim->reserved > leaves)
		waybuf_resv_unreserve(resv, claim->reserved - leaves);
	claim->reserved = 0;
	if (fence)
		waybuf_resv_add(resv, fence, WAYBUF_RESV_READ);
	finish_claim(claim);
}
