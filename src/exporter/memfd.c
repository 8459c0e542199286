/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporter/exporter.h"
#include "util/fd.h"
#include "util/log.h"

/*
 * Shared memory: no dma-buf, but there on every machine, and any of it can be wrapped by udmabuf
 * later without moving a page.
 */

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/*
 * SHRINK: no peer can turn our reads into SIGBUS, and udmabuf insists on it. GROW: the size is
 * what we said. SEAL: no peer can add a write seal, with which udmabuf and mmap would refuse it.
 */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int open_memfd(const char *name)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(name, flags);
	return fd < 0 ? -errno : fd;
}

/* Pages come now, so that a lack of them is an error of this call and no SIGBUS later. */
static int populate(int fd, uint64_t size)
{
	int ret;
	do {
		ret = fallocate(fd, 0, 0, (off_t)size);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0) /* tmpfs calls a lack of memory a lack of space */
		return errno == ENOSPC ? -ENOMEM : -errno;
	return 0;
}

static int set_up(int fd, uint64_t size, bool populated)
{
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	int error = populated ? populate(fd, size) : 0;
	if (error < 0)
		return error;
	return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

static int create_memfd(const char *name, uint64_t size, bool populated)
{
	if (size == 0 || size > INT64_MAX)
		return -EINVAL;
	int fd = open_memfd(name);
	if (fd < 0)
		return fd;
	int error = set_up(fd, size, populated);
	if (error < 0) {
		waybuf_error("memfd '%s' of %llu bytes: %s", name, (unsigned long long)size,
			strerror(-error));
		close(fd);
		return error;
	}
	return fd;
}

int exporter_create_memfd(const char *name, uint64_t size)
{
	return create_memfd(name, size, true);
}

int exporter_create_empty_memfd(const char *name, uint64_t size)
{
	return create_memfd(name, size, false);
}

static int create_memory(struct waybuf_exporter *exporter, uint64_t size, const char *name,
	struct waybuf_memory *memory)
{
	int fd = exporter_create_memfd(name, size);
	if (fd < 0)
		return fd;
	*memory = (struct waybuf_memory){.fd = fd, .kind = WAYBUF_MEMORY_MEMFD, .size = size};
	return 0;
}

static int allocate(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation)
{
	return exporter_allocate_raw(exporter, allocation, create_memory);
}

static void destroy(struct waybuf_exporter *exporter)
{
	free(exporter);
}

static const struct waybuf_exporter_ops ops = {
	.allocate = allocate,
	.release = exporter_release_nothing,
	.destroy = destroy,
};

int waybuf_memfd_exporter_create(struct waybuf_exporter **out)
{
	struct waybuf_exporter *exporter = calloc(1, sizeof(*exporter));
	if (!exporter)
		return -ENOMEM;
	exporter->ops = &ops;
	exporter->caps = (struct waybuf_exporter_caps){
		.name = "memfd",
		.kind = WAYBUF_EXPORTER_RAW,
		.cpu_mappable = true,
		.cache = WAYBUF_CACHED,
		.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
		.base_cost = EXPORTER_COST_MEMFD,
	};
	exporter->recycles = true;
	exporter->takes_memfd = true;
	*out = exporter;
	return 0;
}
