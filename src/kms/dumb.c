/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "core/format.h"
#include "kms/dumb.h"
#include "util/fd.h"

static int map(struct waybuf_kms_device *device, struct waybuf_kms_dumb *dumb, uint32_t handle)
{
	uint64_t offset;
	int error = drmModeMapDumbBuffer(device->fd, handle, &offset);
	if (error)
		return error;
	void *pixels = mmap(
		NULL, dumb->size, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd, (off_t)offset);
	if (pixels == MAP_FAILED)
		return -errno;
	dumb->pixels = pixels;
	return 0;
}

/* @handle is in the table. */
static int fill_in(struct waybuf_kms_device *device, struct waybuf_kms_dumb *dumb, uint32_t handle,
	uint32_t pitch, struct waybuf_kms_why *why)
{
	struct waybuf_layout *layout = &dumb->layout;
	layout->memory[0].size = dumb->size;
	layout->planes[0].stride = pitch;
	layout->planes[0].rows = layout->height;
	int error = waybuf_gem_handles_export(device->handles, handle, &layout->memory[0].fd);
	if (!error)
		error = map(device, dumb, handle);
	if (!error)
		error = waybuf_kms_fb_create(device, layout, &dumb->fb, NULL, why);
	return error;
}

static int create(struct waybuf_kms_device *device, struct waybuf_kms_dumb *dumb,
	uint32_t bytes_per_pixel, struct waybuf_kms_why *why)
{
	struct waybuf_layout *layout = &dumb->layout;
	uint32_t handle, pitch;
	int error = drmModeCreateDumbBuffer(device->fd, layout->width, layout->height,
		bytes_per_pixel * 8, 0, &handle, &pitch, &dumb->size);
	if (!error)
		error = waybuf_gem_handles_adopt(device->handles, handle);
	if (error) {
		waybuf_kms_why_set(why, "%s gives no dumb buffer of %u x %u: %s", device->driver,
			layout->width, layout->height, strerror(-error));
		return error;
	}
	error = fill_in(device, dumb, handle, pitch, why);
	/* the framebuffer, the dma-buf and the map keep the memory */
	waybuf_gem_handles_drop(device->handles, handle);
	return error;
}

int waybuf_kms_dumb_create(struct waybuf_kms_device *device, uint32_t width, uint32_t height,
	uint32_t format, struct waybuf_kms_dumb **out, struct waybuf_kms_why *why)
{
	const struct waybuf_format *info = waybuf_format_get(format);
	if (!info || info->n_planes != 1 || info->block_width[0] != 1) {
		char fourcc[WAYBUF_FOURCC_LEN];
		waybuf_kms_why_set(
			why, "no dumb buffers of %s", waybuf_fourcc_string(format, fourcc));
		return -EOPNOTSUPP;
	}
	struct waybuf_kms_dumb *dumb = calloc(1, sizeof(*dumb));
	if (!dumb)
		return -ENOMEM;
	dumb->layout = (struct waybuf_layout){
		.generation = 1,
		.width = width,
		.height = height,
		.format = format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = 1,
		.n_memory = 1,
		.memory = {{.fd = -1, .kind = WAYBUF_MEMORY_DMABUF}},
		.exporter = "dumb",
	};
	int error = create(device, dumb, info->block_bytes[0], why);
	if (error) {
		waybuf_kms_dumb_destroy(dumb);
		return error;
	}
	*out = dumb;
	return 0;
}

void waybuf_kms_dumb_destroy(struct waybuf_kms_dumb *dumb)
{
	if (!dumb)
		return;
	waybuf_kms_fb_unref(dumb->fb);
	if (dumb->pixels)
		munmap(dumb->pixels, dumb->size);
	fd_close(&dumb->layout.memory[0].fd);
	free(dumb);
}

void waybuf_kms_dumb_fill(struct waybuf_kms_dumb *dumb, uint32_t color)
{
	const struct waybuf_plane *plane = &dumb->layout.planes[0];
	for (uint32_t y = 0; y < dumb->layout.height; y++) {
		char *row = (char *)dumb->pixels + (size_t)y * plane->stride;
		for (uint32_t x = 0; x < dumb->layout.width; x++)
			memcpy(row + (size_t)x * sizeof(color), &color, sizeof(color));
	}
}
