/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <xf86drmMode.h>

#include "fake/libdrm.h"
#include "fake/screen.h"
#include "fake/sync.h"

enum { PLANES = 3, CAPTURES = 16, FENCES = 4 };

struct picture {
	ino_t memory[PLANES];
};

static struct {
	struct picture now, next; /* the same, while there is no flip to come */
	bool flipping, lost;
	/* of the flip to come */
	int fences[FENCES];
	unsigned n_fences;
	struct {
		struct picture picture;
		int fence;
	} captures[CAPTURES]; /* the oldest first */
	unsigned n_captures;
	int capture_fence; /* of the commit that is being taken; -1: it has none */
	uint64_t ns;
} screen;

static bool has(const struct picture *picture, ino_t memory)
{
	for (int i = 0; i < PLANES; i++)
		if (picture->memory[i] == memory)
			return true;
	return false;
}

bool fake_screen_keeps(ino_t memory)
{
	return has(&screen.next, memory);
}

bool fake_screen_shows(ino_t memory)
{
	return has(&screen.now, memory) || has(&screen.next, memory);
}

bool fake_screen_reads(ino_t memory)
{
	for (unsigned i = 0; i < screen.n_captures; i++)
		if (has(&screen.captures[i].picture, memory))
			return true;
	return fake_screen_shows(memory);
}

bool fake_screen_flipping(void)
{
	return screen.flipping;
}

static void settle_flip(int status)
{
	screen.ns += 1000;
	screen.now = screen.next;
	screen.flipping = false;
	while (screen.n_fences > 0)
		fake_fence_settle(screen.fences[--screen.n_fences], status, screen.ns);
}

void fake_screen_flip(bool tell)
{
	if (screen.lost)
		return;
	/* in this order, as the kernel does it */
	settle_flip(1);
	if (tell)
		fake_drm_vblank();
	else
		fake_drm_lose_events();
}

bool fake_screen_end_capture(int status)
{
	if (screen.n_captures == 0)
		return false;
	int fence = screen.captures[0].fence;
	screen.n_captures--;
	memmove(&screen.captures[0], &screen.captures[1],
		screen.n_captures * sizeof(screen.captures[0]));
	fake_fence_settle(fence, status, ++screen.ns);
	return true;
}

void fake_screen_lose(void)
{
	screen.lost = true;
	screen.next = (struct picture){0};
	settle_flip(-ENODEV);
	fake_drm_lose_events();
	while (fake_screen_end_capture(-ENODEV))
		;
}

/* ---- what is committed ----------------------------------------------------------------------- */

static int open_fence(uint32_t object)
{
	int fence = fake_fence();
	if (object == FAKE_WRITEBACK) {
		screen.capture_fence = fence;
	} else {
		ck_assert_uint_lt(screen.n_fences, FENCES);
		screen.fences[screen.n_fences++] = fence;
	}
	return fake_sync_file(&fence, 1);
}

static void handle_waits(void)
{
	if (screen.flipping)
		fake_screen_flip(true);
}

static void begin_capture(void)
{
	if (screen.capture_fence < 0)
		return;
	ck_assert_uint_lt(screen.n_captures, CAPTURES);
	screen.captures[screen.n_captures].picture = screen.next;
	screen.captures[screen.n_captures++].fence = screen.capture_fence;
	screen.capture_fence = -1;
}

static void handle_committed(uint32_t flags)
{
	static const uint32_t planes[PLANES] = {FAKE_PRIMARY, FAKE_OVERLAY, FAKE_RICH};
	ck_assert(!screen.flipping);
	for (int i = 0; i < PLANES; i++)
		screen.next.memory[i] = fake_drm_memory(fake_drm_value(planes[i], "FB_ID"));
	begin_capture();
	if (flags & DRM_MODE_ATOMIC_NONBLOCK)
		screen.flipping = true;
	else
		settle_flip(1);
}

void fake_screen_init(void)
{
	static const struct fake_drm_watcher watcher = {
		.waits = handle_waits, .committed = handle_committed};
	memset(&screen, 0, sizeof(screen));
	screen.capture_fence = -1;
	fake_drm_out_fences(open_fence);
	fake_drm_watch(&watcher);
}
