/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>

#include "core/format.h"
#include "core/manager.h"
#include "core/probe_pairs.h"
#include "exporter/exporter.h"
#include "util/checked.h"

/* What all that is known reads in rows; planes begin in a page of their own. */
#define STRIDE_MULTIPLE 256
#define PLANE_MULTIPLE 4096

struct probe {
	uint32_t width, height;
	struct waybuf_probed_pair *pairs;
	size_t n;
	int (*test)(void *data, const struct waybuf_layout *layout);
	void *data;
};

static void try(const struct probe *probe, struct waybuf_probed_pair *pair,
	struct waybuf_layout *layout, const struct waybuf_exporter *exporter)
{
	layout->generation = 1;
	layout->width = probe->width;
	layout->height = probe->height;
	layout->format = pair->format;
	layout->modifier = pair->modifier;
	layout->exporter = exporter->caps.name;
	pair->taken = probe->test(probe->data, layout) == 0;
}

/* ---- memory in which any linear image can be ------------------------------------------------- */

/* The planes one after the other; false if there is no such image. */
static bool lay_out(const struct probe *probe, const struct waybuf_probed_pair *pair,
	struct waybuf_layout *layout, uint64_t *size)
{
	const struct waybuf_format *format = waybuf_format_get(pair->format);
	if (!format || pair->modifier != DRM_FORMAT_MOD_LINEAR)
		return false;
	layout->n_planes = format->n_planes;
	*size = 0;
	for (uint32_t i = 0; i < format->n_planes; i++) {
		struct waybuf_plane *plane = &layout->planes[i];
		uint64_t stride, bytes, rows = waybuf_format_plane_height(format, i, probe->height);
		*plane = (struct waybuf_plane){.rows = (uint32_t)rows};
		if (!waybuf_format_min_stride(format, i, probe->width, &stride) ||
			!checked_round_up(stride, STRIDE_MULTIPLE, &stride) ||
			!checked_u32(stride, &plane->stride) ||
			!checked_u32(*size, &plane->offset) || !checked_mul(stride, rows, &bytes) ||
			!checked_add(*size, bytes, size) ||
			!checked_round_up(*size, PLANE_MULTIPLE, size))
			return false;
	}
	return true;
}

static uint64_t largest(const struct probe *probe)
{
	uint64_t size, most = 0;
	struct waybuf_layout layout;
	for (size_t i = 0; i < probe->n; i++) {
		if (!probe->pairs[i].taken && lay_out(probe, &probe->pairs[i], &layout, &size) &&
			size > most)
			most = size;
	}
	return most;
}

/* One memory does for all. */
static void try_raw(const struct probe *probe, struct waybuf_exporter *exporter)
{
	const struct waybuf_solution solution = {
		.n_memory = 1,
		.memory_size = {largest(probe)},
	};
	struct waybuf_allocation allocation = {.solution = &solution, .name = "probe"};
	if (solution.memory_size[0] == 0 || exporter->ops->allocate(exporter, &allocation) < 0)
		return;
	for (size_t i = 0; i < probe->n; i++) {
		struct waybuf_layout layout = allocation.layout;
		uint64_t size;
		if (!probe->pairs[i].taken && lay_out(probe, &probe->pairs[i], &layout, &size))
			try(probe, &probe->pairs[i], &layout, exporter);
	}
	exporter_close_memory(&allocation.layout, allocation.layout.n_memory);
	exporter->ops->release(exporter, allocation.priv);
}

/* ---- images as a driver makes them ----------------------------------------------------------- */

/* What it does not know is not asked of it: a driver complains loudly. */
static bool is_known(struct waybuf_exporter *exporter, const struct waybuf_probed_pair *pair)
{
	return exporter->ops->plane_count &&
		exporter->ops->plane_count(exporter, pair->format, pair->modifier) > 0;
}

static void try_image(const struct probe *probe, struct waybuf_exporter *exporter)
{
	for (size_t i = 0; i < probe->n; i++) {
		struct waybuf_probed_pair *pair = &probe->pairs[i];
		const struct waybuf_solution solution = {
			.format = pair->format,
			.modifier = pair->modifier,
			.width = probe->width,
			.height = probe->height,
		};
		struct waybuf_allocation allocation = {.solution = &solution, .name = "probe"};
		if (pair->taken || !is_known(exporter, pair) ||
			exporter->ops->allocate(exporter, &allocation) < 0)
			continue;
		try(probe, pair, &allocation.layout, exporter);
		exporter_close_memory(&allocation.layout, allocation.layout.n_memory);
		exporter->ops->release(exporter, allocation.priv);
	}
}

int waybuf_probe_pairs(int drm_fd, uint32_t width, uint32_t height,
	struct waybuf_probed_pair *pairs, size_t n,
	int (*test)(void *data, const struct waybuf_layout *layout), void *data)
{
	const struct probe probe = {width, height, pairs, n, test, data};
	struct waybuf_manager *manager;
	int ret = waybuf_manager_create(NULL, &manager);
	if (ret < 0)
		return ret;
	ret = waybuf_manager_add_all_exporters(manager, drm_fd);
	for (uint32_t i = 0; ret >= 0 && i < manager->n_exporters; i++) {
		struct waybuf_exporter *exporter = manager->exporters[i];
		if (exporter->caps.kind == WAYBUF_EXPORTER_IMAGE)
			try_image(&probe, exporter);
		else if (exporter->caps.is_dmabuf)
			try_raw(&probe, exporter);
	}
	waybuf_manager_destroy(manager);
	return ret < 0 ? ret : 0;
}
