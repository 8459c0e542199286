/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/format.h"
#include "core/pool.h"
#include "exporter/exporter.h"
#include "util/fd.h"

/*
 * Memory from outside. Nothing that the peer says is believed: what the fd is and how large is
 * asked of the kernel, and the layout has to fit into that.
 */

/* A memfd that can shrink under our feet would turn a read of ours into SIGBUS. */
static int check_kind(int fd, struct waybuf_memory *memory)
{
	enum fd_kind kind;
	int error = fd_kind(fd, &kind);
	if (error < 0)
		return error;
	if (kind == FD_OTHER)
		return -EINVAL;
	if (kind == FD_MEMFD && !(fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK))
		return -EINVAL;
	memory->kind = kind == FD_DMABUF ? WAYBUF_MEMORY_DMABUF : WAYBUF_MEMORY_MEMFD;
	return 0;
}

static int import_memory(int fd, struct waybuf_memory *memory)
{
	int error = check_kind(fd, memory);
	if (error == 0)
		error = fd_size(fd, &memory->size);
	if (error == 0)
		error = memory->fd = fd_dup(fd);
	return error < 0 ? error : 0;
}

/* The layout with fds of our own. */
static int import_layout(const struct waybuf_layout *from, struct waybuf_layout *to)
{
	*to = *from;
	to->exporter = "foreign";
	for (to->n_memory = 0; to->n_memory < from->n_memory; to->n_memory++) {
		int error = import_memory(from->memory[to->n_memory].fd, &to->memory[to->n_memory]);
		if (error < 0) {
			exporter_close_memory(to, to->n_memory);
			return error;
		}
	}
	return 0;
}

static bool same_place(const struct waybuf_layout *a, const struct waybuf_layout *b)
{
	if (a->width != b->width || a->height != b->height || a->format != b->format ||
		a->modifier != b->modifier || a->n_planes != b->n_planes)
		return false;
	for (uint32_t i = 0; i < a->n_planes; i++) {
		if (a->planes[i].offset != b->planes[i].offset ||
			a->planes[i].stride != b->planes[i].stride)
			return false;
	}
	return true;
}

/*
 * The storage whose memory the planes of @layout are in, each plane in its own place. A peer may
 * number its fds otherwise than we did, one for each plane for instance.
 */
static struct waybuf_storage *find_storage(
	struct waybuf_manager *manager, const struct waybuf_layout *layout)
{
	struct waybuf_storage *found = NULL;
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		struct fd_id id;
		uint32_t slot;
		if (fd_identify(layout->memory[layout->planes[i].slot].fd, &id) < 0)
			return NULL;
		struct waybuf_storage *storage = waybuf_storage_find(manager, &id, &slot);
		if (!storage || (found && storage != found) ||
			!same_place(&storage->layout, layout) ||
			storage->layout.planes[i].slot != slot)
			return NULL;
		found = storage;
	}
	return found;
}

static int check_shape(const struct waybuf_layout *layout)
{
	if (layout->n_planes < 1 || layout->n_planes > WAYBUF_MAX_PLANES || layout->n_memory < 1 ||
		layout->n_memory > WAYBUF_MAX_PLANES || layout->width < 1 ||
		layout->width > 65536 || layout->height < 1 || layout->height > 65536)
		return -EINVAL;
	/* what cannot be checked is not believed */
	if (!waybuf_format_get(layout->format))
		return -EINVAL;
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		if (layout->planes[i].slot >= layout->n_memory)
			return -EINVAL;
	}
	return 0;
}

/* A buffer around a storage of its own pool; the storage reference is taken on success. */
static int wrap_storage(struct waybuf_manager *manager, struct waybuf_account *account,
	struct waybuf_storage *storage, struct waybuf_buffer **out)
{
	struct waybuf_pool *pool;
	const struct waybuf_layout *layout = &storage->layout;
	int error =
		waybuf_pool_create_foreign(manager, account, layout->width, layout->height, &pool);
	if (error < 0)
		return error;
	struct waybuf_buffer *buffer = waybuf_buffer_ref(pool->buffers[0]);
	waybuf_buffer_set_backing(buffer, true);
	error = waybuf_buffer_back(buffer, storage);
	if (error < 0)
		waybuf_buffer_set_backing(buffer, false);
	buffer->fresh = false;
	waybuf_pool_unref(pool);
	if (error < 0)
		waybuf_buffer_unref(buffer);
	else
		*out = buffer;
	return error;
}

static int import_foreign(struct waybuf_manager *manager, struct waybuf_account *account,
	const struct waybuf_layout *layout, struct waybuf_buffer **out)
{
	struct waybuf_storage *storage = waybuf_storage_create(manager, account);
	if (!storage)
		return -ENOMEM;
	struct waybuf_allocation allocation = {0};
	int error = import_layout(layout, &allocation.layout);
	if (error == 0)
		error = waybuf_storage_fill(storage, NULL, &allocation);
	if (error == 0)
		error = waybuf_storage_check_image(storage);
	if (error == 0)
		error = wrap_storage(manager, account, storage, out);
	if (error < 0)
		waybuf_storage_unref(storage);
	return error;
}

int waybuf_buffer_import(struct waybuf_manager *manager, struct waybuf_account *account,
	const struct waybuf_layout *layout, struct waybuf_buffer **out)
{
	int error = check_shape(layout);
	if (error < 0)
		return error;
	struct waybuf_storage *storage = find_storage(manager, layout);
	if (storage && storage->buffer && (storage->exporter || storage->account == account)) {
		*out = waybuf_buffer_ref(storage->buffer);
		return 0;
	}
	return import_foreign(manager, account, layout, out);
}
