/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <drm_fourcc.h>
#include <wlr/interfaces/wlr_buffer.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/render/wlr_texture.h>

#include "compositor.h"

/*
 * A wl_buffer of libwaybuf-server as a wlr_buffer. wlroots keeps what it imports, textures and
 * framebuffers, with the wlr_buffer, so there is one for each wl_buffer and memory, and not one for
 * each commit: nothing is imported twice. It goes with its wl_buffer, or when the memory has become
 * another one.
 *
 * wlroots locks a wlr_buffer while it reads, and says `release` with the last lock. All uses that
 * commits have begun meanwhile end there, and with the last of them the client has the buffer back.
 */
struct client_buffer {
	struct wlr_buffer base;
	struct wl_listener resource_destroyed, released;
	uint32_t generation;
	/* with fds of its own, as the memory may move on; n_planes 0: nothing to show */
	struct wlr_dmabuf_attributes attributes;
	void *pixels; /* NULL: not mapped */
	size_t size;
	struct wl_list uses; // held_use.link
};

struct held_use {
	struct waybuf_use *use;
	struct wl_list link; // client_buffer.uses
};

/* ---- reading ------------------------------------------------------------------------------- */

static struct client_buffer *from_base(struct wlr_buffer *base)
{
	struct client_buffer *buffer = wl_container_of(base, buffer, base);
	return buffer;
}

static bool get_dmabuf(struct wlr_buffer *base, struct wlr_dmabuf_attributes *attributes)
{
	*attributes = from_base(base)->attributes;
	return attributes->n_planes > 0;
}

/* Opens or closes the CPU's access. */
static bool sync_cpu(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_READ};
	int ret;
	do {
		ret = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret == 0;
}

/*
 * The gate has waited for the fences that it was told of. A client of explicit synchronisation may
 * have left another one on the dma-buf, and the ioctl would wait for that, here in the event loop.
 */
static bool is_written(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	return poll(&poll_fd, 1, 0) == 0;
}

static bool map(struct client_buffer *buffer)
{
	const struct wlr_dmabuf_attributes *a = &buffer->attributes;
	if (buffer->pixels)
		return true;
	if (a->n_planes != 1 || a->modifier != DRM_FORMAT_MOD_LINEAR)
		return false;
	/* the offset need not be whole pages; the library has checked that all of it is there */
	size_t size = (size_t)a->offset[0] + (size_t)a->stride[0] * (size_t)a->height;
	void *pixels = mmap(NULL, size, PROT_READ, MAP_SHARED, a->fd[0], 0);
	if (pixels == MAP_FAILED)
		return false;
	buffer->pixels = pixels;
	buffer->size = size;
	return true;
}

/* For the pixman renderer, which would not show dma-bufs otherwise. */
static bool begin_access(
	struct wlr_buffer *base, uint32_t flags, void **data, uint32_t *format, size_t *stride)
{
	struct client_buffer *buffer = from_base(base);
	const struct wlr_dmabuf_attributes *a = &buffer->attributes;
	if ((flags & WLR_BUFFER_DATA_PTR_ACCESS_WRITE) || !map(buffer) || is_written(a->fd[0]) ||
		!sync_cpu(a->fd[0], DMA_BUF_SYNC_START))
		return false;
	*data = (char *)buffer->pixels + a->offset[0];
	*format = a->format;
	*stride = a->stride[0];
	return true;
}

static void end_access(struct wlr_buffer *base)
{
	sync_cpu(from_base(base)->attributes.fd[0], DMA_BUF_SYNC_END);
}

/* ---- release ------------------------------------------------------------------------------- */

/*
 * wlroots 0.18 does not say when its GPU is done, but drivers leave that on the dma-bufs. NULL, now,
 * where they do not.
 */
static struct waybuf_fence *reading_fence(const struct wlr_dmabuf_attributes *attributes)
{
	struct waybuf_fence *fences[WLR_DMABUF_MAX_PLANES], *merged = NULL;
	size_t n = 0;
	for (int i = 0; i < attributes->n_planes; i++)
		if (waybuf_dmabuf_export_fence(attributes->fd[i], true, &fences[n]) == 0)
			n++;
	if (n > 0 && waybuf_fence_merge(fences, n, &merged) < 0)
		merged = waybuf_fence_ref(fences[0]);
	while (n > 0)
		waybuf_fence_unref(fences[--n]);
	return merged;
}

static void end_uses(struct client_buffer *buffer)
{
	struct held_use *held, *next;
	struct waybuf_fence *fence = reading_fence(&buffer->attributes);
	wl_list_for_each_safe(held, next, &buffer->uses, link) {
		waybuf_use_end(held->use, fence);
		wl_list_remove(&held->link);
		free(held);
	}
	waybuf_fence_unref(fence);
}

static void handle_release(struct wl_listener *listener, void *data)
{
	struct client_buffer *buffer = wl_container_of(listener, buffer, released);
	end_uses(buffer);
}

static void destroy(struct wlr_buffer *base)
{
	struct client_buffer *buffer = from_base(base);
	end_uses(buffer);
	wl_list_remove(&buffer->released.link);
	if (buffer->pixels)
		munmap(buffer->pixels, buffer->size);
	wlr_dmabuf_attributes_finish(&buffer->attributes);
	free(buffer);
}

static const struct wlr_buffer_impl buffer_impl = {
	.destroy = destroy,
	.get_dmabuf = get_dmabuf,
	.begin_data_ptr_access = begin_access,
	.end_data_ptr_access = end_access,
};

/* ---- making -------------------------------------------------------------------------------- */

/* Memory that is no dma-buf, which a client can have without telling the display, is not shown. */
static bool copy_layout(
	const struct waybuf_layout *layout, struct wlr_dmabuf_attributes *attributes)
{
	attributes->format = layout->format;
	attributes->modifier = layout->modifier;
	attributes->width = (int32_t)layout->width;
	attributes->height = (int32_t)layout->height;
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		const struct waybuf_plane *plane = &layout->planes[i];
		const struct waybuf_memory *memory = &layout->memory[plane->slot];
		int fd = memory->kind == WAYBUF_MEMORY_DMABUF
			? fcntl(memory->fd, F_DUPFD_CLOEXEC, 0)
			: -1;
		if (fd < 0) {
			wlr_dmabuf_attributes_finish(attributes);
			return false;
		}
		attributes->fd[i] = fd;
		attributes->offset[i] = plane->offset;
		attributes->stride[i] = plane->stride;
		attributes->n_planes = (int)i + 1;
	}
	return true;
}

/* @layout NULL: nothing to show. */
static struct client_buffer *create(const struct waybuf_layout *layout)
{
	struct client_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return NULL;
	if (layout && copy_layout(layout, &buffer->attributes))
		buffer->generation = layout->generation;
	wl_list_init(&buffer->uses);
	/* with 0 x 0 pixels the window would be gone, and not keep its picture */
	wlr_buffer_init(&buffer->base, &buffer_impl, layout ? (int)layout->width : 1,
		layout ? (int)layout->height : 1);
	buffer->released.notify = handle_release;
	wl_signal_add(&buffer->base.events.release, &buffer->released);
	return buffer;
}

/* wlroots destroys it when it reads no more. */
static void detach(struct client_buffer *buffer)
{
	wl_list_remove(&buffer->resource_destroyed.link);
	wlr_buffer_drop(&buffer->base);
}

static void handle_resource_destroyed(struct wl_listener *listener, void *data)
{
	struct client_buffer *buffer = wl_container_of(listener, buffer, resource_destroyed);
	detach(buffer);
}

static struct client_buffer *get(struct wl_resource *resource, const struct waybuf_layout *layout)
{
	struct wl_listener *listener =
		wl_resource_get_destroy_listener(resource, handle_resource_destroyed);
	struct client_buffer *buffer = NULL;
	if (listener)
		buffer = wl_container_of(listener, buffer, resource_destroyed);
	if (buffer && buffer->generation == (layout ? layout->generation : 0))
		return buffer;
	if (buffer)
		detach(buffer);
	buffer = create(layout);
	if (!buffer)
		return NULL;
	buffer->resource_destroyed.notify = handle_resource_destroyed;
	wl_resource_add_destroy_listener(resource, &buffer->resource_destroyed);
	return buffer;
}

/* ---- for wlroots --------------------------------------------------------------------------- */

/*
 * wlr_surface does not tell its listeners which wl_buffer a commit brings, but asks for each of
 * them here just before it calls them. Compared and handed on within that call only.
 */
static struct wl_resource *asked;

static bool is_instance(struct wl_resource *resource)
{
	struct waybuf_server_buffer_info info;
	asked = resource;
	return waybuf_server_buffer_get_info(resource, &info) == 0;
}

/*
 * Called in each commit that brings this wl_buffer. The use is the hold on the memory that is
 * imported; the one that belongs to the commit comes from commits.c.
 */
static struct wlr_buffer *from_resource(struct wl_resource *resource)
{
	struct waybuf_use *use;
	struct waybuf_grant grant = {0};
	if (waybuf_use_begin(resource, &use) < 0)
		return NULL;
	/* what nobody has drawn, or what has failed, shows nothing: the window keeps its picture */
	if (waybuf_use_latch(use, &grant) < 0)
		grant.layout = NULL;
	struct client_buffer *buffer = get(resource, grant.layout);
	if (!buffer || !buffers_hold(&buffer->base, use)) {
		waybuf_use_end(use, NULL);
		return NULL;
	}
	return &buffer->base;
}

void buffers_register(void)
{
	static const struct wlr_buffer_resource_interface interface = {
		.name = "waybuf",
		.is_instance = is_instance,
		.from_resource = from_resource,
	};
	wlr_buffer_register_resource_interface(&interface);
}

struct wl_resource *buffers_asked(void)
{
	return asked;
}

bool buffers_hold(struct wlr_buffer *base, struct waybuf_use *use)
{
	struct held_use *held = calloc(1, sizeof(*held));
	if (!held)
		return false;
	held->use = use;
	wl_list_insert(&from_base(base)->uses, &held->link);
	return true;
}

/* ---- tests --------------------------------------------------------------------------------- */

/* Of pixman: that it can be mapped. It is not opened here, as it may still be drawn. */
bool buffers_test(struct wlr_renderer *renderer, const struct waybuf_layout *layout)
{
	struct client_buffer *buffer = create(layout);
	if (!buffer)
		return false;
	bool ok = false;
	if (!wlr_renderer_get_texture_formats(renderer, WLR_BUFFER_CAP_DMABUF)) {
		ok = map(buffer);
	} else if (buffer->attributes.n_planes > 0) {
		struct wlr_texture *texture = wlr_texture_from_buffer(renderer, &buffer->base);
		ok = texture;
		if (texture)
			wlr_texture_destroy(texture);
	}
	wlr_buffer_drop(&buffer->base);
	return ok;
}
