/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon_world.h"
#include "fake/libdrm.h"
#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "fake/worker.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "output.h"
#include "outputs.h"
#include "power.h"
#include "subsurface.h"

/*
 * Who is shown by which flip, when several draw at their own times (pace.h); on a display whose
 * refresh has 20 ms to the nanosecond. FIRST covers it, SECOND is on a plane above it, and THIRD is
 * composed.
 */
enum { FIRST = 0, SECOND = WORLD_IMPLICIT, THIRD = 3 };
enum { PERIOD_MS = 20, SLACK_MS = 1, TRUSTED = 8 };

static struct world world;
static int drawn[WORLD_WINDOWS], answered[WORLD_WINDOWS];
static struct wl_callback *callbacks[WORLD_WINDOWS]; /* the last one asked for; NULL: answered */
static uint64_t flip_ms;

static struct output *output(void)
{
	return outputs_first(&world.daemon);
}

static void drop_points(int i)
{
	if (world.windows[i].points)
		wp_linux_drm_syncobj_surface_v1_destroy(world.windows[i].points);
	world.windows[i].points = NULL;
}

static void begin(void)
{
	world_init(&world);
	for (int i = 0; i < WORLD_WINDOWS; i++) {
		drop_points(i);
		drawn[i] = answered[i] = 0;
		callbacks[i] = NULL;
	}
	output()->refresh_mhz = 1000000 / PERIOD_MS;
	output()->blank_ns = 0;
	flip_ms = fake_machine_now_ms();
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t ms)
{
	int i = 0;
	while (&answered[i] != data)
		i++;
	answered[i]++;
	if (callbacks[i] == callback)
		callbacks[i] = NULL;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

static void commit(int i)
{
	const struct world_window *window = &world.windows[i];
	struct world_buffer *buffer = &world.windows[i].buffers[drawn[i]++ % WORLD_BUFFERS];
	buffer->busy = true;
	callbacks[i] = wl_surface_frame(window->surface);
	wl_callback_add_listener(callbacks[i], &frame_listener, &answered[i]);
	wl_surface_attach(window->surface, buffer->proxy, 0, 0);
	wl_surface_damage(window->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(window->surface);
}

static void draw(int i)
{
	commit(i);
	world_settle(&world);
}

static void advance(uint64_t ms)
{
	fake_machine_advance(ms);
	world_settle(&world);
}

/* The vblank that is next, or one after that. */
static void flip_after(uint64_t periods)
{
	flip_ms += PERIOD_MS * periods;
	ck_assert_uint_le(fake_machine_now_ms(), flip_ms);
	advance(flip_ms - fake_machine_now_ms());
	ck_assert(fake_screen_flipping());
	fake_drm_set_time(flip_ms * 1000000);
	fake_screen_flip(0, true);
	world_settle(&world);
}

static void flip(void)
{
	flip_after(1);
}

/* Both draw, together and at once, until they are relied on; the last flip has just asked them. */
static void trust(int i, int k)
{
	for (int n = 0; n < TRUSTED + 2; n++) {
		commit(i);
		draw(k);
		flip();
		ck_assert_int_eq(answered[i], drawn[i]);
	}
	ck_assert(!fake_screen_flipping());
}

/* A repaint is due for @i; it begins @ms after the flip, and not before. */
static void check_waits_until(int i, uint64_t ms)
{
	draw(i);
	ck_assert(output()->pace.waiting);
	advance(ms - 1);
	ck_assert(!fake_screen_flipping());
	advance(1);
	ck_assert(fake_screen_flipping());
}

static void finish(void)
{
	advance(1000);
	if (fake_screen_flipping())
		fake_screen_flip(0, true);
	world_settle(&world);
	world_finish(&world);
	fake_sync_finish();
}

/* ---- who is waited for ----------------------------------------------------------------------- */

TEST(same_flip)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	ck_assert(!fake_screen_flipping());
	advance(8);
	ck_assert(!fake_screen_flipping());
	draw(SECOND);
	ck_assert(fake_screen_flipping());
	flip();
	ck_assert_int_eq(answered[FIRST], drawn[FIRST]);
	ck_assert_int_eq(answered[SECOND], drawn[SECOND]);
	ck_assert_uint_eq(output()->stats.waits, 1);
	ck_assert_uint_eq(output()->stats.waits_in_vain, 0);
	finish();
}

/* Neither a timer nor a look at the clock. */
TEST(alone)
{
	begin();
	for (int n = 0; n < 3 * TRUSTED; n++) {
		draw(SECOND);
		ck_assert(fake_screen_flipping());
		ck_assert(!output()->pace.waiting);
		ck_assert_uint_eq(output()->pace.begun_ns, 0);
		flip();
	}
	ck_assert(!output()->pace.measured);
	finish();
}

TEST(only_those_relied_on)
{
	begin();
	for (int n = 0; n < TRUSTED; n++) {
		draw(FIRST);
		ck_assert(fake_screen_flipping());
		draw(SECOND);
		flip();
		flip();
	}
	finish();
}

TEST(in_vain_once)
{
	begin();
	trust(FIRST, SECOND);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	flip();
	ck_assert_int_eq(answered[FIRST], drawn[FIRST]);
	for (int n = 0; n < 2 * TRUSTED; n++) {
		draw(FIRST);
		ck_assert(fake_screen_flipping());
		flip();
	}
	ck_assert_uint_eq(output()->stats.waits, 1);
	ck_assert_uint_eq(output()->stats.waits_in_vain, 1);
	ck_assert_uint_eq(output()->stats.waits_missed, 0);
	finish();
}

/* Half as often: whoever draws each time is not delayed by that. */
TEST(half_the_rate)
{
	begin();
	trust(FIRST, SECOND);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	flip();
	for (int n = 0; n < 2 * TRUSTED; n++) {
		draw(FIRST);
		ck_assert(fake_screen_flipping());
		if (n % 2 == 0)
			draw(SECOND);
		flip();
	}
	finish();
}

/* Whatever is drawn when nobody has been asked for long is shown at once. */
TEST(long_ago)
{
	begin();
	trust(FIRST, SECOND);
	advance(5 * PERIOD_MS);
	draw(FIRST);
	ck_assert(fake_screen_flipping());
	flip_after(6);
	finish();
}

/* Before the flip: it is waited for nobody else but who has just been asked. */
TEST(drawn_before_the_flip)
{
	begin();
	trust(FIRST, SECOND);
	commit(FIRST);
	draw(SECOND);
	ck_assert(fake_screen_flipping());
	draw(SECOND);
	flip();
	ck_assert(!fake_screen_flipping());
	draw(FIRST);
	ck_assert(fake_screen_flipping());
	flip();
	finish();
}

/* ---- who is not expected any more ------------------------------------------------------------ */

TEST(gone)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	ck_assert(!fake_screen_flipping());
	world_close_window(&world, SECOND);
	world_settle(&world);
	ck_assert(fake_screen_flipping());
	world_open_window(&world, SECOND);
	flip();
	finish();
}

TEST(unmapped)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	wl_surface_attach(world.windows[SECOND].surface, NULL, 0, 0);
	wl_surface_commit(world.windows[SECOND].surface);
	world_settle(&world);
	ck_assert(fake_screen_flipping());
	flip();
	finish();
}

TEST(client_dies)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	ck_assert(!fake_screen_flipping());
	wl_callback_destroy(callbacks[FIRST]);
	world_kill_client(&world);
	world_settle(&world);
	ck_assert(fake_screen_flipping());
	ck_assert(!output()->pace.waiting);
	finish();
}

/* Below a window that hides it. */
TEST(hidden)
{
	begin();
	trust(SECOND, THIRD);
	for (int n = 0; n < TRUSTED; n++) {
		commit(SECOND);
		draw(FIRST);
		flip();
	}
	draw(FIRST);
	ck_assert(fake_screen_flipping());
	flip();
	finish();
}

/* ---- fences ---------------------------------------------------------------------------------- */

/* Of what is committed next for @surface, by window @i if that has no points of its own. */
static struct waybuf_syncobj *acquire_later(struct wl_surface *surface, int i)
{
	struct waybuf_syncobj *acquire, *release;
	ck_assert_int_eq(waybuf_syncobj_create(world.device, &acquire), 0);
	ck_assert_int_eq(waybuf_syncobj_create(world.device, &release), 0);
	world.windows[i].points =
		wp_linux_drm_syncobj_manager_v1_get_surface(world.manager, surface);
	world_set_points(&world, i, acquire, release);
	waybuf_syncobj_unref(release);
	return acquire;
}

/* Commits what nobody has submitted to a GPU yet. */
static struct waybuf_syncobj *draw_later(int i)
{
	struct waybuf_syncobj *acquire = acquire_later(world.windows[i].surface, i);
	commit(i);
	drop_points(i);
	world_settle(&world);
	return acquire;
}

static void acquire_now(struct waybuf_syncobj *acquire)
{
	ck_assert_int_eq(waybuf_syncobj_signal(acquire, 1), 0);
	waybuf_syncobj_unref(acquire);
	world_settle(&world);
}

TEST(waits_for_its_point)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	advance(2);
	struct waybuf_syncobj *acquire = draw_later(SECOND);
	advance(3);
	ck_assert(!fake_screen_flipping());
	acquire_now(acquire);
	ck_assert(fake_screen_flipping());
	flip();
	ck_assert_int_eq(answered[FIRST], drawn[FIRST]);
	ck_assert_int_eq(answered[SECOND], drawn[SECOND]);
	ck_assert_uint_eq(output()->stats.waits_in_vain, 0);
	finish();
}

/* As the point of a GPU that is at work. */
TEST(waits_for_its_fence)
{
	struct waybuf_fence *fence;
	begin();
	const int drawing = fake_fence();
	trust(FIRST, SECOND);
	draw(FIRST);
	struct waybuf_syncobj *acquire = draw_later(SECOND);
	ck_assert_int_eq(waybuf_fence_from_sync_file(fake_sync_file(&drawing, 1), &fence), 0);
	ck_assert_int_eq(waybuf_syncobj_put_fence(acquire, 1, fence), 0);
	world_settle(&world);
	ck_assert(!fake_screen_flipping());
	fake_fence_settle(drawing, 1, fake_machine_now_ms() * 1000000);
	world_settle(&world);
	ck_assert(fake_screen_flipping());
	flip();
	ck_assert_int_eq(answered[SECOND], drawn[SECOND]);
	waybuf_fence_unref(fence);
	waybuf_syncobj_unref(acquire);
	finish();
}

/* Nobody waits for a GPU beyond the deadline, nor for the same one again at once. */
TEST(slow_fence)
{
	begin();
	trust(FIRST, SECOND);
	struct waybuf_syncobj *acquire = draw_later(SECOND);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	flip();
	ck_assert_int_eq(answered[FIRST], drawn[FIRST]);
	ck_assert_int_lt(answered[SECOND], drawn[SECOND]);
	ck_assert_uint_eq(output()->stats.waits_in_vain, 1);
	acquire_now(acquire);
	draw(FIRST);
	flip();
	ck_assert_int_eq(answered[SECOND], drawn[SECOND]);
	draw(FIRST);
	ck_assert(fake_screen_flipping());
	flip();
	finish();
}

/* The newest of what it has committed is there first. */
TEST(several_fences)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	struct waybuf_syncobj *older = draw_later(SECOND);
	struct waybuf_syncobj *newer = draw_later(SECOND);
	ck_assert(!fake_screen_flipping());
	acquire_now(newer);
	ck_assert(fake_screen_flipping());
	flip();
	ck_assert_int_eq(answered[SECOND], drawn[SECOND]);
	acquire_now(older);
	finish();
}

/* Committed before the flip that asks, and ready after it. */
TEST(fence_across_the_flip)
{
	begin();
	trust(FIRST, SECOND);
	commit(FIRST);
	draw(SECOND);
	struct waybuf_syncobj *acquire = draw_later(SECOND);
	flip();
	draw(FIRST);
	ck_assert(!fake_screen_flipping());
	acquire_now(acquire);
	ck_assert(fake_screen_flipping());
	flip();
	ck_assert_int_eq(answered[SECOND], drawn[SECOND]);
	finish();
}

/* That there is nothing new this time is an answer, too. */
TEST(nothing_new)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	ck_assert(!fake_screen_flipping());
	wl_surface_commit(world.windows[SECOND].surface);
	world_settle(&world);
	ck_assert(fake_screen_flipping());
	flip();
	finish();
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
	struct wl_registry *registry = wl_display_get_registry(world.display);
	ck_assert(subsurface_compositor_create(&world.daemon));
	wl_registry_add_listener(registry, &registry_listener, &subcompositor);
	world_settle(&world);
	ck_assert_ptr_nonnull(subcompositor);
	wl_registry_destroy(registry);
	return subcompositor;
}

/* With what window @i draws into, which is not mapped, or does not draw. */
static void commit_child(struct wl_surface *child, int i, int k)
{
	world.windows[i].buffers[k].busy = true;
	callbacks[1] = wl_surface_frame(child);
	drawn[1]++;
	wl_callback_add_listener(callbacks[1], &frame_listener, &answered[1]);
	wl_surface_attach(child, world.windows[i].buffers[k].proxy, 0, 0);
	wl_surface_commit(child);
}

static void commit_parent(void)
{
	wl_surface_damage(world.windows[FIRST].surface, 0, 0, 1, 1);
	wl_surface_commit(world.windows[FIRST].surface);
}

/* Only the subsurface, as large as window @i, asks, and the commit of its parent is the answer. */
static void check_synchronised(int i)
{
	begin();
	struct wl_subcompositor *subcompositor = bind_subcompositor();
	struct wl_surface *child = wl_compositor_create_surface(world.compositor);
	struct wl_subsurface *subsurface =
		wl_subcompositor_get_subsurface(subcompositor, child, world.windows[FIRST].surface);
	commit(FIRST);
	for (int n = 0; n < TRUSTED + 2; n++) {
		commit_child(child, i, 1 + n % 2);
		commit_parent();
		draw(SECOND);
		flip();
		ck_assert_int_eq(answered[1], drawn[1]);
	}
	draw(SECOND);
	ck_assert(!fake_screen_flipping());
	commit_child(child, i, 1);
	world_settle(&world);
	ck_assert(!fake_screen_flipping());
	struct waybuf_syncobj *acquire = acquire_later(child, 1);
	commit_child(child, i, 2);
	drop_points(1);
	commit_parent();
	world_settle(&world);
	ck_assert(!fake_screen_flipping());
	acquire_now(acquire);
	ck_assert(fake_screen_flipping());
	flip();
	ck_assert_int_eq(answered[1], drawn[1]);
	wl_subsurface_destroy(subsurface);
	wl_surface_destroy(child);
	wl_subcompositor_destroy(subcompositor);
	world_settle(&world);
	finish();
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
	begin();
	struct wl_subcompositor *subcompositor = bind_subcompositor();
	struct wl_surface *child = wl_compositor_create_surface(world.compositor);
	struct wl_subsurface *subsurface =
		wl_subcompositor_get_subsurface(subcompositor, child, world.windows[FIRST].surface);
	commit(FIRST);
	commit_child(child, FIRST, 1);
	commit_parent();
	if (sync)
		wl_subsurface_set_desync(subsurface);
	for (int n = 0; n < TRUSTED + 2; n++) {
		commit_child(child, FIRST, 1 + n % 2);
		commit_parent();
		draw(SECOND);
		flip();
	}
	draw(SECOND);
	ck_assert(!fake_screen_flipping());
	if (sync)
		wl_subsurface_set_sync(subsurface);
	else
		wl_subsurface_set_desync(subsurface);
	world_settle(&world);
	ck_assert(fake_screen_flipping());
	flip();
	wl_subsurface_destroy(subsurface);
	wl_surface_destroy(child);
	wl_subcompositor_destroy(subcompositor);
	world_settle(&world);
	finish();
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
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	ck_assert_int_eq(power_command(&world.daemon, NULL, false), 0);
	advance(2 * PERIOD_MS);
	ck_assert(!output()->pace.waiting);
	ck_assert_int_eq(power_command(&world.daemon, NULL, true), 0);
	world_settle(&world);
	if (fake_screen_flipping())
		flip_after(3);
	ck_assert_int_eq(answered[FIRST], drawn[FIRST]);
	finish();
}

/* What it costs to wake up says nothing of what comes then. */
TEST(wakes_up)
{
	begin();
	trust(FIRST, THIRD);
	ck_assert_int_eq(power_command(&world.daemon, NULL, false), 0);
	draw(THIRD);
	fake_worker_hold(true);
	ck_assert_int_eq(power_command(&world.daemon, NULL, true), 0);
	world_settle(&world);
	advance(8);
	ck_assert(!fake_screen_flipping());
	fake_worker_hold(false);
	world_settle(&world);
	flip();
	trust(FIRST, THIRD);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	flip();
	finish();
}

/* ---- the margin ------------------------------------------------------------------------------ */

static void compose_for(uint64_t ms)
{
	fake_worker_hold(true);
	commit(FIRST);
	draw(THIRD);
	advance(ms);
	ck_assert(!fake_screen_flipping());
	fake_worker_hold(false);
	world_settle(&world);
	ck_assert(fake_screen_flipping());
	flip();
}

TEST(composition)
{
	begin();
	trust(FIRST, THIRD);
	compose_for(5);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 5);
	flip();
	finish();
}

/* Nothing is gained where it takes most of the refresh. */
TEST(long_composition)
{
	begin();
	trust(FIRST, THIRD);
	compose_for(12);
	draw(FIRST);
	ck_assert(!output()->pace.waiting);
	flip();
	finish();
}

/* Nor is it lost for long where that was once. */
TEST(long_composition_once)
{
	begin();
	trust(FIRST, THIRD);
	compose_for(19);
	trust(FIRST, THIRD);
	draw(FIRST);
	ck_assert(output()->pace.waiting);
	draw(THIRD);
	flip();
	finish();
}

/* It is forgotten by and by. */
TEST(composition_once)
{
	begin();
	trust(FIRST, THIRD);
	compose_for(5);
	for (int n = 0; n < 500; n++) {
		commit(FIRST);
		draw(THIRD);
		flip();
	}
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 1);
	flip();
	finish();
}

TEST(late_timer)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	fake_machine_oversleep(PERIOD_MS - SLACK_MS + 3);
	world_settle(&world);
	ck_assert(fake_screen_flipping());
	flip_after(2);
	trust(FIRST, SECOND);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 3);
	flip();
	finish();
}

/* As after a modeset of another display in the same loop: it counts for little, and not for long. */
TEST(very_late_timer)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	fake_machine_oversleep(PERIOD_MS - SLACK_MS + 15);
	world_settle(&world);
	flip_after(2);
	trust(FIRST, SECOND);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS - PERIOD_MS / 4);
	flip();
	for (int n = 0; n < 500; n++) {
		commit(FIRST);
		draw(SECOND);
		flip();
	}
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 1);
	flip();
	finish();
}

TEST(missed_vblank)
{
	begin();
	trust(FIRST, SECOND);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS);
	flip_after(2);
	ck_assert_uint_eq(output()->stats.waits_missed, 1);
	trust(FIRST, SECOND);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 1);
	flip_after(2);
	trust(FIRST, SECOND);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 2);
	flip();
	finish();
}

/* The display is told before it has sent its last line. */
TEST(blank)
{
	begin();
	output()->blank_ns = 2000000;
	trust(FIRST, SECOND);
	check_waits_until(FIRST, PERIOD_MS - SLACK_MS - 2);
	flip();
	finish();
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
	struct wl_event_loop *loop = wl_display_get_event_loop(world.daemon.display);
	int fd = eventfd(0, EFD_CLOEXEC);
	struct wl_event_source *source =
		wl_event_loop_add_fd(loop, fd, WL_EVENT_READABLE, handle_busy, NULL);
	ck_assert_int_eq(write(fd, &ms, sizeof(ms)), sizeof(ms));
	draw(SECOND);
	wl_event_source_remove(source);
	close(fd);
}

TEST(read_at_the_deadline)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	draw_while_busy(PERIOD_MS - SLACK_MS);
	ck_assert(fake_screen_flipping());
	flip();
	ck_assert_int_eq(answered[FIRST], drawn[FIRST]);
	ck_assert_int_eq(answered[SECOND], drawn[SECOND]);
	ck_assert_uint_eq(output()->stats.waits, 1);
	ck_assert_uint_eq(output()->stats.waits_in_vain, 0);
	finish();
}

/* As drawn in time, for who is not relied on yet. */
TEST(counted_at_the_deadline)
{
	begin();
	trust(FIRST, SECOND);
	for (int n = 0; n <= TRUSTED; n++) {
		draw(FIRST);
		commit(THIRD);
		if (n == TRUSTED / 2)
			draw_while_busy(PERIOD_MS - SLACK_MS);
		else
			draw(SECOND);
		flip();
	}
	draw(FIRST);
	draw(SECOND);
	ck_assert(output()->pace.waiting);
	draw(THIRD);
	flip();
	finish();
}

/* It is nobody else's fault. */
TEST(stalled)
{
	begin();
	trust(FIRST, SECOND);
	draw(FIRST);
	draw_while_busy(5 * PERIOD_MS);
	flip_after(6);
	draw(FIRST);
	ck_assert(output()->pace.waiting);
	draw(SECOND);
	flip();
	ck_assert_uint_eq(output()->stats.waits_in_vain, 0);
	finish();
}

TEST_TIMEOUT(60)
TEST_MAIN("daemon-together")
