/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FILM_H
#define TESTS_FILM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon_fixture.h"

/*
 * A film whose frames are of one grey each, a little lighter than the one before, so that what is
 * shown tells which frame it is, and whether it is anything of another one.
 */

/* Frames of one size and format, in the middle of the screen. */
struct film_part {
	const char *format; /* FFmpeg's name */
	uint32_t width, height, frames;
	const char *matrix; /* as well; NULL: BT.601 */
};

/* Greys that can be told apart. */
#define FILM_FRAMES 43

/* Two frames a second, H.264 without loss, into a file of @folder whose name goes to @path. */
void film_make(const char *folder, const struct film_part *parts, size_t n, char path[128]);

/* The frame that @picture, of the whole output, is; the first is 0. -1: none, or not all of it. */
int film_find(const struct film_part *parts, size_t n, const struct picture *picture);

/* Whether that program, a child, has ended. It can be waited for all the same. */
bool film_ended(pid_t player);

/*
 * The same by the CRC of what the display shows, for compositors that cannot be asked;
 * screen_read_size() comes first. vkms on a busy machine reads what it shows late, when that may be
 * written to again, so that it is only what stays that says something.
 */
/* Waits for a frame. */
bool film_begins(const struct film_part *part);
/* Lets the player pause, waits for a frame that stays, and lets it go on. The frame, or -1. */
int film_hold(const struct film_part *part, pid_t player);

#endif
