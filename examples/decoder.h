/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_DECODER_H
#define EXAMPLES_DECODER_H

#include <stdbool.h>
#include <stdint.h>

#include <libavcodec/avcodec.h>

/* The video of any file that FFmpeg opens, frame by frame. */
struct decoder;

/* NULL, and a message on stderr, if there is no video in @path. */
struct decoder *decoder_create(const char *path);

/* Its context, borrowed: options are set before decoder_start(). */
AVCodecContext *decoder_codec(struct decoder *decoder);
/*
 * With @threads, 0: as many as there are cores. @prepare is called before each packet, and ends the
 * film with false. False, and a message, if the codec does not open.
 */
bool decoder_start(
	struct decoder *decoder, uint32_t threads, bool (*prepare)(void *data), void *data);
/* Lets go of all frames that the codec still has. Only destroy comes after that. */
void decoder_stop(struct decoder *decoder);

/* Goes on @us after the beginning of the file. False, and a message, if the file cannot. */
bool decoder_seek(struct decoder *decoder, int64_t us);

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
