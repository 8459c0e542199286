/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporter/exporter.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/list.h"
#include "util/log.h"

/*
 * The pages of a memfd as a dma-buf. The kernel pins them for the life of the dma-buf, which
 * therefore does not need the memfd any more.
 *
 * It pins them as they are. Pages that fallocate() reserved are cleared when somebody first reads
 * or writes them through the memfd, which never happens to a page that only the dma-buf's users
 * see: they would see what the last owner of the page left there. So every page of a memfd that is
 * not ours, or that was populated, is touched before. A page that does not exist yet is made by
 * UDMABUF_CREATE itself, cleared, in a fourth of the time: memory of our own is left to that.
 */
struct udmabuf_exporter {
	struct waybuf_exporter base;
	int fd;
};

#define LIMIT_PARAMETER "/sys/module/udmabuf/parameters/size_limit_mb"
/* the module's default, where the parameter cannot be read */
#define LIMIT_MB 64

static struct udmabuf_exporter *udmabuf_exporter(struct waybuf_exporter *base)
{
	return waybuf_container_of(base, struct udmabuf_exporter, base);
}

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static void touch_pages(const volatile char *address, uint64_t size, uint64_t page)
{
	for (uint64_t offset = 0; offset < size; offset += page)
		(void)address[offset];
}

static int clear_pages(int memfd, uint64_t size, uint64_t page)
{
	char *address = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, memfd, 0);
	if (address == MAP_FAILED)
		return -errno;
	int error = 0;
	if (madvise(address, (size_t)size, MADV_POPULATE_READ) < 0) {
		error = -errno;
		if (error == -EINVAL) { /* before Linux 5.14; sealed, so that there is no SIGBUS */
			touch_pages(address, size, page);
			error = 0;
		}
	}
	munmap(address, (size_t)size);
	return error;
}

static int create_dmabuf(struct waybuf_exporter *base, int memfd, uint64_t size)
{
	struct udmabuf_exporter *exporter = udmabuf_exporter(base);
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = size,
	};
	uint64_t rounded;
	if (!checked_round_up(size, base->caps.page_size, &rounded) || rounded != size)
		return -EINVAL;
	int fd = ioctl(exporter->fd, UDMABUF_CREATE, &create);
	if (fd >= 0)
		return fd;
	/* tmpfs calls a lack of memory a lack of space */
	return errno == ENOSPC ? -ENOMEM : -errno;
}

/* Not logged here: the memory is somebody else's, and so may be the fault. */
static int wrap(struct waybuf_exporter *base, int memfd, uint64_t size)
{
	int error = clear_pages(memfd, size, base->caps.page_size);
	return error < 0 ? error : create_dmabuf(base, memfd, size);
}

static int create_memory(
	struct waybuf_exporter *base, uint64_t size, const char *name, struct waybuf_memory *memory)
{
	uint64_t rounded;
	if (!checked_round_up(size, base->caps.page_size, &rounded))
		return -EINVAL;
	int memfd = exporter_create_empty_memfd(name, rounded);
	if (memfd < 0)
		return memfd;
	int fd = create_dmabuf(base, memfd, rounded);
	close(memfd);
	if (fd < 0) {
		waybuf_error("UDMABUF_CREATE of %llu bytes: %s", (unsigned long long)rounded,
			strerror(-fd));
		return fd;
	}
	*memory = (struct waybuf_memory){.fd = fd, .kind = WAYBUF_MEMORY_DMABUF, .size = rounded};
	return 0;
}

static int allocate(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation)
{
	return exporter_allocate_raw(exporter, allocation, create_memory);
}

static void destroy(struct waybuf_exporter *base)
{
	struct udmabuf_exporter *exporter = udmabuf_exporter(base);
	fd_close(&exporter->fd);
	free(exporter);
}

static const struct waybuf_exporter_ops ops = {
	.allocate = allocate,
	.release = exporter_release_nothing,
	.destroy = destroy,
	.wrap = wrap,
};

static uint64_t size_limit(void)
{
	unsigned mb = LIMIT_MB;
	FILE *file = fopen(LIMIT_PARAMETER, "re");
	if (file) {
		if (fscanf(file, "%u", &mb) != 1)
			mb = LIMIT_MB;
		fclose(file);
	}
	return (uint64_t)mb * 1024 * 1024;
}

int waybuf_udmabuf_exporter_create(struct waybuf_exporter **out)
{
	int fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct udmabuf_exporter *exporter = calloc(1, sizeof(*exporter));
	if (!exporter) {
		close(fd);
		return -ENOMEM;
	}
	exporter->fd = fd;
	exporter->base.ops = &ops;
	exporter->base.caps = (struct waybuf_exporter_caps){
		.name = "udmabuf",
		.kind = WAYBUF_EXPORTER_RAW,
		.is_dmabuf = true,
		.cpu_mappable = true,
		.cache = WAYBUF_CACHED,
		.max_size = size_limit(),
		.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
		.base_cost = EXPORTER_COST_UDMABUF,
	};
	exporter->base.recycles = true;
	exporter->base.takes_memfd = true;
	*out = &exporter->base;
	return 0;
}
