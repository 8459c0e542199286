/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_SCREEN_H
#define TESTS_FAKE_SCREEN_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * What the display of fake/libdrm.h reads, and until when. It knows nothing of who commits: it looks
 * at the planes alone, as the hardware does.
 *
 * A commit shows at the next flip, and until then the planes as they were are read, and those of the
 * commit as well; its out-fence signals with the flip. A blocking one waits for the flip before it,
 * and is over when it returns. A capture reads what its commit shows until its own fence signals,
 * also if its program has given it up. Memory is told by its inode.
 */

/* After fake_drm_open() and fake_sync_init(). */
void fake_screen_init(void);

/* Whether a plane reads @memory: now, or from the flip on that it waits for. */
bool fake_screen_shows(ino_t memory);
/* Whether a plane does, or a capture. */
bool fake_screen_reads(ino_t memory);
/* Whether it will do so after that flip, as what was committed last says. */
bool fake_screen_keeps(ino_t memory);
/* Whether there is a flip to come on @crtc, or on any of them. */
bool fake_screen_flips(int crtc);
bool fake_screen_flipping(void);

/* The vblank of @crtc. The event of the flip, if there is one, comes or (@tell false) is lost. */
void fake_screen_flip(int crtc, bool tell);
/* The oldest capture is over, with @status as fake_fence_settle() has it. False: there is none. */
bool fake_screen_end_capture(int status);
/* The device is gone: it reads nothing any more, and its fences end in an error. */
void fake_screen_lose(void);

#endif
