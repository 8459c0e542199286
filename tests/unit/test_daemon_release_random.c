/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon_world.h"
#include "fake/libdrm.h"
#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "fake/worker.h"
#include "fence/sync_file.h"
#include "gate_model.h"
#include "output.h"
#include "outputs.h"
#include "power.h"

/*
 * Who must be released, and when, in all of waybufd: random histories of windows, their buffers and
 * a display, against what can be told without looking into it. When a commit is applied and when it
 * is superseded is the gate's model to say; what is read, by which plane, capture or job of the
 * worker, is for the fake machine to say, which sees only what hardware would see. From these two
 * follows, after each step, for the release point of every commit:
 *
 *	before	nothing is on it while the surface has the commit, or while the display has no commit
 *		that takes the buffer off the screen. One that failed has changed nothing
 *	then	a fence is on it at once when it has, and when nobody else is reading
 *	after	it is reached when the last one has read it, and not before
 *
 * and wl_buffer.release where there are no release points. Displays are unplugged and switched off,
 * events are lost, commits fail, captures never end, clients are killed, the device goes, and the
 * daemon ends in the middle of it. WAYBUF_TEST_SEED=N replays a run, and with WAYBUF_TEST_LOG=1 it is
 * told.
 */
enum { HISTORIES = 1000, STEPS = 50, COMMITS = 48 };

/* Where a commit with a buffer is: with the gate, on its surface, or neither any more. */
enum state { QUEUED, CURRENT, OVER };

struct record {
	enum state state;
	int window, name; /* name: the gate's model's */
	struct world_buffer *buffer;
	bool applied;
	/* explicit ones only, NULL: none */
	struct waybuf_syncobj *acquire, *release;
	int fence; /* of the acquire point; -1: it has none */
	bool pending; /* the acquire point */
	/* as seen last */
	bool available, released;
};

static struct {
	unsigned long long seed;
	uint64_t random;
	struct world world;
	struct model model;
	struct record records[COMMITS];
	int n, n_origins;
	/* by the model's name of a commit: what it shows, -1: nothing new */
	int contents[MODEL_COMMITS];
	int shown[WORLD_WINDOWS]; /* records; -1: nothing */
	/* wl_buffers of it have gone while they were in use: nobody hears when that is over */
	bool orphaned[WORLD_WINDOWS][WORLD_BUFFERS];
	/* silent: the daemon does not hear of the flip before it asks */
	bool plugged, off, lost, silent, held;
} run;

static unsigned dice(unsigned sides)
{
	return (unsigned)(harness_random(&run.random) >> 33) % sides;
}

static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
	va_list args;
	if (!getenv("WAYBUF_TEST_LOG"))
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* So often a buffer of wl_shm was on a plane, in all histories. */
static int shm_shown;

/* Told with the seed of this very history. */
#define RULE(condition, format, ...) \
	ck_assert_msg(condition, "WAYBUF_TEST_SEED=%llu: " format, run.seed, __VA_ARGS__)

/* ---- the gate's part of the model ------------------------------------------------------------ */

static void end(int record)
{
	if (record >= 0)
		run.records[record].state = OVER;
}

static void apply(int name)
{
	int record = run.contents[name];
	if (record < 0)
		return;
	struct record *now = &run.records[record];
	end(run.shown[now->window]);
	run.shown[now->window] = now->buffer ? record : -1;
	now->state = now->buffer ? CURRENT : OVER;
	now->applied = now->buffer != NULL;
}

static void forget(int name)
{
	end(run.contents[name]);
	run.contents[name] = -1;
}

/* What is in the newer one is newer. */
static void fold(int older, int newer)
{
	if (run.contents[newer] >= 0) {
		forget(older);
		return;
	}
	run.contents[newer] = run.contents[older];
	run.contents[older] = -1;
}

/* The model's log: "f3>4 r4 d5:deadline c6". */
static void follow(void)
{
	int first, second;
	model_log(&run.model);
	for (char *word = strtok(run.model.log, " "); word; word = strtok(NULL, " ")) {
		if (sscanf(word, "f%d>%d", &first, &second) == 2)
			fold(first, second);
		else if (sscanf(word, "r%d", &first) == 1)
			apply(first);
		else if (sscanf(word, "d%d", &first) == 1 || sscanf(word, "c%d", &first) == 1)
			forget(first);
	}
}

/* @record -1: a commit without content. */
static void submit(int window, int record, bool pending)
{
	int name = ++run.model.n;
	ck_assert_int_lt(name, MODEL_COMMITS);
	run.model.commits[name].parts[window] = (struct model_part){
		.there = true,
		.content = record >= 0,
		.origin = ++run.n_origins,
		.pending = pending,
	};
	run.contents[name] = record;
	if (record >= 0)
		run.records[record].name = run.n_origins;
	bool goes = model_submit(&run.model, 1000);
	follow();
	if (goes)
		apply(name);
}

static void close_queue(int window)
{
	model_destroy_queue(&run.model, window);
	follow();
	end(run.shown[window]);
	run.shown[window] = -1;
}

/* ---- the rule -------------------------------------------------------------------------------- */

/* Of a point without a fence the kernel says so, and for one with a fence there is no hurry. */
static bool is_available(const struct record *record)
{
	return waybuf_syncobj_set_deadline(record->release, 1, UINT64_MAX) == 0;
}

static bool is_reached(const struct record *record)
{
	uint64_t point;
	ck_assert_int_eq(waybuf_syncobj_query(record->release, &point), 0);
	return point >= 1;
}

/*
 * The worker may be about to release it; and a commit that failed may have taken it off a display of
 * which nothing is known, where to keep it is right until one succeeds.
 */
static bool may_be_late(void)
{
	return fake_machine_composing() ||
		(!run.lost && !outputs_first(&run.world.daemon)->kms->known);
}

static void check_record(struct record *record, int i)
{
	const ino_t memory = record->buffer->memory;
	bool busy = may_be_late() || fake_screen_keeps(memory);
	record->available = is_available(record);
	record->released = is_reached(record);
	if (record->state != OVER) {
		RULE(!record->available, "commit %d: released while its surface has it", i);
		return;
	}
	if (busy)
		return;
	RULE(record->available, "commit %d: displaced, and no fence is on its point", i);
	/* with the flip, though the modeset before it may have ended that already */
	RULE(record->released || fake_screen_reads(memory) || fake_screen_flipping(),
		"commit %d: nobody reads it, and it is not released", i);
}

/* Some commit of it has to keep it for as long as it is read. */
static void check_memory(int window, const struct world_buffer *buffer)
{
	bool kept = fake_screen_keeps(buffer->memory);
	bool read = fake_screen_reads(buffer->memory) || fake_machine_composes(buffer->memory);
	bool open = false, owed = false;
	for (int i = 0; i < run.n; i++) {
		const struct record *record = &run.records[i];
		if (record->buffer != buffer || !record->applied || record->released)
			continue;
		owed = true;
		open |= !record->available;
	}
	RULE(!read || owed, "window %d: a buffer that is read was released", window);
	RULE(!kept || open, "window %d: a fence before the buffer was displaced", window);
}

static bool is_used(const struct world_buffer *buffer)
{
	for (int i = 0; i < run.n; i++)
		if (run.records[i].buffer == buffer && run.records[i].state != OVER)
			return true;
	return false;
}

/*
 * Without release points wl_buffer.release comes with the flip's event, if that comes; and where
 * there is a GPU there is a fence on the dma-buf at once, as long as it is read. A capture that was
 * given up is waited for by a fence alone, wherever that is, and not at all for wl_shm: nobody looks
 * at what it makes of that.
 */
static void check_implicit(int window, int k)
{
	const struct world_buffer *buffer = &run.world.windows[window].buffers[k];
	const ino_t memory = buffer->memory;
	bool late = may_be_late(), used = is_used(buffer);
	bool reads = fake_screen_reads(memory);
	bool is_shm = world_has_shm && window == WORLD_IMPLICIT;
	bool fenced = is_shm || fake_dmabuf_busy(buffer->fd);
	shm_shown += is_shm && fake_screen_shows(memory);
	if (!reads && !used && !late)
		run.orphaned[window][k] = false;
	if (run.orphaned[window][k] || !run.world.display)
		return;
	if (!buffer->busy) {
		RULE(!used, "window %d: released, and shown", window);
		RULE(!fake_screen_shows(memory) && !fake_machine_composes(memory),
			"window %d: released, and read", window);
		RULE(!reads || fenced, "window %d: released, and captured", window);
	} else if (!used && !late && !fake_screen_keeps(memory)) {
		RULE(!reads || fenced || !run.world.daemon.implicit_fences,
			"window %d: displaced without a fence", window);
		RULE(run.silent || fake_screen_flipping(),
			"window %d: nobody reads it, and it is not released", window);
	}
}

static void check(void)
{
	world_settle(&run.world);
	for (int i = 0; i < run.n; i++)
		if (run.records[i].release && !run.records[i].released)
			check_record(&run.records[i], i);
	for (int i = 0; i < WORLD_WINDOWS; i++) {
		for (int k = 0; k < WORLD_BUFFERS; k++) {
			if (world_is_explicit(i))
				check_memory(i, &run.world.windows[i].buffers[k]);
			else
				check_implicit(i, k);
		}
	}
}

/* ---- what can happen ------------------------------------------------------------------------- */

/* Or, if it is dead, another one comes. */
static void do_kill(void)
{
	bool was_there = run.world.display;
	if (was_there)
		world_kill_client(&run.world);
	for (int i = 0; was_there && i < WORLD_WINDOWS; i++) {
		close_queue(i);
		for (int k = 0; k < WORLD_BUFFERS; k++)
			run.orphaned[i][k] |= run.world.windows[i].buffers[k].busy;
	}
	if (was_there)
		return;
	world_connect(&run.world);
	for (int i = 0; i < WORLD_WINDOWS; i++)
		submit(i, -1, false);
}

/* Nothing yet, or what a driver leaves: a fence that is under way, or one that has signalled. */
static void begin_acquire(struct record *record)
{
	unsigned kind = dice(4);
	struct waybuf_fence *fence;
	record->pending = kind < 2;
	if (kind == 0)
		return;
	if (kind > 1) {
		ck_assert_int_eq(waybuf_syncobj_signal(record->acquire, 1), 0);
		return;
	}
	record->fence = fake_fence();
	int fd = fake_sync_file(&record->fence, 1);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fd, &fence), 0);
	ck_assert_int_eq(waybuf_syncobj_put_fence(record->acquire, 1, fence), 0);
	waybuf_fence_unref(fence);
}

static void add_points(struct record *record)
{
	ck_assert_int_eq(waybuf_syncobj_create(run.world.device, &record->acquire), 0);
	ck_assert_int_eq(waybuf_syncobj_create(run.world.device, &record->release), 0);
	begin_acquire(record);
	world_set_points(&run.world, record->window, record->acquire, record->release);
}

static void do_commit(void)
{
	int i = (int)dice(WORLD_WINDOWS);
	/* it takes some turns until wl_shm is on a plane */
	if (world_has_shm && dice(2))
		i = WORLD_IMPLICIT;
	struct world_window *window = &run.world.windows[i];
	struct world_buffer *buffer = &window->buffers[dice(WORLD_BUFFERS)];
	if (!run.world.display && dice(3) == 0)
		do_kill();
	/* a client that has no points draws into what was released, and into nothing else */
	if (run.n == COMMITS || !window->configured || (!window->points && buffer->busy))
		return;
	struct record *record = &run.records[run.n];
	*record = (struct record){.window = i, .buffer = buffer, .fence = -1};
	if (window->points)
		add_points(record);
	buffer->busy = true;
	tell("commit %d: buffer %d of window %d%s", run.n, (int)(buffer - window->buffers), i,
		record->pending ? ", not ready" : "");
	wl_surface_attach(window->surface, buffer->proxy, 0, 0);
	wl_surface_damage(window->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(window->surface);
	submit(i, run.n++, record->pending);
}

static void do_signal(void)
{
	unsigned from = dice(COMMITS);
	for (unsigned k = 0; k < COMMITS; k++) {
		struct record *record = &run.records[(from + k) % COMMITS];
		if (!record->pending)
			continue;
		record->pending = false;
		if (record->fence >= 0)
			fake_fence_settle(record->fence, 1, 1);
		else
			ck_assert_int_eq(waybuf_syncobj_signal(record->acquire, 1), 0);
		model_settle(&run.model, record->name, record->window, false);
		follow();
		return;
	}
}

static void do_flip(void)
{
	bool tell = dice(15) > 0;
	if (!fake_screen_flipping())
		return;
	/* until a later one comes that is waited for */
	run.silent = !tell || !waybuf_kms_flip_pending(outputs_first(&run.world.daemon)->crtc);
	fake_screen_flip(0, tell);
}

static void do_capture(void)
{
	if (run.world.display)
		world_capture(&run.world, dice(2));
}

static void do_hold(void)
{
	run.held = !run.held;
	fake_worker_hold(run.held);
}

static void do_advance(void)
{
	uint64_t ms = dice(3) ? dice(100) : dice(2500);
	model_advance(&run.model, ms);
	follow();
	fake_machine_advance(ms);
}

/* Of the commits to come, one or all of them: busy, refused, somebody else's, in trouble. */
static void do_fail(void)
{
	static const int errors[] = {-EBUSY, -EINVAL, -ENOMEM, -EACCES, -EIO};
	fake_drm_fail(FAKE_COMMIT, (int)dice(3), errors[dice(5)], dice(4) == 0);
}

static void do_plug(void)
{
	if (run.lost)
		return;
	run.plugged = !run.plugged;
	fake_drm_plug(run.plugged);
	fake_machine_uevent(false);
}

static void do_power(void)
{
	run.off = !run.off;
	power_command(&run.world.daemon, NULL, !run.off);
}

static void do_lose_device(void)
{
	run.lost = true;
	fake_screen_lose();
	fake_drm_fail(FAKE_COMMIT, 0, -ENODEV, true);
	fake_machine_uevent(true);
}

static void do_unmap(void)
{
	int i = (int)dice(WORLD_WINDOWS);
	struct world_window *window = &run.world.windows[i];
	if (run.n == COMMITS || !window->configured)
		return;
	run.records[run.n] = (struct record){.window = i, .fence = -1};
	wl_surface_attach(window->surface, NULL, 0, 0);
	wl_surface_commit(window->surface);
	submit(i, run.n++, false);
	/* and it may be shown again */
	window->configured = false;
	wl_surface_commit(window->surface);
	submit(i, -1, false);
}

static void do_close_window(void)
{
	int i = (int)dice(WORLD_WINDOWS);
	if (!run.world.display)
		return;
	world_close_window(&run.world, i);
	close_queue(i);
	world_open_window(&run.world, i);
	submit(i, -1, false);
}

static void do_renew_buffer(void)
{
	int i = (int)dice(WORLD_WINDOWS), k = (int)dice(WORLD_BUFFERS);
	struct world_buffer *buffer = &run.world.windows[i].buffers[k];
	if (!run.world.display)
		return;
	run.orphaned[i][k] |= buffer->busy;
	world_renew_buffer(&run.world, buffer, i);
}

static void do_end_capture(void)
{
	fake_screen_end_capture(dice(8) ? 1 : -EIO);
}

static const struct {
	unsigned share; /* of a thousand */
	const char *name;
	void (*func)(void);
} steps[] = {
	{233, "commit", do_commit},
	{110, "signal", do_signal},
	{230, "flip", do_flip},
	{60, "capture", do_capture},
	{60, "end capture", do_end_capture},
	{40, "hold", do_hold},
	{70, "advance", do_advance},
	{65, "fail", do_fail},
	{40, "mend", fake_drm_mend},
	{25, "plug", do_plug},
	{20, "power", do_power},
	{12, "unmap", do_unmap},
	{12, "close", do_close_window},
	{12, "renew", do_renew_buffer},
	{10, "kill", do_kill},
	{1, "lose", do_lose_device},
};

static void step(int number)
{
	unsigned what = dice(1000), i = 0;
	for (; what >= steps[i].share; i++)
		what -= steps[i].share;
	tell("step %d: %s", number, steps[i].name);
	steps[i].func();
}

/* ---- histories ------------------------------------------------------------------------------- */

static void begin(uint64_t seed)
{
	memset(&run, 0, sizeof(run));
	run.seed = run.random = seed;
	run.plugged = true;
	world_has_shm = dice(2);
	for (int i = 0; i < WORLD_WINDOWS; i++)
		run.shown[i] = -1;
	world_init(&run.world);
	run.world.daemon.implicit_fences = dice(2);
	model_init(&run.model, fake_machine_now_ms());
	for (int i = 0; i < WORLD_WINDOWS; i++)
		submit(i, -1, false);
}

/* The kernel ends what it has begun. */
static void settle_all(void)
{
	for (int i = 0; i < run.n; i++) {
		struct record *record = &run.records[i];
		if (record->pending && record->fence >= 0)
			fake_fence_settle(record->fence, 1, 1);
		record->pending = false;
	}
	while (fake_screen_end_capture(1))
		;
	if (fake_screen_flipping())
		fake_screen_flip(0, run.world.serving);
}

static void finish_records(void)
{
	for (int i = 0; i < run.n; i++) {
		struct record *record = &run.records[i];
		if (!record->release)
			continue;
		RULE(is_reached(record), "commit %d: not released in the end", i);
		waybuf_syncobj_unref(record->acquire);
		waybuf_syncobj_unref(record->release);
	}
}

static void history(uint64_t seed)
{
	begin(seed);
	tell("history %llu", run.seed);
	for (int i = 0; i < STEPS; i++) {
		step(i);
		check();
	}
	if (dice(2))
		settle_all();
	world_settle(&run.world);
	world_shut_down(&run.world);
	settle_all();
	finish_records();
	world_finish(&run.world);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	ck_assert_int_eq(fake_count_handles(), 0);
	fake_sync_finish();
}

TEST(released_once_and_in_time)
{
	uint64_t seed = harness_seed();
	const int tries = harness_tries(HISTORIES);
	for (int n = tries; n > 0; n--)
		history(seed++);
	/* it comes about in a few histories of a hundred, so that few of them may have none */
	ck_assert(shm_shown > 0 || tries < HISTORIES);
}

TEST_TIMEOUT(200)
TEST_MAIN("daemon-release-random")
