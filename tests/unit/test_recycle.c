/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/account.h"
#include "core/manager.h"
#include "core_fixture.h"
#include "util/fd.h"

/* Memory that is given up and taken again: by whom, in what state, and how long it stays. */

#define SIZE (96ull * 64 * 4)

/* A pool of one buffer, with the client that made it. */
struct user {
	struct fixture *f;
	struct waybuf_pool *pool;
	struct party party;
	struct seat seat;
};

static void user_open_sized(
	struct user *user, struct fixture *f, struct waybuf_account *account, uint32_t width)
{
	struct waybuf_export_info info = {.width = width, .height = 64, .count = 1};
	*user = (struct user){.f = f};
	ck_assert_int_eq(waybuf_pool_create(f->manager, account, &info, &user->pool), 0);
	party_attach(&user->party, user->pool, account, "user");
	party_commit(&user->party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&user->seat, &user->party, 0);
}

static void user_open(struct user *user, struct fixture *f)
{
	user_open_sized(user, f, f->account, 96);
}

/* Draws; the identity of the memory. */
static struct fd_id user_draw(struct user *user)
{
	struct fd_id id;
	seat_grant(user->f, &user->seat, WAYBUF_WRITE);
	ck_assert(user->seat.flags & WAYBUF_GRANT_FRESH);
	ck_assert(memory_is_zero(&user->seat.layout));
	pattern_fill(&user->seat.layout, 7);
	ck_assert_int_eq(fd_identify(user->seat.layout.memory[0].fd, &id), 0);
	return id;
}

static void user_close(struct user *user, struct waybuf_fence *fence)
{
	seat_unmap(&user->seat, fence);
	seat_close(&user->seat);
	party_detach(&user->party);
	waybuf_pool_unref(user->pool);
}

/* Opens, draws, closes. */
static struct fd_id user_come_and_go(struct user *user, struct fixture *f)
{
	user_open(user, f);
	struct fd_id id = user_draw(user);
	user_close(user, NULL);
	return id;
}

static const struct waybuf_recycler *recycler(struct fixture *f)
{
	return &f->manager->recycler;
}

/* At once: it is cleared first, and nothing is charged for what is kept. */
TEST(taken_again_at_once)
{
	struct fixture f;
	struct user user;
	fixture_init(&f);
	struct fd_id first = user_come_and_go(&user, &f);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 0);
	ck_assert_uint_eq(waybuf_account_used(f.account, WAYBUF_RESOURCE_FDS), 0);
	ck_assert_uint_eq(recycler(&f)->bytes, SIZE);
	ck_assert_uint_eq(f.account->kept_bytes, SIZE);
	user_open(&user, &f);
	struct fd_id second = user_draw(&user);
	ck_assert(fd_id_equal(&first, &second));
	ck_assert_uint_eq(waybuf_account_bytes(f.account), SIZE);
	ck_assert_uint_eq(recycler(&f)->count, 0);
	ck_assert_uint_eq(recycler(&f)->reused, 1);
	ck_assert_uint_eq(recycler(&f)->cleaned, 0);
	user_close(&user, NULL);
	fixture_finish(&f);
}

/* A little later: it is clear already, and the grant comes without a turn of the worker. */
TEST(cleared_while_nobody_waits)
{
	struct fixture f;
	struct user user;
	fixture_init(&f);
	struct fd_id first = user_come_and_go(&user, &f);
	fixture_run_until_cleaned(&f, 1);
	user_open(&user, &f);
	seat_map(&user.seat, WAYBUF_READ);
	ck_assert(user.seat.answered);
	ck_assert_uint_eq(user.seat.mapped, 1);
	seat_unmap(&user.seat, NULL);
	struct fd_id second = user_draw(&user);
	ck_assert(fd_id_equal(&first, &second));
	user_close(&user, NULL);
	fixture_finish(&f);
}

TEST(another_size_is_another_memory)
{
	struct fixture f;
	struct user user;
	fixture_init(&f);
	struct fd_id first = user_come_and_go(&user, &f);
	user_open_sized(&user, &f, f.account, 48);
	struct fd_id second = user_draw(&user);
	ck_assert(!fd_id_equal(&first, &second));
	ck_assert_uint_eq(recycler(&f)->count, 1);
	user_close(&user, NULL);
	fixture_finish(&f);
}

/* Nobody gets what was another's. */
TEST(never_another_account)
{
	struct fixture f;
	struct user user;
	fixture_init(&f);
	struct fd_id first = user_come_and_go(&user, &f);
	struct waybuf_account *other = waybuf_account_create(f.manager, "other", NULL);
	user_open_sized(&user, &f, other, 96);
	struct fd_id second = user_draw(&user);
	ck_assert(!fd_id_equal(&first, &second));
	ck_assert_uint_eq(recycler(&f)->reused, 0);
	user_close(&user, NULL);
	ck_assert_uint_eq(recycler(&f)->count, 2);
	/* and it goes with its owner */
	waybuf_account_unref(other);
	ck_assert_uint_eq(recycler(&f)->count, 1);
	fixture_finish(&f);
}

/* Others may still have the fds, and the kernel does not tell of shared memory who does. */
TEST(shared_memory_is_not_kept)
{
	struct fixture f;
	struct user user;
	struct party guest;
	struct seat seat;
	fixture_init(&f);
	struct waybuf_account *other = waybuf_account_create(f.manager, "other", NULL);
	user_open(&user, &f);
	user_draw(&user);
	seat_unmap(&user.seat, NULL);
	party_attach(&guest, user.pool, other, "guest");
	party_commit(&guest, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&seat, &guest, 0);
	seat_grant(&f, &seat, WAYBUF_READ);
	seat_unmap(&seat, NULL);
	seat_close(&seat);
	party_detach(&guest);
	seat_grant(&f, &user.seat, WAYBUF_READ);
	user_close(&user, NULL);
	ck_assert_uint_eq(recycler(&f)->count, 0);
	/* the same if the host gave an fd away */
	user_open(&user, &f);
	user_draw(&user);
	int fd = waybuf_buffer_fd(waybuf_pool_buffer(user.pool, 0), 0, O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	user_close(&user, NULL);
	ck_assert_uint_eq(recycler(&f)->count, 0);
	waybuf_account_unref(other);
	fixture_finish(&f);
}

/* A device may be at it still. */
TEST(busy_memory_is_not_kept)
{
	struct fixture f;
	struct user user;
	struct waybuf_timeline *timeline;
	struct waybuf_fence *fence;
	fixture_init(&f);
	ck_assert_int_eq(waybuf_timeline_create("gpu", &timeline), 0);
	ck_assert_int_eq(waybuf_timeline_fence(timeline, 1, &fence), 0);
	user_open(&user, &f);
	user_draw(&user);
	user_close(&user, fence);
	ck_assert_uint_eq(recycler(&f)->count, 0);
	waybuf_fence_unref(fence);
	waybuf_timeline_destroy(timeline);
	fixture_finish(&f);
}

/* What is kept is not in the way of what is wanted. */
TEST(makes_way_for_charges)
{
	struct waybuf_limits limits = {.max = {96 * 64 * 4 / 1024, 8, 8, 8, 8, 8, 8}};
	struct fixture f;
	struct user user;
	fixture_init(&f);
	struct waybuf_account *small = waybuf_account_create(f.manager, "small", &limits);
	user_open_sized(&user, &f, small, 96);
	user_draw(&user);
	user_close(&user, NULL);
	ck_assert_uint_eq(small->kept_bytes, SIZE);
	user_open_sized(&user, &f, small, 48);
	user_draw(&user);
	ck_assert_uint_eq(small->kept_bytes, 0);
	ck_assert_uint_eq(recycler(&f)->dropped, 1);
	user_close(&user, NULL);
	waybuf_account_unref(small);
	fixture_finish(&f);
}

TEST(bounded)
{
	struct fixture f;
	struct user users[RECYCLE_ACCOUNT_COUNT + 3];
	const size_t n = sizeof(users) / sizeof(users[0]);
	fixture_init(&f);
	int fds = harness_count_fds();
	for (size_t i = 0; i < n; i++) {
		user_open(&users[i], &f);
		user_draw(&users[i]);
	}
	for (size_t i = 0; i < n; i++)
		user_close(&users[i], NULL);
	ck_assert_uint_eq(recycler(&f)->count, RECYCLE_ACCOUNT_COUNT);
	ck_assert_uint_eq(recycler(&f)->bytes, RECYCLE_ACCOUNT_COUNT * SIZE);
	ck_assert_uint_eq(recycler(&f)->dropped, 3);
	/* and none when the client is gone */
	waybuf_account_close(f.account);
	ck_assert_uint_eq(recycler(&f)->bytes, 0);
	fixture_run(&f, 2 * RECYCLE_CLEAN_MS);
	ck_assert_int_le(harness_count_fds(), fds + 2); /* the worker's */
	fixture_finish(&f);
}

TEST(goes_after_a_while)
{
	struct fixture f;
	struct user user;
	fixture_init(&f);
	user_come_and_go(&user, &f);
	fixture_run(&f, RECYCLE_KEEP_MS / 2);
	ck_assert_uint_eq(recycler(&f)->count, 1);
	fixture_run(&f, RECYCLE_KEEP_MS);
	ck_assert_uint_eq(recycler(&f)->count, 0);
	ck_assert_uint_eq(f.account->kept_bytes, 0);
	fixture_finish(&f);
}

TEST_MAIN("recycle")
