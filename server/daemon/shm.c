/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <wayland-server-protocol.h>

#include "core/account.h"
#include "core/format.h"
#include "daemon.h"
#include "pixels.h"
#include "shm.h"
#include "shm_plane.h"
#include "shm_wrap.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/shm_format.h"

/*
 * fds that are left for what others need at the moment. A recvmsg() that finds none drops what came
 * with the message, and libwayland takes that for a mistake of whoever sent it.
 */
#define FD_RESERVE 32

struct shm_pool {
	struct daemon *daemon;
	struct shm_mapping *mapping;
	struct shm_file *file; /* to map it again when it grows */
};

static void mapping_unref(struct shm_mapping *mapping)
{
	if (--mapping->refs > 0)
		return;
	shm_wrap_unref(mapping->wrap);
	shm_file_unref(mapping->file);
	if (mapping->account) {
		munmap(mapping->data, mapping->size);
		waybuf_account_discharge(mapping->account, WAYBUF_RESOURCE_FDS, 1);
		waybuf_account_unref(mapping->account);
	}
	free(mapping);
}

/* Huge pages cannot be replaced one by one when they are cut off, see util/sigbus.h. */
static int check_file(int fd)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	return fs.f_type == HUGETLBFS_MAGIC ? -EINVAL : 0;
}

static int map(struct shm_mapping *mapping, int fd)
{
	int error = check_file(fd);
	if (error < 0)
		return error;
	/* captures write into it, but not every client lets us */
	mapping->data = mmap(NULL, mapping->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	mapping->writable = mapping->data != MAP_FAILED;
	if (!mapping->writable)
		mapping->data = mmap(NULL, mapping->size, PROT_READ, MAP_SHARED, fd, 0);
	return mapping->data == MAP_FAILED ? -errno : 0;
}

/* @fd is borrowed. 0, -EDQUOT, -ENOMEM, or the errno of mmap(). */
static int mapping_create(
	struct waybuf_account *account, int fd, size_t size, struct shm_mapping **out)
{
	struct shm_mapping *mapping = account ? calloc(1, sizeof(*mapping)) : NULL;
	if (!mapping)
		return -ENOMEM;
	*mapping = (struct shm_mapping){.refs = 1, .size = size};
	/* a pool has one fd, and one mapping at least, of which there are few, too */
	int error = waybuf_account_charge(account, WAYBUF_RESOURCE_FDS, 1);
	if (error < 0)
		goto err_mapping;
	error = map(mapping, fd);
	if (error < 0)
		goto err_charge;
	mapping->account = waybuf_account_ref(account);
	*out = mapping;
	return 0;

err_charge:
	waybuf_account_discharge(account, WAYBUF_RESOURCE_FDS, 1);
err_mapping:
	free(mapping);
	return error;
}

/* Without a display there is no need to keep the file. */
static void set_file(
	struct shm_mapping *mapping, const struct daemon *daemon, struct shm_file *file)
{
	mapping->refusal = file->refusal;
	if (daemon->card && !mapping->refusal && !shm_wrap_exporter(daemon))
		mapping->refusal = "its memory is wl_shm, and there is no udmabuf to wrap it";
	if (daemon->card && !mapping->refusal)
		mapping->file = shm_file_ref(file);
}

static void buffer_drop(struct shm_buffer *buffer)
{
	if (buffer->resource || buffer->uses || buffer->refs)
		return;
	shm_fb_unref(buffer->fb);
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

static bool stride_valid(uint32_t format, int32_t width, int32_t stride)
{
	uint64_t least;
	const struct waybuf_format *info = waybuf_format_get(format);
	return info && width > 0 && stride > 0 &&
		waybuf_format_min_stride(info, 0, (uint64_t)width, &least) &&
		(uint64_t)stride >= least;
}

/* Takes @mapping on success. NULL: no memory. */
static struct shm_buffer *buffer_create(
	struct wl_client *client, uint32_t id, struct shm_mapping *mapping)
{
	struct shm_buffer *buffer = calloc(1, sizeof(*buffer));
	if (buffer)
		buffer->resource = wl_resource_create(client, &wl_buffer_interface, 1, id);
	if (!buffer || !buffer->resource) {
		free(buffer);
		return NULL;
	}
	buffer->mapping = mapping;
	wl_resource_set_implementation(buffer->resource, &buffer_impl, buffer, buffer_destroyed);
	return buffer;
}

struct shm_buffer *shm_buffer_create_pixel(
	struct wl_client *client, uint32_t id, uint32_t pixel, bool opaque)
{
	struct shm_mapping *mapping = calloc(1, sizeof(*mapping));
	struct shm_buffer *buffer = mapping ? buffer_create(client, id, mapping) : NULL;
	if (!buffer) {
		free(mapping);
		return NULL;
	}
	mapping->refs = 1;
	mapping->pixel = pixel;
	mapping->data = (char *)&mapping->pixel;
	mapping->size = sizeof(mapping->pixel);
	buffer->format = opaque ? DRM_FORMAT_XRGB8888 : DRM_FORMAT_ARGB8888;
	buffer->width = buffer->height = 1;
	buffer->stride = sizeof(mapping->pixel);
	return buffer;
}

static void handle_create_buffer(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, int32_t offset, int32_t width, int32_t height, int32_t stride, uint32_t wire)
{
	struct shm_pool *pool = wl_resource_get_user_data(resource);
	uint32_t format = shm_format_to_drm(wire);
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
	struct shm_buffer *buffer = buffer_create(client, id, pool->mapping);
	if (!buffer) {
		wl_client_post_no_memory(client);
		return;
	}
	buffer->mapping->refs++;
	buffer->format = format;
	buffer->width = (uint32_t)width;
	buffer->height = (uint32_t)height;
	buffer->stride = (uint32_t)stride;
	buffer->offset = (size_t)offset;
}

static void handle_pool_destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void post_unmappable(struct wl_resource *resource, int error)
{
	if (error == -EDQUOT || error == -EMFILE)
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FD,
			"too many pools: the memory cannot be kept");
	else
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FD,
			"the memory cannot be mapped: %s", strerror(-error));
}

static void handle_resize(struct wl_client *client, struct wl_resource *resource, int32_t size)
{
	struct shm_pool *pool = wl_resource_get_user_data(resource);
	if (size <= 0 || (size_t)size < pool->mapping->size) {
		wl_resource_post_error(resource, WL_SHM_ERROR_INVALID_FD, "a pool can only grow");
		return;
	}
	struct shm_mapping *mapping;
	int error = mapping_create(pool->mapping->account, pool->file->fd, (size_t)size, &mapping);
	if (error < 0) {
		post_unmappable(resource, error);
		return;
	}
	set_file(mapping, pool->daemon, pool->file);
	mapping_unref(pool->mapping);
	pool->mapping = mapping;
}

static const struct wl_shm_pool_interface pool_impl = {
	.create_buffer = handle_create_buffer,
	.destroy = handle_pool_destroy,
	.resize = handle_resize,
};

static void pool_finish(struct shm_pool *pool)
{
	mapping_unref(pool->mapping);
	shm_file_unref(pool->file);
	free(pool);
}

static void pool_destroyed(struct wl_resource *resource)
{
	pool_finish(wl_resource_get_user_data(resource));
}

/* @fd is taken on success. 0 or a negative errno. */
static int pool_create(struct daemon *daemon, struct waybuf_account *account, int fd, size_t size,
	struct shm_pool **out)
{
	struct shm_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->daemon = daemon;
	int error = fd_is_among_last(fd, FD_RESERVE) ? -EMFILE : 0;
	if (error == 0)
		error = mapping_create(account, fd, size, &pool->mapping);
	if (error < 0)
		goto err_pool;
	pool->file = shm_file_create(fd);
	if (!pool->file) {
		error = -ENOMEM;
		goto err_mapping;
	}
	set_file(pool->mapping, daemon, pool->file);
	*out = pool;
	return 0;

err_mapping:
	mapping_unref(pool->mapping);
err_pool:
	free(pool);
	return error;
}

static void handle_create_pool(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	int32_t fd, int32_t size)
{
	struct daemon *daemon = wl_resource_get_user_data(resource);
	struct shm_pool *pool;
	if (size <= 0) {
		wl_resource_post_error(
			resource, WL_SHM_ERROR_INVALID_STRIDE, "a pool of %d bytes", size);
		close(fd);
		return;
	}
	int error = pool_create(daemon, waybuf_server_client_account(daemon->server, client), fd,
		(size_t)size, &pool);
	if (error < 0) {
		post_unmappable(resource, error);
		close(fd);
		return;
	}
	struct wl_resource *made = wl_resource_create(
		client, &wl_shm_pool_interface, wl_resource_get_version(resource), id);
	if (!made) {
		pool_finish(pool);
		wl_client_post_no_memory(client);
		return;
	}
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
	wl_resource_set_implementation(resource, &shm_impl, data, NULL);
	uint32_t format;
	for (size_t i = 0; (format = pixels_format(i)) != 0; i++)
		wl_shm_send_format(resource, shm_format_from_drm(format));
}

struct wl_global *shm_create(struct daemon *daemon)
{
	return wl_global_create(daemon->display, &wl_shm_interface, 2, daemon, bind_shm);
}
