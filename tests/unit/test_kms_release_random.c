/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <wayland-server-core.h>

#include "fake/libdrm.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "fence/sync_file.h"
#include "fence/syncobj.h"
#include "kms/writeback.h"
#include "kms_world.h"
#include "syncobj.h"

/*
 * Several displays that show the same buffers, which waybufd does not do: random histories of one
 * device with two CRTCs, whose planes show frames, the same one on both at times, in commits of one
 * CRTC or of both. The host in here does what server.h and kms/commit.h ask for: each CRTC that shows
 * a frame is its reader until the commit that displaces it there, with that CRTC's out-fence. What is
 * really read, by captures, too, the fake display knows (fake/screen.h). After each step, for each
 * frame's release point:
 *
 *	- there is no fence on it while a CRTC is committed to show it, or the host itself has it
 *	- then there is one at once, before any flip
 *	- it is reached when the last CRTC has flipped and the last capture is over, and not before
 *
 * WAYBUF_TEST_SEED=N replays a run.
 */
enum { HISTORIES = 500, STEPS = 60, FRAMES = 24, PLACES = 4 };

struct frame {
	struct waybuf_kms_fb *fb;
	ino_t memory;
	struct waybuf_syncobj *syncobj;
	struct waybuf_release_point *release; /* NULL: nobody reads it any more */
	unsigned readers;
	bool held; /* by the host: it may be shown */
	bool over; /* it was seen to be released */
};

/* What each CRTC shows: its planes, by index of the device; NULL: the host's own black. */
struct picture {
	struct frame *places[PLACES];
};

static struct {
	uint64_t random;
	unsigned long long seed;
	struct world world;
	struct waybuf_kms_crtc *crtcs[FAKE_CRTCS];
	struct wl_display *display;
	struct waybuf_server *server;
	struct waybuf_syncobj_device *device;
	struct waybuf_kms_fb *black;
	struct frame frames[FRAMES];
	int n;
	struct picture shown[FAKE_CRTCS];
} run;

#define RULE(condition, format, ...) \
	ck_assert_msg(condition, "WAYBUF_TEST_SEED=%llu: " format, run.seed, __VA_ARGS__)

static unsigned dice(unsigned sides)
{
	return (unsigned)(harness_random(&run.random) >> 33) % sides;
}

/* ---- the host -------------------------------------------------------------------------------- */

static void read_frame(struct frame *frame)
{
	if (!frame)
		return;
	ck_assert_int_eq(waybuf_release_point_ref(frame->release), 0);
	frame->readers++;
}

static void done(struct frame *frame, struct waybuf_fence *fence)
{
	if (!frame)
		return;
	waybuf_release_point_unref(frame->release, fence);
	if (--frame->readers == 0)
		frame->release = NULL;
}

static void handle_flipped(void *data, const struct waybuf_kms_flip *flip) {}

/* While a capture is under way its CRTC takes no commit, and so nothing is displaced. */
static void handle_captured(
	void *data, struct waybuf_kms_crtc *crtc, int error, struct waybuf_fence *writing)
{
	ck_assert_ptr_null(writing);
}

static const struct waybuf_kms_listener listener = {handle_flipped, handle_captured};

static struct frame *make_frame(void)
{
	struct stat st;
	if (run.n == FRAMES)
		return NULL;
	struct frame *frame = &run.frames[run.n++];
	struct waybuf_layout layout = world_layout();
	const struct waybuf_trace_event who = {.point = 1};
	ck_assert_int_eq(fstat(layout.memory[0].fd, &st), 0);
	ck_assert_int_eq(
		waybuf_kms_fb_create(run.world.device, &layout, &frame->fb, NULL, NULL), 0);
	close(layout.memory[0].fd);
	frame->memory = st.st_ino;
	ck_assert_int_eq(waybuf_syncobj_create(run.device, &frame->syncobj), 0);
	ck_assert_int_eq(
		release_point_create(run.server, NULL, frame->syncobj, &who, &frame->release), 0);
	frame->readers = 1;
	frame->held = true;
	return frame;
}

static struct frame *choose_frame(void)
{
	struct frame *frame = run.n > 0 ? &run.frames[dice((unsigned)run.n)] : NULL;
	return dice(3) == 0 ? make_frame() : frame && frame->held ? frame : NULL;
}

/* The device's planes in their order: its primary ones are the first and the last. */
static bool can_be(int plane, int crtc)
{
	return plane != (crtc == 0 ? PLACES - 1 : 0);
}

static bool is_taken(const struct picture next[FAKE_CRTCS], int plane)
{
	return next[0].places[plane] || next[1].places[plane];
}

static void choose_picture(struct picture next[FAKE_CRTCS], int crtc)
{
	next[crtc] = (struct picture){{NULL}};
	for (int i = 0; i < PLACES; i++)
		if (can_be(i, crtc) && !is_taken(next, i) && dice(2))
			next[crtc].places[i] = choose_frame();
}

/* An overlay that the other CRTC has now changes hands only in a commit of both. */
static void put(struct waybuf_kms_state *state, const struct picture next[FAKE_CRTCS], int crtc)
{
	for (int i = 0; i < PLACES; i++) {
		struct waybuf_kms_plane *plane = run.world.device->res.planes[i];
		struct frame *frame = next[crtc].places[i];
		struct waybuf_kms_layer layer;
		bool primary = i == (crtc == 0 ? 0 : PLACES - 1);
		waybuf_kms_layer_init(&layer, frame ? frame->fb : run.black);
		if (frame || primary)
			ck_assert_int_eq(waybuf_kms_state_set_plane(
						 state, plane, run.crtcs[crtc], &layer, NULL),
				0);
		else if (can_be(i, crtc) && !is_taken(next, i))
			ck_assert_int_eq(waybuf_kms_state_set_plane(
						 state, plane, run.crtcs[crtc], NULL, NULL),
				0);
	}
	waybuf_kms_state_touch(state, run.crtcs[crtc]);
}

static struct waybuf_fence *take_fence(int *fd)
{
	struct waybuf_fence *fence;
	ck_assert_int_ge(*fd, 0);
	ck_assert_int_eq(waybuf_fence_from_sync_file(*fd, &fence), 0);
	*fd = -1;
	return fence;
}

static void read_picture(const struct picture *picture)
{
	for (int i = 0; i < PLACES; i++)
		read_frame(picture->places[i]);
}

static void leave_picture(const struct picture *picture, struct waybuf_fence *fence)
{
	for (int i = 0; i < PLACES; i++)
		done(picture->places[i], fence);
}

/* It was accepted: what was there before is read until the flip of its CRTC, and no longer. */
static void displace(uint32_t crtcs, const struct picture next[FAKE_CRTCS],
	struct waybuf_kms_commit_result *result)
{
	for (int i = 0; i < FAKE_CRTCS; i++) {
		if (!(crtcs >> i & 1))
			continue;
		struct waybuf_fence *fence = take_fence(&result->out_fences[run.crtcs[i]->index]);
		leave_picture(&run.shown[i], fence);
		run.shown[i] = next[i];
		waybuf_fence_unref(fence);
	}
}

/* ---- what can happen ------------------------------------------------------------------------- */

static void commit(uint32_t crtcs, bool capture)
{
	struct picture next[FAKE_CRTCS] = {run.shown[0], run.shown[1]};
	struct waybuf_kms_commit_result result;
	const struct waybuf_kms_commit_options options = {
		.listener = &listener, .out_fences = true};
	struct waybuf_kms_state *state = world_propose(&run.world);
	for (int i = 0; i < FAKE_CRTCS; i++)
		if (crtcs >> i & 1)
			choose_picture(next, i);
	for (int i = 0; i < FAKE_CRTCS; i++) {
		if (!(crtcs >> i & 1))
			continue;
		put(state, next, i);
		read_picture(&next[i]);
	}
	if (capture && crtcs & 1)
		ck_assert_int_eq(waybuf_kms_state_capture(state, run.crtcs[0], run.black, NULL), 0);
	int ret = waybuf_kms_state_commit(state, &options, &result, NULL);
	if (ret == 0) {
		displace(crtcs, next, &result);
		waybuf_kms_commit_result_finish(&result);
		return;
	}
	waybuf_kms_state_destroy(state);
	for (int i = 0; i < FAKE_CRTCS; i++)
		if (crtcs >> i & 1)
			leave_picture(&next[i], NULL);
}

static void do_flip(void)
{
	int crtc = (int)dice(FAKE_CRTCS);
	if (fake_screen_flips(crtc))
		fake_screen_flip(crtc, true);
}

/* The host's client has committed something else. */
static void do_let_go(void)
{
	struct frame *frame = run.n > 0 ? &run.frames[dice((unsigned)run.n)] : NULL;
	if (!frame || !frame->held)
		return;
	frame->held = false;
	done(frame, NULL);
}

static void do_fail(void)
{
	static const int errors[] = {-EBUSY, -EINVAL, -ENOMEM, -EACCES};
	fake_drm_fail(FAKE_COMMIT, (int)dice(2), errors[dice(4)], false);
}

/* Another program has had the display. */
static void do_invalidate(void)
{
	if (!fake_screen_flipping())
		waybuf_kms_device_invalidate(run.world.device);
}

static void step(void)
{
	unsigned what = dice(100);
	if (what < 35)
		commit(1 + dice(3), dice(4) == 0);
	else if (what < 60)
		do_flip();
	else if (what < 75)
		do_let_go();
	else if (what < 90)
		fake_screen_end_capture(1);
	else if (what < 95)
		do_fail();
	else
		do_invalidate();
}

/* ---- the rule -------------------------------------------------------------------------------- */

static void check_frame(struct frame *frame, int i)
{
	uint64_t point;
	bool kept = fake_screen_keeps(frame->memory), read = fake_screen_reads(frame->memory);
	RULE(!frame->over || !read, "frame %d: released, and shown again", i);
	if (frame->over)
		return;
	bool available = waybuf_syncobj_set_deadline(frame->syncobj, 1, UINT64_MAX) == 0;
	ck_assert_int_eq(waybuf_syncobj_query(frame->syncobj, &point), 0);
	if (frame->held || kept)
		RULE(!available, "frame %d: a fence before it was displaced", i);
	else
		RULE(available, "frame %d: displaced, and no fence is on its point", i);
	RULE(point == 0 || !read, "frame %d: released, and read", i);
	frame->over = point == 1;
	RULE(point == 1 || read || frame->held || fake_screen_flipping(),
		"frame %d: nobody reads it, and it is not released", i);
}

static void check(void)
{
	for (int i = 0; i < 3; i++)
		waybuf_loop_dispatch(run.world.loop, 0);
	for (int i = 0; i < run.n; i++)
		check_frame(&run.frames[i], i);
}

/* ---- histories ------------------------------------------------------------------------------- */

static void light(void)
{
	struct waybuf_kms_state *state = world_propose(&run.world);
	const struct picture nothing[FAKE_CRTCS] = {{{NULL}}, {{NULL}}};
	static const char *const names[FAKE_CRTCS] = {"HDMI-A-1", "HDMI-A-2"};
	for (int i = 0; i < FAKE_CRTCS; i++) {
		run.crtcs[i] = run.world.device->res.crtcs[i];
		ck_assert_int_eq(
			waybuf_kms_state_enable(state,
				waybuf_kms_device_find_connector(run.world.device, names[i]),
				run.crtcs[i], NULL, NULL),
			0);
		put(state, nothing, i);
	}
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), 0);
}

static void begin(uint64_t seed)
{
	const struct waybuf_server_options options = {.drm_fd = -1};
	memset(&run, 0, sizeof(run));
	run.seed = run.random = seed;
	fake_sync_init();
	world_open_two(&run.world);
	fake_screen_init();
	int fd = fake_syncobj_device();
	ck_assert_int_eq(waybuf_syncobj_device_create(fd, &run.device), 0);
	close(fd);
	run.display = wl_display_create();
	ck_assert_int_eq(waybuf_server_create(run.display, &options, &run.server), 0);
	run.black = world_fb(&run.world);
	light();
}

/* All is let go, and everything is black. */
static void finish(void)
{
	fake_drm_mend();
	while (fake_screen_end_capture(1))
		;
	for (int i = 0; i < FAKE_CRTCS; i++)
		if (fake_screen_flips(i))
			fake_screen_flip(i, true);
	check();
	while (run.n < FRAMES)
		make_frame();
	for (int i = 0; i < FRAMES; i++) {
		if (run.frames[i].held)
			done(&run.frames[i], NULL);
		run.frames[i].held = false;
	}
	commit(3, false);
	for (int i = 0; i < FAKE_CRTCS; i++)
		fake_screen_flip(i, true);
	check();
}

static void history(uint64_t seed)
{
	begin(seed);
	for (int i = 0; i < STEPS; i++) {
		step();
		check();
	}
	finish();
	for (int i = 0; i < FRAMES; i++) {
		ck_assert_uint_eq(run.frames[i].readers, 0);
		waybuf_kms_fb_unref(run.frames[i].fb);
		waybuf_syncobj_unref(run.frames[i].syncobj);
	}
	waybuf_kms_fb_unref(run.black);
	waybuf_server_destroy(run.server);
	wl_display_destroy(run.display);
	waybuf_syncobj_device_unref(run.device);
	world_close(&run.world);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	fake_sync_finish();
}

TEST(released_when_the_last_display_has_flipped)
{
	uint64_t seed = harness_seed();
	setenv("WAYBUF_EXPORTERS", "memfd", 1);
	for (int n = harness_tries(HISTORIES); n > 0; n--)
		history(seed++);
}

TEST_TIMEOUT(100)
TEST_MAIN("kms-release-random")
