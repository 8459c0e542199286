/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "fake/libdrm.h"
#include "kms/restore.h"
#include "kms/writeback.h"
#include "kms_world.h"

TEST(first_commit_sets_everything)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	/* one without events for all there is, one with */
	ck_assert_int_eq(fake_drm_commits(), 2);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "ACTIVE"), 1);
	ck_assert_uint_eq(fake_drm_value(FAKE_CONNECTOR, "CRTC_ID"), FAKE_CRTC);
	ck_assert_uint_eq(fake_drm_value(FAKE_WRITEBACK, "CRTC_ID"), FAKE_CRTC);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "CRTC_ID"), FAKE_CRTC);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "SRC_W"), 1024 << 16);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "CRTC_H"), 768);
	ck_assert_uint_eq(fake_drm_value(FAKE_OVERLAY, "FB_ID"), 0);
	ck_assert_uint_eq(world.last.time_ns, UINT64_C(5000001000));
	ck_assert_uint_eq(world.last.sequence, 1);
	world_close(&world);
}

TEST(later_commits_name_what_changes_and_every_fence)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	struct waybuf_kms_state *state = world_propose(&world);
	struct waybuf_kms_fb *fb = world_fb(&world);
	world_put(state, &world, world.rich, fb);
	waybuf_kms_fb_unref(fb);
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert(fake_drm_named(FAKE_RICH, "FB_ID"));
	ck_assert(!fake_drm_named(FAKE_PRIMARY, "FB_ID"));
	ck_assert(fake_drm_named(FAKE_PRIMARY, "IN_FENCE_FD"));
	ck_assert(!fake_drm_named(FAKE_OVERLAY, "IN_FENCE_FD"));
	ck_assert(!fake_drm_named(FAKE_CRTC, "MODE_ID"));
	ck_assert(!fake_drm_named(FAKE_CONNECTOR, "CRTC_ID"));
	ck_assert(!(fake_drm_last_flags() & DRM_MODE_ATOMIC_ALLOW_MODESET));
	/* nobody asked for these: what the plane had at first, and opaque */
	ck_assert_uint_eq(fake_drm_value(FAKE_RICH, "zpos"), 2);
	ck_assert_uint_eq(fake_drm_value(FAKE_RICH, "alpha"), 0xffff);
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	world_close(&world);
}

/* What it has stays its own: the mode, the connectors and the planes. */
TEST(asleep_and_awake)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	const uint64_t mode = fake_drm_value(FAKE_CRTC, "MODE_ID");
	const uint64_t fb = fake_drm_value(FAKE_PRIMARY, "FB_ID");
	struct waybuf_kms_state *state = world_propose(&world);
	waybuf_kms_state_set_active(state, world.crtc, false);
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "ACTIVE"), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "MODE_ID"), mode);
	ck_assert_uint_eq(fake_drm_value(FAKE_CONNECTOR, "CRTC_ID"), FAKE_CRTC);
	ck_assert_uint_eq(fake_drm_value(FAKE_WRITEBACK, "CRTC_ID"), FAKE_CRTC);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "FB_ID"), fb);
	ck_assert(!fake_drm_named(FAKE_PRIMARY, "FB_ID"));
	ck_assert(fake_drm_last_flags() & DRM_MODE_ATOMIC_ALLOW_MODESET);
	/* there is no event for what is asleep and stays so */
	state = world_propose(&world);
	waybuf_kms_state_touch(state, world.crtc);
	ck_assert_int_eq(world_commit(&world, state), -EINVAL);
	state = world_propose(&world);
	waybuf_kms_state_set_active(state, world.crtc, true);
	ck_assert_int_eq(waybuf_kms_state_test(state, NULL), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "ACTIVE"), 0);
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "ACTIVE"), 1);
	ck_assert(!fake_drm_named(FAKE_CRTC, "MODE_ID"));
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.flips, 1);
	world_close(&world);
}

/* Somebody else had the display: what sets all of it does not wake it. */
TEST(asleep_when_all_is_set_anew)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	for (int i = 0; i < 2; i++) {
		waybuf_kms_device_invalidate(world.device);
		struct waybuf_kms_state *state = world_propose(&world);
		waybuf_kms_state_set_active(state, world.crtc, false);
		ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), 0);
		ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "ACTIVE"), 0);
		ck_assert(world.device->known);
	}
	world_close(&world);
}

/* A question about planes is answered as if it were awake, in its own mode. */
TEST(asleep_and_probed)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	struct waybuf_kms_state *state = world_propose(&world);
	waybuf_kms_state_set_active(state, world.crtc, false);
	ck_assert_int_eq(waybuf_kms_state_commit(state, NULL, NULL, NULL), 0);
	struct waybuf_layout layout = world_layout();
	ck_assert_int_eq(
		waybuf_kms_probe(world.device, world.rich, world.crtc, &layout, NULL, NULL), 0);
	ck_assert(!fake_drm_named(FAKE_CRTC, "MODE_ID"));
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "ACTIVE"), 0);
	close(layout.memory[0].fd);
	world_close(&world);
}

TEST(damage_is_for_one_commit)
{
	static const struct drm_mode_rect rects[] = {{1, 2, 30, 40}, {50, 60, 70, 80}};
	const struct drm_mode_rect *told;
	struct world world;
	world_open(&world);
	world_light(&world);
	struct waybuf_kms_fb *fb = world_fb(&world);
	struct waybuf_kms_state *state = world_propose(&world);
	world_put(state, &world, world.primary, fb);
	waybuf_kms_state_set_damage(state, world.primary, rects, 1);
	/* what was said last holds, and another picture needs another one */
	waybuf_kms_state_set_damage(state, world.primary, rects, 2);
	/* a plane that makes nothing of it */
	waybuf_kms_state_set_damage(state, world.rich, rects, 2);
	ck_assert_int_eq(waybuf_kms_state_test(state, NULL), 0);
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert_uint_eq(fake_drm_damage(&told), 2);
	ck_assert_mem_eq(told, rects, sizeof(rects));
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	state = world_propose(&world);
	world_put(state, &world, world.primary, fb);
	waybuf_kms_state_set_damage(state, world.primary, rects, 1);
	world_put(state, &world, world.primary, fb);
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert(fake_drm_named(FAKE_PRIMARY, "FB_ID"));
	ck_assert(!fake_drm_named(FAKE_PRIMARY, "FB_DAMAGE_CLIPS"));
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	/* one that comes to nothing leaves none */
	state = world_propose(&world);
	world_put(state, &world, world.primary, fb);
	waybuf_kms_state_set_damage(state, world.primary, rects, 1);
	waybuf_kms_state_destroy(state);
	waybuf_kms_fb_unref(fb);
	world_close(&world);
}

TEST(a_state_is_the_callers_until_it_is_committed)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	struct waybuf_kms_state *before = world.device->current;
	struct waybuf_kms_state *state = world_propose(&world);
	struct waybuf_kms_fb *fb = world_fb(&world);
	world_put(state, &world, world.primary, fb);
	uint64_t shown = fake_drm_value(FAKE_PRIMARY, "FB_ID");
	fake_drm_fail(FAKE_COMMIT, 0, -EINVAL, false);
	struct waybuf_kms_why why = {0};
	ck_assert_int_eq(waybuf_kms_state_test(state, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why.text, "fake refuses"));
	fake_drm_fail(FAKE_COMMIT, 0, -EBUSY, false);
	struct waybuf_kms_commit_options options = {.listener = &world_listener, .data = &world};
	ck_assert_int_eq(waybuf_kms_state_commit(state, &options, NULL, &why), -EBUSY);
	ck_assert(!waybuf_kms_crtc_busy(world.crtc));
	ck_assert_ptr_eq(world.device->current, before);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "FB_ID"), shown);
	/* the very same state, again */
	ck_assert_int_eq(waybuf_kms_state_commit(state, &options, NULL, &why), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "FB_ID"), fb->id);
	waybuf_kms_fb_unref(fb);
	ck_assert_int_eq(fake_drm_open_framebuffers(), 1);
	world_close(&world);
}

TEST(busy_costs_no_ioctl)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	struct waybuf_kms_state *state = world_propose(&world);
	waybuf_kms_state_touch(state, world.crtc);
	ck_assert_int_eq(world_commit(&world, state), 0);
	int commits = fake_drm_commits();
	state = world_propose(&world);
	waybuf_kms_state_touch(state, world.crtc);
	ck_assert_int_eq(world_commit(&world, state), -EBUSY);
	ck_assert_int_eq(fake_drm_commits(), commits);
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.flips, 1);
	state = world_propose(&world);
	waybuf_kms_state_touch(state, world.crtc);
	ck_assert_int_eq(world_commit(&world, state), 0);
	world_close(&world);
}

TEST(a_commit_of_nothing_does_nothing)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	int commits = fake_drm_commits();
	ck_assert_int_eq(world_commit(&world, world_propose(&world)), 0);
	ck_assert_int_eq(fake_drm_commits(), commits);
	ck_assert(!waybuf_kms_crtc_busy(world.crtc));
	world_close(&world);
}

TEST(a_failed_first_commit_leaves_the_display_unknown)
{
	struct world world;
	world_open(&world);
	struct waybuf_kms_state *state = world_propose(&world);
	ck_assert_int_eq(
		waybuf_kms_state_enable(state, world.connector, world.crtc, NULL, NULL), 0);
	/* the blocking one passes, the one with the event does not */
	fake_drm_fail(FAKE_COMMIT, 1, -EINVAL, false);
	ck_assert_int_eq(world_commit(&world, state), -EINVAL);
	ck_assert(!world.device->known);
	int commits = fake_drm_commits();
	world_light(&world);
	ck_assert_int_eq(fake_drm_commits(), commits + 2);
	world_close(&world);
}

/* What fails is not seen, or its owner would draw into what is on the screen. */
TEST(a_commit_that_fails_shows_nothing_though_the_display_was_unknown)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	uint64_t shown = fake_drm_value(FAKE_PRIMARY, "FB_ID");
	waybuf_kms_device_invalidate(world.device);
	struct waybuf_kms_state *state = world_propose(&world);
	struct waybuf_kms_fb *fb = world_fb(&world);
	world_put(state, &world, world.primary, fb);
	world_put(state, &world, world.overlay, fb);
	/* all was set, and then the commit itself is refused */
	fake_drm_fail(FAKE_COMMIT, 1, -EINVAL, false);
	ck_assert_int_eq(world_commit(&world, state), -EINVAL);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "FB_ID"), shown);
	ck_assert_uint_eq(fake_drm_value(FAKE_OVERLAY, "FB_ID"), 0);
	state = world_propose(&world);
	world_put(state, &world, world.primary, fb);
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "FB_ID"), fb->id);
	waybuf_kms_fb_unref(fb);
	world_close(&world);
}

TEST(a_modeset_that_fails_is_taken_back)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	uint64_t shown = fake_drm_value(FAKE_PRIMARY, "FB_ID");
	waybuf_kms_device_invalidate(world.device);
	struct waybuf_kms_state *state = world_propose(&world);
	struct waybuf_kms_fb *fb = world_fb(&world);
	ck_assert_int_eq(waybuf_kms_state_enable(state, world.connector, world.crtc,
				 &world.connector->modes[0], NULL),
		0);
	world_put(state, &world, world.rich, fb);
	waybuf_kms_fb_unref(fb);
	fake_drm_fail(FAKE_COMMIT, 1, -EBUSY, false);
	ck_assert_int_eq(world_commit(&world, state), -EBUSY);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "FB_ID"), shown);
	ck_assert_uint_eq(fake_drm_value(FAKE_RICH, "FB_ID"), 0);
	world_close(&world);
}

TEST(foreign_and_broken_events_are_ignored)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	struct waybuf_kms_state *state = world_propose(&world);
	waybuf_kms_state_touch(state, world.crtc);
	ck_assert_int_eq(world_commit(&world, state), 0);
	struct drm_event_vblank event = {.base = {DRM_EVENT_FLIP_COMPLETE, sizeof(event)},
		.user_data = 4711,
		.crtc_id = 100};
	fake_drm_send(&event, sizeof(event));
	waybuf_loop_dispatch(world.loop, 100);
	event.crtc_id = 4711;
	fake_drm_send(&event, sizeof(event));
	waybuf_loop_dispatch(world.loop, 100);
	event.base.length = 0;
	fake_drm_send(&event, sizeof(event));
	waybuf_loop_dispatch(world.loop, 100);
	event.base.length = 4000;
	fake_drm_send(&event, sizeof(event));
	waybuf_loop_dispatch(world.loop, 100);
	fake_drm_send(&event, 5);
	waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.flips, 0);
	ck_assert(waybuf_kms_crtc_busy(world.crtc));
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.flips, 1);
	world_close(&world);
}

TEST(a_flip_that_was_given_up_is_nobodys)
{
	struct world world;
	world_open(&world);
	world_light(&world);
	ck_assert(!waybuf_kms_flip_pending(world.crtc));
	waybuf_kms_flip_forget(world.crtc);
	struct waybuf_kms_state *state = world_propose(&world);
	waybuf_kms_state_touch(state, world.crtc);
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert(waybuf_kms_flip_pending(world.crtc));
	waybuf_kms_flip_forget(world.crtc);
	ck_assert(!waybuf_kms_crtc_busy(world.crtc));
	/* the kernel thinks otherwise, and says so */
	state = world_propose(&world);
	waybuf_kms_state_touch(state, world.crtc);
	ck_assert_int_eq(world_commit(&world, state), -EBUSY);
	/* the late event wakes nobody, and the next commit's own event does */
	fake_drm_vblank();
	state = world_propose(&world);
	waybuf_kms_state_touch(state, world.crtc);
	ck_assert_int_eq(world_commit(&world, state), 0);
	waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.flips, 0);
	ck_assert(waybuf_kms_flip_pending(world.crtc));
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	ck_assert_int_eq(world.flips, 1);
	world_close(&world);
}

TEST(framebuffer_failures_leave_no_handle)
{
	struct world world;
	struct waybuf_kms_fb *fb;
	struct waybuf_kms_why why = {0};
	enum waybuf_kms_refusal refusal;
	world_open(&world);
	struct waybuf_layout layout = world_layout();
	layout.format = DRM_FORMAT_NV12;
	layout.n_planes = layout.n_memory = 2;
	layout.planes[0].stride = 1024;
	layout.planes[1] = (struct waybuf_plane){.slot = 1, .stride = 1024, .rows = 384};
	layout.memory[1] = layout.memory[0];
	layout.memory[1].fd = memfd_create("chroma", MFD_CLOEXEC);

	fake_drm_fail(FAKE_PRIME, 1, -EINVAL, false);
	ck_assert_int_eq(waybuf_kms_fb_create(world.device, &layout, &fb, &refusal, &why), -EINVAL);
	ck_assert_int_eq(refusal, WAYBUF_KMS_UNREACHABLE);
	ck_assert_int_eq(fake_drm_open_handles(), 0);
	fake_drm_fail(FAKE_PRIME, 0, -EMFILE, false);
	ck_assert_int_eq(waybuf_kms_fb_create(world.device, &layout, &fb, &refusal, &why), -EMFILE);
	ck_assert_int_eq(refusal, WAYBUF_KMS_EXHAUSTED);
	fake_drm_fail(FAKE_ADDFB, 0, -EINVAL, false);
	ck_assert_int_eq(waybuf_kms_fb_create(world.device, &layout, &fb, &refusal, &why), -EINVAL);
	ck_assert_int_eq(refusal, WAYBUF_KMS_BAD_PITCH);
	ck_assert_int_eq(fake_drm_open_handles(), 0);

	/* both planes in one dma-buf is one handle, imported twice and closed once */
	close(layout.memory[1].fd);
	layout.memory[1].fd = dup(layout.memory[0].fd);
	ck_assert_int_eq(waybuf_kms_fb_create(world.device, &layout, &fb, &refusal, &why), 0);
	waybuf_kms_fb_unref(fb);
	close(layout.memory[0].fd);
	close(layout.memory[1].fd);
	world_close(&world);
}

TEST(old_kernels_remove_framebuffers_the_old_way)
{
	struct world world;
	world_open(&world);
	fake_drm_fail(FAKE_CLOSEFB, 0, -EINVAL, true);
	waybuf_kms_fb_unref(world_fb(&world));
	ck_assert_int_eq(fake_drm_removed(), 1);
	ck_assert_int_eq(fake_drm_open_framebuffers(), 0);
	world_close(&world);
}

TEST(handles_are_counted_per_file)
{
	struct waybuf_gem_handles *table, *same;
	uint32_t a, b;
	int fd = fake_drm_open();
	ck_assert_int_eq(waybuf_gem_handles_create(fd, &table), 0);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_eq(waybuf_gem_handles_create(copy, &same), 0);
	ck_assert_ptr_eq(table, same);
	waybuf_gem_handles_unref(same);
	close(copy);
	int memory = memfd_create("a", MFD_CLOEXEC);
	ck_assert_int_eq(waybuf_gem_handles_import(table, memory, &a), 0);
	ck_assert_int_eq(waybuf_gem_handles_import(table, memory, &b), 0);
	ck_assert_uint_eq(a, b);
	ck_assert_uint_eq(waybuf_gem_handles_count(table), 1);
	waybuf_gem_handles_drop(table, a);
	ck_assert_int_eq(fake_drm_open_handles(), 1);
	waybuf_gem_handles_drop(table, a);
	ck_assert_int_eq(fake_drm_open_handles(), 0);
	waybuf_gem_handles_drop(table, 0);
	/* a lent one is its owner's to close */
	ck_assert_int_eq(drmPrimeFDToHandle(fd, memory, &a), 0);
	ck_assert_int_eq(waybuf_gem_handles_lend(table, a), 0);
	ck_assert_int_eq(waybuf_gem_handles_import(table, memory, &b), 0);
	waybuf_gem_handles_drop(table, b);
	waybuf_gem_handles_drop(table, a);
	ck_assert_int_eq(fake_drm_open_handles(), 1);
	ck_assert_int_eq(drmCloseBufferHandle(fd, a), 0);
	/* and the last reference to the table closes what is left */
	ck_assert_int_eq(waybuf_gem_handles_import(table, memory, &a), 0);
	waybuf_gem_handles_unref(table);
	ck_assert_int_eq(fake_drm_open_handles(), 0);
	close(memory);
	close(fd);
	fake_drm_finish();
}

TEST(layers_do_not_inherit_and_bad_ones_are_refused)
{
	struct world world;
	struct waybuf_kms_layer layer;
	world_open(&world);
	world_light(&world);
	struct waybuf_kms_fb *fb = world_fb(&world);
	struct waybuf_kms_state *state = world_propose(&world);
	waybuf_kms_layer_init(&layer, fb);
	layer.alpha = 0x4000;
	layer.has_zpos = true;
	layer.zpos = 7;
	layer.x = -10;
	ck_assert_int_eq(
		waybuf_kms_state_set_plane(state, world.rich, world.crtc, &layer, NULL), 0);
	ck_assert_int_eq(waybuf_kms_state_set_plane(state, world.overlay, world.crtc, &layer, NULL),
		-EOPNOTSUPP);
	layer.zpos = 8;
	ck_assert_int_eq(waybuf_kms_state_set_plane(state, world.rich, world.crtc, &layer, NULL),
		-EOPNOTSUPP);
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_RICH, "alpha"), 0x4000);
	ck_assert_uint_eq(fake_drm_value(FAKE_RICH, "zpos"), 7);
	ck_assert_int_eq((int64_t)fake_drm_value(FAKE_RICH, "CRTC_X"), -10);
	fake_drm_vblank();
	waybuf_loop_dispatch(world.loop, 100);
	state = world_propose(&world);
	world_put(state, &world, world.rich, fb);
	ck_assert_int_eq(world_commit(&world, state), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_RICH, "alpha"), 0xffff);
	ck_assert_uint_eq(fake_drm_value(FAKE_RICH, "zpos"), 2);
	waybuf_kms_fb_unref(fb);
	world_close(&world);
}

TEST(restore_puts_back_what_differs)
{
	struct world world;
	struct waybuf_kms_restore *restore;
	world_open(&world);
	ck_assert_int_eq(waybuf_kms_restore_save(world.device, &restore), 0);
	ck_assert_int_eq(waybuf_kms_restore_apply(restore, NULL), 0);
	ck_assert(!fake_drm_named(FAKE_CRTC, "ACTIVE"));
	world_light(&world);
	ck_assert_int_eq(waybuf_kms_restore_apply(restore, NULL), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "ACTIVE"), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "MODE_ID"), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_CONNECTOR, "CRTC_ID"), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "FB_ID"), 0);
	ck_assert(!fake_drm_named(FAKE_OVERLAY, "FB_ID"));
	/* refused as a whole, it goes back as far as it can */
	world_light(&world);
	fake_drm_fail(FAKE_COMMIT, 0, -EINVAL, false);
	ck_assert_int_eq(waybuf_kms_restore_apply(restore, NULL), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_CRTC, "ACTIVE"), 0);
	/* not ours any more: nothing is tried a second time */
	struct waybuf_kms_why why = {0};
	world_light(&world);
	int commits = fake_drm_commits();
	fake_drm_fail(FAKE_COMMIT, 0, -EACCES, false);
	ck_assert_int_eq(waybuf_kms_restore_apply(restore, &why), -EACCES);
	ck_assert_int_eq(fake_drm_commits(), commits);
	ck_assert_ptr_nonnull(strstr(why.text, "could not be restored"));
	waybuf_kms_restore_destroy(restore);
	world_close(&world);
}

TEST(restore_gives_fences_to_what_others_showed)
{
	struct world world;
	struct waybuf_kms_restore *restore;
	world_open(&world);
	world_light(&world);
	/* as if somebody else had: the fake aborts if a plane comes back without a fence */
	uint64_t shown = fake_drm_value(FAKE_PRIMARY, "FB_ID");
	struct waybuf_kms_fb *keep = waybuf_kms_fb_ref(world.device->current->planes[0].layer.fb);
	ck_assert_int_eq(waybuf_kms_restore_save(world.device, &restore), 0);
	world_light(&world);
	ck_assert_uint_ne(fake_drm_value(FAKE_PRIMARY, "FB_ID"), shown);
	ck_assert_int_eq(waybuf_kms_restore_apply(restore, NULL), 0);
	ck_assert_uint_eq(fake_drm_value(FAKE_PRIMARY, "FB_ID"), shown);
	waybuf_kms_restore_destroy(restore);
	waybuf_kms_fb_unref(keep);
	world_close(&world);
}

TEST(probe_remembers_only_what_lasts)
{
	struct world world;
	enum waybuf_kms_refusal refusal;
	world_open(&world);
	world_light(&world);
	struct waybuf_layout layout = world_layout();
	fake_drm_fail(FAKE_ADDFB, 0, -ENOMEM, false);
	ck_assert_int_eq(
		waybuf_kms_probe(world.device, world.overlay, world.crtc, &layout, &refusal, NULL),
		-ENOMEM);
	ck_assert_int_eq(refusal, WAYBUF_KMS_EXHAUSTED);
	int tests = fake_drm_tests();
	ck_assert_int_eq(
		waybuf_kms_probe(world.device, world.overlay, world.crtc, &layout, &refusal, NULL),
		0);
	ck_assert_int_eq(fake_drm_tests(), tests + 1);
	ck_assert_int_eq(
		waybuf_kms_probe(world.device, world.overlay, world.crtc, &layout, &refusal, NULL),
		0);
	ck_assert_int_eq(fake_drm_tests(), tests + 1);
	/* another plane is another question; its refusal lasts */
	fake_drm_fail(FAKE_COMMIT, 0, -EINVAL, false);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(waybuf_kms_probe(world.device, world.rich, world.crtc, &layout,
					 &refusal, NULL),
			-EINVAL);
		ck_assert_int_eq(refusal, WAYBUF_KMS_BAD_STATE);
	}
	ck_assert_uint_eq(fake_drm_value(FAKE_OVERLAY, "FB_ID"), 0);
	/* a client's own memory spoils nothing for the next client */
	layout.exporter = "foreign";
	fake_drm_fail(FAKE_PRIME, 0, -EINVAL, false);
	ck_assert_int_eq(
		waybuf_kms_probe(world.device, world.overlay, world.crtc, &layout, &refusal, NULL),
		-EINVAL);
	ck_assert_int_eq(refusal, WAYBUF_KMS_UNREACHABLE);
	ck_assert_int_eq(
		waybuf_kms_probe(world.device, world.overlay, world.crtc, &layout, &refusal, NULL),
		0);
	close(layout.memory[0].fd);
	world_close(&world);
}

TEST_MAIN("kms-commit")
