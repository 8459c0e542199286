/* SPDX-License-Identifier: MIT */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
/* the extensions of GLES 2 hold for 3, too */
#include <GLES2/gl2ext.h>

#include <drm_fourcc.h>
#include <fcntl.h>
#ifdef HAVE_GBM
#include <gbm.h>
#endif
#include <linux/dma-buf.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <waybuf/egl.h>

#include "core_fixture.h"
#include "sw_sync.h"

/* libwaybuf-egl with Mesa's software renderer, in real dma-bufs. */

struct world {
	struct fixture f;
	EGLDisplay display;
	EGLContext context;
	struct waybuf_egl *egl;
};

static void open_display(struct world *w)
{
	static const EGLint attribs[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_NONE};
	w->display =
		eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	if (!eglInitialize(w->display, NULL, NULL))
		SKIP("no EGL here without a surface");
	ck_assert(eglBindAPI(EGL_OPENGL_ES_API));
	w->context = eglCreateContext(w->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attribs);
	ck_assert(eglMakeCurrent(w->display, EGL_NO_SURFACE, EGL_NO_SURFACE, w->context));
	ck_assert_int_eq(waybuf_egl_create(w->display, &w->egl), 0);
}

static void close_display(struct world *w)
{
	waybuf_egl_destroy(w->egl);
	eglMakeCurrent(w->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(w->display, w->context);
	eglTerminate(w->display);
	eglReleaseThread();
}

static void world_init(struct world *w)
{
	*w = (struct world){0};
	if (access("/dev/dma_heap/system", R_OK) < 0)
		SKIP("no /dev/dma_heap/system");
	open_display(w);
	ck_assert_int_eq(waybuf_manager_create(NULL, &w->f.manager), 0);
	ck_assert_int_eq(setenv("WAYBUF_EXPORTERS", "memfd,heap", 1), 0);
	ck_assert_int_eq(waybuf_manager_add_default_exporters(w->f.manager, -1), 2);
	w->f.account = waybuf_account_create(w->f.manager, "test", NULL);
}

static void world_finish(struct world *w)
{
	fixture_finish(&w->f);
	close_display(w);
}

/* A buffer of a pool that one participant needs: the renderer. */
struct picture {
	struct waybuf_pool *pool;
	struct party renderer;
	struct seat seat;
};

static void picture_init(struct world *w, struct picture *picture, uint32_t format, uint64_t access,
	uint32_t width, uint32_t height)
{
	struct waybuf_constraints *set;
	ck_assert_int_eq(waybuf_egl_constraints(w->egl, access, &format, 1, &set), 0);
	picture->pool = fixture_pool(&w->f, width, height, 1);
	party_attach(&picture->renderer, picture->pool, w->f.account, "renderer");
	party_commit(&picture->renderer, set);
	ck_assert_msg(picture->renderer.accepted == 1, "%s", picture->renderer.conflicts);
	seat_open(&picture->seat, &picture->renderer, 0);
	seat_grant(
		&w->f, &picture->seat, access & WAYBUF_ACCESS_RENDER ? WAYBUF_WRITE : WAYBUF_READ);
}

static void picture_finish(struct picture *picture)
{
	seat_unmap(&picture->seat, NULL);
	seat_close(&picture->seat);
	party_detach(&picture->renderer);
	waybuf_pool_unref(picture->pool);
}

static uint8_t *map(const struct waybuf_layout *layout, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_START | flags};
	uint8_t *data = mmap(NULL, layout->memory[0].size, PROT_READ | PROT_WRITE, MAP_SHARED,
		layout->memory[0].fd, 0);
	ck_assert_ptr_ne(data, MAP_FAILED);
	ck_assert_int_eq(ioctl(layout->memory[0].fd, DMA_BUF_IOCTL_SYNC, &sync), 0);
	return data;
}

static void unmap(const struct waybuf_layout *layout, uint8_t *data, uint64_t flags)
{
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_END | flags};
	ck_assert_int_eq(ioctl(layout->memory[0].fd, DMA_BUF_IOCTL_SYNC, &sync), 0);
	munmap(data, layout->memory[0].size);
}

/* ---- drawing ------------------------------------------------------------------------------- */

static void clear_to(float red, float green, float blue)
{
	glClearColor(red, green, blue, 1);
	glClear(GL_COLOR_BUFFER_BIT);
}

/* A border of one colour around another: the first and the last row and column are looked at. */
static void draw(const struct waybuf_egl_target *target)
{
	glBindFramebuffer(GL_FRAMEBUFFER, target->framebuffer);
	glViewport(0, 0, (GLsizei)target->width, (GLsizei)target->height);
	glDisable(GL_SCISSOR_TEST);
	clear_to(1, 0, 0);
	glEnable(GL_SCISSOR_TEST);
	glScissor(1, 1, (GLsizei)target->width - 2, (GLsizei)target->height - 2);
	clear_to(0, 0, 1);
	glDisable(GL_SCISSOR_TEST);
}

static void end_of_work(struct world *w)
{
	int fence;
	ck_assert_int_eq(waybuf_egl_fence_export(w->egl, 5000, &fence), 0);
	struct pollfd poll_fd = {.fd = fence, .events = POLLIN};
	if (fence < 0)
		return;
	ck_assert_int_eq(poll(&poll_fd, 1, 5000), 1);
	close(fence);
}

static void check_pixels(const struct waybuf_layout *layout)
{
	uint8_t *data = map(layout, DMA_BUF_SYNC_READ);
	for (uint32_t y = 0; y < layout->height; y++) {
		const uint32_t *row = (const uint32_t *)(data + layout->planes[0].offset +
			(size_t)y * layout->planes[0].stride);
		for (uint32_t x = 0; x < layout->width; x++) {
			bool edge = x == 0 || y == 0 || x == layout->width - 1 ||
				y == layout->height - 1;
			uint32_t expected = edge ? 0xff0000 : 0x0000ff;
			ck_assert_msg(
				(row[x] & 0xffffff) == expected, "%u, %u: %08x", x, y, row[x]);
		}
	}
	unmap(layout, data, DMA_BUF_SYNC_READ);
}

static void check_drawing(struct world *w, uint32_t width, uint32_t height)
{
	struct picture picture;
	struct waybuf_egl_target target;
	picture_init(w, &picture, DRM_FORMAT_XRGB8888, WAYBUF_ACCESS_RENDER, width, height);
	int ret = waybuf_egl_target_init(
		w->egl, &picture.seat.layout, WAYBUF_ACCESS_RENDER, NULL, &target);
	ck_assert_msg(ret == 0, "%s", waybuf_egl_error(w->egl));
	draw(&target);
	end_of_work(w);
	check_pixels(&picture.seat.layout);
	waybuf_egl_target_finish(w->egl, &target);
	picture_finish(&picture);
}

TEST(what_is_drawn_is_in_the_buffer)
{
	struct world w;
	world_init(&w);
	check_drawing(&w, 96, 64);
	/* nothing is a multiple of anything */
	check_drawing(&w, 97, 61);
	check_drawing(&w, 1021, 3);
	world_finish(&w);
}

/* Memory that is no dma-buf would do for nothing but the CPU. */
TEST(constraints_ask_for_dmabufs)
{
	struct world w;
	struct picture picture;
	world_init(&w);
	picture_init(&w, &picture, DRM_FORMAT_XRGB8888, WAYBUF_ACCESS_RENDER, 64, 64);
	ck_assert_int_eq(picture.seat.layout.memory[0].kind, WAYBUF_MEMORY_DMABUF);
	picture_finish(&picture);
	world_finish(&w);
}

TEST(driver_refuses)
{
	struct world w;
	struct picture picture;
	void *image;
	world_init(&w);
	picture_init(&w, &picture, DRM_FORMAT_XRGB8888, WAYBUF_ACCESS_RENDER, 64, 64);
	struct waybuf_layout strange = picture.seat.layout;
	strange.modifier = fourcc_mod_code(VIVANTE, 1);
	ck_assert_int_eq(waybuf_egl_image_create(w.egl, &strange, NULL, &image), -EOPNOTSUPP);
	strange = picture.seat.layout;
	strange.format = fourcc_code('N', 'O', 'N', 'E');
	ck_assert_int_eq(waybuf_egl_image_create(w.egl, &strange, NULL, &image), -EOPNOTSUPP);
	ck_assert_msg(strstr(waybuf_egl_error(w.egl), "NONE"), "%s", waybuf_egl_error(w.egl));
	picture_finish(&picture);
	world_finish(&w);
}

/* ---- GBM ----------------------------------------------------------------------------------- */

#ifdef HAVE_GBM
/* By whatever driver GBM finds for a display without a GPU. */
static struct gbm_device *open_gbm(int *fd)
{
	struct gbm_device *gbm = NULL;
	char path[32];
	for (int i = 0; i < 8 && !gbm; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		*fd = open(path, O_RDWR | O_CLOEXEC);
		if (*fd < 0)
			continue;
		gbm = gbm_create_device(*fd);
		if (!gbm)
			close(*fd);
	}
	return gbm;
}

TEST(as_a_buffer_object)
{
	struct world w;
	struct picture picture;
	struct gbm_bo *bo;
	int fd;
	struct gbm_device *gbm = open_gbm(&fd);
	if (!gbm)
		SKIP("GBM has no driver for any display here");
	world_init(&w);
	picture_init(&w, &picture, DRM_FORMAT_XRGB8888, WAYBUF_ACCESS_RENDER, 96, 64);
	struct waybuf_layout layout = picture.seat.layout;
	int ret = waybuf_egl_gbm_import(w.egl, gbm, &layout, GBM_BO_USE_LINEAR, &bo);
	ck_assert_msg(ret == 0, "%s", waybuf_egl_error(w.egl));
	ck_assert_uint_eq(gbm_bo_get_width(bo), 96);
	ck_assert_uint_eq(gbm_bo_get_height(bo), 64);
	ck_assert_uint_eq(gbm_bo_get_stride(bo), layout.planes[0].stride);
	gbm_bo_destroy(bo);
	layout.modifier = fourcc_mod_code(VIVANTE, 1);
	ck_assert_int_eq(waybuf_egl_gbm_import(w.egl, gbm, &layout, 0, &bo), -EOPNOTSUPP);
	picture_finish(&picture);
	world_finish(&w);
	gbm_device_destroy(gbm);
	close(fd);
}
#endif

/* ---- sampling ------------------------------------------------------------------------------ */

static const char vertex_source[] = "#version 300 es\n"
				    "void main() {\n"
				    "	vec2 at = vec2(gl_VertexID & 1, gl_VertexID >> 1);\n"
				    "	gl_Position = vec4(at * 4.0 - 1.0, 0.0, 1.0);\n"
				    "}\n";
static const char fragment_source[] = "#version 300 es\n"
				      "#extension GL_OES_EGL_image_external_essl3 : require\n"
				      "precision highp float;\n"
				      "uniform samplerExternalOES image;\n"
				      "out vec4 colour;\n"
				      "void main() { colour = texture(image, vec2(0.5)); }\n";

static GLuint compile(GLenum kind, const char *source)
{
	char log[512] = "";
	GLint ok;
	GLuint shader = glCreateShader(kind);
	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &ok);
	glGetShaderInfoLog(shader, sizeof(log), NULL, log);
	ck_assert_msg(ok, "%s", log);
	return shader;
}

static GLuint link_program(void)
{
	GLuint program = glCreateProgram();
	GLuint vertex = compile(GL_VERTEX_SHADER, vertex_source);
	GLuint fragment = compile(GL_FRAGMENT_SHADER, fragment_source);
	glAttachShader(program, vertex);
	glAttachShader(program, fragment);
	glLinkProgram(program);
	glDeleteShader(vertex);
	glDeleteShader(fragment);
	return program;
}

/* One pixel to draw the sample into. */
static void make_pixel(GLuint *texture, GLuint *framebuffer)
{
	glGenTextures(1, texture);
	glBindTexture(GL_TEXTURE_2D, *texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, 1, 1, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
	glGenFramebuffers(1, framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, *framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, *texture, 0);
	glViewport(0, 0, 1, 1);
}

static void fill_yuyv(const struct waybuf_layout *layout, uint8_t y, uint8_t u, uint8_t v)
{
	uint8_t *data = map(layout, DMA_BUF_SYNC_WRITE);
	uint8_t *first = data + layout->planes[0].offset;
	const uint8_t two[] = {y, u, y, v};
	for (size_t i = 0; i < (size_t)layout->planes[0].stride * layout->height; i++)
		first[i] = two[i % 4];
	unmap(layout, data, DMA_BUF_SYNC_WRITE);
}

static void check_colour(struct world *w, const struct waybuf_layout *layout,
	enum waybuf_egl_encoding encoding, enum waybuf_egl_range range, uint32_t expected)
{
	const struct waybuf_egl_image_options options = {.encoding = encoding, .range = range};
	struct waybuf_egl_target source;
	uint8_t pixel[4];
	int ret = waybuf_egl_target_init(w->egl, layout, WAYBUF_ACCESS_SAMPLE, &options, &source);
	ck_assert_msg(ret == 0, "%s", waybuf_egl_error(w->egl));
	ck_assert_uint_eq(source.texture_target, GL_TEXTURE_EXTERNAL_OES);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	glReadPixels(0, 0, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
	for (int i = 0; i < 3; i++) {
		int wanted = (int)(expected >> (16 - 8 * i) & 0xff);
		ck_assert_msg(abs(pixel[i] - wanted) <= 2, "encoding %d, range %d: %02x%02x%02x",
			encoding, range, pixel[0], pixel[1], pixel[2]);
	}
	waybuf_egl_target_finish(w->egl, &source);
}

/* The same bytes, said to be coded in four ways; the colours by the matrices of each standard. */
TEST(colours_are_read_as_they_are_coded)
{
	struct world w;
	struct picture picture;
	GLuint texture, framebuffer;
	world_init(&w);
	picture_init(&w, &picture, DRM_FORMAT_YUYV, WAYBUF_ACCESS_SAMPLE, 64, 32);
	fill_yuyv(&picture.seat.layout, 110, 104, 160);
	GLuint program = link_program();
	make_pixel(&texture, &framebuffer);
	glUseProgram(program);
	const struct waybuf_layout *layout = &picture.seat.layout;
	check_colour(&w, layout, WAYBUF_EGL_BT601, WAYBUF_EGL_LIMITED, 0xa15d3d);
	check_colour(&w, layout, WAYBUF_EGL_BT709, WAYBUF_EGL_LIMITED, 0xa7623b);
	check_colour(&w, layout, WAYBUF_EGL_BT2020, WAYBUF_EGL_LIMITED, 0xa35d3a);
	check_colour(&w, layout, WAYBUF_EGL_BT601, WAYBUF_EGL_FULL, 0x9b5f43);
	glDeleteProgram(program);
	glDeleteFramebuffers(1, &framebuffer);
	glDeleteTextures(1, &texture);
	picture_finish(&picture);
	world_finish(&w);
}

/* ---- fences -------------------------------------------------------------------------------- */

static void *signal_later(void *data)
{
	usleep(50000);
	sw_sync_advance(*(int *)data, 1);
	return NULL;
}

TEST(drawing_waits_for_a_fence)
{
	struct world w;
	pthread_t thread;
	world_init(&w);
	if (!(waybuf_egl_get_features(w.egl) & WAYBUF_EGL_SYNC_FILES)) {
		world_finish(&w);
		SKIP("the display has no sync_files");
	}
	int timeline = sw_sync_open();
	if (timeline < 0) {
		world_finish(&w);
		SKIP("no sw_sync");
	}
	int fence = sw_sync_fence(timeline, 1);
	struct pollfd poll_fd = {.fd = dup(fence), .events = POLLIN};
	ck_assert_int_eq(pthread_create(&thread, NULL, signal_later, &timeline), 0);
	ck_assert_int_eq(waybuf_egl_fence_import(w.egl, fence, 5000), 0);
	glFinish();
	ck_assert_int_eq(poll(&poll_fd, 1, 0), 1);
	pthread_join(thread, NULL);
	close(poll_fd.fd);
	close(timeline);
	world_finish(&w);
}

TEST_TIMEOUT(60)
TEST_MAIN("egl-real")
