/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "fake/libdrm.h"
#include "fake/screen.h"
#include "fake/udmabuf.h"
#include "fake/worker.h"
#include "shm_stage.h"
#include "util/fd.h"

/* wl_shm on planes: which buffers get there, and how they end. */

/* ---- what goes on planes --------------------------------------------------------------------- */

static const char not_in_turn[] = "its memory is wl_shm, not used in turn with another buffer";

TEST(used_in_turn)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	stage_check_composed(&s, not_in_turn);
	stage_show(&s, "0");
	stage_check_composed(&s, "its memory is wl_shm that is being wrapped for the display");
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	ck_assert_uint_eq(fake_udmabuf.size, STAGE_POOL);
	stage_show(&s, "1");
	stage_check_direct(&s);
	int framebuffers = fake_drm_open_framebuffers();
	stage_show(&s, "0");
	stage_check_direct(&s);
	ck_assert_int_eq(fake_drm_open_framebuffers(), framebuffers + 1);
	stage_show(&s, "10101");
	stage_check_direct(&s);
	/* once for all buffers, and for ever */
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	ck_assert_int_eq(fake_drm_open_framebuffers(), framebuffers + 1);
	stage_end(&s);
}

TEST(released_after_the_flip)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01010");
	stage_check_direct(&s);
	stage_commit(&s, 1);
	ck_assert(s.buffers[0].busy && s.buffers[1].busy);
	stage_flip(&s);
	ck_assert(!s.buffers[0].busy && s.buffers[1].busy);
	stage_end(&s);
}

TEST(one_buffer)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "0000000");
	stage_check_composed(&s, not_in_turn);
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	/* two for a while, and back to one, which is drawn into while it is shown */
	stage_show(&s, "1010101");
	stage_check_direct(&s);
	stage_show(&s, "1");
	stage_check_composed(&s, not_in_turn);
	stage_show(&s, "01");
	stage_check_direct(&s);
	stage_end(&s);
}

TEST(another_buffer_each_time)
{
	struct stage s;
	stage_begin(&s);
	for (int i = 0; i < 8; i++) {
		if (s.buffers[i % 2].proxy)
			wl_buffer_destroy(s.buffers[i % 2].proxy);
		stage_add_buffer(&s, i % 2, i % 2 * STAGE_IMAGE, WL_SHM_FORMAT_XRGB8888);
		stage_commit(&s, i % 2);
		stage_flip(&s);
		stage_check_composed(&s, not_in_turn);
	}
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	stage_end(&s);
}

TEST(nothing_between_two_commits)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01");
	/* not shown by now: the surface has come back to it from nothing */
	wl_surface_attach(s.world.windows[WORLD_IMPLICIT].surface, NULL, 0, 0);
	wl_surface_commit(s.world.windows[WORLD_IMPLICIT].surface);
	wl_surface_commit(s.world.windows[WORLD_IMPLICIT].surface);
	stage_flip(&s);
	stage_show(&s, "1");
	stage_check_composed(&s, not_in_turn);
	stage_end(&s);
}

/* ---- the ledger, and ends in any order ------------------------------------------------------- */

TEST(accounted)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01");
	struct waybuf_account *ours = waybuf_account_ref(stage_account(&s));
	uint32_t fds = waybuf_account_used(ours, WAYBUF_RESOURCE_FDS);
	ck_assert_uint_eq(waybuf_account_bytes(ours), 0);
	stage_show(&s, "01");
	ck_assert_uint_eq(waybuf_account_bytes(ours), STAGE_POOL);
	ck_assert_uint_eq(waybuf_account_used(ours, WAYBUF_RESOURCE_FDS), fds + 1);
	stage_close_pool(&s);
	stage_flip(&s);
	/* what is on the screen is there, and paid for */
	stage_check_direct(&s);
	ck_assert_uint_eq(waybuf_account_bytes(ours), STAGE_POOL);
	wl_surface_attach(s.world.windows[WORLD_IMPLICIT].surface, NULL, 0, 0);
	wl_surface_commit(s.world.windows[WORLD_IMPLICIT].surface);
	stage_flip(&s);
	stage_flip(&s);
	ck_assert_uint_eq(waybuf_account_bytes(ours), 0);
	ck_assert_uint_eq(waybuf_account_used(ours, WAYBUF_RESOURCE_FDS), fds - 1);
	waybuf_account_unref(ours);
	stage_end(&s);
}

TEST(pool_that_grows)
{
	struct stage s;
	stage_begin_with(&s, stage_make_file(STAGE_POOL, F_SEAL_SHRINK));
	stage_show(&s, "01010");
	stage_check_direct(&s);
	ck_assert_int_eq(ftruncate(s.fd, 2 * STAGE_POOL), 0);
	wl_shm_pool_resize(s.pool, 2 * STAGE_POOL);
	wl_buffer_destroy(s.buffers[2].proxy);
	stage_add_buffer(&s, 2, STAGE_POOL, WL_SHM_FORMAT_XRGB8888);
	stage_show(&s, "12121");
	stage_check_direct(&s);
	/* the file has changed, so the old one is wrapped anew, and the new one is twice as large */
	stage_show(&s, "0");
	stage_check_direct(&s);
	ck_assert_int_eq(fake_udmabuf.wraps, 3);
	ck_assert_uint_eq(waybuf_account_bytes(stage_account(&s)), 3 * STAGE_POOL);
	stage_end(&s);
}

TEST(pool_destroyed_first)
{
	struct stage s;
	stage_begin(&s);
	wl_shm_pool_destroy(s.pool);
	s.pool = NULL;
	fd_close(&s.fd);
	stage_show(&s, "010101");
	stage_check_direct(&s);
	stage_end(&s);
}

TEST(destroyed_while_it_is_wrapped)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01");
	fake_worker_hold(true);
	stage_commit(&s, 0);
	stage_close_pool(&s);
	world_kill_client(&s.world);
	stage_flip(&s);
	fake_worker_hold(false);
	stage_flip(&s);
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	stage_end(&s);
}

TEST(client_killed_on_the_screen)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01010");
	stage_check_direct(&s);
	for (int i = 0; i < STAGE_BUFFERS; i++) {
		wl_proxy_destroy((struct wl_proxy *)s.buffers[i].proxy);
		s.buffers[i].proxy = NULL;
	}
	wl_proxy_destroy((struct wl_proxy *)s.pool);
	s.pool = NULL;
	world_kill_client(&s.world);
	world_settle(&s.world);
	ck_assert(fake_screen_shows(s.memory));
	stage_flip(&s);
	ck_assert(!fake_screen_shows(s.memory));
	stage_end(&s);
}

TEST(daemon_ends_in_the_middle)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01010");
	fake_worker_hold(true);
	stage_incoherent = true;
	stage_commit(&s, 1);
	world_shut_down(&s.world);
	stage_end(&s);
}

/* ---- caches ---------------------------------------------------------------------------------- */

TEST(flushed_for_the_display)
{
	struct stage s;
	stage_begin(&s);
	stage_incoherent = true;
	int before = fake_machine_flushes();
	stage_show(&s, "010");
	ck_assert_int_eq(fake_machine_flushes(), before);
	stage_show(&s, "101");
	stage_check_direct(&s);
	ck_assert_int_eq(fake_machine_flushes(), before + 3);
	/* not shown before that is over */
	fake_worker_hold(true);
	stage_commit(&s, 0);
	ck_assert(!fake_screen_flipping());
	fake_worker_hold(false);
	world_settle(&s.world);
	ck_assert(fake_screen_flipping());
	stage_flip(&s);
	stage_check_direct(&s);
	stage_end(&s);
}

TEST(cannot_be_flushed)
{
	struct stage s;
	stage_begin(&s);
	stage_incoherent = true;
	stage_show(&s, "0101");
	stage_check_direct(&s);
	fake_machine_fail_flush(-EINVAL);
	stage_show(&s, "0");
	stage_check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	stage_show(&s, "101");
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	stage_end(&s);
}

TEST(flush_cannot_begin)
{
	struct stage s;
	stage_begin(&s);
	stage_incoherent = true;
	stage_show(&s, "0101");
	stage_check_direct(&s);
	fake_worker_refuse(-EAGAIN);
	stage_show(&s, "0");
	stage_check_composed(&s, "its memory is wl_shm, and was not flushed for the display");
	stage_show(&s, "1");
	stage_check_direct(&s);
	stage_show(&s, "0");
	stage_check_direct(&s);
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	stage_end(&s);
}

TEST_MAIN("daemon-shm")
