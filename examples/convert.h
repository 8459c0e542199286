/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_CONVERT_H
#define EXAMPLES_CONVERT_H

#include <stdbool.h>

#include <libavutil/frame.h>
#include <waybuf/client.h>

/*
 * Frames that the display does not take as they are: converted to XRGB8888 and scaled, straight into
 * a mapped buffer. One pass over the pixels by the CPU.
 */
struct converter {
	struct SwsContext *scaler;
	/* where the picture is within the buffer: as large as fits, in the middle */
	int x, y, width, height;
	/* the generation of each buffer whose bars are black */
	uint32_t cleared[64];
};

/* False, with a message on stderr, if it cannot be done; @buffer (acquired, closed) is closed again. */
bool convert_frame(struct converter *converter, struct waybuf_client *client, const AVFrame *frame,
	struct waybuf_client_buffer *buffer);
void converter_finish(struct converter *converter);

#endif
