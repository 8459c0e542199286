/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "fence/impl.h"
#include "fence/syncobj.h"
#include "gate_fixture.h"
#include "kms_fixture.h"
#include "sw_sync.h"

/*
 * Why every plane gets a signalled stub, and why nothing that is pending goes down to the kernel:
 * first what the kernel does without either, so that the rules are known to be needed, then that
 * with them nothing of it happens. If a kernel comes that does better, the first half says so.
 */

/* A background on the primary plane, and a client's dma-buf for an overlay. */
struct stage {
	struct display display;
	struct waybuf_kms_dumb *background[2];
	struct waybuf_kms_plane *overlay;
	struct waybuf_layout layout;
	struct waybuf_kms_fb *fb; /* of the layout */
	int timeline;
	uint32_t next; /* point on it */
};

static void draw_white(const struct waybuf_layout *layout, uint8_t *bytes)
{
	memset(bytes, 0xff, layout->memory[0].size);
}

static void begin(struct stage *s)
{
	struct display *display = &s->display;
	display_open(display);
	s->overlay = waybuf_kms_state_pick_plane(
		display->device->current, display->crtc, DRM_PLANE_TYPE_OVERLAY);
	if (!s->overlay)
		SKIP("vkms has no overlay (vkms.enable_overlay=1)");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
			waybuf_kms_dumb_create(display->device, display->width, display->height,
				DRM_FORMAT_XRGB8888, &s->background[i], NULL),
			0);
		waybuf_kms_dumb_fill(s->background[i], i ? 0xff0000 : 0x0000ff);
	}
	s->layout = make_layout(FROM_HEAP, 64, 64, DRM_FORMAT_XRGB8888);
	draw_on(&s->layout, draw_white);
	ck_assert_int_eq(waybuf_kms_fb_create(display->device, &s->layout, &s->fb, NULL, NULL), 0);
	display_show(display, s->background[0]->fb);
	/*
	 * Last, because the kernel closes the last fd of a process first: when a test fails, fences
	 * end before the display is given back, which waits for them.
	 */
	s->timeline = sw_sync_open();
	if (s->timeline < 0)
		SKIP("no sw_sync");
	s->next = 1;
}

static void end(struct stage *s)
{
	waybuf_kms_fb_unref(s->fb);
	close(s->layout.memory[0].fd);
	waybuf_kms_dumb_destroy(s->background[0]);
	waybuf_kms_dumb_destroy(s->background[1]);
	display_close(&s->display);
	close(s->timeline);
}

/* One that is pending. */
static int make_fence(const struct stage *s)
{
	int fence = sw_sync_fence(s->timeline, s->next);
	ck_assert_int_ge(fence, 0);
	return fence;
}

/* Puts a fence on the client's memory, as if something were drawing there. */
static void haunt(struct stage *s)
{
	ck_assert_int_eq(sw_sync_occupy(s->timeline, s->next, s->layout.memory[0].fd), 0);
}

/* Whatever is pending signals. */
static void exorcise(struct stage *s)
{
	ck_assert_int_eq(sw_sync_advance(s->timeline, 1), 0);
	s->next++;
}

/* ---- without the rules --------------------------------------------------------------------- */

static void set(
	drmModeAtomicReq *req, uint32_t object, const struct waybuf_kms_prop *prop, uint64_t value)
{
	ck_assert(waybuf_kms_prop_known(prop));
	ck_assert_int_ge(drmModeAtomicAddProperty(req, object, prop->id, value), 0);
}

/* Past the library, which adds the stub: @fb at its size in the corner, @fence -1 for none. */
static drmModeAtomicReq *request(
	struct stage *s, const struct waybuf_kms_plane *plane, struct waybuf_kms_fb *fb, int fence)
{
	const struct waybuf_kms_prop *props = plane->props;
	drmModeAtomicReq *req = drmModeAtomicAlloc();
	ck_assert_ptr_nonnull(req);
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_FB_ID], fb ? fb->id : 0);
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_CRTC_ID], fb ? s->display.crtc->id : 0);
	if (!fb)
		return req;
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_SRC_X], 0);
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_SRC_Y], 0);
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_SRC_W], fb->width << 16);
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_SRC_H], fb->height << 16);
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_CRTC_X], 0);
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_CRTC_Y], 0);
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_CRTC_W], fb->width);
	set(req, plane->id, &props[WAYBUF_KMS_PLANE_CRTC_H], fb->height);
	if (fence >= 0)
		set(req, plane->id, &props[WAYBUF_KMS_PLANE_IN_FENCE_FD], (uint64_t)fence);
	return req;
}

static int commit(struct stage *s, drmModeAtomicReq *req, uint32_t flags)
{
	int error = drmModeAtomicCommit(s->display.device->fd, req, flags, NULL);
	drmModeAtomicFree(req);
	return error;
}

/* Does not wait; *out_fence is of its flip. */
static int commit_with_fence(struct stage *s, drmModeAtomicReq *req, int *out_fence)
{
	const struct waybuf_kms_crtc *crtc = s->display.crtc;
	set(req, crtc->id, &crtc->props[WAYBUF_KMS_CRTC_OUT_FENCE_PTR], (uintptr_t)out_fence);
	return commit(s, req, DRM_MODE_ATOMIC_NONBLOCK);
}

static void wait_vblank(struct stage *s)
{
	int fd = s->display.device->fd;
	uint64_t first, now;
	ck_assert_int_eq(drmCrtcGetSequence(fd, s->display.crtc->id, &first, NULL), 0);
	do {
		usleep(2000);
		ck_assert_int_eq(drmCrtcGetSequence(fd, s->display.crtc->id, &now, NULL), 0);
	} while (now == first);
}

/* Nobody gets through, on no plane, however often the display is refreshed. */
static void check_stuck(struct stage *s, int out_fence)
{
	const struct waybuf_kms_plane *primary = s->display.primary;
	for (int i = 0; i < 5; i++) {
		struct waybuf_kms_fb *fb = s->background[i & 1]->fb;
		ck_assert_int_eq(
			commit(s, request(s, primary, fb, -1), DRM_MODE_ATOMIC_NONBLOCK), -EBUSY);
		/* the one that would take the culprit off the screen neither */
		ck_assert_int_eq(
			commit(s, request(s, s->overlay, NULL, -1), DRM_MODE_ATOMIC_NONBLOCK),
			-EBUSY);
		ck_assert_int_eq(fence_info(out_fence, NULL), 0);
		wait_vblank(s);
	}
}

static void wait_flip(int out_fence)
{
	struct pollfd poll_fd = {.fd = out_fence, .events = POLLIN};
	ck_assert_int_eq(poll(&poll_fd, 1, 10000), 1);
	ck_assert_int_eq(fence_info(out_fence, NULL), 1);
	close(out_fence);
}

/* And then everybody does. */
static void check_recovers(struct stage *s, int out_fence)
{
	int fence = -1;
	exorcise(s);
	wait_flip(out_fence);
	ck_assert_int_eq(commit_with_fence(s,
				 request(s, s->display.primary, s->background[1]->fb, -1), &fence),
		0);
	wait_flip(fence);
	ck_assert_int_eq(commit_with_fence(s, request(s, s->overlay, NULL, -1), &fence), 0);
	wait_flip(fence);
}

TEST(kernel_a_pending_in_fence_on_an_overlay_stops_its_crtc)
{
	struct stage s;
	int out_fence = -1;
	begin(&s);
	int fence = make_fence(&s);
	ck_assert_int_eq(commit_with_fence(&s, request(&s, s.overlay, s.fb, fence), &out_fence), 0);
	close(fence);
	check_stuck(&s, out_fence);
	check_recovers(&s, out_fence);
	end(&s);
}

TEST(kernel_an_implicit_fence_does_so_without_a_stub)
{
	struct stage s;
	int out_fence = -1;
	begin(&s);
	haunt(&s);
	ck_assert_int_eq(commit_with_fence(&s, request(&s, s.overlay, s.fb, -1), &out_fence), 0);
	check_stuck(&s, out_fence);
	check_recovers(&s, out_fence);
	end(&s);
}

/* The buffer is on its plane already, and it is another plane that is committed. */
TEST(kernel_an_implicit_fence_reaches_a_buffer_at_rest)
{
	struct stage s;
	int out_fence = -1;
	begin(&s);
	ck_assert_int_eq(commit_with_fence(&s, request(&s, s.overlay, s.fb, -1), &out_fence), 0);
	wait_flip(out_fence);
	haunt(&s);
	ck_assert_int_eq(
		commit_with_fence(
			&s, request(&s, s.display.primary, s.background[1]->fb, -1), &out_fence),
		0);
	check_stuck(&s, out_fence);
	check_recovers(&s, out_fence);
	end(&s);
}

struct blocking {
	struct stage *stage;
	atomic_bool returned;
	int error;
};

static void *commit_blocking(void *data)
{
	struct blocking *blocking = data;
	struct stage *s = blocking->stage;
	blocking->error = commit(s, request(s, s->overlay, s->fb, -1), 0);
	atomic_store(&blocking->returned, true);
	return NULL;
}

TEST(kernel_a_blocking_commit_waits_for_an_implicit_fence)
{
	struct stage s;
	struct blocking blocking = {.stage = &s};
	pthread_t thread;
	begin(&s);
	haunt(&s);
	ck_assert_int_eq(pthread_create(&thread, NULL, commit_blocking, &blocking), 0);
	/* 20 refreshes; not by wait_vblank(), for it has the lock that this wants */
	usleep(20 * 1000000 / 60);
	ck_assert(!atomic_load(&blocking.returned));
	exorcise(&s);
	pthread_join(thread, NULL);
	ck_assert_int_eq(blocking.error, 0);
	end(&s);
}

/* ---- with the stub ------------------------------------------------------------------------- */

TEST(kernel_a_stub_keeps_implicit_fences_out)
{
	struct stage s;
	int out_fence = -1, stub;
	begin(&s);
	stub = s.display.device->stub_fence;
	ck_assert_int_ge(stub, 0);
	ck_assert_int_eq(fence_info(stub, NULL), 1);
	haunt(&s);
	ck_assert_int_eq(commit_with_fence(&s, request(&s, s.overlay, s.fb, stub), &out_fence), 0);
	wait_flip(out_fence);
	/* at rest it wants one again with each commit */
	for (int i = 0; i < 5; i++) {
		drmModeAtomicReq *req =
			request(&s, s.display.primary, s.background[i & 1]->fb, stub);
		set(req, s.overlay->id, &s.overlay->props[WAYBUF_KMS_PLANE_IN_FENCE_FD],
			(uint64_t)stub);
		ck_assert_int_eq(commit_with_fence(&s, req, &out_fence), 0);
		wait_flip(out_fence);
	}
	ck_assert_int_eq(commit_with_fence(&s, request(&s, s.overlay, NULL, -1), &out_fence), 0);
	wait_flip(out_fence);
	exorcise(&s);
	end(&s);
}

static struct waybuf_kms_state *propose(struct stage *s, int i)
{
	struct waybuf_kms_state *state = display_propose(&s->display, s->background[i & 1]->fb);
	struct waybuf_kms_layer layer;
	waybuf_kms_layer_init(&layer, s->fb);
	ck_assert_int_eq(
		waybuf_kms_state_set_plane(state, s->overlay, s->display.crtc, &layer, NULL), 0);
	return state;
}

/* How many refreshes later it is on the screen. */
static uint32_t flip(struct stage *s, struct waybuf_kms_state *state)
{
	struct display *display = &s->display;
	uint32_t sequence = display->last.sequence;
	ck_assert_int_eq(display_commit(display, state, NULL), 0);
	display_wait(display, display->flips + 1, display->captures);
	ck_assert_uint_gt(display->last.sequence, sequence);
	return display->last.sequence - sequence;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

enum { FLIPS = 40 };

/* Of every other flip the overlay is a part, in the others the buffer rests on it. */
static uint32_t median_flip(struct stage *s, bool haunted)
{
	uint32_t later[FLIPS];
	for (int i = 0; i < FLIPS; i++) {
		if (haunted)
			haunt(s);
		later[i] = flip(s,
			i % 2 ? propose(s, i)
			      : display_propose(&s->display, s->background[i & 1]->fb));
	}
	qsort(later, FLIPS, sizeof(later[0]), by_value);
	return later[FLIPS / 2];
}

static void check_capture(struct stage *s)
{
	struct waybuf_kms_dumb *picture = display_capture(&s->display);
	uint32_t last = s->display.width - 1;
	ck_assert_uint_eq(pixel_at(picture, 0, 0), 0xffffff);
	ck_assert_uint_eq(pixel_at(picture, 63, 63), 0xffffff);
	ck_assert_uint_ne(pixel_at(picture, 64, 64), 0xffffff);
	ck_assert_uint_ne(pixel_at(picture, last, 0), 0xffffff);
	waybuf_kms_dumb_destroy(picture);
}

/*
 * The attack that the stub is for: a client puts fences that never signal on its own dma-buf, before
 * and after the commit. The display flips at the vblanks at which it would without, and is captured.
 */
TEST(implicit_fences_do_not_reach_the_display)
{
	struct stage s;
	begin(&s);
	flip(&s, propose(&s, 0));
	uint32_t without = median_flip(&s, false);
	uint32_t with = median_flip(&s, true);
	printf("# a flip is %u vblanks after the last, with fences %u\n", without, with);
	fflush(stdout);
	/* a vblank more, as the machine may be busier at that time */
	ck_assert_uint_le(with, without + 1);
	check_capture(&s);
	flip(&s, propose(&s, 1));
	exorcise(&s);
	end(&s);
}

/* ---- the gate ------------------------------------------------------------------------------ */

static struct waybuf_syncobj *timeline_create(struct stage *s)
{
	struct waybuf_syncobj_device *device;
	struct waybuf_syncobj *syncobj;
	if (waybuf_syncobj_device_create(s->display.device->fd, &device) < 0)
		SKIP("vkms has no timeline syncobjs on this kernel");
	ck_assert_int_eq(waybuf_syncobj_create(device, &syncobj), 0);
	waybuf_syncobj_device_unref(device);
	return syncobj;
}

static void submit_point(
	struct stage *s, struct waybuf_syncobj *syncobj, struct waybuf_gate_queue *queue)
{
	struct waybuf_fence *acquire;
	int fence = make_fence(s);
	ck_assert_int_eq(waybuf_syncobj_import_point(syncobj, 1, fence), 0);
	close(fence);
	ck_assert_int_eq(waybuf_syncobj_fence(syncobj, 1, &acquire), 0);
	struct waybuf_gate_part part = gate_part(queue, &acquire);
	ck_assert_int_eq(gate_submit_within(1, &part, 1, 60000), 0);
	waybuf_fence_unref(acquire);
}

/*
 * An explicit point that does not signal, of a buffer that is haunted, too: it stays in user space,
 * where everybody else can be shown and captured past it.
 */
TEST(pending_points_stay_in_the_gate)
{
	struct stage s;
	struct waybuf_loop *loop;
	begin(&s);
	struct waybuf_syncobj *syncobj = timeline_create(&s);
	ck_assert_int_eq(waybuf_loop_create_epoll(&loop), 0);
	gate_set_up(loop);
	struct waybuf_gate_queue *queue = gate_queue();
	haunt(&s);
	submit_point(&s, syncobj, queue);
	for (int i = 0; i < 10; i++) {
		flip(&s, display_propose(&s.display, s.background[i & 1]->fb));
		ck_assert_int_ge(waybuf_loop_dispatch(loop, 0), 0);
	}
	struct waybuf_kms_dumb *picture = display_capture(&s.display);
	ck_assert_uint_eq(pixel_at(picture, 0, 0), 0xff0000);
	waybuf_kms_dumb_destroy(picture);
	ck_assert_uint_eq(gate_stats().ready_later, 0);
	exorcise(&s);
	for (int i = 0; i < 100 && gate_stats().ready_later == 0; i++)
		waybuf_loop_dispatch(loop, 100);
	gate_expect("r1");
	flip(&s, propose(&s, 0));
	check_capture(&s);
	waybuf_gate_queue_destroy(queue);
	gate_tear_down();
	waybuf_syncobj_unref(syncobj);
	end(&s);
}

/* ---- the exception ------------------------------------------------------------------------- */

/* What @fence is to a plane, with the caller's word for it or without. */
static int set_fence(
	struct stage *s, struct waybuf_kms_state *state, int fence, bool bounded, const char *text)
{
	struct waybuf_kms_layer layer;
	struct waybuf_kms_why why = {0};
	waybuf_kms_layer_init(&layer, s->fb);
	layer.in_fence = fence;
	layer.in_fence_bounded = bounded;
	int error = waybuf_kms_state_set_plane(state, s->overlay, s->display.crtc, &layer, &why);
	if (error)
		ck_assert_msg(strstr(why.text, text), "%s", why.text);
	return error;
}

TEST(pending_in_fences_are_refused_without_a_word_for_them)
{
	struct stage s;
	begin(&s);
	int fence = make_fence(&s);
	struct waybuf_kms_state *state = display_propose(&s.display, s.background[1]->fb);
	ck_assert_int_eq(set_fence(&s, state, fence, false, "not known to signal"), -EPERM);
	ck_assert_ptr_null(state->planes[s.overlay->index].layer.fb);
	ck_assert_int_eq(set_fence(&s, state, fence, true, ""), 0);
	/* signalled, it wants no word */
	exorcise(&s);
	ck_assert_int_eq(set_fence(&s, state, fence, false, ""), 0);
	close(fence);
	flip(&s, state);
	check_capture(&s);
	end(&s);
}

TEST(commit_does_not_block_on_a_pending_in_fence)
{
	struct stage s;
	struct waybuf_kms_commit_result result;
	begin(&s);
	struct display *display = &s.display;
	int fence = make_fence(&s), flips = display->flips;
	struct waybuf_kms_state *state = display_propose(display, s.background[1]->fb);
	ck_assert_int_eq(set_fence(&s, state, fence, true, ""), 0);
	close(fence); /* the state has its own */
	ck_assert_int_eq(display_commit(display, state, &result), 0);
	for (int i = 0; i < 10; i++)
		waybuf_loop_dispatch(display->loop, 10);
	ck_assert_int_eq(display->flips, flips);
	ck_assert_int_eq(fence_info(result.out_fences[display->crtc->index], NULL), 0);
	exorcise(&s);
	display_wait(display, flips + 1, 0);
	ck_assert_int_eq(fence_info(result.out_fences[display->crtc->index], NULL), 1);
	waybuf_kms_commit_result_finish(&result);
	end(&s);
}

TEST_TIMEOUT(60)
TEST_MAIN("kms-fences")
