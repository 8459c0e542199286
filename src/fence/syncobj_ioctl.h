/* SPDX-License-Identifier: MIT */
#ifndef FENCE_SYNCOBJ_IOCTL_H
#define FENCE_SYNCOBJ_IOCTL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The syncobj ioctls one by one, each 0 or the kernel's negative errno; fds that come out are
 * O_CLOEXEC, fds that go in are borrowed. None of them blocks. libdrm's functions are not used
 * because they neither take points with sync_files nor agree on -1 or -errno.
 */
int syncobj_ioctl_create(int drm_fd, bool signalled, uint32_t *handle);
void syncobj_ioctl_destroy(int drm_fd, uint32_t handle);
int syncobj_ioctl_handle_to_fd(int drm_fd, uint32_t handle, int *fd);
int syncobj_ioctl_fd_to_handle(int drm_fd, int fd, uint32_t *handle);
/* sync_files of a binary syncobj */
int syncobj_ioctl_export_file(int drm_fd, uint32_t handle, int *fd);
int syncobj_ioctl_import_file(int drm_fd, uint32_t handle, int fd);
/* sync_files of a timeline's point; -EINVAL from kernels that do not know the flag */
int syncobj_ioctl_export_point(int drm_fd, uint32_t handle, uint64_t point, int *fd);
int syncobj_ioctl_import_point(int drm_fd, uint32_t handle, uint64_t point, int fd);
int syncobj_ioctl_transfer(
	int drm_fd, uint32_t dst, uint64_t dst_point, uint32_t src, uint64_t src_point);
int syncobj_ioctl_signal(int drm_fd, uint32_t handle, uint64_t point);
int syncobj_ioctl_query(int drm_fd, uint32_t handle, uint64_t *point);
int syncobj_ioctl_eventfd(int drm_fd, uint32_t handle, uint64_t point, int fd, bool available);
/* A wait that ends at once and leaves the hint behind. */
int syncobj_ioctl_set_deadline(int drm_fd, uint32_t handle, uint64_t point, uint64_t ns);

#endif
