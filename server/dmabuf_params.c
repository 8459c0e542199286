/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/format.h"
#include "dmabuf_exporters.h"
#include "dmabuf_params.h"
#include "util/checked.h"
#include "util/fd.h"

/*
 * Validation of linux-dmabuf parameters.
 *
 * For DRM_FORMAT_MOD_LINEAR the layout is known to the byte, so everything can be checked: number
 * of planes, stride against the width, rows of subsampled planes against the size of the file, and
 * that planes do not overlap. Two planes may share rows, with one beside the other (IMC2 has U and
 * V so), if they have one stride and their columns do not meet.
 *
 * Other modifiers are a matter of drivers: strides mean what the driver says, and a compressed
 * format has more planes than its fourcc, in a number that GBM knows. There the first plane must fit
 * by the protocol's own formula, and the others must begin inside of their file.
 *
 * Sizes are asked of the kernel. A file that is no dma-buf, or whose size it does not tell, is not
 * a mistake in the numbers: it is only that this buffer cannot be. What was opened by O_PATH passes
 * for the dma-buf that it names, as telling them apart costs a call: nobody can map or import it, so
 * it fails at its first use, like memory that no device reaches.
 */

#define UNKNOWN_MODIFIER DRM_FORMAT_MOD_INVALID

int dmabuf_refuse(
	struct dmabuf_verdict *verdict, bool fatal, enum dmabuf_error code, const char *format, ...)
{
	verdict->fatal = fatal;
	verdict->code = code;
	va_list args;
	va_start(args, format);
	vsnprintf(verdict->reason, sizeof(verdict->reason), format, args);
	va_end(args);
	return -EINVAL;
}

void dmabuf_params_init(struct dmabuf_params *params, uint32_t version)
{
	*params = (struct dmabuf_params){
		.modifier = UNKNOWN_MODIFIER,
		.ignore_modifier = version < 3,
		.same_modifier = version >= 5,
	};
	for (int i = 0; i < WAYBUF_MAX_PLANES; i++)
		params->planes[i].fd = -1;
}

void dmabuf_params_finish(struct dmabuf_params *params)
{
	for (int i = 0; i < WAYBUF_MAX_PLANES; i++)
		fd_close(&params->planes[i].fd);
}

void dmabuf_params_give_fds(struct dmabuf_params *params, const struct waybuf_layout *layout)
{
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		for (int p = 0; p < WAYBUF_MAX_PLANES; p++) {
			if (params->planes[p].fd == layout->memory[i].fd)
				params->planes[p].fd = -1;
		}
	}
}

static int check_add(const struct dmabuf_params *params, uint32_t index, uint64_t modifier,
	struct dmabuf_verdict *verdict)
{
	if (index >= WAYBUF_MAX_PLANES)
		return dmabuf_refuse(
			verdict, true, DMABUF_PLANE_IDX, "plane %u, of 4 at most", index);
	if (params->planes[index].fd >= 0)
		return dmabuf_refuse(
			verdict, true, DMABUF_PLANE_SET, "plane %u is set already", index);
	if (params->has_modifier && params->same_modifier && modifier != params->modifier)
		return dmabuf_refuse(verdict, true, DMABUF_INVALID_FORMAT,
			"plane %u has modifier 0x%llx, another one 0x%llx", index,
			(unsigned long long)modifier, (unsigned long long)params->modifier);
	return 0;
}

int dmabuf_params_add(struct dmabuf_params *params, int fd, uint32_t index, uint32_t offset,
	uint32_t stride, uint64_t modifier, struct dmabuf_verdict *verdict)
{
	if (params->ignore_modifier)
		modifier = UNKNOWN_MODIFIER;
	int ret = check_add(params, index, modifier, verdict);
	if (ret < 0) {
		fd_close(&fd);
		return ret;
	}
	params->planes[index] =
		(struct dmabuf_params_plane){.fd = fd, .offset = offset, .stride = stride};
	if (!params->has_modifier || index == 0)
		params->modifier = modifier;
	params->has_modifier = true;
	return 0;
}

/* ---- the check ----------------------------------------------------------------------------- */

static uint32_t count_planes(const struct dmabuf_params *params)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < WAYBUF_MAX_PLANES; i++)
		n += params->planes[i].fd >= 0;
	return n;
}

static int check_planes(const struct dmabuf_params *params, const struct waybuf_format *format,
	uint32_t *n_planes, struct dmabuf_verdict *verdict)
{
	uint32_t n = count_planes(params);
	if (n == 0)
		return dmabuf_refuse(verdict, true, DMABUF_INCOMPLETE, "no plane was added");
	for (uint32_t i = 0; i < n; i++) {
		if (params->planes[i].fd < 0)
			return dmabuf_refuse(
				verdict, true, DMABUF_INCOMPLETE, "plane %u is missing", i);
	}
	/* compression adds planes, nothing takes any away */
	bool exact = params->modifier == DRM_FORMAT_MOD_LINEAR;
	if (format && (n < format->n_planes || (exact && n != format->n_planes)))
		return dmabuf_refuse(verdict, true, DMABUF_INCOMPLETE,
			"%u planes, the format has %u", n, format->n_planes);
	/* our driver's word against the client's: nobody is wrong for certain */
	if (!exact && params->known_planes && n != params->known_planes)
		return dmabuf_refuse(verdict, false, DMABUF_REFUSED,
			"%u planes, with this modifier the driver has %u", n, params->known_planes);
	*n_planes = n;
	return 0;
}

/* Where a plane lies in its file, in bytes. */
struct extent {
	uint64_t start, end;
	uint64_t stride, row;
};

static int check_linear(const struct dmabuf_params_plane *plane, uint32_t index,
	const struct waybuf_format *format, uint32_t width, struct extent *extent,
	struct dmabuf_verdict *verdict)
{
	uint64_t row;
	if (!waybuf_format_min_stride(format, index, width, &row))
		return dmabuf_refuse(verdict, true, DMABUF_OUT_OF_BOUNDS,
			"a row of plane %u is beyond all bounds", index);
	if (plane->stride < row)
		return dmabuf_refuse(verdict, true, DMABUF_OUT_OF_BOUNDS,
			"plane %u has stride %u, a row needs %llu bytes", index, plane->stride,
			(unsigned long long)row);
	extent->row = row;
	return 0;
}

/* offset + stride * rows: 32 bits each, so that the sum fits 64. */
static void set_extent(
	const struct dmabuf_params_plane *plane, uint64_t rows, struct extent *extent)
{
	extent->start = plane->offset;
	extent->stride = plane->stride;
	extent->end = plane->offset + (uint64_t)plane->stride * rows;
}

static int check_bounds(
	const struct extent *extent, uint32_t index, uint64_t size, struct dmabuf_verdict *verdict)
{
	if (extent->end > UINT32_MAX)
		return dmabuf_refuse(verdict, true, DMABUF_OUT_OF_BOUNDS,
			"plane %u ends at byte %llu, beyond 32 bits", index,
			(unsigned long long)extent->end);
	if (extent->start >= size || extent->end > size)
		return dmabuf_refuse(verdict, true, DMABUF_OUT_OF_BOUNDS,
			"plane %u takes bytes %llu to %llu of a file of %llu", index,
			(unsigned long long)extent->start, (unsigned long long)extent->end,
			(unsigned long long)size);
	return 0;
}

/* Side by side in the same rows: one stride, and columns that do not meet. */
static bool interleaved(const struct extent *a, const struct extent *b)
{
	if (a->stride != b->stride || a->stride == 0)
		return false;
	uint64_t distance = (b->start % a->stride + a->stride - a->start % a->stride) % a->stride;
	return distance >= a->row && a->stride - distance >= b->row;
}

static bool overlap(const struct extent *a, const struct extent *b)
{
	return a->start < b->end && b->start < a->end && !interleaved(a, b);
}

/* The first memory names the exporter, another one takes the name away. */
static void note_exporter(const struct dmabuf_params *params, uint32_t slot, const char *name)
{
	if (slot == 0)
		memcpy(params->exporter, name, FD_EXPORTER_LEN);
	else if (strcmp(params->exporter, name) != 0)
		params->exporter[0] = '\0';
}

/* Of a dma-buf that was seen before. False: it was not, or its number is that of another one now. */
static bool recall_exporter(
	const struct dmabuf_params *params, const struct fd_id *id, uint32_t slot, uint64_t size)
{
	const struct dmabuf_exporter *known = dmabuf_exporters_find(params->exporters, id);
	if (!known || size != known->size)
		return false;
	note_exporter(params, slot, known->name);
	return true;
}

static void find_exporter(const struct dmabuf_params *params, int fd, const struct fd_id *id,
	uint32_t slot, uint64_t size)
{
	char name[FD_EXPORTER_LEN] = "";
	uint64_t same;
	if (!params->exporter || recall_exporter(params, id, slot, size))
		return;
	if (fd_dmabuf_info(fd, &same, name) == 0)
		dmabuf_exporters_add(params->exporters, id, size, name);
	note_exporter(params, slot, name);
}

/* One file behind several fds is one memory. */
static int find_slot(const struct dmabuf_params *params, struct waybuf_layout *layout,
	struct fd_id *ids, int fd, uint32_t *slot, struct dmabuf_verdict *verdict)
{
	struct fd_id id;
	bool is_dmabuf;
	uint64_t size;
	if (fd_identify_dmabuf(fd, &id, &is_dmabuf, &size) < 0)
		return dmabuf_refuse(verdict, false, DMABUF_REFUSED, "a file cannot be read");
	if (!is_dmabuf)
		return dmabuf_refuse(
			verdict, false, DMABUF_INVALID_WL_BUFFER, "a file is no dma-buf");
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		if (fd_id_equal(&ids[i], &id)) {
			*slot = i;
			return 0;
		}
	}
	if (size == 0)
		return dmabuf_refuse(verdict, false, DMABUF_REFUSED,
			"the kernel does not tell how big a dma-buf is");
	find_exporter(params, fd, &id, layout->n_memory, size);
	*slot = layout->n_memory++;
	ids[*slot] = id;
	layout->memory[*slot] =
		(struct waybuf_memory){.fd = fd, .kind = WAYBUF_MEMORY_DMABUF, .size = size};
	return 0;
}

static int check_overlap(const struct waybuf_layout *layout, const struct extent *extents,
	struct dmabuf_verdict *verdict)
{
	for (uint32_t i = 1; i < layout->n_planes; i++) {
		for (uint32_t j = 0; j < i; j++) {
			if (layout->planes[i].slot == layout->planes[j].slot &&
				overlap(&extents[i], &extents[j]))
				return dmabuf_refuse(verdict, true, DMABUF_OUT_OF_BOUNDS,
					"planes %u and %u overlap", j, i);
		}
	}
	return 0;
}

/* What needs no kernel: mistakes in the numbers come before those in files. */
static int check_numbers(const struct dmabuf_params *params, const struct waybuf_format *format,
	struct waybuf_layout *layout, struct extent *extents, struct dmabuf_verdict *verdict)
{
	bool linear = format && params->modifier == DRM_FORMAT_MOD_LINEAR;
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		const struct dmabuf_params_plane *plane = &params->planes[i];
		uint64_t rows = layout->height;
		if (i > 0)
			rows = linear ? waybuf_format_plane_height(format, i, rows) : 0;
		int ret = linear
			? check_linear(plane, i, format, layout->width, &extents[i], verdict)
			: 0;
		if (ret < 0)
			return ret;
		set_extent(plane, rows, &extents[i]);
		layout->planes[i] = (struct waybuf_plane){
			.offset = plane->offset,
			.stride = plane->stride,
			.rows = (uint32_t)rows,
		};
	}
	return 0;
}

static int check_files(const struct dmabuf_params *params, struct waybuf_layout *layout,
	const struct extent *extents, struct fd_id *ids, struct dmabuf_verdict *verdict)
{
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		uint32_t slot;
		int ret = find_slot(params, layout, ids, params->planes[i].fd, &slot, verdict);
		if (ret < 0)
			return ret;
		layout->planes[i].slot = slot;
		ret = check_bounds(&extents[i], i, layout->memory[slot].size, verdict);
		if (ret < 0)
			return ret;
	}
	if (params->modifier != DRM_FORMAT_MOD_LINEAR)
		return 0;
	return check_overlap(layout, extents, verdict);
}

int dmabuf_params_check(const struct dmabuf_params *params, int32_t width, int32_t height,
	uint32_t format, struct waybuf_layout *layout, struct fd_id *ids,
	struct dmabuf_verdict *verdict)
{
	/* the host may know formats that our table does not: then the numbers are the driver's */
	const struct waybuf_format *info = waybuf_format_get(format);
	uint32_t n_planes;
	int ret = check_planes(params, info, &n_planes, verdict);
	if (ret < 0)
		return ret;
	if (width < 1 || height < 1)
		return dmabuf_refuse(verdict, true, DMABUF_INVALID_DIMENSIONS, "%d x %d is no size",
			width, height);
	*layout = (struct waybuf_layout){
		.width = (uint32_t)width,
		.height = (uint32_t)height,
		.format = format,
		.modifier = params->modifier,
		.n_planes = n_planes,
	};
	struct extent extents[WAYBUF_MAX_PLANES] = {0};
	ret = check_numbers(params, info, layout, extents, verdict);
	if (ret < 0)
		return ret;
	return check_files(params, layout, extents, ids, verdict);
}
