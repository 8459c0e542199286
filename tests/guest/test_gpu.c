/* SPDX-License-Identifier: MIT */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <drm_fourcc.h>
#include <poll.h>
#include <unistd.h>

#include "core/device.h"
#include "core_fixture.h"
#include "gpu/gpu.h"

/*
 * Copies by a GPU, for which Mesa's software renderer stands here: every bit of every plane, between
 * any strides; and as the engine of a device, when memory moves.
 */

struct picture {
	struct waybuf_pool *pool;
	struct party painter;
	struct seat seat;
};

/* Asked in another way, so that nothing is skipped that should work. */
static bool mesa_imports(void)
{
	EGLDisplay display =
		eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	const char *extensions = NULL;
	if (display != EGL_NO_DISPLAY && eglInitialize(display, NULL, NULL))
		extensions = eglQueryString(display, EGL_EXTENSIONS);
	bool imports = extensions && strstr(extensions, "EGL_EXT_image_dma_buf_import_modifiers");
	eglTerminate(display);
	eglReleaseThread();
	return imports;
}

static struct waybuf_gpu *open_gpu(void)
{
	struct waybuf_gpu *gpu;
	int ret = waybuf_gpu_create(-1, &gpu);
	if (ret == -EOPNOTSUPP && !mesa_imports())
		SKIP("no EGL here that imports dma-bufs");
	ck_assert_int_eq(ret, 0);
	return gpu;
}

static void world_init(struct fixture *f)
{
	ck_assert_int_eq(waybuf_manager_create(NULL, &f->manager), 0);
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", "heap", 1), 0);
	int n = waybuf_manager_add_default_exporters(f->manager, -1);
	f->account = waybuf_account_create(f->manager, "test", NULL);
	ck_assert_ptr_nonnull(f->account);
	if (n != 1) {
		fixture_finish(f);
		SKIP("this machine has no dma-heap");
	}
}

static struct waybuf_constraints *painter_set(uint32_t format, uint64_t stride)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *set;
	uint64_t modifier = DRM_FORMAT_MOD_LINEAR;
	waybuf_constraints_builder_access(
		builder, WAYBUF_ACCESS_CPU_READ | WAYBUF_ACCESS_CPU_WRITE);
	waybuf_constraints_builder_stride(builder, WAYBUF_PLANE_ALL, stride, 0, WAYBUF_NO_LIMIT);
	waybuf_constraints_builder_set(builder, &format, 1, &modifier, 1);
	ck_assert_int_eq(waybuf_constraints_builder_finish(builder, &set), 0);
	waybuf_constraints_builder_destroy(builder);
	return set;
}

static void picture_init_size(struct fixture *f, struct picture *picture, uint32_t format,
	uint64_t stride, uint32_t seed, uint32_t width, uint32_t height)
{
	picture->pool = fixture_pool(f, width, height, 1);
	party_attach(&picture->painter, picture->pool, f->account, "painter");
	party_commit(&picture->painter, painter_set(format, stride));
	ck_assert_msg(picture->painter.accepted == 1, "%s", picture->painter.conflicts);
	seat_open(&picture->seat, &picture->painter, 0);
	seat_grant(f, &picture->seat, WAYBUF_WRITE);
	pattern_fill(&picture->seat.layout, seed);
}

static void picture_init(
	struct fixture *f, struct picture *picture, uint32_t format, uint64_t stride, uint32_t seed)
{
	picture_init_size(f, picture, format, stride, seed, 96, 64);
}

static void picture_finish(struct picture *picture)
{
	seat_unmap(&picture->seat, NULL);
	seat_close(&picture->seat);
	party_detach(&picture->painter);
	waybuf_pool_unref(picture->pool);
}

static void wait_for(int fence_fd)
{
	struct pollfd poll_fd = {.fd = fence_fd, .events = POLLIN};
	if (fence_fd < 0)
		return;
	ck_assert_int_eq(poll(&poll_fd, 1, 5000), 1);
	close(fence_fd);
}

static void check_copy(struct fixture *f, struct waybuf_gpu *gpu, uint32_t format)
{
	struct picture from, to;
	int fence_fd = -1;
	picture_init(f, &from, format, 4, 3);
	picture_init(f, &to, format, 1024, 4);
	ck_assert_int_eq(waybuf_gpu_copy(gpu, &from.seat.layout, &to.seat.layout, &fence_fd), 0);
	wait_for(fence_fd);
	ck_assert_msg(pattern_check(&to.seat.layout, 3), "%.4s is not the same", (char *)&format);
	ck_assert(pattern_check(&from.seat.layout, 3));
	picture_finish(&from);
	picture_finish(&to);
}

/* The fourth byte of XRGB8888 as well, and no value of a YUV image converted. */
TEST(every_bit_is_copied)
{
	static const uint32_t formats[] = {
		DRM_FORMAT_XRGB8888,
		DRM_FORMAT_ARGB8888,
		DRM_FORMAT_ABGR8888,
		DRM_FORMAT_RGB565,
		DRM_FORMAT_R8,
		DRM_FORMAT_NV12,
		DRM_FORMAT_NV16,
		DRM_FORMAT_YUV420,
	};
	struct fixture f;
	struct waybuf_gpu *gpu = open_gpu();
	world_init(&f);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		check_copy(&f, gpu, formats[i]);
	fixture_finish(&f);
	waybuf_gpu_destroy(gpu);
}

TEST(what_it_says_it_takes)
{
	struct fixture f;
	struct picture picture;
	struct waybuf_constraints *set;
	dev_t dev;
	size_t n;
	struct waybuf_gpu *gpu = open_gpu();
	world_init(&f);
	const struct waybuf_format_modifier *pairs = waybuf_gpu_pairs(gpu, &n);
	bool found = false;
	for (size_t i = 0; i < n; i++)
		found |= pairs[i].format == DRM_FORMAT_XRGB8888 &&
			pairs[i].modifier == DRM_FORMAT_MOD_LINEAR;
	ck_assert(found);
	ck_assert_int_eq(waybuf_gpu_constraints(gpu, WAYBUF_ACCESS_RENDER, &set), 0);
	waybuf_constraints_unref(set);
	ck_assert_int_eq(waybuf_gpu_constraints(gpu, WAYBUF_ACCESS_SCANOUT, &set), -EOPNOTSUPP);
	ck_assert(!waybuf_gpu_dev(gpu, &dev));
	picture_init(&f, &picture, DRM_FORMAT_XRGB8888, 4, 1);
	ck_assert_int_eq(waybuf_gpu_import_test(gpu, &picture.seat.layout), 0);
	struct waybuf_layout strange = picture.seat.layout;
	strange.modifier = fourcc_mod_code(VIVANTE, 1);
	ck_assert_int_eq(waybuf_gpu_import_test(gpu, &strange), -EINVAL);
	strange = picture.seat.layout;
	strange.memory[0].kind = WAYBUF_MEMORY_MEMFD;
	ck_assert_int_eq(waybuf_gpu_import_test(gpu, &strange), -EINVAL);
	picture_finish(&picture);
	fixture_finish(&f);
	waybuf_gpu_destroy(gpu);
}

TEST(what_it_does_not_copy)
{
	struct fixture f;
	struct picture from, to;
	int fence_fd = -1;
	struct waybuf_gpu *gpu = open_gpu();
	world_init(&f);
	picture_init(&f, &from, DRM_FORMAT_XRGB8888, 4, 1);
	picture_init(&f, &to, DRM_FORMAT_XRGB8888, 4, 2);
	struct waybuf_layout other = to.seat.layout;
	other.width--;
	ck_assert_int_eq(waybuf_gpu_copy(gpu, &from.seat.layout, &other, &fence_fd), -EOPNOTSUPP);
	wait_for(fence_fd);
	other = to.seat.layout;
	other.format = DRM_FORMAT_ARGB8888;
	ck_assert_int_eq(waybuf_gpu_copy(gpu, &from.seat.layout, &other, &fence_fd), -EOPNOTSUPP);
	wait_for(fence_fd);
	ck_assert(pattern_check(&to.seat.layout, 2));
	picture_finish(&from);
	picture_finish(&to);
	fixture_finish(&f);
	waybuf_gpu_destroy(gpu);
}

/*
 * Rows of 388 bytes, and 61 of them: a renderer that writes whole blocks with aligned instructions
 * ended the process. It may read them.
 */
TEST(rows_that_do_not_suit_the_renderer)
{
	struct fixture f;
	struct picture odd, even;
	struct waybuf_constraints *set;
	int fence_fd = -1;
	struct waybuf_gpu *gpu = open_gpu();
	world_init(&f);
	picture_init_size(&f, &odd, DRM_FORMAT_XRGB8888, 4, 1, 97, 61);
	picture_init_size(&f, &even, DRM_FORMAT_XRGB8888, 64, 2, 97, 64);
	ck_assert_uint_eq(odd.seat.layout.planes[0].stride, 388);
	ck_assert_int_eq(
		waybuf_gpu_copy(gpu, &odd.seat.layout, &odd.seat.layout, &fence_fd), -EOPNOTSUPP);
	wait_for(fence_fd);
	struct waybuf_fence *fence;
	ck_assert_int_eq(
		waybuf_gpu_start_copy(gpu, f.manager, &even.seat.layout, &odd.seat.layout, &fence),
		-EOPNOTSUPP);
	/* the upper rows of one with more of them */
	struct waybuf_layout upper = even.seat.layout;
	upper.height = 61;
	fence_fd = -1;
	ck_assert_int_eq(waybuf_gpu_copy(gpu, &odd.seat.layout, &upper, &fence_fd), 0);
	wait_for(fence_fd);
	ck_assert(pattern_check(&upper, 1));
	ck_assert_int_eq(waybuf_gpu_constraints(gpu, WAYBUF_ACCESS_RENDER, &set), 0);
	waybuf_constraints_unref(set);
	picture_finish(&odd);
	picture_finish(&even);
	fixture_finish(&f);
	waybuf_gpu_destroy(gpu);
}

/* ---- as the engine of a device ---------------------------------------------------------------- */

struct engine {
	struct waybuf_device base;
	struct waybuf_manager *manager;
	struct waybuf_gpu *gpu;
	unsigned started;
	struct waybuf_fence *last;
};

static int engine_constraints(
	struct waybuf_device *base, uint64_t access, struct waybuf_constraints **out)
{
	return waybuf_gpu_constraints(((struct engine *)base)->gpu, access, out);
}

static int engine_probe(struct waybuf_device *base, const struct waybuf_layout *layout)
{
	return waybuf_gpu_import_test(((struct engine *)base)->gpu, layout);
}

static int engine_copy(struct waybuf_device *base, const struct waybuf_layout *from,
	const struct waybuf_layout *to, struct waybuf_fence **fence)
{
	struct engine *engine = (struct engine *)base;
	int ret = waybuf_gpu_start_copy(engine->gpu, engine->manager, from, to, fence);
	ck_assert_int_eq(ret, 0);
	engine->started++;
	engine->last = waybuf_fence_ref(*fence);
	return 0;
}

static const struct waybuf_device_ops engine_ops = {
	.constraints = engine_constraints,
	.probe = engine_probe,
	.copy = engine_copy,
};

struct moving {
	struct fixture f;
	struct engine engine;
	struct picture picture;
	struct party plane;
};

/* Somebody comes who needs another stride; the GPU has been asked to copy. */
static void start_move(struct moving *m)
{
	*m = (struct moving){0};
	m->engine.gpu = open_gpu();
	m->engine.base = (struct waybuf_device){
		.ops = &engine_ops, .kind = WAYBUF_DEVICE_RENDER, .name = "gpu"};
	world_init(&m->f);
	m->engine.manager = m->f.manager;
	ck_assert_int_eq(waybuf_manager_add_device(m->f.manager, &m->engine.base), 0);
	picture_init(&m->f, &m->picture, DRM_FORMAT_XRGB8888, 4, 8);
	seat_unmap(&m->picture.seat, NULL);
	party_attach(&m->plane, m->picture.pool, m->f.account, "plane");
	party_commit(&m->plane, reader_constraints(DRM_FORMAT_XRGB8888, 1024, false));
	for (int i = 0; i < 1000 && !m->engine.last; i++)
		fixture_run(&m->f, 1);
	ck_assert_uint_eq(m->engine.started, 1);
}

static void leave_pool(struct moving *m)
{
	party_detach(&m->plane);
	seat_close(&m->picture.seat);
	party_detach(&m->picture.painter);
	waybuf_pool_unref(m->picture.pool);
}

TEST(memory_moves_by_the_gpu)
{
	struct moving m;
	start_move(&m);
	fixture_wait(&m.f, &m.plane.answered);
	ck_assert_int_eq(m.plane.outcome, WAYBUF_MIGRATED);
	/* else the CPU copied, and nobody would see it */
	ck_assert_int_eq(waybuf_fence_status(m.engine.last), 1);
	seat_grant(&m.f, &m.picture.seat, WAYBUF_READ);
	ck_assert_uint_eq(m.picture.seat.layout.planes[0].stride, 1024);
	ck_assert(pattern_check(&m.picture.seat.layout, 8));
	seat_unmap(&m.picture.seat, NULL);
	leave_pool(&m);
	waybuf_fence_unref(m.engine.last);
	waybuf_gpu_destroy(m.engine.gpu);
	fixture_finish(&m.f);
}

/* The end of a server, with a copy under way. */
TEST(everything_ends_meanwhile)
{
	struct moving m;
	start_move(&m);
	waybuf_manager_remove_device(m.f.manager, &m.engine.base);
	waybuf_gpu_destroy(m.engine.gpu);
	leave_pool(&m);
	waybuf_manager_destroy(m.f.manager);
	ck_assert_uint_eq(waybuf_account_bytes(m.f.account), 0);
	waybuf_account_unref(m.f.account);
	ck_assert_int_eq(waybuf_fence_status(m.engine.last), -ECANCELED);
	waybuf_fence_unref(m.engine.last);
}

TEST_TIMEOUT(60)
TEST_MAIN("gpu")
