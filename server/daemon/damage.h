/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_DAMAGE_H
#define DAEMON_DAMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <pixman.h>

#include "geometry.h"

/*
 * What has changed of something: boxes that cover it, a few at most, as a value that needs no memory
 * and cannot fail. One box too many goes into the one that grows least by it, so that whoever damages
 * a thousand places makes nobody look at a thousand. Pure arithmetic.
 */
#define DAMAGE_BOXES 16

struct damage {
	uint32_t n;
	pixman_box32_t boxes[DAMAGE_BOXES];
};

/* How a surface shows its buffer. */
struct damage_view {
	struct geometry_box source; /* as in struct surface */
	int32_t transform;
	uint32_t width, height; /* of the surface; 0: it shows nothing */
	uint32_t hsub, vsub; /* of the buffer's chroma; 1: every pixel has its own */
};

static inline bool damage_is_empty(const struct damage *damage)
{
	return damage->n == 0;
}

static inline void damage_clear(struct damage *damage)
{
	damage->n = 0;
}

/* An empty box is a no-op. */
void damage_add(struct damage *damage, const struct geometry_box *box);
void damage_add_all(struct damage *damage);
void damage_merge(struct damage *damage, const struct damage *more);

/* A box of @damage, as far as it is inside of @width x @height. False: nothing of it is. */
bool damage_box(const struct damage *damage, uint32_t index, uint32_t width, uint32_t height,
	struct geometry_box *out);

/*
 * Adds what a surface looks different in, in surface coordinates, when the pixels of @surface
 * (surface coordinates) and @buffer (pixels of the buffer) are other ones: a filter reads neighbours,
 * and pixels share their chroma.
 */
void damage_add_content(struct damage *damage, const struct damage_view *view,
	const struct damage *surface, const struct damage *buffer);

#endif
