/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "core/copy.h"
#include "core/cpu_access.h"
#include "core/format.h"
#include "util/sigbus.h"

/* rows that one preadv() reads, and the most bytes between two of them that it may read along */
#define ROWS_AT_ONCE 256
#define MAX_GAP 4096

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
		int error = waybuf_cpu_begin_bounded(cpus[i], direction);
		if (error < 0) {
			while (i > 0)
				waybuf_cpu_end_bounded(cpus[--i], direction);
			return error;
		}
	}
	return 0;
}

static int end(struct waybuf_cpu *const *cpus, uint32_t n, enum waybuf_direction direction)
{
	int error = 0;
	for (uint32_t i = 0; i < n; i++) {
		int ret = waybuf_cpu_end_bounded(cpus[i], direction);
		if (error == 0)
			error = ret;
	}
	return error;
}

/* What one plane is copied from and to. */
struct rows {
	const struct waybuf_memory *source; /* where the rows are, from `offset` on */
	uint64_t offset;
	char *target;
	uint64_t from_stride, to_stride;
	uint64_t length, count; /* bytes of a row, rows */
};

/*
 * Reads the first rows of @rows, as many as one call takes, out of a memfd: number of rows, 0 if
 * they cannot be had that way. What is between two of them goes into a corner.
 */
static uint64_t read_rows(const struct rows *rows)
{
	char corner[MAX_GAP];
	struct iovec pieces[2 * ROWS_AT_ONCE];
	uint64_t gap = rows->from_stride - rows->length;
	uint64_t n = rows->count < ROWS_AT_ONCE ? rows->count : ROWS_AT_ONCE;
	int n_pieces = 0;
	for (uint64_t row = 0; row < n; row++) {
		if (row > 0 && gap > 0)
			pieces[n_pieces++] = (struct iovec){.iov_base = corner, .iov_len = gap};
		pieces[n_pieces++] = (struct iovec){
			.iov_base = rows->target + row * rows->to_stride,
			.iov_len = rows->length,
		};
	}
	uint64_t wanted = n * rows->length + (n - 1) * gap;
	ssize_t got = preadv(rows->source->fd, pieces, n_pieces, (off_t)rows->offset);
	return got > 0 && (uint64_t)got == wanted ? n : 0;
}

/* Whether a file still has the size that it had when it was taken. */
static bool is_whole(const struct waybuf_memory *memory)
{
	struct stat info;
	return fstat(memory->fd, &info) == 0 && info.st_size >= 0 &&
		(uint64_t)info.st_size >= memory->size;
}

/*
 * Shared memory is read by the kernel, which has its pages: to map them here costs a fault each,
 * many times the copy. 1: done; 0: nothing is lost, the rows are to be copied otherwise; -EFAULT.
 */
static int read_plane(struct rows rows)
{
	if (rows.source->kind != WAYBUF_MEMORY_MEMFD || rows.from_stride - rows.length > MAX_GAP)
		return 0;
	while (rows.count > 0) {
		uint64_t n = read_rows(&rows);
		if (n == 0)
			return is_whole(rows.source) ? 0 : -EFAULT;
		rows.count -= n;
		rows.offset += n * rows.from_stride;
		rows.target += n * rows.to_stride;
	}
	return 1;
}

static int copy_mapped(const struct rows *rows, struct waybuf_cpu *source)
{
	void *base;
	int error = waybuf_cpu_vmap(source, &base);
	if (error < 0)
		return error;
	const char *from = (const char *)base + rows->offset;
	char *to = rows->target;
	struct sigbus_guard guard;
	sigbus_guard_begin(&guard, base, (size_t)rows->source->size);
	for (uint64_t row = 0; row < rows->count; row++) {
		memcpy(to, from, rows->length);
		from += rows->from_stride;
		to += rows->to_stride;
	}
	if (sigbus_guard_end(&guard))
		error = -EFAULT;
	waybuf_cpu_vunmap(source);
	return error;
}

/* The target in one piece, and the source unless it can be read, where there is room for it. */
static int copy_plane(
	const struct waybuf_copy *copy, const struct waybuf_format *format, uint32_t i)
{
	const struct waybuf_plane *from = &copy->from->planes[i], *to = &copy->to->planes[i];
	struct waybuf_cpu *target = copy->to_cpu[to->slot];
	struct rows rows = {
		.source = &copy->from->memory[from->slot],
		.offset = from->offset,
		.from_stride = from->stride,
		.to_stride = to->stride,
		.count = waybuf_format_plane_height(format, i, copy->from->height),
	};
	if (!waybuf_format_min_stride(format, i, copy->from->width, &rows.length))
		return -EOVERFLOW;
	void *base;
	int error = waybuf_cpu_vmap(target, &base);
	if (error < 0)
		return error;
	rows.target = (char *)base + to->offset;
	struct sigbus_guard guard;
	sigbus_guard_begin(&guard, base, (size_t)copy->to->memory[to->slot].size);
	int ret = read_plane(rows);
	if (ret == 0)
		ret = copy_mapped(&rows, copy->from_cpu[from->slot]);
	if (sigbus_guard_end(&guard))
		ret = -EFAULT;
	waybuf_cpu_vunmap(target);
	return ret < 0 ? ret : 0;
}

static int copy_planes(const struct waybuf_copy *copy)
{
	const struct waybuf_format *format = waybuf_format_get(copy->from->format);
	int error = 0;
	for (uint32_t i = 0; error == 0 && i < copy->from->n_planes; i++)
		error = copy_plane(copy, format, i);
	return error;
}

/* They show zeroes where memory was, for as long as they are there. */
static void forget_mappings(const struct waybuf_copy *copy)
{
	for (uint32_t i = 0; i < copy->from->n_memory; i++)
		waybuf_cpu_trim(copy->from_cpu[i]);
	for (uint32_t i = 0; i < copy->to->n_memory; i++)
		waybuf_cpu_trim(copy->to_cpu[i]);
}

int waybuf_copy_run(const struct waybuf_copy *copy)
{
	int error = begin(copy->from_cpu, copy->from->n_memory, WAYBUF_READ);
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
	if (error == -EFAULT)
		forget_mappings(copy);
	return error < 0 ? error : ret;
}
