/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gles_priv.h"
#include "pixels.h"
#include "render_kit.h"
#include "renderer.h"
#include "sw_sync.h"

/*
 * What gles composes is what pixman composes: within one code value where nothing is scaled, and to
 * the bit if nothing is blended either; within three where something is scaled. And what becomes of it
 * when the driver refuses or fails. Mesa's software renderer stands for a GPU; dma-bufs are real where
 * there is a dma-heap.
 */

/* ---- a driver in trouble --------------------------------------------------------------------- */

static struct {
	bool no_context, no_entry, gl_fails, refuses, never_ends;
	int fence; /* what is given for work that was submitted; 0: the driver's own answer */
	int idle; /* an eventfd that is read with that: it is not idle any more; 0: none */
	int submitted;
	int images; /* alive */
	int imports; /* tried */
} driver;

EGLContext __real_gpu_context_create(const struct waybuf_gpu *gpu);
EGLContext __wrap_gpu_context_create(const struct waybuf_gpu *gpu);
bool __real_gpu_enter(const struct waybuf_gpu *gpu, EGLContext context);
bool __wrap_gpu_enter(const struct waybuf_gpu *gpu, EGLContext context);
int __real_gpu_submit(const struct waybuf_gpu *gpu);
int __wrap_gpu_submit(const struct waybuf_gpu *gpu);
GLenum __real_glClientWaitSync(GLsync sync, GLbitfield flags, GLuint64 ns);
GLenum __wrap_glClientWaitSync(GLsync sync, GLbitfield flags, GLuint64 ns);
GLenum __real_glGetError(void);
GLenum __wrap_glGetError(void);

EGLContext __wrap_gpu_context_create(const struct waybuf_gpu *gpu)
{
	return driver.no_context ? EGL_NO_CONTEXT : __real_gpu_context_create(gpu);
}

bool __wrap_gpu_enter(const struct waybuf_gpu *gpu, EGLContext context)
{
	return !driver.no_entry && __real_gpu_enter(gpu, context);
}

int __wrap_gpu_submit(const struct waybuf_gpu *gpu)
{
	int fd = __real_gpu_submit(gpu);
	eventfd_t count;
	driver.submitted++;
	if (driver.idle)
		ck_assert_int_eq(eventfd_read(driver.idle, &count), 0);
	if (!driver.fence)
		return fd;
	close(fd);
	return dup(driver.fence);
}

GLenum __wrap_glClientWaitSync(GLsync sync, GLbitfield flags, GLuint64 ns)
{
	return driver.never_ends ? GL_TIMEOUT_EXPIRED : __real_glClientWaitSync(sync, flags, ns);
}

GLenum __wrap_glGetError(void)
{
	return driver.gl_fails ? GL_OUT_OF_MEMORY : __real_glGetError();
}

static PFNEGLCREATEIMAGEKHRPROC real_create_image;
static PFNEGLDESTROYIMAGEKHRPROC real_destroy_image;

static EGLImageKHR create_image(EGLDisplay display, EGLContext context, EGLenum target,
	EGLClientBuffer buffer, const EGLint *attribs)
{
	driver.imports++;
	if (driver.refuses)
		return EGL_NO_IMAGE_KHR;
	EGLImageKHR image = real_create_image(display, context, target, buffer, attribs);
	driver.images += image != EGL_NO_IMAGE_KHR;
	return image;
}

static EGLBoolean destroy_image(EGLDisplay display, EGLImageKHR image)
{
	driver.images--;
	return real_destroy_image(display, image);
}

static void watch_driver(struct kit *kit)
{
	real_create_image = kit->gpu->egl.create_image;
	real_destroy_image = kit->gpu->egl.destroy_image;
	kit->gpu->egl.create_image = create_image;
	kit->gpu->egl.destroy_image = destroy_image;
}

/* ---- the same pictures ----------------------------------------------------------------------- */

static void add_any(struct kit *kit)
{
	uint32_t kind = kit_roll(kit, 4);
	if (kind == 0)
		kit_add_dmabuf(kit, render_format(kit_roll(kit, PIXELS_FORMATS + YUV_FORMATS)));
	else if (kind == 1)
		kit_add_shm(kit, pixels_format(kit_roll(kit, PIXELS_FORMATS)));
	else
		kit_add_shm(kit, pixels_format(kit_roll(kit, 2)));
}

static void random_region(struct kit *kit, pixman_region32_t *region)
{
	pixman_region32_init(region);
	for (uint32_t n = kit_roll(kit, 24); n > 0; n--) {
		const uint32_t x = kit_roll(kit, KIT_WIDTH), y = kit_roll(kit, KIT_HEIGHT);
		pixman_region32_union_rect(region, region, (int)x, (int)y,
			1 + kit_roll(kit, KIT_WIDTH - x), 1 + kit_roll(kit, KIT_HEIGHT - y) / 4);
	}
}

TEST(the_same_pictures)
{
	struct kit kit;
	kit_init(&kit);
	for (int i = 0; i < 60; i++) {
		pixman_region32_t region;
		for (uint32_t n = 1 + kit_roll(&kit, KIT_LAYERS); n > 0; n--)
			add_any(&kit);
		for (uint32_t k = 0; i % 2 && k < kit.scene.n_layers; k++)
			kit_show_plainly(&kit, k);
		random_region(&kit, &region);
		kit_compare(&kit, i % 3 ? DRM_FORMAT_XRGB8888 : DRM_FORMAT_ARGB8888,
			kit_roll(&kit, 2) ? &region : NULL);
		pixman_region32_fini(&region);
		kit_clear(&kit);
	}
	kit_finish(&kit);
}

/* Of all formats, one after the other: to the bit, where it is neither scaled nor blended. */
TEST(every_format)
{
	struct kit kit;
	kit_init(&kit);
	for (size_t i = 0; render_format(i); i++) {
		kit_add_dmabuf(&kit, render_format(i));
		kit_compare(&kit, DRM_FORMAT_XRGB8888, NULL);
		kit_show_plainly(&kit, 0);
		kit_compare(&kit, DRM_FORMAT_XRGB8888, NULL);
		kit_show_opaque(&kit, 0);
		kit_compare(&kit, DRM_FORMAT_XRGB8888, NULL);
		kit_clear(&kit);
	}
	kit_finish(&kit);
}

/* ---- imports --------------------------------------------------------------------------------- */

/* Until the worker has done what is left to be done. */
static void settle(struct kit *kit)
{
	for (int i = 0; i < 100 && driver.images > 0; i++)
		waybuf_loop_dispatch(kit->loop, 20);
}

/* Of a client that shows the same buffer again and again, and then destroys it. */
TEST(a_buffer_is_imported_once)
{
	struct kit kit;
	kit_init(&kit);
	watch_driver(&kit);
	kit_add_dmabuf(&kit, DRM_FORMAT_ARGB8888);
	const bool real = kit.frames[0].layout.memory[0].kind == WAYBUF_MEMORY_DMABUF;
	for (int i = 0; i < 3; i++)
		kit_compare(&kit, DRM_FORMAT_XRGB8888, NULL);
	const char *refusal = render_import_refusal(kit.frames[0].backing.import);
	ck_assert_int_eq(driver.imports, real);
	ck_assert_int_eq(driver.images, real);
	if (real)
		ck_assert_ptr_null(refusal);
	else
		ck_assert_str_eq(refusal, "its memory is no dma-buf");
	kit_clear(&kit);
	/* without another picture */
	settle(&kit);
	ck_assert_int_eq(driver.images, 0);
	kit_finish(&kit);
}

/* It is asked no more than once, either; and pixman reads what it refuses. */
TEST(what_the_gpu_refuses)
{
	static const uint32_t formats[] = {
		DRM_FORMAT_XRGB8888, DRM_FORMAT_RGB565, DRM_FORMAT_NV12, DRM_FORMAT_YUV420};
	struct kit kit;
	kit_init(&kit);
	watch_driver(&kit);
	driver.refuses = true;
	for (size_t i = 0; i < 4; i++) {
		kit_add_dmabuf(&kit, formats[i]);
		/* as if it was one, for all but the CPU's access */
		ck_assert_int_eq(frame_prepare_cpu(&kit.frames[0].frame), 0);
		kit.frames[0].layout.memory[0].kind = WAYBUF_MEMORY_DMABUF;
		driver.imports = 0;
		kit_compare(&kit, DRM_FORMAT_XRGB8888, NULL);
		kit_compare(&kit, DRM_FORMAT_XRGB8888, NULL);
		ck_assert_int_eq(driver.imports, 1);
		ck_assert_str_eq(render_import_refusal(kit.frames[0].backing.import),
			i < 2 ? "the GPU does not take it" : "the GPU takes no such planes");
		kit_clear(&kit);
	}
	kit_finish(&kit);
}

/*
 * The CPU draws it where the whole of it would be, however little of that is drawn. The scale is such
 * that its rounding, by half a step for each pixel, would be seen if it began elsewhere.
 */
TEST(a_part_of_what_the_gpu_refuses)
{
	static uint32_t pixels[2][KIT_WIDTH * KIT_HEIGHT];
	pixman_region32_t region;
	struct kit kit;
	kit_init(&kit);
	watch_driver(&kit);
	driver.refuses = true;
	kit_add_dmabuf(&kit, DRM_FORMAT_XRGB8888);
	kit_show_plainly(&kit, 0);
	kit_show_opaque(&kit, 0);
	struct scene_layer *layer = &kit.scene.layers[0];
	layer->source.width = layer->source.height = 310;
	layer->width = layer->height = 191;
	pixman_region32_init_rect(&region, 100, 60, 80, 60);
	for (int side = 0; side < 2; side++) {
		const struct render_image target = kit_image(pixels[side], DRM_FORMAT_XRGB8888);
		ck_assert_int_eq(kit_draw(&kit, side ? kit.gles : NULL, &target, &region), 0);
		ck_assert_uint_eq(kit.job.failed, 0);
	}
	kit_check(&kit, pixels[0], pixels[1], 3, 0);
	pixman_region32_fini(&region);
	kit_finish(&kit);
}

/* Neither can read it, so that what is below it is seen, and whoever made it is told. */
TEST(a_tiling_that_nobody_reads)
{
	static uint32_t pixels[KIT_HEIGHT][KIT_WIDTH];
	const struct render_image target = kit_image(pixels, DRM_FORMAT_XRGB8888);
	struct kit kit;
	kit_init(&kit);
	kit_add_dmabuf(&kit, DRM_FORMAT_XRGB8888);
	kit_show_plainly(&kit, 0);
	kit.frames[0].layout.modifier = fourcc_mod_code(VIVANTE, 1);
	memset(pixels, 0x55, sizeof(pixels));
	ck_assert_int_eq(kit_draw(&kit, kit.gles, &target, NULL), 0);
	ck_assert_uint_eq(kit.job.failed, 1);
	ck_assert_uint_eq(pixels[0][0] & 0xffffff, 0);
	kit_finish(&kit);
}

/* A capture of what was composed, with a layer above it that was on a plane. */
TEST(over_a_picture_that_is_there)
{
	static uint32_t below[KIT_WIDTH * KIT_HEIGHT], above[2][KIT_WIDTH * KIT_HEIGHT];
	struct kit kit;
	kit_init(&kit);
	kit_add_shm(&kit, DRM_FORMAT_ARGB8888);
	kit_show_plainly(&kit, 0);
	for (uint32_t i = 0; i < KIT_WIDTH * KIT_HEIGHT; i++)
		below[i] = kit_roll(&kit, 1 << 24) | 0xff000000;
	kit.below = kit_image(below, DRM_FORMAT_XRGB8888);
	for (int side = 0; side < 2; side++) {
		const struct render_image target = kit_image(above[side], DRM_FORMAT_XRGB8888);
		ck_assert_int_eq(kit_draw(&kit, side ? kit.gles : NULL, &target, NULL), 0);
	}
	kit_check(&kit, above[0], above[1], 3, 1);
	kit_finish(&kit);
}

/* Of several displays: what is read back is large enough for all of them. */
TEST(pictures_of_several_sizes)
{
	static const uint32_t widths[] = {KIT_WIDTH, KIT_WIDTH / 3, KIT_WIDTH / 2, KIT_WIDTH};
	static const uint32_t heights[] = {KIT_HEIGHT / 2, KIT_HEIGHT / 3, KIT_HEIGHT, KIT_HEIGHT};
	static uint32_t pixels[2][KIT_WIDTH * KIT_HEIGHT];
	struct kit kit;
	kit_init(&kit);
	kit_add_shm(&kit, DRM_FORMAT_ARGB8888);
	kit_show_plainly(&kit, 0);
	memset(pixels, 0x55, sizeof(pixels));
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		for (int side = 0; side < 2; side++) {
			struct render_image target = kit_image(pixels[side], DRM_FORMAT_XRGB8888);
			target.width = widths[i];
			target.height = heights[i];
			ck_assert_int_eq(kit_draw(&kit, side ? kit.gles : NULL, &target, NULL), 0);
		}
		kit_check(&kit, pixels[0], pixels[1], 3, 1);
	}
	kit_finish(&kit);
}

/* ---- dma-bufs -------------------------------------------------------------------------------- */

/* By the CPU, which waits no more than a moment for its access: too short on a busy machine. */
static void draw_patiently(struct kit *kit, const struct render_image *target)
{
	int tries = 0;
	do
		ck_assert_int_eq(kit_draw(kit, NULL, target, NULL), 0);
	while (kit->job.failed && ++tries < 50);
	ck_assert_uint_eq(kit->job.failed, 0);
}

/* Memory that the GPU draws into where it is. */
static void draw_into_dmabuf(struct kit *kit, int fd, const void *pixels)
{
	static uint32_t by_cpu[KIT_WIDTH * KIT_HEIGHT];
	struct render_import *import = NULL;
	const struct waybuf_layout layout = {
		.width = KIT_WIDTH,
		.height = KIT_HEIGHT,
		.format = DRM_FORMAT_XRGB8888,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.n_planes = 1,
		.n_memory = 1,
		.planes = {{.stride = 4 * KIT_WIDTH, .rows = KIT_HEIGHT}},
		.memory = {{fd, WAYBUF_MEMORY_DMABUF, sizeof(by_cpu)}},
	};
	struct render_image target = kit_image(by_cpu, DRM_FORMAT_XRGB8888);
	draw_patiently(kit, &target);
	target.pixels = NULL;
	target.layout = &layout;
	target.import = &import;
	ck_assert_int_eq(kit_draw(kit, kit->gles, &target, NULL), 0);
	ck_assert_uint_eq(kit->job.failed, 0);
	ck_assert_ptr_null(render_import_refusal(import));
	render_import_destroy(import);
	kit_check(kit, by_cpu, pixels, 3, 1);
}

/*
 * A fence that never signals, put on a buffer after it was latched: a GPU would wait for it, with
 * all that comes after. So this one is left out, as it is by the CPU.
 */
static void check_busy(struct kit *kit)
{
	static uint32_t pixels[KIT_WIDTH * KIT_HEIGHT];
	const struct render_image target = kit_image(pixels, DRM_FORMAT_XRGB8888);
	int timeline = sw_sync_open();
	kit_add_dmabuf(kit, DRM_FORMAT_XRGB8888);
	kit_show_plainly(kit, 0);
	ck_assert_int_eq(sw_sync_occupy(timeline, 1, kit->frames[0].fd), 0);
	for (int side = 0; side < 2; side++) {
		ck_assert_int_eq(kit_draw(kit, side ? kit->gles : NULL, &target, NULL), 0);
		ck_assert_uint_eq(kit->job.failed, 1);
	}
	ck_assert(!render_lost(kit->gles));
	close(timeline);
	kit_clear(kit);
}

/* It has had the GPU wait, which does not read it any more. */
static void check_marked(struct kit *kit)
{
	struct render_import *import = kit->frames[0].backing.import;
	struct gles_source source;
	ck_assert(gles_import_source(import, &kit->frames[0].layout, &source));
	import->late = true;
	ck_assert(!gles_import_source(import, &kit->frames[0].layout, &source));
}

/* Few formats: in the guest Mesa takes its time to compile for each. */
TEST(from_dmabufs_into_dmabufs)
{
	static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12};
	struct kit kit;
	void *pixels;
	int fd;
	kit_init(&kit);
	watch_driver(&kit);
	const size_t size = 4 * KIT_WIDTH * KIT_HEIGHT;
	if (!kit_allocate(size, &fd, &pixels)) {
		munmap(pixels, size);
		close(fd);
		kit_finish(&kit);
		SKIP("this machine has no dma-heap");
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		kit_add_dmabuf(&kit, formats[i]);
		kit_show_plainly(&kit, 0);
		draw_into_dmabuf(&kit, fd, pixels);
		ck_assert_ptr_null(render_import_refusal(kit.frames[0].backing.import));
		check_marked(&kit);
		kit_clear(&kit);
	}
	check_busy(&kit);
	munmap(pixels, size);
	close(fd);
	settle(&kit);
	ck_assert_int_eq(driver.images, 0);
	kit_finish(&kit);
}

/* ---- failures -------------------------------------------------------------------------------- */

/* Whatever fails: the picture is there, the CPU's, and so are all that follow. */
static void check_lost(struct kit *kit)
{
	ck_assert(!render_lost(kit->gles));
	ck_assert_str_eq(render_name(kit->gles), "gles");
	kit_add_shm(kit, DRM_FORMAT_ARGB8888);
	kit_compare(kit, DRM_FORMAT_XRGB8888, NULL);
	ck_assert(render_lost(kit->gles));
	ck_assert_str_eq(render_name(kit->gles), "pixman");
	kit_compare(kit, DRM_FORMAT_XRGB8888, NULL);
}

TEST(a_context_that_is_not_current)
{
	struct kit kit;
	kit_init(&kit);
	driver.no_entry = true;
	check_lost(&kit);
	driver.no_entry = false;
	kit_finish(&kit);
}

TEST(a_gl_that_fails)
{
	struct kit kit;
	kit_init(&kit);
	driver.gl_fails = true;
	check_lost(&kit);
	driver.gl_fails = false;
	kit_finish(&kit);
}

/* The work is waited for, but no longer than for any other. */
TEST(a_gl_that_fails_and_is_late)
{
	struct kit kit;
	kit_init(&kit);
	driver.gl_fails = true;
	driver.fence = eventfd(0, EFD_CLOEXEC);
	check_lost(&kit);
	ck_assert_uint_eq(kit.gles->n_late, 0);
	driver.gl_fails = false;
	close(driver.fence);
	driver.fence = 0;
	kit_finish(&kit);
}

static GLenum say_guilty(void)
{
	return 0x8253; /* GL_GUILTY_CONTEXT_RESET */
}

TEST(a_gpu_that_was_reset)
{
	struct kit kit;
	kit_init(&kit);
	struct gles *gles = (struct gles *)kit.gles;
	gles->reset_status = say_guilty;
	check_lost(&kit);
	kit_finish(&kit);
}

/*
 * A GPU that waits for a fence that somebody has put onto his buffer at the last moment. What is to be
 * read back is not waited for: the CPU draws it, and all that comes until the GPU is done. The buffer
 * is the CPU's from then on, and is not released before.
 */
TEST(a_gpu_that_is_late)
{
	struct kit kit;
	kit_init(&kit);
	watch_driver(&kit);
	kit_add_dmabuf(&kit, DRM_FORMAT_XRGB8888);
	struct kit_frame *frame = &kit.frames[0];
	ck_assert_int_eq(frame_prepare_cpu(&frame->frame), 0);
	driver.refuses = true;
	driver.idle = eventfd(1, EFD_CLOEXEC);
	driver.fence = eventfd(0, EFD_CLOEXEC);
	frame->layout.memory[0] = (struct waybuf_memory){
		driver.idle, WAYBUF_MEMORY_DMABUF, frame->layout.memory[0].size};
	kit_compare(&kit, DRM_FORMAT_XRGB8888, NULL);
	kit_compare(&kit, DRM_FORMAT_XRGB8888, NULL);
	ck_assert_int_eq(driver.submitted, 1);
	ck_assert(!render_lost(kit.gles));
	ck_assert_str_eq(render_name(kit.gles), "gles");
	ck_assert_str_eq(render_import_refusal(frame->backing.import),
		"a fence on it has kept the GPU waiting");
	ck_assert_uint_eq(frame->frame.readers, 2);
	ck_assert_int_eq(eventfd_write(driver.idle, 1), 0);
	ck_assert_int_eq(eventfd_write(driver.fence, 1), 0);
	ck_assert_int_eq(waybuf_loop_dispatch(kit.loop, 5000), 1);
	ck_assert_uint_eq(frame->frame.readers, 1);
	kit_compare(&kit, DRM_FORMAT_XRGB8888, NULL);
	ck_assert_int_eq(driver.submitted, 2);
	close(driver.idle);
	close(driver.fence);
	driver.idle = driver.fence = 0;
	kit_finish(&kit);
}

/* A driver without fences is waited for, but not for ever; and gles does not begin with one. */
TEST(without_fences)
{
	struct kit kit;
	struct renderer *other = NULL;
	const char *why = NULL;
	kit_init(&kit);
	kit.gpu->software = false;
	kit.gpu->egl.create_sync = NULL;
	ck_assert_int_eq(gles_create(kit.gpu, kit.loop, kit.worker, &other, &why), -EOPNOTSUPP);
	ck_assert_str_eq(why, "it has no EGL_ANDROID_native_fence_sync");
	ck_assert(gpu_enter(kit.gpu, kit.gpu->context));
	ck_assert_int_eq(__real_gpu_submit(kit.gpu), -1);
	driver.never_ends = true;
	ck_assert_int_eq(__real_gpu_submit(kit.gpu), -EIO);
	driver.never_ends = false;
	gpu_leave(kit.gpu);
	kit_finish(&kit);
}

TEST(nothing_to_draw_with)
{
	struct kit kit;
	struct renderer *other = NULL;
	const char *why = NULL;
	kit_init(&kit);
	driver.no_context = true;
	ck_assert_int_eq(gles_create(kit.gpu, kit.loop, kit.worker, &other, &why), -EOPNOTSUPP);
	ck_assert_str_eq(why, "it has no context for GLES 3");
	driver.no_context = false;
	driver.gl_fails = true;
	ck_assert_int_eq(gles_create(kit.gpu, kit.loop, kit.worker, &other, &why), -EOPNOTSUPP);
	ck_assert_str_eq(why, "its GL fails");
	ck_assert_ptr_null(other);
	driver.gl_fails = false;
	kit_finish(&kit);
}

TEST_TIMEOUT(100)
TEST_MAIN("renderers")
