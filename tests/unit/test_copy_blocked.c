/* SPDX-License-Identifier: MIT */
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/bounded_sync.h"
#include "fence/impl.h"
#include "mover.h"

/*
 * Fences on one client's dma-buf, and another client's copy. The dma-bufs are memfds, and the kernel
 * is this file: one without EXPORT_SYNC_FILE, in which one memory has a writer, seen by poll() or
 * not, for whom DMA_BUF_IOCTL_SYNC waits as it does in Linux.
 */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	ino_t memory; /* that has a writer; 0: none */
	bool hidden; /* poll() does not see the writer: it comes a moment later */
	unsigned blocked; /* calls that wait for it */
	unsigned starts, ends; /* that got through */
} kernel = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static ino_t inode(int fd)
{
	struct stat info;
	return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

static void release(void)
{
	pthread_mutex_lock(&kernel.lock);
	kernel.memory = 0;
	pthread_cond_broadcast(&kernel.changed);
	pthread_mutex_unlock(&kernel.lock);
}

static void begin_sync(ino_t memory)
{
	while (kernel.memory && kernel.memory == memory) {
		kernel.blocked++;
		pthread_cond_wait(&kernel.changed, &kernel.lock);
		kernel.blocked--;
	}
	kernel.starts++;
}

static int handle_sync(int fd, const struct dma_buf_sync *sync)
{
	pthread_mutex_lock(&kernel.lock);
	if (sync->flags & DMA_BUF_SYNC_END)
		kernel.ends++;
	else
		begin_sync(inode(fd));
	pthread_mutex_unlock(&kernel.lock);
	return 0;
}

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	if (request == DMA_BUF_IOCTL_SYNC)
		return handle_sync(fd, arg);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

__attribute__((visibility("default"))) int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	const struct timespec time = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
	pthread_mutex_lock(&kernel.lock);
	bool busy = n == 1 && timeout_ms == 0 && !kernel.hidden && kernel.memory &&
		inode(fds[0].fd) == kernel.memory;
	pthread_mutex_unlock(&kernel.lock);
	return busy ? 0 : (int)syscall(SYS_ppoll, fds, n, timeout_ms < 0 ? NULL : &time, NULL, 0);
}

/* So that an ENOTTY is taken for the answer of an old kernel to a dma-buf. */
__attribute__((visibility("default"))) int fstatfs(int fd, struct statfs *info)
{
	int ret = (int)syscall(SYS_fstatfs, fd, info);
	if (ret == 0 && info->f_type == TMPFS_MAGIC)
		info->f_type = 0x444d4142;
	return ret;
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_writer(const struct mover *mover, bool hidden)
{
	pthread_mutex_lock(&kernel.lock);
	kernel.memory = inode(mover->seat.layout.memory[0].fd);
	kernel.hidden = hidden;
	pthread_mutex_unlock(&kernel.lock);
}

static void wait_idle(unsigned ends)
{
	for (int i = 0; i < 1000 && kernel.ends < ends; i++)
		usleep(2000);
	ck_assert_uint_eq(kernel.ends, ends);
}

struct stage {
	struct fixture f;
	struct mover victim, other;
};

static void set_stage(struct stage *stage)
{
	waybuf_dmabuf_forget_probe();
	fixture_init(&stage->f);
	fake_exporter_add(&stage->f, "fake", 50, true, true)->as_dmabuf = true;
	stage->victim.contiguous = stage->other.contiguous = true;
	mover_paint(&stage->f, &stage->victim, 64, 64, 1536);
	mover_paint(&stage->f, &stage->other, 64, 64, 1536);
}

static void clear_stage(struct stage *stage)
{
	mover_leave(&stage->other);
	mover_leave(&stage->victim);
	fixture_finish(&stage->f);
}

static void check_moved(struct stage *stage, struct mover *mover)
{
	ck_assert_int_eq(mover->plane.outcome, WAYBUF_MIGRATED);
	ck_assert_uint_eq(mover->plane.accepted, 1);
	seat_grant(&stage->f, &mover->seat, WAYBUF_READ);
	ck_assert_uint_eq(mover->seat.layout.generation, 2);
	ck_assert(pattern_check(&mover->seat.layout, 7));
}

/* Whether the other one was answered before the victim, which was asked first. */
static bool overtakes(void)
{
	struct stage stage;
	set_stage(&stage);
	set_writer(&stage.victim, false);
	uint64_t start = now_ms();
	mover_move(&stage.f, &stage.victim);
	mover_move(&stage.f, &stage.other);
	fixture_wait(&stage.f, &stage.other.plane.answered);
	bool first = !stage.victim.plane.answered;
	check_moved(&stage, &stage.other);
	fixture_wait(&stage.f, &stage.victim.plane.answered);
	ck_assert_int_eq(stage.victim.plane.error, -ETIME);
	ck_assert_uint_ge(now_ms() - start, 240);
	ck_assert_uint_eq(kernel.blocked, 0);
	release();
	clear_stage(&stage);
	return first;
}

/* The loop waits for the writer, and nobody waits with it. */
TEST(a_writer_that_never_ends)
{
	bool first = false;
	/* a busy machine may need longer for the copy than the victim is given */
	for (int i = 0; i < 10 && !first; i++)
		first = overtakes();
	ck_assert(first);
}

TEST(a_writer_that_ends)
{
	struct stage stage;
	set_stage(&stage);
	set_writer(&stage.victim, false);
	mover_move(&stage.f, &stage.victim);
	fixture_run(&stage.f, 50);
	ck_assert(!stage.victim.plane.answered);
	release();
	fixture_wait(&stage.f, &stage.victim.plane.answered);
	check_moved(&stage, &stage.victim);
	mover_move(&stage.f, &stage.other);
	fixture_wait(&stage.f, &stage.other.plane.answered);
	clear_stage(&stage);
}

/* Past the last look: a thread is left behind, and the worker goes on. */
TEST(a_fence_at_the_last_moment)
{
	struct stage stage;
	set_stage(&stage);
	set_writer(&stage.victim, true);
	mover_move(&stage.f, &stage.victim);
	mover_move(&stage.f, &stage.other);
	fixture_wait(&stage.f, &stage.other.plane.answered);
	fixture_wait(&stage.f, &stage.victim.plane.answered);
	ck_assert_int_eq(stage.victim.plane.error, -ETIME);
	ck_assert_uint_eq(kernel.blocked, 1);
	check_moved(&stage, &stage.other);
	/* one of the source, one of the target */
	ck_assert_uint_eq(kernel.starts, 2);
	ck_assert_uint_eq(kernel.ends, 2);
	clear_stage(&stage);
	/* what began too late is ended, so that nothing stays open */
	release();
	wait_idle(3);
	ck_assert_uint_eq(kernel.starts, 3);
}

/* Until @n are. A call is taken back if no thread has begun with it in time; and one may have begun. */
static void block_threads(int fd, uint64_t owner, unsigned n)
{
	for (int i = 0; i < 1000 && kernel.blocked < n; i++) {
		int ret = bounded_sync(fd, DMA_BUF_SYNC_READ, owner, 20);
		ck_assert(ret == -ETIMEDOUT || ret == -EBUSY);
		if (ret == -EBUSY)
			usleep(2000);
	}
	ck_assert_uint_eq(kernel.blocked, n);
}

/* Threads run out for the hostile alone, and come back. */
TEST(only_so_many_are_left_behind)
{
	int fd = memfd_create("stuck", MFD_CLOEXEC), other = memfd_create("other", MFD_CLOEXEC);
	ck_assert(fd >= 0 && other >= 0);
	int fds = harness_count_fds();
	kernel.memory = inode(fd);
	block_threads(fd, 0, BOUNDED_SYNC_THREADS - 1);
	ck_assert_int_eq(bounded_sync(other, DMA_BUF_SYNC_READ, 0, 2000), 0);
	block_threads(fd, 0, BOUNDED_SYNC_THREADS);
	ck_assert_int_eq(bounded_sync(other, DMA_BUF_SYNC_READ, 0, 2000), -EBUSY);
	ck_assert_uint_eq(kernel.blocked, BOUNDED_SYNC_THREADS);
	release();
	wait_idle(BOUNDED_SYNC_THREADS);
	for (int i = 0; i < 1000 && harness_count_fds() > fds; i++)
		usleep(2000);
	ck_assert_int_eq(harness_count_fds(), fds);
	ck_assert_int_eq(bounded_sync(other, DMA_BUF_SYNC_READ, 0, 2000), 0);
	ck_assert_int_eq(bounded_sync(-1, DMA_BUF_SYNC_READ, 0, 2000), -EBADF);
	close(fd);
	close(other);
}

/* One owner cannot have them all, and may end what it has begun. */
TEST(an_owner_has_its_share)
{
	enum { HOSTILE = 7, NEIGHBOUR = 8 };
	int fd = memfd_create("stuck", MFD_CLOEXEC), other = memfd_create("other", MFD_CLOEXEC);
	ck_assert(fd >= 0 && other >= 0);
	kernel.memory = inode(fd);
	block_threads(fd, HOSTILE, BOUNDED_SYNC_STUCK);
	/* at once, whatever the memory */
	ck_assert_int_eq(bounded_sync(fd, DMA_BUF_SYNC_READ, HOSTILE, 100000), -EBUSY);
	ck_assert_int_eq(bounded_sync(other, DMA_BUF_SYNC_READ, HOSTILE, 100000), -EBUSY);
	ck_assert_int_eq(
		bounded_sync(other, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ, HOSTILE, 2000), 0);
	ck_assert_int_eq(bounded_sync(other, DMA_BUF_SYNC_READ, NEIGHBOUR, 2000), 0);
	release();
	/* with the one above */
	wait_idle(BOUNDED_SYNC_STUCK + 1);
	ck_assert_int_eq(bounded_sync(other, DMA_BUF_SYNC_READ, HOSTILE, 2000), 0);
	close(fd);
	close(other);
}

TEST_MAIN("copy-blocked")
