/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_COLOURS_H
#define EXAMPLES_COLOURS_H

#include <stdbool.h>
#include <stdint.h>

#include <libavutil/frame.h>

#include "window.h"

/* How the samples of a frame become RGB, in the numbers of wp_color_representation_v1; 0: not known. */
struct colours_coding {
	uint32_t coefficients, range;
	uint32_t location; /* of chroma; 0 in formats that have no such thing, too */
};

/* What a compositor can be told of that for a surface, and what it was told. */
struct colours {
	struct wl_registry *registry;
	struct wp_color_representation_manager_v1 *manager; /* NULL: nothing can be told */
	struct wp_color_representation_surface_v1 *surface; /* NULL: nothing is told */
	struct colours_coding told;
	/* by range, a bit for each matrix */
	uint32_t supported[3];
};

/* Asks what the compositor of @window (borrowed) supports. False, with a message, if it does not say. */
bool colours_init(struct colours *colours, struct window *window);
/* Before the window's end. */
void colours_finish(struct colours *colours);

/*
 * Why the compositor would show @frame's samples in wrong colours, valid until the next call; NULL: it
 * will not, after colours_tell(). Where nothing is told everybody takes them for BT.601 in limited
 * range.
 */
const char *colours_refusal(const struct colours *colours, const AVFrame *frame);
/* Before the commit of @frame; of one that was converted to RGB with NULL. */
void colours_tell(struct colours *colours, struct wl_surface *surface, const AVFrame *frame);

/* The matrix as an AVCOL_SPC_*, also where the file does not say, and whether the range is full. */
int colours_space(const AVFrame *frame);
bool colours_full(const AVFrame *frame);

#endif
