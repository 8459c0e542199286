/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <stdlib.h>
#include <unistd.h>

#include "pool_one.h"

/* Memory that does not come, or comes late. */

TEST(a_failing_exporter_is_not_the_end)
{
	struct one o;
	fixture_init(&o.f);
	ck_assert_int_eq(unsetenv("WAYBUF_EXPORTERS"), 0);
	struct fake_exporter *second = fake_exporter_add(&o.f, "second", 5, false, false);
	struct fake_exporter *third = fake_exporter_add(&o.f, "third", 7, false, false);
	/* the cheapest is memfd, so give the pool something that only the fakes have */
	second->base.caps.contiguous = third->base.caps.contiguous = true;
	second->fail = -ENOMEM;
	one_init(&o, NULL);
	party_commit(&o.party, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	seat_grant(&o.f, &o.seat, WAYBUF_READ);
	ck_assert_str_eq(o.seat.layout.exporter, "third");
	ck_assert_uint_eq(third->allocated, 1);
	seat_unmap(&o.seat, NULL);
	one_finish(&o);
}

TEST(failure_is_an_error_of_the_map_and_can_be_cured)
{
	struct one o;
	fixture_init(&o.f);
	struct fake_exporter *only = fake_exporter_add(&o.f, "only", 5, false, true);
	only->fail = -ENOMEM;
	one_init(&o, NULL);
	party_commit(&o.party, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	seat_map(&o.seat, WAYBUF_READ);
	fixture_wait(&o.f, &o.seat.answered);
	ck_assert_uint_eq(o.seat.failed, 1);
	ck_assert_int_eq(o.seat.error, -ENOMEM);
	ck_assert_uint_eq(waybuf_account_bytes(o.f.account), 0);
	seat_unmap(&o.seat, NULL);
	only->fail = 0;
	seat_grant(&o.f, &o.seat, WAYBUF_READ);
	seat_unmap(&o.seat, NULL);
	one_finish(&o);
}

static void remap(struct seat *seat)
{
	if (seat->failed > 3)
		return;
	seat_unmap(seat, NULL);
	ck_assert_int_eq(waybuf_view_map(seat->view, WAYBUF_READ), 0);
}

TEST(listener_may_map_again_after_a_failure)
{
	struct one o;
	fixture_init(&o.f);
	struct fake_exporter *only = fake_exporter_add(&o.f, "only", 5, false, true);
	only->fail = -ENOMEM;
	one_init(&o, NULL);
	o.seat.on_failed = remap;
	party_commit(&o.party, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	seat_map(&o.seat, WAYBUF_READ);
	while (o.seat.failed < 4)
		ck_assert_int_ge(waybuf_manager_dispatch(o.f.manager, 1000), 0);
	seat_unmap(&o.seat, NULL);
	one_finish(&o);
}

TEST(no_fds_is_final)
{
	struct one o;
	fixture_init(&o.f);
	struct fake_exporter *first = fake_exporter_add(&o.f, "first", 5, false, true);
	struct fake_exporter *second = fake_exporter_add(&o.f, "second", 6, false, true);
	first->fail = -EMFILE;
	one_init(&o, NULL);
	party_commit(&o.party, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	seat_map(&o.seat, WAYBUF_READ);
	fixture_wait(&o.f, &o.seat.answered);
	ck_assert_int_eq(o.seat.error, -EMFILE);
	ck_assert_uint_eq(second->allocated, 0);
	seat_unmap(&o.seat, NULL);
	one_finish(&o);
}

TEST(quota_refuses_and_frees)
{
	struct one o;
	struct waybuf_limits limits = {.max = {16, 4, 8, 2, 2, 2, 2}};
	fixture_init(&o.f);
	struct waybuf_account *poor = waybuf_account_create(o.f.manager, "poor", &limits);
	one_init(&o, poor);
	seat_grant(&o.f, &o.seat, WAYBUF_READ); /* 16 KiB exactly */
	ck_assert_uint_eq(waybuf_account_used(poor, WAYBUF_RESOURCE_KIB), 16);
	seat_unmap(&o.seat, NULL);
	/* another one of any size is too much, and so is a third pool */
	struct one p = {.f = o.f};
	one_init(&p, poor);
	seat_map(&p.seat, WAYBUF_READ);
	fixture_wait(&o.f, &p.seat.answered);
	ck_assert_int_eq(p.seat.error, -EDQUOT);
	ck_assert_uint_eq(waybuf_account_used(poor, WAYBUF_RESOURCE_KIB), 16);
	struct waybuf_export_info info = {.width = 1, .height = 1, .count = 1};
	struct waybuf_pool *pool;
	ck_assert_int_eq(waybuf_pool_create(o.f.manager, poor, &info, &pool), -EDQUOT);
	seat_unmap(&p.seat, NULL);
	seat_close(&p.seat);
	party_detach(&p.party);
	waybuf_pool_unref(p.pool);
	info.count = 4;
	ck_assert_int_eq(waybuf_pool_create(o.f.manager, poor, &info, &pool), -EDQUOT);
	one_finish(&o);
	waybuf_account_unref(poor);
}

/* A set that comes while the worker is at it is met all the same. */
static void commit_inside(struct fake_exporter *exporter)
{
	usleep(20000);
}

TEST(stricter_set_while_memory_is_made)
{
	struct one o;
	struct party late;
	fixture_init(&o.f);
	struct fake_exporter *slow = fake_exporter_add(&o.f, "slow", 5, false, true);
	slow->hook = commit_inside;
	one_init(&o, NULL);
	party_commit(&o.party, reader_constraints(DRM_FORMAT_XRGB8888, 0, true));
	party_attach(&late, o.pool, o.f.account, "late");
	seat_map(&o.seat, WAYBUF_READ);
	party_commit(&late, reader_constraints(DRM_FORMAT_XRGB8888, 1024, false));
	ck_assert_uint_eq(late.accepted, 1);
	ck_assert_int_eq(late.outcome, WAYBUF_DECLARED);
	fixture_wait(&o.f, &o.seat.answered);
	ck_assert_uint_eq(o.seat.layout.planes[0].stride % 1024, 0);
	ck_assert_uint_eq(o.seat.layout.generation, 1);
	ck_assert_uint_eq(slow->allocated, 2);
	ck_assert_uint_eq(slow->released, 1);
	seat_unmap(&o.seat, NULL);
	party_detach(&late);
	one_finish(&o);
}

TEST_MAIN("pool-memory")
