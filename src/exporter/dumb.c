/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "exporter/exporter.h"
#include "kms/handles.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/list.h"
#include "util/log.h"

/*
 * GEM dumb buffers of a display controller, exported with PRIME: memory from which it can scan out
 * for certain. A dumb buffer is asked for as a picture, but what we want is bytes in which any
 * picture, multi-planar ones too, can be laid out. So it is always a picture of 1024 XRGB pixels a
 * row, a page: drivers pad rows to powers of two below that, so that nothing is lost.
 */
#define ROW_PIXELS 1024
#define ROW_BYTES (ROW_PIXELS * 4)

struct dumb_exporter {
	struct waybuf_exporter base;
	int fd;
	struct waybuf_gem_handles *handles;
};

static struct dumb_exporter *dumb_exporter(struct waybuf_exporter *base)
{
	return waybuf_container_of(base, struct dumb_exporter, base);
}

static int create_handle(struct dumb_exporter *exporter, uint64_t size, uint32_t *handle)
{
	uint32_t rows, pitch;
	uint64_t rounded, got = 0;
	if (!checked_round_up(size, ROW_BYTES, &rounded) ||
		!checked_u32(rounded / ROW_BYTES, &rows))
		return -EINVAL;
	/* zeroed by the kernel, as DRM_IOCTL_MODE_CREATE_DUMB promises */
	int error = drmModeCreateDumbBuffer(
		exporter->fd, ROW_PIXELS, rows, 32, 0, handle, &pitch, &got);
	if (error < 0) {
		waybuf_error("DRM_IOCTL_MODE_CREATE_DUMB of %llu bytes: %s",
			(unsigned long long)size, strerror(-error));
		return error;
	}
	error = waybuf_gem_handles_adopt(exporter->handles, *handle);
	if (error == 0 && got < size) {
		waybuf_gem_handles_drop(exporter->handles, *handle);
		error = -EINVAL;
	}
	return error;
}

static int create_memory(
	struct waybuf_exporter *base, uint64_t size, const char *name, struct waybuf_memory *memory)
{
	struct dumb_exporter *exporter = dumb_exporter(base);
	uint32_t handle;
	int fd = -1;
	int error = create_handle(exporter, size, &handle);
	if (error < 0)
		return error;
	error = waybuf_gem_handles_export(exporter->handles, handle, &fd);
	/* the dma-buf keeps the memory; a handle of ours would only keep it from being freed */
	waybuf_gem_handles_drop(exporter->handles, handle);
	if (error < 0)
		return error;
	*memory = (struct waybuf_memory){.fd = fd, .kind = WAYBUF_MEMORY_DMABUF};
	error = fd_size(fd, &memory->size);
	if (error == 0 && memory->size < size)
		error = -EINVAL;
	if (error < 0) {
		fd_close(&memory->fd);
		return error;
	}
	return 0;
}

static int allocate(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation)
{
	return exporter_allocate_raw(exporter, allocation, create_memory);
}

static void destroy(struct waybuf_exporter *base)
{
	struct dumb_exporter *exporter = dumb_exporter(base);
	waybuf_gem_handles_unref(exporter->handles);
	fd_close(&exporter->fd);
	free(exporter);
}

static const struct waybuf_exporter_ops ops = {
	.allocate = allocate,
	.release = exporter_release_nothing,
	.destroy = destroy,
};

/*
 * Whether it exports at all, and whether the CPU can map what it exports, is found by trying:
 * neither has a capability of its own.
 */
static int probe(struct dumb_exporter *exporter)
{
	struct waybuf_memory memory;
	int error = create_memory(&exporter->base, ROW_BYTES, "probe", &memory);
	if (error < 0)
		return error;
	void *address = mmap(NULL, ROW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd, 0);
	exporter->base.caps.cpu_mappable = address != MAP_FAILED;
	if (address != MAP_FAILED)
		munmap(address, ROW_BYTES);
	fd_close(&memory.fd);
	return 0;
}

static void fill_caps(struct dumb_exporter *exporter)
{
	struct stat st;
	exporter->base.ops = &ops;
	exporter->base.caps = (struct waybuf_exporter_caps){
		.name = "dumb",
		.kind = WAYBUF_EXPORTER_RAW,
		.is_dmabuf = true,
		.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
		.base_cost = EXPORTER_COST_DUMB,
		.devnum = fstat(exporter->fd, &st) == 0 ? st.st_rdev : 0,
	};
}

int waybuf_dumb_exporter_create(int drm_fd, struct waybuf_exporter **out)
{
	uint64_t has_dumb = 0;
	if (drmGetCap(drm_fd, DRM_CAP_DUMB_BUFFER, &has_dumb) < 0 || !has_dumb)
		return -ENODEV;
	struct dumb_exporter *exporter = calloc(1, sizeof(*exporter));
	if (!exporter)
		return -ENOMEM;
	int error = exporter->fd = fd_dup(drm_fd);
	if (error < 0)
		goto err_exporter;
	error = waybuf_gem_handles_create(exporter->fd, &exporter->handles);
	if (error < 0)
		goto err_fd;
	fill_caps(exporter);
	error = probe(exporter);
	if (error < 0)
		goto err_handles;
	*out = &exporter->base;
	return 0;

err_handles:
	waybuf_gem_handles_unref(exporter->handles);
err_fd:
	fd_close(&exporter->fd);
err_exporter:
	free(exporter);
	return error;
}
