/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "daemon_ctl.h"
#include "ext-image-copy-capture-v1-client-protocol.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "recorder.h"
#include "sw_sync.h"

/*
 * Captures into dma-bufs, which the display itself writes where it can, and what they do to others:
 * nothing.
 */

#define CONSTRAINTS EXT_IMAGE_COPY_CAPTURE_FRAME_V1_FAILURE_REASON_BUFFER_CONSTRAINTS

struct scenario {
	struct daemon daemon;
	struct client client;
	struct window window;
	struct picture shown[2];
	struct recorder recorder;
};

static void begin(struct scenario *s)
{
	static const char *const options[] = {"--mode", "640x480", NULL};
	daemon_start(&s->daemon, options);
	client_connect(&s->client, &s->daemon);
	window_init(&s->window, &s->client);
	for (uint32_t i = 0; i < 2; i++) {
		picture_init(
			&s->client, &s->shown[i], PICTURE_DMABUF, 640, 480, DRM_FORMAT_XRGB8888);
		picture_draw(&s->shown[i], i);
	}
	window_show(&s->window, &s->shown[0]);
	recorder_init(&s->recorder, &s->client);
}

static void end(struct scenario *s)
{
	recorder_finish(&s->recorder);
	for (int i = 0; i < 2; i++)
		picture_finish(&s->shown[i]);
	window_finish(&s->window);
	client_disconnect(&s->client);
	ck_assert_int_eq(daemon_stop(&s->daemon, SIGTERM), 0);
}

static void target_init(struct scenario *s, struct picture *target, uint32_t format)
{
	picture_init(&s->client, target, PICTURE_DMABUF, 640, 480, format);
}

/* An assertion for each pixel would take minutes. */
static void expect(const struct picture *target, const struct picture *wanted)
{
	for (uint32_t y = 0; y < wanted->height; y++) {
		for (uint32_t x = 0; x < wanted->width; x++) {
			uint32_t got = picture_pixel(target, x, y) & 0xffffff;
			uint32_t want = picture_pixel(wanted, x, y) & 0xffffff;
			if (got != want)
				ck_abort_msg("at %u,%u: %06x, not %06x", x, y, got, want);
		}
	}
}

static bool has(const uint32_t *formats, unsigned n, uint32_t format)
{
	for (unsigned i = 0; i < n; i++)
		if (formats[i] == format)
			return true;
	return false;
}

TEST(what_is_offered)
{
	struct scenario s;
	begin(&s);
	const struct recorder *r = &s.recorder;
	ck_assert_uint_eq(r->width, 640);
	ck_assert_uint_eq(r->height, 480);
	ck_assert(has(r->shm_formats, r->n_shm_formats, WL_SHM_FORMAT_XRGB8888));
	ck_assert(has(r->dmabuf_formats, r->n_dmabuf_formats, DRM_FORMAT_XRGB8888));
	ck_assert(has(r->dmabuf_formats, r->n_dmabuf_formats, DRM_FORMAT_ARGB8888));
	ck_assert(r->only_linear);
	/* one of DRM's */
	ck_assert_uint_eq(major(r->device), 226);
	end(&s);
}

TEST(the_display_writes)
{
	struct scenario s;
	struct picture target;
	begin(&s);
	target_init(&s, &target, DRM_FORMAT_XRGB8888);
	for (int i = 0; i < 6; i++) {
		window_show(&s.window, &s.shown[i % 2]);
		recorder_take(&s.recorder, target.buffer);
		expect(&target, &s.shown[i % 2]);
		ck_assert_uint_eq(s.recorder.time_ns, s.window.presented_ns);
		ck_assert_uint_eq(s.recorder.transform, WL_OUTPUT_TRANSFORM_NORMAL);
	}
	ck_assert_uint_eq(daemon_number(&s.daemon, "captures"), 6);
	ck_assert_uint_eq(daemon_number(&s.daemon, "captures_direct"), 6);
	picture_finish(&target);
	end(&s);
}

/* What the display leaves in alpha is anything, so the worker copies. */
TEST(copied)
{
	struct scenario s;
	struct picture target;
	begin(&s);
	target_init(&s, &target, DRM_FORMAT_ARGB8888);
	for (int i = 0; i < 3; i++) {
		window_show(&s.window, &s.shown[i % 2]);
		recorder_take(&s.recorder, target.buffer);
		expect(&target, &s.shown[i % 2]);
		ck_assert_uint_eq(picture_pixel(&target, 5, 7) >> 24, 255);
	}
	ck_assert_uint_eq(daemon_number(&s.daemon, "captures"), 3);
	ck_assert_uint_eq(daemon_number(&s.daemon, "captures_direct"), 0);
	picture_finish(&target);
	end(&s);
}

/* One of them cannot have what is written for the other one. */
TEST(two_at_once)
{
	struct scenario s;
	struct recorder other;
	struct picture targets[2];
	begin(&s);
	recorder_init(&other, &s.client);
	for (int i = 0; i < 2; i++)
		target_init(&s, &targets[i], DRM_FORMAT_XRGB8888);
	for (int i = 0; i < 4; i++) {
		/* both wait for the next picture */
		if (i > 0) {
			recorder_ask(&s.recorder, targets[0].buffer);
			recorder_ask(&other, targets[1].buffer);
			window_show(&s.window, &s.shown[i % 2]);
		} else {
			recorder_ask(&s.recorder, targets[0].buffer);
			recorder_ask(&other, targets[1].buffer);
		}
		ck_assert(recorder_wait(&s.recorder, PATIENCE_MS));
		ck_assert(recorder_wait(&other, PATIENCE_MS));
		expect(&targets[0], &s.shown[i % 2]);
		expect(&targets[1], &s.shown[i % 2]);
	}
	for (int i = 0; i < 2; i++)
		picture_finish(&targets[i]);
	recorder_finish(&other);
	end(&s);
}

/* A session's next frame waits until something is new, and says what. */
TEST(waits_for_damage)
{
	struct scenario s;
	struct picture target;
	begin(&s);
	target_init(&s, &target, DRM_FORMAT_XRGB8888);
	recorder_take(&s.recorder, target.buffer);
	ck_assert_uint_eq(s.recorder.n_boxes, 1);
	ck_assert_int_eq(s.recorder.boxes[0].width, 640);
	ck_assert_int_eq(s.recorder.boxes[0].height, 480);
	recorder_ask(&s.recorder, target.buffer);
	ck_assert(!recorder_wait(&s.recorder, 200));
	/* a commit that changes nothing is none */
	wl_surface_commit(s.window.surface);
	ck_assert(!recorder_wait(&s.recorder, 200));
	((uint32_t *)(void *)s.shown[0].pixels)[100 * 640 + 50] = 0x123456;
	wl_surface_attach(s.window.surface, s.shown[0].buffer, 0, 0);
	wl_surface_damage_buffer(s.window.surface, 50, 100, 20, 10);
	wl_surface_commit(s.window.surface);
	ck_assert(recorder_wait(&s.recorder, PATIENCE_MS));
	expect(&target, &s.shown[0]);
	ck_assert_uint_eq(s.recorder.n_boxes, 1);
	ck_assert_int_eq(s.recorder.boxes[0].x, 50);
	ck_assert_int_eq(s.recorder.boxes[0].y, 100);
	ck_assert_int_eq(s.recorder.boxes[0].width, 20);
	ck_assert_int_eq(s.recorder.boxes[0].height, 10);
	picture_finish(&target);
	end(&s);
}

/* ---- targets that do not do ------------------------------------------------------------------ */

static struct wl_buffer *import(struct client *client, int fd, int32_t width, int32_t height,
	uint32_t stride, uint32_t flags)
{
	struct zwp_linux_buffer_params_v1 *params =
		zwp_linux_dmabuf_v1_create_params(client->dmabuf);
	zwp_linux_buffer_params_v1_add(params, fd, 0, 0, stride, 0, 0);
	struct wl_buffer *buffer = zwp_linux_buffer_params_v1_create_immed(
		params, width, height, DRM_FORMAT_XRGB8888, flags);
	zwp_linux_buffer_params_v1_destroy(params);
	return buffer;
}

static int alloc(uint64_t size, uint32_t flags)
{
	struct dma_heap_allocation_data data = {.len = size, .fd_flags = flags | O_CLOEXEC};
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	if (heap < 0)
		SKIP("there is no dma-heap");
	ck_assert_int_eq(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data), 0);
	close(heap);
	return (int)data.fd;
}

TEST(unsuitable_targets)
{
	struct scenario s;
	struct picture target;
	begin(&s);
	/* a size or a format that was not offered */
	picture_init(&s.client, &target, PICTURE_DMABUF, 640, 479, DRM_FORMAT_XRGB8888);
	recorder_refused(&s.recorder, target.buffer, CONSTRAINTS);
	picture_finish(&target);
	target_init(&s, &target, DRM_FORMAT_XBGR8888);
	recorder_refused(&s.recorder, target.buffer, CONSTRAINTS);
	picture_finish(&target);
	picture_init(&s.client, &target, PICTURE_SHM, 640, 480, DRM_FORMAT_XBGR8888);
	recorder_refused(&s.recorder, target.buffer, CONSTRAINTS);
	picture_finish(&target);
	/* rows that no word begins */
	int fd = alloc(4 << 20, O_RDWR);
	struct wl_buffer *buffer = import(&s.client, fd, 640, 480, 640 * 4 + 2, 0);
	recorder_refused(&s.recorder, buffer, CONSTRAINTS);
	wl_buffer_destroy(buffer);
	close(fd);
	/* what its client may only read it could not have written itself */
	fd = alloc(640 * 480 * 4, O_RDONLY);
	buffer = import(&s.client, fd, 640, 480, 640 * 4, 0);
	recorder_refused(&s.recorder, buffer, CONSTRAINTS);
	wl_buffer_destroy(buffer);
	close(fd);
	/* and none of this is held against the session */
	target_init(&s, &target, DRM_FORMAT_XRGB8888);
	recorder_take(&s.recorder, target.buffer);
	expect(&target, &s.shown[0]);
	picture_finish(&target);
	end(&s);
}

/* A stride of its own is in order, for the display or else for the worker. */
TEST(wide_rows)
{
	struct scenario s;
	begin(&s);
	int fd = alloc(700 * 480 * 4, O_RDWR);
	struct picture target = {.width = 640, .height = 480, .stride = 700 * 4, .fd = fd};
	target.size = 700 * 480 * 4;
	target.buffer = import(&s.client, fd, 640, 480, 700 * 4, 0);
	target.pixels = mmap(NULL, target.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(target.pixels, MAP_FAILED);
	recorder_take(&s.recorder, target.buffer);
	expect(&target, &s.shown[0]);
	picture_finish(&target);
	end(&s);
}

/* ---- targets that end ------------------------------------------------------------------------ */

TEST(gone_meanwhile)
{
	struct scenario s;
	struct picture target;
	begin(&s);
	for (int i = 0; i < 12; i++) {
		target_init(&s, &target, i % 2 ? DRM_FORMAT_XRGB8888 : DRM_FORMAT_ARGB8888);
		window_commit(&s.window, &s.shown[i % 2]);
		recorder_ask(&s.recorder, target.buffer);
		if (i % 3 == 0)
			wl_display_flush(s.client.display);
		else if (i % 3 == 1)
			usleep(3000);
		picture_finish(&target);
		if (i % 4 == 3)
			recorder_drop(&s.recorder);
		else
			ck_assert(recorder_wait(&s.recorder, PATIENCE_MS));
		ck_assert(client_sync(&s.client));
	}
	/* the session, and with it whatever is being written */
	target_init(&s, &target, DRM_FORMAT_XRGB8888);
	window_commit(&s.window, &s.shown[0]);
	recorder_ask(&s.recorder, target.buffer);
	recorder_finish(&s.recorder);
	picture_finish(&target);
	recorder_init(&s.recorder, &s.client);
	target_init(&s, &target, DRM_FORMAT_XRGB8888);
	recorder_take(&s.recorder, target.buffer);
	picture_finish(&target);
	end(&s);
}

/* What a client cuts off is its own loss. */
TEST(cut_off)
{
	struct scenario s;
	struct client hostile;
	struct recorder victim;
	struct picture cut, target;
	begin(&s);
	client_connect(&hostile, &s.daemon);
	recorder_init(&victim, &hostile);
	picture_init(&hostile, &cut, PICTURE_SHM, 640, 480, DRM_FORMAT_XRGB8888);
	ck_assert_int_eq(ftruncate(cut.fd, 0), 0);
	recorder_ask(&victim, cut.buffer);
	ck_assert(client_wait(&hostile, &victim.failed, 1, PATIENCE_MS));
	target_init(&s, &target, DRM_FORMAT_XRGB8888);
	recorder_take(&s.recorder, target.buffer);
	expect(&target, &s.shown[0]);
	picture_finish(&target);
	recorder_finish(&victim);
	picture_finish(&cut);
	client_disconnect(&hostile);
	end(&s);
}

/* ---- fences ---------------------------------------------------------------------------------- */

static void put_fence(const struct picture *target, int timeline, uint32_t value)
{
	int ret = sw_sync_occupy(timeline, value, target->fd);
	if (ret == -ENOTTY)
		SKIP("this kernel puts no fences on dma-bufs");
	ck_assert_int_eq(ret, 0);
}

static int open_timeline(void)
{
	int timeline = sw_sync_open();
	if (timeline < 0)
		SKIP("this kernel has no sw_sync");
	return timeline;
}

static void wait_for_fence(uint32_t format)
{
	struct scenario s;
	struct picture target;
	begin(&s);
	int timeline = open_timeline();
	target_init(&s, &target, format);
	put_fence(&target, timeline, 1);
	memset(target.pixels, 0x55, target.size);
	recorder_ask(&s.recorder, target.buffer);
	ck_assert(!recorder_wait(&s.recorder, 200));
	ck_assert_int_eq(s.recorder.failed, 0);
	/* whoever had it has it still */
	ck_assert_uint_eq(picture_pixel(&target, 10, 10), 0x55555555);
	ck_assert_int_eq(sw_sync_advance(timeline, 1), 0);
	ck_assert(recorder_wait(&s.recorder, PATIENCE_MS));
	expect(&target, &s.shown[0]);
	close(timeline);
	picture_finish(&target);
	end(&s);
}

TEST(written_after_its_fences)
{
	wait_for_fence(DRM_FORMAT_XRGB8888);
}

TEST(copied_after_its_fences)
{
	wait_for_fence(DRM_FORMAT_ARGB8888);
}

/* It is given up after a second; in which others have their pictures, and their frames. */
TEST(fence_that_never_signals)
{
	struct scenario s;
	struct client hostile;
	struct recorder stuck;
	struct picture held, target;
	begin(&s);
	client_connect(&hostile, &s.daemon);
	recorder_init(&stuck, &hostile);
	int timeline = open_timeline();
	picture_init(&hostile, &held, PICTURE_DMABUF, 640, 480, DRM_FORMAT_XRGB8888);
	put_fence(&held, timeline, 1);
	recorder_ask(&stuck, held.buffer);
	ck_assert(client_sync(&hostile));
	target_init(&s, &target, DRM_FORMAT_XRGB8888);
	for (int i = 1; i < 5; i++) {
		window_show(&s.window, &s.shown[i % 2]);
		recorder_take(&s.recorder, target.buffer);
		expect(&target, &s.shown[i % 2]);
	}
	ck_assert(client_wait(&hostile, &stuck.failed, 1, PATIENCE_MS));
	ck_assert_int_eq(stuck.ready, 0);
	/* and one whose client goes before that */
	recorder_ask(&stuck, held.buffer);
	ck_assert(client_sync(&hostile));
	recorder_finish(&stuck);
	picture_finish(&held);
	client_disconnect(&hostile);
	close(timeline);
	picture_finish(&target);
	end(&s);
}

/* Each of them keeps an fd of the server's: there are as many as the client's quota has. */
TEST(too_many_fences)
{
	enum { MANY = 520 };
	static struct recorder stuck[MANY];
	struct scenario s;
	struct client hostile;
	struct picture held, target;
	int failed = 0, refused = 0;
	begin(&s);
	client_connect(&hostile, &s.daemon);
	int timeline = open_timeline();
	picture_init(&hostile, &held, PICTURE_DMABUF, 640, 480, DRM_FORMAT_XRGB8888);
	put_fence(&held, timeline, 1);
	for (int i = 0; i < MANY; i++)
		recorder_init(&stuck[i], &hostile);
	for (int i = 0; i < MANY; i++)
		recorder_ask(&stuck[i], held.buffer);
	ck_assert(client_sync(&hostile));
	for (int i = 0; i < MANY; i++)
		refused += stuck[i].failed;
	ck_assert_int_ge(refused, MANY - 512);
	target_init(&s, &target, DRM_FORMAT_XRGB8888);
	recorder_take(&s.recorder, target.buffer);
	expect(&target, &s.shown[0]);
	/* those that have one are given up, too, and then it is free again */
	for (int i = 0; i < MANY; i++)
		ck_assert(client_wait(&hostile, &stuck[i].failed, 1, PATIENCE_MS));
	ck_assert_int_eq(sw_sync_advance(timeline, 1), 0);
	for (int i = 0; i < 8; i++)
		recorder_take(&stuck[i], held.buffer);
	for (int i = 0; i < MANY; i++) {
		failed += stuck[i].failed;
		recorder_finish(&stuck[i]);
	}
	ck_assert_int_eq(failed, MANY - 8);
	picture_finish(&held);
	client_disconnect(&hostile);
	close(timeline);
	picture_finish(&target);
	end(&s);
}

TEST_TIMEOUT(120)
TEST_MAIN("daemon-capture")
