/* SPDX-License-Identifier: MIT */
#ifndef KMS_HANDLES_H
#define KMS_HANDLES_H

#include <stdint.h>

/*
 * GEM handles, counted.
 *
 * The kernel does not count GEM handles within one DRM file: importing a dma-buf twice gives the
 * same number twice, and one DRM_IOCTL_GEM_CLOSE ends both. So everybody who shares a DRM file
 * (the dumb exporter, framebuffers, a gbm device) must share one count, and this is it. The table
 * belongs to the open file, not to the fd: dup() shares handles, a second open() does not.
 *
 * A handle is its number plus one reference in the table. All calls may come from any thread; the
 * ioctls run under the table's lock, because between an import and its count the last reference of
 * the same handle could otherwise be closed.
 */
struct waybuf_gem_handles;

/*
 * The table of @drm_fd's open file: a new reference to the one that exists in this process, or a
 * new one. @drm_fd is duplicated. 0, -ENOMEM, or the errno of the dup.
 */
int waybuf_gem_handles_create(int drm_fd, struct waybuf_gem_handles **out);
struct waybuf_gem_handles *waybuf_gem_handles_ref(struct waybuf_gem_handles *handles);
/* The last reference closes the handles that are left. NULL is a no-op. */
void waybuf_gem_handles_unref(struct waybuf_gem_handles *handles);

/*
 * A reference to the handle of a dma-buf. @dmabuf_fd is borrowed. 0 or the errno of
 * DRM_IOCTL_PRIME_FD_TO_HANDLE, -ENOMEM among them.
 */
int waybuf_gem_handles_import(struct waybuf_gem_handles *handles, int dmabuf_fd, uint32_t *handle);

/* Takes a handle that another ioctl has just made, as its first reference; closes it on failure. */
int waybuf_gem_handles_adopt(struct waybuf_gem_handles *handles, uint32_t handle);

/*
 * Makes known a handle whose owner closes it itself, as gbm does: references to it are counted but
 * never closed by us. To be ended with unref before the owner closes it. 0 or -ENOMEM.
 */
int waybuf_gem_handles_lend(struct waybuf_gem_handles *handles, uint32_t handle);

/* The last reference closes the handle. 0 is a no-op. */
void waybuf_gem_handles_drop(struct waybuf_gem_handles *handles, uint32_t handle);

/* A dma-buf fd (O_CLOEXEC, writable) for a handle; or the errno of PRIME_HANDLE_TO_FD. */
int waybuf_gem_handles_export(struct waybuf_gem_handles *handles, uint32_t handle, int *dmabuf_fd);

/* The number of handles that are referenced, for accounts and tests. */
uint32_t waybuf_gem_handles_count(struct waybuf_gem_handles *handles);

#endif
