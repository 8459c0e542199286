/* SPDX-License-Identifier: MIT */
#ifndef TESTS_KMS_FIXTURE_H
#define TESTS_KMS_FIXTURE_H

#include "harness.h"
#include "kms/commit.h"
#include "kms/dumb.h"

/*
 * A vkms display for a test: opened, or the test is skipped with a reason. The kinds of memory that
 * can be scanned out are made by hand here, so that a failure is the display's and not an
 * exporter's.
 */

struct display {
	struct waybuf_kms_device *device;
	struct waybuf_loop *loop;
	struct waybuf_kms_connector *connector;
	struct waybuf_kms_crtc *crtc;
	struct waybuf_kms_plane *primary;
	uint32_t width, height; /* of its mode */
	/* counted by the listener */
	int flips, captures;
	int capture_error;
	struct waybuf_kms_flip last;
};

/* The node of the first vkms device, as a static string; skips if there is none. */
const char *find_vkms(void);

/* Opens as master and picks an output; nothing is on yet. */
void display_open(struct display *display);
void display_close(struct display *display);

extern const struct waybuf_kms_listener display_listener;

/* Shows @fb on the primary plane, and waits for the flip. */
void display_show(struct display *display, struct waybuf_kms_fb *fb);
/* A duplicate of the current state with @fb on the primary plane and the output on. */
struct waybuf_kms_state *display_propose(struct display *display, struct waybuf_kms_fb *fb);
/* Commits without blocking, with events; 0 or the error, and then the state is destroyed. */
int display_commit(struct display *display, struct waybuf_kms_state *state,
	struct waybuf_kms_commit_result *result);
/* Runs the loop until @flips and @captures are reached, two seconds at most. */
void display_wait(struct display *display, int flips, int captures);
/* Writes what is on the screen into a new picture. */
struct waybuf_kms_dumb *display_capture(struct display *display);

enum memory_source { FROM_HEAP, FROM_UDMABUF };

/* A dma-buf of @size bytes. Skips if this machine has not got that kind. */
int make_dmabuf(enum memory_source source, uint64_t size);
/* A linear layout of one memory for any format; layout.memory[0].fd is the caller's to close. */
struct waybuf_layout make_layout(
	enum memory_source source, uint32_t width, uint32_t height, uint32_t format);
/* Calls @draw on the mapped bytes, inside a bracket. */
void draw_on(
	const struct waybuf_layout *layout, void (*draw)(const struct waybuf_layout *, uint8_t *));

/* XRGB pixels with a pattern that shows shifts, swaps and wrong strides. */
void draw_pattern(const struct waybuf_layout *layout, uint8_t *bytes);
uint32_t pattern_at(uint32_t x, uint32_t y);
uint32_t pixel_at(const struct waybuf_kms_dumb *picture, uint32_t x, uint32_t y);

/* FILE_INFO: status, and the time it was signalled. */
int fence_info(int sync_file, uint64_t *time_ns);

#endif
