/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>
#include <wayland-server-core.h>

#include <waybuf/cpu_access.h>
#include <waybuf/fence.h>
#include <waybuf/server.h>

#include "capture_target.h"
#include "core/account.h"
#include "core/cpu_access.h"
#include "daemon.h"
#include "kms/writeback.h"
#include "output.h"

uint32_t capture_target_format(size_t index)
{
	static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888};
	return index < sizeof(formats) / sizeof(formats[0]) ? formats[index] : 0;
}

static bool has_format(uint32_t format)
{
	for (size_t i = 0; capture_target_format(i); i++)
		if (capture_target_format(i) == format)
			return true;
	return false;
}

static bool image_fits(const struct output *output, const struct render_image *image)
{
	return image->width == output->width && image->height == output->height &&
		image->stride % 4 == 0 && has_format(image->format);
}

void capture_target_unref(struct capture_target *target)
{
	if (!target || --target->refs > 0)
		return;
	if (target->image.shm)
		shm_buffer_unref(target->image.shm);
	waybuf_kms_fb_unref(target->fb);
	render_import_destroy(target->import);
	waybuf_cpu_destroy(target->cpu);
	waybuf_buffer_unref(target->buffer);
	free(target);
}

static int get_shm(const struct output *output, struct shm_buffer *shm, struct capture_target **out)
{
	const struct render_image image = render_image_of_shm(shm);
	if (!image_fits(output, &image) || !shm->mapping->writable || shm->offset % 4 ||
		shm_buffer_is_pixel(shm))
		return -EINVAL;
	struct capture_target *target = calloc(1, sizeof(*target));
	if (!target)
		return -ENOMEM;
	shm_buffer_ref(shm);
	target->refs = 1;
	target->image = image;
	*out = target;
	return 0;
}

/* ---- dma-bufs ------------------------------------------------------------------------------ */

/* Ties a target to a wl_buffer, until the client destroys it. */
struct tracker {
	struct wl_listener destroyed;
	struct capture_target *target;
};

static void handle_destroyed(struct wl_listener *listener, void *data)
{
	struct tracker *tracker = wl_container_of(listener, tracker, destroyed);
	capture_target_unref(tracker->target);
	free(tracker);
}

static bool may_write(const struct waybuf_memory *memory)
{
	int flags = fcntl(memory->fd, F_GETFL);
	return flags >= 0 && (flags & O_ACCMODE) == O_RDWR;
}

/* NULL, or what can be written to: one linear plane of memory that is the client's own. */
static const struct waybuf_layout *find_layout(
	struct wl_resource *resource, struct waybuf_buffer **buffer)
{
	struct waybuf_server_buffer_info info;
	if (waybuf_server_buffer_get_info(resource, &info) < 0 || info.follows || info.flags)
		return NULL;
	*buffer = waybuf_buffer_from_resource(resource);
	const struct waybuf_layout *layout = *buffer ? waybuf_buffer_layout(*buffer) : NULL;
	if (!layout || strcmp(layout->exporter, "foreign") != 0 ||
		layout->modifier != DRM_FORMAT_MOD_LINEAR || layout->n_planes != 1 ||
		layout->n_memory != 1 || layout->planes[0].offset % 4 ||
		!may_write(&layout->memory[0]))
		return NULL;
	return layout;
}

static int make(struct waybuf_buffer *buffer, const struct waybuf_layout *layout,
	const struct render_image *image, struct capture_target **out)
{
	struct capture_target *target = calloc(1, sizeof(*target));
	if (!target)
		return -ENOMEM;
	*target = (struct capture_target){.refs = 1, .image = *image, .layout = *layout};
	int ret = waybuf_cpu_create(&target->layout.memory[0], "capture", 0, &target->cpu);
	if (ret < 0) {
		free(target);
		return ret;
	}
	target->buffer = waybuf_buffer_ref(buffer);
	target->image.cpu = target->cpu;
	target->image.offset = (size_t)layout->planes[0].offset;
	target->image.layout = &target->layout;
	target->image.import = &target->import;
	*out = target;
	return 0;
}

static int track(struct wl_resource *resource, struct capture_target *target)
{
	struct tracker *tracker = calloc(1, sizeof(*tracker));
	if (!tracker)
		return -ENOMEM;
	tracker->target = target;
	tracker->destroyed.notify = handle_destroyed;
	wl_resource_add_destroy_listener(resource, &tracker->destroyed);
	target->refs++;
	return 0;
}

static int make_tracked(
	const struct output *output, struct wl_resource *resource, struct capture_target **out)
{
	struct waybuf_buffer *buffer;
	const struct waybuf_layout *layout = find_layout(resource, &buffer);
	if (!layout)
		return -EINVAL;
	const struct render_image image = {
		.width = layout->width,
		.height = layout->height,
		.stride = layout->planes[0].stride,
		.format = layout->format,
	};
	if (!image_fits(output, &image))
		return -EINVAL;
	int ret = make(buffer, layout, &image, out);
	if (ret < 0)
		return ret;
	const struct waybuf_account *account = waybuf_server_client_account(
		output->daemon->server, wl_resource_get_client(resource));
	(*out)->cpu->owner = account ? account->id : 0;
	ret = track(resource, *out);
	if (ret < 0)
		capture_target_unref(*out);
	return ret;
}

static int get_dmabuf(
	const struct output *output, struct wl_resource *resource, struct capture_target **out)
{
	struct wl_listener *listener = wl_resource_get_destroy_listener(resource, handle_destroyed);
	if (!listener)
		return make_tracked(output, resource, out);
	struct tracker *tracker = wl_container_of(listener, tracker, destroyed);
	/* the output may be another one by now */
	if (!image_fits(output, &tracker->target->image))
		return -EINVAL;
	tracker->target->refs++;
	*out = tracker->target;
	return 0;
}

int capture_target_get(
	const struct output *output, struct wl_resource *buffer, struct capture_target **out)
{
	struct shm_buffer *shm = shm_buffer_from_resource(buffer);
	return shm ? get_shm(output, shm, out) : get_dmabuf(output, buffer, out);
}

struct waybuf_fence *capture_target_fence(const struct capture_target *target)
{
	struct waybuf_fence *fence;
	if (!target->cpu ||
		waybuf_dmabuf_export_fence(target->layout.memory[0].fd, true, &fence) < 0)
		return NULL;
	return fence;
}

/*
 * What a writeback leaves in alpha is the hardware's affair, so that only what has none is for it. And
 * the kernel waits for no fences of such a framebuffer: where it cannot tell them it must not be asked.
 */
struct waybuf_kms_fb *capture_target_fb(struct capture_target *target, const struct output *output)
{
	const struct waybuf_kms_connector *connector;
	if (!target->cpu || target->tried || output->headless)
		return target->fb;
	target->tried = true;
	connector = waybuf_kms_writeback_find(output->kms, output->crtc);
	struct waybuf_fence *fence = capture_target_fence(target);
	struct waybuf_kms_why why;
	if (connector && fence && target->image.format == DRM_FORMAT_XRGB8888)
		waybuf_kms_fb_create(output->kms, &target->layout, &target->fb, NULL, &why);
	waybuf_fence_unref(fence);
	return target->fb;
}

void capture_target_refuse(struct capture_target *target)
{
	waybuf_kms_fb_unref(target->fb);
	target->fb = NULL;
	target->tried = true;
}
