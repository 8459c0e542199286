/* SPDX-License-Identifier: MIT */
#ifndef CORE_CPU_ACCESS_H
#define CORE_CPU_ACCESS_H

#include <pthread.h>

#include <waybuf/cpu_access.h>

#include "util/list.h"

/*
 * Objects above this size are never mapped whole behind the caller's back: kmap uses windows. Each
 * window is 16 pages, because udmabuf populates a whole VMA at its first fault.
 */
#define CPU_WHOLE_LIMIT (64ull * 1024 * 1024)
#define CPU_WINDOW_PAGES 16
#define CPU_WINDOW_SIZE ((uint64_t)CPU_WINDOW_PAGES * WAYBUF_KMAP_PAGE_SIZE)

/* One range of our address space that shows the memory. */
struct cpu_range {
	char *address; /* NULL: not mapped */
	size_t length;
	size_t skip; /* bytes before what the caller asked for */
	int access; /* most that mprotect may give: PROT_READ, PROT_WRITE */
	int prot; /* what the pages allow now */
	unsigned users;
	int trap; /* slot in the strict table, -1: none */
	struct waybuf_list link; // waybuf_cpu.ranges
};

struct cpu_window {
	struct cpu_range range;
	uint64_t index; /* which window of the memory it shows */
};

struct waybuf_cpu {
	pthread_mutex_t lock; /* everything below */
	struct waybuf_memory memory;
	char *name;
	uint64_t owner; /* whose memory it is, see bounded_sync.h; 0: not known */
	bool strict, writable;
	/* open brackets that read, and that write */
	unsigned readers, writers;
	struct cpu_range whole;
	struct cpu_window *windows; /* WAYBUF_KMAP_WINDOWS of them; NULL: not needed so far */
	struct waybuf_list ranges; // cpu_range.link, those of waybuf_cpu_mmap()
};

/* How long DMA_BUF_IOCTL_SYNC may take where others wait. Flushing caches takes milliseconds. */
#define CPU_SYNC_MS 250

/*
 * Brackets for a thread that works for everybody, around memory that others can put fences on.
 * -ETIMEDOUT: somebody is at it, and nobody was waited for; or a fence came at the last moment, and
 * CPU_SYNC_MS were. Otherwise as waybuf_cpu_begin_access() and bounded_sync().
 */
int waybuf_cpu_begin_bounded(struct waybuf_cpu *cpu, enum waybuf_direction direction);
int waybuf_cpu_end_bounded(struct waybuf_cpu *cpu, enum waybuf_direction direction);

/* What the open brackets allow: the protection of every page in strict mode. */
int cpu_bracket_prot(const struct waybuf_cpu *cpu);

/* All of these want the lock held. */
int cpu_prepare_kmap_locked(struct waybuf_cpu *cpu);
void cpu_protect_locked(struct waybuf_cpu *cpu);
void cpu_unmap_all_locked(struct waybuf_cpu *cpu);

#endif
