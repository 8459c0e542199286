/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include <waybuf/scanout.h>

#include "core_fixture.h"
#include "fail_alloc.h"
#include "kms_fixture.h"
#include "wl_buffer.h"

/* A plane for hosts that commit themselves: what it refuses, and what it says. */

struct lit {
	struct display display;
	struct waybuf_kms_dumb *dumb;
	struct waybuf_layout layout;
	struct waybuf_scanout *scanout;
};

static int create(const struct display *display, uint32_t plane_id, struct waybuf_scanout **out)
{
	const struct waybuf_scanout_options options = {
		.drm_fd = display->device->fd,
		.crtc_id = display->crtc->id,
		.plane_id = plane_id,
	};
	return waybuf_scanout_create(&options, out);
}

static void lit_open(struct lit *lit)
{
	struct waybuf_kms_fb *fb;
	*lit = (struct lit){0};
	display_open(&lit->display);
	struct waybuf_kms_device *device = lit->display.device;
	ck_assert_int_eq(waybuf_kms_dumb_create(device, lit->display.width, lit->display.height,
				 DRM_FORMAT_XRGB8888, &lit->dumb, NULL),
		0);
	ck_assert_int_eq(waybuf_kms_fb_create(device, &lit->dumb->layout, &fb, NULL, NULL), 0);
	display_show(&lit->display, fb);
	waybuf_kms_fb_unref(fb);
	lit->layout = make_layout(
		FROM_UDMABUF, lit->display.width, lit->display.height, DRM_FORMAT_XRGB8888);
	ck_assert_int_eq(create(&lit->display, 0, &lit->scanout), 0);
}

static void lit_close(struct lit *lit)
{
	waybuf_scanout_destroy(lit->scanout);
	close(lit->layout.memory[0].fd);
	waybuf_kms_dumb_destroy(lit->dumb);
	display_close(&lit->display);
}

static void turn_off(const struct display *display)
{
	ck_assert_int_eq(drmModeSetCrtc(display->device->fd, display->crtc->id, 0, 0, 0, NULL, 0, NULL),
		0);
}

TEST(what_is_not_there)
{
	struct display display;
	struct waybuf_scanout *scanout = NULL;
	display_open(&display);
	struct waybuf_scanout_options options = {.drm_fd = display.device->fd, .crtc_id = 999};
	ck_assert_int_eq(waybuf_scanout_create(&options, &scanout), -ENODEV);
	ck_assert_int_eq(create(&display, 999, &scanout), -ENODEV);
	options.drm_fd = -1;
	ck_assert_int_eq(waybuf_scanout_create(&options, &scanout), -EBADF);
	/* whatever was on before */
	turn_off(&display);
	ck_assert_int_eq(create(&display, 0, &scanout), -ENOTCONN);
	fail_alloc_at(1);
	int ret = create(&display, 0, &scanout);
	fail_alloc_at(0);
	ck_assert_int_eq(ret, -ENOMEM);
	ck_assert_ptr_null(scanout);
	display_close(&display);
}

/* Of a buffer like any other. */
static int test_flags(struct waybuf_scanout *scanout)
{
	struct fixture f;
	struct party party;
	struct seat seat;
	fixture_init(&f);
	struct waybuf_pool *pool = fixture_pool(&f, 16, 16, 1);
	party_attach(&party, pool, f.account, "painter");
	party_commit(&party, cpu_constraints(DRM_FORMAT_XRGB8888, 0));
	seat_open(&seat, &party, 0);
	seat_grant(&f, &seat, WAYBUF_WRITE);
	seat_unmap(&seat, NULL);
	const struct waybuf_dmabuf_import import = {
		.buffer = waybuf_view_buffer(seat.view), .flags = WAYBUF_DMABUF_Y_INVERT};
	int ret = waybuf_scanout_import_test(scanout, &import);
	seat_close(&seat);
	party_detach(&party);
	waybuf_pool_unref(pool);
	fixture_finish(&f);
	return ret;
}

TEST(memory_that_it_does_not_take)
{
	struct lit lit;
	struct waybuf_scanout *other = NULL;
	lit_open(&lit);
	struct waybuf_layout narrow = lit.layout;
	narrow.planes[0].stride = 4;
	ck_assert_int_eq(waybuf_scanout_test(lit.scanout, &lit.layout), 0);
	ck_assert_int_eq(waybuf_scanout_test(lit.scanout, &narrow), -EINVAL);
	ck_assert_int_eq(test_flags(lit.scanout), -EOPNOTSUPP);
	/* another kind of memory, so that it is asked */
	ck_assert_int_eq(drmDropMaster(lit.display.device->fd), 0);
	lit.layout.exporter = "other";
	ck_assert_int_eq(waybuf_scanout_test(lit.scanout, &lit.layout), -EACCES);
	ck_assert_int_eq(create(&lit.display, 0, &other), -ENOTSUP);
	ck_assert_int_eq(drmSetMaster(lit.display.device->fd), 0);
	ck_assert_int_eq(waybuf_scanout_test(lit.scanout, &lit.layout), 0);
	turn_off(&lit.display);
	ck_assert_int_eq(waybuf_scanout_test(lit.scanout, &lit.layout), -ENOTCONN);
	lit_close(&lit);
}

TEST(frames_that_cannot_be_added)
{
	struct lit lit;
	lit_open(&lit);
	struct waybuf_layout narrow = lit.layout;
	narrow.planes[0].stride = 4;
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	struct server_buffer owner = {0};
	struct waybuf_use use = {.owner = &owner, .grant = {.layout = &lit.layout}},
			  bad = {.owner = &owner, .grant = {.layout = &narrow}},
			  empty = {.owner = &owner, .done = true};
	int fence = 7;
	wl_list_init(&owner.framebuffers);
	ck_assert_int_eq(waybuf_scanout_add(lit.scanout, &empty, request, &fence), -ENODATA);
	ck_assert_int_eq(fence, -1);
	ck_assert_int_eq(waybuf_scanout_add(lit.scanout, &bad, request, NULL), -EINVAL);
	scanout_forget(&owner);
	fail_alloc_at(1);
	int ret = waybuf_scanout_add(lit.scanout, &use, request, NULL);
	fail_alloc_at(0);
	ck_assert_int_eq(ret, -ENOMEM);
	ck_assert_int_eq(drmModeAtomicGetCursor(request), 0);
	ck_assert_int_eq(waybuf_scanout_add(lit.scanout, &use, request, &fence), 0);
	ck_assert_int_gt(drmModeAtomicGetCursor(request), 0);
	turn_off(&lit.display);
	ck_assert_int_eq(waybuf_scanout_add(lit.scanout, &use, request, NULL), -ENOTCONN);
	drmModeAtomicFree(request);
	waybuf_kms_fb_unref(use.fb);
	scanout_forget(&owner);
	lit_close(&lit);
}

TEST_MAIN("scanout")
