/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "kms/probe.h"
#include "kms/writeback.h"
#include "kms_fixture.h"

static void expect_pattern(const struct waybuf_kms_dumb *picture)
{
	for (uint32_t y = 0; y < picture->layout.height; y++) {
		for (uint32_t x = 0; x < picture->layout.width; x++) {
			uint32_t got = pixel_at(picture, x, y), want = pattern_at(x, y);
			/* libcheck notes down each assertion, also those that hold */
			if (got != want)
				ck_abort_msg("at %u,%u: %06x, not %06x", x, y, got, want);
		}
	}
}

static void show_and_compare(const struct waybuf_layout *layout, struct display *display)
{
	struct waybuf_kms_why why = {0};
	struct waybuf_kms_fb *fb;
	int error = waybuf_kms_fb_create(display->device, layout, &fb, NULL, &why);
	ck_assert_msg(error == 0, "%d %s", error, why.text);
	ck_assert_uint_eq(waybuf_gem_handles_count(display->device->handles), 0);
	display_show(display, fb);
	struct waybuf_kms_dumb *picture = display_capture(display);
	expect_pattern(picture);
	waybuf_kms_dumb_destroy(picture);
	waybuf_kms_fb_unref(fb);
}

TEST(dumb_buffer_fullscreen)
{
	struct display display;
	struct waybuf_kms_dumb *dumb;
	display_open(&display);
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XRGB8888, &dumb, NULL),
		0);
	draw_pattern(&dumb->layout, dumb->pixels);
	show_and_compare(&dumb->layout, &display);
	waybuf_kms_dumb_destroy(dumb);
	display_close(&display);
}

static void check_source(enum memory_source source)
{
	struct display display;
	display_open(&display);
	struct waybuf_layout layout =
		make_layout(source, display.width, display.height, DRM_FORMAT_XRGB8888);
	draw_on(&layout, draw_pattern);
	show_and_compare(&layout, &display);
	close(layout.memory[0].fd);
	display_close(&display);
}

TEST(heap_buffer_fullscreen)
{
	check_source(FROM_HEAP);
}

TEST(udmabuf_buffer_fullscreen)
{
	check_source(FROM_UDMABUF);
}

/* Grey video with one bright square: full range BT.601, vkms's default. */
static void draw_video(const struct waybuf_layout *layout, uint8_t *bytes)
{
	const struct waybuf_plane *y_plane = &layout->planes[0], *uv_plane = &layout->planes[1];
	for (uint32_t y = 0; y < layout->height; y++)
		memset(bytes + y_plane->offset + (size_t)y * y_plane->stride, y < 16 ? 255 : 64,
			layout->width);
	for (uint32_t y = 0; y < layout->height / 2; y++)
		memset(bytes + uv_plane->offset + (size_t)y * uv_plane->stride, 128, layout->width);
}

TEST(nv12_on_an_overlay_over_a_background)
{
	struct display display;
	struct waybuf_kms_dumb *background;
	struct waybuf_kms_why why = {0};
	display_open(&display);
	struct waybuf_kms_plane *overlay = waybuf_kms_state_pick_plane(
		display.device->current, display.crtc, DRM_PLANE_TYPE_OVERLAY);
	if (!overlay)
		SKIP("vkms has no overlay (vkms.enable_overlay=1)");
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XRGB8888, &background, NULL),
		0);
	waybuf_kms_dumb_fill(background, 0x102030);
	struct waybuf_layout video = make_layout(FROM_HEAP, 64, 48, DRM_FORMAT_NV12);
	draw_on(&video, draw_video);
	struct waybuf_kms_fb *fb;
	int error = waybuf_kms_fb_create(display.device, &video, &fb, NULL, &why);
	ck_assert_msg(error == 0, "%s", why.text);

	struct waybuf_kms_state *state = display_propose(&display, background->fb);
	struct waybuf_kms_layer layer;
	waybuf_kms_layer_init(&layer, fb);
	layer.x = 100;
	layer.y = 50;
	error = waybuf_kms_state_set_plane(state, overlay, display.crtc, &layer, &why);
	ck_assert_msg(error == 0, "%s", why.text);
	ck_assert_int_eq(waybuf_kms_state_test(state, &why), 0);
	ck_assert_int_eq(display_commit(&display, state, NULL), 0);
	display_wait(&display, 1, 0);

	struct waybuf_kms_dumb *picture = display_capture(&display);
	ck_assert_uint_eq(pixel_at(picture, 0, 0), 0x102030);
	ck_assert_uint_eq(pixel_at(picture, 99, 50), 0x102030);
	ck_assert_uint_eq(pixel_at(picture, 100, 49), 0x102030);
	ck_assert_uint_eq(pixel_at(picture, 100, 50), 0xffffff);
	ck_assert_uint_eq(pixel_at(picture, 163, 65), 0xffffff);
	ck_assert_uint_eq(pixel_at(picture, 100, 66), 0x404040);
	ck_assert_uint_eq(pixel_at(picture, 163, 97), 0x404040);
	ck_assert_uint_eq(pixel_at(picture, 164, 97), 0x102030);
	ck_assert_uint_eq(pixel_at(picture, 163, 98), 0x102030);
	waybuf_kms_dumb_destroy(picture);

	/* taken off again, the background is back */
	ck_assert_int_eq(waybuf_kms_state_duplicate(display.device, &state), 0);
	ck_assert_int_eq(waybuf_kms_state_set_plane(state, overlay, display.crtc, NULL, &why), 0);
	ck_assert_int_eq(display_commit(&display, state, NULL), 0);
	display_wait(&display, display.flips + 1, 1);
	picture = display_capture(&display);
	ck_assert_uint_eq(pixel_at(picture, 100, 50), 0x102030);
	waybuf_kms_dumb_destroy(picture);
	waybuf_kms_fb_unref(fb);
	close(video.memory[0].fd);
	waybuf_kms_dumb_destroy(background);
	display_close(&display);
}

TEST(rotation_reaches_the_screen)
{
	struct display display;
	struct waybuf_kms_dumb *dumb;
	struct waybuf_kms_layer layer;
	display_open(&display);
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XRGB8888, &dumb, NULL),
		0);
	draw_pattern(&dumb->layout, dumb->pixels);
	struct waybuf_kms_state *state = display_propose(&display, dumb->fb);
	waybuf_kms_layer_init(&layer, dumb->fb);
	layer.rotation = DRM_MODE_ROTATE_180;
	ck_assert_int_eq(
		waybuf_kms_state_set_plane(state, display.primary, display.crtc, &layer, NULL), 0);
	ck_assert_int_eq(display_commit(&display, state, NULL), 0);
	display_wait(&display, 1, 0);
	struct waybuf_kms_dumb *picture = display_capture(&display);
	ck_assert_uint_eq(
		pixel_at(picture, 3, 5), pattern_at(display.width - 1 - 3, display.height - 1 - 5));
	waybuf_kms_dumb_destroy(picture);
	waybuf_kms_dumb_destroy(dumb);
	display_close(&display);
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct pair {
	struct waybuf_kms_dumb *dumbs[2];
};

static struct pair make_pair(struct display *display)
{
	struct pair pair;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
			waybuf_kms_dumb_create(display->device, display->width, display->height,
				DRM_FORMAT_XRGB8888, &pair.dumbs[i], NULL),
			0);
		waybuf_kms_dumb_fill(pair.dumbs[i], i ? 0xff0000 : 0x0000ff);
	}
	return pair;
}

static void free_pair(struct pair *pair)
{
	waybuf_kms_dumb_destroy(pair->dumbs[0]);
	waybuf_kms_dumb_destroy(pair->dumbs[1]);
}

TEST(flip_event_and_out_fence_agree)
{
	struct display display;
	display_open(&display);
	struct pair pair = make_pair(&display);
	display_show(&display, pair.dumbs[0]->fb);
	uint32_t sequence = display.last.sequence;
	for (int i = 1; i <= 20; i++) {
		struct waybuf_kms_commit_result result;
		uint64_t before = now_ns(), signalled;
		struct waybuf_kms_state *state = display_propose(&display, pair.dumbs[i & 1]->fb);
		ck_assert_int_eq(display_commit(&display, state, &result), 0);
		int fence = result.out_fences[display.crtc->index];
		ck_assert_int_ge(fence, 0);
		display_wait(&display, i + 1, 0);
		ck_assert_int_eq(fence_info(fence, &signalled), 1);
		/* the kernel signals the fence with the time of the event, which has microseconds */
		int64_t difference = (int64_t)(signalled - display.last.time_ns);
		ck_assert_msg(difference >= 0 && difference < 1000, "fence %lld ns after the flip",
			(long long)difference);
		ck_assert_uint_gt(display.last.time_ns + 20000000, before);
		ck_assert_uint_lt(display.last.time_ns, now_ns() + 20000000);
		ck_assert_ptr_eq(display.last.crtc, display.crtc);
		ck_assert_uint_gt(display.last.sequence, sequence);
		sequence = display.last.sequence;
		waybuf_kms_commit_result_finish(&result);
	}
	free_pair(&pair);
	display_close(&display);
}

TEST(pending_flip_makes_the_next_commit_busy)
{
	struct display display;
	display_open(&display);
	struct pair pair = make_pair(&display);
	display_show(&display, pair.dumbs[0]->fb);
	ck_assert_int_eq(
		display_commit(&display, display_propose(&display, pair.dumbs[1]->fb), NULL), 0);
	ck_assert(waybuf_kms_crtc_busy(display.crtc));
	ck_assert_int_eq(
		display_commit(&display, display_propose(&display, pair.dumbs[0]->fb), NULL),
		-EBUSY);
	display_wait(&display, 2, 0);
	ck_assert(!waybuf_kms_crtc_busy(display.crtc));
	ck_assert_int_eq(
		display_commit(&display, display_propose(&display, pair.dumbs[0]->fb), NULL), 0);
	display_wait(&display, 3, 0);
	/* what is on screen is the last that was accepted */
	struct waybuf_kms_dumb *picture = display_capture(&display);
	ck_assert_uint_eq(pixel_at(picture, 9, 9), 0x0000ff);
	waybuf_kms_dumb_destroy(picture);
	free_pair(&pair);
	display_close(&display);
}

TEST(stale_states_are_refused)
{
	struct display display;
	display_open(&display);
	struct pair pair = make_pair(&display);
	display_show(&display, pair.dumbs[0]->fb);
	struct waybuf_kms_state *a = display_propose(&display, pair.dumbs[0]->fb);
	struct waybuf_kms_state *b = display_propose(&display, pair.dumbs[1]->fb);
	ck_assert_int_eq(display_commit(&display, a, NULL), 0);
	display_wait(&display, 2, 0);
	ck_assert_int_eq(display_commit(&display, b, NULL), -ESTALE);
	free_pair(&pair);
	display_close(&display);
}

TEST(capture_keeps_the_crtc_busy_until_it_is_written)
{
	struct display display;
	struct waybuf_kms_dumb *target;
	struct waybuf_kms_commit_result result;
	display_open(&display);
	struct pair pair = make_pair(&display);
	display_show(&display, pair.dumbs[1]->fb);
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XRGB8888, &target, NULL),
		0);
	struct waybuf_kms_state *state = display_propose(&display, pair.dumbs[0]->fb);
	ck_assert_int_eq(waybuf_kms_state_capture(state, display.crtc, target->fb, NULL), 0);
	ck_assert(!state->modeset); /* the connector came along with the mode */
	ck_assert_int_eq(display_commit(&display, state, &result), 0);
	int fence = result.writeback_fences[display.crtc->index];
	ck_assert_int_ge(fence, 0);
	while (display.captures == 0) {
		ck_assert(waybuf_kms_crtc_busy(display.crtc));
		ck_assert_int_ge(waybuf_loop_dispatch(display.loop, 1000), 1);
	}
	display_wait(&display, 2, 1);
	ck_assert_int_eq(fence_info(fence, NULL), 1);
	/* the frame of its own commit, not the one before */
	ck_assert_uint_eq(pixel_at(target, 0, 0), 0x0000ff);
	ck_assert_uint_eq(pixel_at(target, display.width - 1, display.height - 1), 0x0000ff);
	waybuf_kms_commit_result_finish(&result);
	/* it held for one commit */
	memset(target->pixels, 0x55, target->size);
	display_show(&display, pair.dumbs[1]->fb);
	display_show(&display, pair.dumbs[0]->fb);
	ck_assert_uint_eq(pixel_at(target, 0, 0), 0x555555);
	waybuf_kms_dumb_destroy(target);
	free_pair(&pair);
	display_close(&display);
}

/*
 * What displaces a captured buffer is committed after the writeback, so its fence, which goes onto
 * release points, cannot signal before: in each of many trials.
 */
TEST(displacing_fence_is_not_before_the_writeback)
{
	struct display display;
	struct waybuf_kms_dumb *target;
	display_open(&display);
	struct pair pair = make_pair(&display);
	display_show(&display, pair.dumbs[1]->fb);
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XRGB8888, &target, NULL),
		0);
	for (int i = 0; i < 20; i++) {
		struct waybuf_kms_commit_result captured, displaced;
		uint64_t written_ns = 0, off_ns = 0;
		int flips = display.flips, captures = display.captures;
		struct waybuf_kms_state *state = display_propose(&display, pair.dumbs[i & 1]->fb);
		ck_assert_int_eq(
			waybuf_kms_state_capture(state, display.crtc, target->fb, NULL), 0);
		ck_assert_int_eq(display_commit(&display, state, &captured), 0);
		/* the next frame is ready from the first moment on, and comes when it may */
		int ret;
		do {
			state = display_propose(&display, pair.dumbs[~i & 1]->fb);
			ret = display_commit(&display, state, &displaced);
			if (ret < 0) {
				ck_assert_int_eq(ret, -EBUSY);
				ck_assert_int_ge(waybuf_loop_dispatch(display.loop, 1000), 1);
			}
		} while (ret < 0);
		display_wait(&display, flips + 2, captures + 1);
		ck_assert_int_eq(display.capture_error, 0);
		int written = captured.writeback_fences[display.crtc->index];
		int off = displaced.out_fences[display.crtc->index];
		ck_assert_int_eq(fence_info(written, &written_ns), 1);
		ck_assert_int_eq(fence_info(off, &off_ns), 1);
		ck_assert_uint_gt(off_ns, written_ns);
		waybuf_kms_commit_result_finish(&captured);
		waybuf_kms_commit_result_finish(&displaced);
	}
	waybuf_kms_dumb_destroy(target);
	free_pair(&pair);
	display_close(&display);
}

TEST(captures_that_cannot_be_are_refused)
{
	struct display display;
	struct waybuf_kms_dumb *small, *dumb;
	struct waybuf_kms_state *state;
	struct waybuf_kms_why why = {0};
	display_open(&display);
	ck_assert_int_eq(
		waybuf_kms_dumb_create(display.device, 64, 64, DRM_FORMAT_XRGB8888, &small, NULL),
		0);
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XBGR8888, &dumb, NULL),
		0);
	ck_assert_int_eq(waybuf_kms_state_duplicate(display.device, &state), 0);
	ck_assert_int_eq(waybuf_kms_state_capture(state, display.crtc, dumb->fb, &why), -ENODATA);
	waybuf_kms_state_destroy(state);
	display_show(&display, dumb->fb);
	ck_assert_int_eq(waybuf_kms_state_duplicate(display.device, &state), 0);
	ck_assert_int_eq(waybuf_kms_state_capture(state, display.crtc, small->fb, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "does not fit"));
	ck_assert_int_eq(waybuf_kms_state_capture(state, display.crtc, dumb->fb, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "does not write"));
	waybuf_kms_state_destroy(state);
	waybuf_kms_dumb_destroy(small);
	waybuf_kms_dumb_destroy(dumb);
	display_close(&display);
}

TEST(what_the_planes_lack_is_refused_by_name)
{
	struct display display;
	struct waybuf_kms_dumb *dumb;
	struct waybuf_kms_state *state;
	struct waybuf_kms_layer layer;
	struct waybuf_kms_why why = {0};
	display_open(&display);
	ck_assert_int_eq(waybuf_kms_dumb_create(display.device, display.width, display.height,
				 DRM_FORMAT_XRGB8888, &dumb, NULL),
		0);
	ck_assert_int_eq(waybuf_kms_state_duplicate(display.device, &state), 0);
	waybuf_kms_layer_init(&layer, dumb->fb);
	layer.alpha = 0x8000;
	ck_assert_int_eq(
		waybuf_kms_state_set_plane(state, display.primary, display.crtc, &layer, &why),
		-EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(why.text, "alpha"));
	waybuf_kms_layer_init(&layer, dumb->fb);
	layer.has_zpos = true;
	layer.zpos = 3;
	ck_assert_int_eq(
		waybuf_kms_state_set_plane(state, display.primary, display.crtc, &layer, &why),
		-EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(why.text, "zpos"));
	/* scaling is for the device to refuse */
	ck_assert_int_eq(
		waybuf_kms_state_enable(state, display.connector, display.crtc, NULL, &why), 0);
	waybuf_kms_layer_init(&layer, dumb->fb);
	layer.src_w /= 2;
	layer.src_h /= 2;
	ck_assert_int_eq(
		waybuf_kms_state_set_plane(state, display.primary, display.crtc, &layer, &why), 0);
	ck_assert_int_lt(waybuf_kms_state_test(state, &why), 0);
	ck_assert_ptr_nonnull(strstr(why.text, "vkms refuses"));
	waybuf_kms_state_destroy(state);
	waybuf_kms_dumb_destroy(dumb);
	display_close(&display);
}

TEST(output_switched_off_and_over)
{
	struct display display;
	struct waybuf_kms_state *state;
	display_open(&display);
	struct pair pair = make_pair(&display);
	display_show(&display, pair.dumbs[0]->fb);
	ck_assert_int_eq(waybuf_kms_state_duplicate(display.device, &state), 0);
	waybuf_kms_state_disable(state, display.crtc);
	ck_assert_int_eq(display_commit(&display, state, NULL), 0);
	display_wait(&display, 2, 0);
	ck_assert(!display.device->current->crtcs[display.crtc->index].active);
	display_show(&display, pair.dumbs[1]->fb);
	struct waybuf_kms_dumb *picture = display_capture(&display);
	ck_assert_uint_eq(pixel_at(picture, 1, 1), 0xff0000);
	waybuf_kms_dumb_destroy(picture);
	free_pair(&pair);
	display_close(&display);
}

/* 200; 10,000 with WAYBUF_TEST_SOAK. */
TEST(flips_leak_nothing)
{
	int n = getenv("WAYBUF_TEST_SOAK") ? 10000 : 200;
	struct display display;
	display_open(&display);
	struct pair pair = make_pair(&display);
	struct waybuf_layout layouts[2];
	for (int i = 0; i < 2; i++)
		layouts[i] =
			make_layout(FROM_HEAP, display.width, display.height, DRM_FORMAT_XRGB8888);
	display_show(&display, pair.dumbs[0]->fb);
	int fds = harness_count_fds();
	for (int i = 0; i < n; i++) {
		struct waybuf_kms_commit_result result;
		struct waybuf_kms_fb *fb;
		ck_assert_int_eq(
			waybuf_kms_fb_create(display.device, &layouts[i & 1], &fb, NULL, NULL), 0);
		struct waybuf_kms_state *state = display_propose(&display, fb);
		waybuf_kms_fb_unref(fb);
		ck_assert_int_eq(display_commit(&display, state, &result), 0);
		display_wait(&display, display.flips + 1, 0);
		waybuf_kms_commit_result_finish(&result);
		ck_assert_int_eq(harness_count_fds(), fds);
		ck_assert_uint_eq(waybuf_gem_handles_count(display.device->handles), 0);
	}
	for (int i = 0; i < 2; i++)
		close(layouts[i].memory[0].fd);
	free_pair(&pair);
	display_close(&display);
}

TEST(device_goes_with_commits_pending)
{
	struct display display;
	display_open(&display);
	struct pair pair = make_pair(&display);
	display_show(&display, pair.dumbs[0]->fb);
	struct waybuf_kms_state *state = display_propose(&display, pair.dumbs[1]->fb);
	ck_assert_int_eq(waybuf_kms_state_capture(state, display.crtc, pair.dumbs[0]->fb, NULL), 0);
	ck_assert_int_eq(display_commit(&display, state, NULL), 0);
	free_pair(&pair);
	display_close(&display);
}

TEST_TIMEOUT(getenv("WAYBUF_TEST_SOAK") ? 600 : 30)
TEST_MAIN("kms-scanout")
