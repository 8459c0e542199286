/* SPDX-License-Identifier: MIT */
#ifndef UTIL_FD_H
#define UTIL_FD_H

#include <stdbool.h>
#include <stdint.h>

/* Closes *fd unless it is -1, and makes it -1, so that a second close cannot hit a stranger. */
void fd_close(int *fd);

/* Duplicates with O_CLOEXEC set atomically. Returns the new fd or a negative errno. */
int fd_dup(int fd);

/*
 * The size of the object behind @fd, asked of the kernel and never of the peer: SEEK_END, which
 * dma-bufs know since Linux 3.12, else fstat. -EBADF, or -EINVAL if the object has no size.
 */
int fd_size(int fd, uint64_t *size);

/* What kind of memory is behind a peer's fd. */
enum fd_kind {
	FD_OTHER,
	FD_DMABUF, /* fstatfs says DMA_BUF_MAGIC */
	FD_MEMFD, /* answers F_GET_SEALS */
};

/* -EBADF if @fd is not open. */
int fd_kind(int fd, enum fd_kind *kind);

/*
 * What the kernel says of a dma-buf in /proc: its size, and the name of its exporter, which unlike
 * the dma-buf's own nobody can choose. -EINVAL: it is none, or this kernel (before 5.14) writes
 * other lines; or the errno of open(), where there is no /proc.
 */
#define FD_EXPORTER_LEN 32
int fd_dmabuf_info(int fd, uint64_t *size, char exporter[FD_EXPORTER_LEN]);

/* The identity of an open file: two fds of one dma-buf agree in it, whatever their numbers. */
struct fd_id {
	uint64_t dev, ino;
};

int fd_identify(int fd, struct fd_id *id);

/*
 * The same, whether it is a dma-buf, and how large it then is; else 0. One call nearly always: all
 * dma-bufs are in one file system, which the kernel mounts for itself, once and for good, so its
 * number is remembered. The size has been in st_size since there is that file system (Linux 5.3),
 * and never changes: what has no file type cannot be truncated.
 *
 * An fd that was opened by O_PATH is the same file here, though nothing can be done with it.
 */
int fd_identify_dmabuf(int fd, struct fd_id *id, bool *is_dmabuf, uint64_t *size);

/* Whether @fd was opened by O_PATH, which answers EBADF to whoever wants to use it. */
bool fd_is_path(int fd);

static inline bool fd_id_equal(const struct fd_id *a, const struct fd_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* The number of fds that can still be opened below RLIMIT_NOFILE, counted from /proc/self/fd. */
int fd_count_free(void);

/*
 * Whether @fd is one of the last @n numbers below RLIMIT_NOFILE. The kernel hands out the lowest
 * free one, so whoever gets such an fd is told that nearly all are in use, at no more cost than
 * asking for the limit. If nobody keeps one of those for long, there are always some left.
 */
bool fd_is_among_last(int fd, int n);

/*
 * The same for whoever asks again and again; all zero at first. The limit is read where the answer
 * may be yes, and every FD_LIMIT_TRUST questions: one that is lowered meanwhile, far below what it
 * was, costs that many of the @n at most.
 */
#define FD_LIMIT_TRUST 16

struct fd_limit {
	uint64_t soft;
	uint32_t trust; /* questions until it is read again */
};

bool fd_limit_is_near(struct fd_limit *limit, int fd, int n);

#endif
