/* SPDX-License-Identifier: MIT */
#include "egl_world.h"
#include "fail_alloc.h"

/* What the display has, and what that means for memory. */

/* ---- what the display has ------------------------------------------------------------------ */

enum {
	ALL = WAYBUF_EGL_IMAGES | WAYBUF_EGL_MODIFIERS | WAYBUF_EGL_TEXTURES | WAYBUF_EGL_FENCES |
		WAYBUF_EGL_SYNC_FILES
};

static void check_features(const char *extensions, const char *missing, uint32_t features)
{
	fake_egl_init();
	if (extensions)
		fake_egl.extensions = extensions;
	fake_egl.missing = missing;
	egl_start();
	ck_assert_msg(waybuf_egl_get_features(egl) == features, "%s, no %s: %x not %x",
		fake_egl.extensions, missing, waybuf_egl_get_features(egl), features);
	egl_finish();
}

TEST(features)
{
	enum { TEXTURES = WAYBUF_EGL_TEXTURES };
	check_features(NULL, NULL, ALL);
	check_features("", NULL, TEXTURES);
	check_features("EGL_EXT_image_dma_buf_import", NULL, TEXTURES | WAYBUF_EGL_IMAGES);
	/* the name of one begins with that of the other */
	check_features("EGL_EXT_image_dma_buf_import_modifiers", NULL, TEXTURES);
	check_features("EGL_KHR_fence_sync EGL_KHR_wait_sync", NULL, TEXTURES | WAYBUF_EGL_FENCES);
	check_features("EGL_KHR_fence_sync EGL_ANDROID_native_fence_sync", NULL,
		TEXTURES | WAYBUF_EGL_FENCES);
	check_features("EGL_ANDROID_native_fence_sync EGL_KHR_wait_sync", NULL, TEXTURES);
	check_features(NULL, "eglCreateImageKHR",
		ALL & ~(unsigned)(WAYBUF_EGL_IMAGES | WAYBUF_EGL_MODIFIERS));
	check_features(NULL, "eglQueryDmaBufModifiersEXT", ALL & ~(unsigned)WAYBUF_EGL_MODIFIERS);
	check_features(NULL, "glEGLImageTargetTexture2DOES", ALL & ~(unsigned)TEXTURES);
	check_features(NULL, "eglDupNativeFenceFDANDROID", ALL & ~(unsigned)WAYBUF_EGL_SYNC_FILES);
}

TEST(no_display)
{
	fake_egl_init();
	ck_assert_int_eq(waybuf_egl_create(EGL_NO_DISPLAY, &egl), -EINVAL);
	fake_egl.extensions = NULL;
	ck_assert_int_eq(waybuf_egl_create(FAKE_DISPLAY, &egl), -EINVAL);
	waybuf_egl_destroy(NULL);
}

TEST(node)
{
	fake_egl_init();
	egl_start();
	ck_assert_str_eq(waybuf_egl_get_node(egl), "/dev/null");
	ck_assert_str_eq(waybuf_egl_error(egl), "");
	egl_finish();
	fake_egl.device_extensions = "EGL_MESA_device_software";
	egl_start();
	ck_assert_ptr_null(waybuf_egl_get_node(egl));
	egl_finish();
	fake_egl_init();
	fake_egl.client_extensions = NULL;
	egl_start();
	ck_assert_ptr_null(waybuf_egl_get_node(egl));
	egl_finish();
	fake_egl_init();
	fake_egl.node = NULL;
	egl_start();
	ck_assert_ptr_null(waybuf_egl_get_node(egl));
	egl_finish();
}

/* ---- constraints --------------------------------------------------------------------------- */

TEST(constraints_of_a_renderer)
{
	fake_egl_init();
	egl_start();
	char *text = egl_constraints(WAYBUF_ACCESS_RENDER, NULL, 0);
	ck_assert_msg(strstr(text, "must access read render"), "%s", text);
	ck_assert_msg(strstr(text, "XR24"), "%s", text);
	ck_assert_msg(strstr(text, "udmabuf"), "%s", text);
	ck_assert_msg(strstr(text, "near"), "%s", text);
	/* external: it can be sampled only */
	ck_assert_msg(!strstr(text, "NV12"), "%s", text);
	free(text);
	text = egl_constraints(WAYBUF_ACCESS_SAMPLE, NULL, 0);
	ck_assert_msg(strstr(text, "NV12"), "%s", text);
	free(text);
	uint32_t format = DRM_FORMAT_XRGB8888;
	text = egl_constraints(WAYBUF_ACCESS_SAMPLE, &format, 1);
	ck_assert_msg(!strstr(text, "NV12"), "%s", text);
	free(text);
	egl_finish();
}

TEST(constraints_without_a_list)
{
	fake_egl_init();
	fake_egl.extensions = "EGL_EXT_image_dma_buf_import";
	egl_start();
	struct waybuf_constraints *set = NULL;
	uint32_t format = DRM_FORMAT_NV12;
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_RENDER, NULL, 0, &set), -EOPNOTSUPP);
	egl_check_error("EGL_EXT_image_dma_buf_import_modifiers");
	char *text = egl_constraints(WAYBUF_ACCESS_SAMPLE, &format, 1);
	ck_assert_msg(strstr(text, "NV12") && strstr(text, "LINEAR"), "%s", text);
	free(text);
	egl_finish();
}

TEST(constraints_refused)
{
	fake_egl_init();
	egl_start();
	struct waybuf_constraints *set = NULL;
	static uint32_t formats[300] = {DRM_FORMAT_NV12};
	ck_assert_int_eq(waybuf_egl_constraints(egl, 0, NULL, 0, &set), -EINVAL);
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_SCANOUT, NULL, 0, &set), -EINVAL);
	egl_check_error("access");
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_RENDER, formats, 1, &set), -EOPNOTSUPP);
	egl_check_error("none of the formats");
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_SAMPLE, formats, 300, &set), -E2BIG);
	fake_egl.lists_fail = true;
	ck_assert_int_eq(waybuf_egl_constraints(egl, WAYBUF_ACCESS_SAMPLE, NULL, 0, &set), -ENOMEM);
	egl_check_error("EGL_BAD_ALLOC");
	egl_finish();
	fake_egl.extensions = "EGL_KHR_fence_sync";
	egl_start();
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_RENDER, formats, 1, &set), -EOPNOTSUPP);
	egl_check_error("no EGL_EXT_image_dma_buf_import");
	ck_assert_ptr_null(set);
	egl_finish();
}

static int live(void)
{
	struct waybuf_egl *other = NULL;
	struct waybuf_constraints *set = NULL;
	int ret = waybuf_egl_create(FAKE_DISPLAY, &other);
	if (ret == 0)
		ret = waybuf_egl_constraints(other, WAYBUF_ACCESS_RENDER, NULL, 0, &set);
	waybuf_constraints_unref(set);
	waybuf_egl_destroy(other);
	return ret;
}

TEST(no_memory)
{
	bool happened = true;
	unsigned n = 0;
	fake_egl_init();
	while (happened) {
		fail_alloc_at(++n);
		int ret = live();
		happened = fail_alloc_happened();
		fail_alloc_at(0);
		ck_assert_int_eq(ret, happened ? -ENOMEM : 0);
	}
	ck_assert_uint_gt(n, 3);
}

/* On the node of a display controller its device is not a software one. */
TEST(software_by_its_name)
{
	static const char *const drivers[] = {NULL, "iris", "swrast", "kms_swrast"};
	for (size_t i = 0; i < 4; i++) {
		fake_egl_init();
		fake_egl.extensions = "EGL_EXT_image_dma_buf_import EGL_MESA_query_driver"
				      " EGL_EXT_image_dma_buf_import_modifiers";
		fake_egl.driver = drivers[i];
		egl_start();
		char *text = egl_constraints(WAYBUF_ACCESS_RENDER, NULL, 0);
		bool asks = strstr(text, "stride multiple 64");
		ck_assert_msg(asks == (i >= 2), "%s", text);
		free(text);
		egl_finish();
	}
}

TEST_MAIN("egl")
