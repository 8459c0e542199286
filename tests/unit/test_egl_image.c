/* SPDX-License-Identifier: MIT */
#include "egl_world.h"

/* Memory as images of EGL, and as targets to draw into or to sample. */

/* ---- images -------------------------------------------------------------------------------- */

TEST(image_of_two_planes)
{
	const struct waybuf_egl_image_options options = {
		.encoding = WAYBUF_EGL_BT709,
		.range = WAYBUF_EGL_FULL,
		.horizontal = WAYBUF_EGL_COSITED,
		.vertical = WAYBUF_EGL_MIDPOINT,
	};
	struct waybuf_layout layout = egl_layout(DRM_FORMAT_NV12);
	void *image;
	fake_egl_init();
	egl_start();
	layout.modifier = fourcc_mod_code(ARM, 0x12345678);
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, &options, &image), 0);
	waybuf_egl_image_destroy(egl, image);
	ck_assert_int_eq(fake_egl_attrib(EGL_WIDTH), 64);
	ck_assert_int_eq(fake_egl_attrib(EGL_LINUX_DRM_FOURCC_EXT), DRM_FORMAT_NV12);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE0_FD_EXT), 5);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE1_FD_EXT), 5);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE1_OFFSET_EXT), 8192);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE1_PITCH_EXT), 256);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE1_MODIFIER_LO_EXT), 0x12345678);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE1_MODIFIER_HI_EXT), 0x08000000);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE2_FD_EXT), -1);
	ck_assert_int_eq(fake_egl_attrib(EGL_YUV_COLOR_SPACE_HINT_EXT), EGL_ITU_REC709_EXT);
	ck_assert_int_eq(fake_egl_attrib(EGL_SAMPLE_RANGE_HINT_EXT), EGL_YUV_FULL_RANGE_EXT);
	ck_assert_int_eq(fake_egl_attrib(EGL_YUV_CHROMA_HORIZONTAL_SITING_HINT_EXT),
		EGL_YUV_CHROMA_SITING_0_EXT);
	ck_assert_int_eq(fake_egl_attrib(EGL_YUV_CHROMA_VERTICAL_SITING_HINT_EXT),
		EGL_YUV_CHROMA_SITING_0_5_EXT);
	egl_finish();
}

/* The driver's own layout has no modifier to be named, and no hint is given that was not asked for. */
TEST(image_without_modifier)
{
	struct waybuf_layout layout = egl_layout(DRM_FORMAT_XRGB8888);
	void *image;
	fake_egl_init();
	egl_start();
	layout.modifier = DRM_FORMAT_MOD_INVALID;
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), 0);
	waybuf_egl_image_destroy(egl, image);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT), -1);
	ck_assert_int_eq(fake_egl_attrib(EGL_YUV_COLOR_SPACE_HINT_EXT), -1);
	ck_assert_int_eq(fake_egl_attrib(EGL_SAMPLE_RANGE_HINT_EXT), -1);
	egl_finish();
	fake_egl.extensions = "EGL_EXT_image_dma_buf_import";
	egl_start();
	layout.modifier = DRM_FORMAT_MOD_LINEAR;
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), 0);
	waybuf_egl_image_destroy(egl, image);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT), -1);
	layout.modifier = I915_FORMAT_MOD_X_TILED;
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), -EOPNOTSUPP);
	egl_check_error("no EGL_EXT_image_dma_buf_import_modifiers");
	egl_finish();
}

static void refuse_layout(struct waybuf_layout layout, const char *why)
{
	void *image = NULL;
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), -EINVAL);
	egl_check_error(why);
	ck_assert_ptr_null(image);
}

TEST(layouts_refused)
{
	fake_egl_init();
	egl_start();
	struct waybuf_layout layout = egl_layout(DRM_FORMAT_XRGB8888), bad = layout;
	bad.memory[0].kind = WAYBUF_MEMORY_MEMFD;
	refuse_layout(bad, "no dma-buf");
	bad = layout;
	bad.planes[0].slot = 1;
	refuse_layout(bad, "in no memory");
	bad = layout;
	bad.planes[0].offset = 0x80000000;
	refuse_layout(bad, "offset");
	bad = layout;
	bad.planes[0].stride = 0x80000000;
	refuse_layout(bad, "stride");
	bad = layout;
	bad.memory[0].fd = -1;
	refuse_layout(bad, "fd");
	bad = layout;
	bad.n_planes = 5;
	refuse_layout(bad, "planes");
	bad.n_planes = 0;
	refuse_layout(bad, "planes");
	bad = layout;
	bad.height = 0;
	refuse_layout(bad, "size");
	egl_finish();
}

TEST(options_refused)
{
	const struct waybuf_layout layout = egl_layout(DRM_FORMAT_NV12);
	const struct waybuf_egl_image_options bad[] = {
		{.encoding = (enum waybuf_egl_encoding)4},
		{.range = (enum waybuf_egl_range)3},
		{.horizontal = (enum waybuf_egl_siting)3},
		{.vertical = (enum waybuf_egl_siting)3},
	};
	void *image;
	fake_egl_init();
	egl_start();
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, &bad[i], &image), -EINVAL);
		egl_check_error("option");
	}
	egl_finish();
}

TEST(errors_of_egl)
{
	static const struct {
		EGLint code;
		int error;
		const char *text;
	} errors[] = {
		{EGL_BAD_ALLOC, -ENOMEM, "EGL_BAD_ALLOC"},
		{EGL_BAD_MATCH, -EOPNOTSUPP, "XR24"},
		{EGL_BAD_ATTRIBUTE, -EOPNOTSUPP, "EGL_BAD_ATTRIBUTE"},
		{EGL_BAD_ACCESS, -EOPNOTSUPP, "EGL_BAD_ACCESS"},
		{EGL_CONTEXT_LOST, -EIO, "EGL_CONTEXT_LOST"},
		{EGL_NOT_INITIALIZED, -EIO, "0x3001"},
	};
	const struct waybuf_layout layout = egl_layout(DRM_FORMAT_XRGB8888);
	void *image;
	fake_egl_init();
	egl_start();
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_egl.image_error = errors[i].code;
		ck_assert_int_eq(
			waybuf_egl_image_create(egl, &layout, NULL, &image), errors[i].error);
		egl_check_error(errors[i].text);
	}
	egl_finish();
	fake_egl.extensions = "";
	egl_start();
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), -EOPNOTSUPP);
	egl_check_error("no EGL_EXT_image_dma_buf_import");
	waybuf_egl_image_destroy(egl, NULL);
	egl_finish();
}

/* ---- targets ------------------------------------------------------------------------------- */

TEST(target_to_draw_into)
{
	const struct waybuf_layout layout = egl_layout(DRM_FORMAT_XRGB8888);
	struct waybuf_egl_target target;
	fake_egl_init();
	egl_start();
	ck_assert_int_eq(
		waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_RENDER, NULL, &target), 0);
	ck_assert_uint_eq(target.texture_target, GL_TEXTURE_2D);
	ck_assert_uint_ne(target.framebuffer, 0);
	ck_assert_uint_eq(target.width, 64);
	ck_assert_uint_eq(target.height, 32);
	ck_assert_uint_eq(target.generation, 7);
	waybuf_egl_target_finish(egl, &target);
	/* once more, which does nothing */
	waybuf_egl_target_finish(egl, &target);
	egl_finish();
}

TEST(target_to_sample)
{
	const struct waybuf_layout layout = egl_layout(DRM_FORMAT_NV12);
	struct waybuf_egl_target target;
	fake_egl_init();
	egl_start();
	ck_assert_int_eq(
		waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_SAMPLE, NULL, &target), 0);
	ck_assert_uint_eq(target.texture_target, GL_TEXTURE_EXTERNAL_OES);
	ck_assert_uint_eq(target.framebuffer, 0);
	waybuf_egl_target_finish(egl, &target);
	egl_finish();
}

/* Mesa's writes whole blocks, wherever that is. */
TEST(target_of_a_software_renderer)
{
	struct waybuf_layout layout = egl_layout(DRM_FORMAT_XRGB8888);
	struct waybuf_egl_target target;
	fake_egl_init();
	fake_egl.device_extensions = "EGL_MESA_device_software";
	egl_start();
	char *text = egl_constraints(WAYBUF_ACCESS_RENDER, NULL, 0);
	ck_assert_msg(strstr(text, "stride multiple 64"), "%s", text);
	free(text);
	ck_assert_int_eq(
		waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_RENDER, NULL, &target), 0);
	waybuf_egl_target_finish(egl, &target);
	layout.planes[0].rows = 33;
	ck_assert_int_eq(waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_RENDER, NULL, &target),
		-EOPNOTSUPP);
	egl_check_error("software renderer");
	layout.planes[0] = (struct waybuf_plane){0, 0, 260, 32};
	ck_assert_int_eq(waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_RENDER, NULL, &target),
		-EOPNOTSUPP);
	layout.planes[0] = (struct waybuf_plane){0, 4, 256, 32};
	ck_assert_int_eq(waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_RENDER, NULL, &target),
		-EOPNOTSUPP);
	ck_assert_int_eq(
		waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_SAMPLE, NULL, &target), 0);
	waybuf_egl_target_finish(egl, &target);
	egl_finish();
}

static void refuse_target(uint32_t format, uint64_t access, int error, const char *why)
{
	const struct waybuf_layout layout = egl_layout(format);
	struct waybuf_egl_target target;
	ck_assert_int_eq(waybuf_egl_target_init(egl, &layout, access, NULL, &target), error);
	egl_check_error(why);
	ck_assert_ptr_null(target.image);
	waybuf_egl_target_finish(egl, &target);
}

TEST(targets_refused)
{
	const uint32_t xrgb = DRM_FORMAT_XRGB8888;
	fake_egl_init();
	egl_start();
	refuse_target(xrgb, 0, -EINVAL, "neither");
	refuse_target(xrgb, WAYBUF_ACCESS_RENDER | WAYBUF_ACCESS_SCANOUT, -EINVAL, "neither");
	refuse_target(DRM_FORMAT_NV12, WAYBUF_ACCESS_RENDER, -EOPNOTSUPP, "only be sampled");
	fake_egl.image_error = EGL_BAD_MATCH;
	refuse_target(xrgb, WAYBUF_ACCESS_RENDER, -EOPNOTSUPP, "EGL_BAD_MATCH");
	fake_egl.image_error = 0;
	fake_egl.texture_error = GL_INVALID_OPERATION;
	refuse_target(xrgb, WAYBUF_ACCESS_SAMPLE, -EOPNOTSUPP, "GL refuses a texture");
	refuse_target(DRM_FORMAT_NV12, WAYBUF_ACCESS_SAMPLE, -EOPNOTSUPP, "an external texture");
	fake_egl.texture_error = 0;
	fake_egl.framebuffer_status = GL_FRAMEBUFFER_UNSUPPORTED;
	refuse_target(xrgb, WAYBUF_ACCESS_RENDER, -EOPNOTSUPP, "status 0x8cdd");
	fake_egl.current = EGL_NO_DISPLAY;
	refuse_target(xrgb, WAYBUF_ACCESS_RENDER, -EINVAL, "no context");
	fake_egl.current = &egl;
	refuse_target(xrgb, WAYBUF_ACCESS_RENDER, -EINVAL, "another display");
	egl_finish();
	fake_egl_init();
	fake_egl.missing = "glEGLImageTargetTexture2DOES";
	egl_start();
	refuse_target(xrgb, WAYBUF_ACCESS_RENDER, -EOPNOTSUPP, "GL_OES_EGL_image");
	egl_finish();
}

TEST_MAIN("egl-image")
