/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "ext-image-capture-source-v1-client-protocol.h"
#include "ext-image-copy-capture-v1-client-protocol.h"
#include "kms_fixture.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "util/fourcc.h"

static void handle_release(void *data, struct wl_buffer *buffer)
{
	struct picture *picture = data;
	picture->released++;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void make_shm(struct client *client, struct picture *picture, int seals)
{
	picture->fd = memfd_create("picture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(picture->fd, 0);
	ck_assert_int_eq(ftruncate(picture->fd, (off_t)picture->size), 0);
	ck_assert_int_eq(fcntl(picture->fd, F_ADD_SEALS, seals), 0);
	struct wl_shm_pool *pool =
		wl_shm_create_pool(client->shm, picture->fd, (int32_t)picture->size);
	uint32_t format = picture->format == DRM_FORMAT_XRGB8888 ? (uint32_t)WL_SHM_FORMAT_XRGB8888
		: picture->format == DRM_FORMAT_ARGB8888         ? (uint32_t)WL_SHM_FORMAT_ARGB8888
								 : picture->format;
	picture->buffer = wl_shm_pool_create_buffer(pool, 0, (int32_t)picture->width,
		(int32_t)picture->height, (int32_t)picture->stride, format);
	wl_shm_pool_destroy(pool);
}

/* 4:2:0 in two planes, or in three. */
static bool is_video(uint32_t format)
{
	return format == DRM_FORMAT_NV12 || format == DRM_FORMAT_P010 || format == DRM_FORMAT_S010;
}

static void add_chroma(struct zwp_linux_buffer_params_v1 *params, const struct picture *picture)
{
	const uint32_t planes = picture->format == DRM_FORMAT_S010 ? 2 : 1;
	const uint32_t stride = picture->stride / planes;
	for (uint32_t i = 0; i < planes; i++)
		zwp_linux_buffer_params_v1_add(params, picture->fd, 1 + i,
			picture->stride * picture->height + i * stride * (picture->height / 2),
			stride, 0, 0);
}

static void make_heap(struct client *client, struct picture *picture)
{
	picture->fd = make_dmabuf(FROM_HEAP, (picture->size + 4095) / 4096 * 4096);
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add(params, picture->fd, 0, 0, picture->stride, 0, 0);
	if (is_video(picture->format))
		add_chroma(params, picture);
	picture->buffer = zwp_linux_buffer_params_v1_create_immed(
		params, (int32_t)picture->width, (int32_t)picture->height, picture->format, 0);
	zwp_linux_buffer_params_v1_destroy(params);
}

void picture_init(struct client *client, struct picture *picture, enum picture_memory memory,
	uint32_t width, uint32_t height, uint32_t format)
{
	const bool video = is_video(format);
	*picture = (struct picture){
		.width = width,
		.height = height,
		.format = format,
		.stride = format == DRM_FORMAT_NV12 ? width
			: video                     ? width * 2
						    : width * 4,
	};
	picture->size = (size_t)picture->stride * height * (video ? 3 : 2) / 2;
	if (memory == PICTURE_DMABUF)
		make_heap(client, picture);
	else
		make_shm(client, picture, memory == PICTURE_SEALED ? F_SEAL_SHRINK : 0);
	wl_buffer_add_listener(picture->buffer, &buffer_listener, picture);
	picture->pixels =
		mmap(NULL, picture->size, PROT_READ | PROT_WRITE, MAP_SHARED, picture->fd, 0);
	ck_assert_ptr_ne(picture->pixels, MAP_FAILED);
}

void picture_finish(struct picture *picture)
{
	wl_buffer_destroy(picture->buffer);
	munmap(picture->pixels, picture->size);
	close(picture->fd);
}

uint32_t picture_pixel(const struct picture *picture, uint32_t x, uint32_t y)
{
	uint32_t pixel;
	memcpy(&pixel, picture->pixels + (size_t)y * picture->stride + x * 4, sizeof(pixel));
	return pixel;
}

void picture_draw(struct picture *picture, uint32_t seed)
{
	for (uint32_t y = 0; y < picture->height; y++) {
		uint32_t *row = (uint32_t *)(void *)(picture->pixels + (size_t)y * picture->stride);
		for (uint32_t x = 0; x < picture->width; x++)
			row[x] = 0xff000000 | ((x * 3 + y * 5 + seed * 0x314159) & 0xffffff);
	}
}

/* ---- captures ------------------------------------------------------------------------------ */

struct capture {
	int done, ready, failed;
};

static void handle_buffer_size(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t width, uint32_t height)
{
}

static void handle_shm_format(
	void *data, struct ext_image_copy_capture_session_v1 *session, uint32_t format)
{
}

static void handle_dmabuf_device(
	void *data, struct ext_image_copy_capture_session_v1 *session, struct wl_array *device)
{
}

static void handle_dmabuf_format(void *data, struct ext_image_copy_capture_session_v1 *session,
	uint32_t format, struct wl_array *modifiers)
{
}

static void handle_session_done(void *data, struct ext_image_copy_capture_session_v1 *session)
{
	struct capture *capture = data;
	capture->done++;
}

static void handle_stopped(void *data, struct ext_image_copy_capture_session_v1 *session) {}

static const struct ext_image_copy_capture_session_v1_listener session_listener = {
	.buffer_size = handle_buffer_size,
	.shm_format = handle_shm_format,
	.dmabuf_device = handle_dmabuf_device,
	.dmabuf_format = handle_dmabuf_format,
	.done = handle_session_done,
	.stopped = handle_stopped,
};

static void handle_transform(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t transform)
{
}

static void handle_damage(void *data, struct ext_image_copy_capture_frame_v1 *frame, int32_t x,
	int32_t y, int32_t width, int32_t height)
{
}

static void handle_time(void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t sec_hi,
	uint32_t sec_lo, uint32_t nsec)
{
}

static void handle_ready(void *data, struct ext_image_copy_capture_frame_v1 *frame)
{
	struct capture *capture = data;
	capture->ready++;
}

static void handle_failed(
	void *data, struct ext_image_copy_capture_frame_v1 *frame, uint32_t reason)
{
	struct capture *capture = data;
	capture->failed++;
}

static const struct ext_image_copy_capture_frame_v1_listener frame_listener = {
	.transform = handle_transform,
	.damage = handle_damage,
	.presentation_time = handle_time,
	.ready = handle_ready,
	.failed = handle_failed,
};

void capture_output(struct client *client, struct picture *picture)
{
	struct capture capture = {0};
	picture_init(client, picture, PICTURE_SHM, (uint32_t)client->width,
		(uint32_t)client->height, DRM_FORMAT_XRGB8888);
	struct ext_image_capture_source_v1 *source =
		ext_output_image_capture_source_manager_v1_create_source(
			client->sources, client->output);
	struct ext_image_copy_capture_session_v1 *session =
		ext_image_copy_capture_manager_v1_create_session(client->captures, source, 0);
	ext_image_copy_capture_session_v1_add_listener(session, &session_listener, &capture);
	struct ext_image_copy_capture_frame_v1 *frame =
		ext_image_copy_capture_session_v1_create_frame(session);
	ext_image_copy_capture_frame_v1_add_listener(frame, &frame_listener, &capture);
	ext_image_copy_capture_frame_v1_attach_buffer(frame, picture->buffer);
	ext_image_copy_capture_frame_v1_capture(frame);
	ck_assert_msg(client_wait(client, &capture.ready, 1, PATIENCE_MS), "no capture came");
	ck_assert_int_eq(capture.failed, 0);
	ext_image_copy_capture_frame_v1_destroy(frame);
	ext_image_copy_capture_session_v1_destroy(session);
	ext_image_capture_source_v1_destroy(source);
}
