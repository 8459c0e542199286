/* SPDX-License-Identifier: MIT */
#ifndef GST_SHOW_H
#define GST_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "convert.h"
#include "formats.h"
#include "imports.h"
#include "window.h"

struct connection;
struct slot;

/* A frame on its way to the screen. */
struct frame {
	/* as it came, and what is shown of it: the same, or a copy; NULL: there is none */
	GstBuffer *source, *buffer;
	/* one of them: memory of the display's, or upstream's own */
	struct slot *slot;
	struct import *import;
	/* the image in memory, of which the view is a part: larger than the caps' where it is cropped */
	GstVideoInfo info;
	struct view view;
	struct coding coding;
	/* of what is shown */
	uint32_t width, height;
};

/* How frames were shown, and what became of others. */
struct show_counts {
	/* written by upstream into memory of the display; upstream's own dma-bufs; written again */
	uint64_t direct, imported, copied;
	uint64_t copied_bytes;
	/* by a newer one before the compositor wanted any; and those that could not be shown */
	uint64_t replaced, failed;
};

/*
 * From frames to the window. `prepare` is of the streaming thread, without the connection; all else is
 * within it. A frame waits until the compositor asks for one, and a newer one takes its place.
 */
struct show {
	struct connection *connection;
	/* the streaming thread's */
	struct picture picture;
	struct convert convert;
	/* such frames are not taken, so copies are RGB */
	bool rgb;
	/* why frames are copied: the last reason that was told */
	char told[512];

	struct window *window; /* NULL: there is none yet */
	struct imports imports;
	struct frame waiting;
	/* what came last: the same again, as after a pause, is there already */
	GstBuffer *newest;
	/* of what is on the surface */
	struct view view;
	bool has_view;
	/* the compositor does not import memory that was made for it: it gets copies */
	bool refused;
	bool scale;
	struct show_counts counts;
	/* negative errno: nothing is shown any more in this window */
	int error;
};

enum show_status {
	SHOW_READY,
	/* no memory is free, and a later call may find some */
	SHOW_LATER,
	/* never: *why says it */
	SHOW_NEVER,
};

void show_init(struct show *show, struct connection *connection);
/*
 * Makes @frame (all zero) of @buffer, by a copy if need be. *why: that of a failure, or of a copy or of
 * wrong colours that was not told yet, NULL: nothing; valid until the next call.
 */
enum show_status show_prepare(
	struct show *show, GstBuffer *buffer, struct frame *frame, const char **why);
/* Lets go of a frame, without the connection. All zero is a no-op. */
void frame_clear(struct frame *frame);

/* Puts @frame (taken, empty afterwards) in the place of the one that waits. */
void show_queue(struct show *show, struct frame *frame);
/* Shows what waits, if it is time; follows the window's size. */
void show_turn(struct show *show);
/* Forgets what waits. */
void show_flush(struct show *show);
/* The window and all that belongs to it. The converter is the caller's to finish. */
void show_close(struct show *show);
/* Its counts and those of the window, to be freed. Within the connection, if there still is one. */
GstStructure *show_stats(const struct show *show);

#endif
