/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <unistd.h>

#include "core_fixture.h"
#include "util/fd.h"

/*
 * Whatever moves between real exporters arrives as it was: every pixel of every plane, from any
 * memory to any other, between strides, padding, and one fd or several.
 */

struct place {
	const char *heap; /* as HEAPS names it */
	const char *exporter;
	uint64_t stride; /* a multiple; 0: any */
	int one_fd; /* -1: any */
};

struct world {
	struct fixture f;
	struct waybuf_pool *pool;
	struct party painter;
	struct seat seat;
};

static void world_init(struct world *w, uint32_t format, uint32_t width, uint32_t height)
{
	ck_assert_int_eq(waybuf_manager_create(NULL, &w->f.manager), 0);
	int n = waybuf_manager_add_default_exporters(w->f.manager, -1);
	w->f.account = waybuf_account_create(w->f.manager, "test", NULL);
	ck_assert_ptr_nonnull(w->f.account);
	if (n != 3) {
		fixture_finish(&w->f);
		SKIP("this machine has %d of memfd, udmabuf and the system heap", n);
	}
	w->pool = fixture_pool(&w->f, width, height, 1);
	party_attach(&w->painter, w->pool, w->f.account, "painter");
	party_commit(&w->painter, cpu_constraints(format, 0));
	ck_assert_msg(w->painter.accepted == 1, "%s", w->painter.conflicts);
	seat_open(&w->seat, &w->painter, 0);
}

static void world_finish(struct world *w)
{
	seat_close(&w->seat);
	party_detach(&w->painter);
	waybuf_pool_unref(w->pool);
	fixture_finish(&w->f);
}

static struct waybuf_constraints *wanted(uint32_t format, const struct place *place)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set;
	uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ);
	waybuf_constraints_builder_heaps(builder, &place->heap, 1);
	if (place->stride)
		waybuf_constraints_builder_stride(
			builder, WAYBUF_PLANE_ALL, place->stride, 0, WAYBUF_NO_LIMIT);
	if (place->one_fd >= 0)
		waybuf_constraints_builder_one_fd(builder, place->one_fd);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

/* A newcomer that likes @place, comes and goes. Returns what became of its commit. */
static enum waybuf_outcome visit(struct world *w, uint32_t format, const struct place *place)
{
	struct party newcomer;
	party_attach(&newcomer, w->pool, w->f.account, "newcomer");
	party_commit(&newcomer, wanted(format, place));
	fixture_wait(&w->f, &newcomer.answered);
	ck_assert_msg(
		newcomer.accepted == 1, "%s %s", strerror(-newcomer.error), newcomer.conflicts);
	if (newcomer.outcome == WAYBUF_DECLARED) {
		/* the memory comes into being while it is there */
		seat_grant(&w->f, &w->seat, WAYBUF_WRITE);
		pattern_fill(&w->seat.layout, 1);
		seat_unmap(&w->seat, NULL);
	}
	party_detach(&newcomer);
	return newcomer.outcome;
}

static void expect_place(const struct waybuf_layout *layout, const struct place *place)
{
	ck_assert_str_eq(layout->exporter, place->exporter);
	if (place->one_fd >= 0)
		ck_assert_uint_eq(layout->n_memory, place->one_fd ? 1 : layout->n_planes);
	for (uint32_t i = 0; place->stride && i < layout->n_planes; i++)
		ck_assert_uint_eq(layout->planes[i].stride % place->stride, 0);
}

static void check_move(uint32_t format, uint32_t width, uint32_t height, const struct place *from,
	const struct place *to, enum waybuf_outcome outcome)
{
	struct world w;
	world_init(&w, format, width, height);
	ck_assert_int_eq(visit(&w, format, from), WAYBUF_DECLARED);
	expect_place(&w.seat.layout, from);
	enum waybuf_outcome found = visit(&w, format, to);
	ck_assert(found == outcome || outcome == WAYBUF_DECLARED);
	seat_grant(&w.f, &w.seat, WAYBUF_READ);
	expect_place(&w.seat.layout, to);
	ck_assert_uint_eq(w.seat.layout.format, format);
	ck_assert_uint_eq(w.seat.layout.generation, found == WAYBUF_MIGRATED ? 2 : 1);
	ck_assert_msg(pattern_check(&w.seat.layout, 1), "%.4s %ux%u %s/%d -> %s/%d",
		(char *)&format, width, height, from->exporter, (int)from->stride, to->exporter,
		(int)to->stride);
	seat_unmap(&w.seat, NULL);
	world_finish(&w);
}

static const struct place shared = {"memfd", "memfd", 0, -1};
static const struct place wrapped = {"udmabuf", "udmabuf", 0, -1};
static const struct place heap = {"system", "heap system", 0, -1};

TEST(memfd_is_wrapped)
{
	check_move(DRM_FORMAT_XRGB8888, 200, 100, &shared, &wrapped, WAYBUF_MIGRATED);
}

TEST(memfd_is_copied_into_a_heap)
{
	check_move(DRM_FORMAT_XRGB8888, 200, 100, &shared, &heap, WAYBUF_MIGRATED);
}

TEST(nv12_between_strides)
{
	const struct place narrow = {"memfd", "memfd", 8, -1};
	const struct place wide = {"system", "heap system", 512, -1};
	check_move(DRM_FORMAT_NV12, 200, 100, &narrow, &wide, WAYBUF_MIGRATED);
	check_move(DRM_FORMAT_NV12, 199, 99, &wide, &wrapped, WAYBUF_MIGRATED);
}

TEST(p010_from_two_fds_into_one)
{
	const struct place two = {"udmabuf", "udmabuf", 0, 0};
	const struct place one = {"system", "heap system", 256, 1};
	check_move(DRM_FORMAT_P010, 200, 100, &two, &one, WAYBUF_MIGRATED);
	check_move(DRM_FORMAT_P010, 200, 100, &one, &two, WAYBUF_MIGRATED);
}

/* ---- anything to anything ------------------------------------------------------------------ */

static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_RGB565, DRM_FORMAT_NV12,
	DRM_FORMAT_NV16, DRM_FORMAT_P010, DRM_FORMAT_YUV420};

static struct place random_place(uint64_t *random)
{
	static const struct place places[] = {
		{"memfd", "memfd", 0, -1},
		{"udmabuf", "udmabuf", 0, -1},
		{"system", "heap system", 0, -1},
	};
	struct place place = places[harness_random(random) % 3];
	uint64_t value = harness_random(random);
	place.stride = value % 2 ? UINT64_C(16) << (value >> 8) % 6 : 0;
	place.one_fd = (int)(value >> 16 & 1);
	return place;
}

TEST(any_place_to_any_other)
{
	uint64_t random = harness_seed();
	for (int i = 0; i < 60; i++) {
		uint32_t format = formats[harness_random(&random) % 6];
		uint32_t width = 2 + (uint32_t)(harness_random(&random) % 300);
		uint32_t height = 2 + (uint32_t)(harness_random(&random) % 200);
		struct place from = random_place(&random), to = random_place(&random);
		check_move(format, width, height, &from, &to, WAYBUF_DECLARED);
	}
}

__attribute__((constructor)) static void choose_exporters(void)
{
	setenv("WAYBUF_EXPORTERS", "memfd,udmabuf,heap system", 1);
}

TEST_TIMEOUT(200)
TEST_MAIN("migrate-pixels")
