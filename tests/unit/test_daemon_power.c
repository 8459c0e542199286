/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <xf86drmMode.h>

#include "card.h"
#include "daemon_world.h"
#include "fake/libdrm.h"
#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "fake/worker.h"
#include "output.h"
#include "outputs.h"
#include "power.h"

/* A display that is switched off and on again, at the worst times; on a machine that does not exist. */

static struct world world;
static int answered; /* frame callbacks */
static struct wl_callback *waiting[64]; /* those that are not; NULL: a free entry */

static struct output *output(void)
{
	return outputs_first(&world.daemon);
}

static void begin(void)
{
	world_init(&world);
	answered = 0;
}

static void forget(struct wl_callback *callback)
{
	for (int i = 0; i < 64; i++)
		if (waiting[i] == callback)
			waiting[i] = NULL;
	wl_callback_destroy(callback);
}

static void finish(void)
{
	for (int i = 0; i < 64; i++)
		if (waiting[i])
			forget(waiting[i]);
	world_finish(&world);
	ck_assert_int_eq(fake_count_sync_files(), 0);
	ck_assert_int_eq(fake_count_handles(), 0);
	fake_sync_finish();
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t ms)
{
	answered++;
	forget(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

/* Of the window that has no points, so that wl_buffer.release tells; the first of all is over it. */
enum { WINDOW = WORLD_IMPLICIT };

static struct world_buffer *buffer(int k)
{
	return &world.windows[WINDOW].buffers[k];
}

static void commit(int k)
{
	struct wl_surface *surface = world.windows[WINDOW].surface;
	int i = 0;
	while (waiting[i])
		i++;
	waiting[i] = wl_surface_frame(surface);
	wl_callback_add_listener(waiting[i], &frame_listener, NULL);
	buffer(k)->busy = true;
	wl_surface_attach(surface, buffer(k)->proxy, 0, 0);
	wl_surface_damage(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
	world_settle(&world);
}

static void flip(void)
{
	ck_assert(fake_screen_flipping());
	fake_screen_flip(0, true);
	world_settle(&world);
}

static void show(int k)
{
	commit(k);
	flip();
	ck_assert(fake_screen_shows(buffer(k)->memory));
}

static void power(bool on)
{
	ck_assert_int_eq(power_command(&world.daemon, NULL, on), 0);
	world_settle(&world);
}

static bool is_active(void)
{
	return fake_drm_value(FAKE_CRTC, "ACTIVE");
}

static void advance(uint64_t ms)
{
	fake_machine_advance(ms);
	world_settle(&world);
}

static void replug(bool connected)
{
	fake_drm_plug(connected);
	fake_machine_uevent(false);
	world_settle(&world);
}

TEST(asleep_with_all_that_it_has)
{
	begin();
	show(0);
	const uint64_t mode = fake_drm_value(FAKE_CRTC, "MODE_ID");
	power(false);
	ck_assert(!is_active());
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "MODE_ID"), mode);
	ck_assert_uint_eq(fake_drm_value(FAKE_CONNECTOR, "CRTC_ID"), FAKE_CRTC);
	ck_assert(fake_screen_keeps(buffer(0)->memory));
	/* to say so twice changes nothing */
	const int commits = fake_drm_commits();
	power(false);
	ck_assert_int_eq(fake_drm_commits(), commits);
	power(true);
	ck_assert(is_active());
	/* with the picture, and not before it */
	ck_assert_int_eq(fake_drm_commits(), commits + 1);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "MODE_ID"), mode);
	flip();
	power(true);
	ck_assert_int_eq(fake_drm_commits(), commits + 1);
	finish();
}

/* Nothing is committed, nobody is woken, and what is superseded is released. */
TEST(frames_stop_and_the_newest_is_shown)
{
	begin();
	show(0);
	ck_assert_int_eq(answered, 1);
	power(false);
	const int commits = fake_drm_commits(), tests = fake_drm_tests();
	commit(1);
	commit(2);
	ck_assert(!buffer(1)->busy && buffer(2)->busy && buffer(0)->busy);
	for (int i = 0; i < 100; i++)
		advance(100);
	ck_assert_int_eq(answered, 1);
	ck_assert_int_eq(fake_drm_commits(), commits);
	ck_assert_int_eq(fake_drm_tests(), tests);
	power(true);
	ck_assert(fake_screen_keeps(buffer(2)->memory));
	flip();
	ck_assert(!buffer(0)->busy && buffer(2)->busy);
	ck_assert_int_eq(answered, 3);
	show(0);
	ck_assert_int_eq(answered, 4);
	finish();
}

TEST(what_is_under_way_is_over_first)
{
	begin();
	commit(0);
	power(false);
	ck_assert(is_active());
	flip();
	ck_assert(!is_active());
	ck_assert_int_eq(answered, 1);
	/* on again before it was off */
	power(true);
	commit(1);
	power(false);
	power(true);
	ck_assert(is_active());
	flip();
	ck_assert(is_active());
	finish();
}

TEST(a_flip_of_which_nobody_hears)
{
	begin();
	show(0);
	commit(1);
	power(false);
	fake_screen_flip(0, false);
	world_settle(&world);
	ck_assert(is_active());
	/* there is no fence of it that could be asked, so it is committed once more */
	for (int i = 0; i < 4 && !fake_screen_flipping(); i++)
		advance(1100);
	flip();
	ck_assert(!is_active());
	power(true);
	ck_assert(is_active());
	flip();
	finish();
}

/* Either way, and with an error that passes, or one that says that the display is not ours. */
TEST(refused_and_tried_again)
{
	static const int errors[] = {-EBUSY, -EINVAL, -EACCES, -EIO};
	begin();
	show(0);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_drm_fail(FAKE_COMMIT, 0, errors[i], true);
		power(false);
		ck_assert(is_active());
		advance(1100);
		ck_assert(is_active());
		fake_drm_mend();
		advance(1100);
		ck_assert(!is_active());
		fake_drm_fail(FAKE_COMMIT, 0, errors[i], true);
		power(true);
		advance(1100);
		ck_assert(!is_active());
		fake_drm_mend();
		advance(1100);
		ck_assert(is_active());
		flip();
		/* planes are not tried for a while */
		commit(i % 2 ? 0 : 1);
		flip();
		ck_assert_int_eq(answered, (int)i + 2);
	}
	finish();
}

/* Not with each commit of a client, as the display would be at each refresh. */
TEST(woken_up_once_a_second)
{
	begin();
	show(0);
	power(false);
	fake_drm_fail(FAKE_COMMIT, 0, -EBUSY, true);
	power(true);
	ck_assert(!is_active());
	fake_drm_mend();
	for (int i = 0; i < 5; i++) {
		commit(i % 2);
		advance(100);
		ck_assert(!is_active());
	}
	advance(600);
	ck_assert(is_active());
	flip();
	/* unless somebody says so */
	power(false);
	fake_drm_fail(FAKE_COMMIT, 0, -EBUSY, true);
	power(true);
	fake_drm_mend();
	power(false);
	power(true);
	ck_assert(is_active());
	finish();
}

/* No plane takes the frame, so that it is drawn, and dropped. */
static void switch_off_while_it_is_drawn(void)
{
	fake_worker_hold(true);
	fake_drm_fail(FAKE_COMMIT, 0, -EBUSY, false);
	commit(1);
	ck_assert(output()->composing);
	power(false);
	fake_worker_hold(false);
	advance(1);
	ck_assert(!output()->composing && !is_active());
}

/* That is no error: the next trouble is one. */
TEST(switched_off_while_it_is_drawn)
{
	begin();
	show(0);
	switch_off_while_it_is_drawn();
	ck_assert(!output()->failing);
	advance(5000);
	ck_assert_int_eq(answered, 1);
	power(true);
	flip();
	advance(100);
	ck_assert_int_eq(answered, 2);
	finish();
}

/* A display that disconnects without a signal is not lit, not even for a moment, when it is back. */
TEST(unplugged_while_off)
{
	begin();
	show(0);
	power(false);
	for (int i = 0; i < 3; i++) {
		replug(false);
		ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "MODE_ID"), 0);
		ck_assert(!fake_screen_keeps(buffer(0)->memory));
		replug(true);
		ck_assert_uint_ne(fake_drm_value(FAKE_CRTC, "MODE_ID"), 0);
		ck_assert(!is_active());
		advance(5000);
		ck_assert(!is_active());
	}
	power(true);
	ck_assert(is_active());
	flip();
	ck_assert(fake_screen_shows(buffer(0)->memory));
	/* and one that was on is on */
	replug(false);
	replug(true);
	ck_assert(is_active());
	finish();
}

TEST(switched_on_while_unplugged)
{
	begin();
	show(0);
	power(false);
	replug(false);
	ck_assert_int_eq(power_command(&world.daemon, NULL, true), -ENOENT);
	replug(true);
	ck_assert(is_active());
	flip();
	/* by its name */
	power(false);
	const char *name = output()->name;
	replug(false);
	ck_assert_int_eq(power_command(&world.daemon, "HDMI-A-9", true), -ENOENT);
	ck_assert_int_eq(power_command(&world.daemon, name, false), -ENOENT);
	ck_assert_int_eq(power_command(&world.daemon, name, true), 0);
	ck_assert_int_eq(power_command(&world.daemon, name, true), -ENOENT);
	replug(true);
	ck_assert(is_active());
	finish();
}

/* That nobody waits any more, and windows are not suspended, whatever the switch was followed by. */
static void expect_lively(int callbacks)
{
	ck_assert_int_eq(output()->dark, OUTPUT_LIT);
	ck_assert(is_active());
	while (fake_screen_flipping())
		flip();
	advance(2000);
	ck_assert_int_eq(answered, callbacks);
	ck_assert(!output()->suspended);
}

TEST(paused_and_switched_on)
{
	begin();
	show(0);
	switch_off_while_it_is_drawn();
	ck_assert_int_eq(answered, 1);
	card_pause(world.daemon.card);
	power(true);
	card_resume(world.daemon.card);
	world_settle(&world);
	expect_lively(2);
	finish();
}

TEST(unplugged_and_switched_on)
{
	begin();
	show(0);
	power(false);
	commit(1);
	advance(2000);
	ck_assert_int_eq(answered, 1);
	ck_assert(output()->suspended);
	replug(false);
	ck_assert_int_eq(power_command(&world.daemon, output()->name, true), 0);
	replug(true);
	expect_lively(2);
	finish();
}

/* The flip that it waited for when it was switched off does not come, nor is another commit taken. */
TEST(stuck_and_switched_on)
{
	begin();
	show(0);
	commit(1);
	power(false);
	fake_screen_flip(0, false);
	fake_drm_fail(FAKE_COMMIT, 0, -EBUSY, true);
	for (int i = 0; i < 4; i++)
		advance(1100);
	ck_assert_int_eq(output()->dark, OUTPUT_STUCK);
	ck_assert(output()->suspended);
	power(true);
	fake_drm_mend();
	for (int i = 0; i < 4 && output()->dark; i++)
		advance(1100);
	expect_lively(2);
	finish();
}

/* Whoever had the display meanwhile has left it on. */
TEST(paused_while_off)
{
	begin();
	show(0);
	power(false);
	card_pause(world.daemon.card);
	advance(2000);
	int commits = fake_drm_commits();
	card_resume(world.daemon.card);
	world_settle(&world);
	ck_assert_int_gt(fake_drm_commits(), commits);
	ck_assert(!is_active());
	/* a wish that comes meanwhile */
	card_pause(world.daemon.card);
	power(true);
	ck_assert(!is_active());
	card_resume(world.daemon.card);
	world_settle(&world);
	ck_assert(is_active());
	flip();
	card_pause(world.daemon.card);
	power(false);
	ck_assert(is_active());
	card_resume(world.daemon.card);
	world_settle(&world);
	ck_assert(!is_active());
	finish();
}

TEST(lost_while_off)
{
	begin();
	show(0);
	power(false);
	commit(1);
	fake_screen_lose();
	fake_drm_fail(FAKE_COMMIT, 0, -ENODEV, true);
	fake_machine_uevent(true);
	world_settle(&world);
	ck_assert(!buffer(0)->busy);
	ck_assert_int_eq(power_command(&world.daemon, NULL, true), -ENODEV);
	finish();
}

/* As it was found, which is off with nothing on it. */
TEST(given_back_at_the_end)
{
	begin();
	show(0);
	power(false);
	world.serving = false;
	daemon_finish(&world.daemon);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "MODE_ID"), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "FB_ID"), 0);
	fake_drm_finish();
	finish();
}

/* A screenshot fails at once; who films waits, as ever when nothing changes. */
TEST(captured_while_off)
{
	begin();
	show(0);
	world_capture(&world, false);
	world_settle(&world);
	while (fake_screen_end_capture(1) || fake_screen_flipping()) {
		if (fake_screen_flipping())
			fake_screen_flip(0, true);
		world_settle(&world);
	}
	ck_assert(world.captured);
	power(false);
	world_capture(&world, true);
	world_settle(&world);
	ck_assert(!world.captured);
	commit(1);
	advance(5000);
	ck_assert(!world.captured);
	power(true);
	flip();
	while (fake_screen_end_capture(1) || fake_screen_flipping()) {
		if (fake_screen_flipping())
			fake_screen_flip(0, true);
		world_settle(&world);
	}
	ck_assert(world.captured);
	power(false);
	world_capture(&world, false);
	world_settle(&world);
	ck_assert(world.captured);
	finish();
}

TEST(there_is_no_such_output)
{
	begin();
	ck_assert_int_eq(power_command(&world.daemon, "HDMI-A-9", false), -ENOENT);
	ck_assert_int_eq(power_command(&world.daemon, output()->name, false), 0);
	world_settle(&world);
	ck_assert(!is_active());
	finish();
}

/* Two reasons are two: it is on when it has neither. */
TEST(for_two_reasons)
{
	begin();
	show(0);
	power_off_idle(&world.daemon);
	world_settle(&world);
	ck_assert(!is_active());
	power_off(output(), POWER_COMMAND);
	power_on_idle(&world.daemon);
	world_settle(&world);
	ck_assert(!is_active());
	power_off_idle(&world.daemon);
	power(true);
	ck_assert(is_active());
	finish();
}

TEST_MAIN("daemon-power")
