/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <wayland-server-protocol.h>

#include "core/format.h"
#include "pixels.h"
#include "shm.h"
#include "util/checked.h"
#include "util/fd.h"

struct shm_pool {
	struct shm_mapping *mapping;
};

static void mapping_unref(struct shm_mapping *mapping)
{
	if (--mapping->refs > 0)
		return;
	munmap(mapping->data, mapping->size);
	fd_close(&mapping->fd);
	free(mapping);
}

/* @fd is taken, on failure too. NULL and errno. */
static struct shm_mapping *mapping_create(int fd, size_t size)
{
	struct shm_mapping *mapping = calloc(1, sizeof(*mapping));
	if (!mapping) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	int seals = fcntl(fd, F_GET_SEALS);
	uint64_t file_size = 0;
	*mapping = (struct shm_mapping){.refs = 1, .fd = fd, .size = size};
	mapping->sealed = seals >= 0 && (seals & F_SEAL_SHRINK) && fd_size(fd, &file_size) == 0 &&
		file_size >= size;
	/* captures write into it, but not every client lets us */
	mapping->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	mapping->writable = mapping->data != MAP_FAILED;
	if (!mapping->writable)
		mapping->data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (mapping->data == MAP_FAILED) {
		int error = errno;
		close(fd);
		free(mapping);
		errno = error;
		return NULL;
	}
	return mapping;
}

static void buffer_drop(struct shm_buffer *buffer)
{
	if (buffer->resource || buffer->uses || buffer->refs)
		return;
	mapping_unref(buffer->mapping);
	free(buffer);
}

static void handle_buffer_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_buffer_interface buffer_impl = {.destroy = handle_buffer_destroy};

static void buffer_destroyed(struct wl_resource *resource)
{
	struct shm_buffer *buffer = wl_resource_get_user_data(resource);
	buffer->resource = NULL;
	buffer_drop(buffer);
}

struct shm_buffer *shm_buffer_from_resource(struct wl_resource *resource)
{
	if (!wl_resource_instance_of(resource, &wl_buffer_interface, &buffer_impl))
		return NULL;
	return wl_resource_get_user_data(resource);
}

void shm_buffer_use(struct shm_buffer *buffer)
{
	buffer->uses++;
}

void shm_buffer_end_use(struct shm_buffer *buffer)
{
	if (--buffer->uses == 0 && buffer->resource)
		wl_buffer_send_release(buffer->resource);
	buffer_drop(buffer);
}

void shm_buffer_ref(struct shm_buffer *buffer)
{
	buffer->refs++;
}

void shm_buffer_unref(struct shm_buffer *buffer)
{
	buffer->refs--;
	buffer_drop(buffer);
}

void shm_buffer_blame(struct shm_buffer *buffer)
{
	if (buffer->resource)
		wl_resource_post_error(
			buffer->resource, WL_SHM_ERROR_INVALID_FD, "the memory was cut off");
}

/* wl_shm has numbers of its own for the two formats that everybody has. */
static uint32_t to_drm(uint32_t format)
{
	if (format == WL_SHM_FORMAT_ARGB8888)
		return DRM_FORMAT_ARGB8888;
	return format == WL_SHM_FORMAT_XRGB8888 ? DRM_FORMAT_XRGB8888 : format;
}

static uint32_t from_drm(uint32_t format)
{
	if (format == DRM_FORMAT_ARGB8888)
		return WL_SHM_FORMAT_ARGB8888;
	return format == DRM_FORMAT_XRGB8888 ? WL_SHM_FORMAT_XRGB8888 : format;
}

static bool stride_valid(uint32_t format, int32_t width, int32_t stride)
{
	uint64_t least;
	const struct waybuf_format *info = waybuf_format_get(format);
	return info && width > 0 && stride > 0 &&
		waybuf_format_min_stride(info, 0, (uint64_t)width, &least) &&
		(uint64_t)stride >= least;
}

static void handle_create_buffer(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, int32_t offset, int32_t width, int32_t height, int32_t stride, uint32_t wire)
{
	struct shm_pool *pool = wl_resource_get_user_data(resource);
	uint32_t format = to_drm(wire);
	uint64_t size, end;
	if (!pixels_readable(format)) {
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FORMAT,
			"the format 0x%08x was not offered", wire);
		return;
	}
	if (offset < 0 || height <= 0 || !stride_valid(format, width, stride) ||
		!checked_mul((uint64_t)stride, (uint64_t)height, &size) ||
		!checked_add(size, (uint64_t)offset, &end) || end > pool->mapping->size) {
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_STRIDE,
			"%d x %d with stride %d at %d does not lie in a pool of %zu bytes", width,
			height, stride, offset, pool->mapping->size);
		return;
	}
	struct shm_buffer *buffer = calloc(1, sizeof(*buffer));
	if (buffer)
		buffer->resource = wl_resource_create(client, &wl_buffer_interface, 1, id);
	if (!buffer || !buffer->resource) {
		free(buffer);
		wl_client_post_no_memory(client);
		return;
	}
	buffer->mapping = pool->mapping;
	buffer->mapping->refs++;
	buffer->format = format;
	buffer->width = (uint32_t)width;
	buffer->height = (uint32_t)height;
	buffer->stride = (uint32_t)stride;
	buffer->offset = (size_t)offset;
	wl_resource_set_implementation(buffer->resource, &buffer_impl, buffer, buffer_destroyed);
}

static void handle_pool_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void handle_resize(struct wl_client *client, struct wl_resource *resource, int32_t size)
{
	struct shm_pool *pool = wl_resource_get_user_data(resource);
	if (size <= 0 || (size_t)size < pool->mapping->size) {
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FD, "a pool can only grow");
		return;
	}
	int fd = fd_dup(pool->mapping->fd);
	struct shm_mapping *mapping = NULL;
	errno = -fd;
	if (fd >= 0)
		mapping = mapping_create(fd, (size_t)size);
	if (!mapping) {
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FD,
			"the memory cannot be mapped: %s", strerror(errno));
		return;
	}
	mapping_unref(pool->mapping);
	pool->mapping = mapping;
}

static const struct wl_shm_pool_interface pool_impl = {
	.create_buffer = handle_create_buffer,
	.destroy = handle_pool_destroy,
	.resize = handle_resize,
};

static void pool_destroyed(struct wl_resource *resource)
{
	struct shm_pool *pool = wl_resource_get_user_data(resource);
	mapping_unref(pool->mapping);
	free(pool);
}

static void handle_create_pool(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t fd, int32_t size)
{
	if (size <= 0) {
		wl_resource_post_error(
			resource, WL_SHM_ERROR_INVALID_STRIDE, "a pool of %d bytes", size);
		close(fd);
		return;
	}
	struct shm_mapping *mapping = mapping_create(fd, (size_t)size);
	if (!mapping) {
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FD,
			"the memory cannot be mapped: %s", strerror(errno));
		return;
	}
	struct shm_pool *pool = calloc(1, sizeof(*pool));
	struct wl_resource *made = NULL;
	if (pool)
		made = wl_resource_create(
			client, &wl_shm_pool_interface, wl_resource_get_version(resource), id);
	if (!made) {
		free(pool);
		mapping_unref(mapping);
		wl_client_post_no_memory(client);
		return;
	}
	pool->mapping = mapping;
	wl_resource_set_implementation(made, &pool_impl, pool, pool_destroyed);
}

static void handle_release(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_shm_interface shm_impl = {
	.create_pool = handle_create_pool,
	.release = handle_release,
};

static void bind_shm(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource =
		wl_resource_create(client, &wl_shm_interface, (int)version, id);
	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &shm_impl, NULL, NULL);
	uint32_t format;
	for (size_t i = 0; (format = pixels_format(i)) != 0; i++)
		wl_shm_send_format(resource, from_drm(format));
}

struct wl_global *shm_create(struct wl_display *display)
{
	return wl_global_create(display, &wl_shm_interface, 2, NULL, bind_shm);
}
