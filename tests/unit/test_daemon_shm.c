/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "core/account.h"
#include "daemon_world.h"
#include "fake/libdrm.h"
#include "fake/machine.h"
#include "fake/screen.h"
#include "fake/sync.h"
#include "fake/udmabuf.h"
#include "fake/worker.h"
#include "output.h"
#include "outputs.h"
#include "shm_plane.h"
#include "shm_wrap.h"
#include "util/fd.h"

/* wl_shm on planes, in a waybufd of the test's own: the fake display tells what memory it reads. */
enum { WIDTH = FAKE_MACHINE_WIDTH, HEIGHT = FAKE_MACHINE_HEIGHT, STRIDE = WIDTH * 4 };
enum { IMAGE = STRIDE * HEIGHT, BUFFERS = 3, POOL = 4 * IMAGE };
/* as shm_plane.c has it */
enum { MOST_WRAPS = 16, WORTH = 60, PAUSE = 60 };

static const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

/* ---- the machine ----------------------------------------------------------------------------- */

static bool incoherent;

bool __wrap_shm_wrap_is_incoherent(void);

bool __wrap_shm_wrap_is_incoherent(void)
{
	return incoherent;
}

/* ---- the client ------------------------------------------------------------------------------ */

struct buffer {
	struct wl_buffer *proxy;
	bool busy;
};

struct stage {
	struct world world;
	int fd;
	ino_t memory;
	struct wl_shm_pool *pool;
	struct buffer buffers[BUFFERS];
};

static void handle_release(void *data, struct wl_buffer *proxy)
{
	struct buffer *buffer = data;
	ck_assert(buffer->busy);
	buffer->busy = false;
}

static const struct wl_buffer_listener buffer_listener = {.release = handle_release};

static void add_buffer(struct stage *stage, int i, int32_t offset, uint32_t format)
{
	struct buffer *buffer = &stage->buffers[i];
	buffer->proxy =
		wl_shm_pool_create_buffer(stage->pool, offset, WIDTH, HEIGHT, STRIDE, format);
	wl_buffer_add_listener(buffer->proxy, &buffer_listener, buffer);
	buffer->busy = false;
}

static int make_file(off_t size, int add)
{
	int fd = memfd_create("pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, add), 0);
	return fd;
}

/* @fd is taken. */
static void open_pool(struct stage *stage, int fd, int32_t size)
{
	struct stat st;
	stage->fd = fd;
	ck_assert_int_eq(fstat(fd, &st), 0);
	stage->memory = st.st_ino;
	stage->pool = wl_shm_create_pool(stage->world.shm, fd, size);
	for (int i = 0; i < BUFFERS; i++)
		add_buffer(stage, i, i * IMAGE, WL_SHM_FORMAT_XRGB8888);
	world_settle(&stage->world);
}

static void close_pool(struct stage *stage)
{
	for (int i = 0; i < BUFFERS; i++) {
		if (stage->buffers[i].proxy)
			wl_buffer_destroy(stage->buffers[i].proxy);
		stage->buffers[i].proxy = NULL;
	}
	if (stage->pool)
		wl_shm_pool_destroy(stage->pool);
	stage->pool = NULL;
	fd_close(&stage->fd);
}

static void begin_with(struct stage *stage, int fd)
{
	memset(stage, 0, sizeof(*stage));
	world_init(&stage->world);
	open_pool(stage, fd, POOL);
}

static void begin(struct stage *stage)
{
	begin_with(stage, make_file(POOL, seals));
}

static void flip(struct stage *stage)
{
	world_settle(&stage->world);
	if (fake_screen_flipping())
		fake_screen_flip(0, true);
	world_settle(&stage->world);
}

static void commit(struct stage *stage, int i)
{
	struct wl_surface *surface = stage->world.windows[WORLD_IMPLICIT].surface;
	wl_surface_attach(surface, stage->buffers[i].proxy, 0, 0);
	wl_surface_damage(surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(surface);
	stage->buffers[i].busy = true;
	world_settle(&stage->world);
}

/* A digit for each buffer, by which all are shown one after the other. */
static void show(struct stage *stage, const char *order)
{
	for (; *order; order++) {
		commit(stage, *order - '0');
		flip(stage);
	}
}

/* Of what is shown last: the surfaces are few, and one has content. */
static struct surface *find_surface(struct stage *stage)
{
	struct surface *surface;
	wl_list_for_each(surface, &stage->world.daemon.surfaces, link)
		if (surface->current.frame)
			return surface;
	ck_abort_msg("nothing is shown");
	return NULL;
}

static void check_direct(struct stage *stage)
{
	ck_assert(fake_screen_shows(stage->memory));
	ck_assert_uint_ne(find_surface(stage)->plane_id, 0);
}

static void check_composed(struct stage *stage, const char *why)
{
	const struct surface *surface = find_surface(stage);
	ck_assert(!fake_screen_shows(stage->memory));
	ck_assert_uint_eq(surface->plane_id, 0);
	ck_assert_ptr_nonnull(surface->copied_because);
	ck_assert_str_eq(surface->copied_because, why);
}

static struct waybuf_account *account(struct stage *stage)
{
	return find_surface(stage)->current.frame->shm->mapping->account;
}

static void check_gone(void)
{
	ck_assert_int_eq(fake_count_sync_files(), 0);
	ck_assert_int_eq(fake_count_handles(), 0);
	fake_sync_finish();
}

static void end(struct stage *stage)
{
	close_pool(stage);
	flip(stage);
	world_finish(&stage->world);
	check_gone();
}

/* ---- what goes on planes --------------------------------------------------------------------- */

static const char not_in_turn[] = "its memory is wl_shm, not used in turn with another buffer";

TEST(used_in_turn)
{
	struct stage s;
	begin(&s);
	show(&s, "01");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	check_composed(&s, not_in_turn);
	show(&s, "0");
	check_composed(&s, "its memory is wl_shm that is being wrapped for the display");
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	ck_assert_uint_eq(fake_udmabuf.size, POOL);
	show(&s, "1");
	check_direct(&s);
	int framebuffers = fake_drm_open_framebuffers();
	show(&s, "0");
	check_direct(&s);
	ck_assert_int_eq(fake_drm_open_framebuffers(), framebuffers + 1);
	show(&s, "10101");
	check_direct(&s);
	/* once for all buffers, and for ever */
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	ck_assert_int_eq(fake_drm_open_framebuffers(), framebuffers + 1);
	end(&s);
}

TEST(released_after_the_flip)
{
	struct stage s;
	begin(&s);
	show(&s, "01010");
	check_direct(&s);
	commit(&s, 1);
	ck_assert(s.buffers[0].busy && s.buffers[1].busy);
	flip(&s);
	ck_assert(!s.buffers[0].busy && s.buffers[1].busy);
	end(&s);
}

TEST(one_buffer)
{
	struct stage s;
	begin(&s);
	show(&s, "0000000");
	check_composed(&s, not_in_turn);
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	/* two for a while, and back to one, which is drawn into while it is shown */
	show(&s, "1010101");
	check_direct(&s);
	show(&s, "1");
	check_composed(&s, not_in_turn);
	show(&s, "01");
	check_direct(&s);
	end(&s);
}

TEST(another_buffer_each_time)
{
	struct stage s;
	begin(&s);
	for (int i = 0; i < 8; i++) {
		if (s.buffers[i % 2].proxy)
			wl_buffer_destroy(s.buffers[i % 2].proxy);
		add_buffer(&s, i % 2, i % 2 * IMAGE, WL_SHM_FORMAT_XRGB8888);
		commit(&s, i % 2);
		flip(&s);
		check_composed(&s, not_in_turn);
	}
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	end(&s);
}

TEST(nothing_between_two_commits)
{
	struct stage s;
	begin(&s);
	show(&s, "01");
	/* not shown by now: the surface has come back to it from nothing */
	wl_surface_attach(s.world.windows[WORLD_IMPLICIT].surface, NULL, 0, 0);
	wl_surface_commit(s.world.windows[WORLD_IMPLICIT].surface);
	wl_surface_commit(s.world.windows[WORLD_IMPLICIT].surface);
	flip(&s);
	show(&s, "1");
	check_composed(&s, not_in_turn);
	end(&s);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void check_never_wrapped(int fd, const char *why)
{
	struct stage s;
	int before = fcntl(fd, F_GET_SEALS);
	begin_with(&s, fd);
	show(&s, "0101010");
	check_composed(&s, why);
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	ck_assert_int_eq(fcntl(s.fd, F_GET_SEALS), before);
	end(&s);
}

TEST(not_sealed)
{
	check_never_wrapped(make_file(POOL, F_SEAL_GROW),
		"its memory is wl_shm that is not sealed against shrinking");
}

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

TEST(sealed_against_writing)
{
	check_never_wrapped(make_file(POOL, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE),
		"its memory is wl_shm that is sealed against writing");
}

TEST(no_memfd)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		SKIP("no O_TMPFILE in /tmp");
	ck_assert_int_eq(ftruncate(fd, POOL), 0);
	/* of tmpfs, it answers as a memfd that nobody can seal */
	check_never_wrapped(fd,
		fcntl(fd, F_GET_SEALS) < 0
			? "its memory is wl_shm, and no memfd"
			: "its memory is wl_shm that is not sealed against shrinking");
}

TEST(seals_stay)
{
	struct stage s;
	begin_with(&s, make_file(POOL, F_SEAL_SHRINK));
	show(&s, "01010");
	check_direct(&s);
	ck_assert_int_eq(fcntl(s.fd, F_GET_SEALS), F_SEAL_SHRINK);
	end(&s);
}

TEST(smaller_than_the_pool)
{
	struct stage s;
	begin_with(&s, make_file(BUFFERS * IMAGE, seals));
	show(&s, "0101");
	check_composed(&s, "its memory is wl_shm, and its file is smaller than the pool");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	end(&s);
}

TEST(ends_within_a_page)
{
	struct stage s;
	begin(&s);
	close_pool(&s);
	open_pool(&s, make_file(POOL - 4, seals), POOL - 4);
	show(&s, "0101");
	check_composed(&s, "its memory is wl_shm, and its file ends within a page");
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	close_pool(&s);
	/* what a client uses of it may end anywhere */
	open_pool(&s, make_file(POOL, seals), POOL - 4);
	show(&s, "0101");
	check_direct(&s);
	end(&s);
}

TEST(larger_than_can_be_wrapped)
{
	struct stage s;
	begin(&s);
	close_pool(&s);
	open_pool(&s, make_file(FAKE_UDMABUF_LIMIT + IMAGE, seals), FAKE_UDMABUF_LIMIT + IMAGE);
	show(&s, "0101");
	check_composed(&s, "its memory is wl_shm, in a larger pool than can be wrapped");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	end(&s);
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
	begin(&s);
	show(&s, "01010");
	check_direct(&s);
	for (int wraps = 2; wraps <= MOST_WRAPS; wraps++) {
		punch(&s);
		show(&s, "1");
		check_composed(&s, "its memory is wl_shm that is being wrapped for the display");
		ck_assert_int_eq(fake_udmabuf.wraps, wraps);
		show(&s, "010");
		check_direct(&s);
	}
	punch(&s);
	show(&s, "1010");
	check_composed(&s, "its memory is wl_shm, and was wrapped too often in vain");
	ck_assert_int_eq(fake_udmabuf.wraps, MOST_WRAPS);
	end(&s);
}

TEST(hole_now_and_then)
{
	struct stage s;
	begin(&s);
	show(&s, "01010");
	for (int wraps = 2; wraps <= MOST_WRAPS + 4; wraps++) {
		punch(&s);
		for (int i = 0; i < WORTH / 2 + 2; i++)
			show(&s, "10");
		check_direct(&s);
		ck_assert_int_eq(fake_udmabuf.wraps, wraps);
	}
	end(&s);
}

/* An output that composes meanwhile has borrowed what it will commit. */
TEST(framebuffer_stays_with_its_frame)
{
	struct stage s;
	struct waybuf_kms_fb *fb = NULL, *again = NULL;
	struct waybuf_kms_why why;
	begin(&s);
	show(&s, "01010");
	check_direct(&s);
	const struct output *output = outputs_first(&s.world.daemon);
	struct frame *frame = frame_read(find_surface(&s)->current.frame);
	ck_assert_ptr_null(shm_plane_refusal(frame, output, &fb, &why));
	uint32_t id = fb->id;
	punch(&s);
	show(&s, "1212");
	check_direct(&s);
	ck_assert_int_eq(fake_udmabuf.wraps, 2);
	/* the window goes to another output */
	ck_assert_ptr_null(shm_plane_refusal(frame, output, &again, &why));
	ck_assert_ptr_eq(again, fb);
	ck_assert_uint_eq(fb->id, id);
	frame_drop(frame);
	world_settle(&s.world);
	ck_assert(!s.buffers[0].busy);
	end(&s);
}

/* ---- what cannot be had ---------------------------------------------------------------------- */

TEST(no_udmabuf)
{
	struct stage s;
	fake_udmabuf.absent = true;
	begin(&s);
	show(&s, "01010");
	check_composed(&s, "its memory is wl_shm, and there is no udmabuf to wrap it");
	end(&s);
}

TEST(refused_for_good)
{
	struct stage s;
	begin(&s);
	fake_udmabuf.error = -EPERM;
	for (int i = 0; i < PAUSE; i++)
		show(&s, "01");
	check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	ck_assert_str_eq(find_surface(&s)->copied_detail.text, strerror(EPERM));
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	ck_assert_uint_eq(waybuf_account_bytes(account(&s)), 0);
	end(&s);
}

TEST(tried_again)
{
	struct stage s;
	begin(&s);
	fake_udmabuf.error = -ENOMEM;
	show(&s, "0101");
	check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	fake_udmabuf.error = 0;
	for (int i = 0; i < PAUSE / 2; i++)
		show(&s, "01");
	ck_assert_int_eq(fake_udmabuf.wraps, 2);
	show(&s, "01");
	check_direct(&s);
	end(&s);
}

TEST(tried_for_as_long_as_it_takes)
{
	struct stage s;
	begin(&s);
	fake_udmabuf.error = -ENOMEM;
	for (int i = 0; i < (MOST_WRAPS + 2) * (PAUSE + 2) / 2; i++)
		show(&s, "01");
	ck_assert_int_gt(fake_udmabuf.wraps, MOST_WRAPS);
	check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	fake_udmabuf.error = 0;
	for (int i = 0; i < PAUSE / 2 + 1; i++)
		show(&s, "01");
	check_direct(&s);
	end(&s);
}

TEST(fds_are_left_for_others)
{
	struct stage s;
	struct rlimit limit, few;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	begin(&s);
	few = (struct rlimit){150, limit.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	show(&s, "01");
	int before = harness_count_fds();
	show(&s, "0101");
	check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	ck_assert_str_eq(find_surface(&s)->copied_detail.text, strerror(EMFILE));
	ck_assert_int_eq(harness_count_fds(), before);
	setrlimit(RLIMIT_NOFILE, &limit);
	end(&s);
}

TEST(quota_is_left_for_others)
{
	struct stage s;
	begin(&s);
	show(&s, "01");
	uint32_t half = waybuf_account_limit(account(&s), WAYBUF_RESOURCE_FDS) / 2;
	ck_assert_int_eq(waybuf_account_charge(account(&s), WAYBUF_RESOURCE_FDS, half), 0);
	show(&s, "0101");
	check_composed(
		&s, "its memory is wl_shm, and its client holds too much for it to be wrapped");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	ck_assert_uint_eq(waybuf_account_bytes(account(&s)), 0);
	waybuf_account_discharge(account(&s), WAYBUF_RESOURCE_FDS, half);
	for (int i = 0; i < PAUSE / 2 + 1; i++)
		show(&s, "01");
	check_direct(&s);
	end(&s);
}

TEST(format_of_no_plane)
{
	struct stage s;
	begin(&s);
	for (int i = 0; i < 2; i++) {
		wl_buffer_destroy(s.buffers[i].proxy);
		add_buffer(&s, i, i * IMAGE, WL_SHM_FORMAT_ARGB8888);
	}
	show(&s, "01010");
	check_composed(&s, "format not supported");
	ck_assert_int_eq(fake_udmabuf.wraps, 0);
	end(&s);
}

TEST(stride_or_offset_refused)
{
	struct stage s;
	begin(&s);
	show(&s, "010");
	uint64_t wrapped = waybuf_account_bytes(account(&s));
	ck_assert_uint_eq(wrapped, POOL);
	fake_drm_fail(FAKE_ADDFB, 0, -EINVAL, false);
	show(&s, "1");
	check_composed(&s, "stride or offset not supported");
	/* nothing is pinned in vain */
	ck_assert_uint_eq(waybuf_account_bytes(account(&s)), 0);
	/* it was this buffer alone */
	show(&s, "0");
	show(&s, "1");
	check_composed(&s, "stride or offset not supported");
	show(&s, "0");
	check_direct(&s);
	end(&s);
}

TEST(odd_offset)
{
	struct stage s;
	begin(&s);
	wl_buffer_destroy(s.buffers[1].proxy);
	add_buffer(&s, 1, IMAGE + 4, WL_SHM_FORMAT_XRGB8888);
	show(&s, "01010");
	check_direct(&s);
	show(&s, "1");
	check_direct(&s);
	end(&s);
}

/* ---- the ledger, and ends in any order ------------------------------------------------------- */

TEST(accounted)
{
	struct stage s;
	begin(&s);
	show(&s, "01");
	struct waybuf_account *ours = waybuf_account_ref(account(&s));
	uint32_t fds = waybuf_account_used(ours, WAYBUF_RESOURCE_FDS);
	ck_assert_uint_eq(waybuf_account_bytes(ours), 0);
	show(&s, "01");
	ck_assert_uint_eq(waybuf_account_bytes(ours), POOL);
	ck_assert_uint_eq(waybuf_account_used(ours, WAYBUF_RESOURCE_FDS), fds + 1);
	close_pool(&s);
	flip(&s);
	/* what is on the screen is there, and paid for */
	check_direct(&s);
	ck_assert_uint_eq(waybuf_account_bytes(ours), POOL);
	wl_surface_attach(s.world.windows[WORLD_IMPLICIT].surface, NULL, 0, 0);
	wl_surface_commit(s.world.windows[WORLD_IMPLICIT].surface);
	flip(&s);
	flip(&s);
	ck_assert_uint_eq(waybuf_account_bytes(ours), 0);
	ck_assert_uint_eq(waybuf_account_used(ours, WAYBUF_RESOURCE_FDS), fds - 1);
	waybuf_account_unref(ours);
	end(&s);
}

TEST(pool_that_grows)
{
	struct stage s;
	begin_with(&s, make_file(POOL, F_SEAL_SHRINK));
	show(&s, "01010");
	check_direct(&s);
	ck_assert_int_eq(ftruncate(s.fd, 2 * POOL), 0);
	wl_shm_pool_resize(s.pool, 2 * POOL);
	wl_buffer_destroy(s.buffers[2].proxy);
	add_buffer(&s, 2, POOL, WL_SHM_FORMAT_XRGB8888);
	show(&s, "12121");
	check_direct(&s);
	/* the file has changed, so the old one is wrapped anew, and the new one is twice as large */
	show(&s, "0");
	check_direct(&s);
	ck_assert_int_eq(fake_udmabuf.wraps, 3);
	ck_assert_uint_eq(waybuf_account_bytes(account(&s)), 3 * POOL);
	end(&s);
}

TEST(pool_destroyed_first)
{
	struct stage s;
	begin(&s);
	wl_shm_pool_destroy(s.pool);
	s.pool = NULL;
	fd_close(&s.fd);
	show(&s, "010101");
	check_direct(&s);
	end(&s);
}

TEST(destroyed_while_it_is_wrapped)
{
	struct stage s;
	begin(&s);
	show(&s, "01");
	fake_worker_hold(true);
	commit(&s, 0);
	close_pool(&s);
	world_kill_client(&s.world);
	flip(&s);
	fake_worker_hold(false);
	flip(&s);
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	end(&s);
}

TEST(client_killed_on_the_screen)
{
	struct stage s;
	begin(&s);
	show(&s, "01010");
	check_direct(&s);
	for (int i = 0; i < BUFFERS; i++) {
		wl_proxy_destroy((struct wl_proxy *)s.buffers[i].proxy);
		s.buffers[i].proxy = NULL;
	}
	wl_proxy_destroy((struct wl_proxy *)s.pool);
	s.pool = NULL;
	world_kill_client(&s.world);
	world_settle(&s.world);
	ck_assert(fake_screen_shows(s.memory));
	flip(&s);
	ck_assert(!fake_screen_shows(s.memory));
	end(&s);
}

TEST(daemon_ends_in_the_middle)
{
	struct stage s;
	begin(&s);
	show(&s, "01010");
	fake_worker_hold(true);
	incoherent = true;
	commit(&s, 1);
	world_shut_down(&s.world);
	end(&s);
}

/* ---- caches ---------------------------------------------------------------------------------- */

TEST(flushed_for_the_display)
{
	struct stage s;
	begin(&s);
	incoherent = true;
	int before = fake_machine_flushes();
	show(&s, "010");
	ck_assert_int_eq(fake_machine_flushes(), before);
	show(&s, "101");
	check_direct(&s);
	ck_assert_int_eq(fake_machine_flushes(), before + 3);
	/* not shown before that is over */
	fake_worker_hold(true);
	commit(&s, 0);
	ck_assert(!fake_screen_flipping());
	fake_worker_hold(false);
	world_settle(&s.world);
	ck_assert(fake_screen_flipping());
	flip(&s);
	check_direct(&s);
	end(&s);
}

TEST(cannot_be_flushed)
{
	struct stage s;
	begin(&s);
	incoherent = true;
	show(&s, "0101");
	check_direct(&s);
	fake_machine_fail_flush(-EINVAL);
	show(&s, "0");
	check_composed(&s, "its memory is wl_shm that cannot be wrapped");
	show(&s, "101");
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	end(&s);
}

TEST(flush_cannot_begin)
{
	struct stage s;
	begin(&s);
	incoherent = true;
	show(&s, "0101");
	check_direct(&s);
	fake_worker_refuse(-EAGAIN);
	show(&s, "0");
	check_composed(&s, "its memory is wl_shm, and was not flushed for the display");
	show(&s, "1");
	check_direct(&s);
	show(&s, "0");
	check_direct(&s);
	ck_assert_int_eq(fake_udmabuf.wraps, 1);
	end(&s);
}

TEST_MAIN("daemon-shm")
