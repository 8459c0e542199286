/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_LIBDRM_H
#define TESTS_FAKE_LIBDRM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A libdrm that is linked in front of the real one and judges: it refuses what the kernel refuses,
 * and aborts the test at what the kernel lets pass but no program should do.
 *
 * The device is one CRTC, three planes (a primary, a plain overlay and one with zpos and alpha), a
 * display of two modes and a writeback connector. Its judgements:
 *
 * - GEM handles are as the kernel has them: one per dma-buf, not counted. Closing one that is not
 *   open aborts.
 * - Every plane that is on a CRTC of a commit must have an IN_FENCE_FD in it that has signalled, or
 *   the test aborts: while the kernel waits for a plane, no commit of its CRTC succeeds.
 * - A mode changes with ALLOW_MODESET only, events come for CRTCs that are on only, a commit on one
 *   that is pending is -EBUSY, ids of framebuffers and blobs must be alive.
 */

enum {
	FAKE_CRTC = 100,
	FAKE_CONNECTOR = 120,
	FAKE_WRITEBACK = 121,
	FAKE_PRIMARY = 130,
	FAKE_OVERLAY = 131,
	FAKE_RICH = 132, /* the one with zpos and alpha */
};

/* A fresh device: the fd for waybuf_kms_device_create(). */
int fake_drm_open(void);
/* Aborts if handles, framebuffers or blobs are left, after the device was destroyed. */
void fake_drm_finish(void);

/*
 * Where the fds of OUT_FENCE_PTR come from: @open, NULL for eventfds, which are no sync_files. Until
 * fake_drm_finish().
 */
void fake_drm_out_fences(int (*open)(void));

/* Sends the flip events of the commits so far. */
void fake_drm_vblank(void);
/* Sends @size bytes as if they were events. */
void fake_drm_send(const void *bytes, uint32_t size);

/* The next @n calls succeed, and the one after fails with @error: once, or from then on. */
enum fake_call { FAKE_PRIME, FAKE_ADDFB, FAKE_COMMIT, FAKE_CLOSEFB, FAKE_CALLS };
void fake_drm_fail(enum fake_call call, int n, int error, bool forever);

/* The value of a property as the last commit left it. */
uint64_t fake_drm_value(uint32_t object, const char *property);
/* Whether the last commit, tests included, named the property; and its flags. */
bool fake_drm_named(uint32_t object, const char *property);
uint32_t fake_drm_last_flags(void);
int fake_drm_commits(void);
int fake_drm_tests(void);
int fake_drm_open_handles(void);
int fake_drm_open_framebuffers(void);
/* RMFB calls: none, as long as CLOSEFB works. */
int fake_drm_removed(void);

#endif
