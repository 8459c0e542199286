/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <xf86drmMode.h>

#include "fake/libdrm.h"
#include "fake/screen.h"
#include "fake/sync.h"

enum { PLANES = 4, CAPTURES = 16, FENCES = 4, NOWHERE = -1 };

static const uint32_t planes[PLANES] = {FAKE_PRIMARY, FAKE_OVERLAY, FAKE_RICH, FAKE_SECOND_PRIMARY};

/* By plane: what it reads, 0: nothing; and on which CRTC. */
struct picture {
	ino_t memory[PLANES];
	int crtc[PLANES];
};

static struct {
	struct picture now, next; /* the same, while there is no flip to come */
	struct {
		bool flipping;
		int fences[FENCES]; /* of the flip to come */
		unsigned n_fences;
	} crtcs[FAKE_CRTCS];
	bool lost;
	struct {
		struct picture picture; /* of the first CRTC */
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

bool fake_screen_flips(int crtc)
{
	return screen.crtcs[crtc].flipping;
}

bool fake_screen_flipping(void)
{
	return fake_screen_flips(0) || fake_screen_flips(1);
}

/* A plane that goes over to another CRTC leaves the one with its flip and comes with the other's. */
static void settle_flip(int crtc, int status)
{
	screen.ns += 1000;
	screen.crtcs[crtc].flipping = false;
	for (int i = 0; i < PLANES; i++) {
		if (screen.now.crtc[i] == crtc)
			screen.now.memory[i] = 0;
		if (screen.next.crtc[i] != crtc)
			continue;
		screen.now.memory[i] = screen.next.memory[i];
		screen.now.crtc[i] = crtc;
	}
	while (screen.crtcs[crtc].n_fences > 0)
		fake_fence_settle(screen.crtcs[crtc].fences[--screen.crtcs[crtc].n_fences], status,
			screen.ns);
}

void fake_screen_flip(int crtc, bool tell)
{
	if (screen.lost)
		return;
	/* in this order, as the kernel does it */
	settle_flip(crtc, 1);
	fake_drm_vblank_of(crtc, tell);
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
	memset(screen.next.memory, 0, sizeof(screen.next.memory));
	for (int i = 0; i < FAKE_CRTCS; i++) {
		settle_flip(i, -ENODEV);
		fake_drm_vblank_of(i, false);
	}
	while (fake_screen_end_capture(-ENODEV))
		;
}

/* ---- what is committed ----------------------------------------------------------------------- */

static int open_fence(uint32_t object)
{
	int fence = fake_fence(), crtc = object == FAKE_SECOND_CRTC;
	unsigned *n = &screen.crtcs[crtc].n_fences;
	ck_assert_uint_lt(*n, FENCES);
	if (object == FAKE_WRITEBACK)
		screen.capture_fence = fence;
	else
		screen.crtcs[crtc].fences[(*n)++] = fence;
	return fake_sync_file(&fence, 1);
}

static void handle_waits(uint32_t crtcs)
{
	for (int i = 0; i < FAKE_CRTCS; i++)
		if (crtcs >> i & 1 && screen.crtcs[i].flipping)
			fake_screen_flip(i, true);
}

static void begin_capture(void)
{
	if (screen.capture_fence < 0)
		return;
	ck_assert_uint_lt(screen.n_captures, CAPTURES);
	struct picture *picture = &screen.captures[screen.n_captures].picture;
	screen.captures[screen.n_captures++].fence = screen.capture_fence;
	screen.capture_fence = -1;
	*picture = screen.next;
	for (int i = 0; i < PLANES; i++)
		if (picture->crtc[i] != 0)
			picture->memory[i] = 0;
}

static int find_crtc(uint32_t plane)
{
	uint64_t id = fake_drm_value(plane, "CRTC_ID");
	return id == FAKE_CRTC ? 0 : id == FAKE_SECOND_CRTC ? 1 : NOWHERE;
}

static void handle_committed(uint32_t flags, uint32_t crtcs)
{
	for (int i = 0; i < PLANES; i++) {
		screen.next.memory[i] = fake_drm_memory(fake_drm_value(planes[i], "FB_ID"));
		screen.next.crtc[i] = find_crtc(planes[i]);
	}
	begin_capture();
	for (int i = 0; i < FAKE_CRTCS; i++) {
		if (!(crtcs >> i & 1))
			continue;
		ck_assert(!screen.crtcs[i].flipping);
		screen.crtcs[i].flipping = true;
		if (flags & DRM_MODE_ATOMIC_NONBLOCK)
			continue;
		settle_flip(i, 1);
		/* its event, if it has one, is yet to be told */
		screen.crtcs[i].flipping = flags & DRM_MODE_PAGE_FLIP_EVENT;
	}
}

void fake_screen_init(void)
{
	static const struct fake_drm_watcher watcher = {
		.waits = handle_waits, .committed = handle_committed};
	memset(&screen, 0, sizeof(screen));
	for (int i = 0; i < PLANES; i++)
		screen.now.crtc[i] = screen.next.crtc[i] = NOWHERE;
	screen.capture_fence = -1;
	fake_drm_out_fences(open_fence);
	fake_drm_watch(&watcher);
}
