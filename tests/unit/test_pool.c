/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core_fixture.h"
#include "util/loop.h"

/* Pools and their memory: when it comes, whose it is, and what happens when it does not come. */

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

/* ---- memory that does not come ------------------------------------------------------------- */

struct one {
	struct fixture f;
	struct waybuf_pool *pool;
	struct party party;
	struct seat seat;
};

static void one_init(struct one *o, struct waybuf_account *account)
{
	struct waybuf_export_info info = {.width = 64, .height = 64, .count = 1, .name = "test"};
	ck_assert_int_eq(
		waybuf_pool_create(o->f.manager, account ? account : o->f.account, &info, &o->pool),
		0);
	party_attach(&o->party, o->pool, o->f.account, "a");
	party_commit(&o->party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&o->seat, &o->party, 0);
}

static void one_finish(struct one *o)
{
	seat_close(&o->seat);
	party_detach(&o->party);
	waybuf_pool_unref(o->pool);
	fixture_finish(&o->f);
}

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

/* ---- imports ------------------------------------------------------------------------------- */

static int make_memfd(off_t size, int seals)
{
	int fd = memfd_create("peer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	if (seals)
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static struct waybuf_layout foreign_layout(int fd)
{
	return (struct waybuf_layout){
		.width = 64,
		.height = 64,
		.format = DRM_FORMAT_XRGB8888,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = 1,
		.n_memory = 1,
		.planes = {{.stride = 256, .rows = 64}},
		.memory = {{.fd = fd}},
	};
}

TEST(foreign_memory_is_wrapped)
{
	struct fixture f;
	struct waybuf_buffer *buffer, *again;
	fixture_init(&f);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	struct waybuf_layout layout = foreign_layout(fd);
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &buffer), 0);
	close(fd);
	ck_assert_uint_eq(waybuf_account_bytes(f.account), 0);
	ck_assert_uint_eq(waybuf_account_used(f.account, WAYBUF_RESOURCE_FDS), 1);
	ck_assert_uint_eq(waybuf_account_used(f.account, WAYBUF_RESOURCE_BUFFERS), 1);
	ck_assert_uint_eq(waybuf_buffer_size(buffer), 16384);
	const struct waybuf_layout *ours = waybuf_buffer_layout(buffer);
	ck_assert_uint_eq(ours->generation, 1);
	ck_assert_int_eq(ours->memory[0].kind, WAYBUF_MEMORY_MEMFD);
	/* the same memory once more is the same buffer */
	layout.memory[0].fd = ours->memory[0].fd;
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &again), 0);
	ck_assert_ptr_eq(again, buffer);
	waybuf_buffer_unref(again);
	/* but not in another layout */
	layout.planes[0].offset = 256;
	layout.height = layout.planes[0].rows = 32;
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &again), 0);
	ck_assert_ptr_ne(again, buffer);
	waybuf_buffer_unref(again);
	/* and it can be mapped like any other */
	struct party party;
	struct seat seat;
	party_attach(&party, waybuf_buffer_pool(buffer), f.account, "reader");
	party_commit(&party, reader_constraints(DRM_FORMAT_XRGB8888, 0, false));
	ck_assert_int_eq(party.outcome, WAYBUF_FITS);
	seat_open(&seat, &party, 0);
	seat_grant(&f, &seat, WAYBUF_READ);
	ck_assert_uint_eq(seat.flags, 0);
	seat_unmap(&seat, NULL);
	seat_close(&seat);
	/* only moving it is out of the question */
	party_commit(&party, reader_constraints(DRM_FORMAT_XRGB8888, 1024, false));
	ck_assert_int_eq(party.error, -EADDRNOTAVAIL);
	ck_assert_ptr_nonnull(strstr(party.conflicts, "imported memory"));
	ck_assert_ptr_nonnull(strstr(party.conflicts, "stride"));
	party_detach(&party);
	waybuf_buffer_unref(buffer);
	fixture_finish(&f);
}

TEST(own_export_comes_back)
{
	struct one o;
	struct waybuf_buffer *buffer;
	fixture_init(&o.f);
	one_init(&o, NULL);
	seat_grant(&o.f, &o.seat, WAYBUF_WRITE);
	int fd = waybuf_buffer_fd(waybuf_view_buffer(o.seat.view), 0, O_CLOEXEC);
	struct waybuf_layout layout = o.seat.layout;
	layout.memory[0].fd = fd;
	ck_assert_int_eq(waybuf_buffer_import(o.f.manager, o.f.account, &layout, &buffer), 0);
	ck_assert_ptr_eq(buffer, waybuf_view_buffer(o.seat.view));
	ck_assert_uint_eq(waybuf_account_used(o.f.account, WAYBUF_RESOURCE_FDS), 1);
	waybuf_buffer_unref(buffer);
	close(fd);
	seat_unmap(&o.seat, NULL);
	one_finish(&o);
}

struct bad_import {
	const char *what;
	void (*spoil)(struct waybuf_layout *layout);
	int error;
};

static void no_planes(struct waybuf_layout *layout)
{
	layout->n_planes = 0;
}

static void five_planes(struct waybuf_layout *layout)
{
	layout->n_planes = 5;
}

static void bad_slot(struct waybuf_layout *layout)
{
	layout->planes[0].slot = 1;
}

static void too_high(struct waybuf_layout *layout)
{
	layout->height = 65;
}

static void too_wide(struct waybuf_layout *layout)
{
	layout->width = 65;
}

static void no_width(struct waybuf_layout *layout)
{
	layout->width = 0;
}

static void offset_behind(struct waybuf_layout *layout)
{
	layout->planes[0].offset = 16384;
}

static void offset_wraps(struct waybuf_layout *layout)
{
	layout->planes[0].offset = UINT32_MAX;
	layout->planes[0].stride = UINT32_MAX;
}

static void zero_stride(struct waybuf_layout *layout)
{
	layout->planes[0].stride = 0;
}

static void unknown_format(struct waybuf_layout *layout)
{
	layout->format = 0x12345678;
}

static void too_few_planes(struct waybuf_layout *layout)
{
	layout->format = DRM_FORMAT_NV12;
}

static void too_many_planes(struct waybuf_layout *layout)
{
	layout->n_planes = 2;
	layout->planes[1] = layout->planes[0];
}

static void closed_fd(struct waybuf_layout *layout)
{
	layout->memory[0].fd = 1000;
}

static void no_fd(struct waybuf_layout *layout)
{
	layout->memory[0].fd = -1;
}

static void a_pipe(struct waybuf_layout *layout)
{
	static int fds[2];
	if (fds[0] == 0)
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	layout->memory[0].fd = fds[0];
}

static void close_pipe(void)
{
	struct waybuf_layout layout;
	a_pipe(&layout);
	close(layout.memory[0].fd + 1);
	close(layout.memory[0].fd);
}

static void a_file(struct waybuf_layout *layout)
{
	layout->memory[0].fd = open("/dev/null", O_RDWR | O_CLOEXEC);
}

static const struct bad_import bad_imports[] = {
	{"no planes", no_planes, -EINVAL},
	{"five planes", five_planes, -EINVAL},
	{"a slot that is not there", bad_slot, -EINVAL},
	{"one row too many", too_high, -EINVAL},
	{"one pixel too wide", too_wide, -EINVAL},
	{"no width", no_width, -EINVAL},
	{"an offset behind the end", offset_behind, -EINVAL},
	{"an offset that wraps", offset_wraps, -EINVAL},
	{"no stride", zero_stride, -EINVAL},
	{"an unknown format", unknown_format, -EINVAL},
	{"NV12 in one plane", too_few_planes, -EINVAL},
	{"XRGB in two planes", too_many_planes, -EINVAL},
	{"a closed fd", closed_fd, -EBADF},
	{"no fd", no_fd, -EBADF},
	{"a pipe", a_pipe, -EINVAL},
	{"a device", a_file, -EINVAL},
};

TEST(bad_imports_are_refused_and_leave_nothing)
{
	struct fixture f;
	struct waybuf_buffer *buffer;
	fixture_init(&f);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	for (size_t i = 0; i < sizeof(bad_imports) / sizeof(bad_imports[0]); i++) {
		struct waybuf_layout layout = foreign_layout(fd);
		bad_imports[i].spoil(&layout);
		int error = waybuf_buffer_import(f.manager, f.account, &layout, &buffer);
		ck_assert_msg(error == bad_imports[i].error, "%s: %d", bad_imports[i].what, error);
		if (bad_imports[i].spoil == a_file)
			close(layout.memory[0].fd);
	}
	close_pipe();
	close(fd);
	fd = make_memfd(16384, 0);
	struct waybuf_layout layout = foreign_layout(fd);
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &buffer), -EINVAL);
	close(fd);
	fixture_finish(&f);
}

TEST(import_respects_the_quota)
{
	struct fixture f;
	struct waybuf_buffer *buffer;
	struct waybuf_limits limits = {.max = {1, 1, 0, 1, 1, 1, 1}};
	fixture_init(&f);
	struct waybuf_account *poor = waybuf_account_create(f.manager, "poor", &limits);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	struct waybuf_layout layout = foreign_layout(fd);
	ck_assert_int_eq(waybuf_buffer_import(f.manager, poor, &layout, &buffer), -EDQUOT);
	ck_assert_uint_eq(waybuf_account_used(poor, WAYBUF_RESOURCE_BUFFERS), 0);
	close(fd);
	waybuf_account_unref(poor);
	fixture_finish(&f);
}

TEST(imports_keep_their_size)
{
	struct fixture f;
	struct waybuf_buffer *buffer;
	fixture_init(&f);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	struct waybuf_layout layout = foreign_layout(fd);
	ck_assert_int_eq(waybuf_buffer_import(f.manager, f.account, &layout, &buffer), 0);
	ck_assert_int_eq(waybuf_pool_reconfigure(waybuf_buffer_pool(buffer), 8, 8), -EINVAL);
	waybuf_buffer_unref(buffer);
	close(fd);
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

TEST(import_without_free_fds)
{
	struct fixture f;
	struct waybuf_buffer *buffer;
	fixture_init(&f);
	int fd = make_memfd(16384, F_SEAL_SHRINK);
	struct waybuf_layout layout = foreign_layout(fd);
	struct rlimit limit, none;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	int error = waybuf_buffer_import(f.manager, f.account, &layout, &buffer);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(error, -EMFILE);
	close(fd);
	fixture_finish(&f);
}

TEST_MAIN("pool")
