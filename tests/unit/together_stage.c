/* SPDX-License-Identifier: MIT */
#include "together_stage.h"

#include "fake/libdrm.h"
#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "linux-drm-syncobj-v1-client-protocol.h"
#include "output.h"
#include "outputs.h"

struct stage stage;

struct output *stage_output(void)
{
	return outputs_first(&stage.world.daemon);
}

void stage_drop_points(int i)
{
	if (stage.world.windows[i].points)
		wp_linux_drm_syncobj_surface_v1_destroy(stage.world.windows[i].points);
	stage.world.windows[i].points = NULL;
}

void stage_begin(void)
{
	world_init(&stage.world);
	for (int i = 0; i < WORLD_WINDOWS; i++) {
		stage_drop_points(i);
		stage.drawn[i] = stage.answered[i] = 0;
		stage.callbacks[i] = NULL;
	}
	stage_output()->refresh_mhz = 1000000 / PERIOD_MS;
	stage_output()->blank_ns = 0;
	stage.flip_ms = fake_machine_now_ms();
}

static void handle_frame(void *data, struct wl_callback *callback, uint32_t ms)
{
	int i = 0;
	while (&stage.answered[i] != data)
		i++;
	stage.answered[i]++;
	if (stage.callbacks[i] == callback)
		stage.callbacks[i] = NULL;
	wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

void stage_ask(struct wl_surface *surface, int i)
{
	stage.drawn[i]++;
	stage.callbacks[i] = wl_surface_frame(surface);
	wl_callback_add_listener(stage.callbacks[i], &frame_listener, &stage.answered[i]);
}

void stage_commit(int i)
{
	struct world_window *window = &stage.world.windows[i];
	struct world_buffer *buffer = &window->buffers[stage.drawn[i] % WORLD_BUFFERS];
	buffer->busy = true;
	stage_ask(window->surface, i);
	wl_surface_attach(window->surface, buffer->proxy, 0, 0);
	wl_surface_damage(window->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(window->surface);
}

void stage_draw(int i)
{
	stage_commit(i);
	world_settle(&stage.world);
}

void stage_advance(uint64_t ms)
{
	fake_machine_advance(ms);
	world_settle(&stage.world);
}

void stage_flip_after(uint64_t periods)
{
	stage.flip_ms += PERIOD_MS * periods;
	ck_assert_uint_le(fake_machine_now_ms(), stage.flip_ms);
	stage_advance(stage.flip_ms - fake_machine_now_ms());
	ck_assert(fake_screen_flipping());
	fake_drm_set_time(stage.flip_ms * 1000000);
	fake_screen_flip(0, true);
	world_settle(&stage.world);
}

void stage_flip(void)
{
	stage_flip_after(1);
}

void stage_trust(int i, int k)
{
	for (int n = 0; n < TRUSTED + 2; n++) {
		stage_commit(i);
		stage_draw(k);
		stage_flip();
		ck_assert_int_eq(stage.answered[i], stage.drawn[i]);
	}
	ck_assert(!fake_screen_flipping());
}

void stage_check_waits_until(int i, uint64_t ms)
{
	stage_draw(i);
	ck_assert(stage_output()->pace.waiting);
	stage_advance(ms - 1);
	ck_assert(!fake_screen_flipping());
	stage_advance(1);
	ck_assert(fake_screen_flipping());
}

void stage_finish(void)
{
	stage_advance(1000);
	if (fake_screen_flipping())
		fake_screen_flip(0, true);
	world_settle(&stage.world);
	world_finish(&stage.world);
	fake_sync_finish();
}
