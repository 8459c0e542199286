/* SPDX-License-Identifier: MIT */
#ifndef TESTS_RECORDER_H
#define TESTS_RECORDER_H

#include "daemon_fixture.h"

/* A session of ext-image-copy-capture, as a recorder has one. */

#define RECORDER_BOXES 64

struct recorder {
	struct client *client;
	struct ext_image_capture_source_v1 *source;
	struct ext_image_copy_capture_session_v1 *session;
	struct ext_image_copy_capture_frame_v1 *frame; /* NULL: none was asked for */
	/* what the session has said so far */
	int done, stopped;
	uint32_t width, height;
	uint32_t shm_formats[8], dmabuf_formats[8];
	unsigned n_shm_formats, n_dmabuf_formats;
	bool only_linear; /* of the latter */
	dev_t device; /* 0: none */
	/* of the frame that was asked for last */
	int ready, failed;
	uint32_t reason, transform;
	uint64_t time_ns;
	struct {
		int32_t x, y, width, height;
	} boxes[RECORDER_BOXES];
	unsigned n_boxes;
};

/* Waits for what the session says. */
void recorder_init(struct recorder *recorder, struct client *client);
void recorder_finish(struct recorder *recorder);
/* Asks for a frame, in place of the last one, and waits for nothing. */
void recorder_ask(struct recorder *recorder, struct wl_buffer *buffer);
/* The same, after that part of the buffer was damaged. */
void recorder_ask_damaged(struct recorder *recorder, struct wl_buffer *buffer, int32_t x, int32_t y,
	int32_t width, int32_t height);
/* Whether it gets ready within @ms. */
bool recorder_wait(struct recorder *recorder, int ms);
/* Asks, and expects it to be ready. */
void recorder_take(struct recorder *recorder, struct wl_buffer *buffer);
/* Asks, and expects it to fail for @reason. */
void recorder_refused(struct recorder *recorder, struct wl_buffer *buffer, uint32_t reason);
/* Destroys the session, and not its frame. */
void recorder_end_session(struct recorder *recorder);
/* Destroys the frame. */
void recorder_drop(struct recorder *recorder);

#endif
