/* SPDX-License-Identifier: MIT */
#include "egl_world.h"
#ifdef HAVE_GBM
#include "fake/gbm.h"
#else
#define FAKE_GBM_DEVICE ((struct gbm_device *)1)
#endif

/* Memory as buffer objects of GBM. */

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
	egl_start();
	struct waybuf_layout layout = egl_layout(DRM_FORMAT_NV12);
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
	egl_finish();
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
	egl_start();
	struct waybuf_layout layout = egl_layout(DRM_FORMAT_XRGB8888);
	fake_gbm.refuses = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_gbm.error = cases[i].error;
		ck_assert_int_eq(import_bo(&layout), cases[i].result);
		egl_check_error(cases[i].text);
		ck_assert_ptr_null(bo);
	}
	/* without EGL there is nobody to tell */
	ck_assert_int_eq(waybuf_egl_gbm_import(NULL, FAKE_GBM_DEVICE, &layout, 0, &bo), -ENFILE);
	egl_finish();
}
#else
TEST(bo_without_gbm)
{
	fake_egl_init();
	egl_start();
	struct waybuf_layout layout = egl_layout(DRM_FORMAT_XRGB8888);
	ck_assert_int_eq(import_bo(&layout), -EOPNOTSUPP);
	egl_check_error("built without");
	egl_finish();
}
#endif

TEST(no_bo)
{
	fake_egl_init();
	egl_start();
	const struct waybuf_layout sound = egl_layout(DRM_FORMAT_XRGB8888);
	struct waybuf_layout layout = sound;
	ck_assert_int_eq(waybuf_egl_gbm_import(egl, NULL, &layout, 0, &bo), -EINVAL);
	egl_check_error("gbm: no device");
	layout.memory[0].kind = WAYBUF_MEMORY_MEMFD;
	ck_assert_int_eq(import_bo(&layout), -EINVAL);
	egl_check_error("gbm: the memory is no dma-buf");
	layout = sound;
	layout.n_planes = 5;
	ck_assert_int_eq(import_bo(&layout), -EINVAL);
	layout = sound;
	layout.planes[0].slot = 1;
	ck_assert_int_eq(import_bo(&layout), -EINVAL);
	layout = sound;
	layout.planes[0].stride = 0x80000000;
	ck_assert_int_eq(import_bo(&layout), -EINVAL);
	egl_finish();
}

TEST_MAIN("egl-gbm")
