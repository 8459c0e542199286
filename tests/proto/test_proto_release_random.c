/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include <wayland-server-core.h>

#include "fake/sync.h"
#include "syncobj_kit.h"

/*
 * Who must be released, and when: random histories of a surface, its gate, its displays and its
 * captures, against the rule. A release point is reached if and only if the commit is over (was
 * displaced, superseded, or the surface or client died) and all who have read it are done; never
 * before, never not. Displays are unplugged and come back, the device is lost with all the work on
 * it, clients are killed, and the server shuts down in the middle of it.
 * WAYBUF_TEST_SEED=N replays a run.
 */
enum { HISTORIES = 400, STEPS = 60, COMMITS = 12, READERS = 5, DISPLAYS = 2 };

enum state { UNUSED, WAITING, SHOWN, OVER };

struct reader {
	bool reading;
	/* what it left behind, NULL: nothing to wait for; a kernel's fence or a timeline */
	struct waybuf_fence *fence;
	int kernel;
	struct waybuf_timeline *copy;
};

struct frame {
	enum state state;
	struct waybuf_syncobj *acquire, *release;
	bool acquire_pending;
	struct waybuf_release_point *point;
	struct reader readers[READERS]; /* the first ones are the displays */
};

static struct {
	uint64_t random;
	struct world world;
	struct waybuf_gate *gate;
	struct waybuf_gate_queue *queue; /* NULL: the surface is gone */
	struct frame frames[COMMITS];
	int n, shown; /* -1: nothing is */
	bool plugged[DISPLAYS];
	bool dead, shut_down;
} run;

static unsigned dice(unsigned sides)
{
	return (unsigned)(harness_random(&run.random) >> 33) % sides;
}

/* The reader is done, or will be when a fence of one of three kinds settles. */
static void end_reader(struct frame *frame, struct reader *reader)
{
	unsigned kind = dice(6);
	reader->reading = false;
	if (kind > 1) {
		reader->kernel = fake_fence();
		int fd = fake_sync_file(&reader->kernel, 1);
		ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &reader->fence), 0);
	} else if (kind == 1) {
		ck_assert_int_eq(waybuf_timeline_create("copy", &reader->copy), 0);
		ck_assert_int_eq(waybuf_timeline_fence(reader->copy, 1, &reader->fence), 0);
	}
	waybuf_release_point_unref(frame->point, reader->fence);
}

static void settle_reader(struct reader *reader)
{
	if (!reader->fence)
		return;
	bool fails = dice(8) == 0;
	if (!reader->copy)
		fake_fence_settle(reader->kernel, fails ? -EIO : 1, 1);
	else if (fails)
		ck_assert_int_eq(waybuf_timeline_fail(reader->copy, 1, -EIO), 0);
	else
		ck_assert_int_eq(waybuf_timeline_signal(reader->copy, 1), 0);
	waybuf_timeline_destroy(reader->copy);
	reader->copy = NULL;
	waybuf_fence_unref(reader->fence);
	reader->fence = NULL;
}

/* ---- the host ------------------------------------------------------------------------------ */

/* It was never read. */
static void drop(struct frame *frame)
{
	frame->state = OVER;
	waybuf_release_point_unref(frame->point, NULL);
}

/* The surface shows something else, or nothing: displays that have it say when it is off. */
static void displace(void)
{
	if (run.shown < 0)
		return;
	struct frame *frame = &run.frames[run.shown];
	run.shown = -1;
	frame->state = OVER;
	for (int i = 0; i < DISPLAYS; i++)
		if (frame->readers[i].reading)
			end_reader(frame, &frame->readers[i]);
	waybuf_release_point_unref(frame->point, NULL);
}

static void scan_out(struct frame *frame, int display)
{
	struct reader *reader = &frame->readers[display];
	if (!run.plugged[display] || reader->reading || reader->fence)
		return;
	ck_assert_int_eq(waybuf_release_point_ref(frame->point), 0);
	reader->reading = true;
}

static void show(struct frame *frame)
{
	displace();
	run.shown = (int)(frame - run.frames);
	frame->state = SHOWN;
	for (int i = 0; i < DISPLAYS; i++)
		scan_out(frame, i);
}

static void handle_ready(void *data)
{
	show(data);
}

static void handle_fold(void *older, void *newer)
{
	drop(older);
}

static void handle_discard(void *data, enum waybuf_gate_reason reason, int error)
{
	ck_abort_msg("nothing fails here: %s", waybuf_gate_reason_name(reason));
}

static void handle_cancel(void *data)
{
	drop(data);
}

static const struct waybuf_gate_ops ops = {
	.ready = handle_ready,
	.fold = handle_fold,
	.discard = handle_discard,
	.cancel = handle_cancel,
};

/* ---- what can happen ------------------------------------------------------------------------ */

static struct wp_linux_drm_syncobj_timeline_v1 *tell(struct waybuf_syncobj *syncobj)
{
	int fd = -1;
	ck_assert_int_eq(waybuf_syncobj_export(syncobj, &fd), 0);
	struct wp_linux_drm_syncobj_timeline_v1 *timeline =
		wp_linux_drm_syncobj_manager_v1_import_timeline(run.world.manager, fd);
	close(fd);
	return timeline;
}

static void submit(struct frame *frame, struct waybuf_fence *acquire)
{
	struct waybuf_gate_part part = {
		.queue = run.queue, .content = true, .fences = &acquire, .n_fences = 1};
	struct waybuf_gate_request request = {
		.parts = &part, .n_parts = 1, .deadline_ms = 100000, .commit = frame};
	frame->state = WAITING;
	int ret = waybuf_gate_submit(run.gate, &request);
	ck_assert_int_ge(ret, 0);
	if (ret == 1)
		show(frame);
}

static void do_commit(void)
{
	struct world *w = &run.world;
	if (run.n == COMMITS || !run.queue || run.dead)
		return;
	struct frame *frame = &run.frames[run.n++];
	struct waybuf_syncobj_points points;
	ck_assert_int_eq(waybuf_syncobj_create(w->device, &frame->acquire), 0);
	ck_assert_int_eq(waybuf_syncobj_create(w->device, &frame->release), 0);
	frame->acquire_pending = dice(3) > 0;
	if (!frame->acquire_pending)
		ck_assert_int_eq(waybuf_syncobj_signal(frame->acquire, 1), 0);
	struct wp_linux_drm_syncobj_timeline_v1 *acquire = tell(frame->acquire),
						*release = tell(frame->release);
	wp_linux_drm_syncobj_surface_v1_set_acquire_point(w->explicit, acquire, 0, 1);
	wp_linux_drm_syncobj_surface_v1_set_release_point(w->explicit, release, 0, 1);
	wp_linux_drm_syncobj_timeline_v1_destroy(acquire);
	wp_linux_drm_syncobj_timeline_v1_destroy(release);
	ck_assert_int_eq(commit(w, true, &points), 0);
	ck_assert_int_eq(points.error, 0);
	frame->point = points.release;
	submit(frame, points.acquire);
	waybuf_fence_unref(points.acquire);
}

static void do_signal(void)
{
	struct frame *frame = &run.frames[dice(COMMITS)];
	if (!frame->acquire_pending)
		return;
	frame->acquire_pending = false;
	ck_assert_int_eq(waybuf_syncobj_signal(frame->acquire, 1), 0);
}

static void do_capture(void)
{
	if (run.shown < 0)
		return;
	struct frame *frame = &run.frames[run.shown];
	struct reader *reader = &frame->readers[DISPLAYS + dice(READERS - DISPLAYS)];
	if (reader->reading || reader->fence)
		return;
	ck_assert_int_eq(waybuf_release_point_ref(frame->point), 0);
	reader->reading = true;
}

/* One of those who read, or of those who have left a fence behind; NULL if there is none. */
static struct reader *choose_reader(bool reading, struct frame **frame)
{
	unsigned from = dice(COMMITS * READERS);
	for (unsigned i = 0; i < COMMITS * READERS; i++) {
		unsigned at = (from + i) % (COMMITS * READERS);
		*frame = &run.frames[at / READERS];
		struct reader *reader = &(*frame)->readers[at % READERS];
		bool is_display = at % READERS < DISPLAYS;
		if (reading ? reader->reading && !is_display : reader->fence != NULL)
			return reader;
	}
	return NULL;
}

static void do_end_capture(void)
{
	struct frame *frame;
	struct reader *reader = choose_reader(true, &frame);
	if (reader)
		end_reader(frame, reader);
}

static void do_settle(void)
{
	struct frame *frame;
	struct reader *reader = choose_reader(false, &frame);
	if (reader)
		settle_reader(reader);
}

static void do_destroy_surface(void)
{
	if (!run.queue)
		return;
	if (!run.dead) {
		wl_surface_destroy(run.world.surface);
		run.world.surface = NULL;
		ck_assert(client_sync(&run.world.client));
	}
	waybuf_gate_queue_destroy(run.queue);
	run.queue = NULL;
	displace();
}

/* Nothing is scanned out there any more, or what is shown is from now on. */
static void do_plug(void)
{
	int display = (int)dice(DISPLAYS);
	struct frame *frame = run.shown < 0 ? NULL : &run.frames[run.shown];
	run.plugged[display] = !run.plugged[display];
	if (!frame)
		return;
	if (run.plugged[display]) {
		scan_out(frame, display);
	} else if (frame->readers[display].reading) {
		frame->readers[display].reading = false;
		waybuf_release_point_unref(frame->point, NULL);
	}
}

/* All the work on it is over, with errors: nobody reads any more. */
static void do_lose_device(void)
{
	struct frame *frame;
	struct reader *reader;
	while ((reader = choose_reader(true, &frame)))
		end_reader(frame, reader);
	while ((reader = choose_reader(false, &frame)))
		settle_reader(reader);
}

static void do_kill(void)
{
	if (run.dead)
		return;
	run.dead = true;
	fixture_server_disconnect(&run.world.server);
	do_destroy_surface();
}

static void step(void)
{
	unsigned what = dice(100);
	if (what < 25)
		do_commit();
	else if (what < 45)
		do_signal();
	else if (what < 70)
		do_capture();
	else if (what < 85)
		do_end_capture();
	else if (what < 93)
		do_settle();
	else if (what < 97)
		do_plug();
	else if (what < 98)
		do_lose_device();
	else if (what < 99)
		do_destroy_surface();
	else
		do_kill();
}

/* ---- the rule ------------------------------------------------------------------------------ */

static bool is_over(const struct frame *frame)
{
	bool busy = frame->state != OVER;
	for (int i = 0; i < READERS; i++)
		busy |= frame->readers[i].reading || frame->readers[i].fence;
	return !busy;
}

static void check(void)
{
	for (int i = 0; i < 3; i++)
		fixture_server_dispatch(&run.world.server, 0);
	for (int i = 0; i < run.n; i++) {
		uint64_t point;
		ck_assert_int_eq(waybuf_syncobj_query(run.frames[i].release, &point), 0);
		bool over = is_over(&run.frames[i]);
		ck_assert_msg(point >= over, "commit %d: not released", i);
		ck_assert_msg(run.shut_down || point <= over, "commit %d: released too early", i);
	}
}

static void finish_frames(void)
{
	for (int i = 0; i < run.n; i++) {
		for (int k = 0; k < READERS; k++) {
			if (run.frames[i].readers[k].reading)
				end_reader(&run.frames[i], &run.frames[i].readers[k]);
			settle_reader(&run.frames[i].readers[k]);
		}
		ck_assert_int_eq(run.frames[i].state, OVER);
	}
	check();
	for (int i = 0; i < run.n; i++) {
		waybuf_syncobj_unref(run.frames[i].acquire);
		waybuf_syncobj_unref(run.frames[i].release);
	}
}

/*
 * The server goes, and whoever reads for it is told to stop: nobody waits for software of its own
 * any more, so that a client may hear of that earlier.
 */
static void shut_down(void)
{
	struct world *w = &run.world;
	run.shut_down = true;
	waybuf_gate_queue_destroy(run.queue);
	run.queue = NULL;
	waybuf_gate_destroy(run.gate);
	run.gate = NULL;
	waybuf_server_syncobj_destroy(w->global);
	w->global = NULL;
	waybuf_server_dmabuf_destroy(w->server.dmabuf);
	w->server.dmabuf = NULL;
	waybuf_server_destroy(w->server.server);
	w->server.server = NULL;
	displace();
}

static void history(uint64_t seed)
{
	memset(&run, 0, sizeof(run));
	run.random = seed;
	run.shown = -1;
	run.plugged[0] = true;
	world_init(&run.world);
	ck_assert_int_eq(waybuf_server_gate_create(run.world.server.server, &ops, &run.gate), 0);
	ck_assert_int_eq(waybuf_gate_queue_create(run.gate, &run.queue), 0);
	for (int i = 0; i < STEPS; i++) {
		step();
		check();
	}
	if (!run.dead && dice(3) == 0)
		shut_down();
	else
		do_destroy_surface();
	finish_frames();
	waybuf_gate_destroy(run.gate);
	world_finish(&run.world);
}

TEST(released_once_and_in_time)
{
	uint64_t seed = harness_seed();
	const uint64_t n = (uint64_t)harness_tries(HISTORIES);
	for (uint64_t i = 0; i < n; i++)
		history(seed + i);
}

TEST_TIMEOUT(100)
TEST_MAIN("proto-release-random")
