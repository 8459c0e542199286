/* SPDX-License-Identifier: MIT */
#include "decoder.h"

#include <stdio.h>
#include <stdlib.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>

struct decoder {
	AVFormatContext *format;
	AVCodecContext *codec;
	AVPacket *packet;
	AVStream *stream;
	int64_t frame_us;
	/* of the first frame, and of the last one */
	int64_t first_us, last_us;
	bool started, draining;
	char description[128];
};

static bool fail(const char *what, int error)
{
	char text[AV_ERROR_MAX_STRING_SIZE];
	av_strerror(error, text, sizeof(text));
	fprintf(stderr, "player: %s: %s\n", what, text);
	return false;
}

static bool open_file(struct decoder *decoder, const char *path)
{
	int ret = avformat_open_input(&decoder->format, path, NULL, NULL);
	if (ret < 0)
		return fail(path, ret);
	ret = avformat_find_stream_info(decoder->format, NULL);
	return ret >= 0 || fail(path, ret);
}

static bool open_codec(struct decoder *decoder, const char *path)
{
	const AVCodec *codec = NULL;
	int index = av_find_best_stream(decoder->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
	if (index < 0)
		return fail(path, index);
	decoder->stream = decoder->format->streams[index];
	decoder->codec = avcodec_alloc_context3(codec);
	if (!decoder->codec)
		return fail(path, AVERROR(ENOMEM));
	int ret = avcodec_parameters_to_context(decoder->codec, decoder->stream->codecpar);
	if (ret < 0)
		return fail(path, ret);
	/* 0: as many as there are cores. */
	decoder->codec->thread_count = 0;
	ret = avcodec_open2(decoder->codec, codec, NULL);
	return ret >= 0 || fail(path, ret);
}

static void describe(struct decoder *decoder)
{
	AVRational rate = av_guess_frame_rate(decoder->format, decoder->stream, NULL);
	if (rate.num <= 0 || rate.den <= 0)
		rate = (AVRational){25, 1};
	decoder->frame_us = av_rescale(1000000, rate.den, rate.num);
	snprintf(decoder->description, sizeof(decoder->description),
		"%s, %d x %d, %.2f frames a second", decoder->codec->codec->name,
		decoder->codec->width, decoder->codec->height, av_q2d(rate));
}

struct decoder *decoder_create(const char *path)
{
	/* Its own messages are for developers of FFmpeg; errors come back as numbers. */
	av_log_set_level(AV_LOG_FATAL);
	struct decoder *decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return NULL;
	decoder->packet = av_packet_alloc();
	if (decoder->packet && open_file(decoder, path) && open_codec(decoder, path)) {
		describe(decoder);
		return decoder;
	}
	decoder_destroy(decoder);
	return NULL;
}

void decoder_destroy(struct decoder *decoder)
{
	if (!decoder)
		return;
	avcodec_free_context(&decoder->codec);
	avformat_close_input(&decoder->format);
	av_packet_free(&decoder->packet);
	free(decoder);
}

const char *decoder_describe(const struct decoder *decoder)
{
	return decoder->description;
}

int64_t decoder_frame_us(const struct decoder *decoder)
{
	return decoder->frame_us;
}

/* Gives the codec one more packet of the video, or tells it that there are no more. */
static int feed(struct decoder *decoder)
{
	for (;;) {
		int ret = av_read_frame(decoder->format, decoder->packet);
		if (ret < 0) {
			/* A file that is cut off ends here like one that is complete. */
			decoder->draining = true;
			return avcodec_send_packet(decoder->codec, NULL);
		}
		bool ours = decoder->packet->stream_index == decoder->stream->index;
		ret = ours ? avcodec_send_packet(decoder->codec, decoder->packet) : 0;
		av_packet_unref(decoder->packet);
		/* A damaged packet costs a frame, not the film. */
		if (ours && ret != AVERROR_INVALIDDATA)
			return ret;
	}
}

/* When the frame is due; a file without times has its frames at a steady rate. */
static int64_t due(struct decoder *decoder, const AVFrame *frame)
{
	int64_t now = decoder->started ? decoder->last_us + decoder->frame_us : 0;
	if (frame->best_effort_timestamp != AV_NOPTS_VALUE)
		now = av_rescale_q(frame->best_effort_timestamp, decoder->stream->time_base,
			(AVRational){1, 1000000});
	if (!decoder->started)
		decoder->first_us = now;
	decoder->started = true;
	decoder->last_us = now;
	return now - decoder->first_us;
}

enum decoder_status decoder_next(struct decoder *decoder, AVFrame *frame, int64_t *due_us)
{
	for (;;) {
		int ret = avcodec_receive_frame(decoder->codec, frame);
		if (ret == 0) {
			*due_us = due(decoder, frame);
			return DECODER_FRAME;
		}
		if (ret == AVERROR_EOF)
			return DECODER_END;
		if (ret == AVERROR(EAGAIN) && !decoder->draining)
			ret = feed(decoder);
		if (ret < 0) {
			fail("the video cannot be decoded", ret);
			return DECODER_FAILED;
		}
	}
}
