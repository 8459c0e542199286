/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>

#include "core_fixture.h"

/*
 * The copy of a migration. Its source is shared memory, which is read some hundred rows at a time,
 * with what lies between them, or mapped where the rows are too far apart: the picture must come
 * over all the same. 600 rows take three reads.
 */
#define WIDTH 300
#define HEIGHT 600

static struct waybuf_constraints *painter_constraints(uint32_t format, uint64_t stride)
{
	const uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set;
	waybuf_constraints_builder_access(
		builder, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, stride, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

/* Rows of the picture are @stride apart, and arrive in memory of another kind. */
static void check_copy(uint32_t format, uint64_t stride)
{
	struct fixture f;
	struct party painter, plane;
	struct seat seat;
	fixture_init(&f);
	fake_exporter_add(&f, "contiguous", 50, false, true);
	struct waybuf_pool *pool = fixture_pool(&f, WIDTH, HEIGHT, 1);
	party_attach(&painter, pool, f.account, "painter");
	party_commit(&painter, painter_constraints(format, stride));
	seat_open(&seat, &painter, 0);
	seat_grant(&f, &seat, WAYBUF_WRITE);
	ck_assert_str_eq(seat.layout.exporter, "memfd");
	ck_assert_uint_eq(seat.layout.planes[0].stride % stride, 0);
	pattern_fill(&seat.layout, 7);
	seat_unmap(&seat, NULL);
	party_attach(&plane, pool, f.account, "plane");
	party_commit(&plane, reader_constraints(format, 1024, true));
	fixture_wait(&f, &plane.answered);
	ck_assert_msg(plane.accepted == 1, "refused: %s", strerror(-plane.error));
	ck_assert_int_eq(plane.outcome, WAYBUF_MIGRATED);
	seat_grant(&f, &seat, WAYBUF_READ);
	ck_assert_str_eq(seat.layout.exporter, "contiguous");
	ck_assert(pattern_check(&seat.layout, 7));
	seat_unmap(&seat, NULL);
	seat_close(&seat);
	waybuf_fence_unref(seat.fence);
	party_detach(&plane);
	party_detach(&painter);
	waybuf_pool_unref(pool);
	fixture_finish(&f);
}

TEST(rows_that_touch)
{
	check_copy(DRM_FORMAT_XRGB8888, 4);
	check_copy(DRM_FORMAT_NV12, 4);
}

TEST(rows_with_a_gap)
{
	check_copy(DRM_FORMAT_XRGB8888, 1536);
	check_copy(DRM_FORMAT_YUV420, 1536);
}

TEST(rows_far_apart)
{
	check_copy(DRM_FORMAT_XRGB8888, 5632);
	check_copy(DRM_FORMAT_NV12, 5632);
}

TEST_MAIN("copy")
