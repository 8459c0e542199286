/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <gbm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

#include "exporter/exporter.h"
#include "util/fd.h"
#include "util/list.h"
#include "util/log.h"

/*
 * Images of the GPU's driver. It alone knows its tilings, so it decides strides and offsets, and we
 * read them back. The device has a DRM file of its own: the GEM handles that gbm closes behind our
 * back are then nobody else's.
 */
struct gbm_exporter {
	struct waybuf_exporter base;
	int fd;
	struct gbm_device *device;
	struct waybuf_format_modifier *pairs;
};

static const uint32_t formats[] = {
	DRM_FORMAT_XRGB8888,
	DRM_FORMAT_ARGB8888,
	DRM_FORMAT_XBGR8888,
	DRM_FORMAT_ABGR8888,
	DRM_FORMAT_RGB565,
	DRM_FORMAT_XRGB2101010,
	DRM_FORMAT_ARGB2101010,
	DRM_FORMAT_XBGR2101010,
	DRM_FORMAT_ABGR2101010,
	DRM_FORMAT_XBGR16161616F,
	DRM_FORMAT_ABGR16161616F,
	DRM_FORMAT_R8,
	DRM_FORMAT_GR88,
	DRM_FORMAT_NV12,
	DRM_FORMAT_P010,
};
#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

/* A linear image renders slower than what the driver would choose. */
#define COST_LINEAR 5

static struct gbm_exporter *gbm_exporter(struct waybuf_exporter *base)
{
	return waybuf_container_of(base, struct gbm_exporter, base);
}

static uint32_t usage(uint64_t modifier)
{
	return GBM_BO_USE_RENDERING | (modifier == DRM_FORMAT_MOD_LINEAR ? GBM_BO_USE_LINEAR : 0);
}

/* The fd of a plane, in the slot of an earlier plane if it is the same object. */
static int add_plane(struct waybuf_layout *layout, struct gbm_bo *bo, int plane)
{
	struct fd_id id, other;
	int fd = gbm_bo_get_fd_for_plane(bo, plane);
	if (fd < 0)
		return -EIO;
	int error = fd_identify(fd, &id);
	uint32_t slot = 0;
	for (; error == 0 && slot < layout->n_memory; slot++) {
		error = fd_identify(layout->memory[slot].fd, &other);
		if (error == 0 && fd_id_equal(&id, &other))
			break;
	}
	if (error == 0 && slot == layout->n_memory) {
		struct waybuf_memory *memory = &layout->memory[slot];
		*memory = (struct waybuf_memory){.fd = fd, .kind = WAYBUF_MEMORY_DMABUF};
		layout->n_memory++;
		error = fd_size(fd, &memory->size);
	} else {
		close(fd);
	}
	layout->planes[plane] = (struct waybuf_plane){
		.slot = slot,
		.offset = gbm_bo_get_offset(bo, plane),
		.stride = gbm_bo_get_stride_for_plane(bo, plane),
	};
	return error;
}

static int read_back(struct waybuf_allocation *allocation, struct gbm_bo *bo)
{
	struct waybuf_layout *layout = &allocation->layout;
	int n_planes = gbm_bo_get_plane_count(bo);
	if (n_planes < 1 || n_planes > WAYBUF_MAX_PLANES)
		return -EINVAL;
	layout->format = allocation->solution->format;
	layout->modifier = allocation->solution->modifier;
	layout->n_planes = (uint32_t)n_planes;
	layout->n_memory = 0;
	for (int i = 0; i < n_planes; i++) {
		int error = add_plane(layout, bo, i);
		if (error < 0) {
			exporter_close_memory(layout, layout->n_memory);
			return error;
		}
	}
	return 0;
}

static struct gbm_bo *create_bo(
	struct gbm_exporter *exporter, const struct waybuf_solution *solution)
{
	if (solution->modifier == DRM_FORMAT_MOD_INVALID)
		return gbm_bo_create(exporter->device, solution->width, solution->height,
			solution->format, usage(solution->modifier));
	return gbm_bo_create_with_modifiers2(exporter->device, solution->width, solution->height,
		solution->format, &solution->modifier, 1, usage(solution->modifier));
}

/* Drivers hand out zeroed memory: pages of others would be a security hole in the kernel. */
static int allocate(struct waybuf_exporter *base, struct waybuf_allocation *allocation)
{
	errno = 0;
	struct gbm_bo *bo = create_bo(gbm_exporter(base), allocation->solution);
	if (!bo) {
		int error = errno ? -errno : -EINVAL;
		waybuf_error("gbm_bo_create: %s", strerror(-error));
		return error;
	}
	int error = read_back(allocation, bo);
	gbm_bo_destroy(bo);
	return error;
}

static void destroy(struct waybuf_exporter *base)
{
	struct gbm_exporter *exporter = gbm_exporter(base);
	gbm_device_destroy(exporter->device);
	fd_close(&exporter->fd);
	free(exporter->pairs);
	free(exporter);
}

/* A question to tables of the driver, which never change. */
static uint32_t plane_count(struct waybuf_exporter *base, uint32_t format, uint64_t modifier)
{
	int n = gbm_device_get_format_modifier_plane_count(
		gbm_exporter(base)->device, format, modifier);
	return n > 0 ? (uint32_t)n : 0;
}

static const struct waybuf_exporter_ops ops = {
	.allocate = allocate,
	.release = exporter_release_nothing,
	.destroy = destroy,
	.plane_count = plane_count,
};

/* A GPU, not a display controller without one: it has a render node, which we open anew. */
static int open_render_node(int drm_fd)
{
	char *path = drmGetRenderDeviceNameFromFd(drm_fd);
	if (!path)
		return -ENODEV;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int error = -errno;
	free(path);
	return fd < 0 ? error : fd;
}

static int find_pairs(struct gbm_exporter *exporter)
{
	static const uint64_t modifiers[] = {DRM_FORMAT_MOD_INVALID, DRM_FORMAT_MOD_LINEAR};
	struct waybuf_exporter_caps *caps = &exporter->base.caps;
	exporter->pairs = calloc(2 * N_FORMATS, sizeof(*exporter->pairs));
	if (!exporter->pairs)
		return -ENOMEM;
	for (size_t i = 0; i < 2 * N_FORMATS; i++) {
		uint64_t modifier = modifiers[i % 2];
		if (!gbm_device_is_format_supported(
			    exporter->device, formats[i / 2], usage(modifier)))
			continue;
		exporter->pairs[caps->n_pairs++] = (struct waybuf_format_modifier){
			.format = formats[i / 2],
			.modifier = modifier,
			.cost = modifier == DRM_FORMAT_MOD_LINEAR ? COST_LINEAR : 0,
		};
	}
	caps->pairs = exporter->pairs;
	return caps->n_pairs ? 0 : -ENODEV;
}

static void fill_caps(struct gbm_exporter *exporter)
{
	struct stat st;
	exporter->base.ops = &ops;
	exporter->base.caps = (struct waybuf_exporter_caps){
		.name = "gbm",
		.kind = WAYBUF_EXPORTER_IMAGE,
		.is_dmabuf = true,
		.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
		.base_cost = EXPORTER_COST_GBM,
		.devnum = fstat(exporter->fd, &st) == 0 ? st.st_rdev : 0,
	};
}

int waybuf_gbm_exporter_create(int drm_fd, struct waybuf_exporter **out)
{
	struct gbm_exporter *exporter = calloc(1, sizeof(*exporter));
	if (!exporter)
		return -ENOMEM;
	int error = exporter->fd = open_render_node(drm_fd);
	if (error < 0)
		goto err_exporter;
	error = -ENODEV;
	exporter->device = gbm_create_device(exporter->fd);
	if (!exporter->device)
		goto err_fd;
	fill_caps(exporter);
	error = find_pairs(exporter);
	if (error < 0)
		goto err_device;
	*out = &exporter->base;
	return 0;

err_device:
	gbm_device_destroy(exporter->device);
	free(exporter->pairs);
err_fd:
	fd_close(&exporter->fd);
err_exporter:
	free(exporter);
	return error;
}
