/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_FFMPEG_H
#define WAYBUF_FFMPEG_H

#include <stdbool.h>
#include <stdint.h>

#include <waybuf/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * libwaybuf-ffmpeg: libavcodec decodes straight into buffers that the display shows. A library of its
 * own, so that programs without video do not load FFmpeg.
 *
 *	static int get_buffer2(AVCodecContext *codec, AVFrame *frame, int flags)
 *	{
 *		return waybuf_ffmpeg_get_buffer(codec->opaque, codec, frame, flags);
 *	}
 *
 *	waybuf_ffmpeg_create(client, NULL, &ffmpeg);
 *	codec->opaque = ffmpeg;
 *	codec->get_buffer2 = get_buffer2;
 *	avcodec_open2(codec, NULL, NULL);
 *	for (;;) {
 *		waybuf_ffmpeg_prepare(ffmpeg, codec, 1000);
 *		... avcodec_send_packet() and avcodec_receive_frame() ...
 *		if (waybuf_ffmpeg_get_client_buffer(ffmpeg, frame))
 *			waybuf_ffmpeg_present(ffmpeg, frame, surface);
 *		else
 *			... FFmpeg's own memory: convert it into a buffer of a pool ...
 *		av_frame_unref(frame);
 *	}
 *
 * What the codec needs (strides, rows and bytes beyond the picture) is stated as constraints. Frames
 * that it still refers to are shared with the screen: both read, and nobody writes to the memory
 * before both are done. Frames are marked read-only for libavcodec, so that no codec changes one
 * that is shown in place.
 *
 * Threads: get_buffer may be called by the threads of libavcodec, and frames may be freed in any
 * thread; everything else belongs to the thread of the client, in which the helper was made. Other
 * threads never wait: where no buffer is ready they get FFmpeg's own memory. In the client's thread
 * get_buffer prepares one.
 */

/** The helper: one for each decoder. */
struct waybuf_ffmpeg;

struct AVCodecContext;
struct AVFrame;

/** What a decoder may have. */
struct waybuf_ffmpeg_options {
	/** of the pools, for people; as for waybuf_client_pool_options. NULL means "video" */
	const char *name;
	/**
	 * buffers at most, 1 to 64: those that the codec refers to, those on the screen, and one for
	 * each thread that decodes. They take memory as they are needed. 0 means 24
	 */
	uint32_t count;
	/** milliseconds that get_buffer waits in the client's thread; 0 means 1000 */
	int patience_ms;
};

/**
 * Makes a helper. @client is borrowed and must outlive it. NULL @options are the defaults. 0,
 * -EINVAL (a value out of range), -ENOMEM.
 */
WAYBUF_EXPORT int waybuf_ffmpeg_create(struct waybuf_client *client,
	const struct waybuf_ffmpeg_options *options, struct waybuf_ffmpeg **out);

/**
 * Destroys it. The codec context must be gone and every frame unreferenced, because their memory
 * goes, too; and surfaces as for waybuf_client_pool_destroy(). NULL is a no-op.
 */
WAYBUF_EXPORT void waybuf_ffmpeg_destroy(struct waybuf_ffmpeg *ffmpeg);

/**
 * The DRM_FORMAT_* of @pixel_format, an enum AVPixelFormat; 0: displays have nothing of that
 * layout.
 */
WAYBUF_EXPORT uint32_t waybuf_ffmpeg_drm_format(int pixel_format);

/**
 * For AVCodecContext.get_buffer2, whose @codec, @frame and @flags these are: a buffer of the
 * display if one is ready and fits, otherwise what avcodec_default_get_buffer2() gives, whose
 * result this is. 0, or an AVERROR.
 */
WAYBUF_EXPORT int waybuf_ffmpeg_get_buffer(struct waybuf_ffmpeg *ffmpeg,
	struct AVCodecContext *codec, struct AVFrame *frame, int flags);

/**
 * Gives back what the codec has let go, or keeps it for the next frame if it was not shown, and sees
 * to it that as many buffers are ready as @codec's threads may ask for until the next call. For use
 * before each packet. @codec is borrowed; NULL, or one that does not know its size and format yet:
 * those of the last frame. Waits @timeout_ms at most. 0, also if frames of this kind go into FFmpeg's
 * memory, see waybuf_ffmpeg_why(); -EINVAL (negative time); -EBUSY, -ETIMEDOUT: none is free, and the
 * next frames go into FFmpeg's memory; -EPIPE, -EPROTO.
 */
WAYBUF_EXPORT int waybuf_ffmpeg_prepare(
	struct waybuf_ffmpeg *ffmpeg, struct AVCodecContext *codec, int timeout_ms);

/**
 * The buffer that @frame (borrowed) is in, borrowed as long as the frame is referenced. NULL: it is in
 * other memory, or begins elsewhere than the buffer does, because its left or upper edge is cropped.
 *
 * To be looked at, or read with the frame in hand. It is shown by waybuf_ffmpeg_present() only: a frame
 * that was shown in another way counts as dropped, and is decoded into again while a screen reads it.
 */
WAYBUF_EXPORT struct waybuf_client_buffer *waybuf_ffmpeg_get_client_buffer(
	const struct waybuf_ffmpeg *ffmpeg, const struct AVFrame *frame);

/**
 * Shows @frame on @surface and leaves it with its owner, as waybuf_client_buffer_present() does
 * with a shared buffer. The frame may be unreferenced right after. 0; -EINVAL: it is in no buffer
 * of ours; or the errors of waybuf_client_buffer_share() and _present().
 */
WAYBUF_EXPORT int waybuf_ffmpeg_present(
	struct waybuf_ffmpeg *ffmpeg, const struct AVFrame *frame, struct wl_surface *surface);

/** The pool of the newest frames, borrowed until the next prepare or get_buffer; NULL: there is none. */
WAYBUF_EXPORT struct waybuf_client_pool *waybuf_ffmpeg_get_pool(const struct waybuf_ffmpeg *ffmpeg);

/**
 * Why frames go into FFmpeg's memory: one line of text, "" if the last one did not. Valid until the
 * next call. Never NULL.
 */
WAYBUF_EXPORT const char *waybuf_ffmpeg_why(struct waybuf_ffmpeg *ffmpeg);

#ifdef __cplusplus
}
#endif

#endif
