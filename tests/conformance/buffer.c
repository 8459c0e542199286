/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "kit.h"
#include "linux-dmabuf-v1-client-protocol.h"

/*
 * Buffers, black and never drawn into: what is in them is not looked at. The memory comes from the
 * first place that has some: the system's dma-heap, udmabuf, dumb buffers.
 */

/* What displays ask of a linear buffer's stride, as far as is known. */
#define STRIDE_ALIGN 256

/* ---- memory; each gives a dma-buf, or -1 ----------------------------------------------------- */

static int from_heap(size_t size)
{
	struct dma_heap_allocation_data data = {.len = size, .fd_flags = O_RDWR | O_CLOEXEC};
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	int ret = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data);
	close(heap);
	return ret < 0 ? -1 : (int)data.fd;
}

static int from_udmabuf(size_t size)
{
	int memory = memfd_create("conformance", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int fd = -1;
	struct udmabuf_create create = {
		.memfd = (uint32_t)memory,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = size,
	};
	if (ftruncate(memory, (off_t)size) == 0 && fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK) == 0)
		fd = ioctl(device, UDMABUF_CREATE, &create);
	close(device);
	close(memory);
	return fd;
}

/* Lives as long as the dma-buf. */
static int from_dumb(int drm, size_t size)
{
	struct drm_mode_create_dumb create = {
		.width = 1024,
		.height = (uint32_t)(size / 4096),
		.bpp = 32,
	};
	int fd = -1;
	if (drm < 0 || drmIoctl(drm, DRM_IOCTL_MODE_CREATE_DUMB, &create) < 0)
		return -1;
	if (create.size >= size)
		drmPrimeHandleToFD(drm, create.handle, DRM_CLOEXEC | DRM_RDWR, &fd);
	struct drm_mode_destroy_dumb destroy = {.handle = create.handle};
	drmIoctl(drm, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
	return fd;
}

static int make_dmabuf(int drm, size_t size)
{
	size = (size + 4095) / 4096 * 4096;
	int fd = from_heap(size);
	if (fd < 0)
		fd = from_udmabuf(size);
	if (fd < 0)
		fd = from_dumb(drm, size);
	if (fd < 0)
		SKIP("there is no memory for dma-bufs: no dma-heap, udmabuf or dumb buffers");
	return fd;
}

/* ---- buffers --------------------------------------------------------------------------------- */

static void handle_created(
	void *data, struct zwp_linux_buffer_params_v1 *params, struct wl_buffer *wl_buffer)
{
	struct buffer *buffer = data;
	buffer->wl_buffer = wl_buffer;
	buffer->created++;
}

static void handle_failed(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	struct buffer *buffer = data;
	buffer->failed++;
	buffer->created++;
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
	.created = handle_created,
	.failed = handle_failed,
};

static uint32_t stride_of(int32_t width)
{
	return ((uint32_t)width * 4 + STRIDE_ALIGN - 1) / STRIDE_ALIGN * STRIDE_ALIGN;
}

static void import(
	struct buffer *buffer, struct client *client, int fd, int32_t width, int32_t height)
{
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add_listener(params, &params_listener, buffer);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, stride_of(width),
		DRM_FORMAT_MOD_LINEAR >> 32, DRM_FORMAT_MOD_LINEAR & UINT32_MAX);
	zwp_linux_buffer_params_v1_create(params, width, height, DRM_FORMAT_XRGB8888, 0);
	EXPECT(client_wait(client, &buffer->created, 1, PATIENCE_MS),
		"zwp_linux_buffer_params_v1.create is not answered");
	zwp_linux_buffer_params_v1_destroy(params);
}

void buffer_init(struct buffer *buffer, struct client *client, int32_t width, int32_t height)
{
	*buffer = (struct buffer){0};
	timeline_init(&buffer->acquire, client);
	timeline_init(&buffer->release, client);
	if (!client->dmabuf)
		SKIP("the server does not offer zwp_linux_dmabuf_v1");
	int fd = make_dmabuf(client->drm, (size_t)stride_of(width) * (size_t)height);
	import(buffer, client, fd, width, height);
	close(fd);
	if (buffer->failed)
		SKIP("the server does not take a linear XRGB8888 dma-buf of system memory");
}

void buffer_init_shm(struct buffer *buffer, struct client *client, int32_t width, int32_t height)
{
	size_t size = (size_t)stride_of(width) * (size_t)height;
	*buffer = (struct buffer){0};
	timeline_init(&buffer->acquire, client);
	timeline_init(&buffer->release, client);
	if (!client->shm)
		SKIP("the server does not offer wl_shm");
	int fd = memfd_create("conformance", MFD_CLOEXEC);
	EXPECT(ftruncate(fd, (off_t)size) == 0, "no shared memory to be had");
	struct wl_shm_pool *pool = wl_shm_create_pool(client->shm, fd, (int32_t)size);
	buffer->wl_buffer = wl_shm_pool_create_buffer(
		pool, 0, width, height, (int32_t)stride_of(width), WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	close(fd);
}
