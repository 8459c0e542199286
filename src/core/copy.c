/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>

#include "core/copy.h"
#include "core/format.h"

static int get_cpus(struct waybuf_storage *storage, struct waybuf_cpu **cpus)
{
	for (uint32_t i = 0; i < storage->layout.n_memory; i++) {
		int error = waybuf_storage_cpu(storage, i, &cpus[i]);
		if (error < 0)
			return error;
	}
	return 0;
}

int waybuf_copy_prepare(
	struct waybuf_copy *copy, struct waybuf_storage *from, struct waybuf_storage *to)
{
	if (from->layout.modifier != DRM_FORMAT_MOD_LINEAR ||
		to->layout.modifier != DRM_FORMAT_MOD_LINEAR ||
		from->layout.format != to->layout.format ||
		from->layout.n_planes != to->layout.n_planes ||
		!waybuf_format_get(from->layout.format))
		return -EOPNOTSUPP;
	*copy = (struct waybuf_copy){.from = &from->layout, .to = &to->layout};
	int error = get_cpus(from, copy->from_cpu);
	return error < 0 ? error : get_cpus(to, copy->to_cpu);
}

/* Opens brackets on the first @n memories; on failure none is open. */
static int begin(struct waybuf_cpu *const *cpus, uint32_t n, enum waybuf_direction direction)
{
	for (uint32_t i = 0; i < n; i++) {
		int error = waybuf_cpu_begin_access(cpus[i], direction);
		if (error < 0) {
			while (i > 0)
				waybuf_cpu_end_access(cpus[--i], direction);
			return error;
		}
	}
	return 0;
}

static int end(struct waybuf_cpu *const *cpus, uint32_t n, enum waybuf_direction direction)
{
	int error = 0;
	for (uint32_t i = 0; i < n; i++) {
		int ret = waybuf_cpu_end_access(cpus[i], direction);
		if (error == 0)
			error = ret;
	}
	return error;
}

/* Both memories in one piece where the address space has room for it. */
static int copy_plane(
	const struct waybuf_copy *copy, const struct waybuf_format *format, uint32_t i)
{
	const struct waybuf_plane *from = &copy->from->planes[i], *to = &copy->to->planes[i];
	struct waybuf_cpu *source = copy->from_cpu[from->slot], *target = copy->to_cpu[to->slot];
	uint64_t length;
	if (!waybuf_format_min_stride(format, i, copy->from->width, &length))
		return -EOVERFLOW;
	void *source_base, *target_base;
	int error = waybuf_cpu_vmap(source, &source_base);
	if (error < 0)
		return error;
	error = waybuf_cpu_vmap(target, &target_base);
	if (error < 0) {
		waybuf_cpu_vunmap(source);
		return error;
	}
	const char *source_row = (const char *)source_base + from->offset;
	char *target_row = (char *)target_base + to->offset;
	uint64_t rows = waybuf_format_plane_height(format, i, copy->from->height);
	for (uint64_t row = 0; row < rows; row++) {
		memcpy(target_row, source_row, length);
		source_row += from->stride;
		target_row += to->stride;
	}
	waybuf_cpu_vunmap(target);
	waybuf_cpu_vunmap(source);
	return 0;
}

static int copy_planes(const struct waybuf_copy *copy)
{
	const struct waybuf_format *format = waybuf_format_get(copy->from->format);
	int error = 0;
	for (uint32_t i = 0; error == 0 && i < copy->from->n_planes; i++)
		error = copy_plane(copy, format, i);
	return error;
}

static int wait_for_writers(const struct waybuf_copy *copy, int timeout_ms)
{
	int error = 0;
	for (uint32_t i = 0; error == 0 && i < copy->from->n_memory; i++)
		error = waybuf_cpu_wait(copy->from_cpu[i], WAYBUF_READ, timeout_ms);
	return error;
}

int waybuf_copy_run(const struct waybuf_copy *copy, int timeout_ms)
{
	int error = wait_for_writers(copy, timeout_ms);
	if (error < 0)
		return error;
	error = begin(copy->from_cpu, copy->from->n_memory, WAYBUF_READ);
	if (error < 0)
		return error;
	error = begin(copy->to_cpu, copy->to->n_memory, WAYBUF_WRITE);
	if (error == 0) {
		error = copy_planes(copy);
		int ret = end(copy->to_cpu, copy->to->n_memory, WAYBUF_WRITE);
		if (error == 0)
			error = ret;
	}
	int ret = end(copy->from_cpu, copy->from->n_memory, WAYBUF_READ);
	return error < 0 ? error : ret;
}
