/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "util/fd.h"

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142
#endif

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int fd_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return copy < 0 ? -errno : copy;
}

static int size_by_stat(int fd, uint64_t *size)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0)
		return -EINVAL;
	*size = (uint64_t)st.st_size;
	return 0;
}

int fd_size(int fd, uint64_t *size)
{
	off_t end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return errno == EBADF ? -EBADF : size_by_stat(fd, size);
	/* a dma-buf's position means nothing, a memfd's may matter to its owner */
	lseek(fd, 0, SEEK_SET);
	if (end == 0)
		return -EINVAL;
	*size = (uint64_t)end;
	return 0;
}

int fd_kind(int fd, enum fd_kind *kind)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	*kind = FD_OTHER;
	if (fs.f_type == DMA_BUF_MAGIC)
		*kind = FD_DMABUF;
	else if (fcntl(fd, F_GET_SEALS) >= 0)
		*kind = FD_MEMFD;
	return 0;
}

/* The lines that all files have, and those of a dma-buf, whose name comes after them. */
static bool parse_dmabuf_info(const char *text, uint64_t *size, char exporter[FD_EXPORTER_LEN])
{
	unsigned long long bytes;
	const char *own = strstr(text, "\nino:\t");
	return own &&
		sscanf(own, "\nino:\t%*u\nsize:\t%llu\ncount:\t%*d\nexp_name:\t%31[^\n]\n", &bytes,
			exporter) == 2 &&
		(*size = bytes) > 0;
}

int fd_dmabuf_info(int fd, uint64_t *size, char exporter[FD_EXPORTER_LEN])
{
	char path[40], text[512];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	ssize_t n = read(file, text, sizeof(text) - 1);
	int error = n < 0 ? -errno : 0;
	close(file);
	if (error < 0)
		return error;
	text[n] = '\0';
	return parse_dmabuf_info(text, size, exporter) ? 0 : -EINVAL;
}

int fd_identify(int fd, struct fd_id *id)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	*id = (struct fd_id){.dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

/* Of the file system of all dma-bufs; 0: none was seen yet. */
static _Atomic dev_t dmabuf_dev;

/* dma-bufs have no file type, whatever else is in a file system of that number has one. */
static bool is_dmabuf(int fd, const struct stat *st)
{
	bool typeless = (st->st_mode & S_IFMT) == 0;
	struct statfs fs;
	if (typeless && st->st_dev == atomic_load_explicit(&dmabuf_dev, memory_order_relaxed))
		return true;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != DMA_BUF_MAGIC)
		return false;
	if (typeless)
		atomic_store_explicit(&dmabuf_dev, st->st_dev, memory_order_relaxed);
	return true;
}

int fd_identify_dmabuf(int fd, struct fd_id *id, bool *dmabuf, uint64_t *size)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	*id = (struct fd_id){.dev = st.st_dev, .ino = st.st_ino};
	*dmabuf = is_dmabuf(fd, &st);
	*size = *dmabuf && st.st_size > 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

bool fd_is_path(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && (flags & O_PATH);
}

/* Of a limit that cannot be read, as of none: no number is near it. */
static uint64_t read_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

bool fd_is_among_last(int fd, int n)
{
	return (uint64_t)fd + (uint64_t)n >= read_limit();
}

bool fd_limit_is_near(struct fd_limit *limit, int fd, int n)
{
	uint64_t end = (uint64_t)fd + (uint64_t)n;
	if (limit->trust == 0 || end >= limit->soft) {
		limit->soft = read_limit();
		limit->trust = FD_LIMIT_TRUST;
	}
	limit->trust--;
	return end >= limit->soft;
}

/* A negative errno on failure. */
static long count_entries(const char *path)
{
	DIR *dir = opendir(path);
	if (!dir)
		return -errno;
	long used = -3; /* ".", ".." and the directory itself */
	while (readdir(dir))
		used++;
	closedir(dir);
	return used;
}

int fd_count_free(void)
{
	static const char path[] = "/proc/self/fd";
	struct rlimit limit;
	struct stat st;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	/* since Linux 6.2 the folder's size says it, 0 before */
	long used = stat(path, &st) == 0 ? (long)st.st_size : 0;
	if (used <= 0)
		used = count_entries(path);
	if (used < 0)
		return (int)used;
	long free_fds = (long)limit.rlim_cur - used;
	return free_fds < 0 ? 0 : (int)free_fds;
}
