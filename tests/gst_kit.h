/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GST_KIT_H
#define TESTS_GST_KIT_H

#include <gst/gst.h>

#include "guest/daemon_fixture.h"

/*
 * Pipelines that end in waybufsink, on a waybufd of the test's own. Plugins are loaded by name of file,
 * ours from where it was built, and no registry is read or written.
 */
struct gst_kit {
	struct daemon daemon;
	struct client client;
	GstElement *pipeline, *sink; /* NULL: none is there */
};

/* @options as for daemon_start(); @plugins are file names up to a NULL. */
void gst_kit_begin(struct gst_kit *kit, const char *const options[], const char *const plugins[]);
void gst_kit_end(struct gst_kit *kit);

/* As for gst-launch-1.0. The sink must have the name "sink". */
void gst_kit_launch(struct gst_kit *kit, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The server goes without a word. */
void gst_kit_kill_server(struct gst_kit *kit);
/* Ends what was launched. */
void gst_kit_drop(struct gst_kit *kit);
/* To a state that must be reached. */
void gst_kit_go(struct gst_kit *kit, GstState state);
/* Waits for a message of @types, which is given to the caller; an error that is none of them fails. */
GstMessage *gst_kit_expect(struct gst_kit *kit, GstMessageType types);
/* Plays to the end, and waits until the compositor has shown the last frame. */
void gst_kit_play(struct gst_kit *kit);
/* Waits for an error of the sink, both of whose texts must hold @text and @detail. */
void gst_kit_expect_error(struct gst_kit *kit, const char *text, const char *detail);

/* One of the numbers in the sink's display-stats. */
uint64_t gst_kit_count(const struct gst_kit *kit, const char *name);
/* Waits until such a number is there. */
void gst_kit_wait_count(const struct gst_kit *kit, const char *name, uint64_t count);

/* The first frame of what @description makes, as BGRx. */
GstSample *gst_kit_reference(const char *description);
/* The screen is black but for @reference with its upper left corner there, within @tolerance. */
void gst_kit_check_screen(
	struct gst_kit *kit, GstSample *reference, uint32_t left, uint32_t top, int tolerance);

#endif
