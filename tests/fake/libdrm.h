/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_LIBDRM_H
#define TESTS_FAKE_LIBDRM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A libdrm that is linked in front of the real one and judges: it refuses what the kernel refuses,
 * and aborts the test at what the kernel lets pass but no program should do.
 *
 * The device is one CRTC, three planes (a primary, a plain overlay and one with zpos and alpha), a
 * display of two modes and a writeback connector; on request another CRTC with a primary plane and a
 * display, to which the overlays can go as well. Its judgements:
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
	/* on request */
	FAKE_SECOND_CRTC = 101,
	FAKE_SECOND_CONNECTOR = 122,
	FAKE_SECOND_PRIMARY = 133,
};
enum { FAKE_CRTCS = 2 };

/* A fresh device: the fd for waybuf_kms_device_create(). */
int fake_drm_open(void);
/* Before the device is created: with the second CRTC. */
void fake_drm_add_crtc(void);
/* Aborts if handles, framebuffers or blobs are left, after the device was destroyed. */
void fake_drm_finish(void);

/*
 * Where the fds of OUT_FENCE_PTR come from: @open, with the object that has the property; NULL for
 * eventfds, which are no sync_files. Until fake_drm_finish().
 */
void fake_drm_out_fences(int (*open)(uint32_t object));

/*
 * Told of commits, tests excluded: when the kernel would wait for the last flips before it goes on
 * with a blocking one, and when it has taken one with these flags, of these CRTCs, a bit each. Until
 * fake_drm_finish().
 */
struct fake_drm_watcher {
	void (*waits)(uint32_t crtcs);
	void (*committed)(uint32_t flags, uint32_t crtcs);
};
void fake_drm_watch(const struct fake_drm_watcher *watcher);

/* The display's preferred mode, when it is listed the next time. */
void fake_drm_set_mode(uint16_t width, uint16_t height);
/* Whether a display is connected: it is at first. */
void fake_drm_plug(bool connected);

/* Sends the flip events of the commits so far. */
void fake_drm_vblank(void);
/* The same for one CRTC, by its bit; what is not told (@tell false) is lost. */
void fake_drm_vblank_of(int crtc, bool tell);
/* When the next flips were, on CLOCK_MONOTONIC; 0: 5 s. */
void fake_drm_set_time(uint64_t ns);
/* Sends @size bytes as if they were events. */
void fake_drm_send(const void *bytes, uint32_t size);

/* The next @n calls succeed, and the one after fails with @error: once, or from then on. */
enum fake_call { FAKE_PRIME, FAKE_ADDFB, FAKE_COMMIT, FAKE_CLOSEFB, FAKE_CALLS };
void fake_drm_fail(enum fake_call call, int n, int error, bool forever);
/* All calls succeed again. */
void fake_drm_mend(void);

/* The value of a property as the last commit left it. */
uint64_t fake_drm_value(uint32_t object, const char *property);
/* Whether the last commit, tests included, named the property; and its flags. */
bool fake_drm_named(uint32_t object, const char *property);
uint32_t fake_drm_last_flags(void);
/* What the last commit has said is new on the primary plane; 0: anything. */
struct drm_mode_rect;
uint32_t fake_drm_damage(const struct drm_mode_rect **rects);
int fake_drm_commits(void);
int fake_drm_tests(void);
int fake_drm_open_handles(void);
int fake_drm_open_framebuffers(void);
/* The inode of the memory behind what FB_ID names, which may be closed already; 0: no framebuffer. */
ino_t fake_drm_memory(uint64_t fb);
/* RMFB calls: none, as long as CLOSEFB works. */
int fake_drm_removed(void);

#endif
