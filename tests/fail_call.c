/* SPDX-License-Identifier: MIT */
#include "fail_call.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail_where.h"

static _Atomic unsigned countdown;
static _Atomic int reason;
static _Atomic(const char *) failed;

void fail_call_at(unsigned n, int error)
{
	atomic_store(&failed, NULL);
	atomic_store(&reason, error);
	atomic_store(&countdown, n);
}

const char *fail_call_happened(void)
{
	return atomic_load(&failed);
}

static bool fails(const char *name)
{
	unsigned left = fail_counts() ? atomic_load(&countdown) : 0;
	while (left > 0 && !atomic_compare_exchange_weak(&countdown, &left, left - 1))
		continue;
	if (left != 1)
		return false;
	atomic_store(&failed, name);
	errno = atomic_load(&reason);
	return true;
}

/* With _FILE_OFFSET_BITS=64 the compiler calls some of them by another name. */
#define WRAP(type, name, parameters, arguments, failure) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		return fails(#name) ? (failure) : __real_##name arguments; \
	}

WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1)
WRAP(int, epoll_create1, (int flags), (flags), -1)
WRAP(int, eventfd, (unsigned value, int flags), (value, flags), -1)
WRAP(int, timerfd_create, (int clock, int flags), (clock, flags), -1)
WRAP(int, pipe2, (int fds[2], int flags), (fds, flags), -1)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1)
WRAP(void *, mmap64, (void *address, size_t length, int prot, int flags, int fd, off_t offset),
	(address, length, prot, flags, fd, offset), (void *)-1)
WRAP(int, mprotect, (void *address, size_t length, int prot), (address, length, prot), -1)
WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), -1)
WRAP(int, fallocate64, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size), -1)
WRAP(int, fstat64, (int fd, struct stat *info), (fd, info), -1)
WRAP(int, stat64, (const char *path, struct stat *info), (path, info), -1)
WRAP(int, fstatfs64, (int fd, struct statfs *info), (fd, info), -1)
WRAP(off_t, lseek64, (int fd, off_t offset, int whence), (fd, offset, whence), -1)
WRAP(DIR *, opendir, (const char *path), (path), NULL)
WRAP(int, pthread_create,
	(pthread_t * thread, const pthread_attr_t *attributes, void *(*func)(void *), void *data),
	(thread, attributes, func, data), EAGAIN)

int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);

int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	if (operation != EPOLL_CTL_DEL && fails("epoll_ctl"))
		return -1;
	return __real_epoll_ctl(epoll, operation, fd, event);
}

/* Nobody here creates files. */
int __wrap_open64(const char *path, int flags, ...)
{
	return fails("open") ? -1 : __real_open64(path, flags);
}

int __wrap_fcntl64(int fd, int command, ...)
{
	va_list args;
	va_start(args, command);
	int arg = va_arg(args, int);
	va_end(args);
	return fails("fcntl") ? -1 : __real_fcntl64(fd, command, arg);
}

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	return fails("ioctl") ? -1 : (int)syscall(SYS_ioctl, fd, request, arg);
}
