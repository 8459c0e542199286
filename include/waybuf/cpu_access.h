/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_CPU_ACCESS_H
#define WAYBUF_CPU_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <waybuf/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The CPU's access to one memory of a buffer, under the kernel's names: begin/end_cpu_access,
 * kmap/kunmap, vmap/vunmap, mmap. It needs an fd and nothing else of the library, so a client uses
 * it on what it received as the server does on what it exported.
 *
 *	waybuf_cpu_create(&layout->memory[0], "paint-0", 0, &cpu);
 *	waybuf_cpu_begin_access(cpu, WAYBUF_WRITE);
 *	waybuf_cpu_vmap(cpu, &pixels);          // or kmap, page by page
 *	draw(pixels);
 *	waybuf_cpu_vunmap(cpu);
 *	waybuf_cpu_end_access(cpu, WAYBUF_WRITE);
 *
 * The kernel promises coherency inside the bracket only, keeps no count of brackets, and lets
 * everybody read stale pixels outside of them. So we count, and strict mode takes the pages away
 * outside: an access then ends the program with a message that names buffer and caller.
 *
 * Threads: every call may be made from any thread; one object has one lock. begin_access may block
 * in DMA_BUF_IOCTL_SYNC on implicit fences, so it does not belong into an event loop.
 */

/** The CPU's access to one memory. */
struct waybuf_cpu;

/** How strict it is. */
enum waybuf_cpu_flags {
	/**
	 * Pages are inaccessible outside brackets, and read-only in a bracket for reading. Also set
	 * for all objects by the environment variable WAYBUF_STRICT=1.
	 */
	WAYBUF_CPU_STRICT = 1,
};

/** A page for kmap, whatever the CPU's: the unit in which kmap counts. */
#define WAYBUF_KMAP_PAGE_SIZE 4096
/** At least this many pages, wherever they are, can be held by kmap at a time. */
#define WAYBUF_KMAP_WINDOWS 8

/**
 * Prepares access to @memory, whose fd is borrowed until destroy. @name (copied) is for messages,
 * @flags are of enum waybuf_cpu_flags. Maps nothing yet. 0, -EINVAL (unknown flag, no size),
 * -EBADF, -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_cpu_create(const struct waybuf_memory *memory, const char *name,
	uint32_t flags, struct waybuf_cpu **out);

/** Unmaps everything, and ends brackets that are still open. NULL is a no-op. */
WAYBUF_EXPORT void waybuf_cpu_destroy(struct waybuf_cpu *cpu);

/**
 * Waits at most @timeout_ms for the implicit fences that an access in @direction must respect: a
 * reader for writers, a writer for everybody. A memfd has none. 0, -EINVAL (direction), -ETIMEDOUT,
 * or poll()'s errno.
 */
WAYBUF_EXPORT int waybuf_cpu_wait(
	struct waybuf_cpu *cpu, enum waybuf_direction direction, int timeout_ms);

/**
 * Opens a bracket. Brackets nest, and the ones of different directions may overlap: the kernel
 * hears of a direction once, when the first begins. After success kmap cannot fail until the
 * bracket ends. DMA_BUF_IOCTL_SYNC is restarted on EINTR and EAGAIN. 0, -EINVAL (direction),
 * -EACCES (writing through an fd that was opened for reading), -ENOMEM, or the ioctl's errno; on
 * failure no bracket is open.
 */
WAYBUF_EXPORT int waybuf_cpu_begin_access(struct waybuf_cpu *cpu, enum waybuf_direction direction);

/**
 * Closes one. 0; -EINVAL if none is open in @direction, and then nothing happened; or the errno of
 * the ioctl, and the bracket is closed all the same.
 */
WAYBUF_EXPORT int waybuf_cpu_end_access(struct waybuf_cpu *cpu, enum waybuf_direction direction);

/**
 * The page at @page * WAYBUF_KMAP_PAGE_SIZE, valid until kunmap or the end of the bracket. NULL
 * only where the caller is at fault: no bracket is open, @page lies behind the end, or more than
 * WAYBUF_KMAP_WINDOWS pages are held. Of shared memory above 64 MiB it takes a constant amount of
 * address space; anything else is mapped whole, dma-bufs whatever their size, because some drivers
 * show the wrong pages to a mapping that does not start at 0.
 */
WAYBUF_EXPORT void *waybuf_cpu_kmap(struct waybuf_cpu *cpu, uint64_t page);
/** Gives one kmap of @page back. 0, or -EINVAL if it is not held. */
WAYBUF_EXPORT int waybuf_cpu_kunmap(struct waybuf_cpu *cpu, uint64_t page);

/**
 * Maps the whole memory in one piece, at *address, shared by all callers. The first call maps;
 * after the last vunmap the mapping is kept for the next one, because a cold map costs a hundred
 * times the copy. 0, or mmap()'s errno: fall back to kmap.
 */
WAYBUF_EXPORT int waybuf_cpu_vmap(struct waybuf_cpu *cpu, void **address);
/** Gives one vmap back. 0, or -EINVAL if nobody has it mapped. */
WAYBUF_EXPORT int waybuf_cpu_vunmap(struct waybuf_cpu *cpu);

/** Unmaps what nobody uses at this moment. */
WAYBUF_EXPORT void waybuf_cpu_trim(struct waybuf_cpu *cpu);

/**
 * Makes a mapping of the caller's own of @length bytes from @offset, MAP_SHARED, at *address. 0;
 * -EINVAL: the range is empty, not page-aligned in @offset, or reaches behind the end of memory
 * (-EOVERFLOW if the sum does not even fit), or not a direction; -ENOMEM; or mmap()'s errno.
 */
WAYBUF_EXPORT int waybuf_cpu_mmap(struct waybuf_cpu *cpu, uint64_t offset, uint64_t length,
	enum waybuf_direction direction, void **address);
/** Unmaps it. 0, or -EINVAL if @address does not come from waybuf_cpu_mmap(). */
WAYBUF_EXPORT int waybuf_cpu_munmap(struct waybuf_cpu *cpu, void *address);

#ifdef __cplusplus
}
#endif

#endif
