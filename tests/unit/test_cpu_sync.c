/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <waybuf/cpu_access.h>

#include "harness.h"

/* What the kernel is told of brackets, and what becomes of its answers. The memory is no dma-buf. */

#define MAX_CALLS 16

static struct {
	uint64_t flags[MAX_CALLS]; /* of the first ones */
	unsigned n;
	/* of the next calls, in order; 0 when they are used up */
	const int *errors;
	unsigned n_errors;
	int always; /* instead; 0: not */
} kernel;

static int next_error(void)
{
	if (kernel.always)
		return kernel.always;
	if (kernel.n_errors == 0)
		return 0;
	kernel.n_errors--;
	return *kernel.errors++;
}

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	if (request != DMA_BUF_IOCTL_SYNC)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	if (kernel.n < MAX_CALLS)
		kernel.flags[kernel.n] = ((struct dma_buf_sync *)arg)->flags;
	kernel.n++;
	errno = next_error();
	return errno ? -1 : 0;
}

static struct waybuf_cpu *open_cpu(int *fd)
{
	struct waybuf_cpu *cpu = NULL;
	*fd = memfd_create("cpu", MFD_CLOEXEC);
	ck_assert_int_ge(*fd, 0);
	ck_assert_int_eq(ftruncate(*fd, 8192), 0);
	const struct waybuf_memory memory = {.fd = *fd, .kind = WAYBUF_MEMORY_DMABUF, .size = 8192};
	ck_assert_int_eq(waybuf_cpu_create(&memory, "cpu", 0, &cpu), 0);
	return cpu;
}

static void close_cpu(struct waybuf_cpu *cpu, int fd)
{
	waybuf_cpu_destroy(cpu);
	close(fd);
}

/* Each direction is told when its first bracket begins and when its last one ends. */
TEST(each_direction_is_told_once)
{
	int fd;
	struct waybuf_cpu *cpu = open_cpu(&fd);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ), 0);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ), 0);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_WRITE), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_WRITE), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), 0);
	ck_assert_uint_eq(kernel.n, 4);
	ck_assert_uint_eq(kernel.flags[0], DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	ck_assert_uint_eq(kernel.flags[1], DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
	ck_assert_uint_eq(kernel.flags[2], DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
	ck_assert_uint_eq(kernel.flags[3], DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
	close_cpu(cpu, fd);
}

TEST(interrupted_calls_are_made_again)
{
	static const int errors[] = {EINTR, EAGAIN, EINTR, 0, EAGAIN};
	int fd;
	struct waybuf_cpu *cpu = open_cpu(&fd);
	kernel.errors = errors;
	kernel.n_errors = 5;
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ_WRITE), 0);
	ck_assert_uint_eq(kernel.n, 4);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ_WRITE), 0);
	ck_assert_uint_eq(kernel.n, 6);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(kernel.flags[i],
			(i < 4 ? DMA_BUF_SYNC_START : DMA_BUF_SYNC_END) | DMA_BUF_SYNC_RW);
	close_cpu(cpu, fd);
}

/* A kernel that never lets it through: an error at last, and no bracket. */
TEST(not_for_ever)
{
	int fd;
	struct waybuf_cpu *cpu = open_cpu(&fd);
	kernel.always = EINTR;
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ), -EINTR);
	ck_assert_uint_gt(kernel.n, 100);
	kernel.always = 0;
	ck_assert_ptr_null(waybuf_cpu_kmap(cpu, 0));
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), -EINVAL);
	close_cpu(cpu, fd);
}

TEST(a_bracket_that_fails_is_not_open)
{
	static const int errors[] = {EIO};
	int fd;
	struct waybuf_cpu *cpu = open_cpu(&fd);
	kernel.errors = errors;
	kernel.n_errors = 1;
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_WRITE), -EIO);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_WRITE), -EINVAL);
	ck_assert_uint_eq(kernel.n, 1);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_WRITE), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_WRITE), 0);
	close_cpu(cpu, fd);
}

/* The error of the end is told, and the bracket is over. */
TEST(an_end_that_fails_is_an_end)
{
	static const int errors[] = {0, EIO};
	int fd;
	struct waybuf_cpu *cpu = open_cpu(&fd);
	kernel.errors = errors;
	kernel.n_errors = 2;
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ), 0);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), -EIO);
	ck_assert_int_eq(waybuf_cpu_end_access(cpu, WAYBUF_READ), -EINVAL);
	close_cpu(cpu, fd);
}

/* A bracket that its owner has forgotten does not outlive the object. */
TEST(destroy_ends_what_is_open)
{
	int fd;
	struct waybuf_cpu *cpu = open_cpu(&fd);
	ck_assert_int_eq(waybuf_cpu_begin_access(cpu, WAYBUF_READ), 0);
	close_cpu(cpu, fd);
	ck_assert_uint_eq(kernel.n, 2);
	ck_assert_uint_eq(kernel.flags[1], DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}

TEST_MAIN("cpu-sync")
