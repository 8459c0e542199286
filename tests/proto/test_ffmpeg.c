/* SPDX-License-Identifier: MIT */
#include <libavcodec/avcodec.h>
#include <waybuf/ffmpeg.h>

#include "client_fixture.h"
#include "fail_alloc.h"
#include "fail_where.h"
#include "util/fourcc.h"

/*
 * libwaybuf-ffmpeg, with a codec that needs no data: it is asked for the alignment of its frames, and
 * the frames are filled by nobody.
 */
enum { WIDTH = 64, HEIGHT = 32 };

static struct fixture fixture;
static struct waybuf_ffmpeg *ffmpeg;
static AVCodecContext *codec;

/* What the server grants: more than any codec wants of a frame of this size. */
static void start(uint32_t count)
{
	fake_init(&fixture.server);
	fixture.server.layout.format = DRM_FORMAT_YUV420;
	fixture.server.layout.n_planes = 3;
	fixture.server.layout.planes[0] = (struct fake_plane){0, 0, 256, 128};
	fixture.server.layout.planes[1] = (struct fake_plane){0, 32768, 128, 64};
	fixture.server.layout.planes[2] = (struct fake_plane){0, 49152, 128, 64};
	fixture.server.layout.size = fixture.server.layout.told_size = 65536;
	fixture_start(&fixture);
	/* as long as a busy machine may need */
	const struct waybuf_ffmpeg_options options = {.count = count, .patience_ms = 2000};
	ck_assert_int_eq(waybuf_ffmpeg_create(fixture.client, &options, &ffmpeg), 0);
	codec = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MPEG2VIDEO));
	ck_assert_ptr_nonnull(codec);
	codec->width = WIDTH;
	codec->height = HEIGHT;
	codec->pix_fmt = AV_PIX_FMT_YUV420P;
	/* FFmpeg's own allocation keeps a pool in what open makes. */
	ck_assert_int_eq(avcodec_open2(codec, NULL, NULL), 0);
}

static void finish(void)
{
	avcodec_free_context(&codec);
	waybuf_ffmpeg_destroy(ffmpeg);
	fixture_finish(&fixture);
}

static AVFrame *get_frame(int format)
{
	AVFrame *frame = av_frame_alloc();
	frame->width = WIDTH;
	frame->height = HEIGHT;
	frame->format = format;
	ck_assert_int_eq(waybuf_ffmpeg_get_buffer(ffmpeg, codec, frame, 0), 0);
	return frame;
}

TEST(formats)
{
	ck_assert_uint_eq(waybuf_ffmpeg_drm_format(AV_PIX_FMT_YUV420P), DRM_FORMAT_YUV420);
	ck_assert_uint_eq(waybuf_ffmpeg_drm_format(AV_PIX_FMT_YUV422P), DRM_FORMAT_YUV422);
	ck_assert_uint_eq(waybuf_ffmpeg_drm_format(AV_PIX_FMT_P010LE), DRM_FORMAT_P010);
	ck_assert_uint_eq(waybuf_ffmpeg_drm_format(AV_PIX_FMT_P210LE), DRM_FORMAT_P210);
	/* the samples are at the other end */
	ck_assert_uint_eq(waybuf_ffmpeg_drm_format(AV_PIX_FMT_YUV420P10LE), DRM_FORMAT_S010);
	ck_assert_uint_eq(waybuf_ffmpeg_drm_format(AV_PIX_FMT_YUV422P10LE), DRM_FORMAT_S210);
	ck_assert_uint_eq(waybuf_ffmpeg_drm_format(AV_PIX_FMT_YUV444P12LE), DRM_FORMAT_S412);
	/* green, blue and red */
	ck_assert_uint_eq(waybuf_ffmpeg_drm_format(AV_PIX_FMT_GBRP), 0);
	ck_assert_uint_eq(waybuf_ffmpeg_drm_format(-1), 0);
}

TEST(bad_options)
{
	start(2);
	struct waybuf_ffmpeg *other = NULL;
	struct waybuf_ffmpeg_options options = {.count = 65};
	ck_assert_int_eq(waybuf_ffmpeg_create(fixture.client, &options, &other), -EINVAL);
	options = (struct waybuf_ffmpeg_options){.patience_ms = -1};
	ck_assert_int_eq(waybuf_ffmpeg_create(fixture.client, &options, &other), -EINVAL);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(waybuf_ffmpeg_prepare(ffmpeg, codec, -1), -EINVAL);
	waybuf_ffmpeg_destroy(NULL);
	finish();
}

/* A frame is in a buffer, read-only, shown and given back when nobody refers to it. */
TEST(frame_in_a_buffer)
{
	start(2);
	ck_assert_ptr_null(waybuf_ffmpeg_get_pool(ffmpeg));
	AVFrame *frame = get_frame(AV_PIX_FMT_YUV420P);
	ck_assert_str_eq(waybuf_ffmpeg_why(ffmpeg), "");
	ck_assert_ptr_nonnull(waybuf_ffmpeg_get_client_buffer(ffmpeg, frame));
	ck_assert_ptr_nonnull(waybuf_ffmpeg_get_pool(ffmpeg));
	ck_assert_int_eq(frame->linesize[0], 256);
	ck_assert_int_eq(frame->linesize[1], 128);
	ck_assert_int_eq(av_frame_is_writable(frame), 0);
	fixture_heard(&fixture);
	ck_assert_int_eq(waybuf_ffmpeg_present(ffmpeg, frame, NULL), -EINVAL);
	ck_client_ok(&fixture, waybuf_ffmpeg_present(ffmpeg, frame, fixture.surface));
	ck_assert_str_eq(fixture_heard(&fixture), "unmap0 map0 damage surface-commit ");
	av_frame_free(&frame);
	ck_assert_str_eq(fixture_heard(&fixture), "");
	ck_client_ok(&fixture, waybuf_ffmpeg_prepare(ffmpeg, codec, 2000));
	ck_assert_ptr_nonnull(strstr(fixture_heard(&fixture), "unmap0 map0 "));
	finish();
}

/*
 * A pool whose memory moves while a film is played: what is shown, and what the codec refers to, stays
 * where it is, and frames from then on have the new strides.
 */
TEST(memory_that_moves)
{
	start(2);
	AVFrame *old = get_frame(AV_PIX_FMT_YUV420P);
	ck_assert_int_eq(old->linesize[0], 256);
	old->data[0][0] = 77;
	ck_client_ok(&fixture, waybuf_ffmpeg_present(ffmpeg, old, fixture.surface));
	fixture.server.layout.generation++;
	fixture.server.layout.planes[0] = (struct fake_plane){0, 0, 512, 128};
	fixture.server.layout.planes[1] = (struct fake_plane){0, 65536, 256, 64};
	fixture.server.layout.planes[2] = (struct fake_plane){0, 98304, 256, 64};
	fixture.server.layout.size = fixture.server.layout.told_size = 131072;
	AVFrame *next = get_frame(AV_PIX_FMT_YUV420P);
	ck_assert_int_eq(next->linesize[0], 512);
	ck_assert_int_eq(old->linesize[0], 256);
	ck_assert_uint_eq(old->data[0][0], 77);
	ck_client_ok(&fixture, waybuf_ffmpeg_present(ffmpeg, next, fixture.surface));
	/* the codec lets go of the first one, which comes back as the others are */
	av_frame_free(&old);
	ck_client_ok(&fixture, waybuf_ffmpeg_prepare(ffmpeg, codec, 2000));
	AVFrame *last = get_frame(AV_PIX_FMT_YUV420P);
	ck_assert_ptr_nonnull(waybuf_ffmpeg_get_client_buffer(ffmpeg, last));
	ck_assert_int_eq(last->linesize[0], 512);
	av_frame_free(&next);
	av_frame_free(&last);
	finish();
}

/* A crop that moves the first pixel. */
TEST(frame_elsewhere_in_a_buffer)
{
	start(2);
	AVFrame *frame = get_frame(AV_PIX_FMT_YUV420P);
	frame->data[0] += 2;
	ck_assert_ptr_null(waybuf_ffmpeg_get_client_buffer(ffmpeg, frame));
	ck_assert_int_eq(waybuf_ffmpeg_present(ffmpeg, frame, fixture.surface), -EINVAL);
	av_frame_free(&frame);
	finish();
}

TEST(other_memory)
{
	start(2);
	AVFrame *frame = get_frame(AV_PIX_FMT_GBRP);
	ck_assert_ptr_null(waybuf_ffmpeg_get_client_buffer(ffmpeg, frame));
	ck_assert_int_eq(waybuf_ffmpeg_present(ffmpeg, frame, fixture.surface), -EINVAL);
	ck_assert_ptr_nonnull(strstr(waybuf_ffmpeg_why(ffmpeg), "pixel format"));
	av_frame_free(&frame);
	finish();
}

/* All are referred to: the next frame is in FFmpeg's memory, and nobody waits for ever. */
TEST(none_is_left)
{
	start(1);
	AVFrame *first = get_frame(AV_PIX_FMT_YUV420P), *second = get_frame(AV_PIX_FMT_YUV420P);
	ck_assert_ptr_nonnull(waybuf_ffmpeg_get_client_buffer(ffmpeg, first));
	ck_assert_ptr_null(waybuf_ffmpeg_get_client_buffer(ffmpeg, second));
	ck_assert_int_eq(waybuf_ffmpeg_prepare(ffmpeg, codec, 0), -EBUSY);
	ck_assert_ptr_nonnull(strstr(waybuf_ffmpeg_why(ffmpeg), "all 1"));
	av_frame_free(&first);
	av_frame_free(&second);
	finish();
}

/* A frame that is not shown leaves its buffer to the next one, and the server hears nothing of it. */
TEST(frames_that_are_dropped)
{
	start(4);
	for (int i = 0; i < 5; i++) {
		ck_client_ok(&fixture, waybuf_ffmpeg_prepare(ffmpeg, codec, 2000));
		ck_assert(i == 0 || strcmp(fixture_heard(&fixture), "") == 0);
		AVFrame *frame = get_frame(AV_PIX_FMT_YUV420P);
		ck_assert_uint_eq(waybuf_client_buffer_get_index(
					  waybuf_ffmpeg_get_client_buffer(ffmpeg, frame)),
			0);
		av_frame_free(&frame);
		fixture_heard(&fixture);
	}
	/* but of those that are not needed */
	AVFrame *first = get_frame(AV_PIX_FMT_YUV420P), *second = get_frame(AV_PIX_FMT_YUV420P);
	av_frame_free(&first);
	av_frame_free(&second);
	fixture_heard(&fixture);
	ck_client_ok(&fixture, waybuf_ffmpeg_prepare(ffmpeg, codec, 2000));
	ck_assert_str_eq(fixture_heard(&fixture), "unmap1 ");
	finish();
}

/* A codec that was let into this would write rows that are not there. */
TEST(less_than_was_asked_for)
{
	start(2);
	fixture.server.layout.planes[0] = (struct fake_plane){0, 0, 64, 32};
	fixture.server.layout.planes[1] = (struct fake_plane){0, 2048, 32, 16};
	fixture.server.layout.planes[2] = (struct fake_plane){0, 2560, 32, 16};
	fixture.server.layout.size = fixture.server.layout.told_size = 3072;
	AVFrame *frame = get_frame(AV_PIX_FMT_YUV420P);
	ck_assert_ptr_null(waybuf_ffmpeg_get_client_buffer(ffmpeg, frame));
	ck_assert_ptr_nonnull(strstr(waybuf_ffmpeg_why(ffmpeg), "granted less"));
	av_frame_free(&frame);
	finish();
}

static void keep_waiting(struct fake_server *server, void *data)
{
	server->answer = FAKE_HOLD;
}

static void hang_up(struct fake_server *server, void *data)
{
	wl_client_destroy(server->client);
}

static void accuse(struct fake_server *server, void *data)
{
	wl_resource_post_error(server->allocator, 3, "as told");
}

/* The client has heard of it when it is asked. */
static void check_prepare(void (*what)(struct fake_server *server, void *data), int error)
{
	start(2);
	fixture_heard(&fixture);
	fake_call(&fixture.server, what, NULL);
	ck_assert_int_eq(waybuf_ffmpeg_prepare(ffmpeg, codec, 100), error);
	ck_assert_str_ne(waybuf_ffmpeg_why(ffmpeg), "");
	finish();
}

TEST(none_comes)
{
	check_prepare(keep_waiting, -ETIMEDOUT);
	check_prepare(hang_up, -EPIPE);
	check_prepare(accuse, -EPROTO);
}

TEST(no_memory)
{
	struct waybuf_ffmpeg *other = NULL;
	unsigned n = 0;
	start(2);
	fail_elsewhere(false);
	while (!other) {
		fail_alloc_at(++n);
		fail_here(true);
		int ret = waybuf_ffmpeg_create(fixture.client, NULL, &other);
		fail_here(false);
		fail_alloc_at(0);
		ck_assert_int_eq(ret, other ? 0 : -ENOMEM);
		ck_assert_uint_lt(n, 20);
	}
	ck_assert_uint_gt(n, 1);
	waybuf_ffmpeg_destroy(other);
	finish();
}

/* What the display refuses is refused once. */
TEST(refused)
{
	start(2);
	fixture.server.answer = FAKE_FAIL;
	fixture.server.reason = 4;
	AVFrame *frame = get_frame(AV_PIX_FMT_YUV420P);
	ck_assert_ptr_null(waybuf_ffmpeg_get_client_buffer(ffmpeg, frame));
	ck_assert_ptr_nonnull(strstr(waybuf_ffmpeg_why(ffmpeg), "as told"));
	uint32_t maps = fixture.server.maps;
	av_frame_free(&frame);
	frame = get_frame(AV_PIX_FMT_YUV420P);
	ck_assert_ptr_null(waybuf_ffmpeg_get_client_buffer(ffmpeg, frame));
	ck_assert_ptr_nonnull(strstr(waybuf_ffmpeg_why(ffmpeg), "as told"));
	ck_assert_uint_eq(fixture.server.maps, maps);
	av_frame_free(&frame);
	finish();
}

TEST_MAIN("ffmpeg")
