/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cpu_access.h"
#include "core/strict.h"
#include "util/checked.h"
#include "util/log.h"

/*
 * Three ways to see the memory, one kind of range below them:
 *
 *   whole    vmap, and kmap where the memory is small. Kept after its last user.
 *   windows  kmap of large shared memory: eight ranges of 16 pages, made when a bracket opens and
 *            moved by MAP_FIXED over themselves. Replacing a mapping by one of the same extent
 *            splits no VMA, which is why a window that exists can always be moved.
 *   ranges   mmap, as many as the caller asks for.
 *
 * A dma-buf is only ever mapped from its start: the fault handler of GEM shmem objects ignores the
 * offset of the mapping and shows their first pages wherever one looks (seen on vkms and vgem with
 * dumb buffers, and nothing tells such a dma-buf from others). So it has no windows, and a range
 * of it takes address space for what lies before as well.
 *
 * In strict mode all of them carry the protection of the open brackets.
 */

static int all_access(const struct waybuf_cpu *cpu)
{
	return cpu->writable ? PROT_READ | PROT_WRITE : PROT_READ;
}

static int wanted_prot(const struct waybuf_cpu *cpu, const struct cpu_range *range)
{
	return cpu->strict ? cpu_bracket_prot(cpu) & range->access : range->access;
}

/* @address is NULL, or the range that the new one replaces. */
static int range_map(struct waybuf_cpu *cpu, struct cpu_range *range, void *address,
	uint64_t offset, uint64_t length, int access)
{
	range->access = access;
	int prot = wanted_prot(cpu, range);
	int flags = MAP_SHARED | (address ? MAP_FIXED : 0);
	void *mapped = mmap(address, (size_t)length, prot, flags, cpu->memory.fd, (off_t)offset);
	if (mapped == MAP_FAILED) {
		int error = -errno;
		waybuf_error("%s: mmap of %llu bytes: %s", cpu->name, (unsigned long long)length,
			strerror(-error));
		return error;
	}
	range->address = mapped;
	range->length = (size_t)length;
	range->prot = prot;
	if (cpu->strict && !address)
		range->trap = strict_trap(mapped, range->length, cpu->name);
	return 0;
}

static void range_unmap(struct cpu_range *range)
{
	if (!range->address)
		return;
	strict_untrap(range->trap);
	range->trap = -1;
	munmap(range->address, range->length);
	range->address = NULL;
}

static void range_protect(struct waybuf_cpu *cpu, struct cpu_range *range)
{
	int prot = wanted_prot(cpu, range);
	if (!range->address || range->prot == prot)
		return;
	if (mprotect(range->address, range->length, prot) == 0)
		range->prot = prot;
	else
		waybuf_error("%s: mprotect: %s", cpu->name, strerror(errno));
}

void cpu_protect_locked(struct waybuf_cpu *cpu)
{
	if (!cpu->strict)
		return;
	range_protect(cpu, &cpu->whole);
	for (size_t i = 0; cpu->windows && i < WAYBUF_KMAP_WINDOWS; i++)
		range_protect(cpu, &cpu->windows[i].range);
	struct cpu_range *range;
	waybuf_list_for_each(range, &cpu->ranges, link)
		range_protect(cpu, range);
}

static void windows_destroy(struct waybuf_cpu *cpu)
{
	for (size_t i = 0; cpu->windows && i < WAYBUF_KMAP_WINDOWS; i++)
		range_unmap(&cpu->windows[i].range);
	free(cpu->windows);
	cpu->windows = NULL;
}

static int windows_create(struct waybuf_cpu *cpu)
{
	cpu->windows = calloc(WAYBUF_KMAP_WINDOWS, sizeof(*cpu->windows));
	if (!cpu->windows)
		return -ENOMEM;
	for (size_t i = 0; i < WAYBUF_KMAP_WINDOWS; i++)
		cpu->windows[i].range.trap = -1;
	for (size_t i = 0; i < WAYBUF_KMAP_WINDOWS; i++) {
		int error = range_map(
			cpu, &cpu->windows[i].range, NULL, 0, CPU_WINDOW_SIZE, all_access(cpu));
		if (error < 0) {
			windows_destroy(cpu);
			return error;
		}
	}
	return 0;
}

static int map_whole(struct waybuf_cpu *cpu)
{
	if (cpu->whole.address)
		return 0;
	return range_map(cpu, &cpu->whole, NULL, 0, cpu->memory.size, all_access(cpu));
}

/* Everything about kmap that can fail, so that kmap itself cannot. */
int cpu_prepare_kmap_locked(struct waybuf_cpu *cpu)
{
	if (cpu->whole.address || cpu->windows)
		return 0;
	bool windows = cpu->memory.kind == WAYBUF_MEMORY_MEMFD;
	if (!windows || cpu->memory.size <= CPU_WHOLE_LIMIT) {
		int error = map_whole(cpu);
		if (error == 0 || !windows)
			return error;
	}
	return windows_create(cpu);
}

/* The window that shows @index, else one that nobody holds, else NULL. */
static struct cpu_window *pick_window(struct waybuf_cpu *cpu, uint64_t index)
{
	struct cpu_window *unused = NULL;
	for (size_t i = 0; i < WAYBUF_KMAP_WINDOWS; i++) {
		struct cpu_window *window = &cpu->windows[i];
		if (window->range.address && window->index == index)
			return window;
		if (window->range.users == 0)
			unused = window;
	}
	return unused;
}

static bool move_window(struct waybuf_cpu *cpu, struct cpu_window *window, uint64_t index)
{
	if (window->index == index)
		return true;
	/* a last window that reaches behind the end does no harm: kmap gives out no page there */
	if (range_map(cpu, &window->range, window->range.address, index * CPU_WINDOW_SIZE,
		    CPU_WINDOW_SIZE, window->range.access) < 0)
		return false;
	window->index = index;
	return true;
}

static void *kmap_window(struct waybuf_cpu *cpu, uint64_t page)
{
	uint64_t index = page / CPU_WINDOW_PAGES;
	struct cpu_window *window = pick_window(cpu, index);
	if (!window || !move_window(cpu, window, index))
		return NULL;
	window->range.users++;
	return window->range.address + page % CPU_WINDOW_PAGES * WAYBUF_KMAP_PAGE_SIZE;
}

static void *kmap_locked(struct waybuf_cpu *cpu, uint64_t page)
{
	uint64_t offset;
	if (!(cpu->readers || cpu->writers) || !checked_mul(page, WAYBUF_KMAP_PAGE_SIZE, &offset) ||
		offset >= cpu->memory.size)
		return NULL;
	if (!cpu->windows) {
		cpu->whole.users++;
		return cpu->whole.address + offset;
	}
	return kmap_window(cpu, page);
}

void *waybuf_cpu_kmap(struct waybuf_cpu *cpu, uint64_t page)
{
	pthread_mutex_lock(&cpu->lock);
	void *address = kmap_locked(cpu, page);
	pthread_mutex_unlock(&cpu->lock);
	return address;
}

static int put_user(struct cpu_range *range)
{
	if (range->users == 0)
		return -EINVAL;
	range->users--;
	return 0;
}

static int kunmap_locked(struct waybuf_cpu *cpu, uint64_t page)
{
	if (!cpu->windows)
		return put_user(&cpu->whole);
	for (size_t i = 0; i < WAYBUF_KMAP_WINDOWS; i++) {
		if (cpu->windows[i].index == page / CPU_WINDOW_PAGES &&
			cpu->windows[i].range.users > 0)
			return put_user(&cpu->windows[i].range);
	}
	return -EINVAL;
}

int waybuf_cpu_kunmap(struct waybuf_cpu *cpu, uint64_t page)
{
	pthread_mutex_lock(&cpu->lock);
	int error = kunmap_locked(cpu, page);
	pthread_mutex_unlock(&cpu->lock);
	return error;
}

int waybuf_cpu_vmap(struct waybuf_cpu *cpu, void **address)
{
	pthread_mutex_lock(&cpu->lock);
	int error = map_whole(cpu);
	if (error == 0) {
		cpu->whole.users++;
		*address = cpu->whole.address;
	}
	pthread_mutex_unlock(&cpu->lock);
	return error;
}

int waybuf_cpu_vunmap(struct waybuf_cpu *cpu)
{
	pthread_mutex_lock(&cpu->lock);
	int error = put_user(&cpu->whole);
	pthread_mutex_unlock(&cpu->lock);
	return error;
}

static bool windows_idle(const struct waybuf_cpu *cpu)
{
	for (size_t i = 0; i < WAYBUF_KMAP_WINDOWS; i++) {
		if (cpu->windows[i].range.users)
			return false;
	}
	return true;
}

void waybuf_cpu_trim(struct waybuf_cpu *cpu)
{
	pthread_mutex_lock(&cpu->lock);
	/* inside a bracket kmap may need them at any moment */
	if (!cpu->readers && !cpu->writers) {
		if (cpu->whole.users == 0)
			range_unmap(&cpu->whole);
		if (cpu->windows && windows_idle(cpu))
			windows_destroy(cpu);
	}
	pthread_mutex_unlock(&cpu->lock);
}

static int check_range(const struct waybuf_cpu *cpu, uint64_t offset, uint64_t length)
{
	uint64_t end;
	if (length == 0 || offset % (uint64_t)sysconf(_SC_PAGESIZE))
		return -EINVAL;
	if (!checked_add(offset, length, &end))
		return -EOVERFLOW;
	return end > cpu->memory.size ? -EINVAL : 0;
}

static int direction_access(enum waybuf_direction direction)
{
	/* no MMU that Linux runs on gives write without read */
	return direction & WAYBUF_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
}

static int mmap_locked(struct waybuf_cpu *cpu, uint64_t offset, uint64_t length,
	enum waybuf_direction direction, void **address)
{
	struct cpu_range *range = calloc(1, sizeof(*range));
	if (!range)
		return -ENOMEM;
	range->trap = -1;
	uint64_t start = cpu->memory.kind == WAYBUF_MEMORY_MEMFD ? offset : 0;
	range->skip = (size_t)(offset - start);
	int error = range_map(
		cpu, range, NULL, start, length + range->skip, direction_access(direction));
	if (error < 0) {
		free(range);
		return error;
	}
	waybuf_list_insert(&cpu->ranges, &range->link);
	*address = range->address + range->skip;
	return 0;
}

int waybuf_cpu_mmap(struct waybuf_cpu *cpu, uint64_t offset, uint64_t length,
	enum waybuf_direction direction, void **address)
{
	if (direction < WAYBUF_READ || direction > WAYBUF_READ_WRITE)
		return -EINVAL;
	int error = check_range(cpu, offset, length);
	if (error < 0)
		return error;
	pthread_mutex_lock(&cpu->lock);
	error = mmap_locked(cpu, offset, length, direction, address);
	pthread_mutex_unlock(&cpu->lock);
	return error;
}

static void range_destroy(struct cpu_range *range)
{
	waybuf_list_remove(&range->link);
	range_unmap(range);
	free(range);
}

int waybuf_cpu_munmap(struct waybuf_cpu *cpu, void *address)
{
	int error = -EINVAL;
	pthread_mutex_lock(&cpu->lock);
	struct cpu_range *range, *tmp;
	waybuf_list_for_each_safe(range, tmp, &cpu->ranges, link) {
		if (error < 0 && range->address + range->skip == (char *)address) {
			range_destroy(range);
			error = 0;
		}
	}
	pthread_mutex_unlock(&cpu->lock);
	return error;
}

void cpu_unmap_all_locked(struct waybuf_cpu *cpu)
{
	struct cpu_range *range, *tmp;
	waybuf_list_for_each_safe(range, tmp, &cpu->ranges, link)
		range_destroy(range);
	windows_destroy(cpu);
	range_unmap(&cpu->whole);
}
