/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "bench.h"
#include "client.h"

/* ---- constraints --------------------------------------------------------------------------- */

void bench_wish_cpu(struct waybuf_constraints_builder *builder)
{
	const uint32_t format = DRM_FORMAT_XRGB8888;
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	waybuf_constraints_builder_access(
		builder, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
}

void bench_constrain(struct waybuf_attachment_v1 *attachment, bench_wish wish)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	size_t size;
	if (!builder)
		bench_fail("out of memory");
	wish(builder);
	void *records = (void *)waybuf_constraints_builder_records(builder, &size);
	struct wl_array array = {.data = records, .size = size};
	waybuf_attachment_v1_constrain(attachment, &array);
	waybuf_attachment_v1_commit(attachment);
	waybuf_constraints_builder_destroy(builder);
}

/* ---- events -------------------------------------------------------------------------------- */

static void handle_configured(void *data, struct waybuf_pool_v1 *pool, uint32_t config,
	uint32_t width, uint32_t height, uint32_t count)
{
}

static void handle_token(void *data, struct waybuf_pool_v1 *pool, const char *token) {}

static void handle_need(void *data, struct waybuf_pool_v1 *pool, uint32_t index, uint32_t slot,
	uint32_t size_hi, uint32_t size_lo)
{
}

static void handle_restored(void *data, struct waybuf_pool_v1 *pool, uint32_t index,
	uint32_t generation, uint32_t reason, const char *message)
{
}

static void handle_pool_failed(
	void *data, struct waybuf_pool_v1 *pool, uint32_t reason, const char *message)
{
	bench_fail("a pool failed: %s", message);
}

static const struct waybuf_pool_v1_listener pool_listener = {
	.configured = handle_configured,
	.token = handle_token,
	.need = handle_need,
	.restored = handle_restored,
	.failed = handle_pool_failed,
};

static void handle_conflict(void *data, struct waybuf_attachment_v1 *attachment, uint32_t role,
	uint32_t own, uint32_t field, uint32_t part, uint32_t plane, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo, uint32_t value_hi, uint32_t value_lo)
{
}

static void handle_accepted(void *data, struct waybuf_attachment_v1 *attachment, uint32_t outcome)
{
	struct bench_image *image = data;
	image->accepted++;
	image->outcome = outcome;
}

static void handle_refused(
	void *data, struct waybuf_attachment_v1 *attachment, uint32_t reason, const char *message)
{
	bench_fail("constraints were refused: %s", message);
}

static void handle_gone(
	void *data, struct waybuf_attachment_v1 *attachment, uint32_t reason, const char *message)
{
	bench_fail("an attachment has gone: %s", message);
}

static const struct waybuf_attachment_v1_listener attachment_listener = {
	.conflict = handle_conflict,
	.accepted = handle_accepted,
	.refused = handle_refused,
	.gone = handle_gone,
};

static void handle_layout(void *data, struct waybuf_buffer_v1 *buffer, uint32_t generation,
	uint32_t width, uint32_t height, uint32_t format, uint32_t modifier_hi,
	uint32_t modifier_lo, struct wl_array *planes, const char *exporter)
{
	struct bench_image *image = data;
	const uint32_t *plane = planes->data; /* slot, offset, stride, rows */
	image->stride = plane[2];
	snprintf(image->exporter, sizeof(image->exporter), "%s", exporter);
}

static void handle_memory(void *data, struct waybuf_buffer_v1 *buffer, uint32_t slot, int32_t fd,
	uint32_t kind, uint32_t size_hi, uint32_t size_lo, struct wl_array *ticket)
{
	struct bench_image *image = data;
	if (image->fd >= 0)
		close(image->fd);
	image->fd = fd;
	image->size = (uint64_t)size_hi << 32 | size_lo;
}

static void handle_fence(void *data, struct waybuf_buffer_v1 *buffer, int32_t fd)
{
	close(fd);
}

static void handle_mapped(void *data, struct waybuf_buffer_v1 *buffer, uint32_t generation,
	uint32_t serial_hi, uint32_t serial_lo, uint32_t flags)
{
	struct bench_image *image = data;
	image->generation = generation;
	image->mapped++;
}

static void handle_map_failed(
	void *data, struct waybuf_buffer_v1 *buffer, uint32_t reason, const char *message)
{
	bench_fail("a map failed: %s", message);
}

static void handle_revoke(
	void *data, struct waybuf_buffer_v1 *buffer, uint32_t generation, uint32_t deadline)
{
}

static void handle_retired(void *data, struct waybuf_buffer_v1 *buffer, uint32_t generation)
{
	struct bench_image *image = data;
	if (image->fd >= 0 && image->generation <= generation) {
		close(image->fd);
		image->fd = -1;
	}
}

static void handle_wl_buffer_failed(void *data, struct waybuf_buffer_v1 *buffer,
	struct wl_buffer *wl_buffer, uint32_t reason, const char *message)
{
	bench_fail("a wl_buffer failed: %s", message);
}

static const struct waybuf_buffer_v1_listener buffer_listener = {
	.layout = handle_layout,
	.memory = handle_memory,
	.fence = handle_fence,
	.mapped = handle_mapped,
	.map_failed = handle_map_failed,
	.revoke = handle_revoke,
	.retired = handle_retired,
	.wl_buffer_failed = handle_wl_buffer_failed,
};

/* ---- images -------------------------------------------------------------------------------- */

struct waybuf_attachment_v1 *bench_image_attach(
	struct bench_image *image, enum waybuf_attachment_v1_kind kind, bench_wish wish)
{
	struct waybuf_attachment_v1 *attachment = waybuf_pool_v1_attach(image->pool, kind, 0);
	waybuf_attachment_v1_add_listener(attachment, &attachment_listener, image);
	bench_constrain(attachment, wish);
	return attachment;
}

void bench_image_init(struct bench_client *client, struct bench_image *image, uint32_t width,
	uint32_t height, bench_wish wish)
{
	*image = (struct bench_image){.client = client, .fd = -1};
	image->pool =
		waybuf_allocator_v1_create_pool(client->allocator, width, height, 1, 0, "bench");
	waybuf_pool_v1_add_listener(image->pool, &pool_listener, image);
	image->attachment = bench_image_attach(image, WAYBUF_ATTACHMENT_V1_KIND_CPU, wish);
	image->buffer = waybuf_attachment_v1_get_buffer(image->attachment, 0);
	waybuf_buffer_v1_add_listener(image->buffer, &buffer_listener, image);
}

void bench_image_map(struct bench_image *image, enum waybuf_buffer_v1_direction direction)
{
	unsigned mapped = image->mapped;
	waybuf_buffer_v1_map(image->buffer, direction);
	bench_client_wait(image->client, &image->mapped, mapped + 1);
}

void bench_image_finish(struct bench_image *image)
{
	waybuf_buffer_v1_destroy(image->buffer);
	waybuf_attachment_v1_destroy(image->attachment);
	waybuf_pool_v1_destroy(image->pool);
	if (image->fd >= 0)
		close(image->fd);
}
