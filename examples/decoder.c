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
	/* what there is to do before each packet */
	bool (*prepare)(void *data);
	void *prepare_data;
	/* before this, frames are decoded and not shown */
	int64_t seek_us;
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

static bool find_codec(struct decoder *decoder, const char *path)
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
	return ret >= 0 || fail(path, ret);
}

AVCodecContext *decoder_codec(struct decoder *decoder)
{
	return decoder->codec;
}

bool decoder_start(
	struct decoder *decoder, uint32_t threads, bool (*prepare)(void *data), void *data)
{
	decoder->prepare = prepare;
	decoder->prepare_data = data;
	decoder->codec->thread_count = (int)threads;
	int ret = avcodec_open2(decoder->codec, decoder->codec->codec, NULL);
	return ret >= 0 || fail("the codec", ret);
}

bool decoder_seek(struct decoder *decoder, int64_t us)
{
	int64_t start = decoder->format->start_time;
	if (start != AV_NOPTS_VALUE)
		us += start;
	int ret = av_seek_frame(decoder->format, -1, us, AVSEEK_FLAG_BACKWARD);
	if (ret < 0)
		return fail("seek", ret);
	avcodec_flush_buffers(decoder->codec);
	decoder->draining = decoder->started = false;
	decoder->seek_us = us;
	return true;
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
	if (decoder->packet && open_file(decoder, path) && find_codec(decoder, path)) {
		describe(decoder);
		return decoder;
	}
	decoder_destroy(decoder);
	return NULL;
}

void decoder_stop(struct decoder *decoder)
{
	avcodec_free_context(&decoder->codec);
}

void decoder_destroy(struct decoder *decoder)
{
	if (!decoder)
		return;
	decoder_stop(decoder);
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

/* A seek goes to a frame from which one can decode, which is one before. */
static bool is_before_seek(const struct decoder *decoder, const AVFrame *frame)
{
	return frame->best_effort_timestamp != AV_NOPTS_VALUE && decoder->seek_us > 0 &&
		av_rescale_q(frame->best_effort_timestamp, decoder->stream->time_base,
			(AVRational){1, 1000000}) < decoder->seek_us;
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
		if (ret == 0 && is_before_seek(decoder, frame))
			continue;
		if (ret == 0) {
			*due_us = due(decoder, frame);
			return DECODER_FRAME;
		}
		if (ret == AVERROR_EOF)
			return DECODER_END;
		if (!decoder->prepare(decoder->prepare_data))
			return DECODER_FAILED;
		if (ret == AVERROR(EAGAIN) && !decoder->draining)
			ret = feed(decoder);
		if (ret < 0) {
			fail("the video cannot be decoded", ret);
			return DECODER_FAILED;
		}
	}
}
