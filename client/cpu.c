/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <drm_fourcc.h>

#include "util/fd.h"

/* Waits for the sync_file of the grant: the implicit fences of the dma-buf may not include it. */
static int wait_fence(struct waybuf_client_buffer *buffer)
{
	int64_t deadline = client_now_ms() + CLIENT_PATIENCE_MS;
	while (buffer->fence >= 0) {
		int64_t left = deadline - client_now_ms();
		struct pollfd pollfd = {.fd = buffer->fence, .events = POLLIN};
		int ready = poll(&pollfd, 1, left > 0 ? (int)left : 0);
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready == 0)
			return -ETIMEDOUT;
		/* A fence that failed is over as well; the flags of a grant tell what it left. */
		if (ready > 0)
			fd_close(&buffer->fence);
	}
	return 0;
}

static int open_memory(struct waybuf_client_buffer *buffer, uint32_t slot)
{
	struct client_storage *storage = buffer->storage;
	if (storage->cpu[slot])
		return 0;
	char name[32];
	snprintf(name, sizeof(name), "buffer %u memory %u", buffer->index, slot);
	return waybuf_cpu_create(&storage->layout.memory[slot], name, 0, &storage->cpu[slot]);
}

/* Ends the brackets of the first @count memories. The first error, all the same ended. */
static int end_brackets(struct waybuf_client_buffer *buffer, uint32_t count)
{
	int result = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct waybuf_cpu *cpu = buffer->storage->cpu[i];
		waybuf_cpu_vunmap(cpu);
		int ret = waybuf_cpu_end_access(cpu, (enum waybuf_direction)buffer->cpu_direction);
		if (ret < 0 && result == 0)
			result = ret;
	}
	return result;
}

static int begin_bracket(struct waybuf_client_buffer *buffer, uint32_t slot, void **address)
{
	enum waybuf_direction direction = (enum waybuf_direction)buffer->cpu_direction;
	int ret = open_memory(buffer, slot);
	if (ret < 0)
		return ret;
	struct waybuf_cpu *cpu = buffer->storage->cpu[slot];
	ret = waybuf_cpu_wait(cpu, direction, CLIENT_PATIENCE_MS);
	if (ret == 0)
		ret = waybuf_cpu_begin_access(cpu, direction);
	if (ret < 0)
		return ret;
	ret = waybuf_cpu_vmap(cpu, address);
	if (ret < 0)
		waybuf_cpu_end_access(cpu, direction);
	return ret;
}

static int begin_brackets(struct waybuf_client_buffer *buffer, void **addresses)
{
	for (uint32_t i = 0; i < buffer->storage->layout.n_memory; i++) {
		int ret = begin_bracket(buffer, i, &addresses[i]);
		if (ret < 0) {
			end_brackets(buffer, i);
			return ret;
		}
	}
	return 0;
}

static void fill_image(const struct waybuf_layout *layout, void *const *addresses,
	struct waybuf_client_image *image)
{
	*image = (struct waybuf_client_image){
		.width = layout->width,
		.height = layout->height,
		.format = layout->format,
		.n_planes = layout->n_planes,
	};
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		const struct waybuf_plane *plane = &layout->planes[i];
		image->planes[i] = (struct waybuf_client_plane){
			.data = (char *)addresses[plane->slot] + plane->offset,
			.stride = plane->stride,
			.rows = plane->rows,
		};
	}
}

int waybuf_client_buffer_begin_cpu(struct waybuf_client_buffer *buffer,
	enum waybuf_direction direction, struct waybuf_client_image *image)
{
	struct waybuf_client *client = buffer->pool->client;
	if (buffer->state != CLIENT_BUFFER_ACQUIRED)
		return client_fail(client, -EINVAL, "begin_cpu: the buffer is not acquired");
	if (buffer->cpu_direction)
		return client_fail(client, -EINVAL, "begin_cpu: open already");
	if (buffer->shared && direction != WAYBUF_READ)
		return client_fail(client, -EINVAL, "begin_cpu: a shared buffer is only read");
	if (direction < WAYBUF_READ || direction > WAYBUF_READ_WRITE)
		return client_fail(client, -EINVAL, "begin_cpu: no direction");
	if (buffer->storage->layout.modifier != DRM_FORMAT_MOD_LINEAR)
		return client_fail(client, -EINVAL, "begin_cpu: the image is not linear");

	int ret = wait_fence(buffer);
	if (ret < 0)
		return client_fail(client, ret, "begin_cpu: fence: %s", strerror(-ret));
	void *addresses[WAYBUF_MAX_PLANES] = {NULL};
	buffer->cpu_direction = direction;
	ret = begin_brackets(buffer, addresses);
	if (ret < 0) {
		buffer->cpu_direction = 0;
		return client_fail(client, ret, "begin_cpu: %s", strerror(-ret));
	}
	fill_image(&buffer->storage->layout, addresses, image);
	return 0;
}

/* The reading scope begins before the writing one ends: pages stay mapped for those who read them. */
int client_cpu_downgrade(struct waybuf_client_buffer *buffer)
{
	struct waybuf_client *client = buffer->pool->client;
	const uint32_t former = buffer->cpu_direction;
	void *addresses[WAYBUF_MAX_PLANES] = {NULL};
	buffer->cpu_direction = WAYBUF_READ;
	int ret = begin_brackets(buffer, addresses);
	buffer->cpu_direction = former;
	if (ret < 0)
		return client_fail(client, ret, "share: %s", strerror(-ret));
	ret = end_brackets(buffer, buffer->storage->layout.n_memory);
	buffer->cpu_direction = WAYBUF_READ;
	return ret < 0 ? client_fail(client, ret, "share: %s", strerror(-ret)) : 0;
}

int waybuf_client_buffer_end_cpu(struct waybuf_client_buffer *buffer)
{
	struct waybuf_client *client = buffer->pool->client;
	if (!buffer->cpu_direction)
		return client_fail(client, -EINVAL, "end_cpu: not open");
	int ret = end_brackets(buffer, buffer->storage->layout.n_memory);
	buffer->cpu_direction = 0;
	return ret < 0 ? client_fail(client, ret, "end_cpu: %s", strerror(-ret)) : 0;
}
