/* SPDX-License-Identifier: MIT */
#include "core/usage.h"

#include "core/pool.h"

static const char *state_name(const struct waybuf_buffer *buffer)
{
	static const char *const names[] = {
		[BUFFER_DECLARED] = "declared",
		[BUFFER_BACKING] = "backing",
		[BUFFER_BACKED] = "backed",
		[BUFFER_MIGRATING] = "migrating",
		[BUFFER_RENEWING] = "renewing",
	};
	return names[buffer->state];
}

/* A claim that was latched is a surface's. */
static uint32_t count_shown(const struct waybuf_buffer *buffer)
{
	const struct waybuf_claim *claim;
	uint32_t n = 0;
	waybuf_list_for_each(claim, &buffer->claims, link)
		n += claim->storage != NULL;
	return n;
}

static uint32_t count_fences(const struct waybuf_buffer *buffer)
{
	uint32_t n = 0;
	size_t cursor = 0;
	while (buffer->resv && waybuf_resv_next(buffer->resv, WAYBUF_RESV_BOOKKEEP, &cursor, NULL))
		n++;
	return n;
}

void waybuf_buffer_get_usage(const struct waybuf_buffer *buffer, struct waybuf_buffer_usage *usage)
{
	*usage = (struct waybuf_buffer_usage){
		.state = state_name(buffer),
		.foreign = buffer->pool->foreign,
		.writers = buffer->writer ? 1 : 0,
		.readers = buffer->readers,
		.shown = count_shown(buffer),
		.fences = count_fences(buffer),
	};
}
