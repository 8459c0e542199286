/* SPDX-License-Identifier: MIT */
#include "convert.h"

#include <stdio.h>
#include <string.h>

#include <libswscale/swscale.h>

#include "colours.h"

/* The largest rectangle of the frame's shape; even, because chroma comes in pairs. */
static void place(
	struct converter *converter, const AVFrame *frame, uint32_t width, uint32_t height)
{
	AVRational pixel = frame->sample_aspect_ratio;
	if (pixel.num <= 0 || pixel.den <= 0)
		pixel = (AVRational){1, 1};
	int64_t wide = (int64_t)frame->width * pixel.num;
	int64_t high = (int64_t)frame->height * pixel.den;
	converter->width = (int)width & ~1;
	converter->height = (int)(converter->width * high / wide) & ~1;
	if (converter->height > (int)height) {
		converter->height = (int)height & ~1;
		converter->width = (int)(converter->height * wide / high) & ~1;
	}
	converter->width = converter->width < 2 ? 2 : converter->width;
	converter->height = converter->height < 2 ? 2 : converter->height;
	converter->x = ((int)width - converter->width) / 2;
	converter->y = ((int)height - converter->height) / 2;
}

static void set_colours(struct converter *converter, const AVFrame *frame)
{
	int space = colours_space(frame);
	bool full = colours_full(frame);
	sws_setColorspaceDetails(converter->scaler, sws_getCoefficients(space), full,
		sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
}

/* Converts the frame into the picture's place in @image. */
static bool convert(
	struct converter *converter, const AVFrame *frame, const struct waybuf_client_image *image)
{
	place(converter, frame, image->width, image->height);
	/* XRGB8888 is B, G, R, X in memory. */
	converter->scaler = sws_getCachedContext(converter->scaler, frame->width, frame->height,
		(enum AVPixelFormat)frame->format, converter->width, converter->height,
		AV_PIX_FMT_BGR0, SWS_BILINEAR, NULL, NULL, NULL);
	if (!converter->scaler) {
		fprintf(stderr, "player: this pixel format cannot be converted\n");
		return false;
	}
	set_colours(converter, frame);
	const struct waybuf_client_plane *plane = &image->planes[0];
	uint8_t *const target[4] = {(uint8_t *)plane->data + (size_t)converter->y * plane->stride +
		(size_t)converter->x * 4};
	const int stride[4] = {(int)plane->stride};
	int rows = sws_scale(converter->scaler, (const uint8_t *const *)frame->data,
		frame->linesize, 0, frame->height, target, stride);
	if (rows == converter->height)
		return true;
	fprintf(stderr, "player: the frame could not be converted\n");
	return false;
}

/* Makes the bars black, once: new memory is, and nobody else writes to ours. */
static void clear_bars(struct converter *converter, const struct waybuf_client_buffer *buffer,
	const struct waybuf_client_image *image)
{
	const struct waybuf_layout *layout = waybuf_client_buffer_get_layout(buffer);
	uint32_t flags = waybuf_client_buffer_get_flags(buffer);
	uint32_t *cleared = &converter->cleared[waybuf_client_buffer_get_index(buffer)];
	bool known = *cleared == layout->generation && !(flags & WAYBUF_GRANT_UNDEFINED);
	*cleared = layout->generation;
	if (known || flags & WAYBUF_GRANT_FRESH)
		return;
	for (uint32_t y = 0; y < image->height; y++)
		memset((char *)image->planes[0].data + (size_t)y * image->planes[0].stride, 0,
			(size_t)image->width * 4);
}

bool convert_frame(struct converter *converter, struct waybuf_client *client, const AVFrame *frame,
	struct waybuf_client_buffer *buffer)
{
	struct waybuf_client_image image;
	bool ok = waybuf_client_buffer_begin_cpu(buffer, WAYBUF_WRITE, &image) == 0;
	if (ok) {
		clear_bars(converter, buffer, &image);
		if (!convert(converter, frame, &image)) {
			waybuf_client_buffer_end_cpu(buffer);
			return false;
		}
		ok = waybuf_client_buffer_end_cpu(buffer) == 0;
	}
	if (!ok)
		fprintf(stderr, "player: %s\n", waybuf_client_error(client));
	return ok;
}

void converter_finish(struct converter *converter)
{
	sws_freeContext(converter->scaler);
}
