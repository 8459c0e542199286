/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_DECODER_H
#define EXAMPLES_DECODER_H

#include <stdbool.h>
#include <stdint.h>

#include <libavutil/frame.h>

/* The video of any file that FFmpeg opens, frame by frame. */
struct decoder;

/* NULL, and a message on stderr, if there is no video in @path. */
struct decoder *decoder_create(const char *path);
/* NULL is a no-op. */
void decoder_destroy(struct decoder *decoder);

enum decoder_status {
	DECODER_FRAME,
	DECODER_END,
	/* with a message on stderr */
	DECODER_FAILED,
};

/* The next frame, which replaces what was in @frame, and when it is due, counted from the first. */
enum decoder_status decoder_next(struct decoder *decoder, AVFrame *frame, int64_t *due_us);

/* "h264, 1920 x 1080, 25.00 frames a second" */
const char *decoder_describe(const struct decoder *decoder);

/* Microseconds between two frames, a guess where the file does not say. */
int64_t decoder_frame_us(const struct decoder *decoder);

#endif
