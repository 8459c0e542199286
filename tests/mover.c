/* SPDX-License-Identifier: MIT */
#include "mover.h"

#include <drm_fourcc.h>

struct waybuf_constraints *painter_constraints(uint32_t format, uint64_t stride)
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

void mover_paint(
	struct fixture *f, struct mover *mover, uint32_t width, uint32_t height, uint64_t stride)
{
	mover->pool = fixture_pool(f, width, height, 1);
	party_attach(&mover->painter, mover->pool, f->account, "painter");
	party_commit(&mover->painter, painter_constraints(DRM_FORMAT_XRGB8888, stride));
	party_attach(&mover->anchor, mover->pool, f->account, "anchor");
	party_commit(&mover->anchor, reader_constraints(DRM_FORMAT_XRGB8888, 4, mover->contiguous));
	seat_open(&mover->seat, &mover->painter, 0);
	seat_grant(f, &mover->seat, WAYBUF_WRITE);
	ck_assert_str_ne(mover->seat.layout.exporter, "memfd");
	pattern_fill(&mover->seat.layout, 7);
	seat_unmap(&mover->seat, NULL);
}

void mover_move(struct fixture *f, struct mover *mover)
{
	party_attach(&mover->plane, mover->pool, f->account, "plane");
	party_commit(
		&mover->plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, mover->contiguous));
}

void mover_leave(struct mover *mover)
{
	seat_close(&mover->seat);
	waybuf_fence_unref(mover->seat.fence);
	party_detach(&mover->plane);
	party_detach(&mover->anchor);
	party_detach(&mover->painter);
	waybuf_pool_unref(mover->pool);
}
