/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fake/libdrm.h"
#include "fake/udmabuf.h"
#include "frame.h"
#include "outputs.h"
#include "shm_plane.h"
#include "shm_stage.h"

/* wl_shm that planes do not show, or not any more, and what is said of it. */

/* as shm_plane.c has it */
enum { MOST_WRAPS = 16, WORTH = 60, PAUSE = 60 };

/* ---- files ----------------------------------------------------------------------------------- */

static void check_never_wrapped(int fd, const char *why)
{
	struct stage s;
	int before = fcntl(fd, F_GET_SEALS);
	stage_begin_with(&s, fd);
	stage_show(&s, "0101010");
	stage_check_composed(&s, why);
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	ck_assert_int_eq(fcntl(s.fd, F_GET_SEALS), before);
	stage_end(&s);
}

TEST(not_sealed)
{
	check_never_wrapped(stage_make_file(STAGE_POOL, F_SEAL_GROW),
		"its memory is wl_shm that is not sealed against shrinking");
}

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

TEST(sealed_against_writing)
{
	check_never_wrapped(stage_make_file(STAGE_POOL, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE),
		"its memory is wl_shm that is sealed against writing");
}

TEST(no_memfd)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		SKIP("no O_TMPFILE in /tmp");
	ck_assert_int_eq(ftruncate(fd, STAGE_POOL), 0);
	/* of tmpfs, it answers as a memfd that nobody can seal */
	check_never_wrapped(fd,
		fcntl(fd, F_GET_SEALS) < 0
			? "its memory is wl_shm, and no memfd"
			: "its memory is wl_shm that is not sealed against shrinking");
}

TEST(seals_stay)
{
	struct stage s;
	stage_begin_with(&s, stage_make_file(STAGE_POOL, F_SEAL_SHRINK));
	stage_show(&s, "01010");
	stage_check_direct(&s);
	ck_assert_int_eq(fcntl(s.fd, F_GET_SEALS), F_SEAL_SHRINK);
	stage_end(&s);
}

TEST(smaller_than_the_pool)
{
	struct stage s;
	stage_begin_with(&s, stage_make_file(STAGE_BUFFERS * STAGE_IMAGE, STAGE_SEALS));
	stage_show(&s, "0101");
	stage_check_composed(&s, "its memory is wl_shm, and its file is smaller than the pool");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	stage_end(&s);
}

TEST(ends_within_a_page)
{
	struct stage s;
	stage_begin(&s);
	stage_close_pool(&s);
	stage_open_pool(&s, stage_make_file(STAGE_POOL - 4, STAGE_SEALS), STAGE_POOL - 4);
	stage_show(&s, "0101");
	stage_check_composed(&s, "its memory is wl_shm, and its file ends within a page");
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	stage_close_pool(&s);
	/* what a client uses of it may end anywhere */
	stage_open_pool(&s, stage_make_file(STAGE_POOL, STAGE_SEALS), STAGE_POOL - 4);
	stage_show(&s, "0101");
	stage_check_direct(&s);
	stage_end(&s);
}

TEST(larger_than_can_be_wrapped)
{
	struct stage s;
	stage_begin(&s);
	stage_close_pool(&s);
	stage_open_pool(&s, stage_make_file(FAKE_UDMABUF_LIMIT + STAGE_IMAGE, STAGE_SEALS),
		FAKE_UDMABUF_LIMIT + STAGE_IMAGE);
	stage_show(&s, "0101");
	stage_check_composed(&s, "its memory is wl_shm, in a larger pool than can be wrapped");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	stage_end(&s);
}

/* Other pages are in the file, and the display would go on with the old ones. */
static void punch(struct stage *stage)
{
	usleep(20000); /* the clock that the kernel takes for files has ticks */
	ck_assert_int_eq(
		fallocate(stage->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
}

TEST(hole_in_the_file)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01010");
	stage_check_direct(&s);
	for (int wraps = 2; wraps <= MOST_WRAPS; wraps++) {
		punch(&s);
		stage_show(&s, "1");
		stage_check_composed(
			&s, "its memory is wl_shm that is being wrapped for the display");
		ck_assert_int_eq(fake_udmabuf.wraps, wraps);
		stage_show(&s, "010");
		stage_check_direct(&s);
	}
	punch(&s);
	stage_show(&s, "1010");
	stage_check_composed(&s, "its memory is wl_shm, and was wrapped too often in vain");
	ck_assert_int_eq(fake_udmabuf.wraps, MOST_WRAPS);
	stage_end(&s);
}

TEST(hole_now_and_then)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01010");
	for (int wraps = 2; wraps <= MOST_WRAPS + 4; wraps++) {
		punch(&s);
		for (int i = 0; i < WORTH / 2 + 2; i++)
			stage_show(&s, "10");
		stage_check_direct(&s);
		ck_assert_int_eq(fake_udmabuf.wraps, wraps);
	}
	stage_end(&s);
}

/* An output that composes meanwhile has borrowed what it will commit. */
TEST(framebuffer_stays_with_its_frame)
{
	struct stage s;
	struct waybuf_kms_fb *fb = NULL, *again = NULL;
	struct waybuf_kms_why why;
	stage_begin(&s);
	stage_show(&s, "01010");
	stage_check_direct(&s);
	const struct output *output = outputs_first(&s.world.daemon);
	struct frame *frame = frame_read(stage_find_surface(&s)->current.frame);
	ck_assert_ptr_null(shm_plane_refusal(frame, output, &fb, &why));
	uint32_t id = fb->id;
	punch(&s);
	stage_show(&s, "1212");
	stage_check_direct(&s);
	ck_assert_int_eq(fake_udmabuf.wraps, 2);
	/* the window goes to another output */
	ck_assert_ptr_null(shm_plane_refusal(frame, output, &again, &why));
	ck_assert_ptr_eq(again, fb);
	ck_assert_uint_eq(fb->id, id);
	frame_drop(frame);
	world_settle(&s.world);
	ck_assert(!s.buffers[0].busy);
	stage_end(&s);
}

/* ---- what cannot be had ---------------------------------------------------------------------- */

TEST(no_udmabuf)
{
	struct stage s;
	fake_udmabuf.absent = true;
	stage_begin(&s);
	stage_show(&s, "01010");
	stage_check_composed(&s, "its memory is wl_shm, and there is no udmabuf to wrap it");
	stage_end(&s);
}

TEST(refused_for_good)
{
	struct stage s;
	stage_begin(&s);
	fake_udmabuf.error = -EPERM;
	for (int i = 0; i < PAUSE; i++)
		stage_show(&s, "01");
	stage_check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	ck_assert_str_eq(stage_find_surface(&s)->copied_detail.text, strerror(EPERM));
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	ck_assert_uint_eq(waybuf_account_bytes(stage_account(&s)), 0);
	stage_end(&s);
}

TEST(tried_again)
{
	struct stage s;
	stage_begin(&s);
	fake_udmabuf.error = -ENOMEM;
	stage_show(&s, "0101");
	stage_check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	fake_udmabuf.error = 0;
	for (int i = 0; i < PAUSE / 2; i++)
		stage_show(&s, "01");
	ck_assert_int_eq(fake_udmabuf.wraps, 2);
	stage_show(&s, "01");
	stage_check_direct(&s);
	stage_end(&s);
}

TEST(tried_for_as_long_as_it_takes)
{
	struct stage s;
	stage_begin(&s);
	fake_udmabuf.error = -ENOMEM;
	for (int i = 0; i < (MOST_WRAPS + 2) * (PAUSE + 2) / 2; i++)
		stage_show(&s, "01");
	ck_assert_int_gt(fake_udmabuf.wraps, MOST_WRAPS);
	stage_check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	fake_udmabuf.error = 0;
	for (int i = 0; i < PAUSE / 2 + 1; i++)
		stage_show(&s, "01");
	stage_check_direct(&s);
	stage_end(&s);
}

TEST(fds_are_left_for_others)
{
	struct stage s;
	struct rlimit limit, few;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	stage_begin(&s);
	few = (struct rlimit){150, limit.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	stage_show(&s, "01");
	int before = harness_count_fds();
	stage_show(&s, "0101");
	stage_check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	ck_assert_str_eq(stage_find_surface(&s)->copied_detail.text, strerror(EMFILE));
	ck_assert_int_eq(harness_count_fds(), before);
	setrlimit(RLIMIT_NOFILE, &limit);
	stage_end(&s);
}

TEST(quota_is_left_for_others)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "01");
	uint32_t half = waybuf_account_limit(stage_account(&s), WAYBUF_RESOURCE_FDS) / 2;
	ck_assert_int_eq(waybuf_account_charge(stage_account(&s), WAYBUF_RESOURCE_FDS, half), 0);
	stage_show(&s, "0101");
	stage_check_composed(
		&s, "its memory is wl_shm, and its client holds too much for it to be wrapped");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	ck_assert_uint_eq(waybuf_account_bytes(stage_account(&s)), 0);
	waybuf_account_discharge(stage_account(&s), WAYBUF_RESOURCE_FDS, half);
	for (int i = 0; i < PAUSE / 2 + 1; i++)
		stage_show(&s, "01");
	stage_check_direct(&s);
	stage_end(&s);
}

TEST(format_of_no_plane)
{
	struct stage s;
	stage_begin(&s);
	for (int i = 0; i < 2; i++) {
		wl_buffer_destroy(s.buffers[i].proxy);
		stage_add_buffer(&s, i, i * STAGE_IMAGE, WL_SHM_FORMAT_ARGB8888);
	}
	stage_show(&s, "01010");
	stage_check_composed(&s, "format not supported");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	stage_end(&s);
}

TEST(stride_or_offset_refused)
{
	struct stage s;
	stage_begin(&s);
	stage_show(&s, "010");
	uint64_t wrapped = waybuf_account_bytes(stage_account(&s));
	ck_assert_uint_eq(wrapped, STAGE_POOL);
	fake_drm_fail(FAKE_ADDFB, 0, -EINVAL, false);
	stage_show(&s, "1");
	stage_check_composed(&s, "stride or offset not supported");
	/* nothing is pinned in vain */
	ck_assert_uint_eq(waybuf_account_bytes(stage_account(&s)), 0);
	/* it was this buffer alone */
	stage_show(&s, "0");
	stage_show(&s, "1");
	stage_check_composed(&s, "stride or offset not supported");
	stage_show(&s, "0");
	stage_check_direct(&s);
	stage_end(&s);
}

TEST(odd_offset)
{
	struct stage s;
	stage_begin(&s);
	wl_buffer_destroy(s.buffers[1].proxy);
	stage_add_buffer(&s, 1, STAGE_IMAGE + 4, WL_SHM_FORMAT_XRGB8888);
	stage_show(&s, "01010");
	stage_check_direct(&s);
	stage_show(&s, "1");
	stage_check_direct(&s);
	stage_end(&s);
}

TEST_MAIN("daemon-shm-refusals")
