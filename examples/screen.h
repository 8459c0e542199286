/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_SCREEN_H
#define EXAMPLES_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include <xf86drmMode.h>

/*
 * A display, found and black, in its best mode: what comes before the first frame and after the last.
 * For tiny-server, so that it is about what lies between. It knows nothing of sessions: a compositor
 * gets its device from one, and gives it up when the user goes to another.
 */
struct screen {
	int fd; /* of the DRM device, whose master we are; -1: none */
	uint32_t connector_id, crtc_id, black; /* the last: a framebuffer */
	drmModeModeInfo mode;
	drmModeCrtc *before; /* what it showed; NULL: restored */
};

/*
 * On the device @path, or with NULL on the first that has a display that is connected and free. 0;
 * -ENODEV: there is none; or the errno of an ioctl, with nothing left open.
 */
int screen_open(struct screen *screen, const char *path);
/* Returns when it is shown: nothing else is read after that. 0 or the errno of the ioctl. */
int screen_show_black(struct screen *screen);
/* Shows what it showed before us. */
void screen_restore(struct screen *screen);
/* Restores, too. */
void screen_close(struct screen *screen);

#endif
