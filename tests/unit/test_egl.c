/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <waybuf/egl.h>

#include "fail_alloc.h"
#include "fake/egl.h"
#ifdef HAVE_GBM
#include "fake/gbm.h"
#else
#define FAKE_GBM_DEVICE ((struct gbm_device *)1)
#endif
#include "harness.h"

/* libwaybuf-egl on an EGL that has more or less, and fails where it is told to. */

static struct waybuf_egl *egl;

static void start(void)
{
	ck_assert_int_eq(waybuf_egl_create(FAKE_DISPLAY, &egl), 0);
}

static void finish(void)
{
	waybuf_egl_destroy(egl);
	fake_egl_finish();
}

static void check_error(const char *text)
{
	ck_assert_msg(
		strstr(waybuf_egl_error(egl), text), "no \"%s\": %s", text, waybuf_egl_error(egl));
}

static struct waybuf_layout make_layout(uint32_t format)
{
	struct waybuf_layout layout = {
		.generation = 7,
		.width = 64,
		.height = 32,
		.format = format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = format == DRM_FORMAT_NV12 ? 2 : 1,
		.n_memory = 1,
		.planes = {{0, 0, 256, 32}, {0, 8192, 256, 16}},
		.memory = {{.fd = 5, .kind = WAYBUF_MEMORY_DMABUF, .size = 16384}},
	};
	return layout;
}

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
	start();
	ck_assert_msg(waybuf_egl_get_features(egl) == features, "%s, no %s: %x not %x",
		fake_egl.extensions, missing, waybuf_egl_get_features(egl), features);
	finish();
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
	start();
	ck_assert_str_eq(waybuf_egl_get_node(egl), "/dev/null");
	ck_assert_str_eq(waybuf_egl_error(egl), "");
	finish();
	fake_egl.device_extensions = "EGL_MESA_device_software";
	start();
	ck_assert_ptr_null(waybuf_egl_get_node(egl));
	finish();
	fake_egl_init();
	fake_egl.client_extensions = NULL;
	start();
	ck_assert_ptr_null(waybuf_egl_get_node(egl));
	finish();
	fake_egl_init();
	fake_egl.node = NULL;
	start();
	ck_assert_ptr_null(waybuf_egl_get_node(egl));
	finish();
}

/* ---- constraints --------------------------------------------------------------------------- */

static char *text_of(struct waybuf_constraints *set)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	waybuf_constraints_print(set, out);
	fclose(out);
	waybuf_constraints_unref(set);
	return text;
}

static char *constraints(uint64_t access, const uint32_t *formats, size_t n)
{
	struct waybuf_constraints *set = NULL;
	int ret = waybuf_egl_constraints(egl, access, formats, n, &set);
	ck_assert_msg(ret == 0, "%d: %s", ret, waybuf_egl_error(egl));
	return text_of(set);
}

TEST(constraints_of_a_renderer)
{
	fake_egl_init();
	start();
	char *text = constraints(WAYBUF_ACCESS_RENDER, NULL, 0);
	ck_assert_msg(strstr(text, "must access read render"), "%s", text);
	ck_assert_msg(strstr(text, "XR24"), "%s", text);
	ck_assert_msg(strstr(text, "udmabuf"), "%s", text);
	ck_assert_msg(strstr(text, "near"), "%s", text);
	/* external: it can be sampled only */
	ck_assert_msg(!strstr(text, "NV12"), "%s", text);
	free(text);
	text = constraints(WAYBUF_ACCESS_SAMPLE, NULL, 0);
	ck_assert_msg(strstr(text, "NV12"), "%s", text);
	free(text);
	uint32_t format = DRM_FORMAT_XRGB8888;
	text = constraints(WAYBUF_ACCESS_SAMPLE, &format, 1);
	ck_assert_msg(!strstr(text, "NV12"), "%s", text);
	free(text);
	finish();
}

TEST(constraints_without_a_list)
{
	fake_egl_init();
	fake_egl.extensions = "EGL_EXT_image_dma_buf_import";
	start();
	struct waybuf_constraints *set = NULL;
	uint32_t format = DRM_FORMAT_NV12;
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_RENDER, NULL, 0, &set), -EOPNOTSUPP);
	check_error("EGL_EXT_image_dma_buf_import_modifiers");
	char *text = constraints(WAYBUF_ACCESS_SAMPLE, &format, 1);
	ck_assert_msg(strstr(text, "NV12") && strstr(text, "LINEAR"), "%s", text);
	free(text);
	finish();
}

TEST(constraints_refused)
{
	fake_egl_init();
	start();
	struct waybuf_constraints *set = NULL;
	static uint32_t formats[300] = {DRM_FORMAT_NV12};
	ck_assert_int_eq(waybuf_egl_constraints(egl, 0, NULL, 0, &set), -EINVAL);
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_SCANOUT, NULL, 0, &set), -EINVAL);
	check_error("access");
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_RENDER, formats, 1, &set), -EOPNOTSUPP);
	check_error("none of the formats");
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_SAMPLE, formats, 300, &set), -E2BIG);
	fake_egl.lists_fail = true;
	ck_assert_int_eq(waybuf_egl_constraints(egl, WAYBUF_ACCESS_SAMPLE, NULL, 0, &set), -ENOMEM);
	check_error("EGL_BAD_ALLOC");
	finish();
	fake_egl.extensions = "EGL_KHR_fence_sync";
	start();
	ck_assert_int_eq(
		waybuf_egl_constraints(egl, WAYBUF_ACCESS_RENDER, formats, 1, &set), -EOPNOTSUPP);
	check_error("no EGL_EXT_image_dma_buf_import");
	ck_assert_ptr_null(set);
	finish();
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

/* ---- images -------------------------------------------------------------------------------- */

TEST(image_of_two_planes)
{
	const struct waybuf_egl_image_options options = {
		.encoding = WAYBUF_EGL_BT709,
		.range = WAYBUF_EGL_FULL,
		.horizontal = WAYBUF_EGL_COSITED,
		.vertical = WAYBUF_EGL_MIDPOINT,
	};
	struct waybuf_layout layout = make_layout(DRM_FORMAT_NV12);
	void *image;
	fake_egl_init();
	start();
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
	finish();
}

/* The driver's own layout has no modifier to be named, and no hint is given that was not asked for. */
TEST(image_without_modifier)
{
	struct waybuf_layout layout = make_layout(DRM_FORMAT_XRGB8888);
	void *image;
	fake_egl_init();
	start();
	layout.modifier = DRM_FORMAT_MOD_INVALID;
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), 0);
	waybuf_egl_image_destroy(egl, image);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT), -1);
	ck_assert_int_eq(fake_egl_attrib(EGL_YUV_COLOR_SPACE_HINT_EXT), -1);
	ck_assert_int_eq(fake_egl_attrib(EGL_SAMPLE_RANGE_HINT_EXT), -1);
	finish();
	fake_egl.extensions = "EGL_EXT_image_dma_buf_import";
	start();
	layout.modifier = DRM_FORMAT_MOD_LINEAR;
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), 0);
	waybuf_egl_image_destroy(egl, image);
	ck_assert_int_eq(fake_egl_attrib(EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT), -1);
	layout.modifier = I915_FORMAT_MOD_X_TILED;
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), -EOPNOTSUPP);
	check_error("no EGL_EXT_image_dma_buf_import_modifiers");
	finish();
}

static void refuse_layout(struct waybuf_layout layout, const char *why)
{
	void *image = NULL;
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), -EINVAL);
	check_error(why);
	ck_assert_ptr_null(image);
}

TEST(layouts_refused)
{
	fake_egl_init();
	start();
	struct waybuf_layout layout = make_layout(DRM_FORMAT_XRGB8888), bad = layout;
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
	finish();
}

TEST(options_refused)
{
	const struct waybuf_layout layout = make_layout(DRM_FORMAT_NV12);
	const struct waybuf_egl_image_options bad[] = {
		{.encoding = (enum waybuf_egl_encoding)4},
		{.range = (enum waybuf_egl_range)3},
		{.horizontal = (enum waybuf_egl_siting)3},
		{.vertical = (enum waybuf_egl_siting)3},
	};
	void *image;
	fake_egl_init();
	start();
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, &bad[i], &image), -EINVAL);
		check_error("option");
	}
	finish();
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
	const struct waybuf_layout layout = make_layout(DRM_FORMAT_XRGB8888);
	void *image;
	fake_egl_init();
	start();
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_egl.image_error = errors[i].code;
		ck_assert_int_eq(
			waybuf_egl_image_create(egl, &layout, NULL, &image), errors[i].error);
		check_error(errors[i].text);
	}
	finish();
	fake_egl.extensions = "";
	start();
	ck_assert_int_eq(waybuf_egl_image_create(egl, &layout, NULL, &image), -EOPNOTSUPP);
	check_error("no EGL_EXT_image_dma_buf_import");
	waybuf_egl_image_destroy(egl, NULL);
	finish();
}

/* ---- targets ------------------------------------------------------------------------------- */

TEST(target_to_draw_into)
{
	const struct waybuf_layout layout = make_layout(DRM_FORMAT_XRGB8888);
	struct waybuf_egl_target target;
	fake_egl_init();
	start();
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
	finish();
}

TEST(target_to_sample)
{
	const struct waybuf_layout layout = make_layout(DRM_FORMAT_NV12);
	struct waybuf_egl_target target;
	fake_egl_init();
	start();
	ck_assert_int_eq(
		waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_SAMPLE, NULL, &target), 0);
	ck_assert_uint_eq(target.texture_target, GL_TEXTURE_EXTERNAL_OES);
	ck_assert_uint_eq(target.framebuffer, 0);
	waybuf_egl_target_finish(egl, &target);
	finish();
}

/* Mesa's writes whole blocks, wherever that is. */
TEST(target_of_a_software_renderer)
{
	struct waybuf_layout layout = make_layout(DRM_FORMAT_XRGB8888);
	struct waybuf_egl_target target;
	fake_egl_init();
	fake_egl.device_extensions = "EGL_MESA_device_software";
	start();
	char *text = constraints(WAYBUF_ACCESS_RENDER, NULL, 0);
	ck_assert_msg(strstr(text, "stride multiple 64"), "%s", text);
	free(text);
	ck_assert_int_eq(
		waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_RENDER, NULL, &target), 0);
	waybuf_egl_target_finish(egl, &target);
	layout.planes[0].rows = 33;
	ck_assert_int_eq(waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_RENDER, NULL, &target),
		-EOPNOTSUPP);
	check_error("software renderer");
	layout.planes[0] = (struct waybuf_plane){0, 0, 260, 32};
	ck_assert_int_eq(waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_RENDER, NULL, &target),
		-EOPNOTSUPP);
	layout.planes[0] = (struct waybuf_plane){0, 4, 256, 32};
	ck_assert_int_eq(waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_RENDER, NULL, &target),
		-EOPNOTSUPP);
	ck_assert_int_eq(
		waybuf_egl_target_init(egl, &layout, WAYBUF_ACCESS_SAMPLE, NULL, &target), 0);
	waybuf_egl_target_finish(egl, &target);
	finish();
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
		start();
		char *text = constraints(WAYBUF_ACCESS_RENDER, NULL, 0);
		bool asks = strstr(text, "stride multiple 64");
		ck_assert_msg(asks == (i >= 2), "%s", text);
		free(text);
		finish();
	}
}

static void refuse_target(uint32_t format, uint64_t access, int error, const char *why)
{
	const struct waybuf_layout layout = make_layout(format);
	struct waybuf_egl_target target;
	ck_assert_int_eq(waybuf_egl_target_init(egl, &layout, access, NULL, &target), error);
	check_error(why);
	ck_assert_ptr_null(target.image);
	waybuf_egl_target_finish(egl, &target);
}

TEST(targets_refused)
{
	const uint32_t xrgb = DRM_FORMAT_XRGB8888;
	fake_egl_init();
	start();
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
	finish();
	fake_egl_init();
	fake_egl.missing = "glEGLImageTargetTexture2DOES";
	start();
	refuse_target(xrgb, WAYBUF_ACCESS_RENDER, -EOPNOTSUPP, "GL_OES_EGL_image");
	finish();
}

/* ---- fences -------------------------------------------------------------------------------- */

TEST(fence_out)
{
	int fence;
	fake_egl_init();
	fake_egl.fence = eventfd(0, EFD_CLOEXEC);
	start();
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 0, &fence), 0);
	ck_assert_int_ge(fence, 0);
	close(fence);
	close(fake_egl.fence);
	/* none is to be had: then the work is waited for */
	fake_egl.fence = -1;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 7, &fence), 0);
	ck_assert_int_eq(fence, -1);
	ck_assert_uint_eq(fake_egl.timeout, 7000000);
	fake_egl.native_error = EGL_BAD_ALLOC;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 7, &fence), 0);
	finish();
}

TEST(fence_out_fails)
{
	int fence;
	fake_egl_init();
	fake_egl.extensions = "EGL_KHR_fence_sync";
	start();
	ck_assert_int_eq(waybuf_egl_fence_export(egl, -1, &fence), -EINVAL);
	fake_egl.client_wait = EGL_TIMEOUT_EXPIRED_KHR;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -ETIME);
	check_error("3 ms");
	fake_egl.client_wait = -1;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -EIO);
	fake_egl.fence_error = EGL_BAD_ALLOC;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -EIO);
	check_error("EGL_BAD_ALLOC");
	fake_egl.current = EGL_NO_DISPLAY;
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -EINVAL);
	ck_assert_int_eq(fence, -1);
	finish();
	fake_egl_init();
	fake_egl.extensions = "";
	start();
	ck_assert_int_eq(waybuf_egl_fence_export(egl, 3, &fence), -EOPNOTSUPP);
	check_error("EGL_KHR_fence_sync");
	finish();
}

/* A fence of its own each time: whoever takes it closes it, and the harness counts. */
static int signalled(void)
{
	int fd = eventfd(1, EFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

TEST(fence_in)
{
	fake_egl_init();
	start();
	ck_assert_int_eq(waybuf_egl_fence_import(egl, -1, 0), 0);
	ck_assert_int_eq(waybuf_egl_fence_import(egl, eventfd(0, EFD_CLOEXEC), 0), 0);
	/* the GPU cannot: EGL waits, with the fence that it has */
	fake_egl.wait = -1;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 5), 0);
	ck_assert_uint_eq(fake_egl.timeout, 5000000);
	fake_egl.client_wait = EGL_TIMEOUT_EXPIRED_KHR;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 5), -ETIME);
	fake_egl.client_wait = -1;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 5), -EIO);
	/* EGL does not take it: it is still ours, and waited for */
	fake_egl.native_error = EGL_BAD_ATTRIBUTE;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 5), 0);
	finish();
}

TEST(fence_in_without_extensions)
{
	fake_egl_init();
	fake_egl.extensions = "";
	start();
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 0), 0);
	ck_assert_int_eq(waybuf_egl_fence_import(egl, eventfd(0, EFD_CLOEXEC), 1), -ETIME);
	check_error("not signalled");
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), -1), -EINVAL);
	ck_assert_int_eq(waybuf_egl_fence_import(egl, 1000000, 1), -EBADF);
	fake_egl.current = EGL_NO_DISPLAY;
	ck_assert_int_eq(waybuf_egl_fence_import(egl, signalled(), 1), -EINVAL);
	ck_assert_int_eq(waybuf_egl_fence_import(egl, -1, 1), -EINVAL);
	finish();
}

/* ---- GBM ------------------------------------------------------------------------------------ */

/* GBM_BO_USE_SCANOUT is 1. */
static struct gbm_bo *bo;

static int import_bo(const struct waybuf_layout *layout)
{
	return waybuf_egl_gbm_import(egl, FAKE_GBM_DEVICE, layout, 1, &bo);
}

#ifdef HAVE_GBM
/* Both planes in one memory, and in two; whatever the modifier is. */
TEST(bo_of_two_planes)
{
	fake_egl_init();
	start();
	struct waybuf_layout layout = make_layout(DRM_FORMAT_NV12);
	ck_assert_int_eq(import_bo(&layout), 0);
	ck_assert_ptr_nonnull(bo);
	const struct gbm_import_fd_modifier_data *data = &fake_gbm.data;
	ck_assert_uint_eq(fake_gbm.usage, 1);
	ck_assert_uint_eq(data->width, 64);
	ck_assert_uint_eq(data->height, 32);
	ck_assert_uint_eq(data->format, DRM_FORMAT_NV12);
	ck_assert_uint_eq(data->num_fds, 2);
	ck_assert_int_eq(data->fds[0], 5);
	ck_assert_int_eq(data->fds[1], 5);
	ck_assert_int_eq(data->strides[1], 256);
	ck_assert_int_eq(data->offsets[1], 8192);
	ck_assert_uint_eq(data->modifier, DRM_FORMAT_MOD_LINEAR);
	layout.n_memory = 2;
	layout.memory[1] = (struct waybuf_memory){.fd = 6, .kind = WAYBUF_MEMORY_DMABUF};
	layout.planes[1] = (struct waybuf_plane){1, 0, 512, 16};
	layout.modifier = I915_FORMAT_MOD_X_TILED;
	ck_assert_int_eq(import_bo(&layout), 0);
	ck_assert_int_eq(data->fds[1], 6);
	ck_assert_int_eq(data->offsets[1], 0);
	ck_assert_int_eq(data->strides[1], 512);
	ck_assert_uint_eq(data->modifier, I915_FORMAT_MOD_X_TILED);
	finish();
}

TEST(bo_refused_by_the_driver)
{
	static const struct {
		int error, result;
		const char *text;
	} cases[] = {
		{EINVAL, -EOPNOTSUPP, "XR24, modifier 0x0000000000000000"},
		{ENOSYS, -EOPNOTSUPP, "does not take it"},
		{0, -EOPNOTSUPP, "does not say why"},
		{ENOMEM, -ENOMEM, "gbm: "},
		{EMFILE, -EMFILE, "gbm: "},
		{ENFILE, -ENFILE, "gbm: "},
	};
	fake_egl_init();
	start();
	struct waybuf_layout layout = make_layout(DRM_FORMAT_XRGB8888);
	fake_gbm.refuses = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_gbm.error = cases[i].error;
		ck_assert_int_eq(import_bo(&layout), cases[i].result);
		check_error(cases[i].text);
		ck_assert_ptr_null(bo);
	}
	/* without EGL there is nobody to tell */
	ck_assert_int_eq(waybuf_egl_gbm_import(NULL, FAKE_GBM_DEVICE, &layout, 0, &bo), -ENFILE);
	finish();
}
#else
TEST(bo_without_gbm)
{
	fake_egl_init();
	start();
	struct waybuf_layout layout = make_layout(DRM_FORMAT_XRGB8888);
	ck_assert_int_eq(import_bo(&layout), -EOPNOTSUPP);
	check_error("built without");
	finish();
}
#endif

TEST(no_bo)
{
	fake_egl_init();
	start();
	const struct waybuf_layout sound = make_layout(DRM_FORMAT_XRGB8888);
	struct waybuf_layout layout = sound;
	ck_assert_int_eq(waybuf_egl_gbm_import(egl, NULL, &layout, 0, &bo), -EINVAL);
	check_error("gbm: no device");
	layout.memory[0].kind = WAYBUF_MEMORY_MEMFD;
	ck_assert_int_eq(import_bo(&layout), -EINVAL);
	check_error("gbm: the memory is no dma-buf");
	layout = sound;
	layout.n_planes = 5;
	ck_assert_int_eq(import_bo(&layout), -EINVAL);
	layout = sound;
	layout.planes[0].slot = 1;
	ck_assert_int_eq(import_bo(&layout), -EINVAL);
	layout = sound;
	layout.planes[0].stride = 0x80000000;
	ck_assert_int_eq(import_bo(&layout), -EINVAL);
	finish();
}

TEST_MAIN("egl")
