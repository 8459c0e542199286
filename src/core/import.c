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
 * asked of the kernel, once, and the layout has to fit into that.
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

static int import_memory(int fd, struct waybuf_memory *memory, struct fd_id *id)
{
	int error = check_kind(fd, memory);
	if (error == 0)
		error = fd_size(fd, &memory->size);
	if (error == 0)
		error = fd_identify(fd, id);
	if (error == 0)
		error = memory->fd = fd_dup(fd);
	return error < 0 ? error : 0;
}

/* The layout with fds of our own. */
static int import_layout(
	const struct waybuf_layout *from, struct waybuf_layout *to, struct fd_id *ids)
{
	*to = *from;
	for (to->n_memory = 0; to->n_memory < from->n_memory; to->n_memory++) {
		uint32_t slot = to->n_memory;
		int error = import_memory(from->memory[slot].fd, &to->memory[slot], &ids[slot]);
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
	struct waybuf_manager *manager, const struct waybuf_layout *layout, const struct fd_id *ids)
{
	struct waybuf_storage *found = NULL;
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		uint32_t slot;
		struct waybuf_storage *storage =
			waybuf_storage_find(manager, &ids[layout->planes[i].slot], &slot);
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

/* The fds of @layout are taken, on failure too. */
static int import_foreign(struct waybuf_manager *manager, struct waybuf_account *account,
	struct waybuf_layout *layout, const struct fd_id *ids, struct waybuf_buffer **out)
{
	struct waybuf_storage *storage = waybuf_storage_create(manager, account);
	if (!storage) {
		exporter_close_memory(layout, layout->n_memory);
		return -ENOMEM;
	}
	const struct waybuf_allocation allocation = {.layout = *layout};
	int error = waybuf_storage_fill_known(storage, NULL, &allocation, ids);
	if (error == 0)
		error = waybuf_storage_check_image(storage);
	if (error == 0)
		error = wrap_storage(manager, account, storage, out);
	if (error < 0)
		waybuf_storage_unref(storage);
	return error;
}

int waybuf_buffer_import_checked(struct waybuf_manager *manager, struct waybuf_account *account,
	struct waybuf_layout *layout, const struct fd_id *ids, struct waybuf_buffer **out)
{
	int error = check_shape(layout);
	if (error < 0)
		goto out_close;
	struct waybuf_storage *storage = find_storage(manager, layout, ids);
	if (storage && storage->buffer && (storage->exporter || storage->account == account)) {
		*out = waybuf_buffer_ref(storage->buffer);
		goto out_close;
	}
	layout->exporter = "foreign";
	return import_foreign(manager, account, layout, ids, out);

out_close:
	exporter_close_memory(layout, layout->n_memory);
	return error;
}

int waybuf_buffer_import(struct waybuf_manager *manager, struct waybuf_account *account,
	const struct waybuf_layout *layout, struct waybuf_buffer **out)
{
	struct waybuf_layout own;
	struct fd_id ids[WAYBUF_MAX_PLANES];
	int error = check_shape(layout);
	if (error == 0)
		error = import_layout(layout, &own, ids);
	if (error < 0)
		return error;
	return waybuf_buffer_import_checked(manager, account, &own, ids, out);
}
