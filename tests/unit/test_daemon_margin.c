/* SPDX-License-Identifier: MIT */
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/worker.h"
#include "output.h"
#include "together_stage.h"

/* How late a repaint that waits for somebody begins (pace.h), and who is late then. */

static void compose_for(uint64_t ms)
{
	fake_worker_hold(true);
	stage_commit(FIRST);
	stage_draw(THIRD);
	stage_advance(ms);
	ck_assert(!fake_screen_flipping());
	fake_worker_hold(false);
	world_settle(&stage.world);
	ck_assert(fake_screen_flipping());
	stage_flip();
}

TEST(composition)
{
	stage_begin();
	stage_trust(FIRST, THIRD);
	compose_for(5);
	compose_for(5);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 5);
	stage_flip();
	stage_finish();
}

/* Something else was on the CPU. */
TEST(composition_once)
{
	stage_begin();
	stage_trust(FIRST, THIRD);
	compose_for(12);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_flip();
	stage_finish();
}

/* Nothing is gained where it takes most of the refresh. */
TEST(long_composition)
{
	stage_begin();
	stage_trust(FIRST, THIRD);
	compose_for(12);
	compose_for(12);
	stage_draw(FIRST);
	ck_assert(!stage_output()->pace.waiting);
	stage_flip();
	stage_finish();
}

/* Nor is it lost for long where that was twice. */
TEST(long_composition_twice)
{
	stage_begin();
	stage_trust(FIRST, THIRD);
	compose_for(19);
	compose_for(19);
	stage_trust(FIRST, THIRD);
	stage_draw(FIRST);
	ck_assert(stage_output()->pace.waiting);
	stage_draw(THIRD);
	stage_flip();
	stage_finish();
}

/* It is forgotten by and by. */
TEST(composition_twice)
{
	stage_begin();
	stage_trust(FIRST, THIRD);
	compose_for(5);
	compose_for(5);
	for (int n = 0; n < 500; n++) {
		stage_commit(FIRST);
		stage_draw(THIRD);
		stage_flip();
	}
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 1);
	stage_flip();
	stage_finish();
}

/* By @ms, after what is the latest time for all that was learned before. */
static void be_late(uint64_t ms)
{
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	fake_machine_oversleep(PERIOD_MS - SLACK_MS + ms);
	world_settle(&stage.world);
	ck_assert(fake_screen_flipping());
	stage_flip_after(2);
}

TEST(late_timer)
{
	stage_begin();
	be_late(3);
	be_late(3);
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 3);
	stage_flip();
	stage_finish();
}

TEST(late_timer_once)
{
	stage_begin();
	be_late(3);
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_flip();
	stage_finish();
}

/* As after a modeset of another display in the same loop: it counts for little, and not for long. */
TEST(very_late_timer)
{
	stage_begin();
	be_late(15);
	be_late(15);
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS - PERIOD_MS / 4);
	stage_flip();
	for (int n = 0; n < 500; n++) {
		stage_commit(FIRST);
		stage_draw(SECOND);
		stage_flip();
	}
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 1);
	stage_flip();
	stage_finish();
}

/* Timers count whole milliseconds: who draws after one, if before the deadline, is late. */
TEST(just_too_late)
{
	stage_begin();
	stage_output()->blank_ns = 500000;
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 1);
	for (int n = 0; n < 6 * TRUSTED; n++) {
		if (!stage.callbacks[SECOND])
			stage_draw(SECOND);
		stage_flip();
		stage_draw(FIRST);
		stage_advance(PERIOD_MS - SLACK_MS - 1);
	}
	stage_flip();
	ck_assert_uint_eq(stage_output()->stats.waits_in_vain, 1);
	stage_finish();
}

TEST(missed_vblank)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_flip_after(2);
	ck_assert_uint_eq(stage_output()->stats.waits_missed, 1);
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 1);
	stage_flip_after(2);
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 2);
	stage_flip();
	stage_finish();
}

/* THIRD draws when it is nearly too late, what takes 8 ms to compose. False: nobody waits for it. */
static bool draw_expensively(void)
{
	stage_draw(FIRST);
	if (!stage_output()->pace.waiting)
		return false;
	const uint64_t deadline_ms = stage_output()->pace.deadline_ns / 1000000;
	stage_advance(deadline_ms - 1 - fake_machine_now_ms());
	fake_worker_hold(true);
	stage_draw(THIRD);
	stage_advance(8);
	fake_worker_hold(false);
	world_settle(&stage.world);
	stage_flip_after(deadline_ms + 7 < stage.flip_ms + PERIOD_MS ? 1 : 2);
	return true;
}

/* So that nobody can make the others miss one vblank after the other. */
TEST(expensive_at_last)
{
	stage_begin();
	stage_trust(FIRST, THIRD);
	for (int n = 0; n < 20; n++) {
		if (!draw_expensively()) {
			stage_draw(THIRD);
			stage_flip();
		}
		for (int k = 0; k < 50; k++) {
			stage_commit(FIRST);
			stage_draw(THIRD);
			stage_flip();
		}
	}
	ck_assert_uint_ge(stage_output()->stats.waits_missed, 1);
	ck_assert_uint_le(stage_output()->stats.waits_missed, 5);
	stage_finish();
}

/* The display is told before it has sent its last line. */
TEST(blank)
{
	stage_begin();
	stage_output()->blank_ns = 2000000;
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 2);
	stage_flip();
	stage_finish();
}

/* ---- a server that is late ------------------------------------------------------------------- */

static int handle_busy(int fd, uint32_t mask, void *data)
{
	uint64_t ms;
	ck_assert_int_eq(read(fd, &ms, sizeof(ms)), sizeof(ms));
	fake_machine_oversleep(ms);
	return 0;
}

/* Time goes on in a turn of the loop in which SECOND is read last, as timers come before sockets. */
static void draw_while_busy(uint64_t ms)
{
	struct wl_event_loop *loop = wl_display_get_event_loop(stage.world.daemon.display);
	int fd = eventfd(0, EFD_CLOEXEC);
	struct wl_event_source *source =
		wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, handle_busy, NULL);
	ck_assert_int_eq(write(fd, &ms, sizeof(ms)), sizeof(ms));
	stage_draw(SECOND);
	wl_event_source_remove(source);
	close(fd);
}

TEST(read_at_the_deadline)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	draw_while_busy(PERIOD_MS - SLACK_MS);
	ck_assert(fake_screen_flipping());
	stage_flip();
	ck_assert_int_eq(stage.answered[FIRST], stage.drawn[FIRST]);
	ck_assert_int_eq(stage.answered[SECOND], stage.drawn[SECOND]);
	ck_assert_uint_eq(stage_output()->stats.waits, 1);
	ck_assert_uint_eq(stage_output()->stats.waits_in_vain, 0);
	stage_finish();
}

/* As drawn in time, for who is not relied on yet. */
TEST(counted_at_the_deadline)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	for (int n = 0; n <= TRUSTED; n++) {
		stage_draw(FIRST);
		stage_commit(THIRD);
		if (n == TRUSTED / 2)
			draw_while_busy(PERIOD_MS - SLACK_MS);
		else
			stage_draw(SECOND);
		stage_flip();
	}
	stage_draw(FIRST);
	stage_draw(SECOND);
	ck_assert(stage_output()->pace.waiting);
	stage_draw(THIRD);
	stage_flip();
	stage_finish();
}

/* It is nobody else's fault. */
TEST(stalled)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	draw_while_busy(5 * PERIOD_MS);
	stage_flip_after(6);
	stage_draw(FIRST);
	ck_assert(stage_output()->pace.waiting);
	stage_draw(SECOND);
	stage_flip();
	ck_assert_uint_eq(stage_output()->stats.waits_in_vain, 0);
	stage_finish();
}

TEST_TIMEOUT(60)
TEST_MAIN("daemon-margin")
