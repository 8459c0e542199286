/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "core/format.h"
#include "util/fourcc.h"

/* What vkms offers on a plane, from its plane format list. */
static const uint32_t vkms_formats[] = {
	DRM_FORMAT_ARGB8888,
	DRM_FORMAT_ABGR8888,
	DRM_FORMAT_BGRA8888,
	DRM_FORMAT_RGBA8888,
	DRM_FORMAT_XRGB8888,
	DRM_FORMAT_XBGR8888,
	DRM_FORMAT_RGB888,
	DRM_FORMAT_BGR888,
	DRM_FORMAT_XRGB16161616,
	DRM_FORMAT_XBGR16161616,
	DRM_FORMAT_ARGB16161616,
	DRM_FORMAT_ABGR16161616,
	DRM_FORMAT_RGB565,
	DRM_FORMAT_BGR565,
	DRM_FORMAT_NV12,
	DRM_FORMAT_NV16,
	DRM_FORMAT_NV24,
	DRM_FORMAT_NV21,
	DRM_FORMAT_NV61,
	DRM_FORMAT_NV42,
	DRM_FORMAT_YUV420,
	DRM_FORMAT_YUV422,
	DRM_FORMAT_YUV444,
	DRM_FORMAT_YVU420,
	DRM_FORMAT_YVU422,
	DRM_FORMAT_YVU444,
	DRM_FORMAT_P010,
	DRM_FORMAT_P012,
	DRM_FORMAT_P016,
	DRM_FORMAT_R1,
	DRM_FORMAT_R2,
	DRM_FORMAT_R4,
	DRM_FORMAT_R8,
};

TEST(every_vkms_format_is_known)
{
	for (size_t i = 0; i < sizeof(vkms_formats) / sizeof(vkms_formats[0]); i++) {
		char name[WAYBUF_FOURCC_LEN];
		ck_assert_msg(waybuf_format_get(vkms_formats[i]) != NULL, "%s is missing",
			waybuf_fourcc_string(vkms_formats[i], name));
	}
	ck_assert_ptr_null(waybuf_format_get(DRM_FORMAT_INVALID));
	ck_assert_uint_eq(waybuf_format_rank(fourcc_code('?', '?', '?', '?')), SIZE_MAX);
}

/* Strides and rows worked out by hand from drm_fourcc.h. */
TEST(plane_sizes)
{
	static const struct {
		uint32_t format;
		uint64_t width, height;
		uint8_t n_planes;
		uint64_t stride[3], rows[3];
	} cases[] = {
		{DRM_FORMAT_XRGB8888, 1024, 768, 1, {4096}, {768}},
		{DRM_FORMAT_RGB888, 1023, 768, 1, {3069}, {768}},
		{DRM_FORMAT_RGB565, 3, 1, 1, {6}, {1}},
		{DRM_FORMAT_XRGB16161616, 10, 10, 1, {80}, {10}},
		{DRM_FORMAT_R8, 7, 2, 1, {7}, {2}},
		{DRM_FORMAT_GR88, 7, 2, 1, {14}, {2}},
		{DRM_FORMAT_R1, 9, 2, 1, {2}, {2}},
		{DRM_FORMAT_R4, 9, 2, 1, {5}, {2}},
		{DRM_FORMAT_YUYV, 5, 3, 1, {12}, {3}},
		{DRM_FORMAT_NV12, 1920, 1080, 2, {1920, 1920}, {1080, 540}},
		{DRM_FORMAT_NV12, 5, 3, 2, {5, 6}, {3, 2}},
		{DRM_FORMAT_NV16, 5, 3, 2, {5, 6}, {3, 3}},
		{DRM_FORMAT_NV24, 5, 3, 2, {5, 10}, {3, 3}},
		{DRM_FORMAT_P010, 1920, 1080, 2, {3840, 3840}, {1080, 540}},
		{DRM_FORMAT_S010, 1921, 1081, 3, {3842, 1922, 1922}, {1081, 541, 541}},
		{DRM_FORMAT_S210, 6, 3, 3, {12, 6, 6}, {3, 3, 3}},
		{DRM_FORMAT_S410, 6, 3, 3, {12, 12, 12}, {3, 3, 3}},
		{DRM_FORMAT_S012, 5, 3, 3, {10, 6, 6}, {3, 2, 2}},
		{DRM_FORMAT_S416, 5, 3, 3, {10, 10, 10}, {3, 3, 3}},
		{DRM_FORMAT_YUV420, 1921, 1081, 3, {1921, 961, 961}, {1081, 541, 541}},
		{DRM_FORMAT_YVU422, 6, 3, 3, {6, 3, 3}, {3, 3, 3}},
		{DRM_FORMAT_YUV444, 6, 3, 3, {6, 6, 6}, {3, 3, 3}},
		{DRM_FORMAT_NV15, 8, 4, 2, {10, 10}, {4, 2}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct waybuf_format *format = waybuf_format_get(cases[i].format);
		ck_assert_ptr_nonnull(format);
		ck_assert_uint_eq(format->n_planes, cases[i].n_planes);
		for (uint32_t p = 0; p < format->n_planes; p++) {
			uint64_t stride;
			ck_assert(waybuf_format_min_stride(format, p, cases[i].width, &stride));
			ck_assert_uint_eq(stride, cases[i].stride[p]);
			ck_assert_uint_eq(waybuf_format_plane_height(format, p, cases[i].height),
				cases[i].rows[p]);
		}
	}
}

TEST(stride_overflow_is_refused)
{
	uint64_t stride = 1;
	const struct waybuf_format *format = waybuf_format_get(DRM_FORMAT_XRGB8888);
	ck_assert(!waybuf_format_min_stride(format, 0, UINT64_MAX, &stride));
	ck_assert(!waybuf_format_min_stride(format, 0, UINT64_MAX / 4 + 1, &stride));
	ck_assert_uint_eq(stride, 1);
	ck_assert(waybuf_format_min_stride(format, 0, UINT64_MAX / 4, &stride));
	format = waybuf_format_get(DRM_FORMAT_R8);
	ck_assert(waybuf_format_min_stride(format, 0, UINT64_MAX, &stride));
	ck_assert_uint_eq(
		waybuf_format_plane_height(waybuf_format_get(DRM_FORMAT_NV12), 1, UINT64_MAX),
		UINT64_MAX / 2 + 1);
}

TEST(names)
{
	char name[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	ck_assert_str_eq(waybuf_fourcc_string(DRM_FORMAT_XRGB8888, name), "XR24");
	ck_assert_str_eq(waybuf_fourcc_string(DRM_FORMAT_R8, name), "R8");
	ck_assert_str_eq(waybuf_fourcc_string(0x41004142, name), "BA?A");
	ck_assert_str_eq(waybuf_fourcc_string(0, name), "????");
	ck_assert_uint_eq(waybuf_fourcc_parse("NV12"), DRM_FORMAT_NV12);
	ck_assert_uint_eq(waybuf_fourcc_parse("R8"), DRM_FORMAT_R8);
	ck_assert_uint_eq(waybuf_fourcc_parse("XR24 "), 0);
	ck_assert_uint_eq(waybuf_fourcc_parse(""), 0);
	ck_assert_uint_eq(waybuf_fourcc_parse("A\n"), 0);
	ck_assert_str_eq(waybuf_modifier_string(DRM_FORMAT_MOD_LINEAR, modifier), "LINEAR");
	ck_assert_str_eq(waybuf_modifier_string(DRM_FORMAT_MOD_INVALID, modifier), "INVALID");
	ck_assert_str_eq(
		waybuf_modifier_string(I915_FORMAT_MOD_X_TILED, modifier), "0x0100000000000001");
}

TEST_MAIN("format")
