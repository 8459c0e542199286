/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "pool_one.h"
#include "util/loop.h"

/* Pools: what they cost, who pays, and who outlives whom. */

TEST(declared_costs_nothing_and_mapped_exactly_the_image)
{
	struct fixture f;
	struct party party;
	struct seat seat;
	fixture_init(&f);
	int fds = harness_count_fds();
	struct waybuf_pool *pool = fixture_pool(&f, 1024, 768, 2);
	struct waybuf_buffer *buffer = waybuf_pool_buffer(pool, 0);
	party_attach(&party, pool, f.account, "paint");
	party_commit(&party, cpu_constraints(DRM_FORMAT_XRGB8888, 1));
	ck_assert_uint_eq(party.accepted, 1);
	ck_assert_int_eq(party.outcome, WAYBUF_DECLARED);
	seat_open(&seat, &party, 0);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 0);
	ck_assert_uint_eq(waybuf_buffer_size(buffer), 0);
	ck_assert_ptr_null(waybuf_buffer_layout(buffer));
	ck_assert_int_eq(waybuf_buffer_fd(buffer, 0, O_CLOEXEC), -ENODATA);
	ck_assert_int_eq(harness_count_fds(), fds);

	seat_grant(&f, &seat, WAYBUF_WRITE);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 1024 * 768 * 4);
	ck_assert_uint_eq(waybuf_account_used(f.account, WAYBUF_RESOURCE_KIB), 3072);
	ck_assert_uint_eq(waybuf_account_used(f.account, WAYBUF_RESOURCE_FDS), 1);
	ck_assert_uint_eq(waybuf_account_used(f.account, WAYBUF_RESOURCE_BUFFERS), 2);
	ck_assert_uint_eq(waybuf_buffer_size(buffer), 1024 * 768 * 4);
	ck_assert_uint_eq(seat.layout.planes[0].stride, 4096);
	ck_assert_str_eq(seat.layout.exporter, "memfd");
	ck_assert(memory_is_zero(&seat.layout));
	seat_unmap(&seat, NULL);
	/* a second map makes no second storage */
	seat_grant(&f, &seat, WAYBUF_READ);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 1024 * 768 * 4);
	seat_unmap(&seat, NULL);
	seat_close(&seat);
	party_detach(&party);
	waybuf_pool_unref(pool);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 0);
	fixture_finish(&f);
}

TEST(ten_thousand_declared_4k_buffers_are_small)
{
	struct fixture f;
	enum { COUNT = 10000 };
	struct waybuf_pool **pools = calloc(COUNT, sizeof(struct waybuf_pool *));
	struct party *parties = calloc(COUNT, sizeof(struct party));
	fixture_init(&f);
	size_t before = mallinfo2().uordblks;
	struct waybuf_constraints *set = cpu_constraints(DRM_FORMAT_XRGB8888, 1);
	for (int i = 0; i < COUNT; i++) {
		pools[i] = fixture_pool(&f, 3840, 2160, 1);
		party_attach(&parties[i], pools[i], f.account, "client");
		party_commit(&parties[i], waybuf_constraints_ref(set));
		ck_assert_uint_eq(parties[i].accepted, 1);
	}
	size_t used = mallinfo2().uordblks - before;
	/* 0 under AddressSanitizer, whose allocator does not tell */
	ck_assert_msg(used < 20000000, "%zu bytes", used);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 0);
	for (int i = 0; i < COUNT; i++) {
		party_detach(&parties[i]);
		waybuf_pool_unref(pools[i]);
	}
	waybuf_constraints_unref(set);
	free(parties);
	free(pools);
	fixture_finish(&f);
}

TEST(bad_sizes_and_counts)
{
	static const struct waybuf_export_info bad[] = {
		{.width = 0, .height = 1, .count = 1},
		{.width = 1, .height = 0, .count = 1},
		{.width = 65537, .height = 1, .count = 1},
		{.width = 1, .height = 65537, .count = 1},
		{.width = 1, .height = 1, .count = 0},
		{.width = 1, .height = 1, .count = 65},
		{.width = UINT32_MAX, .height = UINT32_MAX, .count = UINT32_MAX},
	};
	struct fixture f;
	struct waybuf_pool *pool;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(waybuf_pool_create(f.manager, f.account, &bad[i], &pool), -EINVAL);
	fixture_finish(&f);
}

TEST(hold_records_raise_the_count)
{
	struct fixture f;
	struct party a, b;
	fixture_init(&f);
	struct waybuf_pool *pool = fixture_pool(&f, 64, 64, 2);
	party_attach(&a, pool, f.account, "a");
	party_attach(&b, pool, f.account, "b");
	party_commit(&a, cpu_constraints(DRM_FORMAT_XRGB8888, 2));
	ck_assert_uint_eq(waybuf_pool_count(pool), 2);
	party_commit(&b, cpu_constraints(DRM_FORMAT_XRGB8888, 17));
	ck_assert_uint_eq(waybuf_pool_count(pool), 19);
	ck_assert_ptr_nonnull(waybuf_pool_buffer(pool, 18));
	ck_assert_ptr_null(waybuf_pool_buffer(pool, 19));
	/* the count never falls */
	party_commit(&b, cpu_constraints(DRM_FORMAT_XRGB8888, 1));
	ck_assert_uint_eq(waybuf_pool_count(pool), 19);
	/* and 64 is the end */
	party_commit(&b, cpu_constraints(DRM_FORMAT_XRGB8888, 63));
	ck_assert_uint_eq(b.refused, 1);
	ck_assert_int_eq(b.error, -EINVAL);
	party_detach(&a);
	party_detach(&b);
	waybuf_pool_unref(pool);
	fixture_finish(&f);
}

TEST(clash_names_both_parties_and_the_field)
{
	struct fixture f;
	struct party a, b;
	struct seat seat;
	fixture_init(&f);
	struct waybuf_pool *pool = fixture_pool(&f, 64, 64, 1);
	party_attach(&a, pool, f.account, "painter");
	party_attach(&b, pool, f.account, "plane");
	party_commit(&a, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	/* the other format: no pair is left */
	party_commit(&b, reader_constraints(DRM_FORMAT_RGB565, 0, false));
	ck_assert_uint_eq(b.refused, 1);
	ck_assert_int_eq(b.reason, WAYBUF_REASON_CONFLICT);
	ck_assert_uint_eq(b.n_conflicts, 2);
	ck_assert_ptr_nonnull(strstr(b.conflicts, "painter"));
	ck_assert_ptr_nonnull(strstr(b.conflicts, "plane"));
	/* what nobody here has */
	party_commit(&b, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	ck_assert_uint_eq(b.refused, 2);
	ck_assert_ptr_nonnull(strstr(b.conflicts, "contig"));
	/* it was refused alone */
	seat_open(&seat, &a, 0);
	seat_grant(&f, &seat, WAYBUF_WRITE);
	seat_unmap(&seat, NULL);
	/* and its maps fail with the reason */
	struct seat other;
	seat_open(&other, &b, 0);
	seat_map(&other, WAYBUF_READ);
	ck_assert_uint_eq(other.failed, 1);
	ck_assert_int_eq(other.error, -EOPNOTSUPP);
	seat_unmap(&other, NULL);
	seat_close(&other);
	seat_close(&seat);
	party_detach(&a);
	party_detach(&b);
	waybuf_pool_unref(pool);
	fixture_finish(&f);
}

TEST(explain_tells_of_choice_and_losers)
{
	struct fixture f;
	struct party a;
	const struct waybuf_explanation *why;
	fixture_init(&f);
	fake_exporter_add(&f, "dear", 100, false, false);
	struct waybuf_pool *pool = fixture_pool(&f, 64, 64, 1);
	ck_assert_int_eq(waybuf_pool_explain(pool, &why), 0);
	ck_assert_int_eq(why->reason, WAYBUF_REASON_UNDERSPECIFIED);
	waybuf_explanation_unref(why);
	party_attach(&a, pool, f.account, "a");
	party_commit(&a, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	ck_assert_int_eq(waybuf_pool_explain(pool, &why), 0);
	ck_assert_int_eq(why->reason, WAYBUF_REASON_NONE);
	ck_assert_str_eq(why->exporter, "memfd");
	bool found = false;
	for (uint32_t i = 0; i < why->n_losers; i++)
		found = found || strcmp(why->losers[i].exporter, "dear") == 0;
	ck_assert(found);
	waybuf_explanation_unref(why);
	party_detach(&a);
	waybuf_pool_unref(pool);
	fixture_finish(&f);
}

TEST(participants_and_maps_respect_the_quota)
{
	static const struct waybuf_attachment_listener listener;
	struct one o;
	struct party party;
	struct seat seat;
	struct waybuf_limits limits = {.max = {1, 1, 1, 1, 1, 0, 1}};
	struct waybuf_attachment *second;
	fixture_init(&o.f);
	one_init(&o, NULL);
	struct waybuf_account *poor = waybuf_account_create(o.f.manager, "poor", &limits);
	party_attach(&party, o.pool, poor, "first");
	ck_assert_int_eq(
		waybuf_pool_attach(o.pool, poor, "second", &listener, NULL, &second), -EDQUOT);
	party_commit(&party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&seat, &party, 0);
	ck_assert_int_eq(waybuf_view_map(seat.view, WAYBUF_READ), -EDQUOT);
	ck_assert(!seat.answered);
	seat_close(&seat);
	party_detach(&party);
	waybuf_account_unref(poor);
	one_finish(&o);
}

/* Who drives the loop is the host. */
TEST(loop_of_the_host)
{
	struct waybuf_loop *loop;
	struct waybuf_manager *manager;
	ck_assert_int_eq(waybuf_loop_create_epoll(&loop), 0);
	ck_assert_int_eq(waybuf_manager_create(loop, &manager), 0);
	ck_assert_int_eq(waybuf_manager_get_fd(manager), -EINVAL);
	ck_assert_int_eq(waybuf_manager_dispatch(manager, 0), -EINVAL);
	waybuf_manager_destroy(manager);
	waybuf_loop_destroy(loop);
}

/* ---- references ---------------------------------------------------------------------------- */

TEST(detach_with_views_is_busy)
{
	struct one o;
	fixture_init(&o.f);
	one_init(&o, NULL);
	ck_assert_int_eq(waybuf_attachment_detach(o.party.attachment), -EBUSY);
	struct waybuf_view *view;
	ck_assert_int_eq(
		waybuf_attachment_get_view(o.party.attachment, 0, NULL, NULL, &view), -EEXIST);
	ck_assert_int_eq(
		waybuf_attachment_get_view(o.party.attachment, 1, NULL, NULL, &view), -EINVAL);
	one_finish(&o);
}

/* What is on screen stays when the client goes; what is not goes at once. */
TEST(buffer_outlives_its_pool)
{
	struct fixture f;
	struct party party;
	struct seat seats[2];
	struct waybuf_claim *claim;
	struct waybuf_grant grant;
	fixture_init(&f);
	struct waybuf_pool *pool = fixture_pool(&f, 64, 64, 2);
	struct waybuf_buffer *buffer = waybuf_buffer_ref(waybuf_pool_buffer(pool, 1));
	party_attach(&party, pool, f.account, "a");
	party_commit(&party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	for (uint32_t i = 0; i < 2; i++) {
		seat_open(&seats[i], &party, i);
		seat_grant(&f, &seats[i], WAYBUF_WRITE);
		pattern_fill(&seats[i].layout, i);
		seat_unmap(&seats[i], NULL);
	}
	ck_assert_int_eq(waybuf_buffer_claim(buffer, &claim), 0);
	waybuf_claim_latch(claim, &grant);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 2 * 16384);
	for (uint32_t i = 0; i < 2; i++)
		seat_close(&seats[i]);
	party_detach(&party);
	waybuf_pool_unref(pool);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 16384);
	ck_assert(pattern_check(grant.layout, 1));
	waybuf_buffer_unref(buffer);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 16384);
	waybuf_claim_end(claim, NULL);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 0);
	fixture_finish(&f);
}

TEST(another_account_takes_over)
{
	struct one o;
	struct waybuf_limits limits = {.max = {15, 4, 8, 2, 2, 2, 2}};
	fixture_init(&o.f);
	struct waybuf_account *poor = waybuf_account_create(o.f.manager, "poor", &limits);
	struct waybuf_account *rich = waybuf_account_create(o.f.manager, "rich", NULL);
	struct waybuf_export_info info = {.width = 64, .height = 64, .count = 2};
	one_init(&o, NULL);
	seat_grant(&o.f, &o.seat, WAYBUF_READ);
	ck_assert_int_eq(waybuf_pool_set_account(o.pool, poor), -EDQUOT);
	ck_assert_ptr_eq(waybuf_pool_account(o.pool), o.f.account);
	ck_assert_uint_eq(waybuf_account_bytes(poor), 0);
	ck_assert_uint_eq(waybuf_account_used(poor, WAYBUF_RESOURCE_POOLS), 0);
	ck_assert_uint_eq(waybuf_account_used(poor, WAYBUF_RESOURCE_BUFFERS), 0);
	ck_assert_uint_eq(waybuf_account_bytes(o.f.account), 16384);
	ck_assert_int_eq(waybuf_pool_set_account(o.pool, rich), 0);
	ck_assert_uint_eq(waybuf_account_bytes(rich), 16384);
	ck_assert_uint_eq(waybuf_account_used(rich, WAYBUF_RESOURCE_FDS), 1);
	ck_assert_uint_eq(waybuf_account_used(rich, WAYBUF_RESOURCE_POOLS), 1);
	ck_assert_uint_eq(waybuf_account_bytes(o.f.account), 0);
	ck_assert_uint_eq(waybuf_account_used(o.f.account, WAYBUF_RESOURCE_POOLS), 0);
	seat_unmap(&o.seat, NULL);
	/* also while the memory is being made */
	struct one p = {.f = o.f};
	ck_assert_int_eq(waybuf_pool_create(o.f.manager, o.f.account, &info, &p.pool), 0);
	party_attach(&p.party, p.pool, o.f.account, "p");
	party_commit(&p.party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&p.seat, &p.party, 0);
	seat_map(&p.seat, WAYBUF_READ);
	ck_assert_int_eq(waybuf_pool_set_account(p.pool, rich), 0);
	fixture_wait(&o.f, &p.seat.answered);
	ck_assert_uint_eq(p.seat.mapped, 1);
	ck_assert_uint_eq(waybuf_account_bytes(rich), 2 * 16384);
	ck_assert_uint_eq(waybuf_account_bytes(o.f.account), 0);
	seat_unmap(&p.seat, NULL);
	seat_map(&p.seat, WAYBUF_READ);
	seat_close(&p.seat);
	party_detach(&p.party);
	waybuf_pool_unref(p.pool);
	one_finish(&o);
	ck_assert_uint_eq(waybuf_account_bytes(rich), 0);
	waybuf_account_unref(rich);
	waybuf_account_unref(poor);
}

TEST(pool_goes_while_memory_is_made)
{
	struct one o;
	fixture_init(&o.f);
	one_init(&o, NULL);
	seat_map(&o.seat, WAYBUF_READ);
	seat_close(&o.seat);
	party_detach(&o.party);
	waybuf_pool_unref(o.pool);
	/* the worker ends what it has begun, sooner or later */
	fixture_settle(&o.f, 0);
	fixture_finish(&o.f);
}

TEST(manager_goes_while_memory_is_made)
{
	struct one o;
	fixture_init(&o.f);
	one_init(&o, NULL);
	seat_map(&o.seat, WAYBUF_READ);
	seat_close(&o.seat);
	party_detach(&o.party);
	waybuf_pool_unref(o.pool);
	waybuf_manager_destroy(o.f.manager);
	ck_assert_uint_eq(waybuf_account_bytes(o.f.account), 0);
	ck_assert_uint_eq(waybuf_account_used(o.f.account, WAYBUF_RESOURCE_POOLS), 0);
	waybuf_account_unref(o.f.account);
}

/* What fails then is not tried again with the next exporter: there is no thread to do it. */
TEST(manager_goes_while_memory_is_not_made)
{
	struct one o;
	fixture_init(&o.f);
	fake_exporter_add(&o.f, "first", 5, false, true)->fail = -ENOMEM;
	fake_exporter_add(&o.f, "second", 6, false, true);
	one_init(&o, NULL);
	party_commit(&o.party, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	seat_map(&o.seat, WAYBUF_READ);
	seat_close(&o.seat);
	party_detach(&o.party);
	waybuf_pool_unref(o.pool);
	waybuf_manager_destroy(o.f.manager);
	ck_assert_uint_eq(waybuf_account_used(o.f.account, WAYBUF_RESOURCE_POOLS), 0);
	waybuf_account_unref(o.f.account);
}

TEST(fd_flags_are_the_callers)
{
	struct one o;
	fixture_init(&o.f);
	one_init(&o, NULL);
	seat_grant(&o.f, &o.seat, WAYBUF_WRITE);
	struct waybuf_buffer *buffer = waybuf_view_buffer(o.seat.view);
	int kept = waybuf_buffer_fd(buffer, 0, 0);
	int closed = waybuf_buffer_fd(buffer, 0, O_CLOEXEC);
	ck_assert_int_ge(kept, 0);
	ck_assert_int_ge(closed, 0);
	ck_assert_int_eq(fcntl(kept, F_GETFD), 0);
	ck_assert_int_eq(fcntl(closed, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(o.seat.layout.memory[0].fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(waybuf_buffer_fd(buffer, 1, 0), -EINVAL);
	ck_assert_int_eq(waybuf_buffer_fd(buffer, 0, O_NONBLOCK), -EINVAL);
	close(kept);
	close(closed);
	seat_unmap(&o.seat, NULL);
	one_finish(&o);
}

TEST_MAIN("pool")
