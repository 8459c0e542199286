/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_PRESENTATION_H
#define DAEMON_PRESENTATION_H

#include <stdbool.h>
#include <stdint.h>

#include <wayland-server-core.h>

struct daemon;
struct output;

/* wp_presentation: when a frame was seen, and whether it was copied on its way. */
struct wl_global *presentation_create(struct daemon *daemon);

/* Each of these answers all feedback objects in @list, and empties it. */
void presentation_discard(struct wl_list *list);
/*
 * @time_ns is of the first pixel, in CLOCK_MONOTONIC, and @sequence of the vblank, both from the
 * device. @zero_copy: the display read the client's own buffer.
 */
void presentation_show(struct wl_list *list, struct output *output, uint64_t time_ns,
	uint32_t sequence, bool zero_copy);

#endif
