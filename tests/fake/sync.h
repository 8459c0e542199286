/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_SYNC_H
#define TESTS_FAKE_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A kernel with sync_files, syncobjs and implicit fences, in the test's own process: ioctl() and
 * fstatfs() are replaced at link time. The fds are real (pipes, memfds, eventfds), so closing,
 * duplicating, polling and running out of them are real too. It judges: an argument that Linux
 * would refuse is refused with Linux's errno, and what Linux would not notice but is wrong
 * (destroying a handle twice) fails the test in fake_sync_finish().
 */
struct fake_kernel {
	bool timelines; /* DRM_CAP_SYNCOBJ_TIMELINE */
	bool eventfds; /* DRM_IOCTL_SYNCOBJ_EVENTFD */
	bool point_files; /* points in HANDLE_TO_FD and FD_TO_HANDLE */
	bool dmabuf_files; /* EXPORT_SYNC_FILE and IMPORT_SYNC_FILE */
	bool deadlines; /* SYNC_IOC_SET_DEADLINE */
	bool disorder; /* points that do not rise are no bug: the client is hostile */
	int fail_in; /* counts down with every ioctl; the one at 1 fails with fail_errno */
	int fail_errno;
	int ioctls; /* how many there were */
	void (*inside)(bool inside); /* told when one begins and ends; NULL: nobody is */
};
extern struct fake_kernel fake_kernel;

/* Everything on, nothing open. */
void fake_sync_init(void);
/* Closes what the fake itself holds; fails the test if a handle is left or a wrong was done. */
void fake_sync_finish(void);

/* A driver's fence: an index. */
int fake_fence(void);
void fake_fence_settle(int fence, int status, uint64_t ns);
/* The earliest deadline set on it, 0 if none. */
uint64_t fake_fence_deadline(int fence);

/* A new sync_file fd with these fences in it, for the caller to close; -1 with errno if none. */
int fake_sync_file(const int *fences, size_t n);
/* The sync_files that somebody still has an fd of. */
int fake_count_sync_files(void);

/* A DRM device's fd. */
int fake_syncobj_device(void);
/* The handles that are not destroyed. */
int fake_count_handles(void);

/* A dma-buf's fd, without fences. */
int fake_dmabuf_open(void);
void fake_dmabuf_add(int fd, bool write, int fence);
/* How many fences import has put on it, with write or read usage. */
int fake_dmabuf_count(int fd, bool write);
/* Whether somebody who writes would have to wait for one. */
bool fake_dmabuf_busy(int fd);

#endif
