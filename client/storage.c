/* SPDX-License-Identifier: MIT */
#include "client_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>

#include "core/format.h"
#include "util/checked.h"
#include "util/fd.h"

struct client_storage *client_storage_create(uint32_t generation, const char *exporter)
{
	struct client_storage *storage = calloc(1, sizeof(*storage));
	if (!storage)
		return NULL;
	snprintf(storage->exporter, sizeof(storage->exporter), "%s", exporter);
	storage->memfd = -1;
	storage->layout.exporter = storage->exporter;
	storage->layout.generation = generation;
	return storage;
}

void client_storage_destroy(struct client_storage *storage)
{
	if (!storage)
		return;
	if (storage->wl_buffer)
		wl_buffer_destroy(storage->wl_buffer);
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		waybuf_cpu_destroy(storage->cpu[i]);
		fd_close(&storage->layout.memory[i].fd);
	}
	fd_close(&storage->memfd);
	free(storage);
}

int client_storage_set_planes(struct client_storage *storage, const struct wl_array *planes)
{
	struct waybuf_layout *layout = &storage->layout;
	/* The protocol's plane is four u32 in the order of ours. */
	_Static_assert(sizeof(struct waybuf_plane) == 16, "as on the wire");
	size_t count = planes->size / sizeof(struct waybuf_plane);
	if (planes->size % sizeof(struct waybuf_plane) != 0 || count == 0 ||
		count > WAYBUF_MAX_PLANES)
		return -EINVAL;
	memcpy(layout->planes, planes->data, planes->size);
	layout->n_planes = (uint32_t)count;
	return 0;
}

int client_storage_add_memory(
	struct client_storage *storage, uint32_t slot, int fd, uint32_t kind, uint64_t size)
{
	struct waybuf_layout *layout = &storage->layout;
	if (slot != layout->n_memory || slot >= WAYBUF_MAX_PLANES || kind > WAYBUF_MEMORY_MEMFD) {
		fd_close(&fd);
		return -EINVAL;
	}
	layout->memory[slot] = (struct waybuf_memory){
		.fd = fd,
		.kind = (enum waybuf_memory_kind)kind,
		.size = size,
	};
	layout->n_memory++;
	return 0;
}

void client_storage_set_ticket(
	struct client_storage *storage, uint32_t slot, const struct wl_array *ticket)
{
	if (ticket->size == 0 || ticket->size > sizeof(storage->tickets[slot]))
		return;
	memcpy(storage->tickets[slot], ticket->data, ticket->size);
	storage->ticket_sizes[slot] = ticket->size;
}

/* The kernel says how large the memory is: a CPU access behind its end would be a SIGBUS. */
static int check_memory(const struct waybuf_memory *memory)
{
	uint64_t size = 0;
	int ret = fd_size(memory->fd, &size);
	if (ret < 0)
		return ret;
	return memory->size <= size ? 0 : -EINVAL;
}

/* Whether the plane lies in its memory. */
static bool fits_memory(const struct waybuf_layout *layout, const struct waybuf_plane *plane)
{
	uint64_t end = 0;
	return plane->slot < layout->n_memory && checked_mul(plane->stride, plane->rows, &end) &&
		checked_add(end, plane->offset, &end) && end <= layout->memory[plane->slot].size;
}

/* Whether a program that draws the whole image, row by row, stays within the planes. */
static bool holds_image(const struct waybuf_layout *layout)
{
	const struct waybuf_format *format = waybuf_format_get(layout->format);
	/* What we do not know, or what is not in rows, nobody draws into by CPU. */
	if (!format || layout->modifier != DRM_FORMAT_MOD_LINEAR)
		return true;
	if (layout->n_planes != format->n_planes)
		return false;
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		uint64_t stride = 0;
		if (!waybuf_format_min_stride(format, i, layout->width, &stride) ||
			layout->planes[i].stride < stride ||
			layout->planes[i].rows <
				waybuf_format_plane_height(format, i, layout->height))
			return false;
	}
	return true;
}

int client_storage_check(const struct client_storage *storage)
{
	return client_layout_check(&storage->layout);
}

int client_layout_check(const struct waybuf_layout *layout)
{
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		int ret = check_memory(&layout->memory[i]);
		if (ret < 0)
			return ret;
	}
	if (layout->n_planes == 0 || layout->n_memory == 0)
		return -EINVAL;
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		if (!fits_memory(layout, &layout->planes[i]))
			return -EINVAL;
	}
	return holds_image(layout) ? 0 : -EINVAL;
}
