/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SW_SYNC_H
#define TESTS_SW_SYNC_H

#include <stdint.h>

/*
 * The kernel's own software timeline (CONFIG_SW_SYNC, in debugfs, so for root): real sync_files
 * that settle when a test says so. The timeline is an fd; closing it settles what is active with
 * -ENOENT. Each function returns 0 (or an fd) or a negative errno.
 */

/* A timeline at 0. -ENOENT where the kernel has no sw_sync. */
int sw_sync_open(void);
/* A sync_file that signals when the timeline has reached @value. */
int sw_sync_fence(int timeline, uint32_t value);
/*
 * Puts such a fence on the dma-buf, as if somebody wrote into it until then. -ENOTTY where the kernel
 * puts none there.
 */
int sw_sync_occupy(int timeline, uint32_t value, int dmabuf);
/* Advances the timeline. */
int sw_sync_advance(int timeline, uint32_t by);
/* The earliest deadline hint that has reached the fence; -ENOENT if none has. */
int sw_sync_deadline(int timeline, int fence, uint64_t *ns);

#endif
