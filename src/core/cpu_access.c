/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/bounded_sync.h"
#include "core/cpu_access.h"
#include "util/log.h"

static bool strict_by_environment(void)
{
	const char *value = getenv("WAYBUF_STRICT");
	return value && strcmp(value, "1") == 0;
}

int waybuf_cpu_create(const struct waybuf_memory *memory, const char *name, uint32_t flags,
	struct waybuf_cpu **out)
{
	if ((flags & ~(uint32_t)WAYBUF_CPU_STRICT) || memory->size == 0 || memory->size > SIZE_MAX)
		return -EINVAL;
	int mode = fcntl(memory->fd, F_GETFL);
	if (mode < 0)
		return -errno;
	struct waybuf_cpu *cpu = calloc(1, sizeof(*cpu));
	if (!cpu)
		return -ENOMEM;
	cpu->name = strdup(name);
	if (!cpu->name) {
		free(cpu);
		return -ENOMEM;
	}
	pthread_mutex_init(&cpu->lock, NULL);
	waybuf_list_init(&cpu->ranges);
	cpu->whole.trap = -1;
	cpu->memory = *memory;
	cpu->writable = (mode & O_ACCMODE) == O_RDWR;
	cpu->strict = (flags & WAYBUF_CPU_STRICT) || strict_by_environment();
	*out = cpu;
	return 0;
}

static bool valid_direction(enum waybuf_direction direction)
{
	return direction >= WAYBUF_READ && direction <= WAYBUF_READ_WRITE;
}

int waybuf_cpu_wait(struct waybuf_cpu *cpu, enum waybuf_direction direction, int timeout_ms)
{
	if (!valid_direction(direction))
		return -EINVAL;
	if (cpu->memory.kind != WAYBUF_MEMORY_DMABUF)
		return 0;
	/* dma_buf_poll(): POLLIN when the writers are done, POLLOUT when everybody is */
	struct pollfd poll_fd = {
		.fd = cpu->memory.fd,
		.events = direction & WAYBUF_WRITE ? POLLOUT : POLLIN,
	};
	int ready;
	do {
		ready = poll(&poll_fd, 1, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return -errno;
	return ready == 0 ? -ETIMEDOUT : 0;
}

static int tell_kernel(struct waybuf_cpu *cpu, uint64_t flags, bool bounded)
{
	if (cpu->memory.kind != WAYBUF_MEMORY_DMABUF)
		return 0;
	int error = bounded ? bounded_sync(cpu->memory.fd, flags, cpu->owner, CPU_SYNC_MS)
			    : unbounded_sync(cpu->memory.fd, flags);
	if (error < 0)
		waybuf_error("%s: DMA_BUF_IOCTL_SYNC: %s", cpu->name, strerror(-error));
	return error;
}

static uint64_t sync_direction(unsigned direction)
{
	return (direction & WAYBUF_READ ? DMA_BUF_SYNC_READ : 0) |
		(direction & WAYBUF_WRITE ? DMA_BUF_SYNC_WRITE : 0);
}

/* The directions that the kernel has been told of. */
static unsigned open_directions(const struct waybuf_cpu *cpu)
{
	return (cpu->readers ? (unsigned)WAYBUF_READ : 0) |
		(cpu->writers ? (unsigned)WAYBUF_WRITE : 0);
}

int cpu_bracket_prot(const struct waybuf_cpu *cpu)
{
	if (cpu->writers)
		return PROT_READ | PROT_WRITE;
	return cpu->readers ? PROT_READ : PROT_NONE;
}

static int begin_locked(struct waybuf_cpu *cpu, unsigned direction, bool bounded)
{
	if ((direction & WAYBUF_WRITE) && !cpu->writable)
		return -EACCES;
	int error = cpu_prepare_kmap_locked(cpu);
	if (error < 0)
		return error;
	unsigned fresh = direction & ~open_directions(cpu);
	if (fresh) {
		error = tell_kernel(cpu, DMA_BUF_SYNC_START | sync_direction(fresh), bounded);
		if (error < 0)
			return error;
	}
	cpu->readers += (direction & WAYBUF_READ) != 0;
	cpu->writers += (direction & WAYBUF_WRITE) != 0;
	cpu_protect_locked(cpu);
	return 0;
}

static int begin(struct waybuf_cpu *cpu, enum waybuf_direction direction, bool bounded)
{
	if (!valid_direction(direction))
		return -EINVAL;
	pthread_mutex_lock(&cpu->lock);
	int error = begin_locked(cpu, direction, bounded);
	pthread_mutex_unlock(&cpu->lock);
	return error;
}

int waybuf_cpu_begin_access(struct waybuf_cpu *cpu, enum waybuf_direction direction)
{
	return begin(cpu, direction, false);
}

int waybuf_cpu_begin_bounded(struct waybuf_cpu *cpu, enum waybuf_direction direction)
{
	int error = waybuf_cpu_wait(cpu, direction, 0);
	return error < 0 ? error : begin(cpu, direction, true);
}

static int end_locked(struct waybuf_cpu *cpu, unsigned direction, bool bounded)
{
	unsigned open = open_directions(cpu);
	if ((direction & open) != direction)
		return -EINVAL;
	cpu->readers -= (direction & WAYBUF_READ) != 0;
	cpu->writers -= (direction & WAYBUF_WRITE) != 0;
	/* before the caches are flushed: nothing may be written after that */
	cpu_protect_locked(cpu);
	unsigned finished = open & ~open_directions(cpu);
	if (!finished)
		return 0;
	return tell_kernel(cpu, DMA_BUF_SYNC_END | sync_direction(finished), bounded);
}

static int end(struct waybuf_cpu *cpu, enum waybuf_direction direction, bool bounded)
{
	if (!valid_direction(direction))
		return -EINVAL;
	pthread_mutex_lock(&cpu->lock);
	int error = end_locked(cpu, direction, bounded);
	pthread_mutex_unlock(&cpu->lock);
	return error;
}

int waybuf_cpu_end_access(struct waybuf_cpu *cpu, enum waybuf_direction direction)
{
	return end(cpu, direction, false);
}

int waybuf_cpu_end_bounded(struct waybuf_cpu *cpu, enum waybuf_direction direction)
{
	return end(cpu, direction, true);
}

void waybuf_cpu_destroy(struct waybuf_cpu *cpu)
{
	if (!cpu)
		return;
	unsigned open = open_directions(cpu);
	if (open)
		tell_kernel(cpu, DMA_BUF_SYNC_END | sync_direction(open), false);
	cpu_unmap_all_locked(cpu);
	pthread_mutex_destroy(&cpu->lock);
	free(cpu->name);
	free(cpu);
}
