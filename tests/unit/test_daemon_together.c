/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "fake/worker.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "output.h"
#include "power.h"
#include "subsurface.h"
#include "together_stage.h"

/* Who is shown by which flip, when several draw at their own times (pace.h). */

/* ---- who is waited for ----------------------------------------------------------------------- */

TEST(same_flip)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	ck_assert(!fake_screen_flipping());
	stage_advance(8);
	ck_assert(!fake_screen_flipping());
	stage_draw(SECOND);
	ck_assert(fake_screen_flipping());
	stage_flip();
	ck_assert_int_eq(stage.answered[FIRST], stage.drawn[FIRST]);
	ck_assert_int_eq(stage.answered[SECOND], stage.drawn[SECOND]);
	ck_assert_uint_eq(stage_output()->stats.waits, 1);
	ck_assert_uint_eq(stage_output()->stats.waits_in_vain, 0);
	stage_finish();
}

/* Neither a timer nor a look at the clock. */
TEST(alone)
{
	stage_begin();
	for (int n = 0; n < 3 * TRUSTED; n++) {
		stage_draw(SECOND);
		ck_assert(fake_screen_flipping());
		ck_assert(!stage_output()->pace.waiting);
		ck_assert_uint_eq(stage_output()->pace.begun_ns, 0);
		stage_flip();
	}
	ck_assert(!stage_output()->pace.measured);
	stage_finish();
}

TEST(only_those_relied_on)
{
	stage_begin();
	for (int n = 0; n < TRUSTED; n++) {
		stage_draw(FIRST);
		ck_assert(fake_screen_flipping());
		stage_draw(SECOND);
		stage_flip();
		stage_flip();
	}
	stage_finish();
}

TEST(in_vain_once)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_flip();
	ck_assert_int_eq(stage.answered[FIRST], stage.drawn[FIRST]);
	for (int n = 0; n < 2 * TRUSTED; n++) {
		stage_draw(FIRST);
		ck_assert(fake_screen_flipping());
		stage_flip();
	}
	ck_assert_uint_eq(stage_output()->stats.waits, 1);
	ck_assert_uint_eq(stage_output()->stats.waits_in_vain, 1);
	ck_assert_uint_eq(stage_output()->stats.waits_missed, 0);
	stage_finish();
}

/* Both have been relied on for long: who is late once is waited for again, who is late twice is not. */
TEST(forgiven_once)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	for (int n = 0; n < 2 * TRUSTED; n++) {
		stage_draw(FIRST);
		stage_draw(SECOND);
		stage_flip();
	}
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_draw(SECOND);
	stage_flip();
	stage_draw(FIRST);
	stage_flip();
	ck_assert_int_eq(stage.answered[SECOND], stage.drawn[SECOND]);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_draw(SECOND);
	stage_flip();
	stage_draw(FIRST);
	stage_flip();
	stage_draw(FIRST);
	ck_assert(fake_screen_flipping());
	stage_flip();
	ck_assert_uint_eq(stage_output()->stats.waits_in_vain, 2);
	stage_finish();
}

/* As one: what was late together was late once. */
TEST(forgiven_together)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	for (int n = 0; n < 3 * TRUSTED; n++) {
		stage_commit(FIRST);
		stage_commit(SECOND);
		stage_draw(THIRD);
		stage_flip();
	}
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_commit(SECOND);
	stage_draw(THIRD);
	stage_flip();
	stage_draw(FIRST);
	stage_flip();
	stage_draw(FIRST);
	ck_assert(stage_output()->pace.waiting);
	stage_commit(SECOND);
	stage_draw(THIRD);
	ck_assert(fake_screen_flipping());
	stage_flip();
	ck_assert_uint_eq(stage_output()->stats.waits_in_vain, 1);
	stage_finish();
}

/* Half as often: whoever draws each time is not delayed by that. */
TEST(half_the_rate)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_flip();
	for (int n = 0; n < 2 * TRUSTED; n++) {
		stage_draw(FIRST);
		ck_assert(fake_screen_flipping());
		if (n % 2 == 0)
			stage_draw(SECOND);
		stage_flip();
	}
	stage_finish();
}

/* Whatever is drawn when nobody has been asked for long is shown at once. */
TEST(long_ago)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_advance(5 * PERIOD_MS);
	stage_draw(FIRST);
	ck_assert(fake_screen_flipping());
	stage_flip_after(6);
	stage_finish();
}

/* Before the flip: it is waited for nobody else but who has just been asked. */
TEST(drawn_before_the_flip)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_commit(FIRST);
	stage_draw(SECOND);
	ck_assert(fake_screen_flipping());
	stage_draw(SECOND);
	stage_flip();
	ck_assert(!fake_screen_flipping());
	stage_draw(FIRST);
	ck_assert(fake_screen_flipping());
	stage_flip();
	stage_finish();
}

/* ---- who is not expected any more ------------------------------------------------------------ */

TEST(gone)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	ck_assert(!fake_screen_flipping());
	world_close_window(&stage.world, SECOND);
	world_settle(&stage.world);
	ck_assert(fake_screen_flipping());
	world_open_window(&stage.world, SECOND);
	stage_flip();
	stage_finish();
}

TEST(unmapped)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	wl_surface_attach(stage.world.windows[SECOND].surface, NULL, 0, 0);
	wl_surface_commit(stage.world.windows[SECOND].surface);
	world_settle(&stage.world);
	ck_assert(fake_screen_flipping());
	stage_flip();
	stage_finish();
}

TEST(client_dies)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	ck_assert(!fake_screen_flipping());
	wl_callback_destroy(stage.callbacks[FIRST]);
	world_kill_client(&stage.world);
	world_settle(&stage.world);
	ck_assert(fake_screen_flipping());
	ck_assert(!stage_output()->pace.waiting);
	stage_finish();
}

/* Below a window that hides it. */
TEST(hidden)
{
	stage_begin();
	stage_trust(SECOND, THIRD);
	for (int n = 0; n < TRUSTED; n++) {
		stage_commit(SECOND);
		stage_draw(FIRST);
		stage_flip();
	}
	stage_draw(FIRST);
	ck_assert(fake_screen_flipping());
	stage_flip();
	stage_finish();
}

/* ---- fences ---------------------------------------------------------------------------------- */

/* Of what is committed next for @surface, by window @i if that has no points of its own. */
static struct waybuf_syncobj *acquire_later(struct wl_surface *surface, int i)
{
	struct waybuf_syncobj *acquire, *release;
	ck_assert_int_eq(waybuf_syncobj_create(stage.world.device, &acquire), 0);
	ck_assert_int_eq(waybuf_syncobj_create(stage.world.device, &release), 0);
	stage.world.windows[i].points =
		wp_linux_drm_syncobj_manager_v1_get_surface(stage.world.manager, surface);
	world_set_points(&stage.world, i, acquire, release);
	waybuf_syncobj_unref(release);
	return acquire;
}

/* Commits what nobody has submitted to a GPU yet. */
static struct waybuf_syncobj *draw_later(int i)
{
	struct waybuf_syncobj *acquire = acquire_later(stage.world.windows[i].surface, i);
	stage_commit(i);
	stage_drop_points(i);
	world_settle(&stage.world);
	return acquire;
}

static void acquire_now(struct waybuf_syncobj *acquire)
{
	ck_assert_int_eq(waybuf_syncobj_signal(acquire, 1), 0);
	waybuf_syncobj_unref(acquire);
	world_settle(&stage.world);
}

TEST(waits_for_its_point)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	stage_advance(2);
	struct waybuf_syncobj *acquire = draw_later(SECOND);
	stage_advance(3);
	ck_assert(!fake_screen_flipping());
	acquire_now(acquire);
	ck_assert(fake_screen_flipping());
	stage_flip();
	ck_assert_int_eq(stage.answered[FIRST], stage.drawn[FIRST]);
	ck_assert_int_eq(stage.answered[SECOND], stage.drawn[SECOND]);
	ck_assert_uint_eq(stage_output()->stats.waits_in_vain, 0);
	stage_finish();
}

/* As the point of a GPU that is at work. */
TEST(waits_for_its_fence)
{
	struct waybuf_fence *fence;
	stage_begin();
	const int drawing = fake_fence();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	struct waybuf_syncobj *acquire = draw_later(SECOND);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fake_sync_file(&drawing, 1), &fence), 0);
	ck_assert_int_eq(waybuf_syncobj_put_fence(acquire, 1, fence), 0);
	world_settle(&stage.world);
	ck_assert(!fake_screen_flipping());
	fake_fence_settle(drawing, 1, fake_machine_now_ms() * 1000000);
	world_settle(&stage.world);
	ck_assert(fake_screen_flipping());
	stage_flip();
	ck_assert_int_eq(stage.answered[SECOND], stage.drawn[SECOND]);
	waybuf_fence_unref(fence);
	waybuf_syncobj_unref(acquire);
	stage_finish();
}

/* So early that a repaint which waits for it still meets the vblank. */
TEST(gpu_is_told_until_when)
{
	struct waybuf_fence *fence;
	stage_begin();
	const int drawing = fake_fence();
	stage_trust(FIRST, SECOND);
	struct waybuf_syncobj *acquire = draw_later(SECOND);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fake_sync_file(&drawing, 1), &fence), 0);
	ck_assert_int_eq(waybuf_syncobj_put_fence(acquire, 1, fence), 0);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_flip();
	ck_assert_uint_eq(
		fake_fence_deadline(drawing), (stage.flip_ms + PERIOD_MS - SLACK_MS - 1) * 1000000);
	waybuf_fence_unref(fence);
	waybuf_syncobj_unref(acquire);
	stage_finish();
}

/* FIRST has drawn 1 ms after a flip that asks it, SECOND after 3 ms, and its GPU after 12. */
static void draw_beside_a_gpu(void)
{
	struct waybuf_syncobj *acquire = NULL;
	stage_advance(1);
	if (!stage.callbacks[FIRST])
		stage_draw(FIRST);
	stage_advance(2);
	if (!stage.callbacks[SECOND])
		acquire = draw_later(SECOND);
	stage_advance(9);
	if (acquire)
		acquire_now(acquire);
	stage_flip();
}

/* Before they are relied on each has every second refresh; then both have all of them. */
TEST(beside_a_gpu)
{
	stage_begin();
	for (int n = 0; n < 5 * TRUSTED; n++)
		draw_beside_a_gpu();
	const int first = stage.answered[FIRST], second = stage.answered[SECOND];
	for (int n = 0; n < TRUSTED; n++)
		draw_beside_a_gpu();
	ck_assert_int_eq(stage.answered[FIRST], first + TRUSTED);
	ck_assert_int_eq(stage.answered[SECOND], second + TRUSTED);
	stage_finish();
}

/* Nobody waits for a GPU beyond the deadline, nor for the same one again at once. */
TEST(slow_fence)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	struct waybuf_syncobj *acquire = draw_later(SECOND);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_flip();
	ck_assert_int_eq(stage.answered[FIRST], stage.drawn[FIRST]);
	ck_assert_int_lt(stage.answered[SECOND], stage.drawn[SECOND]);
	ck_assert_uint_eq(stage_output()->stats.waits_in_vain, 1);
	acquire_now(acquire);
	stage_draw(FIRST);
	stage_flip();
	ck_assert_int_eq(stage.answered[SECOND], stage.drawn[SECOND]);
	stage_draw(FIRST);
	ck_assert(fake_screen_flipping());
	stage_flip();
	stage_finish();
}

/* The newest of what it has committed is there first. */
TEST(several_fences)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	struct waybuf_syncobj *older = draw_later(SECOND);
	struct waybuf_syncobj *newer = draw_later(SECOND);
	ck_assert(!fake_screen_flipping());
	acquire_now(newer);
	ck_assert(fake_screen_flipping());
	stage_flip();
	ck_assert_int_eq(stage.answered[SECOND], stage.drawn[SECOND]);
	acquire_now(older);
	stage_finish();
}

/* Committed before the flip that asks, and ready after it. */
TEST(fence_across_the_flip)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_commit(FIRST);
	stage_draw(SECOND);
	struct waybuf_syncobj *acquire = draw_later(SECOND);
	stage_flip();
	stage_draw(FIRST);
	ck_assert(!fake_screen_flipping());
	acquire_now(acquire);
	ck_assert(fake_screen_flipping());
	stage_flip();
	ck_assert_int_eq(stage.answered[SECOND], stage.drawn[SECOND]);
	stage_finish();
}

/* That there is nothing new this time is an answer, too. */
TEST(nothing_new)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	ck_assert(!fake_screen_flipping());
	wl_surface_commit(stage.world.windows[SECOND].surface);
	world_settle(&stage.world);
	ck_assert(fake_screen_flipping());
	stage_flip();
	stage_finish();
}

/* ---- subsurfaces ----------------------------------------------------------------------------- */

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct wl_subcompositor **out = data;
	if (strcmp(interface, wl_subcompositor_interface.name) == 0)
		*out = wl_registry_bind(registry, name, &wl_subcompositor_interface, 1);
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global, .global_remove = handle_global_remove};

static struct wl_subcompositor *bind_subcompositor(void)
{
	struct wl_subcompositor *subcompositor = NULL;
	struct wl_registry *registry = wl_display_get_registry(stage.world.display);
	ck_assert(subsurface_compositor_create(&stage.world.daemon));
	wl_registry_add_listener(registry, &registry_listener, &subcompositor);
	world_settle(&stage.world);
	ck_assert_ptr_nonnull(subcompositor);
	wl_registry_destroy(registry);
	return subcompositor;
}

/* With what window @i draws into, which is not mapped, or does not draw. */
static void commit_child(struct wl_surface *child, int i, int k)
{
	stage.world.windows[i].buffers[k].busy = true;
	stage_ask(child, 1);
	wl_surface_attach(child, stage.world.windows[i].buffers[k].proxy, 0, 0);
	wl_surface_commit(child);
}

static void commit_parent(void)
{
	wl_surface_damage(stage.world.windows[FIRST].surface, 0, 0, 1, 1);
	wl_surface_commit(stage.world.windows[FIRST].surface);
}

/* Only the subsurface, as large as window @i, asks, and the commit of its parent is the answer. */
static void check_synchronised(int i)
{
	stage_begin();
	struct wl_subcompositor *subcompositor = bind_subcompositor();
	struct wl_surface *child = wl_compositor_create_surface(stage.world.compositor);
	struct wl_subsurface *subsurface = wl_subcompositor_get_subsurface(
		subcompositor, child, stage.world.windows[FIRST].surface);
	stage_commit(FIRST);
	for (int n = 0; n < TRUSTED + 2; n++) {
		commit_child(child, i, 1 + n % 2);
		commit_parent();
		stage_draw(SECOND);
		stage_flip();
		ck_assert_int_eq(stage.answered[1], stage.drawn[1]);
	}
	stage_draw(SECOND);
	ck_assert(!fake_screen_flipping());
	commit_child(child, i, 1);
	world_settle(&stage.world);
	ck_assert(!fake_screen_flipping());
	struct waybuf_syncobj *acquire = acquire_later(child, 1);
	commit_child(child, i, 2);
	stage_drop_points(1);
	commit_parent();
	world_settle(&stage.world);
	ck_assert(!fake_screen_flipping());
	acquire_now(acquire);
	ck_assert(fake_screen_flipping());
	stage_flip();
	ck_assert_int_eq(stage.answered[1], stage.drawn[1]);
	wl_subsurface_destroy(subsurface);
	wl_surface_destroy(child);
	wl_subcompositor_destroy(subcompositor);
	world_settle(&stage.world);
	stage_finish();
}

TEST(synchronised)
{
	check_synchronised(1);
}

/* As players do it, with a black parent that nobody sees. */
TEST(synchronised_above_all)
{
	check_synchronised(FIRST);
}

/* Whose commit it would be is another surface then, who was not asked. */
static void check_becomes(bool sync)
{
	stage_begin();
	struct wl_subcompositor *subcompositor = bind_subcompositor();
	struct wl_surface *child = wl_compositor_create_surface(stage.world.compositor);
	struct wl_subsurface *subsurface = wl_subcompositor_get_subsurface(
		subcompositor, child, stage.world.windows[FIRST].surface);
	stage_commit(FIRST);
	commit_child(child, FIRST, 1);
	commit_parent();
	if (sync)
		wl_subsurface_set_desync(subsurface);
	for (int n = 0; n < TRUSTED + 2; n++) {
		commit_child(child, FIRST, 1 + n % 2);
		commit_parent();
		stage_draw(SECOND);
		stage_flip();
	}
	stage_draw(SECOND);
	ck_assert(!fake_screen_flipping());
	if (sync)
		wl_subsurface_set_sync(subsurface);
	else
		wl_subsurface_set_desync(subsurface);
	world_settle(&stage.world);
	ck_assert(fake_screen_flipping());
	stage_flip();
	wl_subsurface_destroy(subsurface);
	wl_surface_destroy(child);
	wl_subcompositor_destroy(subcompositor);
	world_settle(&stage.world);
	stage_finish();
}

TEST(becomes_synchronised)
{
	check_becomes(true);
}

TEST(becomes_desynchronised)
{
	check_becomes(false);
}

/* ---- no display ------------------------------------------------------------------------------ */

/* Nothing is committed meanwhile, and nothing is left waiting after it. */
TEST(switched_off)
{
	stage_begin();
	stage_trust(FIRST, SECOND);
	stage_draw(FIRST);
	ck_assert_int_eq(power_command(&stage.world.daemon, NULL, false), 0);
	stage_advance(2 * PERIOD_MS);
	ck_assert(!stage_output()->pace.waiting);
	ck_assert_int_eq(power_command(&stage.world.daemon, NULL, true), 0);
	world_settle(&stage.world);
	if (fake_screen_flipping())
		stage_flip_after(3);
	ck_assert_int_eq(stage.answered[FIRST], stage.drawn[FIRST]);
	stage_finish();
}

/* What it costs to wake up says nothing of what comes then. */
TEST(wakes_up)
{
	stage_begin();
	stage_trust(FIRST, THIRD);
	ck_assert_int_eq(power_command(&stage.world.daemon, NULL, false), 0);
	stage_draw(THIRD);
	fake_worker_hold(true);
	ck_assert_int_eq(power_command(&stage.world.daemon, NULL, true), 0);
	world_settle(&stage.world);
	stage_advance(8);
	ck_assert(!fake_screen_flipping());
	fake_worker_hold(false);
	world_settle(&stage.world);
	stage_flip();
	stage_trust(FIRST, THIRD);
	stage_check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	stage_flip();
	stage_finish();
}

TEST_TIMEOUT(60)
TEST_MAIN("daemon-together")
